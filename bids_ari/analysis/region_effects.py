"""Mean effects of subjects in regions, for other programs: one number for each subject and region."""

import numpy as np

from bids_ari.analysis.methods import GroupData
from bids_ari.images.regions import RegionSet
from bids_ari.stats.distributions import FloatArray

BLOCK = 2**22
"""Number of values of all subjects that are read at once."""


def effects_in(group: GroupData, regions: RegionSet) -> FloatArray:
    """Return the mean of each subject's map over the points of each region with data, (n_subjects, n_regions).

    NaN where a subject has no data in a region. The maps are as they are tested: combined, smoothed, differences.
    """
    (maps,) = group.maps
    n_subjects, n_points = maps.shape
    sums, counts = np.zeros((2, n_subjects, len(regions.regions)))
    step = max(1, BLOCK // max(n_subjects, 1))
    for start in range(0, n_points, step):
        block = maps[:, start : start + step]
        known = np.isfinite(block)
        values = np.where(known, block, 0.0)
        for column, region in enumerate(regions.regions):
            first, last = np.searchsorted(region.points, (start, start + step))
            if first < last:
                inside = region.points[first:last] - start
                sums[:, column] += values[:, inside].sum(axis=1)
                counts[:, column] += known[:, inside].sum(axis=1)
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
