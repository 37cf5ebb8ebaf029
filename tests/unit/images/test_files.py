"""Image files and images in memory: values, headers and damage."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders import AFFINE, SHAPE, brain, image, saved

from bids_ari.errors import DataError, InputNotFoundError, ReadError
from bids_ari.images.files import read_image
from bids_ari.images.masks import missing
from bids_ari.images.space import Grid

GRID = Grid(SHAPE, AFFINE)


def with_header(good: nib.Nifti1Image, **fields: object) -> bytes:
    """The bytes of an image, with some fields of the header set to values that nibabel would not write."""
    content = good.to_bytes()
    header = nib.Nifti1Header(content[:348])
    for field, value in fields.items():
        header[field] = value
    return bytes(header.binaryblock + content[348:])


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
        read = read_image(tmp_path / f"map{extension}")
        np.testing.assert_array_equal(read.values, np.arange(60).reshape(3, 4, 5))
        assert read.values.dtype == np.float64
        assert read.grid.matches(Grid((3, 4, 5), AFFINE))

    def test_scaled_integers_are_scaled(self, tmp_path: Path) -> None:
        """Stored k means 0.5 * k - 3; the zero inside, stored as 6, is a value."""
        stored = np.arange(125).reshape(5, 5, 5)
        stored[2, 2, 2] = 6
        path = tmp_path / "map.nii"
        path.write_bytes(with_header(image(stored, dtype=np.int16), scl_slope=0.5, scl_inter=-3))
        values = read_image(path).values
        np.testing.assert_array_equal(values, 0.5 * stored - 3)
        assert not missing(values)[2, 2, 2]

    def test_a_last_axis_of_length_one_is_dropped(self, tmp_path: Path, rng: np.random.Generator) -> None:
        data = brain(rng)
        read = read_image(saved(tmp_path / "map.nii.gz", data[..., None]))
        np.testing.assert_array_equal(read.values, data.astype(np.float32))
        assert read.grid.shape == SHAPE

    def test_an_intercept_without_a_slope_is_added(self, tmp_path: Path) -> None:
        """The slope is 1."""
        path = tmp_path / "map.nii"
        path.write_bytes(with_header(image(np.ones(SHAPE), dtype=np.int16), scl_slope=1, scl_inter=-3))
        assert (read_image(path).values == -2).all()

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
        volume = read_image(path).values
        assert np.argwhere(~missing(volume)).tolist() == [[5, 5, 5]]
        assert volume[5, 5, 5] == pytest.approx(1e305, rel=1e-6)  # float32

    def test_values_are_those_that_nibabel_reads(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """To the last digit, also of scaled integers, with the values at the right places."""
        made = image(rng.normal(size=SHAPE))
        made.set_data_dtype(np.int16)
        nib.save(made, tmp_path / "map.nii.gz")
        values = read_image(tmp_path / "map.nii.gz").values
        np.testing.assert_array_equal(values, nib.load(tmp_path / "map.nii.gz").get_fdata())

    @pytest.mark.parametrize("extension", [".hdr", ".img", ".mgz"])
    def test_other_formats_are_read_as_nibabel_does(
        self, tmp_path: Path, rng: np.random.Generator, extension: str
    ) -> None:
        data = brain(rng).astype(np.float32)
        kind = nib.MGHImage if extension == ".mgz" else nib.Nifti1Pair
        nib.save(kind(data, AFFINE), tmp_path / f"map{extension}")
        read = read_image(tmp_path / f"map{extension}")
        np.testing.assert_array_equal(read.values, data)
        assert read.grid.matches(GRID)

    @pytest.mark.parametrize("codes", [(0, 3), (0, 0), (2, 1)])
    def test_the_affine_is_that_of_nibabel(self, tmp_path: Path, codes: tuple[int, int]) -> None:
        """By the sform, else the qform (here mirrored and turned), else the sizes alone."""
        turned = np.array([[0, 3.0, 0, 15], [3, 0, 0, -16], [0, 0, 3.5, -20], [0, 0, 0, 1]])
        made = nib.Nifti1Image(np.ones((4, 5, 6), dtype=np.float32), None)
        made.header.set_qform(turned, code=codes[1])
        made.header.set_sform(AFFINE if codes[0] else None, code=codes[0])
        path = tmp_path / "map.nii"
        path.write_bytes(made.header.binaryblock + bytes(4) + bytes(4 * 120))
        grid = read_image(path).grid
        np.testing.assert_array_equal(grid.affine, nib.load(path).affine)
        assert grid.codes == codes

    def test_a_handedness_of_0_is_1(self, tmp_path: Path) -> None:
        """nifti1.h: where pixdim[0] is 0, qfac is 1."""
        made = image(np.ones(SHAPE), np.diag([3.0, 3, 3.5, 1]))
        made.set_qform(made.affine, code=1)
        path = tmp_path / "map.nii"
        path.write_bytes(with_header(made, sform_code=0, pixdim=[0, 3, 3, 3.5, 1, 1, 1, 1]))
        np.testing.assert_allclose(read_image(path).grid.affine, np.diag([3.0, 3, 3.5, 1]))

    def test_a_single_voxel_is_an_image(self, tmp_path: Path) -> None:
        read = read_image(saved(tmp_path / "map.nii.gz", np.full((1, 1, 1), 7.0)))
        assert (read.values.item(), read.grid.shape) == (7.0, (1, 1, 1))

    def test_an_image_and_its_file_have_the_same_values(self, tmp_path: Path, rng: np.random.Generator) -> None:
        data = brain(rng)
        from_file = read_image(str(saved(tmp_path / "map.nii.gz", data)))
        np.testing.assert_array_equal(from_file.values, read_image(image(data)).values)


class TestBadFiles:
    """All kinds of damage are tested in tests/hostile."""

    def test_a_file_that_the_operating_system_cannot_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = saved(tmp_path / "map.nii.gz", np.ones(SHAPE))

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
        with pytest.raises(ReadError, match=r"map\.nii\.gz cannot be read: Permission denied"):
            read_image(path)

    def test_an_object_that_is_not_an_image_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "map.gii"
        nib.save(nib.GiftiImage(), path)
        with pytest.raises(DataError, match=r"map\.gii is not a volume image but GiftiImage"):
            read_image(path)
        with pytest.raises(DataError, match="the image is not a volume image but ndarray"):
            read_image(np.zeros(SHAPE))  # type: ignore[arg-type]

    def test_an_image_in_memory_is_checked_like_a_file(self) -> None:
        flat = image(np.ones(SHAPE))
        flat.affine[1, 1] = 0
        for broken, words in (
            (image(np.ones((5, 6, 7, 2))), r"the image has 4 dimensions \(5, 6, 7, 2\)"),
            (image(np.ones(SHAPE), dtype=np.complex64), "the image contains values of type complex64"),
            (flat, "not invertible"),
            (nib.Nifti1Image(np.ones(SHAPE, dtype=np.float32), None), "has no affine"),
        ):
            with pytest.raises(DataError, match=words):
                read_image(broken)
        metres = image(np.ones(SHAPE))
        metres.header.set_xyzt_units("meter")
        with pytest.raises(DataError, match="metres"):
            read_image(metres)

    def test_an_image_whose_file_was_damaged_after_opening(self, tmp_path: Path) -> None:
        path = saved(tmp_path / "map.nii.gz", np.ones(SHAPE))
        opened = nib.load(path)
        path.write_bytes(path.read_bytes()[:50])
        with pytest.raises(DataError, match=r"map\.nii\.gz is damaged"):
            read_image(opened)

    def test_a_damaged_file_of_another_format(self, tmp_path: Path) -> None:
        (tmp_path / "map.mgz").write_bytes(b"nothing")
        with pytest.raises(DataError, match=r"map\.mgz is damaged or not a NIfTI image"):
            read_image(tmp_path / "map.mgz")

    def test_a_name_that_no_file_can_have(self) -> None:
        with pytest.raises(InputNotFoundError, match=r"There is no file 'a.x00b\.nii'"):
            read_image("a\0b.nii")


def test_a_background_saved_as_scaled_integers_is_missing(tmp_path: Path, rng: np.random.Generator) -> None:
    """nibabel saves floats as int16 with an offset: a background of 0 reads as -2e-5 or so, and is still missing."""
    data = brain(rng)
    scaled = image(data)
    scaled.set_data_dtype(np.int16)
    nib.save(scaled, tmp_path / "scaled.nii.gz")
    assert (nib.load(tmp_path / "scaled.nii.gz").get_fdata()[data == 0] != 0).all()  # what nibabel reads
    read = read_image(tmp_path / "scaled.nii.gz")
    np.testing.assert_array_equal(missing(read.values, read.header.step), data == 0)
    np.testing.assert_array_equal(read.values, nib.load(tmp_path / "scaled.nii.gz").get_fdata())  # no value is changed
