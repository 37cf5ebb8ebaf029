"""Familywise error by permutation: adjusted p of single points, and of clusters by their extent.

Under each permutation, the identity included, only the smallest p of all points and the extent of the largest cluster
above each threshold are kept. The adjusted p of a point is the share of the permutations whose smallest p is at most
its own; that of a cluster the share whose largest cluster at its threshold is at least as large. If no point is
active, the probability that any adjusted p is at most alpha is at most alpha. The permutations are those of the
calibration: with K = 1 critical p, the points of category 1 are those of adjusted p at most alpha.

For points this also holds where others are active (*strong* control), as far as permutations leave the joint
distribution of the inactive ones as it is. For clusters it only means that some point of the cluster is active.

References
----------
Holmes, Blair, Watson & Ford (1996), Journal of Cerebral Blood Flow and Metabolism 16:7, and Nichols & Holmes (2002),
Human Brain Mapping 15:1, for points. Hayasaka & Nichols (2003), NeuroImage 20:2343, for extents.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bids_ari.stats import familywise_kernels as kernels
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.familywise_kernels import Longs
from bids_ari.stats.forest import Adjacency, GridAdjacency, Ints
from bids_ari.stats.null_model import NullModel
from bids_ari.stats.permutation_batches import summaries
from bids_ari.stats.permutation_kernels import Groups, Indices
from bids_ari.stats.resampling import Resampling


class Extent(NamedTuple):
    """What the extent of a cluster is."""

    neighbours: Adjacency
    weights: Longs  # (n_points,): parts of the extent, positive whole numbers; 1 to count points
    per_unit: float = 1.0  # of the weights: how many are 1 of the unit in which extents are reported
    join_signs: bool = False  # whether a cluster of a two-sided test may contain both signs


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FamilywiseErrors:
    """The extremes of all permutations, the identity first, and the adjusted p of points."""

    counts: Ints  # (n_points,): number of permutations whose smallest p is at most that of the point
    smallest_p: FloatArray  # (n_permutations,)
    thresholds: tuple[float, ...]  # in z
    extents: FloatArray  # (n_permutations, n_thresholds): of the largest cluster; 0 without any

    def __post_init__(self) -> None:
        for array in (self.counts, self.smallest_p, self.extents):
            array.flags.writeable = False

    @property
    def n_permutations(self) -> int:
        """B, the data as observed included."""
        return self.smallest_p.size

    @property
    def p(self) -> FloatArray:
        """The adjusted p of each point, (n_points,)."""
        return self.counts / self.n_permutations

    def has_extents(self, threshold: float) -> bool:
        """Return whether the largest clusters above a threshold are known."""
        return threshold in self.thresholds

    def p_of_extents(self, extents: Iterable[float], threshold: float) -> FloatArray:
        """Return the adjusted p of clusters above one of `thresholds`, from their extents."""
        column = self.extents[:, self.thresholds.index(threshold)]
        return np.array([np.count_nonzero(column >= extent) for extent in extents], dtype=float) / self.n_permutations

    def __repr__(self) -> str:
        return f"FamilywiseErrors(n_permutations={self.n_permutations}, thresholds={self.thresholds})"


def familywise_errors(
    model: NullModel,
    resampling: Resampling,
    z: FloatArray,
    thresholds: Sequence[float],
    extent: Extent,
    n_threads: int = 1,
) -> FamilywiseErrors:
    """Compute the extremes of the permutations of a test.

    Parameters
    ----------
    model : NullModel
        From `fit_null_model`.
    resampling : Resampling
        From `make_resampling`: its first permutation is the identity.
    z : array (n_points,)
        The observed z with the one-sided tail probability of the statistic, large or, two-sided, far from 0 where it is
        extreme. Clusters are formed from it, and so is the largest cluster of the identity.
    thresholds : sequence of float
        Cluster-forming thresholds in z, at least 0.
    extent : Extent
        Neighbours and size of the points.
    n_threads : int
        Number of threads; the result does not depend on it.

    Returns
    -------
    FamilywiseErrors
    """
    group, column = model.dof_groups(), np.argsort(model.order)
    ascending = np.argsort(thresholds)
    limits = model.limits(np.asarray(thresholds, dtype=float)[ascending])
    two_sided = not model.n_rows and not model.subspaces.one_sided

    def extremes(correlations: FloatArray) -> tuple[FloatArray, Longs]:
        highest = kernels.highest_values(correlations, group, len(limits), two_sided)
        p = model.p_of_correlations(highest, model.dofs).min(axis=1)
        return p, _largest(correlations, group, limits, extent, model.order, column, two_sided)

    found = summaries(model, resampling, extremes, n_threads, signed=model.n_rows == 0)
    smallest_p, extents = (np.concatenate(each) for each in zip(*found, strict=True))
    p, identity = model.observed_p(), np.arange(z.size)
    smallest_p[0] = p.min()
    observed = z[None], np.zeros(z.size, dtype=np.int16), np.sort(np.asarray(thresholds, dtype=float))[None]
    extents[:1] = _largest(*observed, extent, identity, identity, two_sided)
    return FamilywiseErrors(
        np.searchsorted(np.sort(smallest_p), p, side="right").astype(np.int32),
        smallest_p,
        tuple(map(float, thresholds)),
        extents[:, np.argsort(ascending)] / extent.per_unit,
    )


def _largest(
    values: FloatArray,
    group: Groups,
    limits: FloatArray,
    extent: Extent,
    order: Indices,
    column: Indices,
    two_sided: bool,
) -> Longs:
    """Return the largest extents of values (n_permutations, n_columns), (n_permutations, n_thresholds).

    ``order[column]`` is the point of a column, and ``column[point]`` its column.
    """
    neighbours, split, weights = extent.neighbours, two_sided and not extent.join_signs, extent.weights[order]
    if isinstance(neighbours, GridAdjacency):
        grid = neighbours.cell[order], neighbours.offsets, neighbours.n_cells
        return kernels.grid_extents(values, group, limits, two_sided, split, weights, *grid)
    graph = column, order, neighbours.starts, neighbours.neighbours
    return kernels.graph_extents(values, group, limits, two_sided, split, weights, *graph)
