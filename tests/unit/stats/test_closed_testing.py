import numpy as np
import pytest

from bids_ari.stats.choices import LocalTest
from bids_ari.stats.closed_testing import adjusted_p, categories, hommel_bound, hommel_value, local_scales


def test_scales() -> None:
    """s_i = i, or i * (1 + 1/2 + ... + 1/i): 1, 2 * 3/2, 3 * 11/6, 4 * 25/12."""
    np.testing.assert_array_equal(local_scales(4, "simes"), [0, 1, 2, 3, 4])
    np.testing.assert_allclose(local_scales(4, "hommel"), [0, 1, 3, 5.5, 25 / 3], rtol=1e-15)  # one rounding


# Of p = .01, .02, .03, .04, .9 at alpha = .05, set sizes from above; rejected when s_i * p_(k) <= j * .05:
#   simes, i = 5: 5 * .01 <= .05 rejected; i = 4 (.02, .03, .04, .9): 4 * .02 > .05, 4 * .03 > .10, 4 * .04 > .15;
#   4 * .9 > .20: not rejected, so h = 4. Categories: 4 p / .05 = .8, 1.6, 2.4, 3.2, 72 -> 1, 2, 3, 4, 6 = m + 1.
#   hommel, i = 5: s = 11.417; 11.417 * .01 > .05, * .02 > .10, * .03 > .15, * .04 > .20: not rejected, so h = 5.
#   Categories: 11.417 p / .05 = 2.3, 4.6, 6.9, 9.1, 205 -> 3, 5, 6, 6, 6.
@pytest.mark.parametrize(
    ("local_test", "h", "category"), [("simes", 4, [1, 2, 3, 4, 6]), ("hommel", 5, [3, 5, 6, 6, 6])]
)
def test_by_hand(local_test: LocalTest, h: int, category: list[int]) -> None:
    bound = hommel_bound(np.array([0.01, 0.02, 0.03, 0.04, 0.9]), 0.05, local_test)
    assert bound.h == h
    np.testing.assert_array_equal(bound.category, category)
    assert bound.whole == 5 - h
    assert (bound.alpha, bound.method) == (0.05, local_test)


def test_equality_rejects() -> None:
    """At alpha = 1/8, p = 1/8 is rejected, and the next larger float is not."""
    assert hommel_bound(np.array([0.125]), 0.125).whole == 1
    assert hommel_bound(np.array([np.nextafter(0.125, 1)]), 0.125).whole == 0
    # 2 * 1/16 = 1 * 1/8: both sizes are rejected by the smaller, so h = 1 and its category is 1.
    assert hommel_bound(np.array([1 / 16, 1.0]), 0.125).h == 1
    assert hommel_bound(np.array([np.nextafter(1 / 16, 1), 1.0]), 0.125).h == 2


def test_extreme_p() -> None:
    assert hommel_bound(np.ones(4)).whole == 0
    assert hommel_bound(np.zeros(4)).whole == 4
    # h = 2: the two p = 1 alone are not rejected, with a p = 0 every set is.
    bound = hommel_bound(np.array([1.0, 0.0, 1.0, 0.0]))
    assert bound.h == 2
    assert bound.tdn(np.array([1, 3])) == 2
    assert bound.tdn(np.array([0, 2])) == 0


def test_gap_between_the_sizes_that_each_p_rejects() -> None:
    """With Hommel's s_i a p may reject sizes 1 to 3 but not 4: h does not follow from the largest size alone.

    Of p = .105, .11, .215, .48 at alpha = .9, with s = 1, 3, 5.5, 8.33: size 4 is rejected by .105 (.875 <= .9), by
    .11 and by .215, of which .215 rejects down to size 2 (3 * .215 <= .9); not by .48 (4.0 > 3.6). But .48 rejects
    sizes 3 (2.64 <= 2.7), 2 (1.44 <= 1.8) and 1 (.48 <= .9): h = 0.
    """
    p, scales = np.array([0.105, 0.11, 0.215, 0.48]), local_scales(4, "hommel")
    assert hommel_value(p, 0.9, scales) == 0
    assert hommel_value(np.array([0.105, 0.11, 0.215, 0.95]), 0.9, scales) == 1  # .95 > alpha is not rejected


def test_categories_by_hand() -> None:
    # 100 p / .05 = 0, .2, 1, 1.0002, 2, 2000; m + 1 = 7. 100 * .0005 and 1 * .05 are the same float64.
    p = np.array([0, 0.0001, 0.0005, 0.0005001, 0.001, 1])
    np.testing.assert_array_equal(categories(p, 0.05, 100.0), [1, 1, 1, 2, 2, 7])


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.1, 0.2])
def test_categories_on_a_grid(alpha: float) -> None:
    """The smallest u >= 1 with s * p <= u * alpha, as written; ceil(s * p / alpha) is often one too large there."""
    p = np.arange(401) / 400
    u = np.arange(1, p.size + 2)
    for scale in range(1, 100):
        enough = (scale * p[:, None] <= u * alpha) | (u > p.size)
        np.testing.assert_array_equal(categories(p, alpha, float(scale)), u[enough.argmax(axis=1)])


@pytest.mark.parametrize("alpha", [1e-12, 1e-25, 1e-290])
def test_categories_larger_than_integers(alpha: float) -> None:
    """s * p / alpha beyond 2^31 and 2^63 has the category m + 1, which adds to no bound."""
    found = categories(np.array([0.0, 0.5, 1.0]), alpha, 3.0)
    np.testing.assert_array_equal(found, [1, 4, 4])
    assert found.dtype == np.int32


# Of p = .01, .02, .03, .04, .9, the local p of a set is its smallest s_i * p_(j) / j, the adjusted p the largest
# local p of the sets that contain it. Simes: of .04 and .9, min(.08, .9) = .08; of the four largest, min(4 * .02,
# 4 * .03 / 2, 4 * .04 / 3, .9) = .0533; of all, 5 * .01 = .05. .01 is in all of size 5 (.05), and in .01 .9: .02,
# .01 .04 .9: .03, .01 .03 .04 .9: .04. .02: .02 .9: .04, .02 .04 .9: .06, .02 .03 .04 .9: .0533. .03: .03 .9: .06,
# .03 .04 .9: min(.09, .06) = .06. .04: .08. .9: .9 itself.
def test_adjusted_p_by_hand() -> None:
    p = np.array([0.9, 0.04, 0.01, 0.03, 0.02])
    assert adjusted_p(p).tolist() == pytest.approx([0.9, 0.08, 0.05, 0.06, 0.06], rel=1e-14)  # two roundings
    for alpha, tdn in ((0.0799, 0), (0.0801, 1)):  # of .9 and .04 together
        assert hommel_bound(p, alpha).tdn(np.array([0, 1])) == tdn


def test_adjusted_p_is_at_most_one() -> None:
    """With Hommel's s_2 = 3 the local p of two p = .8 is min(3 * .8, 3 * .8 / 2) = 1.2."""
    assert adjusted_p(np.array([0.8, 0.8]), "hommel").tolist() == [1, 1]
    assert adjusted_p(np.zeros(3)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("p", [[], [[0.1, 0.2]], 0.5])
def test_p_must_be_one_dimensional(p: list[float]) -> None:
    with pytest.raises(ValueError, match="p must be a 1-D array"):
        hommel_bound(np.array(p))


@pytest.mark.parametrize("p", [[0.1, np.nan], [-1e-300, 0.2], [0.5, 1.0000001], [np.inf]])
def test_p_must_be_probabilities(p: list[float]) -> None:
    with pytest.raises(ValueError, match=r"p must lie in \[0, 1\], without NaN"):
        hommel_bound(np.array(p))


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.05, 5.0, np.nan])
def test_alpha_must_be_a_level(alpha: float) -> None:
    with pytest.raises(ValueError, match=r"alpha must lie in \(0, 1\); found"):
        hommel_bound(np.array([0.1]), alpha)


def test_unknown_local_test() -> None:
    with pytest.raises(ValueError, match="local_test must be one of simes, hommel; found 'fisher'"):
        hommel_bound(np.array([0.1]), 0.05, "fisher")  # type: ignore[arg-type]


def test_p_is_not_changed() -> None:
    p = np.array([0.9, 0.001, 0.02])
    hommel_bound(p)
    np.testing.assert_array_equal(p, [0.9, 0.001, 0.02])
    assert p.flags.writeable
