"""Critical vectors calibrated by draws: the bound that holds with probability 1 - alpha, and no more than that.

A critical vector t_1 <= t_2 <= ... makes a *joint error* when for some k at least k true nulls have p < t_k. Under a
draw the same event is counted over all points: draw b makes it for exactly the lambda above
``lambda_b = min over k of inverse(k, p_(k)^b)``. With lambda the (floor(alpha * B) + 1)-th smallest of the B draws,
at most floor(alpha * B) of them have a smaller one, and the data as observed, exchangeable with its draws where
nothing is active, is no more likely among these than any other (Blanchard, Neuvial & Roquain 2020; Hemerik & Goeman
2018). This needs the strict ``inverse(k, p) < lambda``: with <=, one draw more would make the error.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor

import numpy as np
import numpy.typing as npt

from bids_ari.stats.bounds import Bound
from bids_ari.stats.critical_vectors import Family
from bids_ari.stats.distributions import FloatArray


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Calibration:
    """A critical vector, and the draws it comes from.

    Attributes
    ----------
    family : Family
        The vectors to choose from.
    alpha : float
        The error level that was asked for.
    lambda_ : float
        Which vector was chosen.
    lambdas : array (n_draws,)
        lambda_b of each draw, of the data as observed first: from which lambda on it makes an error.
    n_left_out : int
        How many points, certainly active, were left out of the draws by `calibrate_step_down`.
    n_steps : int
        How many times the draws were gone through.
    """

    family: Family
    alpha: float
    lambda_: float
    lambdas: FloatArray
    n_left_out: int = 0
    n_steps: int = 1

    def __post_init__(self) -> None:
        lambdas = self.lambdas.view()
        lambdas.flags.writeable = False
        object.__setattr__(self, "lambdas", lambdas)

    @property
    def n_draws(self) -> int:
        """B, the identity included."""
        return self.lambdas.size

    @property
    def attainable(self) -> float:
        """The level that is really kept, floor(alpha * B) / B. Where it is 0, nothing can be found."""
        return n_below(self.alpha, self.n_draws) / self.n_draws

    @property
    def smallest_alpha(self) -> float:
        """The smallest level at which anything can be found with so many draws, 1 / B."""
        return 1 / self.n_draws

    @property
    def critical(self) -> FloatArray:
        """The critical vector t_1..t_K: what p have to be below. Categories are decided by its inverse instead."""
        return self.family.critical(self.lambda_)

    def bound(self, p: FloatArray) -> Bound:
        """Bound the true discoveries by the observed p (m,), made by the same code as those of the draws."""
        return Bound(categories(p, self.family, self.lambda_), self.alpha, "permutation")

    def __repr__(self) -> str:
        return (
            f"Calibration(family={self.family.name!r}, n_draws={self.n_draws}, alpha={self.alpha}, "
            f"lambda_={self.lambda_:.6g})"
        )


def n_below(alpha: float, n_draws: int) -> int:
    """Give floor(alpha * B), alpha being the decimal number that it is written as.

    >>> n_below(0.29, 100), int(0.29 * 100)
    (29, 28)
    """
    return floor(Fraction(str(alpha)) * n_draws)


def calibrate(lambdas: FloatArray, family: Family, alpha: float) -> Calibration:
    """Choose the vector of a family: lambda is the (floor(alpha * B) + 1)-th smallest, no mean of two.

    Parameters
    ----------
    lambdas : array (B,)
        From `least_lambda` for each draw, the identity among them.
    family : Family
        The vectors to choose from.
    alpha : float
        Error level in (0, 1).
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie in (0, 1); found {alpha}")
    place = n_below(alpha, lambdas.size)
    return Calibration(family, alpha, float(np.partition(lambdas, place)[place]), lambdas)


def calibrate_step_down(
    p: FloatArray, lambdas_without: Callable[[npt.NDArray[np.bool_]], FloatArray], family: Family, alpha: float
) -> Calibration:
    """Calibrate again without the points that are certainly active, until there are no more of them.

    Those are the points of category 1. While a vector holds for all true nulls none of these is left out, so draws
    of what remains still cover them, and lambda never falls (Blanchard, Neuvial & Roquain 2020, section 4.3).

    Parameters
    ----------
    p : array (m,)
        As observed.
    lambdas_without : callable
        Gives lambda_b of each draw (B,) when some points (a boolean for each) are left out; ranks and m of the
        family remain those of all points.
    family : Family
        The vectors to choose from.
    alpha : float
        Error level in (0, 1).
    """
    active = np.zeros(p.size, dtype=bool)
    found = calibrate(lambdas_without(active), family, alpha)
    while True:
        more = active | (categories(p, family, found.lambda_) == 1)
        if more.all() or (more == active).all():
            return found
        active = more
        again = calibrate(lambdas_without(active), family, alpha)
        found = replace(again, n_left_out=int(active.sum()), n_steps=found.n_steps + 1)


def categories(p: FloatArray, family: Family, lambda_: float) -> npt.NDArray[np.int32]:
    """Give the category of each p: the smallest k with ``inverse(k, p) < lambda``, by bisection; m + 1 if none."""
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
