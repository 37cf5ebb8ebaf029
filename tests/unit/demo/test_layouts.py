"""Practice data in the layouts of programs: files, a second time, other folders."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from bids_ari.cli.demo import LAYOUTS, main
from bids_ari.demo import afni, fitlins, fmriprep, fsl, halfpipe, openneuro, spm
from bids_ari.demo.dataset import practice_folder
from bids_ari.demo.fmriprep import CUT, N_SCANS, SUBJECTS
from bids_ari.design.stats_model import node_names, read_model
from bids_ari.images.claims import claims_of
from bids_ari.images.files import read_image
from bids_ari.runtime.caches import TEMPORARY

PLACES = ("stats", "reg_standard/stats")
NAMES = ("stats/zstat1.nii.gz", "thresh_zstat1.nii.gz")
"""Of FEAT: folders of runs with maps, and maps of groups."""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The practice study."""
    folder = tmp_path_factory.mktemp("practice") / "study"
    fmriprep.write(folder)
    return folder


def test_each_subject_of_the_study_has_what_fmriprep_writes(study: Path) -> None:
    stem = "func/sub-{0}_task-buttons"
    for subject in SUBJECTS:
        assert (study / f"sub-{subject}" / f"{stem.format(subject)}_events.tsv").is_file()
        top = study / "derivatives" / "fmriprep" / f"sub-{subject}"
        bold, mask = (
            nib.load(top / f"{stem.format(subject)}_space-MNI152NLin2009cAsym_desc-{end}.nii.gz")
            for end in ("preproc_bold", "brain_mask")
        )
        assert bold.shape == (*mask.shape, N_SCANS)
        confounds = pd.read_csv(top / f"{stem.format(subject)}_desc-confounds_timeseries.tsv", sep="\t")
        assert {"trans_x", "rot_z", "csf", "white_matter", "cosine00"} <= {*confounds}
        tissue = nib.load(top / "anat" / f"sub-{subject}_space-MNI152NLin2009cAsym_label-GM_probseg.nii.gz")
        assert tissue.shape == mask.shape
        assert 0 <= tissue.get_fdata().min() < 0.01 < 0.9 < tissue.get_fdata().max() <= 1


def test_one_field_of_view_is_smaller(study: Path) -> None:
    sizes = {
        path.parts[-3]: np.count_nonzero(nib.load(path).dataobj) for path in study.rglob("*desc-brain_mask.nii.gz")
    }
    assert len(sizes) == len(SUBJECTS)
    assert sizes.pop(f"sub-{CUT}") < 0.97 * min(sizes.values())
    assert len({*sizes.values()}) == 1


def test_the_study_is_the_same_bytes_each_time(study: Path, tmp_path: Path) -> None:
    for _ in range(2):
        fmriprep.write(tmp_path / "study")
    for path in study.rglob("*.*"):
        assert (tmp_path / "study" / path.relative_to(study)).read_bytes() == path.read_bytes()


def test_maps_of_halfpipe_have_its_folders_and_names(tmp_path: Path) -> None:
    halfpipe.write(tmp_path / "work")
    folder = tmp_path / "work" / "derivatives" / "halfpipe" / "sub-01" / "func" / "task-buttons"
    stem = "sub-01_task-buttons_feature-motor_taskcontrast-leftVsRight"
    ends = {"mask.nii.gz", "stat-effect_statmap.json"}
    ends |= {f"stat-{stat}_statmap.nii.gz" for stat in ("effect", "variance", "z", "dof")}
    assert {f"{stem}_{end}" for end in ends} == {path.name for path in folder.glob("*feature-motor_*")}


def test_maps_of_fitlins_are_of_the_subjects_of_the_study(study: Path, tmp_path: Path) -> None:
    """In the names of two nodes, and 0 outside the masks of fMRIPrep, that of the group outside any of them."""
    fitlins.write(tmp_path / "fitlins")
    group = nib.load(tmp_path / "fitlins" / "node-groupLevel" / "contrast-leftMinusRight_stat-effect_statmap.nii.gz")
    common = np.ones(group.shape, bool)
    for subject in SUBJECTS:
        stem = f"sub-{subject}_task-buttons_space-MNI152NLin2009cAsym"
        folder = tmp_path / "fitlins" / "node-runLevel" / f"sub-{subject}"
        ends = {f"contrast-leftMinusRight_stat-{stat}" for stat in ("effect", "variance", "t", "z", "p")}
        ends |= {"stat-logLikelihood", "stat-rSquare"}
        assert {path.name for path in folder.iterdir()} == {f"{stem}_{end}_statmap.nii.gz" for end in ends}
        mask = nib.load(
            study / "derivatives" / "fmriprep" / f"sub-{subject}" / "func" / f"{stem}_desc-brain_mask.nii.gz"
        )
        variance = nib.load(folder / f"{stem}_contrast-leftMinusRight_stat-variance_statmap.nii.gz")
        np.testing.assert_array_equal(variance.affine, mask.affine)
        np.testing.assert_array_equal(variance.get_fdata() > 0, mask.get_fdata() > 0)
        common &= mask.get_fdata() > 0
    np.testing.assert_array_equal(group.get_fdata() != 0, common)


def test_an_own_temporary_folder_is_no_other_file(tmp_path: Path) -> None:
    """It is in the output where nothing else can be written, as in a container with a read-only file system."""
    (tmp_path / f"{TEMPORARY}a").mkdir()
    practice_folder(tmp_path, "Practice")
    assert (tmp_path / "README.md").is_file()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folder_with_other_files_is_refused(layout: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "README.md").write_text("# Mine\n")
    assert main([str(tmp_path), "--layout", layout]) == 64
    assert "holds other files" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_a_file_in_the_place_of_the_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main([str(tmp_path / "file" / "out"), "--layout", "halfpipe"]) == 73
    assert "cannot be created" in capsys.readouterr().err


def test_a_folder_of_practice_data_has_a_readme(tmp_path: Path) -> None:
    practice_folder(tmp_path, "Practice")
    assert (tmp_path / "README.md").read_text() == "# Practice\n\nSimulated by bids-ari-demo.\n"


def test_images_of_spm_have_its_headers(tmp_path: Path) -> None:
    """Contrasts are NaN outside the mask, the t map has its degrees of freedom."""
    spm.write(tmp_path / "spm")
    first = tmp_path / "spm" / "first_level" / "sub-01"
    effect, inside = nib.load(first / "con_0002.nii"), np.asarray(nib.load(first / "mask.nii").dataobj) > 0
    assert bytes(effect.header["descrip"].tobytes()).startswith(b"SPM contrast - 2: right > left")
    assert effect.get_data_dtype() == np.float32
    np.testing.assert_array_equal(np.isfinite(effect.get_fdata()), inside)
    t = read_image(tmp_path / "spm" / "second_level" / "left_right" / "spmT_0001.nii")
    assert [(claim.kind, claim.dof) for claim in claims_of(t, "a.nii")] == [("t", (9.0,))]


def test_runs_of_feat_are_in_the_space_of_the_scanner_and_resampled(tmp_path: Path) -> None:
    fsl.write(tmp_path / "fsl")
    runs = sorted((tmp_path / "fsl" / "level1").iterdir())
    assert len(runs) == 20
    grids = {inside: {nib.load(run / inside / "cope1.nii.gz").affine.tobytes() for run in runs} for inside in PLACES}
    assert {inside: len(found) for inside, found in grids.items()} == {"stats": 10, "reg_standard/stats": 1}
    group = tmp_path / "fsl" / "group" / "left_right.gfeat" / "cope1.feat"
    z, thresholded = (np.asarray(nib.load(path).dataobj) for path in (group / NAMES[0], group / NAMES[1]))
    np.testing.assert_array_equal(thresholded, np.where(z > 2.3, z, 0))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The practice studies of many."""
    folder = tmp_path_factory.mktemp("many") / "data"
    openneuro.write(folder)
    return folder


def test_studies_of_openneuro_have_models_maps_and_masks(many: Path) -> None:
    """FitLins has maps of one subject for a contrast of errors, and one task has no model."""
    n_maps = {}
    for task in openneuro.TASKS:
        folder = many / "analyses" / task.study / f"task-{task.task}"
        for contrast in task.maps:
            paths = folder.glob(f"node-runLevel/sub-*/*_contrast-{contrast}_stat-effect_statmap.nii.gz")
            n_maps[task.study, task.task, contrast] = len(list(paths))
        masks = many / "fmriprep" / task.study / "derivatives"
        assert len(list(masks.glob(f"sub-*/func/*_task-{task.task}_*_mask.nii.gz"))) == task.n_subjects * len(task.runs)
        model = many / "statsmodel_specs" / task.study / f"{task.study}-{task.task}_specs.json"
        assert model.exists() == task.has_model
        if task.has_model:
            assert node_names(model) == ("data_level",)
            assert read_model(model, "data_level")
    assert n_maps == {
        ("ds900001", "buttons", "leftvbase"): 16,
        ("ds900001", "buttons", "leftvright"): 16,
        ("ds900002", "buttons", "leftvright"): 10,
        ("ds900002", "buttons", "errorvcorrect"): 1,
        ("ds900002", "tapping", "leftvright"): 10,
    }


def test_maps_of_subjects_are_means_of_runs_weighted_by_variances(many: Path) -> None:
    task = many / "analyses" / "ds900001" / "task-buttons"
    run = "sub-01_task-buttons_run-{}_space-MNI152NLin2009cAsym_contrast-leftvright_stat-{}_statmap.nii.gz"
    effects, variances = (
        np.array([nib.load(task / "node-runLevel" / "sub-01" / run.format(i, stat)).get_fdata() for i in (1, 2)])
        for stat in ("effect", "variance")
    )
    inside = (variances > 0).all(axis=0)
    weights = 1 / variances[:, inside]
    mean, variance = (
        nib.load(task / "node-subjectLevel" / "sub-01" / f"sub-01_contrast-leftvright_stat-{stat}_statmap.nii.gz")
        for stat in ("effect", "variance")
    )
    expected = (weights * effects[:, inside]).sum(axis=0) / weights.sum(axis=0)
    np.testing.assert_allclose(
        mean.get_fdata()[inside], expected, rtol=1e-4, atol=1e-6
    )  # float32 files; runs may cancel
    np.testing.assert_allclose(variance.get_fdata()[inside], 1 / weights.sum(axis=0), rtol=1e-6)


def test_datasets_of_afni_have_effects_and_statistics_of_each_subject(tmp_path: Path) -> None:
    """Where those of SPM are, up to the rounding of whole numbers; values also outside the brain."""
    afni.write(tmp_path / "afni")
    spm.write(tmp_path / "spm")
    head = tmp_path / "afni" / "sub-03.results" / "stats.sub-03+tlrc.HEAD"
    left, right, difference = (
        read_image(head, map_name=f"{name}#0_Coef") for name in ("left", "right", "left-right_GLT")
    )
    np.testing.assert_allclose(difference.values, left.values - right.values, atol=1e-3)
    assert np.count_nonzero(left.values) > 0.9 * left.values.size
    expected = nib.load(tmp_path / "spm" / "first_level" / "sub-03" / "con_0001.nii")
    np.testing.assert_allclose(difference.grid.affine, expected.affine)
    inside = np.isfinite(expected.get_fdata())
    np.testing.assert_allclose(difference.values[inside], expected.get_fdata()[inside], atol=1e-3)
    t = read_image(head, map_name="left-right_GLT#0_Tstat")
    assert [(claim.kind, claim.dof) for claim in claims_of(t, "a.HEAD")] == [("t", (140.0,))]
    group = read_image(tmp_path / "afni" / "group" / "ttest+tlrc.HEAD", map_name="SetA_Tstat")
    assert [(claim.kind, claim.dof) for claim in claims_of(group, "a.HEAD")] == [("t", (9.0,))]
    mask = read_image(tmp_path / "afni" / "group" / "mask_group+tlrc.HEAD")
    np.testing.assert_array_equal(mask.values, inside)
