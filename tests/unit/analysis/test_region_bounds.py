"""Bounds of a result for regions: points by a mask, and TDN and TDP by their definition."""

from pathlib import Path

import numpy as np
import pytest
from builders import AFFINE, SHAPE, image, saved
from reported import analysed, region

from bids_ari.analysis.result import ContrastResult
from bids_ari.errors import DataError, GridMismatchError
from bids_ari.images.regions import RegionSet


@pytest.fixture(scope="module")
def result() -> ContrastResult:
    return analysed(3.0)[0]


def true_discoveries(result: ContrastResult, points: np.ndarray) -> int:
    """The lower bound by its definition: the largest of 1 - u + #(categories up to u), over u, or 0."""
    categories = result.bound.category[points]
    return max([0, *(1 - u + int((categories <= u).sum()) for u in range(1, points.size + 1))])


def overlapping(result: ContrastResult) -> RegionSet:
    """The ten strongest points; five of these and some of the weakest; a few others; none at all."""
    order = np.argsort(-result.glm.z)
    parts = (order[:10], [*order[5:10], *order[-20:]], order[100:103], [])
    return RegionSet("rois", "Regions", tuple(region(i, f"r{i}", *sorted(part)) for i, part in enumerate(parts, 1)))


def test_points_are_those_of_the_voxels_of_a_mask(result: ContrastResult, tmp_path: Path) -> None:
    """By the indices of voxels; a file, its name and an image are the same."""
    inside = np.zeros(SHAPE)
    inside[3:6, 4:7, 5:8] = 1
    path = saved(tmp_path / "roi.nii.gz", inside)
    expected = [inside[tuple(index)] == 1 for index in result.space.indices]
    assert sum(expected) == 27
    for each in (path, str(path), image(inside)):
        assert result.points_in(each).tolist() == expected


def test_points_outside_of_the_analysis_do_not_count(result: ContrastResult) -> None:
    assert result.points_in(image(np.ones(SHAPE))).sum() == result.space.n_points < np.prod(SHAPE)


@pytest.mark.parametrize(
    ("values", "affine", "kind"),
    [
        (np.ones((9, 11, 12)), AFFINE, GridMismatchError),
        (np.ones(SHAPE), AFFINE @ np.diag([2, 1, 1, 1]), GridMismatchError),
        (np.zeros(SHAPE), AFFINE, DataError),
        (np.linspace(0, 1, np.prod(SHAPE)).reshape(SHAPE), AFFINE, DataError),
    ],
    ids=["shape", "affine", "empty", "values"],
)
def test_what_is_no_region_is_refused(
    result: ContrastResult, values: np.ndarray, affine: np.ndarray, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        result.points_in(image(values, affine))


def test_each_point_has_the_highest_tdp_of_its_regions(result: ContrastResult) -> None:
    regions = overlapping(result)
    expected = np.zeros(result.space.n_points)
    for each in regions.regions:
        for point in each.points:
            expected[point] = max(expected[point], true_discoveries(result, each.points) / each.points.size)
    found = result.region_tdp(regions)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert len(set(found.tolist())) >= 3  # of the first, of the second, and 0


def test_a_table_has_the_bounds_of_each_region(result: ContrastResult) -> None:
    regions = overlapping(result)
    table = result.region_table(regions)
    assert table["name"].tolist() == ["r1", "r2", "r3", "r4"]
    expected = [true_discoveries(result, each.points) for each in regions.regions]
    assert table["tdn"].tolist() == expected
    assert expected[0] > expected[2]
    assert expected[3] == 0
    for tdp, tdn, each in zip(table["tdp"], expected, regions.regions, strict=True):
        assert tdp == pytest.approx(tdn / each.points.size) if each.points.size else not tdp > 0
