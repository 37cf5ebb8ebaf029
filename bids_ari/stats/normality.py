"""Normality of errors: skewness and kurtosis of residuals over points, compared with those of normal errors.

Residuals of a small group are closer to normal than errors, and skewness and kurtosis of few values are biased: they
are compared with those of normal data of the same design. Points are dependent, which makes the median over points
vary more. Simulated data therefore have the covariance between points of the residuals: each simulated map is a sum of
the residual maps with independent normal weights. At every point its errors are independent and normal over subjects,
whatever the residuals. The covariance of few maps is noisy, so that simulated points are more dependent than those of
the data, and the comparison is conservative.
"""

from dataclasses import dataclass

import numpy as np

from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.glm import Fit, Part

LEAST_DOF = 8
"""Residual degrees of freedom below which residuals hardly show the distribution of errors."""

LEAST_POINTS = 100
"""Points with data of all subjects below which no median is computed."""

LEAST_SKEWNESS = 0.2
"""A smaller median skewness, which heavy tails may cause by chance, is no reason to doubt symmetry."""

_MOST_POINTS = 512
_MOST_MAPS = 100  # of which simulated maps are sums
_SIMULATIONS = 199  # none reaches a limit in 1 of 200 normal data sets, and one of two limits in at most 1 of 100


@dataclass(frozen=True, slots=True)
class Normality:
    """Skewness and excess kurtosis of standardised residuals: of the data, and expected of normal errors.

    Pairs are the median over points, and the 95th percentile; of skewness that of absolute values.
    """

    n_points: int  # of which the numbers are, at most 512 with data of all subjects, evenly spaced
    kurtosis: tuple[float, float]
    skewness: tuple[float, float]
    normal_kurtosis: tuple[float, float]  # mean over simulations
    normal_skewness: tuple[float, float]
    kurtosis_limit: float  # the largest median kurtosis of the simulations
    skewness_limit: float  # their largest absolute median skewness

    @property
    def is_doubtful(self) -> bool:
        """Whether errors are not normal, beyond chance: in at most 1 % of normal data sets."""
        return self.is_heavy or self.is_skewed

    @property
    def is_heavy(self) -> bool:
        """Whether the tails of errors are heavier than those of normal errors, beyond chance."""
        return self.kurtosis[0] > self.kurtosis_limit

    @property
    def is_skewed(self) -> bool:
        """Whether errors are skewed in the same direction at most points, beyond chance and enough to matter."""
        return abs(self.skewness[0]) > max(self.skewness_limit, LEAST_SKEWNESS)


class ResidualSample:
    """Residuals of evenly spaced points, gathered while the parts of the data are fitted."""

    def __init__(self, shape: tuple[int, ...], matrix: FloatArray) -> None:
        n_subjects, n_points = shape
        self.matrix = matrix
        self._is_wanted = np.zeros(n_points, dtype=bool)
        if n_subjects - matrix.shape[1] >= LEAST_DOF:
            self._is_wanted[np.linspace(0, n_points - 1, min(n_points, _MOST_POINTS)).astype(int)] = True
        self._found: list[FloatArray] = []

    def add(self, part: Part, fit: Fit) -> None:
        """Keep the residuals at the points wanted, if all subjects have data there and they vary."""
        wanted = self._is_wanted[part.points] & np.isfinite(fit.residual_variance)
        if part.rows.size == len(self.matrix) and wanted.any():
            self._found.append(fit.residuals[:, wanted] / np.sqrt(fit.residual_variance[wanted]))

    def normality(self) -> Normality | None:
        """Compare the residuals with those of normal errors; None of too few subjects or points."""
        residuals = np.hstack([np.empty((len(self.matrix), 0)), *self._found])
        return compare_with_normal(residuals, self.matrix) if residuals.shape[1] >= LEAST_POINTS else None


def compare_with_normal(residuals: FloatArray, matrix: FloatArray) -> Normality:
    """Compare skewness and kurtosis of residuals with those of normal errors of the same design.

    Parameters
    ----------
    residuals : array (n_subjects, n_points)
        Residuals of ordinary least squares, in any unit at each point.
    matrix : array (n_subjects, n_columns)
        The design matrix.

    Returns
    -------
    Normality
        With limits from 199 simulations with a fixed seed; see the module.
    """
    q = np.linalg.qr(matrix)[0]
    rng = np.random.default_rng(0)
    maps = residuals[rng.permutation(len(residuals))[:_MOST_MAPS]]
    values = _of_equal_variance(residuals, q)
    found = _summary(*_moments(values, np.empty_like(values))).tolist()
    skewness, kurtosis = np.empty((2, _SIMULATIONS, residuals.shape[1]))
    buffers = np.empty_like(values), np.empty_like(values)  # new arrays would take longer than what is computed
    for i in range(_SIMULATIONS):
        weights = rng.standard_normal((len(residuals), len(maps)))
        np.matmul(_of_equal_variance(weights - q @ (q.T @ weights), q), maps, out=buffers[0])
        skewness[i], kurtosis[i] = _moments(*buffers)
    simulated = _summary(skewness, kurtosis)  # at once: quantiles of one simulation take as long as its moments
    mean = simulated.mean(axis=1).tolist()
    return Normality(
        residuals.shape[1],
        kurtosis=(found[0], found[1]),
        skewness=(found[2], found[3]),
        normal_kurtosis=(mean[0], mean[1]),
        normal_skewness=(mean[2], mean[3]),
        kurtosis_limit=float(simulated[0].max()),
        skewness_limit=float(np.abs(simulated[2]).max()),
    )


def _of_equal_variance(residuals: FloatArray, q: FloatArray) -> FloatArray:
    """Return residuals divided by the root of 1 - leverage, which makes their variances equal.

    Subjects of leverage 1, which have no residual, do not count. `q` is an orthonormal basis of the design.
    A linear combination of maps may be computed afterwards, which takes less time than before.
    """
    rest = 1 - (q**2).sum(axis=1)
    used = rest > 1e-10
    return np.asarray(residuals[used] / np.sqrt(rest[used])[:, None])


def _summary(skewness: FloatArray, kurtosis: FloatArray) -> FloatArray:
    """Return median and 95th percentile over points (the last axis) of kurtosis, then of skewness."""
    median, high = np.quantile(kurtosis, (0.5, 0.95), axis=-1)
    return np.stack([median, high, np.median(skewness, axis=-1), np.quantile(np.abs(skewness), 0.95, axis=-1)])


def _moments(values: FloatArray, squares: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return skewness and excess kurtosis around 0 of values (n_subjects, n_points); `squares` is overwritten."""
    np.multiply(values, values, out=squares)
    variance = squares.mean(axis=0)
    third = np.einsum("ij,ij->j", squares, values) / len(values)
    fourth = np.einsum("ij,ij->j", squares, squares) / len(values)
    return third / variance**1.5, fourth / variance**2 - 3
