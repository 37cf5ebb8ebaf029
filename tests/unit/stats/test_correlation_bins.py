import numpy as np
import numpy.typing as npt
import pytest

from bids_ari.stats.correlation_bins import CorrelationBins, default_n_bins
from bids_ari.stats.critical_vectors import Simes

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
