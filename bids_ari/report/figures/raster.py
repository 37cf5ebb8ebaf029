"""Steps of a picture to pixels."""

from collections.abc import Iterable
from functools import cache, singledispatch

import numpy as np
from PIL import Image, ImageDraw

from bids_ari.report.figures.figure import rendered
from bids_ari.report.figures.png import Pixels
from bids_ari.report.figures.steps import OUTLINE, Dot, Line, Paste, Plot, Rectangle, Step, Stroke, font_of

_FINE = 8  # samples of a pixel of a dot along each axis
_SAMPLES = 4  # of a pixel of a line, and of pixels that do not fit, along each axis


def pixels_of(size: tuple[int, int], steps: Iterable[Step], scale: float = 1.0) -> Pixels:
    """Draw steps on white, and return the pixels, (height, width, 3).

    Parameters
    ----------
    size : tuple of int
        Width and height in units.
    steps : iterable of Step
        What is drawn, each above those before.
    scale : float
        Pixels of a unit.
    """
    image = Image.new("RGB", (round(size[0] * scale), round(size[1] * scale)), "white")
    for step in steps:
        _draw(step, image, scale)
    return np.asarray(image)


@singledispatch
def _draw(step: Step, image: Image.Image, scale: float) -> None:
    raise TypeError(f"{step} is no step")


@_draw.register
def _(step: Paste, image: Image.Image, scale: float) -> None:
    height, width = (round(n * scale / step.per_unit) for n in step.pixels.shape[:2])
    image.paste(_resized(step.pixels, (width, height)), (round(step.column * scale), round(step.row * scale)))


def _resized(pixels: Pixels, size: tuple[int, int]) -> Image.Image:
    """Return an image of a size in which each pixel has its share of the area."""
    image = Image.fromarray(pixels)
    if image.size == size:
        return image
    if size[0] > image.width:
        image = image.resize((_SAMPLES * image.width, _SAMPLES * image.height), Image.Resampling.NEAREST)
    return image.resize(size, Image.Resampling.BOX)


@_draw.register
def _(step: Line, image: Image.Image, scale: float) -> None:
    ImageDraw.Draw(image).text(
        (round(step.column * scale), round(step.row * scale) - round(step.lift * scale)),
        step.text,
        fill=step.colour,
        font=font_of(step.points, is_bold=step.is_bold, scale=scale),
        anchor=step.anchor,
        stroke_width=round(OUTLINE * scale) if step.is_outlined else 0,
        stroke_fill="white",
    )


@_draw.register
def _(step: Rectangle, image: Image.Image, scale: float) -> None:
    left, top = round(step.column * scale), round(step.row * scale)
    width, height = (max(round(side * scale), 1) for side in (step.width, step.height))
    ImageDraw.Draw(image).rectangle((left, top, left + width - 1, top + height - 1), fill=step.colour)


@_draw.register
def _(step: Dot, image: Image.Image, scale: float) -> None:
    mask = _disc(step.diameter * scale)
    column, row = (round((place + 0.5) * scale - 0.5) - mask.width // 2 for place in (step.column, step.row))
    image.paste(step.colour, (column, row), mask)


@cache
def _disc(diameter: float) -> Image.Image:
    """Return the opacity of a dot."""
    side = int(np.ceil(diameter)) | 1  # odd, so that there is a pixel in the middle
    places = (np.arange(_FINE * side) + 0.5) / _FINE - side / 2
    inside = np.hypot(places, places[:, None]) <= diameter / 2
    cover = inside.reshape(side, _FINE, side, _FINE).mean(axis=(1, 3))
    return Image.fromarray(np.rint(255 * cover).astype(np.uint8))


@_draw.register
def _(step: Stroke, image: Image.Image, scale: float) -> None:
    places = scale * np.array(step.points)
    margin = int(np.ceil(step.width * scale)) + 1
    first = np.floor(places.min(axis=0)).astype(int) - margin
    size = np.ceil(places.max(axis=0)).astype(int) + margin - first
    mask = Image.new("L", tuple(_SAMPLES * size))
    fine = [tuple(_SAMPLES * (place - first)) for place in places]
    ImageDraw.Draw(mask).line(fine, fill=255, width=round(_SAMPLES * step.width * scale), joint="curve")
    image.paste(step.colour, tuple(first), mask.reduce(_SAMPLES))


@_draw.register
def _(step: Plot, image: Image.Image, scale: float) -> None:
    over = step.overlay(scale) if step.overlay else rendered(step, image.size, scale)
    image.paste(over, (0, 0), over)
