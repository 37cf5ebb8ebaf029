"""The command ``bids-ari-demo``: writes a small dataset with known active voxels and analyses it."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from bids_ari.cli.arguments import Parser, some_path
from bids_ari.cli.runner import answer
from bids_ari.runtime.progress import step

FWHM = 8.0
"""Smoothing in mm, as in nilearn's tutorial on true positives in clusters."""

LAYOUTS = ("fmriprep", "fitlins", "halfpipe", "spm", "fsl", "hcp", "openneuro")
"""For ``--layout``: modules of ``bids_ari.demo`` whose function ``write`` writes practice data into a folder."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these words, by default those of the process, and return the exit code."""
    return answer(parser().parse_args, argv, run_demo)


def parser() -> Parser:
    """Build the parser."""
    top = Parser(
        "bids-ari-demo",
        "Write a small dataset with known active voxels or vertices to OUT/dataset and its group analysis by bids-ari "
        "to OUT/results, and compare the result with the truth. Needs no network.",
    )
    top.add_argument("output_dir", type=some_path, metavar="OUT", help="folder for dataset/ and results/ (required)")
    kinds = top.add_mutually_exclusive_group()
    text = "maps of both hemispheres on the meshes of fsaverage5 instead of volumes"
    kinds.add_argument("--surface", action="store_true", help=text)
    text = "download real maps instead: 16 subjects of the Localizer dataset, as in nilearn's tutorial"
    kinds.add_argument("--localizer", action="store_true", help=text)
    text = "write practice data to OUT instead, in the layout of a program, and analyse nothing"
    kinds.add_argument("--layout", choices=LAYOUTS, help=text)
    return top


def run_demo(arguments: argparse.Namespace) -> int:
    """Write a dataset and analyse it; write paths and a summary of the results to stdout, and return the exit code."""
    if arguments.layout:
        return write_layout(arguments)
    from bids_ari.config.options import Options
    from bids_ari.config.settings import Settings
    from bids_ari.demo import localizer, surfaces, volumes
    from bids_ari.outputs.names import explorer_name, report_name
    from bids_ari.workflow import run

    dataset, results = arguments.output_dir / "dataset", arguments.output_dir / "results"
    mask, n_active = None, None
    if arguments.localizer:
        with step("downloading maps"):
            localizer.write_localizer(dataset)
    elif arguments.surface:
        with step("simulating subjects"):
            surfaces.write_surfaces(dataset)
        n_active = surfaces.n_active
    else:
        with step("simulating subjects"):
            volumes.write_simulated(dataset)
        mask = dataset / volumes.SIMULATED.path("mask", ".nii.gz", desc="brain")
        n_active = volumes.n_active
    summary = run(Settings(dataset, results, options=Options(mask=mask, smoothing=FWHM)))
    for failure in summary.failures:
        raise failure.error
    result = summary.results[0]
    truth = f"; in truth {n_active(dataset, result.space)} are" if n_active else ""
    sys.stdout.write(
        f"Dataset:  {dataset}\n"
        f"Results:  {results / 'index.html'}\n"
        f"Report:   {results / report_name(result)}\n"
        f"Explorer: {results / explorer_name(result)}\n"
        f"With {1 - result.bound.alpha:.0%} confidence, at least {result.bound.whole} of the {result.space.n_points} "
        f"{result.space.units} tested are active{truth}.\n"
    )
    return 0


def write_layout(arguments: argparse.Namespace) -> int:
    """Write practice data in the layout of a program, and its folder to stdout; return the exit code."""
    layout = import_module(f"bids_ari.demo.{arguments.layout}")
    with step("simulating subjects"):
        layout.write(arguments.output_dir)
    sys.stdout.write(f"Practice data: {arguments.output_dir}\n")
    return 0
