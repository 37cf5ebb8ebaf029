"""Headers of images: scaling, shape and affine, and what is refused."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders import AFFINE, SHAPE, brain, image, saved

from bids_ari.errors import DataError
from bids_ari.images.files import read_image
from bids_ari.images.volume import missing


def with_header(good: nib.Nifti1Image, **fields: object) -> bytes:
    """The bytes of an image, with some fields of the header set to values that nibabel would not write."""
    content = good.to_bytes()
    header = nib.Nifti1Header(content[:348])
    for field, value in fields.items():
        header[field] = value
    return bytes(header.binaryblock + content[348:])


def test_scaled_integers_are_scaled(tmp_path: Path) -> None:
    """Stored k means 0.5 * k - 3; the zero inside, stored as 6, is a value."""
    stored = np.arange(125).reshape(5, 5, 5)
    stored[2, 2, 2] = 6
    path = tmp_path / "map.nii"
    path.write_bytes(with_header(image(stored, dtype=np.int16), scl_slope=0.5, scl_inter=-3))
    values = read_image(path).values
    np.testing.assert_array_equal(values, 0.5 * stored - 3)
    assert not missing(values)[2, 2, 2]


def test_an_intercept_without_a_slope_is_added(tmp_path: Path) -> None:
    """The slope is 1."""
    path = tmp_path / "map.nii"
    path.write_bytes(with_header(image(np.ones(SHAPE), dtype=np.int16), scl_slope=1, scl_inter=-3))
    assert (read_image(path).values == -2).all()


def test_a_last_axis_of_length_one_is_dropped(tmp_path: Path, rng: np.random.Generator) -> None:
    data = brain(rng)
    read = read_image(saved(tmp_path / "map.nii.gz", data[..., None]))
    np.testing.assert_array_equal(read.values, data.astype(np.float32))
    assert read.grid.shape == SHAPE


@pytest.mark.parametrize("codes", [(0, 3), (0, 0), (2, 1)])
def test_the_affine_is_that_of_nibabel(tmp_path: Path, codes: tuple[int, int]) -> None:
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


def test_a_handedness_of_0_is_1(tmp_path: Path) -> None:
    """nifti1.h: where pixdim[0] is 0, qfac is 1."""
    made = image(np.ones(SHAPE), np.diag([3.0, 3, 3.5, 1]))
    made.set_qform(made.affine, code=1)
    path = tmp_path / "map.nii"
    path.write_bytes(with_header(made, sform_code=0, pixdim=[0, 3, 3, 3.5, 1, 1, 1, 1]))
    np.testing.assert_allclose(read_image(path).grid.affine, np.diag([3.0, 3, 3.5, 1]))


def test_an_object_that_is_not_an_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "map.gii"
    nib.save(nib.GiftiImage(), path)
    with pytest.raises(DataError, match=r"map\.gii has no data array"):
        read_image(path)
    with pytest.raises(DataError, match="the image is not a volume image but ndarray"):
        read_image(np.zeros(SHAPE))  # type: ignore[arg-type]


def test_an_image_in_memory_is_checked_like_a_file() -> None:
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
