"""Simulation of bounds of several results that hold together, against alpha divided by the number of results.

Simulates smooth maps of three conditions, A, B and C, of the same subjects. The contrasts A > B, B > C and A > C depend
on each other; each is tested in both directions, so that there are six results. Run as ``python validation/joint.py``;
writes ``joint.tsv`` next to itself, which README.md explains.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import simulation
from permutation_error import SIDE, smooth_maps
from simulation import ALPHA, Row, above_chance

from bids_ari.stats.bounds import Bound
from bids_ari.stats.calibration import calibrate, categories
from bids_ari.stats.closed_testing import bound_in_pool, hommel_bound, pooled_hommel_value
from bids_ari.stats.critical_vectors import CriticalVectors, Scale, Simes, smallest_lambda
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.joint import joint_lambda, scaled, unscaled
from bids_ari.stats.null_model import NullModel, fit_null_model
from bids_ari.stats.resampling import Exchangeability, Resampling, make_resampling

REPETITIONS = 2000
MORE = 4
"""Where an error is above chance, this many times as many data sets are added: of many errors, some are by chance."""
PIECE = 100
"""Data sets simulated together."""
SIZES = (10, 20, 40)
N_PERMUTATIONS, LEARNED, RANKS = 120, 100, 100
"""120 permutations at alpha .05 divided by six allow exactly one error: division is not at a disadvantage."""
STRENGTH = 4.5
"""Expected t of active voxels, with known variance."""
GRID = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 4_001))
"""Correlations of the table of p, denser where p are small."""
TABLES: dict[int, FloatArray] = {}
"""p of these, for each degrees of freedom."""
CONTRASTS = {"A > B": (1, -1, 0), "B > C": (0, 1, -1), "A > C": (1, 0, -1)}
N_RESULTS = 2 * len(CONTRASTS)

COLUMNS = (
    "subjects",
    "signal",
    "method",
    "alpha",
    f"error of any result at {ALPHA}",
    "above chance",
    "part of the active voxels found",
    "found, against divided alpha",
    "data sets",
)


class Setting(NamedTuple):
    """A number of subjects, and which conditions have activation, each in a square of its own."""

    n_subjects: int
    signal: str

    @property
    def means(self) -> FloatArray:
        """The activation of each condition, 0 or 1, (3, n_points)."""
        found = np.zeros((3, SIDE, SIDE))
        for i, condition in enumerate("ABC"):
            if condition in self.signal:
                found[i, 2 : 2 + 6, 1 + 6 * i : 7 + 6 * i] = 1.0
        return found.reshape(3, -1)


SETTINGS = tuple(Setting(*each) for each in product(SIZES, ("none", "A, B and C")))


def tests(setting: Setting, rng: np.random.Generator) -> Iterator[tuple[npt.NDArray[np.bool_], FloatArray, FloatArray]]:
    """Yield active voxels, p of all permutations (the observed data first) and of independent ones, of each result."""
    n, means = setting.n_subjects, setting.means
    maps = smooth_maps(3 * n, rng).reshape(n, 3, -1) + means * STRENGTH * np.sqrt(2 / n)
    matrix, exchangeability = np.ones((n, 1)), Exchangeability.of(n, "flip")
    seed = int(rng.integers(2**63))  # the same flips of the same subjects in all results
    for weights in map(np.array, CONTRASTS.values()):
        effects = np.einsum("c,ncv->nv", weights, maps)
        model = fit_null_model(effects, matrix, np.ones(1), "greater", exchangeability)
        resampling = make_resampling(model.subspaces, exchangeability, N_PERMUTATIONS, seed)
        p, other = all_p(model, resampling), all_p(model, resampling.independent(LEARNED))
        yield weights @ means > 0, p, other
        yield weights @ means < 0, 1 - p, 1 - other


def all_p(model: NullModel, resampling: Resampling) -> FloatArray:
    """Return all p, (n_permutations, n_points), interpolated in a table of correlations, which takes less time."""
    if (dof := int(model.dofs[0])) not in TABLES:
        TABLES[dof] = model.p_of_correlations(GRID, dof)
    batches = (model.correlations(resampling.batch(first)) for first in resampling.batches)
    return np.interp(np.concatenate(list(batches)), GRID, TABLES[dof])


def bounds(p: list[FloatArray], other: list[FloatArray]) -> Iterator[tuple[str, str, list[Bound]]]:
    """Yield a method, how alpha is used, and the bound of each result."""
    observed, divided = [each[0].copy() for each in p], Fraction(str(ALPHA)) / N_RESULTS
    yield "closed testing, simes", "divided", [hommel_bound(each, float(divided)) for each in observed]
    pool = np.concatenate(observed)
    h = pooled_hommel_value(pool[pool <= ALPHA], pool.size, ALPHA)
    yield "closed testing, simes", "joint", [bound_in_pool(each, ALPHA, "simes", h) for each in observed]
    for each, other_p in zip(p, other, strict=True):
        each.sort(axis=1)
        other_p.sort(axis=1)
    simes: list[CriticalVectors] = [Simes(each.size) for each in observed]
    scales = [Scale.of(smallest_lambda(*each)) for each in zip(simes, other, strict=True)]
    yield from permutation("permutation, simes", p, observed, simes, scales)
    yield from permutation(
        "permutation, combined", p, observed, [simulation.combined(each, RANKS) for each in other], [None] * N_RESULTS
    )


def permutation(
    name: str,
    ordered: list[FloatArray],
    observed: list[FloatArray],
    families: Sequence[CriticalVectors],
    scales: Sequence[Scale | None],
) -> Iterator[tuple[str, str, list[Bound]]]:
    """Yield the bounds of calibrations apart, at divided alpha, and together."""
    lambdas = [smallest_lambda(*each) for each in zip(families, ordered, strict=True)]
    both = list(zip(lambdas, families, observed, strict=True))
    divided = Fraction(str(ALPHA)) / N_RESULTS
    yield name, "divided", [calibrate(each, family, divided).bound(p) for each, family, p in both]
    chosen = joint_lambda([scaled(*each) for each in zip(lambdas, scales, strict=True)], ALPHA)
    level = chosen.level
    found = [
        categories(p, family, unscaled(level, scale, each))
        for scale, (each, family, p) in zip(scales, both, strict=True)
    ]
    yield name, "joint", [Bound(category, ALPHA, name) for category in found]


def piece(setting: Setting, seed: np.random.SeedSequence) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Simulate some data sets; count those with any wrong bound, discoveries of active voxels, and data sets.

    The bound of some set exceeds its number of active voxels exactly when that of all other voxels is above 0.
    """
    rng = np.random.default_rng(seed)
    errors: Counter[str] = Counter()
    found: Counter[str] = Counter()
    data_sets: Counter[str] = Counter()
    for _ in range(PIECE):
        active, p, other = map(list, zip(*tests(setting, rng), strict=True))
        for method, alpha, results in bounds(p, other):
            each = list(zip(results, active, strict=True))
            name = f"{method}\t{alpha}"
            errors[name] += any(bound.tdn(~inside) > 0 for bound, inside in each)
            found[name] += sum(bound.tdn(inside) for bound, inside in each)
            data_sets[name] += 1
    return errors, found, data_sets


def rows(setting: Setting, counted: list[tuple[Counter[str], Counter[str], Counter[str]]]) -> Iterator[Row]:
    """Yield the rows of a setting."""
    errors, found, data_sets = (sum(counts, Counter()) for counts in zip(*counted, strict=True))
    weights = np.array(list(CONTRASTS.values()))
    n_active = int((weights @ setting.means != 0).sum())
    for name, total in data_sets.items():
        method, _, alpha = name.partition("\t")
        error, divided = errors[name] / total, found[f"{method}\tdivided"]
        values = (
            str(setting.n_subjects),
            setting.signal,
            method,
            alpha,
            f"{error:.4f}",
            above_chance(error, total),
            f"{found[name] / total / n_active:.4f}" if n_active else "n/a",
            f"{found[name] / divided:.2f}" if divided and n_active else "n/a",
            str(total),
        )
        yield dict(zip(COLUMNS, values, strict=True))


simulated = simulation.repeated(piece, rows, PIECE, MORE)

if __name__ == "__main__":
    simulation.run(__file__, __doc__, SETTINGS, simulated, REPETITIONS)
