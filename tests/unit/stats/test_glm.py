"""t and F tests, blocks of points, and refused models."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from bids_ari.stats.choices import ALTERNATIVES, Alternative
from bids_ari.stats.glm import (
    CONSTANT,
    ILL_CONDITIONED,
    GlmResult,
    blocks,
    check_model,
    condition_number,
    fit_glm,
    parts,
)

Floats = npt.NDArray[np.float64]

# Both sides sum some tens of squares in float64 in another order: 1e-10 leaves room for a thousand roundings.
SUMS = 1e-10


@pytest.fixture
def effects() -> Floats:
    """Twelve subjects, 40 points: null, active, and far from zero with little variance."""
    rng = np.random.default_rng(42)
    means = np.repeat([0.0, 1.5, -0.7, 100.0], 10)
    return means + rng.normal(size=(12, 40)) * rng.uniform(0.1, 3, size=40)


def one_sample(effects: Floats) -> GlmResult:
    (result,) = fit_glm(effects, np.ones((len(effects), 1)), {"mean": np.ones(1)})
    return result


def with_missing(effects: Floats) -> Floats:
    """The same, without some subjects at some points; point 0 keeps one subject, point 1 two, point 2 none."""
    missing = np.random.default_rng(7).uniform(size=effects.shape) < 0.2
    missing[:, :3] = True
    missing[4, 0] = missing[3, 1] = missing[9, 1] = False
    return np.where(missing, np.nan, effects)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_one_sample_t_test(effects: Floats, alternative: Alternative) -> None:
    expected = stats.ttest_1samp(effects, 0, alternative=alternative)
    found = one_sample(effects)
    np.testing.assert_allclose(found.t, expected.statistic, rtol=SUMS)
    np.testing.assert_allclose(found.p(alternative), expected.pvalue, rtol=1e-8)  # |t| up to 1e3 raises t to dof
    np.testing.assert_allclose(found.effect, effects.mean(axis=0), rtol=SUMS)
    np.testing.assert_allclose(found.variance, effects.var(axis=0, ddof=1) / 12, rtol=SUMS)
    np.testing.assert_array_equal(found.dof, 11)
    tail = stats.t.sf(np.abs(expected.statistic), 11)
    np.testing.assert_allclose(found.z, np.sign(expected.statistic) * stats.norm.isf(tail), rtol=1e-8)


def test_two_sample_t_test(effects: Floats) -> None:
    group = np.repeat([0.0, 1.0], [5, 7])
    (found,) = fit_glm(effects, np.column_stack([1 - group, group]), {"second - first": np.array([-1.0, 1.0])})
    expected = stats.ttest_ind(effects[group == 1], effects[group == 0])
    np.testing.assert_allclose(found.t, expected.statistic, rtol=SUMS)
    np.testing.assert_allclose(found.p("two-sided"), expected.pvalue, rtol=1e-8)  # t to the power of dof


def test_regression(effects: Floats) -> None:
    age = np.random.default_rng(1).uniform(20, 60, size=12)
    (found,) = fit_glm(effects, np.column_stack([np.ones(12), age]), {"age": np.array([0.0, 1.0])})
    lines = [stats.linregress(age, point) for point in effects.T]
    np.testing.assert_allclose(found.effect, [line.slope for line in lines], rtol=SUMS)
    np.testing.assert_allclose(found.variance, [line.stderr**2 for line in lines], rtol=SUMS)


def test_variances_with_few_digits_are_not_tested(effects: Floats) -> None:
    """A column in units of 1e5 makes the variance of its coefficient subnormal where that of residuals is not."""
    matrix = np.column_stack([np.ones(len(effects)), 1e5 * np.linspace(-1, 1, len(effects))])
    tests = {"slope": np.array([0.0, 1.0])}
    (usual,), (found,) = fit_glm(effects, matrix, tests), fit_glm(effects * 1e-152, matrix, tests)
    assert np.isnan(found.z).all()
    np.testing.assert_allclose(fit_glm(effects * 1e-140, matrix, tests)[0].z, usual.z, rtol=1e-10)


def by_normal_equations(effects: Floats, matrix: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return w b and its variance, b = (X'X)^-1 X'y, s^2 w (X'X)^-1 w', one point at a time."""
    inverse = np.linalg.inv(matrix.T @ matrix)
    effect, variance = [], []
    for y in effects.T:
        coefficients = inverse @ (matrix.T @ y)
        residuals = y - matrix @ coefficients
        effect.append(weights @ coefficients)
        variance.append(residuals @ residuals / (len(y) - matrix.shape[1]) * (weights @ inverse @ weights))
    return np.array(effect), np.array(variance)


@pytest.fixture
def covariates() -> Floats:
    """A mean, a group, two covariates."""
    rng = np.random.default_rng(3)
    return np.column_stack([np.ones(12), np.tile([0.0, 1.0], 6), rng.normal(size=(12, 2))])


@pytest.fixture
def weights() -> Mapping[str, Floats]:
    return {"mean": np.array([1.0, 0.5, 0, 0]), "group": np.array([0, 1.0, 0, 0]), "mixed": np.array([0, 1, -2, 0.3])}


def test_several_columns_and_tests(effects: Floats, covariates: Floats, weights: Mapping[str, Floats]) -> None:
    found = fit_glm(effects, covariates, weights)
    assert [result.test for result in found] == ["mean", "group", "mixed"]
    for result in found:
        effect, variance = by_normal_equations(effects, covariates, weights[result.test])
        np.testing.assert_allclose(result.effect, effect, rtol=SUMS, atol=1e-12)  # near 0, parts of 100 cancel
        np.testing.assert_allclose(result.variance, variance, rtol=1e-9)  # inv squares the condition number
        np.testing.assert_allclose(result.t, effect / np.sqrt(variance), rtol=1e-9, atol=1e-11)
        np.testing.assert_array_equal(result.dof, 8)


def test_missing_subjects_are_excluded_per_point(effects: Floats) -> None:
    effects = with_missing(effects)
    found = one_sample(effects)
    n_subjects = (~np.isnan(effects)).sum(axis=0)
    assert np.unique(n_subjects).size > 5
    np.testing.assert_array_equal(found.dof, np.maximum(n_subjects - 1, 0))
    enough = n_subjects > 1
    expected = stats.ttest_1samp(effects[:, enough], 0, nan_policy="omit", alternative="greater")
    np.testing.assert_allclose(found.t[enough], expected.statistic, rtol=SUMS)
    np.testing.assert_allclose(found.p("greater")[enough], expected.pvalue, rtol=1e-8)  # t to the power of dof


def test_missing_subjects_with_covariates(effects: Floats, covariates: Floats, weights: Mapping[str, Floats]) -> None:
    effects = with_missing(effects)
    for result in fit_glm(effects, covariates, weights):
        for point in range(5, 40):
            rows = ~np.isnan(effects[:, point])
            (effect,), (variance,) = by_normal_equations(
                effects[rows, point : point + 1], covariates[rows], weights[result.test]
            )
            assert result.effect[point] == pytest.approx(effect, rel=1e-9, abs=1e-11)  # inv squares the condition
            assert result.variance[point] == pytest.approx(variance, rel=1e-9)
            assert result.dof[point] == rows.sum() - 4


def test_too_few_subjects(effects: Floats) -> None:
    found = one_sample(with_missing(effects))
    np.testing.assert_array_equal(found.dof[:3], [0, 1, 0])  # one subject, two, none
    for values in (found.effect, found.variance, found.t, found.z, found.p("less")):
        np.testing.assert_array_equal(np.isnan(values[:3]), [True, False, True])


def test_missing_groups(effects: Floats) -> None:
    """Where only one group has data, the mean of the other cannot be estimated."""
    group = np.repeat([0.0, 1.0], 6)
    effects[6:, 3] = np.nan
    (found,) = fit_glm(effects, np.column_stack([1 - group, group]), {"difference": np.array([-1.0, 1.0])})
    assert np.flatnonzero(np.isnan(found.t)).tolist() == [3]
    assert found.dof[3] == 0


def test_constant_points_are_not_tested() -> None:
    """Constant: residual variance at most 1e-12 times the mean square.

    Of 1 + e * (-1, 1, -1, 1), the residual variance is e^2 * 4 / 3, the mean square 1 + e^2.
    """
    assert CONSTANT == 1e-12
    wiggle = np.array([-1.0, 1, -1, 1])
    effects = np.column_stack([np.zeros(4), np.full(4, 0.1), 1 + 0.8e-6 * wiggle, 1 + 0.9e-6 * wiggle, wiggle])
    found = one_sample(effects)
    untested = [True, True, True, False, False]  # 4 / 3 * .64e-12 < 1e-12 < 4 / 3 * .81e-12
    for values in (found.effect, found.variance, found.t, found.z, found.p("greater")):
        np.testing.assert_array_equal(np.isnan(values), untested)
    np.testing.assert_array_equal(found.dof, 3)


@pytest.mark.parametrize("unit", [2.0**-500, 2.0**-520, 2.0**-535, 2.0**-545])
def test_squares_below_the_range_of_floating_point(effects: Floats, unit: float) -> None:
    """A t is that of effects in other units, or there is none: never one of squares that have lost their digits."""
    with np.errstate(under="ignore"):
        t = one_sample(effects * unit).t
    known = ~np.isnan(t)
    assert known.any() == (unit >= 2.0**-510)
    np.testing.assert_array_equal(t[known], one_sample(effects).t[known])


def test_units_do_not_change_the_test(effects: Floats) -> None:
    """t of 2^-60 times the effects is exactly the same."""
    np.testing.assert_array_equal(one_sample(effects * 2.0**-60).t, one_sample(effects).t)


@pytest.mark.parametrize("complete", [True, False])
def test_the_result_does_not_depend_on_blocks(
    effects: Floats, covariates: Floats, weights: Mapping[str, Floats], complete: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    effects = effects if complete else with_missing(effects)
    at_once = fit_glm(effects, covariates, weights)
    monkeypatch.setattr("bids_ari.stats.glm.BLOCK_VALUES", 12 * 7)  # 7 points of 12 subjects
    for whole, blockwise in zip(at_once, fit_glm(effects, covariates, weights), strict=True):
        for name in ("effect", "variance", "t", "z", "dof"):
            # BLAS may sum in another order when the matrix is narrower
            np.testing.assert_allclose(getattr(blockwise, name), getattr(whole, name), rtol=1e-9, atol=1e-12)


def test_arguments_are_not_changed(effects: Floats, covariates: Floats, weights: Mapping[str, Floats]) -> None:
    effects = with_missing(effects)
    before = [a.copy() for a in (effects, covariates, *weights.values())]
    fit_glm(effects, covariates, weights)
    for array, copy in zip((effects, covariates, *weights.values()), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_matrix_needs_a_row_per_subject(effects: Floats) -> None:
    with pytest.raises(ValueError, match="matrix must have one row per subject: 12; found 11"):
        fit_glm(effects, np.ones((11, 1)), {"mean": np.ones(1)})


def test_needs_more_subjects_than_columns(effects: Floats) -> None:
    with pytest.raises(ValueError, match="n_subjects must exceed the rank of the design, 4; found 4"):
        fit_glm(effects[:4], np.eye(4), {"first": np.array([1.0, 0, 0, 0])})
    with pytest.raises(ValueError, match="rank of the design, 1; found 1"):
        one_sample(effects[:1])


def test_weights_need_an_entry_per_column(effects: Floats, covariates: Floats) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (numpy's own message)
        fit_glm(effects, covariates, {"short": np.ones(3)})


@pytest.mark.parametrize("points", [np.array([5, 2]), np.arange(40) % 13 == 2])
def test_at_selects_points(effects: Floats, points: npt.NDArray[np.int_]) -> None:
    found = one_sample(effects)
    some = found.at(points)
    assert some.test == "mean"
    for name in ("effect", "variance", "t", "z", "dof"):
        np.testing.assert_array_equal(getattr(some, name), getattr(found, name)[points])


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_z_map_computed_elsewhere(alternative: Alternative) -> None:
    z = np.array([-2.5, np.nan, 0.3, 40])
    found = GlmResult.of_z(z)
    tails = {"greater": stats.norm.sf(z), "less": stats.norm.cdf(z), "two-sided": 2 * stats.norm.sf(np.abs(z))}
    np.testing.assert_allclose(found.p(alternative), tails[alternative], rtol=1e-12)  # rounding, times z^2
    np.testing.assert_array_equal(found.z, z)
    np.testing.assert_array_equal(found.dof, np.inf)
    some = found.at(np.array([0, 3]))
    np.testing.assert_array_equal(some.z, [-2.5, 40])
    assert (some.test, some.t, some.effect, some.variance) == ("", None, None, None)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_t_map_computed_elsewhere(effects: Floats, alternative: Alternative) -> None:
    fitted = one_sample(effects)
    assert fitted.t is not None
    found = GlmResult.of_t(fitted.t, dof=11)
    np.testing.assert_array_equal(found.z, fitted.z)
    np.testing.assert_array_equal(found.dof, fitted.dof)
    np.testing.assert_array_equal(found.p(alternative), fitted.p(alternative))
    assert (found.effect, found.variance) == (None, None)


def test_repr(effects: Floats) -> None:
    assert repr(one_sample(effects)) == "GlmResult(test='mean', n_points=40, dof=[11.])"


def test_refused_collinear_columns() -> None:
    with pytest.raises(ValueError, match=r"independent columns, .* at most 1e\+08; found"):
        fit_glm(np.zeros((5, 1)), np.ones((5, 2)), {"mean": np.ones(2)})


def test_refused_without_tests() -> None:
    with pytest.raises(ValueError, match="at least one"):
        fit_glm(np.zeros((5, 1)), np.ones((5, 1)), {})


# Sums of some tens of squares in another order; F near 0 is a difference of such sums.
SUMS_OF_F = 1e-9

GROUPS = np.repeat(np.eye(3), [5, 4, 7], axis=0)
DIFFERENCES = np.array([[-1.0, 1, 0], [-1, 0, 1]])


class OnDisk:
    """Effects as in a file: float32, by slices only; records the width of each slice."""

    def __init__(self, values: Floats) -> None:
        self.values = values.astype(np.float32)
        self.shape = values.shape
        self.widths: list[int] = []

    def __getitem__(self, key: tuple[slice, slice]) -> Floats:
        rows, points = key
        assert isinstance(rows, slice)
        assert isinstance(points, slice)
        self.widths.append(points.stop - points.start)
        return self.values[key].astype(np.float64)


@pytest.fixture
def group_effects(rng: np.random.Generator) -> Floats:
    """16 subjects, 30 points: null, different groups, far from zero."""
    shift = GROUPS @ np.array([0.0, 1, 2])
    return rng.normal(size=(16, 30)) + np.repeat([0, 2.0, 0], 10) * shift[:, None] + np.repeat([0, 0, 50.0], 10)


def f_test(group_effects: Any, matrix: Floats, weights: Floats) -> GlmResult:
    (result,) = fit_glm(group_effects, matrix, {"groups": weights})
    return result


def test_groups_as_analysis_of_variance(group_effects: Floats) -> None:
    found = f_test(group_effects, GROUPS, DIFFERENCES)
    expected = stats.f_oneway(group_effects[:5], group_effects[5:9], group_effects[9:])
    np.testing.assert_allclose(found.f, expected.statistic, rtol=SUMS_OF_F)
    np.testing.assert_allclose(found.p("greater"), expected.pvalue, rtol=1e-8)  # F to the power of dof / 2
    np.testing.assert_allclose(found.z, stats.norm.isf(expected.pvalue), rtol=1e-8, atol=1e-9)
    np.testing.assert_array_equal(found.dof, 13)
    assert (found.n_rows, found.t, found.effect, found.variance) == (2, None, None, None)


def test_full_model_against_residuals(group_effects: Floats, rng: np.random.Generator) -> None:
    """F is the decrease of the residual sum of squares when tested columns are added, over rows and sigma^2."""
    matrix = np.column_stack([np.ones(16), rng.normal(size=(16, 3))])
    found = f_test(group_effects, matrix, np.eye(4)[[1, 3]])
    rss_full, rss_reduced = (
        ((group_effects - x @ np.linalg.lstsq(x, group_effects)[0]) ** 2).sum(axis=0)
        for x in (matrix, matrix[:, [0, 2]])
    )
    np.testing.assert_allclose(found.f, (rss_reduced - rss_full) / 2 / (rss_full / 12), rtol=1e-7)  # a difference


@pytest.mark.parametrize("weights", [np.array([1.0, -1, 0]), np.array([0.0, 0, 3])])
def test_one_row_is_t_squared(group_effects: Floats, weights: Floats) -> None:
    t, f = fit_glm(group_effects, GROUPS, {"t": weights, "F": weights[None]})
    assert t.t is not None
    np.testing.assert_allclose(f.f, t.t**2, rtol=SUMS_OF_F)
    np.testing.assert_allclose(f.p("greater"), t.p("two-sided"), rtol=1e-8)
    assert (t.f, t.n_rows, f.n_rows) == (None, 0, 1)


def test_f_where_subjects_are_missing(group_effects: Floats) -> None:
    """Point 0 lacks some of each group, 1 a whole group, 2 leaves as many subjects as groups, 3 all."""
    group_effects[[0, 6, 9, 15], 0] = np.nan
    group_effects[5:9, 1] = np.nan
    group_effects[:, 2] = np.where(np.isin(np.arange(16), [0, 5, 9]), 1.0, np.nan)
    group_effects[:, 3] = np.nan
    found = f_test(group_effects, GROUPS, DIFFERENCES)
    expected = stats.f_oneway(group_effects[1:5, 0], group_effects[[5, 7, 8], 0], group_effects[10:15, 0])
    assert found.f is not None
    assert found.f[0] == pytest.approx(expected.statistic, rel=SUMS_OF_F)
    np.testing.assert_array_equal(found.dof[:5], [9, 0, 0, 0, 13])
    for values in (found.f, found.z, found.p("greater")):
        np.testing.assert_array_equal(np.isnan(values[:5]), [False, True, True, True, False])


def test_f_of_constant_points() -> None:
    group_effects = np.column_stack([np.zeros(16), np.full(16, 0.1), GROUPS @ [1.0, 2, 3]])
    found = f_test(group_effects, GROUPS, DIFFERENCES)
    assert found.f is not None
    assert np.isnan(found.f).all()  # no residual at all: in the third point groups differ, without variance
    np.testing.assert_array_equal(found.dof, 13)


@pytest.mark.parametrize("alternative", [a for a in ALTERNATIVES if a != "greater"])
def test_f_has_no_other_alternative(group_effects: Floats, alternative: Any) -> None:
    with pytest.raises(ValueError, match=f"F test must be greater; found '{alternative}'"):
        f_test(group_effects, GROUPS, DIFFERENCES).p(alternative)


def test_at_selects_points_of_f(group_effects: Floats) -> None:
    found = f_test(group_effects, GROUPS, DIFFERENCES)
    some = found.at(np.array([4, 2]))
    assert found.f is not None
    np.testing.assert_array_equal(some.f, found.f[[4, 2]])
    np.testing.assert_array_equal(some.dof, [13, 13])
    assert (some.test, some.n_rows, some.t) == ("groups", 2, None)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros(3), "test 'mine' must be finite and not all zero"),
        (np.array([1.0, np.nan, 0]), "test 'mine' must be finite"),
        (np.ones(2), r"test 'mine' must have one entry per column: 3; found \(2,\)"),
        (np.ones((1, 4)), r"one entry per column: 3; found \(1, 4\)"),
        (np.array([[1.0, 0, 0], [2, 0, 0]]), "rows of test 'mine' must be independent; found 2"),
        (np.array([[1.0, 0, 0], [0, 0, 0]]), "rows of test 'mine' must be independent"),
        (np.array([[1.0, 0, -1], [0, 1, -1], [1, 1, -2]]), "independent; found 3"),
        (np.vstack([np.eye(3), np.ones(3)]), "independent; found 4"),
    ],
)
def test_refused_weights(group_effects: Floats, weights: Floats, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_glm(group_effects, GROUPS, {"fine": np.ones(3), "mine": weights})


def test_rows_of_different_units_are_independent(group_effects: Floats) -> None:
    small = f_test(group_effects, GROUPS, DIFFERENCES * [[1e-9], [1e9]])
    np.testing.assert_allclose(small.f, f_test(group_effects, GROUPS, DIFFERENCES).f, rtol=SUMS_OF_F)


def test_units_of_columns_do_not_make_rows_dependent(group_effects: Floats) -> None:
    """In a column of 1e9 the weights are of that size: the difference between the rows is small relative to them."""
    rows = np.array([[1.0, 1, 0], [-1, 1, 0]])
    units = np.array([1, 1e9, 1])
    found = f_test(group_effects, GROUPS * units, rows * units)
    np.testing.assert_allclose(found.f, f_test(group_effects, GROUPS, rows).f, rtol=SUMS_OF_F)


def test_condition_number_does_not_depend_on_units() -> None:
    """Columns (1, 1) / sqrt 2 and (1, 0) of length 1: singular values sqrt(1 +- cos 45 degrees)."""
    c = np.sqrt(0.5)
    expected = np.sqrt((1 + c) / (1 - c))
    for units in ([1.0, 1], [1e-8, 1e7]):
        assert condition_number(np.array([[1.0, 1], [1, 0]]) * units) == pytest.approx(expected, rel=1e-12)
    assert condition_number(np.eye(3)) == 1
    assert condition_number(np.array([[1.0, 0], [1, 0]])) == np.inf
    assert condition_number(np.ones((2, 3))) == np.inf


@pytest.mark.parametrize(("apart", "refused"), [(1e-7, False), (1e-9, True), (0.0, True)])
def test_nearly_collinear_columns(apart: float, refused: bool) -> None:
    """Of the columns 1 and 1 + apart * (+-1), the scaled condition number is 2 / apart but for rounding."""
    wiggle = np.tile([-1.0, 1], 4)
    matrix = np.column_stack([np.ones(8), 1 + apart * wiggle])
    assert ILL_CONDITIONED == 1e8
    if refused:
        with pytest.raises(ValueError, match="scaled condition number be at most 1e\\+08; found"):
            check_model(8, matrix, {"mean": np.array([1.0, 0])})
    else:
        assert condition_number(matrix) == pytest.approx(2 / apart, rel=1e-6)
        check_model(8, matrix, {"mean": np.array([1.0, 0])})


def test_a_point_whose_subjects_are_nearly_collinear_is_not_tested() -> None:
    """Without subject 0 the second column is constant to 1e-10."""
    x = np.r_[5, 1 + 1e-10 * np.tile([-1.0, 1], 4)]
    group_effects = np.tile(np.r_[1.0, 2, 4, 3, 5, 7, 6, 9, 8], (2, 1)).T
    group_effects[0, 1] = np.nan
    found = f_test(group_effects, np.column_stack([np.ones(9), x]), np.array([[0.0, 1]]))
    np.testing.assert_array_equal(np.isnan(found.z), [False, True])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_refused_matrix_that_is_not_finite(group_effects: Floats, bad: float) -> None:
    matrix = GROUPS.copy()
    matrix[3, 1] = bad
    with pytest.raises(ValueError, match="matrix must have finite values"):
        f_test(group_effects, matrix, DIFFERENCES)


def test_blocks_hold_32_megabytes() -> None:
    """2^22 values of 8 bytes: of 1,000 subjects 4,194 points."""
    group_effects = np.broadcast_to(0.0, (1000, 10_000))
    assert list(blocks(group_effects)) == [slice(0, 4194), slice(4194, 8388), slice(8388, 10_000)]
    assert list(blocks(np.broadcast_to(0.0, (5_000_000, 2)))) == [slice(0, 1), slice(1, 2)]
    assert list(blocks(np.zeros((3, 0)))) == []


def test_values_on_disk_are_read_once_block_by_block(group_effects: Floats, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bids_ari.stats.glm.BLOCK_VALUES", 16 * 8)
    group_effects = group_effects.astype(np.float32).astype(np.float64)
    group_effects[2, 9:14] = np.nan
    disk = OnDisk(group_effects)
    found = f_test(disk, GROUPS, DIFFERENCES)
    assert disk.widths == [8, 8, 8, 6]
    np.testing.assert_array_equal(found.z, f_test(group_effects, GROUPS, DIFFERENCES).z)


def test_parts_are_the_points_of_the_same_subjects(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each point is in one part, with exactly the subjects that have data there; a block has a part per pattern."""
    monkeypatch.setattr("bids_ari.stats.glm.BLOCK_VALUES", 19 * 50)
    group_effects = rng.normal(size=(19, 120))  # 19 subjects need three bytes
    patterns = rng.uniform(size=(19, 6)) < 0.3
    patterns[:, 0] = False
    group_effects[patterns[:, rng.integers(6, size=120)]] = np.nan
    found = np.full(group_effects.shape, np.nan)
    seen = []
    for part in parts(group_effects):
        found[np.ix_(part.rows, part.points)] = part.values
        seen.append((part.points[0] // 50, tuple(part.rows)))
        assert not np.isnan(part.values).any()
        assert (np.diff(part.points) > 0).all()
    np.testing.assert_array_equal(found, group_effects)
    assert len(set(seen)) == len(seen) == 18  # 6 patterns in each of 3 blocks
