"""Simulation of the familywise error of single points, of peaks and of clusters by their extent.

Simulates maps with and without activation, and counts what is significant although nothing is active there. Run as
``python validation/familywise.py``; writes ``familywise.tsv`` next to itself, which README.md explains.
"""

from collections import Counter
from collections.abc import Iterator
from functools import partial, reduce
from itertools import product
from operator import add
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import simulation
from nibabel.cifti2.cifti2_axes import BrainModelAxis
from permutation_error import SIDE, smooth_maps
from simulation import ALPHA, Row, above_chance
from surfaces import LEFT, N_VERTICES, RIGHT, hemisphere

from bids_ari.analysis.familywise import extent_of
from bids_ari.images.grayordinates import frame_of
from bids_ari.images.mesh_smoothing import smoother
from bids_ari.images.space import Space
from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.stats.choices import Alternative, Scheme
from bids_ari.stats.closed_testing import hommel_bound
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.familywise import familywise_errors
from bids_ari.stats.forest import grow_forest
from bids_ari.stats.glm import fit_glm
from bids_ari.stats.null_model import fit_null_model
from bids_ari.stats.resampling import Exchangeability, make_resampling

REPETITIONS, PIECE = 2000, 100
N_PERMUTATIONS = 200
THRESHOLDS = (2.0, 2.5, 3.0)
STRENGTH = 6.0
"""Expected t of active points, with known variance."""
FWHM = 15.0
"""Of smooth maps on meshes, in mm; vertices are about 7 mm apart."""
CONNECTIVITY = 18
COUNTED = ("points", "peaks", *(f"extent, z > {threshold:g}" for threshold in THRESHOLDS))
COLUMNS = (
    *("maps", "subjects", "test", "active", "significant", f"error at {ALPHA}", "above chance"),
    *("inactive clusters per data set", "inactive part of significant clusters", "data sets"),
)

Bools = npt.NDArray[np.bool_]


def surface() -> Space:
    """Return the space of two hemispheres."""
    axes = [BrainModelAxis.from_surface(np.arange(N_VERTICES), N_VERTICES, name) for name in (LEFT, RIGHT)]
    frame = frame_of(reduce(add, axes)).located({LEFT: hemisphere(-35), RIGHT: hemisphere(35)})
    return frame.space(np.ones(frame.shape, dtype=bool))


SQUARE = VolumeSpace(Grid((SIDE, SIDE, 1), np.eye(4)), np.ones((SIDE, SIDE, 1), dtype=bool))
MESHES = surface()
SMOOTHERS = {name: smoother(mesh, np.arange(N_VERTICES), FWHM) for name, mesh in MESHES.frame.meshes.items()}


class Setting(NamedTuple):
    """The maps, the number of subjects, the test, and whether there is activation."""

    maps: str
    n_subjects: int
    scheme: Scheme
    alternative: Alternative
    has_signal: bool

    @property
    def space(self) -> Space:
        """The space of the maps."""
        return MESHES if self.maps == "two meshes" else SQUARE

    @property
    def active(self) -> Bools:
        """The active points: a square of 6 x 6 voxels, or the front quarter of the left hemisphere."""
        if self.maps == "two meshes":
            front = np.arange(MESHES.n_points) < N_VERTICES
            front[front] = MESHES.coordinates()[front, 1] > 40
            return front & self.has_signal
        inside = np.zeros((SIDE, SIDE), dtype=bool)
        inside[3:9, 3:9] = self.has_signal
        return inside.ravel()

    @property
    def design(self) -> tuple[FloatArray, FloatArray]:
        """The design matrix and the weights: the mean by sign flips, two equal groups by permutations."""
        ones = np.ones(self.n_subjects)
        if self.scheme == "flip":
            return ones[:, None], np.ones(1)
        return np.column_stack([ones, np.arange(ones.size) >= ones.size // 2]).astype(float), np.array([0.0, 1.0])


SETTINGS = (
    *(
        Setting(*each)
        for each in product(
            ("independent", "smooth"), (10, 20), ("flip", "permute"), ("greater", "two-sided"), (False, True)
        )
    ),
    *(Setting("two meshes", 20, "flip", "greater", has_signal) for has_signal in (False, True)),
)


def noise(setting: Setting, rng: np.random.Generator) -> FloatArray:
    """Return maps without activation (n_subjects, n_points), of unit variance."""
    n = setting.n_subjects
    if setting.maps == "smooth":
        return smooth_maps(n, rng)
    maps = rng.normal(size=(n, setting.space.n_points))
    if setting.maps == "two meshes":
        halves = zip(SMOOTHERS.values(), np.split(maps, len(SMOOTHERS), axis=1), strict=True)
        maps = np.hstack([smooth(half.T).T for smooth, half in halves])
        maps /= maps.std()
    return np.asarray(maps)


def found(setting: Setting, rng: np.random.Generator) -> Iterator[tuple[str, int, float]]:
    """Yield, of all that is counted, the number of inactive ones that are significant, and the inactive part.

    A cluster is inactive if none of its points is active, and a peak if it is not itself.
    """
    matrix, weights = setting.design
    spread = np.sqrt(weights @ np.linalg.inv(matrix.T @ matrix) @ weights)
    effects = noise(setting, rng) + matrix[:, [-1]] * (STRENGTH * spread * setting.active)
    exchangeability = Exchangeability.of(setting.n_subjects, setting.scheme)
    model = fit_null_model(effects, matrix, weights, setting.alternative, exchangeability)
    resampling = make_resampling(model.subspaces, exchangeability, N_PERMUTATIONS, int(rng.integers(2**63)))
    (glm,) = fit_glm(effects, matrix, {"test": weights})
    neighbours, z = setting.space.adjacency(CONNECTIVITY), np.asarray(glm.z)
    extent = extent_of(setting.space, neighbours)
    errors = familywise_errors(model, resampling, z, THRESHOLDS, extent)
    is_active = setting.active
    yield "points", int((errors.p[~is_active] <= ALPHA).sum()), 0.0
    sided = (neighbours.split(z < 0), np.abs(z)) if setting.alternative == "two-sided" else (neighbours, z)
    forest = grow_forest(sided[1], sided[0], hommel_bound(model.observed_p(), ALPHA))
    lowest = forest.at_threshold(THRESHOLDS[0])
    yield "peaks", sum(errors.p[each.peak] <= ALPHA and not is_active[each.peak] for each in lowest), 0.0
    for name, threshold in zip(COUNTED[2:], THRESHOLDS, strict=True):
        clusters = forest.at_threshold(threshold)
        p = errors.p_of_extents((extent.weights[each.points].sum() / extent.per_unit for each in clusters), threshold)
        significant = [is_active[each.points] for each, p_each in zip(clusters, p, strict=True) if p_each <= ALPHA]
        part = 1 - float(np.concatenate(significant).mean()) if significant else 0.0
        yield name, sum(not points.any() for points in significant), part


def piece(setting: Setting, seed: np.random.SeedSequence) -> Counter[tuple[str, str]]:
    """Simulate some data sets; count those with errors, and sum up their numbers and the inactive parts."""
    rng, total = np.random.default_rng(seed), Counter[tuple[str, str]]()
    for _ in range(PIECE):
        for name, n_inactive, part in found(setting, rng):
            total.update({(name, "error"): n_inactive > 0, (name, "number"): n_inactive, (name, "part"): part})
    return total


def rows(setting: Setting, seed: np.random.SeedSequence, repetitions: int, apply: simulation.Map) -> Iterator[Row]:
    """Yield the rows of a setting."""
    seeds = simulation.pieces(seed, repetitions, PIECE)
    total = sum(apply(partial(piece, setting), seeds), Counter())
    n, test = len(seeds) * PIECE, f"{'mean' if setting.scheme == 'flip' else 'groups'}, {setting.alternative}"
    for name in COUNTED:
        error, number, part = (total[name, each] / n for each in ("error", "number", "part"))
        what = (setting.maps, setting.n_subjects, test, "yes" if setting.has_signal else "no", name)
        is_part = setting.has_signal and name.startswith("extent")
        values = (
            *(f"{error:.4f}", above_chance(error, n), "n/a" if name == "points" else f"{number:.3f}"),
            *(f"{part:.3f}" if is_part else "n/a", n),
        )
        yield dict(zip(COLUMNS, (*what, *values), strict=True))


if __name__ == "__main__":
    simulation.run(__file__, __doc__, SETTINGS, rows, REPETITIONS)
