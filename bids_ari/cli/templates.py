"""The command ``bids-ari-templates``: downloads what analyses need of TemplateFlow, for machines without network."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from bids_ari.cli.arguments import Parser, some_path
from bids_ari.cli.runner import answer
from bids_ari.errors import counted


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these words, by default those of the process, and return the exit code."""
    return answer(parser().parse_args, argv, fill_folder)


def parser() -> Parser:
    """Build the parser."""
    top = Parser(
        "bids-ari-templates",
        "Download the files of TemplateFlow that analyses in some spaces use: brain masks, templates, meshes and "
        "atlases. Files that are in the folder already, and whole, are kept; where all are, no network is needed.",
        has_log=False,
    )
    text = "folder to fill, which TEMPLATEFLOW_HOME names later (required)"
    top.add_argument("folder", type=some_path, metavar="FOLDER", help=text)
    text = (
        "spaces of maps, each with the atlases to have in it, such as MNI152NLin2009cAsym:res-2:Schaefer2018, fsLR or "
        "fsaverage:den-10k:Desikan2006; an atlas may be followed by its variant as in --atlas, such as "
        "Schaefer2018:200Parcels7Networks (required)"
    )
    top.add_argument("spaces", nargs="+", metavar="SPACE[:ATLAS[:VARIANT]]", help=text)
    return top


def fill_folder(arguments: argparse.Namespace) -> int:
    """Download the files into the folder, and write how many there are to stdout; return the exit code."""
    from bids_ari.images.template_downloads import fill

    folder: Path = arguments.folder.absolute()
    n_files, n_new = fill(folder, arguments.spaces)
    sys.stdout.write(
        f"{counted(n_files, 'file')} of TemplateFlow in {folder}, {n_new} of them new.\n"
        f"To use them: export TEMPLATEFLOW_HOME={shlex.quote(str(folder))}\n"
    )
    return 0
