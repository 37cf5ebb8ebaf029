"""Fixed-effects and mixed-effects group models at every point, weighted by first-level variances.

The first level estimates the sampling variance v_i of each effect. Fixed effects use it as the only variance, so that
inference is about these subjects. Mixed effects add the variance between subjects, tau2, so that inference is about
the population.

Everything is computed for the orthonormal columns Q of the design X = QR: the condition of Q'WQ is at most the ratio of
the largest to the smallest weight, for any condition of the design.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.glm import CONSTANT, SMALLEST, Effects, GlmResult, blocks, check_model

NEGLIGIBLE = 1e-8
"""A variance at most this times the median of its point is 0 except for rounding: no subject is 10,000 times as precise
as the others, but one with a constant time series seems so, and would determine the result at the point alone."""

UNEVEN = 0.5
"""Where `WeightedFit.unevenness` is larger, the tail of mixed effects is too light (``validation/README.md``)."""

_SINGULAR = 1e-12  # Q'WQ is singular when its smallest eigenvalue is at most this times the largest


@dataclass(frozen=True, slots=True, eq=False)
class WeightedFit:
    """The results of a fixed-effects or mixed-effects model."""

    results: tuple[GlmResult, ...]  # one per test, in order
    n_unusable: int  # effects, over subjects and points, that were excluded because they have no usable variance
    unevenness: FloatArray  # (n_points,), SD over subjects of the log of the variance; 0 where there are fewer than two
    tau2: FloatArray | None = None  # (n_points,), the variance between subjects; None with fixed effects


class _Block(NamedTuple):
    """A block of points; where a subject is excluded, its effect is 0 and its variance infinite."""

    effects: FloatArray
    variances: FloatArray  # in units of the median of the point, so that squares do not overflow
    unit: FloatArray
    n: FloatArray  # number of subjects at each point
    n_unusable: int
    unevenness: FloatArray


class _Solution(NamedTuple):
    """Weighted least squares at a block of points."""

    coefficients: FloatArray  # (n_points, n_columns)
    root: FloatArray  # (n_points, n_columns, n_columns); root @ root' is the inverse of Q'WQ
    rest: FloatArray  # (n_points,), the weighted sum of squared residuals; NaN where coefficients are not determined


def fit_fixed(effects: Effects, variances: Effects, matrix: FloatArray, tests: Mapping[str, FloatArray]) -> WeightedFit:
    """Fit a fixed-effects model: least squares weighted by 1 / variance, with known variances.

    A t test is effect / standard error, an F test chi-squared / rows, both with infinite degrees of freedom.

    Parameters
    ----------
    effects, variances : array-like (n_subjects, n_points)
        One row per subject, read block by block of points. A subject is excluded at a point where its effect is NaN
        or its variance is NaN, infinite, below `SMALLEST` (or negative) or at most `NEGLIGIBLE` times the median there.
    matrix, tests
        As of `fit_glm`.

    Returns
    -------
    WeightedFit
        NaN with `dof` 0 where at most `n_columns` subjects remain, or they do not determine the coefficients.

    Raises
    ------
    ValueError
        When `check_model` does, the shapes differ, or the design leaves no degree of freedom.

    Examples
    --------
    >>> effects, variances = np.array([[1.0], [2.0], [5.0]]), np.array([[1.0], [1.0], [2.0]])
    >>> mean, = fit_fixed(effects, variances, np.ones((3, 1)), {"mean": np.ones(1)}).results
    >>> mean.effect.round(4), mean.variance.round(4)             # (1 + 2 + 5/2) / (1 + 1 + 1/2), 1 / 2.5
    (array([2.2]), array([0.4]))
    """
    return _fit(effects, variances, matrix, tests, mixed=False)


def fit_mixed(effects: Effects, variances: Effects, matrix: FloatArray, tests: Mapping[str, FloatArray]) -> WeightedFit:
    """Fit a mixed-effects model: least squares weighted by 1 / (variance + tau2), tau2 the variance between subjects.

    tau2 is estimated at each point by the method of moments (DerSimonian & Laird 1986, for any design). The covariance
    of the coefficients is scaled by the weighted residual variance (Knapp & Hartung 2003), and t and F have n - rank
    degrees of freedom, with n subjects at the point: the normal tail would be far too light.

    Parameters, returns and errors are those of `fit_fixed`. Points without any difference between subjects are NaN,
    too.

    References
    ----------
    DerSimonian & Laird (1986), Controlled Clinical Trials 7:177. Knapp & Hartung (2003), Statistics in Medicine
    22:2693.

    Examples
    --------
    >>> effects, variances = np.array([[1.0], [2.0], [6.0]]), np.ones((3, 1))
    >>> fit = fit_mixed(effects, variances, np.ones((3, 1)), {"mean": np.ones(1)})
    >>> fit.tau2, fit.results[0].variance.round(4)               # the variance 7 of the effects less 1; 7 / 3
    (array([6.]), array([2.3333]))
    """
    return _fit(effects, variances, matrix, tests, mixed=True)


@np.errstate(over="ignore", invalid="ignore")  # of squares too large to be tested
def _fit(
    effects: Effects, variances: Effects, matrix: FloatArray, tests: Mapping[str, FloatArray], mixed: bool
) -> WeightedFit:
    """Fit the model block by block of points."""
    n_subjects, n_points = effects.shape
    if variances.shape != effects.shape:
        raise ValueError(f"variances must have the shape of effects, {effects.shape}; found {variances.shape}")
    check_model(n_subjects, matrix, tests)
    if n_subjects <= matrix.shape[1]:
        raise ValueError(f"n_subjects must exceed the rank of the design, {matrix.shape[1]}; found {n_subjects}")
    q, r = np.linalg.qr(matrix)
    over_q = [np.linalg.solve(r.T, weights.T) for weights in tests.values()]
    directions = [each if each.ndim == 1 else np.linalg.qr(each)[0].T for each in over_q]  # any basis of rows for F
    dof, tau2, unevenness = np.zeros((3, n_points))
    n_unusable = 0
    statistics = np.full((len(tests), 2, n_points), np.nan)
    for points in blocks(effects):
        block = _usable(np.asarray(effects[:, points], float), np.asarray(variances[:, points], float))
        solution, scale, dof[points], tau2[points] = _estimate(block, q, mixed)
        unevenness[points], n_unusable = block.unevenness, n_unusable + block.n_unusable
        for i, direction in enumerate(directions):
            statistics[i][:, points] = _evaluate(solution, scale, direction)
    results = tuple(GlmResult.of_test(name, w, dof, *statistics[i]) for i, (name, w) in enumerate(tests.items()))
    return WeightedFit(results, n_unusable, unevenness, tau2 if mixed else None)


def _usable(effects: FloatArray, variances: FloatArray) -> _Block:
    """Exclude subjects without effect or usable variance at each point; the unit is its median variance."""
    present = ~np.isnan(effects)
    positive = present & np.isfinite(variances) & (variances >= SMALLEST)
    middle = np.maximum(positive.sum(axis=0) - 1, 0) // 2
    ordered = np.sort(np.where(positive, variances, np.inf), axis=0)
    median = np.take_along_axis(ordered, middle[None], axis=0)[0]
    usable = positive & (variances > NEGLIGIBLE * median)
    unit = np.where(np.isfinite(median), median, 1)
    with np.errstate(over="ignore"):
        scaled = np.where(usable, variances, np.inf) / unit
    n, n_unusable = usable.sum(axis=0), int((present & ~usable).sum())
    logs = np.log(np.where(usable, variances, 1))
    squares = np.where(usable, logs - logs.sum(axis=0) / np.maximum(n, 1), 0) ** 2
    unevenness = np.sqrt(squares.sum(axis=0) / np.maximum(n - 1, 1))
    return _Block(np.where(usable, effects, 0), scaled, unit, n.astype(float), n_unusable, unevenness)


def _estimate(block: _Block, q: FloatArray, mixed: bool) -> tuple[_Solution, FloatArray, FloatArray, FloatArray]:
    """Return a solution, the scale of its covariance, its degrees of freedom, 0 where it is not determined, and tau2.

    Mixed effects have the scale of Knapp & Hartung (2003), and tau2 by the method of moments: with the weights
    W = 1 / variance, E(rest) = n - rank + tau2 * (tr W - tr((Q'WQ)^-1 Q'W^2 Q)).
    """
    weights = 1 / block.variances
    solution = _solve(block, weights, q)
    if not mixed:
        undetermined = np.isnan(solution.rest)
        scale = np.where(undetermined, np.nan, block.unit)
        return solution, scale, np.where(undetermined, 0, np.inf), np.zeros(scale.shape)
    dof = np.maximum(block.n - q.shape[1], 0)
    used = (solution.root * (_gram(weights**2, q) @ solution.root)).sum(axis=(1, 2))
    total = weights.sum(axis=0)
    slope = np.where(total - used > _SINGULAR * total, total - used, np.nan)
    tau2 = np.maximum(0, (solution.rest / block.unit - dof) / slope)
    weights = 1 / (block.variances + np.where(np.isnan(tau2), np.inf, tau2))
    solution = _solve(block, weights, q)
    scale = solution.rest / np.maximum(dof, 1)
    mean_square = (weights * block.effects**2).sum(axis=0) / np.maximum(block.n, 1)
    scale[scale <= np.maximum(CONSTANT * mean_square, SMALLEST)] = np.nan
    return solution, scale, np.where(np.isnan(solution.rest), 0, dof), tau2 * block.unit


def _solve(block: _Block, weights: FloatArray, q: FloatArray) -> _Solution:
    """Solve the normal equations Q'WQ b = Q'Wy at each point."""
    values, vectors = np.linalg.eigh(_gram(weights, q))
    undetermined = (values[:, 0] <= _SINGULAR * values[:, -1]) | (block.n <= q.shape[1])
    values[undetermined] = 1  # any value: `rest` is NaN there
    root = vectors / np.sqrt(values)[:, None, :]
    moments = (weights * block.effects).T @ q
    coefficients = (root @ (root.swapaxes(1, 2) @ moments[:, :, None]))[:, :, 0]
    residuals = block.effects - q @ coefficients.T
    return _Solution(coefficients, root, np.where(undetermined, np.nan, (weights * residuals**2).sum(axis=0)))


def _gram(weights: FloatArray, q: FloatArray) -> FloatArray:
    """Return Q'WQ at each point, (n_points, n_columns, n_columns), as one matrix product."""
    n_subjects, n_columns = q.shape
    products = (q[:, :, None] * q[:, None, :]).reshape(n_subjects, -1)
    return np.asarray((weights.T @ products).reshape(-1, n_columns, n_columns))


def _evaluate(solution: _Solution, scale: FloatArray, direction: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return effect and variance of a linear combination, or F and NaN of several."""
    effect = solution.coefficients @ direction.T
    spread = direction @ solution.root
    if direction.ndim < 2:
        return np.where(np.isnan(scale), np.nan, effect), (spread**2).sum(axis=1) * scale
    covariance = spread @ spread.swapaxes(1, 2)
    distance: FloatArray = (effect * np.linalg.solve(covariance, effect[:, :, None])[:, :, 0]).sum(axis=1)
    f = np.maximum(distance, 0) / len(direction) / scale
    return np.where(np.isfinite(f), f, np.nan), np.full_like(distance, np.nan)
