"""Steps of a picture to PDF and SVG: brains and bars are images, everything else is lines and text.

matplotlib writes both. In PDF, fonts are embedded (TrueType, Type 42). In SVG, texts remain texts, to be selected and
edited, and letters are embedded as a web font: glyph paths would need no font, but are no text.
"""

import io
from collections.abc import Callable, Iterable
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from bids_ari._version import __version__
from bids_ari.report.figures.figure import styled
from bids_ari.report.figures.png import DPI, Pixels
from bids_ari.report.figures.steps import OUTLINE, Box, Dot, Line, Paste, Plot, Rectangle, Step, Stroke
from bids_ari.report.figures.svg import finished

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_POINTS_PER_MM = 72 / 25.4
_ALIGNMENTS: dict[str, Any] = {"l": "left", "m": "center", "r": "right"}
_SETTINGS: Any = {
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "bids_ari",  # the same names in every file
    "image.composite_image": False,  # images keep their pixels
    "font.family": ["DejaVu Sans"],
}


class Page:
    """A page that is drawn on, in units."""

    def __init__(self, size: tuple[int, int], width: float) -> None:
        from matplotlib.figure import Figure

        self.size = size
        self.points = width * _POINTS_PER_MM / size[0]  # of a unit
        self.factor = self.points * DPI / 72  # by what sizes are multiplied
        self.figure = Figure(dpi=72, facecolor="white")
        inches = self.points / 72
        self.figure.set_size_inches(size[0] * inches, size[1] * inches)
        self._axes: Axes | None = None
        self._n = 0

    def plot(self, fill: Callable[["Figure", float], None]) -> None:
        """Draw on the figure with a function; what is added later is above."""
        fill(self.figure, self.factor)
        self._axes = None

    def image(self, pixels: Pixels, box: Box) -> None:
        """Place pixels, which remain as they are."""
        extent = box.left, box.right, box.bottom, box.top
        self.axes.imshow(pixels, extent=extent, interpolation="none", aspect="auto", zorder=self._next())

    def add(self, artist: "Artist") -> None:
        """Add something above all before."""
        artist.set_zorder(self._next())
        artist.set_clip_on(False)
        self.axes.add_artist(artist)

    @property
    def axes(self) -> "Axes":
        """Axes over the whole page whose coordinates are columns and rows."""
        if self._axes is None:
            self._axes = self.figure.add_axes((0, 0, 1, 1), label=f"above {self._n}")
            self._axes.set(xlim=(0, self.size[0]), ylim=(self.size[1], 0))
            self._axes.axis("off")
        return self._axes

    def _next(self) -> int:
        self._n += 1
        return self._n


def vector_file(
    size: tuple[int, int], steps: Iterable[Step], width: float, file_format: str, title: str, subtitle: str
) -> bytes:
    """Return a picture as a file; the same picture has the same bytes.

    Parameters
    ----------
    size : tuple of int
        Width and height in units.
    steps : iterable of Step
        What is drawn, each above those before.
    width : float
        Of the page in mm.
    file_format : {'pdf', 'svg'}
        Portable document format, or scalable vector graphics.
    title, subtitle : str
        What the properties of the file say.
    """
    from matplotlib import rc_context

    page, file, maker = Page(size, width), io.BytesIO(), f"bids_ari {__version__}"
    facts = {
        "pdf": {"Title": title, "Subject": subtitle, "Creator": maker, "CreationDate": None},
        "svg": {"Title": title, "Description": subtitle, "Creator": maker, "Date": None},
    }[file_format]
    with styled(page.factor), rc_context(_SETTINGS):
        for step in steps:
            _draw(step, page)
        page.figure.savefig(file, format=file_format, metadata=facts)
    return finished(file.getvalue().decode(), width, size) if file_format == "svg" else file.getvalue()


@singledispatch
def _draw(step: Step, page: Page) -> None:
    raise TypeError(f"{step} is no step")


@_draw.register
def _(step: Paste, page: Page) -> None:
    page.image(step.pixels, step.box)


@_draw.register
def _(step: Line, page: Page) -> None:
    from matplotlib.patheffects import Stroke as Outline
    from matplotlib.text import Text

    def text(**more: Any) -> Text:
        return Text(
            step.column,
            step.baseline,
            step.text,
            size=step.points * page.factor,
            weight="bold" if step.is_bold else "normal",
            color=step.colour,
            horizontalalignment=_ALIGNMENTS[step.anchor[0]],
            verticalalignment="baseline",
            parse_math=False,
            **more,
        )

    if step.is_outlined:  # as shapes of the letters; the text itself is above
        page.add(text(path_effects=[Outline(linewidth=2 * OUTLINE * page.points, foreground="white")]))
    page.add(text())


@_draw.register
def _(step: Rectangle, page: Page) -> None:
    from matplotlib.patches import Rectangle as Patch

    page.add(Patch((step.column, step.row), step.width, step.height, facecolor=step.colour, linewidth=0))


@_draw.register
def _(step: Dot, page: Page) -> None:
    from matplotlib.patches import Circle

    page.add(Circle((step.column + 0.5, step.row + 0.5), step.diameter / 2, facecolor=step.colour, linewidth=0))


@_draw.register
def _(step: Stroke, page: Page) -> None:
    from matplotlib.lines import Line2D

    columns, rows = zip(*step.points, strict=True)
    page.add(Line2D(columns, rows, color=step.colour, linewidth=step.width * page.points, solid_joinstyle="miter"))


@_draw.register
def _(step: Plot, page: Page) -> None:
    page.plot(step.fill)
