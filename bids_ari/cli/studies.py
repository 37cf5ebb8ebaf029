"""The command ``bids-ari-studies``: the group analysis of many studies, one after another, and a table over all."""

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bids_ari.cli import main as single
from bids_ari.cli.arguments import Parser, some_path
from bids_ari.cli.runner import answer
from bids_ari.errors import BidsAriError, DataError, InputNotFoundError, UsageError, counted
from bids_ari.runtime import processors
from bids_ari.runtime.memory import available_memory
from bids_ari.runtime.progress import step, track

if TYPE_CHECKING:
    from bids_ari.studies.run import Runner
    from bids_ari.studies.study import Study

log = logging.getLogger(__name__)

_NOT_HERE = {
    "list": "--list before the two dashes",
    "list_contrasts": "--list before the two dashes",
    "model": "--models, with the models of all studies",
    "config_file": "the options themselves",
}
"""Options of ``bids-ari`` that are refused, and what to use instead."""


def main(argv: Sequence[str] | None = None, runner: "Runner | None" = None) -> int:
    """Run the command with these words, by default those of the process, and return the exit code.

    `runner` runs ``bids-ari``; by default, each run is a process.
    """
    return answer(parse, argv, lambda arguments: analyse_studies(arguments, runner))


def parser() -> Parser:
    """Build the parser."""
    top = Parser(
        "bids-ari-studies",
        "Group analysis of many studies by bids-ari, each in a folder of its own, and a table and a page over all. "
        "ANALYSES has a folder for each study, with a folder task-LABEL of first-level maps for each task, as "
        "openneuro_glmfitlins has it. Failures do not end the command; to continue, repeat it.",
        usage="%(prog)s ANALYSES OUTPUT [options] [-- options of bids-ari]",
    )
    top.add_argument("analyses", type=some_path, metavar="ANALYSES", help="folder of all studies (required)")
    top.add_argument("output_dir", type=some_path, metavar="OUTPUT", help="folder for all results (required)")
    text = "folder of the BIDS Stats Models, named STUDY-TASK_specs.json or STUDY-TASK_smdl.json; without one, the mean"
    top.add_argument("--models", type=some_path, metavar="SPECS", help=f"{text} over subjects is tested")
    text = "only these studies, or tasks of studies as in ds000102/task-flanker"
    top.add_argument("--include", nargs="+", default=[], metavar="STUDY", help=text)
    top.add_argument("--exclude", nargs="+", default=[], metavar="STUDY", help="not these studies or tasks")
    text = "number of studies at a time, which share processors and memory (default: 1)"
    top.add_argument("--jobs", type=_positive, default=1, metavar="N", help=text)
    text = (
        "print the studies, their models, and what would be analysed; write nothing. Each line begins with a name for "
    )
    top.add_argument("--list", action="store_true", help=f"{text}--include")
    text = "write the table and the page of the results that are there; analyse nothing"
    top.add_argument("--summary-only", "--summary_only", action="store_true", help=text)
    return top


def _positive(text: str) -> int:
    """Return a number of at least 1."""
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}; expected a number of at least 1")
    return int(text)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the words of the command line; those after two dashes are options of ``bids-ari``."""
    words = list(argv)
    at = words.index("--") if "--" in words else len(words)
    arguments = parser().parse_args(words[:at])
    arguments.options = words[at + 1 :]
    _check_options(arguments)
    return arguments


def _check_options(arguments: argparse.Namespace) -> None:
    """Raise an error for options that ``bids-ari`` refuses, or that are not those of each study."""
    _check_places(arguments.analyses.resolve(), arguments.output_dir.resolve())
    words = [str(arguments.analyses), str(arguments.output_dir), "group", *arguments.options]
    try:
        given = single.parse(words)
    except UsageError as error:
        raise UsageError(f"After the two dashes: {error.found}", error.expected, "See bids-ari --help") from error
    for name, instead in _NOT_HERE.items():
        if getattr(given, name, None):
            raise UsageError(f"--{name.replace('_', '-')} is not for each study", instead)
    if not any("{" in word for word in arguments.options):
        single.read_settings(given)


def _check_places(analyses: Path, output: Path) -> None:
    """Raise an error if the output would be among the studies."""
    if output.is_relative_to(analyses):
        is_same = output == analyses
        found = f"The output folder {output} {'is' if is_same else f'lies in {analyses},'} the folder of the studies"
        raise UsageError(found, "a separate folder: its results would be taken for studies")


def analyse_studies(arguments: argparse.Namespace, runner: "Runner | None" = None) -> int:
    """Analyse all studies, write the summary, and return the exit code."""
    with step("loading libraries", is_logged=False):
        from bids_ari.outputs.records import number
        from bids_ari.studies.batch import analyse
        from bids_ari.studies.layout import find_studies
        from bids_ari.studies.models import with_usable_model
        from bids_ari.studies.run import LOGS
        from bids_ari.studies.summary import write_summary

    if arguments.summary_only:
        if not (arguments.output_dir / LOGS).is_dir():
            raise InputNotFoundError(f"{arguments.output_dir} has no results of many studies", "that of an earlier run")
        summary = write_summary(arguments.output_dir)
        codes = Counter(int(number(study.record, "ExitCode") or 0) for study in summary)
    else:
        found = find_studies(arguments.analyses, arguments.models, arguments.include, arguments.exclude)
        studies = [with_usable_model(study) for study in found]
        if arguments.list:
            return _list(studies, arguments)
        options = _with_shares(arguments.options, arguments.jobs)
        are_all = not arguments.include and not arguments.exclude
        codes = analyse(studies, arguments.output_dir, options, runner, n_jobs=arguments.jobs, are_all=are_all)
    log.info("Studies: %s", arguments.output_dir / "index.html")
    n_failed = codes.total() - codes[0]
    if n_failed:
        log.error("%d of %s failed: the reasons are in studies.tsv", n_failed, counted(codes.total(), "task"))
    return DataError.exit_code if n_failed else 0


def _list(studies: "Sequence[Study]", arguments: argparse.Namespace) -> int:
    """Print each study with its model and what would be analysed of it; return the exit code."""
    n_bad = 0
    for study in track(studies, "checking studies", "study", len(studies), is_logged=False):
        text, is_good = _preview(study, arguments)
        n_bad += not is_good
        model = "the mean over subjects" if study.model is None else study.model.name
        sys.stdout.write(f"{study.name}\t{'' if study.problem else model}\t{text}\n")
    return DataError.exit_code if n_bad else 0


def _preview(study: "Study", arguments: argparse.Namespace) -> tuple[str, bool]:
    """Return what would be analysed of a study, or why nothing can be, and whether all of it can be."""
    from bids_ari import workflow
    from bids_ari.studies.run import words_of

    if study.problem:
        return study.problem, False
    errors: list[BidsAriError] = []
    try:
        words = words_of(study, arguments.output_dir, arguments.options)
        _, contrasts, check = workflow.preview(single.read_settings(single.parse(words)))
    except BidsAriError as error:
        return str(error).replace("\n", " "), False
    for contrast in contrasts:
        try:
            check(contrast)
        except BidsAriError as error:
            errors.append(error)
    text = f"{counted(len(contrasts) - len(errors), 'contrast')} can be analysed"
    if errors:
        text += f", {len(errors)} cannot: {errors[0]}".replace("\n", " ")
    return f"{text}; {study.note}" if study.note else text, not errors


def _with_shares(options: Sequence[str], n_jobs: int) -> list[str]:
    """Return options with the share of each of several studies at a time in processors and memory, if not stated."""
    if n_jobs == 1:
        return [*options]
    given = single.parse(["analyses", "output", "group", *options])
    shares: list[str] = []
    if "nprocs" not in given:
        shares += ["--nprocs", str(max(1, processors.n_available() // n_jobs))]
    if "mem" not in given:
        shares += ["--mem", f"{max(1, available_memory() // n_jobs // 2**20)}M"]
    return [*options, *shares]
