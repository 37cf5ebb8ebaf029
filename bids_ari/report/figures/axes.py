"""Axes of a panel: a frame on the left and below, ticks at round numbers, and the pixel of each value."""

from typing import NamedTuple

import numpy as np

from bids_ari.report.figures.canvas import Canvas
from bids_ari.stats.distributions import FloatArray

_STEPS = (1, 2, 2.5, 5, 10)
_MOST_TICKS = 8
_LONGEST = 8  # characters of a number without an exponent
_TICK = 5  # pixels


class Axes(NamedTuple):
    """Where values are in a picture."""

    box: tuple[int, int, int, int]  # left, top, width and height in pixels
    x: tuple[float, float]  # values at the left and the right end
    y: tuple[float, float]  # at the lower and the upper end

    def pixel(self, x: float, y: float) -> tuple[float, float]:
        """Return column and row of a point."""
        left, top, width, height = self.box
        return left + width * _fraction(x, self.x), top + height * (1 - _fraction(y, self.y))

    def draw(self, canvas: Canvas, title: str, label: str) -> None:
        """Draw the frame and the ticks with their numbers, a title above, and a label below."""
        left, top, width, height = self.box
        bottom = top + height
        canvas.rectangle(left, top, 1, height)
        canvas.rectangle(left, bottom, width, 1)
        places, numbers = ticks(*self.x)
        for place, number in zip(places, numbers, strict=True):
            column, _ = self.pixel(place, 0)
            canvas.rectangle(column, bottom, 1, _TICK)
            canvas.write(number, column, bottom + _TICK + 12, 8)
        places, numbers = ticks(*self.y)
        for place, number in zip(places, numbers, strict=True):
            _, row = self.pixel(0, place)
            canvas.rectangle(left - _TICK, row, _TICK, 1)
            canvas.write(number, left - _TICK - 6, row, 8, anchor="rm")
        canvas.write(title, left, top - 16, 10, anchor="lm")
        canvas.write(label, left + width / 2, bottom + 38, 8)


def ticks(low: float, high: float, most: int = _MOST_TICKS) -> tuple[FloatArray, list[str]]:
    """Return less than `most` round numbers between two ends, and their texts, with as many decimals as they need.

    >>> ticks(-0.4, 1.1)[1], ticks(0, 31)[1], ticks(2e8, 9e8)[1][0]
    (['−0.4', '−0.2', '0.0', '0.2', '0.4', '0.6', '0.8', '1.0'], ['0', '5', '10', '15', '20', '25', '30'], '2e+08')
    """
    decade = 10.0 ** np.floor(np.log10((high - low) / most))
    step = next(step for step in np.multiply(_STEPS, decade) if (high - low) / step < most)
    places = step * np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1)
    decimals = max(0, int(np.ceil(-np.log10(step) - 1e-9)))
    decimals += not np.isclose(step * 10**decimals, round(step * 10**decimals))
    texts = [f"{place + 0.0:.{decimals}f}" for place in places]
    if max(map(len, texts)) > _LONGEST:
        digits = 2 + int(np.log10(np.abs(places).max() / step))
        texts = [f"{place:.{digits}g}" for place in places]
    return places, [text.replace("-", "−") for text in texts]


def _fraction(value: float, ends: tuple[float, float]) -> float:
    """Return where a value is between two ends, from 0 to 1."""
    return (value - ends[0]) / (ends[1] - ends[0])
