"""Smoothing of maps, by normalised convolution where a subject has no data at voxels where others have some.

A map is a volume (x, y, z) that is NaN where the subject has no data. Where these voxels count as 0, the smoothed map
is pulled towards 0 at their edge. If the field of view of one group ends early, this alone makes groups different.

References
----------
Knutsson & Westin (1993), Normalized and differential convolution, Proceedings of IEEE CVPR 1993:515.
"""

import numpy as np
import numpy.typing as npt

from bids_ari.images.masks import n_required
from bids_ari.images.space import BoolArray, Space
from bids_ari.stats.distributions import FloatArray

COMMON = 0.1
"""A voxel without data in fewer than this part of the subjects is background for all: it counts as 0."""


def with_data_of_some(counts: npt.NDArray[np.int32], n_subjects: int) -> BoolArray:
    """Return the voxels at which a map without data has missing data: not the background, where no map has any.

    `counts` (x, y, z) is the number of subjects with data.
    """
    return np.asarray(counts >= n_required(COMMON, n_subjects))


def weight_of(present: BoolArray, fwhm: float, space: Space) -> FloatArray:
    """Return the part of the weight of the Gaussian around each point, (n_points,), that is where `present`."""
    return np.asarray(space.select(space.frame.smooth(present.astype(float), fwhm)))


def normalise(smoothed: FloatArray, weight: FloatArray, expected: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Scale smoothed values of a subject that lacks data as if the missing values were the weighted mean of the others.

    A constant map that lacks voxels becomes the smoothed whole map.

    Parameters
    ----------
    smoothed : array (n_points,)
        The smoothed map, with missing data as 0; NaN at points without data.
    weight : array (n_points,)
        The weight of the voxels at which the subject has data, of those of `expected`.
    expected : array (n_points,)
        The weight of all voxels that are not the background of all subjects.

    Returns
    -------
    normalised : array (n_points,)
        ``smoothed * expected / weight``, to the bit `smoothed` where no voxel within reach of the Gaussian is missing.
    changed : array (n_points,)
        Where this is another value.
    """
    changed = ~np.isnan(smoothed) & (weight != expected) & (weight > 0)
    normalised = smoothed.copy()
    normalised[changed] *= expected[changed] / weight[changed]
    return normalised, changed
