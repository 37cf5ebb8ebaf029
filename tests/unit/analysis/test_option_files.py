"""Files that options name: their roles, and masks that are of another space by their names."""

from pathlib import Path

import numpy as np
import pytest
from builders import SHAPE, saved, write_group

from bids_ari.analysis.analyse import analyse
from bids_ari.analysis.option_files import notes_on_resolutions, notes_on_spaces, option_files
from bids_ari.bids.discover import discover
from bids_ari.bids.spaces import StandardSpace
from bids_ari.config.options import Options


def test_roles_of_files(tmp_path: Path, rng: np.random.Generator) -> None:
    """Also of the table beside an atlas; files that do not exist are no files."""
    write_group(tmp_path / "in", 2, rng)
    contrast = discover(tmp_path / "in")[0]
    atlas, table = saved(tmp_path / "a.nii.gz", np.ones(SHAPE)), tmp_path / "a.tsv"
    table.write_text("index\tname\n1\tall\n")
    options = Options(mask=tmp_path / "gone.nii.gz", atlas=str(atlas), roi=(atlas, atlas), model=None)
    assert option_files(options, contrast) == {
        "region 1": atlas,
        "region 2": atlas,
        "atlas": atlas,
        "atlas labels": table,
    }


@pytest.mark.parametrize(
    ("name", "is_noted"),
    [
        ("mask.nii.gz", False),
        ("tpl-A_res-02_desc-brain_mask.nii.gz", False),
        ("tpl-A_cohort-3_desc-brain_mask.nii.gz", False),
        ("tpl-A_cohort-1_desc-brain_mask.nii.gz", True),
        ("sub-01_space-T1w_desc-brain_mask.nii.gz", True),
    ],
)
def test_a_mask_of_another_space_by_its_name_is_noted(name: str, is_noted: bool) -> None:
    notes = [*notes_on_spaces({"mask": Path(name), "atlas": Path(name)}, StandardSpace("A", "3"))]
    assert len(notes) == is_noted


def test_maps_without_a_space_are_noted_for_a_mask_or_an_atlas_of_one() -> None:
    files = {
        "mask": Path("space-A_mask.nii.gz"),
        "atlas": Path("tpl-A_dseg.nii.gz"),
        "atlas labels": Path("tpl-A_dseg.tsv"),
    }
    assert ["A; the names of the maps have no space" in note for note in notes_on_spaces(files, None)] == [True, True]
    assert not [*notes_on_spaces({"mask": Path("mask.nii.gz")}, None)]


@pytest.mark.parametrize(("res", "is_noted"), [("7", True), ("2", False), ("", False)])
def test_a_resolution_that_templateflow_does_not_have_is_noted(res: str, is_noted: bool) -> None:
    """Of files by name only: others may be in any resolution."""
    files = {"mask": Path("tpl-A_res-02_desc-brain_mask.nii.gz"), "target grid": Path("tpl-A_res-02_T1w.nii.gz")}
    where = StandardSpace("A", res=res)
    notes = [*notes_on_resolutions(files, where, Options(mask=Path("template"), target_grid=Path("template")))]
    assert ["no mask of A in res-7" in note or "no target grid of A in res-7" in note for note in notes] == [
        *([True] * 2 * is_noted)
    ]
    assert not [*notes_on_resolutions(files, where, Options(mask=files["mask"]))]


def test_notes_on_masks_are_those_of_the_result(tmp_path: Path, rng: np.random.Generator) -> None:
    """One that fills the volume; and one of another space, which a result of it has as well."""
    write_group(tmp_path / "in", 3, rng)
    contrast = discover(tmp_path / "in")[0]
    everything = saved(tmp_path / "space-Other_mask.nii.gz", np.ones(SHAPE))
    (result,) = analyse(contrast, Options(mask=everything, roi=(everything,)))
    text = "\n".join(result.notes)
    assert "The mask fills 100% of the volume" in text
    assert "The mask space-Other_mask.nii.gz is of Other by its name, the maps are in MNI152NLin2009cAsym" in text
    assert "The region 1 space-Other_mask.nii.gz is of Other" in text


def test_a_mesh_of_another_space_has_a_note() -> None:
    """fsLR and fsaverage both have meshes of 163842 vertices, which are not the same."""
    files = {"surface L": Path("tpl-fsLR_hemi-L_den-164k_midthickness.surf.gii")}
    (note,) = notes_on_spaces(files, StandardSpace("fsaverage", den="164k"))
    assert "surface L tpl-fsLR" in note
    assert not [*notes_on_spaces(files, StandardSpace("fsLR"))]
