"""Maps weighted by the precision of each subject: fixed and mixed effects at every point.

The first level says how uncertain each effect is: its *variance* v_i. Fixed effects take it for the whole
uncertainty, so what they find holds for these very subjects. Mixed effects add the variance between subjects,
tau2, and speak of the population.

All is computed for the orthonormal columns Q of the design X = QR: the condition of Q'WQ is at most the ratio of
the largest to the smallest weight, whatever the condition of the design.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.glm import CONSTANT, Effects, GlmResult, blocks, check_model

NEGLIGIBLE = 1e-8
"""A variance at most this times the median of its point is what rounding left of 0: no subject is 10,000 times as
precise as the others, but one with a constant time series looks so, and would decide the point alone."""

UNEVEN = 0.5
"""Where `WeightedFit.unevenness` is larger, the tail of mixed effects is too light (``validation/README.md``)."""

_SINGULAR = 1e-12
"""Q'WQ is singular when its smallest eigenvalue is at most this times the largest."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WeightedFit:
    """What fixed or mixed effects found.

    Attributes
    ----------
    results : tuple of GlmResult
        One per test, in order.
    n_unusable : int
        How many times a subject was left out at a point because its effect, though there, has no usable variance.
    unevenness : array (n_points,)
        The standard deviation over subjects of the logarithm of the variance; 0 where there are less than two.
    tau2 : array (n_points,) or None
        The variance between subjects; None with fixed effects.
    """

    results: tuple[GlmResult, ...]
    n_unusable: int
    unevenness: FloatArray
    tau2: FloatArray | None = None

    def __repr__(self) -> str:
        return f"WeightedFit(results={self.results}, n_unusable={self.n_unusable})"


class _Block(NamedTuple):
    """A block of points; where a subject is left out, its effect is 0 and its variance infinite."""

    effects: FloatArray
    variances: FloatArray
    """In units of the median of the point, so that neither they nor their squares overflow."""
    unit: FloatArray
    n: FloatArray
    """How many subjects are left at each point."""
    n_unusable: int
    unevenness: FloatArray


class _Solution(NamedTuple):
    """Weighted least squares of a block."""

    coefficients: FloatArray
    """(n_points, n_columns)"""
    root: FloatArray
    """(n_points, n_columns, n_columns); root @ root' is the inverse of Q'WQ."""
    rest: FloatArray
    """(n_points,), the weighted sum of squared residuals; NaN where the coefficients are not determined."""


class _Estimate(NamedTuple):
    """A solution, by how much its covariance is to be scaled, and its degrees of freedom, 0 where there is none."""

    solution: _Solution
    scale: FloatArray
    dof: FloatArray
    tau2: FloatArray


def fit_fixed(effects: Effects, variances: Effects, matrix: FloatArray, tests: Mapping[str, FloatArray]) -> WeightedFit:
    """Fit by least squares weighted by 1 / variance, the variances being known: inference is about these subjects.

    A t test is effect / standard error, an F test chi-squared / rows, both with infinite degrees of freedom.

    Parameters
    ----------
    effects, variances : array-like (n_subjects, n_points)
        One row per subject, read block by block of points. A subject is left out of a point where its effect is
        NaN or its variance is NaN, infinite, 0, negative or at most `NEGLIGIBLE` times the median there.
    matrix : array (n_subjects, n_columns)
        The design matrix.
    tests : mapping of str to array
        Name and weights: (n_columns,) for a t test, (rows, n_columns) for an F test.

    Returns
    -------
    WeightedFit
        NaN with `dof` 0 where at most `n_columns` subjects are left, or they do not determine the coefficients.

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
    """Fit by least squares weighted by 1 / (variance + tau2), tau2 being the variance between subjects.

    tau2 is estimated at each point by moments (DerSimonian & Laird 1986, for any design). The covariance of the
    coefficients is scaled by the weighted residual variance (Knapp & Hartung 2003), and t and F have n - rank
    degrees of freedom, n being the subjects that are left at the point: the normal tail is far too light.

    Parameters and errors are those of `fit_fixed`. Points where the subjects do not differ at all are NaN, too.

    References
    ----------
    DerSimonian, R. & Laird, N. (1986). Meta-analysis in clinical trials. Controlled Clinical Trials 7, 177-188.
    Knapp, G. & Hartung, J. (2003). Improved tests for a random effects meta-regression with a single covariate.
    Statistics in Medicine 22, 2693-2710.

    Examples
    --------
    >>> effects, variances = np.array([[1.0], [2.0], [6.0]]), np.ones((3, 1))
    >>> fit = fit_mixed(effects, variances, np.ones((3, 1)), {"mean": np.ones(1)})
    >>> fit.tau2, fit.results[0].variance.round(4)               # the variance 7 of the effects less 1; 7 / 3
    (array([6.]), array([2.3333]))
    """
    return _fit(effects, variances, matrix, tests, mixed=True)


def _fit(
    effects: Effects, variances: Effects, matrix: FloatArray, tests: Mapping[str, FloatArray], mixed: bool
) -> WeightedFit:
    """Fit block by block of points."""
    n_subjects, n_points = effects.shape
    if variances.shape != effects.shape:
        raise ValueError(f"variances must have the shape of effects, {effects.shape}; found {variances.shape}")
    check_model(n_subjects, matrix, tests)
    if n_subjects <= matrix.shape[1]:
        raise ValueError(f"n_subjects must exceed the rank of the design, {matrix.shape[1]}; found {n_subjects}")
    q, r = np.linalg.qr(matrix)
    directions = [_direction(weights, r) for weights in tests.values()]
    dof, tau2, unevenness = np.zeros((3, n_points))
    n_unusable = 0
    statistics = np.full((len(tests), 2, n_points), np.nan)
    for points in blocks(effects):
        block = _usable(np.asarray(effects[:, points], float), np.asarray(variances[:, points], float))
        found = _mixed(block, q) if mixed else _fixed(block, q)
        unevenness[points], n_unusable = block.unevenness, n_unusable + block.n_unusable
        dof[points], tau2[points] = found.dof, found.tau2
        for i, direction in enumerate(directions):
            statistics[i][:, points] = _evaluate(found, direction)
    results = tuple(_result(name, w, statistics[i], dof) for i, (name, w) in enumerate(tests.items()))
    return WeightedFit(results, n_unusable, unevenness, tau2 if mixed else None)


def _direction(weights: FloatArray, r: FloatArray) -> FloatArray:
    """Turn weights over columns into weights over those of Q; F does not depend on the basis of its rows."""
    over_q = np.asarray(np.linalg.solve(r.T, weights.T), dtype=np.float64)
    return over_q if over_q.ndim == 1 else np.asarray(np.linalg.qr(over_q)[0].T)


def _usable(effects: FloatArray, variances: FloatArray) -> _Block:
    """Leave subjects without effect or usable variance out of each point; take its median variance as the unit."""
    there = ~np.isnan(effects)
    positive = there & np.isfinite(variances) & (variances > 0)
    middle = np.maximum(positive.sum(axis=0) - 1, 0) // 2
    ordered = np.sort(np.where(positive, variances, np.inf), axis=0)
    median = np.take_along_axis(ordered, middle[None], axis=0)[0]
    usable = positive & (variances > NEGLIGIBLE * median)
    unit = np.where(np.isfinite(median), median, 1)
    with np.errstate(over="ignore"):
        scaled = np.where(usable, variances, np.inf) / unit
    n, n_unusable = usable.sum(axis=0).astype(float), int((there & ~usable).sum())
    return _Block(np.where(usable, effects, 0), scaled, unit, n, n_unusable, _unevenness(variances, usable))


def _unevenness(variances: FloatArray, usable: npt.NDArray[np.bool_]) -> FloatArray:
    """Give the standard deviation of the logarithms of the usable variances of each point."""
    logs, n = np.log(np.where(usable, variances, 1)), usable.sum(axis=0)
    squares = np.where(usable, logs - logs.sum(axis=0) / np.maximum(n, 1), 0) ** 2
    return np.asarray(np.sqrt(squares.sum(axis=0) / np.maximum(n - 1, 1)))


def _fixed(block: _Block, q: FloatArray) -> _Estimate:
    """Take the variances as known."""
    solution = _solve(block, 1 / block.variances, q)
    lost = np.isnan(solution.rest)
    return _Estimate(solution, np.where(lost, np.nan, block.unit), np.where(lost, 0, np.inf), np.zeros(lost.shape))


def _mixed(block: _Block, q: FloatArray) -> _Estimate:
    """Add the variance between subjects to the variances, and scale as Knapp and Hartung do."""
    dof = np.maximum(block.n - q.shape[1], 0)
    tau2 = _between(block, q, dof)
    weights = 1 / (block.variances + np.where(np.isnan(tau2), np.inf, tau2))
    solution = _solve(block, weights, q)
    scale = solution.rest / np.maximum(dof, 1)
    mean_square = (weights * block.effects**2).sum(axis=0) / np.maximum(block.n, 1)
    lost = np.isnan(solution.rest)
    scale[scale <= CONSTANT * mean_square] = np.nan
    return _Estimate(solution, scale, np.where(lost, 0, dof), tau2 * block.unit)


def _between(block: _Block, q: FloatArray, dof: FloatArray) -> FloatArray:
    """Estimate tau2 by moments, in the unit of the block.

    With the weights W = 1 / variance, E(rest) = n - rank + tau2 * (tr W - tr((Q'WQ)^-1 Q'W^2 Q)).
    """
    weights = 1 / block.variances
    solution = _solve(block, weights, q)
    lost = (solution.root * (_gram(weights**2, q) @ solution.root)).sum(axis=(1, 2))
    total = weights.sum(axis=0)
    slope = np.where(total - lost > _SINGULAR * total, total - lost, np.nan)
    return np.asarray(np.maximum(0, (solution.rest / block.unit - dof) / slope))


def _solve(block: _Block, weights: FloatArray, q: FloatArray) -> _Solution:
    """Solve the normal equations Q'WQ b = Q'Wy of each point."""
    values, vectors = np.linalg.eigh(_gram(weights, q))
    lost = (values[:, 0] <= _SINGULAR * values[:, -1]) | (block.n <= q.shape[1])
    values[lost] = 1  # any number will do: `rest` says that nothing counts
    root = vectors / np.sqrt(values)[:, None, :]
    moments = (weights * block.effects).T @ q
    coefficients = (root @ (root.swapaxes(1, 2) @ moments[:, :, None]))[:, :, 0]
    residuals = block.effects - q @ coefficients.T
    return _Solution(coefficients, root, np.where(lost, np.nan, (weights * residuals**2).sum(axis=0)))


def _gram(weights: FloatArray, q: FloatArray) -> FloatArray:
    """Give Q'WQ of each point (n_points, n_columns, n_columns) as one matrix product."""
    n_subjects, n_columns = q.shape
    products = (q[:, :, None] * q[:, None, :]).reshape(n_subjects, -1)
    return np.asarray((weights.T @ products).reshape(-1, n_columns, n_columns))


def _evaluate(found: _Estimate, direction: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Give effect and variance of a linear combination; of several, F and NaN."""
    effect = found.solution.coefficients @ direction.T
    spread = direction @ found.solution.root
    if direction.ndim < 2:
        return np.where(np.isnan(found.scale), np.nan, effect), (spread**2).sum(axis=1) * found.scale
    covariance = spread @ spread.swapaxes(1, 2)
    distance = (effect * np.linalg.solve(covariance, effect[:, :, None])[:, :, 0]).sum(axis=1)
    return np.maximum(distance, 0) / len(direction) / found.scale, np.full_like(distance, np.nan)


def _result(name: str, weights: FloatArray, found: FloatArray, dof: FloatArray) -> GlmResult:
    """Turn effect and variance into t; F is there already."""
    if weights.ndim == 1:
        return GlmResult.of_estimate(name, found[0], found[1], dof)
    return GlmResult.of_f(name, found[0], len(weights), dof)
