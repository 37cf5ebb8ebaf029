"""The group model: ordinary least squares at every voxel, t tests of linear combinations of its coefficients."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from bids_ari.stats.tails import Alternative, FloatArray, p_from_t, p_from_z, z_from_t

CONSTANT = 1e-12
"""A voxel is constant, and not tested, when its residual variance is at most this times its mean square."""

_CHUNK = 1 << 16
"""Voxels fitted at a time, so that residuals never need the memory of the data again."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GlmResult:
    """One test at every voxel: fitted here, or a map made elsewhere, which tells less.

    Attributes
    ----------
    test : str
        The name of the test; empty for a map made elsewhere.
    z : array (n_voxels,)
        The z value with the same tail probability as the statistic that was tested.
    dof : array (n_voxels,)
        Residual degrees of freedom; they differ between voxels where subjects lack data. Infinite for a z map.
    t : array (n_voxels,) or None
        The t statistic.
    effect, variance : array (n_voxels,) or None
        The estimated linear combination, in the units of the maps, and its sampling variance.

    Where a voxel cannot be tested (constant, or too few subjects), all but `dof` are NaN.
    """

    test: str
    z: FloatArray
    dof: FloatArray
    t: FloatArray | None = None
    effect: FloatArray | None = None
    variance: FloatArray | None = None

    @classmethod
    def of_z(cls, z: FloatArray) -> "GlmResult":
        """Take a z map that was made elsewhere, (n_voxels,)."""
        return cls("", z, np.full(z.shape, np.inf))

    @classmethod
    def of_t(cls, t: FloatArray, dof: float) -> "GlmResult":
        """Take a t map that was made elsewhere, (n_voxels,), with its degrees of freedom."""
        return cls("", z_from_t(t, dof), np.full(t.shape, float(dof)), t)

    def p(self, alternative: Alternative) -> FloatArray:
        """Give the p-value of each voxel for an alternative, (n_voxels,)."""
        return p_from_z(self.z, alternative) if self.t is None else p_from_t(self.t, self.dof, alternative)

    def at(self, voxels: np.ndarray) -> "GlmResult":
        """Keep some voxels: positions, or a boolean per voxel."""
        arrays = (self.z, self.dof, self.t, self.effect, self.variance)
        return GlmResult(self.test, *(None if array is None else array[voxels] for array in arrays))  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return f"GlmResult(test={self.test!r}, n_voxels={self.z.size}, dof={np.unique(self.dof)[:3]})"


def fit_glm(effects: FloatArray, matrix: FloatArray, tests: Mapping[str, FloatArray]) -> tuple[GlmResult, ...]:
    """Fit ``effects = matrix @ coefficients + noise`` at every voxel by ordinary least squares.

    Parameters
    ----------
    effects : array (n_subjects, n_voxels)
        One row per subject; NaN where a subject has no data. Such a voxel is fitted on the other subjects.
    matrix : array (n_subjects, n_columns)
        The design matrix.
    tests : mapping of str to array (n_columns,)
        Name and weights of each linear combination to test against zero.

    Returns
    -------
    tuple of GlmResult
        One per test, in order.

    Raises
    ------
    ValueError
        When the shapes do not fit, columns of the design are collinear, or it leaves no degree of freedom.

    Examples
    --------
    >>> effects = np.array([[1.0], [2.0], [3.0]])
    >>> mean, = fit_glm(effects, np.ones((3, 1)), {"mean": np.ones(1)})
    >>> mean.t.round(4), mean.dof        # mean 2, standard error sqrt(1 / 3)
    (array([3.4641]), array([2.]))
    """
    n_subjects, n_voxels = effects.shape
    if matrix.shape[0] != n_subjects:
        raise ValueError(f"matrix must have one row per subject: {n_subjects}; found {matrix.shape[0]}")
    rank = int(np.linalg.matrix_rank(matrix))
    if rank < matrix.shape[1]:
        raise ValueError(f"matrix must have independent columns; found {matrix.shape[1]} of rank {rank}")
    if n_subjects <= rank:
        raise ValueError(f"n_subjects must exceed the rank of the design, {rank}; found {n_subjects}")
    if not tests:
        raise ValueError("tests must name at least one linear combination")
    stacked = np.vstack([np.asarray(w, dtype=float) for w in tests.values()])
    effect = np.full((len(tests), n_voxels), np.nan)
    variance = np.full((len(tests), n_voxels), np.nan)
    dof = np.zeros(n_voxels)
    for rows, voxels in _patterns(effects):
        if (found := _fit(effects[np.ix_(rows, voxels)], matrix[rows], stacked)) is not None:
            effect[:, voxels], variance[:, voxels], dof[voxels] = found
    return tuple(_test(name, effect[i], variance[i], dof) for i, name in enumerate(tests))


def _patterns(effects: FloatArray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Group voxels by which subjects have data there: yield (positions of subjects, positions of voxels)."""
    present = ~np.isnan(effects)
    complete = present.all(axis=0)
    patterns = [(np.arange(len(effects)), np.flatnonzero(complete))]
    partial = np.flatnonzero(~complete)
    kinds, which = np.unique(present[:, partial], axis=1, return_inverse=True)
    patterns += [(np.flatnonzero(kinds[:, i]), partial[which.ravel() == i]) for i in range(kinds.shape[1])]
    for rows, voxels in patterns:
        for start in range(0, voxels.size, _CHUNK):
            yield rows, voxels[start : start + _CHUNK]


def _fit(effects: FloatArray, matrix: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray, float] | None:
    """Estimate each weighted combination, its variance and the residual degrees of freedom.

    With X = QR the coefficients are R^-1 Q'y, their covariance sigma^2 (R'R)^-1. None where the subjects that
    are left do not determine the coefficients.
    """
    n_subjects, n_columns = matrix.shape
    dof = n_subjects - n_columns
    if dof < 1 or np.linalg.matrix_rank(matrix) < n_columns:
        return None
    q, r = np.linalg.qr(matrix)
    projected = q.T @ effects
    residual_variance = ((effects - q @ projected) ** 2).sum(axis=0) / dof
    residual_variance[residual_variance <= CONSTANT * (effects**2).mean(axis=0)] = np.nan
    solved = np.linalg.solve(r.T, weights.T).T  # rows w R^-1: the combination in terms of Q'y
    return solved @ projected, (solved**2).sum(axis=1)[:, None] * residual_variance, float(dof)


def _test(name: str, effect: FloatArray, variance: FloatArray, dof: FloatArray) -> GlmResult:
    """Turn estimates into t and z."""
    effect = np.where(np.isnan(variance), np.nan, effect)
    t = effect / np.sqrt(variance)
    return GlmResult(name, z_from_t(t, np.maximum(dof, 1.0)), dof, t, effect, variance)
