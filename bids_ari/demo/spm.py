"""Practice data of SPM: the simulated maps of the demo as SPM 12 writes first- and second-level results."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_ari.demo.dataset import practice_folder
from bids_ari.demo.volumes import RESPONSE_SD, SEED, subject_maps, true_effect
from bids_ari.images.volume import VolumeSpace

SUBJECTS = tuple(f"{i:02d}" for i in range(1, 11))
CONTRASTS = ("left > right", "right > left")
VOXEL, STRENGTH = 6, 2.0
"""Voxel size in mm, and the effect relative to that of the demo, so that fewer subjects and voxels show it."""


def write(folder: Path) -> None:
    """Write ``first_level/sub-*`` with contrasts and a group analysis of the first one, the same bytes each time."""
    out = practice_folder(folder, "Practice data in SPM's names")
    mask, effect = true_effect(VOXEL)
    rng = np.random.default_rng(SEED)
    responses = rng.normal(1, RESPONSE_SD, len(SUBJECTS))
    maps = []
    for subject, volume in zip(SUBJECTS, subject_maps(mask, STRENGTH * effect, responses, rng), strict=True):
        place = f"first_level/sub-{subject}"
        for i, (name, values) in enumerate(zip(CONTRASTS, (volume, -volume), strict=True), 1):
            out.image(f"{place}/con_{i:04d}.nii", spm_image(mask, values, f"SPM contrast - {i}: {name}"))
        out.image(f"{place}/mask.nii", spm_mask(mask))
        maps.append(volume)
    place, n = "second_level/left_right", len(maps)
    mean, spread = np.mean(maps, axis=0), np.std(maps, axis=0, ddof=1)
    t = np.divide(mean, spread / np.sqrt(n), out=np.zeros_like(mean), where=mask.inside)
    out.image(f"{place}/con_0001.nii", spm_image(mask, mean, "SPM contrast - 1: mean"))
    out.image(f"{place}/spmT_0001.nii", spm_image(mask, t, f"SPM{{T_[{n - 1}.0]}} - contrast 1: mean"))
    out.image(f"{place}/mask.nii", spm_mask(mask))


def spm_image(mask: VolumeSpace, values: npt.NDArray[Any], description: str) -> Any:
    """Return an image as SPM writes it: single precision, NaN outside the mask, and a description."""
    image = mask.grid.image(np.where(mask.inside, values, np.nan).astype(np.float32))
    image.header["descrip"] = description
    return image


def spm_mask(mask: VolumeSpace) -> Any:
    """Return a mask as SPM writes it."""
    image = mask.grid.image(mask.inside.astype(np.uint8))
    image.header["descrip"] = "spm_spm:resultant analysis mask"
    return image
