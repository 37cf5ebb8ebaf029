"""Simulation of bounds on the numbers of positive and of negative effects beside those of two-sided tests.

Simulates independent and smooth maps without effect, with effects of one sign, of both, and with weak effects of which
estimates often have the wrong sign beside strong ones, and compares ways to bound the numbers of each sign. Run as
``python validation/direction.py``; writes ``direction.tsv`` next to itself, which README.md explains.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
import simulation
from permutation_error import SIDE, all_p, smooth_maps
from simulation import ALPHA, Row, above_chance

from bids_ari.stats.bounds import Bound
from bids_ari.stats.calibration import calibrate
from bids_ari.stats.closed_testing import hommel_bound
from bids_ari.stats.critical_vectors import smallest_lambda
from bids_ari.stats.direction import Directions, closed_directions, split_by_sign
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.null_model import fit_null_model
from bids_ari.stats.resampling import Exchangeability, make_resampling

REPETITIONS = 2000
PIECE = 100
"""Data sets simulated together."""
N_PERMUTATIONS, LEARNED, RANKS = 60, 40, 100

Square = tuple[int, int, int, int, float]
"""First row and column, the numbers of rows and columns, and the expected t, with known variance."""


class Setting(NamedTuple):
    """Number of subjects, smoothness of the maps, and squares with effects."""

    n_subjects: int
    smooth: bool
    signal: str
    squares: tuple[Square, ...] = ()

    @property
    def strength(self) -> FloatArray:
        """The expected t of each point, (n_points,)."""
        found = np.zeros((SIDE, SIDE))
        for row, column, n_rows, n_columns, t in self.squares:
            found[row : row + n_rows, column : column + n_columns] = t
        return found.ravel()


_SMALL = [(row, column, 3, 3) for row, column in product((3, 13), (2, 8, 14))]
SIGNALS: dict[str, tuple[Square, ...]] = {
    "none": (),
    "sparse, positive": tuple((*place, 5.0) for place in _SMALL),
    "sparse, both": tuple((*place, (5.0, -5.0)[i % 2]) for i, place in enumerate(_SMALL)),
    "broad, positive": ((0, 0, 10, 20, 3.0),),
    "broad, both": ((0, 0, 10, 10, 3.0), (0, 10, 10, 10, -3.0)),
    "strong and weak": ((0, 0, 20, 10, 8.0), (0, 10, 10, 5, 1.0), (0, 15, 10, 5, -1.0)),
}
SETTINGS = tuple(
    Setting(n, smooth, signal, squares)
    for n, smooth, (signal, squares) in product((10, 20), (False, True), SIGNALS.items())
)


def bounds(setting: Setting, rng: np.random.Generator) -> Iterator[tuple[str, Bound, Directions]]:
    """Yield the two-sided bound of one data set and those of each sign, for each way to compute them."""
    n = setting.n_subjects
    noise = smooth_maps(n, rng) if setting.smooth else rng.normal(size=(n, SIDE * SIDE))
    effects = noise + setting.strength / np.sqrt(n)
    exchangeability = Exchangeability.of(n, "flip")
    model = fit_null_model(effects, np.ones((n, 1)), np.ones(1), "greater", exchangeability)
    greater, sign = model.observed_p(), effects.mean(axis=0)
    p, less = 2 * np.minimum(greater, 1 - greater), 1 - greater
    yield from _closed(p, greater, less, sign)
    resampling = make_resampling(model.subspaces, exchangeability, N_PERMUTATIONS, int(rng.integers(2**63)))
    permuted, other = all_p(model, resampling), all_p(model, resampling.independent(LEARNED))
    family = simulation.combined(np.sort(2 * np.minimum(other, 1 - other), axis=1), RANKS)
    ordered, simes = np.sort(2 * np.minimum(permuted, 1 - permuted), axis=1), family.members[0]
    together, (alone, _) = simulation.lambdas_of(family, ordered)
    found = {"simes": calibrate(alone, simes, ALPHA), "combined": calibrate(together, family, ALPHA)}
    for name, calibration in found.items():
        bound = calibration.bound(p)
        yield f"permutation, {name}: split by sign", bound, split_by_sign(bound, sign)
    both = np.min([smallest_lambda(simes, np.sort(each, axis=1)) for each in (permuted, 1 - permuted)], axis=0)
    calibration = calibrate(both, simes, ALPHA)
    directions = Directions(calibration.bound(greater), calibration.bound(less))
    yield "permutation, simes: both directions calibrated", found["simes"].bound(p), directions


def _closed(
    p: FloatArray, greater: FloatArray, less: FloatArray, sign: FloatArray
) -> Iterator[tuple[str, Bound, Directions]]:
    """Yield those by closed testing."""
    m, two_sided = p.size, hommel_bound(p, ALPHA)
    yield "simes: alpha / 2 each", two_sided, closed_directions(greater, less, ALPHA)
    pooled = hommel_bound(np.concatenate([greater, less]), ALPHA).category
    yield "simes: 2m hypotheses", two_sided, Directions(*(Bound(each, ALPHA, "") for each in np.split(pooled, 2)))
    category = np.minimum(np.ceil(np.maximum(m * p / ALPHA, 1)), m + 1).astype(np.int32)
    yield "simes: single-step, split by sign", two_sided, split_by_sign(Bound(category, ALPHA, ""), sign)
    yield "simes: split by sign", two_sided, split_by_sign(two_sided, sign)
    yield "hommel: alpha / 2 each", hommel_bound(p, ALPHA, "hommel"), closed_directions(greater, less, ALPHA, "hommel")


def piece(setting: Setting, seed: np.random.SeedSequence) -> dict[str, Counter[str]]:
    """Simulate some data sets: count errors and discoveries of each way.

    The bound of some set exceeds its number of positive effects exactly when that of all other points is above 0.
    """
    rng, strength, counts = np.random.default_rng(seed), setting.strength, {}
    for _ in range(PIECE):
        for name, two_sided, (positive, negative) in bounds(setting, rng):
            wrong = positive.tdn(strength <= 0) > 0 or negative.tdn(strength >= 0) > 0
            counts.setdefault(name, Counter()).update(
                signs=wrong,
                all=wrong or two_sided.tdn(strength == 0) > 0,
                positive=positive.tdn(strength > 0),
                negative=negative.tdn(strength < 0),
                not_zero=two_sided.tdn(strength != 0),
                data_sets=1,
            )
    return counts


def rows(setting: Setting, seed: np.random.SeedSequence, repetitions: int, apply: simulation.Map) -> Iterator[Row]:
    """Yield the rows of a setting."""
    seeds, strength = simulation.pieces(seed, repetitions, PIECE), setting.strength
    counted = list(apply(piece, [setting] * len(seeds), seeds))
    for name in counted[0]:
        total = sum((each[name] for each in counted), Counter[str]())
        n = total["data_sets"]
        yield {
            "subjects": setting.n_subjects,
            "maps": "smooth" if setting.smooth else "independent",
            "effects": setting.signal,
            "bounds": name,
            "error of both signs": f"{total['signs'] / n:.4f}",
            "error of all three": f"{total['all'] / n:.4f}",
            "above chance": above_chance(total["all"] / n, n),
            "positive found": _part(total["positive"], n * int((strength > 0).sum())),
            "negative found": _part(total["negative"], n * int((strength < 0).sum())),
            "not zero found": _part(total["not_zero"], n * int((strength != 0).sum())),
            "data sets": n,
        }


def _part(found: int, of: int) -> str:
    """Return a proportion; not available of nothing."""
    return f"{found / of:.4f}" if of else "n/a"


if __name__ == "__main__":
    simulation.run(__file__, __doc__, SETTINGS, rows, REPETITIONS)
