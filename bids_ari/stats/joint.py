"""Calibration of several results together, by the same permutations of all their maps.

Each permutation moves or flips all maps of a subject, so that it is one permutation of all results. Result r has one
critical vector for each lambda, and permutation b makes an error in it for lambdas above lambda_b^r. Lambdas of results
are comparable on a *scale*: an increasing function of lambda that is fixed beforehand. With u_b the smallest scaled
lambda of b in any result, and u* the (floor(alpha * B) + 1)-th smallest of the B values, each result gets the lambda
whose scaled value is u*: at most floor(alpha * B) permutations make an error in any result. The vectors of all results
for each u are one family of critical vectors for all points of all results, so that this is the calibration of
`bids_ari.stats.calibration`, with the same proof. It uses how results depend on each other: where they are alike, the
same few permutations have small lambdas in all of them.

The scale does not change validity, but shares the error evenly: u is about the proportion of permutations with a
smaller lambda, whatever the smoothness of the maps. It is learned from independent permutations.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from bids_ari.stats.calibration import n_allowed_errors
from bids_ari.stats.critical_vectors import Scale
from bids_ari.stats.distributions import FloatArray


def scaled(lambdas: FloatArray, scale: Scale | None) -> FloatArray:
    """Return lambdas on a scale; as they are without one."""
    return lambdas if scale is None else scale.level(lambdas)


def unscaled(level: float, scale: Scale | None, lambdas: FloatArray) -> float:
    """Return the lambda of a level; those of the `lambdas` of permutations that have a smaller level are below it."""
    if scale is None:
        return level
    reached = lambdas[scale.level(lambdas) >= level]  # none of them below, not by rounding either
    return min(scale.lambda_of(level), float(reached.min(initial=np.inf)))


class JointLambda(NamedTuple):
    """The lambda of all results that are calibrated together, on their scales."""

    level: float
    low: float  # one standard error of the calibration below; see `Calibration.whole_range`
    high: float
    n_errors: int  # permutations that may make an error in any result


def joint_lambda(levels: Sequence[FloatArray], alpha: Fraction | float) -> JointLambda:
    """Choose the lambda of several results, from the levels of the same permutations in each, (B,).

    Raises
    ------
    ValueError
        When results have different numbers of permutations.
    """
    if len({each.size for each in levels}) != 1:
        raise ValueError(f"levels must be of the same permutations; found {[each.size for each in levels]}")
    smallest = np.sort(np.min(levels, axis=0))
    n = smallest.size
    n_errors = n_allowed_errors(alpha, n)
    away = round((n * float(alpha) * (1 - float(alpha))) ** 0.5)
    low, high = max(n_errors - away, 0), min(n_errors + away, n - 1)
    return JointLambda(float(smallest[n_errors]), float(smallest[low]), float(smallest[high]), n_errors)
