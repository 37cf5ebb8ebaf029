"""Statistics of draws against the method written out: reduced model, shuffled residuals, full model, for each voxel."""

from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from scipy.linalg import null_space, sqrtm

from bids_ari.stats import permutation
from bids_ari.stats.calibration import calibrate
from bids_ari.stats.critical_vectors import Beta, Family, Simes, least_lambda
from bids_ari.stats.distributions import Alternative
from bids_ari.stats.glm import fit_glm
from bids_ari.stats.permutation import (
    NullModel,
    calibrated,
    lambda_batch,
    learned_from,
    natural_shuffle,
    null_model,
    observed_p,
    p_batch,
    smallest_batch,
)
from bids_ari.stats.resampling import Draws, Exchange, Shuffle, make_draws

Floats = npt.NDArray[np.float64]

# Sums of some tens of products in float64, another way: 1e-9 leaves room for a thousand roundings and for what the
# far tail makes of them.
SUMS = 1e-9

N = 14
GROUP = np.repeat([0.0, 1.0], [6, 8])


class Case(NamedTuple):
    """A model, what is asked of it, and how subjects are shuffled."""

    matrix: Floats
    weights: Floats
    alternative: Alternative
    shuffle: Shuffle
    blocks: list[int] | None = None


RNG = np.random.default_rng(3)
AGE = RNG.normal(size=N) + GROUP
WITH_AGE = np.column_stack([np.ones(N), GROUP, AGE])
SITE = [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1]

CASES = {
    "mean, greater": Case(np.ones((N, 1)), np.ones(1), "greater", "flip"),
    "mean, less": Case(np.ones((N, 1)), np.ones(1), "less", "flip"),
    "mean, two-sided": Case(np.ones((N, 1)), np.ones(1), "two-sided", "flip"),
    "mean and age, flips": Case(WITH_AGE[:, [0, 2]], np.array([1.0, 0]), "greater", "flip"),
    "mean and age, flips of sites": Case(WITH_AGE[:, [0, 2]], np.array([1.0, 0]), "two-sided", "flip", SITE),
    "groups, less": Case(WITH_AGE[:, :2], np.array([0, 1.0]), "less", "permute"),
    "groups with age": Case(WITH_AGE, np.array([0, 1.0, 0]), "two-sided", "permute"),
    "groups with age within sites": Case(WITH_AGE, np.array([0, -2.0, 0]), "greater", "permute", SITE),
    "groups with age, both": Case(WITH_AGE, np.array([0, 1.0, 0]), "greater", "both"),
    "cell means": Case(np.eye(2)[GROUP.astype(int)], np.array([-1.0, 1]), "greater", "permute"),
    "F of group and age": Case(WITH_AGE, np.eye(3)[1:], "greater", "permute"),
    "F of one row": Case(WITH_AGE, np.eye(3)[1:2], "greater", "both"),
    "F of all, flips": Case(WITH_AGE, np.eye(3), "greater", "flip"),
    "F within sites": Case(WITH_AGE, np.eye(3)[1:], "greater", "both", SITE),
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request: pytest.FixtureRequest) -> Case:
    chosen: Case = request.param
    return chosen


@pytest.fixture
def effects() -> Floats:
    """23 voxels of different spreads, some active, with effects of the group and of age."""
    rng = np.random.default_rng(5)
    noise = rng.normal(size=(N, 23)) * rng.uniform(0.1, 30, size=23)
    return noise + np.outer(AGE, rng.normal(size=23)) + np.outer(GROUP, np.arange(23) > 15) + 0.3


def prepare(effects: Floats, case: Case, n_draws: int = 50) -> tuple[NullModel, Draws]:
    exchange = Exchange.of(len(effects), case.shuffle, case.blocks)
    model = null_model(effects, case.matrix, case.weights, case.alternative, exchange)
    return model, make_draws(model.basis, exchange, n_draws, 17)


def all_p(model: NullModel, draws: Draws) -> Floats:
    return np.concatenate([p_batch(model, draws, first) for first in draws.batches])


def shuffled(
    y: Floats, case: Case, reduced: Floats, spent: tuple[int, ...], order: npt.NDArray[np.intp], sign: Floats
) -> tuple[Floats, Floats]:
    """Shuffle the data of one voxel; give them and the design that they are to be fitted by.

    By permutations as of Freedman & Lane 1983, the reduced fit with shuffled residuals. By sign flips as of Theil
    1965, (S M S')^(-1/2) S M of data and design, with M what makes residuals, and S what picks all subjects but some
    who determine the reduced fit.
    """
    fitted = reduced @ np.linalg.pinv(reduced)
    if case.shuffle == "permute" or not reduced.shape[1]:
        data = fitted @ y
        data[order] += sign * (y - fitted @ y)
        return data, case.matrix
    picked = np.delete(np.eye(y.size), spent, axis=0)
    residual = np.eye(y.size) - fitted
    uncorrelated = np.linalg.inv(np.real(sqrtm(picked @ residual @ picked.T))) @ picked @ residual
    spread = np.zeros(y.size)
    spread[order] = sign * (picked.T @ uncorrelated @ y)
    return picked @ spread, uncorrelated @ case.matrix


def by_least_squares(y: Floats, case: Case, spent: tuple[int, ...], order: npt.NDArray[np.intp], sign: Floats) -> float:
    """Give the p of one voxel under one draw, written out; what the reduced model fits is no longer in the data."""
    matrix, contrast = case.matrix, np.atleast_2d(case.weights)
    data, design = shuffled(y, case, matrix @ null_space(contrast), spent, order, sign)
    tested = design @ np.linalg.pinv(contrast) if len(data) < y.size else matrix
    if len(data) < y.size:
        contrast = np.eye(len(contrast))
    coefficients = np.linalg.lstsq(tested, data, rcond=None)[0]
    dof = y.size - matrix.shape[1]
    variance = ((data - tested @ coefficients) ** 2).sum() / dof
    estimate, covariance = contrast @ coefficients, contrast @ np.linalg.inv(tested.T @ tested) @ contrast.T
    f = estimate @ np.linalg.solve(covariance, estimate) / len(contrast) / variance
    if case.weights.ndim == 2:
        return float(stats.f.sf(f, len(contrast), dof))
    t = np.sign(estimate[0]) * np.sqrt(f)
    if case.alternative == "two-sided":
        return float(2 * stats.t.sf(abs(t), dof))
    return float(stats.t.sf(t if case.alternative == "greater" else -t, dof))


def test_every_draw_is_that_of_the_method_written_out(effects: Floats, case: Case) -> None:
    model, draws = prepare(effects, case)
    found = all_p(model, draws)
    for first in draws.batches:
        for place, (order, sign) in enumerate(zip(*draws.batch(first), strict=True)):
            expected = [by_least_squares(y, case, model.basis.spent, order, sign) for y in effects.T]
            np.testing.assert_allclose(found[first + place], expected, rtol=SUMS)


def test_the_observed_map_is_the_first_draw_bit_for_bit_and_that_of_the_group_model(
    effects: Floats, case: Case
) -> None:
    model, draws = prepare(effects, case)
    p = observed_p(model)
    np.testing.assert_array_equal(p, all_p(model, draws)[0])
    (fitted,) = fit_glm(effects, case.matrix, {"test": case.weights})
    np.testing.assert_allclose(p, fitted.p(case.alternative), rtol=SUMS)


def test_lambda_is_that_of_all_p(effects: Floats, case: Case) -> None:
    model, draws = prepare(effects, case)
    ordered = np.sort(all_p(model, draws), axis=1)
    left_out = np.arange(23) % 5 == 2
    for family in (Simes(23), Simes(23, 3), Beta(23)):
        found = [lambda_batch(model, draws, family, first) for first in draws.batches]
        np.testing.assert_array_equal(np.concatenate(found), least_lambda(family, ordered))
        found = [lambda_batch(model, draws, family, first, left_out) for first in draws.batches]
        remaining = np.sort(all_p(model, draws)[:, ~left_out], axis=1)
        np.testing.assert_array_equal(np.concatenate(found), least_lambda(family, remaining))


@pytest.fixture
def with_gaps(effects: Floats) -> Floats:
    """Some subjects lack data at some voxels, in six ways."""
    effects = np.tile(effects, (1, 24)) * np.random.default_rng(8).uniform(0.5, 2, size=(N, 23 * 24))
    effects[0, 100:300] = effects[5, 200:500] = effects[9, ::7] = np.nan
    return effects


FLIPS = [case for case in CASES.values() if case.shuffle == "flip"]


@pytest.mark.parametrize("case", FLIPS)
def test_with_sign_flips_subjects_may_lack_data(with_gaps: Floats, case: Case) -> None:
    """Where a subject lacks data, all is as if the voxel came from a study without the subject."""
    model, draws = prepare(with_gaps, case)
    found = all_p(model, draws)
    for voxel in (0, 99, 100, 207, 250, 350, 490, 501):
        there = ~np.isnan(with_gaps[:, voxel])
        part = case._replace(matrix=case.matrix[there])
        place_of_voxel = int(np.flatnonzero(model.order == voxel)[0])
        (basis,) = [each.basis for each in model.parts if each.start <= place_of_voxel < each.stop]
        spent = tuple(int(there[:subject].sum()) for subject in basis.spent)
        for first in draws.batches:
            for place, sign in enumerate(draws.batch(first).sign):
                order = np.arange(there.sum())
                expected = by_least_squares(with_gaps[there, voxel], part, spent, order, sign[there])
                np.testing.assert_allclose(found[first + place, voxel], expected, rtol=SUMS)


@pytest.mark.parametrize("case", FLIPS)
def test_only_the_p_that_can_decide_are_computed_with_the_same_result(
    with_gaps: Floats, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Different degrees of freedom, and ties: each voxel is there twice."""
    model, draws = prepare(np.hstack([with_gaps, with_gaps]), case, 33)
    m = model.n_points
    left_out = np.random.default_rng(1).uniform(size=m) < 0.3
    template = learned_from(model, draws.independent(40), 100)
    families: list[Family] = [Simes(m), Simes(m, 30), Simes(m, m - 1), Beta(m), template]
    for family in families:
        for some in (None, left_out):
            expected = [lambda_batch(model, draws, family, first, some) for first in draws.batches]
            monkeypatch.setattr(permutation, "_FEW", 0)
            found = [lambda_batch(model, draws, family, first, some) for first in draws.batches]
            monkeypatch.undo()
            np.testing.assert_array_equal(np.concatenate(found), np.concatenate(expected))


@pytest.mark.parametrize("case", FLIPS)
def test_smallest_p(with_gaps: Floats, case: Case) -> None:
    model, draws = prepare(with_gaps, case)
    found = np.concatenate([smallest_batch(model, draws, 50, first) for first in draws.batches])
    np.testing.assert_array_equal(found, np.sort(all_p(model, draws), axis=1)[:, :50])
    whole = smallest_batch(model, draws, model.n_points, 0)
    np.testing.assert_array_equal(whole, np.sort(p_batch(model, draws, 0), axis=1))


def test_subjects_who_change_places_must_have_data_everywhere(with_gaps: Floats) -> None:
    for name in ("groups with age", "groups with age, both", "F within sites"):
        with pytest.raises(
            ValueError, match="effects must have all subjects at all points where subjects change places"
        ):
            prepare(with_gaps, CASES[name])


def test_data_of_no_use_are_refused(effects: Floats) -> None:
    case = CASES["mean, greater"]
    constant = effects.copy()
    constant[:, 3] = 7.0
    nearly_empty = effects.copy()
    nearly_empty[1:, 3] = np.nan
    for bad in (constant, nearly_empty):
        with pytest.raises(ValueError, match="effects must vary, and determine the coefficients, at every point"):
            prepare(bad, case)
    with pytest.raises(ValueError, match="alternative must be one of greater, less, two-sided, of F greater; found"):
        prepare(effects, CASES["F of one row"]._replace(alternative="less"))
    with pytest.raises(ValueError, match="exchange must be of 14 subjects; found 5"):
        null_model(effects, case.matrix, case.weights, "greater", Exchange.of(5, "flip"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mean, greater", "flip"),
        ("mean and age, flips", "flip"),
        ("groups with age", "permute"),
        ("cell means", "permute"),
        ("F of group and age", "permute"),
        ("F of all, flips", "flip"),
    ],
)
def test_subjects_change_places_where_the_reduced_model_has_the_mean(name: str, expected: Shuffle) -> None:
    assert natural_shuffle(CASES[name].matrix, CASES[name].weights) == expected


def test_no_product_is_spent_on_what_draws_leave_as_it_is(effects: Floats) -> None:
    """Residuals sum to 0 in any order: the mean needs no look; within sites, neither do their means."""
    assert prepare(effects, CASES["groups, less"])[0].basis.nuisance.shape == (0, N)
    assert prepare(effects, CASES["groups with age"])[0].basis.nuisance.shape == (1, N)
    assert prepare(effects, CASES["groups with age, both"])[0].basis.nuisance.shape == (0, N)


@pytest.mark.parametrize("n_threads", [2, 3])
def test_any_number_of_threads_gives_the_same_bits(effects: Floats, n_threads: int) -> None:
    case = CASES["groups with age"]
    model, draws = prepare(np.tile(effects, (1, 300)), case, 200)  # enough points that not all p are computed
    one = calibrated(model, draws, Simes(model.n_points), 0.1, step_down=True)
    several = calibrated(model, draws, Simes(model.n_points), 0.1, step_down=True, n_threads=n_threads)
    np.testing.assert_array_equal(one.lambdas, several.lambdas)
    assert (one.lambda_, one.n_left_out, one.n_steps) == (several.lambda_, several.n_left_out, several.n_steps)


def test_batches_may_be_made_in_any_order_and_voxels_stand_in_any(effects: Floats) -> None:
    model, draws = prepare(effects, CASES["groups with age"], 200)
    work = partial(lambda_batch, model, draws, Simes(23))
    made = {first: work(first) for first in reversed(draws.batches)}
    np.testing.assert_array_equal(
        np.concatenate([made[first] for first in draws.batches]),
        np.concatenate([work(first) for first in draws.batches]),
    )
    order = np.random.default_rng(0).permutation(23)
    other, _ = prepare(effects[:, order], CASES["groups with age"], 200)
    np.testing.assert_array_equal(all_p(other, draws), all_p(model, draws)[:, order])


def test_lambda_b_does_not_depend_on_the_number_of_draws(effects: Floats) -> None:
    model, few = prepare(effects, CASES["groups with age"], 40)
    _, many = prepare(effects, CASES["groups with age"], 200)
    for first in (0,):
        np.testing.assert_array_equal(
            lambda_batch(model, few, Simes(23), first), lambda_batch(model, many, Simes(23), first)
        )


def test_units_of_the_data_and_a_mean_that_the_model_has_do_not_matter(effects: Floats) -> None:
    case = CASES["groups with age"]
    model, draws = prepare(effects, case)
    other, _ = prepare(1e-7 * (effects + 5 + np.outer(AGE, np.arange(23))), case)
    np.testing.assert_allclose(all_p(other, draws), all_p(model, draws), rtol=1e-6)


def test_all_flips_of_five_subjects() -> None:
    """All effects are positive: no flip has a larger t anywhere, and the first of 32 is below 2 / 32."""
    effects = np.random.default_rng(0).uniform(1, 2, size=(5, 8))
    case = Case(np.ones((5, 1)), np.ones(1), "greater", "flip")
    model, draws = prepare(effects, case, 1000)
    assert draws.n_draws == 32
    found = calibrated(model, draws, Simes(8), 0.05)
    assert found.attainable == found.smallest_alpha == 1 / 32
    assert found.bound(observed_p(model)).whole == 8
    nothing = calibrated(model, draws, Simes(8), 0.03)  # below 1 / 32
    assert (nothing.attainable, nothing.bound(observed_p(model)).whole) == (0, 0)


def test_all_flips_of_five_subjects_where_signs_do_not_matter() -> None:
    """16 draws: .05 is below 1 / 16, and nothing can be found, however clear it is."""
    effects = np.random.default_rng(0).uniform(1, 2, size=(5, 8))
    model, draws = prepare(effects, Case(np.ones((5, 1)), np.ones(1), "two-sided", "flip"), 1000)
    assert draws.n_draws == 16
    assert calibrated(model, draws, Simes(8), 0.05).bound(observed_p(model)).whole == 0
    assert calibrated(model, draws, Simes(8), 1 / 16).bound(observed_p(model)).whole == 8


def test_a_template_is_made_of_sorted_p_of_each_rank(effects: Floats) -> None:
    model, draws = prepare(effects, CASES["mean, greater"])
    learning = draws.independent(70)
    template = learned_from(model, learning, 10)
    ordered = np.sort(all_p(model, learning), axis=1)[:, :10]
    np.testing.assert_array_equal(template.curves, np.sort(ordered, axis=0))
    lambdas = np.concatenate([lambda_batch(model, draws, template, first) for first in draws.batches])
    assert calibrate(lambdas, template, 0.1).critical.shape == (10,)


def test_repr(effects: Floats) -> None:
    assert repr(prepare(effects, CASES["mean, less"])[0]) == "NullModel(n_subjects=14, n_points=23, dofs=[13])"
