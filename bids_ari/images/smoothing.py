"""Smoothing of maps, by normalised convolution where a subject has no data at voxels where others have some.

A map is a volume (x, y, z) that is NaN where the subject has no data. Where these voxels count as 0, the smoothed map
is pulled towards 0 at their edge. If the field of view of one group ends early, this alone makes groups different.

References
----------
Knutsson & Westin (1993), Normalized and differential convolution, Proceedings of IEEE CVPR 1993:515.
"""

import nibabel as nib
import numpy as np
import numpy.typing as npt

from bids_ari.images.masks import n_required
from bids_ari.images.space import BoolVolume, Grid, Space
from bids_ari.stats.distributions import FloatArray

COMMON = 0.1
"""A voxel without data in fewer than this part of the subjects is background for all: it counts as 0."""


def smooth(volume: FloatArray, grid: Grid, fwhm: float | None) -> FloatArray:
    """Smooth a volume (x, y, z) by a Gaussian of `fwhm` mm, as nilearn does; values that are not finite count as 0."""
    finite = np.where(np.isfinite(volume), volume, 0.0)
    if not fwhm:
        return finite
    from nilearn.image import smooth_img

    return np.asarray(smooth_img(nib.Nifti1Image(finite, grid.affine), fwhm).dataobj, dtype=float)


def with_data_of_some(counts: npt.NDArray[np.int32], n_subjects: int) -> BoolVolume:
    """Return the voxels at which a map without data has missing data: not the background, where no map has any.

    `counts` (x, y, z) is the number of subjects with data.
    """
    return np.asarray(counts >= n_required(COMMON, n_subjects))


def weight_of_data(present: BoolVolume, expected: BoolVolume, grid: Grid, fwhm: float, space: Space) -> FloatArray:
    """Return the weight of the Gaussian at voxels with data relative to that at expected voxels, (n_points,).

    `expected` (x, y, z) are the voxels at which data are not the background of all subjects, `present` those of them at
    which a subject has data. Smoothed values divided by the weight are what they would be if the missing values were
    equal to the weighted mean of the others: a constant map that lacks voxels becomes the smoothed whole map. Exactly 1
    where no voxel within reach of the Gaussian is missing.
    """
    of_subject, of_all = (space.select(smooth(mask.astype(float), grid, fwhm)) for mask in (present, expected))
    return np.asarray(np.divide(of_subject, of_all, out=np.ones_like(of_all), where=of_all > 0))
