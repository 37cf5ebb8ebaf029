"""The mask of a group: counts over subjects, runs and grids; grey matter."""

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders import AFFINE, SHAPE, image

from bids_ari.errors import DataError, EmptyMaskError, GridMismatchError, UsageError
from bids_ari.images.group_masks import count_masks, find_grey_matter, intersection
from bids_ari.images.volume import Grid

Save = Callable[..., Path]

GRID = Grid(SHAPE, AFFINE)


def box(*stops: int) -> np.ndarray:
    """A box from the first voxel on, of these sizes."""
    values = np.zeros(SHAPE)
    values[tuple(slice(stop) for stop in stops)] = 1
    return values


@pytest.fixture
def saved(tmp_path: Path) -> Save:
    def save(name: str, values: np.ndarray, affine: np.ndarray = AFFINE, dtype: type = np.float32) -> Path:
        path = tmp_path / f"{name}.nii.gz"
        nib.save(image(values, affine, dtype), path)
        return path

    return save


class TestCounts:
    def test_voxels_of_most_subjects(self, saved: Save) -> None:
        """Boxes of 4, 5 and 6 slices of 9 voxels: three have 36 voxels in common, two 45, one 54."""
        counted = count_masks({f"{i}": [saved(f"m{i}", box(i, 3, 3))] for i in (4, 5, 6)})
        assert [int(counted.inside(part).sum()) for part in (1, 0.66, 0.3)] == [36, 45, 54]
        assert counted.grid.matches(GRID)

    def test_a_subject_has_what_all_of_its_runs_have(self, saved: Save) -> None:
        counted = count_masks(
            {"1": [saved("a", box(4, 3, 3)), saved("b", box(5, 2, 3))], "2": [saved("c", box(5, 3, 3))]}
        )
        assert int(counted.inside(1).sum()) == 4 * 2 * 3

    def test_what_each_subject_lacks(self, saved: Save) -> None:
        counted = count_masks({f"{i}": [saved(f"m{i}", box(i, 3, 3))] for i in (4, 5, 6)})
        assert counted.lacking(counted.inside(0.3)) == {"4": 18, "5": 9, "6": 0}

    def test_probabilities_count_from_a_half_on(self, saved: Save) -> None:
        assert int(count_masks({"1": [saved("a", 0.6 * box(4, 3, 3) + 0.3 * box(5, 3, 3))]}).inside(1).sum()) == 36

    def test_runs_of_a_subject_with_nothing_in_common(self, saved: Save) -> None:
        runs = [saved("a", box(2, 3, 3)), saved("b", box(9, 9, 9) - box(2, 9, 9))]
        with pytest.raises(EmptyMaskError, match="The masks of the 2 runs of sub-1 have no voxel in common"):
            count_masks({"1": runs, "2": [saved("c", box(9, 9, 9))]})

    def test_nothing_in_common(self, saved: Save) -> None:
        with pytest.raises(EmptyMaskError, match=r"masks of 2 of the 2 subjects \(at most 1"):
            count_masks({"1": [saved("a", box(2, 3, 3))], "2": [saved("b", box(9, 9, 9) - box(2, 9, 9))]}).inside(1)

    def test_an_empty_mask(self, saved: Save) -> None:
        with pytest.raises(EmptyMaskError, match=r"a\.nii\.gz is empty.*--exclude"):
            count_masks({"1": [saved("a", box(0, 0, 0))]})

    def test_all_problems_are_in_one_error(self, saved: Save) -> None:
        masks = {str(i): [saved(f"m{i}", box(4, 3, 3))] for i in range(1, 6)}
        for i in (2, 4, 5):
            (path,) = masks[str(i)]
            path.unlink()
            path.symlink_to(f"../.git/annex/objects/{i}")
        saved("m3", box(0, 0, 0))
        with pytest.raises(DataError) as caught:
            count_masks(masks)
        assert type(caught.value) is DataError
        first, absent, empty = str(caught.value).splitlines()
        assert first.startswith("4 problems")
        assert f"{masks['2'][0]} is a link to content that is not here" in absent
        assert absent.endswith("Likewise 2 others, of sub-4, 5")
        assert "m3.nii.gz is empty" in empty

    def test_probabilities_below_a_half(self, saved: Save) -> None:
        with pytest.raises(EmptyMaskError, match=r"a probability of 0\.5 or more"):
            count_masks({"1": [saved("a", 0.3 * box(4, 3, 3))]})

    def test_a_map_that_is_no_mask(self, saved: Save, rng: np.random.Generator) -> None:
        with pytest.raises(DataError, match="0 outside and 1 inside"):
            count_masks({"1": [saved("a", rng.normal(size=SHAPE))]})


class TestGrids:
    def test_masks_on_several_grids_are_refused(self, saved: Save) -> None:
        masks = {"1": [saved("a", box(4, 3, 3))], "2": [saved("b", box(4, 3, 3), AFFINE @ np.diag([1.5, 1.5, 1.5, 1]))]}
        with pytest.raises(GridMismatchError, match=r"b\.nii\.gz on 4\.5 x 4\.5 x 5\.25 mm.*--like"):
            count_masks(masks)

    def test_the_grid_of_a_map(self, saved: Save) -> None:
        """Voxels of half the size: each voxel becomes 8, but for those at the face whose half lies outside."""
        half = AFFINE @ np.diag([0.5, 0.5, 0.5, 1])
        fine = Grid(tuple(2 * n for n in SHAPE), half)  # type: ignore[arg-type]
        counted = count_masks({"1": [saved("a", box(4, 3, 3))]}, fine)
        assert counted.grid.matches(fine)
        inside = counted.inside(1)
        assert inside[:7, :5, :5].all()
        assert not inside[8:].any()

    def test_a_mask_elsewhere_is_refused(self, saved: Save) -> None:
        far = AFFINE.copy()
        far[:3, 3] += 1000
        with pytest.raises(GridMismatchError, match="lies elsewhere"):
            count_masks({"1": [saved("a", box(4, 3, 3), far)]}, GRID)


class TestGreyMatter:
    def test_the_mean_of_maps(self, saved: Save) -> None:
        """Means of 0.35 in 4 slices and 0.15 in one more: only the former reach 0.2."""
        paths = [saved("a", 0.3 * box(5, 3, 3)), saved("b", 0.4 * box(4, 3, 3))]
        inside, hashes = find_grey_matter(paths, GRID, 0.2)
        np.testing.assert_array_equal(inside, box(4, 3, 3) > 0)
        assert {*hashes} == {*paths}
        assert {len(each) for each in hashes.values()} == {64}

    def test_the_threshold_itself_is_enough(self, saved: Save) -> None:
        """A quarter and its double are exact in single precision."""
        path = saved("a", 0.5 * box(2, 3, 3) + 0.25 * (box(4, 3, 3) - box(2, 3, 3)))
        inside, _ = find_grey_matter([path], GRID, 0.25)
        np.testing.assert_array_equal(inside, box(4, 3, 3) > 0)

    def test_a_mask_of_255(self, saved: Save) -> None:
        inside, _ = find_grey_matter([saved("a", 255 * box(4, 3, 3), dtype=np.uint8)], GRID, 0.2)
        np.testing.assert_array_equal(inside, box(4, 3, 3) > 0)

    def test_a_finer_grid_is_interpolated(self, saved: Save, tmp_path: Path) -> None:
        fine = np.zeros(tuple(2 * n for n in SHAPE))
        fine[:9, :6, :6] = 0.5
        path = tmp_path / "fine.nii.gz"
        nib.save(image(fine, AFFINE @ np.diag([0.5, 0.5, 0.5, 1])), path)
        inside, _ = find_grey_matter([path], GRID, 0.2)
        np.testing.assert_array_equal(inside, box(5, 3, 3) > 0)  # voxels 0 to 8 of half the size

    def test_a_statistic_is_refused(self, saved: Save, rng: np.random.Generator) -> None:
        with pytest.raises(DataError, match="map of grey matter"):
            find_grey_matter([saved("a", 3 * rng.normal(size=SHAPE))], GRID, 0.2)

    def test_a_threshold_that_is_no_probability(self, saved: Save) -> None:
        with pytest.raises(UsageError, match="grey-matter-threshold"):
            find_grey_matter([saved("a", box(4, 3, 3))], GRID, 2)

    def test_no_voxel_in_both(self) -> None:
        with pytest.raises(EmptyMaskError, match=r"at least 0\.2 in gm\.nii"):
            intersection(box(2, 3, 3) > 0, np.zeros(SHAPE, bool), [Path("gm.nii")], 0.2)
