"""Results on surfaces and grayordinates whose explorers are looked at."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from browser.brains import Explorer, folder
from builders_meshes import icosphere
from nibabel.cifti2.cifti2_axes import BrainModelAxis
from nilearn.datasets import fetch_surf_fsaverage
from reported import analysed
from scipy.stats import norm

from bids_ari.analysis.result import ContrastResult
from bids_ari.analysis.values import extremeness
from bids_ari.images.gifti import STRUCTURES
from bids_ari.images.grayordinates import Grayordinates, frame_of, surfaces
from bids_ari.images.mesh_files import read_mesh
from bids_ari.report.explorer.page import explorer_page
from bids_ari.stats.choices import Alternative
from bids_ari.stats.closed_testing import hommel_bound
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.forest import grow_forest

LEFT, RIGHT = STRUCTURES["L"], STRUCTURES["R"]
THALAMUS = "CIFTI_STRUCTURE_THALAMUS_LEFT"
GRID = (8, 9, 10)
AFFINE = np.array([[-3.0, 0, 0, 12], [0, 3, 0, -30], [0, 0, 3, -6], [0, 0, 0, 1]])


def fsaverage5() -> Grayordinates:
    """Both hemispheres of fsaverage5, which comes with nilearn, as of GIFTI files."""
    files = fetch_surf_fsaverage("fsaverage5")
    meshes = {LEFT: read_mesh(Path(files["pial_left"]), "L"), RIGHT: read_mesh(Path(files["pial_right"]), "R")}
    return surfaces(tuple((name, mesh.n_vertices) for name, mesh in meshes.items())).located(meshes)


def spheres_and_voxels() -> Grayordinates:
    """Two spheres and a block of voxels between them, as of a CIFTI file without some vertices."""
    meshes = {LEFT: icosphere(3, 40, (-50, 0, 0)), RIGHT: icosphere(3, 40, (50, 0, 0))}
    parts = [
        BrainModelAxis.from_surface(np.flatnonzero(mesh.coordinates[:, 2] > -36), mesh.n_vertices, name)
        for name, mesh in meshes.items()
    ]
    mask = np.zeros(GRID, dtype=bool)
    mask[1:7, 2:8, 1:9] = True
    return frame_of(parts[0] + BrainModelAxis.from_mask(mask, THALAMUS, AFFINE) + parts[1]).located(meshes)


def patches(frame: Grayordinates) -> FloatArray:
    """Noise with ties at each position, and blobs of high z: two on the left, one on the right, one of voxels."""
    z = np.round(np.random.default_rng(6).normal(size=len(frame.axis)), 1)
    sides = {name: frame.coordinates[where].mean(axis=0) for name, where in frame.structures.items()}
    ends = {name: np.ptp(frame.coordinates[where], axis=0) / 2 for name, where in frame.structures.items()}
    for name, (x, y, z_end), radius in BLOBS:
        if name in sides:
            apart = np.linalg.norm(frame.coordinates - (sides[name] + ends[name] * (x, y, z_end)), axis=1)
            near = (apart < radius) & (np.asarray(frame.axis.name) == name)
            z[near] += 5 * (1 - apart[near] / radius) + 2.5
    return z


BLOBS = (
    (LEFT, (-1, 0, 0), 22.0),  # lateral
    (LEFT, (0, 1, 0), 18.0),
    (RIGHT, (1, 0.2, 0), 25.0),
    (THALAMUS, (0, 0, 0), 7.0),
)
"""Structure, place as a part of its extent from the middle, and radius in mm."""


def result_on(frame: Grayordinates, z: FloatArray, space: str, alternative: Alternative) -> ContrastResult:
    """Return the result of a z map: positions below the middle of the brain stem's plane are not tested."""
    inside = np.ones(z.size, dtype=bool)
    inside[5:40] = False
    points = frame.space(inside)
    height = extremeness(z[inside], alternative)
    bound = hommel_bound(norm.sf(height) * (2 if alternative == "two-sided" else 1))
    base = analysed(3.0)[0]
    return replace(
        base,
        alternative=alternative,
        contrast=replace(base.contrast, entities=base.contrast.entities.with_(space=space)),
        space=points,
        glm=replace(base.glm, z=z[inside], effect=None, variance=None, t=None),
        bound=bound,
        forest=grow_forest(height, points.adjacency(26), bound),
        clusters={},
        largest={},
    )


def _explorer(name: str, frame: Grayordinates, space: str) -> Explorer:
    z = patches(frame)
    results = tuple(result_on(frame, z, space, alternative) for alternative in ("greater", "two-sided"))
    path = folder() / f"{name}.html"
    path.write_text(explorer_page(results, None), encoding="utf-8")
    return Explorer(path, results)


@cache
def of_surfaces() -> Explorer:
    """The explorer of fsaverage5, with inflated hemispheres."""
    return _explorer("surfaces", fsaverage5(), "fsaverage")


@cache
def of_grayordinates() -> Explorer:
    """The explorer of spheres and voxels."""
    return _explorer("grayordinates", spheres_and_voxels(), "custom")
