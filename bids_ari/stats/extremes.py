"""The smallest p of many points under many draws, without computing the others.

The *score* of a point is as extreme as its p is small, among points with the same degrees of freedom. Points are
counted in narrow bins of their score, for each number of degrees of freedom; what a bin holds lies between the p of
its ends. From the counts follow limits of what each bin can contribute, and p are computed in the bins that can
still decide. What is computed is exact, whatever the data: there is no cut that lambda has to stay below.
"""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from bids_ari.stats.critical_vectors import SLACK, Family
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.forest_kernels import Ints
from bids_ari.stats.permutation_kernels import Groups, bin_counts, in_bins, running_counts

FEWEST_BINS, MOST_BINS, PER_BIN = 1 << 12, 1 << 14, 8
"""Bins for each number of degrees of freedom: a power of two near one for 8 points, at least and at most. Fewer leave
more p to be computed, and more take longer to look through."""

_WIDER = 1e-6
"""By which part of p the ends of a bin are moved apart: more than p and the bins of scores are rounded by."""


class Bins:
    """Bins of scores from -1 (or 0, where there is no sign) to 1.

    Parameters
    ----------
    p_of : callable
        Gives p of scores and degrees of freedom.
    dofs : array (n_groups,)
        The different degrees of freedom; a bin belongs to one.
    signed : bool
        Whether scores have a sign.
    n_points : int
        About how many there are.
    """

    def __init__(
        self,
        p_of: Callable[[FloatArray, FloatArray], FloatArray],
        dofs: npt.NDArray[np.intp],
        signed: bool,
        n_points: int,
    ) -> None:
        self._p_of, self._dofs = p_of, dofs.astype(float)
        self._lowest = -1.0 if signed else 0.0
        self._n_bins = min(max(1 << (n_points // PER_BIN).bit_length(), FEWEST_BINS), MOST_BINS)
        self._per_unit = self._n_bins / (1 - self._lowest)
        ends = p_of(self._lowest + np.arange(self._n_bins + 1) / self._per_unit, self._dofs[:, None])
        self._least = (ends[:, 1:] * (1 - _WIDER)).ravel()
        self._most = np.minimum(ends[:, :-1] * (1 + _WIDER) + np.finfo(float).tiny, 1.0).ravel()
        self._by_least, self._by_most = np.argsort(self._least), np.argsort(self._most)
        self._sorted_least, self._sorted_most = self._least[self._by_least], self._most[self._by_most]
        self._all = np.arange(self._least.size + 1)
        self._n_reaching = np.searchsorted(self._sorted_least, self._most, side="right")
        self._n_within = np.searchsorted(self._sorted_most, self._most, side="right")
        self._n_before = np.searchsorted(self._sorted_most, self._least, side="left")

    def least_lambda(self, score: FloatArray, group: Groups, family: Family) -> FloatArray:
        """Give what `families.least_lambda` gives for all p of each draw, (n_draws,).

        A p of a bin that can decide is ranked among those of all such bins, and the points of other bins that end
        below it. Other bins that it lies within are not counted: ranks may be found too low, and inverses too large.
        That does no harm, for of the p with the smallest inverse, at rank k, there are none: such a bin reaches below
        p, and at least k points are in bins that reach below its end, so that it can decide, too.

        Parameters
        ----------
        score : array (n_draws, n_points)
            Scores of a batch of draws.
        group : array (n_points,)
            Which degrees of freedom a point has, -1 for those left out.
        family : Family
            The critical vectors.
        """
        counts = self._counts(score, group)
        deciding = self._deciding(counts, family)
        others = running_counts(np.where(deciding, np.int32(0), counts), self._by_most, self._all)
        least = np.full(len(score), np.inf)
        for draw, p in enumerate(self._p_in(deciding, score, group, counts)):
            rank = np.arange(1, p.size + 1) + others[draw, np.searchsorted(self._sorted_most, p, side="left")]
            p, rank = p[rank <= family.n_ranks], rank[rank <= family.n_ranks]
            least[draw] = family.inverse(rank, p).min(initial=np.inf)
        return least

    def smallest(self, score: FloatArray, group: Groups, n_ranks: int) -> FloatArray:
        """Give the smallest `n_ranks` p of each draw, in order, (n_draws, n_ranks)."""
        counts = self._counts(score, group)
        within = running_counts(counts, self._by_most, self._all[1:])
        last = [np.searchsorted(row, n_ranks) for row in within]  # n_ranks p are at most what this bin ends at
        looked_at = self._least <= self._sorted_most[last][:, None]
        return np.array([p[:n_ranks] for p in self._p_in(looked_at, score, group, counts)])

    def _counts(self, score: FloatArray, group: Groups) -> Ints:
        """Count the points in each bin, (n_draws, n_bins)."""
        return bin_counts(score, group, self._lowest, self._per_unit, self._n_bins, self._dofs.size)

    def _deciding(self, counts: Ints, family: Family) -> npt.NDArray[np.bool_]:
        """Say which bins of each draw can hold the p of the smallest inverse, (n_draws, n_bins).

        Let [a, b] be the p of a bin, R the number of points in bins that reach below b, and N that in bins which end
        at b or below. No rank in the bin is above R, so no inverse there is below inverse(R, a). The N-th smallest p
        is at most b, so the smallest inverse is at most inverse(N, b). Ranks beyond K count for nothing.
        """
        before = running_counts(counts, self._by_most, self._n_before)
        used = (counts > 0) & (before < family.n_ranks)
        reaching = running_counts(counts, self._by_least, self._n_reaching)[used]
        within = running_counts(counts, self._by_most, self._n_within)[used]
        least, most = (np.broadcast_to(ends, counts.shape)[used] for ends in (self._least, self._most))
        possible, reached = np.full((2, *counts.shape), np.inf)
        possible[used] = family.inverse(np.minimum(reaching, family.n_ranks), least)
        reached[used] = family.inverse(np.minimum(within, family.n_ranks), most)
        return np.asarray(used & (possible * (1 - SLACK) <= reached.min(axis=1, keepdims=True)))

    def _p_in(
        self, bins: npt.NDArray[np.bool_], score: FloatArray, group: Groups, counts: Ints
    ) -> Iterator[FloatArray]:
        """Compute the p in some bins of each draw, and sort them."""
        ends = np.cumsum(np.where(bins, counts, 0).sum(axis=1))
        found, of_group = in_bins(score, group, self._lowest, self._per_unit, self._n_bins, bins, int(ends[-1]))
        p = self._p_of(found, self._dofs[of_group])
        return (np.sort(each) for each in np.split(p, ends[:-1]))
