"""Simulation of the error of permutation tests of groups with unequal variances, by sign flips and Welch's statistic.

Simulates maps without effect, and some with activation, and counts joint errors of sign flips with Welch's statistic,
of permutations of subjects with Welch's and with the ordinary statistic, and of closed testing with Welch's test. Run
as ``python validation/permuted_welch.py``; writes ``permuted_welch.tsv`` next to itself, which README.md explains.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import simulation
from scipy import ndimage, special
from simulation import ALPHA, Row, above_chance

from bids_ari.stats.bounds import Bound
from bids_ari.stats.calibration import calibrate
from bids_ari.stats.closed_testing import hommel_bound
from bids_ari.stats.critical_vectors import CriticalVectors, Simes, smallest_lambda
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.resampling import Exchangeability, Permutations, Resampling, make_resampling
from bids_ari.stats.welch_kernels import z_of_t
from bids_ari.stats.welch_model import LARGEST_Z, fit_welch_model

REPETITIONS = 2000
MORE = 4
"""Where an error of sign flips is above chance, this many times as many data sets are added."""
PIECE = 100
"""Data sets simulated together."""
SIDE, SMOOTH = 18, 2.0
"""Voxels along each side of a square map, and the standard deviation of the Gaussian it is smoothed by, in voxels."""
N_PERMUTATIONS, LEARNED, RANKS = 100, 100, 100
SUBJECTS_DIFFER = 0.5
"""Standard deviation of the logarithm of the standard deviation of subjects, where these differ within groups."""
ACTIVE, STRENGTH = 6, 4.5
"""Side of the active square, if there is activation, and the expected t of its voxels, with known variances."""
FLIPS = "sign flips, Welch"
ALTERNATIVES: dict[str, Callable[[FloatArray], FloatArray]] = {
    "greater": lambda z: special.ndtr(-z),
    "less": special.ndtr,
    "two-sided": lambda z: 2 * special.ndtr(-np.abs(z)),
}

COLUMNS = (
    "subjects",
    "sd",
    "test",
    "maps",
    "errors",
    "method",
    "alternative",
    f"error at {ALPHA}",
    "above chance",
    "part of the active voxels found",
    "data sets",
)


class Setting(NamedTuple):
    """Groups: numbers of subjects, standard deviations and weights in the test; maps and errors."""

    sizes: tuple[int, ...]
    spreads: tuple[float, ...]
    test: str = "difference"
    smooth: bool = False
    errors: str = "normal"
    differ: bool = False
    paired: bool = False
    has_signal: bool = False

    @property
    def weights(self) -> FloatArray:
        """Weights of the group means."""
        return np.array(
            {"mean": [1.0], "difference": [1.0, -1.0], "mean of both": [0.5, 0.5], "main effect": MAIN}[self.test]
        )

    @property
    def matrix(self) -> FloatArray:
        """The design matrix: group means."""
        return np.repeat(np.eye(len(self.sizes)), self.sizes, axis=0)

    @property
    def active(self) -> npt.NDArray[np.bool_]:
        """The active voxels, a boolean per voxel (n_points,)."""
        return simulation.square(SIDE, ACTIVE if self.has_signal else 0)

    @property
    def is_compared(self) -> bool:
        """Whether sign flips are compared with permutations, and with the family combined, which take more time."""
        is_difference = self.test == "difference" and self.errors == "normal" and not (self.paired or self.differ)
        return is_difference and self.sizes in ((10, 20), (20, 40), (15, 15))

    @property
    def blocks(self) -> list[int] | None:
        """Blocks of two subjects of a group each, if subjects are paired."""
        return [i // 2 for i in range(sum(self.sizes))] if self.paired else None


MAIN = [0.5, 0.5, -0.5, -0.5]
"""The main effect of the first of two factors."""


def settings() -> Iterator[Setting]:
    """Yield all settings, in the order of the result."""
    for spreads in ((1.0, 1.0), (2.0, 1.0), (1.0, 2.0)):
        yield Setting((10, 20), spreads)
    for spreads in ((2.0, 1.0), (1.0, 2.0)):
        yield Setting((20, 40), spreads)
    for spread in (1.0, 2.0):
        yield Setting((10, 10), (spread, 1.0))
    for sizes in ((8, 24), (15, 15), (5, 5), (5, 10)):
        yield Setting(sizes, (2.0, 1.0))
    for spread in (1.0, 2.0):
        yield Setting((10, 20), (spread, 1.0), smooth=True)
    for sizes in ((20, 40), (10, 10)):
        yield Setting(sizes, (2.0, 1.0), smooth=True)
    yield Setting((10, 20), (2.0, 1.0), "mean of both")
    yield Setting((8, 16, 8, 16), (2.0, 1.0, 2.0, 1.0), "main effect")
    yield Setting((10, 20), (2.0, 1.0), differ=True)
    yield Setting((10, 20), (2.0, 1.0), paired=True)
    yield Setting((15,), (1.0,), "mean", differ=True)
    yield Setting((10, 20), (2.0, 1.0), smooth=True, errors="t5")
    for sizes in ((10, 20), (15, 15)):
        yield Setting(sizes, (2.0, 1.0), smooth=True, errors="skewed")
    for spread in (1.0, 2.0):
        yield Setting((10, 20), (spread, 1.0), smooth=True, has_signal=True)
    yield Setting((20, 40), (2.0, 1.0), paired=True)


def simulate(setting: Setting, rng: np.random.Generator) -> FloatArray:
    """Simulate the maps of all subjects, (n_subjects, n_points); errors of pairs have a correlation of one half."""
    n = sum(setting.sizes)
    maps = rng.normal(size=(n, SIDE, SIDE))
    if setting.smooth:
        maps = ndimage.gaussian_filter(maps, (0, SMOOTH, SMOOTH), mode="wrap")
        maps /= np.sqrt((ndimage.gaussian_filter(np.pad([[1.0]], 12), SMOOTH, mode="wrap") ** 2).sum())
    maps = maps.reshape(n, -1)
    if setting.paired:
        maps[1::2] = 0.5 * maps[::2] + np.sqrt(0.75) * maps[1::2]
    if setting.errors == "t5":
        maps = special.stdtrit(5, special.ndtr(maps)) / np.sqrt(5 / 3)
    if setting.errors == "skewed":  # gamma of skewness 1
        maps = (special.gammaincinv(4.0, special.ndtr(maps)) - 4) / 2
    spread = np.repeat(setting.spreads, setting.sizes)
    if setting.differ:
        spread = spread * np.exp(SUBJECTS_DIFFER * rng.normal(size=n))
    effects = np.asarray(maps * spread[:, None])
    if setting.has_signal:  # in the first group
        variance = sum(s**2 / n for s, n in zip(setting.spreads, setting.sizes, strict=True))
        effects[: setting.sizes[0], setting.active] += STRENGTH * np.sqrt(variance)
    return effects


def bounds(setting: Setting, rng: np.random.Generator) -> Iterator[tuple[str, str, Bound]]:
    """Yield the bounds of one data set, with the names of method and alternative."""
    effects, matrix, weights = simulate(setting, rng), setting.matrix, setting.weights
    n = len(effects)
    flips = Exchangeability.of(n, "flip", setting.blocks)
    model = fit_welch_model(effects, matrix, weights, "two-sided", flips)
    resampling = make_resampling(model.subspaces, flips, N_PERMUTATIONS, int(rng.integers(2**63)))
    z = all_z(lambda each: model.correlations(each, signed=True) * LARGEST_Z, resampling)
    for alternative, tail in ALTERNATIVES.items():
        if alternative == "less" and setting.errors != "skewed":
            continue  # by symmetry it is greater
        yield f"{FLIPS}, simes", alternative, bound_of(tail(z))
        if setting.is_compared and alternative == "two-sided":
            others = resampling.independent(LEARNED)
            other = all_z(lambda each: model.correlations(each, signed=True) * LARGEST_Z, others)
            yield f"{FLIPS}, combined", alternative, bound_of(tail(z), tail(other))
        if not setting.paired:
            yield "closed testing, Welch", alternative, hommel_bound(tail(z[0]), ALPHA, "simes")
    if not setting.is_compared:
        return
    resampling = Resampling(N_PERMUTATIONS, int(rng.integers(2**63)), Exchangeability.of(n, "permute"))
    for name, pooled in (("Welch", False), ("equal variances", True)):
        z = all_z(lambda each, pooled=pooled: permuted_z(effects, setting.sizes, each, pooled), resampling)  # type: ignore[misc]
        yield f"permutations, {name}, simes", "two-sided", bound_of(ALTERNATIVES["two-sided"](z))


def all_z(z_of: Callable[[Permutations], FloatArray], resampling: Resampling) -> FloatArray:
    """Return all z, (n_permutations, n_points)."""
    return np.concatenate([z_of(resampling.batch(first)) for first in resampling.batches])


def permuted_z(effects: FloatArray, sizes: tuple[int, ...], permutations: Permutations, pooled: bool) -> FloatArray:
    """Return z of t of two groups with permuted subjects, (n_permutations, n_points): Welch's, or `pooled`."""
    moved, n = effects - effects.mean(axis=0), sum(sizes)
    first = (permutations.order < sizes[0]).astype(float)
    means = [members @ moved / size for members, size in zip((first, 1 - first), sizes, strict=True)]
    within = [
        members @ moved**2 - size * mean**2
        for members, size, mean in zip((first, 1 - first), sizes, means, strict=True)
    ]
    effect = means[0] - means[1]
    if pooled:
        variance = (within[0] + within[1]) / (n - 2) * (1 / sizes[0] + 1 / sizes[1])
        squares = variance**2 / (n - 2)
    else:
        parts = [each / (size * (size - 1)) for each, size in zip(within, sizes, strict=True)]
        variance, squares = sum(parts), sum(v**2 / (size - 1) for v, size in zip(parts, sizes, strict=True))
    found = np.empty(effect.size)
    z_of_t(effect.ravel(), variance.ravel(), squares.ravel(), True, found)
    return found.reshape(effect.shape)


def bound_of(p: FloatArray, template: FloatArray | None = None) -> Bound:
    """Return the bound of the first of all p (n_permutations, n_points).

    Without p for a template, that of simes; else that of combined.
    """
    ordered = np.sort(p, axis=1)
    family: CriticalVectors = Simes(p.shape[1])
    if template is not None:
        family = simulation.combined(np.sort(template, axis=1), RANKS)
        lambdas = smallest_lambda(family, ordered)
    else:  # the same, faster
        lambdas = (ordered * p.shape[1] / np.arange(1, p.shape[1] + 1)).min(axis=1)
    return calibrate(lambdas, family, ALPHA).bound(p[0])


def piece(setting: Setting, seed: np.random.SeedSequence) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Simulate some data sets; count errors, discoveries and data sets of each method and alternative.

    The bound of some set exceeds its number of active voxels exactly when that of all other voxels is above 0.
    """
    rng, active = np.random.default_rng(seed), setting.active
    errors: Counter[str] = Counter()
    found: Counter[str] = Counter()
    data_sets: Counter[str] = Counter()
    for _ in range(PIECE):
        for method, alternative, bound in bounds(setting, rng):
            errors[f"{method}\t{alternative}"] += bound.tdn(~active) > 0
            found[f"{method}\t{alternative}"] += bound.tdn(active)
            data_sets[f"{method}\t{alternative}"] += 1
    return errors, found, data_sets


def rows(setting: Setting, counted: list[tuple[Counter[str], Counter[str], Counter[str]]]) -> Iterator[Row]:
    """Yield the rows of a setting."""
    errors, found, data_sets = (sum(counts, Counter()) for counts in zip(*counted, strict=True))
    kind = ", in pairs" * setting.paired + ", subjects differ" * setting.differ + ", activation" * setting.has_signal
    for method, total in data_sets.items():
        error = errors[method] / total
        values = (
            " and ".join(map(str, setting.sizes)),
            " and ".join(f"{spread:g}" for spread in setting.spreads),
            setting.test,
            "smooth" if setting.smooth else "independent",
            setting.errors + kind,
            *method.split("\t"),
            f"{error:.4f}",
            above_chance(error, total),
            f"{found[method] / total / ACTIVE**2:.3f}" if setting.has_signal else "n/a",
            str(total),
        )
        yield dict(zip(COLUMNS, values, strict=True))


def simulated(setting: Setting, seed: np.random.SeedSequence, repetitions: int, apply: simulation.Map) -> list[Row]:
    """Return the rows of a setting, with more data sets where an error of sign flips is above chance."""
    seeds = simulation.pieces(seed, repetitions, PIECE)
    matters = lambda row: row["method"].startswith(FLIPS)  # noqa: E731
    return simulation.rows_with_more(setting, seed, seeds, MORE, piece, rows, apply, matters)


if __name__ == "__main__":
    simulation.run(__file__, __doc__, settings(), simulated, REPETITIONS)
