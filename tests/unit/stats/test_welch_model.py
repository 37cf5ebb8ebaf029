"""Sign flips with Welch's statistic: scipy's test of the flipped data of each of all flips, and the definitions."""

from itertools import product

import numpy as np
import pytest
from scipy import ndimage, stats

from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.stats.calibration import calibrate_by_permutation, learn_template
from bids_ari.stats.choices import Alternative
from bids_ari.stats.critical_vectors import Simes, smallest_lambda
from bids_ari.stats.distributions import FloatArray, z_from_f
from bids_ari.stats.familywise import Extent, familywise_errors
from bids_ari.stats.resampling import Exchangeability, Permutations, make_resampling
from bids_ari.stats.welch import fit_welch
from bids_ari.stats.welch_model import LARGEST_Z, WelchModel, fit_welch_model

SIZES = (4, 6)
N = sum(SIZES)
CELL_MEANS = np.repeat(np.eye(2), SIZES, axis=0)
DIFFERENCE = np.array([1.0, -1.0])
ALTERNATIVES: list[Alternative] = ["greater", "less", "two-sided"]


@pytest.fixture
def effects(rng: np.random.Generator) -> FloatArray:
    """Values of two groups, the smaller one of larger variance; some differ."""
    values = rng.normal(size=(N, 40)) * np.repeat([2.0, 1.0], SIZES)[:, None] + 3
    values[: SIZES[0], :5] += 4
    return values


def signs(n: int) -> FloatArray:
    return np.array(list(product((1.0, -1.0), repeat=n)))


def literal_z(values: FloatArray, sign: FloatArray) -> FloatArray:
    """z of scipy's t of the flipped residuals of the grand mean, (n_flips, n_points); `sign` is (n_flips, n_subjects).

    It is positive where the first group is higher, and has the one-sided tail probability of t, by scipy as well.
    """
    flipped = sign[:, :, None] * (values - values.mean(axis=0))
    found = stats.ttest_ind(flipped[:, : SIZES[0]], flipped[:, SIZES[0] :], axis=1, equal_var=False)
    return np.asarray(stats.norm.isf(stats.t.sf(np.abs(found.statistic), found.df)) * np.sign(found.statistic))


def literal_p(z: FloatArray, alternative: Alternative) -> FloatArray:
    return {"greater": stats.norm.sf(z), "less": stats.norm.cdf(z), "two-sided": 2 * stats.norm.sf(np.abs(z))}[
        alternative
    ]


def flips_of(n: int = N) -> Exchangeability:
    return Exchangeability.of(n, "flip")


def model_of(effects: FloatArray, alternative: Alternative = "two-sided") -> WelchModel:
    return fit_welch_model(effects, CELL_MEANS, DIFFERENCE, alternative, flips_of(len(effects)))


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_every_flip_is_scipys_test(effects: FloatArray, alternative: Alternative) -> None:
    """All 1,024 flips; the error of the approximation of z is largest with the fewest degrees of freedom, 3."""
    every = signs(N)
    p = model_of(effects, alternative).permuted_p(Permutations(np.tile(np.arange(N), (len(every), 1)), every))
    expected = literal_p(literal_z(effects, every), alternative)
    np.testing.assert_allclose(p, expected, rtol=3e-3)
    np.testing.assert_allclose(stats.norm.isf(p / 2), stats.norm.isf(expected / 2), atol=1e-3)


def test_p_are_exact_with_more_degrees_of_freedom(rng: np.random.Generator) -> None:
    """30 and 40 subjects: at p above 1e-6 to eight digits."""
    values = rng.normal(size=(70, 500)) + np.linspace(-1, 1, 500)
    matrix = np.repeat(np.eye(2), (30, 40), axis=0)
    p = fit_welch_model(values, matrix, DIFFERENCE, "two-sided", flips_of(70)).observed_p()
    expected = stats.ttest_ind(values[:30], values[30:], equal_var=False).pvalue
    np.testing.assert_allclose(p[expected > 1e-6], expected[expected > 1e-6], rtol=1e-7)


def test_the_observed_p_is_that_of_the_fit(effects: FloatArray, rng: np.random.Generator) -> None:
    """Also where subjects lack data, and whatever the coding of the groups and the group that is not tested."""
    effects = np.vstack([effects, rng.normal(size=(3, 40))])
    effects[[0, 5], 7:20] = np.nan
    effects[11, 15:30] = np.nan
    group = np.repeat(np.arange(3), (*SIZES, 3))
    treatment = np.column_stack([np.ones(13), group == 1, group == 2])
    for weights in (np.array([0.0, 1.0, 0.0]), np.array([[0.0, 2.0, 0.0]])):
        alternative: Alternative = "two-sided" if weights.ndim == 1 else "greater"
        model = fit_welch_model(effects, treatment, weights, alternative, flips_of(13))
        (fitted,) = fit_welch(effects, treatment, {"test": weights})
        np.testing.assert_allclose(model.observed_p(), fitted.p(alternative), rtol=0.02)
        assert model.n_groups == 2
        assert model.subspaces.dropped == (10, 11, 12)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_lambda_is_that_of_all_flips_listed(effects: FloatArray, alternative: Alternative) -> None:
    """By bins, and by a loop over scipy's tests: two-sided each of 512 pairs once, one-sided all 1,024."""
    model = model_of(effects, alternative)
    resampling = make_resampling(model.subspaces, flips_of(), 1024, seed=1)
    assert resampling.n_permutations == (512 if alternative == "two-sided" else 1024)
    family = Simes(model.n_points)
    found = calibrate_by_permutation(model, resampling, family, 0.05)
    every = literal_p(literal_z(effects, signs(N)[: resampling.n_permutations]), alternative)
    lambdas = [min(40 * p / k for k, p in enumerate(sorted(each), start=1)) for each in every]
    np.testing.assert_allclose(np.sort(found.lambdas), np.sort(lambdas), rtol=3e-3)
    assert found.lambda_ == pytest.approx(sorted(lambdas)[int(0.05 * len(lambdas))], rel=3e-3)


def test_bins_change_nothing(effects: FloatArray) -> None:
    """Lambda and template are those of all p, to the bit."""
    model = model_of(effects)
    resampling = make_resampling(model.subspaces, flips_of(), 100, seed=3)
    p = np.sort(np.concatenate([model.permuted_p(resampling.batch(first)) for first in resampling.batches]), axis=1)
    found = calibrate_by_permutation(model, resampling, Simes(40), 0.05, n_threads=2)
    np.testing.assert_array_equal(found.lambdas, smallest_lambda(Simes(40), p))
    np.testing.assert_array_equal(learn_template(model, resampling, 7).curves, np.sort(p[:, :7], axis=0))


def test_the_mean_of_one_group_is_the_one_sample_test(effects: FloatArray) -> None:
    """Nothing is estimated: the flipped values of its subjects themselves."""
    effects = effects - 3
    model = fit_welch_model(effects, CELL_MEANS, np.array([0.0, 1.0]), "greater", flips_of())
    resampling = make_resampling(model.subspaces, flips_of(), 1000, seed=1)
    assert (model.n_groups, resampling.n_permutations) == (1, 64)
    order, sign = resampling.batch(0)
    p = model.permuted_p(Permutations(order, sign))
    for b in range(len(p)):
        flipped = (sign[b][:, None] * effects)[SIZES[0] :]
        np.testing.assert_allclose(p[b], stats.ttest_1samp(flipped, 0, alternative="greater").pvalue, rtol=1e-3)


def test_a_main_effect_has_residuals_without_it(rng: np.random.Generator) -> None:
    """Residuals are those of least squares of four means subject to m1 + m2 = m3 + m4."""
    effects, sizes = rng.normal(size=(14, 5)), (2, 3, 4, 5)
    matrix, weights = np.repeat(np.eye(4), sizes, axis=0), np.array([0.5, 0.5, -0.5, -0.5])
    model = fit_welch_model(effects, matrix, weights, "greater", flips_of(14))
    reduced = matrix @ np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, -1]])
    residuals = effects - reduced @ np.linalg.lstsq(reduced, effects, rcond=None)[0]
    np.testing.assert_allclose(
        model.residuals[0], (residuals / np.linalg.norm(residuals, axis=0))[model.rows], atol=1e-12
    )


@pytest.mark.parametrize(("weights", "two_sided"), [(DIFFERENCE, True), (DIFFERENCE, False), (DIFFERENCE[None], False)])
def test_familywise_errors_are_the_definition(weights: FloatArray, two_sided: bool, rng: np.random.Generator) -> None:
    """All flips of a small image: the smallest p, and the largest cluster of scipy.ndimage."""
    shape = (4, 5, 2)
    space: VolumeSpace = Grid(shape, np.eye(4)).space(np.ones(shape, dtype=bool))
    effects = rng.normal(size=(N, 40))
    effects[: SIZES[0], space.unmask(np.arange(40.0), -1)[:2, :3].astype(int).ravel()] += 2
    alternative: Alternative = "two-sided" if two_sided else "greater"
    model = fit_welch_model(effects, CELL_MEANS, weights, alternative, flips_of())
    resampling = make_resampling(model.subspaces, flips_of(), 1024, seed=1)
    z = literal_z(effects, signs(N)[: resampling.n_permutations])
    if weights.ndim == 2:  # the z of F = t^2
        z = stats.norm.isf(2 * stats.norm.sf(np.abs(z)))
    extent = Extent(space.adjacency(6), np.ones(40, dtype=np.int64))
    found = familywise_errors(model, resampling, z[0], (1.0, 2.0), extent)
    for i, threshold in enumerate(found.thresholds):
        sides = (1, -1) if two_sided else (1,)
        largest = [
            max(
                np.bincount(ndimage.label(space.unmask(side * each, -9) > threshold)[0].ravel())[1:].max(initial=0)
                for side in sides
            )
            for each in z
        ]
        np.testing.assert_array_equal(np.sort(found.extents[:, i]), np.sort(largest))
    tail = (2 if two_sided else 1) * stats.norm.sf([(np.abs(each) if two_sided else each).max() for each in z])
    np.testing.assert_allclose(np.sort(found.smallest_p), np.sort(tail), rtol=3e-3)


def test_limits_are_thresholds_in_z(effects: FloatArray) -> None:
    thresholds = np.array([0.0, 1.0, 3.1])
    np.testing.assert_allclose(model_of(effects).limits(thresholds) * LARGEST_Z, thresholds[None])
    model = fit_welch_model(effects, CELL_MEANS, DIFFERENCE[None], "greater", flips_of())
    np.testing.assert_allclose(z_from_f((model.limits(thresholds)[0] * LARGEST_Z) ** 2, 1, 1e9), thresholds, atol=1e-6)


def test_z_grows_with_t(rng: np.random.Generator) -> None:
    """From almost 0 to far beyond float64's smallest p; values without variance have the largest z, not NaN."""
    shift = np.concatenate([np.geomspace(1e-6, 1e6, 200), [1.0]])
    effects = np.tile(rng.normal(size=(N, 1)), (1, 201))
    effects -= np.repeat([effects[:4].mean(), effects[4:].mean()], SIZES)[:, None]
    effects[:, -1] = 0
    effects[:4] += shift
    p = model_of(effects, "greater").observed_p()
    assert (np.diff(p[:-1]) <= 0).all()
    assert p[0] == pytest.approx(0.5, abs=1e-5)
    assert 0 <= p[-1] < 1e-6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"exchangeability": Exchangeability.of(N, "permute")}, "sign flips of 10 subjects"),
        ({"exchangeability": flips_of(3)}, "sign flips of 10 subjects"),
        ({"alternative": "other"}, "alternative must be"),
        ({"weights": DIFFERENCE[None]}, "alternative must be"),
        ({"weights": np.eye(2), "alternative": "greater"}, "one row"),
        ({"matrix": np.column_stack([np.ones(N), np.arange(N)])}, "design of groups"),
        ({"effects": np.ones((N, 3))}, "must vary"),
        ({"effects": np.eye(N, 3) * 1e-160}, "must vary"),
        ({"effects": np.eye(N, 3) * 1e160}, "must vary"),
        ({"effects": np.vstack([np.full((3, 2), np.nan), np.eye(7, 2)])}, "two subjects"),
    ],
    ids=str,
)
def test_wrong_arguments(effects: FloatArray, change: dict[str, object], message: str) -> None:
    arguments = {
        "effects": effects,
        "matrix": CELL_MEANS,
        "weights": DIFFERENCE,
        "alternative": "less",
        "exchangeability": flips_of(),
    }
    with pytest.raises(ValueError, match=message):
        fit_welch_model(**(arguments | change))  # type: ignore[arg-type]
