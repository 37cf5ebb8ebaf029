"""The command ``bids-ari-map``: the inference on one group map that another program made, without a BIDS dataset."""

import argparse
import logging
from collections.abc import Sequence

from bids_ari.cli.arguments import Parser, add_options
from bids_ari.cli.runner import answer
from bids_ari.config.settings import MapSettings
from bids_ari.config.table import build
from bids_ari.runtime.collector import keep_imports, no_collection
from bids_ari.runtime.progress import step

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these words, by default those of the process, and return the exit code."""
    return answer(parser().parse_args, argv, analyse_map)


def analyse_map(arguments: argparse.Namespace) -> int:
    """Analyse a map; return the exit code."""
    settings: MapSettings = build(MapSettings, vars(arguments))
    with no_collection(), step("loading libraries", is_logged=False):
        from bids_ari.workflow import run_map
    keep_imports()

    run_map(
        settings.map,
        settings.output_dir,
        settings.options,
        settings.dof,
        settings.resources,
        stat=settings.stat,
        space=settings.space,
        rerun=settings.rerun,
    )
    log.info("Reports: %s", settings.output_dir / "index.html")
    return 0


def parser(table: type = MapSettings) -> Parser:
    """Build the parser; its flags are those of ``bids-ari`` that have a meaning for one map."""
    top = Parser(
        "bids-ari-map",
        "All-Resolutions Inference on a map of z, t or F statistics made by SPM, FSL, AFNI, FitLins or any other "
        "program: the tables, maps and report of bids-ari, without a dataset.",
    )
    add_options(top, table, is_map=True)
    return top
