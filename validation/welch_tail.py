"""Simulation of the error of Welch's test and of mixed effects in the tail that the bounds depend on.

Simulates maps without activation and counts errors. Run as ``python validation/welch_tail.py``;
writes ``welch_tail.tsv`` next to itself, which README.md explains.
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
import simulation
from simulation import ALPHA, Row

from bids_ari.stats.closed_testing import hommel_bound
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.glm import GlmResult, fit_glm
from bids_ari.stats.mixed_effects import fit_mixed
from bids_ari.stats.welch import fit_welch

N_VOXELS = 50_000
REPETITIONS = 1000
"""Of each setting, with both alternatives, so 2,000 maps."""
LEVELS = (1e-2, 1e-3, 1e-4)
SIZES = ((5, 20), (10, 20), (10, 15), (10, 10), (20, 20), (20, 30), (20, 40))
SPREADS = ((1.0, 1.0), (2.0, 1.0), (1.0, 2.0))
"""Standard deviation in the first group and in the second."""
N_MIXED = 10
BETWEEN = (0.0, 0.25, 1.0)
"""Variance between subjects; the first-level variances have median 1."""
UNEVEN = (0.25, 0.5, 1.0)
"""Standard deviation of the logarithm of the first-level variances."""

Simulate = Callable[[np.random.Generator], dict[str, GlmResult]]


class Setting(NamedTuple):
    """A kind of data, and the models fitted to it."""

    sizes: str
    data: str
    simulate: Simulate


def settings() -> Iterator[Setting]:
    """Yield all settings, in the order of the result."""
    for sizes in SIZES:
        for spreads in SPREADS:
            name = f"sd {spreads[0]:g} and {spreads[1]:g}"
            yield Setting(f"{sizes[0]} and {sizes[1]}", name, two_groups(sizes, spreads))
    for uneven, between in product(UNEVEN, BETWEEN):
        name = f"variance {between:g} between, exp({uneven:g} N(0, 1)) within subjects"
        yield Setting(str(N_MIXED), name, one_group(uneven, between))


def two_groups(sizes: tuple[int, int], spreads: tuple[float, float]) -> Simulate:
    """Return a simulation of two groups of normal data with mean 0."""
    group = np.repeat([0, 1], sizes)
    matrix, tests = np.eye(2)[group], {"difference": np.array([1.0, -1.0])}

    def simulate(rng: np.random.Generator) -> dict[str, GlmResult]:
        effects = rng.normal(size=(group.size, N_VOXELS)) * np.array(spreads)[group][:, None]
        (result,) = fit_welch(effects, matrix, tests)
        return {"welch": result}

    return simulate


def one_group(uneven: float, between: float) -> Simulate:
    """Return a simulation of one group of normal data with mean 0 and known first-level variances."""
    matrix, tests = np.ones((N_MIXED, 1)), {"mean": np.ones(1)}

    def simulate(rng: np.random.Generator) -> dict[str, GlmResult]:
        variances = np.exp(uneven * rng.normal(size=(N_MIXED, N_VOXELS)))
        effects = rng.normal(size=(N_MIXED, N_VOXELS)) * np.sqrt(variances + between)
        fit = fit_mixed(effects, variances, matrix, tests)
        assert fit.tau2 is not None
        (glm,) = fit_glm(effects, matrix, tests)
        return {"mixed": fit.results[0], "mixed, normal z": normal_z(effects, variances, fit.tau2), "ols": glm}

    return simulate


def normal_z(effects: FloatArray, variances: FloatArray, tau2: FloatArray) -> GlmResult:
    """Return DerSimonian-Laird as it is often used: with tau2 as if known, and a normal z."""
    weights = 1 / (variances + tau2)
    return GlmResult.of_z((weights * effects).sum(axis=0) / np.sqrt(weights.sum(axis=0)))


def rows(setting: Setting, seed: np.random.SeedSequence, repetitions: int, apply: simulation.Map) -> Iterator[Row]:
    """Yield the rows of a setting, in one process; both alternatives are counted, as separate tests."""
    rng = np.random.default_rng(seed)
    below: dict[str, FloatArray] = {}
    errors: dict[str, int] = {}
    for _ in range(repetitions):
        for model, result in setting.simulate(rng).items():
            for p in (result.p("greater"), result.p("less")):
                below[model] = below.get(model, 0) + np.array([(p < level).sum() for level in LEVELS])
                errors[model] = errors.get(model, 0) + (hommel_bound(p, ALPHA).whole > 0)
    for model, counts in below.items():
        ratios = counts / (2 * repetitions * N_VOXELS * np.array(LEVELS))
        yield {
            "model": model,
            "subjects": setting.sizes,
            "data": setting.data,
            **{f"size/alpha at {level:.0e}": f"{ratio:.2f}" for level, ratio in zip(LEVELS, ratios, strict=True)},
            f"familywise error at {ALPHA}": f"{errors[model] / (2 * repetitions):.3f}",
            "maps": 2 * repetitions,
        }


if __name__ == "__main__":
    simulation.run(__file__, __doc__, settings(), rows, REPETITIONS)
