"""Simulation of the error of the bounds where errors are not normal or not of equal variance, and of what is said then.

Simulates maps without activation, counts data sets in which any bound is above 0, by closed testing and by
permutation, and of some of them those in which the command has a note. Run as ``python validation/violations.py``;
writes ``violations.tsv`` next to itself, which README.md explains.
"""

from collections import Counter
from collections.abc import Iterator
from functools import cache, partial
from itertools import product
from typing import NamedTuple

import numpy as np
import simulation
from scipy import ndimage, stats
from simulation import ALPHA, Row, above_chance

from bids_ari.analysis.group_model import fit
from bids_ari.analysis.normality import notes_on_normality
from bids_ari.analysis.variances import notes_on_permuted_groups, notes_on_variances
from bids_ari.config.options import Options
from bids_ari.design.design import Design
from bids_ari.images.stack import Stack
from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.stats.calibration import calibrate
from bids_ari.stats.choices import Alternative
from bids_ari.stats.closed_testing import hommel_bound
from bids_ari.stats.critical_vectors import Simes, smallest_lambda
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.null_model import NullModel, default_scheme, fit_null_model
from bids_ari.stats.resampling import Exchangeability, Permutations, make_resampling

REPETITIONS, PIECE = 2000, 100
NOTED = 5
"""Data sets of each piece whose notes are looked at, which takes longer than the bounds."""
SIDE, SMOOTH = 10, 1.5
"""Voxels along each side of a square map, and the standard deviation of the Gaussian it is smoothed by, in voxels."""
SPACE = VolumeSpace(Grid((SIDE, SIDE, 1), np.eye(4)), np.ones((SIDE, SIDE, 1), dtype=bool))
N_PERMUTATIONS, RANKS = 40, 100
ERRORS = {"t3": stats.t(3), "skewed": stats.gamma(4, loc=-4)}
NORMAL = np.linspace(-7, 7, 20_001)
QUANTILES = {name: errors.ppf(stats.norm.cdf(NORMAL)) for name, errors in ERRORS.items()}
"""Of errors with the probabilities of `NORMAL`."""
SD = {"sd 2 and 1": (2.0, 1.0), "sd 1 and 2": (1.0, 2.0)}
METHODS = ("closed testing, simes", "closed testing, hommel", "permutation, simes", "permutation, combined")
COLUMNS = (
    *("errors", "design", "subjects", "voxels", "method", f"error at {ALPHA}", "above chance", "noted"),
    *("data sets", "data sets with notes"),
)


class Question(NamedTuple):
    """A design and its test."""

    name: str
    alternative: Alternative
    first_group: float = 1.0
    """Fraction of the subjects in the first group; 1 where there is one group."""
    has_covariate: bool = False

    def design(self, n: int) -> Design:
        """Return the design of n subjects; the test is of its last column. The covariate is skewed, as many are."""
        size = round(self.first_group * n)
        columns = [np.ones(n)]
        if size < n:
            columns.append(np.arange(n) < size)
        if self.has_covariate:
            columns.append(stats.expon.ppf((np.arange(n) + 0.5) / n))
        groups = () if size == n else ("first",) * size + ("second",) * (n - size)
        subjects = tuple(f"{i:02d}" for i in range(n))
        matrix = np.column_stack(columns).astype(float)
        return Design(subjects, matrix, tuple("abc"[: len(columns)]), {"test": np.eye(len(columns))[-1]}, groups=groups)


MEAN_BELOW, MEAN = Question("mean below 0", "less"), Question("mean", "two-sided")
EQUAL, UNEQUAL = Question("groups 1:1", "two-sided", 0.5), Question("groups 3:7", "two-sided", 0.3)
COVARIATE = Question("covariate", "two-sided", has_covariate=True)


class Setting(NamedTuple):
    """The errors, the design and its number of subjects, and whether maps are smooth."""

    errors: str
    question: Question
    n_subjects: int
    is_smooth: bool


KINDS = (
    *(("t3", question) for question in (MEAN, EQUAL, UNEQUAL, COVARIATE)),
    *(("skewed", question) for question in (MEAN_BELOW, MEAN, EQUAL, UNEQUAL, COVARIATE)),
    *(("sd 2 and 1", question) for question in (EQUAL, UNEQUAL)),
    ("sd 1 and 2", UNEQUAL),
)
SIZES = (10, 20, 40)
SETTINGS = tuple(Setting(*kind, n, True) for n, kind in product(SIZES, KINDS))


def simulate(setting: Setting, rng: np.random.Generator) -> FloatArray:
    """Return effects without activation (n_subjects, n_points): normal maps, transformed at each voxel."""
    n = setting.n_subjects
    maps = rng.normal(size=(n, SIDE, SIDE))
    if setting.is_smooth:
        maps = ndimage.gaussian_filter(maps, (0, SMOOTH, SMOOTH), mode="wrap")
        impulse = ndimage.gaussian_filter(np.pad([[1.0]], ((0, SIDE - 1), (0, SIDE - 1))), SMOOTH, mode="wrap")
        maps /= np.sqrt((impulse**2).sum())
    maps = maps.reshape(n, -1)
    if setting.errors in ERRORS:
        return np.interp(maps, NORMAL, QUANTILES[setting.errors])
    size = round(setting.question.first_group * n)
    return maps * np.repeat(SD[setting.errors], (size, n - size))[:, None]


def found(effects: FloatArray, design: Design, alternative: Alternative, seed: int) -> Iterator[bool]:
    """Yield whether any bound is above 0, for each of `METHODS`."""
    matrix, weights = design.matrix, design.tests["test"]
    exchangeability = Exchangeability.of(len(matrix), default_scheme(matrix, weights))
    model = fit_null_model(effects, matrix, weights, alternative, exchangeability)
    resampling = make_resampling(model.subspaces, exchangeability, N_PERMUTATIONS, seed)
    independent = resampling.independent(N_PERMUTATIONS)
    ordered, learning = (
        np.sort(np.vstack([quick_p(model, each.batch(first)) for first in each.batches]), axis=1)
        for each in (resampling, independent)
    )
    (observed,) = quick_p(model, Permutations.identity(len(matrix)))
    p = model.observed_p()
    yield hommel_bound(p, ALPHA, "simes").whole > 0
    yield hommel_bound(p, ALPHA, "hommel").whole > 0
    for family in (Simes(model.n_points), simulation.combined(learning, RANKS)):
        yield calibrate(smallest_lambda(family, ordered), family, ALPHA).bound(observed).whole > 0


def quick_p(model: NullModel, permutations: Permutations) -> FloatArray:
    """Return p of all points, (n_permutations, n_points), by interpolation: monotone, so that calibration is exact."""
    table = _table(int(model.dofs[0]), model.n_rows, model.subspaces.one_sided)
    return np.asarray(np.exp(np.interp(model.correlations(permutations), *table)))


@cache
def _table(dof: int, n_rows: int, one_sided: bool) -> tuple[FloatArray, FloatArray]:
    """Return partial correlations, and the logarithm of their p; `n_rows` of an F test, 0 for t."""
    r = np.linspace(-0.9999, 0.9999, 2_000)
    if n_rows:
        return r[r > 0], stats.f.logsf(r[r > 0] ** 2 / (1 - r[r > 0] ** 2) * dof / n_rows, n_rows, dof)
    log_p = stats.t.logsf(r * np.sqrt(dof / (1 - r**2)), dof)
    return (r, log_p) if one_sided else (r[r > 0], np.minimum(log_p[r > 0] + np.log(2), 0))


def noted(effects: FloatArray, design: Design) -> dict[str, bool]:
    """Return whether the command has a note on errors or variances: for closed testing, and for permutation."""
    stack = Stack(effects, design.subjects, SPACE, np.ones(SPACE.shape))
    fitted, units = fit(stack, design, Options()), SPACE.units
    return {
        method: bool(
            [*notes_on_normality(fitted.normality, design, "test", options, units)]
            or [*notes_on_variances(fitted.variances, design, "test", options, units)]
            or [*notes_on_permuted_groups(fitted.variances, fitted.outlying.residual, design, options, units)]
        )
        for method, options in (("closed", Options()), ("permutation", Options(method=("permutation",))))
    }


def piece(setting: Setting, seed: np.random.SeedSequence) -> Counter[str]:
    """Simulate some data sets; count errors by method, and notes."""
    rng, total = np.random.default_rng(seed), Counter[str]()
    design = setting.question.design(setting.n_subjects)
    for number in range(PIECE):
        effects = simulate(setting, rng)
        wrong = found(effects, design, setting.question.alternative, int(rng.integers(2**63)))
        total.update(dict(zip(METHODS, wrong, strict=True)))
        if number < NOTED:
            total.update(noted(effects, design))
    return total


def rows(setting: Setting, seed: np.random.SeedSequence, repetitions: int, apply: simulation.Map) -> Iterator[Row]:
    """Yield the rows of a setting."""
    seeds = simulation.pieces(seed, repetitions, PIECE)
    total = sum(apply(partial(piece, setting), seeds), Counter())
    n, n_noted = len(seeds) * PIECE, len(seeds) * NOTED
    for method in METHODS:
        error, notes = total[method] / n, total[method.split(",")[0].split(" ")[0]] / n_noted
        voxels = "smooth" if setting.is_smooth else "independent"
        what = (setting.errors, setting.question.name, setting.n_subjects, voxels, method)
        values = (*what, f"{error:.4f}", above_chance(error, n), f"{notes:.3f}", n, n_noted)
        yield dict(zip(COLUMNS, values, strict=True))


if __name__ == "__main__":
    simulation.run(__file__, __doc__, SETTINGS, rows, REPETITIONS)
