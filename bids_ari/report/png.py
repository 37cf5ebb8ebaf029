"""Figures to small PNG files: few colours, told by a palette."""

import io
import warnings
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Pixels = npt.NDArray[np.uint8]

DPI = 120
"""Pixels per inch of all figures."""

GREY_STEP = 8
"""Between greys: an anatomy without noise makes a picture half as large."""

_COLOURS = 256  # of a palette


def to_png(figure: "Figure") -> bytes:
    """Draw a figure.

    Parameters
    ----------
    figure : Figure
        Not one of pyplot's: there is nothing to close.

    Returns
    -------
    bytes
        A PNG of at most 256 colours: exactly those of the figure, but for greys, where these are no more.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # a name may have letters that the font lacks
        canvas.draw()
    return encode(np.asarray(canvas.buffer_rgba())[..., :3])


def encode(pixels: Pixels) -> bytes:
    """Write pixels, (height, width, 3), as a PNG of at most 256 colours."""
    from PIL import Image

    stepped = _step_greys(pixels)
    packed = stepped.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    used = np.flatnonzero(np.bincount(packed.ravel(), minlength=1 << 24)).astype(np.uint32)
    if used.size > _COLOURS:
        image = Image.fromarray(stepped).quantize(_COLOURS, dither=Image.Dither.NONE)
    else:
        image = Image.fromarray(np.searchsorted(used, packed).astype(np.uint8))
        image.putpalette(np.stack([used >> 16, used >> 8 & 255, used & 255], axis=-1).astype(np.uint8).tobytes())
    file = io.BytesIO()
    image.save(file, format="png", dpi=(DPI, DPI), optimize=True)
    return file.getvalue()


def _step_greys(pixels: Pixels) -> Pixels:
    """Bring greys to few levels, black and white among them; colours stay."""
    grey = (pixels == pixels[..., :1]).all(axis=-1, keepdims=True)
    level = np.minimum(np.rint(pixels / GREY_STEP) * GREY_STEP, 255).astype(np.uint8)
    return np.where(grey, level, pixels)
