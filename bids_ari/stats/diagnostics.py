"""What to look at before a group result is believed: the design, and subjects who are unlike the others.

References
----------
Belsley, Kuh & Welsch 1980, Regression Diagnostics: scaled condition number, leverage, the limit 2 / sqrt(n).
Cook & Weisberg 1982, Residuals and Influence in Regression: distance of a set of linear combinations.
Chan, Golub & LeVeque 1983, The American Statistician 37: moments of data that come in pieces.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular

from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.glm import CONSTANT, Effects, Fit, check_model, condition_number, directions, fit_part, parts

MAD_TO_SD = 1.4826
"""The standard deviation of normal numbers is this times their median absolute deviation."""

UNLIKE = 3.0
"""A map is unlike the others when its correlation is this many robust standard deviations below the median."""

NOISY = 2.0
"""A map is noisy when its studentised residuals are this many times as large as expected."""

LARGER = 1.5
"""A subject whose studentised residuals are smaller has its influence from the design, not from its map."""

_ALONE = 1e-10
"""1 - leverage at most this: no other subject tells what this one does."""


@dataclass(frozen=True, slots=True, eq=False)
class DesignDiagnostics:
    """How well a design can tell its columns apart, and how much hangs on each subject.

    Attributes
    ----------
    correlations : array (n_columns, n_columns)
        Pearson correlations between columns; NaN for a constant column.
    vif : array (n_columns,)
        Variance inflation factors: how many times larger the variance of a coefficient is than if its column were
        orthogonal to the others. Centred for a column whose others span the constant; NaN for a constant column.
    condition : float
        The condition number with columns scaled to length 1; above 30 collinearity is felt.
    leverage : array (n_subjects,)
        The diagonal of X (X'X)^-1 X': from 0 to 1, on average n_columns / n_subjects.
    """

    correlations: FloatArray
    vif: FloatArray
    condition: float
    leverage: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class SubjectDiagnostics:
    """How much each subject's map differs from the others, and moves each test.

    Attributes
    ----------
    correlation : array (n_subjects,)
        Correlation over points of the subject's map with the mean of the other subjects, whatever their group: at
        all points where the subject and at least one other have data. Of two subjects, that of their maps. NaN
        for a map that is constant.
    residual : array (n_subjects,)
        Root mean square over points of the (internally) studentised residual; 1 is expected of everyone. NaN for
        a subject whose map the design fits in any case, as of the only one in its group.
    influence : mapping of str to array (n_subjects,)
        For each test, the root mean square over points of how far the estimate moves when the subject is left
        out, in standard errors of the estimate; of an F test, the root of Cook's distance of its rows. Infinite
        where there is no estimate without the subject.
    mean, sd : array (n_subjects,)
        Mean and standard deviation over the same points of the subject's map; NaN where there are none.
    """

    correlation: FloatArray
    residual: FloatArray
    influence: Mapping[str, FloatArray]
    mean: FloatArray
    sd: FloatArray

    def unlike(self) -> npt.NDArray[np.bool_]:
        """Tell the subjects whose correlation is far below the others', or undefined.

        Far: Fisher's z of the correlation is more than 3 times 1.4826 MAD below the median.
        """
        z = np.arctanh(np.clip(self.correlation, -1 + 1e-12, 1 - 1e-12))
        if np.isnan(z).all():
            return np.isnan(z)
        centre = np.nanmedian(z)
        spread = MAD_TO_SD * np.nanmedian(np.abs(z - centre))
        return np.asarray(~(z >= centre - UNLIKE * spread))

    def noisy(self) -> npt.NDArray[np.bool_]:
        """Tell the subjects whose residuals are more than twice as large as the model expects, whatever they move."""
        return np.asarray(self.residual > NOISY)

    def influential(self, test: str) -> npt.NDArray[np.bool_]:
        """Tell the subjects who move a test by more than 2 / sqrt(n_subjects) standard errors, not by leverage alone.

        The residuals of these subjects are at least 1.5 times as large as the model expects, or undefined.
        """
        limit = 2 / np.sqrt(self.residual.size)
        return np.asarray((self.influence[test] > limit) & ~(self.residual < LARGER))


def design_diagnostics(matrix: FloatArray) -> DesignDiagnostics:
    """Look at a design matrix (n_subjects, n_columns), whose columns must be independent.

    How it lies in memory changes nothing, not even the last bit.
    """
    matrix = np.ascontiguousarray(matrix)
    q, r = np.linalg.qr(matrix)
    return DesignDiagnostics(_correlations(matrix), _vif(matrix, q, r), condition_number(matrix), (q**2).sum(axis=1))


def _correlations(matrix: FloatArray) -> FloatArray:
    """Correlate the columns that are not constant."""
    centred = matrix - matrix.mean(axis=0)
    lengths = np.linalg.norm(centred, axis=0)
    lengths[_constant(matrix)] = np.nan
    scaled = centred / lengths
    return np.asarray(np.clip(scaled.T @ scaled, -1, 1))


def _constant(matrix: FloatArray) -> npt.NDArray[np.bool_]:
    """Tell the columns of one value, up to rounding."""
    return np.asarray(matrix.std(axis=0) <= 1e-10 * np.abs(matrix).max(axis=0))


def _vif(matrix: FloatArray, q: FloatArray, r: FloatArray) -> FloatArray:
    """Divide the sum of squares of each column by what the other columns leave of it, 1 / (X'X)^-1_jj.

    The others span the constant when 1 = X c without a part c_j x_j that they lack: its squared length is
    c_j^2 / (X'X)^-1_jj.
    """
    inverse = solve_triangular(r, np.eye(len(r)))
    left = 1 / (inverse**2).sum(axis=1)
    ones = np.ones(len(matrix))
    outside = ((ones - q @ (q.T @ ones)) ** 2).sum()
    lacking = (inverse @ (q.T @ ones)) ** 2 * left + outside
    mean = np.where(lacking <= 1e-10 * len(matrix), matrix.mean(axis=0), 0.0)
    return np.asarray(np.where(_constant(matrix), np.nan, ((matrix - mean) ** 2).sum(axis=0) / left))


def subject_diagnostics(effects: Effects, matrix: FloatArray, tests: Mapping[str, FloatArray]) -> SubjectDiagnostics:
    """Compare each subject with the others, in one pass over the points.

    The estimate C b of a test moves by C (X'X)^-1 x_i e_i / (1 - h_i) when subject i, of residual e_i and leverage
    h_i, is left out. In the metric of its variance, sigma^2 C (X'X)^-1 C', the squared length of this, divided by
    the rows of C, is Cook's distance of C b. sigma^2 is that of all subjects, not of the others: it is there with
    one degree of freedom too, and no point where it happens to be tiny decides the mean.

    Parameters are those of `fit_glm`. At a point without some subjects, the fit is that of the others; points that
    `fit_glm` does not test play no part in residual and influence, nor those that the subject alone makes testable.
    """
    n_subjects = effects.shape[0]
    check_model(n_subjects, matrix, tests)
    moments, n_tested, squares = np.zeros((6, n_subjects)), np.zeros(n_subjects), np.zeros(n_subjects)
    moved = {name: np.zeros(n_subjects) for name in tests}
    for part in parts(effects):
        if part.rows.size > 1:
            moments[:, part.rows] = _merged(moments[:, part.rows], _moments(part.values))
        if (fit := fit_part(part.values, matrix[part.rows])) is None:
            continue
        left = _left(fit.q)
        studentised = _sum_of_squares(fit) / left
        squares[part.rows] += np.nan_to_num(studentised)
        n_tested[part.rows] += np.where(np.isnan(left), 0, np.isfinite(fit.residual_variance).sum())
        for name, weights in tests.items():
            moved[name][part.rows] += np.nan_to_num(_share(fit.q, fit.r, weights) / left * studentised)
    n_tested[n_tested == 0] = np.nan
    influence = {name: _with_alone(np.sqrt(total / n_tested), matrix, tests[name]) for name, total in moved.items()}
    n = np.where(moments[0] > 0, moments[0], np.nan)
    mean, sd = np.where(np.isnan(n), np.nan, moments[1]), np.sqrt(moments[3] / n)
    return SubjectDiagnostics(_correlation(moments), np.sqrt(squares / n_tested), influence, mean, sd)


def _left(q: FloatArray) -> FloatArray:
    """Give 1 - leverage of each subject; NaN where that is 0."""
    left = 1 - (q**2).sum(axis=1)
    return np.where(left > _ALONE, left, np.nan)


def _share(q: FloatArray, r: FloatArray, weights: FloatArray) -> FloatArray:
    """Give the part of each subject in a test: x_i' (X'X)^-1 C' (C (X'X)^-1 C')^-1 C (X'X)^-1 x_i / rows; sums to 1."""
    basis = directions(r, weights)
    return np.asarray(((q @ basis) ** 2).sum(axis=1) / basis.shape[1])


def _sum_of_squares(fit: Fit) -> FloatArray:
    """Sum the squared residuals of each subject over points, each in units of the point's variance."""
    precision = np.where(np.isnan(fit.residual_variance), 0.0, 1 / fit.residual_variance)
    return np.asarray(np.einsum("ij,ij,j->i", fit.residuals, fit.residuals, precision))


def _with_alone(influence: FloatArray, matrix: FloatArray, weights: FloatArray) -> FloatArray:
    """Say what leaving out a subject does who alone tells a column: all, where the test looks at it, or nothing."""
    q, r = np.linalg.qr(matrix)
    lost = np.where(_share(q, r, weights) > _ALONE, np.inf, 0.0)
    return np.where(np.isnan(_left(q)), lost, influence)


def _moments(values: FloatArray) -> FloatArray:
    """Give, for each subject, number of points, mean of its map y and of the others' mean o, sums of yy, oo, yo.

    The sums, (6, n_subjects) in all, are those of deviations from the mean.
    """
    n_subjects, n_points = values.shape
    others = (values.sum(axis=0) - values) / (n_subjects - 1)
    mean, others_mean = values.mean(axis=1), others.mean(axis=1)
    own = values - mean[:, None]
    others -= others_mean[:, None]
    products = [np.einsum("ij,ij->i", one, two) for one, two in ((own, own), (others, others), (own, others))]
    return np.stack([np.full(n_subjects, float(n_points)), mean, others_mean, *products])


def _merged(a: FloatArray, b: FloatArray) -> FloatArray:
    """Join the moments of two sets of points."""
    n = a[0] + b[0]
    y, o = b[1:3] - a[1:3]
    between = a[0] * b[0] / n * np.stack([y * y, o * o, y * o])
    return np.concatenate([n[None], a[1:3] + np.stack([y, o]) * b[0] / n, a[3:] + b[3:] + between])


def _correlation(moments: FloatArray) -> FloatArray:
    """Turn moments into correlations; NaN where a map is constant up to rounding."""
    n, mean, others_mean, yy, oo, yo = moments
    flat = (yy <= CONSTANT * n * mean**2) | (oo <= CONSTANT * n * others_mean**2)
    scale = np.where(flat, np.nan, np.sqrt(yy) * np.sqrt(oo))
    return np.asarray(np.clip(yo / scale, -1, 1))
