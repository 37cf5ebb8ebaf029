"""Simulation of the error of the bounds where their assumptions are not proved, or do not hold.

Two-sided t tests and F tests, for which Simes' inequality is not proved; and skewed errors, whose p-values are not
those of t, and whose signs cannot be flipped. Run as ``python validation/assumptions.py``; writes ``assumptions.tsv``
next to itself, which README.md explains.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
import simulation
from scipy import ndimage, special
from simulation import ALPHA, Row, above_chance

from bids_ari.stats.calibration import calibrate_by_permutation
from bids_ari.stats.choices import Alternative
from bids_ari.stats.closed_testing import hommel_bound
from bids_ari.stats.critical_vectors import Simes
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.null_model import fit_null_model
from bids_ari.stats.resampling import Exchangeability, make_resampling

REPETITIONS, PIECE = 2000, 50
N_SUBJECTS, SIDE = 15, 20
N_PERMUTATIONS = 200
SHAPE = 4.0
"""Of the gamma distribution of skewed errors, whose skewness is 2 / sqrt(shape) = 1."""
COLUMNS = ("test", "errors", "voxels", "method", f"error at {ALPHA}", "above chance", "data sets")


class Setting(NamedTuple):
    """A test, the distribution of errors, and the dependence of voxels: the standard deviation of a Gaussian."""

    test: str
    errors: str
    smoothing: float

    @property
    def alternative(self) -> Alternative:
        """The alternative; an F test of three groups has ``greater``."""
        return {"less": "less", "two-sided": "two-sided"}.get(self.test, "greater")  # type: ignore[return-value]


TESTS = ("greater", "less", "two-sided", "F, three groups")
SETTINGS = (
    *(Setting(*each) for each in product(TESTS, ("normal",), (0.0, 2.0))),
    *(Setting(*each) for each in product(TESTS[:3], ("skewed",), (2.0,))),
)


def simulate(setting: Setting, rng: np.random.Generator) -> FloatArray:
    """Return effects (n_subjects, n_points) without activation; skewed errors are gamma minus their mean."""
    noise = rng.normal(size=(N_SUBJECTS, SIDE, SIDE))
    if setting.smoothing:
        noise = ndimage.gaussian_filter(noise, (0, setting.smoothing, setting.smoothing), mode="wrap")
        impulse = ndimage.gaussian_filter(np.pad([[1.0]], 12), setting.smoothing, mode="wrap")
        noise /= np.sqrt((impulse**2).sum())
    if setting.errors == "skewed":
        noise = special.gammaincinv(SHAPE, special.ndtr(noise)) - SHAPE
    return np.asarray(noise.reshape(N_SUBJECTS, -1))


def piece(setting: Setting, seed: np.random.SeedSequence) -> Counter[str]:
    """Simulate some data sets; count those in which a bound is above 0, by method."""
    rng, wrong = np.random.default_rng(seed), Counter[str]()
    is_f = setting.test.startswith("F")
    matrix = np.repeat(np.eye(3), N_SUBJECTS // 3, axis=0) if is_f else np.ones((N_SUBJECTS, 1))
    weights = np.array([[-1.0, 1, 0], [-1, 0, 1]]) if is_f else np.ones(1)
    exchangeability = Exchangeability.of(N_SUBJECTS, "permute" if is_f else "flip")
    for _ in range(PIECE):
        model = fit_null_model(simulate(setting, rng), matrix, weights, setting.alternative, exchangeability)
        resampling = make_resampling(model.subspaces, exchangeability, N_PERMUTATIONS, int(rng.integers(2**63)))
        found = calibrate_by_permutation(model, resampling, Simes(model.n_points), ALPHA)
        p = model.observed_p()
        wrong["closed testing, simes"] += hommel_bound(p, ALPHA, "simes").whole > 0
        wrong["closed testing, hommel"] += hommel_bound(p, ALPHA, "hommel").whole > 0
        wrong["permutation"] += found.bound(p).whole > 0
    return wrong


def rows(setting: Setting, seed: np.random.SeedSequence, repetitions: int, apply: simulation.Map) -> Iterator[Row]:
    """Yield the rows of a setting."""
    seeds = simulation.pieces(seed, repetitions, PIECE)
    wrong, n = sum(apply(piece, [setting] * len(seeds), seeds), Counter()), len(seeds) * PIECE
    voxels = "smooth" if setting.smoothing else "independent"
    for method in ("closed testing, simes", "closed testing, hommel", "permutation"):
        error = wrong[method] / n
        values = (setting.test, setting.errors, voxels, method, f"{error:.4f}", above_chance(error, n), n)
        yield dict(zip(COLUMNS, values, strict=True))


if __name__ == "__main__":
    simulation.run(__file__, __doc__, SETTINGS, rows, REPETITIONS)
