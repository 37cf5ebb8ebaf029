"""The files of the mask of a group."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders import AFFINE, SHAPE

from bids_ari.bids.subject_masks import SubjectMasks
from bids_ari.errors import OutputError
from bids_ari.images.group_masks import GreyMatter, GroupMask
from bids_ari.images.volume import Grid
from bids_ari.outputs.group_mask import write_group_mask


def group_mask(folder: Path, source: str = "") -> GroupMask:
    """A mask of 6 voxels, which two of three subjects have."""
    inside = np.zeros(SHAPE, bool)
    inside[1, 2, :6] = True
    files = {each: (folder / f"sub-{each}" / "func" / f"sub-{each}_desc-brain_mask.nii.gz",) for each in "123"}
    grey = GreyMatter(source, 0.2, {folder / "gm.nii.gz": "0" * 64}) if source else None
    return GroupMask(SubjectMasks(folder, "MNI", files), 0.6, Grid(SHAPE, AFFINE), inside, {"3": 2}, grey)


@pytest.mark.parametrize("name", ["mask.nii", "mask.nii.gz"])
def test_an_image_with_a_sidecar(tmp_path: Path, name: str) -> None:
    mask = group_mask(tmp_path / "prep")
    write_group_mask(mask, tmp_path / "masks" / name)
    assert {path.name for path in (tmp_path / "masks").iterdir()} == {name, "mask.json"}
    made = nib.load(tmp_path / "masks" / name)
    np.testing.assert_array_equal(np.asarray(made.dataobj), mask.inside)
    np.testing.assert_array_equal(made.affine, AFFINE)
    about = json.loads((tmp_path / "masks" / "mask.json").read_text())
    assert about["Description"] == "Voxels inside the brain masks of at least 2 of 3 subjects"
    assert (about["Space"], about["NumberOfVoxels"], about["NumberOfSubjects"]) == ("MNI", 6, 3)
    assert about["Sources"][0] == "bids:prep:sub-1/func/sub-1_desc-brain_mask.nii.gz"
    assert about["SpatialReference"] == about["Sources"][0]  # an image, by its BIDS URI, or "orig"
    assert about["DatasetLinks"] == {"prep": "../prep"}
    assert about["Type"] == "Brain"


def test_the_folder_has_a_name_of_letters_and_digits_in_uris(tmp_path: Path) -> None:
    write_group_mask(group_mask(tmp_path / "my fMRIPrep: 24"), tmp_path / "mask.nii")
    about = json.loads((tmp_path / "mask.json").read_text())
    assert about["Sources"][0] == "bids:myfMRIPrep24:sub-1/func/sub-1_desc-brain_mask.nii.gz"
    assert about["DatasetLinks"] == {"myfMRIPrep24": "my fMRIPrep: 24"}


@pytest.mark.parametrize(
    ("source", "kind"), [("template", "TemplateFlow"), ("subjects", "Mean over subjects"), ("gm.nii.gz", "File")]
)
def test_the_source_of_grey_matter(tmp_path: Path, source: str, kind: str) -> None:
    write_group_mask(group_mask(tmp_path, source), tmp_path / "mask.nii")
    about = json.loads((tmp_path / "mask.json").read_text())
    assert about["GreyMatter"] == {"Source": kind, "Threshold": 0.2, "Files": {"gm.nii.gz": "0" * 64}}
    assert about["Description"].endswith("subjects, in grey matter")
    assert about["Type"] == "ROI"  # "Brain" is that of a brain mask


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be created"):
        write_group_mask(group_mask(tmp_path), tmp_path / "file" / "mask.nii")
