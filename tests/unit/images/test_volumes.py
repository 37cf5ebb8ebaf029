"""Grids, masks, and single images: what is read, what is missing, what touches."""

from itertools import pairwise
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
from bids_ari.images.volumes import load_map, load_mask, load_volume, looks_unmasked, missing, smooth
from builders import AFFINE, SHAPE, Floats, brain, image
from builders_stats import as_sets, components

from bids_ari.errors import DataError, EmptyMaskError, GridMismatchError, InputNotFoundError, ReadError
from bids_ari.images.space import Grid, VolumeSpace
from bids_ari.stats.closed_testing import hommel_bound
from bids_ari.stats.forest import grow_forest

GRID = Grid(SHAPE, AFFINE)


def moved(x: float = 0.0, scale: float = 1.0) -> Grid:
    """The grid of the maps, moved along x by mm, or with other voxels."""
    affine = AFFINE.copy()
    affine[0, 3] += x
    affine[:3, :3] *= scale
    return Grid(SHAPE, affine)


def saved(path: Path, data: npt.ArrayLike, affine: Floats = AFFINE) -> Path:
    nib.save(image(data, affine), path)
    return path


def with_header(good: nib.Nifti1Image, **fields: object) -> bytes:
    """The bytes of an image, with some fields of the header set to what nibabel would not write."""
    content = good.to_bytes()
    header = nib.Nifti1Header(content[:348])
    for field, value in fields.items():
        header[field] = value
    return bytes(header.binaryblock + content[348:])


class TestGrid:
    def test_indices_become_millimetres(self) -> None:
        # 15 - 3 * 1, -16 + 3 * 2, -20 + 3.5 * 3
        np.testing.assert_allclose(GRID.millimetres(np.array([[1, 2, 3]])), [[12, -10, -9.5]])

    def test_voxels_have_a_size_and_a_volume(self) -> None:
        assert GRID.zooms == (3.0, 3.0, 3.5)
        assert GRID.voxel_volume == pytest.approx(31.5)  # 3 * 3 * 3.5, also from right to left

    # A voxel is at least 3 mm wide and may be 1 % of that off: 0.03 mm.
    @pytest.mark.parametrize(("shift", "same"), [(0.0, True), (0.029, True), (-0.029, True), (0.031, False)])
    def test_a_hundredth_of_a_voxel_does_not_matter(self, shift: float, same: bool) -> None:
        assert GRID.matches(moved(shift)) is same
        assert moved(shift).matches(GRID) is same

    def test_the_far_corner_counts(self) -> None:
        """Voxels that are 0.1 % larger move the first corner by nothing, the last by 1.1 % of a voxel or more."""
        assert not GRID.matches(moved(scale=1.001))
        assert GRID.matches(moved(scale=1.0005))

    def test_another_shape_is_another_grid(self) -> None:
        assert not GRID.matches(Grid((10, 11, 13), AFFINE))

    def test_a_mirrored_grid_over_the_same_place_is_another_grid(self) -> None:
        flipped = AFFINE @ np.array([[-1, 0, 0, SHAPE[0] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
        assert not GRID.matches(Grid(SHAPE, flipped))

    @pytest.mark.parametrize(("sform", "qform"), [(4, 0), (4, 1), (2, 4), (0, 1), (1, 1)])
    def test_what_is_written_lies_where_the_input_lay(self, tmp_path: Path, sform: int, qform: int) -> None:
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

    def test_a_file_without_codes_gets_one_so_that_its_place_is_kept(self) -> None:
        assert int(Grid(SHAPE, AFFINE, codes=(0, 0)).image(np.zeros(SHAPE)).header["sform_code"]) == 2


class TestMask:
    @pytest.fixture
    def mask(self, rng: np.random.Generator) -> VolumeSpace:
        return VolumeSpace(GRID, rng.random(SHAPE) < 0.3)

    def test_positions_are_the_voxels_in_c_order(self, mask: VolumeSpace) -> None:
        """The last axis runs fastest."""
        cells = [int(np.ravel_multi_index(tuple(index), SHAPE)) for index in mask.indices]
        assert all(one < next_one for one, next_one in pairwise(cells))
        assert len(cells) == mask.n_points == mask.inside.sum()

    def test_values_go_back_to_where_they_came_from(self, mask: VolumeSpace) -> None:
        values = np.arange(mask.n_points) + 1
        volume = mask.volume(values, fill=-1)
        assert all(volume[tuple(index)] == value for index, value in zip(mask.indices, values, strict=True))
        assert (volume[~mask.inside] == -1).all()
        assert volume.dtype == values.dtype

    def test_keeping_some_voxels_drops_the_others(self, mask: VolumeSpace) -> None:
        kept = mask.keep(np.arange(mask.n_points) % 2 == 0)
        np.testing.assert_array_equal(kept.indices, mask.indices[::2])

    def test_a_mask_cannot_be_changed(self, mask: VolumeSpace) -> None:
        with pytest.raises(ValueError, match="read-only"):
            mask.inside[0, 0, 0] = True


# Neighbours differ by at most 1 along each axis, and along at most so many axes.
AXES = {6: 1, 18: 2, 26: 3}


@pytest.mark.parametrize("connectivity", [6, 18, 26])
@pytest.mark.parametrize("shape", [(4, 5, 3), (1, 6, 2), (2, 2, 2), (1, 1, 7)])
@pytest.mark.parametrize("fraction", [1.0, 0.5], ids=["full", "ragged"])
def test_exactly_the_neighbours_touch(
    connectivity: int, shape: tuple[int, int, int], fraction: float, rng: np.random.Generator
) -> None:
    """Also at the faces of the volume, where a step must not come out on the other side."""
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
    def test_exactly_what_can_be_reached_from_the_edge(
        self, rng: np.random.Generator, shape: tuple[int, int, int], empty: float
    ) -> None:
        """Walk from each voxel at a face to the next without a value, until there are no more."""
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
            wanted = np.isnan(volume)
            wanted[tuple(np.array(sorted(reached), dtype=int).reshape(-1, 3).T)] = True
            np.testing.assert_array_equal(missing(volume), wanted)

    def test_a_map_of_zeros_is_missing_everywhere(self) -> None:
        assert missing(np.zeros((4, 5, 6))).all()

    def test_without_any_zero_only_nan_is_missing(self) -> None:
        volume = np.full((3, 3, 3), np.nan)
        volume[1, 1, 1] = 2
        assert missing(volume).sum() == 26


class TestReading:
    @pytest.mark.parametrize("extension", [".nii", ".nii.gz"])
    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("dtype", ["f4", "f8", "i2", "u1"])
    def test_values_do_not_depend_on_how_they_are_stored(
        self, tmp_path: Path, extension: str, order: str, dtype: str
    ) -> None:
        data = np.arange(60).reshape(3, 4, 5).astype(order + dtype)
        header = nib.Nifti1Header(endianness=order)
        nib.save(nib.Nifti1Image(data, AFFINE, header), tmp_path / f"map{extension}")
        values, grid = load_volume(tmp_path / f"map{extension}")
        np.testing.assert_array_equal(values, np.arange(60).reshape(3, 4, 5))
        assert values.dtype == np.float64
        assert grid.matches(Grid((3, 4, 5), AFFINE))

    def test_scaled_integers_are_scaled(self, tmp_path: Path) -> None:
        """Stored k means 0.5 * k - 3; the zero inside, stored as 6, is a value."""
        stored = np.arange(125).reshape(5, 5, 5)
        stored[2, 2, 2] = 6
        path = tmp_path / "map.nii"
        path.write_bytes(with_header(image(stored, dtype=np.int16), scl_slope=0.5, scl_inter=-3))
        values, _ = load_volume(path)
        np.testing.assert_array_equal(values, 0.5 * stored - 3)
        assert not missing(values)[2, 2, 2]

    def test_a_last_axis_of_length_one_is_dropped(self, tmp_path: Path, rng: np.random.Generator) -> None:
        data = brain(rng)
        values, grid = load_volume(saved(tmp_path / "map.nii.gz", data[..., None]))
        np.testing.assert_array_equal(values, data.astype(np.float32))
        assert grid.shape == SHAPE

    def test_the_offset_of_a_scale_may_stand_alone(self, tmp_path: Path) -> None:
        """A slope of 1 scales nothing, and the offset is added all the same."""
        path = tmp_path / "map.nii"
        path.write_bytes(with_header(image(np.ones(SHAPE), dtype=np.int16), scl_slope=1, scl_inter=-3))
        assert (load_volume(path)[0] == -2).all()

    def test_values_too_large_for_numbers_are_missing(self, tmp_path: Path) -> None:
        """1e38 in float32 times a slope of 1e308: no warning, and no value."""
        data = np.full(SHAPE, 2.0)
        data[5, 5, 5] = 1e-3
        header = nib.Nifti2Header()
        header.set_data_shape(SHAPE)
        header.set_sform(AFFINE, code=4)
        header["vox_offset"], header["scl_slope"], header["scl_inter"] = 544, 1e308, 0
        path = tmp_path / "map.nii"
        path.write_bytes(header.binaryblock + bytes(4) + data.astype(np.float32).tobytes(order="F"))
        volume, _, absent = load_map(path)
        assert np.argwhere(~absent).tolist() == [[5, 5, 5]]
        assert volume[5, 5, 5] == pytest.approx(1e305, rel=1e-6)  # float32

    def test_values_are_those_that_nibabel_reads(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """To the last digit, also of scaled integers, with the values at the right places."""
        made = image(rng.normal(size=SHAPE))
        made.set_data_dtype(np.int16)
        nib.save(made, tmp_path / "map.nii.gz")
        values, _ = load_volume(tmp_path / "map.nii.gz")
        np.testing.assert_array_equal(values, nib.load(tmp_path / "map.nii.gz").get_fdata())

    @pytest.mark.parametrize("extension", [".hdr", ".img", ".mgz"])
    def test_other_formats_are_read_as_nibabel_does(
        self, tmp_path: Path, rng: np.random.Generator, extension: str
    ) -> None:
        data = brain(rng).astype(np.float32)
        kind = nib.MGHImage if extension == ".mgz" else nib.Nifti1Pair
        nib.save(kind(data, AFFINE), tmp_path / f"map{extension}")
        values, grid = load_volume(tmp_path / f"map{extension}")
        np.testing.assert_array_equal(values, data)
        assert grid.matches(GRID)

    @pytest.mark.parametrize("codes", [(0, 3), (0, 0), (2, 1)])
    def test_the_place_is_that_of_nibabel(self, tmp_path: Path, codes: tuple[int, int]) -> None:
        """By the sform, else the qform (here mirrored and turned), else the sizes alone."""
        turned = np.array([[0, 3.0, 0, 15], [3, 0, 0, -16], [0, 0, 3.5, -20], [0, 0, 0, 1]])
        made = nib.Nifti1Image(np.ones((4, 5, 6), dtype=np.float32), None)
        made.header.set_qform(turned, code=codes[1])
        made.header.set_sform(AFFINE if codes[0] else None, code=codes[0])
        path = tmp_path / "map.nii"
        path.write_bytes(made.header.binaryblock + bytes(4) + bytes(4 * 120))
        _, grid = load_volume(path)
        np.testing.assert_array_equal(grid.affine, nib.load(path).affine)
        assert grid.codes == codes

    def test_a_handedness_of_0_is_1(self, tmp_path: Path) -> None:
        """nifti1.h: where pixdim[0] is 0, qfac is 1."""
        made = image(np.ones(SHAPE), np.diag([3.0, 3, 3.5, 1]))
        made.set_qform(made.affine, code=1)
        path = tmp_path / "map.nii"
        path.write_bytes(with_header(made, sform_code=0, pixdim=[0, 3, 3, 3.5, 1, 1, 1, 1]))
        np.testing.assert_allclose(load_volume(path)[1].affine, np.diag([3.0, 3, 3.5, 1]))

    def test_a_single_voxel_is_an_image(self, tmp_path: Path) -> None:
        volume, grid, absent = load_map(saved(tmp_path / "map.nii.gz", np.full((1, 1, 1), 7.0)))
        assert (volume.item(), grid.shape, absent.item()) == (7.0, (1, 1, 1), False)

    def test_an_image_is_as_good_as_its_file(self, tmp_path: Path, rng: np.random.Generator) -> None:
        data = brain(rng)
        from_file, _ = load_volume(str(saved(tmp_path / "map.nii.gz", data)))
        from_image, _ = load_volume(image(data))
        np.testing.assert_array_equal(from_file, from_image)


class TestBadFiles:
    """What every kind of damage comes to is in tests/hostile."""

    def test_a_file_that_the_system_refuses_is_no_fault_of_the_data(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = saved(tmp_path / "map.nii.gz", np.ones(SHAPE))

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
        with pytest.raises(ReadError, match=r"map\.nii\.gz cannot be read: Permission denied"):
            load_volume(path)

    def test_what_is_no_image_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "map.gii"
        nib.save(nib.GiftiImage(), path)
        with pytest.raises(DataError, match=r"map\.gii is no volume image but GiftiImage"):
            load_volume(path)
        with pytest.raises(DataError, match="the image is no volume image but ndarray"):
            load_volume(np.zeros(SHAPE))  # type: ignore[arg-type]

    def test_an_image_in_memory_is_checked_like_a_file(self) -> None:
        flat = image(np.ones(SHAPE))
        flat.affine[1, 1] = 0
        for broken, said in (
            (image(np.ones((5, 6, 7, 2))), r"the image has 4 dimensions \(5, 6, 7, 2\)"),
            (image(np.ones(SHAPE), dtype=np.complex64), "the image holds values of type complex64"),
            (flat, "places no voxel"),
            (nib.Nifti1Image(np.ones(SHAPE, dtype=np.float32), None), "has no affine"),
        ):
            with pytest.raises(DataError, match=said):
                load_volume(broken)
        metres = image(np.ones(SHAPE))
        metres.header.set_xyzt_units("meter")
        with pytest.raises(DataError, match="metres"):
            load_map(metres)

    def test_an_image_whose_file_is_damaged_since_is_named(self, tmp_path: Path) -> None:
        path = saved(tmp_path / "map.nii.gz", np.ones(SHAPE))
        opened = nib.load(path)
        path.write_bytes(path.read_bytes()[:50])
        with pytest.raises(DataError, match=r"map\.nii\.gz is damaged"):
            load_volume(opened)

    def test_a_damaged_file_of_another_format_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "map.mgz").write_bytes(b"nothing")
        with pytest.raises(DataError, match=r"map\.mgz is damaged or no NIfTI image"):
            load_volume(tmp_path / "map.mgz")

    def test_a_name_that_no_file_can_have(self) -> None:
        with pytest.raises(InputNotFoundError, match=r"There is no file 'a.x00b\.nii'"):
            load_volume("a\0b.nii")


class TestSmoothing:
    def test_the_width_of_smoothing_is_in_mm_at_half_maximum(self) -> None:
        """At a width of 6 mm, a point becomes a Gaussian that has fallen to a half 3 mm away: one voxel along x."""
        point = np.zeros(SHAPE)
        point[5, 5, 6] = 1
        smoothed = smooth(point, GRID, 6.0)
        assert smoothed[6, 5, 6] / smoothed[5, 5, 6] == pytest.approx(0.5)
        assert smoothed[5, 5, 7] / smoothed[5, 5, 6] == pytest.approx(0.5 ** (3.5 / 3) ** 2)  # 3.5 mm along z

    @pytest.mark.parametrize("width", [None, 0.0, 6.0])
    def test_what_is_not_finite_counts_as_zero(self, rng: np.random.Generator, width: float | None) -> None:
        volume, zeroed = brain(rng), brain(rng)
        zeroed[:] = volume
        volume[4, 4, 3:6] = np.nan, np.inf, -np.inf
        zeroed[4, 4, 3:6] = 0
        np.testing.assert_array_equal(smooth(volume, GRID, width), smooth(zeroed, GRID, width))


@pytest.mark.parametrize(("n_inside", "unmasked"), [(60, False), (61, True)])
def test_more_than_sixty_per_cent_of_the_volume_looks_unmasked(n_inside: int, unmasked: bool) -> None:
    inside = (np.arange(100) < n_inside).reshape(1, 10, 10)
    assert looks_unmasked(VolumeSpace(Grid((1, 10, 10), AFFINE), inside)) is unmasked


class TestGivenMask:
    def test_every_finite_value_but_zero_is_in(self) -> None:
        volume = np.zeros(SHAPE)
        volume[1, 1, 1:6] = 1, 0.3, -2, np.nan, np.inf
        mask = load_mask(image(volume), GRID)
        assert mask.indices.tolist() == [[1, 1, 1], [1, 1, 2], [1, 1, 3]]

    @pytest.mark.parametrize("value", [0.0, np.nan])
    def test_an_empty_mask_is_named(self, tmp_path: Path, value: float) -> None:
        path = saved(tmp_path / "mask.nii.gz", np.full(SHAPE, value))
        with pytest.raises(EmptyMaskError, match=r"mask\.nii\.gz is empty"):
            load_mask(path, GRID)

    def test_a_mask_on_another_grid_names_both_grids_and_the_way_out(self, tmp_path: Path) -> None:
        path = saved(tmp_path / "mask.nii.gz", np.ones((5, 6, 7)), np.diag([2.0, 2, 2, 1]))
        with pytest.raises(GridMismatchError) as caught:
            load_mask(path, GRID)
        assert "mask.nii.gz is on another grid: 2 x 2 x 2 mm (5, 6, 7)" in caught.value.found
        assert "3 x 3 x 3.5 mm (10, 11, 12)" in caught.value.expected
        assert "resample_to_img" in caught.value.hint

    def test_the_way_out_that_the_message_names_works(self, tmp_path: Path) -> None:
        from nilearn.image import resample_to_img

        small = image(np.ones((5, 6, 7)), np.diag([-2.0, 2, 2, 1]))
        resampled = resample_to_img(
            small, image(np.ones(SHAPE)), interpolation="nearest", force_resample=True, copy_header=True
        )
        assert load_mask(resampled, GRID).n_points > 0


def test_a_background_that_became_a_step_of_scaled_integers_is_zero(tmp_path: Path, rng: np.random.Generator) -> None:
    """nibabel saves floats as int16 with an offset: a background of 0 reads as -2e-5 or so, and is still missing."""
    data = brain(rng)
    saved = image(data)
    saved.set_data_dtype(np.int16)
    nib.save(saved, tmp_path / "scaled.nii.gz")
    assert (nib.load(tmp_path / "scaled.nii.gz").get_fdata()[data == 0] != 0).all()  # what nibabel reads
    volume, _, absent = load_map(tmp_path / "scaled.nii.gz")
    np.testing.assert_array_equal(absent, data == 0)
    np.testing.assert_array_equal(volume, nib.load(tmp_path / "scaled.nii.gz").get_fdata())  # no value is changed
