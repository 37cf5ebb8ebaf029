"""A picture on which arrays, texts and shapes are placed, in units of a pixel of a report from its upper left corner.

A canvas keeps the steps of drawing, so that a picture may become a PNG of any resolution, a PDF or an SVG.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from PIL import Image

from bids_ari.bids.entities import printable
from bids_ari.report.figures.figure import texts_of
from bids_ari.report.figures.fitting import fitted
from bids_ari.report.figures.png import Pixels, encode
from bids_ari.report.figures.raster import pixels_of
from bids_ari.report.figures.steps import BLACK as BLACK
from bids_ari.report.figures.steps import SOFT, Dot, Line, Paste, Plot, Rectangle, Step, Stroke, Written, lines_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_EDGE = 14  # from the left and the right edge to title and subtitle


class Canvas:
    """A white picture to draw on."""

    def __init__(self, size: tuple[int, int], title: str = "", subtitle: str = "") -> None:
        self.size = size  # width and height
        self.title = title
        self.subtitle = subtitle  # the result that it belongs to
        self.steps: list[Step] = []

    @property
    def pixels(self) -> Pixels:
        """The picture with a pixel for each unit, (height, width, 3)."""
        return pixels_of(self.size, self.steps)

    def png(self) -> bytes:
        """Return the picture as a small PNG file, for pages."""
        boxes = [step.box for step in self.steps if isinstance(step, Paste) and step.is_exact]
        return encode(self.pixels, [(_slice(box.top, box.bottom), _slice(box.left, box.right)) for box in boxes])

    def texts(self) -> Iterator[Written]:
        """Yield all texts with their boxes in units, to check that none overlap."""
        for step in self.steps:
            if isinstance(step, Line):
                yield step.written
            elif isinstance(step, Plot):
                yield from texts_of(step, self.size)

    def paste(
        self, pixels: Pixels, column: float, row: float, per_unit: float = 1.0, *, is_exact: bool = False
    ) -> None:
        """Place pixels, (height, width, 3), `per_unit` for a unit, with their upper left corner at a place.

        If they are exact, small files have the same colours.
        """
        self.steps.append(Paste(pixels, column, row, per_unit, is_exact))

    def write(
        self,
        text: str,
        column: float,
        row: float,
        points: float = 10,
        *,
        anchor: str = "mm",
        colour: str = BLACK,
        is_bold: bool = False,
        is_outlined: bool = False,
    ) -> None:
        """Write a text; `anchor` is what of it is at the place, as of Pillow: ``mm`` its middle, ``la`` its top left.

        A white outline makes it legible on any colour.
        """
        self.steps += lines_of(text, column, row, points, anchor, colour, is_bold=is_bold, is_outlined=is_outlined)

    def rectangle(self, column: float, row: float, width: float, height: float, colour: str = BLACK) -> None:
        """Fill a rectangle."""
        self.steps.append(Rectangle(column, row, width, height, colour))

    def dot(self, column: float, row: float, diameter: float, colour: str) -> None:
        """Draw a dot with smooth edges, centred at the middle of a pixel."""
        self.steps.append(Dot(column, row, diameter, colour))

    def stroke(self, points: list[tuple[float, float]], width: float = 1.0, colour: str = BLACK) -> None:
        """Draw straight lines with smooth edges from point to point, each a column and a row."""
        self.steps.append(Stroke(tuple(points), width, colour))

    def plot(
        self, fill: Callable[["Figure", float], None], overlay: Callable[[float], Image.Image] | None = None
    ) -> None:
        """Draw with matplotlib: a function that takes a figure of the size of the picture; see `Plot`."""
        self.steps.append(Plot(fill, overlay))


def _slice(first: float, last: float) -> slice:
    return slice(round(first), round(last))


def drawn(size: tuple[int, int], title: str, subtitle: str, fill: Callable[[Canvas], None]) -> Canvas:
    """Draw a picture of a size in units with a title, and the result it belongs to."""
    canvas = Canvas(size, printable(title), printable(subtitle))
    fill(canvas)
    _head(canvas)
    return canvas


def _head(canvas: Canvas) -> None:
    """Write title and subtitle, whole, whatever their length."""
    width, bottom = canvas.size[0] - 2 * _EDGE, 38.0
    title = fitted(canvas.title, width, 13, 9, is_bold=True)
    for i, line in enumerate(title.lines):
        canvas.write(
            line, _EDGE, (13 if len(title.lines) == 1 else 5) + 17 * i, title.points, anchor="la", is_bold=True
        )
        bottom = max(bottom, 5 + 17.0 * (i + 1))
    subtitle = fitted(canvas.subtitle, width, 9, 7)
    if len(subtitle.lines) > 1:
        subtitle = fitted(canvas.subtitle, width, 6, 6)
    for i, line in enumerate(subtitle.lines):
        row = 41 if len(subtitle.lines) == 1 else bottom + 11 * i
        canvas.write(line, _EDGE, row, subtitle.points, anchor="la", colour=SOFT)


def shortened(text: str, longest: int) -> str:
    """Return a name as printable text of at most some characters.

    >>> shortened("faces", 5), shortened("houses", 5)
    ('faces', 'hous…')
    """
    text = printable(text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
