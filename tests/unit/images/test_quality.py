"""Quality of maps: coverage of each subject, slices, and outliers."""

import zlib
from itertools import permutations, product

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest

from bids_ari.images.mosaic import mosaic_of
from bids_ari.images.quality import ABSENT, STEPS, Glimpse, assess, far_from_others, glimpse
from bids_ari.images.volume import Grid, VolumeSpace

BOX = (5, 6, 4)
"""Voxels from left to right, from back to front, from below to above."""


def grid(shape: tuple[int, int, int] = BOX, zooms: tuple[float, ...] = (2.0, 2.0, 2.0)) -> Grid:
    return Grid(shape, np.diag([*zooms, 1.0]))


def everywhere(where: Grid) -> VolumeSpace:
    return VolumeSpace(where, np.ones(where.shape, dtype=bool))


def look(values: npt.NDArray[np.float64], where: Grid | None = None) -> Glimpse:
    where = where or grid()
    return glimpse(mosaic_of(everywhere(where)), values, ~np.isnan(values))


def shown(seen: Glimpse) -> npt.NDArray[np.float64]:
    """The values of a thumbnail; NaN for no data."""
    return np.where(seen.thumbnail == ABSENT, np.nan, seen.thumbnail * seen.step)


class TestMosaic:
    def test_three_slices_through_the_middle(self) -> None:
        """Value = 100 x + 10 y + z of the voxel; the medians of 0..4, 0..5, 0..3 are 2, 2.5 and 1.5: cut at 2, 2, 1."""
        x, y, z = np.indices(BOX)
        values = 100.0 * x + 10 * y + z
        picture = shown(look(values))
        assert picture.shape == (6, 6 + 5 + 5)  # sagittal, coronal, axial; the tallest is axial
        half_step = values.max() / STEPS / 2
        sagittal, coronal, axial = picture[1:5, :6], picture[1:5, 6:11], picture[:, 11:]
        np.testing.assert_allclose(sagittal, values[2].T[::-1], atol=half_step)  # back to front, above on top
        np.testing.assert_allclose(coronal, values[:, 2].T[::-1], atol=half_step)  # left to right
        np.testing.assert_allclose(axial, values[:, :, 1].T[::-1], atol=half_step)  # left to right, front on top
        assert np.isnan(picture[[0, 5], :11]).all()  # around the lower slices

    @pytest.mark.parametrize("flips", list(product([1, -1], repeat=3)))
    @pytest.mark.parametrize("order", list(permutations(range(3))))
    def test_the_order_of_axes_in_the_file_does_not_matter(
        self, order: tuple[int, ...], flips: tuple[int, ...]
    ) -> None:
        """A file may store its axes in any order and direction. Odd lengths have one middle."""
        values = np.random.default_rng(5).normal(size=(5, 7, 3))
        image = nib.Nifti1Image(values, np.diag([2.0, 2, 2, 1]))
        stored = image.as_reoriented(np.column_stack([order, flips]))
        again = look(stored.get_fdata(), Grid.of(stored))
        np.testing.assert_array_equal(again.thumbnail, look(values, grid((5, 7, 3))).thumbnail)

    def test_pixels_have_one_size_whatever_the_voxels(self) -> None:
        """6 slices of 4 mm are as high as 12 voxels of 2 mm: with pixels of 4 mm, 6 by 12 by 6 mm has 6 by 6 by 3."""
        where = grid((6, 12, 6), (2.0, 2.0, 4.0))
        assert look(np.ones(where.shape), where).thumbnail.shape == (6, 6 + 3 + 3)

    def test_no_slice_is_longer_than_80_pixels(self) -> None:
        where = grid((20, 200, 10), (1.0, 1.0, 1.0))
        assert look(np.ones(where.shape), where).thumbnail.shape == (80, 80 + 8 + 8)

    def test_missing_data_differ_from_zero(self) -> None:
        values = np.zeros(BOX)
        values[0] = np.nan
        assert np.isnan(shown(look(values))[2, 6])  # the left of the coronal slice
        assert shown(look(values))[2, 7] == 0
        values[1] = np.inf  # not shown either
        assert np.isnan(shown(look(values))[2, 7])


class TestCoverage:
    """Of a row of ten voxels, A lacks the last, B the last three, C nothing; a fourth lacks all but the first five."""

    COVERED = (9, 7, 10, 5)

    def glimpses(self) -> tuple[list[Glimpse], npt.NDArray[np.int32]]:
        maps = [np.where(np.arange(10) < n, 1.0, np.nan).reshape(10, 1, 1) for n in self.COVERED]
        counts = np.sum([~np.isnan(each) for each in maps], axis=0).astype(np.int32)
        return [look(each, grid((10, 1, 1))) for each in maps], counts

    def mask(self, *inside: int) -> VolumeSpace:
        volume = np.zeros((10, 1, 1), dtype=bool)
        volume[list(inside)] = True
        return VolumeSpace(grid((10, 1, 1)), volume)

    def test_all_subjects_must_have_data(self) -> None:
        """Voxels 0-4 are tested. Two or more cover 0-8, the reference. 5 and 6 lack only the last subject."""
        quality = assess(*self.glimpses(), None, self.mask(*range(5)), 4)
        assert quality.reference == 9
        assert quality.lacking.tolist() == [0, 2, 0, 4]
        assert quality.lost.tolist() == [0, 0, 0, 2]
        # Dice with 9 voxels: 2 9 / (9 + 9), 2 7 / (7 + 9), 2 9 / (10 + 9), 2 5 / (5 + 9)
        np.testing.assert_allclose(quality.overlap, [1, 14 / 16, 18 / 19, 10 / 14], rtol=1e-15)

    def test_half_of_the_subjects_are_enough(self) -> None:
        """Voxels 0-8 are tested; 9 would be if A, B or the last had data there."""
        quality = assess(*self.glimpses(), None, self.mask(*range(9)), 2)
        assert quality.lost.tolist() == [1, 1, 0, 1]

    def test_within_a_mask(self) -> None:
        """Of voxels 4-6 and 9, the first is tested; 5 and 6 are lost to the last."""
        quality = assess(*self.glimpses(), self.mask(4, 5, 6, 9), self.mask(4), 4)
        assert quality.reference == 4
        assert quality.lacking.tolist() == [1, 1, 0, 3]
        assert quality.lost.tolist() == [0, 0, 0, 2]

    def test_bits_are_those_of_the_map(self) -> None:
        (first, *_), _ = self.glimpses()
        assert zlib.decompress(first.present) == bytes([0b11111111, 0b10000000])


class TestFar:
    def test_by_the_scaled_median_absolute_deviation(self) -> None:
        """Median 0, MAD 2: the limit is 3.5 x 1.4826 x 2 = 10.38."""
        values = np.array([-3, -2, -1, 0, 0, 2, 3, 10.3, -10.4])
        assert np.flatnonzero(far_from_others(values)).tolist() == [8]

    def test_small_deviations_are_never_outliers(self) -> None:
        values = np.array([1, 1, 1, 1, 1, 0.99])
        assert far_from_others(values).tolist() == [False] * 5 + [True]
        assert not far_from_others(values, least=0.02).any()

    def test_of_few_subjects_none_is_an_outlier(self) -> None:
        assert not far_from_others(np.array([0.0, 0, 0, 9])).any()

    def test_nan_is_an_outlier(self) -> None:
        assert far_from_others(np.array([0, 0, 0, 0, np.nan])).tolist() == [False] * 4 + [True]
        assert far_from_others(np.full(5, np.nan)).all()
