"""Calibration of critical vectors by permutation, so that the bounds hold with probability at least 1 - alpha.

A critical vector t_1 <= t_2 <= ... makes a *joint error* when for some k at least k true nulls have p < t_k. Under a
permutation the same event is counted over all points: permutation b makes it for exactly the lambda above
``lambda_b = min over k of inverse(k, p_(k)^b)``, the pivotal statistic. With lambda the (floor(alpha * B) + 1)-th
smallest of the B values, at most floor(alpha * B) permutations have a smaller one, and the observed data,
exchangeable with its permutations where nothing is active, are no more likely among these than any other (Blanchard,
Neuvial & Roquain 2020; Hemerik & Goeman 2018). This needs the strict ``inverse(k, p) < lambda``: with <=, one more
permutation would make the error.

References
----------
Blanchard, Neuvial & Roquain (2020), Annals of Statistics 48:1281. Hemerik & Goeman (2018), TEST 27:811.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor

import numpy as np
import numpy.typing as npt

from bids_ari.stats.bounds import Bound
from bids_ari.stats.critical_vectors import CriticalVectors
from bids_ari.stats.distributions import FloatArray


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Calibration:
    """A calibrated critical vector, and the permutations it was calibrated by.

    Attributes
    ----------
    family : CriticalVectors
        The family of critical vectors.
    alpha : float
        The requested error level.
    lambda_ : float
        The parameter of the chosen vector.
    lambdas : array (n_permutations,)
        lambda_b of each permutation, the identity first: the lambda above which it makes a joint error.
    n_excluded : int
        Number of points, certainly active, that `calibrate_step_down` excluded from the permutations.
    n_steps : int
        Number of calibrations.
    """

    family: CriticalVectors
    alpha: float
    lambda_: float
    lambdas: FloatArray
    n_excluded: int = 0
    n_steps: int = 1

    def __post_init__(self) -> None:
        lambdas = self.lambdas.view()
        lambdas.flags.writeable = False
        object.__setattr__(self, "lambdas", lambdas)

    @property
    def n_permutations(self) -> int:
        """B, the identity included."""
        return self.lambdas.size

    @property
    def critical(self) -> FloatArray:
        """The critical vector t_1..t_K: what p must be below. Categories are decided by its inverse instead."""
        return self.family.critical(self.lambda_)

    def bound(self, p: FloatArray) -> Bound:
        """Return the bound for the observed p (m,), which must be computed as those of the permutations are."""
        return Bound(categories(p, self.family, self.lambda_), self.alpha, "permutation")

    def __repr__(self) -> str:
        return (
            f"Calibration(family={self.family.name!r}, n_permutations={self.n_permutations}, alpha={self.alpha}, "
            f"lambda_={self.lambda_:.6g})"
        )


def n_allowed_errors(alpha: float, n_permutations: int) -> int:
    """Return floor(alpha * B), the number of permutations that may make a joint error; alpha is read as a decimal.

    >>> n_allowed_errors(0.29, 100), int(0.29 * 100)
    (29, 28)
    """
    return floor(Fraction(str(alpha)) * n_permutations)


def calibrate(lambdas: FloatArray, family: CriticalVectors, alpha: float) -> Calibration:
    """Choose the vector of a family: lambda is the (floor(alpha * B) + 1)-th smallest, without interpolation.

    Parameters
    ----------
    lambdas : array (B,)
        From `smallest_lambda` for each permutation, the identity among them.
    family : CriticalVectors
        The vectors to choose from.
    alpha : float
        Error level in (0, 1).

    Raises
    ------
    ValueError
        When `alpha` is not in (0, 1).
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie in (0, 1); found {alpha}")
    place = n_allowed_errors(alpha, lambdas.size)
    return Calibration(family, alpha, float(np.partition(lambdas, place)[place]), lambdas)


def calibrate_step_down(
    p: FloatArray,
    lambdas_without: Callable[[npt.NDArray[np.bool_]], FloatArray],
    family: CriticalVectors,
    alpha: float,
) -> Calibration:
    """Repeat the calibration without the points that are certainly active, until there are no more of them.

    These are the points of category 1. While a vector holds for all true nulls, none of these is excluded, so that
    permutations of the remaining points still cover them, and lambda never decreases (Blanchard, Neuvial & Roquain
    2020, section 4.3).

    Parameters
    ----------
    p : array (m,)
        Observed p-values.
    lambdas_without : callable
        Returns lambda_b of each permutation (B,) without the excluded points (a boolean per point); ranks and m of the
        family remain those of all points.
    family : CriticalVectors
        The vectors to choose from.
    alpha : float
        Error level in (0, 1).

    Raises
    ------
    ValueError
        When `alpha` is not in (0, 1).
    """
    active = np.zeros(p.size, dtype=bool)
    found = calibrate(lambdas_without(active), family, alpha)
    while True:
        more = active | (categories(p, family, found.lambda_) == 1)
        if more.all() or (more == active).all():
            return found
        active = more
        again = calibrate(lambdas_without(active), family, alpha)
        found = replace(again, n_excluded=int(active.sum()), n_steps=found.n_steps + 1)


def categories(p: FloatArray, family: CriticalVectors, lambda_: float) -> npt.NDArray[np.int32]:
    """Return the category of each p, (m,): the smallest k with ``inverse(k, p) < lambda``, by bisection; else m + 1."""
    low = np.ones(p.size, dtype=np.intp)
    high = np.full(p.size, family.n_ranks, dtype=np.intp)
    found = np.flatnonzero(family.inverse(high, p) < lambda_)
    category = np.full(p.size, p.size + 1, dtype=np.int32)
    p, low, high = p[found], low[found], high[found]
    while (low < high).any():
        middle = (low + high) // 2
        below = family.inverse(middle, p) < lambda_
        low, high = np.where(below, low, middle + 1), np.where(below, middle, high)
    category[found] = np.minimum(high, category.size + 1)  # a template may have more ranks than there are points
    return category
