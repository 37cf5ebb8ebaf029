"""Slices of volumes as cells of a scene: which ones, what is under them, and where each is.

Axial and coronal slices are in neurological orientation, the subject's left on the left; sagittal ones have the front
of the head on the right. All slices of a picture have one scale. Only the underlay is interpolated.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bids_ari.config.slices import PLANES, SURFACE, Request, slice_text
from bids_ari.images.templates import SpaceName
from bids_ari.images.volume import VolumeSpace
from bids_ari.report.figures.locator import locators_of
from bids_ari.report.figures.scene import CELL, COLUMNS, ROWS, Cell, Cells, Locator, Text
from bids_ari.report.figures.underlay import BRAIN, MASK_NAME, Template, template_of
from bids_ari.stats.distributions import FloatArray

AXIAL = (Request("axial"),)

_GAP = 0.07  # between slices, as a fraction of their width
_EDGE = 5  # percent of the points below the lowest slice, and above the highest
_RIM = 0.07  # part of the width of a template at each end, where slices would show little of the brain
_DARK = 0.33  # grey of the darkest part of the template, so that nothing beside the statistics is black
_STEEP = 3  # how fast a smooth edge of the brain becomes white, per width of a voxel of the template
_PALE = 0.85  # grey of the mask where there is no template
_LOWEST = 120  # units of a row
_LEAST_PITCH = 0.01  # mm
_MARGIN = 14  # units from the edges of a cell to the middles of letters
_RAISED = 2  # units from the middle of a cell up to that of the brain, as the text below it needs room
_FOOT = 6  # units from the lower edge of a cell to the middle of that text
_NEUROLOGICAL = "Neurological orientation: the left side of the brain is on the left"
_FRONT = "sagittal slices have the front of the head on the right"


class Plane(NamedTuple):
    """The orientation of slices."""

    name: str
    axis: int  # x, y or z, across which the slices lie
    across: int  # that to the right
    up: int
    ends: str  # letters at the left and the right end

    @property
    def letter(self) -> str:
        """The name of the axis."""
        return PLANES[self.name]


_PLANES = {
    plane.name: plane
    for plane in (Plane("axial", 2, 0, 1, "LR"), Plane("coronal", 1, 0, 2, "LR"), Plane("sagittal", 0, 1, 2, "PA"))
}


class Row(NamedTuple):
    """Slices of one plane beside each other."""

    plane: Plane
    cuts: tuple[float, ...]  # mm, ascending


class Slices(NamedTuple):
    """Slices of a volume."""

    cells: list[Cells]  # one for each row
    rows: tuple[Row, ...]
    template: Template | None  # under them; None for the mask in grey
    locators: tuple[Locator, ...]

    @property
    def underlay(self) -> str:
        """Description of the underlay."""
        return MASK_NAME if self.template is None else self.template.name

    @property
    def cuts(self) -> tuple[tuple[str, float], ...]:
        """Axis and mm of each slice."""
        return tuple((row.plane.letter, cut) for row in self.rows for cut in row.cuts)

    @property
    def kind(self) -> str:
        """Name of the slices."""
        names = list(dict.fromkeys(row.plane.name for row in self.rows))
        return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))).capitalize() + " slices"

    @property
    def sides(self) -> str:
        """A sentence on left and right."""
        names = {row.plane.name for row in self.rows}
        words = [_NEUROLOGICAL] * bool(names - {"sagittal"}) + [_FRONT] * ("sagittal" in names)
        return "; ".join([words[0][0].upper() + words[0][1:], *words[1:]]) + "."


def slices_of(
    space: VolumeSpace,
    space_label: SpaceName,
    peaks: npt.ArrayLike = (),
    image: Path | None = None,
    requests: Sequence[Request] = AXIAL,
    n_rows: int = ROWS,
    per_unit: float = 1.0,
) -> Slices:
    """Choose slices and their underlay.

    Parameters
    ----------
    space : VolumeSpace
        The voxels that are tested.
    space_label : StandardSpace, str or None
        The space of the maps.
    peaks : array (n_peaks, 3)
        Places in mm, the most important first: slices go through them, not too near one another, and then where the
        largest gaps are.
    image : Path, optional
        The underlay.
    requests : sequence of Request
        Planes, of which each has one row, the only one `n_rows`; those with coordinates have as many as they need.
    n_rows : int
        Rows of the only plane.
    per_unit : float
        Pixels of a unit.
    """
    field = _field(space)
    template, heights = template_of(space, space_label, image), np.asarray(peaks, dtype=float).reshape(-1, 3)
    if template is not None:
        low, high = template.box
        if ((field.inner[0] < high) & (field.inner[1] > low)).all():
            field = _within(field, low, high)
            heights = heights[((heights >= low) & (heights <= high)).all(axis=1)]
        else:
            template = None
    wanted = [each for each in requests if each.kind != SURFACE] or AXIAL
    n = COLUMNS * (n_rows if len(requests) == 1 else 1)
    rows = tuple(
        Row(_PLANES[each.kind], cuts[first : first + COLUMNS])
        for each in wanted
        for cuts in [each.cuts or _cuts(_PLANES[each.kind].axis, field, heights, n)]
        for first in range(0, len(cuts), COLUMNS)
    )
    pitch = max(_pitch(row.plane, field.box) for row in rows)
    cells = [_cells(row, field.box, pitch, space, template, per_unit) for row in rows]
    return Slices(cells, rows, template, locators_of(rows, space, template, per_unit))


class _Field(NamedTuple):
    """What slices may show, in mm."""

    box: FloatArray  # (2, 3): the corners of what must fit into a cell
    inner: FloatArray  # (2, 3): between which slices lie
    steps: FloatArray  # (3,): between voxels


def _field(space: VolumeSpace) -> _Field:
    """Return the field of the voxels that are tested; few of them lie beyond its inner part."""
    places = [row[:3] @ space.indices.T + row[3] for row in space.grid.affine[:3]]
    steps = np.abs(space.grid.affine[:3, :3]).max(axis=1)
    box = np.array([[axis.min() for axis in places] - steps / 2, [axis.max() for axis in places] + steps / 2])
    return _Field(box, np.array([np.percentile(axis, [_EDGE, 100 - _EDGE]) for axis in places]).T, steps)


def _within(field: _Field, low: FloatArray, high: FloatArray) -> _Field:
    """Return a field that has all of a brain between two corners, with slices only in its inner part."""
    rim = _RIM * (high - low)
    box = np.array([np.minimum(field.box[0], low), np.maximum(field.box[1], high)])
    return field._replace(box=box, inner=np.clip(field.inner, low + rim, high - rim))


def _cuts(axis: int, field: _Field, peaks: FloatArray, n: int) -> tuple[float, ...]:
    """Return where `n` slices across an axis lie in mm, fewer if there are not as many voxels; see `_choose_cuts`."""
    low, high = field.inner[:, axis].tolist()
    step = float(field.steps[axis])
    return _choose_cuts(low, high, peaks[:, axis], min(n, int((high - low) / step + 1e-6) + 1), step)


def _choose_cuts(low: float, high: float, peaks: FloatArray, n: int, step: float) -> tuple[float, ...]:
    """Return mm of `n` slices: through peaks, the most important first, then as far as possible from all others.

    Peaks nearer to a chosen one than half of an even gap, or in the same slice of voxels, are not chosen. Without
    peaks, gaps are even.
    """
    chosen: list[float] = []
    near = max((high - low) / (2 * n), 0.99 * step)
    while peaks.size and len(chosen) < n:
        chosen.append(float(peaks[0]))
        peaks = peaks[np.abs(peaks - peaks[0]) > near]
    while chosen and len(chosen) < n:
        places = np.linspace(low, high, 8 * n)
        chosen.append(float(places[np.abs(places[:, None] - chosen).min(axis=1).argmax()]))
    decimals = 0 if high - low > 2 * n else 1
    return tuple(sorted({round(float(cut), decimals) + 0.0 for cut in chosen or np.linspace(low, high, n).tolist()}))


def _pitch(plane: Plane, box: FloatArray) -> float:
    """Return the mm of a unit with which a box, (2, 3), fits into the largest cell."""
    spans = box[1] - box[0]
    height, width = CELL
    return float(max(spans[plane.across] / (width * (1 - _GAP)), spans[plane.up] / (height * (1 - _GAP)), _LEAST_PITCH))


def _cells(
    row: Row, box: FloatArray, pitch: float, space: VolumeSpace, template: Template | None, per_unit: float
) -> Cells:
    """Return a row of slices."""
    plane, n = row.plane, len(row.cuts)
    size = float(np.clip(np.ceil((box[1] - box[0])[plane.up] / pitch / (1 - _GAP)), _LOWEST, CELL[0]))
    height, width = round(size * per_unit), round(CELL[1] * per_unit)
    middle, pitch = box.mean(axis=0), pitch / per_unit
    middle[plane.up] -= _RAISED * per_unit * pitch
    axes: list[FloatArray] = [np.empty(0)] * 3
    axes[plane.across] = middle[plane.across] + pitch * (np.arange(width) - (width - 1) / 2)
    axes[plane.up] = (middle[plane.up] - pitch * (np.arange(height) - (height - 1) / 2))[:, None]
    axes[plane.axis] = np.array(row.cuts)[:, None, None]
    points = space.points_across(*axes)
    if template is None:
        grey = np.where(points >= 0, np.float32(_PALE), np.float32(1))
    else:
        grey = _grey(template, axes, is_smooth=per_unit != 1)
    boxes = tuple(Cell(0, i * width, height, width) for i in range(n))
    texts = [text for i, cut in enumerate(row.cuts) for text in _texts(plane, cut, i * CELL[1], size)]
    return Cells(_beside(points, -1), _beside(grey, 1), tuple(texts), boxes)


def _grey(template: Template, axes: Sequence[FloatArray], *, is_smooth: bool) -> FloatArray:
    """Return the brightness of a template, 1 around the brain, whose edge is smooth or of whole pixels."""
    if not is_smooth:
        value = template.values_across(*axes)
        return np.where(value > BRAIN, _DARK + (1 - _DARK) * value, np.float32(1))
    brain, inside = template.brain_across(*axes)
    cover = np.clip(_STEEP * (inside - np.float32(0.5)) + np.float32(0.5), 0, 1)
    return np.asarray(1 - cover * (1 - _DARK) * (1 - brain))


def _texts(plane: Plane, cut: float, left: float, height: float) -> list[Text]:
    """Return the letters at the ends of a slice, and where it lies."""
    letters = [
        Text(letter, column, _MARGIN + 2)
        for letter, column in zip(plane.ends, (left + _MARGIN, left + CELL[1] - _MARGIN), strict=True)
    ]
    return [*letters, Text(slice_text(plane.letter, cut), left + 4, height - _FOOT, "lm")]


def _beside(cells: npt.NDArray[Any], fill: int) -> npt.NDArray[Any]:
    """Return cells, (n_cells, height, width), beside each other, with the columns that are missing filled."""
    n, height, width = cells.shape
    row = np.full((height, COLUMNS * width), fill, dtype=cells.dtype)
    row[:, : n * width] = cells.swapaxes(0, 1).reshape(height, n * width)
    return row
