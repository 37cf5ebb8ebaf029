"""Simulation of the error and power of bounds for several maps per subject, tested together.

Simulates smooth maps, with and without activation, and counts the errors of closed testing and of calibration by
permutation. Run as ``python validation/within.py``; writes ``within.tsv`` next to itself, which README.md explains.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import simulation
from permutation_error import ACTIVE, SIDE, Question, all_p, design, smooth_maps
from simulation import ALPHA, Row, above_chance

from bids_ari.stats.bounds import Bound
from bids_ari.stats.calibration import calibrate
from bids_ari.stats.closed_testing import hommel_bound
from bids_ari.stats.critical_vectors import Simes, smallest_lambda
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.multivariate import fit_multivariate
from bids_ari.stats.null_model import fit_null_model
from bids_ari.stats.resampling import Exchangeability, make_resampling

REPETITIONS = 2000
MORE = 4
"""Where an error is above chance, this many times as many data sets are added: of many errors, some are by chance."""
PIECE = 100
"""Data sets simulated together."""
N_PERMUTATIONS = 100
STRENGTH = 6.0
"""Expected t of active voxels in the first map, with known variance."""
DOF = 5
"""Degrees of freedom of errors that are not normal."""

QUESTIONS = (
    Question("mean", "greater", 1.0, False, "flip"),
    Question("two groups 1:1", "greater", 0.5, False, "permute"),
    Question("two groups 1:1, with a covariate", "greater", 0.5, True, "permute"),
)

COLUMNS = (
    "question",
    "subjects",
    "maps",
    "errors",
    "signal",
    "method",
    f"error at {ALPHA}",
    "above chance",
    "part of the active voxels found",
    "data sets",
)


class Setting(NamedTuple):
    """A question, numbers of subjects and of maps, the distribution of errors, and whether there is activation."""

    question: Question
    n_subjects: int
    n_maps: int
    errors: str
    has_signal: bool

    @property
    def active(self) -> npt.NDArray[np.bool_]:
        """The active voxels, a boolean per voxel (n_points,)."""
        return simulation.square(SIDE, ACTIVE if self.has_signal else 0)


SETTINGS = tuple(Setting(*each) for each in product(QUESTIONS, (10, 20), (2, 4), ("normal", f"t{DOF}"), (False, True)))


def simulate(setting: Setting, rng: np.random.Generator) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return maps (n_maps, n_subjects, n_points), design and weights; a covariate has an effect in all maps.

    The maps of a subject have one variance at each voxel: 1, or with t distributions that of a chi-squared map.
    """
    n, n_maps = setting.n_subjects, setting.n_maps
    matrix, weights = design(setting.question, n, rng)
    maps = smooth_maps(n_maps * n, rng).reshape(n_maps, n, -1)
    if setting.errors != "normal":
        maps /= np.sqrt((smooth_maps(DOF * n, rng) ** 2).reshape(DOF, n, -1).mean(axis=0))
    tested = np.flatnonzero(weights)[0]
    spread = np.sqrt(np.linalg.inv(matrix.T @ matrix)[tested, tested])
    maps += 0.3 * np.delete(matrix, tested, axis=1).sum(axis=1)[:, None]
    maps[0] += matrix[:, [tested]] * (STRENGTH * spread * setting.active)
    return maps, matrix, weights


def bounds(setting: Setting, rng: np.random.Generator) -> Iterator[tuple[str, Bound]]:
    """Yield the bound of one data set by each method."""
    maps, matrix, weights = simulate(setting, rng)
    (fitted,) = fit_multivariate(tuple(maps), matrix, {"": weights})
    p, family = fitted.p("greater"), Simes(fitted.z.size)
    yield "closed testing, simes", hommel_bound(p, ALPHA, "simes")
    yield "closed testing, hommel", hommel_bound(p, ALPHA, "hommel")
    exchangeability = Exchangeability.of(setting.n_subjects, setting.question.scheme)
    model = fit_null_model(tuple(maps), matrix, weights, "greater", exchangeability)
    resampling = make_resampling(model.subspaces, exchangeability, N_PERMUTATIONS, int(rng.integers(2**63)))
    lambdas = smallest_lambda(family, np.sort(all_p(model, resampling), axis=1))
    yield "permutation, simes", calibrate(lambdas, family, ALPHA).bound(model.observed_p())


def piece(setting: Setting, seed: np.random.SeedSequence) -> simulation.Counts:
    """Simulate some data sets, and count what `simulation.count` does."""
    rng = np.random.default_rng(seed)
    return simulation.count((bounds(setting, rng) for _ in range(PIECE)), setting.active)


def rows(setting: Setting, counted: list[simulation.Counts]) -> Iterator[Row]:
    """Yield the rows of a setting."""
    errors, found, data_sets = (sum(counts, Counter()) for counts in zip(*counted, strict=True))
    for method, total in data_sets.items():
        values = (
            setting.question.name,
            str(setting.n_subjects),
            str(setting.n_maps),
            setting.errors,
            "yes" if setting.has_signal else "no",
            method,
            f"{errors[method] / total:.4f}",
            above_chance(errors[method] / total, total),
            f"{found[method] / total / ACTIVE**2:.4f}" if setting.has_signal else "n/a",
            str(total),
        )
        yield dict(zip(COLUMNS, values, strict=True))


simulated = simulation.repeated(piece, rows, PIECE, MORE)

if __name__ == "__main__":
    simulation.run(__file__, __doc__, SETTINGS, simulated, REPETITIONS)
