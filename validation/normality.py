"""Simulation of the warning about errors that are not normal: how often, where they are, and where they are not.

Run as ``python validation/normality.py``; writes ``normality.tsv`` next to itself, which README.md explains.
"""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import simulation
from scipy import ndimage, stats
from simulation import Row

from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.normality import compare_with_normal

REPETITIONS = 2000
PIECE = 20
"""Data sets simulated together."""
SIDE = 8
"""Voxels along each axis."""
ERRORS = {
    "normal": stats.norm,
    "t10": stats.t(10),
    "t3": stats.t(3),
    "gamma, skewness 1": stats.gamma(4),
    "exponential": stats.expon,
}
DESIGNS = {"mean": 1, "two groups": 2, "two groups and a covariate": 3}


class Setting(NamedTuple):
    """Number of subjects, design, distribution of errors, and smoothness."""

    n: int
    design: str
    errors: str
    smoothness: float  # standard deviation of the Gaussian in voxels

    @property
    def matrix(self) -> FloatArray:
        """The design matrix."""
        group = np.arange(self.n) >= self.n // 3
        covariate = stats.norm.ppf((np.arange(self.n) * 7 % self.n + 0.5) / self.n)
        return np.column_stack([np.ones(self.n), group, covariate])[:, : DESIGNS[self.design]]


def settings() -> Iterator[Setting]:
    """Yield all settings, in the order of the result."""
    for smoothness in (0.0, 1.5):
        for n, design in ((10, "mean"), (20, "mean"), (20, "two groups and a covariate"), (40, "two groups")):
            for errors in ERRORS:
                yield Setting(n, design, errors, smoothness)


def simulate(setting: Setting, rng: np.random.Generator) -> FloatArray:
    """Simulate the maps of all subjects, (n_subjects, n_points): smooth normal maps, transformed at each voxel."""
    maps = rng.standard_normal((setting.n, SIDE, SIDE, SIDE))
    if setting.smoothness:
        maps = ndimage.gaussian_filter(maps, (0, *[setting.smoothness] * 3), mode="wrap")
        kernel = np.zeros((SIDE,) * 3)
        kernel[0, 0, 0] = 1
        maps /= np.sqrt((ndimage.gaussian_filter(kernel, setting.smoothness, mode="wrap") ** 2).sum())
    maps = maps.reshape(setting.n, -1)
    return maps if setting.errors == "normal" else np.asarray(ERRORS[setting.errors].ppf(stats.norm.cdf(maps)))


def piece(setting: Setting, seed: np.random.SeedSequence) -> list[tuple[float, float, float, bool, bool, bool]]:
    """Simulate some data sets; return kurtosis, its limit, skewness, and whether there are warnings."""
    rng, matrix = np.random.default_rng(seed), setting.matrix
    q = np.linalg.qr(matrix)[0]
    rows = []
    for _ in range(PIECE):
        maps = simulate(setting, rng)
        found = compare_with_normal(maps - q @ (q.T @ maps), matrix)
        kurtosis, skewness = found.kurtosis[0], found.skewness[0]
        rows.append((kurtosis, found.kurtosis_limit, skewness, found.is_heavy, found.is_skewed, found.is_doubtful))
    return rows


def rows(setting: Setting, seed: np.random.SeedSequence, repetitions: int, apply: simulation.Map) -> Iterator[Row]:
    """Yield the row of a setting."""
    pieces = apply(partial(piece, setting), simulation.pieces(seed, repetitions, PIECE))
    found = np.array([row for each in pieces for row in each], dtype=float)
    kurtosis, limit, skewness, heavy, skewed, warned = found.mean(axis=0)
    yield {
        "subjects": setting.n,
        "design": setting.design,
        "errors": setting.errors,
        "smoothness": f"{setting.smoothness:g}",
        "kurtosis": f"{kurtosis:.2f}",
        "limit": f"{limit:.2f}",
        "skewness": f"{skewness:.2f}",
        "heavy": f"{heavy:.3f}",
        "skewed": f"{skewed:.3f}",
        "warned": f"{warned:.3f}",
        "data sets": len(found),
    }


if __name__ == "__main__":
    simulation.run(__file__, __doc__, settings(), rows, REPETITIONS)
