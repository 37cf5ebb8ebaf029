"""Maps of surfaces from their files: a pair of GIFTI files, one of them, or a CIFTI file."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from builders_surfaces import data_array, small_axis, write_cifti, write_gifti

from bids_ari.errors import DataError
from bids_ari.images.claims import claims_of
from bids_ari.images.surface_files import is_of_surfaces, read_surfaces

LEFT, RIGHT = np.arange(4.0), np.arange(5.0) + 10


def test_a_pair_is_one_map(tmp_path: Path) -> None:
    paths = [
        write_gifti(tmp_path, data_array(LEFT), name="lh.z.gii"),
        write_gifti(tmp_path, data_array(RIGHT, dtype="i4"), name="rh.z.gii"),
    ]
    read = read_surfaces(paths)
    np.testing.assert_array_equal(read.values, [*LEFT, *RIGHT])
    assert read.hashes == {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    assert (read.frame.shape, read.header.step) == ((9,), 1.0)
    (right,) = (read_surfaces(paths[1:]),)
    np.testing.assert_array_equal(right.values, RIGHT)
    assert not right.frame.matches(read.frame)


def test_two_files_of_one_hemisphere(tmp_path: Path) -> None:
    paths = [
        write_gifti(tmp_path, data_array(LEFT), name=name, AnatomicalStructurePrimary="CortexLeft")
        for name in ("a.gii", "b.gii")
    ]
    with pytest.raises(DataError, match="both of the left"):
        read_surfaces(paths)


def test_a_cifti_file(tmp_path: Path) -> None:
    path = write_cifti(tmp_path / "z.dscalar.nii", [np.arange(27), -np.arange(27)])
    read = read_surfaces([path], map_name="b")
    np.testing.assert_array_equal(read.values, -np.arange(27))
    assert read.frame.matches(read_surfaces([path], map_name="a").frame)
    assert read.frame.axis == small_axis()


def test_the_statistic_that_a_data_array_states(tmp_path: Path) -> None:
    """Intent and degrees of freedom, as in NIfTI files."""
    array = data_array(LEFT, intent="NIFTI_INTENT_TTEST", intent_p1="28")
    read = read_surfaces([write_gifti(tmp_path, array, name="lh.map.gii")])
    (claim,) = claims_of(read, "lh.map.gii")
    assert (claim.kind, claim.dof) == ("t", (28.0,))


def test_an_intent_of_workbench_says_nothing(tmp_path: Path) -> None:
    """Its metric files are NIFTI_INTENT_NORMAL, without mean and standard deviation."""
    read = read_surfaces([write_gifti(tmp_path, data_array(LEFT, intent="NIFTI_INTENT_NORMAL"), name="lh.map.gii")])
    assert claims_of(read, "lh.map.gii") == ()


@pytest.mark.parametrize(
    ("name", "expected"), [("a.func.gii", True), ("a.gii.gz", True), ("a.dscalar.nii", True), ("a.nii.gz", False)]
)
def test_names(name: str, expected: bool) -> None:
    assert is_of_surfaces(Path(name)) == expected
