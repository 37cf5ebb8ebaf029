"""The command line: words to Settings, errors to exit codes, log to stderr."""

import argparse
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bids_ari._version import __version__
from bids_ari.console import Parser, answer, some_path
from bids_ari.errors import DataError, counted

if TYPE_CHECKING:
    from bids_ari.settings import Options, Settings

log = logging.getLogger(__name__)

EXIT_CODES = (
    "Exit codes: 0 done, 17 unknown analysis level, 18 the filters select nothing, 64 wrong use, 65 data do not fit "
    "(or some contrasts failed), 66 no input, 73 output cannot be written, 74 input cannot be read, 130 interrupted, "
    "1 a bug."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; give the exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after the command; those of the process by default.
    """
    return answer(parser(), argv, analyse_dataset)


def analyse_dataset(arguments: argparse.Namespace) -> int:
    """Analyse a dataset; give the exit code."""
    settings = read_settings(arguments)
    from bids_ari.workflow import run

    summary = run(settings)
    if summary.failures:
        log.error("%s could not be analysed", counted(len(summary.failures), "contrast"))
        codes = {failure.error.exit_code for failure in summary.failures}
        return codes.pop() if len(codes) == 1 and not summary.results else DataError.exit_code
    log.info("Reports: %s", settings.output_dir / "index.html")
    return 0


def parser() -> argparse.ArgumentParser:
    """Make the parser. Its names and defaults are those of the BIDS-App contract and of `Options`."""
    top = Parser(
        prog="bids-ari",
        description="All-Resolutions Inference on first-level fMRI contrast maps: for any cluster, a lower bound on "
        "the proportion of truly active voxels.",
        epilog=EXIT_CODES,
        allow_abbrev=False,
    )
    add = top.add_argument
    where = "dataset with first-level maps, or a raw dataset whose derivatives/ hold them; only read"
    level = "group: subjects together; participant: the z or t maps of each subject by themselves"
    add("bids_dir", type=some_path, metavar="BIDS_DIR", help=where)
    add("output_dir", type=some_path, metavar="OUTPUT_DIR", help="where all results are written")
    add("level", metavar="{participant,group}", help=level)
    add_general(top)
    _add_choice(top.add_argument_group("which maps"))
    data = top.add_argument_group("data")
    add_mask(data)
    fraction = "fraction of subjects that must have data at a voxel (%(default)s: all)"
    _flag(data, "--coverage", type=float, metavar="FRACTION", default=1.0, help=fraction)
    width = "smooth each map by a Gaussian of this full width at half maximum in mm (none)"
    _flag(data, "--smoothing", type=float, metavar="FWHM_MM", help=width)
    inference = top.add_argument_group("inference")
    add_inference(inference)
    split = "divide alpha over the results of this run, so that all their bounds hold together"
    _flag(inference, "--split-alpha", action="store_true", help=split)
    add_regions(top.add_argument_group("regions"))
    return top


def add_general(top: argparse.ArgumentParser) -> None:
    """Add the flags that every command has."""
    top.add_argument("--version", action="version", version=f"bids_ari {__version__}")
    _flag(top, "-v", "--verbose", action="count", default=0, help="log more")


def _add_choice(group: "argparse._ArgumentGroup") -> None:
    """Add the flags that choose maps."""
    for names, what in (
        (["--participant-label"], "take these subjects (all)"),
        (["--exclude"], "leave these subjects out (none)"),
        (["--session-label"], "take these sessions (all)"),
        (["--run-label"], "take these runs (all)"),
        (["-t", "--task-id"], "take these tasks (all)"),
        (["--space"], "take these spaces (all)"),
        (["--contrast"], "take these contrasts (all)"),
    ):
        _flag(group, *names, nargs="+", default=[], metavar="LABEL", help=what)
    stat = (
        "first-level statistic to take (effect for a group, z for participants); t and z for datasets without effects"
    )
    _flag(group, "--stat", choices=("effect", "t", "z"), help=stat)
    search = "search these derivative datasets (BIDS_DIR/derivatives/*)"
    _flag(group, "-d", "--derivatives", nargs="+", type=some_path, default=[], metavar="PATH", help=search)


def add_mask(group: "argparse._ArgumentGroup") -> None:
    """Add the flag that says which voxels to test."""
    mask = "test only voxels inside this image; template: TemplateFlow's brain mask (all voxels with data)"
    _flag(group, "--mask", type=some_path, metavar="FILE|template", help=mask)


def add_inference(group: "argparse._ArgumentGroup") -> None:
    """Add the flags of closed testing and of clusters."""
    direction = "direction of the test; each named is a result of its own (greater)"
    directions = ("greater", "less", "two-sided")
    _flag(group, "--alternative", nargs="+", choices=directions, default=["greater"], help=direction)
    _flag(group, "--alpha", type=float, default=0.05, help="error level of each result (%(default)s)")
    heights = "cluster-forming thresholds in z (3 4 5)"
    _flag(group, "--threshold", nargs="+", type=float, metavar="Z", default=[3.0, 4.0, 5.0], help=heights)
    wanted = "find the largest clusters with at least this true discovery proportion (0.5 0.7 0.9)"
    _flag(group, "--tdp", nargs="+", type=float, metavar="GAMMA", default=[0.5, 0.7, 0.9], help=wanted)
    touch = "voxels of a cluster share a face, also an edge, or also a corner (%(default)s)"
    _flag(group, "--connectivity", type=int, choices=(6, 18, 26), default=18, help=touch)
    local = "local test of closed testing; hommel is valid under any dependence and finds less (%(default)s)"
    _flag(group, "--method", choices=("simes", "hommel"), default="simes", help=local)
    _flag(group, "--join-signs", action="store_true", help="with two-sided, let clusters hold voxels of both signs")


def add_regions(group: "argparse._ArgumentGroup") -> None:
    """Add the flags that name regions."""
    atlas = (
        "bound every parcel of this atlas and name clusters by it: a file, or a name that TemplateFlow knows, such as "
    )
    atlas += "Schaefer2018:200Parcels7Networks"
    _flag(group, "--atlas", metavar="FILE|NAME", help=atlas)
    table = "table of an atlas file, tab-separated, columns index and name (the .tsv beside the file)"
    _flag(group, "--atlas-labels", type=some_path, metavar="TSV", help=table)
    masks = "bound these regions: masks on the grid of the maps"
    _flag(group, "--roi", nargs="+", type=some_path, default=[], metavar="FILE", help=masks)


def read_settings(arguments: argparse.Namespace) -> "Settings":
    """Turn parsed words into settings."""
    from bids_ari.settings import Settings

    filters = {
        "subjects": arguments.participant_label,
        "exclude": arguments.exclude,
        "session": arguments.session_label,
        "run": arguments.run_label,
        "task": arguments.task_id,
        "space": arguments.space,
        "contrast": arguments.contrast,
        "stat": arguments.stat or ("z" if arguments.level == "participant" else "effect"),
    }
    return Settings(
        arguments.bids_dir,
        arguments.output_dir,
        tuple(arguments.derivatives),
        filters,
        read_options(arguments, coverage=arguments.coverage, smoothing=arguments.smoothing),
        arguments.level,
        arguments.split_alpha,
    )


def read_options(arguments: argparse.Namespace, **more: object) -> "Options":
    """Turn parsed words into options; `more` are those that not every command has."""
    from bids_ari.settings import Options

    return Options(
        mask=arguments.mask,
        alternatives=arguments.alternative,
        alpha=arguments.alpha,
        thresholds=arguments.threshold,
        gammas=arguments.tdp,
        connectivity=arguments.connectivity,
        method=arguments.method,
        join_signs=arguments.join_signs,
        atlas=arguments.atlas,
        atlas_labels=arguments.atlas_labels,
        rois=arguments.roi,
        **more,  # type: ignore[arg-type]
    )


def _flag(group: "argparse._ActionsContainer", *names: str, **about: object) -> None:
    """Add a flag in both spellings, ``--task-id`` and ``--task_id``."""
    spellings = dict.fromkeys(
        spelling for name in names for spelling in (name, f"--{name[2:].replace('-', '_')}" if name[1] == "-" else name)
    )
    group.add_argument(*spellings, **about)  # type: ignore[arg-type]
