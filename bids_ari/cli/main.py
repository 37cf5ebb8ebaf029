"""The command line: words to Settings, errors to exit codes, log to stderr."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bids_ari.cli import arguments as flags
from bids_ari.cli.runner import Parser, answer, some_path
from bids_ari.errors import InputNotFoundError, ReadError, UsageError, counted

if TYPE_CHECKING:
    from bids_ari.config.options import Options
    from bids_ari.config.settings import Resources, Settings

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; give the exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after the command; those of the process by default.
    """
    return answer(parse, argv, do)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the words of the command line, after those of the configuration file that they name."""
    top = parser()
    if not any(word.startswith(("--config-file", "--config_file")) for word in argv):
        return _complete(top.parse_intermixed_args(argv), {})
    early = Parser(add_help=False, allow_abbrev=False)
    flags.flag(early, "--config-file", type=Path)
    file = early.parse_known_args(argv)[0].config_file
    from bids_ari.config.toml import read_config

    named, words = read_config(file)
    try:
        told = top.parse_intermixed_args(words)
    except UsageError as error:
        raise UsageError(f"In the configuration file {file}: {error.found}", hint=error.hint) from error
    told.verbose = 0
    return _complete(top.parse_intermixed_args(argv, told), named)


def do(arguments: argparse.Namespace) -> int:
    """Do what was asked; give the exit code."""
    settings = read_settings(arguments)
    from bids_ari import workflow
    from bids_ari.cli.listing import overview

    if arguments.skip_bids_validation:
        log.info("--skip-bids-validation is accepted for compatibility: the input dataset is never validated")
    if arguments.list:
        sys.stdout.write(overview(*workflow.preview(settings)) + "\n")
        return 0
    if arguments.reports_only:
        workflow.rebuild_reports(settings.output_dir)
        log.info("Reports: %s", settings.output_dir / "index.html")
        return 0
    summary = workflow.run(settings)
    if summary.failures:
        log.error("%s could not be analysed", counted(len(summary.failures), "contrast"))
    else:
        log.info("Reports: %s", settings.output_dir / "index.html")
    return summary.exit_code


def parser() -> argparse.ArgumentParser:
    """Make the parser. Its names and defaults are those of the BIDS-App contract and of `Options`."""
    top = Parser(
        prog="bids-ari",
        usage="%(prog)s BIDS_DIR OUTPUT_DIR {participant,group} [options]",
        description="All-Resolutions Inference on first-level fMRI contrast maps: for any cluster, a lower bound on "
        "the proportion of truly active voxels.",
        epilog=flags.EXIT_CODES,
        allow_abbrev=False,
    )
    add = top.add_argument
    where = "dataset with first-level maps, or a raw dataset whose derivatives/ hold them; only read"
    level = "group: subjects together (dataset: the same); participant: the z or t maps of each subject by themselves"
    add("bids_dir", nargs="?", type=some_path, metavar="BIDS_DIR", help=where)
    add("output_dir", nargs="?", type=some_path, metavar="OUTPUT_DIR", help="where all results are written")
    add("level", nargs="?", metavar="{participant,group}", help=level)
    flags.add_general(top)
    files = "instead of labels, a file with one on each line; its name or path has a . or / in it"
    flags.add_choice(top.add_argument_group("which maps", files))
    data = top.add_argument_group("data")
    flags.add_mask(data)
    flags.add_group_data(data)
    flags.add_model(top.add_argument_group("group model"))
    inference = top.add_argument_group("inference")
    flags.add_inference(inference, draws=True)
    flags.add_split(inference)
    flags.add_draws(top.add_argument_group("calibration by permutation"))
    flags.add_regions(top.add_argument_group("regions"))
    flags.add_running(top.add_argument_group("running"))
    return top


def read_settings(arguments: argparse.Namespace) -> "Settings":
    """Turn parsed words into settings."""
    from bids_ari.config.settings import FILTER_FLAGS, Settings

    filters: dict[str, object] = {name: _labels(getattr(arguments, flag)) for name, flag in FILTER_FLAGS.items()}
    filters["stat"] = arguments.stat or ("z" if arguments.level == "participant" else "effect")
    filters |= {"combine": arguments.combine, "paired": arguments.paired}
    return Settings(
        arguments.bids_dir,
        arguments.output_dir,
        tuple(arguments.derivatives),
        filters,
        read_options(arguments),
        arguments.level,
        arguments.split_alpha,
        bids_filter_file=arguments.bids_filter_file,
        manifest=arguments.manifest,
        participants=arguments.participants,
        bids_database_dir=arguments.bids_database_dir,
        resources=read_resources(arguments),
        stop_on_first_crash=arguments.stop_on_first_crash,
        rerun=arguments.rerun,
    )


def read_options(arguments: argparse.Namespace) -> "Options":
    """Turn parsed words into options; those for which a command has no flag keep their defaults."""
    from bids_ari.config.options import OPTION_FLAGS, Options

    return Options(**{name: getattr(arguments, flag) for name, flag in OPTION_FLAGS.items() if flag in arguments})


def read_resources(arguments: argparse.Namespace) -> "Resources":
    """Turn parsed words into what the run may use."""
    from bids_ari.config.settings import Resources
    from bids_ari.runtime.executors import parse_memory

    memory = None if arguments.mem is None else parse_memory(arguments.mem)
    scheduler = getattr(arguments, "dask_scheduler", None)  # of which bids-ari-map knows nothing
    return Resources(arguments.work_dir, arguments.nprocs, arguments.omp_nthreads, memory, scheduler)


def _complete(arguments: argparse.Namespace, named: dict[str, str]) -> argparse.Namespace:
    """Take the three words without a flag from the configuration file where the command line lacks them."""
    for key in ("bids-dir", "output-dir", "level"):
        dest = key.replace("-", "_")
        if getattr(arguments, dest) is None:
            if key not in named:
                raise UsageError(f"{key} is missing", "BIDS_DIR OUTPUT_DIR group", "See bids-ari --help")
            setattr(arguments, dest, named[key] if key == "level" else some_path(named[key]))
    return arguments


def _labels(given: Sequence[str]) -> list[str]:
    """Give labels; a single one that is no label but a file holds them, one on each line."""
    if len(given) != 1 or not any(sign in given[0] for sign in "./"):
        return list(given)
    try:
        lines = Path(given[0]).read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise InputNotFoundError(f"There is no file of labels {given[0]}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"The file of labels {given[0]} is no text") from error
    except OSError as error:
        raise ReadError(f"The file of labels {given[0]} cannot be read: {error.strerror}") from error
    labels = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not labels:
        raise UsageError(f"The file of labels {given[0]} is empty", "one label on each line")
    return labels
