"""Results whose bounds hold together: calibration of several results, by definition."""

from dataclasses import replace
from fractions import Fraction
from itertools import chain, combinations, product

import numpy as np
import pytest
from builders_stats import closed_testing, hommel_scale
from scipy import stats

from bids_ari.analysis.joint import Evidence, calibrate_together
from bids_ari.analysis.joint_permutation import PermutationTogether
from bids_ari.analysis.methods import GroupData
from bids_ari.config.options import Options
from bids_ari.design.design import Design
from bids_ari.stats.choices import LocalTest
from bids_ari.stats.closed_testing import bound_in_pool, hommel_value, local_scales, pooled_hommel_value
from bids_ari.stats.critical_vectors import Scale
from bids_ari.stats.glm import fit_glm
from bids_ari.stats.joint import joint_lambda, scaled, unscaled


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


def test_note_counts_kinds_of_one_method() -> None:
    p = np.array([0.001, 0.2, 0.9])
    kinds = [evidence(p)._replace(kind=kind) for kind in ("a", "a", "b", "b")]
    note = calibrate_together([*kinds, evidence(p, "hommel")], Fraction("0.1"), "f").note
    assert note.endswith("0.04 for 2 results by simes of each of 2 kinds, 0.02 for 1 result by hommel")


def test_permutation_with_all_flips_listed() -> None:
    """Two results, three and four subjects of five, all 32 flips: errors of each critical vector are counted."""
    rng = np.random.default_rng(5)
    subjects = ("01", "02", "03", "04", "05")
    options = Options(
        method=("permutation",), family="simes", alternative=("greater",), alpha=0.2, n_permutations=32, joint=True
    )
    steps = PermutationTogether()
    flips = np.array(list(product((1.0, -1.0), repeat=5)))
    evidence, waiting, p = [], [], []
    for chosen, m in (((0, 2, 3), 6), ((0, 1, 3, 4), 9)):
        maps = rng.normal(size=(len(chosen), m)) + 0.5
        design = Design(tuple(subjects[i] for i in chosen), np.ones((len(chosen), 1)), ("mean",), {"mean": np.ones(1)})
        (glm,) = fit_glm(maps, design.matrix, design.tests)
        group = GroupData((maps,), design, sharing=subjects)
        found, rest = steps.prepare(glm, "greater", options, group)
        assert found.kind == "permutation"
        evidence.append(found)
        waiting.append((glm, rest))
        flipped = [maps * flip[list(chosen), None] for flip in flips]
        p.append(np.array([stats.ttest_1samp(each, 0, alternative="greater").pvalue for each in flipped]))
    calibration = steps.calibrate(evidence, Fraction("0.2"))
    assert calibration.chosen.n_errors == 6
    # by definition: lambda of a flip is the smallest m p_(k) / k of both results; 6 of 32 may be below
    lambdas = [np.min(np.sort(each, axis=1) * each.shape[1] / np.arange(1, each.shape[1] + 1), axis=1) for each in p]
    expected = np.sort(np.minimum(*lambdas))[6]
    np.testing.assert_allclose(calibration.chosen.level, expected, rtol=1e-9)
    in_error = np.zeros(32, dtype=bool)
    for (glm, rest), each in zip(waiting, p, strict=True):
        result = steps.complete(glm, "greater", options, rest, calibration)
        m = each.shape[1]
        assert result.calibrated is not None
        assert result.calibrated.is_complete
        critical = result.calibrated.critical
        np.testing.assert_allclose(critical, np.arange(1, m + 1) * expected / m, rtol=1e-9)
        in_error |= (np.sort(each, axis=1) < critical * (1 - 1e-9)).any(axis=1)
        category = [next((k for k in range(1, m + 1) if one < critical[k - 1] * (1 - 1e-9)), m + 1) for one in each[0]]
        np.testing.assert_array_equal(result.bound.category, category)
    assert in_error.sum() <= 6


def test_kinds_of_permutations() -> None:
    """Flips without covariates serve all contrasts; permutations those of the same subjects, rows and blocks."""
    rng = np.random.default_rng(8)
    subjects = tuple(f"{i:02d}" for i in range(1, 11))
    group = (np.arange(10) >= 5).astype(float)
    one = Design(subjects, np.ones((10, 1)), ("mean",), {"mean": np.ones(1)})
    fewer = Design(subjects[1:], np.ones((9, 1)), ("mean",), {"mean": np.ones(1)})
    two = Design(
        subjects,
        np.column_stack([np.ones(10), group, rng.normal(size=10)]),
        ("mean", "group", "age"),
        {"mean": np.array([1.0, 0, 0]), "group": np.array([0.0, 1, 0]), "age": np.array([0.0, 0, 1])},
    )
    other = replace(two, matrix=two.matrix[::-1])

    def kind(design: Design, test: str) -> str:
        options = Options(method=("permutation",), family="simes", n_permutations=50, joint=True)
        maps = np.random.default_rng(1).normal(size=(len(design.subjects), 12))
        glm = next(each for each in fit_glm(maps, design.matrix, design.tests) if each.test == test)
        return PermutationTogether().prepare(glm, "two-sided", options, GroupData((maps,), design))[0].kind

    assert kind(one, "mean") == kind(fewer, "mean")
    assert kind(two, "group") == kind(two, "age") != kind(one, "mean")
    assert kind(two, "mean") not in (kind(one, "mean"), kind(two, "group"))
    assert kind(other, "group") != kind(two, "group")


def test_different_scales_are_compared() -> None:
    """The lambda of each result is that of one level; no flip that is not in error becomes so by rounding."""
    rng = np.random.default_rng(2)
    lambdas = [rng.uniform(size=100) ** 3, rng.uniform(size=100) * 0.5]
    scales = [Scale.of(each[rng.permutation(100)[:60]]) for each in lambdas]
    found = joint_lambda([scaled(*each) for each in zip(lambdas, scales, strict=True)], 0.1)
    wrong = np.any(
        [own < unscaled(found.level, scale, own) for own, scale in zip(lambdas, scales, strict=True)], axis=0
    )
    assert wrong.sum() == found.n_errors == 10
    with pytest.raises(ValueError, match="same permutations"):
        joint_lambda([np.ones(3), np.ones(4)], 0.1)
