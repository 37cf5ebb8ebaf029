"""Welch's t test of combinations of group means at every point, for groups with unequal variances.

A *group* is a set of subjects with equal rows of the design matrix. Only group means can be estimated, so the design
must have as many columns as there are groups (cell means, or any other coding of them).

References
----------
Welch (1947), Biometrika 34:28. Satterthwaite (1946), Biometrics Bulletin 2:110.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.glm import CONSTANT, SMALLEST, Effects, GlmResult, blocks, check_model

_ROUNDING = 1e-12  # a weight of a group is 0, except for rounding, where it is at most this times the largest
_LARGEST = 1e303  # a group whose variance or squared mean is larger is not tested: sums of such squares may overflow


@np.errstate(over="ignore", invalid="ignore")  # of squares too large to be tested
def fit_welch(effects: Effects, matrix: FloatArray, tests: Mapping[str, FloatArray]) -> tuple[GlmResult, ...]:
    """Test combinations of group means, with one variance per group.

    With weights w_g over groups of n_g subjects, mean m_g and variance s_g^2, the effect is sum w_g m_g, its
    variance sum v_g with v_g = w_g^2 s_g^2 / n_g, and the degrees of freedom are Satterthwaite's,
    (sum v_g)^2 / sum(v_g^2 / (n_g - 1)). Groups of weight 0 are not used.

    Parameters
    ----------
    effects, matrix
        As of `fit_glm`; the design matrix must have as many different rows as columns.
    tests : mapping of str to array (n_columns,) or (1, n_columns)
        Name and weights of each linear combination; a row of shape (1, n_columns) gives F = t^2.

    Returns
    -------
    tuple of GlmResult
        One per test, in order, each with its own `dof` per point. A point where a group of nonzero weight has fewer
        than two subjects, or squares beyond floating point, or all such groups are constant, is NaN with `dof` 0.

    Raises
    ------
    ValueError
        When `check_model` does, the design has other columns than groups, a test has several rows, or a group of
        nonzero weight has fewer than two subjects.

    Examples
    --------
    >>> effects = np.array([[1.0], [3.0], [5.0], [9.0]])        # means 2 and 7, variances 2 and 8
    >>> groups = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    >>> difference, = fit_welch(effects, groups, {"difference": np.array([-1.0, 1])})
    >>> difference.effect, difference.variance, difference.dof   # 2/2 + 8/2; 5^2 / (1^2 + 4^2)
    (array([5.]), array([5.]), array([1.47058824]))
    """
    n_subjects, n_points = effects.shape
    check_model(n_subjects, matrix, tests)
    group, weights = group_weights(matrix, tests)
    effect, variance, dof = np.empty((3, len(tests), n_points))
    for points in blocks(effects):
        moments = _moments(np.asarray(effects[:, points], dtype=np.float64), group)
        for i, over_groups in enumerate(weights):
            n, mean, within, constant = (values[over_groups != 0] for values in moments)
            w = over_groups[over_groups != 0][:, None]
            part = w**2 * within / np.maximum(n, 1)
            variance[i, points] = total = np.where(constant.all(axis=0), np.nan, part.sum(axis=0))
            share = part / total  # since squares of variances may underflow
            tested = ~np.isnan(total)
            effect[i, points] = np.where(tested, (w * mean).sum(axis=0), np.nan)
            dof[i, points] = np.where(tested, 1 / (share**2 / np.maximum(n - 1, 1)).sum(axis=0), 0)
    found = [(e, v) if w.ndim == 1 else (e**2 / v,) for e, v, w in zip(effect, variance, tests.values(), strict=True)]
    return tuple(GlmResult.of_test(name, w, dof[i], *found[i]) for i, (name, w) in enumerate(tests.items()))


def group_weights(matrix: FloatArray, tests: Mapping[str, FloatArray]) -> tuple[npt.NDArray[np.intp], list[FloatArray]]:
    """Return the group of each subject, 0 to n_groups - 1, and the weights of each test over group means, (n_groups,).

    Errors are those of `fit_welch`.
    """
    rows, group = np.unique(matrix, axis=0, return_inverse=True)
    if len(rows) != matrix.shape[1]:
        raise ValueError(
            "unequal variances need a design of groups: matrix must have as many different rows as columns; "
            f"found {len(rows)} and {matrix.shape[1]}"
        )
    group = group.ravel()
    return group, [_over_groups(name, w, rows, np.bincount(group)) for name, w in tests.items()]


def _over_groups(name: str, weights: FloatArray, rows: FloatArray, n_subjects: npt.NDArray[np.integer]) -> FloatArray:
    """Return weights over group means from weights over columns: means = rows @ coefficients."""
    if weights.ndim == 2 and len(weights) > 1:
        raise ValueError(f"with unequal variances a test must have one row; found {len(weights)} in test {name!r}")
    over_groups = np.asarray(np.linalg.solve(rows.T, weights.ravel()), dtype=np.float64)
    over_groups[np.abs(over_groups) <= _ROUNDING * np.abs(over_groups).max()] = 0
    if (fewest := n_subjects[over_groups != 0].min()) < 2:
        raise ValueError(f"unequal variances need two subjects in each group of test {name!r}; found {fewest}")
    return over_groups


def _moments(effects: FloatArray, group: npt.NDArray[np.intp]) -> list[FloatArray]:
    """Return number of subjects with data, mean, variance, and whether they are constant, each (n_groups, n_points)."""
    each = []
    for g in range(int(group.max()) + 1):
        values = effects[group == g]
        present = ~np.isnan(values)
        n = present.sum(axis=0).astype(float)
        mean = np.where(present, values, 0).sum(axis=0) / np.maximum(n, 1)
        residuals = np.where(present, values - mean, 0)
        variance = (residuals**2).sum(axis=0) / np.maximum(n - 1, 1)
        is_usable = (n >= 2) & (variance <= _LARGEST) & (mean**2 <= _LARGEST)
        constant = variance <= np.maximum(CONSTANT * mean**2, SMALLEST)
        each.append((n, mean, np.where(is_usable, variance, np.nan), constant))
    return [np.array(values) for values in zip(*each, strict=True)]
