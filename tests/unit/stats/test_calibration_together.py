"""Several families calibrated together: at most floor(alpha * B) permutations make an error in any of them."""

from fractions import Fraction
from itertools import product
from math import floor

import numpy as np
import pytest

from bids_ari.stats.calibration import calibrate, calibrate_step_down, calibrate_together, joint_ranks
from bids_ari.stats.critical_vectors import Beta, CriticalVectors, Learned, Simes, smallest_lambda


def signed_sums(rng: np.random.Generator, n: int = 4, m: int = 5) -> list[list[Fraction]]:
    """Return exact p of all sign flips of whole numbers, the identity first: the share of flips with as large a sum."""
    data = rng.integers(-4, 7, size=(n, m))
    sums = [(np.array(signs)[:, None] * data).sum(axis=0).tolist() for signs in product((1, -1), repeat=n)]
    return [[Fraction(sum(other[j] >= row[j] for other in sums), len(sums)) for j in range(m)] for row in sums]


def test_errors_are_those_of_exact_fractions(rng: np.random.Generator) -> None:
    """Two families of lines, by the definition: an error where some k-th smallest p is below the k-th critical p.

    t_k = k lambda / 5, and c_k lambda with random ascending c; the chosen lambda are among those of the flips.
    """
    for _ in range(60):
        p = signed_sums(rng)
        scales = [[Fraction(k, 5) for k in range(1, 6)], sorted(Fraction(int(c), 40) for c in rng.integers(1, 60, 5))]
        lambdas = [[min(x / c for x, c in zip(sorted(row), scale, strict=True)) for row in p] for scale in scales]
        n_errors = floor(Fraction("0.2") * len(p))
        found = calibrate_together(np.array(lambdas, dtype=float), (Simes(5), Simes(5)), 0.2)
        exact = [
            min(each, key=lambda x, at=at: abs(x - Fraction(at.lambda_)))
            for each, at in zip(lambdas, found.members, strict=True)
        ]
        critical = [max(c * x for c, x in zip(at_k, exact, strict=True)) for at_k in zip(*scales, strict=True)]
        wrong = [any(x < t for x, t in zip(sorted(row), critical, strict=True)) for row in p]
        assert sum(wrong) <= n_errors == found.n_errors
        # of no higher rank: with the next larger lambda of every family more flips would be wrong
        higher = [min((x for x in each if x > at), default=None) for each, at in zip(lambdas, exact, strict=True)]
        if None not in higher:
            more = [any(each[b] < x for each, x in zip(lambdas, higher, strict=True)) for b in range(len(p))]
            assert sum(more) > n_errors


def families(rng: np.random.Generator, m: int) -> tuple[CriticalVectors, ...]:
    template = Learned.from_smallest_p(np.sort(rng.beta(0.7, 2, size=(9, m)), axis=1)[:, : rng.integers(1, m + 1)])
    every: list[CriticalVectors] = [Simes(m), Simes(m, int(rng.integers(m))), Beta(m), template]
    chosen = rng.choice(4, size=rng.integers(1, 5), replace=False)
    return tuple(every[i] for i in chosen)


@pytest.mark.parametrize("alpha", [0.05, 0.2, 0.5])
def test_no_more_permutations_than_allowed_make_an_error_in_any_family(alpha: float, rng: np.random.Generator) -> None:
    """Also with ties: p are rounded. A bound above 0 for all points of a permutation is an error there."""
    for _ in range(40):
        b, m = rng.integers(2, 60), int(rng.integers(1, 12))
        p = np.round(rng.beta(0.5, 1, size=(b, m)), int(rng.integers(1, 9)))
        chosen = families(rng, m)
        lambdas = np.array([smallest_lambda(family, np.sort(p, axis=1)) for family in chosen])
        found = calibrate_together(lambdas, chosen, alpha)
        wrong = [found.bound(row).whole > 0 for row in p]
        below = np.any([member.lambdas < member.lambda_ for member in found.members], axis=0)
        assert wrong == below.tolist()
        assert sum(wrong) <= found.n_errors == floor(Fraction(str(alpha)) * int(b))


def test_one_family_together_is_that_family(rng: np.random.Generator) -> None:
    """To the bit: lambda, categories and the range of other seeds."""
    for _ in range(40):
        m = int(rng.integers(1, 12))
        p = np.round(rng.beta(0.5, 1, size=(30, m)), 2)
        for family in families(rng, m):
            lambdas = smallest_lambda(family, np.sort(p, axis=1))
            alone, twice = (
                calibrate(lambdas, family, 0.1),
                calibrate_together(lambdas[None].repeat(2, 0), (family,) * 2, 0.1),
            )
            assert alone.lambda_ == np.sort(lambdas)[3]
            assert [member.lambda_ for member in twice.members] == [alone.lambda_] * 2
            np.testing.assert_array_equal(alone.bound(p[0]).category, twice.bound(p[0]).category)
            assert alone.whole_range(p[0]) == twice.whole_range(p[0])


def test_the_category_is_the_smallest_of_those_of_the_families(rng: np.random.Generator) -> None:
    p = np.sort(rng.beta(0.5, 1, size=(40, 8)), axis=1)
    chosen = (Simes(8), Learned.from_smallest_p(np.sort(rng.beta(0.7, 2, size=(9, 8)), axis=1)[:, :3]))
    found = calibrate_together(np.array([smallest_lambda(family, p) for family in chosen]), chosen, 0.2)
    each = [
        [family.inverse(np.full(8, k), p[0]) < at.lambda_ for k in range(1, family.n_ranks + 1)]
        for family, at in zip(chosen, found.members, strict=True)
    ]
    expected = [
        min([k for k in range(1, 9) if any(len(of) >= k and of[k - 1][i] for of in each)], default=9) for i in range(8)
    ]
    assert found.bound(p[0]).category.tolist() == expected


def test_ties_take_the_largest_rank() -> None:
    """Ranks 2 2 3 and 1 3 3: the smaller ones are 1 2 3."""
    assert joint_ranks(np.array([[0.1, 0.1, 0.2], [0.3, 0.5, 0.5]])).tolist() == [1, 2, 3]


def test_step_down_stops_before_a_lambda_falls() -> None:
    """The first calibration gives point 0 category 1; without it, the lambda of the second family would be lower."""
    p = np.array([0.0001, 0.9])
    first = np.array([[0.0002, 0.3, 0.4, 0.5], [0.001, 0.3, 0.4, 0.5]])
    later = np.array([[0.9, 0.8, 0.8, 0.9], [0.01, 0.02, 0.03, 0.04]])
    found = calibrate_step_down(p, lambda excluded: later if excluded.any() else first, (Simes(2), Simes(2)), 0.25)
    assert (found.n_steps, found.n_excluded) == (1, 0)
    assert [member.lambda_ for member in found.members] == [0.3, 0.3]
