"""What stands at the right of pictures of brains: where slices lie, and what marks mean."""

from typing import NamedTuple

import numpy as np

from bids_ari.report.figures.canvas import Canvas
from bids_ari.report.figures.scene import Locator

LEFT = 108
"""Pixels from the left edge of the column to that of the picture: the room for numbers such as -1.2e-05."""

LINE = 24
"""Pixels of a mark and its gap."""

_TOP = 64  # row of the first locator
_GAP = 8  # between locators
_SIDE = 16  # of the square of a mark
_CUT = "#0072B2"


class Mark(NamedTuple):
    """A square, and what it means."""

    text: str
    fill: str = "#D8D8D8"
    edge: str = "#000000"


def draw_locators(canvas: Canvas, locators: tuple[Locator, ...], per_unit: float) -> float:
    """Draw locators below one another, lines where slices lie; return the row below the last."""
    row, middle = float(_TOP), canvas.size[0] - LEFT / 2 - 4
    for locator in locators:
        height, width = (n / per_unit for n in locator.grey.shape)
        left = round(middle - width / 2)
        canvas.paste(np.repeat(locator.grey[..., None], 3, axis=-1), left, row, per_unit)
        for column in locator.columns:
            canvas.rectangle(left + column, row, 1, height, _CUT)
        for level in locator.rows:
            canvas.rectangle(left, row + level, width, 1, _CUT)
        row += height + _GAP
    return row


def draw_marks(canvas: Canvas, marks: tuple[Mark, ...], top: float) -> None:
    """Draw squares with their meanings below one another, from a row on."""
    left = canvas.size[0] - LEFT
    for i, mark in enumerate(marks):
        row = top + LINE * i
        canvas.rectangle(left, row, _SIDE, _SIDE, mark.edge)
        canvas.rectangle(left + 1, row + 1, _SIDE - 2, _SIDE - 2, mark.fill)
        canvas.write(mark.text, left + _SIDE + 6, row + _SIDE / 2, 8, anchor="lm")
