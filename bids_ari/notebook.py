"""Pictures and pages of a result that a notebook shows, and that can be saved."""

import re
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path

from bids_ari.analysis.result import ContrastResult
from bids_ari.config.choices import FIGURE_FORMATS
from bids_ari.errors import UsageError, listing
from bids_ari.outputs.folder import write_file
from bids_ari.report.explorer.page import explorer_page
from bids_ari.report.figures.draw import Picture, draw, drawings
from bids_ari.report.figures.paper import figure
from bids_ari.report.page import report_page

_SKIP = re.compile(r'<a class="skip" href="#main">[^<]*</a>')
_HEIGHT = 900  # pixels of a page within a notebook


@dataclass(frozen=True)
class Plot:
    """One picture of a result, drawn when it is shown or saved."""

    result: ContrastResult
    shown: str

    @cached_property
    def png(self) -> bytes:
        """The picture as a small PNG file."""
        return figure(self.result, self.shown)

    def save(self, path: str | Path) -> Path:
        """Write the picture as a figure for a paper, in the format of the ending: ``.png``, ``.pdf`` or ``.svg``."""
        path = Path(path)
        ending = path.suffix.removeprefix(".").lower()
        if ending not in FIGURE_FORMATS:
            formats = listing(f".{each}" for each in FIGURE_FORMATS)
            raise UsageError(f"path is {str(path)!r}", f"a name that ends with one of: {formats}")
        return write_file(path, figure(self.result, self.shown, ending))

    def _repr_png_(self) -> bytes:
        return self.png

    def __repr__(self) -> str:
        return f"Plot({self.shown!r} of {self.result!r})"


@dataclass(frozen=True, repr=False)
class Page:
    """A page of a result as one HTML file that needs no other."""

    title: str
    html: str

    def save(self, path: str | Path) -> Path:
        """Write the page; return its path."""
        return write_file(Path(path), self.html.encode())

    def _repr_html_(self) -> str:
        """Return the page in a frame, which has no access to the notebook.

        In such a frame, links to places of the page would lead to the notebook.
        """
        html = _SKIP.sub("", self.html)
        return (
            f'<iframe title="{escape(self.title)}" sandbox="allow-scripts allow-downloads" '
            f'style="width:100%;height:{_HEIGHT}px;border:0" srcdoc="{escape(html)}"></iframe>'
        )

    def __repr__(self) -> str:
        return f"Page({self.title!r}, {len(self.html):,} characters)"


def plot(result: ContrastResult, shown: str) -> Plot:
    """Draw a picture of a result; see `ContrastResult.plot`."""
    found = Plot(result, shown)
    found.png  # noqa: B018 - raises an error where there is none, and not when a notebook shows it
    return found


def report(result: ContrastResult, path: str | Path) -> Path:
    """Write the report of a result; see `ContrastResult.report`."""
    page = report_page(result, dict(draw(result)), is_alone=True)
    return write_file(Path(path), page.encode())


def explore(result: ContrastResult) -> Page:
    """Return the explorer of a result; see `ContrastResult.explore`."""
    found = dict(drawings(result))
    each = found.get("highest", found["tdp"])
    picture = Picture(each.name, each.alt, each.note, each.draw().png())
    page = explorer_page([result], picture, is_alone=True)
    return Page(f"Explorer of {result.contrast.name}", page)
