from itertools import product

import numpy as np
import pytest

from bids_ari.config.options import Options
from bids_ari.stats.calibration import calibrate, calibrate_step_down, n_allowed_errors
from bids_ari.stats.critical_vectors import Beta, Learned, Simes, smallest_lambda


def test_lambda_and_categories_by_hand() -> None:
    """Simes, m = 4: lambda_b = min 4 p_(k) / k. Of .04 .06 .3 .9 it is .12 (k = 2), below the second, .2."""
    p = np.array([[0.06, 0.9, 0.04, 0.3], [0.05, 0.5, 0.6, 0.9], [0.2, 0.4, 0.5, 0.7], [0.5, 0.6, 0.7, 0.9]])
    found = calibrate(smallest_lambda(Simes(4), np.sort(p, axis=1)), Simes(4), alpha=0.25)
    np.testing.assert_allclose(found.lambdas, [0.12, 0.2, 2 / 3, 0.9])
    assert found.lambda_ == pytest.approx(0.2)
    np.testing.assert_allclose(found.family.critical(found.lambda_), [0.05, 0.1, 0.15, 0.2])
    bound = found.bound(p[0])
    assert bound.category.tolist() == [2, 5, 1, 5]
    assert bound.category.dtype == np.int32
    assert (bound.whole, bound.alpha, bound.method, bound.h) == (1, 0.25, "permutation", None)


def test_equality_is_no_discovery() -> None:
    """With 20 permutations and alpha = .05 lambda is the second smallest; the observed p equals it, too."""
    lambdas = np.array([0.04, 0.04, *[0.5] * 18])
    found = calibrate(lambdas, Simes(1), 0.05)
    assert found.bound(np.array([0.04])).whole == 0
    assert found.bound(np.array([np.nextafter(0.04, 0)])).whole == 1


def test_delta_gives_up_small_sets() -> None:
    family = Simes(10, delta=3)
    np.testing.assert_allclose(family.critical(0.7), [0, 0, 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
    found = calibrate(np.full(20, 0.7), family, 0.05)
    assert found.bound(np.zeros(10)).category.tolist() == [4] * 10
    assert found.bound(np.zeros(10)).tdn(np.arange(4)) == 1
    assert found.bound(np.zeros(10)).tdn(np.arange(3)) == 0


def test_a_lambda_of_0_finds_nothing() -> None:
    """Where more than alpha of the permutations have a p of 0."""
    found = calibrate(np.zeros(20), Beta(3), 0.05)
    assert found.bound(np.zeros(3)).whole == 0


def test_learned_lines_between_quantiles() -> None:
    """Two permutations: levels 1/3 and 2/3 are their p in order, 0 and 1 the ends."""
    family = Learned.from_smallest_p(np.array([[0.2, 0.5], [0.1, 0.8]]))
    np.testing.assert_allclose(family.critical(1 / 3), [0.1, 0.5])
    np.testing.assert_allclose(family.critical(0.5), [0.15, 0.65])
    np.testing.assert_allclose(family.critical(1 / 6), [0.05, 0.25])
    k, p = np.array([1, 1, 1, 2, 2, 2]), np.array([0.1, 0.15, 0.6, 0.25, 1.0, 0.0])
    np.testing.assert_allclose(family.inverse(k, p), [1 / 3, 1 / 2, 5 / 6, 1 / 6, 1, 0])
    assert family.n_ranks == 2


def test_a_template_with_more_ranks_than_points() -> None:
    """From a larger data set: the first ranks are used."""
    family = Learned.from_smallest_p(np.linspace(0.1, 0.9, 9)[None])
    p = np.array([[0.05, 0.3]])
    assert smallest_lambda(family, p)[0] == pytest.approx(0.25)
    assert calibrate(np.full(20, 0.6), family, 0.05).bound(p[0]).category.tolist() == [1, 2]
    assert calibrate(np.full(20, 0.6), family, 0.05).bound(np.array([0.95, 0.89])).category.tolist() == [3, 3]


@pytest.mark.parametrize(
    "curves", [np.zeros((0, 3)), np.array([0.1]), np.array([[0.1, np.nan]]), np.array([[0.1, 1.5]])]
)
def test_refused_template(curves: np.ndarray) -> None:
    with pytest.raises(ValueError, match="curves must be p of shape"):
        Learned(curves)


@pytest.mark.parametrize("curves", [np.array([[0.2, 0.1]]), np.array([[0.2], [0.1]])])
def test_refused_decreasing_template(curves: np.ndarray) -> None:
    with pytest.raises(ValueError, match="curves must not decrease along"):
        Learned(curves)


@pytest.mark.parametrize("alpha", [0.0, 1.0, float("nan")])
def test_refused_alpha(alpha: float) -> None:
    with pytest.raises(ValueError, match=r"alpha must lie in \(0, 1\)"):
        calibrate(np.ones(20), Simes(2), alpha)


@pytest.mark.parametrize("delta", [-1, 4])
def test_refused_delta(delta: int) -> None:
    with pytest.raises(ValueError, match=r"delta must lie in 0\.\.3"):
        Simes(4, delta)


def test_allowed_errors() -> None:
    assert [n_allowed_errors(0.05, n) for n in (19, 20, 32, 200, 1000)] == [0, 1, 1, 10, 50]


def test_allowed_errors_of_a_divided_alpha() -> None:
    """Every decimal alpha, divided by 1 to 34 results, of any number of permutations: floor(k B / (1000 n))."""
    for thousandths, n_results in product((1, 5, 10, 25, 29, 50, 57, 100, 200), range(1, 35)):
        alpha = Options(alpha=thousandths / 1000).divided(n_results).exact_alpha
        for n in (*range(1, 70), 99, 100, 200, 256, 300, 500, 512, 600, 1000, 2048, 5000, 10_000, 10**6):
            assert n_allowed_errors(alpha, n) == thousandths * n // (1000 * n_results)


def test_the_float_of_a_divided_alpha_is_not_enough() -> None:
    """.05 / 3 of 60 permutations is one of them; the float of .05 / 3 is below 1 / 60."""
    lambdas = np.linspace(0.01, 0.6, 60)
    found = calibrate(lambdas, Simes(2), Options(alpha=0.05).divided(3).exact_alpha)
    assert (found.n_errors, found.lambda_) == (1, lambdas[1])
    assert calibrate(lambdas, Simes(2), 0.05 / 3).n_errors == 0


def test_range_of_other_permutations() -> None:
    """At alpha .1, lambda is the 11th smallest of 100; sqrt(2 * 100 * .1 * .9) = 4.2: 4 away are the 7th and the 15th.

    Simes with one point: TDN is 1 where p < lambda.
    """
    lambdas = np.arange(1, 101) / 200
    found = calibrate(lambdas, Simes(1), 0.1)
    assert found.lambda_ == lambdas[10]
    ranges = {rank: found.whole_range(lambdas[[rank]]) for rank in (5, 6, 13, 14)}
    assert ranges == {5: (1, 1), 6: (0, 1), 13: (0, 1), 14: (0, 0)}
    assert calibrate(np.ones(5), Simes(1), 0.1).whole_range(np.zeros(1)) == (1, 1)


def test_step_down_excludes_what_is_certain() -> None:
    """m = 2, B = 4, alpha = .25. Point 0 is certain; without it permutation 1 has no small p, and point 1 follows."""
    p = np.array([[0.001, 0.1], [0.02, 0.9], [0.3, 0.8], [0.5, 0.6]])

    def without(excluded: np.ndarray) -> np.ndarray:
        return smallest_lambda(Simes(2), np.sort(p[:, ~excluded], axis=1))

    once = calibrate(without(np.zeros(2, dtype=bool)), Simes(2), 0.25)
    assert once.lambda_ == pytest.approx(0.04)
    assert once.bound(p[0]).category.tolist() == [1, 3]
    again = calibrate_step_down(p[0], without, Simes(2), 0.25)
    assert again.lambda_ == pytest.approx(1.2)  # of .2 1.2 1.6 1.8
    assert again.bound(p[0]).category.tolist() == [1, 1]
    assert (again.n_excluded, again.n_steps) == (1, 2)


def test_arrays_are_read_only() -> None:
    found = calibrate(np.ones(4), Simes(2), 0.25)
    with pytest.raises(ValueError, match="read-only"):
        found.lambdas[0] = 2
    with pytest.raises(ValueError, match="read-only"):
        Learned.from_smallest_p(np.ones((2, 2))).curves[0] = 2
