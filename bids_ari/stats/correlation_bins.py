"""The smallest p of many points under many permutations, without computing the p of every point.

Among points with the same degrees of freedom, p falls as the partial correlation grows. Points are counted in narrow
bins of their correlation, for each number of degrees of freedom; the p of a bin lie between those of its ends. From
the counts follow bounds on what each bin can contribute, and p are computed only in the bins that can decide. The
result is exact for any data: lambda is not truncated anywhere.
"""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from bids_ari.stats.critical_vectors import SLACK, CriticalVectors
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.forest_kernels import Ints
from bids_ari.stats.permutation_kernels import Groups, bin_counts, running_counts, values_in_bins

_WIDENING = 1e-6
"""The relative amount by which the ends of a bin are moved apart: more than the rounding of p and of bins."""


def default_n_bins(n_points: int) -> int:
    """Return the number of bins for each number of degrees of freedom: a power of two, about one per 8 points.

    At least 4096 and at most 16384: with fewer bins more p are computed, and more bins take longer to look through.
    """
    return min(max(1 << (n_points // 8).bit_length(), 1 << 12), 1 << 14)


class CorrelationBins:
    """Bins of equal width of partial correlations, from -1 (or 0, where they have no sign) to 1.

    ``p_of(correlations, dof)`` returns their p-values. Each of the degrees of freedom `dofs` (n_groups,) has `n_bins`
    bins of its own.
    """

    def __init__(
        self,
        p_of: Callable[[FloatArray, FloatArray], FloatArray],
        dofs: FloatArray,
        signed: bool,
        n_bins: int,
    ) -> None:
        self._p_of, self._dofs, self._n_bins = p_of, dofs, n_bins
        self._lowest = -1.0 if signed else 0.0
        self._per_unit = n_bins / (1 - self._lowest)
        ends = p_of(self._lowest + np.arange(n_bins + 1) / self._per_unit, self._dofs[:, None])
        self._least = (ends[:, 1:] * (1 - _WIDENING)).ravel()
        self._most = np.minimum(ends[:, :-1] * (1 + _WIDENING) + np.finfo(float).tiny, 1.0).ravel()
        self._by_least, self._by_most = np.argsort(self._least), np.argsort(self._most)
        self._sorted_least, self._sorted_most = self._least[self._by_least], self._most[self._by_most]
        self._all = np.arange(self._least.size + 1)
        self._n_reaching = np.searchsorted(self._sorted_least, self._most, side="right")
        self._n_within = np.searchsorted(self._sorted_most, self._most, side="right")
        self._n_before = np.searchsorted(self._sorted_most, self._least, side="left")

    def smallest_lambda(self, correlation: FloatArray, group: Groups, family: CriticalVectors) -> FloatArray:
        """Return what `smallest_lambda` of critical_vectors returns for all p of each permutation, (n_permutations,).

        A p of a bin that can decide is ranked among those of all such bins, and the points of other bins that end
        below it. Other bins around it are not counted: ranks may be too low, and inverses too large. This does not
        change the result, since around the p with the smallest inverse, at rank k, there are no such bins: a bin
        around it reaches below p, and at least k points are in bins that reach below its end, so it can decide, too.

        `correlation` is (n_permutations, n_points); `group` (n_points,) is the position of the degrees of freedom of
        each point in `dofs`, -1 for excluded points.
        """
        counts = bin_counts(correlation, group, self._lowest, self._per_unit, self._n_bins, self._dofs.size)
        deciding = self._deciding(counts, family)
        others = running_counts(np.where(deciding, np.int32(0), counts), self._by_most, self._all)
        smallest = np.full(len(correlation), np.inf)
        for i, p in enumerate(self._sorted_p_in(deciding, correlation, group, counts)):
            ranks = np.arange(1, p.size + 1) + others[i, np.searchsorted(self._sorted_most, p, side="left")]
            n = np.searchsorted(ranks, family.n_ranks, side="right")
            smallest[i] = family.inverse(ranks[:n], p[:n]).min(initial=np.inf)
        return smallest

    def smallest_p(self, correlation: FloatArray, group: Groups, n_ranks: int) -> FloatArray:
        """Return the smallest p of each permutation in ascending order, (n_permutations, n_ranks).

        `n_ranks` is at most the number of points that are not excluded.
        """
        counts = bin_counts(correlation, group, self._lowest, self._per_unit, self._n_bins, self._dofs.size)
        within = running_counts(counts, self._by_most, self._all[1:])
        last = [np.searchsorted(row, n_ranks) for row in within]  # n_ranks p are at most the end of this bin
        relevant = self._least <= self._sorted_most[last][:, None]
        return np.array([p[:n_ranks] for p in self._sorted_p_in(relevant, correlation, group, counts)])

    def _deciding(self, counts: Ints, family: CriticalVectors) -> npt.NDArray[np.bool_]:
        """Return which bins can hold the p of the smallest inverse, (n_permutations, n_groups * n_bins).

        Let [a, b] be the p of a bin, R the number of points in bins that reach below b, and N that in bins that end
        at b or below. No rank in the bin is above R, so no inverse there is below inverse(R, a). The N-th smallest p
        is at most b, so the smallest inverse is at most inverse(N, b). Ranks beyond K do not count.
        """
        before = running_counts(counts, self._by_most, self._n_before)
        reaching = running_counts(counts, self._by_least, self._n_reaching)
        within = running_counts(counts, self._by_most, self._n_within)
        least, most = (np.broadcast_to(ends, counts.shape) for ends in (self._least, self._most))
        used = (counts > 0) & (before < family.n_ranks)
        possible, reached = np.full((2, *counts.shape), np.inf)
        possible[used] = family.inverse(np.minimum(reaching[used], family.n_ranks), least[used])
        reached[used] = family.inverse(np.minimum(within[used], family.n_ranks), most[used])
        return np.asarray(used & (possible * (1 - SLACK) <= reached.min(axis=1, keepdims=True)))

    def _sorted_p_in(
        self, bins: npt.NDArray[np.bool_], correlation: FloatArray, group: Groups, counts: Ints
    ) -> Iterator[FloatArray]:
        """Compute the p in some bins of each permutation, and sort them."""
        ends = np.cumsum(np.where(bins, counts, 0).sum(axis=1))
        found, of_group = values_in_bins(
            correlation, group, self._lowest, self._per_unit, self._n_bins, bins, int(ends[-1])
        )
        p = self._p_of(found, self._dofs[of_group])
        return (np.sort(each) for each in np.split(p, ends[:-1]))
