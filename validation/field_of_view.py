"""Simulation of false claims where the field of view of one group ends early and maps are smoothed.

Simulates two groups with equal effects, reads and smooths their maps as the command does, and counts the data sets in
which the groups are found to differ. Run as ``python validation/field_of_view.py``; writes ``field_of_view.tsv`` next
to itself, which README.md explains.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import nibabel as nib
import numpy as np
import simulation
from scipy import ndimage
from simulation import ALPHA, Row

from bids_ari.bids.entities import Entities
from bids_ari.bids.statmap import StatMap
from bids_ari.bids.subject_map import SubjectMap
from bids_ari.design.design import Design
from bids_ari.images.stack import Stack, load_stack
from bids_ari.images.volume import Grid
from bids_ari.stats.closed_testing import hommel_bound
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.glm import fit_glm

REPETITIONS, PIECE = 2000, 50
GRID = Grid((16, 18, 14), np.diag([3.0, 3, 3, 1]))
MISSING = 5
"""Number of slices without data in the second group."""
FWHM, SMOOTHNESS = 8.0, 1.0
"""Smoothing in mm; standard deviation of the Gaussian, in voxels, by which the noise is smooth before that."""
SIZES = ((16, 16), (8, 24), (24, 8))
EFFECTS = {"none": (0.0, 0.0), "1 everywhere": (1.0, 1.0), "0 to 2 upwards": (0.0, 2.0)}
"""Effect in the lowest and in the highest slice, relative to the standard deviation between subjects."""
COLUMNS = ("effect", "subjects", "claims, as zero", "claims, normalised", "data sets")


class Setting(NamedTuple):
    """Name of the effect, and subjects in each group, of which the second lacks slices."""

    effect: str
    sizes: tuple[int, int]

    @property
    def design(self) -> Design:
        """The design of two groups, and their difference."""
        group = np.repeat([0, 1], self.sizes)
        subjects = tuple(f"{i:02d}" for i in range(group.size))
        return Design(subjects, np.eye(2)[group], ("first", "second"), {"difference": np.array([1.0, -1])})


def settings() -> Iterator[Setting]:
    """Yield all settings, in the order of the result."""
    for effect, sizes in product(EFFECTS, SIZES):
        yield Setting(effect, sizes)


def simulate(setting: Setting, rng: np.random.Generator) -> Iterator[FloatArray]:
    """Simulate the map of each subject, 0 outside an ellipsoid."""
    half = np.array(GRID.shape)[:, None, None, None] / 2
    inside = (((np.indices(GRID.shape) + 0.5 - half) / (half - 0.1)) ** 2).sum(axis=0) <= 1
    effect = np.linspace(*EFFECTS[setting.effect], GRID.shape[2])
    for is_second in np.repeat([False, True], setting.sizes):
        noise = ndimage.gaussian_filter(rng.normal(size=GRID.shape), SMOOTHNESS, mode="wrap")
        volume = np.where(inside, effect + noise / noise.std(), 0)
        if is_second:
            volume[..., -MISSING:] = 0
        yield volume


def read(volumes: list[FloatArray], folder: Path) -> Stack:
    """Write the maps, and read and smooth them as the command does."""
    members = []
    for i, volume in enumerate(volumes):
        path = folder / f"{i:02d}.nii"
        nib.save(GRID.image(volume), path)
        members.append(SubjectMap(f"{i:02d}", (StatMap(str(path), path.name, "", Entities.of({}), ".nii"),)))
    return load_stack(members, smoothing=FWHM)


def has_claim(stack: Stack, design: Design) -> bool:
    """Return whether the groups are found to differ in any voxel, two-sided at alpha .05."""
    (result,) = fit_glm(stack.effects, design.matrix, design.tests)
    return hommel_bound(result.p("two-sided"), ALPHA).whole > 0


def piece(setting: Setting, seed: np.random.SeedSequence) -> Counter[str]:
    """Simulate some data sets; count the claims of each way to smooth."""
    rng, claims = np.random.default_rng(seed), Counter[str]()
    with TemporaryDirectory() as folder:
        for _ in range(PIECE):
            volumes = list(simulate(setting, rng))
            stack = read(volumes, Path(folder))
            as_zero = np.array([stack.space.select(GRID.smooth(volume, FWHM)) for volume in volumes])
            claims["normalised"] += has_claim(stack, setting.design)
            claims["as zero"] += has_claim(replace(stack, effects=as_zero), setting.design)
    return claims


def rows(setting: Setting, seed: np.random.SeedSequence, repetitions: int, apply: simulation.Map) -> Iterator[Row]:
    """Yield the row of a setting, the proportion of data sets with a claim."""
    seeds = simulation.pieces(seed, repetitions, PIECE)
    claims, n = sum(apply(piece, [setting] * len(seeds), seeds), Counter[str]()), len(seeds) * PIECE
    shares = (f"{claims[name] / n:.4f}" for name in ("as zero", "normalised"))
    yield dict(zip(COLUMNS, (setting.effect, " and ".join(map(str, setting.sizes)), *shares, n), strict=True))


if __name__ == "__main__":
    simulation.run(__file__, __doc__, settings(), rows, REPETITIONS)
