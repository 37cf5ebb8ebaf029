"""Colour scales and their bars."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw

from bids_ari.report.figures.canvas import Canvas
from bids_ari.report.figures.legend import LEFT, LINE, Mark, draw_marks
from bids_ari.report.figures.palettes import TDP_PALETTE, sampled
from bids_ari.report.figures.png import Pixels
from bids_ari.report.figures.steps import SOFT
from bids_ari.stats.choices import Alternative
from bids_ari.stats.distributions import FloatArray

Extend = Literal["neither", "both", "min", "max"]

Z_UNCORRECTED = 3.0902323061678132
"""z with a one-sided tail probability of .001."""

_LEVELS = 64  # colours of a scale: more cannot be distinguished, and few make small files
_COVERED = 99.9  # percentile at the end of a scale: a few extreme voxels at the edge of a brain would compress it
_HIDDEN = 216  # grey
_BAR = 18  # width of a bar in pixels
_LABEL = 34  # pixels above a bar for its label
_LABEL_LINE = 26  # for each further line of it
_FOOT = 16  # below it
_LONGEST, _SHORTEST = 276, 80  # pixels of a bar
_RISE = 0.4  # part of the free room that is above
_TIP = 0.05  # length of a pointed end, as a fraction of that of the bar
_FINE = 4  # pixels drawn for each pixel of a bar along each axis


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """A colour for each value."""

    label: str
    colours: Pixels  # (n_colours, 3)
    ends: tuple[float, float]  # values with the first and the last colour; values beyond have the same colours
    part: tuple[float, float]  # of the bar that is shown
    ticks: tuple[float, ...]
    extend: Extend = "neither"  # the ends beyond which there are values, where the bar is pointed
    beyond: tuple[float, float] | None = None  # the smallest and the largest value, if they are known
    marks: tuple[Mark, ...] = ()  # what else there is in the picture

    def colour(self, values: FloatArray) -> Pixels:
        """Return the colour of each value, (n_points, 3)."""
        low, high = self.ends
        places = (np.fmax(np.fmin(values, high), low) - low) * (len(self.colours) / (high - low))
        return self.colours[np.minimum(places.astype(np.int32), len(self.colours) - 1)]

    def draw(self, canvas: Canvas, top: float = 58) -> None:
        """Draw the bar and the marks at the right of a picture, below a row."""
        left, above = canvas.size[0] - LEFT, _LABEL + _LABEL_LINE * self.label.count("\n")
        free = canvas.size[1] - top - above - _FOOT - LINE * len(self.marks)
        length = round(min(max(free, _SHORTEST), _LONGEST))
        start = round(top + above + max(free - length, 0) * _RISE)
        upper, lower = self._tips(length)
        low, high = self.part
        canvas.paste(self._bar(length), left, start, _FINE, is_exact=True)
        canvas.stroke(self._outline(left, start, length))
        for tick in self.ticks:
            row = start + upper + (length - upper - lower - 1) * (high - tick) / (high - low)
            canvas.rectangle(left + _BAR, row, 4, 1)
            canvas.write(_number(tick), left + _BAR + 9, row, 9, anchor="lm")
        for tip, row, value in zip((lower, upper), (start + length, start), self.beyond or (0, 0), strict=True):
            if tip and self.beyond:
                canvas.write(f"to {_number(value)}", left + _BAR + 9, row, 7, anchor="lm", colour=SOFT)
        canvas.write(self.label, left + _BAR / 2, start - 14, 11, anchor="md")
        draw_marks(canvas, self.marks, start + length + _FOOT)

    def _tips(self, length: int) -> tuple[int, int]:
        """Return the lengths of the upper and the lower end in pixels, 0 for an end that is not pointed."""
        tip = round(_TIP * length)
        return tip * (self.extend in ("both", "max")), tip * (self.extend in ("both", "min"))

    def _outline(self, left: float, top: float, length: int) -> list[tuple[float, float]]:
        """Return the corners of the line around the bar, within it."""
        upper, lower = self._tips(length)
        right, first, last = left + _BAR - 0.5, top + 0.5, top + length - 0.5
        left, middle = left + 0.5, left + _BAR / 2
        corners = [(left, first + upper), (middle, first), (right, first + upper)]
        corners += [(right, last - lower), (middle, last), (left, last - lower)]
        return [*corners, *corners[:2]]

    def _bar(self, length: int) -> Pixels:
        """Return the colours of the bar, `_FINE` pixels for each unit along each axis."""
        upper, lower = (_FINE * tip for tip in self._tips(length))
        width, height = _FINE * _BAR, _FINE * length
        inner = (np.arange(height) + 0.5 - upper) / (height - upper - lower)
        low, high = self.part
        rows = self.colour(high - (high - low) * np.clip(inner, 0, 1))
        fine = Image.fromarray(np.repeat(rows[:, None], width, axis=1))
        shape = Image.new("L", fine.size)
        corners = [(_FINE * column, _FINE * row) for column, row in self._outline(0, 0, length)]
        ImageDraw.Draw(shape).polygon(corners, fill=255)
        return np.asarray(Image.composite(fine, Image.new("RGB", fine.size, "white"), shape))


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _middles(n: int) -> FloatArray:
    """Return the middles of `n` equal parts of a palette, each for the values of a part of a scale."""
    return (np.arange(n) + 0.5) / n


@cache
def tdp_scale() -> Scale:
    """Return the scale of all true discovery proportions, above 0 to 1; a TDP of 0 has no colour anywhere."""
    colours = sampled(TDP_PALETTE, _middles(_LEVELS))
    return Scale("TDP", colours, (0, 1), (0, 1), (0, 0.25, 0.5, 0.75, 1), marks=(Mark("0, or none"),))


def without_colours(scale: Scale, least: float) -> Scale:
    """Return a scale of TDP for a picture where those below `least` have no colour: grey in the bar."""
    places = (np.arange(_FINE * _BAR * _LEVELS) + 0.5) / (_FINE * _BAR * _LEVELS)
    colours = scale.colour(places)
    colours[places < least] = _HIDDEN
    return replace(scale, colours=colours, marks=(Mark(f"below {least:g}"),))


def tdp_colour(tdp: float) -> str:
    """Return the colour of a TDP above 0 for a page, such as ``#C62B16``."""
    return f"#{bytes(tdp_scale().colour(np.array([tdp]))[0]).hex().upper()}"


def z_scale(z: FloatArray, alternative: Alternative) -> Scale:
    """Return the scale of z where p < .001 uncorrected, for values (n_shown,); infinite ones have the last colour.

    The bar shows the side of the alternative, both for ``two-sided``.
    """
    top = float(np.ceil(np.abs(z[np.isfinite(z)]).max(initial=Z_UNCORRECTED + 1)))
    places = np.linspace(-top, top, 8 * _LEVELS)
    steps = np.minimum(np.floor((places + top) / (2 * top) * 2 * _LEVELS), 2 * _LEVELS - 1)
    colours = sampled("RdBu_r", steps / (2 * _LEVELS - 1))
    colours[np.abs(places) < Z_UNCORRECTED] = _HIDDEN
    low = Z_UNCORRECTED if alternative == "greater" else -top
    high = -Z_UNCORRECTED if alternative == "less" else top
    ticks = tuple(tick for tick in (-top, -Z_UNCORRECTED, Z_UNCORRECTED, top) if low <= tick <= high)
    return Scale("z", colours, (-top, top), (low, high), ticks, marks=(Mark("p ≥ .001"),))


def value_scale(values: FloatArray, label: str, *, is_signed: bool = True) -> Scale:
    """Return a scale symmetric around 0, or its upper half if not `is_signed`, to the 99.9th percentile of |values|."""
    sizes = np.abs(values[np.isfinite(values)])
    top = _round_up(float(np.percentile(sizes, _COVERED))) if sizes.size else 1.0
    extends: tuple[Extend, ...] = ("neither", "min", "max", "both")
    extend = extends[bool((values < -top).any()) + 2 * bool((values > top).any())]
    ends = (-top if is_signed else 0.0, top)
    places = _middles(_LEVELS + 1)  # an odd number: 0 is white
    colours = sampled("RdBu_r", places if is_signed else (1 + places) / 2)
    ticks = (-top, 0.0, top) if is_signed else (0.0, top / 2, top)
    beyond = (float(values.min()), float(values.max())) if values.size else None
    return Scale(label, colours, ends, ends, ticks, extend, beyond, (Mark("not tested"),))


def _round_up(value: float) -> float:
    """Round up to two significant digits; 1 for 0.

    >>> _round_up(0.0371), _round_up(12.0), _round_up(0)
    (0.038, 12.0, 1.0)
    """
    if value <= 0:
        return 1.0
    decade = 10.0 ** (np.floor(np.log10(value)) - 1)
    return float(f"{np.ceil(value / decade - 1e-9) * decade:.2g}")
