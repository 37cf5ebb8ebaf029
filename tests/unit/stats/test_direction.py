"""Bounds of each sign, against literal closed testing of the hypotheses of each direction, in exact fractions."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest

from bids_ari.stats.bounds import Bound
from bids_ari.stats.choices import LOCAL_TESTS, LocalTest
from bids_ari.stats.closed_testing import hommel_bound
from bids_ari.stats.direction import closed_directions, single_step_directions, split_by_sign

M = 5
SETS = [np.array(each, dtype=np.intp) for size in range(M + 1) for each in combinations(range(M), size)]
ALPHAS = [Fraction(1, 4), Fraction(1, 2), Fraction(7, 8)]  # exact in binary, as are half of them and the p
STEPS = 64  # p are multiples of 1 / 64: equalities occur


def rejects(p: Sequence[Fraction], alpha: Fraction, local_test: LocalTest) -> bool:
    """Apply the local test as defined to the p of a set."""
    size = len(p)
    scale = Fraction(size) if local_test == "simes" else size * sum(Fraction(1, j) for j in range(1, size + 1))
    return any(scale * value <= j * alpha for j, value in enumerate(sorted(p), start=1))


def literal_tdn(p: Sequence[Fraction], alpha: Fraction, local_test: LocalTest) -> list[int]:
    """Return the TDN of each of `SETS` by closed testing as defined: via all sets that contain each set."""
    local = {tuple(each): bool(each.size) and rejects([p[i] for i in each], alpha, local_test) for each in SETS}
    kept = [{*each} for each in local if not all(local[other] for other in local if {*each} <= {*other})]
    return [each.size - max((len(kept_set & {*each.tolist()}) for kept_set in kept), default=0) for each in SETS]


def some_p(n: int) -> Iterator[list[Fraction]]:
    """Yield one-sided p, many of them small or near 1, with exact equalities."""
    rng = np.random.default_rng(7)
    for _ in range(n):
        steps = rng.integers(0, STEPS + 1, M)
        small = rng.integers(0, 12, M)
        chosen = np.where(rng.random(M) < 0.4, steps, np.where(rng.random(M) < 0.5, small, STEPS - small))
        yield [Fraction(int(step), STEPS) for step in chosen]


@pytest.mark.parametrize("local_test", LOCAL_TESTS)
def test_bounds_of_closed_testing_are_those_of_the_definition(local_test: LocalTest) -> None:
    """Each direction at half the level, over all 2^m sets of its own m hypotheses."""
    found = 0
    for alpha, greater in product(ALPHAS, some_p(12)):
        less = [1 - p for p in greater]
        if local_test == "hommel" and alpha == ALPHAS[-1]:
            continue  # its scales are rounded, which equalities of large alpha show
        both = closed_directions(np.array(greater, float), np.array(less, float), float(alpha), local_test)
        for bound, p in zip(both, (greater, less), strict=True):
            expected = literal_tdn(p, alpha / 2, local_test)
            assert [bound.tdn(each) for each in SETS] == expected
            found += sum(expected)
    assert found > 100


@pytest.mark.parametrize("local_test", LOCAL_TESTS)
def test_signs_are_at_most_the_two_sided_bound(local_test: LocalTest) -> None:
    n_less = 0
    for greater in some_p(200):
        p, less = np.array(greater, float), np.array([1 - each for each in greater], float)
        two_sided = hommel_bound(np.minimum(1, 2 * np.minimum(p, less)), 0.25, local_test)
        both = closed_directions(p, less, 0.25, local_test)
        for each in SETS:
            total = both.positive.tdn(each) + both.negative.tdn(each)
            assert total <= two_sided.tdn(each)
            n_less += total < two_sided.tdn(each)
    assert n_less


@pytest.mark.parametrize("local_test", LOCAL_TESTS)
def test_without_significant_wrong_signs_all_three_hold_together(local_test: LocalTest) -> None:
    """Any error of a sign is then one of the local test of the effects of zero, of probability at most alpha."""
    alpha, n_errors = Fraction(1, 4), 0
    for greater in some_p(40):
        less = [1 - p for p in greater]
        two_sided = [min(Fraction(1), 2 * min(pair)) for pair in zip(greater, less, strict=True)]
        for truth in product((-1, 0, 1), repeat=M):
            wrong = [less[i] if sign > 0 else greater[i] for i, sign in enumerate(truth) if sign]
            if any(p <= alpha / 2 for p in wrong):
                continue
            not_positive = [greater[i] for i, sign in enumerate(truth) if sign <= 0]
            not_negative = [less[i] for i, sign in enumerate(truth) if sign >= 0]
            if rejects(not_positive, alpha / 2, local_test) or rejects(not_negative, alpha / 2, local_test):
                assert rejects([two_sided[i] for i, sign in enumerate(truth) if not sign], alpha, local_test)
                n_errors += 1
    assert n_errors > 100


def test_split_by_sign_is_the_smallest_number_of_any_possible_truth() -> None:
    """A truth is possible if for no k at least k points of effect zero or wrongly signed estimate have category k."""
    rng, truths = np.random.default_rng(11), np.array(list(product((-1, 0, 1), repeat=M)))
    total = 0
    for _ in range(40):
        category = rng.integers(1, M + 2, M).astype(np.int32)
        estimate = rng.choice([-1.0, 1.0], M)
        bound = Bound(category, 0.05, "permutation")
        false = truths != estimate  # zero, or the other sign
        counts = np.array([(false & (category <= k)).sum(axis=1) for k in range(1, M + 1)])
        possible = truths[(counts < np.arange(1, M + 1)[:, None]).all(axis=0)]
        both = split_by_sign(bound, estimate)
        for each in SETS:
            assert both.positive.tdn(each) == (possible[:, each] > 0).sum(axis=1).min()
            assert both.negative.tdn(each) == (possible[:, each] < 0).sum(axis=1).min()
            assert bound.tdn(each) == (possible[:, each] != 0).sum(axis=1).min()
            total += both.positive.tdn(each)
    assert total


@pytest.mark.parametrize("local_test", LOCAL_TESTS)
def test_single_step_bounds_are_the_smallest_number_of_any_possible_truth(local_test: LocalTest) -> None:
    """As above, with critical values k * alpha / s_M of the 8 null hypotheses of two results, in exact fractions."""
    scale = Fraction(8) if local_test == "simes" else 8 * sum(Fraction(1, j) for j in range(1, 9))
    truths, alpha, total = np.array(list(product((-1, 0, 1), repeat=M))), Fraction(1, 2), 0
    for greater in some_p(40):
        p = [min(2 * each, 2 * (1 - each)) for each in greater]
        estimate = np.array([1.0 if each < Fraction(1, 2) else -1.0 for each in greater])
        category = np.array([next(k for k in range(1, 10**4) if scale * each <= k * alpha) for each in p])
        false = truths != estimate
        counts = np.array([(false & (category <= k)).sum(axis=1) for k in range(1, M + 1)])
        possible = truths[(counts < np.arange(1, M + 1)[:, None]).all(axis=0)]
        both = single_step_directions(np.array(p, float), estimate, 8, 0.5, local_test)
        for each in SETS:
            assert both.positive.tdn(each) == (possible[:, each] > 0).sum(axis=1).min()
            assert both.negative.tdn(each) == (possible[:, each] < 0).sum(axis=1).min()
            total += both.positive.tdn(each)
    assert total


def test_by_hand() -> None:
    """At level .05 each of five p is compared with .025: .001 * 5 and .002 * 5 / 2 are below, but .5 is not."""
    p = np.array([0.001, 0.002, 0.5, 0.998, 0.999])
    both = closed_directions(p, 1 - p, 0.05)
    assert (both.positive.alpha, both.positive.whole, both.negative.whole) == (0.025, 2, 2)
    assert both.positive.tdn(np.array([1, 2, 3])) == 1
    assert both.negative.tdn(np.array([0, 1])) == 0


def test_estimates_of_zero_have_no_sign() -> None:
    both = split_by_sign(Bound(np.ones(3, dtype=np.int32), 0.05, "permutation"), np.array([1.0, 0.0, -2.0]))
    assert (both.positive.whole, both.negative.whole) == (1, 1)


def test_arguments_are_checked() -> None:
    p = np.array([0.1, 0.9])
    with pytest.raises(ValueError, match="greater and less must have one shape"):
        closed_directions(p, p[:1])
    with pytest.raises(ValueError, match=r"alpha must lie in \(0, 1\); found 1"):
        closed_directions(p, 1 - p, 1.0)
    with pytest.raises(ValueError, match=r"estimate must have the shape \(1,\)"):
        split_by_sign(Bound(np.ones(1, dtype=np.int32), 0.05, "permutation"), p)
    with pytest.raises(ValueError, match="n_hypotheses must be at least the number of p, 2; found 1"):
        single_step_directions(p, p, 1)
