from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from scipy import stats

from bids_ari.stats.glm import CONSTANT, fit_glm
from bids_ari.stats.mixed_effects import NEGLIGIBLE, WeightedFit, fit_fixed, fit_mixed

Floats = npt.NDArray[np.float64]
Exact = npt.NDArray[Any]
"""An array of fractions."""

laws = settings(max_examples=60, deadline=None)
both = pytest.mark.parametrize("fit", [fit_fixed, fit_mixed])
Fitter = Callable[..., WeightedFit]

# Some tens of products are summed, and Q'WQ has a condition up to the ratio of the weights, here at most 1e3.
SUMS = 1e-11

GROUP = np.tile([0.0, 1.0], 6)
MATRIX = np.column_stack([np.ones(12), GROUP, np.arange(12.0) ** 2])
TESTS = {"group": np.array([0, 1.0, 0]), "mixture": np.array([1, 0.5, -0.2]), "both": np.eye(3)[1:]}


@pytest.fixture
def effects() -> Floats:
    """Twelve subjects, 40 points: null, active, and far from zero."""
    rng = np.random.default_rng(42)
    return np.repeat([0.0, 1.5, -0.7, 100.0], 10) + rng.normal(size=(12, 40)) * rng.uniform(0.1, 3, size=40)


@pytest.fixture
def variances() -> Floats:
    return 10 ** np.random.default_rng(43).uniform(-1.5, 1.5, size=(12, 40))


def inverse(matrix: Exact) -> Exact:
    """Gauss and Jordan, in fractions."""
    size = len(matrix)
    work = np.hstack([matrix, np.array([[Fraction(i == j) for j in range(size)] for i in range(size)])])
    for i in range(size):
        pivot = next(j for j in range(i, size) if work[j, i] != 0)
        work[[i, pivot]] = work[[pivot, i]]
        work[i] = work[i] / work[i, i]
        for j in range(size):
            if j != i:
                work[j] = work[j] - work[i] * work[j, i]
    return work[:, size:]


def exact(values: Floats) -> Exact:
    return np.vectorize(Fraction, otypes=[object])(values)


def least_squares(y: Exact, w: Exact, x: Exact) -> tuple[Exact, Exact, Fraction]:
    """b = (X'WX)^-1 X'Wy, (X'WX)^-1, and (y - Xb)'W(y - Xb)."""
    covariance = inverse((x.T * w) @ x)
    b = covariance @ ((x.T * w) @ y)
    return b, covariance, sum(w * (y - x @ b) ** 2)


def by_the_formula(
    y: Floats, v: Floats, matrix: Floats, rows: Floats, mixed: bool
) -> tuple[Exact, Exact, Fraction, Fraction]:
    """C b, its covariance, F and tau2, all in fractions."""
    (n, p), x, c = matrix.shape, exact(matrix), exact(rows)
    w = 1 / exact(v)
    b, covariance, rest = least_squares(exact(y), w, x)
    tau2 = Fraction(0)
    if mixed:
        tau2 = max(tau2, (rest - (n - p)) / (sum(w) - np.trace(covariance @ ((x.T * w**2) @ x))))
        b, covariance, rest = least_squares(exact(y), 1 / (exact(v) + tau2), x)
        covariance = covariance * rest / (n - p)
    spread = c @ covariance @ c.T
    return c @ b, spread, (c @ b) @ inverse(spread) @ (c @ b) / len(c), tau2


@laws
@given(
    y=st.lists(st.integers(-20, 20), min_size=6, max_size=6),
    quarters=st.lists(st.integers(1, 200), min_size=6, max_size=6),
    covariate=st.lists(st.integers(-9, 9), min_size=6, max_size=6, unique=True),
    mixed=st.booleans(),
)
def test_exact_arithmetic(y: list[int], quarters: list[int], covariate: list[int], mixed: bool) -> None:
    """Mean, group and covariate of six subjects; the last digits of float64 may differ."""
    matrix = np.column_stack([np.ones(6), [0, 1, 0, 1, 0, 1], covariate]).astype(float)
    if np.linalg.cond(matrix) > 1e3 or np.linalg.matrix_rank(np.column_stack([matrix, y])) < 4:
        reject()  # collinear, or an exact fit
    effects, variances = np.array(y, dtype=float)[:, None], np.array(quarters)[:, None] / 4
    tests = {"t": np.array([1, 2.0, -1]), "f": np.eye(3)[1:]}
    found = (fit_mixed if mixed else fit_fixed)(effects, variances, matrix, tests)
    t, f = found.results
    effect, variance, _, tau2 = by_the_formula(effects[:, 0], variances[:, 0], matrix, tests["t"][None], mixed)
    # 6 terms of up to 20 * 800 * 9; products of matrices of condition 1e3 and a ratio of weights of 200
    assert t.effect[0] == pytest.approx(float(effect[0]), rel=1e-9, abs=1e-9)
    assert t.variance[0] == pytest.approx(float(variance[0, 0]), rel=1e-8)
    assert f.f[0] == pytest.approx(
        float(by_the_formula(effects[:, 0], variances[:, 0], matrix, tests["f"], mixed)[2]), rel=1e-8, abs=1e-12
    )
    if mixed:
        assert found.tau2[0] == pytest.approx(float(tau2), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("mixed", [False, True])
def test_every_test_at_every_point(effects: Floats, variances: Floats, mixed: bool) -> None:
    found = (fit_mixed if mixed else fit_fixed)(effects, variances, MATRIX, TESTS)
    group, mixture, together = found.results
    for point in range(0, 40, 4):
        y, v = effects[:, point], variances[:, point]
        for result in (group, mixture):
            effect, variance, f, _ = by_the_formula(y, v, MATRIX, TESTS[result.test][None], mixed)
            assert result.effect[point] == pytest.approx(float(effect[0]), rel=SUMS, abs=1e-11)  # parts cancel
            assert result.variance[point] == pytest.approx(float(variance[0, 0]), rel=SUMS)
            assert result.t[point] ** 2 == pytest.approx(float(f), rel=SUMS)
        *_, f, tau2 = by_the_formula(y, v, MATRIX, TESTS["both"], mixed)
        assert together.f[point] == pytest.approx(float(f), rel=SUMS)
        if mixed:
            assert found.tau2[point] == pytest.approx(float(tau2), rel=SUMS)
    assert (together.t, together.effect, together.variance, together.n_rows) == (None, None, None, 2)
    assert found.n_unusable == 0


def test_tau2_is_zero_where_subjects_differ_too_little() -> None:
    """(1, 2, 3) with variances of 1: Q = 2 is expected with 2 degrees of freedom; with 4, Q = 0.5 is less."""
    effects = np.array([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0], [3.0, 3.0, 3.0]])
    variances = np.array([[1.0, 4.0, 0.25]]).repeat(3, axis=0)
    found = fit_mixed(effects, variances, np.ones((3, 1)), {"mean": np.ones(1)})
    np.testing.assert_allclose(found.tau2, [0, 0, 0.75], atol=1e-15)  # 1 - 1, 1 - 4, 1 - 1/4
    np.testing.assert_allclose(found.results[0].variance, 1 / 3, rtol=1e-14)


def test_tails_of_fixed_effects(effects: Floats, variances: Floats) -> None:
    """Normal and chi-squared, also where they underflow."""
    group, _, together = fit_fixed(effects * 30, variances, MATRIX, TESTS).results
    np.testing.assert_array_equal(group.dof, np.inf)
    np.testing.assert_allclose(group.z, group.effect / np.sqrt(group.variance), rtol=1e-10)
    np.testing.assert_allclose(group.p("less"), stats.norm.cdf(group.z), rtol=1e-8)  # z^2 up to 1e3
    np.testing.assert_allclose(together.p("greater"), stats.chi2.sf(2 * together.f, 2), rtol=1e-10)
    assert group.z.max() > 40
    assert np.isfinite(together.z).all()


def test_tails_of_mixed_effects(effects: Floats, variances: Floats) -> None:
    """t and F with n - rank = 9 degrees of freedom."""
    group, _, together = fit_mixed(effects, variances, MATRIX, TESTS).results
    np.testing.assert_array_equal(group.dof, 9)
    np.testing.assert_allclose(group.p("greater"), stats.t.sf(group.effect / np.sqrt(group.variance), 9), rtol=1e-10)
    np.testing.assert_allclose(together.p("greater"), stats.f.sf(together.f, 2, 9), rtol=1e-10)


UNUSABLE = (0.0, -0.0, -1.0, np.nan, np.inf, -np.inf, 5e-324)


@both
def test_unusable_variances_are_excluded_and_counted(fit: Fitter, effects: Floats, variances: Floats) -> None:
    expected = fit(effects[:-1, :7], variances[:-1, :7], MATRIX[:-1], TESTS)
    variances[-1, :7] = UNUSABLE
    found = fit(effects[:, :7], variances[:, :7], MATRIX, TESTS)
    assert (expected.n_unusable, found.n_unusable) == (0, 7)
    for one, other in zip(found.results, expected.results, strict=True):
        np.testing.assert_array_equal(one.dof, other.dof)
        np.testing.assert_allclose(one.z, other.z, rtol=1e-9)  # another Q
    if fit is fit_mixed:
        np.testing.assert_allclose(found.tau2, expected.tau2, rtol=1e-9, atol=1e-12)


@both
def test_most_variances_may_be_unusable(fit: Fitter, effects: Floats, variances: Floats) -> None:
    """Zeros do not enter the median of the four remaining variances."""
    variances[4:] = 0
    found, expected = (fit(effects[:n], variances[:n], np.ones((n, 1)), {"mean": np.ones(1)}) for n in (12, 4))
    assert found.n_unusable == 8 * 40
    np.testing.assert_allclose(found.results[0].t, expected.results[0].t, rtol=1e-9)  # another Q


@both
def test_missing_effects_are_excluded_but_not_counted(fit: Fitter, effects: Floats, variances: Floats) -> None:
    expected = fit(effects[:-1], variances[:-1], MATRIX[:-1], TESTS)
    effects[-1] = np.nan
    variances[-1, :3] = [0, np.nan, 1e-300]
    found = fit(effects, variances, MATRIX, TESTS)
    assert found.n_unusable == 0
    for one, other in zip(found.results, expected.results, strict=True):
        np.testing.assert_allclose(one.z, other.z, rtol=1e-9)  # another Q


@both
def test_a_negligible_variance_is_rounding(fit: Fitter) -> None:
    """At most 1e-8 of the median, here 2 of (v, 1, 2, 3, 4), is excluded; one of 3e-8 determines the mean."""
    assert NEGLIGIBLE == 1e-8
    effects = np.array([[7.0], [1.0], [2.0], [3.0], [4.0]]).repeat(2, axis=1)
    variances = np.array([[1.0], [1.0], [2.0], [3.0], [4.0]]).repeat(2, axis=1)
    variances[0] = [1.99e-8, 3e-8]
    found = fit_fixed(effects, variances, np.ones((5, 1)), {"mean": np.ones(1)})
    assert found.n_unusable == fit(effects, variances, np.ones((5, 1)), {"mean": np.ones(1)}).n_unusable == 1
    # (1/1 + 2/2 + 3/3 + 4/4) / (1 + 1/2 + 1/3 + 1/4) = 4 / (25/12)
    np.testing.assert_allclose(found.results[0].effect, [1.92, 7], rtol=1e-6)


@both
def test_unevenness_of_the_variances(fit: Fitter, effects: Floats) -> None:
    """e^-1, 1 and e have logarithms of standard deviation 1; those that are not usable are ignored."""
    variances = np.tile(np.exp([-1.0, 0.0, 1.0])[:, None], (1, 4))
    variances[:2, 1], variances[:, 2], variances[:, 3] = np.nan, 0, 1e300
    found = fit(effects[:3, :4], variances, np.ones((3, 1)), {"mean": np.ones(1)})
    np.testing.assert_allclose(found.unevenness, [1, 0, 0, 0], atol=1e-12)
    effects[2, 0] = np.nan
    without = fit(effects[:3, :4], variances, np.ones((3, 1)), {"mean": np.ones(1)})
    assert without.unevenness[0] == pytest.approx(np.sqrt(0.5), rel=1e-12)  # -1 and 0


@both
def test_too_few_subjects(fit: Fitter, effects: Floats, variances: Floats) -> None:
    """Three columns: three subjects are too few, four are enough; then none, and no variance at all."""
    effects[3:, 0] = effects[4:, 1] = effects[:, 2] = np.nan
    variances[:, 3] = np.nan
    found = fit(effects, variances, MATRIX, TESTS)
    for result in found.results:
        values = (result.z, result.p("greater"), result.f if result.n_rows else result.effect)
        for value in values:
            np.testing.assert_array_equal(np.isnan(value[:5]), [True, False, True, True, False])
        np.testing.assert_array_equal(result.dof[[0, 2, 3]], 0)
        assert result.dof[1] == (1 if fit is fit_mixed else np.inf)
    assert found.n_unusable == 12


@both
def test_a_group_without_subjects(fit: Fitter, effects: Floats, variances: Floats) -> None:
    """The difference is not estimable where effects or variances of a group are missing, or its weights are 0."""
    effects[GROUP == 1, 3] = np.nan
    variances[GROUP == 1, 5] = np.nan
    variances[GROUP == 1, 7] = 1e300
    for result in fit(effects, variances, MATRIX, TESTS).results:
        np.testing.assert_array_equal(np.flatnonzero(np.isnan(result.z)), [3, 5, 7])
        np.testing.assert_array_equal(result.dof[[3, 5, 7]], 0)


def test_constant_points() -> None:
    """Mixed effects have no variance between subjects; fixed effects use that of the first level.

    Of 1 + e * (-1, 1, -1, 1), the residual variance is e^2 * 4 / 3, the mean square 1 + e^2.
    """
    assert CONSTANT == 1e-12
    wiggle = np.array([-1.0, 1, -1, 1])
    effects = np.column_stack([np.zeros(4), np.full(4, 0.1), 1 + 0.8e-6 * wiggle, 1 + 0.9e-6 * wiggle, wiggle])
    variances, tests = np.full((4, 5), 0.04), {"mean": np.ones(1), "f": np.ones((1, 1))}
    for result in fit_mixed(effects, variances, np.ones((4, 1)), tests).results:
        np.testing.assert_array_equal(np.isnan(result.z), [True, True, True, False, False])
        np.testing.assert_array_equal(result.dof, 3)
    mean, f = fit_fixed(effects, variances, np.ones((4, 1)), tests).results
    np.testing.assert_allclose(mean.z, [0, 1, 10, 10, 0], rtol=1e-10, atol=1e-12)  # over sqrt(.04 / 4) = .1
    np.testing.assert_allclose(f.f, [0, 1, 100, 100, 0], rtol=1e-10, atol=1e-12)


@both
def test_extreme_variances(fit: Fitter, effects: Floats) -> None:
    """Nothing overflows (warnings are errors), and other points do not change."""
    rng = np.random.default_rng(8)
    variances = 10 ** rng.uniform(-300, 300, size=effects.shape)
    variances[:, 20:] = 10 ** rng.uniform(-1, 1, size=(12, 20))
    found, alone = (fit(effects[:, a:], variances[:, a:], MATRIX, TESTS) for a in (0, 20))
    for one, other in zip(found.results, alone.results, strict=True):
        np.testing.assert_allclose(one.z[20:], other.z, rtol=1e-9)  # BLAS may sum in another order


@laws
@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(1e-6, 1e6))
def test_scale_of_the_variances(seed: int, scale: float) -> None:
    """The fixed effect does not depend on the unit of the variances, and its variance is proportional to it."""
    rng = np.random.default_rng(seed)
    effects, variances = rng.normal(size=(12, 5)), rng.uniform(0.1, 3, size=(12, 5))
    usual, scaled = (fit_fixed(effects, v, MATRIX, TESTS).results[0] for v in (variances, variances * scale))
    np.testing.assert_allclose(scaled.effect, usual.effect, rtol=1e-9, atol=1e-12)  # effects may be near 0
    np.testing.assert_allclose(scaled.variance, usual.variance * scale, rtol=1e-12)


@laws
@given(seed=st.integers(0, 2**32 - 1), common=st.floats(1e-3, 1e3))
def test_equal_variances_are_ordinary_least_squares(seed: int, common: float) -> None:
    """With equal variances, mixed effects are ordinary least squares for any tau2; t and F differ by rounding."""
    effects = np.random.default_rng(seed).normal(size=(12, 5))
    mixed = fit_mixed(effects, np.full((12, 5), common), MATRIX, TESTS).results
    for one, other in zip(mixed, fit_glm(effects, MATRIX, TESTS), strict=True):
        np.testing.assert_allclose(one.z, other.z, rtol=1e-10, atol=1e-10)
        np.testing.assert_array_equal(one.dof, other.dof)


@both
@laws
@given(seed=st.integers(0, 2**32 - 1))
def test_order_of_the_subjects(fit: Fitter, seed: int) -> None:
    """Subjects in another order give the same, up to the order of the sums."""
    rng = np.random.default_rng(seed)
    effects, variances = rng.normal(size=(12, 5)), 10 ** rng.uniform(-1, 1, size=(12, 5))
    effects[rng.uniform(size=effects.shape) < 0.1] = np.nan
    order = rng.permutation(12)
    usual, shuffled = (
        fit(effects, variances, MATRIX, TESTS),
        fit(effects[order], variances[order], MATRIX[order], TESTS),
    )
    for one, other in zip(usual.results, shuffled.results, strict=True):
        np.testing.assert_allclose(one.z, other.z, rtol=1e-8, atol=1e-8)  # few subjects may remain


@laws
@given(seed=st.integers(0, 2**32 - 1))
def test_a_large_tau2_makes_weights_equal(seed: int) -> None:
    """tau2 is never negative, and with a large one the effect is that of ordinary least squares."""
    rng = np.random.default_rng(seed)
    effects, variances = rng.normal(size=(12, 5)), 1e-7 * rng.uniform(0.5, 2, size=(12, 5))
    found = fit_mixed(effects, variances, MATRIX, TESTS)
    (ols, *_) = fit_glm(effects, MATRIX, TESTS)
    assert (found.tau2 >= 0).all()
    np.testing.assert_allclose(found.results[0].effect, ols.effect, rtol=1e-3, atol=1e-4)  # weights differ by 1e-6


@both
def test_one_row_is_the_square_of_t(fit: Fitter, effects: Floats, variances: Floats) -> None:
    t, f = fit(effects, variances, MATRIX, {"t": TESTS["group"], "f": TESTS["group"][None]}).results
    np.testing.assert_allclose(f.f, t.t**2, rtol=1e-12)
    np.testing.assert_allclose(f.p("greater"), t.p("two-sided"), rtol=1e-9)


@both
def test_units_do_not_change_the_test(fit: Fitter, effects: Floats, variances: Floats) -> None:
    """2^-200 times the effects and 2^-400 times the variances: t is exactly the same."""
    usual, small = (fit(effects * 2.0**k, variances * 4.0**k, MATRIX, TESTS) for k in (0, -200))
    np.testing.assert_array_equal(small.results[0].t, usual.results[0].t)
    if fit is fit_mixed:
        np.testing.assert_array_equal(small.tau2, usual.tau2 * 4.0**-200)


@both
def test_squares_beyond_floating_point_are_not_tested(fit: Fitter, effects: Floats, variances: Floats) -> None:
    """In any unit a point has the usual z, up to rounding, or none: 1e-160 has subnormal squares."""
    usual = fit(effects, variances, MATRIX, TESTS).results
    for unit in (1e-165, 1e-160, 1e-157, 1e-155, 1e-150, 1e150, 1e160):
        with np.errstate(over="ignore"):
            squares = variances * unit * unit
        results = fit(effects * unit, squares, MATRIX, TESTS).results
        for found, expected in zip(results, usual, strict=True):
            tested = ~np.isnan(found.z)
            np.testing.assert_allclose(found.z[tested], expected.z[tested], rtol=1e-9, atol=1e-9)
            assert tested.any() == tested.all() == (1e-150 <= unit <= 1e150)


class OnDisk:
    """Effects that return only slices of points of all subjects, as a file does."""

    def __init__(self, values: Floats) -> None:
        self._values, self.shape = values.astype(np.float32), values.shape

    def __getitem__(self, key: tuple[slice, slice]) -> Floats:
        rows, points = key
        assert rows == slice(None)
        assert points.stop - points.start <= 7
        return self._values[:, points].astype(np.float64)


@both
def test_the_result_does_not_depend_on_blocks(
    fit: Fitter, effects: Floats, variances: Floats, monkeypatch: pytest.MonkeyPatch
) -> None:
    effects, variances = effects.astype(np.float32).astype(float), variances.astype(np.float32).astype(float)
    effects[3, 5], variances[:2, 8] = np.nan, 0
    at_once = fit(effects, variances, MATRIX, TESTS)
    seven = [slice(start, min(start + 7, 40)) for start in range(0, 40, 7)]
    monkeypatch.setattr("bids_ari.stats.mixed_effects.blocks", lambda _: iter(seven))
    in_blocks = fit(OnDisk(effects), OnDisk(variances), MATRIX, TESTS)
    assert in_blocks.n_unusable == at_once.n_unusable == 2
    for one, other in zip(in_blocks.results, at_once.results, strict=True):
        np.testing.assert_allclose(one.z, other.z, rtol=1e-9)  # BLAS may sum in another order
        np.testing.assert_array_equal(one.dof, other.dof)


@both
def test_no_points(fit: Fitter) -> None:
    found = fit(np.empty((12, 0)), np.empty((12, 0)), MATRIX, TESTS)
    assert [result.z.shape for result in found.results] == [(0,)] * 3


@both
def test_arguments_are_not_changed(fit: Fitter, effects: Floats, variances: Floats) -> None:
    variances[0, :7] = UNUSABLE
    arrays = (effects, variances, MATRIX, *TESTS.values())
    before = [array.copy() for array in arrays]
    fit(effects, variances, MATRIX, TESTS)
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)


@both
def test_refused(fit: Fitter, effects: Floats, variances: Floats) -> None:
    with pytest.raises(ValueError, match=r"variances must have the shape of effects, \(12, 40\); found \(11, 40\)"):
        fit(effects, variances[1:], MATRIX, TESTS)
    with pytest.raises(ValueError, match="matrix must have one row per subject: 12; found 11"):
        fit(effects, variances, MATRIX[1:], TESTS)
    with pytest.raises(ValueError, match="n_subjects must exceed the rank of the design, 3; found 3"):
        fit(effects[:3], variances[:3], MATRIX[:3], TESTS)
    with pytest.raises(ValueError, match="rows of test 'twice' must be independent"):
        fit(effects, variances, MATRIX, {"twice": np.array([[0, 1.0, 0], [0, 2, 0]])})
