"""Small raw studies with the outputs of fMRIPrep, as FitLins reads them."""

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd

SPACE = "MNI152NLin2009cAsym"
SUBJECTS = ("01", "02", "03", "04")
N_SCANS, TR = 40, 2.0
SHAPE, AFFINE = (6, 6, 6), np.diag([4.0, 4, 4, 1])

Json = dict[str, Any]


def write_json(path: Path, content: Json) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def brain() -> np.ndarray:
    inside = np.ones(SHAPE, dtype=np.uint8)
    inside[0] = 0
    return inside


def write_study(root: Path, sessions: tuple[str, ...] = ()) -> None:
    """Write ``raw`` and ``fmriprep`` with two runs for each subject, of each session; runs differ in their noise."""
    rng = np.random.default_rng(11)
    task = {"RepetitionTime": TR, "TaskName": "faces"}
    write_json(root / "raw" / "dataset_description.json", {"Name": "study", "BIDSVersion": "1.8.0"})
    write_json(root / "raw" / "task-faces_bold.json", task)
    (root / "raw" / "participants.tsv").write_text("participant_id\n" + "".join(f"sub-{s}\n" for s in SUBJECTS))
    about = {"Name": "fMRIPrep", "BIDSVersion": "1.8.0", "DatasetType": "derivative"}
    write_json(root / "fmriprep" / "dataset_description.json", about | {"GeneratedBy": [{"Name": "fMRIPrep"}]})
    events = pd.DataFrame({"onset": np.arange(0, 72, 6.0), "duration": 3.0, "trial_type": ["a", "b", "c"] * 4})
    for subject in SUBJECTS:
        for session in sessions or ("",):
            labels = [f"sub-{subject}", *([f"ses-{session}"] if session else [])]
            for run, noise in (("1", 1.0), ("2", 2.0)):
                stem = "_".join([*labels, "task-faces", f"run-{run}"])
                bold = nib.Nifti1Image(rng.normal(100, noise, (*SHAPE, N_SCANS)).astype(np.float32), AFFINE)
                bold.header.set_zooms((4, 4, 4, TR))
                bold.header.set_xyzt_units("mm", "sec")
                raw, preprocessed = (root.joinpath(name, *labels, "func") for name in ("raw", "fmriprep"))
                raw.mkdir(parents=True, exist_ok=True)
                nib.save(bold, raw / f"{stem}_bold.nii.gz")
                events.to_csv(raw / f"{stem}_events.tsv", sep="\t", index=False)
                write_json(preprocessed / f"{stem}_space-{SPACE}_desc-preproc_bold.json", task)
                nib.save(bold, preprocessed / f"{stem}_space-{SPACE}_desc-preproc_bold.nii.gz")
                mask = nib.Nifti1Image(brain(), AFFINE)
                nib.save(mask, preprocessed / f"{stem}_space-{SPACE}_desc-brain_mask.nii.gz")


def write_model(path: Path, group_by: tuple[str, ...], subject_type: str) -> None:
    """Write a Stats Model with a node of runs, of subjects and of the dataset, by the entities `group_by`, too."""
    conditions = {"Name": "Factor", "Input": ["trial_type"]}
    convolved = {"Name": "Convolve", "Input": ["trial_type.*"], "Model": "spm"}
    versus = {"Name": "a_vs_b", "ConditionList": ["trial_type.a", "trial_type.b"], "Weights": [1, -1], "Test": "t"}
    steps = {"Transformer": "pybids-transforms-v1", "Instructions": [conditions, convolved]}
    nodes: list[Json] = [
        {
            "Level": "Run",
            "Name": "run_level",
            "GroupBy": ["run", "subject", *group_by],
            "Transformations": steps,
            "Model": {"X": ["trial_type.*", 1], "Type": "glm"},
            "Contrasts": [versus],
        },
        {"Level": "Subject", "Name": "subject_level", "GroupBy": ["subject", "contrast", *group_by]},
        {"Level": "Dataset", "Name": "group_level", "GroupBy": ["contrast", *group_by]},
    ]
    for node, kind in zip(nodes[1:], (subject_type, "glm"), strict=True):
        node |= {"Model": {"X": [1], "Type": kind}, "DummyContrasts": {"Test": "t"}}
    chosen = {"task": ["faces"], "space": [SPACE]}
    write_json(path, {"Name": "tiny", "BIDSModelVersion": "1.0.0", "Input": chosen, "Nodes": nodes})
