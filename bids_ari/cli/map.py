"""bids-ari-map: the same inference on a group map that was made elsewhere; no BIDS dataset needed."""

import argparse
import logging
from collections.abc import Sequence

from bids_ari.cli import arguments as flags
from bids_ari.cli.main import read_options, read_resources
from bids_ari.cli.runner import Parser, answer, some_path

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; give the exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after the command; those of the process by default.
    """
    return answer(parser().parse_args, argv, analyse_map)


def analyse_map(arguments: argparse.Namespace) -> int:
    """Analyse a map; give the exit code."""
    options = read_options(arguments)
    from bids_ari.workflow import run_map

    run_map(arguments.map, arguments.output_dir, options, arguments.dof, read_resources(arguments))
    log.info("Reports: %s", arguments.output_dir / "index.html")
    return 0


def parser() -> argparse.ArgumentParser:
    """Make the parser; the flags are those of bids-ari that have a meaning here."""
    top = Parser(
        prog="bids-ari-map",
        description="All-Resolutions Inference on a z map, or a t map with --dof, made by SPM, FSL, FitLins or any "
        "other program: the tables, maps and report of bids-ari, without a dataset.",
        epilog=flags.EXIT_CODES,
        allow_abbrev=False,
    )
    top.add_argument("map", type=some_path, metavar="MAP", help="statistical map, not thresholded; only read")
    top.add_argument("output_dir", type=some_path, metavar="OUTPUT_DIR", help="where all results are written")
    flags.add_general(top)
    data = top.add_argument_group("data")
    flags.add_mask(data)
    data.add_argument("--dof", type=float, metavar="N", help="the map holds t statistics with N degrees of freedom (z)")
    flags.add_inference(top.add_argument_group("inference"), draws=False)
    flags.add_regions(top.add_argument_group("regions"))
    flags.add_machine(top.add_argument_group("running"))
    return top
