"""The smallest p of many points under many permutations, without computing the p of every point.

Among points with the same degrees of freedom, p falls as the partial correlation grows. Points are counted in narrow
bins of their correlation, for each number of degrees of freedom; the p of a bin lie between those of its ends. From
the counts follow bounds on what each bin can contribute, and p are computed only in the bins that can decide. The
result is exact for any data: lambda is not truncated anywhere.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from bids_ari.stats.critical_vectors import SLACK, Combined, CriticalVectors, members_of
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.forest_kernels import Ints
from bids_ari.stats.permutation_kernels import Groups, Indices, bin_counts, running_counts, values_in_bins

_WIDENING = 1e-6
"""The relative amount by which the ends of a bin are moved apart: more than the rounding of p and of bins.

Two-sided p near 1 have errors of up to 1e-7, as 1 - r**2 is 1 or the number before it."""

_MANY = 512  # if more points of a permutation are in bins that can decide, lower bounds of their p exclude most
_SAME = 1e-10  # p of correlations that differ by less may be in another order than these, by rounding
_UNDERFLOW, _STEEP, _ROUNDING = 1e-290, 1e300, 1e-12  # of p, of the logarithms of their ratios

_BLOCK = 64  # bins that are looked at together first; a power of two


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
        self._ends, self._log_ratio = _for_interpolation(ends)
        self._least = (ends[:, 1:] * (1 - _WIDENING)).ravel()
        self._most = np.minimum(ends[:, :-1] * (1 + _WIDENING) + np.finfo(float).tiny, 1.0).ravel()
        self._by_least, self._by_most = np.argsort(self._least), np.argsort(self._most)
        self._sorted_least, self._sorted_most = self._least[self._by_least], self._most[self._by_most]
        self._blocks = np.arange(self._least.size).reshape(-1, min(_BLOCK, n_bins))
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
        Of a family of several, further bins, which can decide in another member, only make ranks more exact.

        `correlation` is (n_permutations, n_points); `group` (n_points,) is the position of the degrees of freedom of
        each point in `dofs`, -1 for excluded points.
        """
        return self.smallest_lambda_and_p(correlation, group, family, 0)[0]

    def smallest_lambda_and_p(
        self, correlation: FloatArray, group: Groups, family: CriticalVectors, n_ranks: int
    ) -> tuple[FloatArray, FloatArray]:
        """Return what `smallest_lambda` and `smallest_p` return, in little more time than the longer of them."""
        counts = bin_counts(correlation, group, self._lowest, self._per_unit, self._n_bins, self._dofs.size)
        members = members_of(family)
        deciding = self._deciding(counts, members)
        if n_ranks:
            deciding |= self._with_smallest(counts, n_ranks)
        smallest_p = np.empty((len(correlation), n_ranks))
        others = running_counts(np.where(deciding, np.int32(0), counts), self._by_most, self._all)
        smallest = np.full((len(members), len(correlation)), np.inf)
        for i, (values, dof) in enumerate(self._points_in(deciding, correlation, group, counts)):
            place = np.arange(values.size)
            if values.size > _MANY and not n_ranks and self._log_ratio.size:
                place, values = self._contenders(values, others[i], members)
            p = np.sort(self._p_of(values, dof[: values.size]))
            smallest_p[i] = p[:n_ranks]
            ranks = self._ranks(place, p, others[i])
            for j, member in enumerate(members):
                n = np.searchsorted(ranks, member.n_ranks, side="right")
                smallest[j, i] = member.inverse(ranks[:n], p[:n]).min(initial=np.inf)
        lambdas = family.smallest([*smallest]) if isinstance(family, Combined) else np.asarray(smallest[0])
        return lambdas, smallest_p

    def smallest_p(self, correlation: FloatArray, group: Groups, n_ranks: int) -> FloatArray:
        """Return the smallest p of each permutation in ascending order, (n_permutations, n_ranks).

        `n_ranks` is at most the number of points that are not excluded.
        """
        counts = bin_counts(correlation, group, self._lowest, self._per_unit, self._n_bins, self._dofs.size)
        bins = self._with_smallest(counts, n_ranks)
        each = self._points_in(bins, correlation, group, counts)
        return np.array([np.sort(self._p_of(values, dof))[:n_ranks] for values, dof in each])

    def _with_smallest(self, counts: Ints, n_ranks: int) -> npt.NDArray[np.bool_]:
        """Return which bins can hold one of the `n_ranks` smallest p, (n_permutations, n_groups * n_bins)."""
        within = running_counts(counts, self._by_most, self._all[1:])
        last = [np.searchsorted(row, n_ranks) for row in within]  # n_ranks p are at most the end of this bin
        return np.asarray(self._least <= self._sorted_most[last][:, None])

    def _deciding(self, counts: Ints, members: Sequence[CriticalVectors]) -> npt.NDArray[np.bool_]:
        """Return which bins can hold the p of the smallest inverse of a member, (n_permutations, n_groups * n_bins).

        Let [a, b] be the p of a bin, R the number of points in bins that reach below b, and N that in bins that end
        at b or below. No rank in the bin is above R, so no inverse there is below inverse(R, a). The N-th smallest p
        is at most b, so the smallest inverse is at most inverse(N, b). Ranks beyond K do not count. This is first
        applied to blocks of bins, whose p lie between the least of the last bin and the most of the first.
        """
        before = running_counts(counts, self._by_most, self._n_before)
        reaching = running_counts(counts, self._by_least, self._n_reaching)
        within = running_counts(counts, self._by_most, self._n_within)
        deciding = np.zeros(counts.shape, dtype=bool)
        first, last = self._blocks[:, 0], self._blocks[:, -1]
        shape = len(counts), len(self._blocks)
        least, most = np.broadcast_to(self._least[last], shape), np.broadcast_to(self._most[first], shape)
        for member in members:
            n_ranks = member.n_ranks
            possible = member.inverse(np.clip(reaching[:, first], 1, n_ranks), least)
            reached = member.inverse(np.clip(within[:, first], 1, n_ranks), most)
            smallest = np.where(within[:, first] > 0, reached, np.inf).min(axis=1)
            in_blocks = (possible * (1 - SLACK) <= smallest[:, None]).repeat(self._blocks.shape[1], axis=1)
            row, column = np.nonzero(in_blocks & (counts > 0) & (before < n_ranks))
            possible = member.inverse(np.minimum(reaching[row, column], n_ranks), self._least[column])
            reached = member.inverse(np.minimum(within[row, column], n_ranks), self._most[column])
            np.minimum.at(smallest, row, reached)
            can_decide = possible * (1 - SLACK) <= smallest[row]
            deciding[row[can_decide], column[can_decide]] = True
        return deciding

    def _points_in(
        self, bins: npt.NDArray[np.bool_], correlation: FloatArray, group: Groups, counts: Ints
    ) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Yield the correlations in some bins of each permutation, and their degrees of freedom."""
        ends = np.cumsum(np.where(bins, counts, 0).sum(axis=1))
        found, of_group = values_in_bins(
            correlation, group, self._lowest, self._per_unit, self._n_bins, bins, int(ends[-1])
        )
        return zip(np.split(found, ends[:-1]), np.split(self._dofs[of_group], ends[:-1]), strict=True)

    def _ranks(self, place: Indices, p: FloatArray, others: Ints) -> Indices:
        """Return the rank of p from their place, from 0, among those of the deciding bins, and the counts of others."""
        return np.asarray(place + 1 + others[np.searchsorted(self._sorted_most, p, side="left")])

    def _contenders(
        self, values: FloatArray, others: Ints, members: Sequence[CriticalVectors]
    ) -> tuple[Indices, FloatArray]:
        """Return the place and correlation of points, of all in deciding bins, whose p can have the smallest inverse.

        The density of a correlation is log-concave with two degrees of freedom or more, so log p is concave: p is at
        least that of a straight line between the logarithms of p at the ends of its bin, and hardly larger. No inverse
        that is larger by these bounds than the inverse of one p is the smallest.
        """
        values = np.sort(values)[::-1]
        part = (values - self._lowest) * self._per_unit
        column = np.clip(part.astype(np.intp), 0, self._n_bins - 1)
        least = self._ends[column] * np.exp((part - column) * self._log_ratio[column]) * (1 - _WIDENING)
        place = np.arange(values.size)
        highest_rank = place + 1 + others[self._n_within[column]]
        can_decide = np.zeros(values.size, dtype=bool)
        for member in members:
            possible = member.inverse(np.minimum(highest_rank, member.n_ranks), least)
            best = np.argmin(possible, keepdims=True)
            p = self._p_of(values[best], self._dofs)
            rank = self._ranks(best, p, others)
            reached = member.inverse(rank, p)[0] if rank[0] <= member.n_ranks else np.inf
            can_decide |= possible * (1 - SLACK) <= reached
        ascending = -values
        near = [np.arange(*np.searchsorted(ascending, (each - _SAME, each + _SAME))) for each in ascending[can_decide]]
        place = np.unique(np.concatenate(near))
        return place, values[place]


def _for_interpolation(ends: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return p at the ends of bins, and the logarithms of their ratio for each bin; nothing where not concave.

    `ends` are (n_groups, n_bins + 1); only those of a single group are used. p that underflow are 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(ends[0] < _UNDERFLOW, 0.0, ends[0])
        log_ratio = np.nan_to_num(np.log(p[1:] / p[:-1]), nan=-_STEEP, neginf=-_STEEP)
    is_concave = len(ends) == 1 and (np.diff(log_ratio) < _ROUNDING).all()
    return (p, log_ratio) if is_concave else (np.empty(0), np.empty(0))
