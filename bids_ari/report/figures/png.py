"""Figures to small PNG files."""

import io
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bids_ari.bids.entities import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Pixels = npt.NDArray[np.uint8]

DPI = 120
"""Resolution of all figures, pixels per inch."""

GREY_STEP = 8
"""Step between grey levels of an underlay: anatomy in few levels makes files half as large."""

_MANY_COLOURS = 2048
_TITLE: dict[str, Any] = {"size": 13, "weight": "bold"}
_SUBTITLE: dict[str, Any] = {"size": 9, "color": "#505860"}
_COMPRESSION = 6  # of zlib: 9 takes five times as long for 5 % less


def draw_png(size: tuple[int, int], title: str, subtitle: str, fill: Callable[["Figure"], None]) -> bytes:
    """Draw a figure of a size in pixels with a title, and the result it belongs to, and return it as a PNG."""
    from matplotlib import style
    from matplotlib.figure import Figure

    width, height = size
    with style.context("default"):
        figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)  # not of pyplot: nothing to close
        for text, top, letter, font in ((title, 16, 15, _TITLE), (subtitle, 42, 10, _SUBTITLE)):
            short = shortened(text, width // letter)
            figure.text(14 / width, 1 - top / height, short, va="top", parse_math=False, **font)
        fill(figure)
        return to_png(figure)


def to_png(figure: "Figure") -> bytes:
    """Render a figure that does not belong to pyplot as a PNG."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # names may contain letters that the font lacks
        figure.savefig(file, format="rgba")
    width, height = np.rint(figure.get_size_inches() * figure.dpi).astype(int)
    return encode(np.frombuffer(file.getvalue(), dtype=np.uint8).reshape(height, width, 4)[..., :3])


def encode(pixels: Pixels) -> bytes:
    """Encode pixels, (height, width, 3), as a PNG with few colours: the file is a third smaller.

    A palette changes colours by a few of 256 levels. With many colours, blends of statistics and underlay, it would
    tint greys; then each channel is rounded instead.
    """
    from PIL import Image

    image = Image.fromarray(pixels)
    if image.getcolors(_MANY_COLOURS) is None:  # more than so many
        image = image.point([min(round(level / GREY_STEP) * GREY_STEP, 255) for level in range(256)] * 3)
    else:
        image = image.quantize(method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        palette = np.array(image.getpalette(), dtype=np.uint8).reshape(-1, 3)
        greyish = np.ptp(palette, axis=1) < GREY_STEP
        palette[greyish] = np.rint(palette[greyish].mean(axis=1, keepdims=True))
        image.putpalette(palette.tobytes())
    file = io.BytesIO()
    image.save(file, format="png", dpi=(DPI, DPI), compress_level=_COMPRESSION)
    return file.getvalue()


def shortened(text: str, longest: int) -> str:
    """Return a name as printable text of at most some characters.

    >>> shortened("faces", 5), shortened("houses", 5)
    ('faces', 'hous…')
    """
    text = printable(text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
