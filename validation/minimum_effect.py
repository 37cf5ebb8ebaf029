"""Simulation of the error of tests of a minimum effect, at its boundary and below, and of TDP with many subjects.

Simulates maps whose effects are all of the same size, fits and tests them as the command does, and counts errors. Run
as ``python validation/minimum_effect.py``; writes ``minimum_effect.tsv`` next to itself, which README.md explains.
"""

from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import NamedTuple

import numpy as np
import simulation
from scipy import ndimage
from simulation import ALPHA, Row

from bids_ari.stats.choices import LOCAL_TESTS, Alternative
from bids_ari.stats.closed_testing import hommel_bound
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.glm import fit_glm

REPETITIONS = 2000
PIECE = 100
"""Data sets simulated together."""
SIDE, SMOOTH = 20, 2.0
"""Voxels along each axis, and the standard deviation of the Gaussian by which smooth maps are smoothed, in voxels."""
ALTERNATIVES: tuple[Alternative, ...] = ("greater", "two-sided")


class Setting(NamedTuple):
    """Number of subjects, the test, minimum effect and effect at all voxels, both in sd of errors, and smoothness."""

    n: int
    test: str
    delta: float
    effect: float
    smooth: bool


def settings() -> Iterator[Setting]:
    """Yield all settings, in the order of the result."""
    for n, test, smooth in product((10, 40), ("mean", "covariate", "groups"), (False, True)):
        yield Setting(n, test, 0.2, 0.2, smooth)
    for smooth in (False, True):
        yield Setting(200, "mean", 0.8, 0.4, smooth)


def design(setting: Setting) -> tuple[FloatArray, FloatArray]:
    """Return the design matrix and the weights of the test."""
    n = setting.n
    if setting.test == "mean":
        return np.ones((n, 1)), np.ones(1)
    if setting.test == "groups":
        return np.eye(2)[np.arange(n) % 2], np.array([1.0, -1.0])
    covariate = np.linspace(-1.0, 1.0, n)
    return np.column_stack([np.ones(n), covariate / covariate.std()]), np.array([0.0, 1.0])


def counts(setting: Setting, seed: np.random.SeedSequence) -> dict[str, tuple[int, float]]:
    """Return the number of data sets with an error of each alternative and method, and the sum of TDP without delta."""
    rng, (matrix, weights) = np.random.default_rng(seed), design(setting)
    maps = rng.normal(size=(setting.n, PIECE, SIDE, SIDE))
    if setting.smooth:
        maps = ndimage.gaussian_filter(maps, (0, 0, SMOOTH, SMOOTH), mode="wrap")
        maps *= 2 * np.sqrt(np.pi) * SMOOTH  # to unit variance
    # coefficients with this effect in the test; the others are nuisance effects
    coefficients = setting.effect * weights / (weights @ weights)
    effects = maps.reshape(setting.n, -1) + (matrix @ coefficients)[:, None]
    (glm,) = fit_glm(effects, matrix, {"test": weights})
    found = {}
    for alternative, method in product(ALTERNATIVES, LOCAL_TESTS):
        beyond, zero = (
            np.array([hommel_bound(p, ALPHA, method).whole for p in result.p(alternative).reshape(PIECE, -1)])
            for result in (glm.beyond(setting.delta, alternative), glm)
        )
        found[f"{alternative}, {method}"] = int((beyond > 0).sum()), float(zero.sum() / SIDE**2)
    return found


def rows(setting: Setting, seed: np.random.SeedSequence, repetitions: int, apply: simulation.Map) -> Iterator[Row]:
    """Yield the rows of a setting."""
    found = list(apply(partial(counts, setting), simulation.pieces(seed, repetitions, PIECE)))
    n = len(found) * PIECE
    for name in found[0]:
        error = sum(each[name][0] for each in found) / n
        yield {
            "subjects": setting.n,
            "test": setting.test,
            "delta": f"{setting.delta:g}",
            "effect": f"{setting.effect:g}",
            "maps": "smooth" if setting.smooth else "independent",
            "alternative, method": name,
            "error": f"{error:.4f}",
            "above chance": simulation.above_chance(error, n),
            "TDP without delta": f"{sum(each[name][1] for each in found) / n:.3f}",
            "data sets": n,
        }


if __name__ == "__main__":
    simulation.run(__file__, __doc__, settings(), rows, REPETITIONS)
