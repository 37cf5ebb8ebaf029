"""The null model of a permutation test: residuals of the reduced model, on which permutations and sign flips act.

The *reduced model* is the design without the tested effect. The data are replaced once by its residuals; with e the
residuals of a point scaled to length 1, U the tested directions and Z those of the reduced model (orthonormal rows),
the statistic under a permutation P is a function of the *partial correlation* r with
``r^2 = |U P e|^2 / (1 - |Z P e|^2)``, since P keeps lengths: ``t^2 = r^2 dof / (1 - r^2)``. A permutation is thus a
few products with e, and points with the same degrees of freedom are as extreme as their r.

Of q maps per subject, the residuals e (q, n_subjects) are replaced by q linear combinations of length 1, orthogonal to
each other. With A = U P e' and B = Z P e', Wilks' ``lambda = det(1 - B'B - A'A) / det(1 - B'B)`` takes the place of
``1 - r^2``, and all maps of a subject are moved or flipped together: r is that of `bids_ari.stats.wilks`. With one map,
it is the same.

Permutations act on *ordinary* residuals (Freedman & Lane 1983; Winkler et al. 2014). Residuals of a model are
correlated, and sign flips of them are too liberal in small samples, beyond alpha. Sign flips therefore act on
*uncorrelated* residuals (Theil 1965): of n subjects and k fitted coefficients n - k of them, each as close as
possible to the error of one subject. Those of independent normal errors of equal variance are again independent,
normal and of equal variance, so that sign flips of them are exact; the observed statistic does not change. The k
subjects without such a residual, on which the reduced model depends most, are *dropped*.

Where a subject has no data at a point, it is excluded from the model there. Sign flips remain valid: the whole map of
a subject changes its sign. A permutation would move data to points without data, and is refused.

References
----------
Freedman & Lane (1983), Journal of Business & Economic Statistics 1:292. Winkler et al. (2014), NeuroImage 92:381.
Theil (1965), Journal of the American Statistical Association 60:1067. Huh & Jhun (2001), Communications in
Statistics - Theory and Methods 30:2023, for permutation of uncorrelated residuals. Winkler, Renaud, Smith & Nichols
(2020), NeuroImage 220:117065, for those of Theil in brain images.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from bids_ari.stats.choices import ALTERNATIVES, Alternative, Scheme
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.flip_kernels import codes_of, flipped_correlations
from bids_ari.stats.glm import Effects, check_model, directions, in_terms_of_q
from bids_ari.stats.multivariate import JointPart, fit_joint_part, joint_parts, maps_of
from bids_ari.stats.permutation_kernels import (
    Groups,
    Indices,
    apply_residual_map,
    joint_correlations,
    orthonormalise,
    partial_correlations,
)
from bids_ari.stats.resampling import Exchangeability, Permutations, Subspaces
from bids_ari.stats.wilks import RaoF, rao_f

_NO_CHANGE = 1e-10
"""A direction that differs by less than this from one that permutations do not change is considered equal to it."""

_TIE = 1e-9
"""Leverages that differ by less are considered equal, so that the same subject is dropped on every machine."""


class NullPart(NamedTuple):
    """Points where the same subjects have data: columns `start` to `stop` of ``NullModel.residuals``."""

    start: int
    stop: int
    subspaces: Subspaces
    rao: RaoF


@dataclass(frozen=True, slots=True, eq=False)
class NullModel:
    """The residuals of the reduced model, and the directions of one test in one alternative."""

    residuals: FloatArray  # (n_maps, n_subjects, n_points), of length 1 at each point, and orthogonal; 0 without data
    parts: tuple[NullPart, ...]  # points where the same subjects have data, one part after the other
    order: Indices  # (n_points,), the position of each column of `residuals` among the points of the effects
    subspaces: Subspaces  # the directions where all subjects have data
    n_rows: float  # numerator degrees of freedom of an F test, 0 for t
    only_flips: bool  # whether subjects keep their positions in all permutations

    @property
    def n_points(self) -> int:
        """Number of points, m."""
        return int(self.residuals.shape[2])

    @property
    def dofs(self) -> FloatArray:
        """The distinct residual degrees of freedom (of F, its denominator), ascending."""
        return np.unique([part.rao.dof for part in self.parts])

    @property
    def dof(self) -> FloatArray:
        """The residual degrees of freedom of each column of `residuals`, (n_points,)."""
        return np.repeat([part.rao.dof for part in self.parts], [part.stop - part.start for part in self.parts])

    def dof_groups(self, excluded: npt.NDArray[np.bool_] | None = None) -> Groups:
        """Return the position in `dofs` of each column of `residuals`, (n_points,); -1 for excluded points.

        `excluded` (n_points,) is in the order of the effects.
        """
        group = np.searchsorted(self.dofs, self.dof).astype(np.int16)
        if excluded is not None:
            group[excluded[self.order]] = -1
        return group

    def correlations(
        self, permutations: Permutations, *, signed: bool | None = None, out: FloatArray | None = None
    ) -> FloatArray:
        """Return the partial correlation of each point, (n_permutations, n_points), in the order of `residuals`.

        The permutations must be of the exchangeability that the model was fitted with. Correlations have a sign where
        the test is one-sided, or if `signed`; those of F tests, and of several maps, have none.
        They are written to `out` where it is given.
        """
        signed = self.subspaces.one_sided if signed is None else signed
        found = np.empty((len(permutations.sign), self.n_points)) if out is None else out
        codes = codes_of(permutations.sign)
        for part in self.parts:
            if self.only_flips and len(self.residuals) == 1:
                ends = part.start, part.stop
                flipped_correlations(part.subspaces.tested, codes, self.residuals[0], *ends, signed, found)
                continue
            tested = permutations.applied_to(part.subspaces.tested)
            nuisance = permutations.applied_to(part.subspaces.nuisance)
            if len(self.residuals) == 1:
                partial_correlations(tested, nuisance, self.residuals[0], part.start, part.stop, signed, found)
            else:
                joint_correlations(tested, nuisance, self.residuals, part.start, part.stop, part.rao.root, found)
        return found

    def p_of_correlations(self, correlation: FloatArray, dof: FloatArray | float) -> FloatArray:
        """Return the p-value of partial correlations; positive ones have the tested sign in a one-sided test.

        r^2 is beta-distributed: ``P(|r| > s)`` is the incomplete beta function I_(1 - s^2)(dof / 2, rows / 2), the tail
        of F = r^2 dof / (1 - r^2) / rows, and of t^2 with one row.
        """
        r = np.clip(correlation, -1.0, 1.0)
        tail = special.betainc(np.asarray(dof) / 2, max(self.n_rows, 1) / 2, (1 - r) * (1 + r))
        return np.asarray(np.where(r > 0, tail / 2, 1 - tail / 2) if self.subspaces.one_sided else tail)

    def limits(self, thresholds: FloatArray) -> FloatArray:
        """Return the partial correlation of each threshold in z, (n_dofs, n_thresholds), for each degrees of freedom.

        A z has the one-sided tail probability of its statistic.
        """
        tail = special.ndtr(-thresholds) * (1 if self.n_rows else 2)
        return np.asarray(np.sqrt(1 - special.betaincinv(self.dofs[:, None] / 2, max(self.n_rows, 1) / 2, tail)))

    def permuted_p(self, permutations: Permutations) -> FloatArray:
        """Return the p-value of each point, (n_permutations, n_points), in the order of the effects."""
        p = np.empty((len(permutations.sign), self.n_points))
        p[:, self.order] = self.p_of_correlations(self.correlations(permutations), self.dof)
        return p

    def observed_p(self) -> FloatArray:
        """Return the p-value of each point, (n_points,): that of the identity, computed as under any permutation."""
        return np.asarray(self.permuted_p(Permutations.identity(self.residuals.shape[1]))[0])


def default_scheme(matrix: FloatArray, weights: FloatArray) -> Scheme:
    """Return the resampling scheme for a test: permutation where the reduced model has the mean, else sign flips.

    The reduced model has the mean where groups are compared or a covariate is tested. Where the mean itself is tested,
    signs are flipped, which assumes errors that are symmetric about zero. Weights are (n_columns,) for a t test,
    (n_rows, n_columns) for an F test.
    """
    constant = np.ones(len(matrix)) / np.sqrt(len(matrix))
    reduced = _tested_and_reduced(matrix, weights)[1]
    return "permute" if np.linalg.norm(constant - reduced.T @ (reduced @ constant)) < _NO_CHANGE else "flip"


def fit_null_model(
    effects: Effects | Sequence[Effects],
    matrix: FloatArray,
    weights: FloatArray,
    alternative: Alternative,
    exchangeability: Exchangeability,
) -> NullModel:
    """Fit the reduced model of a test at every point.

    Parameters
    ----------
    effects : array-like (n_subjects, n_points), or tuple or list of them
        As of `fit_glm`, or of `fit_multivariate`; only sign flips allow NaN.
    matrix : array (n_subjects, n_columns)
        The design matrix.
    weights : array (n_columns,) or (n_rows, n_columns)
        A t test, or an F test. That of several maps is an F test.
    alternative : {'greater', 'less', 'two-sided'}
        The alternative of a t test; of an F test ``greater``.
    exchangeability : Exchangeability
        Which subjects are exchangeable, and which signs.

    Raises
    ------
    ValueError
        When `check_model` does, a point cannot be tested (where `fit_multivariate` returns NaN), or subjects without
        data at some points would be permuted.
    """
    maps = maps_of(effects)
    weights = np.atleast_2d(weights) if len(maps) > 1 else weights
    n_subjects, n_points = maps[0].shape
    check_model(n_subjects, matrix, {"": weights})
    if alternative not in ALTERNATIVES or (weights.ndim == 2 and alternative != "greater"):
        raise ValueError(f"alternative must be one of {', '.join(ALTERNATIVES)}, of F greater; found {alternative!r}")
    if exchangeability.n_subjects != n_subjects:
        raise ValueError(f"exchangeability must be of {n_subjects} subjects; found {exchangeability.n_subjects}")
    residuals = np.zeros((len(maps), n_subjects, n_points))
    reduced: dict[bytes, tuple[ResidualMap, Subspaces, int]] = {}
    points: dict[bytes, list[Indices]] = {}
    for part in joint_parts(maps):
        _check_part(part, matrix, exchangeability)
        key = part.rows.tobytes()
        if key not in reduced:
            reduced[key] = _reduce(matrix, weights, alternative, exchangeability, part.rows)
        residual_map = reduced[key][0]
        unit = np.stack([apply_residual_map(*residual_map, np.ascontiguousarray(values)) for values in part.values])
        orthonormalise(unit, unit.shape[1], np.zeros((len(maps), part.points.size)))
        residuals[np.ix_(np.arange(len(maps)), part.rows[residual_map.kept], part.points)] = unit
        points.setdefault(key, []).append(part.points)
    each = [np.concatenate(found) for found in points.values()]
    order, stops = np.concatenate(each), np.cumsum([found.size for found in each]).tolist()
    if (np.diff(order) < 0).any():
        residuals = np.take(residuals, order, axis=2)
    residuals.flags.writeable = False
    n_rows = len(np.atleast_2d(weights))
    null_parts = tuple(
        NullPart(stop - found.size, stop, subspaces, rao_f(n_rows, len(maps), dof))
        for found, stop, (_, subspaces, dof) in zip(each, stops, reduced.values(), strict=True)
    )
    _, complete, _ = _reduce(matrix, weights, alternative, exchangeability, np.arange(n_subjects))
    only_flips = exchangeability.permutation_blocks is None
    f_rows = null_parts[0].rao.n_rows if weights.ndim == 2 else 0
    return NullModel(residuals, null_parts, order, complete, f_rows, only_flips)


class ResidualMap(NamedTuple):
    """A linear map from data to residuals: ``data[kept] + outer.T @ (inner @ data)``."""

    kept: Indices  # (n_kept,): the subjects with a residual
    outer: FloatArray  # (n_directions, n_kept)
    inner: FloatArray  # (n_directions, n_subjects)

    def of(self, data: FloatArray) -> FloatArray:
        """Return the residuals (n_kept, ...) of data (n_subjects, ...)."""
        return np.asarray(data[self.kept] + self.outer.T @ (self.inner @ data))


def ordinary_residuals(reduced: FloatArray) -> ResidualMap:
    """Return the map to residuals of all subjects, from orthonormal directions (k, n_subjects) of the reduced model."""
    return ResidualMap(np.arange(reduced.shape[1]), -reduced, reduced)


def uncorrelated_residuals(reduced: FloatArray) -> ResidualMap:
    """Return the map to uncorrelated residuals, from orthonormal directions (k, n_subjects) of the reduced model.

    With Z the directions, M = 1 - Z'Z and S the selection of the kept subjects, they are (S M S')^(-1/2) S M data
    (Theil 1965). With Z S' = W' s V of singular values s < 1, S M S' is 1 - V' s^2 V: the map is an update of rank k.
    """
    kept = np.setdiff1d(np.arange(reduced.shape[1]), dropped_subjects(reduced))
    rotation, s, directions = np.linalg.svd(reduced[:, kept], full_matrices=False)
    c = np.sqrt((1 - s) * (1 + s))
    inner = -(s / c)[:, None] * (rotation.T @ reduced)
    inner[:, kept] += (1 / c - 1)[:, None] * directions
    return ResidualMap(kept, directions, inner)


def dropped_subjects(reduced: FloatArray) -> Indices:
    """Return k subjects that determine the coefficients of the reduced model: each in turn that of most leverage."""
    rest, dropped = reduced.copy(), []
    for _ in range(len(reduced)):
        leverage = (rest**2).sum(axis=0)
        dropped.append(int(np.flatnonzero(leverage >= leverage.max() - _TIE)[0]))
        direction = rest[:, dropped[-1]] / np.sqrt(leverage[dropped[-1]])
        rest -= np.outer(direction, direction @ rest)
    return np.array(dropped, dtype=np.intp)


def _check_part(part: JointPart, matrix: FloatArray, exchangeability: Exchangeability) -> None:
    """Check that the model can be fitted, and its residuals be exchanged, at the points of a part."""
    if exchangeability.permutation_blocks is not None and part.rows.size < len(matrix):
        raise ValueError("effects must have all subjects at all points where subjects are permuted; found NaN")
    fit = fit_joint_part(part.values, matrix[part.rows])
    if fit is None or np.isnan(fit.whitened).any():
        raise ValueError("effects must vary, and determine the coefficients, at every point; exclude other points")


def _tested_and_reduced(matrix: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return orthonormal directions of the test, (n_rows, n_subjects), and of the reduced model."""
    q, r = np.linalg.qr(matrix)
    tested = directions(r, weights)
    if weights.ndim == 1:  # towards the effect
        tested = np.copysign(1.0, tested[:, 0] @ in_terms_of_q(r, weights)) * tested
    others = np.linalg.qr(tested, mode="complete")[0][:, tested.shape[1] :]
    return (q @ tested).T, (q @ others).T


def _reduce(
    matrix: FloatArray, weights: FloatArray, alternative: Alternative, exchangeability: Exchangeability, rows: Indices
) -> tuple[ResidualMap, Subspaces, int]:
    """Return the map to residuals, the subspaces and the degrees of freedom where only the subjects `rows` have data.

    The other subjects have weight 0 in the subspaces.
    """
    tested, nuisance = _tested_and_reduced(matrix[rows], weights)
    if alternative == "less":
        tested = -tested
    if exchangeability.flip_blocks is not None and len(nuisance):
        residual_map = uncorrelated_residuals(nuisance)
        tested, nuisance = residual_map.of(tested.T).T, np.empty((0, residual_map.kept.size))
    else:
        residual_map = ordinary_residuals(np.ascontiguousarray(nuisance))
        if (labels := exchangeability.permutation_blocks) is not None:
            # along directions constant over positions that exchange their subjects, residuals always sum to 0
            block_mean = np.equal.outer(labels, labels) / np.bincount(labels)[labels]
            rotation, size, _ = np.linalg.svd(nuisance - nuisance @ block_mean, full_matrices=True)
            varying = np.zeros(len(nuisance), dtype=bool)
            varying[: size.size] = size > _NO_CHANGE
            nuisance = rotation.T[varying] @ nuisance
    complete = np.zeros((len(tested) + len(nuisance), len(matrix)))
    complete[:, rows[residual_map.kept]] = np.vstack([tested, nuisance])
    one_sided = weights.ndim == 1 and alternative != "two-sided"
    dropped = tuple(np.delete(rows, residual_map.kept).tolist())
    subspaces = Subspaces(complete[: len(tested)], complete[len(tested) :], one_sided, dropped)
    return residual_map, subspaces, rows.size - matrix.shape[1]
