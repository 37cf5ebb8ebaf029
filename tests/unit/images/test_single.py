"""Single maps: which voxels are tested, and maps that are thresholded or no statistics."""

import hashlib
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders import AFFINE, SHAPE, brain, image, saved

from bids_ari.errors import EmptyMaskError
from bids_ari.images.single import load_map
from bids_ari.images.statistic import Given


class TestTestedVoxels:
    def test_background_and_nan_are_excluded(self, tmp_path: Path, rng: np.random.Generator) -> None:
        data = brain(rng).astype(np.float32)
        data[5, 5, 5:8] = np.nan, np.inf, 0  # infinity and a zero inside are values
        path = saved(tmp_path / "z.nii.gz", data)
        stack = load_map(path)
        outer = np.ones(SHAPE, dtype=bool)
        outer[1:-1, 1:-1, 1:-1] = False
        outer[5, 5, 5] = True
        np.testing.assert_array_equal(stack.space.inside, ~outer)
        np.testing.assert_array_equal(stack.effects[:, :], data[None, ~outer])
        np.testing.assert_array_equal(stack.coverage, ~outer)
        assert dict(stack.hashes) == {path: hashlib.sha256(path.read_bytes()).hexdigest()}
        assert not load_map(path, drop_zeros=True).space.inside[5, 5, 7]
        assert load_map(image(data)).hashes == {}

    @pytest.mark.parametrize("drop_zeros", [False, True])
    def test_a_zero_that_was_saved_as_a_scaled_integer_is_a_zero(self, drop_zeros: bool) -> None:
        """-1, of integers 2e-5 apart with an offset of 1.2e-5, reads as -8e-6; 0 itself cannot be stored."""
        stored = np.full(SHAPE, 20000, dtype=np.int16)
        stored[:, ::2] *= -1
        stored[0], stored[5, 5, 5] = -1, -1
        made = nib.Nifti1Image(stored, AFFINE)
        made.header.set_slope_inter(2e-5, 1.2e-5)
        stack = load_map(nib.Nifti1Image.from_bytes(made.to_bytes()), drop_zeros=drop_zeros, given=Given("z"))
        assert not stack.space.inside[0].any()
        assert stack.space.inside[5, 5, 5] == (not drop_zeros)

    def test_inside_a_mask_only_nan_is_excluded(self, tmp_path: Path, rng: np.random.Generator) -> None:
        data = brain(rng)
        data[5, 5, 5] = np.nan
        stack = load_map(image(data), mask=image(np.ones(SHAPE)))
        assert np.argwhere(~stack.space.inside).tolist() == [[5, 5, 5]]
        with pytest.raises(EmptyMaskError, match="inside the mask"):
            load_map(image(np.full(SHAPE, np.nan)), mask=image(np.ones(SHAPE)))
        with pytest.raises(EmptyMaskError, match=r"z\.nii has no value\. Check the file"):
            load_map(saved(tmp_path / "z.nii", np.zeros(SHAPE)))


class TestNotes:
    def test_unusual_values_are_counted(self, rng: np.random.Generator) -> None:
        data = brain(rng)
        data[4, 4, 4:6] = np.inf, -np.inf
        data[..., 6:8] = np.nan
        assert [note.partition(" ")[0] for note in load_map(image(data), given=Given("z")).notes] == ["2", "the"]
        assert "2 axial slices" in load_map(image(data)).notes[-1]

    def test_a_header_without_a_place(self, rng: np.random.Generator) -> None:
        """As of ANALYZE times: nibabel takes the x axis for flipped, which is one of two possibilities."""
        image = nib.Nifti1Image(rng.normal(size=(5, 5, 5)), np.diag([-2, 2, 2, 1]))
        image.set_sform(None, 0)
        image.set_qform(None, 0)
        (note,) = (each for each in load_map(image, None).notes if "where in space" in each)
        assert "which side is left" in note

    def test_a_good_map_has_none(self, rng: np.random.Generator) -> None:
        assert load_map(image(brain(rng)), given=Given("z")).notes == ()
