"""Simulation of the error of one analysis of both hemispheres and volume structures, and of one analysis of each.

Simulates maps of two cortical meshes and two blocks of voxels, with and without activation in the left hemisphere, and
counts errors of the bounds and of the areas that are active, at least. Run as ``python validation/surfaces.py``; writes
``surfaces.tsv`` next to itself, which README.md explains.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from functools import reduce
from itertools import product
from operator import add
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import simulation
from nibabel.cifti2.cifti2_axes import BrainModelAxis
from scipy import stats
from scipy.spatial import ConvexHull
from simulation import ALPHA, Row, above_chance

from bids_ari.images.grayordinate_space import GrayordinateSpace
from bids_ari.images.grayordinates import frame_of
from bids_ari.images.mesh import Mesh
from bids_ari.images.mesh_smoothing import smoother, voxel_smoother
from bids_ari.stats.bounds import Bound
from bids_ari.stats.calibration import calibrate
from bids_ari.stats.closed_testing import hommel_bound
from bids_ari.stats.critical_vectors import Simes, smallest_lambda
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.forest import grow_forest
from bids_ari.stats.null_model import fit_null_model
from bids_ari.stats.resampling import Exchangeability, make_resampling

REPETITIONS, PIECE = 2000, 100
N_SUBJECTS, N_PERMUTATIONS = 15, 40
N_VERTICES = 640
"""Of each hemisphere."""
HALF_AXES = (30.0, 75.0, 50.0)
"""Of the ellipsoid that is a hemisphere, in mm."""
SIDE, ZOOM = 6, 2.0
"""Voxels along each side of a volume structure, and their size in mm."""
FWHM = 15.0
"""Of smooth noise, in mm; vertices are about 7 mm apart."""
STRENGTH = 4.5
"""Expected t of active vertices, with known variance."""
THRESHOLDS: tuple[float, ...] = (2.0, 2.5, 3.0, 3.5, 4.0, 5.0)
TARGETS = (0.05, 0.3, 0.7, 1.0)
METHODS = ("closed testing, simes", "closed testing, hommel", "permutation")
LEFT, RIGHT = "CIFTI_STRUCTURE_CORTEX_LEFT", "CIFTI_STRUCTURE_CORTEX_RIGHT"
VOLUMES = ("CIFTI_STRUCTURE_THALAMUS_LEFT", "CIFTI_STRUCTURE_THALAMUS_RIGHT")

Points = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]


class Setting(NamedTuple):
    """Whether there is activation in the left hemisphere, and whether noise is smooth."""

    has_signal: bool
    is_smooth: bool


SETTINGS = [Setting(*each) for each in product((False, True), (False, True))]


def hemisphere(x: float) -> Mesh:
    """Return an ellipsoid about a point on the x-axis: vertices on a spiral, of different areas, and their hull."""
    z = 1 - 2 * (np.arange(N_VERTICES) + 0.5) / N_VERTICES
    angle, radius = np.arange(N_VERTICES) * np.pi * (3 - np.sqrt(5)), np.sqrt(1 - z**2)
    sphere = np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)
    return Mesh(sphere * HALF_AXES + [x, 0, 0], ConvexHull(sphere).simplices.astype(np.int32))


def grayordinates() -> GrayordinateSpace:
    """Return the space of both hemispheres, and of two volume structures."""
    inside = np.ones((SIDE, SIDE, SIDE), dtype=bool)
    affine = np.diag([ZOOM, ZOOM, ZOOM, 1])
    axes = [BrainModelAxis.from_surface(np.arange(N_VERTICES), N_VERTICES, name) for name in (LEFT, RIGHT)]
    axes += [BrainModelAxis.from_mask(inside, name, affine) for name in VOLUMES]
    frame = frame_of(reduce(add, axes)).located({LEFT: hemisphere(-35), RIGHT: hemisphere(35)})
    return GrayordinateSpace(frame, np.ones(frame.shape, dtype=bool))


class Analysed(NamedTuple):
    """Structures that are analysed together: their points in the whole space, each structure's, and their space."""

    name: str
    parts: tuple[Points, ...]
    space: GrayordinateSpace

    @property
    def points(self) -> Points:
        """Of all structures."""
        return np.concatenate(self.parts)

    @classmethod
    def of(cls, name: str, n_structures: int) -> "Analysed":
        """Return the analysis of the first structures of the whole space."""
        parts = tuple(SPACE.frame.structures.values())[:n_structures]
        return cls(name, parts, SPACE.keep(SPACE.frame.codes < n_structures))


SPACE = grayordinates()
ANALYSES = (Analysed.of("two hemispheres", 2), Analysed.of("two hemispheres and two structures", 4))
HEMISPHERE = SPACE.frame.structures[LEFT]


def active(setting: Setting) -> Bools:
    """Return the active vertices, a boolean per point: the front half of the left hemisphere."""
    points = np.zeros(SPACE.n_points, dtype=bool)
    if setting.has_signal:
        points[HEMISPHERE] = SPACE.coordinates(HEMISPHERE)[:, 1] > 0
    return points


def smooth(noise: FloatArray) -> FloatArray:
    """Return noise (n_points, n_maps) that is smoothed along each mesh and within each volume structure."""
    frame, smoothed = SPACE.frame, np.empty_like(noise)
    for name, mesh in frame.meshes.items():
        where = frame.structures[name]
        smoothed[where] = smoother(mesh, frame.axis.vertex[where], FWHM)(noise[where])
    where = np.flatnonzero(~frame.is_vertex)
    smooth_voxels = voxel_smoother(frame.axis.voxel[where], frame.axis.affine, frame.codes[where], ZOOM * 2)
    smoothed[where] = np.stack([smooth_voxels(each) for each in noise[where].T], axis=1)
    return smoothed


def simulate(setting: Setting, rng: np.random.Generator) -> FloatArray:
    """Return effects (n_subjects, n_points)."""
    noise = rng.normal(size=(SPACE.n_points, N_SUBJECTS))
    if setting.is_smooth:
        noise = smooth(noise)
        noise /= np.sqrt((noise[HEMISPHERE] ** 2).mean())
    return np.asarray(noise.T + STRENGTH / np.sqrt(N_SUBJECTS) * active(setting))


def bounds(effects: FloatArray, seed: int) -> tuple[FloatArray, Callable[[Points, str], Bound]]:
    """Return z, and a function that returns the bound of some points by a method."""
    exchangeability = Exchangeability.of(N_SUBJECTS, "flip")
    model = fit_null_model(effects, np.ones((N_SUBJECTS, 1)), np.ones(1), "greater", exchangeability)
    resampling = make_resampling(model.subspaces, exchangeability, N_PERMUTATIONS, seed)
    permuted = np.concatenate([model.permuted_p(resampling.batch(first)) for first in resampling.batches])
    p = model.observed_p()

    def bound(points: Points, method: str) -> Bound:
        if method == "permutation":
            family = Simes(points.size)
            lambdas = smallest_lambda(family, np.sort(permuted[:, points], axis=1))
            return calibrate(lambdas, family, ALPHA).bound(p[points])
        return hommel_bound(p[points], ALPHA, "hommel" if method.endswith("hommel") else "simes")

    return stats.norm.isf(p), bound


def areas_exceed(analysed: Analysed, z: FloatArray, bound: Bound, is_active: Bools) -> bool:
    """Return whether an area that is active, at least, exceeds the area that is, in the whole or in any cluster."""
    space = analysed.space
    forest = grow_forest(z, space.adjacency(6), bound)
    clusters = [cluster for threshold in THRESHOLDS for cluster in forest.at_threshold(threshold)]
    clusters += [cluster for target in TARGETS for cluster in forest.with_tdp(target)]
    sets = [(cluster.points, cluster.tdn) for cluster in clusters] + [(np.arange(space.n_points), bound.whole)]
    truth = np.where(is_active, space.frame.areas[space.inside], 0)
    return any(space.active_sizes(points, tdn)["active_area_mm2"] > math.fsum(truth[points]) for points, tdn in sets)


def piece(setting: Setting, seed: np.random.SeedSequence) -> Counter[tuple[str, str, str]]:
    """Simulate some data sets; count errors, and sum up areas, by points, method and what is counted.

    The bound of some set exceeds its number of active points exactly when that of all other points is above 0.
    """
    rng, counts = np.random.default_rng(seed), Counter[tuple[str, str, str]]()
    is_active = active(setting)
    for _ in range(PIECE):
        z, bound_of = bounds(simulate(setting, rng), int(rng.integers(2**63)))
        for analysed, method in product(ANALYSES, METHODS):
            key, points = (analysed.name, method), analysed.points
            bound = bound_of(points, method)
            counts[*key, "together"] += bound.tdn(~is_active[points]) > 0
            counts[*key, "apart"] += any(bound_of(part, method).tdn(~is_active[part]) > 0 for part in analysed.parts)
            counts[*key, "n"] += 1
            if setting.has_signal:
                counts[*key, "area error"] += areas_exceed(analysed, z[points], bound, is_active[points])
                found = analysed.space.active_sizes(HEMISPHERE, bound.tdn(HEMISPHERE))
                counts[*key, "area"] += found["active_area_mm2"] / SPACE.frame.areas[is_active].sum()
    return counts


def rows(setting: Setting, seed: np.random.SeedSequence, repetitions: int, apply: simulation.Map) -> Iterator[Row]:
    """Yield the rows of a setting."""
    seeds = simulation.pieces(seed, repetitions, PIECE)
    counts = sum(apply(piece, [setting] * len(seeds), seeds), Counter[tuple[str, str, str]]())
    for analysed, method in product(ANALYSES, METHODS):
        n = counts[analysed.name, method, "n"]
        share = {name: counts[analysed.name, method, name] / n for name in ("together", "apart", "area error", "area")}
        yield {
            "active": "half of the left hemisphere" if setting.has_signal else "none",
            "noise": "smooth" if setting.is_smooth else "independent",
            "points": analysed.name,
            "method": method,
            "error, one h": f"{share['together']:.4f}",
            "above chance, one h": above_chance(share["together"], n),
            "error, one h each": f"{share['apart']:.4f}",
            "above chance, one h each": above_chance(share["apart"], n),
            "error of areas": f"{share['area error']:.4f}" if setting.has_signal else "n/a",
            "part of the active area found": f"{share['area']:.3f}" if setting.has_signal else "n/a",
            "data sets": n,
        }


if __name__ == "__main__":
    simulation.run(__file__, __doc__, SETTINGS, rows, REPETITIONS)
