"""Equal variances: how far the residual variances of groups differ, and what that does to tests that assume one.

Ordinary least squares estimates one variance s^2 for all subjects. With weights w_i of the subjects in the estimate of
a test, and variances s_i^2, the variance of the estimate is sum w_i^2 s_i^2, but by the model it is s^2 sum w_i^2. The
ratio of the two is the *inflation* of the test. It is 1 where variances are equal, and for the difference of two groups
of equal size. Above 1 the test is liberal, as where the smaller group has the larger variance; below 1 it is
conservative.

The variance of subject i relative to the model is estimated by the mean square of its studentised residual over points:
the inflation is that of the covariance HC2 (MacKinnon & White 1985) relative to the ordinary one.

References
----------
Horn, Horn & Duncan (1975), Journal of the American Statistical Association 70:380. MacKinnon & White (1985), Journal of
Econometrics 29:305. Box (1954), Annals of Mathematical Statistics 25:290, for the effect on tests.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.glm import Effects, blocks, directions

INFLATED = 1.1
"""The error of a test whose inflation is larger is above its level (``validation/README.md``)."""

CHANCE = 0.02
"""An inflation that a larger proportion of rearrangements of subjects reaches is not attributed to the design."""

_REARRANGEMENTS = 999
_TIE = 1e-9  # relative difference below which two inflations are considered equal


@dataclass(frozen=True, slots=True)
class Inflation:
    """The variance of the estimate of a test relative to the one that the model assumes."""

    ratio: float  # of an F test, for the linear combination of its rows where it is largest
    p: float  # proportion of rearrangements of subjects with at least this ratio

    @property
    def is_liberal(self) -> bool:
        """Whether the error of the test is above its level."""
        return self.ratio > INFLATED and self.p <= CHANCE


def inflation(matrix: FloatArray, weights: FloatArray, residual: FloatArray) -> Inflation:
    """Compute the inflation of a test by unequal variances of subjects.

    Parameters
    ----------
    matrix : array (n_subjects, n_columns)
        The design matrix.
    weights : array (n_columns,) or (n_rows, n_columns)
        Those of the test.
    residual : array (n_subjects,)
        Root mean square of the studentised residual of each subject; NaN where it has none.

    Returns
    -------
    Inflation
        1 with p = 1 where all subjects have the same weight, as in the mean of one group.

    Examples
    --------
    >>> groups = np.repeat(np.eye(2), [8, 24], axis=0)
    >>> residual = np.repeat([4, 1], [8, 24]) ** 0.5 / 1.75 ** 0.5      # variances 4 and 1, of all 1.75
    >>> round(inflation(groups, np.array([1.0, -1]), residual).ratio, 3)   # (4/8 + 1/24) / (1.75/8 + 1.75/24)
    1.857
    """
    q, r = np.linalg.qr(matrix)
    share = q @ directions(r, weights)
    squares = np.where(np.isnan(residual), 1.0, residual**2)
    ratio = _largest(share, squares[None])[0]
    rng = np.random.default_rng(0)
    others = rng.permuted(np.tile(squares, (_REARRANGEMENTS, 1)), axis=1)
    n_as_large = int((_largest(share, others) >= ratio * (1 - _TIE)).sum())
    return Inflation(float(ratio), (1 + n_as_large) / (1 + _REARRANGEMENTS))


def relative_variances(residual: FloatArray, group: npt.NDArray[np.intp]) -> FloatArray:
    """Compute the residual variance of each group relative to that of the model, (n_groups,), mean over points.

    `residual` is that of `inflation`; `group` (n_subjects,) is the group of each subject, 0 to n_groups - 1. NaN for a
    group without residuals: its only subject determines a coefficient alone.
    """
    used = ~np.isnan(residual)
    n = np.bincount(group[used], minlength=group.max() + 1)
    total = np.bincount(group[used], residual[used] ** 2, minlength=n.size)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def chance_of_ratio(residual: FloatArray, group: npt.NDArray[np.intp]) -> float:
    """Return the part of rearrangements of subjects in which variances of groups differ at least as much.

    They differ by the ratio of the largest to the smallest of `relative_variances`, whose parameters these are. All
    groups must have residuals.
    """
    used = ~np.isnan(residual)
    squares, members = residual[used] ** 2, np.eye(group.max() + 1)[group[used]]
    members /= members.sum(axis=0)
    rng = np.random.default_rng(0)
    others = rng.permuted(np.tile(squares, (_REARRANGEMENTS, 1)), axis=1) @ members
    found = squares @ members
    ratios = others.max(axis=1) / others.min(axis=1)
    n_as_large = int((ratios >= found.max() / found.min() * (1 - _TIE)).sum())
    return (1 + n_as_large) / (1 + _REARRANGEMENTS)


def mixed_residual(effects: Effects, variances: Effects, tau2: FloatArray, matrix: FloatArray) -> FloatArray:
    """Compute the root mean square residual of each subject relative to its variance by mixed effects, (n_subjects,).

    The expected square of a residual of ordinary least squares is sum_j m_ij^2 (v_j + tau2), M = 1 - X (X'X)^-1 X'. Of
    `effects` (n_subjects, n_points) the points are used where all subjects have data; their residuals are relative to
    the mean square of the point.
    """
    q = np.linalg.qr(matrix)[0]
    remove = np.eye(len(matrix)) - q @ q.T
    total, n_points = np.zeros(len(matrix)), 0
    for points in blocks(effects):
        values = np.asarray(effects[:, points], dtype=float)
        expected = (remove**2) @ (np.asarray(variances[:, points], dtype=float) + tau2[points])
        with np.errstate(invalid="ignore", divide="ignore"):
            squares = (remove @ values) ** 2 / expected
            squares /= squares.mean(axis=0)
        complete = np.isfinite(squares).all(axis=0)
        total += squares[:, complete].sum(axis=1)
        n_points += int(complete.sum())
    return np.sqrt(total / n_points) if n_points else np.full(len(matrix), np.nan)


def _largest(share: FloatArray, squares: FloatArray) -> FloatArray:
    """Return the largest eigenvalue of sum_i s_i^2 u_i u_i', (n,), for variances s_i^2 (n, n_subjects)."""
    covariance = np.einsum("ij,ki,il->kjl", share, squares, share)
    return np.asarray(np.linalg.eigvalsh(covariance)[:, -1])
