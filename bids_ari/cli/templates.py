"""The command ``bids-ari-templates``: downloads what analyses need of TemplateFlow, for machines without network."""

import argparse
import logging
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from bids_ari.cli.arguments import Parser, some_path
from bids_ari.cli.runner import answer
from bids_ari.errors import InputNotFoundError, OutputError, counted, listing
from bids_ari.runtime.caches import is_writable

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these words, by default those of the process, and return the exit code."""
    return answer(parser().parse_args, argv, fill)


def parser() -> Parser:
    """Build the parser."""
    top = Parser(
        "bids-ari-templates",
        "Download the files of TemplateFlow that analyses in some spaces use: brain masks, templates, meshes and "
        "atlases. Files that are in the folder already, and whole, are kept; where all are, no network is needed.",
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


def fill(arguments: argparse.Namespace) -> int:
    """Download the files into the folder; return the exit code."""
    folder: Path = arguments.folder.absolute()
    if folder.exists() and not folder.is_dir():
        raise _not_writable(folder)
    before = os.environ.get("TEMPLATEFLOW_HOME")
    os.environ["TEMPLATEFLOW_HOME"] = str(folder)
    try:
        n_files, n_new, missing = _download(arguments.spaces, folder)
    finally:
        os.environ.pop("TEMPLATEFLOW_HOME")
        os.environ.update({} if before is None else {"TEMPLATEFLOW_HOME": before})
    if missing:
        reasons = listing(sorted({reason for _, reason in missing}))
        raise InputNotFoundError(
            f"{len(missing)} of {counted(n_files, 'file')} of TemplateFlow could not be downloaded ({reasons}): "
            f"{listing(path.name for path, _ in missing)}",
            hint=f"Run the same command again where there is a network; the other {n_files - len(missing)} are kept",
        )
    sys.stdout.write(
        f"{counted(n_files, 'file')} of TemplateFlow in {folder}, {n_new} of them new.\n"
        f"To use them: export TEMPLATEFLOW_HOME={shlex.quote(str(folder))}\n"
    )
    return 0


def _not_writable(folder: Path) -> OutputError:
    """Return the error for a folder that cannot be filled."""
    return OutputError(f"The folder {folder} cannot be written", hint="Choose another folder")


def _download(words: Sequence[str], folder: Path) -> tuple[int, int, list[tuple[Path, str]]]:
    """Download files; return the number of those needed, of those downloaded, and those that could not be."""
    from bids_ari.images.template_downloads import download, is_complete, list_files, needed_files, read_wanted
    from bids_ari.images.templateflow import is_here

    needed = [(wanted, needed_files(wanted)) for wanted in map(read_wanted, words)]
    files = {path for _, paths in needed for path in paths}
    absent = {path for path in files if not is_complete(path)}
    if absent:
        if not is_writable(folder):  # one that is complete need not be
            raise _not_writable(folder)
        list_files(absent)
    missing = list(download(needed))
    return len(files), sum(map(is_here, absent)), missing
