"""Familywise errors by permutation: the definition, literally, with all permutations listed."""

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import pytest
from scipy import ndimage, sparse, stats

from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.stats.calibration import categories, n_allowed_errors
from bids_ari.stats.choices import Alternative
from bids_ari.stats.critical_vectors import Simes
from bids_ari.stats.distributions import FloatArray, z_from_f, z_from_t
from bids_ari.stats.familywise import Extent, FamilywiseErrors, familywise_errors
from bids_ari.stats.forest import CsrAdjacency
from bids_ari.stats.null_model import NullModel, fit_null_model
from bids_ari.stats.resampling import Exchangeability, Resampling, make_resampling

THRESHOLDS = (2.0, 0.5, 1.2)
SHAPE = (6, 7, 5)


def mean_z(values: FloatArray) -> FloatArray:
    """z of the mean of each point, (n_points,), where the values are not NaN."""
    n = np.isfinite(values).sum(axis=0)
    t = np.nanmean(values, axis=0) / np.nanstd(values, axis=0, ddof=1) * np.sqrt(n)
    return z_from_t(t, (n - 1).astype(float))


def direction_of(alternative: Alternative) -> Callable[[FloatArray], FloatArray]:
    return {"greater": np.positive, "less": np.negative, "two-sided": np.abs}[alternative]


def largest_by_scipy(z: FloatArray, space: VolumeSpace, threshold: float, signs: Sequence[int] | None) -> int:
    """The size of the largest cluster, of one sign each; None: of the absolute values."""
    maps = [np.abs(z)] if signs is None else [sign * z for sign in signs]
    neighbours = ndimage.generate_binary_structure(3, 2)  # 18 neighbours
    sizes = [
        np.bincount(ndimage.label(space.unmask(each, -np.inf) > threshold, neighbours)[0].ravel())[1:] for each in maps
    ]
    return int(np.concatenate(sizes).max(initial=0))


@pytest.fixture
def space(rng: np.random.Generator) -> VolumeSpace:
    return Grid(SHAPE, np.eye(4)).space(rng.random(SHAPE) < 0.9)


def effects_of(space: VolumeSpace, rng: np.random.Generator, n: int = 6) -> FloatArray:
    smooth = np.stack([ndimage.gaussian_filter(rng.normal(size=SHAPE), 0.8) for _ in range(n)])
    return smooth[:, space.inside] / smooth.std() + 0.4


def errors_of_mean(
    effects: FloatArray, extent: Extent, alternative: Alternative, n_threads: int = 1
) -> tuple[NullModel, Resampling, FamilywiseErrors]:
    """The familywise errors of the mean by all sign flips, or 300 random ones."""
    exchangeability = Exchangeability.of(len(effects), "flip")
    model = fit_null_model(effects, np.ones((len(effects), 1)), np.ones(1), alternative, exchangeability)
    resampling = make_resampling(model.subspaces, exchangeability, 300, seed=1)
    z = mean_z(effects)
    z = -z if alternative == "less" else z
    return model, resampling, familywise_errors(model, resampling, z, THRESHOLDS, extent, n_threads)


def counting(space: VolumeSpace, *, join_signs: bool = False) -> Extent:
    return Extent(space.adjacency(18), np.ones(space.n_points, dtype=np.int64), join_signs=join_signs)


@pytest.mark.parametrize("gaps", [False, True], ids=["complete", "gaps"])
@pytest.mark.parametrize(
    ("alternative", "join_signs", "signs"),
    [("greater", False, (1,)), ("less", False, (-1,)), ("two-sided", False, (1, -1)), ("two-sided", True, None)],
    ids=str,
)
def test_all_sign_flips_are_counted(
    space: VolumeSpace,
    rng: np.random.Generator,
    alternative: Alternative,
    join_signs: bool,
    signs: tuple[int, ...] | None,
    gaps: bool,
) -> None:
    """Six subjects have 64 sign flips; two-sided statistics are those of 32, and the other 32 are the same again."""
    effects = effects_of(space, rng)
    if gaps:
        effects[0, ::3] = effects[4, ::5] = np.nan
    errors = errors_of_mean(effects, counting(space, join_signs=join_signs), alternative)[2]
    flipped = [mean_z(effects * np.array(flip)[:, None]) for flip in product((1, -1), repeat=6)]
    observed, extreme = flipped[0], direction_of(alternative)
    top = np.array([extreme(z).max() for z in flipped])
    share = np.mean(top[:, None] >= extreme(observed) - 1e-9, axis=0)
    np.testing.assert_allclose(errors.p, share, rtol=1e-12)
    assert errors.n_permutations == (32 if alternative == "two-sided" else 64)
    for threshold in THRESHOLDS:
        largest = np.array([largest_by_scipy(z, space, threshold, signs) for z in flipped])
        sizes = np.unique(largest)
        expected = [np.mean(largest >= size) for size in sizes]
        np.testing.assert_allclose(errors.p_of_extents(sizes.tolist(), threshold), expected, rtol=1e-12)


def test_at_alpha_the_points_are_those_of_a_calibration_of_one_rank(
    space: VolumeSpace, rng: np.random.Generator
) -> None:
    """With K = 1, a permutation makes an error where m times its smallest p is below lambda."""
    effects = effects_of(space, rng, n=10)
    effects[:, :20] += 1
    model, _, errors = errors_of_mean(effects, counting(space), "greater")
    family = Simes(space.n_points)
    for alpha in (0.01, 0.05, 0.2, 0.29):
        lambdas = np.sort(family.inverse(np.ones(300, dtype=np.intp), errors.smallest_p))
        lambda_ = lambdas[n_allowed_errors(alpha, 300)]  # .29 of 300 is 87, though the float is less
        first = family.inverse(np.ones(space.n_points, dtype=np.intp), model.observed_p()) < lambda_
        np.testing.assert_array_equal(errors.p <= alpha, first)
    assert 0 < (errors.p <= 0.05).sum() < space.n_points
    assert (categories(model.observed_p(), family, lambda_) == 1)[first].all()


def test_the_smallest_p_are_those_of_all_points(space: VolumeSpace, rng: np.random.Generator) -> None:
    effects = effects_of(space, rng, n=9)
    effects[2, ::4] = np.nan
    model, resampling, errors = errors_of_mean(effects, counting(space), "two-sided")
    every = np.concatenate([model.permuted_p(resampling.batch(first)).min(axis=1) for first in resampling.batches])
    np.testing.assert_allclose(errors.smallest_p, every, rtol=1e-12)


def test_threads_change_nothing(space: VolumeSpace, rng: np.random.Generator) -> None:
    effects = effects_of(space, rng, n=12)
    one, four = (errors_of_mean(effects, counting(space), "greater", n)[2] for n in (1, 4))
    for name in ("counts", "smallest_p", "extents"):
        np.testing.assert_array_equal(getattr(one, name), getattr(four, name))


def test_extents_on_a_graph_are_sums_of_weights(rng: np.random.Generator) -> None:
    """The largest component of each sign by scipy, in a random graph whose points differ in size."""
    n_points, n = 300, 8
    edges = rng.integers(0, n_points, size=(330, 2))
    edges = edges[edges[:, 0] != edges[:, 1]]
    weights = rng.integers(1, 50, size=n_points)
    extent = Extent(CsrAdjacency.of_edges(edges, n_points), weights.astype(np.int64), per_unit=10.0)
    effects = rng.normal(size=(n, n_points))
    effects[3, ::7] = np.nan  # so that the order of the points in the model is another one
    _, resampling, errors = errors_of_mean(effects, extent, "two-sided")
    flips = np.concatenate([resampling.batch(first).sign for first in resampling.batches])
    for b, flip in enumerate(flips):
        z = mean_z(effects * flip[:, None])
        for i, threshold in enumerate(THRESHOLDS):
            largest = 0.0
            for above in (z > threshold, -z > threshold):
                kept = edges[above[edges].all(axis=1)]
                matrix = sparse.coo_matrix((np.ones(len(kept)), kept.T), shape=(n_points, n_points))
                labels = sparse.csgraph.connected_components(matrix, directed=False)[1]
                largest = max(largest, np.bincount(labels[above], weights[above], minlength=1).max(initial=0))
            assert errors.extents[b, i] == pytest.approx(largest / 10, rel=1e-12)


def test_a_threshold_is_the_correlation_of_its_tail(rng: np.random.Generator) -> None:
    """z of the statistic at the limit is the threshold: t^2 = r^2 dof / (1 - r^2), F = r^2 dof / (1 - r^2) / rows."""
    matrix = np.column_stack([np.ones(12), rng.normal(size=(12, 2))])
    effects, thresholds = rng.normal(size=(12, 30)), np.array([0.0, 1.0, 3.1, 5.0])
    for weights in (np.array([0.0, 1, 0]), np.eye(3)[1:]):
        model = fit_null_model(effects, matrix, weights, "greater", Exchangeability.of(12, "permute"))
        square = model.limits(thresholds)[0] ** 2
        statistic = square * 9 / (1 - square)
        found = z_from_t(np.sqrt(statistic), 9) if weights.ndim == 1 else z_from_f(statistic / 2, 2, 9)
        np.testing.assert_allclose(found, thresholds, atol=1e-7)


def test_an_f_test_has_no_signs(space: VolumeSpace, rng: np.random.Generator) -> None:
    """Clusters of F of two groups are those of |t|, with the z of F."""
    effects, group = effects_of(space, rng, n=8), np.repeat([0.0, 1.0], 4)
    matrix = np.column_stack([np.ones(8), group])
    exchangeability = Exchangeability.of(8, "permute")
    model = fit_null_model(effects, matrix, np.array([[0.0, 1.0]]), "greater", exchangeability)
    resampling = make_resampling(model.subspaces, exchangeability, 300, seed=1)
    assert resampling.n_permutations == 35  # 8 over 4, in pairs

    def z_of(order: FloatArray) -> FloatArray:
        t = stats.ttest_ind(effects[group[order] == 1], effects[group[order] == 0]).statistic
        return z_from_f(t**2, 1, 6.0)

    errors = familywise_errors(model, resampling, z_of(np.arange(8)), (1.0,), counting(space))
    orders = np.concatenate([resampling.batch(first).order for first in resampling.batches])
    expected = [largest_by_scipy(z_of(order), space, 1.0, (1,)) for order in orders]
    np.testing.assert_array_equal(errors.extents[:, 0], expected)
