"""Tables of clusters: which peaks are listed."""

import numpy as np
import pandas as pd
import pytest

from bids_ari.analysis.tables import cluster_table
from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.stats.forest import Cluster
from bids_ari.stats.glm import GlmResult


def table_of_a_row(heights: dict[int, float], voxel: float) -> pd.DataFrame:
    """The table of one cluster: a row of 40 voxels along x that falls off to both sides but for these heights."""
    highest = max(heights, key=lambda place: heights[place])
    z = 1 - np.abs(np.arange(40) - highest) / 100
    z[list(heights)] = list(heights.values())
    mask = VolumeSpace(Grid((40, 1, 1), np.diag([voxel, 3, 3, 1])), np.ones((40, 1, 1), dtype=bool))
    cluster = Cluster(1, np.arange(40, dtype=np.int32), 0, highest)
    return cluster_table([cluster], mask, GlmResult.of_z(z), z, mask.local_maxima(z))


def peaks_of(table: pd.DataFrame) -> list[tuple[float, float]]:
    """The statistic and the place along x of each peak in the table."""
    names = ("peak", "subpeak1", "subpeak2", "subpeak3")
    rows = [(table[f"{name}_stat"].item(), table[f"{name}_x"].item()) for name in names]
    return [row for row in rows if np.isfinite(row[0])]


def test_a_peak_too_near_to_a_stronger_one_is_dropped_and_hides_no_other() -> None:
    """Voxels of 3 mm. 9 is 6 mm from 10: dropped. 8 is 6 mm from 9, but 12 mm from 10: kept. So on."""
    table = table_of_a_row({10: 10, 12: 9, 14: 8, 16: 7, 18: 6, 20: 5}, voxel=3)
    assert peaks_of(table) == [(10, 30), (8, 42), (6, 54)]


def test_a_peak_8_mm_away_is_far_enough() -> None:
    assert peaks_of(table_of_a_row({10: 9, 12: 8}, voxel=4)) == [(9, 40), (8, 48)]
    assert peaks_of(table_of_a_row({10: 9, 12: 8}, voxel=3.99)) == [(9, pytest.approx(39.9))]


def test_at_most_three_further_peaks_are_told_the_strongest() -> None:
    table = table_of_a_row({0: 5, 8: 6, 16: 7, 24: 8, 32: 9}, voxel=3)
    assert [stat for stat, _ in peaks_of(table)] == [9, 8, 7, 6]


def test_a_slope_is_no_peak() -> None:
    assert peaks_of(table_of_a_row({10: 9, 11: 8, 12: 7, 13: 6, 14: 5}, voxel=5)) == [(9, 50)]


def test_maps_made_elsewhere_have_no_mean_effect() -> None:
    assert "mean_effect" not in table_of_a_row({3: 4}, voxel=3).columns
