"""Practice data of the HCP pipelines: simulated grayordinates in the folders of their task analysis, level 2.

The cortex is that of the demo, on the meshes of fsaverage5: those of fsLR do not come with this package. Voxels are
those of the demo in the cerebellum, about. Each hand activates the cortex of the other side, and the
cerebellum of its own.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.cifti2.cifti2 import Cifti2Header, Cifti2Image
from nibabel.cifti2.cifti2_axes import BrainModelAxis, ScalarAxis, SeriesAxis

from bids_ari.demo import surfaces, volumes
from bids_ari.demo.dataset import practice_folder
from bids_ari.demo.volumes import NOISE_SD, RESPONSE_SD, SEED, WHITE
from bids_ari.images.gifti import STRUCTURES
from bids_ari.images.mesh_files import read_mesh
from bids_ari.images.nilearn_data import nilearn_files

SUBJECTS = tuple(f"1001{i:02d}" for i in range(1, 11))
CONTRASTS = ("LH-AVG", "RH-AVG")
TASK = "tfMRI_MOTOR"
ENDING = "hp200_s2_MSMAll"
VOXEL, STRENGTH = 6, 2.0
"""Voxel size in mm, and the effect relative to that of the demo, so that fewer subjects and voxels show it."""
CEREBELLUM, TOP, SLOPE = (-85.0, -40.0), -12.0, -0.35
"""The ends of the cerebellum (y in mm), its top at the midline (z in mm), and the slope of the tentorium."""


def write(folder: Path) -> None:
    """Write the level 2 of each subject, the same bytes each time."""
    out = practice_folder(folder, "Practice data in the names of the HCP pipelines")
    rng = np.random.default_rng(SEED)
    responses = rng.normal(1, RESPONSE_SD, len(SUBJECTS))
    axis, values = _grayordinates(responses, rng)
    variance = np.full(len(axis), NOISE_SD**2 * (1 + WHITE**2))
    series = Cifti2Header.from_axes((SeriesAxis(1, 1, 1), axis))  # one for all, since it takes long
    for subject, effect in zip(SUBJECTS, values, strict=True):
        top = f"{subject}/MNINonLinear/Results/{TASK}/{TASK}_hp200_s2_level2_MSMAll.feat"
        for i, sign in enumerate((1, -1), 1):
            maps = {"cope1": sign * effect, "varcope1": variance, "zstat1": sign * effect / np.sqrt(variance)}
            for name, each in maps.items():
                image = _cifti(each[None], series, "ConnDenseSeries")
                out.image(f"{top}/GrayordinatesStats/cope{i}.feat/{name}.dtseries.nii", image)
        names = ScalarAxis([f"{subject}_{TASK}_level2_{contrast}_{ENDING}" for contrast in CONTRASTS])
        z = effect / np.sqrt(variance)
        merged = _cifti(np.stack([z, -z]), Cifti2Header.from_axes((names, axis)), "ConnDenseScalar")
        out.image(f"{top}/{subject}_{TASK}_level2_{ENDING}.dscalar.nii", merged)
        out.text(f"{top}/Contrasts.txt", "".join(f"{contrast}\n" for contrast in CONTRASTS))


def _grayordinates(responses: npt.NDArray[Any], rng: np.random.Generator) -> tuple[BrainModelAxis, npt.NDArray[Any]]:
    """Simulate the maps of all subjects, (n_subjects, n_positions), and the axis of their positions."""
    axes, parts = zip(*[*_cortex(responses, rng), *_cerebellum(responses, rng)], strict=True)
    axis = axes[0]
    for each in axes[1:]:
        axis = axis + each
    return axis, np.concatenate(parts, axis=1)


def _cortex(
    responses: npt.NDArray[Any], rng: np.random.Generator
) -> Iterator[tuple[BrainModelAxis, npt.NDArray[np.float32]]]:
    """Yield each hemisphere where the maps have data, and the values there."""
    for side, mesh in zip(surfaces.SIDES, map(read_mesh, nilearn_files("pial", surfaces.SIDES)), strict=True):
        effect = surfaces.true_effect(mesh)
        maps = np.array(list(surfaces.subject_maps(mesh, STRENGTH * effect, responses, rng)))
        has_data = np.isfinite(effect)
        yield BrainModelAxis.from_mask(has_data, STRUCTURES[side]), maps[:, has_data]


def _cerebellum(
    responses: npt.NDArray[Any], rng: np.random.Generator
) -> Iterator[tuple[BrainModelAxis, npt.NDArray[np.float32]]]:
    """Yield the voxels of each half of the cerebellum, and the values there."""
    mask, effect = volumes.true_effect(VOXEL)
    maps = np.array(list(volumes.subject_maps(mask, STRENGTH * effect, responses, rng)))
    x, y, z = np.moveaxis(
        nib.affines.apply_affine(mask.grid.affine, np.moveaxis(np.indices(mask.grid.shape), 0, -1)), -1, 0
    )
    below = mask.inside & (y > CEREBELLUM[0]) & (y < CEREBELLUM[1]) & (z < TOP + SLOPE * np.abs(x))
    for side, inside in (("LEFT", below & (x < 0)), ("RIGHT", below & (x > 0))):
        axis = BrainModelAxis.from_mask(inside, f"CIFTI_STRUCTURE_CEREBELLUM_{side}", affine=mask.grid.affine)
        yield axis, maps[:, inside]


def _cifti(values: npt.NDArray[Any], header: Any, intent: str) -> Any:
    """Return a CIFTI file of maps."""
    image: Any = Cifti2Image(values.astype(np.float32), header)
    image.nifti_header.set_intent(intent)
    return image
