"""A practice working directory of HALFpipe: the simulated maps of the demo, in the names of HALFpipe."""

from pathlib import Path

import numpy as np

from bids_ari.bids.entities import Entities
from bids_ari.demo.dataset import MADE_BY, practice_folder
from bids_ari.demo.volumes import NOISE_SD, RESPONSE_SD, SEED, WHITE, subject_maps, true_effect

SUBJECTS = tuple(f"{i:02d}" for i in range(1, 11))
TASK, CONTRAST = "buttons", "leftVsRight"
VOXEL = 6
STRENGTH = {"motor": 2.0, "motorStrict": 1.0}
"""Size of the effect in each feature, relative to that of the demo: a stricter denoising costs signal."""


def write(folder: Path) -> None:
    """Write the maps of each subject below ``derivatives/halfpipe``, the same bytes each time."""
    out = practice_folder(folder, "Practice data in HALFpipe's names")
    mask, effect = true_effect(VOXEL)
    variance = NOISE_SD**2 * (1 + WHITE**2)
    for feature, strength in STRENGTH.items():
        rng = np.random.default_rng(SEED)
        responses = rng.normal(1, RESPONSE_SD, len(SUBJECTS))
        for subject, volume in zip(SUBJECTS, subject_maps(mask, strength * effect, responses, rng), strict=True):
            grid, inside = mask.grid, mask.inside
            maps = {
                "effect": volume,
                "variance": variance * inside,
                "z": volume / np.sqrt(variance),
                "dof": 80 * inside,
            }
            for stat, values in maps.items():
                image = grid.image(np.asarray(values, np.float32))
                out.image(_name(subject, feature, "statmap", ".nii.gz", stat=stat), image)
            out.image(_name(subject, feature, "mask", ".nii.gz"), grid.image(inside.astype(np.uint8)))
            about = {"TaskName": TASK, "Space": "MNI152NLin2009cAsym", "GeneratedBy": MADE_BY}
            out.json(_name(subject, feature, "statmap", ".json", stat="effect"), about)


def _name(subject: str, feature: str, suffix: str, extension: str, **labels: str) -> str:
    """Return the path of a file, as HALFpipe names it."""
    named = {"sub": subject, "task": TASK, "feature": feature, "taskcontrast": CONTRAST, **labels}
    folder = f"derivatives/halfpipe/sub-{subject}/func/task-{TASK}"
    return f"{folder}/{Entities.of(named).filename(suffix, extension)}"
