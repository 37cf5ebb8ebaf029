"""Which files of TemplateFlow a space needs, by an index like that of its package."""

import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from bids_ari.errors import NoMatchError, UsageError
from bids_ari.images.needed_templates import needed_files, read_wanted

INDEX = """
tpl-Vol/template_description.json
tpl-Vol/tpl-Vol_res-01_T1w.nii.gz
tpl-Vol/tpl-Vol_res-02_T1w.nii.gz
tpl-Vol/tpl-Vol_res-02_T2w.nii.gz
tpl-Vol/tpl-Vol_res-02_desc-brain_T1w.nii.gz
tpl-Vol/tpl-Vol_res-01_desc-brain_mask.nii.gz
tpl-Vol/tpl-Vol_res-02_label-GM_probseg.nii.gz
tpl-Vol/tpl-Vol_res-02_label-WM_probseg.nii.gz
tpl-Vol/tpl-Vol_res-02_desc-brain_mask.nii.gz
tpl-Vol/tpl-Vol_res-02_desc-eyes_mask.nii.gz
tpl-Vol/tpl-Vol_res-02_atlas-HCP_desc-brain_mask.nii.gz
tpl-Vol/tpl-Vol_res-02_atlas-HCP_dseg.nii.gz
tpl-Vol/tpl-Vol_res-01_atlas-S_desc-100x7_dseg.nii.gz
tpl-Vol/tpl-Vol_res-02_atlas-S_desc-100x7_dseg.nii.gz
tpl-Vol/tpl-Vol_res-02_atlas-S_desc-200x7_dseg.nii.gz
tpl-Vol/tpl-Vol_atlas-S_desc-100x7_dseg.tsv
tpl-Vol/tpl-Vol_res-02_atlas-S_desc-100x7_probseg.nii.gz
tpl-Kids/cohort-1/tpl-Kids_cohort-1_res-1_label-brain_mask.nii.gz
tpl-Kids/cohort-1/tpl-Kids_cohort-1_res-1_T2w.nii.gz
tpl-Kids/cohort-2/tpl-Kids_cohort-2_res-1_label-brain_mask.nii.gz
tpl-fsLR/tpl-fsLR_den-32k_hemi-L_midthickness.surf.gii
tpl-fsLR/tpl-fsLR_den-32k_hemi-R_midthickness.surf.gii
tpl-fsLR/tpl-fsLR_den-32k_hemi-L_inflated.surf.gii
tpl-fsLR/tpl-fsLR_den-32k_hemi-L_veryinflated.surf.gii
tpl-fsLR/tpl-fsLR_den-32k_hemi-L_sphere.surf.gii
tpl-fsLR/tpl-fsLR_space-fsaverage_hemi-L_den-32k_sphere.surf.gii
tpl-fsLR/tpl-fsLR_hemi-L_den-32k_desc-nomedialwall_dparc.label.gii
tpl-fsLR/tpl-fsLR_hemi-L_den-164k_desc-nomedialwall_dparc.label.gii
tpl-fsLR/tpl-fsLR_hemi-L_den-32k_desc-vaavg_midthickness.shape.gii
tpl-fsaverage/tpl-fsaverage_hemi-L_den-10k_pial.surf.gii
tpl-fsaverage/tpl-fsaverage_hemi-L_den-10k_white.surf.gii
tpl-fsaverage/tpl-fsaverage_hemi-L_den-10k_sulc.shape.gii
tpl-fsaverage/tpl-fsaverage_hemi-L_den-164k_midthickness.surf.gii
tpl-fsaverage/tpl-fsaverage_hemi-L_den-164k_pial.surf.gii
tpl-fsaverage/tpl-fsaverage_hemi-L_den-164k_atlas-S_seg-7n_scale-400_dseg.label.gii
tpl-fsaverage/tpl-fsaverage_hemi-L_den-164k_atlas-S_seg-17n_scale-400_dseg.label.gii
tpl-fsaverage/tpl-fsaverage_atlas-S_seg-7n_scale-400_dseg.tsv
"""


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of TemplateFlow of which only the index is there, and a folder that need not exist."""
    index = tmp_path / "conf" / "templateflow-skel.zip"
    index.parent.mkdir()
    with zipfile.ZipFile(index, "w") as content:
        for name in INDEX.split():
            content.writestr(name, "")
    spec = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setitem(sys.modules, "templateflow", SimpleNamespace(__spec__=spec))  # type: ignore[arg-type]
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "home"))


def needed(word: str) -> list[str]:
    """The names of files, without the template."""
    return [path.name.partition("_")[2] for path in needed_files(read_wanted(word))]


def test_a_volume_needs_its_brain_mask_and_its_template() -> None:
    assert needed("Vol:res-2") == [
        "res-02_T1w.nii.gz",
        "res-02_desc-brain_mask.nii.gz",
        "res-02_label-GM_probseg.nii.gz",
    ]
    assert len(needed("Vol")) == 5


def test_the_template_is_t2w_where_there_is_no_t1w_and_of_the_cohort() -> None:
    expected = ["cohort-1_res-1_T2w.nii.gz", "cohort-1_res-1_label-brain_mask.nii.gz"]
    assert needed("Kids+1") == needed("Kids:cohort-1") == expected
    assert len(needed("Kids")) == 3


def test_atlases_come_with_their_tables() -> None:
    """All variants, or one, as the option ``--atlas`` names it; nothing but labelled images."""
    names = [name for name in needed("Vol:res-2:S:100x7:HCP") if "atlas" in name]
    of_one = ["atlas-S_desc-100x7_dseg.tsv", "res-02_atlas-HCP_dseg.nii.gz", "res-02_atlas-S_desc-100x7_dseg.nii.gz"]
    assert names == of_one
    assert {name for name in needed("Vol:S") if "atlas" in name} == {
        *of_one[::2],
        "res-01_atlas-S_desc-100x7_dseg.nii.gz",
        "res-02_atlas-S_desc-200x7_dseg.nii.gz",
    }


@pytest.mark.parametrize("space", ["fsLR:den-32k", "fsLR:den-91k"])
def test_a_surface_needs_the_first_mesh_that_there_is_one_to_show_and_the_cortex(space: str) -> None:
    assert needed(space) == [
        "den-32k_hemi-L_inflated.surf.gii",
        "den-32k_hemi-L_midthickness.surf.gii",
        "den-32k_hemi-R_midthickness.surf.gii",
        "hemi-L_den-32k_desc-nomedialwall_dparc.label.gii",
    ]


def test_the_middle_of_the_cortex_is_taken_where_there_is_a_mesh_of_it() -> None:
    assert needed("fsaverage:den-164k") == ["hemi-L_den-164k_midthickness.surf.gii"]


def test_an_atlas_of_a_finer_mesh_is_used_where_there_is_none_of_the_density() -> None:
    assert needed("fsaverage5:S:seg-7n:scale-400") == [
        "atlas-S_seg-7n_scale-400_dseg.tsv",
        "hemi-L_den-10k_pial.surf.gii",
        "hemi-L_den-10k_sulc.shape.gii",
        "hemi-L_den-164k_atlas-S_seg-7n_scale-400_dseg.label.gii",
    ]


@pytest.mark.parametrize(
    ("word", "error", "words"),
    [
        ("Vool", NoMatchError, r"no template Vool; expected one of: .*Did you mean Vol\?"),
        ("Vol:T", NoMatchError, "no atlas T in Vol; expected one of: HCP, S"),
        ("Vol:S:300x7", NoMatchError, "no atlas S:300x7 in Vol; expected one of: S:100x7, S:200x7"),
        ("fsLR:S", NoMatchError, "no atlas S in fsLR; expected a space with atlases"),
        ("fsLR:seg-7n", UsageError, "seg-7n of fsLR:seg-7n follows no atlas"),
        ("Vol:res-9", NoMatchError, "no res-9 of Vol; expected one of: res-1, res-2"),
        ("Kids+9", NoMatchError, "no cohort-9 of Kids; expected one of: cohort-1, cohort-2"),
        ("fsLR:den-10k", NoMatchError, "no den-10k of fsLR; expected one of: den-32k, den-164k"),
        ("Vol:den-10k", NoMatchError, "no den-10k of Vol; expected Vol without den-"),
        ("fsLR:", UsageError, "fsLR: has an empty part"),
        ("Vol:res-1:res-2", UsageError, "has res- twice"),
    ],
)
def test_what_templateflow_does_not_have_is_an_error(word: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        read_wanted(word)
