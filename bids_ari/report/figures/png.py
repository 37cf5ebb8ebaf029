"""Figures to small PNG files: few colours, told by a palette."""

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
"""Pixels per inch of all figures."""

GREY_STEP = 8
"""Between greys: an anatomy without noise makes a picture half as large."""

_COLOURS = 256  # of a palette
_COMMON = 0.97  # of the pixels have one of these, if they are enough
_TITLE: dict[str, Any] = {"size": 13, "weight": "bold"}
_BELOW: dict[str, Any] = {"size": 9, "color": "#505860"}
_COMPRESSION = 6  # of zlib: 9 takes five times as long for a twentieth less


def draw_png(size: tuple[int, int], title: str, about: str, fill: Callable[["Figure"], None]) -> bytes:
    """Draw a figure with a title, the same whatever the style of the notebook is.

    Parameters
    ----------
    size : tuple of int
        Width and height in pixels.
    title, about : str
        What is seen, and of which result.
    fill : callable
        Draws the rest.

    Returns
    -------
    bytes
        A PNG.
    """
    from matplotlib import style
    from matplotlib.figure import Figure

    width, height = size
    with style.context("default"):
        figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)  # none of pyplot's: nothing to close
        for text, top, pixels, look in ((title, 16, 15, _TITLE), (about, 42, 10, _BELOW)):
            short = _shortened(printable(text), width // pixels)
            figure.text(14 / width, 1 - top / height, short, va="top", parse_math=False, **look)
        fill(figure)
        return to_png(figure)


def to_png(figure: "Figure") -> bytes:
    """Draw a figure.

    Parameters
    ----------
    figure : Figure
        Not one of pyplot's: there is nothing to close.

    Returns
    -------
    bytes
        A PNG.
    """
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # a name may have letters that the font lacks
        figure.savefig(file, format="rgba")
    width, height = np.rint(figure.get_size_inches() * figure.dpi).astype(int)
    return encode(np.frombuffer(file.getvalue(), dtype=np.uint8).reshape(height, width, 4)[..., :3])


def _shortened(text: str, most: int) -> str:
    """Cut what is too long.

    >>> _shortened("faces", 5), _shortened("houses", 5)
    ('faces', 'hous…')
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"


def encode(pixels: Pixels) -> bytes:
    """Write pixels, (height, width, 3), as a small PNG.

    Greys are brought to few levels. With a palette, the commonest colours are exact and the few others, at the edges of
    letters, are the nearest of these; without, where there are many common ones, all are brought to few levels.
    """
    from PIL import Image

    red, green, blue = np.moveaxis(pixels, -1, 0)
    levels = np.minimum(np.rint(np.arange(256) / GREY_STEP) * GREY_STEP, 255).astype(np.uint8)
    grey = (red == green) & (green == blue)
    used, place, counts = _colours(np.where(grey[..., None], levels[red][..., None], pixels))
    common = np.argsort(-counts, kind="stable")[:_COLOURS]
    if counts[common].sum() > _COMMON * counts.sum():
        image = Image.fromarray(_nearest(used, used[common])[place])
        image.putpalette(used[common].tobytes())
    else:
        image = Image.fromarray(levels[pixels])
    file = io.BytesIO()
    image.save(file, format="png", dpi=(DPI, DPI), compress_level=_COMPRESSION)
    return file.getvalue()


def _colours(pixels: Pixels) -> tuple[Pixels, npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Give the colours that there are, (n, 3), the place among these of each pixel, and how often each stands there."""
    red, green, blue = np.moveaxis(pixels, -1, 0).astype(np.uint32)
    packed = red << 16 | green << 8 | blue
    seen = np.zeros(1 << 24, dtype=bool)
    seen[packed] = True
    used = np.flatnonzero(seen)
    place = np.searchsorted(used, packed)
    counts = np.bincount(place.ravel(), minlength=used.size)
    return np.stack([used >> 16, used >> 8 & 255, used & 255], axis=-1).astype(np.uint8), place, counts


def _nearest(colours: Pixels, palette: Pixels) -> Pixels:
    """Give the place in a palette, (n_places, 3), of what is nearest to each colour, (n,)."""
    away = np.square(colours[:, None].astype(np.int32) - palette).sum(axis=-1)
    nearest: npt.NDArray[np.intp] = away.argmin(axis=1)
    return nearest.astype(np.uint8)
