"""Mean effects of subjects in regions."""

import numpy as np
import pytest

from bids_ari.analysis import region_effects
from bids_ari.analysis.methods import GroupData
from bids_ari.analysis.region_effects import effects_in
from bids_ari.design.design import Design
from bids_ari.images.regions import Region, RegionSet
from bids_ari.images.storage import at_points


def region(index: int, *points: int) -> Region:
    return Region(index, f"region {index}", np.array(points, dtype=np.int32))


REGIONS = RegionSet("halves", "Halves", (region(1, 0, 1, 4), region(2, 2, 3), region(3)))


def group(values: np.ndarray) -> GroupData:
    design = Design(("1", "2"), np.ones((2, 1)), ("mean",), {"mean": np.ones(1)}, "1", {})
    return GroupData((values,), design)


def test_means_over_points_with_data() -> None:
    """(1 + 2 + 6) / 3 and (3 + 5) / 2; without the missing ones (2 + 7) / 2 and 4."""
    values = np.array([[1.0, 2, 3, 5, 6], [np.nan, 2, np.nan, 4, 7]])
    found = effects_in(group(values), REGIONS)
    np.testing.assert_array_equal(found, [[3, 4, np.nan], [4.5, 4, np.nan]])


@pytest.mark.parametrize("block", [1, 4, 100])
def test_values_are_read_in_blocks(block: int, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    """Also where the points tested are some columns of what was read."""
    monkeypatch.setattr(region_effects, "BLOCK", block)
    values = rng.normal(size=(2, 9))
    tested = np.array([1, 0, 1, 1, 0, 0, 1, 1, 0], dtype=bool)
    found = effects_in(group(at_points(values, tested)), REGIONS)
    kept = values[:, tested]
    expected = [kept[:, [0, 1, 4]].mean(axis=1), kept[:, [2, 3]].mean(axis=1)]
    np.testing.assert_allclose(found[:, :2].T, expected, rtol=1e-15)  # sums of at most three numbers, by block
