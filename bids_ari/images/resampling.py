"""From grid to grid: a map is brought to another grid by interpolation, as far as it has data there.

A map is a volume (x, y, z) that is NaN where the subject has no data.
"""

from typing import Literal

import numpy as np
from scipy import ndimage

from bids_ari.images.space import Grid
from bids_ari.stats.distributions import FloatArray

Interpolation = Literal["continuous", "linear"]

_ORDERS: dict[Interpolation, int] = {"continuous": 3, "linear": 1}
"""The order of the splines."""

RESAMPLING_BYTES = 24
"""Memory per voxel of the larger grid that resampling takes, at the most."""

_PRESENT = 0.5
"""A voxel has data when at least this part of what it is interpolated from has."""

_PROBES = 12
"""Along each axis, at how many places it is looked whether one field of view lies in another."""


def resample(volume: FloatArray, grid: Grid, target: Grid, interpolation: Interpolation = "continuous") -> FloatArray:
    """Bring a map to another grid; one that is there already is given back as it is.

    Voxels without data count as 0, and the result is divided by what becomes of a map that is 1 where there are data
    and 0 elsewhere: so missing neighbours neither spread nor pull the values at the edge of the brain towards 0. Both
    are interpolated in the same way, without which a constant map would not stay constant at its edge.

    Parameters
    ----------
    volume : array (x, y, z)
        The map; NaN where it has no data.
    grid, target : Grid
        Where its voxels are, and where they shall be.
    interpolation : {'continuous', 'linear'}
        By cubic splines, or linear: of positive values always positive.
    """
    if grid.matches(target):
        return volume
    padded = np.pad(volume, 1, constant_values=np.nan)  # so that voxels at the faces have an outer half
    steps = np.linalg.inv(grid.affine) @ target.affine
    steps[:3, 3] += 1
    present = np.isfinite(padded)
    weight = _interpolated(present.astype(float), steps, target, interpolation)
    with np.errstate(all="ignore"):  # what is too large becomes NaN: missing
        values = _interpolated(np.where(present, padded, 0.0), steps, target, interpolation)
        values /= weight
    values[weight < _PRESENT] = np.nan
    return values


def overlap(one: Grid, other: Grid) -> float:
    """Say which part of the smaller of two fields of view lies inside the larger.

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
    """Interpolate a volume without gaps, 0 beyond its edges; `steps` lead from indices of the target to its own.

    As nilearn's resample_img does, which would warn of each map that holds just two values.
    """
    order = _ORDERS[interpolation]
    return np.asarray(
        ndimage.affine_transform(volume, steps[:3, :3], steps[:3, 3], output_shape=target.shape, order=order)
    )
