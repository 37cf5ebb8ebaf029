"""Outputs of first-level programs are found and analysed unchanged."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bids_ari.cli.main import main

SHAPE = (9, 10, 8)
AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])


def brain() -> np.ndarray:
    """A box that does not touch the edge of the volume."""
    inside = np.zeros(SHAPE, dtype=bool)
    inside[2:-2, 2:-2, 2:-2] = True
    return inside


def write(path: Path, data: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data.astype(np.float32), AFFINE), path)


@pytest.mark.filterwarnings("ignore")  # of nilearn, which writes the tree
def test_a_tree_written_by_nilearn(tmp_path: Path, rng: np.random.Generator) -> None:
    """FirstLevelModel and save_glm_to_bids; the group t is that of the effect maps that nilearn wrote.

    Its F contrast has an effect map of two volumes, which is excluded.
    """
    from nilearn.glm import save_glm_to_bids
    from nilearn.glm.first_level import FirstLevelModel

    tree, out = tmp_path / "first", tmp_path / "out"
    n_scans, tr = 40, 2.0
    events = pd.DataFrame({"onset": np.arange(8) * 10.0, "duration": 4.0, "trial_type": ["left", "right"] * 4})
    for subject in ("01", "02", "03"):
        run = rng.normal(1000, 5, size=(*SHAPE, n_scans)) * brain()[..., None]
        model = FirstLevelModel(
            t_r=tr, mask_img=nib.Nifti1Image(brain().astype(np.uint8), AFFINE), minimize_memory=False
        )
        model.fit(nib.Nifti1Image(run, AFFINE), events=events)
        save_glm_to_bids(
            model,
            contrasts={
                "left minus right": "left - right",
                "any": np.eye(2, model.design_matrices_[0].shape[1]),
            },
            contrast_types={"any": "F"},
            out_dir=tree,
            prefix=f"sub-{subject}_task-press_space-MNI152NLin2009cAsym",
        )
    assert main([str(tree), str(out), "group"]) == 0

    (table,) = (out / "logs").rglob("excluded.tsv")
    excluded = pd.read_csv(table, sep="\t")
    assert excluded[excluded.iloc[:, 0].str.contains("contrast-any_stat-effect")].shape[0] == 3
    masks = sorted(path.name for path in (out / "group").glob("*desc-analysis_mask.nii.gz"))
    assert len(masks) == 1
    effects = sorted(tree.rglob("*contrast-leftMinusRight_stat-effect_statmap.nii.gz"))
    assert len(effects) == 3
    maps = np.stack([nib.load(path).get_fdata()[brain()] for path in effects])
    (t,) = (out / "group").glob("*contrast-leftMinusRight_test-mean_stat-t_statmap.nii.gz")
    # float32 on disk
    np.testing.assert_allclose(nib.load(t).get_fdata()[brain()], stats.ttest_1samp(maps, 0).statistic, rtol=1e-6)
    assert (out / "index.html").is_file()


def test_a_tree_of_fitlins(tmp_path: Path, rng: np.random.Generator) -> None:
    """With nodes of runs, subjects and the dataset, the maps of subjects are used, with a note."""
    tree, out = tmp_path / "fitlins", tmp_path / "out"
    subjects: dict[str, np.ndarray] = {}
    for subject in ("01", "02", "03"):
        for run in ("1", "2"):
            name = f"sub-{subject}_task-stroop_run-{run}_space-MNI152NLin2009cAsym_contrast-conflict"
            for stat in ("effect", "variance", "t", "z", "p"):
                write(tree / "node-runLevel" / f"sub-{subject}" / f"{name}_stat-{stat}_statmap.nii.gz", brain() * 9.0)
        subjects[subject] = rng.normal(size=SHAPE) * brain()
        name = f"sub-{subject}_contrast-conflict_stat-effect_statmap.nii.gz"
        write(tree / "node-subjectLevel" / f"sub-{subject}" / name, subjects[subject])
    for stat in ("effect", "z"):
        write(tree / "node-datasetLevel" / f"contrast-conflict_stat-{stat}_statmap.nii.gz", brain() * 5.0)
    old_style = {"Name": "FitLins", "BIDSVersion": "1.1.0", "PipelineDescription": {"Name": "FitLins"}}
    (tree / "dataset_description.json").write_text(json.dumps(old_style))
    assert main([str(tree), str(out), "group"]) == 0

    (t,) = (out / "group").glob("*stat-t_statmap.nii.gz")
    assert t.name == "contrast-conflict_test-mean_stat-t_statmap.nii.gz"
    maps = np.stack([subjects[subject][brain()] for subject in subjects]).astype(np.float32).astype(float)
    np.testing.assert_allclose(nib.load(t).get_fdata()[brain()], stats.ttest_1samp(maps, 0).statistic, rtol=1e-6)
    design = json.loads((out / "group" / "contrast-conflict_design.json").read_text())
    reasons = {entry["What"]: entry["Reason"] for entry in design["LeftOut"]}
    # 3 subjects x 2 runs x 5 statistics, and 2 of the dataset: each has a reason
    assert len(reasons) == 32
    assert all("runLevel" in what or "datasetLevel" in what for what in reasons)
    assert any("node subjectLevel" in note for note in design["Notes"])


def test_a_raw_dataset_with_derivatives(tmp_path: Path, rng: np.random.Generator) -> None:
    """The derivatives of a raw dataset are searched, the output below them is not."""
    raw = tmp_path / "raw"
    out = raw / "derivatives" / "bids_ari"
    for subject in ("01", "02", "03"):
        (raw / f"sub-{subject}" / "func").mkdir(parents=True)
        (raw / f"sub-{subject}" / "func" / f"sub-{subject}_task-x_bold.nii.gz").write_bytes(b"never opened")
        name = f"sub-{subject}_task-x_space-MNI_contrast-c_stat-effect_statmap.nii.gz"
        write(raw / "derivatives" / "glm" / f"sub-{subject}" / "func" / name, rng.normal(size=SHAPE) * brain())
    (raw / "dataset_description.json").write_text('{"Name": "raw", "BIDSVersion": "1.8.0"}')
    for _ in range(2):  # the second time, our own output is there
        assert main([str(raw), str(out), "group"]) == 0
    table = pd.read_csv(out / "group" / "task-x_space-MNI_contrast-c_design.tsv", sep="\t")
    assert (
        table["source"].iloc[0] == "bids:glm:sub-01/func/sub-01_task-x_space-MNI_contrast-c_stat-effect_statmap.nii.gz"
    )
    links = json.loads((out / "dataset_description.json").read_text())["DatasetLinks"]
    assert (out / links["glm"] / "sub-01").is_dir()


def test_datasets_that_hold_only_t_maps(
    tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tutorial uses t maps: without effect maps the message names the flag, and it works."""
    tree, out = tmp_path / "first", tmp_path / "out"
    for subject in ("01", "02", "03"):
        name = f"sub-{subject}_task-x_space-MNI_contrast-c_stat-t_statmap.nii.gz"
        write(tree / f"sub-{subject}" / name, rng.normal(size=SHAPE) * brain())
    assert main([str(tree), str(out), "group"]) == 18
    assert "--stat t" in capsys.readouterr().err
    assert not out.exists()
    assert main([str(tree), str(out), "group", "--stat", "t"]) == 0
    sidecar = json.loads((out / "group" / "task-x_space-MNI_contrast-c_test-mean_stat-t_statmap.json").read_text())
    assert sidecar["InputStatistic"] == "t"
