"""The steps by which a picture is drawn, in units of a pixel of a report from its upper left corner.

Steps say nothing about files: `raster` draws them as pixels of any size, `vector` as PDF and SVG.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image, ImageFont

from bids_ari.errors import printable
from bids_ari.report.figures.png import DPI, Pixels
from bids_ari.runtime.installed import installed_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLACK = "#000000"

SOFT = "#585858"
"""The colour of small texts: grey, as the edges of their letters then need no more colours of a palette."""

OUTLINE = 2
"""Width of the white outline of a text."""

_SPACING = 4  # between the lines of a text
_EM = 2048  # units of an em of these fonts


class Box(NamedTuple):
    """A rectangle."""

    left: float
    top: float
    right: float
    bottom: float


class Written(NamedTuple):
    """A text in a picture, and the box around its letters."""

    text: str
    box: Box
    angle: float = 0.0  # in degrees; the boxes of turned texts are larger than these


@dataclass(frozen=True, slots=True, eq=False)
class Paste:
    """Pixels, (height, width, 3)."""

    pixels: Pixels
    column: float  # of the upper left corner
    row: float
    per_unit: float  # pixels
    is_exact: bool = False  # whether colours must be kept in any file

    @property
    def box(self) -> Box:
        """Where they are."""
        height, width = (n / self.per_unit for n in self.pixels.shape[:2])
        return Box(self.column, self.row, self.column + width, self.row + height)


@dataclass(frozen=True, slots=True)
class Line:
    """A text in one line."""

    text: str
    column: float
    row: float
    points: float  # size of the font, where a unit is a pixel at `DPI`
    anchor: str  # as of Pillow: l, m or r, then a, m or d
    colour: str
    is_bold: bool
    is_outlined: bool

    @property
    def baseline(self) -> float:
        """The row of the baseline."""
        font = font_of(self.points, is_bold=self.is_bold, scale=_EM * 72 / (self.points * DPI))
        up, down = (each / _EM for each in font.getmetrics())
        below = {"a": up, "m": (up - down) / 2, "d": -down, "s": 0.0}[self.anchor[1]]
        return self.row - self.lift + below * self.points * DPI / 72

    @property
    def lift(self) -> int:
        """By how much a text in the middle is higher: the middle of a font is below that of most letters."""
        return int(self.anchor.endswith("m"))

    @property
    def written(self) -> Written:
        """The text and its box."""
        font = font_of(self.points, is_bold=self.is_bold)
        left, top, right, bottom = font.getbbox(
            self.text, anchor=self.anchor, stroke_width=OUTLINE if self.is_outlined else 0
        )
        row = self.row - self.lift
        return Written(self.text, Box(self.column + left, row + top, self.column + right, row + bottom))


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A filled rectangle."""

    column: float  # of the upper left corner
    row: float
    width: float
    height: float
    colour: str


@dataclass(frozen=True, slots=True)
class Dot:
    """A disc around the middle of a pixel."""

    column: float
    row: float
    diameter: float
    colour: str


@dataclass(frozen=True, slots=True)
class Stroke:
    """Straight lines from point to point."""

    points: tuple[tuple[float, float], ...]  # column and row
    width: float
    colour: str


@dataclass(frozen=True, slots=True, eq=False)
class Plot:
    """What matplotlib draws over the whole picture, without a background."""

    fill: Callable[["Figure", float], None]  # takes the figure, and by what to multiply sizes in points
    overlay: Callable[[float], Image.Image] | None = (
        None  # the same with opacity, by pixels of a unit, where it is kept
    )


Step = Paste | Line | Rectangle | Dot | Stroke | Plot


def lines_of(
    text: str,
    column: float,
    row: float,
    points: float,
    anchor: str,
    colour: str,
    *,
    is_bold: bool,
    is_outlined: bool,
) -> Iterator[Line]:
    """Yield the lines of a text; lines above and below one another are centred."""
    lines, font = [printable(line) for line in text.split("\n")], font_of(points, is_bold=is_bold)
    widths = [font.getlength(line) for line in lines] if len(lines) > 1 else [0.0]
    pitch = font.getbbox("A")[3] + _SPACING + (OUTLINE if is_outlined else 0)
    top = row - (len(lines) - 1) * pitch * {"a": 0, "m": 0.5, "d": 1}[anchor[1]]
    for i, (line, width) in enumerate(zip(lines, widths, strict=True)):
        shift = (max(widths) - width) / 2 * {"l": 1, "m": 0, "r": -1}[anchor[0]]
        yield Line(line, column + shift, top + i * pitch, points, anchor, colour, is_bold, is_outlined)


@cache
def font_of(points: float, *, is_bold: bool, scale: float = 1.0) -> ImageFont.FreeTypeFont:
    """Return a font that matplotlib includes, where a unit is `scale` pixels."""
    return ImageFont.truetype(
        str(font_file(is_bold=is_bold)), scale * points * DPI / 72, layout_engine=ImageFont.Layout.BASIC
    )


def font_file(*, is_bold: bool, is_oblique: bool = False) -> Path:
    """Return the file of a font."""
    style = "Bold" * is_bold + "Oblique" * is_oblique
    name = f"fonts/ttf/DejaVuSans{style and f'-{style}'}.ttf"
    return installed_file("matplotlib", f"mpl-data/{name}") or _font_of_matplotlib(name)


def _font_of_matplotlib(name: str) -> Path:
    """Return a file of a font where it is not in the package, as in that of Debian."""
    import matplotlib as mpl  # takes long

    return Path(mpl.get_data_path()) / name
