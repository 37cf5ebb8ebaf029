"""Simulation of the error of permutations of families, with and without exchangeability blocks.

The errors of the members of a family are correlated. Subjects are permuted, or their signs flipped, freely, within
families, and families as wholes. Run as ``python validation/blocks.py``; writes ``blocks.tsv`` next to itself, which
README.md explains.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import simulation
from scipy import ndimage
from simulation import ALPHA, Row, above_chance

from bids_ari.stats.block_tree import Block, block_tree
from bids_ari.stats.calibration import n_allowed_errors
from bids_ari.stats.choices import Scheme
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.null_model import NullModel, fit_null_model
from bids_ari.stats.resampling import Exchangeability, Resampling, make_resampling

REPETITIONS, PIECE = 2000, 50
MORE = 4
"""Where the error of valid blocks is above chance, this many times as many data sets are added."""
SIDE, SMOOTH = 18, 1.5
"""Voxels along each side of a square map, and the standard deviation of the Gaussian it is smoothed by, in voxels."""
N_PERMUTATIONS = 100
SHARED = 0.6
"""Correlation of the errors of two members of a family, and of the parts of their ages that are not constant."""
TWINS = 0.9
"""Correlation of the errors of twins, where a family also has another sibling."""
FREE = "none"
"""Each subject is exchanged with each, or flipped on its own."""
FIRST = 32
"""Number of smallest p of each permutation that are computed first; all are where these do not decide."""
COLUMNS = (
    "question",
    "families",
    "scheme",
    "blocks",
    "valid",
    f"error at {ALPHA}",
    "above chance",
    "permutations",
    "data sets",
)


class Way(NamedTuple):
    """A scheme and exchangeability blocks, as after ``--blocks``, and whether the errors are exchangeable so."""

    scheme: Scheme
    blocks: str
    is_valid: bool


class Question(NamedTuple):
    """Families, a design and its test, and ways to permute."""

    name: str
    sizes: tuple[int, ...]  # of families
    columns: tuple[str, ...]  # of the design; the last one is tested
    ways: tuple[Way, ...]
    site_sd: tuple[float, ...] = (1.0,)  # of the errors at each site; the families are divided equally
    has_twins: bool = False  # whether all but the last member of a family are twins; the last one has sd 2


PAIRS, MIXED = (2,) * 12, (1,) * 6 + (2,) * 6 + (3,) * 2


def permuted(*ways: tuple[str, bool]) -> tuple[Way, ...]:
    """Return ways to permute without sign flips, with whether they are valid."""
    return tuple(Way("permute", *way) for way in ways)


WHOLE = permuted((FREE, False), ("+family", True))
INSIDE = permuted((FREE, False), ("family", True), ("+family", True), ("+family/+subject", True))
FLIPS = (Way("flip", FREE, False), Way("flip", "+family", True))
QUESTIONS = (
    Question("groups of whole families", PAIRS, ("mean", "family group"), WHOLE),
    Question("groups of whole families", MIXED, ("mean", "family group"), WHOLE),
    Question(
        "groups of whole families, with age",
        MIXED,
        ("mean", "age", "family group"),
        (*WHOLE, Way("permute", "+family/+subject", True), Way("both", "+family", True)),
    ),
    Question("groups within families", PAIRS, ("mean", "group"), INSIDE),
    Question("age, with sex", MIXED, ("mean", "sex", "age"), INSIDE),
    Question("mean", PAIRS, ("mean",), FLIPS),
    Question("mean", MIXED, ("mean",), FLIPS),
    Question("mean, with age", MIXED, ("age", "mean"), FLIPS),
    Question(
        "groups of whole families, sd 1, 1 and 2 at three sites",
        (2,) * 18,
        ("sites", "family group"),
        permuted((FREE, False), ("+family", False), ("site/+family", True)),
        site_sd=(1.0, 1.0, 2.0),
    ),
    Question(
        "groups within families of twins and a sibling of sd 2",
        (3,) * 10,
        ("mean", "kind", "group"),
        permuted((FREE, False), ("+family/+subject", False), ("+family", True), ("+family/kind/+subject", True)),
        has_twins=True,
    ),
    Question("groups of whole families, with age", MIXED * 2, ("mean", "age", "family group"), WHOLE),
)


class Subjects(NamedTuple):
    """The family, the place in the family, and the site of each subject."""

    family: np.ndarray
    place: np.ndarray
    site: np.ndarray
    is_sibling: np.ndarray  # of twins

    @classmethod
    def of(cls, question: Question) -> "Subjects":
        """Number the subjects of a question."""
        sizes = np.array(question.sizes)
        family = np.repeat(np.arange(sizes.size), sizes)
        place = np.concatenate([np.arange(size) for size in sizes])
        site = family * len(question.site_sd) // sizes.size
        return cls(family, place, site, question.has_twins & (place == sizes[family] - 1))


def shared(subjects: Subjects, shape: tuple[int, ...], draw: Callable[[tuple[int, ...]], FloatArray]) -> FloatArray:
    """Return values of unit variance, (n_subjects, ...), that are correlated between the members of a family."""
    n_families, n = subjects.family.max() + 1, subjects.family.size
    of_family, own = draw((n_families, *shape))[subjects.family], draw((n, *shape))
    values = np.sqrt(SHARED) * of_family + np.sqrt(1 - SHARED) * own
    if subjects.is_sibling.any():
        of_twins = draw((n_families, *shape))[subjects.family]
        is_twin = ~subjects.is_sibling.reshape(-1, *[1] * len(shape))
        twins = np.sqrt(SHARED) * of_family + np.sqrt(TWINS - SHARED) * of_twins + np.sqrt(1 - TWINS) * own
        values = np.where(is_twin, twins, 2 * values)
    return values


def errors(question: Question, subjects: Subjects, rng: np.random.Generator) -> FloatArray:
    """Return smooth maps without effect, (n_subjects, n_points)."""
    noise = shared(subjects, (SIDE, SIDE), lambda shape: rng.normal(size=shape))
    smooth = ndimage.gaussian_filter(noise, (0, SMOOTH, SMOOTH), mode="wrap").reshape(len(noise), -1)
    return np.asarray(smooth * np.array(question.site_sd)[subjects.site][:, None])


def design(question: Question, subjects: Subjects, rng: np.random.Generator) -> FloatArray:
    """Return a design matrix, the tested column last; of several sites, the last one has groups of the same size."""
    n, n_families = subjects.family.size, len(question.sizes)
    part = np.array([0.5, 0.5, 0.5] if len(question.site_sd) == 1 else [1 / 6, 5 / 6, 0.5])
    columns: dict[str, FloatArray] = {"mean": np.ones(n)}
    of_site = np.arange(n_families) * len(question.site_sd) // n_families
    group = np.zeros(n_families)
    for site in range(len(question.site_sd)):
        members = rng.permutation(np.flatnonzero(of_site == site))
        group[members[: round(part[site] * members.size)]] = 1
    columns["family group"] = group[subjects.family]
    first = rng.integers(2, size=n_families)
    first[:2] = 0, 1  # not the same in all families: then no exchange of whole families would change the test
    columns["group"] = ((subjects.place + first[subjects.family]) % 2).astype(float)
    if question.has_twins:  # the case is the sibling in 70 % of the families, else one of the twins
        is_sibling = rng.permutation(n_families) < 0.7 * n_families
        case = np.where(is_sibling, 2, rng.integers(2, size=n_families))
        columns["group"] = (subjects.place == case[subjects.family]).astype(float)
    columns["kind"] = subjects.is_sibling.astype(float)
    columns["sex"] = rng.integers(2, size=n).astype(float)
    age = shared(subjects._replace(is_sibling=np.zeros(n, dtype=bool)), (), lambda shape: rng.normal(size=shape))
    columns["age"] = age - age.mean() + (columns["family group"] if "family group" in question.columns else 0)
    sites = np.eye(len(question.site_sd))[subjects.site]
    return np.column_stack([sites if name == "sites" else columns[name] for name in question.columns])


def blocks_of(text: str, subjects: Subjects) -> Block | Sequence[int] | None:
    """Return exchangeability blocks as after ``--blocks``."""
    if text in (FREE, "family"):
        return None if text == FREE else subjects.family.tolist()
    levels = text.split("/")
    values = {"family": subjects.family, "site": subjects.site, "kind": subjects.is_sibling}
    marks = [level.startswith("+") for level in levels]
    names = [level.lstrip("+") for level in levels if level != "+subject"]
    marks += [False] if len(names) == len(levels) else []
    paths = np.column_stack([values[name] for name in names]).tolist()
    return block_tree(paths, [marks] * len(paths))


def is_wrong(model: NullModel, resampling: Resampling) -> bool:
    """Return whether a bound is above 0: the smallest p_(k) m / k of the data is less than the chosen lambda.

    It is not, if more permutations than are allowed an error have one that is at most that of the data.
    """
    found = np.concatenate([model.correlations(resampling.batch(first)) for first in resampling.batches])
    r, dof, m = -np.sort(-np.abs(found), axis=1), float(model.dofs[0]), model.n_points
    rank, n_allowed = np.arange(1, m + 1), n_allowed_errors(ALPHA, len(found))
    at_most = (model.p_of_correlations(r[:, :FIRST], dof) * m / rank[:FIRST]).min(axis=1)
    at_least = min(at_most[0], float(model.p_of_correlations(r[0, FIRST], dof)))  # p_(k) m / k is at least p_(k)
    if (at_most <= at_least).sum() > n_allowed:
        return False
    lambdas = (model.p_of_correlations(r, dof) * m / rank).min(axis=1)
    return bool(lambdas[0] < np.sort(lambdas)[n_allowed])


def piece(question: Question, seed: np.random.SeedSequence) -> tuple[Counter[Way], Counter[Way]]:
    """Simulate some data sets; count those in which a bound is above 0, and the permutations, of each way."""
    rng, subjects = np.random.default_rng(seed), Subjects.of(question)
    n = subjects.family.size
    each = {way: Exchangeability.of(n, way.scheme, blocks_of(way.blocks, subjects)) for way in question.ways}
    wrong, used = Counter[Way](), Counter[Way]()
    for _ in range(PIECE):
        effects, matrix = errors(question, subjects, rng), design(question, subjects, rng)
        weights = (np.arange(matrix.shape[1]) == matrix.shape[1] - 1).astype(float)
        number = int(rng.integers(2**63))
        for way, exchangeability in each.items():
            model = fit_null_model(effects, matrix, weights, "two-sided", exchangeability)
            resampling = make_resampling(model.subspaces, exchangeability, N_PERMUTATIONS, number)
            wrong[way] += is_wrong(model, resampling)
            used[way] += resampling.n_permutations
    return wrong, used


def rows(question: Question, seed: np.random.SeedSequence, repetitions: int, apply: simulation.Map) -> Iterator[Row]:
    """Yield the rows of a question."""
    seeds = simulation.pieces(seed, repetitions, PIECE)
    wrong, used, n = counts(question, seeds, apply)
    if doubtful := [
        way for way in question.ways if way.is_valid and above_chance(wrong[way] / n[way], n[way]) == "yes"
    ]:
        again = counts(question._replace(ways=tuple(doubtful)), seed.spawn(MORE * len(seeds)), apply)
        wrong, used, n = wrong + again[0], used + again[1], n + again[2]
    families = ", ".join(f"{number} of {size}" for size, number in Counter(question.sizes).items())
    for way in question.ways:
        values = (question.name, families, way.scheme, way.blocks, "yes" if way.is_valid else "no")
        error = wrong[way] / n[way]
        figures = (f"{error:.4f}", above_chance(error, n[way]), round(used[way] / n[way]), n[way])
        yield dict(zip(COLUMNS, (*values, *figures), strict=True))


def counts(
    question: Question, seeds: Sequence[np.random.SeedSequence], apply: simulation.Map
) -> tuple[Counter[Way], Counter[Way], Counter[Way]]:
    """Return the numbers of data sets in error, of permutations, and of data sets, of each way."""
    each = [*apply(piece, [question] * len(seeds), seeds)]
    wrong, used = (sum(counted, Counter()) for counted in zip(*each, strict=True))
    return wrong, used, Counter(dict.fromkeys(question.ways, len(seeds) * PIECE))


if __name__ == "__main__":
    simulation.run(__file__, __doc__, QUESTIONS, rows, REPETITIONS)
