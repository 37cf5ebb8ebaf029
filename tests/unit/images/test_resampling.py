"""Resampling to another grid: values, edges, and voxels without data."""

import warnings
from collections.abc import Callable

import nibabel as nib
import numpy as np
import pytest
from builders import AFFINE, SHAPE, Floats
from nilearn.image import resample_img

from bids_ari.images.resampling import Interpolation, overlap, resample, resample_nearest
from bids_ari.images.volume import Grid

COARSE = Grid((21, 23, 20), np.diag([3.0, 3, 3, 1]))
FINE = Grid((31, 34, 30), np.array([[-2.0, 0, 0, 60.5], [0, 2, 0, 0.3], [0, 0, 2, 0.1], [0, 0, 0, 1]]))
"""Over about the same place, mirrored, with voxels between those of the other."""

CENTRE = (30.0, 33, 29)

both_ways = pytest.mark.parametrize(("grid", "target"), [(COARSE, FINE), (FINE, COARSE)], ids=["finer", "coarser"])
all_kinds = pytest.mark.parametrize("interpolation", ["continuous", "linear"])


def at_voxels(grid: Grid, function: Callable[[Floats], Floats]) -> Floats:
    """The values of a function of millimetres (n, 3) at each voxel."""
    return function(grid.millimetres(np.argwhere(np.ones(grid.shape)))).reshape(grid.shape)


def from_centre(grid: Grid) -> Floats:
    return at_voxels(grid, lambda mm: np.linalg.norm(mm - CENTRE, axis=1))


def nilearn(volume: Floats, grid: Grid, target: Grid, interpolation: str) -> Floats:
    made = resample_img(
        nib.Nifti1Image(volume, grid.affine),
        target_affine=target.affine,
        target_shape=target.shape,
        interpolation=interpolation,
        clip=False,
        copy_header=True,
        force_resample=True,
    )
    return np.asarray(made.dataobj)


@both_ways
@pytest.mark.parametrize(("interpolation", "tolerance"), [("continuous", 1e-3), ("linear", 1e-12)])
def test_without_missing_data_it_equals_nilearn(
    rng: np.random.Generator, grid: Grid, target: Grid, interpolation: Interpolation, tolerance: float
) -> None:
    """At least 6 voxels from the faces, whose reach falls by 0.27 with each voxel: 0.27^6 = 4e-4 of values up to 2."""
    volume = rng.normal(size=grid.shape)
    inner = (slice(9, -9),) * 3
    found = resample(volume, grid, target, interpolation)[inner]
    expected = nilearn(volume, grid, target, interpolation)[inner]
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


HALF = Grid((40, 44, 40), np.array([[1.5, 0, 0, 0.75], [0, 1.5, 0, 0], [0, 0, 1.5, -0.75], [0, 0, 0, 1]]))
OBLIQUE = Grid((19, 20, 21), np.array([[2.1, 0.3, 0, 2], [-0.2, 1.9, 0.1, 4], [0.05, 0, 2.3, 3], [0, 0, 0, 1]]))


@pytest.mark.parametrize("grid", [COARSE, FINE, HALF, OBLIQUE], ids=["coarse", "fine", "half", "oblique"])
@pytest.mark.parametrize("target", [COARSE, FINE, HALF, OBLIQUE], ids=["coarse", "fine", "half", "oblique"])
def test_the_nearest_voxel_is_that_of_nilearn(rng: np.random.Generator, grid: Grid, target: Grid) -> None:
    """Also where two are equally near, and on the same grid with another shape."""
    target = Grid((25, 25, 25), target.affine)
    volume = rng.integers(0, 400, grid.shape).astype(np.int32)
    found = resample_nearest(volume, grid, target)
    assert found.dtype == volume.dtype
    np.testing.assert_array_equal(found, nilearn(volume, grid, target, "nearest"))


def test_splines_are_the_default(rng: np.random.Generator) -> None:
    volume = rng.normal(size=COARSE.shape)
    np.testing.assert_array_equal(resample(volume, COARSE, FINE), resample(volume, COARSE, FINE, "continuous"))
    assert not np.array_equal(resample(volume, COARSE, FINE), resample(volume, COARSE, FINE, "linear"))


@both_ways
@all_kinds
def test_a_constant_map_stays_constant_to_its_edge(grid: Grid, target: Grid, interpolation: Interpolation) -> None:
    volume = np.where(from_centre(grid) < 20, 7.0, np.nan)
    found = resample(volume, grid, target, interpolation)
    assert np.isfinite(found).any()
    np.testing.assert_allclose(found[np.isfinite(found)], 7, rtol=1e-12)  # both sums round


@both_ways
@all_kinds
def test_the_edge_of_the_data_stays_in_place(grid: Grid, target: Grid, interpolation: Interpolation) -> None:
    """To half the diagonal of the larger voxel, sqrt(27) / 2 = 2.6 mm, and that of the smaller one, 1.7 mm."""
    found = resample(np.where(from_centre(grid) < 20, 1.0, np.nan), grid, target, interpolation)
    distance = from_centre(target)
    assert np.isfinite(found[distance < 20 - 4.3]).all()
    assert np.isnan(found[distance > 20 + 4.3]).all()


@both_ways
@all_kinds
def test_a_smooth_map_keeps_its_values_to_its_edge(grid: Grid, target: Grid, interpolation: Interpolation) -> None:
    """A wave of 57 mm and height 1 changes by at most 0.33 over a voxel of 3 mm; uncorrected, the edge loses half."""

    def wave(mm: Floats) -> Floats:
        return 3 + np.sin(mm[:, 0] / 9)

    volume = np.where(from_centre(grid) < 20, at_voxels(grid, wave), np.nan)
    found = resample(volume, grid, target, interpolation)
    there = np.isfinite(found)
    np.testing.assert_allclose(found[there], at_voxels(target, wave)[there], atol=0.33)


def test_a_missing_voxel_does_not_spread(rng: np.random.Generator) -> None:
    """On a grid of half-size voxels, those nearest to it are missing, and those of its neighbours are not."""
    volume = rng.normal(size=(9, 9, 9))
    volume[4, 4, 4] = np.nan
    grid = Grid((9, 9, 9), np.diag([2.0, 2, 2, 1]))
    half = Grid((17, 17, 17), np.diag([1.0, 1, 1, 1]))  # voxel 2k lies on voxel k
    found = resample(volume, grid, half, "linear")
    assert np.isnan(found[8, 8, 8])
    assert np.isfinite(found[::2, ::2, ::2]).sum() == 9**3 - 1
    np.testing.assert_allclose(found[7, 8, 8], volume[3, 4, 4])  # halfway to the missing one: that of the other


@all_kinds
def test_voxels_that_lie_on_voxels_keep_their_values(rng: np.random.Generator, interpolation: Interpolation) -> None:
    """Mirrored and with axes exchanged, up to the faces."""
    volume = rng.normal(size=SHAPE)
    flip = np.diag([-1.0, 1, 1, 1])
    flip[0, 3] = SHAPE[0] - 1
    mirrored = resample(volume, Grid(SHAPE, AFFINE), Grid(SHAPE, AFFINE @ flip), interpolation)
    np.testing.assert_allclose(mirrored, volume[::-1], atol=1e-12)
    turn = np.eye(4)[:, [2, 0, 1, 3]]
    turned = resample(volume, Grid(SHAPE, AFFINE), Grid((SHAPE[2], *SHAPE[:2]), AFFINE @ turn), interpolation)
    np.testing.assert_allclose(turned, volume.transpose(2, 0, 1), atol=1e-12)


def test_linear_of_positive_values_is_positive(rng: np.random.Generator) -> None:
    volume = rng.chisquare(1, size=COARSE.shape) ** 4
    volume[rng.random(COARSE.shape) < 0.2] = np.nan
    linear, splines = (resample(volume, COARSE, FINE, kind) for kind in ("linear", "continuous"))
    assert np.nanmin(linear) >= np.nanmin(volume) * (1 - 1e-12)
    assert np.nanmin(splines) < 0  # so variances are resampled linearly


def test_the_same_grid_changes_nothing(rng: np.random.Generator) -> None:
    volume = rng.normal(size=SHAPE)
    assert resample(volume, Grid(SHAPE, AFFINE), Grid(SHAPE, AFFINE + 1e-7 * (AFFINE == 15))) is volume


def test_beyond_the_field_of_view_there_are_no_data() -> None:
    """Voxels 0 to 4 of 1 mm reach from -0.5 to 4.5 mm."""
    wide = np.eye(4)
    wide[0, 3] = -1.2
    found = resample(np.ones((5, 5, 5)), Grid((5, 5, 5), np.eye(4)), Grid((8, 5, 5), wide), "linear")[:, 2, 2]
    assert np.isfinite(found).tolist() == [False] + [True] * 5 + [False] * 2  # at -1.2, -0.2, ..., 3.8, 4.8, 5.8


def test_values_too_large_for_numbers_are_missing() -> None:
    """The sums of splines run over the whole volume, so that all of it is; without a warning."""
    volume = np.ones(COARSE.shape)
    volume[10, 10, 10] = 1.7e308
    with warnings.catch_warnings(action="error"):
        assert np.isnan(resample(volume, COARSE, FINE)).all()


class TestOverlap:
    @pytest.mark.parametrize(("shift", "part"), [(0.0, 1.0), (5.0, 0.75), (10.0, 0.5), (-15.0, 0.25), (25.0, 0.0)])
    def test_of_shifted_grids_it_is_the_shared_part(self, shift: float, part: float) -> None:
        """A field of view of 20 mm, moved along one axis."""
        moved = np.diag([2.0, 2, 2, 1])
        moved[1, 3] = shift
        one, other = Grid((10, 10, 10), np.diag([2.0, 2, 2, 1])), Grid((10, 10, 10), moved)
        assert overlap(one, other) == pytest.approx(part, abs=1e-9)
        assert overlap(other, one) == pytest.approx(part, abs=1e-9)

    def test_a_slab_inside_a_volume_overlaps_completely(self) -> None:
        slab = np.diag([2.0, 2, 2, 1])
        slab[2, 3] = 8
        assert overlap(Grid((10, 10, 10), np.diag([2.0, 2, 2, 1])), Grid((10, 10, 3), slab)) == 1

    def test_the_size_of_voxels_does_not_matter(self) -> None:
        """20 mm at 2 mm and at 4 mm, from edge to edge."""
        coarse = np.diag([4.0, 4, 4, 1])
        coarse[:3, 3] = 1
        assert overlap(Grid((10, 10, 10), np.diag([2.0, 2, 2, 1])), Grid((5, 5, 5), coarse)) == 1
