import numpy as np
import numpy.typing as npt
import pytest
from scipy import special

from bids_ari.stats.correlation_bins import CorrelationBins, default_n_bins
from bids_ari.stats.critical_vectors import Beta, Learned, Simes, smallest_lambda

Floats = npt.NDArray[np.float64]


def power_of_distance(correlation: Floats, slope: Floats) -> Floats:
    return np.asarray((1 - correlation) ** slope)


def test_a_bin_counts_points_of_bins_that_end_later() -> None:
    """100 p of .40 in a bin that ends at .5, and 3 of .41 of another kind in one from .125 to .42: these decide.

    Of 200 points, .41 at rank 103 has 200 * .41 / 103 = .7961, and .40 at rank 100 has .8.
    """
    bins = CorrelationBins(power_of_distance, np.array([1, 3]), False, 4)
    correlation = np.concatenate([np.full(100, 0.6), np.full(3, 1 - 0.41 ** (1 / 3)), np.zeros(97)])[None]
    group = np.repeat([0, 1, 0], [100, 3, 97]).astype(np.int16)
    assert bins.smallest_lambda(correlation, group, Simes(200))[0] == pytest.approx(200 * 0.41 / 103)


def test_excluded_points_are_not_counted() -> None:
    bins = CorrelationBins(power_of_distance, np.array([1]), False, default_n_bins(4))
    group = np.array([-1, 0, 0, 0], dtype=np.int16)
    correlation = np.array([[0.99, 0.9, 0.5, 0.2]])
    np.testing.assert_allclose(bins.smallest_p(correlation, group, 3), [[0.1, 0.5, 0.8]])
    assert bins.smallest_lambda(correlation, group, Simes(4))[0] == pytest.approx(0.4)


def test_more_bins_for_more_points() -> None:
    assert [default_n_bins(m) for m in (10, 50_000, 10_000_000)] == [4096, 8192, 16384]


@pytest.mark.parametrize("dof", [1.0, 2.0, 29.0, 2000.0])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("n_bins", [16, 4096])
def test_most_points_of_few_bins_are_excluded_without_their_p(dof: float, signed: bool, n_bins: int) -> None:
    """Lambda is that of all p, to the bit, with thousands of points in a bin, and correlations equal but for rounding.

    With one degree of freedom log p is not concave.
    """
    rng = np.random.default_rng(int(dof))
    r = rng.beta(0.5, rng.uniform(0.4, 1.2, size=(6, 1)) * dof / 2, size=(6, 3000)) ** 0.5
    r *= rng.choice([-1, 1], size=r.shape) if signed else 1
    r[:3, 1500:] = r[:3, :1500] * (1 + rng.integers(-3, 4, size=(3, 1500)) * 2.0**-53)
    r[3, :1000] = r[3, 0]

    def p_of(correlation: Floats, dof: Floats) -> Floats:
        tail = special.betainc(dof / 2, 0.5, (1 - correlation) * (1 + correlation))
        return np.asarray(np.where(correlation > 0, tail / 2, 1 - tail / 2) if signed else tail)

    bins, group = CorrelationBins(p_of, np.array([dof]), signed, n_bins), np.zeros(3000, dtype=np.int16)
    r = np.clip(r, -1, 1)
    ordered = np.sort(p_of(r, np.array(dof)), axis=1)
    template = Learned.from_smallest_p(np.sort(rng.beta(0.7, 2, size=(9, 3000)), axis=1)[:, :800])
    for family in (Simes(3000), Simes(3000, 27), Beta(3000), template):
        np.testing.assert_array_equal(bins.smallest_lambda(r, group, family), smallest_lambda(family, ordered))


def test_a_p_near_1_is_below_those_around_it_by_rounding() -> None:
    """The smallest inverse is that of the largest p, at rank 600 of 600: p itself.

    p = I(1 - r**2; 14, .5) of r = 6e-17 is 1 - 1e-15, but 1 - 4e-8 is found, from 1 - r = 1 - 1.1e-16.
    """

    def p_of(correlation: Floats, dof: Floats) -> Floats:
        return np.asarray(special.betainc(dof / 2, 0.5, (1 - correlation) * (1 + correlation)))

    bins, group = CorrelationBins(p_of, np.array([28.0]), False, 8192), np.zeros(600, dtype=np.int16)
    r = np.append(6e-17, np.linspace(1e-6, 1e-4, 599))
    assert bins.smallest_lambda(r[None], group, Simes(600))[0] == pytest.approx(1, abs=1e-7)
