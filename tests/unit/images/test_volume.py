"""Grids and spaces: coordinates, neighbours, and arrays of values."""

from itertools import pairwise
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders import AFFINE, SHAPE
from builders_stats import as_sets, components

from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.stats.closed_testing import hommel_bound
from bids_ari.stats.forest import grow_forest

GRID = Grid(SHAPE, AFFINE)


def moved(x: float = 0.0, scale: float = 1.0) -> Grid:
    """The grid of the maps, moved along x by mm, or with other voxel sizes."""
    affine = AFFINE.copy()
    affine[0, 3] += x
    affine[:3, :3] *= scale
    return Grid(SHAPE, affine)


class TestGrid:
    def test_indices_become_millimetres(self) -> None:
        # 15 - 3 * 1, -16 + 3 * 2, -20 + 3.5 * 3
        np.testing.assert_allclose(GRID.millimetres(np.array([[1, 2, 3]])), [[12, -10, -9.5]])

    def test_voxels_have_a_size_and_a_volume(self) -> None:
        assert GRID.zooms == (3.0, 3.0, 3.5)
        assert GRID.voxel_volume == pytest.approx(31.5)  # 3 * 3 * 3.5, also from right to left

    # A voxel is at least 3 mm wide and may be 1 % of that off: 0.03 mm.
    @pytest.mark.parametrize(("shift", "same"), [(0.0, True), (0.029, True), (-0.029, True), (0.031, False)])
    def test_grids_match_within_a_hundredth_of_a_voxel(self, shift: float, same: bool) -> None:
        assert GRID.matches(moved(shift)) is same
        assert moved(shift).matches(GRID) is same

    def test_the_far_corner_counts(self) -> None:
        """Voxels that are 0.1 % larger move the first corner by nothing, the last by 1.1 % of a voxel or more."""
        assert not GRID.matches(moved(scale=1.001))
        assert GRID.matches(moved(scale=1.0005))

    def test_another_shape_is_another_grid(self) -> None:
        assert not GRID.matches(Grid((10, 11, 13), AFFINE))

    def test_a_mirrored_grid_is_another_grid(self) -> None:
        flipped = AFFINE @ np.array([[-1, 0, 0, SHAPE[0] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
        assert not GRID.matches(Grid(SHAPE, flipped))

    @pytest.mark.parametrize(("sform", "qform"), [(4, 0), (4, 1), (2, 4), (0, 1), (1, 1)])
    def test_an_image_has_the_affine_and_codes_of_the_input(self, tmp_path: Path, sform: int, qform: int) -> None:
        given = nib.Nifti1Image(np.ones(SHAPE, dtype=np.float32), AFFINE)
        given.set_sform(AFFINE, code=sform)
        given.set_qform(AFFINE, code=qform)
        grid = Grid.of(given)
        nib.save(grid.image(np.zeros(SHAPE, dtype=np.int16)), tmp_path / "out.nii.gz")
        back = nib.load(tmp_path / "out.nii.gz")
        assert (int(back.header["sform_code"]), int(back.header["qform_code"])) == (sform, qform)
        assert Grid.of(back).matches(GRID)
        assert back.get_data_dtype() == np.int16
        assert back.header.get_xyzt_units()[0] == "mm"

    def test_without_codes_the_sform_gets_one(self) -> None:
        assert int(Grid(SHAPE, AFFINE, codes=(0, 0)).image(np.zeros(SHAPE)).header["sform_code"]) == 2


class TestVolumeSpace:
    @pytest.fixture
    def mask(self, rng: np.random.Generator) -> VolumeSpace:
        return VolumeSpace(GRID, rng.random(SHAPE) < 0.3)

    def test_positions_are_the_voxels_in_c_order(self, mask: VolumeSpace) -> None:
        """The last axis runs fastest."""
        cells = [int(np.ravel_multi_index(tuple(index), SHAPE)) for index in mask.indices]
        assert all(one < next_one for one, next_one in pairwise(cells))
        assert len(cells) == mask.n_points == mask.inside.sum()

    def test_values_become_a_volume(self, mask: VolumeSpace) -> None:
        values = np.arange(mask.n_points) + 1
        volume = mask.unmask(values, fill=-1)
        assert all(volume[tuple(index)] == value for index, value in zip(mask.indices, values, strict=True))
        assert (volume[~mask.inside] == -1).all()
        assert volume.dtype == values.dtype
        np.testing.assert_array_equal(mask.select(volume), values)

    def test_sizes(self, mask: VolumeSpace) -> None:
        """Voxels of 3 x 3 x 3.5 mm = 31.5 mm3, in a volume of 10 x 11 x 12."""
        assert mask.sizes(np.arange(4)) == {"volume_mm3": pytest.approx(126)}
        assert mask.sizes() == {"volume_mm3": pytest.approx(31.5 * mask.n_points)}
        assert mask.resolution == "3 x 3 x 3.5 mm"
        assert mask.shape == SHAPE
        assert mask.fraction == mask.n_points / 1320

    def test_keeping_some_voxels_drops_the_others(self, mask: VolumeSpace) -> None:
        kept = mask.keep(np.arange(mask.n_points) % 2 == 0)
        np.testing.assert_array_equal(kept.indices, mask.indices[::2])

    def test_a_space_is_read_only(self, mask: VolumeSpace) -> None:
        with pytest.raises(ValueError, match="read-only"):
            mask.inside[0, 0, 0] = True


# Neighbours differ by at most 1 along each axis, and along at most so many axes.
AXES = {6: 1, 18: 2, 26: 3}


@pytest.mark.parametrize("connectivity", [6, 18, 26])
@pytest.mark.parametrize("shape", [(4, 5, 3), (1, 6, 2), (2, 2, 2), (1, 1, 7)])
@pytest.mark.parametrize("fraction", [1.0, 0.5], ids=["full", "ragged"])
def test_neighbours(connectivity: int, shape: tuple[int, int, int], fraction: float, rng: np.random.Generator) -> None:
    """Also at the faces of the volume, where a step must not wrap around."""
    inside = rng.random(shape) < fraction
    inside[0, 0, -1] = True
    mask = VolumeSpace(Grid(shape, np.eye(4)), inside)
    adjacency = mask.adjacency(connectivity)
    cells = adjacency.cell.astype(int)
    touch = np.isin(cells[:, None] - cells[None, :], adjacency.offsets)
    apart = np.abs(mask.indices[:, None] - mask.indices[None, :])
    axes = apart.sum(axis=2)
    np.testing.assert_array_equal(touch, (apart.max(axis=2) == 1) & (axes <= AXES[connectivity]))
    assert cells.min() + adjacency.offsets.min() >= 0
    assert cells.max() + adjacency.offsets.max() < adjacency.n_cells


@pytest.mark.parametrize("connectivity", [6, 18, 26])
def test_clusters_are_the_connected_components_of_scipy(connectivity: int, rng: np.random.Generator) -> None:
    mask = VolumeSpace(GRID, rng.random(SHAPE) < 0.7)
    statistic = rng.normal(size=mask.n_points)
    forest = grow_forest(statistic, mask.adjacency(connectivity), hommel_bound(np.ones(mask.n_points)))
    found = set(as_sets(forest.at_threshold(0.6)))
    assert found == components(statistic > 0.6, mask.inside, connectivity)
    assert 5 < len(found) < mask.n_points / 4
