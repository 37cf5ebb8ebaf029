"""Simulation of how much the true discovery number depends on the seed, and of the range that is reported for it.

Simulates smooth maps with activation, and calibrates each by two sets of random permutations. Run as
``python validation/monte_carlo.py``; writes ``monte_carlo.tsv`` next to itself, which README.md explains.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import simulation
from combined import SIGNALS, Signal
from permutation_error import smooth_maps
from simulation import ALPHA, Row
from violations import quick_p

from bids_ari.stats.calibration import Calibration, calibrate
from bids_ari.stats.critical_vectors import Simes, smallest_lambda
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.null_model import NullModel, fit_null_model
from bids_ari.stats.resampling import Exchangeability, Permutations, Resampling, make_resampling

REPETITIONS, PIECE = 2000, 100
N_SUBJECTS, N_PERMUTATIONS, RANKS = 20, 200, 100
FAMILIES = ("simes", "combined")
COLUMNS = (
    *("signal", "family", "permutations", "mean TDN", "standard deviation between seeds, relative"),
    *("second seeds within the range of the first", "data sets"),
)


class Setting(NamedTuple):
    """The activation."""

    signal: Signal


SETTINGS = tuple(Setting(signal) for signal in SIGNALS[2:])


def permuted_p(model: NullModel, resampling: Resampling) -> FloatArray:
    """Return all p in ascending order, (n_permutations, n_points)."""
    return np.sort(np.vstack([quick_p(model, resampling.batch(first)) for first in resampling.batches]), axis=1)


def calibrations(model: NullModel, seed: int) -> Iterator[Calibration]:
    """Yield the calibration of each of `FAMILIES` by the permutations of a seed."""
    exchangeability = Exchangeability.of(N_SUBJECTS, "flip")
    resampling = make_resampling(model.subspaces, exchangeability, N_PERMUTATIONS, seed)
    ordered, learning = (permuted_p(model, each) for each in (resampling, resampling.independent(N_PERMUTATIONS)))
    for family in (Simes(model.n_points), simulation.combined(learning, RANKS)):
        yield calibrate(smallest_lambda(family, ordered), family, ALPHA)


def piece(setting: Setting, seed: np.random.SeedSequence) -> dict[str, list[tuple[int, int, bool]]]:
    """Simulate some data sets; return TDN of the whole map by two seeds, and whether the second is in the range."""
    rng, found = np.random.default_rng(seed), defaultdict(list)
    signal = setting.signal
    for _ in range(PIECE):
        effects = smooth_maps(N_SUBJECTS, rng) + signal.strength / np.sqrt(N_SUBJECTS) * signal.active
        matrix, exchangeability = np.ones((N_SUBJECTS, 1)), Exchangeability.of(N_SUBJECTS, "flip")
        model = fit_null_model(effects, matrix, np.ones(1), "greater", exchangeability)
        (p,) = quick_p(model, Permutations.identity(N_SUBJECTS))
        first, second = (calibrations(model, int(rng.integers(2**63))) for _ in range(2))
        for name, one, other in zip(FAMILIES, first, second, strict=True):
            (low, high), tdn = one.whole_range(p), other.bound(p).whole
            found[name].append((one.bound(p).whole, tdn, low <= tdn <= high))
    return found


def rows(setting: Setting, seed: np.random.SeedSequence, repetitions: int, apply: simulation.Map) -> Iterator[Row]:
    """Yield the rows of a setting."""
    pieces = list(apply(partial(piece, setting), simulation.pieces(seed, repetitions, PIECE)))
    for name in FAMILIES:
        one, other, is_within = np.array([row for each in pieces for row in each[name]], dtype=float).T
        mean, sd = (one.mean() + other.mean()) / 2, np.sqrt(((one - other) ** 2).mean() / 2)
        what = (setting.signal.name, name, N_PERMUTATIONS)
        values = (f"{mean:.1f}", f"{sd / mean:.3f}", f"{is_within.mean():.3f}", len(one))
        yield dict(zip(COLUMNS, (*what, *values), strict=True))


if __name__ == "__main__":
    simulation.run(__file__, __doc__, SETTINGS, rows, REPETITIONS)
