"""The dataset of the demo: simulated maps of subjects with known active voxels.

The simulated subjects respond to 'left vs right button press' where nilearn's sample motor map has large z values, with
individual strengths and smooth noise. Where its z values are small, the true effect is exactly zero.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from nilearn import datasets
from nilearn.image import resample_to_img
from scipy import ndimage

from bids_ari.demo.dataset import CONTRAST, N_SUBJECTS, DemoDataset, check_folder, write_description
from bids_ari.images.files import read_image
from bids_ari.images.space import Space
from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.stats.distributions import FloatArray

SEED = 2018
"""With it, no bound exceeds the truth image, neither that of the whole mask nor that of any cluster.

Of seeds 0 to 99, none has a cluster (z > 3, 4, 5) whose bound exceeds its number of voxels with a true effect above
zero after smoothing, which is what is tested. The truth image shows the effect before smoothing: with 30 of the seeds,
the bound of a cluster exceeds it, by 1 to 4 voxels that smoothing made active.
"""

VOXEL = 4
"""Voxel size of the simulated maps, in mm."""

LEVEL, SLOPE = 2.0, 0.3
"""The true effect is `SLOPE` times the part of the motor map (z) beyond `LEVEL`: it has no step at its border."""

RESPONSE_SD = 0.3
"""Standard deviation between subjects of the strength of the effect, which is 1 on average."""

NOISE_SD, NOISE_FWHM, WHITE = 1.5, 6.0, 0.5
"""Standard deviation of the noise, its smoothness in mm (in voxels of `VOXEL`), and the size of its white part.

The white part is relative to the smooth one. Maps of practice data, which have larger voxels, have the same smoothness
in voxels, 1.5: in mm it is in proportion to their size.
"""

ABOVE, BELOW = 1, 2
"""Labels of the truth image: a true effect above zero, and below."""

README = {
    **{"LEVEL": LEVEL, "SLOPE": SLOPE, "RESPONSE_SD": RESPONSE_SD, "ABOVE": ABOVE, "BELOW": BELOW},
    **{"NOISE_SD": NOISE_SD, "NOISE_FWHM": NOISE_FWHM, "WHITE": WHITE},
}
"""What the README states of the simulation."""

TRUTH = "Sign of the true effect; 0 where it is exactly zero"
"""Description of the truth image."""


SIMULATED = DemoDataset(
    name="Simulated button presses with known truth",
    space="MNI152NLin2009aSym",
    licence="CC0",
    source="https://neurovault.org/images/10426/",
    maps=f"Simulated effect of {CONTRAST} in one subject, in arbitrary units",
    readme="volumes.md",
)


def write_simulated(folder: Path) -> None:
    """Write the simulated dataset, the same bytes each time."""
    check_folder(folder, SIMULATED)
    mask, effect = true_effect()
    rng = np.random.default_rng(SEED)
    responses = rng.normal(1, RESPONSE_SD, N_SUBJECTS).round(3)
    subjects = [f"{i:02d}" for i in range(1, N_SUBJECTS + 1)]
    out = write_description(folder, SIMULATED, **README)
    table = pd.DataFrame({"participant_id": [f"sub-{subject}" for subject in subjects], "response": responses})
    out.table("participants.tsv", table)
    out.json("participants.json", {"response": {"Description": "Factor of the true effect in this subject"}})
    _write_truth(out, mask, effect)
    for subject, volume in zip(subjects, subject_maps(mask, effect, responses, rng), strict=True):
        out.image(SIMULATED.statmap(subject, ".nii.gz"), mask.grid.image(volume))
        out.json(SIMULATED.statmap(subject, ".json"), {"Description": SIMULATED.maps})


def true_effect(voxel: int = VOXEL) -> tuple[VolumeSpace, FloatArray]:
    """Compute the brain mask and the true mean effect (x, y, z) from nilearn's sample motor map, for a voxel size."""
    template = datasets.load_mni152_brain_mask(resolution=voxel)
    motor_map = datasets.load_sample_motor_activation_image()
    image = read_image(resample_to_img(motor_map, template, interpolation="linear"))
    motor, grid = image.values, image.header.grid
    brain = read_image(template).values
    inside = ndimage.binary_fill_holes((brain > 0) & (motor != 0))  # the motor map ends above the lowest slices
    return VolumeSpace(Grid(grid.shape, grid.affine, codes=(4, 0)), inside), np.where(inside, effect_of(motor), 0)


def effect_of(motor: FloatArray) -> FloatArray:
    """Return the true effect where the motor map has these z values."""
    return np.asarray(SLOPE * np.sign(motor) * np.maximum(np.abs(motor) - LEVEL, 0))


def subject_maps(
    mask: VolumeSpace, effect: FloatArray, responses: FloatArray, rng: np.random.Generator
) -> Iterator[npt.NDArray[np.float32]]:
    """Simulate the map of each subject, (x, y, z): its response to the true effect, and noise; 0 outside the mask.

    Parameters
    ----------
    mask : VolumeSpace
        The voxels with data.
    effect : array (x, y, z)
        The true mean effect.
    responses : array (n_subjects,)
        The strength of the effect in each subject: 1 is that of the mean.
    rng : Generator
        The source of the noise, which is smooth over 1.5 voxels (FWHM) whatever their size.
    """
    sigma = NOISE_FWHM / np.sqrt(8 * np.log(2)) / VOXEL
    for response in responses:
        smooth = ndimage.gaussian_filter(rng.standard_normal(effect.shape), sigma)
        noise = NOISE_SD * (smooth / smooth.std() + WHITE * rng.standard_normal(effect.shape))
        volume = np.where(mask.inside, response * effect + noise, 0)
        yield volume.astype(np.float16).astype(np.float32)  # rounded: small files, the same on all computers


def n_active(folder: Path, space: Space) -> int:
    """Return how many points of a space have a true effect above zero, according to the truth image of a dataset."""
    truth = read_image(folder / SIMULATED.path("dseg", ".nii.gz", desc="truth")).values
    return int((space.select(truth) == ABOVE).sum())


def _write_truth(out: Derivatives, mask: VolumeSpace, effect: FloatArray) -> None:
    """Write the brain mask, and the image of the sign of the true effect."""
    truth = np.select([effect > 0, effect < 0], [ABOVE, BELOW], 0)
    for suffix, desc, volume, text in (
        ("mask", "brain", mask.inside, "Voxels of the brain where the motor map has data"),
        ("dseg", "truth", truth, TRUTH),
    ):
        out.image(SIMULATED.path(suffix, ".nii.gz", desc=desc), mask.grid.image(volume.astype(np.uint8)))
        out.json(SIMULATED.path(suffix, ".json", desc=desc), {"Description": text})
    names = ["true effect above zero", "true effect below zero"]
    out.table(SIMULATED.path("dseg", ".tsv", desc="truth"), pd.DataFrame({"index": [ABOVE, BELOW], "name": names}))
