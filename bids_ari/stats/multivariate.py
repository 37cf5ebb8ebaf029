"""Tests of several maps per subject together: Hotelling's T^2, and Wilks' lambda of tests with several rows.

Each subject has q maps, as the differences of the levels of a factor within subjects. At every point the design
explains all of them, with an own set of coefficients for each; their errors may have any covariance, which is that of
all subjects. Neither equal variances nor sphericity are assumed. The tested hypothesis is that the combination C b of
coefficients is 0 in every map. The statistic does not change if maps are replaced by as many independent linear
combinations of them. See `bids_ari.stats.wilks`.

The residuals of a point are *whitened*: maps are replaced by linear combinations with residuals of length 1, orthogonal
to each other. E is then the identity, and lambda depends on the coefficients of these combinations only.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bids_ari.stats.distributions import FloatArray, z_from_f
from bids_ari.stats.glm import (
    CONSTANT,
    ILL_CONDITIONED,
    SMALLEST,
    Effects,
    GlmResult,
    check_model,
    condition_number,
    directions,
    fit_glm,
    in_terms_of_q,
    parts,
)
from bids_ari.stats.permutation_kernels import orthonormalise
from bids_ari.stats.wilks import is_exact, rao_f


class JointPart(NamedTuple):
    """Points where the same subjects have data in all their maps."""

    rows: npt.NDArray[np.intp]  # positions of these subjects
    points: npt.NDArray[np.intp]  # positions of the points among all
    values: FloatArray  # (n_maps, these subjects, these points)


class JointFit(NamedTuple):
    """Least squares of several maps per subject at some points, with the design matrix X = QR of their subjects."""

    r: FloatArray
    projected: FloatArray  # Q'y (n_maps, n_columns, n_points)
    whitened: FloatArray  # Q'y of the maps with whitened residuals; NaN where maps are constant or collinear
    dof: int


def fit_multivariate(
    effects: Sequence[Effects], matrix: FloatArray, tests: Mapping[str, FloatArray], *, approximate: bool = False
) -> tuple[GlmResult, ...]:
    """Fit a design to several maps per subject, and test combinations of coefficients in all maps together.

    Parameters
    ----------
    effects : sequence of array-like (n_subjects, n_points)
        The maps of all subjects, q of them; NaN where a subject has no data. At a point a subject is used that has
        data in all its maps. Of one map the result is that of `fit_glm`.
    matrix, tests
        As of `fit_glm`. A test of weights (n_columns,), and one of a single row, is Hotelling's T^2.
    approximate : bool
        Whether tests are allowed whose F is approximate: of three rows or more in three maps or more.

    Returns
    -------
    tuple of GlmResult
        One F test per test, in order; `effects` are the estimates of the q maps where weights are (n_columns,). A point
        is NaN where a map, or a linear combination of maps, does not vary between subjects beyond the design, or
        fewer than q degrees of freedom are left.

    Raises
    ------
    ValueError
        When `check_model` does, maps differ in shape, the design leaves fewer than q degrees of freedom, or a test is
        approximate.

    Examples
    --------
    >>> maps = np.array([[[1.0], [2], [3], [2]], [[2.0], [1], [2], [3]]])    # means 2, 2; E = [[2, 0], [0, 2]]
    >>> mean, = fit_multivariate(list(maps), np.ones((4, 1)), {"mean": np.ones(1)})
    >>> mean.f.round(4), mean.n_rows, mean.dof       # H = [[16, 16], [16, 16]]: tr(H E^-1) = 16, F = 2 / 2 of it
    (array([16.]), 2, array([2.]))
    """
    n_maps = len(effects)
    if n_maps == 1:
        return fit_glm(effects[0], matrix, tests)
    n_subjects, n_points = _shape_of(effects)
    check_model(n_subjects, matrix, tests)
    if (dof := n_subjects - matrix.shape[1]) < n_maps:
        raise ValueError(
            f"n_subjects must exceed the rank of the design, {matrix.shape[1]}, by at least the number of maps, "
            f"{n_maps}; found {n_subjects}"
        )
    ranks = {name: len(np.atleast_2d(weights)) for name, weights in tests.items()}
    for name, rank in ranks.items():
        if not (approximate or is_exact(rank, n_maps)):
            raise ValueError(f"test {name!r} of {rank} rows in {n_maps} maps has no exact p; take permutations")
    found = {name: _Found.empty(n_maps, n_points, weights) for name, weights in tests.items()}
    for part in joint_parts(effects):
        if (fit := fit_joint_part(part.values, matrix[part.rows])) is not None:
            for name, weights in tests.items():
                found[name].add(part.points, fit, weights)
    return tuple(each.result(name, rao_f(ranks[name], n_maps, dof).n_rows) for name, each in found.items())


class _Found(NamedTuple):
    """The statistics of one test while they are computed."""

    f: FloatArray
    dof: FloatArray
    effects: FloatArray | None

    @classmethod
    def empty(cls, n_maps: int, n_points: int, weights: FloatArray) -> "_Found":
        effects = np.full((n_maps, n_points), np.nan) if weights.ndim == 1 else None
        return cls(np.full(n_points, np.nan), np.zeros(n_points), effects)

    def add(self, points: npt.NDArray[np.intp], fit: JointFit, weights: FloatArray) -> None:
        """Add a test at some points."""
        n_maps = len(fit.whitened)
        rao = rao_f(len(np.atleast_2d(weights)), n_maps, fit.dof)
        explained = np.einsum("ij,qip->pjq", directions(fit.r, weights), fit.whitened)  # (n_points, n_rows, n_maps)
        self.f[points] = _inverse_lambda_minus_1(explained, rao.root) * (rao.dof / rao.n_rows)
        self.dof[points] = rao.dof
        if self.effects is not None:
            estimates = np.einsum("i,qip->qp", in_terms_of_q(fit.r, weights), fit.projected)
            self.effects[:, points] = np.where(np.isnan(self.f[points]), np.nan, estimates)

    def result(self, name: str, n_rows: float) -> GlmResult:
        """Return the result at all points."""
        z = z_from_f(self.f, n_rows, np.where(self.dof > 0, self.dof, 1.0))
        return GlmResult(name, z, self.dof, f=self.f, n_rows=n_rows, effects=self.effects)


def joint_parts(effects: Sequence[Effects]) -> Iterator[JointPart]:
    """Yield the maps block by block, with the points of each grouped by the subjects that have data in all maps."""
    n_maps = len(effects)
    for part in parts(effects[0] if n_maps == 1 else _Joined(effects)):
        n = part.rows.size // n_maps
        yield JointPart(part.rows[:n], part.points, part.values.reshape(n_maps, n, -1))


def maps_of(effects: Effects | Sequence[Effects]) -> tuple[Effects, ...]:
    """Return the maps per subject: those of a tuple or list, or the only one."""
    return tuple(effects) if isinstance(effects, Sequence) else (effects,)


class Interleaved:
    """Several maps per subject as one of q times as many points, for diagnostics that have one map per subject.

    Column ``q * point + c`` is map c at a point, NaN in all maps where a subject lacks one of them.
    """

    def __init__(self, effects: Sequence[Effects]) -> None:
        self._joined = _Joined(effects)
        self._n_maps = len(effects)
        n_rows, n_points = self._joined.shape
        self.shape = (n_rows // self._n_maps, self._n_maps * n_points)

    def __getitem__(self, key: tuple[slice, slice]) -> FloatArray:
        rows, (start, stop, _) = key[0], key[1].indices(self.shape[1])
        first = start // self._n_maps
        values = self._joined[:, first : -(-stop // self._n_maps)].reshape(self._n_maps, self.shape[0], -1)
        columns = values.transpose(1, 2, 0).reshape(self.shape[0], -1)
        return columns[rows, start - first * self._n_maps :][:, : stop - start]


class _Joined:
    """All maps of all subjects as one array (n_maps * n_subjects, n_points); NaN where a subject lacks one of them."""

    def __init__(self, effects: Sequence[Effects]) -> None:
        self._effects = effects
        n_subjects, n_points = _shape_of(effects)
        self.shape = (len(effects) * n_subjects, n_points)

    def __getitem__(self, key: tuple[slice, slice]) -> FloatArray:
        values = np.stack([np.asarray(each[:, key[1]], dtype=np.float64) for each in self._effects])
        values[:, np.isnan(values).any(axis=0)] = np.nan
        return np.asarray(values.reshape(self.shape[0], -1)[key[0]])


def _shape_of(effects: Sequence[Effects]) -> tuple[int, int]:
    """Return the number of subjects and points of several maps, which must be the same."""
    shapes = {tuple(each.shape) for each in effects}
    if len(shapes) != 1:
        raise ValueError(f"maps must be of the same subjects and points; found shapes {sorted(shapes)}")
    ((n_subjects, n_points),) = shapes
    return n_subjects, n_points


def fit_joint_part(values: FloatArray, matrix: FloatArray) -> JointFit | None:
    """Fit maps (n_maps, n_subjects, n_points) without missing data; return None where the subjects are too few."""
    n_maps, n_subjects, n_points = values.shape
    n_columns = matrix.shape[1]
    dof = n_subjects - n_columns
    if dof < n_maps:
        return None
    q, r = np.linalg.qr(matrix)
    if condition_number(r) > ILL_CONDITIONED:  # equal to that of the matrix
        return None
    both = np.empty((n_maps, n_subjects + n_columns, n_points))
    both[:, n_subjects:] = projected = q.T @ values
    both[:, :n_subjects] = values - q @ projected
    least = np.maximum(CONSTANT * dof / n_subjects * np.einsum("qij,qij->qj", values, values), SMALLEST)
    orthonormalise(both, n_subjects, least)
    return JointFit(r, projected, both[:, n_subjects:], dof)


def _inverse_lambda_minus_1(explained: FloatArray, root: float) -> FloatArray:
    """Return lambda^(-1 / root) - 1, (n_points,), from the whitened G (n_points, n_rows, n_maps): 1 / det(1 + G G')."""
    if explained.shape[1] == 1:
        return np.asarray(np.einsum("prq,prq->p", explained, explained))
    if explained.shape[1] > explained.shape[2]:
        explained = explained.transpose(0, 2, 1)
    products = explained @ explained.transpose(0, 2, 1)
    tested = np.isfinite(products).all(axis=(1, 2))
    log_det = np.full(len(products), np.nan)
    log_det[tested] = np.log1p(np.maximum(np.linalg.eigvalsh(products[tested]), 0)).sum(axis=1)
    return np.asarray(np.expm1(log_det / root))
