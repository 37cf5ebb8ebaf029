"""Simulation of bounds by the family combined, beside its members: error and power.

Simulates smooth maps without activation, and with activation of four kinds, all chosen before any result was seen. Run
as ``python validation/combined.py``; writes ``combined.tsv`` next to itself, which README.md explains.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import simulation
from permutation_error import QUESTIONS, SIDE, Question, design, smooth_maps
from simulation import ALPHA, Row, above_chance

from bids_ari.stats.bounds import Bound
from bids_ari.stats.calibration import calibrate
from bids_ari.stats.closed_testing import hommel_bound
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.null_model import NullModel, fit_null_model
from bids_ari.stats.resampling import Exchangeability, Resampling, make_resampling

REPETITIONS = 2000
MORE = 4
"""Where an error is above chance, this many times as many data sets are added: of many errors, some are by chance."""
PIECE = 100
"""Data sets simulated together."""
N_PERMUTATIONS, LEARNED, RANKS = 200, 200, 100
TABLE = 1 << 13
"""Intervals of a table of p by correlation, between which p are interpolated: a relative error below 1e-4."""
TABLES: dict[tuple[float, bool], FloatArray] = {}
"""These tables, by degrees of freedom, of tests with one side or two."""

COLUMNS = (
    "question",
    "subjects",
    "signal",
    "method",
    f"error at {ALPHA}",
    "above chance",
    "part of the active voxels found, together",
    "found cluster by cluster",
    "data sets",
)

Square = tuple[int, int, int, int]
"""First row and column, and the numbers of rows and columns."""


class Signal(NamedTuple):
    """Activation: squares and the expected t of their voxels, with known variance."""

    name: str
    squares: tuple[Square, ...] = ()
    strength: float = 0.0

    @property
    def clusters(self) -> list[npt.NDArray[np.bool_]]:
        """The active voxels of each square, a boolean per point (n_points,)."""
        found = []
        for row, column, n_rows, n_columns in self.squares:
            inside = np.zeros((SIDE, SIDE), dtype=bool)
            inside[row : row + n_rows, column : column + n_columns] = True
            found.append(inside.ravel())
        return found

    @property
    def active(self) -> npt.NDArray[np.bool_]:
        """All active voxels."""
        return np.any([np.zeros(SIDE * SIDE, dtype=bool), *self.clusters], axis=0)


NONE = Signal("none")
SIGNALS = (
    Signal("one cluster of 9", ((8, 8, 3, 3),), 5.0),
    Signal("six clusters of 9", tuple((row, column, 3, 3) for row, column in product((3, 13), (2, 8, 14))), 5.0),
    Signal("one cluster of 81", ((5, 5, 9, 9),), 4.0),
    Signal("half of the map", ((0, 0, 10, 20),), 3.0),
)


class Setting(NamedTuple):
    """A question, a number of subjects, and the activation."""

    question: Question
    n_subjects: int
    signal: Signal


MEAN = QUESTIONS[0]
GROUPS = Question("two groups 1:1", "two-sided", 0.5, False, "permute")
SETTINGS = (
    *(Setting(*each, NONE) for each in product((MEAN, GROUPS), (10, 20))),
    *(Setting(MEAN, n, signal) for signal, n in product(SIGNALS, (10, 20, 40))),
)


def bounds(setting: Setting, rng: np.random.Generator) -> Iterator[tuple[str, Bound]]:
    """Yield the bound of one data set by each method."""
    question, n, signal = setting
    matrix, weights = design(question, n, rng)
    tested = np.flatnonzero(weights)[0]
    spread = np.sqrt(np.linalg.inv(matrix.T @ matrix)[tested, tested])
    effects = smooth_maps(n, rng) + matrix[:, [tested]] * (signal.strength * spread * signal.active)
    exchangeability = Exchangeability.of(n, question.scheme)
    model = fit_null_model(effects, matrix, weights, question.alternative, exchangeability)
    resampling = make_resampling(model.subspaces, exchangeability, N_PERMUTATIONS, int(rng.integers(2**63)))
    permuted, others = (all_p(model, each) for each in (resampling, resampling.independent(LEARNED)))
    ordered, learning, p = np.sort(permuted, axis=1), np.sort(others, axis=1), permuted[0]
    family = simulation.combined(learning, RANKS)
    together, lambdas = simulation.lambdas_of(family, ordered)
    yield "closed testing, simes", hommel_bound(p, ALPHA, "simes")
    for name, member, of_member in zip(("simes", "learned"), family.members, lambdas, strict=True):
        yield name, calibrate(of_member, member, ALPHA).bound(p)
    yield "combined", calibrate(together, family, ALPHA).bound(p)


def all_p(model: NullModel, resampling: Resampling) -> FloatArray:
    """Return all p, (n_permutations, n_points), from a table: the observed ones, too."""
    key = float(model.dofs[0]), model.subspaces.one_sided
    if key not in TABLES:
        TABLES[key] = model.p_of_correlations(np.linspace(-1, 1, TABLE + 1), key[0])
    table = TABLES[key]
    correlation = np.concatenate([model.correlations(resampling.batch(first)) for first in resampling.batches])
    place = (correlation + 1) * (TABLE / 2)
    before = np.minimum(place.astype(np.intp), TABLE - 1)
    p = np.empty(correlation.shape)
    p[:, model.order] = table[before] + (place - before) * (table[before + 1] - table[before])
    return p


class Counts(NamedTuple):
    """Errors, discoveries among all active voxels and summed over clusters, and data sets, of each method."""

    errors: Counter[str]
    together: Counter[str]
    by_cluster: Counter[str]
    data_sets: Counter[str]


def piece(setting: Setting, seed: np.random.SeedSequence) -> Counts:
    """Simulate some data sets.

    The bound of some set exceeds its number of active voxels exactly when that of all other voxels is above 0.
    """
    rng, counts = np.random.default_rng(seed), Counts(Counter(), Counter(), Counter(), Counter())
    for _ in range(PIECE):
        for method, bound in bounds(setting, rng):
            counts.errors[method] += bound.tdn(~setting.signal.active) > 0
            counts.together[method] += bound.tdn(setting.signal.active)
            counts.by_cluster[method] += sum(bound.tdn(cluster) for cluster in setting.signal.clusters)
            counts.data_sets[method] += 1
    return counts


def rows(setting: Setting, counted: list[Counts]) -> Iterator[Row]:
    """Yield the rows of a setting."""
    errors, together, by_cluster, data_sets = (sum(each, Counter()) for each in zip(*counted, strict=True))
    n_active = int(setting.signal.active.sum())
    for method, total in data_sets.items():
        values = (
            setting.question.name,
            str(setting.n_subjects),
            setting.signal.name,
            method,
            f"{errors[method] / total:.4f}",
            above_chance(errors[method] / total, total),
            *(f"{found[method] / total / n_active:.4f}" if n_active else "n/a" for found in (together, by_cluster)),
            str(total),
        )
        yield dict(zip(COLUMNS, values, strict=True))


simulated = simulation.repeated(piece, rows, PIECE, MORE)

if __name__ == "__main__":
    simulation.run(__file__, __doc__, SETTINGS, simulated, REPETITIONS)
