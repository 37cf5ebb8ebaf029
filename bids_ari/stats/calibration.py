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
Andreella et al. (2023), Statistics in Medicine 42:2311, for brain images.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from math import floor

import numpy as np
import numpy.typing as npt

from bids_ari.stats.bounds import Bound, true_discoveries
from bids_ari.stats.correlation_bins import CorrelationBins, default_n_bins
from bids_ari.stats.critical_vectors import (
    TEMPLATE_RANKS,
    Combined,
    CriticalVectors,
    Learned,
    Scale,
    smallest_lambda,
)
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.null_model import NullModel
from bids_ari.stats.permutation_batches import summaries
from bids_ari.stats.resampling import Resampling


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """A calibrated critical vector, and the permutations it was calibrated by."""

    family: CriticalVectors
    alpha: float
    lambda_: float  # the parameter of the chosen vector
    lambdas: FloatArray  # (n_permutations,): the lambda above which each makes a joint error, the identity first
    n_errors: int  # number of permutations that may make one, floor(alpha * n_permutations)
    n_excluded: int = 0  # points, certainly active, that `calibrate_step_down` excluded from the permutations
    n_steps: int = 1  # number of calibrations

    def __post_init__(self) -> None:
        lambdas = self.lambdas.view()
        lambdas.flags.writeable = False
        object.__setattr__(self, "lambdas", lambdas)

    def bound(self, p: FloatArray) -> Bound:
        """Return the bound for the observed p (m,), which must be computed as those of the permutations are."""
        return Bound(categories(p, self.family, self.lambda_), self.alpha, "permutation")

    def whole_range(self, p: FloatArray) -> tuple[int, int]:
        """Return a range that contains the TDN of all points with other permutations in about two cases of three.

        The number of permutations below the quantile that lambda estimates is binomial, with the variance
        B alpha (1 - alpha), and so is that of others: one standard error of their difference, of twice this variance,
        are the two lambdas away in ranks. `p` (m,) are the observed ones.
        """
        n = self.lambdas.size
        away = round((2 * n * self.alpha * (1 - self.alpha)) ** 0.5)
        ordered = np.sort(self.lambdas)
        places = (max(self.n_errors - away, 0), min(self.n_errors + away, n - 1))
        low, high = (true_discoveries(categories(p, self.family, float(ordered[place]))) for place in places)
        return low, high


def n_allowed_errors(alpha: Fraction | float, n_permutations: int) -> int:
    """Return floor(alpha * B), the number of permutations that may make a joint error.

    A float is read as a decimal. A decimal that was divided must be a fraction: the float of .05 / 3 is below 1 / 60.

    >>> n_allowed_errors(0.29, 100), int(0.29 * 100)
    (29, 28)
    >>> n_allowed_errors(Fraction("0.05") / 3, 60), n_allowed_errors(0.05 / 3, 60)
    (1, 0)
    """
    return floor(Fraction(str(alpha)) * n_permutations)


def calibrate_by_permutation(
    model: NullModel,
    resampling: Resampling,
    family: CriticalVectors,
    alpha: Fraction | float,
    *,
    step_down: bool = False,
    n_threads: int = 1,
) -> Calibration:
    """Calibrate a family of critical vectors by the permutations of a test.

    Parameters
    ----------
    model : NullModel
        From `fit_null_model`.
    resampling : Resampling
        From `make_resampling`.
    family : CriticalVectors
        The family to choose a critical vector from.
    alpha : Fraction or float
        Error level in (0, 1); a float is read as a decimal.
    step_down : bool
        Whether to repeat the calibration without points that are certainly active, by `calibrate_step_down`.
    n_threads : int
        Number of threads; the result does not depend on it.

    Returns
    -------
    Calibration
        ``calibration.bound(model.observed_p())`` is the bound.

    Raises
    ------
    ValueError
        When `alpha` is not in (0, 1).
    """

    def lambdas_without(excluded: npt.NDArray[np.bool_]) -> FloatArray:
        return permuted_lambdas(model, resampling, family, excluded, n_threads)

    if step_down:
        return calibrate_step_down(model.observed_p(), lambdas_without, family, alpha)
    return calibrate(lambdas_without(np.zeros(model.n_points, dtype=bool)), family, alpha)


def learn_template(
    model: NullModel, resampling: Resampling, n_ranks: int = TEMPLATE_RANKS, n_threads: int = 1
) -> Learned:
    """Learn a template from permutations used for nothing else, as ``resampling.independent`` makes them.

    Parameters
    ----------
    model, resampling, n_threads
        As of `calibrate_by_permutation`.
    n_ranks : int
        Number of ranks; at most the number of points is used.

    References
    ----------
    Blain, Thirion & Neuvial (2022), NeuroImage 260:119492.
    """
    n_ranks = min(n_ranks, model.n_points)
    return Learned.from_smallest_p(smallest_permuted_p(model, resampling, n_ranks, n_threads))


def learn_combined(
    model: NullModel,
    resampling: Resampling,
    family: CriticalVectors,
    shares: Sequence[float] = (1.0, 1.0),
    n_ranks: int = TEMPLATE_RANKS,
    n_threads: int = 1,
) -> Combined:
    """Combine a family with a template that is learned, each on its scale, from permutations used for nothing else.

    Parameters
    ----------
    model, resampling, n_ranks, n_threads
        As of `learn_template`.
    family : CriticalVectors
        The first member.
    shares : sequence of float
        What each member may take of the error, relative to the other; at most 1.
    """
    n_ranks = min(n_ranks, model.n_points)
    group = model.dof_groups()

    def summarise(bins: CorrelationBins, correlation: FloatArray) -> FloatArray:
        return np.column_stack(bins.smallest_lambda_and_p(correlation, group, family, n_ranks))

    found = _compute(model, resampling, summarise, n_threads)
    smallest = found[:, 1:]
    template = Learned.from_smallest_p(smallest)
    lambdas = found[:, 0], smallest_lambda(template, smallest)
    return Combined((family, template), tuple(map(Scale.of, lambdas, shares)))


def permuted_lambdas(
    model: NullModel,
    resampling: Resampling,
    family: CriticalVectors,
    excluded: npt.NDArray[np.bool_] | None = None,
    n_threads: int = 1,
) -> FloatArray:
    """Return lambda_b of every permutation, (n_permutations,).

    The `excluded` points (a boolean per point) are left out.
    """
    group = model.dof_groups(excluded)
    return _compute(model, resampling, lambda bins, r: bins.smallest_lambda(r, group, family), n_threads)


def smallest_permuted_p(model: NullModel, resampling: Resampling, n_ranks: int, n_threads: int = 1) -> FloatArray:
    """Return the smallest p of every permutation in ascending order, (n_permutations, n_ranks)."""
    group = model.dof_groups()
    return _compute(model, resampling, lambda bins, r: bins.smallest_p(r, group, n_ranks), n_threads)


def _compute(
    model: NullModel,
    resampling: Resampling,
    summarise: Callable[[CorrelationBins, FloatArray], FloatArray],
    n_threads: int,
) -> FloatArray:
    """Summarise the correlations of all permutations, with bins for them; join the summaries in order."""
    n_bins = default_n_bins(model.n_points)
    bins = CorrelationBins(model.p_of_correlations, model.dofs, model.subspaces.one_sided, n_bins)
    return np.concatenate(summaries(model, resampling, partial(summarise, bins), n_threads))


def calibrate(lambdas: FloatArray, family: CriticalVectors, alpha: Fraction | float) -> Calibration:
    """Choose the vector of a family: lambda is the (floor(alpha * B) + 1)-th smallest of `lambdas` (B,)."""
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie in (0, 1); found {alpha}")
    n_errors = n_allowed_errors(alpha, lambdas.size)
    chosen = float(np.partition(lambdas, n_errors)[n_errors])
    return Calibration(family, float(alpha), chosen, lambdas, n_errors)


def calibrate_step_down(
    p: FloatArray,
    lambdas_without: Callable[[npt.NDArray[np.bool_]], FloatArray],
    family: CriticalVectors,
    alpha: Fraction | float,
) -> Calibration:
    """Repeat the calibration without the points that are certainly active, until there are no more of them.

    These are the points of category 1. While a vector holds for all true nulls, none of these is excluded, so that
    permutations of the remaining points still cover them, and lambda never decreases (Blanchard, Neuvial & Roquain
    2020, section 4.3). `lambdas_without` returns lambda_b of each permutation without the excluded points (a boolean
    per point); ranks and m of the family remain those of all points (m,).
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
