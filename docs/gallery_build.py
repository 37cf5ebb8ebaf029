"""The gallery: scripts of docs/gallery, which run in a folder of their own while the site is built.

Pictures and pages of bids_ari that end a block of a script are shown as a notebook shows them; pages become files of
the site, so that a reader can open the very report or explorer.
"""

import ast
import logging
import shutil
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx_gallery.scrapers import figure_rst

from bids_ari.notebook import Page, Plot
from bids_ari.report.figures.draw import drawings

SOURCES = Path(__file__).parent / "gallery"
SCRIPTS, GALLERY = "auto/scripts", "auto/gallery"
"""Where the scripts are run, and where what they show is written, below the folder of the documentation."""

PAGES = "pages"
"""The folder of pages within `GALLERY`."""

CONFIG = {
    "examples_dirs": SCRIPTS,
    "gallery_dirs": GALLERY,
    "filename_pattern": r"/plot_",  # others are shown, but not run
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "image_scrapers": ("matplotlib", "gallery_build.show"),
    "reset_modules": ("matplotlib", "gallery_build.empty_folder"),
    "reset_modules_order": "both",  # a folder that is left would be taken for another gallery
    "ignore_repr_types": r"bids_ari\.notebook|pathlib|nilearn\.plotting|matplotlib",  # shown as pictures and pages
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_signature": False,
    "min_reported_time": float("inf"),  # seconds of the machine that built the site are of no use to a reader
    "write_computation_times": False,
    "inspect_global_variables": False,
}
"""Settings of sphinx-gallery."""


def copy_scripts(app: Sphinx, config: Config) -> None:
    """Copy the scripts to where they may write, and remove what is left of scripts that no longer exist."""
    folder, gallery = Path(app.srcdir, SCRIPTS), Path(app.srcdir, GALLERY)
    names = {path.name for path in SOURCES.iterdir() if path.suffix in (".py", ".rst")}
    kept = {name.partition(".")[0] for name in names} | {"index", PAGES, "images"}
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in names:
        shutil.copy2(SOURCES / name, folder)
    for path in [*gallery.glob("*"), *gallery.glob(f"{PAGES}/*")]:
        if path.name.partition(".")[0] not in kept:
            _remove(path)


def empty_folder(conf: Mapping[str, Any], name: str | None) -> None:
    """Remove what a script wrote, so that each starts in a folder with scripts only, and print no log."""
    logging.getLogger("bids_ari").propagate = False  # a dependency of the theme prints the log of all packages
    for path in Path(conf["src_dir"], SCRIPTS).iterdir():
        if path.suffix not in (".py", ".rst"):
            _remove(path)


def _remove(path: Path) -> None:
    """Remove a file or a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def show(block: Any, script: Mapping[str, Any], conf: Mapping[str, Any]) -> str:
    """Return the reST of the picture or page that a block of a script ends with; of others, none."""
    statements = ast.parse(block.content).body
    if not statements or not isinstance(statements[-1], ast.Expr):
        return ""
    value = script["example_globals"].get("___")
    if isinstance(value, Plot):
        return _show_plot(value, script, conf)
    folder = Path(conf["src_dir"], GALLERY, PAGES, Path(script["src_file"]).stem)
    if isinstance(value, Page):
        folder.mkdir(parents=True, exist_ok=True)
        value.save(folder / "explorer.html")
        return _framed(f"{PAGES}/{folder.name}/explorer.html", value.title)
    if isinstance(value, Path) and value.suffix == ".html":
        return _linked(Path(script["src_file"]).parent / value, folder)
    return ""


def _show_plot(plot: Plot, script: Mapping[str, Any], conf: Mapping[str, Any]) -> str:
    """Return the reST of a picture."""
    path = next(script["image_path_iterator"])
    Path(path).write_bytes(plot.png)
    found = dict(drawings(plot.result))[plot.shown]
    return figure_rst([path], conf["src_dir"], found.alt)


def _framed(address: str, title: str) -> str:
    """Return the reST of a page within the page."""
    frame = f'<iframe class="explorer" src="{address}" title="{escape(title)}" loading="lazy"></iframe>'
    link = f'<p class="opened"><a href="{address}">Open the explorer in a window of its own</a></p>'
    return f"\n.. raw:: html\n\n    {frame}\n    {link}\n\n"


def _linked(path: Path, folder: Path) -> str:
    """Copy a page, or the index of an output with all that it links to; return the reST of a link to it."""
    if path.name == "index.html":
        shutil.rmtree(folder / path.parent.name, ignore_errors=True)
        shutil.copytree(path.parent, folder / path.parent.name, ignore=shutil.ignore_patterns("*.npz", "logs"))
        name = f"{path.parent.name}/index.html"
    else:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, folder)
        name = path.name
    link = f'<p class="opened"><a href="{PAGES}/{folder.name}/{name}">Open {escape(name)}</a></p>'
    return f"\n.. raw:: html\n\n    {link}\n\n"


def copy_pages(app: Sphinx, error: Exception | None) -> None:
    """Copy the pages into the site."""
    pages = Path(app.srcdir, GALLERY, PAGES)
    if error is None and app.builder.format == "html" and pages.is_dir():
        shutil.copytree(pages, Path(app.outdir, GALLERY, PAGES), dirs_exist_ok=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Prepare the folder of scripts, and the copies of pages."""
    app.connect("config-inited", copy_scripts, priority=1)
    app.connect("build-finished", copy_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
