"""Simulation of the error and power of bounds calibrated by permutation, and of closed testing.

Simulates smooth maps, with and without activation, and counts the errors of all methods. Run as
``python validation/permutation_error.py``; writes ``permutation_error.tsv`` next to itself, which README.md explains.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import simulation
from scipy import ndimage
from simulation import ALPHA, Row, above_chance

from bids_ari.stats.bounds import Bound
from bids_ari.stats.calibration import calibrate, calibrate_step_down
from bids_ari.stats.choices import Alternative, Scheme
from bids_ari.stats.closed_testing import hommel_bound
from bids_ari.stats.critical_vectors import Beta, CriticalVectors, Learned, Simes, smallest_lambda
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.null_model import NullModel, fit_null_model
from bids_ari.stats.resampling import Exchangeability, Resampling, make_resampling

REPETITIONS = 2000
MORE = 4
"""Where an error is above chance, this many times as many data sets are added: of many errors, some are by chance."""
PIECE = 100
"""Data sets simulated together."""
SIDE, SMOOTH = 20, 2.0
"""Voxels along each side of a square map, and the standard deviation of the Gaussian it is smoothed by, in voxels."""
ACTIVE = 6
"""Side of the active square, if there is activation."""
SIZES = (10, 20, 40)
N_PERMUTATIONS = (20, 32, 200)
DELTA = 9
LEARNED, RANKS = 100, 100
"""Permutations of a learned template, and its ranks."""
STRENGTH = 4.5
"""Expected t of active voxels, with known variance."""

COLUMNS = (
    "question",
    "subjects",
    "signal",
    "method",
    "permutations",
    f"error at {ALPHA}",
    "above chance",
    "part of the active voxels found",
    "found, against closed testing with simes",
    "data sets",
)


class Question(NamedTuple):
    """A design, its test and the resampling scheme."""

    name: str
    alternative: Alternative
    first_group: float
    """Fraction of the subjects in the first group; 1 where there is one group."""
    with_covariate: bool
    scheme: Scheme


QUESTIONS = (
    Question("mean", "greater", 1.0, False, "flip"),
    Question("mean, with a covariate", "greater", 1.0, True, "flip"),
    Question("two groups 1:1, with a covariate", "two-sided", 0.5, True, "permute"),
    Question("two groups 3:7, with a covariate", "two-sided", 0.3, True, "permute"),
    Question("two groups 3:7, with a covariate, sign flips", "two-sided", 0.3, True, "flip"),
    Question("two groups 3:7, with a covariate, both", "two-sided", 0.3, True, "both"),
)


class Setting(NamedTuple):
    """A question, a number of subjects, and whether there is activation."""

    question: Question
    n_subjects: int
    has_signal: bool

    @property
    def active(self) -> npt.NDArray[np.bool_]:
        """The active voxels, a boolean per voxel (n_points,)."""
        return simulation.square(SIDE, ACTIVE if self.has_signal else 0)


SETTINGS = tuple(Setting(*each) for each in product(QUESTIONS, SIZES, (False, True)))


def design(question: Question, n: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Return a design matrix of n subjects and the weights of the test; the covariate is correlated with the group."""
    columns = [np.ones(n)]
    if question.first_group < 1:
        columns.append((np.arange(n) >= round(question.first_group * n)).astype(float))
    if question.with_covariate:
        covariate = rng.normal(size=n) + columns[-1]
        columns.append(covariate - covariate.mean())
    weights = np.zeros(len(columns))
    weights[1 if question.first_group < 1 else 0] = 1.0
    return np.column_stack(columns), weights


def smooth_maps(n: int, rng: np.random.Generator) -> FloatArray:
    """Return smooth maps of n subjects without effect, (n, n_points), of unit variance."""
    noise = rng.normal(size=(n, SIDE, SIDE))
    smooth = ndimage.gaussian_filter(noise, (0, SMOOTH, SMOOTH), mode="wrap").reshape(n, -1)
    impulse = ndimage.gaussian_filter(np.pad([[1.0]], 12), SMOOTH, mode="wrap")
    return np.asarray(smooth / np.sqrt((impulse**2).sum()))


def simulate(setting: Setting, rng: np.random.Generator) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return effects (n_subjects, n_points) of unit variance, design and weights; the covariate has an effect."""
    matrix, weights = design(setting.question, setting.n_subjects, rng)
    effects = smooth_maps(setting.n_subjects, rng) + 0.3 * matrix.sum(axis=1, keepdims=True)
    tested = np.flatnonzero(weights)[0]
    spread = np.sqrt(np.linalg.inv(matrix.T @ matrix)[tested, tested])
    effects += matrix[:, [tested]] * (STRENGTH * spread * setting.active - 0.3)
    return effects, matrix, weights


def bounds(setting: Setting, rng: np.random.Generator) -> Iterator[tuple[str, Bound]]:
    """Yield the bound of one data set by each method, with the names of method and number of permutations."""
    effects, matrix, weights = simulate(setting, rng)
    exchangeability = Exchangeability.of(setting.n_subjects, setting.question.scheme)
    model = fit_null_model(effects, matrix, weights, setting.question.alternative, exchangeability)
    resampling = make_resampling(model.subspaces, exchangeability, max(N_PERMUTATIONS), int(rng.integers(2**63)))
    p, m = model.observed_p(), model.n_points
    yield "closed testing, simes\t", hommel_bound(p, ALPHA, "simes")
    yield "closed testing, hommel\t", hommel_bound(p, ALPHA, "hommel")
    permuted = all_p(model, resampling)
    ordered = np.sort(permuted, axis=1)
    template = Learned.from_smallest_p(np.sort(all_p(model, resampling.independent(LEARNED)), axis=1)[:, :RANKS])
    families: dict[str, CriticalVectors] = {
        "simes": Simes(m),
        f"simes, delta {DELTA}": Simes(m, DELTA),
        "beta": Beta(m),
        "learned": template,
    }
    for name, family in families.items():
        lambdas = smallest_lambda(family, ordered)
        for n_permutations in N_PERMUTATIONS:
            yield f"{name}\t{n_permutations}", calibrate(lambdas[:n_permutations], family, ALPHA).bound(p)
    for name in ("simes", "learned"):
        family = families[name]
        without = lambda excluded, family=family: smallest_lambda(family, np.sort(permuted[:, ~excluded], axis=1))  # noqa: E731
        yield f"{name}, step-down\t{max(N_PERMUTATIONS)}", calibrate_step_down(p, without, family, ALPHA).bound(p)


def all_p(model: NullModel, resampling: Resampling) -> FloatArray:
    """Return all p, (n_permutations, n_points)."""
    return np.concatenate([model.permuted_p(resampling.batch(first)) for first in resampling.batches])


def piece(setting: Setting, seed: np.random.SeedSequence) -> simulation.Counts:
    """Simulate some data sets, and count what `simulation.count` does."""
    rng = np.random.default_rng(seed)
    return simulation.count((bounds(setting, rng) for _ in range(PIECE)), setting.active)


def rows(setting: Setting, counted: list[simulation.Counts]) -> Iterator[Row]:
    """Yield the rows of a setting."""
    errors, found, data_sets = (sum(counts, Counter()) for counts in zip(*counted, strict=True))
    for method, total in data_sets.items():
        name, _, n_permutations = method.partition("\t")
        simes = found["closed testing, simes\t"]
        error, power = errors[method] / total, found[method] / total / ACTIVE**2
        values = (
            setting.question.name,
            str(setting.n_subjects),
            "yes" if setting.has_signal else "no",
            name,
            n_permutations or "n/a",
            f"{error:.4f}",
            above_chance(error, total),
            f"{power:.4f}" if setting.has_signal else "n/a",
            f"{found[method] / simes:.2f}" if simes else "n/a",
            str(total),
        )
        yield dict(zip(COLUMNS, values, strict=True))


simulated = simulation.repeated(piece, rows, PIECE, MORE)

if __name__ == "__main__":
    simulation.run(__file__, __doc__, SETTINGS, simulated, REPETITIONS)
