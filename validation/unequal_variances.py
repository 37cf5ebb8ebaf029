"""Simulation of the error of group tests where the variances of groups differ, and of the warning about it.

Simulates maps without differences between groups, fits and tests them as the command does, and counts errors and
warnings. Run as ``python validation/unequal_variances.py``; writes ``unequal_variances.tsv`` next to itself, which
README.md explains.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import simulation
from scipy import ndimage
from simulation import ALPHA, Row

from bids_ari.analysis.variances import compare_variances
from bids_ari.config.options import Options
from bids_ari.design.design import Design
from bids_ari.stats.closed_testing import hommel_bound
from bids_ari.stats.diagnostics import subject_diagnostics
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.glm import GlmResult, fit_glm
from bids_ari.stats.welch import fit_welch

REPETITIONS = 2000
PIECE = 20
"""Data sets simulated together."""
SIDE, SMOOTH = 10, 1.5
"""Voxels along each axis, and the standard deviation of the Gaussian by which smooth maps are smoothed, in voxels."""
SUBJECTS_DIFFER = 0.5
"""Standard deviation of the logarithm of the standard deviation of subjects, where subjects differ by chance."""
COLUMNS = (
    *("subjects", "sd", "maps", "subjects differ", "test", "error, simes", "error, welch"),
    *("inflation", "warned", "data sets"),
)


class Setting(NamedTuple):
    """Numbers of subjects and standard deviations of the groups, smoothness, and whether subjects differ."""

    sizes: tuple[int, ...]
    spreads: tuple[float, ...]
    smooth: bool
    differ: bool = False

    @property
    def design(self) -> Design:
        """The design of the groups; of two groups the test is the difference, of more the F test of any difference."""
        group = np.repeat(np.arange(len(self.sizes)), self.sizes)
        names = tuple(f"group{i}" for i in range(len(self.sizes)))
        differences = np.diff(np.eye(len(names)), axis=0)
        tests = {"difference": differences[0]} if len(names) == 2 else {"any": differences}
        subjects = tuple(f"{i:02d}" for i in range(group.size))
        return Design(subjects, np.eye(len(names))[group], names, tests, groups=tuple(names[g] for g in group))


def settings() -> Iterator[Setting]:
    """Yield all settings, in the order of the result."""
    for smooth in (True, False):
        for sizes in ((8, 24), (10, 20), (20, 40), (15, 15)):
            for spreads in ((1.0, 1.0), (1.5, 1.0), (2.0, 1.0), (1.0, 2.0)):
                yield Setting(sizes, spreads, smooth)
        for sizes in ((10, 10, 10), (8, 16, 24)):
            for spread in (1.0, 2.0):
                yield Setting(sizes, (spread, 1.0, 1.0), smooth)
    for sizes in ((4, 20), (8, 24), (20, 40), (8, 16, 24)):
        yield Setting(sizes, (1.0,) * len(sizes), smooth=True, differ=True)


def simulate(setting: Setting, rng: np.random.Generator) -> FloatArray:
    """Simulate the maps of all subjects, (n_subjects, n_points)."""
    maps = rng.normal(size=(sum(setting.sizes), SIDE, SIDE, SIDE))
    if setting.smooth:
        maps = ndimage.gaussian_filter(maps, (0, SMOOTH, SMOOTH, SMOOTH), mode="wrap")
    spread = np.repeat(setting.spreads, setting.sizes)
    if setting.differ:
        spread = spread * np.exp(SUBJECTS_DIFFER * rng.normal(size=spread.size))
    return maps.reshape(len(maps), -1) / maps.std() * spread[:, None]


def piece(setting: Setting, seed: np.random.SeedSequence) -> dict[str, list[float]]:
    """Simulate some data sets; return errors by method, inflations and warnings."""
    rng, design = np.random.default_rng(seed), setting.design
    found: dict[str, list[float]] = defaultdict(list)
    for _ in range(PIECE):
        effects = simulate(setting, rng)
        residual = subject_diagnostics(effects, design.matrix, design.tests).residual
        (inflation,) = compare_variances(design, residual, Options()).tests.values()
        found["inflation"].append(inflation.ratio)
        found["warned"].append(inflation.is_liberal)
        found["error"].append(has_error(fit_glm(effects, design.matrix, design.tests)))
        if len(setting.sizes) == 2:
            found["welch"].append(has_error(fit_welch(effects, design.matrix, design.tests)))
    return found


def has_error(results: Sequence[GlmResult]) -> bool:
    """Return whether any bound is above 0, of t tests two-sided: as there are no effects, this is an error."""
    (glm,) = results
    return hommel_bound(glm.p("two-sided" if glm.f is None else "greater"), ALPHA).whole > 0


def row(setting: Setting, pieces: list[dict[str, list[float]]]) -> Row:
    """Return the row of a setting."""
    total: Counter[str] = Counter()
    n: Counter[str] = Counter()
    for found in pieces:
        total.update({name: sum(values) for name, values in found.items()})
        n.update({name: len(values) for name, values in found.items()})
    values = (
        " and ".join(map(str, setting.sizes)),
        " and ".join(f"{spread:g}" for spread in setting.spreads),
        "smooth" if setting.smooth else "not smooth",
        "yes" if setting.differ else "no",
        next(iter(setting.design.tests)),
        *(f"{total[name] / n[name]:.3f}" if n[name] else "n/a" for name in ("error", "welch")),
        f"{total['inflation'] / n['inflation']:.2f}",
        f"{total['warned'] / n['warned']:.3f}",
        str(n["error"]),
    )
    return dict(zip(COLUMNS, values, strict=True))


def rows(setting: Setting, seed: np.random.SeedSequence, repetitions: int, apply: simulation.Map) -> Iterator[Row]:
    """Yield the row of a setting."""
    seeds = simulation.pieces(seed, repetitions, PIECE)
    yield row(setting, list(apply(partial(piece, setting), seeds)))


if __name__ == "__main__":
    simulation.run(__file__, __doc__, settings(), rows, REPETITIONS)
