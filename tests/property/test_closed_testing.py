"""Laws of closed testing, for every p, alpha and set of points."""

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from builders_stats import (
    adjusted_by_definition,
    closed_testing,
    concentration_set,
    h_by_definition,
    hommel_scale,
    members,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import ALPHAS, LOCAL_TESTS, dyadic_p, p_vectors

from bids_ari.stats.bounds import Bound, true_discoveries
from bids_ari.stats.choices import LOCAL_TESTS as ALL_LOCAL_TESTS
from bids_ari.stats.choices import LocalTest
from bids_ari.stats.closed_testing import adjusted_p, hommel_bound, local_scales

laws = settings(max_examples=100, deadline=None)  # the first call may take long on a loaded machine

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def subset_of(n_points: int, data: st.DataObject) -> Bools:
    """Draw any set of points."""
    return np.array(data.draw(st.lists(st.booleans(), min_size=n_points, max_size=n_points)))


def scale_of(bound: Bound, local_test: LocalTest) -> float:
    """s_h."""
    return float(local_scales(bound.n_points, local_test)[bound.h])


@pytest.mark.parametrize("local_test", ALL_LOCAL_TESTS)
@settings(max_examples=120, deadline=None)
@given(p=dyadic_p(max_size=7), alpha=st.sampled_from((Fraction(1, 8), Fraction(1, 16), Fraction(1, 32))))
def test_shortcut_equals_closed_testing(local_test: LocalTest, p: list[Fraction], alpha: Fraction) -> None:
    """The shortcut equals full closed testing: h and TDN of all 2^m sets, in exact fractions.

    Simes: all products are exact in float64, ties included. Hommel: s_i is exact for i <= 3. Beyond, s_i * k / 1024
    = u / 8 needs u = s_i * k / 128 with s_i = 25/3, 137/12, 147/10, 363/20, so for u divisible by 25, 137, 49 or
    121, but u <= 8; so there are no ties but at p = 0, and the nearest miss is far beyond rounding.
    """
    scale = hommel_scale if local_test == "hommel" else Fraction
    h, tdn = closed_testing(p, alpha, scale)
    bound = hommel_bound(np.array([float(one) for one in p]), float(alpha), local_test)
    assert bound.h == h
    assert [bound.tdn(np.array(members(subset), dtype=int)) for subset in range(2 ** len(p))] == tdn


@pytest.mark.parametrize("local_test", ALL_LOCAL_TESTS)
@settings(max_examples=120, deadline=None)
@given(p=dyadic_p(max_size=6))
def test_adjusted_p_is_the_largest_local_p(local_test: LocalTest, p: list[Fraction]) -> None:
    """The smallest alpha with TDN(S) > 0 is the largest local p of the sets that contain S; in exact fractions."""
    scale = hommel_scale if local_test == "hommel" else Fraction
    expected = [float(min(one, Fraction(1))) for one in adjusted_by_definition(p, scale)]
    floats = np.array([float(one) for one in p])
    for subset, adjusted in enumerate(expected[1:], start=1):
        points = np.array(members(subset))
        below, above = adjusted * (1 - 1e-12), max(adjusted * (1 + 1e-12), 1e-300)  # a few roundings in float64
        assert not 0 < below < 1 or hommel_bound(floats, below, local_test).tdn(points) == 0
        assert above >= 1 or hommel_bound(floats, above, local_test).tdn(points) > 0
    assert adjusted_p(floats, local_test) == pytest.approx(
        [expected[1 << v] for v in range(len(p))], rel=1e-14
    )  # a few roundings


@laws
@given(p=p_vectors(), alpha=ALPHAS, local_test=LOCAL_TESTS)
def test_adjusted_p_agrees_with_the_bound(p: Floats, alpha: float, local_test: LocalTest) -> None:
    """A single point is a discovery at alpha when its adjusted p is at most alpha."""
    bound, adjusted = hommel_bound(p, alpha, local_test), adjusted_p(p, local_test)
    clear = np.abs(adjusted - alpha) > 1e-13  # closer, rounding decides: one side divides, the other does not
    np.testing.assert_array_equal((bound.category == 1)[clear], (adjusted <= alpha)[clear])


@laws
@given(p=p_vectors(max_size=40), alpha=ALPHAS, local_test=LOCAL_TESTS)
def test_h_is_the_largest_set_not_rejected(p: Floats, alpha: float, local_test: LocalTest) -> None:
    """h is the largest i such that s_i * p_(m-i+j) > j * alpha for all j <= i, compared in float64 as written."""
    scales = local_scales(p.size, local_test)
    assert hommel_bound(p, alpha, local_test).h == h_by_definition(p, alpha, lambda size: scales[size])


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("local_test", ALL_LOCAL_TESTS)
def test_h_of_many_points(local_test: LocalTest, seed: int) -> None:
    """The same law in vectors too long for hypothesis."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(size=400) ** rng.uniform(1, 12, size=400)
    scales = local_scales(p.size, local_test)
    h = h_by_definition(p, 0.05, lambda size: scales[size])
    assert 0 < h < 400
    assert hommel_bound(p, 0.05, local_test).h == h


@laws
@given(p=p_vectors(), alpha=ALPHAS, local_test=LOCAL_TESTS)
def test_category_is_the_smallest_integer(p: Floats, alpha: float, local_test: LocalTest) -> None:
    """Category: the smallest integer u >= 1 with s_h * p <= u * alpha, in float64; at most m + 1."""
    bound = hommel_bound(p, alpha, local_test)
    product = scale_of(bound, local_test) * p
    category = bound.category.astype(float)
    assert ((category >= 1) & (category <= p.size + 1)).all()
    assert ((product <= category * alpha) | (category == p.size + 1)).all()
    assert ((product > (category - 1) * alpha) | (category == 1)).all()


@laws
@given(category=st.lists(st.integers(1, 12), max_size=12))
def test_tdn_from_categories(category: list[int]) -> None:
    """TDN(S) = max(0, max over u = 1..|S| of 1 - u + #{i in S: c_i <= u})."""
    expected = 0
    for u in range(1, len(category) + 1):
        expected = max(expected, 1 - u + sum(c <= u for c in category))
    assert true_discoveries(np.array(category, dtype=np.int32)) == expected


@laws
@given(p=p_vectors(), alpha=ALPHAS, local_test=LOCAL_TESTS)
def test_tdn_of_all_points(p: Floats, alpha: float, local_test: LocalTest) -> None:
    """TDN(all) = m - h."""
    bound = hommel_bound(p, alpha, local_test)
    assert bound.whole == bound.tdn(np.arange(p.size)) == p.size - bound.h


@laws
@given(p=p_vectors(), alpha=ALPHAS, local_test=LOCAL_TESTS, data=st.data())
def test_concentration_set(p: Floats, alpha: float, local_test: LocalTest, data: st.DataObject) -> None:
    """TDN(S) = TDN(S within the concentration set)."""
    bound = hommel_bound(p, alpha, local_test)
    assert bound.h is not None
    core = concentration_set(p, alpha, bound.h, scale_of(bound, local_test))
    chosen = subset_of(p.size, data)
    assert bound.tdn(chosen) == bound.tdn(np.intersect1d(np.flatnonzero(chosen), core))


@laws
@given(p=p_vectors(), alpha=ALPHAS, local_test=LOCAL_TESTS, data=st.data())
def test_superadditive(p: Floats, alpha: float, local_test: LocalTest, data: st.DataObject) -> None:
    """TDN(S or T) >= TDN(S) + TDN(T) for disjoint S, T."""
    bound = hommel_bound(p, alpha, local_test)
    one, other = subset_of(p.size, data), subset_of(p.size, data)
    other &= ~one
    assert bound.tdn(one | other) >= bound.tdn(one) + bound.tdn(other)


@laws
@given(p=p_vectors(), alpha=ALPHAS, local_test=LOCAL_TESTS, data=st.data())
def test_order_does_not_matter(p: Floats, alpha: float, local_test: LocalTest, data: st.DataObject) -> None:
    """The order of points does not matter."""
    order = np.array(data.draw(st.permutations(range(p.size))))
    bound, reordered = hommel_bound(p, alpha, local_test), hommel_bound(p[order], alpha, local_test)
    assert bound.h == reordered.h
    np.testing.assert_array_equal(bound.category[order], reordered.category)


@laws
@given(p=p_vectors(), alphas=st.tuples(ALPHAS, ALPHAS), local_test=LOCAL_TESTS, data=st.data())
def test_smaller_alpha_gives_no_more(
    p: Floats, alphas: tuple[float, float], local_test: LocalTest, data: st.DataObject
) -> None:
    """A smaller alpha never gives more."""
    chosen = subset_of(p.size, data)
    strict, lenient = (hommel_bound(p, alpha, local_test) for alpha in sorted(alphas))
    assert strict.h >= lenient.h
    assert strict.tdn(chosen) <= lenient.tdn(chosen)


@laws
@given(p=p_vectors(), alpha=ALPHAS, data=st.data())
def test_hommel_finds_no_more_than_simes(p: Floats, alpha: float, data: st.DataObject) -> None:
    """Bounds under any dependence (s_i = i * (1 + ... + 1/i) >= i) never exceed those of Simes."""
    chosen = subset_of(p.size, data)
    assert hommel_bound(p, alpha, "hommel").tdn(chosen) <= hommel_bound(p, alpha, "simes").tdn(chosen)


@laws
@given(p=p_vectors(), alpha=ALPHAS, local_test=LOCAL_TESTS, data=st.data())
def test_tdp_is_a_proportion(p: Floats, alpha: float, local_test: LocalTest, data: st.DataObject) -> None:
    """0 <= TDN(S) <= |S|, so TDP lies in [0, 1]."""
    bound = hommel_bound(p, alpha, local_test)
    chosen = subset_of(p.size, data)
    assert 0 <= bound.tdn(chosen) <= chosen.sum()
    assert 0 <= bound.tdp(chosen) <= 1
    assert bound.tdp(chosen) * chosen.sum() == pytest.approx(bound.tdn(chosen))  # one division, one product
