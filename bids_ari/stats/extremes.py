"""The smallest p of many voxels under many draws, without computing the others.

The *score* of a voxel is as extreme as its p is small, among voxels with the same degrees of freedom. Voxels are
counted in narrow bins of their score, for each number of degrees of freedom; what a bin holds lies between the p of
its ends. From the counts follow limits of what each bin can contribute, and p are computed in the bins that can
still decide. What is computed is exact, whatever the data: there is no cut that lambda has to stay below.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bids_ari.stats.drawkernels import Groups, bin_counts, in_bins, running_counts
from bids_ari.stats.families import SLACK, Family
from bids_ari.stats.kernels import Ints
from bids_ari.stats.tails import FloatArray

N_BINS = 4096
"""Bins for each number of degrees of freedom."""

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
    """

    def __init__(
        self, p_of: Callable[[FloatArray, FloatArray], FloatArray], dofs: npt.NDArray[np.intp], signed: bool
    ) -> None:
        self._p_of, self._dofs = p_of, dofs.astype(float)
        self._lowest = -1.0 if signed else 0.0
        self._per_unit = N_BINS / (1 - self._lowest)
        ends = p_of(self._lowest + np.arange(N_BINS + 1) / self._per_unit, self._dofs[:, None])
        self._least = (ends[:, 1:] * (1 - _WIDER)).ravel()
        self._most = np.minimum(ends[:, :-1] * (1 + _WIDER) + np.finfo(float).tiny, 1.0).ravel()
        self._by_least, self._by_most = np.argsort(self._least), np.argsort(self._most)
        self._sorted_least, self._sorted_most = self._least[self._by_least], self._most[self._by_most]
        self._n_reaching = np.searchsorted(self._sorted_least, self._most, side="right")
        self._n_within = np.searchsorted(self._sorted_most, self._most, side="right")
        self._n_before = np.searchsorted(self._sorted_most, self._least, side="left")

    def least_lambda(self, score: FloatArray, group: Groups, family: Family) -> FloatArray:
        """Give what `families.least_lambda` gives for all p of each draw, (n_draws,).

        Parameters
        ----------
        score : array (n_draws, n_voxels)
            Scores of a batch of draws.
        group : array (n_voxels,)
            Which degrees of freedom a voxel has, -1 for those left out.
        family : Family
            The critical vectors.
        """
        counts = self._counts(score, group)
        wanted = self._deciding(counts, family)
        found = (self._least_in(*of_draw, group, family) for of_draw in zip(wanted, score, counts, strict=True))
        return np.fromiter(found, dtype=float, count=len(score))

    def smallest(self, score: FloatArray, group: Groups, n_ranks: int) -> FloatArray:
        """Give the smallest `n_ranks` p of each draw, in order, (n_draws, n_ranks)."""
        counts = self._counts(score, group)
        within = running_counts(counts, self._by_most, np.arange(1, counts.shape[1] + 1))
        found = np.empty((len(score), n_ranks))
        for draw, row in enumerate(counts):
            enough = self._sorted_most[np.searchsorted(within[draw], n_ranks)]  # n_ranks p are at most this
            p = self._p_in(self._least <= enough, score[draw], group, row)
            found[draw] = np.sort(p)[:n_ranks]
        return found

    def _counts(self, score: FloatArray, group: Groups) -> Ints:
        """Count the voxels in each bin, (n_draws, n_bins)."""
        return bin_counts(score, group, self._lowest, self._per_unit, N_BINS, self._dofs.size)

    def _deciding(self, counts: Ints, family: Family) -> npt.NDArray[np.bool_]:
        """Say which bins of each draw can hold the p of the smallest inverse, (n_draws, n_bins).

        Let [a, b] be the p of a bin, R the number of voxels in bins that reach below b, and N that in bins which end
        at b or below. No rank in the bin is above R, so no inverse there is below inverse(R, a). The N-th smallest p
        is at most b, so the smallest inverse is at most inverse(N, b). Ranks beyond K count for nothing.
        """
        before = running_counts(counts, self._by_most, self._n_before)
        draw, used = np.nonzero((counts > 0) & (before < family.n_ranks))
        reaching = running_counts(counts, self._by_least, self._n_reaching)[draw, used]
        within = running_counts(counts, self._by_most, self._n_within)[draw, used]
        possible = family.inverse(np.minimum(reaching, family.n_ranks), self._least[used])
        reached = np.full(len(counts), np.inf)
        np.minimum.at(reached, draw, family.inverse(np.minimum(within, family.n_ranks), self._most[used]))
        wanted = np.zeros(counts.shape, dtype=bool)
        deciding = possible * (1 - SLACK) <= reached[draw]
        wanted[draw[deciding], used[deciding]] = True
        return wanted

    def _least_in(
        self,
        wanted: npt.NDArray[np.bool_],
        score: FloatArray,
        counts: Ints,
        group: Groups,
        family: Family,
    ) -> float:
        """Give the smallest inverse of the p in some bins of a draw, at their ranks among all.

        Bins that overlap a wanted one are looked at too, so that each of the others is below all p of a wanted bin or
        above: its voxels are counted into their ranks, or not. Of p in the bins that were added, ranks may be found
        too low and inverses too large, which does no harm.
        """
        starts, ends = np.sort(self._least[wanted]), np.sort(self._most[wanted])
        begun = np.searchsorted(starts, self._most, side="right")
        looked_at = begun > np.searchsorted(ends, self._least, side="left")
        p = np.sort(self._p_in(looked_at, score, group, counts))
        others = np.concatenate([[0], np.cumsum(np.where(looked_at, 0, counts)[self._by_most])])
        rank = np.arange(1, p.size + 1) + others[np.searchsorted(self._sorted_most, p, side="left")]
        counted = rank <= family.n_ranks
        return float(family.inverse(rank[counted], p[counted]).min(initial=np.inf))

    def _p_in(self, bins: npt.NDArray[np.bool_], score: FloatArray, group: Groups, counts: Ints) -> FloatArray:
        """Compute the p of a draw in some bins."""
        total = int(counts[bins].sum())
        voxels = in_bins(score, group, self._lowest, self._per_unit, N_BINS, bins, total)
        return self._p_of(score[voxels], self._dofs[group[voxels]])
