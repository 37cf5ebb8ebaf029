"""Tests of a minimum effect: p by its definition, z with that p, and validity at the boundary of the interval."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy import integrate, optimize, stats

from bids_ari.stats.choices import ALTERNATIVES, Alternative
from bids_ari.stats.glm import GlmResult, fit_glm
from bids_ari.stats.minimum_effect import p_beyond, t_beyond, z_beyond
from bids_ari.stats.mixed_effects import fit_fixed

Floats = npt.NDArray[np.float64]

DELTA = 0.4


@pytest.fixture
def effects() -> Floats:
    rng = np.random.default_rng(12)
    return np.repeat([0.0, 0.3, -0.5, 2.0, -3.0], 8) + rng.normal(size=(9, 40))


def mean_of(effects: Floats) -> GlmResult:
    (found,) = fit_glm(effects, np.ones((len(effects), 1)), {"mean": np.ones(1)})
    return found


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_without_a_minimum_effect_nothing_changes(effects: Floats, alternative: Alternative) -> None:
    glm = mean_of(effects)
    assert glm.beyond(0.0, alternative) is glm


@pytest.mark.parametrize(("alternative", "null"), [("greater", DELTA), ("less", -DELTA)])
def test_one_sided_tests_compare_with_the_minimum_effect(
    effects: Floats, alternative: Alternative, null: float
) -> None:
    expected = stats.ttest_1samp(effects, null, alternative=alternative)
    found = mean_of(effects).beyond(DELTA, alternative)
    np.testing.assert_allclose(found.t, expected.statistic, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.p(alternative), expected.pvalue, rtol=1e-9)
    np.testing.assert_allclose(10 ** -found.neg_log10_p(alternative), expected.pvalue, rtol=1e-9)
    np.testing.assert_allclose(found.effect, effects.mean(axis=0), rtol=1e-12)


def test_a_difference_of_groups_is_compared_with_the_minimum_effect(effects: Floats) -> None:
    expected = stats.ttest_ind(effects[:5] - DELTA, effects[5:], alternative="greater")
    matrix = np.eye(2)[np.repeat([0, 1], [5, 4])]
    (found,) = fit_glm(effects, matrix, {"difference": np.array([1.0, -1.0])})
    np.testing.assert_allclose(found.beyond(DELTA, "greater").p("greater"), expected.pvalue, rtol=1e-9)


def test_two_sided_p_is_the_sum_of_both_tails(effects: Floats) -> None:
    """By hand: 3 +- 1 with minimum effect 1 and 8 degrees of freedom is t = 2 and t = 4."""
    (p,) = p_beyond(np.array([-3.0]), np.ones(1), np.full(1, 8.0), 1.0)
    assert p == pytest.approx(stats.t.sf(2, 8) + stats.t.sf(4, 8), rel=1e-12)
    found = mean_of(effects).beyond(DELTA, "two-sided")
    mean, error = effects.mean(axis=0), stats.sem(effects, axis=0)
    expected = stats.t.sf((abs(mean) - DELTA) / error, 8) + stats.t.sf((abs(mean) + DELTA) / error, 8)
    np.testing.assert_allclose(found.p("two-sided"), expected, rtol=1e-9)
    np.testing.assert_allclose(2 * stats.norm.sf(np.abs(found.z)), expected, rtol=1e-9)
    np.testing.assert_array_equal(np.sign(found.z), np.sign(mean))
    np.testing.assert_allclose(10 ** -found.neg_log10_p("two-sided"), expected, rtol=1e-9)


def test_estimates_in_the_interval_have_a_p() -> None:
    """It is 1 for an estimate of 0, falls with its size, and is above 1/2 up to the minimum effect."""
    effect = np.linspace(0, 1.0, 11)
    p = p_beyond(effect, np.full(11, 0.04), np.full(11, 9.0), 1.0)
    assert p[0] == 1
    assert (np.diff(p) <= 0).all()
    assert p[-1] >= 0.5
    z = z_beyond(effect, np.full(11, 0.04), np.full(11, 9.0), 1.0)
    assert z[0] == 0
    assert (z < 0.68).all()  # of p = 1/2, two-sided
    assert not t_beyond(effect, np.full(11, 0.04), 1.0, "two-sided").any()


def test_z_is_finite_where_p_underflows() -> None:
    variance, dof = np.full(2, 1e-4), np.array([2000.0, np.inf])
    assert p_beyond(np.full(2, -1.0), variance, dof, 0.1).tolist() == [0, 0]
    z = z_beyond(np.full(2, -1.0), variance, dof, 0.1)
    assert z[1] == pytest.approx(-90, abs=0.01)  # (1 - 0.1) / 0.01, less what halving the tail adds
    assert np.isfinite(z).all()
    assert (z < -37).all()


def test_known_variances_have_a_normal_tail(effects: Floats) -> None:
    fit = fit_fixed(effects, np.ones_like(effects), np.ones((9, 1)), {"mean": np.ones(1)})
    mean = effects.mean(axis=0)
    found = fit.results[0].beyond(DELTA, "two-sided")
    expected = stats.norm.sf((abs(mean) - DELTA) * 3) + stats.norm.sf((abs(mean) + DELTA) * 3)
    np.testing.assert_allclose(found.p("two-sided"), expected, rtol=1e-9)


@pytest.mark.parametrize("dof", [2, 9])
@pytest.mark.parametrize("delta", [0.03, 0.3, 1.0, 5.0])
def test_two_sided_p_are_valid_at_the_boundary(dof: int, delta: float) -> None:
    """The exact probability of p <= 1e-3, an integral over the standard error, which is 1 in the population."""
    level = 1e-3

    def rejected(log_s: float) -> float:
        """The probability given s, times the density of log s."""
        s = np.exp(log_s)

        def excess(size: float) -> float:
            (p,) = p_beyond(np.array([size]), np.array([s * s]), np.array([float(dof)]), delta)
            return float(p) - level

        size = optimize.brentq(excess, delta, delta + 100 * s, xtol=1e-10)
        density = stats.chi2.pdf(dof * s * s, dof) * 2 * dof * s * s
        return float((stats.norm.sf(size - delta) + stats.norm.sf(size + delta)) * density)

    probability, _ = integrate.quad(rejected, -8, 1.5, epsrel=1e-4, epsabs=0, limit=200)
    assert 0.5 * level < probability <= level * 1.0005  # the precision of the integral


def test_f_tests_and_maps_have_no_minimum_effect(effects: Floats) -> None:
    (f_test,) = fit_glm(effects, np.eye(3)[np.arange(9) % 3], {"any": np.diff(np.eye(3), axis=0)})
    for glm in (f_test, GlmResult.of_z(np.ones(3)), GlmResult.of_t(np.ones(3), 5)):
        with pytest.raises(ValueError, match="minimum effect needs a t test"):
            glm.beyond(DELTA, "greater")
