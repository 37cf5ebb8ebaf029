"""Practice data of many studies: simulated maps in the folders of openneuro_glmfitlins, with Stats Models and masks.

The numbers of the studies are not in use on OpenNeuro. In one task, only one subject made errors, so that FitLins
has no map of that contrast for the others; another task has no model.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_ari.bids.entities import Entities
from bids_ari.demo.dataset import MADE_BY, practice_folder
from bids_ari.demo.fitlins import write_statistics
from bids_ari.demo.fmriprep import SPACE, field_of_view
from bids_ari.demo.volumes import NOISE_SD, RESPONSE_SD, SEED, WHITE, subject_maps, true_effect
from bids_ari.images.volume import VolumeSpace
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.description import BIDS_VERSION
from bids_ari.stats.distributions import FloatArray

VOXEL, STRENGTH = 6, 2.0
"""Voxel size in mm, and the effect relative to that of the demo, so that fewer subjects and voxels show it."""
DOF = 120.0
"""Residual degrees of freedom of a run."""

LEFT, LEFT_RIGHT, ERRORS = "leftvbase", "leftvright", "errorvcorrect"
_CONDITIONS = {LEFT: ["left"], LEFT_RIGHT: ["left", "right"], ERRORS: ["error", "correct"]}


@dataclass(frozen=True, slots=True)
class Task:
    """A task of a study: its subjects, and how many of these FitLins has maps of each contrast for."""

    study: str
    task: str
    n_subjects: int
    maps: Mapping[str, int]  # number of subjects with maps, by contrast
    runs: Sequence[str | None] = (None,)
    has_model: bool = True

    @property
    def subjects(self) -> list[str]:
        """The labels of its subjects."""
        return [f"{i:02d}" for i in range(1, self.n_subjects + 1)]


TASKS = (
    Task("ds900001", "buttons", 8, {LEFT: 8, LEFT_RIGHT: 8}, runs=("1", "2")),
    Task("ds900002", "buttons", 10, {LEFT_RIGHT: 10, ERRORS: 1}),
    Task("ds900002", "tapping", 10, {LEFT_RIGHT: 10}, has_model=False),
)


def write(folder: Path) -> None:
    """Write ``analyses``, ``statsmodel_specs`` and the masks in ``fmriprep``, the same bytes each time."""
    out = practice_folder(folder, "Practice studies in the folders of openneuro_glmfitlins")
    mask, effect = true_effect(VOXEL)
    rng = np.random.default_rng(SEED)
    effects = {LEFT: np.maximum(effect, 0), LEFT_RIGHT: effect, ERRORS: np.zeros_like(effect)}
    for task in TASKS:
        _write_masks(out, task, mask)
        if task.has_model:
            out.json(f"statsmodel_specs/{task.study}/{task.study}-{task.task}_specs.json", model_of(task))
        top = f"analyses/{task.study}/task-{task.task}"
        _describe(out, top, "FitLins")
        for contrast, n in task.maps.items():
            responses = rng.normal(1, RESPONSE_SD, n)
            runs = [list(subject_maps(mask, STRENGTH * effects[contrast], responses, rng)) for _ in task.runs]
            _write_maps(out, top, task, mask, contrast, np.array(runs))


def model_of(task: Task) -> dict[str, Any]:
    """Return the Stats Model of a task; with a node of subjects if these have several runs."""
    events = [{"Name": "Factor", "Input": ["trial_type"]}]
    events.append({"Name": "Convolve", "Model": "spm", "Input": ["trial_type.*"]})
    nodes: list[dict[str, Any]] = [
        {
            "Level": "Run",
            "Name": "run_level",
            "GroupBy": ["run", "subject"],
            "Transformations": {"Transformer": "pybids-transforms-v1", "Instructions": events},
            "Model": {"X": [1, "trial_type.*", "trans_*", "rot_*", "cosine*"], "Type": "glm"},
            "Contrasts": [_contrast(name) for name in task.maps],
        }
    ]
    several = len(task.runs) > 1
    levels = [("Subject", "subject_level", ["subject", "contrast"])] * several
    for level, name, group_by in (*levels, ("Dataset", "data_level", ["contrast"])):
        model = {"Model": {"X": [1], "Type": "glm"}, "DummyContrasts": {"Test": "t"}}
        nodes.append({"Level": level, "Name": name, "GroupBy": group_by, **model})
    chosen: dict[str, Any] = {"subject": task.subjects, "task": [task.task]}
    if several:
        chosen["run"] = [int(run) for run in task.runs if run]
    return {"Name": task.study, "BIDSModelVersion": "1.0.0", "Input": chosen, "Nodes": nodes}


def _contrast(name: str) -> dict[str, Any]:
    """Return a contrast of the node of runs."""
    conditions = [f"trial_type.{condition}" for condition in _CONDITIONS[name]]
    return {"Name": name, "ConditionList": conditions, "Weights": [1, -1][: len(conditions)], "Test": "t"}


def _write_maps(
    out: Derivatives, top: str, task: Task, mask: VolumeSpace, contrast: str, values: npt.NDArray[Any]
) -> None:
    """Write the maps of a contrast, given those of each run and subject, (n_runs, n_subjects, x, y, z).

    Each run has somewhat more noise than the one before. Subjects are means weighted by the inverse variances.
    """
    variances = NOISE_SD**2 * (1 + WHITE**2) * (1 + 0.1 * np.arange(len(task.runs)))
    means = np.average(values, axis=0, weights=1 / variances)
    everywhere = np.ones(mask.grid.shape)
    for i, (subject, mean) in enumerate(zip(task.subjects, means, strict=False)):
        inside = VolumeSpace(mask.grid, field_of_view(mask, subject))
        for run, of_run, variance in zip(task.runs, values[:, i].astype(np.float64), variances, strict=True):
            labels = {"sub": subject, "task": task.task, "space": SPACE, "contrast": contrast}
            place, labels = f"{top}/node-runLevel/sub-{subject}", labels | ({"run": run} if run else {})
            write_statistics(out, place, inside, of_run, variance * everywhere, DOF, **labels)
        if len(task.runs) > 1:
            variance, place = 1 / (1 / variances).sum(), f"{top}/node-subjectLevel/sub-{subject}"
            labels, dof = {"sub": subject, "contrast": contrast}, len(task.runs) * DOF
            write_statistics(out, place, inside, mean, variance * everywhere, dof, **labels)
    for stat, volume in _of_group(means) if len(means) > 1 else ():
        name = Entities.of({"contrast": contrast, "stat": stat}).filename("statmap", ".nii.gz")
        out.image(f"{top}/node-dataLevel/{name}", mask.grid.image(volume.astype(np.float32)))


def _of_group(maps: FloatArray) -> Iterator[tuple[str, FloatArray]]:
    """Yield the mean of maps, (n_subjects, x, y, z), and its variance."""
    yield "effect", maps.mean(axis=0)
    yield "variance", maps.var(axis=0, ddof=1) / len(maps)


def _write_masks(out: Derivatives, task: Task, mask: VolumeSpace) -> None:
    """Write the brain mask of each run, as fMRIPrep names it."""
    top = f"fmriprep/{task.study}/derivatives"
    _describe(out, top, "fMRIPrep")
    for subject in task.subjects:
        inside = mask.grid.image(field_of_view(mask, subject).astype(np.uint8))
        for run in task.runs:
            labels = {"sub": subject, "task": task.task, "space": SPACE, "desc": "brain"} | (
                {"run": run} if run else {}
            )
            out.image(f"{top}/sub-{subject}/func/{Entities.of(labels).filename('mask', '.nii.gz')}", inside)


def _describe(out: Derivatives, top: str, program: str) -> None:
    """Write the description of a derivative dataset."""
    about = {"BIDSVersion": BIDS_VERSION, "License": "CC0", "GeneratedBy": [{"Name": MADE_BY}]}
    out.json(f"{top}/dataset_description.json", {"Name": program, "DatasetType": "derivative", **about})
