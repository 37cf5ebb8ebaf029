"""Practice maps of FitLins: the simulated maps of the demo, in the names that FitLins gives to those of two nodes.

They are of the subjects of the practice study in fMRIPrep's names, each where its images have data.
"""

from pathlib import Path

import numpy as np

from bids_ari.bids.entities import Entities
from bids_ari.demo.dataset import MADE_BY, practice_folder
from bids_ari.demo.fmriprep import N_SCANS, SPACE, SUBJECTS, TASK, VOXEL, field_of_view
from bids_ari.demo.volumes import NOISE_SD, RESPONSE_SD, SEED, WHITE, subject_maps, true_effect
from bids_ari.images.volume import VolumeSpace
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.description import BIDS_VERSION
from bids_ari.stats.distributions import FloatArray, p_from_t, z_from_t

CONTRAST = "leftMinusRight"
STRENGTH = 2.0
"""Size of the effect, relative to that of the demo."""

DOF = N_SCANS - 11.0
"""Residual degrees of freedom of a run: scans minus regressors of two hands, six of motion, two drifts, the mean."""


def write(folder: Path) -> None:
    """Write the maps of each subject and of the group, the same bytes each time."""
    out = practice_folder(folder, "Practice data in FitLins' names")
    about = {"BIDSVersion": BIDS_VERSION, "License": "CC0", "GeneratedBy": [{"Name": MADE_BY}]}
    out.json("dataset_description.json", {"Name": "FitLins", "DatasetType": "derivative", **about})
    mask, effect = true_effect(VOXEL)
    rng = np.random.default_rng(SEED)
    responses = rng.normal(1, RESPONSE_SD, len(SUBJECTS))
    variance = NOISE_SD**2 * (1 + WHITE**2) * np.ones(effect.shape)
    maps = list(subject_maps(mask, STRENGTH * effect, responses, rng))
    for subject, values in zip(SUBJECTS, maps, strict=True):
        inside = VolumeSpace(mask.grid, field_of_view(mask, subject))
        labels = {"sub": subject, "task": TASK, "space": SPACE}
        place = f"node-runLevel/sub-{subject}"
        write_statistics(out, place, inside, values.astype(np.float64), variance, DOF, **labels, contrast=CONTRAST)
        fit = -N_SCANS / 2 * (np.log(2 * np.pi * variance) + 1)
        explained = values**2 / (values**2 + DOF * variance)
        for stat, image in {"logLikelihood": fit, "rSquare": explained}.items():
            _write(out, place, inside, image, stat=stat, **labels)
    common = VolumeSpace(mask.grid, np.logical_and.reduce([field_of_view(mask, each) for each in SUBJECTS]))
    mean, of_mean = np.mean(maps, axis=0), np.var(maps, axis=0, ddof=1) / len(maps)
    of_mean = np.where(common.inside, of_mean, 1)
    write_statistics(out, "node-groupLevel", common, mean, of_mean, len(maps) - 1.0, contrast=CONTRAST)


def write_statistics(
    out: Derivatives,
    place: str,
    inside: VolumeSpace,
    effect: FloatArray,
    variance: FloatArray,
    dof: float,
    **labels: str,
) -> None:
    """Write the five maps of a contrast, in the names of FitLins."""
    t = effect / np.sqrt(variance)
    p = p_from_t(t, dof, "greater")
    for stat, values in {"effect": effect, "variance": variance, "t": t, "z": z_from_t(t, dof), "p": p}.items():
        _write(out, place, inside, values, **labels, stat=stat)


def _write(out: Derivatives, place: str, inside: VolumeSpace, values: FloatArray, **labels: str) -> None:
    """Write a map, which is 0 outside the field of view, as those of FitLins are."""
    image = inside.grid.image(np.where(inside.inside, values, 0).astype(np.float32))
    out.image(f"{place}/{Entities.of(labels).filename('statmap', '.nii.gz')}", image)
