"""Images: what is read, what is missing, what touches, and every way in which a file can be bad."""

import gzip
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
from builders import AFFINE, SHAPE, Floats, brain, image
from builders_stats import as_sets, components
from nilearn.image import smooth_img

from bids_ari.errors import (
    BidsAriError,
    DataError,
    EmptyMaskError,
    GridMismatchError,
    InputNotFoundError,
    ReadError,
)
from bids_ari.grids import Grid, Mask
from bids_ari.images import (
    Stack,
    group_mask,
    load_map,
    load_mask,
    load_stack,
    load_volume,
    looks_unmasked,
    missing,
    smooth,
)
from bids_ari.stats.forest import grow_forest
from bids_ari.stats.hommel import hommel_bound

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
    def mask(self, rng: np.random.Generator) -> Mask:
        return Mask(GRID, rng.random(SHAPE) < 0.3)

    def test_positions_are_the_voxels_in_c_order(self, mask: Mask) -> None:
        """The last axis runs fastest."""
        cells = [int(np.ravel_multi_index(tuple(index), SHAPE)) for index in mask.indices]
        assert all(one < next_one for one, next_one in pairwise(cells))
        assert len(cells) == mask.n_voxels == mask.inside.sum()

    def test_values_go_back_to_where_they_came_from(self, mask: Mask) -> None:
        values = np.arange(mask.n_voxels) + 1
        volume = mask.volume(values, fill=-1)
        assert all(volume[tuple(index)] == value for index, value in zip(mask.indices, values, strict=True))
        assert (volume[~mask.inside] == -1).all()
        assert volume.dtype == values.dtype

    def test_keeping_some_voxels_drops_the_others(self, mask: Mask) -> None:
        kept = mask.keep(np.arange(mask.n_voxels) % 2 == 0)
        np.testing.assert_array_equal(kept.indices, mask.indices[::2])

    def test_a_mask_cannot_be_changed(self, mask: Mask) -> None:
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
    mask = Mask(Grid(shape, np.eye(4)), inside)
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
    mask = Mask(GRID, rng.random(SHAPE) < 0.7)
    statistic = rng.normal(size=mask.n_voxels)
    forest = grow_forest(statistic, mask.adjacency(connectivity), hommel_bound(np.ones(mask.n_voxels)))
    found = set(as_sets(forest.at_threshold(0.6)))
    assert found == components(statistic > 0.6, mask.inside, connectivity)
    assert 5 < len(found) < mask.n_voxels / 4


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

    def test_an_image_is_as_good_as_its_file(self, tmp_path: Path, rng: np.random.Generator) -> None:
        data = brain(rng)
        from_file, _ = load_volume(str(saved(tmp_path / "map.nii.gz", data)))
        from_image, _ = load_volume(image(data))
        np.testing.assert_array_equal(from_file, from_image)


def _shaped(*shape: int) -> Callable[[Path], object]:
    return lambda path: nib.save(image(np.ones(shape)), path)


def _cut(keep: float) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        nib.save(image(brain(np.random.default_rng(0))), path)
        whole = path.read_bytes()
        assert len(whole) > 2000
        path.write_bytes(whole[: int(keep) if keep >= 1 else int(len(whole) * keep)])

    return make


def _with_bit_flipped(path: Path) -> None:
    nib.save(image(brain(np.random.default_rng(0))), path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def _with_header(**fields: object) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        content = with_header(image(np.ones(SHAPE)), **fields)
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)

    return make


def _of_type(dtype: npt.DTypeLike) -> Callable[[Path], object]:
    return lambda path: nib.save(nib.Nifti1Image(np.zeros(SHAPE, dtype=dtype), AFFINE), path)


BAD_FILES: dict[str, tuple[Callable[[Path], object], type[BidsAriError]]] = {
    "absent": (lambda path: None, InputNotFoundError),
    "empty": (Path.touch, DataError),
    "text": (lambda path: path.write_text("no image at all\n" * 200), DataError),
    "compressed text": (lambda path: path.write_bytes(gzip.compress(b"no image" * 200)), DataError),
    "annex pointer": (lambda path: path.write_text("/annex/objects/MD5E-s1--0.nii.gz\n"), DataError),
    "folder": (Path.mkdir, ReadError),
    "dangling link": (lambda path: path.symlink_to(path.with_name("gone")), DataError),
    "link to itself": (lambda path: path.symlink_to(path), ReadError),
    "one dimension": (_shaped(6), DataError),
    "two dimensions": (_shaped(6, 7), DataError),
    "four dimensions": (_shaped(6, 7, 8, 2), DataError),
    "five dimensions": (_shaped(6, 7, 8, 1, 3), DataError),
    "no voxel": (_shaped(0, 7, 8), DataError),
    "complex": (_of_type(np.complex64), DataError),
    "colours": (_of_type([("R", "u1"), ("G", "u1"), ("B", "u1")]), DataError),
    "affine with NaN": (_with_header(srow_x=[np.nan, 0, 0, 0]), DataError),
    "flat affine": (_with_header(srow_x=[0, 0, 0, 1]), DataError),
    "unknown type": (_with_header(datatype=999), DataError),
    "negative size": (_with_header(dim=[3, -5, 7, 8, 1, 1, 1, 1]), DataError),
    "more voxels than bytes": (_with_header(dim=[3, 300, 300, 30, 1, 1, 1, 1]), DataError),
    "values after the end": (_with_header(vox_offset=1e9), DataError),
    "values nowhere": (_with_header(vox_offset=np.inf), DataError),
    **{f"cut after {keep} bytes": (_cut(keep), DataError) for keep in (1, 20, 200, 1000)},
    **{f"cut after {keep:.0%}": (_cut(keep), DataError) for keep in (0.5, 0.9, 0.999)},
}


class TestBadFiles:
    @pytest.mark.filterwarnings("ignore:invalid value encountered")  # numpy, on NaN and inf in a header
    @pytest.mark.parametrize("extension", [".nii", ".nii.gz"])
    @pytest.mark.parametrize("case", BAD_FILES)
    def test_a_bad_file_is_named(self, tmp_path: Path, case: str, extension: str) -> None:
        make, kind = BAD_FILES[case]
        path = tmp_path / f"sub-07_statmap{extension}"
        make(path)
        with pytest.raises(kind) as caught:
            load_volume(path)
        assert type(caught.value) is kind
        assert str(path) in caught.value.found
        with pytest.raises(kind) as again:
            load_stack([path, path], ["07", "08"])
        assert str(path) in again.value.found

    def test_a_link_to_content_that_was_not_fetched_says_how_to_fetch_it(self, tmp_path: Path) -> None:
        path = tmp_path / "map.nii.gz"
        path.symlink_to(".git/annex/objects/x")
        with pytest.raises(DataError, match="not here") as caught:
            load_volume(path)
        assert caught.value.hint == f"Fetch it: datalad get {path}"

    def test_a_flipped_bit_is_noticed_by_the_checksum(self, tmp_path: Path) -> None:
        path = tmp_path / "map.nii.gz"
        _with_bit_flipped(path)
        with pytest.raises(DataError, match="damaged"):
            load_volume(path)

    def test_a_file_that_the_system_refuses_is_no_fault_of_the_data(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = saved(tmp_path / "map.nii.gz", np.ones(SHAPE))

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
        with pytest.raises(ReadError, match=r"map\.nii\.gz cannot be read: Permission denied"):
            load_volume(path)

    @pytest.mark.filterwarnings("ignore::RuntimeWarning")
    def test_a_header_of_random_bytes_never_breaks_us(self, tmp_path: Path, rng: np.random.Generator) -> None:
        good = image(np.ones((3, 4, 5))).to_bytes()
        path = tmp_path / "map.nii"
        refused = 0
        for _ in range(300):
            content = bytearray(good)
            content[rng.integers(348)] = rng.integers(256)
            path.write_bytes(bytes(content))
            try:
                load_volume(path)
            except BidsAriError:
                refused += 1
        assert 0 < refused < 300

    def test_what_is_no_image_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "map.gii"
        nib.save(nib.GiftiImage(), path)
        with pytest.raises(DataError, match=r"map\.gii is no volume image but GiftiImage"):
            load_volume(path)
        with pytest.raises(DataError, match="the image is no volume image but ndarray"):
            load_volume(np.zeros(SHAPE))  # type: ignore[arg-type]


def saved_stack(folder: Path, volumes: Sequence[npt.ArrayLike]) -> Stack:
    paths = [saved(folder / f"{i}.nii.gz", volume) for i, volume in enumerate(volumes)]
    return load_stack(paths, [f"{i:02d}" for i in range(len(paths))])


class TestStack:
    def test_coverage_counts_the_subjects_with_data(self, tmp_path: Path) -> None:
        volumes = np.ones((4, *SHAPE))
        volumes[0, 5, 5, 5] = np.nan
        volumes[:2, 0] = 0
        volumes[3, 4, 4, 4] = 0  # inside: a value
        stack = saved_stack(tmp_path, volumes)
        assert stack.coverage[5, 5, 5] == 0.75
        assert (stack.coverage[0] == 0.5).all()
        assert stack.coverage[4, 4, 4] == 1
        assert np.count_nonzero(stack.coverage < 1) == 1 + SHAPE[1] * SHAPE[2]

    @pytest.mark.parametrize("value", [np.nan, 0.0])
    def test_a_map_without_a_value_is_named(self, tmp_path: Path, value: float) -> None:
        with pytest.raises(DataError, match=r"sub-01 has no data: .*1\.nii\.gz") as caught:
            saved_stack(tmp_path, [np.ones(SHAPE), np.full(SHAPE, value), np.ones(SHAPE)])
        assert "--exclude 01" in caught.value.hint

    def mismatch(self, folder: Path, grids: Sequence[Grid]) -> GridMismatchError:
        paths = [saved(folder / f"{i}.nii.gz", np.ones(grid.shape), grid.affine) for i, grid in enumerate(grids)]
        with pytest.raises(GridMismatchError) as caught:
            load_stack(paths, [str(i) for i in range(len(grids))])
        return caught.value

    def test_the_one_of_many_on_another_grid_is_named(self, tmp_path: Path) -> None:
        other = Grid((5, 6, 7), np.diag([2.0, 2, 2, 1]))
        error = self.mismatch(tmp_path, [GRID, GRID, GRID, other])
        assert error.found == "sub-3 has a grid of 2 x 2 x 2 mm (5, 6, 7) RAS from (0, 0, 0)"
        assert error.expected == "that of the 3 others: 3 x 3 x 3.5 mm (10, 11, 12) LAS from (15, -16, -20)"
        assert error.hint.endswith("--exclude 3")

    def test_the_first_may_be_the_odd_one(self, tmp_path: Path) -> None:
        assert self.mismatch(tmp_path, [moved(9), GRID, GRID]).found.startswith("sub-0 has")

    def test_of_two_halves_the_second_is_named(self, tmp_path: Path) -> None:
        error = self.mismatch(tmp_path, [GRID, GRID, moved(9), moved(9)])
        assert error.found.startswith("sub-2, sub-3 have a grid of")
        assert "the 2 others" in error.expected
        assert error.hint.endswith("--exclude 2 3")

    def test_grids_that_all_differ_are_not_said_to_be_one(self, tmp_path: Path) -> None:
        error = self.mismatch(tmp_path, [GRID, moved(9), moved(18)])
        assert error.found.startswith("sub-1, sub-2 have other grids, such as")
        assert error.expected.startswith("that of sub-0: ")

    def test_a_shift_is_visible_in_the_message(self, tmp_path: Path) -> None:
        error = self.mismatch(tmp_path, [GRID, GRID, moved(9)])
        assert "from (24, -16, -20)" in error.found
        assert "from (15, -16, -20)" in error.expected

    def test_rounding_of_the_affine_is_no_other_grid(self, tmp_path: Path) -> None:
        paths = [saved(tmp_path / f"{x}.nii", np.ones(SHAPE), moved(x).affine) for x in (0, 1e-5)]
        assert load_stack(paths, ["1", "2"]).grid.matches(GRID)

    def test_values_are_those_of_the_files(self, tmp_path: Path, rng: np.random.Generator) -> None:
        volumes = [brain(rng).astype(np.float32) for _ in range(3)]
        stack = saved_stack(tmp_path, volumes)
        mask = group_mask(stack, None, 1.0)
        np.testing.assert_array_equal(stack.within(mask), [volume[mask.inside] for volume in volumes])
        np.testing.assert_array_equal(stack.within(mask, 0.0), stack.within(mask))

    def test_smoothing_is_that_of_nilearn(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """Of the whole volume, in mm, what is not a number counting as 0; then the mask."""
        volumes = [brain(rng, signal=2).astype(np.float32) for _ in range(2)]
        volumes[0][4, 4, 4] = np.nan
        stack = saved_stack(tmp_path, volumes)
        mask = group_mask(stack, None, 1.0)
        zeroed = [image(np.nan_to_num(volume), dtype=np.float64) for volume in volumes]
        wanted = [np.asarray(smooth_img(each, 7.0).dataobj)[mask.inside] for each in zeroed]
        np.testing.assert_allclose(stack.within(mask, 7.0), wanted, rtol=1e-12)  # the same sums, in float64

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

    @pytest.mark.parametrize("smoothing", [None, 6.0])
    def test_where_a_subject_lacks_data_the_row_is_nan(
        self, tmp_path: Path, rng: np.random.Generator, smoothing: float | None
    ) -> None:
        volumes = [brain(rng) for _ in range(4)]
        volumes[2][5, 5, 5] = np.nan
        volumes[3][:3] = 0
        stack = saved_stack(tmp_path, volumes)
        mask = group_mask(stack, None, 0.5)
        absent = np.array([missing(volume)[mask.inside] for volume in volumes])
        assert absent.any()
        np.testing.assert_array_equal(np.isnan(stack.within(mask, smoothing)), absent)


def stack_of(counts: npt.ArrayLike, n_subjects: int) -> Stack:
    """A stack of which only the counts matter."""
    counts = np.asarray(counts, dtype=np.int32).reshape(1, 1, -1)
    return Stack((), ("x",) * n_subjects, Grid((1, 1, counts.size), AFFINE), counts)


def test_coverage_is_a_fraction_of_all_subjects_also_where_none_is_complete() -> None:
    assert stack_of([1, 2, 0], 4).coverage.ravel().tolist() == [0.25, 0.5, 0]


class TestGroupMask:
    @pytest.mark.parametrize(
        ("coverage", "least"),
        [(1.0, 100), (0.999, 100), (0.07, 7), (0.29, 29), (0.57, 57), (0.501, 51), (0.001, 1), (1e-12, 1)],
    )
    def test_coverage_is_a_fraction_of_the_subjects(self, coverage: float, least: int) -> None:
        """Also where coverage * 100 is not exact in floating point: 0.07, 0.29, 0.57."""
        mask = group_mask(stack_of(range(101), 100), None, coverage)
        assert mask.inside.ravel().tolist() == [count >= least for count in range(101)]

    def test_a_given_mask_takes_voxels_away_and_adds_none(self) -> None:
        stack = stack_of([2, 2, 1, 2], 2)
        given = Mask(stack.grid, np.array([[[True, False, True, True]]]))
        assert group_mask(stack, given, 1.0).inside.ravel().tolist() == [True, False, False, True]

    def test_no_voxel_left_says_how_many_subjects_cover_most(self) -> None:
        with pytest.raises(EmptyMaskError, match=r"No voxel has data of 90% of the 10 subjects \(at most 8 do\)"):
            group_mask(stack_of([8, 3], 10), None, 0.9)

    def test_no_voxel_left_inside_a_mask_counts_there(self) -> None:
        stack = stack_of([10, 3], 10)
        given = Mask(stack.grid, np.array([[[False, True]]]))
        with pytest.raises(EmptyMaskError, match=r"\(at most 3 do\) inside the mask"):
            group_mask(stack, given, 1.0)

    @pytest.mark.parametrize(("n_inside", "unmasked"), [(60, False), (61, True)])
    def test_more_than_sixty_per_cent_of_the_volume_looks_unmasked(self, n_inside: int, unmasked: bool) -> None:
        inside = (np.arange(100) < n_inside).reshape(1, 10, 10)
        assert looks_unmasked(Mask(Grid((1, 10, 10), AFFINE), inside)) is unmasked


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
        assert load_mask(resampled, GRID).n_voxels > 0


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


def test_scaled_integers_keep_their_values_inside_the_brain(tmp_path: Path, rng: np.random.Generator) -> None:
    """Steps near zero are values like others, to the last digit."""
    paths = []
    for i in range(8):
        saved = image(brain(rng) * 0.01)
        saved.set_data_dtype(np.int8)
        paths.append(tmp_path / f"{i}.nii.gz")
        nib.save(saved, paths[-1])
    stack = load_stack(paths, [str(i) for i in range(8)])
    mask = group_mask(stack, None, 1.0)
    values = np.stack([nib.load(path).get_fdata()[mask.inside] for path in paths])
    np.testing.assert_array_equal(stack.within(mask), values)
    assert (np.abs(values) < 1e-4).any()  # the step of int8 is larger: some values stand for zero
