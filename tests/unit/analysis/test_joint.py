"""Results whose bounds hold together: calibration of several results, by definition."""

from fractions import Fraction
from itertools import chain, combinations

import numpy as np
import pytest
from builders_stats import closed_testing, hommel_scale

from bids_ari.analysis.joint import Evidence, calibrate_together
from bids_ari.stats.choices import LocalTest
from bids_ari.stats.closed_testing import bound_in_pool, hommel_value, local_scales, pooled_hommel_value


def evidence(p: np.ndarray, method: str = "simes", alpha: float = 0.25) -> Evidence:
    return Evidence(method, method, p.size, p[p <= alpha])


def subsets(points: range) -> list[tuple[int, ...]]:
    return list(chain.from_iterable(combinations(points, size) for size in range(1, len(points) + 1)))


@pytest.mark.parametrize("method", ["simes", "hommel"])
def test_two_results_are_one_family(method: LocalTest) -> None:
    """Two results of 4 hypotheses: every bound is that of literal closed testing of all 8, in exact fractions."""
    rng, alpha = np.random.default_rng(17), Fraction(1, 4)
    n_found = 0
    for _ in range(12):
        exact = [Fraction(int(k), 512) for k in np.minimum(rng.integers(1, 512, 8), rng.integers(1, 200, 8))]
        h_of_all, tdn = closed_testing(exact, alpha, hommel_scale if method == "hommel" else lambda size: size)
        p = np.array(list(map(float, exact)))
        both = calibrate_together([evidence(p[:4], method), evidence(p[4:], method)], alpha, "")
        h, used = both.found[method]
        assert (h, used) == (h_of_all, 0.25)
        for first in (0, 4):
            bound = bound_in_pool(p[first : first + 4], used, method, h)
            for chosen in subsets(range(4)):
                expected = tdn[sum(1 << (first + i) for i in chosen)]
                assert bound.tdn(np.array(chosen)) == expected
                n_found += expected > 0
    assert n_found > 50


@pytest.mark.parametrize("local_test", ["simes", "hommel"])
def test_small_p_are_enough(local_test: LocalTest) -> None:
    rng = np.random.default_rng(3)
    for m in (1, 2, 30, 400):
        for _ in range(20):
            p = rng.uniform(size=m) ** rng.choice([1, 3])
            expected = hommel_value(p, 0.1, local_scales(m, local_test))
            small = rng.permutation(p[p <= 0.3])
            assert pooled_hommel_value(small, m, 0.1, local_test) == expected


def test_kinds_share_alpha_by_their_number_of_results() -> None:
    p = np.array([0.001, 0.2, 0.9])
    found = calibrate_together([*[evidence(p)] * 3, evidence(p, "hommel")], Fraction("0.1"), "f")
    simes, hommel = found.joint["simes"], found.joint["hommel"]
    assert (simes.n_results, simes.n_together, simes.n_hypotheses, simes.alpha) == (4, 3, 9, 0.075)
    assert (hommel.n_results, hommel.n_together, hommel.n_hypotheses, hommel.alpha) == (4, 1, 3, 0.025)
    assert found.found["simes"][1] == 0.075
    assert "divided" in found.note
    assert "divided" not in calibrate_together([evidence(p)] * 2, Fraction("0.1"), "f").note
