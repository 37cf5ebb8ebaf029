"""Fixed and mixed effects against statsmodels and PyMARE."""

import numpy as np
import numpy.typing as npt
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bids_ari.stats.mixed_effects import fit_fixed, fit_mixed

Floats = npt.NDArray[np.float64]

N_SUBJECTS, N_COLUMNS, N_POINTS = 15, 4, 3
SPAN = 1e4
"""The largest condition number of the design, and the largest ratio of weights, up to which digits are compared."""

TESTS = {"last": np.eye(4)[3], "mixture": np.array([1, -1, 0.5, 2]), "three": np.eye(4)[1:]}


def case(seed: int, condition: float, ratio: float) -> tuple[Floats, Floats, Floats]:
    """Effects, variances and a design whose singular values, and whose weights, span the given ranges."""
    rng = np.random.default_rng(seed)
    left, _ = np.linalg.qr(rng.normal(size=(N_SUBJECTS, N_COLUMNS)))
    right, _ = np.linalg.qr(rng.normal(size=(N_COLUMNS, N_COLUMNS)))
    matrix = left * np.geomspace(1, 1 / condition, N_COLUMNS) @ right
    variances = ratio ** rng.uniform(-0.5, 0.5, size=(N_SUBJECTS, N_POINTS))
    effects = matrix @ rng.normal(size=(N_COLUMNS, N_POINTS)) + rng.normal(size=(N_SUBJECTS, N_POINTS))
    return effects, variances, matrix


cases = given(seed=st.integers(0, 2**32 - 1), condition=st.floats(1, SPAN), ratio=st.floats(1, SPAN))


# F of the last three columns is compared with that of the model without them: statsmodels' own Wald test inverts
# products of the design with itself, and has 7 digits left where the condition is 1e4 (computed
# with 60 digits, this package is right to 1e-11).


def check(found: Floats, expected: float) -> None:
    """Eight digits, of the value or of the standard error, whichever is larger: an estimate may be near 0."""
    assert found == pytest.approx(expected, rel=1e-8, abs=1e-8)


@settings(max_examples=100, deadline=None)
@cases
def test_fixed_effects_are_weighted_least_squares_of_known_scale(seed: int, condition: float, ratio: float) -> None:
    effects, variances, matrix = case(seed, condition, ratio)
    results = fit_fixed(effects, variances, matrix, TESTS).results
    for point in range(N_POINTS):
        model = sm.WLS(effects[:, point], matrix, weights=1 / variances[:, point])
        expected = model.fit(cov_type="fixed scale")
        for result in results[:2]:
            single = expected.t_test(TESTS[result.test])
            check(result.variance[point] / single.sd.item() ** 2, 1)
            check(result.z[point], single.tvalue.item())
        reduced = sm.WLS(effects[:, point], matrix[:, :1], weights=1 / variances[:, point]).fit()
        check(results[2].f[point], (reduced.ssr - expected.ssr) / 3)


@settings(max_examples=100, deadline=None)
@cases
def test_mixed_effects_are_weighted_least_squares_given_tau2(seed: int, condition: float, ratio: float) -> None:
    """Knapp and Hartung's scale is that of weighted least squares with an unknown scale."""
    effects, variances, matrix = case(seed, condition, ratio)
    found = fit_mixed(effects, variances, matrix, TESTS)
    for point in range(N_POINTS):
        weights = 1 / (variances[:, point] + found.tau2[point])
        expected = sm.WLS(effects[:, point], matrix, weights=weights).fit()
        for result in found.results[:2]:
            single = expected.t_test(TESTS[result.test])
            check(result.variance[point] / single.sd.item() ** 2, 1)
            check(result.t[point], single.tvalue.item())
            check(result.p("two-sided")[point], single.pvalue.item())
        reduced = sm.WLS(effects[:, point], matrix[:, :1], weights=weights).fit()
        f, p, _ = expected.compare_f_test(reduced)
        check(found.results[2].f[point], f)
        check(found.results[2].p("greater")[point], p)


@pytest.fixture(scope="module")
def study() -> tuple[Floats, Floats, Floats]:
    """Twenty subjects, two groups, a covariate, 50 points."""
    rng = np.random.default_rng(11)
    matrix = np.column_stack([np.ones(20), np.tile([0.0, 1.0], 10), rng.normal(size=20)])
    variances = 10 ** rng.uniform(-1, 1, size=(20, 50))
    effects = rng.normal(size=(20, 50)) * np.sqrt(variances + rng.uniform(0, 2, size=50)) + 0.5
    return effects, variances, matrix


# PyMARE solves the normal equations of the design itself, of condition below 10 here; weights span 1e2.
DIGITS = 1e-9
COEFFICIENTS = {"mean": np.eye(3)[0], "group": np.eye(3)[1], "covariate": np.eye(3)[2]}


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_pymare_fixed_effects(study: tuple[Floats, Floats, Floats]) -> None:
    """Its weighted least squares, with tau2 = 0 and without its correction, which belongs to another model."""
    effects, variances, matrix = study
    estimators = pytest.importorskip("pymare.estimators")
    estimator = estimators.WeightedLeastSquares(tau2=0.0, small_sample_correction="wald")
    expected = estimator.fit(y=effects, v=variances, X=matrix).summary().get_fe_stats()
    for i, found in enumerate(fit_fixed(*study, COEFFICIENTS).results):
        np.testing.assert_allclose(found.effect, expected["est"][i], rtol=DIGITS, atol=1e-12)
        np.testing.assert_allclose(np.sqrt(found.variance), expected["se"][i], rtol=DIGITS)
        np.testing.assert_allclose(found.p("two-sided"), expected["p"][i], rtol=1e-8)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_pymare_mixed_effects(study: tuple[Floats, Floats, Floats]) -> None:
    """Effect, tau2, standard error and p: with the correction of Knapp and Hartung, its p is that of t."""
    estimators = pytest.importorskip("pymare.estimators")
    summary = estimators.DerSimonianLaird(small_sample_correction="knapp-hartung").fit(*study).summary()
    expected, found = summary.get_fe_stats(), fit_mixed(*study, COEFFICIENTS)
    assert 0 < (found.tau2 == 0).sum() < 25
    np.testing.assert_allclose(found.tau2, np.ravel(summary.tau2), rtol=DIGITS, atol=1e-12)
    for i, result in enumerate(found.results):
        np.testing.assert_allclose(result.effect, expected["est"][i], rtol=DIGITS, atol=1e-12)
        np.testing.assert_allclose(np.sqrt(result.variance), expected["se"][i], rtol=DIGITS)
        np.testing.assert_allclose(result.p("two-sided"), expected["p"][i], rtol=1e-8)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_pymare_without_the_correction_has_a_normal_tail(study: tuple[Floats, Floats, Floats]) -> None:
    """The same effect and tau2, another standard error, and p of the normal distribution, too small in the tail."""
    estimators = pytest.importorskip("pymare.estimators")
    expected = estimators.DerSimonianLaird(small_sample_correction="wald").fit(*study).summary().get_fe_stats()
    result = fit_mixed(*study, COEFFICIENTS).results[1]
    np.testing.assert_allclose(result.effect, expected["est"][1], rtol=DIGITS, atol=1e-12)
    np.testing.assert_allclose(expected["p"][1], 2 * stats.norm.sf(abs(expected["est"][1] / expected["se"][1])))
    assert (abs(np.sqrt(result.variance) / expected["se"][1] - 1) > 1e-3).mean() > 0.9
