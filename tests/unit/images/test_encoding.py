"""GIFTI and CIFTI files that are written: as other programs read them, and always the same bytes."""

import shutil
import subprocess
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders_surfaces import small_axis
from nilearn.surface import load_surf_data

from bids_ari.images.cifti import read_cifti
from bids_ari.images.encoding import label_cifti, label_gifti, scalar_cifti, scalar_gifti
from bids_ari.images.gifti import LEFT, RIGHT, read_gifti

VALUES = np.array([0.1, -2.5, np.nan, 4.0])
LABELS = np.array([0, 1, 2, 2])
TABLE = {1: "cluster 1: left & <right>", 2: "\x1b[2J"}
POSITIONS = np.linspace(-2, 5, 27)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A file of each kind."""
    (tmp_path / "hemi-L.func.gii").write_bytes(scalar_gifti(VALUES, LEFT, "z", "NIFTI_INTENT_ZSCORE").to_bytes())
    (tmp_path / "hemi-R.label.gii").write_bytes(label_gifti(LABELS, TABLE, RIGHT, "clusters").to_bytes())
    scalars = scalar_cifti([POSITIONS, -POSITIONS], small_axis(), ["z", "minus z"])
    (tmp_path / "z.dscalar.nii").write_bytes(scalars.to_bytes())
    labels = label_cifti(np.arange(27) % 3, TABLE, small_axis(), ["clusters"])
    (tmp_path / "c.dlabel.nii").write_bytes(labels.to_bytes())
    return tmp_path


def test_they_are_read_again(files: Path) -> None:
    surface = read_gifti(files / "hemi-L.func.gii")
    np.testing.assert_array_equal(surface.values, VALUES.astype(np.float32))
    assert (surface.structure, surface.map_name, surface.intent.code) == (LEFT, "z", 5)
    labels = read_gifti(files / "hemi-R.label.gii", content="labels")
    np.testing.assert_array_equal(labels.values, LABELS)
    assert [label.name for label in labels.labels.values()] == ["???", TABLE[1], "\\x1b[2J"]
    assert labels.labels[0].rgba[3] == 0
    np.testing.assert_array_equal(
        read_cifti(files / "z.dscalar.nii", map_name="minus z").values, -POSITIONS.astype(np.float32)
    )
    dense = read_cifti(files / "c.dlabel.nii", content="labels")
    np.testing.assert_array_equal(dense.values, np.arange(27) % 3)
    assert dense.axis == small_axis()
    assert dict(dense.labels) == dict(labels.labels)


def test_they_are_what_nibabel_and_nilearn_read(files: Path) -> None:
    np.testing.assert_array_equal(load_surf_data(files / "hemi-L.func.gii"), VALUES.astype(np.float32))
    np.testing.assert_array_equal(load_surf_data(files / "hemi-R.label.gii"), LABELS)
    image = nib.load(files / "z.dscalar.nii")
    assert isinstance(image, nib.Cifti2Image)
    np.testing.assert_array_equal(image.get_fdata(), np.float32([POSITIONS, -POSITIONS]))
    assert image.nifti_header.get_intent()[0] == "ConnDenseScalar"
    assert image.header.get_axis(1) == small_axis()
    again = scalar_cifti(image.get_fdata(), image.header.get_axis(1), ["z", "minus z"])
    np.testing.assert_array_equal(again.image.get_fdata(), image.get_fdata())
    labels = nib.load(files / "c.dlabel.nii").header.get_axis(0)
    assert labels.label[0][1][0] == TABLE[1]


def test_the_same_input_gives_the_same_bytes() -> None:
    axis = small_axis()
    assert scalar_cifti(POSITIONS, axis, ["z"]) == scalar_cifti(POSITIONS, small_axis(), ["z"])
    first, second = (
        label_gifti(LABELS, table, LEFT, "c").to_bytes() for table in (TABLE, dict([*TABLE.items()][::-1]))
    )
    assert first == second


def test_values_of_other_positions() -> None:
    with pytest.raises(ValueError, match="1 maps of 27 positions"):
        scalar_cifti(np.ones(26), small_axis(), ["z"])


@pytest.mark.skipif(shutil.which("wb_command") is None, reason="no wb_command: Debian's package connectome-workbench")
def test_they_are_what_workbench_reads(files: Path) -> None:
    def tell(name: str, *flags: str) -> str:
        command = ["wb_command", "-file-information", str(files / name), *flags]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert "CortexLeft" in tell("hemi-L.func.gii")
    assert "CortexRight" in tell("hemi-R.label.gii")
    assert "CIFTI - Dense Label" in tell("c.dlabel.nii")
    about = tell("z.dscalar.nii")
    assert "CIFTI - Dense Scalar" in about
    assert "10 out of 12 vertices" in about
    assert tell("z.dscalar.nii", "-only-map-names").split("\n")[:2] == ["z", "minus z"]
    largest = ["wb_command", "-cifti-stats", str(files / "z.dscalar.nii"), "-reduce", "MAX"]
    found = subprocess.run(largest, capture_output=True, text=True, check=True).stdout.split()
    assert [float(number) for number in found] == [5.0, 2.0]
