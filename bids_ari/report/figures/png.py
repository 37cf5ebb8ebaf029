"""Pixels to small PNG files."""

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]

DPI = 120
"""Resolution of the pictures of reports, pixels per inch."""

GREY_STEP = 8
"""Step between grey levels of an underlay: anatomy in few levels makes files half as large."""

_PALETTE = 256  # colours of a PNG with one byte per pixel
_MANY_COLOURS = 2048
_NEAR = 16  # of 256 levels of a channel: few pixels may be as far from what they were
_GREYISH = 4  # a colour whose channels differ by less may stand for a grey
_COMPRESSION = 5  # of zlib: 6 takes half as long again for 5 % less


def encode(pixels: Pixels, exact: Sequence[tuple[slice, slice]] = ()) -> bytes:
    """Encode pixels, (height, width, 3), as a PNG with a palette, a byte per pixel.

    If there are more colours, those at the edges of letters become similar ones. Where these would be too different, as
    in blends of statistics and underlay, each channel is rounded instead. The parts `exact`, rows and columns, such as
    the bars of scales, keep their colours: all where channels are rounded, else as many as half of a palette has.
    """
    from pandas import factorize  # takes long to import

    codes = np.left_shift(pixels[..., 0], 16, dtype=np.int32)
    codes |= np.left_shift(pixels[..., 1], 8, dtype=np.int32)
    codes |= pixels[..., 2]
    numbers, found = factorize(codes.ravel())
    if found.size <= _MANY_COLOURS:
        weights = np.bincount(numbers)
        for part in exact:
            weights[numbers.reshape(codes.shape)[part]] += numbers.size
        order = np.argsort(-weights, kind="stable")
        colours = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=1).astype(np.uint8)[order]
        palette, nearest = _reduced(colours)
        if np.abs(colours - palette[nearest].astype(np.int16)).max() <= _NEAR:
            places = np.empty(order.size, dtype=np.uint8)
            places[order] = nearest
            return save(places[numbers].reshape(codes.shape), palette=palette)
    levels = np.minimum(np.rint(np.arange(256) / GREY_STEP) * GREY_STEP, 255).astype(np.uint8)
    rounded = levels[pixels]
    for part in exact:
        rounded[part] = pixels[part]
    return save(rounded)


def _reduced(colours: Pixels) -> tuple[Pixels, npt.NDArray[np.intp]]:
    """Return a palette of colours, (n, 3), the most frequent first, and the place in it that is nearest to each.

    Half of the palette are the most frequent ones; each other one is the most different from those before. Greys remain
    grey.
    """
    if len(colours) <= _PALETTE:
        return colours, np.arange(len(colours))
    kept = list(range(_PALETTE // 2))
    apart = [_apart(colours, each) for each in kept]
    furthest = np.min(apart, axis=0)
    while len(kept) < _PALETTE:
        kept.append(int(furthest.argmax()))
        apart.append(_apart(colours, kept[-1]))
        furthest = np.minimum(furthest, apart[-1])
    palette = colours[kept]
    greyish = np.ptp(palette, axis=1) < _GREYISH
    palette[greyish] = np.rint(palette[greyish].mean(axis=1, keepdims=True))
    return palette, np.argmin(apart, axis=0)


def _apart(colours: Pixels, one: int) -> npt.NDArray[np.int16]:
    """Return how much each colour differs from one of them, the largest of the channels, (n,)."""
    return np.asarray(np.abs(colours - colours[one].astype(np.int16)).max(axis=1))


def save(values: Pixels, dpi: int = DPI, palette: Pixels | None = None) -> bytes:
    """Return a PNG file of places in a palette, (height, width), or of colours, (height, width, 3)."""
    image, file = Image.fromarray(values), io.BytesIO()
    if palette is not None:
        image.putpalette(palette.tobytes())
    image.save(file, format="png", compress_level=_COMPRESSION, dpi=(dpi, dpi))
    return file.getvalue()
