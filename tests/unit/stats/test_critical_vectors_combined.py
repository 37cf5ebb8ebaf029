"""One family made of several: the largest of their vectors, for lambdas of the same level of a scale."""

from bisect import bisect_right
from fractions import Fraction
from itertools import product
from math import floor

import numpy as np
import pytest

from bids_ari.stats.calibration import calibrate
from bids_ari.stats.critical_vectors import Beta, Combined, CriticalVectors, Learned, Scale, Simes, smallest_lambda

Line = list[tuple[Fraction, Fraction]]
"""Points of a line from one to the next."""


def on_line(line: Line, x: Fraction) -> Fraction:
    """Interpolate exactly between the two points around x; of equal x the last one counts."""
    if x >= line[-1][0]:
        return line[-1][1]
    (x0, y0), (x1, y1) = line[(i := bisect_right([point[0] for point in line], x)) - 1], line[i]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


def knots(lambdas: list[Fraction], share: Fraction = Fraction(1)) -> Line:
    """Return the scale by its definition: the j-th smallest of B lambdas has the level j / (B + 1) / share."""
    ordered = [Fraction(0), *sorted(lambdas), Fraction(1)]
    line = [(x, min(Fraction(j, len(ordered) - 1) / share, Fraction(1))) for j, x in enumerate(ordered)]
    return line[: next(i for i, (_, level) in enumerate(line) if level == 1) + 1]


def signed_sums(rng: np.random.Generator, n: int = 4, m: int = 5) -> list[list[Fraction]]:
    """Return exact p of all sign flips of whole numbers, the identity first: the share of flips with as large a sum."""
    data = rng.integers(-4, 7, size=(n, m))
    sums = [(np.array(signs)[:, None] * data).sum(axis=0).tolist() for signs in product((1, -1), repeat=n)]
    return [[Fraction(sum(other[j] >= row[j] for other in sums), len(sums)) for j in range(m)] for row in sums]


def floats(values: list[Fraction]) -> np.ndarray:
    return np.array([float(value) for value in values])


def test_a_scale_is_the_share_of_permutations_at_or_below() -> None:
    """Of .2 .2 .5 the second has the level 2 / 4; .1 is half as far, and .35 halfway to 3 / 4."""
    scale = Scale.of(np.array([0.5, 0.2, 0.2]))
    found = scale.level(np.array([0.0, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 7.0, np.inf]))
    np.testing.assert_allclose(found, [0, 1 / 4, 1 / 2, 5 / 8, 3 / 4, 7 / 8, 1, 1, 1], rtol=1e-15)
    assert [scale.lambda_of(level) for level in (0, 0.25, 0.625, 1)] == pytest.approx([0, 0.1, 0.35, 1])


def test_a_smaller_share_reaches_each_level_earlier() -> None:
    """Of .2 .4 .6 with the share 3 / 4: 1 / 3, 2 / 3 and 1."""
    scale = Scale.of(np.array([0.2, 0.4, 0.6]), 0.75)
    np.testing.assert_allclose(scale.level(np.array([0.1, 0.2, 0.5, 0.6, 0.9])), [1 / 6, 1 / 3, 5 / 6, 1, 1])


@pytest.mark.parametrize("lambdas", [[0.0], [0.0, 0.0, 5e-324], [1.0, 1.0], [np.inf, 1.0], [1e-300, 0.3]])
@pytest.mark.parametrize("share", [1.0, 0.3])
def test_extreme_lambdas_have_a_scale(lambdas: list[float], share: float) -> None:
    scale = Scale.of(np.array(lambdas), share)
    levels = scale.level(np.array([0.0, 5e-324, 1e-300, 0.1, 1.0, np.inf]))
    assert (np.diff(levels) >= 0).all()
    assert (levels[0] >= 0, levels[-1]) == (True, 1.0)
    assert 0 <= scale.lambda_of(0.05) <= 1


def test_a_scale_never_falls_by_rounding(rng: np.random.Generator) -> None:
    """Around values that differ in the last bits."""
    for _ in range(200):
        lambdas = rng.beta(0.3, 2, size=12)
        lambdas[6:] = np.nextafter(lambdas[:6], rng.choice([0.0, 1.0], size=6))
        near = lambdas * (1 + np.arange(-6, 7)[:, None] * np.finfo(float).eps)
        levels = Scale.of(lambdas, float(rng.choice([1.0, 0.3]))).level(np.sort(near.ravel()))
        assert (np.diff(levels) >= 0).all()


def n_wrong(u: Fraction, p: list[list[Fraction]], lines: Line, levels: Line, template: list[Line]) -> int:
    """Count the rows of p with an error of the vector of u: t_k = max(k F^-1(u) / m, template of k at G^-1(u))."""
    at, inner = (on_line([(y, x) for x, y in line], u) for line in (lines, levels))
    vector = [
        max(at * (k + 1) / len(template), on_line([(y, x) for x, y in template[k]], inner))
        for k in range(len(template))
    ]
    return sum(any(x < t for x, t in zip(sorted(row), vector, strict=True)) for row in p)


def test_errors_are_those_of_exact_fractions(rng: np.random.Generator) -> None:
    """All sign flips listed: lines and a template, by the definition of a joint error of the vector they make.

    Everything is a fraction: the scales, lambda of every flip, and the critical vector.
    """
    m, share, alpha = 5, Fraction(1, 2), Fraction("0.2")
    for _ in range(60):
        p = signed_sums(rng)
        curves = sorted([sorted(Fraction(int(c), 997) for c in rng.integers(1, 900, size=m)) for _ in range(6)])
        curves = [list(level) for level in zip(*(sorted(rank) for rank in zip(*curves, strict=True)), strict=True)]
        template = [[(Fraction(0), Fraction(0))] for _ in range(m)]
        for k in range(m):
            template[k] += [(curves[j][k], Fraction(j + 1, 7)) for j in range(6)] + [(Fraction(1), Fraction(1))]
        of_lines = knots([Fraction(int(x), 1009) for x in rng.choice(700, size=8, replace=False) + 1])
        of_template = knots([Fraction(int(x), 1013) for x in rng.choice(700, size=8, replace=False) + 1], share)
        lambdas = [
            min(
                min(on_line(of_lines, x * m / k), on_line(of_template, on_line(template[k - 1], x)))
                for k, x in enumerate(sorted(row), start=1)
            )
            for row in p
        ]
        members = Simes(m), Learned(np.array([floats(level) for level in curves]))
        scales = [Scale(floats([x for x, _ in line]), floats([y for _, y in line])) for line in (of_lines, of_template)]
        family = Combined(members, tuple(scales))
        found = smallest_lambda(family, np.array([floats(sorted(row)) for row in p]))
        np.testing.assert_allclose(found, floats(lambdas), rtol=1e-12)
        n_errors = floor(alpha * len(p))
        chosen = sorted(lambdas)[n_errors]
        calibration = calibrate(found, family, alpha)
        assert calibration.lambda_ == pytest.approx(float(chosen), rel=1e-12)
        assert n_wrong(chosen, p, of_lines, of_template, template) <= n_errors == calibration.n_errors
        if higher := [x for x in lambdas if x > chosen]:
            assert n_wrong(min(higher), p, of_lines, of_template, template) > n_errors


def families(rng: np.random.Generator, m: int) -> Combined:
    """Return some kinds of vectors, with scales of any lambdas."""
    template = Learned.from_smallest_p(np.sort(rng.beta(0.7, 2, size=(9, m)), axis=1)[:, : rng.integers(1, m + 1)])
    every: list[CriticalVectors] = [Simes(m), Simes(m, int(rng.integers(m))), Beta(m), template]
    chosen = rng.choice(4, size=rng.integers(1, 5), replace=False)
    scales = [Scale.of(np.round(rng.beta(0.5, 1, size=9), 2), rng.choice([1.0, 0.3])) for _ in chosen]
    return Combined(tuple(every[i] for i in chosen), tuple(scales))


@pytest.mark.parametrize("alpha", [0.05, 0.2, 0.5])
def test_no_more_permutations_than_allowed_make_an_error(alpha: float, rng: np.random.Generator) -> None:
    """Also with ties: p are rounded. A bound above 0 for all points of a permutation is an error there."""
    for _ in range(60):
        b, m = rng.integers(2, 60), int(rng.integers(1, 12))
        p = np.round(rng.beta(0.5, 1, size=(b, m)), int(rng.integers(1, 9)))
        family = families(rng, m)
        found = calibrate(smallest_lambda(family, np.sort(p, axis=1)), family, alpha)
        wrong = [found.bound(row).whole > 0 for row in p]
        assert wrong == (found.lambdas < found.lambda_).tolist()
        assert sum(wrong) <= found.n_errors == floor(Fraction(str(alpha)) * int(b))


def test_the_scale_of_one_member_changes_no_bound(rng: np.random.Generator) -> None:
    """It only renames lambda, where it rises."""
    for _ in range(40):
        p = np.round(rng.beta(0.5, 1, size=(30, 8)), 2)
        ordered = np.sort(p, axis=1)
        alone = calibrate(smallest_lambda(Simes(8), ordered), Simes(8), 0.1)
        scaled = Combined((Simes(8),), (Scale.of(rng.beta(0.5, 1, size=20)),))
        found = calibrate(smallest_lambda(scaled, ordered), scaled, 0.1)
        np.testing.assert_array_equal(found.bound(p[0]).category, alone.bound(p[0]).category)
        assert found.whole_range(p[0]) == alone.whole_range(p[0])


def test_the_vector_is_the_largest_of_those_of_the_members(rng: np.random.Generator) -> None:
    """The category of p is the smallest k with p < t_k; beyond its last rank the template stays as it is."""
    template = Learned.from_smallest_p(np.sort(rng.beta(0.7, 2, size=(9, 8)), axis=1)[:, :3])
    for _ in range(40):
        p = np.sort(rng.beta(0.5, 1, size=(40, 8)), axis=1)
        scales = tuple(Scale.of(rng.beta(0.5, 1, size=20)) for _ in range(2))
        family = Combined((Simes(8), template), scales)
        found = calibrate(smallest_lambda(family, p), family, 0.2)
        lines, learned = (
            member.critical(scale.lambda_of(found.lambda_))
            for member, scale in zip(family.members, scales, strict=True)
        )
        expected = np.maximum(lines, [*learned, *[learned[-1]] * 5])
        np.testing.assert_array_equal(family.critical(found.lambda_), expected)
        smallest = [next((k for k in range(1, 9) if x < expected[k - 1] * (1 - 1e-12)), 9) for x in p[0]]
        assert found.bound(p[0]).category.tolist() == smallest
