"""The group model: ordinary least squares at every point, with t and F tests of its coefficients.

A *test* is an array of weights over the columns of the design matrix: (n_columns,) for a t test of one linear
combination, (n_rows, n_columns) for an F test of several together.

The effects of all subjects may be larger than the available memory: they are read in *blocks* of points, and a block
is divided into *parts*, the points where the same subjects have data.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular

from bids_ari.stats.choices import Alternative
from bids_ari.stats.distributions import FloatArray, neg_log10_p, p_from_f, p_from_t, p_from_z, z_from_f, z_from_t
from bids_ari.stats.minimum_effect import p_beyond, t_beyond, z_beyond

CONSTANT = 1e-12
"""A point is constant, and not tested, where its residual variance is at most this times its mean square."""

SMALLEST = float(np.finfo(np.float64).tiny)
"""A point is not tested either where its residual variance is below: such numbers have fewer digits, down to none."""

ILL_CONDITIONED = 1e8
"""Above this scaled condition number the coefficients have less than half the digits of float64."""

BLOCK_VALUES = 1 << 22
"""Values in a block of points: 32 MB of float64."""


class Effects(Protocol):
    """Effects (n_subjects, n_points) in memory or on disk; NaN where a subject has no data."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of subjects, number of points."""

    def __getitem__(self, key: tuple[slice, slice], /) -> FloatArray:
        """Return some points of all subjects."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GlmResult:
    """The statistics of one test at every point, fitted here or read from a map; all maps are (n_points,) or None.

    Where a point cannot be tested (constant, or too few subjects), all maps except `dof` are NaN.
    """

    test: str  # the name of the test; empty for a map computed elsewhere
    z: FloatArray  # the z value with the same tail probability as the t statistic, or the same upper tail as F
    dof: FloatArray  # residual degrees of freedom, fewer where subjects have no data; infinite for a z map
    t: FloatArray | None = None
    effect: FloatArray | None = None  # the estimated linear combination, in the units of the maps
    variance: FloatArray | None = None  # its sampling variance
    f: FloatArray | None = None  # the F statistic of an F test, which has no t, effect or variance
    n_rows: float = 0  # numerator degrees of freedom of an F test, else 0; a whole number for a test fitted here
    is_z_of_f: bool = False  # whether `z` was computed elsewhere from an F statistic that is not known
    min_effect: float = 0.0  # the minimum effect to which `t` and `z` refer, see `beyond`
    effects: FloatArray | None = None  # (n_maps, n_points): the estimate in each of several maps tested together

    @property
    def is_f_test(self) -> bool:
        """Whether large statistics mean any difference: F tests, and z maps computed from them, have no direction."""
        return self.f is not None or self.is_z_of_f

    @classmethod
    def of_z(cls, z: FloatArray, *, of_f: bool = False) -> "GlmResult":
        """Return the result for a z map computed elsewhere, (n_points,); `of_f` where it was computed from F."""
        return cls("", z, np.full(z.shape, np.inf), is_z_of_f=of_f)

    @classmethod
    def of_f(cls, f: FloatArray, n_rows: float, dof: float) -> "GlmResult":
        """Return the result for an F map computed elsewhere, (n_points,), with its degrees of freedom."""
        return cls("", z_from_f(f, n_rows, dof), np.full(f.shape, float(dof)), f=f, n_rows=n_rows)

    @classmethod
    def of_t(cls, t: FloatArray, dof: float) -> "GlmResult":
        """Return the result for a t map computed elsewhere, (n_points,), with its degrees of freedom."""
        return cls("", z_from_t(t, dof), np.full(t.shape, float(dof)), t)

    @classmethod
    def of_test(cls, test: str, weights: FloatArray, dof: FloatArray, *found: FloatArray) -> "GlmResult":
        """Return the t test of `found` effect and variance, or the F test of `found` F where weights are 2-D.

        At points that are not tested variance and F are NaN, and `dof` may be 0. A variance below `SMALLEST` is not
        tested either.
        """
        some_dof = np.where(dof > 0, dof, 1.0)
        if weights.ndim == 2:
            return cls(test, z_from_f(found[0], len(weights), some_dof), dof, f=found[0], n_rows=len(weights))
        effect, variance = found[0], np.where(found[1] < SMALLEST, np.nan, found[1])
        t = effect / np.sqrt(variance)
        return cls(test, z_from_t(t, some_dof), dof, t, np.where(np.isnan(variance), np.nan, effect), variance)

    def p(self, alternative: Alternative) -> FloatArray:
        """Return the p-value of each point for an alternative, (n_points,); an F test has only ``greater``."""
        if self.is_f_test and alternative != "greater":
            raise ValueError(f"alternative of an F test must be greater; found {alternative!r}")
        if self.min_effect and alternative == "two-sided" and self.effect is not None and self.variance is not None:
            return p_beyond(self.effect, self.variance, self.dof, self.min_effect)
        if self.f is not None:
            return p_from_f(self.f, self.n_rows, np.where(self.dof > 0, self.dof, 1.0))
        return p_from_z(self.z, alternative) if self.t is None else p_from_t(self.t, self.dof, alternative)

    def beyond(self, min_effect: float, alternative: Alternative) -> "GlmResult":
        """Return the test whether the effect is beyond a minimum effect, in units of the maps, for one alternative.

        `t` and `z` are those of the distance from the interval of the null hypothesis, see
        `bids_ari.stats.minimum_effect`; `effect` remains the estimate.

        Raises
        ------
        ValueError
            When the effect and its variance are not known: for F tests and maps of statistics.
        """
        if not min_effect:
            return self
        if self.effect is None or self.variance is None:
            raise ValueError("a minimum effect needs a t test fitted here, with effect and variance; found another")
        t = t_beyond(self.effect, self.variance, min_effect, alternative)
        dof = np.where(self.dof > 0, self.dof, 1.0)
        is_interval = alternative == "two-sided"
        z = z_beyond(self.effect, self.variance, dof, min_effect) if is_interval else z_from_t(t, dof)
        return replace(self, z=z, t=None if self.t is None else t, min_effect=min_effect)

    def neg_log10_p(self, alternative: Alternative) -> FloatArray:
        """Return -log10 of `p`, (n_points,), which is finite where p underflows."""
        return neg_log10_p(self.z, alternative)

    def at(self, points: np.ndarray) -> "GlmResult":
        """Return the result at some points: positions, or a boolean per point."""
        names = ("z", "dof", "t", "effect", "variance", "f", "effects")
        maps: dict[str, Any] = {name: getattr(self, name) for name in names}
        return replace(self, **{name: values[..., points] for name, values in maps.items() if values is not None})

    def __repr__(self) -> str:
        return f"GlmResult(test={self.test!r}, n_points={self.z.size}, dof={np.unique(self.dof)[:3]})"


class Part(NamedTuple):
    """Points of a block where the same subjects have data."""

    rows: npt.NDArray[np.intp]  # positions of these subjects
    points: npt.NDArray[np.intp]  # positions of the points among all
    values: FloatArray  # (these subjects, these points)


class Fit(NamedTuple):
    """Least squares at some points, with the design matrix X = QR of their subjects."""

    q: FloatArray
    r: FloatArray
    projected: FloatArray  # Q'y (n_columns, n_points): coefficients are R^-1 Q'y, their covariance sigma^2 (R'R)^-1
    residuals: FloatArray  # (n_subjects, n_points)
    residual_variance: FloatArray  # (n_points,), NaN where the point is constant
    dof: int


def fit_glm(effects: Effects, matrix: FloatArray, tests: Mapping[str, FloatArray]) -> tuple[GlmResult, ...]:
    """Fit ``effects = matrix @ coefficients + noise`` at every point by ordinary least squares.

    Parameters
    ----------
    effects : array-like (n_subjects, n_points)
        One row per subject; NaN where a subject has no data. Such a point is fitted to the other subjects; it is
        NaN in every test where they do not determine every coefficient, even one without weight in the test, or leave
        no degree of freedom.
    matrix : array (n_subjects, n_columns)
        The design matrix.
    tests : mapping of str to array
        Name and weights of each test: (n_columns,) for t, (n_rows, n_columns) for F.

    Returns
    -------
    tuple of GlmResult
        One per test, in order.

    Raises
    ------
    ValueError
        When `check_model` does, or the design leaves no degree of freedom.

    Examples
    --------
    >>> effects = np.array([[1.0], [2.0], [3.0]])
    >>> mean, = fit_glm(effects, np.ones((3, 1)), {"mean": np.ones(1)})
    >>> mean.t.round(4), mean.dof        # mean 2, standard error sqrt(1 / 3)
    (array([3.4641]), array([2.]))
    """
    n_subjects, n_points = effects.shape
    check_model(n_subjects, matrix, tests)
    if n_subjects <= matrix.shape[1]:
        raise ValueError(f"n_subjects must exceed the rank of the design, {matrix.shape[1]}; found {n_subjects}")
    dof = np.zeros(n_points)
    found = {name: np.full((2 if weights.ndim == 1 else 1, n_points), np.nan) for name, weights in tests.items()}
    for part in parts(effects):
        if (fit := fit_part(part.values, matrix[part.rows])) is not None:
            dof[part.points] = fit.dof
            for name, weights in tests.items():
                found[name][:, part.points] = _evaluate(fit, weights)
    return tuple(GlmResult.of_test(name, weights, dof, *found[name]) for name, weights in tests.items())


def check_model(n_subjects: int, matrix: FloatArray, tests: Mapping[str, FloatArray]) -> None:
    """Check the shapes of a design and its tests, and that columns, and rows of a test, are not collinear."""
    if matrix.shape[0] != n_subjects:
        raise ValueError(f"matrix must have one row per subject: {n_subjects}; found {matrix.shape[0]}")
    if not np.isfinite(matrix).all():
        raise ValueError("matrix must have finite values; found NaN or infinity")
    if (condition := condition_number(matrix)) > ILL_CONDITIONED:
        raise ValueError(
            f"matrix must have independent columns, its scaled condition number be at most {ILL_CONDITIONED:.0e}; "
            f"found {condition:.2g}"
        )
    if not tests:
        raise ValueError("tests must name at least one linear combination")
    n_columns = matrix.shape[1]
    for name, weights in tests.items():
        if weights.ndim not in (1, 2) or weights.shape[-1] != n_columns:
            raise ValueError(
                f"weights of test {name!r} must have one entry per column: {n_columns}; found {weights.shape}"
            )
        if not np.isfinite(weights).all() or not weights.any():
            raise ValueError(f"weights of test {name!r} must be finite and not all zero; found {weights.tolist()}")
        rows = np.atleast_2d(weights) / np.abs(matrix).max(axis=0)  # which removes the units of the columns
        if condition_number(rows.T) > ILL_CONDITIONED:
            raise ValueError(f"rows of test {name!r} must be independent; found {len(rows)} of lower rank")


def condition_number(matrix: FloatArray) -> float:
    """Return the scaled condition number: that with columns scaled to length 1; infinite when a column is zero.

    It does not depend on the units of the columns (Belsley, Kuh & Welsch 1980, Regression Diagnostics, chapter 3).
    """
    if matrix.shape[0] < matrix.shape[1] or not matrix.any(axis=0).all():
        return float("inf")
    singular = np.linalg.svd(of_length_one(matrix), compute_uv=False)
    return float(singular[0] / singular[-1]) if singular[-1] > 0 else float("inf")


def of_length_one(matrix: FloatArray) -> FloatArray:
    """Return the matrix with columns, none of which is zero, scaled to length 1, without overflow."""
    scaled = matrix / np.abs(matrix).max(axis=0)
    return np.asarray(scaled / np.linalg.norm(scaled, axis=0))


def blocks(effects: Effects) -> Iterator[slice]:
    """Return blocks of points such that `effects[:, block]` is at most 32 MB of float64, or one point."""
    n_subjects, n_points = effects.shape
    size = max(1, BLOCK_VALUES // n_subjects)
    return (slice(start, min(start + size, n_points)) for start in range(0, n_points, size))


def parts(effects: Effects) -> Iterator[Part]:
    """Yield the effects block by block, with the points of each grouped by the subjects that have data there."""
    for block in blocks(effects):
        values = np.asarray(effects[:, block], dtype=np.float64)
        points = np.arange(block.start, block.stop)
        present = ~np.isnan(values)
        complete = present.all(axis=0)
        everyone = np.arange(len(values))
        if complete.all():
            yield Part(everyone, points, values)
            continue
        if complete.any():
            yield Part(everyone, points[complete], values[:, complete])
        others = np.flatnonzero(~complete)
        packed = np.ascontiguousarray(np.packbits(present[:, others], axis=0).T)  # eight subjects in a byte
        words = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()  # those bytes of a point as one word
        _, which = np.unique(words, return_inverse=True)
        order = np.argsort(which, kind="stable")
        for some in np.split(others[order], np.flatnonzero(np.diff(which[order])) + 1):
            rows = np.flatnonzero(present[:, some[0]])
            yield Part(rows, points[some], values[np.ix_(rows, some)])


def fit_part(values: FloatArray, matrix: FloatArray) -> Fit | None:
    """Fit points without missing data; return None where their subjects do not determine the coefficients."""
    n_subjects, n_columns = matrix.shape
    dof = n_subjects - n_columns
    if dof < 1:
        return None
    q, r = np.linalg.qr(matrix)
    if condition_number(r) > ILL_CONDITIONED:  # equal to that of the matrix
        return None
    projected = q.T @ values
    residuals = values - q @ projected
    variance = np.einsum("ij,ij->j", residuals, residuals) / dof
    least = np.maximum(CONSTANT * np.einsum("ij,ij->j", values, values) / n_subjects, SMALLEST)
    variance[variance <= least] = np.nan
    return Fit(q, r, projected, residuals, variance, dof)


def directions(r: FloatArray, weights: FloatArray) -> FloatArray:
    """Return an orthonormal basis (n_columns, n_rows) of the tested directions in Q'y.

    The combinations C b of the coefficients are S'Q'y with S = R^-T C'; the basis is that of the span of S.
    """
    basis, _ = np.linalg.qr(in_terms_of_q(r, np.atleast_2d(weights)))
    return np.asarray(basis)


def in_terms_of_q(r: FloatArray, weights: FloatArray) -> FloatArray:
    """Return S = R^-T C' for weights C: (n_columns,), or (n_columns, n_rows)."""
    return np.asarray(solve_triangular(r, weights.T, trans="T"))


def _evaluate(fit: Fit, weights: FloatArray) -> FloatArray:
    """Return a linear combination of coefficients and its variance, (2, n_points), or F of several, (n_points,).

    Wald's F of the combinations C b is (C b)' (C (X'X)^-1 C')^-1 (C b) / rows / sigma^2. With C b = S'Q'y and
    C (X'X)^-1 C' = S'S the form is the squared length of Q'y within the span of S.
    """
    if weights.ndim == 1:
        s = in_terms_of_q(fit.r, weights)
        return np.stack([s @ fit.projected, (s @ s) * fit.residual_variance])
    explained = ((directions(fit.r, weights).T @ fit.projected) ** 2).sum(axis=0)
    return np.asarray(explained / len(weights) / fit.residual_variance)
