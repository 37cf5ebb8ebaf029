"""Hemispheres in names of surface files."""

from pathlib import Path

import pytest

from bids_ari.bids.hemispheres import (
    hemisphere_files,
    hemisphere_of_label,
    hemisphere_of_name,
    labelled_file,
    name_without_hemisphere,
)


@pytest.mark.parametrize("label", ["L", "l", "left", "Left", "LH", "lh"])
def test_labels_of_the_left_hemisphere(label: str) -> None:
    assert hemisphere_of_label(label) == "L"


@pytest.mark.parametrize("label", ["", "B", "both", "LR", "M", "le"])
def test_other_labels(label: str) -> None:
    assert hemisphere_of_label(label) is None


PAIRS = [
    ("lh.aparc.annot", "rh.aparc.annot"),
    ("a_hemi-L_dseg.label.gii.gz", "a_hemi-R_dseg.label.gii.gz"),
    ("sub-01_hemi-L_space-fsaverage_statmap.func.gii", "sub-01_hemi-R_space-fsaverage_statmap.func.gii"),
    ("hemi-L_mask.gii", "hemi-R_mask.gii"),
    ("sub-01_hemi-left_mask.func.gii", "sub-01_hemi-right_mask.func.gii"),
    ("sub-01_hemi-LH_mask.func.gii", "sub-01_hemi-RH_mask.func.gii"),
    ("lh.thickness.fsaverage5.gii", "rh.thickness.fsaverage5.gii"),
    ("sub-01.lh.con_0001.func.gii", "sub-01.rh.con_0001.func.gii"),
    ("con_0001_lh.gii", "con_0001_rh.gii"),
    ("con_LH_0001.shape.gii", "con_RH_0001.shape.gii"),
    ("lh-zstat1.gii", "rh-zstat1.gii"),
    ("S1200.L.thickness.32k_fs_LR.shape.gii", "S1200.R.thickness.32k_fs_LR.shape.gii"),
    ("lh.aparc.label.gii", "rh.aparc.label.gii"),
    ("lh.zstat1.gii.gz", "rh.zstat1.gii.gz"),
]


@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_either_file_stands_for_both(tmp_path: Path, left: str, right: str) -> None:
    paths = tmp_path / left, tmp_path / right
    for path in paths:
        path.touch()
    assert hemisphere_files(paths[0]) == hemisphere_files(paths[1]) == paths
    assert [hemisphere_of_name(path.name) for path in paths] == ["L", "R"]
    assert name_without_hemisphere(left) == name_without_hemisphere(right)


@pytest.mark.parametrize("name", [name for pair in PAIRS for name in pair])
def test_a_single_hemisphere_is_the_file_itself(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert hemisphere_files(tmp_path / name) == (tmp_path / name,)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("con_left.gii", "con_right.gii"),  # of the left and the right hand, perhaps
        ("sub-01_contrast-L_statmap.gii", "sub-01_contrast-R_statmap.gii"),
        ("con_L.gii", "con_R.gii"),
        ("sub-lh1_statmap.gii", "sub-rh1_statmap.gii"),
        ("sub-01_hemi-L_mask.nii.gz", "sub-01_hemi-R_mask.nii.gz"),  # volumes have no hemispheres
        ("lh.con_0001.mgz", "rh.con_0001.mgz"),
    ],
)
def test_names_that_are_no_hemispheres(tmp_path: Path, name: str, other: str) -> None:
    for each in (name, other):
        (tmp_path / each).touch()
    assert hemisphere_files(tmp_path / name) == (tmp_path / name,)


def test_files_that_differ_in_more_than_the_hemisphere_are_no_pair(tmp_path: Path) -> None:
    path = tmp_path / "hemi-L_den-10k_mask.gii"
    for other in (
        "hemi-R_den-41k_mask.gii",
        "hemi-R_mask.gii",
        "hemi-R_den-10k_mask.func.gii",
        "hemi-RH_den-10k_mask.gii",
    ):
        (tmp_path / other).touch()
    assert hemisphere_files(path) == (path,)


def test_content_that_was_not_fetched_counts(tmp_path: Path) -> None:
    """As an error of the file that lacks it, and not as an analysis of the other hemisphere."""
    left, right = tmp_path / "lh.con.gii", tmp_path / "rh.con.gii"
    left.touch()
    right.symlink_to(".git/annex/objects/none")
    assert hemisphere_files(left) == (left, right)


def test_an_entity_counts_before_other_words() -> None:
    assert hemisphere_of_name("sub-01_hemi-R_desc-x_lh.gii") == "R"
    assert hemisphere_of_name("sub-01_hemi-both_statmap.gii") is None
    assert hemisphere_of_name("sub-01_statmap.func.gii") is None


@pytest.mark.parametrize(
    ("text", "side", "path"),
    [("L=a.gii", "L", "a.gii"), ("right=b=c.gii", "R", "b=c.gii"), ("d=e.gii", None, "d=e.gii"), ("L=", None, "L=")],
)
def test_a_file_with_its_hemisphere_before_it(text: str, side: str | None, path: str) -> None:
    """Other texts before an equals sign are part of the name of a file."""
    assert labelled_file(text) == (side, Path(path))
