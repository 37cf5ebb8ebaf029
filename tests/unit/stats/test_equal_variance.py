"""Unequal variances: the inflation of tests, against formulas of two groups and the covariance HC2 of statsmodels."""

import numpy as np
import pytest
import statsmodels.api as sm
from builders import Floats
from scipy.linalg import eigh

from bids_ari.stats.equal_variance import inflation, mixed_residual, relative_variances

DIFFERENCE = np.array([1.0, -1])


def groups(*sizes: int) -> Floats:
    return np.repeat(np.eye(len(sizes)), sizes, axis=0)


def residual(sizes: tuple[int, ...], variances: tuple[float, ...]) -> Floats:
    """Residuals of groups relative to the pooled variance, that of degrees of freedom n - 1 in each group."""
    dof = np.array(sizes) - 1
    pooled = (dof * variances).sum() / dof.sum()
    return np.sqrt(np.repeat(variances, sizes) / pooled)


class TestInflation:
    @pytest.mark.parametrize("sizes", [(8, 24), (24, 8), (10, 20), (15, 15)])
    def test_of_two_groups(self, sizes: tuple[int, int]) -> None:
        """The variance v1 / n1 + v2 / n2 relative to s^2 (1 / n1 + 1 / n2): 1 with equal sizes."""
        n = np.array(sizes)
        v = np.array([4.0, 1])
        pooled = ((n - 1) * v).sum() / (n.sum() - 2)
        found = inflation(groups(*sizes), DIFFERENCE, residual(sizes, (4, 1)))
        assert found.ratio == pytest.approx((v / n).sum() / (pooled / n).sum())
        assert found.is_liberal == (sizes[0] < sizes[1])

    def test_the_mean_of_the_group_with_the_larger_variance(self) -> None:
        """Also with equal sizes: its variance is 4 / 10, in the model 2.5 / 10."""
        found = inflation(groups(10, 10), np.array([1.0, 0]), residual((10, 10), (4, 1)))
        assert found.ratio == pytest.approx(1.6)
        assert found.is_liberal

    def test_the_mean_of_one_group_has_none(self, rng: np.random.Generator) -> None:
        """All subjects have the same weight; the mean square of studentised residuals is 1."""
        squares = rng.chisquare(3, 12)
        found = inflation(np.ones((12, 1)), np.ones(1), np.sqrt(squares / squares.mean()))
        assert (found.ratio, found.p) == (pytest.approx(1), 1)

    def test_is_the_covariance_hc2_relative_to_the_ordinary_one(self, rng: np.random.Generator) -> None:
        """Of one point; of an F test, in the direction where the ratio is largest."""
        matrix = np.column_stack([groups(8, 6, 16), rng.normal(size=30)])
        fit = sm.OLS(rng.normal(size=30) * np.repeat([3, 1, 1], [8, 6, 16]), matrix).fit()
        studentised = fit.get_influence().resid_studentized_internal
        weights = np.array([1.0, -1, 0, 0.3])
        expected = weights @ fit.get_robustcov_results("HC2").cov_params() @ weights
        assert inflation(matrix, weights, np.abs(studentised)).ratio == pytest.approx(
            expected / (weights @ fit.cov_params() @ weights)
        )
        rows = np.array([[1.0, -1, 0, 0], [0, 1, -1, 0]])
        robust, ordinary = (
            rows @ c @ rows.T for c in (fit.get_robustcov_results("HC2").cov_params(), fit.cov_params())
        )
        assert inflation(matrix, rows, np.abs(studentised)).ratio == pytest.approx(eigh(robust, ordinary)[0][-1])

    def test_a_covariate_with_larger_errors_where_it_is_extreme(self) -> None:
        """Weights are x / x'x: the variance is sum x^2 s^2 / (x'x)^2."""
        x = np.linspace(-1, 1, 41)
        variance = 0.2 + x**2
        found = inflation(np.column_stack([np.ones(41), x]), np.array([0.0, 1]), np.sqrt(variance / variance.mean()))
        assert found.ratio == pytest.approx((x**2 * variance).sum() / (x**2).sum() / variance.mean())
        assert found.is_liberal

    def test_subjects_that_differ_by_chance_are_no_reason(self, rng: np.random.Generator) -> None:
        """At most 2 % of rearrangements reach the inflation of a warning; the standard error of 200 is 1 %."""
        warned = [inflation(groups(8, 24), DIFFERENCE, np.exp(rng.normal(size=32) / 2)).is_liberal for _ in range(200)]
        assert np.mean(warned) < 0.05

    def test_subjects_without_residual_count_as_expected(self) -> None:
        """The only subject of its group: variances 4 and 1 of the others are those of groups of equal size."""
        found = inflation(groups(1, 9, 9), np.array([0.0, 1, -1]), np.r_[np.nan, residual((9, 9), (4, 1))])
        assert found.ratio == pytest.approx(1)


def test_the_variance_of_a_group_is_the_mean_over_its_subjects() -> None:
    found = relative_variances(np.array([1.0, 2, 3, np.nan]), np.array([1, 0, 0, 2]))
    np.testing.assert_allclose(found, [(4 + 9) / 2, 1, np.nan])


class TestMixedResidual:
    def test_without_first_level_variance_it_is_the_studentised_residual(self, rng: np.random.Generator) -> None:
        """By statsmodels, relative to its mean square at the point."""
        matrix, effects = groups(5, 9), rng.normal(size=(14, 1))
        studentised = sm.OLS(effects[:, 0], matrix).fit().get_influence().resid_studentized_internal
        found = mixed_residual(effects, np.zeros((14, 1)), np.array([2.0]), matrix)
        np.testing.assert_allclose(found, np.abs(studentised) / np.sqrt((studentised**2).mean()))

    def test_variances_that_the_first_level_explains_are_equal(self, rng: np.random.Generator) -> None:
        """20,000 points: the standard error of a mean square is 1 %."""
        variances = np.repeat([[4.0], [1.0]], [5, 9], axis=0) * np.ones((14, 20_000))
        effects = rng.normal(size=variances.shape) * np.sqrt(variances + 0.5)
        effects[3, :10] = np.nan  # points that are not used
        found = mixed_residual(effects, variances, np.full(20_000, 0.5), groups(5, 9))
        np.testing.assert_allclose(found**2, 1, atol=0.05)
