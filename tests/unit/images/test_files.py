"""Image files and images in memory: values and damage."""

import gzip
import os
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders import AFFINE, SHAPE, brain, image, saved

from bids_ari.errors import DataError, InputNotFoundError, ReadError
from bids_ari.images.files import read_header, read_image
from bids_ari.images.volume import Grid, missing

GRID = Grid(SHAPE, AFFINE)


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

    def test_an_analyze_image_needs_its_orientation(self, tmp_path: Path, rng: np.random.Generator) -> None:
        """nibabel saves the affine of SPM's old format in a .mat file; without it, it assumes a flip of x."""
        nib.save(nib.Spm99AnalyzeImage(brain(rng).astype(np.float32), AFFINE), tmp_path / "map.img")
        assert read_image(tmp_path / "map.img").grid.matches(GRID)
        (tmp_path / "map.mat").unlink()
        for read in (read_image, read_header):
            with pytest.raises(
                DataError, match=r"map\.img is an ANALYZE image.*which side is left; .*or map\.mat beside"
            ):
                read(tmp_path / "map.img")

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

    def test_an_image_whose_file_was_damaged_after_opening(self, tmp_path: Path) -> None:
        path = saved(tmp_path / "map.nii.gz", np.ones(SHAPE))
        opened = nib.load(path)
        path.write_bytes(path.read_bytes()[:50])
        with pytest.raises(DataError, match=r"map\.nii\.gz is damaged"):
            read_image(opened)

    @pytest.mark.parametrize(
        ("given", "other", "what"),
        [
            ("a.img", "a.hdr", "header"),
            ("a.hdr", "a.img", "image"),
            ("a.img.gz", "a.hdr.gz", "header"),
            ("a.IMG", "a.HDR", "header"),
        ],
    )
    def test_half_of_a_pair(self, given: str, other: str, what: str, tmp_path: Path) -> None:
        nib.save(nib.Nifti1Pair(np.ones(SHAPE, np.float32), AFFINE), tmp_path / given)
        (tmp_path / other).unlink()
        for read in (read_image, read_header):
            with pytest.raises(
                DataError, match=rf"{re.escape(given)} has no {what}; expected {re.escape(other)} beside"
            ):
                read(tmp_path / given)

    def test_a_pair_of_which_one_is_compressed(self, tmp_path: Path) -> None:
        nib.save(nib.Nifti1Pair(np.ones(SHAPE, np.float32), AFFINE), tmp_path / "a.img.gz")
        (tmp_path / "a.hdr").write_bytes(gzip.decompress((tmp_path / "a.hdr.gz").read_bytes()))
        (tmp_path / "a.hdr.gz").unlink()
        with pytest.raises(DataError, match=r"expected a\.hdr\.gz beside it\. Compress a\.hdr, too"):
            read_image(tmp_path / "a.img.gz")

    @pytest.mark.parametrize("n_bytes", [0, 100, 347])
    def test_a_header_that_was_cut_is_named(self, tmp_path: Path, n_bytes: int) -> None:
        """Not the .img file, which is sound."""
        nib.save(nib.Nifti1Pair(np.ones(SHAPE, np.float32), AFFINE), tmp_path / "con_0001.img")
        os.truncate(tmp_path / "con_0001.hdr", n_bytes)
        for read in (read_image, read_header):
            with pytest.raises(DataError, match=rf"con_0001\.hdr is damaged .* it ends after {n_bytes} bytes"):
                read(tmp_path / "con_0001.img")

    def test_a_damaged_file_of_another_format(self, tmp_path: Path) -> None:
        (tmp_path / "map.mgz").write_bytes(b"nothing")
        with pytest.raises(DataError, match=r"map\.mgz is damaged or not a NIfTI image"):
            read_image(tmp_path / "map.mgz")

    def test_a_compressed_file_much_longer_than_its_content_is_refused_by_its_size(self, tmp_path: Path) -> None:
        """It is not read to its end: 1 TB that takes no space on disk."""
        path = saved(tmp_path / "map.nii.gz", np.ones(SHAPE))
        os.truncate(path, 2**40)
        with pytest.raises(DataError, match="continues after"):
            read_header(path)

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
