"""Masks: missing voxels, mask files, and the voxels that a group analysis tests."""

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from builders import AFFINE, SHAPE, image, saved

from bids_ari.bids.spaces import StandardSpace
from bids_ari.errors import DataError, EmptyMaskError, GridMismatchError, UsageError
from bids_ari.images.masks import group_mask, load_mask, note_unmasked
from bids_ari.images.volume import Grid, VolumeSpace, missing

GRID = Grid(SHAPE, AFFINE)


class TestMissing:
    def test_the_zero_background_is_missing_and_a_zero_inside_is_a_value(self) -> None:
        volume = np.ones((7, 7, 7))
        volume[0] = 0
        volume[3, 3, 3] = 0
        absent = missing(volume)
        assert absent[0].all()
        assert absent.sum() == 49

    def test_nan_and_infinities_are_missing_anywhere(self) -> None:
        volume = np.ones((5, 5, 5))
        volume[2, 2, 1:4] = np.nan, np.inf, -np.inf
        assert np.argwhere(missing(volume)).tolist() == [[2, 2, 1], [2, 2, 2], [2, 2, 3]]

    def test_a_zero_reached_from_the_edge_through_nan_is_missing(self) -> None:
        volume = np.ones((5, 5, 7))
        volume[2, 2, :3] = np.nan
        volume[2, 2, 3] = 0
        assert missing(volume)[2, 2, 3]

    def test_a_zero_beside_nan_that_does_not_reach_the_edge_is_a_value(self) -> None:
        volume = np.ones((5, 5, 7))
        volume[2, 2, 2] = np.nan
        volume[2, 2, 3] = 0
        assert np.argwhere(missing(volume)).tolist() == [[2, 2, 2]]

    @pytest.mark.parametrize("corner", [(0, 2, 2), (4, 2, 2), (2, 0, 2), (2, 4, 2), (2, 2, 0), (2, 2, 4)])
    def test_every_face_is_an_edge(self, corner: tuple[int, int, int]) -> None:
        volume = np.ones((5, 5, 5))
        volume[corner] = -0.0
        assert missing(volume)[corner]

    @pytest.mark.parametrize("shape", [(9, 8, 7), (1, 6, 5), (3, 3, 3)])
    @pytest.mark.parametrize("empty", [0.55, 0.75, 0.95])
    def test_zeros_connected_to_the_edge_are_missing(
        self, rng: np.random.Generator, shape: tuple[int, int, int], empty: float
    ) -> None:
        """Compared with a walk from each voxel at a face through voxels without a value."""
        for _ in range(20):
            volume = rng.choice([0.0, np.nan, 1.0], p=[0.9 * empty, 0.1 * empty, 1 - empty], size=shape)
            hollow = (volume == 0) | np.isnan(volume)
            reached = {at for at in np.ndindex(shape) if any(i in (0, n - 1) for i, n in zip(at, shape, strict=True))}
            to_do = [at for at in reached if hollow[at]]
            reached = set(to_do)
            while to_do:
                at = np.array(to_do.pop())
                for step in (*np.eye(3, dtype=int), *-np.eye(3, dtype=int)):
                    there = tuple(int(i) for i in at + step)
                    if all(0 <= i < n for i, n in zip(there, shape, strict=True)) and hollow[there]:
                        to_do += [there] if there not in reached else []
                        reached.add(there)
            expected = np.isnan(volume)
            expected[tuple(np.array(sorted(reached), dtype=int).reshape(-1, 3).T)] = True
            np.testing.assert_array_equal(missing(volume), expected)

    def test_a_map_of_zeros_is_missing_everywhere(self) -> None:
        assert missing(np.zeros((4, 5, 6))).all()

    def test_without_any_zero_only_nan_is_missing(self) -> None:
        volume = np.full((3, 3, 3), np.nan)
        volume[1, 1, 1] = 2
        assert missing(volume).sum() == 26


@pytest.mark.parametrize(("n_inside", "unmasked"), [(60, False), (61, True)])
def test_more_than_sixty_per_cent_of_the_volume_looks_unmasked(n_inside: int, unmasked: bool) -> None:
    inside = (np.arange(100) < n_inside).reshape(1, 10, 10)
    assert (note_unmasked(VolumeSpace(Grid((1, 10, 10), AFFINE), inside)) is not None) is unmasked


@pytest.mark.parametrize(("fraction", "unmasked"), [(0.6, False), (1.0, True)])
def test_a_mask_that_fills_the_volume_is_no_brain_mask(fraction: float, unmasked: bool) -> None:
    """Whatever the part of it where subjects have data."""
    tested = VolumeSpace(Grid((1, 10, 10), AFFINE), np.eye(10, dtype=bool)[None])
    note = note_unmasked(tested, fraction)
    assert (note is not None) is unmasked
    assert note is None or "fills 100% of the volume, the tested voxels 10%" in note


class TestMaskFile:
    def test_ones_are_inside_and_nan_is_outside(self) -> None:
        volume = np.zeros(SHAPE)
        volume[1, 1, 1:4] = 1, 1, np.nan
        assert load_mask(image(volume), GRID).indices.tolist() == [[1, 1, 1], [1, 1, 2]]

    @pytest.mark.parametrize("inside", [1.0, 255.0, 3.0, 1 - 1e-6, 1024.0001])
    @pytest.mark.parametrize("outside", [0.0, 1e-9, -1e-5, np.nan])
    def test_zero_and_one_other_whole_number_up_to_rounding(self, inside: float, outside: float) -> None:
        volume = np.full(SHAPE, outside)
        volume[2:4] = inside
        np.testing.assert_array_equal(np.unique(load_mask(image(volume), GRID).indices[:, 0]), [2, 3])

    @pytest.mark.parametrize("dtype", [np.uint8, np.int16])
    def test_scaled_integers_are_accurate_to_half_a_step(self, dtype: npt.DTypeLike) -> None:
        """Scaled to -1e-3 ... 1.2: neither 0 nor 1 can be stored; the nearest numbers are up to half a step away."""
        volume = np.zeros(SHAPE)
        volume[2:4] = 1
        volume[0, 0, :2] = 0.0, 1.0
        steps = np.iinfo(dtype)
        slope = 1.2 / (int(steps.max) - int(steps.min))
        inter = -0.4 * slope - slope * int(steps.min)
        made = image(np.zeros(SHAPE), dtype=dtype)
        stored = np.rint((volume - inter) / slope).astype(dtype)
        made = type(made)(stored, AFFINE)
        made.header.set_slope_inter(slope, inter)
        read = type(made).from_bytes(made.to_bytes())
        assert 0 < np.abs(read.get_fdata() - volume).max() <= slope / 2
        np.testing.assert_array_equal(load_mask(read, GRID).inside, volume == 1)

    @pytest.mark.parametrize(
        ("others", "found", "hint"),
        [
            ((0.2, 0.9), "0.2: these are probabilities", "--mask-threshold 0.5"),
            ((0.3,), "0.3: these are probabilities", "--mask-threshold 0.5"),
            ((1, -1), "from -1 to 1", "math_img"),
            ((-3.5,), "from -3.5 to 0", "math_img"),
            ((1, np.inf), "from 0 to inf", "math_img"),
            ((1, 2, 7), "3 different numbers above 0, such as 1 and 2", "--atlas"),
            ((12.5, 80), "up to 80", "divide percentages by 100"),
            ((1.5,), "up to 1.5", "math_img"),
        ],
    )
    def test_another_kind_of_image(self, tmp_path: Path, others: tuple[float, ...], found: str, hint: str) -> None:
        volume = np.zeros(SHAPE)
        volume[1, 1, 1 : 1 + len(others)] = others
        path = saved(tmp_path / "odd.nii.gz", volume)
        with pytest.raises(DataError) as caught:
            load_mask(path, GRID)
        assert str(path) in caught.value.found
        assert found in caught.value.found
        assert hint in caught.value.hint

    def test_probabilities_of_at_least_the_threshold_are_inside(self) -> None:
        """Up to rounding of float32, in which 0.7 is 0.69999999."""
        volume = np.zeros(SHAPE)
        volume[1, 1, 1:6] = 0.69, 0.7, 0.71, 1.0, np.nan
        assert load_mask(image(volume), GRID, threshold=0.7).indices[:, 2].tolist() == [2, 3, 4]
        with pytest.raises(EmptyMaskError, match=r"one voxel of 0\.9 or more"):
            load_mask(image(np.minimum(volume, 0.5)), GRID, threshold=0.9)

    @pytest.mark.parametrize("threshold", [0.0, 1.5, -1, np.nan])
    def test_a_threshold_is_a_probability(self, threshold: float) -> None:
        with pytest.raises(UsageError, match="above 0, at most 1"):
            load_mask(image(np.ones(SHAPE)), GRID, threshold=threshold)

    def test_a_threshold_does_not_change_a_binary_mask(self) -> None:
        volume = np.zeros(SHAPE)
        volume[2] = 255
        assert load_mask(image(volume), GRID, threshold=0.5).n_points == volume[2].size

    @pytest.mark.parametrize("value", [0.0, np.nan])
    def test_an_empty_mask_is_refused(self, tmp_path: Path, value: float) -> None:
        path = saved(tmp_path / "mask.nii.gz", np.full(SHAPE, value))
        with pytest.raises(EmptyMaskError, match=r"mask\.nii\.gz is empty"):
            load_mask(path, GRID)

    def test_a_mask_on_another_grid(self, tmp_path: Path) -> None:
        path = saved(tmp_path / "mask.nii.gz", np.ones((5, 6, 7)), np.diag([2.0, 2, 2, 1]))
        with pytest.raises(GridMismatchError) as caught:
            load_mask(path, GRID)
        assert "mask.nii.gz is on another grid: 2 x 2 x 2 mm (5, 6, 7)" in caught.value.found
        assert "3 x 3 x 3.5 mm (10, 11, 12)" in caught.value.expected
        assert "resample_to_img" in caught.value.hint

    @pytest.mark.parametrize(
        ("name", "where", "hint"),
        [
            ("space-MNI152NLin6Asym_mask.nii.gz", "MNI152NLin2009cAsym", "of MNI152NLin6Asym by its name"),
            ("tpl-MNIInfant_cohort-2_mask.nii.gz", "MNIInfant+3", "of MNIInfant, cohort 2 by its name"),
            ("space-MNI152NLin6Asym_mask.nii.gz", "MNI152NLin6Asym", "resample_to_img"),
            ("mask.nii.gz", "MNI152NLin6Asym", "resample_to_img"),
        ],
    )
    def test_a_mask_of_another_space_is_not_to_be_resampled(
        self, tmp_path: Path, name: str, where: str, hint: str
    ) -> None:
        path = saved(tmp_path / name, np.ones((5, 6, 7)), np.diag([2.0, 2, 2, 1]))
        with pytest.raises(GridMismatchError, match=re.escape(hint)):
            load_mask(path, GRID, StandardSpace.parse(where))

    def test_a_space_on_another_grid(self) -> None:
        other = VolumeSpace(Grid((5, 6, 7), np.diag([2.0, 2, 2, 1])), np.ones((5, 6, 7), dtype=bool))
        assert load_mask(other, other.grid) is other
        with pytest.raises(GridMismatchError, match="The mask is on another grid"):
            load_mask(other, GRID)

    def test_the_resampling_in_the_message_works(self, tmp_path: Path) -> None:
        from nilearn.image import resample_to_img

        small = image(np.ones((5, 6, 7)), np.diag([-2.0, 2, 2, 1]))
        resampled = resample_to_img(
            small, image(np.ones(SHAPE)), interpolation="nearest", force_resample=True, copy_header=True
        )
        assert load_mask(resampled, GRID).n_points > 0


class TestGroupMask:
    def space(self, counts: npt.ArrayLike, n_subjects: int, coverage: float, *inside: bool) -> list[bool]:
        """Which voxels of a row are tested, by the number of subjects with data at each."""
        row = np.asarray(counts, dtype=np.int32).reshape(1, 1, -1)
        grid = Grid(row.shape, AFFINE)
        mask = VolumeSpace(grid, np.array([[inside]])) if inside else None
        return [bool(value) for value in group_mask(row, n_subjects, coverage, grid, mask).inside.ravel()]

    @pytest.mark.parametrize(
        ("coverage", "least"),
        [(1.0, 100), (0.999, 100), (0.07, 7), (0.29, 29), (0.57, 57), (0.501, 51), (0.001, 1), (1e-12, 1)],
    )
    def test_coverage_is_a_fraction_of_the_subjects(self, coverage: float, least: int) -> None:
        """Also where coverage * 100 is not exact in floating point: 0.07, 0.29, 0.57."""
        assert self.space(range(101), 100, coverage) == [count >= least for count in range(101)]

    def test_a_mask_excludes_voxels_and_adds_none(self) -> None:
        assert self.space([2, 2, 1, 2], 2, 1.0, True, False, True, True) == [True, False, False, True]

    def test_without_a_voxel_the_largest_count_is_in_the_message(self) -> None:
        with pytest.raises(EmptyMaskError, match=r"90% of the 10 subjects \(at most 8 have data\)\."):
            self.space([8, 3], 10, 0.9)

    def test_a_mask_without_data_of_any_subject_is_elsewhere(self) -> None:
        with pytest.raises(EmptyMaskError, match=r"No map has data inside the mask of 2 voxels"):
            self.space([10, 0, 0], 10, 1.0, False, True, True)

    def test_inside_a_mask_the_largest_count_is_that_inside(self) -> None:
        with pytest.raises(EmptyMaskError, match=r"\(at most 3 have data\) inside the mask"):
            self.space([10, 3], 10, 1.0, False, True)
