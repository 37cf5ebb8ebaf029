r"""Bounds on the numbers of positive and of negative effects, beside the bound of a two-sided test.

A two-sided test shows that effects are not zero, and its bound, TDN, counts these. Their signs are about two other
hypotheses at each point: effect <= 0, false where it is positive, and effect >= 0, false where it is negative. The
bounds TDN+ and TDN- count false hypotheses of either kind in any set. With a minimum effect, delta, they are effect <=
delta and effect >= -delta, and "zero" below is an effect from -delta to delta.

**Closed testing** (`closed_directions`): each kind by its own one-sided p, at level alpha / 2.

1. TDN+ is wrong for some set only if the local test rejects the set of all points whose effect is not positive; TDN-
   likewise. If the local test is valid for one-sided p, each has a probability of at most alpha / 2, so TDN+ and TDN-
   hold together with probability 1 - alpha at least. So does their sum, as a bound on effects that are not zero.
2. The level alpha / 2 costs little, since a two-sided p is twice the smaller one-sided p. What is lost is that points
   of the other sign remain among the true hypotheses. TDN+(S) + TDN-(S) <= TDN(S) for any S: one-sided p, doubled, are
   at least the two-sided ones, TDN decreases with p, and that of S is at least the sum over disjoint parts of S.
3. TDN holds with probability 1 - alpha at least by itself, so all three hold with 1 - 2 alpha at least. It is 1 - alpha
   while no effect is significant with the wrong sign, that is, with a one-sided p of at most alpha / 2: if the test of
   the points whose effect is not positive rejects by its j smallest p, p_(j) <= j * alpha / (2 * s_i) is at most
   alpha / 2, so these have effects of zero. There are fewer such effects, and s_i increases with i, so the two-sided
   test rejects the set of all effects of zero, too. The error of all three exceeds alpha at most by the probability of
   such a wrong sign that also leads to an error.

**Critical vectors calibrated by permutation** (`split_by_sign`): the categories of the two-sided test. TDN+(S) is the
TDN of the points of S with a positive estimate, TDN-(S) of those with a negative one.

1. With W the points whose effect is not zero and whose estimate has the wrong sign, all three bounds hold unless for
   some k at least k points, in W or with an effect of zero, have p < t_k.
2. In W the error of the estimate has the other sign than the effect, and \|estimate\| = \|error\| - \|effect\|. The
   standard error does not depend on the effect, so p is larger than that of the errors alone. So all three bounds hold
   whenever for no k at least k points have p < t_k by their errors alone.
3. If W is empty, the bounds hold exactly when TDN does: they are as exact. Otherwise they hold with probability
   1 - alpha in the limit of many subjects, n: only effects of the order of 1 / sqrt(n) can have the wrong sign, and
   these do not change the limit of the distribution of permutations, so that t is calibrated for the errors alone, too.
   This needs a vector that was calibrated at all points: step-down excludes some.

**Several results in one family of closed testing** (`single_step_directions`): the same argument with the critical
values ``t_k = k * alpha / s_M`` of the local test of all M null hypotheses shows that these single-step bounds include
the sign, if the local test is valid for the errors alone. TDN+ and TDN- of all results hold together with probability
1 - alpha, and what is said above of all three holds here, too. No one-sided p of other results are needed, only M.
With a minimum effect, the errors alone are those about the end of the interval on the side of the estimate.

Closed testing, which is less strict where much is rejected, includes the sign for independent points (Finner 1999;
Heller & Solari 2024, by tests conditional on the signs); for dependent ones this is not proved, hence alpha / 2.

References
----------
Finner (1999), Stepwise multiple test procedures and control of directional errors. Annals of Statistics 27:274.
Heller & Solari (2024), Simultaneous directional inference. Journal of the Royal Statistical Society B 86:650.
"""

from typing import NamedTuple

import numpy as np

from bids_ari.stats.bounds import Bound
from bids_ari.stats.choices import LocalTest
from bids_ari.stats.closed_testing import categories, hommel_bound, local_scales
from bids_ari.stats.distributions import FloatArray


class Directions(NamedTuple):
    """Bounds on the number of positive effects and on that of negative effects in any set, valid together."""

    positive: Bound
    negative: Bound


def closed_directions(
    greater: FloatArray, less: FloatArray, alpha: float = 0.05, local_test: LocalTest = "simes"
) -> Directions:
    """Bound the numbers of positive and of negative effects by closed testing.

    Parameters
    ----------
    greater, less : array (m,)
        One-sided p-values of each point, for a positive and for a negative effect.
    alpha : float
        Error level in (0, 1) of both bounds together; each is computed at half of it.
    local_test : {'simes', 'hommel'}
        ``simes`` assumes positive dependence between the p of true nulls of one direction; ``hommel`` assumes nothing.

    Returns
    -------
    Directions
        ``positive.tdn(points)`` and ``negative.tdn(points)`` are valid for any set, also if chosen after looking.

    Raises
    ------
    ValueError
        When p are not those of equally many points, empty, not in [0, 1] or NaN, or `alpha` is not in (0, 1).

    References
    ----------
    Goeman & Solari (2011), Statistical Science 26:584, for each direction.

    Examples
    --------
    >>> p = np.array([0.001, 0.002, 0.5, 0.998, 0.999])
    >>> both = closed_directions(p, 1 - p)
    >>> both.positive.whole, both.negative.whole
    (2, 2)
    """
    if np.shape(greater) != np.shape(less):
        raise ValueError(f"greater and less must have one shape; found {np.shape(greater)} and {np.shape(less)}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie in (0, 1); found {alpha}")
    return Directions(*(hommel_bound(p, alpha / 2, local_test) for p in (greater, less)))


def single_step_directions(
    p: FloatArray, estimate: FloatArray, n_hypotheses: int, alpha: float = 0.05, local_test: LocalTest = "simes"
) -> Directions:
    """Bound the numbers of positive and of negative effects in one of several results that are one family.

    Parameters
    ----------
    p : array (m,)
        Two-sided p-values of one result.
    estimate : array (m,)
        Its estimates, or anything with their signs.
    n_hypotheses : int
        Number of null hypotheses of all results, M.
    alpha : float
        Error level in (0, 1) of the bounds of all results together.
    local_test : {'simes', 'hommel'}
        The local test of the family.

    Raises
    ------
    ValueError
        When there is not one estimate for each p, or `n_hypotheses` is smaller than their number.

    Examples
    --------
    >>> both = single_step_directions(np.array([0.001, 0.002, 0.9]), np.array([3.0, -2.9, 0.1]), n_hypotheses=20)
    >>> both.positive.whole, both.negative.whole
    (1, 1)
    """
    if n_hypotheses < p.size:
        raise ValueError(f"n_hypotheses must be at least the number of p, {p.size}; found {n_hypotheses}")
    scale = float(local_scales(n_hypotheses, local_test)[-1])
    return split_by_sign(Bound(categories(p, alpha, scale), alpha, local_test), estimate)


def split_by_sign(bound: Bound, estimate: FloatArray) -> Directions:
    """Bound the numbers of positive and of negative effects by the two-sided bound of a single-step critical vector.

    Parameters
    ----------
    bound : Bound
        Of two-sided p, by a critical vector that was calibrated at all points, without step-down.
    estimate : array (m,)
        The estimates, or anything with their signs.

    Returns
    -------
    Directions
        ``positive.tdn(points)`` is ``bound.tdn`` of those with a positive estimate; `negative` likewise.

    Raises
    ------
    ValueError
        When there is not one estimate for each point.

    Examples
    --------
    >>> bound = Bound(np.array([1, 1, 1, 4], dtype=np.int32), 0.05, "permutation")
    >>> both = split_by_sign(bound, np.array([2.0, -3.0, 2.0, -1.0]))
    >>> both.positive.whole, both.negative.whole
    (2, 1)
    """
    if np.shape(estimate) != bound.category.shape:
        raise ValueError(f"estimate must have the shape ({bound.n_points},); found {np.shape(estimate)}")
    never = np.int32(bound.n_points + 1)
    sides = (np.where(side, bound.category, never) for side in (estimate > 0, estimate < 0))
    return Directions(*(Bound(category, bound.alpha, bound.method) for category in sides))
