"""Families of critical vectors: t_1 <= t_2 <= ..., one vector for each value of a parameter, lambda.

A family is used through its *inverse*: the lambda whose vector has t_k = p. It grows with p and falls with k, so
``p < t_k(lambda)`` is decided as ``inverse(k, p) < lambda``, in one float type, everywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import special

from bids_ari.stats.choices import FAMILIES as FAMILIES
from bids_ari.stats.choices import FamilyName as FamilyName
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.permutation_kernels import n_at_most

MOST_RANKS = 1000
"""Ranks of a learned template (Blain, Thirion & Neuvial 2022)."""

SLACK = 1e-9
"""An inverse is trusted to grow with p and fall with k but for this part of it, more than it is rounded by."""

_GROUP = 16
"""Ranks that are first looked at together."""

Ranks = npt.NDArray[np.intp]


class Family(Protocol):
    """Critical vectors for p of m points."""

    @property
    def name(self) -> FamilyName:
        """Its name."""

    @property
    def n_ranks(self) -> int:
        """K: the length of the vectors."""

    def inverse(self, k: Ranks, p: FloatArray) -> FloatArray:
        """Give the lambda with t_k = p for ranks 1..K, both of the same shape; infinite where t_k is always 0."""

    def critical(self, lambda_: float) -> FloatArray:
        """Give t_1..t_K, (K,): what a p has to be below."""


@dataclass(frozen=True, slots=True)
class Simes:
    """Lines ``t_k = (k - delta) * lambda / (m - delta)``, 0 for k <= delta (Andreella et al. 2023).

    A larger `delta` gives up sets of up to `delta` points for larger bounds of large sets.
    """

    m: int
    delta: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.delta < self.m:
            raise ValueError(f"delta must lie in 0..{self.m - 1}, less than the number of points; found {self.delta}")

    @property
    def name(self) -> FamilyName:
        """Its name."""
        return "simes"

    @property
    def n_ranks(self) -> int:
        """All of them, m."""
        return self.m

    def inverse(self, k: Ranks, p: FloatArray) -> FloatArray:
        """Give ``p * (m - delta) / (k - delta)``."""
        above = k - self.delta
        lambda_: FloatArray = p * (self.m - self.delta) / np.maximum(above, 1)
        return np.where(above > 0, lambda_, np.inf)

    def critical(self, lambda_: float) -> FloatArray:
        """Give t_1..t_m."""
        above = np.maximum(np.arange(1, self.m + 1) - self.delta, 0)
        return np.asarray(above * lambda_ / (self.m - self.delta))


@dataclass(frozen=True, slots=True)
class Beta:
    """Quantiles of the k-th smallest of m independent uniform p: ``t_k = qbeta(lambda; k, m + 1 - k)``."""

    m: int

    @property
    def name(self) -> FamilyName:
        """Its name."""
        return "beta"

    @property
    def n_ranks(self) -> int:
        """All of them, m."""
        return self.m

    def inverse(self, k: Ranks, p: FloatArray) -> FloatArray:
        """Give the probability that the k-th smallest is at most p; 0 where float64 cannot hold it."""
        return np.asarray(special.betainc(k, self.m + 1 - k, p))

    def critical(self, lambda_: float) -> FloatArray:
        """Give t_1..t_m."""
        k = np.arange(1, self.m + 1)
        return np.asarray(special.betaincinv(k, self.m + 1 - k, lambda_))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Learned:
    """Quantiles of the k-th smallest p of draws made for this (Notip: Blain, Thirion & Neuvial 2022).

    t_k(j / (B + 1)) is the j-th smallest of the k-th smallest p of B draws, t_k(0) = 0, t_k(1) = 1, and straight
    lines lie between. (Notip has steps in their place: lambda is then one of B numbers, and ties lose power.)

    Attributes
    ----------
    curves : array (B, K)
        From the smallest to the largest p of each rank.
    """

    curves: FloatArray

    def __post_init__(self) -> None:
        curves = np.asarray(self.curves, dtype=np.float64)
        if curves.ndim != 2 or curves.size == 0 or not (curves.min() >= 0 and curves.max() <= 1):
            raise ValueError(f"curves must be an array of p, (draws, ranks), not empty; found shape {curves.shape}")
        if (np.diff(curves, axis=0) < 0).any() or (np.diff(curves, axis=1) < 0).any():
            raise ValueError("curves must grow along draws and along ranks")
        curves = np.ascontiguousarray(curves)
        curves.flags.writeable = False
        object.__setattr__(self, "curves", curves)

    @property
    def name(self) -> FamilyName:
        """Its name."""
        return "learned"

    @property
    def n_ranks(self) -> int:
        """K: as many as were learned."""
        return int(self.curves.shape[1])

    def inverse(self, k: Ranks, p: FloatArray) -> FloatArray:
        """Give the largest lambda at which t_k is at most p."""
        n_draws = len(self.curves)
        below = n_at_most(self.curves, np.ravel(k) - 1, np.ravel(p)).reshape(p.shape)
        low = np.where(below > 0, self.curves[np.maximum(below - 1, 0), k - 1], 0.0)
        high = np.where(below < n_draws, self.curves[np.minimum(below, n_draws - 1), k - 1], 1.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            part = np.where(high > low, (p - low) / (high - low), 1.0)
        return np.asarray((below + part) / (n_draws + 1))

    def critical(self, lambda_: float) -> FloatArray:
        """Give t_1..t_K."""
        levels = np.arange(len(self.curves) + 2) / (len(self.curves) + 1)
        knots = np.pad(self.curves, ((1, 1), (0, 0)), constant_values=((0, 1), (0, 0)))
        return np.array([np.interp(lambda_, levels, curve) for curve in knots.T])

    def __repr__(self) -> str:
        return f"Learned(n_draws={self.curves.shape[0]}, n_ranks={self.n_ranks})"


def learn(smallest: FloatArray | Sequence[FloatArray]) -> Learned:
    """Make a template from the smallest p of draws that are used for nothing else.

    Parameters
    ----------
    smallest : array (n_draws, K)
        The K smallest p of each draw, in order.
    """
    return Learned(np.sort(smallest, axis=0))


def least_lambda(family: Family, ordered: FloatArray) -> FloatArray:
    """Give the smallest ``inverse(k, p_(k))`` of each draw: the lambda from which on it makes an error.

    Where inverses are costly most are not needed. Within ranks a..b none is below ``inverse(b, p_(a))``, and that of
    b is at most ``inverse(b, p_(b))``: groups of ranks whose least possible value is above what another group has
    are passed over.

    Parameters
    ----------
    family : Family
        The critical vectors.
    ordered : array (n_draws, n)
        p of each draw, from the smallest on; those beyond the K-th play no part.

    Returns
    -------
    array (n_draws,)
    """
    n_draws, n = ordered.shape[0], min(ordered.shape[1], family.n_ranks)
    ends = np.append(np.arange(_GROUP, n, _GROUP), n)
    starts = np.arange(1, n + 1, _GROUP)
    k = np.broadcast_to(ends, (n_draws, ends.size))
    possible = family.inverse(k, ordered[:, starts - 1])
    reached = family.inverse(k, ordered[:, ends - 1]).min(axis=1)
    draw, group = np.nonzero(possible * (1 - SLACK) <= reached[:, None])
    ranks = np.minimum(starts[group][:, None] + np.arange(_GROUP), n)
    values = family.inverse(ranks, ordered[draw[:, None], ranks - 1]).min(axis=1)
    least = np.full(n_draws, np.inf)
    np.minimum.at(least, draw, values)
    return least
