"""Quality of subject maps: numbers of each subject as dots, and sheets of small pictures of all maps."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bids_ari.images.mosaic import Mosaic, Part
from bids_ari.images.quality import ABSENT, LEAST_FAR, Quality, far_from_others
from bids_ari.report.figures.axes import Axes
from bids_ari.report.figures.canvas import BLACK, Canvas, drawn, shortened
from bids_ari.report.figures.legend import Mark
from bids_ari.report.figures.png import Pixels
from bids_ari.report.figures.scales import value_scale
from bids_ari.stats.diagnostics import SubjectDiagnostics
from bids_ari.stats.distributions import FloatArray

Flags = npt.NDArray[np.bool_]

CRITERIA = ("correlation", "mean", "standard deviation", "overlap", "residual", "influence")
"""Criteria for a possible outlier."""

PER_SHEET = 50
"""Subjects on a sheet."""

_COLUMNS = 4
_GAP = 10  # pixels between the maps of two subjects
_LINE = 28  # pixels for the name of a subject
_TOP, _BAR = 76, 150  # pixels above the maps, and beside them
_LEAST = (800, 400)  # width and height of a sheet, so that the bar and its label have room
_LONGEST = 24  # characters of a name
_LETTER = 9  # pixels of a character
_MOST_NAMED = 12  # outliers of a panel that are labelled: more labels would overlap
_ABSENT, _BORDER = 224, 184  # grey
_MANY = 200  # from so many subjects on, dots are small
_USUAL, _OUTLIER, _SIDES = "#56606b", "#D55E00", "#303840"


class Panel(NamedTuple):
    """One number of each subject."""

    title: str
    values: FloatArray  # (n_subjects,); those that are not finite are not drawn
    is_far: Flags  # (n_subjects,): possible outliers by this number


def panels(outlying: SubjectDiagnostics, quality: Quality, units: str = "voxels") -> tuple[Panel, ...]:
    """Return four numbers of each subject, and the possible outliers of each; `units` are the name of points.

    The criteria are `SubjectDiagnostics.outliers` for correlations and `far_from_others` for means, standard deviations
    and overlaps; only overlaps below the median count.
    """
    unit = float(np.nanmedian(outlying.sd)) if np.isfinite(outlying.sd).any() else 0.0
    mean = far_from_others(outlying.mean, LEAST_FAR["mean"] * unit)
    sd = far_from_others(outlying.sd, LEAST_FAR["sd"] * unit)
    overlap = far_from_others(quality.overlap, LEAST_FAR["overlap"])
    low = ~(quality.overlap >= np.median(quality.overlap))
    return (
        Panel("Correlation with the mean of the others", outlying.correlation, outlying.outliers()),
        Panel(f"Mean over {units}, units of the maps", outlying.mean, mean),
        Panel(f"SD over {units}, units of the maps", outlying.sd, sd),
        Panel("Overlap with common coverage (Dice)", quality.overlap, low & overlap),
    )


def outliers(quality: Quality, outlying: SubjectDiagnostics, test: str) -> Flags:
    """Return which subject is a possible outlier by which of `CRITERIA`, (n_subjects, n_criteria).

    This is descriptive: excluding subjects because of their results invalidates the inference.
    """
    flags = [panel.is_far for panel in panels(outlying, quality)]
    return np.column_stack([*flags, outlying.noisy(), outlying.influential(test)])


def draw_panels(shown: Sequence[Panel], names: Sequence[str], subtitle: str) -> Canvas:
    """Draw the four numbers of each subject from `panels`, in order; possible outliers are labelled."""

    def fill(canvas: Canvas) -> None:
        for i, panel in enumerate(shown):
            left, top = 69 + 565 * (i % 2), 111 + 310 * (i // 2)
            _draw_panel(canvas, (left, top, 461, 214), panel, names)

    return drawn((1152, 690), "Quality measures of the subjects' maps", subtitle, fill)


def sheets(
    quality: Quality, mosaic: Mosaic, names: Sequence[str], flagged: Flags, subtitle: str
) -> Iterator[Callable[[], Canvas]]:
    """Yield what draws each sheet of small pictures of maps, at most `PER_SHEET` on each, with one colour scale."""
    for start in range(0, len(names), PER_SHEET):
        subjects = np.arange(start, min(start + PER_SHEET, len(names)))
        yield partial(_draw_sheet, quality, mosaic, names, flagged, subtitle, subjects)


def _draw_panel(canvas: Canvas, box: tuple[int, int, int, int], panel: Panel, names: Sequence[str]) -> None:
    """Draw one number of each subject; the axis covers all of them."""
    place, finite = np.arange(1, panel.values.size + 1), np.isfinite(panel.values)
    axes = Axes(box, _span(place, 0.08), _span(panel.values[finite], 0.14))
    axes.draw(canvas, panel.title, "subjects, in order")
    for which, colour in ((~panel.is_far & finite, _USUAL), (panel.is_far & finite, _OUTLIER)):
        for x, y in zip(place[which], panel.values[which], strict=True):
            canvas.dot(*axes.pixel(x, y), 8.3 if place.size < _MANY else 4.2, colour)
    far = np.flatnonzero(panel.is_far & finite)
    middle = float(np.median(panel.values[finite])) if finite.any() else 0.0
    for i in far[np.argsort(-np.abs(panel.values[far] - middle), kind="stable")][:_MOST_NAMED]:
        column, row = axes.pixel(place[i], panel.values[i])
        is_right = bool(place[i] > 0.6 * place.size)
        name = shortened(names[i], _LONGEST)
        canvas.write(name, column - 10 if is_right else column + 10, row, 8, anchor="rm" if is_right else "lm")


def _span(values: npt.NDArray[np.generic], margin: float) -> tuple[float, float]:
    """Return the ends of an axis with margins, a fraction of the range of the values."""
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        low, high = low - 0.05 * (abs(low) or 1), high + 0.05 * (abs(high) or 1)
    return low - margin * (high - low), high + margin * (high - low)


def _draw_sheet(
    quality: Quality,
    mosaic: Mosaic,
    names: Sequence[str],
    flagged: Flags,
    subtitle: str,
    subjects: npt.NDArray[np.intp],
) -> Canvas:
    """Draw some of the subjects on one picture."""
    _, height, width = quality.thumbnails.shape
    scale = replace(
        value_scale(_typical(quality), "units of\nthe maps"), extend="both", beyond=None, marks=(Mark("no data"),)
    )
    n_rows, n_columns = -(-subjects.size // _COLUMNS), min(_COLUMNS, subjects.size)
    step = height + _LINE + _GAP, width + 2 * _GAP
    canvas = np.full((n_rows * step[0], n_columns * step[1], 3), 255, dtype=np.uint8)
    corners = [(place // _COLUMNS * step[0], place % _COLUMNS * step[1] + _GAP) for place in range(subjects.size)]
    for i, (top, left) in zip(subjects, corners, strict=True):
        canvas[top : top + height, left : left + width] = _painted(quality, i, scale.colour, mosaic)
    size = max(canvas.shape[1] + _BAR, _LEAST[0]), max(_TOP + canvas.shape[0] + _GAP, _LEAST[1])

    def fill(picture: Canvas) -> None:
        picture.paste(canvas, 0, _TOP)
        for i, (top, left) in zip(subjects, corners, strict=True):
            _write_sides(picture, mosaic.parts, left, _TOP + top)
            sign = " *" if flagged[i] else ""
            name = shortened(names[i], min(step[1] // _LETTER - len(sign), _LONGEST)) + sign
            place, colour = (left + width / 2, _TOP + top + height + 2), _OUTLIER if flagged[i] else BLACK
            picture.write(name, *place, 8, anchor="ma", colour=colour, is_bold=bool(flagged[i]))
        scale.draw(picture)

    first, last = int(subjects[0]) + 1, int(subjects[-1]) + 1
    return drawn(size, f"Maps of subjects {first} to {last} of {len(names)}", subtitle, fill)


def _typical(quality: Quality) -> FloatArray:
    """Return the median over subjects of the 99th percentile of |map|, (1,): no single map determines the scale."""
    seen = [each[each != ABSENT] for each in quality.thumbnails]
    largest = np.array([np.percentile(np.abs(each), 99) if each.size else 0.0 for each in seen])
    return np.array([float(np.median(largest * quality.step))])


def _painted(quality: Quality, subject: int, colour: Callable[[FloatArray], Pixels], mosaic: Mosaic) -> Pixels:
    """Colour the picture of a subject; grey where there are no data, white around what is cut out."""
    steps = quality.thumbnails[subject]
    pixels = colour(steps.ravel() * quality.step[subject]).reshape(*steps.shape, 3)
    pixels[steps == ABSENT] = _ABSENT
    if mosaic.is_cut_out:
        around = (steps == ABSENT) & (mosaic.positions < 0)
        pixels[around] = 255
        pixels[around & ndimage.binary_dilation(~around)] = _BORDER
    return pixels


def _write_sides(canvas: Canvas, parts: Sequence[Part], column: int, row: int) -> None:
    """Write the letters of each part of a map above its ends."""
    for part in parts:
        canvas.write(part.left, column + 1, row, 6, anchor="ld", colour=_SIDES)
        canvas.write(part.right, column + part.width - 1, row, 6, anchor="rd", colour=_SIDES)
        column += part.width
