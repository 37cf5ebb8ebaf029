"""Views of the meshes of the cortex, with sulci darker than gyri, as cells of a scene."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bids_ari.images.cortex import Cortex
from bids_ari.images.views import VIEWS, Rendering, ViewName, axes_of, beside, extent, render
from bids_ari.report.figures.scene import CELL, COLUMNS, Cell, Cells, Text, cell_pixels
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.forest import Ints

_SIDE, _ABOVE = 8, 30  # units beside and above the largest view
_LEAST_PITCH = 0.01  # mm
_GYRUS, _SULCUS = 0.98, 0.5  # brightness of a gyrus in full light, and how much darker the fundus of a sulcus is
_AMBIENT = 0.5  # part of the brightness that does not depend on the light
_RELIEF = 0.3  # by how much the colour of a point is darker without light
_HEAD, _FOOT = 40, 14  # units above and below the views of a row
_TITLE = 18  # units from the views of a row up to their titles
_NAMES = {"L": "Left", "R": "Right"}


class View(NamedTuple):
    """A view of one hemisphere, or of both beside each other."""

    cortex: Cortex
    name: ViewName

    @property
    def title(self) -> str:
        """Hemisphere and name."""
        side = _NAMES.get(self.cortex.sides)
        return f"{side}, {self.name}" if side else self.name.capitalize()

    @property
    def axes(self) -> FloatArray:
        """The directions of the view."""
        return axes_of(self.name, self.cortex.sides)

    @property
    def ends(self) -> str:
        """The hemispheres on the left and on the right of the picture, where both are seen."""
        seen = self.cortex.sides if len(self.cortex.sides) > 1 else ""
        return seen[::-1] if self.axes[0, 0] < 0 else seen


def choose_views(hemispheres: Sequence[Cortex], n_rows: int) -> list[list[View]]:
    """Return the views of each row: each hemisphere lateral and medial, then from above, below, front and back."""
    if len(hemispheres) == 1:
        views = [View(hemispheres[0], name) for name in VIEWS]
        return [views[:2], views[2:]][:n_rows]
    left, right = hemispheres
    both = together(hemispheres)
    outer = [View(left, "lateral"), View(left, "medial"), View(right, "medial"), View(right, "lateral")]
    return [outer, [View(both, name) for name in VIEWS[2:]]][:n_rows]


def together(hemispheres: Sequence[Cortex]) -> Cortex:
    """Return hemispheres beside each other as one."""
    return Cortex(
        "".join(each.sides for each in hemispheres),
        beside([each.mesh for each in hemispheres]),
        np.concatenate([each.sulci for each in hemispheres]),
        np.concatenate([each.positions for each in hemispheres]),
    )


def cells_of(rows: Sequence[Sequence[View]], points: Ints, per_unit: float = 1.0) -> list[Cells]:
    """Return rows of cells; rows with as many views have one scale.

    `points` are those at all positions of the frame, -1 for none; `per_unit` are the pixels of a unit.
    """
    pitches = {n: max(_pitch(views, per_unit) for views in rows if len(views) == n) for n in map(len, rows)}
    return [_row(views, pitches[len(views)], points, per_unit) for views in rows]


def _size(views: Sequence[View], per_unit: float) -> tuple[int, int]:
    """Return height and width of the cells of a row in pixels; two views share four columns."""
    height, width = cell_pixels(per_unit)
    return height, width * (COLUMNS // len(views))


def _pitch(views: Sequence[View], per_unit: float) -> float:
    """Return the side of a pixel in mm with which the views of a row fill their cells."""
    height, width = _size(views, per_unit)
    beside, above = 2 * _SIDE * per_unit, 2 * _ABOVE * per_unit
    spans = np.max([np.ptp(extent(view.cortex.mesh, view.axes), axis=0) for view in views], axis=0)
    return float(max(spans[0] / (width - beside), spans[1] / (height - above), _LEAST_PITCH))


def _row(views: Sequence[View], pitch: float, points: Ints, per_unit: float) -> Cells:
    """Return a row of cells, as high as its views."""
    seen = [render(view.cortex.mesh, view.axes, pitch, _size(views, per_unit), view.cortex.sulci) for view in views]
    cells = [_cell(each, view.cortex.points(points)) for each, view in zip(seen, views, strict=True)]
    points, grey, *light = (np.concatenate(arrays, axis=1) for arrays in zip(*cells, strict=True))
    covered = np.flatnonzero(np.any([each.cover.any(axis=1) for each in seen], axis=0))
    top = round(max(covered[0] / per_unit - _HEAD, 0) * per_unit)  # rows beyond the views and their titles are cut
    rows = slice(top, min(covered[-1] + round(_FOOT * per_unit), len(points)))
    height, width = len(points[rows]), _size(views, per_unit)[1]
    boxes = tuple(Cell(0, i * width, height, width) for i in range(len(views)))
    texts = tuple(_texts(views, (covered[0] - top) / per_unit))
    return Cells(points[rows], grey[rows], texts, boxes, np.array(light, dtype=np.float32)[:, rows])


def _cell(seen: Rendering, points: Ints) -> list[npt.NDArray[Any]]:
    """Return the arrays of a cell: points, grey, gain and lift."""
    brightness = (_GYRUS - _SULCUS * seen.values) * (_AMBIENT + (1 - _AMBIENT) * seen.light)
    return [
        np.where(seen.vertices >= 0, points[seen.vertices], -1).astype(np.int32),
        seen.cover * brightness + (1 - seen.cover),
        seen.cover * (1 - _RELIEF * (1 - seen.light)),
        1 - seen.cover,
    ]


def _texts(views: Sequence[View], top: float) -> Iterator[Text]:
    """Yield the title of each view, above it, and L and R where both hemispheres are seen."""
    row, width = max(top - _TITLE, _TITLE), CELL[1] * (COLUMNS // len(views))
    for i, view in enumerate(views):
        yield Text(view.title, (i + 0.5) * width, row)
        for letter, at in zip(view.ends, (14, width - 14), strict=False):
            yield Text(letter, i * width + at, row)
