"""Numbers of all subjects in one picture: a row with the name of each subject, and a column of dots for each number."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bids_ari.analysis.outliers import Criterion, outliers
from bids_ari.report.figures.axes import ticks
from bids_ari.report.figures.canvas import BLACK, Canvas, drawn, shortened
from bids_ari.report.figures.steps import SOFT, font_of
from bids_ari.stats.distributions import FloatArray

OUTLIER = "#B34700"
"""The colour of possible outliers: of their dots and names, also as small text legible on white."""

MOST_NAMED = 60
"""Subjects up to which each row has its name; of more, possible outliers have theirs."""

_TITLES = {
    "correlation": ("Correlation", "with the others' mean"),
    "mean": ("Mean", "units of the maps"),
    "standard deviation": ("SD", "units of the maps"),
    "overlap": ("Overlap", "with common coverage"),
    "residual": ("Residual", "RMS, 1 expected"),
    "influence": ("Influence", "standard errors"),
}
_WIDTH, _RIGHT, _GAP = 1152, 24, 30  # pixels: the picture, the margin, between columns
_LEAST_LEFT, _LETTER = 120, 9.2  # pixels: names, a bold character of them
_TOP, _BOTTOM = 152, 56  # above and below the rows
_ROW, _TALL = 22, 1320  # height of a row with a name, and of all rows without
_TICK, _MOST_TICKS = 5, 4
_LONGEST = 26  # characters of a name with its mark
_SMALL, _LARGE = (4.2, 6.0), (9.0, 11.0)  # diameters of a usual dot and of a possible outlier: of many subjects, of few
_MARGIN = 0.08  # of an axis, as a fraction of the range of values
_USUAL, _BAND, _LINE, _MEDIAN = "#46505b", "#e8eef2", "#d9dde1", "#8fa3b3"


class _Column(NamedTuple):
    """Where the values of a criterion are."""

    left: float
    width: float
    ends: tuple[float, float]  # values at both ends

    def place(self, value: float) -> float:
        """Return the pixel of a value; at the nearer end if it is beyond."""
        part = (value - self.ends[0]) / (self.ends[1] - self.ends[0])
        return self.left + self.width * float(np.clip(part, 0, 1))


def draw_subjects(found: Sequence[Criterion], names: Sequence[str], subtitle: str) -> Canvas:
    """Draw all criteria for possible outliers; values that are not in their usual range are coloured."""
    n = len(names)
    step = _ROW if n <= MOST_NAMED else _TALL / n
    rows = _TOP + step * (np.arange(n) + 0.5)
    bottom = _TOP + step * n
    left = max(_LEAST_LEFT, 24 + _LETTER * min(2 + max(map(len, names)), _LONGEST))
    is_far = np.asarray(outliers(found).any(axis=1))

    def fill(canvas: Canvas) -> None:
        room = (_WIDTH - left - _RIGHT) / len(found)
        columns = [_Column(left + room * i, room - _GAP, _ends(each.values)) for i, each in enumerate(found)]
        for criterion, column in zip(found, columns, strict=True):
            _draw_axis(canvas, criterion, column, bottom)
        if n <= MOST_NAMED:
            for row in rows:
                canvas.rectangle(left, row, _WIDTH - left - _RIGHT, 1, _LINE)
        _write_names(canvas, rows, names, is_far, (left, bottom))
        for criterion, column in zip(found, columns, strict=True):
            _draw_dots(canvas, criterion, column, rows, small=n > MOST_NAMED)
        _draw_legend(canvas, left, bottom + 34)

    return drawn((_WIDTH, round(bottom) + _BOTTOM), "Quality measures of the subjects' maps", subtitle, fill)


def _ends(values: FloatArray) -> tuple[float, float]:
    """Return the ends of an axis that has all finite values, with margins."""
    seen = values[np.isfinite(values)]
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 1.0)
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        low, high = low - 0.05 * (abs(low) or 1), high + 0.05 * (abs(high) or 1)
    return low - _MARGIN * (high - low), high + _MARGIN * (high - low)


def _draw_axis(canvas: Canvas, criterion: Criterion, column: _Column, bottom: float) -> None:
    """Draw title, usual range, median, and the axis above the rows."""
    title, unit = _TITLES[criterion.name]
    canvas.write(title, column.left, 82, 9.5, anchor="lm", is_bold=True)
    canvas.write(unit, column.left, 103, 7, anchor="lm", colour=SOFT)
    low, high = (column.place(each) if not np.isnan(each) else column.left for each in criterion.usual)
    canvas.rectangle(low, _TOP, max(high - low, 1), bottom - _TOP, _BAND)
    finite = criterion.values[np.isfinite(criterion.values)]
    if finite.size:
        canvas.rectangle(column.place(float(np.median(finite))), _TOP, 2, bottom - _TOP, _MEDIAN)
    canvas.rectangle(column.left, _TOP - 1, column.width, 1)
    free, last = column.left - _GAP / 2, column.left + column.width + _GAP / 2
    for place, number in zip(*ticks(*column.ends, _MOST_TICKS), strict=True):
        canvas.rectangle(column.place(place), _TOP - 1 - _TICK, 1, _TICK)
        half = font_of(7, is_bold=False).getlength(number) / 2 + 1
        if free <= column.place(place) - half and column.place(place) + half <= last:  # others would overlap
            canvas.write(number, column.place(place), _TOP - 18, 7)
            free = column.place(place) + half


def _draw_dots(
    canvas: Canvas, criterion: Criterion, column: _Column, rows: npt.NDArray[np.floating], *, small: bool
) -> None:
    """Draw the values, usual ones first; those that do not exist and infinite ones are written."""
    usual, far = _SMALL if small else _LARGE
    for i in np.argsort(criterion.is_far, kind="stable").tolist():
        value, colour = float(criterion.values[i]), OUTLIER if criterion.is_far[i] else _USUAL
        if np.isfinite(value):
            canvas.dot(column.place(value), rows[i], far if criterion.is_far[i] else usual, colour)
        elif np.isnan(value):
            canvas.write("none", column.left, rows[i], 7, anchor="lm", colour=colour, is_outlined=True)
        else:
            canvas.write("∞", column.left + column.width, rows[i], 9, anchor="rm", colour=colour, is_outlined=True)


def _write_names(
    canvas: Canvas,
    rows: npt.NDArray[np.floating],
    names: Sequence[str],
    is_far: npt.NDArray[np.bool_],
    corner: tuple[float, float],
) -> None:
    """Write the names that have room: of all rows, or of possible outliers below each other beside their rows.

    The corner is the right end of the names, and the lower end of the rows.
    """
    free = 0.0
    for i, name in enumerate(names):
        if not is_far[i] and len(names) > MOST_NAMED:
            continue
        row = max(float(rows[i]), free)
        if row > corner[1]:
            return
        mark = " *" if is_far[i] else ""
        colour = OUTLIER if is_far[i] else BLACK
        text = shortened(name, _LONGEST - len(mark)) + mark
        canvas.write(text, corner[0] - 14, row, 7.5, anchor="rm", colour=colour, is_bold=bool(is_far[i]))
        if len(names) > MOST_NAMED:
            canvas.rectangle(corner[0] - 10, rows[i], 8, 1, OUTLIER)
        free = row + _ROW - 4


def _draw_legend(canvas: Canvas, left: float, row: float) -> None:
    """Draw what band, line and coloured dots mean."""
    canvas.rectangle(left, row - 9, 26, 18, _BAND)
    canvas.write("usual range", left + 36, row, 7.5, anchor="lm")
    canvas.rectangle(left + 178, row - 9, 2, 18, _MEDIAN)
    canvas.write("median", left + 190, row, 7.5, anchor="lm")
    canvas.dot(left + 292, row, _LARGE[1], OUTLIER)
    canvas.write("possible outlier (*) by this number", left + 306, row, 7.5, anchor="lm", colour=OUTLIER)
