"""Laws of calibrated critical vectors, for any p: ties, grids as permutations give, exact 0 and 1."""

from fractions import Fraction
from math import floor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bids_ari.stats.bounds import true_discoveries
from bids_ari.stats.calibration import calibrate, calibrate_step_down, categories
from bids_ari.stats.correlation_bins import CorrelationBins
from bids_ari.stats.critical_vectors import Beta, Combined, CriticalVectors, Learned, Scale, Simes, smallest_lambda

Floats = npt.NDArray[np.float64]

laws = settings(max_examples=60)
ALPHAS = st.sampled_from((0.01, 0.05, 0.1, 0.25, 0.29, 0.5))
P = st.one_of(
    st.integers(0, 400).map(lambda k: k / 400),
    st.integers(0, 8).map(lambda k: k / 400),
    st.floats(0, 1),
    st.sampled_from((0.0, 1.0, 5e-324, 1e-30)),
)


class Permuted(NamedTuple):
    p: Floats
    """(n_permutations, m), observed p first."""
    family: CriticalVectors


@st.composite
def permuted(draw: st.DrawFn) -> Permuted:
    m = draw(st.integers(1, 20))
    p = draw(hnp.arrays(float, (draw(st.integers(1, 12)), m), elements=P))
    name = draw(st.sampled_from(("simes", "delta", "beta", "learned", "combined")))
    if name == "simes":
        return Permuted(p, Simes(m))
    if name == "delta":
        return Permuted(p, Simes(m, draw(st.integers(0, m - 1))))
    if name == "beta":
        return Permuted(p, Beta(m))
    n_ranks = draw(st.integers(1, m))
    others = draw(hnp.arrays(float, (draw(st.integers(1, 12)), m), elements=P))
    template = Learned.from_smallest_p(np.sort(others, axis=1)[:, :n_ranks])
    return Permuted(p, template if name == "learned" else draw(combined(m, template)))


@st.composite
def combined(draw: st.DrawFn, m: int, template: Learned) -> Combined:
    delta, share = draw(st.integers(0, m - 1)), draw(st.sampled_from((1.0, 0.3)))
    lambdas = draw(hnp.arrays(float, (2, draw(st.integers(1, 8))), elements=P))
    return Combined((Simes(m, delta), template), (Scale.of(lambdas[0]), Scale.of(lambdas[1], share)))


def lambda_by_definition(p: Floats, family: CriticalVectors) -> float:
    """Return min over k of inverse_k(p_(k))."""
    ordered = np.sort(p)
    ranks = range(1, min(p.size, family.n_ranks) + 1)
    return min(float(family.inverse(np.array([k]), ordered[k - 1 : k])[0]) for k in ranks)


def category_by_definition(p: float, m: int, family: CriticalVectors, lambda_: float) -> int:
    """Return the smallest k with inverse_k(p) < lambda; m + 1 if there is none."""
    below = (k for k in range(1, family.n_ranks + 1) if family.inverse(np.array([k]), np.array([p]))[0] < lambda_)
    return next(below, m + 1)


@laws
@given(permuted())
def test_lambda_of_a_permutation_is_the_smallest_inverse_over_ranks(case: Permuted) -> None:
    found = smallest_lambda(case.family, np.sort(case.p, axis=1))
    np.testing.assert_array_equal(found, [lambda_by_definition(row, case.family) for row in case.p])


@laws
@given(permuted(), ALPHAS)
def test_lambda_is_an_order_statistic(case: Permuted, alpha: float) -> None:
    lambdas = smallest_lambda(case.family, np.sort(case.p, axis=1))
    place = floor(Fraction(str(alpha)) * len(lambdas)) + 1
    found = calibrate(lambdas, case.family, alpha)
    assert found.lambda_ == sorted(lambdas)[place - 1]


@laws
@given(permuted(), st.floats(0, 2))
def test_category_is_the_smallest_rank_with_an_inverse_strictly_below_lambda(case: Permuted, lambda_: float) -> None:
    m = case.p.shape[1]
    for bar in (lambda_, float(smallest_lambda(case.family, np.sort(case.p[:1], axis=1))[0])):
        expected = [category_by_definition(p, m, case.family, bar) for p in case.p[0]]
        assert categories(case.p[0], case.family, bar).tolist() == expected


@laws
@given(permuted(), ALPHAS)
def test_no_more_permutations_than_alpha_make_an_error(case: Permuted, alpha: float) -> None:
    """At most floor(alpha * B) of B permutations have a bound above 0, with ties too; with <=, one more would."""
    found = calibrate(smallest_lambda(case.family, np.sort(case.p, axis=1)), case.family, alpha)
    errors = [found.bound(row).whole > 0 for row in case.p]
    assert sum(errors) <= floor(Fraction(str(alpha)) * len(errors))
    assert errors == [lambda_b < found.lambda_ for lambda_b in found.lambdas]


@laws
@given(permuted(), ALPHAS, st.data())
def test_tdn_follows_from_the_critical_vector(case: Permuted, alpha: float, data: st.DataObject) -> None:
    """TDN(S) = max over k of 1 - k + #{p in S with p < t_k}, p < t_k being decided by the inverse."""
    m = case.p.shape[1]
    found = calibrate(smallest_lambda(case.family, np.sort(case.p, axis=1)), case.family, alpha)
    points = np.array(data.draw(st.lists(st.integers(0, m - 1), unique=True)), dtype=np.intp)
    p = case.p[0][points]
    ranks = range(1, min(p.size, case.family.n_ranks) + 1)
    below = [int((case.family.inverse(np.full(p.size, k), p) < found.lambda_).sum()) for k in ranks]
    expected = max((1 - k + count for k, count in zip(ranks, below, strict=True)), default=0)
    assert found.bound(case.p[0]).tdn(points) == max(0, expected)


@laws
@given(permuted(), st.floats(1e-3, 1))
def test_the_inverse_undoes_the_critical_vector(case: Permuted, lambda_: float) -> None:
    """Apart from p that t_k reaches at several lambda, where the inverse gives the largest."""
    critical = case.family.critical(lambda_)
    assert (np.diff(critical) >= -1e-15).all()
    k = np.flatnonzero((critical > 0) & (critical < 1)) + 1
    found = case.family.inverse(k, critical[k - 1])
    assert (found >= lambda_ * (1 - 1e-6)).all()
    if not isinstance(case.family, Learned | Combined):
        np.testing.assert_allclose(found, lambda_, rtol=1e-6)


@laws
@given(permuted())
def test_the_inverse_grows_with_p_and_falls_with_k(case: Permuted) -> None:
    p = np.sort(case.p.ravel())
    k = np.arange(1, case.family.n_ranks + 1)
    table = case.family.inverse(*np.broadcast_arrays(k[:, None], p))
    with np.errstate(invalid="ignore"):  # infinite for ranks up to delta
        assert (np.diff(table, axis=1)[np.isfinite(table[:, 0])] >= -1e-12).all()
        steps = np.diff(table, axis=0)
    assert (steps[~np.isnan(steps)] <= 1e-12).all()


@laws
@given(permuted(), ALPHAS)
def test_step_down_never_finds_less(case: Permuted, alpha: float) -> None:
    def without(excluded: npt.NDArray[np.bool_]) -> Floats:
        return smallest_lambda(case.family, np.sort(case.p[:, ~excluded], axis=1))

    once = calibrate(without(np.zeros(case.p.shape[1], dtype=bool)), case.family, alpha)
    again = calibrate_step_down(case.p[0], without, case.family, alpha)
    assert again.lambda_ >= once.lambda_
    assert (again.bound(case.p[0]).category <= once.bound(case.p[0]).category).all()
    assert again.n_excluded <= (again.bound(case.p[0]).category == 1).sum()
    assert (again.n_excluded > 0) == (again.n_steps > 1)


@laws
@given(permuted(), ALPHAS, ALPHAS)
def test_a_smaller_alpha_never_finds_more(case: Permuted, one: float, other: float) -> None:
    lambdas = smallest_lambda(case.family, np.sort(case.p, axis=1))
    strict, lenient = (calibrate(lambdas, case.family, alpha).bound(case.p[0]) for alpha in sorted((one, other)))
    assert (strict.category >= lenient.category).all()


@laws
@given(permuted())
def test_the_order_of_points_and_permutations_does_not_matter(case: Permuted) -> None:
    rng = np.random.default_rng(0)
    lambdas = smallest_lambda(case.family, np.sort(case.p, axis=1))
    reordered = rng.permuted(case.p, axis=1)[::-1]
    np.testing.assert_array_equal(smallest_lambda(case.family, np.sort(reordered, axis=1)), lambdas[::-1])
    assert true_discoveries(categories(case.p[0], case.family, 0.3)) == true_discoveries(
        categories(rng.permuted(case.p[0]), case.family, 0.3)
    )


@laws
@given(st.integers(0, 2**32), st.sampled_from((4, 32, 4096)), st.integers(1, 200), st.booleans())
def test_bins_have_the_smallest_lambda_of_all_p(seed: int, n_bins: int, m: int, signed: bool) -> None:
    """Correlations anywhere, with ties, and on the ends of bins; three degrees of freedom, and excluded points."""
    rng = np.random.default_rng(seed)
    correlation = rng.beta(0.5, rng.uniform(1, 6), size=(5, m)) * (rng.choice([-1, 1], size=(5, m)) if signed else 1)
    on_ends, tied = rng.integers(0, m + 1, size=2)
    correlation[:, :on_ends] = np.round(correlation[:, :on_ends] * n_bins) / n_bins
    correlation[:, tied:] = rng.choice([1.0, 0.5, 0.3], size=(5, m - tied))
    slope = np.array([1.0, 1.3, 3.0])
    group = rng.integers(-1, 3, size=m).astype(np.int16)
    group[0] = 0

    def p_of(correlation: Floats, dof: Floats) -> Floats:
        tail = (1 - correlation) / 2 if signed else 1 - correlation
        return np.asarray(np.clip(tail, 0, 1) ** dof)

    bins = CorrelationBins(p_of, slope, signed, n_bins)
    kept = group >= 0
    ordered = np.sort(p_of(correlation[:, kept], slope[group[kept]]), axis=1)
    template = Learned.from_smallest_p(np.sort(rng.beta(0.7, 2, size=(9, m)), axis=1)[:, : rng.integers(1, m + 1)])
    families: list[CriticalVectors] = [Simes(m), Simes(m, int(rng.integers(m))), Beta(m), template]
    scales = tuple(Scale.of(smallest_lambda(family, ordered)) for family in (families[0], template))
    for family in (*families, Combined((Simes(m), template), scales)):
        np.testing.assert_array_equal(
            bins.smallest_lambda(correlation, group, family), smallest_lambda(family, ordered)
        )
    n_ranks = int(rng.integers(1, kept.sum() + 1))
    np.testing.assert_array_equal(bins.smallest_p(correlation, group, n_ranks), ordered[:, :n_ranks])
    both = bins.smallest_lambda_and_p(correlation, group, Simes(m), n_ranks)
    np.testing.assert_array_equal(both[0], smallest_lambda(Simes(m), ordered))
    np.testing.assert_array_equal(both[1], ordered[:, :n_ranks])
