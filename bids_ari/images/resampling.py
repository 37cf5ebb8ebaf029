"""Resampling of maps to another grid.

A map is a volume (x, y, z) that is NaN where the subject has no data.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import linalg, ndimage

from bids_ari.images.space import Frame
from bids_ari.images.volume import Grid
from bids_ari.stats.distributions import FloatArray

Interpolation = Literal["continuous", "linear"]

RESAMPLING_BYTES = 24
"""Memory per voxel of the larger grid that resampling takes, at the most."""

_ORDERS: dict[Interpolation, int] = {"continuous": 3, "linear": 1}  # of the splines
_PRESENT = 0.5  # a voxel has data when at least this part of the weight of its neighbours has
_NEAR = 0.5  # grids are near each other when at least this part of the smaller field of view lies in the larger
_PROBES = 12  # positions along each axis at which two fields of view are compared


def resample(
    volume: FloatArray, frame: Frame, target: Frame, interpolation: Interpolation = "continuous"
) -> FloatArray:
    """Resample a map to another grid; a map that is on it is returned unchanged.

    Voxels without data count as 0, and the result is divided by the interpolation of a map that is 1 where there are
    data and 0 elsewhere, so that missing neighbours neither spread nor pull the values at the edge of the brain
    towards 0. Both are interpolated in the same way; otherwise a constant map would not stay constant at its edge. The
    result is NaN where less than half of the interpolation has data. Linear interpolation keeps positive values so.
    """
    if frame.matches(target):
        return volume
    if not (isinstance(frame, Grid) and isinstance(target, Grid)):
        raise TypeError("only volumes are resampled")
    padded = np.pad(
        volume.astype(np.float64, copy=False), 1, constant_values=np.nan
    )  # the outer half of voxels at the faces
    steps = np.linalg.inv(frame.affine) @ target.affine
    steps[:3, 3] += 1
    present = np.isfinite(padded)
    weight = _interpolated(present.astype(float), steps, target, interpolation)
    with np.errstate(all="ignore"):  # too large numbers become NaN: missing
        values = _interpolated(np.where(present, padded, 0.0), steps, target, interpolation)
        values /= weight
    values[weight < _PRESENT] = np.nan
    return values


def resample_nearest(volume: npt.NDArray[np.generic], grid: Grid, target: Grid) -> npt.NDArray[np.generic]:
    """Return the nearest value of a volume (x, y, z), integers, at each voxel of another grid; 0 outside."""
    if grid.matches(target):
        return volume
    # As nilearn computes them, so that of two equally near voxels it is the same.
    is_same = np.array_equal(grid.affine, target.affine)
    steps = np.eye(4) if is_same else linalg.inv(grid.affine) @ target.affine
    matrix = steps[:3, :3]
    if np.array_equal(matrix, np.diag(matrix.diagonal())):
        matrix = matrix.diagonal()
    return np.asarray(ndimage.affine_transform(volume, matrix, steps[:3, 3], output_shape=target.shape, order=0))


def is_elsewhere(one: Grid, other: Grid) -> bool:
    """Return whether less than half of the smaller of two fields of view lies inside the larger."""
    return overlap(one, other) < _NEAR


def overlap(one: Grid, other: Grid) -> float:
    """Return the part of the smaller of two fields of view that lies inside the larger.

    >>> grid = Grid((10, 10, 10), np.diag([2.0, 2, 2, 1]))
    >>> overlap(grid, Grid((20, 20, 20), grid.affine)), overlap(grid, Grid((5, 10, 10), grid.affine))
    (1.0, 1.0)
    """
    small, large = sorted((one, other), key=lambda grid: grid.voxel_volume * float(np.prod(grid.shape)))
    steps = (np.arange(_PROBES) + 0.5) / _PROBES
    places = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3) * small.shape - 0.5
    there = np.linalg.inv(large.affine) @ small.affine
    found = places @ there[:3, :3].T + there[:3, 3]
    return float(((found >= -0.5) & (found <= np.array(large.shape) - 0.5)).all(axis=1).mean())


def _interpolated(volume: FloatArray, steps: FloatArray, target: Grid, interpolation: Interpolation) -> FloatArray:
    """Interpolate a volume without gaps, 0 beyond its edges; `steps` maps indices of the target to its own.

    As nilearn's resample_img does, which warns of each map that has just two values.
    """
    order = _ORDERS[interpolation]
    return np.asarray(
        ndimage.affine_transform(volume, steps[:3, :3], steps[:3, 3], output_shape=target.shape, order=order)
    )
