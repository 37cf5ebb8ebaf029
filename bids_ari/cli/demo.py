"""The command ``bids-ari-demo``: writes a small dataset with known active voxels and analyses it."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from bids_ari.cli.arguments import Parser, some_path
from bids_ari.cli.runner import answer
from bids_ari.runtime.progress import step

LAYOUTS = ("fmriprep", "fitlins", "halfpipe", "spm", "fsl", "hcp", "afni", "openneuro")
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
    kinds.add_argument("--surface", dest="kind", action="store_const", const="surfaces", help=text)
    text = "download real maps instead: 16 subjects of the Localizer dataset, as in nilearn's tutorial"
    kinds.add_argument("--localizer", dest="kind", action="store_const", const="localizer", help=text)
    text = "write practice data to OUT instead, in the layout of a program, and analyse nothing"
    kinds.add_argument("--layout", choices=LAYOUTS, help=text)
    return top


def run_demo(arguments: argparse.Namespace) -> int:
    """Write a dataset and analyse it; write paths and a summary of the results to stdout, and return the exit code."""
    if arguments.layout:
        return write_layout(arguments)
    from bids_ari.demo.analysis import analyse
    from bids_ari.outputs.names import explorer_name, report_name

    demo = analyse(arguments.output_dir, arguments.kind or "volumes")
    result = demo.result
    truth = "" if demo.n_active is None else f"; in truth {demo.n_active} are"
    sys.stdout.write(
        f"Dataset:  {demo.dataset}\n"
        f"Results:  {demo.results / 'index.html'}\n"
        f"Report:   {demo.results / report_name(result)}\n"
        f"Explorer: {demo.results / explorer_name(result)}\n"
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
