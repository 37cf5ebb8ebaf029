"""Sheets of small pictures of the maps of all subjects."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bids_ari.analysis.outliers import Flags
from bids_ari.images.mosaic import Mosaic, Part
from bids_ari.images.quality import ABSENT, Quality
from bids_ari.report.figures.canvas import BLACK, Canvas, drawn, shortened
from bids_ari.report.figures.legend import Mark
from bids_ari.report.figures.png import Pixels
from bids_ari.report.figures.scales import value_scale
from bids_ari.report.figures.subject_dots import OUTLIER
from bids_ari.stats.distributions import FloatArray

PER_SHEET = 50
"""Subjects on a sheet."""

_WIDTH, _MOST_COLUMNS = 1002, 8  # pixels for all columns of maps, and the largest number of these
_GAP = 10  # pixels between the maps of two subjects
_LINE = 28  # pixels for the name of a subject
_TOP, _BAR = 76, 150  # pixels above the maps, and beside them
_LEAST = (800, 400)  # width and height of a sheet, so that the bar and its label have room
_MOST_HEIGHT = 480  # of a sheet whose maps are enlarged
_LONGEST = 24  # characters of a name
_LEAST_MAP = 24  # pixels of a slice with its letters: small maps are enlarged by a whole number
_MOST_TIMES = 3  # enlargement of the maps of few subjects
_LETTER = 9  # pixels of a character
_ABSENT, _BORDER = 224, 184  # grey
_SIDES, _INDENT = "#303840", 4  # of the letters, and pixels between them and the ends of a part


def sheets(
    quality: Quality, mosaic: Mosaic, names: Sequence[str], flagged: Flags, subtitle: str
) -> Iterator[Callable[[], Canvas]]:
    """Yield what draws each sheet of small pictures of maps, at most `PER_SHEET` on each, with one colour scale."""
    for start in range(0, len(names), PER_SHEET):
        subjects = np.arange(start, min(start + PER_SHEET, len(names)))
        yield partial(_draw_sheet, quality, mosaic, names, flagged, subtitle, subjects)


def _draw_sheet(
    quality: Quality,
    mosaic: Mosaic,
    names: Sequence[str],
    flagged: Flags,
    subtitle: str,
    subjects: npt.NDArray[np.intp],
) -> Canvas:
    """Draw some of the subjects on one picture."""
    times = _enlargement(mosaic.parts, quality.thumbnails.shape[1:], subjects.size)
    height, width = (times * n for n in quality.thumbnails.shape[1:])
    scale = replace(
        value_scale(_typical(quality), "units of\nthe maps"), extend="both", beyond=None, marks=(Mark("no data"),)
    )
    step = height + _LINE + _GAP, width + 2 * _GAP
    n_rows, n_columns = _rows_and_columns(step[1], subjects.size)
    canvas = np.full((n_rows * step[0], n_columns * step[1], 3), 255, dtype=np.uint8)
    corners = [(place // n_columns * step[0], place % n_columns * step[1] + _GAP) for place in range(subjects.size)]
    for i, (top, left) in zip(subjects, corners, strict=True):
        small = _painted(quality, i, scale.colour, mosaic)
        canvas[top : top + height, left : left + width] = small.repeat(times, axis=0).repeat(times, axis=1)
    size = max(canvas.shape[1] + _BAR, _LEAST[0]), max(_TOP + canvas.shape[0] + _GAP, _LEAST[1])

    def fill(picture: Canvas) -> None:
        picture.paste(canvas, 0, _TOP)
        for i, (top, left) in zip(subjects, corners, strict=True):
            _write_sides(picture, mosaic.parts, left, _TOP + top, times)
            sign = " *" if flagged[i] else ""
            name = shortened(names[i], min(step[1] // _LETTER - len(sign), _LONGEST)) + sign
            place, colour = (left + width / 2, _TOP + top + height + 2), OUTLIER if flagged[i] else BLACK
            picture.write(name, *place, 8, anchor="ma", colour=colour, is_bold=bool(flagged[i]))
        scale.draw(picture)

    first, last = int(subjects[0]) + 1, int(subjects[-1]) + 1
    return drawn(size, f"Maps of subjects {first} to {last} of {len(names)}", subtitle, fill)


def _enlargement(parts: Sequence[Part], shape: Sequence[int], n_subjects: int) -> int:
    """Return how many times maps of a shape are enlarged: for their letters, and more if there is room."""
    times = max(1, -(-_LEAST_MAP // min(part.width for part in parts)))
    while times < _MOST_TIMES:
        height, width = ((times + 1) * n for n in shape)
        n_rows, n_columns = _rows_and_columns(width + 2 * _GAP, n_subjects)
        is_wide = n_columns * (width + 2 * _GAP) > _WIDTH
        if is_wide or _TOP + n_rows * (height + _LINE + _GAP) + _GAP > _MOST_HEIGHT:
            break
        times += 1
    return times


def _rows_and_columns(width: int, n_subjects: int) -> tuple[int, int]:
    """Return the numbers of rows and of columns of a sheet, for the width of a column."""
    n_columns = max(1, min(_WIDTH // width, _MOST_COLUMNS, n_subjects))
    return -(-n_subjects // n_columns), n_columns


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


def _write_sides(canvas: Canvas, parts: Sequence[Part], column: int, row: int, times: int) -> None:
    """Write the letters of each part of a map above its ends."""
    for part in parts:
        canvas.write(part.left, column + _INDENT, row, 6, anchor="ld", colour=_SIDES)
        canvas.write(part.right, column + times * part.width - _INDENT, row, 6, anchor="rd", colour=_SIDES)
        column += times * part.width
