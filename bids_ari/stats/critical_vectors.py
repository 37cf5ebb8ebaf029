"""Families of critical vectors: t_1 <= t_2 <= ..., one vector for each value of a parameter, lambda.

A family is used through its *inverse*: the lambda for which t_k = p. It grows with p and falls with k, so that
``p < t_k(lambda)`` is decided as ``inverse(k, p) < lambda``, everywhere in float64.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import special

from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.permutation_kernels import Indices, count_at_most

TEMPLATE_RANKS = 1000
"""Ranks of a learned template (Blain, Thirion & Neuvial 2022)."""

SLACK = 1e-9
"""The relative error up to which an inverse is known to grow with p and fall with k: more than its rounding."""

_GROUP = 16  # ranks of a group in `smallest_lambda`


class CriticalVectors(Protocol):
    """A family of critical vectors for the p of m points."""

    @property
    def n_ranks(self) -> int:
        """Length of the vectors, K."""

    def inverse(self, k: Indices, p: FloatArray) -> FloatArray:
        """Return the lambda with t_k = p for ranks 1..K, of the shape of both; infinite where t_k is always 0."""

    def critical(self, lambda_: float) -> FloatArray:
        """Return t_1..t_K, (K,)."""


@dataclass(frozen=True, slots=True)
class Simes:
    """Lines ``t_k = (k - delta) * lambda / (m - delta)``, 0 for k <= delta (Andreella et al. 2023, Stat. Med. 42:2311).

    A larger `delta` gives up sets of up to `delta` points for larger bounds of large sets.
    """

    m: int  # number of points
    delta: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.delta < self.m:
            raise ValueError(f"delta must lie in 0..{self.m - 1}, less than the number of points; found {self.delta}")

    @property
    def n_ranks(self) -> int:
        """K = m."""
        return self.m

    def inverse(self, k: Indices, p: FloatArray) -> FloatArray:
        """Return ``p * (m - delta) / (k - delta)``."""
        above = k - self.delta
        lambda_: FloatArray = p * (self.m - self.delta) / np.maximum(above, 1)
        return np.where(above > 0, lambda_, np.inf)

    def critical(self, lambda_: float) -> FloatArray:
        """Return t_1..t_m."""
        above = np.maximum(np.arange(1, self.m + 1) - self.delta, 0)
        return np.asarray(above * lambda_ / (self.m - self.delta))


@dataclass(frozen=True, slots=True)
class Beta:
    """Quantiles of the k-th smallest of m independent uniform p: ``t_k = qbeta(lambda; k, m + 1 - k)``."""

    m: int  # number of points

    @property
    def n_ranks(self) -> int:
        """K = m."""
        return self.m

    def inverse(self, k: Indices, p: FloatArray) -> FloatArray:
        """Return the probability that the k-th smallest is at most p; 0 where float64 underflows."""
        return np.asarray(special.betainc(k, self.m + 1 - k, p))

    def critical(self, lambda_: float) -> FloatArray:
        """Return t_1..t_m."""
        k = np.arange(1, self.m + 1)
        return np.asarray(special.betaincinv(k, self.m + 1 - k, lambda_))


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """A template: quantiles of the k-th smallest p of permutations used for nothing else.

    t_k(j / (B + 1)) is the j-th smallest of the k-th smallest p of B permutations, with t_k(0) = 0, t_k(1) = 1 and
    linear interpolation between. (Notip has steps instead: lambda is then one of B numbers, and ties lose power.)
    Blain, Thirion & Neuvial (2022), NeuroImage 260:119492 (Notip).
    """

    curves: FloatArray  # (B, K), the p of each rank in ascending order

    def __post_init__(self) -> None:
        curves = np.asarray(self.curves, dtype=np.float64)
        if curves.ndim != 2 or curves.size == 0 or not (curves.min() >= 0 and curves.max() <= 1):
            raise ValueError(f"curves must be p of shape (permutations, ranks), not empty; found shape {curves.shape}")
        if (np.diff(curves, axis=0) < 0).any() or (np.diff(curves, axis=1) < 0).any():
            raise ValueError("curves must not decrease along permutations or along ranks")
        curves = np.ascontiguousarray(curves)
        curves.flags.writeable = False
        object.__setattr__(self, "curves", curves)

    @classmethod
    def from_smallest_p(cls, smallest: FloatArray | Sequence[FloatArray]) -> "Learned":
        """Return the template of permutations, from the K smallest p of each in ascending order, (B, K)."""
        return cls(np.sort(smallest, axis=0))

    @property
    def n_ranks(self) -> int:
        """K: the number of learned ranks."""
        return int(self.curves.shape[1])

    def inverse(self, k: Indices, p: FloatArray) -> FloatArray:
        """Return the largest lambda for which t_k is at most p."""
        n = len(self.curves)
        below = count_at_most(self.curves, np.ravel(k) - 1, np.ravel(p)).reshape(p.shape)
        low = np.where(below > 0, self.curves[np.maximum(below - 1, 0), k - 1], 0.0)
        high = np.where(below < n, self.curves[np.minimum(below, n - 1), k - 1], 1.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            part = np.where(high > low, (p - low) / (high - low), 1.0)
        return np.asarray((below + part) / (n + 1))

    def critical(self, lambda_: float) -> FloatArray:
        """Return t_1..t_K."""
        levels = np.arange(len(self.curves) + 2) / (len(self.curves) + 1)
        knots = np.pad(self.curves, ((1, 1), (0, 0)), constant_values=((0, 1), (0, 0)))
        return np.array([np.interp(lambda_, levels, curve) for curve in knots.T])


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """A distribution function of lambda: 0 at 0, 1 from the last value on, and linear between `values`.

    Every operation of it is monotone in float64, so it never falls where lambda grows, not by rounding either.
    """

    values: FloatArray  # (n,): lambda, strictly ascending from 0
    levels: FloatArray  # (n,): the part of the distribution at or below each, not descending, 1 at the end

    def __post_init__(self) -> None:
        values, levels = (np.array(each, dtype=np.float64) for each in (self.values, self.levels))
        if values.ndim != 1 or values.shape != levels.shape or values.size < 2:
            raise ValueError(f"values and levels must have one length above 1; found {values.shape}, {levels.shape}")
        if not (values[0] == 0 and (np.diff(values) > 0).all() and np.isfinite(values[-1])):
            raise ValueError("values must ascend from 0")
        if not (levels[0] >= 0 and (np.diff(levels) >= 0).all() and levels[-1] == 1):
            raise ValueError("levels must not descend, from 0 or above to 1")
        for name, each in (("values", values), ("levels", levels)):
            each.flags.writeable = False
            object.__setattr__(self, name, each)

    @classmethod
    def of(cls, lambdas: FloatArray, share: float = 1.0) -> "Scale":
        """Return the scale of lambdas of permutations (B,): the j-th smallest of them has the level j / (B + 1).

        Levels are divided by `share`, in (0, 1], up to 1: a family with a smaller one takes less of the error.
        """
        values, counts = np.unique(np.minimum(np.append(lambdas, 1.0), 1.0), return_counts=True)
        levels = np.minimum(np.cumsum(counts) / ((lambdas.size + 1) * share), 1.0)
        if values[0] > 0:
            values, levels = np.insert(values, 0, 0.0), np.insert(levels, 0, 0.0)
        n = max(int(np.searchsorted(levels, 1.0)) + 1, 2)
        return cls(values[:n], levels[:n])

    def level(self, lambda_: FloatArray) -> FloatArray:
        """Return the level of each lambda, in its shape."""
        lambda_ = np.minimum(lambda_, self.values[-1])
        at = np.searchsorted(self.values, lambda_, side="right") - 1
        before = np.minimum(at, self.values.size - 2)
        low, high = self.levels[before], self.levels[before + 1]
        part = (lambda_ - self.values[before]) / (self.values[before + 1] - self.values[before])
        return np.asarray(np.where(at > before, self.levels[-1], np.minimum(low + (high - low) * part, high)))

    def lambda_of(self, level: float) -> float:
        """Return the lambda below which the level is smaller."""
        return float(np.interp(level, self.levels, self.values))


@dataclass(frozen=True, slots=True, eq=False)
class Combined:
    """One family of several: t_k is the largest of those of its members, for lambdas of the same level of a scale.

    ``inverse(k, p)`` is the smallest of the members' inverses, each on its `Scale`. Beyond the last rank of a member,
    its t_k stays as it is, which changes none of its errors.
    """

    members: tuple[CriticalVectors, ...]
    scales: tuple[Scale, ...]

    @property
    def n_ranks(self) -> int:
        """K: the largest of the members."""
        return max(member.n_ranks for member in self.members)

    def inverse(self, k: Indices, p: FloatArray) -> FloatArray:
        """Return the smallest level of a member's inverse."""
        each = zip(self.members, self.scales, strict=True)
        levels = [scale.level(member.inverse(np.minimum(k, member.n_ranks), p)) for member, scale in each]
        return np.asarray(np.min(levels, axis=0))

    def smallest(self, lambdas: Sequence[FloatArray]) -> FloatArray:
        """Return lambda_b of permutations from those of each member, in their shape.

        The smallest over ranks of the smallest over members is the same in the other order, to the bit, since a scale
        never falls, and since inverses of a member beyond its last rank are not smaller than there.
        """
        each = zip(self.scales, lambdas, strict=True)
        return np.asarray(np.min([scale.level(of_member) for scale, of_member in each], axis=0))

    def lambdas_of_members(self, lambda_: float) -> tuple[float, ...]:
        """Return the lambda of each member's vector."""
        return tuple(scale.lambda_of(lambda_) for scale in self.scales)

    def critical(self, lambda_: float) -> FloatArray:
        """Return t_1..t_K."""
        each = zip(self.members, self.lambdas_of_members(lambda_), strict=True)
        return largest([member.critical(of_member) for member, of_member in each])


def members_of(family: CriticalVectors) -> tuple[CriticalVectors, ...]:
    """Return the members of a family of several; else the family itself."""
    return family.members if isinstance(family, Combined) else (family,)


def largest(vectors: Sequence[FloatArray]) -> FloatArray:
    """Return the largest of critical vectors at each k; beyond the last rank of one, it stays as it is."""
    n_ranks = max(vector.size for vector in vectors)
    return np.asarray(np.max([np.pad(vector, (0, n_ranks - vector.size), mode="edge") for vector in vectors], axis=0))


def smallest_lambda(family: CriticalVectors, ordered: FloatArray) -> FloatArray:
    """Return the smallest ``inverse(k, p_(k))`` of each permutation: the lambda above which it makes a joint error.

    Most inverses, which may be costly, are not needed. Within ranks a..b none is below ``inverse(b, p_(a))``, and that
    of b is at most ``inverse(b, p_(b))``: groups of ranks with a lower bound above the value of another group are
    skipped. `ordered` (n_permutations, n) are the p of each permutation in ascending order; those beyond the K-th are
    not used. Of a family of several, each is searched by itself.
    """
    if isinstance(family, Combined):
        return family.smallest([smallest_lambda(member, ordered) for member in family.members])
    n_permutations, n = ordered.shape[0], min(ordered.shape[1], family.n_ranks)
    ends = np.append(np.arange(_GROUP, n, _GROUP), n)
    starts = np.arange(1, n + 1, _GROUP)
    k = np.broadcast_to(ends, (n_permutations, ends.size))
    possible = family.inverse(k, ordered[:, starts - 1])
    reached = family.inverse(k, ordered[:, ends - 1]).min(axis=1)
    permutation, group = np.nonzero(possible * (1 - SLACK) <= reached[:, None])
    ranks = np.minimum(starts[group][:, None] + np.arange(_GROUP), n)
    values = family.inverse(ranks, ordered[permutation[:, None], ranks - 1]).min(axis=1)
    smallest = np.full(n_permutations, np.inf)
    np.minimum.at(smallest, permutation, values)
    return smallest
