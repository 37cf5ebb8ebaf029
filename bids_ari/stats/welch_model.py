"""Sign flips of Welch's test: a permutation test of group means that does not assume equal variances.

Permutations of subjects between groups with different variances mix them. With Welch's statistic they are valid in
large samples (Janssen 1997; Chung & Romano 2013), but in samples of tens not in the far tail that the bounds depend on
(``validation/README.md``). Sign flips keep each subject in its group, with its variance. If errors are symmetric and
the means of all groups were known, they would be exact for any variances, which may differ between the subjects of a
group, too. Means are estimated, subject to the null hypothesis: the flipped data are the residuals of this reduced
model, so that the observed statistic is that of the identity. Where a test has one group, nothing is estimated, and
sign flips are exact.

The p of a statistic is that of its t with its own degrees of freedom, which change with the flips. It only measures how
extreme a point is. It is computed by Hill's approximation of the normal deviate, whose error in z is below 1e-4 for 6
degrees of freedom and z up to 4, and smaller with more degrees of freedom.

References
----------
Janssen (1997), Statistics & Probability Letters 36:9. Chung & Romano (2013), Annals of Statistics 41:484. Winkler et
al. (2014), NeuroImage 92:381, for sign flips with groups of different variances. Hill (1970), Communications of the
ACM 13:617.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import special

from bids_ari.stats.choices import ALTERNATIVES, Alternative
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.glm import SMALLEST, Effects, blocks, check_model
from bids_ari.stats.null_model import NullModel
from bids_ari.stats.permutation_kernels import Indices
from bids_ari.stats.resampling import Exchangeability, Permutations, Subspaces
from bids_ari.stats.welch import group_weights
from bids_ari.stats.welch_kernels import welch_z

FEW_IN_GROUP = 8
"""With fewer subjects, or blocks, in a group the error may be above alpha (``validation/README.md``)."""

LARGEST_Z = 40.0  # p is 0 in float64 from 38.6 on


@dataclass(frozen=True, slots=True, eq=False)
class WelchModel(NullModel):
    """The residuals of the reduced model of Welch's test; in the place of correlations it has z / 40.

    The rows of `residuals` are those of one group after the other; the last are those of groups of weight 0, which are
    0. All z of one alternative have the same p, so all points have the same degrees of freedom, infinitely many.
    """

    rows: Indices  # (n_subjects,), the subject of each row of `residuals`
    starts: Indices  # (n_groups + 1,): the first row of each group, and the end of the last
    effect: FloatArray  # (n_groups, n_points): weight in the effect of each subject of a group
    square: FloatArray  # (n_groups, n_points): see `welch_z`
    per_dof: FloatArray  # (n_groups, n_points): 1 / (n_g - 1)

    @property
    def dofs(self) -> FloatArray:
        """Infinity."""
        return np.array([np.inf])

    @property
    def dof(self) -> FloatArray:
        """Infinity for each point, (n_points,)."""
        return np.full(self.n_points, np.inf)

    @property
    def n_groups(self) -> int:
        """Number of groups that are tested."""
        return self.starts.size - 1

    def fewest_signs(self, exchangeability: Exchangeability) -> int:
        """Return the number of signs of the group that has fewest: of its subjects, or of its blocks."""
        labels = exchangeability.flip_blocks
        signs = self.rows if labels is None else labels[self.rows]
        return min(np.unique(signs[start:stop]).size for start, stop in pairwise(self.starts))

    def correlations(
        self, permutations: Permutations, *, signed: bool | None = None, out: FloatArray | None = None
    ) -> FloatArray:
        """Return z / 40 of each point, (n_permutations, n_points); it has a sign as that of `NullModel` has."""
        signed = self.subspaces.one_sided if signed is None else signed
        found = np.empty((len(permutations.sign), self.n_points)) if out is None else out
        sign = np.ascontiguousarray(permutations.sign[:, self.rows])
        welch_z(sign, self.starts, self.residuals[0], self.effect, self.square, self.per_dof, signed, found)
        found /= LARGEST_Z
        return found

    def p_of_correlations(self, correlation: FloatArray, dof: FloatArray | float) -> FloatArray:
        """Return the p-value of z / 40; positive ones have the tested sign in a one-sided test."""
        z = np.broadcast_arrays(correlation, dof)[0] * LARGEST_Z
        return np.asarray(special.ndtr(-z) if self.subspaces.one_sided else 2 * special.ndtr(-z))

    def limits(self, thresholds: FloatArray) -> FloatArray:
        """Return each threshold in z as z / 40, (1, n_thresholds)."""
        z = -special.ndtri(special.ndtr(-thresholds) / 2) if self.n_rows else thresholds
        return np.asarray(z[None] / LARGEST_Z)


def fit_welch_model(
    effects: Effects,
    matrix: FloatArray,
    weights: FloatArray,
    alternative: Alternative,
    exchangeability: Exchangeability,
) -> WelchModel:
    """Fit the reduced model of Welch's test at every point.

    Parameters
    ----------
    effects, matrix
        As of `fit_welch`.
    weights : array (n_columns,) or (1, n_columns)
        A t test, or an F test of one row.
    alternative : {'greater', 'less', 'two-sided'}
        The alternative of a t test; of an F test ``greater``.
    exchangeability : Exchangeability
        Which signs are flipped.

    Raises
    ------
    ValueError
        When `fit_welch` does, a point cannot be tested (where `fit_welch` returns NaN), or subjects are permuted.
    """
    n_subjects, n_points = effects.shape
    check_model(n_subjects, matrix, {"": weights})
    if alternative not in ALTERNATIVES or (weights.ndim == 2 and alternative != "greater"):
        raise ValueError(f"alternative must be one of {', '.join(ALTERNATIVES)}, of F greater; found {alternative!r}")
    if exchangeability.permutation_blocks is not None or exchangeability.n_subjects != n_subjects:
        raise ValueError(f"exchangeability must be of sign flips of {n_subjects} subjects; found {exchangeability}")
    group, (over_groups,) = group_weights(matrix, {"": weights})
    tested = np.flatnonzero(over_groups)
    w = over_groups[tested][:, None] / np.abs(over_groups).max() * (-1 if alternative == "less" else 1)
    place = np.full(over_groups.size, tested.size)
    place[tested] = np.arange(tested.size)
    rows = np.argsort(place[group], kind="stable")
    starts = np.searchsorted(place[group][rows], np.arange(tested.size + 1))
    residuals = np.zeros((1, n_subjects, n_points))
    effect, square, per_dof = np.empty((3, tested.size, n_points))
    for points in blocks(effects):
        values = np.asarray(effects[:, points], dtype=np.float64)[rows[: starts[-1]]]
        each, n, squares = _residuals(values, starts, w)
        residuals[0, : starts[-1], points] = each
        effect[:, points] = w / n
        square[:, points] = w**2 / n * squares
        per_dof[:, points] = 1 / (n - 1)
    residuals.flags.writeable = False
    direction = np.zeros((1, n_subjects))
    direction[0, rows[: starts[-1]]] = np.repeat(w.ravel() / np.diff(starts), np.diff(starts))
    one_sided = weights.ndim == 1 and alternative != "two-sided"
    others = tuple(np.sort(rows[starts[-1] :]).tolist())
    subspaces = Subspaces(direction / np.linalg.norm(direction), np.empty((0, n_subjects)), one_sided, others)
    n_rows = 1 if weights.ndim == 2 else 0
    order = np.arange(n_points)
    return WelchModel(residuals, (), order, subspaces, n_rows, True, rows, starts, effect, square, per_dof)


def _residuals(values: FloatArray, starts: Indices, w: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the residuals of groups whose means m satisfy sum w m = 0, of length 1 at each point.

    Also, (n_groups, n_points), the number of subjects with data in each group, and the sum of squares of its residuals.
    """
    present = ~np.isnan(values)
    n = np.add.reduceat(present, starts[:-1], axis=0, dtype=float)
    if n.min() < 2:
        raise ValueError("effects must have at least two subjects of each tested group at every point")
    mean = np.add.reduceat(np.where(present, values, 0), starts[:-1], axis=0) / n
    mean -= (w * mean).sum(axis=0) * (w / n) / (w**2 / n).sum(axis=0)
    residuals = np.where(present, values - np.repeat(mean, np.diff(starts), axis=0), 0)
    with np.errstate(over="ignore"):
        squares = (residuals**2).sum(axis=0)
    if not ((squares >= SMALLEST) & np.isfinite(squares)).all():
        raise ValueError("effects must vary at every point; exclude other points")
    residuals /= np.sqrt(squares)
    return residuals, n, np.add.reduceat(residuals**2, starts[:-1], axis=0)
