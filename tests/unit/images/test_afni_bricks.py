"""Volumes of datasets in AFNI's own format, by their labels."""

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from builders_headers import write_afni

from bids_ari.errors import DataError, InputNotFoundError
from bids_ari.images.claims import claims_of
from bids_ari.images.files import read_header, read_image

SHAPE = (3, 4, 5)
LABELS = "Full_Fstat~left#0_Coef~left#0_Tstat"


@pytest.fixture
def values(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(0, 9, (*SHAPE, 3)).astype(np.float32)


@pytest.fixture
def bucket(tmp_path: Path, values: np.ndarray) -> Path:
    """A bucket of 3dDeconvolve: F with 2 and 95 degrees of freedom, an effect, and t with 95."""
    return write_afni(tmp_path / "stats+tlrc", values, BRICK_LABS=LABELS, BRICK_STATAUX="0 4 2 2 95 2 3 1 95")


def test_a_volume_by_its_label(bucket: Path, values: np.ndarray) -> None:
    """The hashes are of both files; voxels lie from left and front, so that x and y of millimetres are negative."""
    image = read_image(bucket, map_name="left#0_Coef")
    np.testing.assert_array_equal(image.values, values[..., 1])
    assert image.grid.shape == read_header(bucket, map_name="left#0_Coef").frame.shape == SHAPE
    np.testing.assert_array_equal(image.grid.affine, np.diag([-1, -1, 1, 1]))
    files = (bucket, bucket.with_suffix(".BRIK"))
    assert image.hashes == {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize(
    ("label", "kind", "dof"),
    [("left#0_Coef", "effects", ()), ("left#0_Tstat", "t", (95,)), ("Full_Fstat", "F", (2, 95))],
)
def test_what_a_volume_says_of_itself(bucket: Path, label: str, kind: str, dof: tuple[float, ...]) -> None:
    (claim,) = claims_of(read_image(bucket, map_name=label), bucket.name)
    assert (claim.kind, claim.dof) == (kind, dof)
    assert label in claim.source


def test_whole_numbers_with_a_factor_of_each_volume(tmp_path: Path) -> None:
    """A factor of 0 is none."""
    numbers = np.arange(120).reshape(3, 4, 5, 2)
    path = write_afni(tmp_path / "a+tlrc", numbers, factors=(0.5, 0), BRICK_LABS="x~y")
    for i, (label, factor) in enumerate((("x", 0.5), ("y", 1))):
        image = read_image(path, map_name=label)
        np.testing.assert_array_equal(image.values, numbers[..., i] * factor)
        assert image.header.step == factor


def test_compressed_values(bucket: Path, values: np.ndarray) -> None:
    plain = bucket.with_suffix(".BRIK")
    bucket.with_suffix(".BRIK.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    np.testing.assert_array_equal(read_image(bucket, map_name="left#0_Tstat").values, values[..., 2])


def test_a_dataset_of_one_volume_needs_no_label(tmp_path: Path, values: np.ndarray) -> None:
    path = write_afni(tmp_path / "coef+tlrc", values[..., 0])
    np.testing.assert_array_equal(read_image(path).values, values[..., 0])


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (None, "has 3 sub-bricks: Full_Fstat, left#0_Coef, left#0_Tstat; expected one sub-brick"),
        ("right#0_Coef", "has no map named 'right#0_Coef'; expected one of: 'Full_Fstat', 'left#0_Coef'"),
    ],
)
def test_a_label_that_is_missing_or_unknown(bucket: Path, label: str | None, message: str) -> None:
    for read in (read_header, read_image):
        with pytest.raises(DataError, match=message):
            read(bucket, map_name=label)


def test_a_label_of_two_volumes(tmp_path: Path, values: np.ndarray) -> None:
    path = write_afni(tmp_path / "a+tlrc", values, BRICK_LABS="x~y~x")
    with pytest.raises(DataError, match="has 2 sub-bricks with the label 'x'"):
        read_image(path, map_name="x")


def test_values_that_are_missing_or_too_short(bucket: Path) -> None:
    brik = bucket.with_suffix(".BRIK")
    brik.write_bytes(brik.read_bytes()[:-8])
    with pytest.raises(DataError, match="is damaged or not an AFNI dataset"):
        read_image(bucket, map_name="left#0_Tstat")
    brik.unlink()
    with pytest.raises(DataError, match=r"has no values; expected stats\+tlrc.BRIK or stats\+tlrc.BRIK.gz beside it"):
        read_header(bucket, map_name="left#0_Tstat")


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
@pytest.mark.parametrize("extra", [-60, 60])
def test_values_of_another_dataset(
    bucket: Path, values: np.ndarray, compress: Callable[[bytes], bytes], extra: int
) -> None:
    """Also where the volume that is asked for is complete: 60 voxels, three volumes, four bytes are 720."""
    plain = bucket.with_suffix(".BRIK")
    content = (plain.read_bytes() + bytes(60))[: 720 + extra]
    plain.unlink()
    bucket.with_suffix(".BRIK" if compress is bytes else ".BRIK.gz").write_bytes(compress(content))
    with pytest.raises(DataError, match=rf"has {720 + extra} bytes, but its header describes 720, 3x4x5 voxels in 3"):
        read_image(bucket, map_name="Full_Fstat")


def test_compressed_values_that_are_damaged(bucket: Path) -> None:
    """Each byte in turn; the header and the end of the first volume may be intact."""
    plain = bucket.with_suffix(".BRIK")
    content = gzip.compress(plain.read_bytes())
    plain.unlink()
    for place in range(10, len(content), 25):
        changed = bytearray(content)
        changed[place] ^= 0xFF
        bucket.with_suffix(".BRIK.gz").write_bytes(changed)
        with pytest.raises(DataError, match="is damaged or not an AFNI dataset"):
            read_image(bucket, map_name="Full_Fstat")


@pytest.mark.parametrize("types", ["3 1 3", "7 7 7"])
def test_types_of_numbers_that_nibabel_does_not_read(bucket: Path, types: str) -> None:
    bucket.write_text(bucket.read_text().replace("\n3 3 3", f"\n{types}"))
    for read in (read_header, read_image):
        with pytest.raises(DataError, match=r"BRICK_TYPES.*expected bytes, short integers or floats.*3dbucket"):
            read(bucket, map_name="left#0_Coef")


def test_volumes_without_labels_have_numbers(tmp_path: Path, values: np.ndarray) -> None:
    path = write_afni(tmp_path / "a+tlrc", values, BRICK_LABS="x")
    np.testing.assert_array_equal(read_image(path, map_name="#2").values, values[..., 2])
    with pytest.raises(DataError, match="has 3 sub-bricks: x, #1, #2"):
        read_header(path)


def test_values_that_were_not_fetched(bucket: Path) -> None:
    brik = bucket.with_suffix(".BRIK")
    brik.unlink()
    brik.symlink_to(".git/annex/objects/key")
    with pytest.raises(DataError, match=r"link to content that is not here. Fetch it: datalad get .*\.BRIK"):
        read_header(bucket, map_name="left#0_Coef")
    brik.unlink()
    brik.write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(DataError, match="git lfs pull"):
        read_image(bucket, map_name="left#0_Coef")


def test_the_name_of_a_dataset_without_its_extension(bucket: Path) -> None:
    with pytest.raises(InputNotFoundError, match=r"There is no file .*stats\+tlrc. Name stats\+tlrc.HEAD"):
        read_image(bucket.with_name("stats+tlrc"), map_name="left#0_Coef")


def test_a_name_that_is_long_enough_without_an_extension(tmp_path: Path) -> None:
    """Of 255 bytes, the most that file systems have."""
    with pytest.raises(InputNotFoundError, match="There is no file"):
        read_image(tmp_path / f"{'a' * 248}.img.gz")


@pytest.mark.parametrize("ending", [".BRIK", ".BRIK.gz"])
def test_values_by_their_own_name(tmp_path: Path, values: np.ndarray, ending: str) -> None:
    """The header would be no part of what decides whether a result is kept."""
    path = write_afni(tmp_path / "mask+tlrc", values[..., 0])
    plain = path.with_suffix(".BRIK")
    named = plain.rename(path.with_name(f"mask+tlrc{ending}"))
    for read in (read_header, read_image):
        with pytest.raises(DataError, match=r"is the values of an AFNI dataset; expected its header, mask\+tlrc.HEAD"):
            read(named)


def test_a_header_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a+tlrc.HEAD"
    path.write_text("no attributes")
    path.with_suffix(".BRIK").write_bytes(bytes(8))
    with pytest.raises(DataError, match="is damaged or not an AFNI dataset"):
        read_image(path)
