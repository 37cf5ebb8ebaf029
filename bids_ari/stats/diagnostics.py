"""Diagnostics of a group analysis: collinearity and leverage of the design, outlying and influential subjects.

References
----------
Belsley, Kuh & Welsch 1980, Regression Diagnostics: scaled condition number, leverage, the limit 2 / sqrt(n).
Cook & Weisberg 1982, Residuals and Influence in Regression: distance of a set of linear combinations.
Chan, Golub & LeVeque 1983, The American Statistician 37:242: moments of data in pieces.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular

from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.glm import CONSTANT, Effects, Fit, Part, check_model, condition_number, directions, fit_part, parts

MAD_TO_SD = 1.4826
"""The standard deviation of a normal distribution in units of its median absolute deviation (MAD)."""

OUTLIER_SD = 3.0
"""A map is an outlier when its correlation is more than this many robust standard deviations below the median."""

NOISY_RESIDUAL = 2.0
"""A map is noisy when the RMS of its studentised residuals is above this; 1 is expected."""

INFLUENTIAL_RESIDUAL = 1.5
"""A subject with smaller studentised residuals is influential by the design, not by its map."""

_FULL_LEVERAGE = 1e-10
"""The leverage is 1 where 1 - leverage is at most this: the subject alone determines a coefficient."""


@dataclass(frozen=True, slots=True, eq=False)
class DesignDiagnostics:
    """Collinearity of the columns of a design, and leverage of its subjects."""

    correlations: FloatArray
    """(n_columns, n_columns), Pearson correlations between columns; NaN for a constant column."""
    vif: FloatArray
    """(n_columns,), variance inflation factors: the variance of a coefficient relative to that with a column orthogonal
    to the others. Centred for a column whose others span the constant; NaN for a constant column."""
    condition: float
    """The condition number with columns scaled to length 1; above 30 collinearity is considered strong."""
    leverage: FloatArray
    """(n_subjects,), the diagonal of X (X'X)^-1 X': from 0 to 1, on average n_columns / n_subjects."""


@dataclass(frozen=True, slots=True, eq=False)
class SubjectDiagnostics:
    """The similarity of each subject's map to the others, and its influence on each test."""

    correlation: FloatArray
    """(n_subjects,), leave-one-out correlation: that over points of the subject's map with the mean of all others, of
    any group, at points where the subject and at least one other have data. NaN for a constant map."""
    residual: FloatArray
    """(n_subjects,), root mean square over points of the (internally) studentised residual; 1 is expected. NaN for a
    subject of leverage 1, as the only one in its group."""
    influence: Mapping[str, FloatArray]
    """(n_subjects,) for each test, the root mean square over points of the change of the estimate when the subject is
    excluded, in standard errors; for an F test, the root of Cook's distance of its rows. Infinite where there is no
    estimate without the subject."""
    mean: FloatArray
    """(n_subjects,), the mean of the subject's map over the points of `correlation`; NaN where there are none."""
    sd: FloatArray
    """(n_subjects,), the standard deviation over the same points."""

    def outliers(self) -> npt.NDArray[np.bool_]:
        """Return the subjects whose leave-one-out correlation is an outlier or undefined, (n_subjects,).

        Fisher's z of an outlier is more than 3 times 1.4826 MAD below the median.
        """
        return np.asarray(~(self._fisher() >= self._least_fisher()))

    def least_correlation(self) -> float:
        """Return the correlation below which a map is an outlier; NaN where there are no correlations."""
        return float(np.tanh(self._least_fisher()))

    def _fisher(self) -> FloatArray:
        """Return Fisher's z of the correlations, (n_subjects,)."""
        return np.asarray(np.arctanh(np.clip(self.correlation, -1 + 1e-12, 1 - 1e-12)))

    def _least_fisher(self) -> float:
        z = self._fisher()
        if np.isnan(z).all():
            return float("nan")
        centre = np.nanmedian(z)
        return float(centre - OUTLIER_SD * (MAD_TO_SD * np.nanmedian(np.abs(z - centre))))

    def least_influence(self) -> float:
        """Return the influence above which a subject may be influential, 2 / sqrt(n_subjects)."""
        return float(2 / np.sqrt(self.residual.size))

    def noisy(self) -> npt.NDArray[np.bool_]:
        """Return the subjects whose residuals are more than twice as large as expected, (n_subjects,)."""
        return np.asarray(self.residual > NOISY_RESIDUAL)

    def influential(self, test: str) -> npt.NDArray[np.bool_]:
        """Return the subjects whose exclusion changes a test by more than 2 / sqrt(n_subjects) standard errors.

        To exclude influence by leverage only, their residuals are also at least 1.5 times as large as expected, or
        undefined. (n_subjects,)
        """
        return np.asarray((self.influence[test] > self.least_influence()) & ~(self.residual < INFLUENTIAL_RESIDUAL))


def design_diagnostics(matrix: FloatArray) -> DesignDiagnostics:
    """Return the diagnostics of a design matrix (n_subjects, n_columns), with linearly independent columns.

    The result does not depend on its memory order.
    """
    matrix = np.ascontiguousarray(matrix)
    constant = matrix.std(axis=0) <= 1e-10 * np.abs(matrix).max(axis=0)  # up to rounding
    centred = matrix - matrix.mean(axis=0)
    scaled = centred / np.where(constant, np.nan, np.linalg.norm(centred, axis=0))
    q, r = np.linalg.qr(matrix)
    # VIF: the sum of squares of each column divided by that of its residual given the others, 1 / (X'X)^-1_jj. The
    # others span the constant when 1 = X c without the part of c_j x_j outside their span, of squared length
    # c_j^2 / (X'X)^-1_jj.
    inverse = solve_triangular(r, np.eye(len(r)))
    residual = 1 / (inverse**2).sum(axis=1)
    ones = np.ones(len(matrix))
    outside = ((ones - q @ (q.T @ ones)) ** 2).sum()
    lacking = (inverse @ (q.T @ ones)) ** 2 * residual + outside
    mean = np.where(lacking <= 1e-10 * len(matrix), matrix.mean(axis=0), 0.0)
    vif = np.where(constant, np.nan, ((matrix - mean) ** 2).sum(axis=0) / residual)
    correlations = np.clip(scaled.T @ scaled, -1, 1)
    return DesignDiagnostics(correlations, vif, condition_number(matrix), (q**2).sum(axis=1))


@np.errstate(over="ignore", invalid="ignore")  # squares of too large numbers are infinite: correlations are NaN
def subject_diagnostics(
    effects: Effects,
    matrix: FloatArray,
    tests: Mapping[str, FloatArray],
    observe: Callable[[Part, Fit], None] | None = None,
) -> SubjectDiagnostics:
    """Compute the diagnostics of each subject in one pass over the points.

    The estimate C b of a test changes by C (X'X)^-1 x_i e_i / (1 - h_i) when subject i, of residual e_i and leverage
    h_i, is excluded. In the metric of its variance, sigma^2 C (X'X)^-1 C', the squared length of this change, divided
    by the rows of C, is Cook's distance of C b. sigma^2 is that of all subjects: it exists with one degree of freedom,
    too, and points where it is tiny without the subject do not dominate the mean.

    Parameters
    ----------
    effects, matrix, tests
        As of `fit_glm`. At a point without some subjects, the fit is that of the others. Residual and influence are
        computed over the points that `fit_glm` tests with and without the subject.
    observe : callable, optional
        Is given each part that is fitted, for other diagnostics in the same pass.

    Raises
    ------
    ValueError
        When `check_model` does.
    """
    n_subjects = effects.shape[0]
    check_model(n_subjects, matrix, tests)
    moments, n_tested, squares = np.zeros((6, n_subjects)), np.zeros(n_subjects), np.zeros(n_subjects)
    changes = {name: np.zeros(n_subjects) for name in tests}
    for part in parts(effects):
        if part.rows.size > 1:
            moments[:, part.rows] = _merged(moments[:, part.rows], _moments(part.values))
        if (fit := fit_part(part.values, matrix[part.rows])) is None:
            continue
        if observe is not None:
            observe(part, fit)
        rest = _one_minus_leverage(fit.q)
        precision = np.where(np.isnan(fit.residual_variance), 0.0, 1 / fit.residual_variance)
        studentised = np.einsum("ij,ij,j->i", fit.residuals, fit.residuals, precision) / rest
        squares[part.rows] += np.nan_to_num(studentised)
        n_tested[part.rows] += np.where(np.isnan(rest), 0, np.isfinite(fit.residual_variance).sum())
        for name, weights in tests.items():
            changes[name][part.rows] += np.nan_to_num(_share(fit.q, fit.r, weights) / rest * studentised)
    n_tested[n_tested == 0] = np.nan
    influence = {
        name: _with_full_leverage(np.sqrt(total / n_tested), matrix, tests[name]) for name, total in changes.items()
    }
    n = np.where(moments[0] > 0, moments[0], np.nan)
    mean, sd = np.where(np.isnan(n), np.nan, moments[1]), np.sqrt(moments[3] / n)
    return SubjectDiagnostics(_correlations(moments), np.sqrt(squares / n_tested), influence, mean, sd)


def _one_minus_leverage(q: FloatArray) -> FloatArray:
    """Return 1 - leverage of each subject; NaN where the leverage is 1."""
    rest = 1 - (q**2).sum(axis=1)
    return np.where(rest > _FULL_LEVERAGE, rest, np.nan)


def _share(q: FloatArray, r: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the share of each subject in a test, of sum 1: x_i' A' (A C')^-1 A x_i / rows with A = C (X'X)^-1."""
    basis = directions(r, weights)
    return np.asarray(((q @ basis) ** 2).sum(axis=1) / basis.shape[1])


def _with_full_leverage(influence: FloatArray, matrix: FloatArray, weights: FloatArray) -> FloatArray:
    """Set the influence of subjects of leverage 1: infinite where the test has a share of them, else 0."""
    q, r = np.linalg.qr(matrix)
    alone = np.where(_share(q, r, weights) > _FULL_LEVERAGE, np.inf, 0.0)
    return np.where(np.isnan(_one_minus_leverage(q)), alone, influence)


def _moments(values: FloatArray) -> FloatArray:
    """Return, per subject, number of points, mean of its map y and of the others' mean o, sums of yy, oo and yo.

    The sums are those of deviations from the mean. (6, n_subjects)
    """
    n_subjects, n_points = values.shape
    others = (values.sum(axis=0) - values) / (n_subjects - 1)
    mean, others_mean = values.mean(axis=1), others.mean(axis=1)
    own = values - mean[:, None]
    others -= others_mean[:, None]
    products = [np.einsum("ij,ij->i", one, two) for one, two in ((own, own), (others, others), (own, others))]
    return np.stack([np.full(n_subjects, float(n_points)), mean, others_mean, *products])


def _merged(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the joint moments of two sets of points (Chan, Golub & LeVeque 1983)."""
    n = a[0] + b[0]
    y, o = b[1:3] - a[1:3]
    between = a[0] * b[0] / n * np.stack([y * y, o * o, y * o])
    return np.concatenate([n[None], a[1:3] + np.stack([y, o]) * b[0] / n, a[3:] + b[3:] + between])


def _correlations(moments: FloatArray) -> FloatArray:
    """Return the correlations from moments; NaN where a map is constant up to rounding."""
    n, mean, others_mean, yy, oo, yo = moments
    flat = (yy <= CONSTANT * n * mean**2) | (oo <= CONSTANT * n * others_mean**2)
    scale = np.where(flat, np.nan, np.sqrt(yy) * np.sqrt(oo))
    return np.asarray(np.clip(yo / scale, -1, 1))
