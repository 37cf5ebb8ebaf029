import numpy as np
import numpy.typing as npt
import pytest

from bids_ari.stats import extremes
from bids_ari.stats.critical_vectors import Simes

Floats = npt.NDArray[np.float64]


def power_of_distance(score: Floats, slope: Floats) -> Floats:
    return np.asarray((1 - score) ** slope)


def test_a_bin_counts_what_lies_in_bins_that_end_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 p of .40 in a bin that ends at .5, and 3 of .41 of another kind in one from .125 to .42: these decide.

    Of 200 voxels, .41 at rank 103 has 200 * .41 / 103 = .7961, and .40 at rank 100 has .8.
    """
    for name in ("FEWEST_BINS", "MOST_BINS"):
        monkeypatch.setattr(extremes, name, 4)
    bins = extremes.Bins(power_of_distance, np.array([1, 3]), False, 200)
    score = np.concatenate([np.full(100, 0.6), np.full(3, 1 - 0.41 ** (1 / 3)), np.zeros(97)])[None]
    group = np.repeat([0, 1, 0], [100, 3, 97]).astype(np.int16)
    assert bins.least_lambda(score, group, Simes(200))[0] == pytest.approx(200 * 0.41 / 103)


def test_voxels_that_are_left_out_count_nowhere() -> None:
    bins = extremes.Bins(power_of_distance, np.array([1]), False, 4)
    group = np.array([-1, 0, 0, 0], dtype=np.int16)
    score = np.array([[0.99, 0.9, 0.5, 0.2]])
    np.testing.assert_allclose(bins.smallest(score, group, 3), [[0.1, 0.5, 0.8]])
    assert bins.least_lambda(score, group, Simes(4))[0] == pytest.approx(0.4)


def test_more_bins_for_more_voxels() -> None:
    sizes = [extremes.Bins(power_of_distance, np.array([1]), False, m)._n_bins for m in (10, 50_000, 10_000_000)]
    assert sizes == [4096, 8192, 16384]
