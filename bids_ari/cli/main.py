"""The command ``bids-ari``: arguments to settings, settings to a run."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from bids_ari.cli.arguments import Parser, add_general, add_options, type_of_word
from bids_ari.cli.runner import answer
from bids_ari.config.settings import Modes, Settings
from bids_ari.config.table import build, entries
from bids_ari.errors import InputNotFoundError, ReadError, UsageError, counted

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after the command; by default, those of the process.
    """
    return answer(parse, argv, do)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the words of the command line, after those of the configuration file that they name."""
    top = parser()
    if not any(word.startswith(("--config-file", "--config_file")) for word in argv):
        return _with_positionals(top.parse_intermixed_args(argv), {})
    early = Parser("bids-ari", "", add_help=False)
    early.add_argument("--config-file", "--config_file", type=Path)
    file = early.parse_known_args(argv)[0].config_file
    from bids_ari.config.toml import read_config

    positional, words = read_config(file)
    try:
        from_file = top.parse_intermixed_args(words)
    except UsageError as error:
        raise UsageError(f"In the configuration file {file}: {error.found}", hint=error.hint) from error
    from_file.verbose = 0
    return _with_positionals(top.parse_intermixed_args(argv, from_file), positional)


def do(arguments: argparse.Namespace) -> int:
    """Run the analysis, or what the flags of `Modes` select instead; return the exit code."""
    settings, modes = read_settings(arguments), build(Modes, vars(arguments))
    from bids_ari import workflow
    from bids_ari.cli.listing import overview

    if modes.skip_bids_validation:
        log.info("--skip-bids-validation is accepted for compatibility: the input dataset is never validated")
    if modes.list:
        sys.stdout.write(overview(*workflow.preview(settings)) + "\n")
        return 0
    if modes.reports_only:
        workflow.rebuild_reports(settings.output_dir)
        log.info("Reports: %s", settings.output_dir / "index.html")
        return 0
    summary = workflow.run(settings)
    if summary.failures:
        log.error("%s could not be analysed", counted(len(summary.failures), "contrast"))
    else:
        log.info("Reports: %s", settings.output_dir / "index.html")
    return summary.exit_code


def parser(table: type = Settings) -> Parser:
    """Build the parser.

    Parameters
    ----------
    table : type
        The class of settings, whose options are the arguments of the command.
    """
    top = Parser(
        "bids-ari",
        "All-Resolutions Inference on first-level fMRI contrast maps: for any cluster, a lower bound on the proportion "
        "of truly active voxels.",
        usage="%(prog)s BIDS_DIR OUTPUT_DIR {participant,group} [options]",
    )
    add_general(top)
    add_options(top, table, Modes)
    return top


def read_settings(arguments: argparse.Namespace, table: type = Settings) -> Settings:
    """Return parsed arguments as settings."""
    values = dict(vars(arguments))
    for entry in entries(table):
        if entry.option.metavar == "LABEL" and entry.name in values:
            values[entry.name] = _labels(values[entry.name])
    settings: Settings = build(table, values)
    return settings


def _with_positionals(arguments: argparse.Namespace, from_file: dict[str, str]) -> argparse.Namespace:
    """Take the positional arguments from the configuration file where the command line lacks them."""
    for entry in entries(Settings):
        if entry.option.is_positional and getattr(arguments, entry.name) is None:
            if entry.name not in from_file:
                raise UsageError(f"{entry.flag} is missing", "BIDS_DIR OUTPUT_DIR group", "See bids-ari --help")
            setattr(arguments, entry.name, type_of_word(entry)(from_file[entry.name]))
    return arguments


def _labels(words: Sequence[str]) -> Sequence[str]:
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
