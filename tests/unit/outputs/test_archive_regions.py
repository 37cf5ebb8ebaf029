"""Regions in archives: arrays become the points of regions; those that do not fit the text are refused."""

from typing import Any

import numpy as np
import pytest

from bids_ari.outputs.archive_regions import with_names, with_points

TEXT: dict[str, Any] = {
    "alpha": 0.05,
    "names": {"names": ["left", "right"]},
    "regions": [
        {"name": "lobes", "regions": [{"index": 1}, {"index": 2}]},
        {"name": "rois", "regions": [{"index": 1}]},
    ],
}
ARRAYS = {
    "z": np.zeros(6),
    "names": np.array([0, 0, 1, -1, 1, -1]),
    "region_size": np.array([2, 0, 3]),
    "region_voxels": np.array([3, 5, 0, 1, 4]),
}


def test_each_region_has_its_points() -> None:
    """Two of the first, none of the second, three of the third."""
    found = with_points(TEXT, ARRAYS)
    points = [[region["points"].tolist() for region in each["regions"]] for each in found["regions"]]
    assert points == [[[3, 5], []], [[0, 1, 4]]]
    assert [each["name"] for each in found["regions"]] == ["lobes", "rois"]
    assert found["alpha"] == 0.05
    assert "points" not in TEXT["regions"][0]["regions"][0]  # the text is another one


def test_each_point_has_its_name() -> None:
    found = with_names(TEXT, ARRAYS)
    assert found["names"]["names"] == ["left", "right"]
    assert found["names"]["which"].tolist() == [0, 0, 1, -1, 1, -1]


@pytest.mark.parametrize("text", [{}, {"names": None, "regions": []}])
def test_without_regions_nothing_is_added(text: dict[str, Any]) -> None:
    assert with_points(text, {}) == with_names(text, {}) == text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"region_size": None}, "no array region_size"),
        ({"region_voxels": None}, "no array region_size or region_voxels"),
        ({"region_voxels": [3, 6, 0, 1, 4]}, "outside 0 to m - 1"),
        ({"region_voxels": [5, 3, 0, 1, 4]}, "do not ascend"),
        ({"region_voxels": [3, 5, 0, 0, 4]}, "do not ascend"),
        ({"region_size": [2, 3]}, "2 regions; expected 3"),
    ],
)
def test_damaged_regions_are_refused(change: dict[str, Any], message: str) -> None:
    arrays = {name: np.array(values) for name, values in (ARRAYS | change).items() if values is not None}
    with pytest.raises(ValueError, match=message):
        with_points(TEXT, arrays)


@pytest.mark.parametrize(
    ("names", "message"), [(None, "no array names"), ([0, 0, 2, -1, 1, -1], "a place outside the list of names")]
)
def test_damaged_names_are_refused(names: list[int] | None, message: str) -> None:
    arrays = {name: values for name, values in ARRAYS.items() if name != "names"}
    if names is not None:
        arrays["names"] = np.array(names)
    with pytest.raises(ValueError, match=message):
        with_names(TEXT, arrays)
