from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from bids_ari.stats.choices import ALTERNATIVES, Alternative
from bids_ari.stats.glm import CONSTANT, GlmResult, fit_glm

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
