"""The dataset of the demo on surfaces: maps of both hemispheres on fsaverage5 with known active vertices.

The true effect is that of the demo on volumes where the mesh of the cortex lies; the noise is smooth along the mesh.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from nilearn import datasets
from scipy import ndimage

from bids_ari.bids.hemispheres import Hemisphere
from bids_ari.demo import volumes
from bids_ari.demo.dataset import CONTRAST, N_SUBJECTS, DemoDataset, check_folder, write_description
from bids_ari.demo.volumes import ABOVE, BELOW
from bids_ari.images import encoding
from bids_ari.images.files import read_image
from bids_ari.images.gifti import STRUCTURES, read_gifti
from bids_ari.images.mesh import Mesh
from bids_ari.images.mesh_files import read_mesh
from bids_ari.images.mesh_smoothing import smoother
from bids_ari.images.nilearn_data import nilearn_files
from bids_ari.images.space import Space
from bids_ari.stats.distributions import FloatArray

SIDES: tuple[Hemisphere, ...] = ("L", "R")

SEED = 2018
"""With it, no bound exceeds the truth, neither that of the whole cortex nor that of any cluster (z > 3, 4, 5).

The same holds for seeds 0 to 11.
"""

SURFACES = DemoDataset(
    name="Simulated button presses on surfaces with known truth",
    space="fsaverage5",
    licence="CC0",
    source=volumes.SIMULATED.source,
    maps=volumes.SIMULATED.maps,
    readme="surfaces.md",
)


def write_surfaces(folder: Path) -> None:
    """Write the simulated dataset, the same bytes each time."""
    check_folder(folder, SURFACES)
    rng = np.random.default_rng(SEED)
    responses = rng.normal(1, volumes.RESPONSE_SD, N_SUBJECTS).round(3)
    subjects = [f"{i:02d}" for i in range(1, N_SUBJECTS + 1)]
    out = write_description(folder, SURFACES, **volumes.README)
    table = pd.DataFrame({"participant_id": [f"sub-{subject}" for subject in subjects], "response": responses})
    out.table("participants.tsv", table)
    out.json("participants.json", {"response": {"Description": "Factor of the true effect in this subject"}})
    for side, mesh in zip(SIDES, map(read_mesh, nilearn_files("pial", SIDES)), strict=True):
        effect = true_effect(mesh)
        truth = np.select([effect > 0, effect < 0], [ABOVE, BELOW], 0)
        names = {ABOVE: "true effect above zero", BELOW: "true effect below zero"}
        image = encoding.label_gifti(truth, names, STRUCTURES[side], "truth")
        out.image(SURFACES.path("dseg", ".label.gii", hemi=side, desc="truth"), image)
        for subject, values in zip(subjects, subject_maps(mesh, effect, responses, rng), strict=True):
            image = encoding.scalar_gifti(values, STRUCTURES[side], CONTRAST)
            out.image(SURFACES.statmap(subject, ".func.gii", hemi=side), image)
    out.json(SURFACES.path("dseg", ".json", desc="truth"), {"Description": volumes.TRUTH})
    for subject in subjects:
        out.json(SURFACES.statmap(subject, ".json"), {"Description": SURFACES.maps})


def true_effect(mesh: Mesh) -> FloatArray:
    """Compute the true mean effect (n_vertices,) from nilearn's sample motor map; NaN where that has no data."""
    image = read_image(datasets.load_sample_motor_activation_image())
    motor = ndimage.map_coordinates(image.values, image.grid.indices_at(mesh.coordinates), order=1)
    has_data = ndimage.map_coordinates(image.values, image.grid.indices_at(mesh.coordinates), order=0) != 0
    return np.where(has_data, volumes.effect_of(motor), np.nan)


def subject_maps(
    mesh: Mesh, effect: FloatArray, responses: FloatArray, rng: np.random.Generator
) -> Iterator[npt.NDArray[np.float32]]:
    """Simulate the map of each subject, (n_vertices,): its response to the effect, and noise; NaN without data.

    Parameters
    ----------
    mesh : Mesh
        The mesh along which the noise is smooth.
    effect : array (n_vertices,)
        The true mean effect; NaN without data.
    responses : array (n_subjects,)
        The strength of the effect in each subject: 1 is that of the mean.
    rng : Generator
        The source of the noise.
    """
    along = smoother(mesh, np.arange(mesh.n_vertices), volumes.NOISE_FWHM)
    for response in responses:
        smooth = along(rng.standard_normal(mesh.n_vertices))
        noise = smooth / smooth.std() + volumes.WHITE * rng.standard_normal(mesh.n_vertices)
        values = response * effect + volumes.NOISE_SD * noise
        yield values.astype(np.float16).astype(np.float32)  # rounded: small files, the same on all computers


def n_active(folder: Path, space: Space) -> int:
    """Return how many vertices of a space have a true effect above zero, according to the labels of a dataset."""
    files = [folder / SURFACES.path("dseg", ".label.gii", hemi=side, desc="truth") for side in SIDES]
    truth = np.concatenate([read_gifti(path, content="labels").values for path in files])
    return int((space.select(truth) == ABOVE).sum())
