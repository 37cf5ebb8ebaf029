"""Small pictures that show where slices lie: lines on a brain that is seen across them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bids_ari.images.volume import VolumeSpace
from bids_ari.report.figures.png import GREY_STEP, Pixels
from bids_ari.report.figures.scene import Locator
from bids_ari.report.figures.underlay import BRAIN, Template
from bids_ari.stats.distributions import FloatArray

if TYPE_CHECKING:
    from bids_ari.report.figures.slice_cells import Row

WIDTH, HEIGHT = 92, 84
"""Largest sides of a locator in units."""

_MARGIN = 4  # units around the brain, into which the lines extend
_LIGHT, _RANGE = 0.6, 0.4  # brightness of the darkest part of a brain, and the range: pale below the lines
_MASK = 0.85
_LEAST = 1e-6  # mm


def locators_of(
    rows: Sequence["Row"], space: VolumeSpace, template: Template | None, per_unit: float
) -> tuple[Locator, ...]:
    """Return a sagittal locator for axial and coronal slices, and a coronal one for sagittal slices."""
    cuts = {letter: [cut for row in rows if row.plane.letter == letter for cut in row.cuts] for letter in "xyz"}
    found = []
    if cuts["y"] or cuts["z"]:
        found.append(_locator(0, 1, cuts["y"], cuts["z"], space, template, per_unit))
    if cuts["x"]:
        found.append(_locator(1, 0, cuts["x"], [], space, template, per_unit))
    return tuple(found)


def _locator(
    axis: int,
    across: int,
    vertical: list[float],
    level: list[float],
    space: VolumeSpace,
    template: Template | None,
    per_unit: float,
) -> Locator:
    """Return a brain seen along an axis, with the z axis up, and lines at coordinates along the others."""
    places = space.coordinates()
    box = np.array([places.min(axis=0), places.max(axis=0)]) if template is None else template.box
    spans = np.maximum((box[1] - box[0])[[across, 2]], _LEAST)
    pitch = float(max(spans[0] / (WIDTH - 2 * _MARGIN), spans[1] / (HEIGHT - 2 * _MARGIN)))
    width, height = (int(np.ceil(span / pitch)) + 2 * _MARGIN for span in spans)
    axes: list[FloatArray] = [np.empty(0)] * 3
    left, top = box[0][across] - _MARGIN * pitch, box[1][2] + _MARGIN * pitch
    axes[across] = left + pitch / per_unit * (np.arange(round(width * per_unit)) + 0.5)
    axes[2] = (top - pitch / per_unit * (np.arange(round(height * per_unit)) + 0.5))[:, None]
    axes[axis] = _middle(axis, box, places, template)[:, None, None]
    return Locator(
        _grey(axes, space, template),
        tuple(float((cut - left) / pitch) for cut in vertical if box[0][across] <= cut <= box[1][across]),
        tuple(float((top - cut) / pitch) for cut in level if box[0][2] <= cut <= box[1][2]),
    )


def _middle(axis: int, box: FloatArray, places: FloatArray, template: Template | None) -> FloatArray:
    """Return coordinates of the slices that a locator shows: beside the midline, or of all voxels tested."""
    if template is not None:
        return np.array([min(max(3.0, box[0][axis]), box[1][axis]) if axis == 0 else box[:, axis].mean()])
    return np.unique(places[:, axis])


def _grey(axes: list[FloatArray], space: VolumeSpace, template: Template | None) -> Pixels:
    """Return the pixels of a brain, or of the voxels that are tested, (height, width)."""
    shown: npt.NDArray[np.floating]
    if template is None:
        shown = np.where((space.points_across(*axes) >= 0).any(axis=0), _MASK, 1.0)
    else:
        value = template.values_across(*axes)[0]
        shown = np.where(value > BRAIN, _LIGHT + _RANGE * value, 1.0)
    return np.asarray(np.minimum(np.rint(255 / GREY_STEP * shown) * GREY_STEP, 255), dtype=np.uint8)
