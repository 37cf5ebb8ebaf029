"""Smoothing: its width, and normalised convolution where a subject lacks data that others have."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders import AFFINE, SHAPE, Floats, brain, one_each, saved
from builders_meshes import icosphere, saved_mesh
from nibabel.cifti2.cifti2_axes import BrainModelAxis
from nilearn.image import smooth_img
from scipy import ndimage

from bids_ari.images.gifti import LEFT
from bids_ari.images.stack import Stack, load_stack
from bids_ari.images.volume import Grid

FWHM = 7.0
SIGMA = FWHM / np.sqrt(8 * np.log(2)) / np.array([3, 3, 3.5])
"""Standard deviation of the Gaussian, in voxels: full width at half maximum is sqrt(8 ln 2) standard deviations."""


def stack_of(folder: Path, volumes: list[Floats], **options: float) -> Stack:
    paths = [saved(folder / f"{i:02d}.nii.gz", volume) for i, volume in enumerate(volumes)]
    return load_stack(one_each(paths), smoothing=FWHM, **options)


def by_nilearn(stack: Stack, volume: Floats) -> Floats:
    """The smoothed values at the points tested."""
    return stack.space.select(smooth_img(nib.Nifti1Image(np.nan_to_num(volume), AFFINE), FWHM).get_fdata())


class TestSmoothing:
    def test_the_width_is_in_mm_at_half_maximum(self) -> None:
        """A point smoothed with 6 mm falls to a half at a distance of 3 mm: one voxel along x."""
        point = np.zeros(SHAPE)
        point[5, 5, 6] = 1
        smoothed = Grid(SHAPE, AFFINE).smooth(point, 6.0)
        assert smoothed[6, 5, 6] / smoothed[5, 5, 6] == pytest.approx(0.5)
        assert smoothed[5, 5, 7] / smoothed[5, 5, 6] == pytest.approx(0.5 ** (3.5 / 3) ** 2)  # 3.5 mm along z

    def test_values_that_are_not_finite_count_as_zero(self, rng: np.random.Generator) -> None:
        volume, zeroed = brain(rng), brain(rng)
        zeroed[:] = volume
        volume[4, 4, 3:6] = np.nan, np.inf, -np.inf
        zeroed[4, 4, 3:6] = 0
        np.testing.assert_array_equal(Grid(SHAPE, AFFINE).smooth(volume, 6.0), Grid(SHAPE, AFFINE).smooth(zeroed, 6.0))


class TestMissingData:
    """Values are float32 on disk: those of the test are, too, so that results agree to the last digits of float64."""

    def maps(self, rng: np.random.Generator, n: int = 12) -> list[Floats]:
        return [brain(rng, signal=2).astype(np.float32).astype(float) for _ in range(n)]

    def test_a_field_of_view_that_ends_early_does_not_lower_a_constant_map(self, tmp_path: Path) -> None:
        """A map of ones, smoothed by normalised convolution, is 1 where it has data."""
        whole, short = np.ones(SHAPE), np.ones(SHAPE)
        short[..., 8:] = 0
        stack = stack_of(tmp_path, [whole, whole, short, short])
        assert stack.space.inside.sum() == 10 * 11 * 8
        np.testing.assert_allclose(stack.effects[:, :], 1, rtol=1e-12)
        assert stack.normalised == ("02", "03")

    def test_beside_the_common_background_too(self, tmp_path: Path) -> None:
        """A whole map falls towards the background; one that lacks slices has the same values."""
        whole = np.zeros(SHAPE)
        whole[1:-1, 1:-1, 1:-1] = 2
        short = whole.copy()
        short[..., 8:] = 0
        rows = stack_of(tmp_path, [whole, whole, short, short]).effects[:, :]
        assert rows[0].min() < 1.5
        np.testing.assert_allclose(rows[2:], rows[:2], rtol=1e-12)

    def test_values_are_the_weighted_mean_of_the_voxels_with_data(
        self, tmp_path: Path, rng: np.random.Generator
    ) -> None:
        """By scipy: the smoothed map, scaled from the weight of the voxels with data to that of the whole brain."""
        volumes = self.maps(rng)
        volumes[3][4, 4, 4] = np.nan
        volumes[5][:4] = 0
        stack = stack_of(tmp_path, volumes)
        for i in (3, 5):
            present = np.nan_to_num(volumes[i]) != 0
            smoothed, weight, whole = (
                ndimage.gaussian_filter(each, SIGMA)
                for each in (np.nan_to_num(volumes[i]), present.astype(float), (volumes[0] != 0).astype(float))
            )
            expected = stack.space.select(smoothed / weight * whole)
            np.testing.assert_allclose(stack.effects[i : i + 1, :][0], expected, rtol=1e-9)
        assert stack.normalised == ("03", "05")

    def test_others_and_distant_voxels_are_those_of_nilearn_to_the_bit(
        self, tmp_path: Path, rng: np.random.Generator
    ) -> None:
        """The Gaussian ends at 4 standard deviations: after int(4 * 0.99 + 0.5) = 4 voxels along x."""
        volumes = self.maps(rng)
        volumes[2][6:] = 0
        stack = stack_of(tmp_path, volumes)
        expected = np.array([by_nilearn(stack, volume) for volume in volumes])
        differs = stack.effects[:, :] != expected
        assert not np.delete(differs, 2, axis=0).any()
        x = stack.space.indices[:, 0]
        assert x.max() == 5
        assert not differs[2][x < 2].any()
        assert differs[2][x >= 2].all()

    def test_the_background_of_all_counts_as_zero(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """As by nilearn, to the bit: `brain` has a layer of zeros."""
        volumes = self.maps(rng)
        stack = stack_of(tmp_path, volumes)
        np.testing.assert_array_equal(stack.effects[:, :], [by_nilearn(stack, volume) for volume in volumes])
        assert stack.normalised == ()

    @pytest.mark.parametrize(("n_more", "is_missing"), [(1, False), (2, True)])
    def test_data_of_less_than_a_tenth_of_the_subjects_are_no_reason(
        self, tmp_path: Path, rng: np.random.Generator, n_more: int, is_missing: bool
    ) -> None:
        """Of 12 subjects, two are more than a tenth."""
        volumes = self.maps(rng)
        for volume in volumes[:n_more]:
            volume[:, :, 0] = 1
        assert stack_of(tmp_path, volumes).normalised == tuple(f"{i:02d}" for i in range(n_more, 12) if is_missing)

    def test_missing_data_far_from_the_tested_voxels_do_not_matter(
        self, tmp_path: Path, rng: np.random.Generator
    ) -> None:
        volumes = self.maps(rng)
        volumes[2][7:] = 0
        inside = np.zeros(SHAPE)
        inside[1:3] = 1
        mask = saved(tmp_path / "mask.nii.gz", inside)
        stack = stack_of(tmp_path, volumes, mask=mask)
        np.testing.assert_array_equal(stack.effects[:, :], [by_nilearn(stack, volume) for volume in volumes])
        assert stack.normalised == ()


class TestGrayordinates:
    """Half of a sphere with a wall of zeros, and a structure of voxels; two of four subjects lack a part of each."""

    @pytest.mark.parametrize("is_whole", [True, False])
    def test_missing_data_and_the_wall_do_not_lower_a_constant_map(self, tmp_path: Path, is_whole: bool) -> None:
        mesh = icosphere(4, 40.0, (-45.0, 0, 0))
        x, _, z = mesh.coordinates.T
        cortex = BrainModelAxis.from_surface(np.arange(x.size), x.size, LEFT)
        structure = BrainModelAxis.from_mask(
            np.ones((8, 8, 8)), "CIFTI_STRUCTURE_THALAMUS_LEFT", np.diag([3.0, 3, 3, 1])
        )
        axis = cortex + structure
        first = np.concatenate([x, np.full(512, -60.0)])
        whole = np.where(first < -35, 2.0, 0.0)  # zeros are the wall
        lacks = np.concatenate([(x < -35) & (z > 20), structure.voxel[:, 2] > 5])
        short = whole if is_whole else np.where(lacks, np.nan, whole)
        paths = []
        for number, values in enumerate([whole, whole, short, short]):
            paths.append(tmp_path / f"sub-{number:02d}.dscalar.nii")
            scalar = nib.cifti2.ScalarAxis(["effect"])
            nib.save(nib.Cifti2Image(values[None].astype(np.float32), (scalar, axis)), paths[-1])
        left = saved_mesh(mesh, tmp_path / "hemi-L_midthickness.surf.gii")
        stack = load_stack(one_each(paths), smoothing=9.0, surface=[f"L={left}"])
        np.testing.assert_array_equal(stack.space.inside, (whole > 0) & (is_whole | ~lacks))
        np.testing.assert_allclose(stack.effects[:, :], 2.0, rtol=1e-6)
        assert stack.normalised == (() if is_whole else ("02", "03"))
