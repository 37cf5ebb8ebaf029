"""A picture on which arrays, texts and shapes are placed, in pixels from its upper left corner."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bids_ari.bids.entities import printable
from bids_ari.report.figures.png import DPI, Pixels, encode
from bids_ari.runtime.installed import installed_file

BLACK = "#000000"

_FINE = 8  # samples of a pixel of a dot along each axis
_SUBTITLE = "#585858"  # grey: a palette needs no more colours for the edges of its letters
_FONTS = {False: "DejaVuSans.ttf", True: "DejaVuSans-Bold.ttf"}


class Canvas:
    """A white picture to draw on."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size  # width and height
        self._image = Image.new("RGB", size, "white")
        self._draw = ImageDraw.Draw(self._image)

    @property
    def pixels(self) -> Pixels:
        """The picture, (height, width, 3)."""
        return np.asarray(self._image)

    def paste(self, pixels: Pixels, column: int, row: int) -> None:
        """Place pixels, (height, width, 3), with their upper left corner at a pixel."""
        self._image.paste(Image.fromarray(pixels), (column, row))

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
        """Write a text; `anchor` is what of it is at the pixel, as of Pillow: ``mm`` its middle, ``la`` its top left.

        A white outline makes it legible on any colour.
        """
        lifted = anchor.endswith("m")  # the middle of a font is below that of most letters
        self._draw.text(
            (round(column), round(row) - lifted),
            text,
            fill=colour,
            font=_font(points, is_bold=is_bold),
            anchor=anchor,
            align="center",
            stroke_width=2 if is_outlined else 0,
            stroke_fill="white",
        )

    def rectangle(self, column: float, row: float, width: float, height: float, colour: str = BLACK) -> None:
        """Fill a rectangle."""
        left, top = round(column), round(row)
        self._draw.rectangle((left, top, left + round(width) - 1, top + round(height) - 1), fill=colour)

    def dot(self, column: float, row: float, diameter: float, colour: str) -> None:
        """Draw a dot with smooth edges, centred at a pixel."""
        mask = _disc(diameter)
        self._image.paste(colour, (round(column) - mask.width // 2, round(row) - mask.height // 2), mask)


def draw_png(size: tuple[int, int], title: str, subtitle: str, fill: Callable[[Canvas], None]) -> bytes:
    """Draw a picture of a size in pixels with a title, and the result it belongs to, and return it as a PNG."""
    canvas = Canvas(size)
    fill(canvas)
    canvas.write(shortened(title, size[0] // 15), 14, 13, 13, anchor="la", is_bold=True)
    canvas.write(shortened(subtitle, size[0] // 10), 14, 41, 9, anchor="la", colour=_SUBTITLE)
    return encode(canvas.pixels)


def shortened(text: str, longest: int) -> str:
    """Return a name as printable text of at most some characters.

    >>> shortened("faces", 5), shortened("houses", 5)
    ('faces', 'hous…')
    """
    text = printable(text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


@cache
def _font(points: float, *, is_bold: bool) -> ImageFont.FreeTypeFont:
    """Return a font that matplotlib includes."""
    name = f"fonts/ttf/{_FONTS[is_bold]}"
    path = installed_file("matplotlib", f"mpl-data/{name}") or _font_of_matplotlib(name)
    return ImageFont.truetype(str(path), points * DPI / 72, layout_engine=ImageFont.Layout.BASIC)


def _font_of_matplotlib(name: str) -> Path:
    """Return a file of a font where it is not in the package, as in that of Debian."""
    import matplotlib as mpl  # takes long

    return Path(mpl.get_data_path()) / name


@cache
def _disc(diameter: float) -> Image.Image:
    """Return the opacity of a dot."""
    side = int(np.ceil(diameter)) | 1  # odd, so that there is a pixel in the middle
    places = (np.arange(_FINE * side) + 0.5) / _FINE - side / 2
    inside = np.hypot(places, places[:, None]) <= diameter / 2
    cover = inside.reshape(side, _FINE, side, _FINE).mean(axis=(1, 3))
    return Image.fromarray(np.rint(255 * cover).astype(np.uint8))
