"""The command ``bids-ari-demo``: writes a small dataset with known active voxels and analyses it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bids_ari.cli.arguments import Parser, add_general, some_path
from bids_ari.cli.runner import answer

FWHM = 8.0
"""Smoothing in mm, as in nilearn's tutorial on true positives in clusters."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after the command; by default, those of the process.
    """
    return answer(parser().parse_args, argv, show)


def parser() -> Parser:
    """Build the parser."""
    top = Parser(
        "bids-ari-demo",
        "Write a small dataset with known active voxels to OUT/dataset and its group analysis by bids-ari "
        "to OUT/results, and compare the result with the truth. Needs no network.",
    )
    add_general(top)
    top.add_argument("output_dir", type=some_path, metavar="OUT", help="folder for dataset/ and results/ (required)")
    text = "download real maps instead: 16 subjects of the Localizer dataset, as in nilearn's tutorial"
    top.add_argument("--localizer", action="store_true", help=text)
    return top


def show(arguments: argparse.Namespace) -> int:
    """Run the demo and write a summary to stdout; return the exit code."""
    sys.stdout.write(run_demo(arguments.output_dir, is_simulated=not arguments.localizer))
    return 0


def run_demo(folder: Path, *, is_simulated: bool = True) -> str:
    """Write a dataset and analyse it.

    Parameters
    ----------
    folder : Path
        Folder for ``dataset`` and ``results``.
    is_simulated : bool
        Whether the dataset is simulated, or downloaded.

    Returns
    -------
    str
        Paths of the results, and a summary.

    Raises
    ------
    UsageError
        When the folder holds other files.
    InputNotFoundError
        When the maps cannot be downloaded.
    """
    from bids_ari.cli import demo_data
    from bids_ari.config.options import Options
    from bids_ari.config.settings import Settings
    from bids_ari.outputs.names import explorer_name, report_name
    from bids_ari.workflow import run

    dataset, results = folder / "dataset", folder / "results"
    (demo_data.write_simulated if is_simulated else demo_data.write_localizer)(dataset)
    mask = dataset / demo_data.SIMULATED.path("mask", ".nii.gz", desc="brain") if is_simulated else None
    summary = run(Settings(dataset, results, options=Options(mask=mask, smoothing=FWHM)))
    for failure in summary.failures:
        raise failure.error
    result = summary.results[0]
    paths = {
        "Dataset": dataset,
        "Results": results / "index.html",
        "Report": results / report_name(result),
        "Explorer": results / explorer_name(result),
    }
    found = (
        f"With {1 - result.bound.alpha:.0%} confidence, at least {result.bound.whole} of the {result.space.n_points} "
        "voxels tested are active"
    )
    truth = f"; in truth {demo_data.n_active(dataset, result.space)} are" if is_simulated else ""
    return "".join(f"{name + ':':<10}{path}\n" for name, path in paths.items()) + f"{found}{truth}.\n"
