"""The command ``bids-ari``: arguments to settings, settings to a run."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from bids_ari.cli.arguments import Parser, add_options, type_of_word
from bids_ari.cli.runner import answer
from bids_ari.config.settings import Modes, Settings
from bids_ari.config.table import build, entries
from bids_ari.errors import InputNotFoundError, ReadError, UsageError, counted
from bids_ari.runtime.collector import keep_imports, no_collection
from bids_ari.runtime.progress import step

if TYPE_CHECKING:
    from bids_ari.cli.listing import Overview

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these words, by default those of the process, and return the exit code."""
    return answer(parse, argv, do)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the words of the command line, after those of the configuration file that they name."""
    arguments = parser().parse_intermixed_args(argv)
    positional: dict[str, str] = {}
    if "config_file" in arguments:
        positional, from_file = _parse_file(arguments.config_file)
        arguments = parser().parse_intermixed_args(argv, from_file)
    for each in entries(Settings):
        if each.is_positional and getattr(arguments, each.name) is None:
            if each.name not in positional:
                name = each.name.upper() if each.kind is Path else each.flag
                raise UsageError(f"{name} is missing", "BIDS_DIR OUTPUT_DIR group", "See bids-ari --help")
            setattr(arguments, each.name, type_of_word(each)(positional[each.name]))
    return arguments


def _parse_file(file: Path) -> tuple[dict[str, str], argparse.Namespace]:
    """Return the positional arguments in a configuration file, and its flags as arguments."""
    from bids_ari.config.toml import read_config

    positional, words = read_config(file)
    try:
        arguments = parser().parse_intermixed_args(words)
    except UsageError as error:
        raise UsageError(f"In the configuration file {file}: {error.found}", hint=error.hint) from error
    arguments.verbose = 0
    return positional, arguments


def do(arguments: argparse.Namespace) -> int:
    """Run the analysis, or what the flags of `Modes` select instead; return the exit code."""
    settings, modes = read_settings(arguments), build(Modes, vars(arguments))
    with no_collection(), step("loading libraries", is_logged=False):
        from bids_ari import workflow
        from bids_ari.cli.listing import overview
    keep_imports()

    if modes.skip_bids_validation:
        log.info("--skip-bids-validation is accepted for compatibility: the input dataset is never validated")
    if modes.list or modes.list_contrasts:
        found = overview(*workflow.preview(settings), names_files=bool(arguments.verbose))
        return _show_labels(found) if modes.list_contrasts else _show(found, sys.stdout)
    if modes.reports_only:
        given = {each.name: each.of(settings) for each in entries(Settings) if each.name in arguments}
        workflow.rebuild_reports(settings.output_dir, given)
    else:
        summary = workflow.run(settings)
        if summary.failures:
            log.error("%s could not be analysed", counted(len(summary.failures), "contrast"))
            return summary.exit_code
    log.info("Reports: %s", settings.output_dir / "index.html")
    return 0


def _show(found: "Overview", stream: TextIO) -> int:
    """Write what would be analysed; return the exit code of its problems."""
    stream.write(found.text + "\n")
    return found.exit_code


def _show_labels(found: "Overview") -> int:
    """Write the labels of contrasts to stdout, and what is wrong with others to stderr; return the exit code of it."""
    sys.stdout.writelines(f"{label}\n" for label in found.labels)
    return _show(found, sys.stderr) if found.exit_code else 0


def parser(table: type = Settings) -> Parser:
    """Build the parser; its arguments are the options of a class of settings, and `Modes`."""
    top = Parser(
        "bids-ari",
        "All-Resolutions Inference on first-level fMRI contrast maps: for any cluster, a lower bound on the proportion "
        "of truly active voxels.",
        usage="%(prog)s BIDS_DIR OUTPUT_DIR {participant,group} [options]",
    )
    add_options(top, table, Modes)
    return top


def read_settings(arguments: argparse.Namespace, table: type = Settings) -> Settings:
    """Return parsed arguments as settings."""
    values = dict(vars(arguments))
    for each in entries(table):
        if each.metavar == "LABEL" and each.name in values:
            values[each.name] = read_labels(values[each.name])
    settings: Settings = build(table, values)
    return settings


def read_labels(words: Sequence[str]) -> Sequence[str]:
    """Return labels; a single word that is the path of a file is replaced by the lines of the file."""
    if len(words) != 1 or not any(sign in words[0] for sign in "./"):
        return words
    try:
        lines = Path(words[0]).read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise InputNotFoundError(f"The file of labels {words[0]} does not exist") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"The file of labels {words[0]} is not a text file") from error
    except OSError as error:
        raise ReadError(f"The file of labels {words[0]} cannot be read: {error.strerror}") from error
    labels = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not labels:
        raise UsageError(f"The file of labels {words[0]} is empty", "one label per line")
    return labels
