"""A practice study: simulated runs of eight subjects, preprocessed, in the names of fMRIPrep.

The subjects respond to button presses of the left and the right hand as those of the demo do. The events and the
description of the study are a raw dataset, whose ``derivatives/fmriprep`` has the images, masks and confounds.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from nilearn import datasets
from nilearn.glm.first_level import compute_regressor
from scipy import ndimage

from bids_ari.bids.entities import Entities
from bids_ari.demo import volumes
from bids_ari.demo.dataset import MADE_BY, practice_folder
from bids_ari.demo.volumes import true_effect
from bids_ari.images.files import read_image
from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.description import BIDS_VERSION
from bids_ari.stats.distributions import FloatArray

SUBJECTS = tuple(f"{i:02d}" for i in range(1, 9))
TASK, SPACE = "buttons", "MNI152NLin2009cAsym"
CUT = "08"
"""The subject whose field of view ends above the lowest slices."""

N_SCANS, TR, VOXEL = 60, 2.0, 6
BASELINE, SCALE, NOISE_SD = 1000.0, 3.0, 8.0
"""Mean of the images, signal for a true effect of 1, and standard deviation of the noise, in their units."""

_CUT_SLICES = 3
_CONFOUNDS = [*(f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"), "csf", "white_matter"]
_FMRIPREP = "derivatives/fmriprep"


def write(folder: Path) -> None:
    """Write the study, the same bytes each time."""
    out = practice_folder(folder, "Practice study in fMRIPrep's names")
    mask, effect = true_effect(VOXEL)
    grey = _on_grid(datasets.load_mni152_gm_template(resolution=VOXEL), mask.grid)
    rng = np.random.default_rng(volumes.SEED)
    _describe(out)
    for subject in SUBJECTS:
        inside = field_of_view(mask, subject)
        events = _events(rng)
        out.table(_name("events", ".tsv", sub=subject, task=TASK), events)
        place = {"sub": subject, "task": TASK, "top": _FMRIPREP}
        out.table(_name("timeseries", ".tsv", **place, desc="confounds"), _confounds(rng))
        out.json(_name("timeseries", ".json", **place, desc="confounds"), {})
        place |= {"space": SPACE}
        bold = mask.grid.image(_bold(inside, effect * rng.normal(1, volumes.RESPONSE_SD), events, rng))
        bold.header.set_zooms((*mask.grid.zooms, TR))
        bold.header.set_xyzt_units("mm", "sec")
        out.image(_name("bold", ".nii.gz", **place, desc="preproc"), bold)
        timing = {"RepetitionTime": TR, "SliceTimingCorrected": True, "StartTime": TR / 2}
        out.json(_name("bold", ".json", **place, desc="preproc"), {"TaskName": TASK, **timing})
        out.image(_name("mask", ".nii.gz", **place, desc="brain"), mask.grid.image(inside.astype(np.uint8)))
        tissue = np.clip(grey * rng.normal(1, 0.05), 0, 1).astype(np.float32)
        place = {"sub": subject, "space": SPACE, "top": _FMRIPREP, "datatype": "anat"}
        out.image(_name("probseg", ".nii.gz", **place, label="GM"), mask.grid.image(tissue))


def field_of_view(mask: VolumeSpace, subject: str) -> np.ndarray[Any, Any]:
    """Return the voxels of a mask, (x, y, z), in which a subject has data."""
    inside = mask.inside.copy()
    inside[..., : _first_slice(mask) + _CUT_SLICES] &= subject != CUT
    return inside


def _describe(out: Derivatives) -> None:
    """Write the files about the study and its derivatives as a whole."""
    about = {"BIDSVersion": BIDS_VERSION, "License": "CC0", "GeneratedBy": [{"Name": MADE_BY}]}
    for top, name, kind in (("", "Practice study", "raw"), (f"{_FMRIPREP}/", "fMRIPrep", "derivative")):
        out.json(f"{top}dataset_description.json", {"Name": name, "DatasetType": kind, **about})
    out.json(f"task-{TASK}_bold.json", {"RepetitionTime": TR, "TaskName": TASK})
    ages = 20 + 3 * np.arange(len(SUBJECTS)) % 17
    out.table("participants.tsv", pd.DataFrame({"participant_id": [f"sub-{each}" for each in SUBJECTS], "age": ages}))
    out.json("participants.json", {"age": {"Description": "Age", "Units": "years"}})


def _name(suffix: str, extension: str, *, top: str = "", datatype: str = "func", **labels: str) -> str:
    """Return the path of a file of a subject, below the folder of its dataset."""
    name = Entities.of(labels).filename(suffix, extension)
    return "/".join(filter(None, (top, f"sub-{labels['sub']}", datatype, name)))


def _events(rng: np.random.Generator) -> pd.DataFrame:
    """Return button presses of both hands in random order, some seconds apart."""
    onsets = np.arange(4.0, N_SCANS * TR - 14, 6) + rng.integers(0, 3, 17)
    hands = rng.permutation(np.resize(["left", "right"], onsets.size))
    return pd.DataFrame({"onset": onsets, "duration": 2.0, "trial_type": hands})


def _bold(
    inside: np.ndarray[Any, Any], effect: FloatArray, events: pd.DataFrame, rng: np.random.Generator
) -> np.ndarray[Any, Any]:
    """Simulate the images of a run, (x, y, z, n_scans), integers; the head around the brain is dark."""
    courses = {hand: _course(events[events["trial_type"] == hand]) for hand in ("left", "right")}
    course = courses["left"] - courses["right"]
    sigma = volumes.NOISE_FWHM / np.sqrt(8 * np.log(2)) / VOXEL
    smooth = ndimage.gaussian_filter(rng.standard_normal((*effect.shape, N_SCANS)), (*[sigma] * 3, 0.8))
    signal = BASELINE + SCALE * effect[..., None] * course + NOISE_SD * smooth / smooth.std()
    head = ndimage.binary_dilation(inside, iterations=2)
    scans = np.where(inside[..., None], signal, np.where(head[..., None], 0.4 * signal, 0))
    return np.rint(scans).astype(np.int16)


def _course(events: pd.DataFrame) -> FloatArray:
    """Return the expected response to events at each scan, (n_scans,), with a maximum near 1."""
    condition = np.vstack([events["onset"], events["duration"], np.ones(len(events))])
    (course,) = compute_regressor(condition, "glover", (np.arange(N_SCANS) + 0.5) * TR)[0].T
    return np.asarray(course / course.max())


def _confounds(rng: np.random.Generator) -> pd.DataFrame:
    """Return time courses that have nothing to do with the images: motion, signals of tissues, slow drifts."""
    walks = {name: np.cumsum(rng.normal(0, 0.02, N_SCANS)).round(4) for name in _CONFOUNDS}
    steps = (np.arange(N_SCANS) + 0.5) * np.pi / N_SCANS
    drifts = {f"cosine{i:02d}": np.cos((i + 1) * steps).round(6) for i in range(2)}
    return pd.DataFrame(walks | drifts)


def _on_grid(image: Any, grid: Grid) -> FloatArray:
    """Return the values of an image of nilearn's template, scaled to at most 1; it must be on a grid."""
    found = read_image(image)
    if not found.frame.matches(grid):
        raise ValueError(f"the image is on {found.frame}, not on {grid}")
    return np.asarray(found.values / found.values.max())


def _first_slice(mask: VolumeSpace) -> int:
    """Return the index of the lowest axial slice of a mask."""
    return int(np.flatnonzero(mask.inside.any(axis=(0, 1)))[0])
