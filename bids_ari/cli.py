"""The command line: words to Settings, errors to exit codes, log to stderr."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bids_ari._version import __version__
from bids_ari.console import Parser, exit_code_of, set_up_log
from bids_ari.errors import DataError, UnknownLevelError

if TYPE_CHECKING:
    from bids_ari.settings import Settings

log = logging.getLogger(__name__)

LEVELS = ("group",)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; give the exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after the command; those of the process by default.
    """
    set_up_log(0)
    try:
        arguments = parser().parse_args(argv)
        set_up_log(arguments.verbose)
        settings = read_settings(arguments)
        from bids_ari.workflow import run

        summary = run(settings)
    except BaseException as error:
        return exit_code_of(error)
    if summary.failures:
        log.error("%d of the contrasts could not be analysed", len(summary.failures))
        return DataError.exit_code
    log.info("Reports: %s", settings.output_dir / "index.html")
    return 0


def parser() -> argparse.ArgumentParser:
    """Make the parser. Its names and defaults are those of the BIDS-App contract and of `Options`."""
    top = Parser(
        prog="bids-ari",
        description="Group analysis of first-level fMRI contrast maps with All-Resolutions Inference: for any "
        "cluster, a lower bound on the proportion of truly active voxels.",
        epilog="Exit codes: 0 done, 17 unknown analysis level, 18 the filters select nothing, 64 wrong use, 65 data "
        "do not fit (or some contrasts failed), 66 no input, 73 output cannot be written, 74 input cannot be read, "
        "130 interrupted, 1 a bug.",
        allow_abbrev=False,
    )
    top.add_argument(
        "bids_dir",
        type=Path,
        metavar="BIDS_DIR",
        help="dataset with first-level maps, or a raw dataset whose derivatives/ hold them; only read",
    )
    top.add_argument("output_dir", type=Path, metavar="OUTPUT_DIR", help="where all results are written")
    top.add_argument("level", metavar="{group}", help="analysis level")
    top.add_argument("--version", action="version", version=f"bids_ari {__version__}")
    _flag(top, "-v", "--verbose", action="count", default=0, help="log more")

    which = top.add_argument_group("which maps")
    labels = {"nargs": "+", "default": [], "metavar": "LABEL"}
    _flag(which, "--participant-label", **labels, help="take these subjects (all)")
    _flag(which, "--exclude", **labels, help="leave these subjects out (none)")
    _flag(which, "--session-label", **labels, help="take these sessions (all)")
    _flag(which, "--run-label", **labels, help="take these runs (all)")
    _flag(which, "-t", "--task-id", **labels, help="take these tasks (all)")
    _flag(which, "--space", **labels, help="take these spaces (all)")
    _flag(which, "--contrast", **labels, help="take these contrasts (all)")
    _flag(
        which,
        "--stat",
        choices=("effect", "t", "z"),
        default="effect",
        help="first-level statistic that enters "
        "the group model; t and z for datasets that hold no effect maps (%(default)s)",
    )
    _flag(
        which,
        "-d",
        "--derivatives",
        nargs="+",
        type=Path,
        default=[],
        metavar="PATH",
        help="search these derivative datasets (BIDS_DIR/derivatives/*)",
    )

    data = top.add_argument_group("data")
    _flag(
        data,
        "--mask",
        type=Path,
        metavar="FILE",
        help="test only voxels inside this image (all that the subjects cover)",
    )
    _flag(
        data,
        "--coverage",
        type=float,
        metavar="FRACTION",
        default=1.0,
        help="fraction of subjects that must have data at a voxel (%(default)s: all)",
    )
    _flag(
        data,
        "--smoothing",
        type=float,
        metavar="FWHM_MM",
        help="smooth each map by a Gaussian of this full width at half maximum in mm (none)",
    )

    inference = top.add_argument_group("inference")
    _flag(
        inference,
        "--alternative",
        nargs="+",
        choices=("greater", "less", "two-sided"),
        default=["greater"],
        help="direction of the test; each named is a result of its own (greater)",
    )
    _flag(inference, "--alpha", type=float, default=0.05, help="error level of each result (%(default)s)")
    _flag(
        inference,
        "--threshold",
        nargs="+",
        type=float,
        metavar="Z",
        default=[3.0, 4.0, 5.0],
        help="cluster-forming thresholds in z (3 4 5)",
    )
    _flag(
        inference,
        "--connectivity",
        type=int,
        choices=(6, 18, 26),
        default=18,
        help="voxels of a cluster share a face, also an edge, or also a corner (%(default)s)",
    )
    _flag(
        inference,
        "--method",
        choices=("simes", "hommel"),
        default="simes",
        help="local test of closed testing; hommel is valid under any dependence and finds less (%(default)s)",
    )
    _flag(
        inference,
        "--join-signs",
        action="store_true",
        help="with two-sided, let clusters hold voxels of both signs",
    )
    return top


def read_settings(arguments: argparse.Namespace) -> "Settings":
    """Turn parsed words into settings."""
    if arguments.level not in LEVELS:
        raise UnknownLevelError(f"The analysis level {arguments.level!r} is unknown", " or ".join(LEVELS))
    from bids_ari.settings import Options, Settings

    options = Options(
        mask=arguments.mask,
        coverage=arguments.coverage,
        smoothing=arguments.smoothing,
        alternatives=tuple(arguments.alternative),
        alpha=arguments.alpha,
        thresholds=tuple(arguments.threshold),
        connectivity=arguments.connectivity,
        method=arguments.method,
        join_signs=arguments.join_signs,
    )
    filters = {
        "subjects": arguments.participant_label,
        "exclude": arguments.exclude,
        "session": arguments.session_label,
        "run": arguments.run_label,
        "task": arguments.task_id,
        "space": arguments.space,
        "contrast": arguments.contrast,
        "stat": arguments.stat,
    }
    return Settings(arguments.bids_dir, arguments.output_dir, tuple(arguments.derivatives), filters, options)


def _flag(group: "argparse._ActionsContainer", *names: str, **about: object) -> None:
    """Add a flag in both spellings, ``--task-id`` and ``--task_id``."""
    spellings = dict.fromkeys(
        spelling
        for name in names
        for spelling in (
            name,
            "--" + name.removeprefix("--").replace("-", "_") if name.startswith("--") else name,
        )
    )
    group.add_argument(*spellings, **about)  # type: ignore[arg-type]
