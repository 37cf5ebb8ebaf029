"""Statistics under permutation against the method written out: reduced model, permuted residuals, full model."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from scipy.linalg import null_space, sqrtm

from bids_ari.stats.block_tree import Block, block_tree
from bids_ari.stats.calibration import (
    calibrate,
    calibrate_by_permutation,
    learn_combined,
    learn_template,
    permuted_lambdas,
    smallest_permuted_p,
)
from bids_ari.stats.choices import Alternative, Scheme
from bids_ari.stats.critical_vectors import Beta, CriticalVectors, Learned, Scale, Simes, smallest_lambda
from bids_ari.stats.glm import fit_glm
from bids_ari.stats.null_model import NullModel, default_scheme, fit_null_model
from bids_ari.stats.resampling import Exchangeability, Resampling, make_resampling

Floats = npt.NDArray[np.float64]

# Sums of some tens of products in float64, another way: 1e-9 leaves room for a thousand roundings and for what the
# far tail makes of them.
SUMS = 1e-9

N = 14
GROUP = np.repeat([0.0, 1.0], [6, 8])


class Case(NamedTuple):
    """A design, a test and a resampling scheme."""

    matrix: Floats
    weights: Floats
    alternative: Alternative
    scheme: Scheme
    blocks: list[int] | Block | None = None


RNG = np.random.default_rng(3)
AGE = RNG.normal(size=N) + GROUP
WITH_AGE = np.column_stack([np.ones(N), GROUP, AGE])
SITE = [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1]
FAMILY = [0, 1, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 7]
WHOLE = block_tree([[family] for family in FAMILY], [(True, False)] * N)
NESTED = block_tree([[family] for family in FAMILY], [(True, True)] * N)
FIRST = np.diff(FAMILY, prepend=-1) != 0  # a covariate that stays where families are exchanged as wholes

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
    "mean and age, flips of families": Case(WITH_AGE[:, [0, 2]], np.array([1.0, 0]), "two-sided", "flip", WHOLE),
    "groups with age, whole families": Case(WITH_AGE, np.array([0, 1.0, 0]), "two-sided", "permute", WHOLE),
    "groups with place in the family": Case(
        np.column_stack([WITH_AGE[:, :2], FIRST]), np.array([0, 1.0, 0]), "greater", "permute", WHOLE
    ),
    "groups with family means": Case(
        np.column_stack([GROUP, np.eye(8)[FAMILY]]), np.eye(9)[0], "two-sided", "permute", NESTED
    ),
    "groups with age, nested families, both": Case(WITH_AGE, np.array([0, 1.0, 0]), "greater", "both", NESTED),
    "F of group and age, nested families": Case(WITH_AGE, np.eye(3)[1:], "greater", "permute", NESTED),
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request: pytest.FixtureRequest) -> Case:
    chosen: Case = request.param
    return chosen


@pytest.fixture
def effects() -> Floats:
    """23 points of different spreads, some active, with effects of the group and of age."""
    rng = np.random.default_rng(5)
    noise = rng.normal(size=(N, 23)) * rng.uniform(0.1, 30, size=23)
    return noise + np.outer(AGE, rng.normal(size=23)) + np.outer(GROUP, np.arange(23) > 15) + 0.3


def prepare(effects: Floats, case: Case, n_permutations: int = 50) -> tuple[NullModel, Resampling]:
    exchangeability = Exchangeability.of(len(effects), case.scheme, case.blocks)
    model = fit_null_model(effects, case.matrix, case.weights, case.alternative, exchangeability)
    return model, make_resampling(model.subspaces, exchangeability, n_permutations, 17)


def all_p(model: NullModel, resampling: Resampling) -> Floats:
    """All p, (n_permutations, n_points)."""
    return np.concatenate([model.permuted_p(resampling.batch(first)) for first in resampling.batches])


def permuted(
    y: Floats, case: Case, reduced: Floats, dropped: tuple[int, ...], order: npt.NDArray[np.intp], sign: Floats
) -> tuple[Floats, Floats]:
    """Return the permuted data of one point, and the design to fit them by.

    Permutations as in Freedman & Lane 1983, the reduced fit with permuted residuals. Sign flips as in Theil 1965,
    (S M S')^(-1/2) S M of data and design, with M the matrix that forms residuals and S the selection of all subjects
    but some that determine the reduced fit.
    """
    fitted = reduced @ np.linalg.pinv(reduced)
    if case.scheme == "permute" or not reduced.shape[1]:
        data = fitted @ y
        data[order] += sign * (y - fitted @ y)
        return data, case.matrix
    selection = np.delete(np.eye(y.size), dropped, axis=0)
    residual = np.eye(y.size) - fitted
    uncorrelated = np.linalg.inv(np.real(sqrtm(selection @ residual @ selection.T))) @ selection @ residual
    spread = np.zeros(y.size)
    spread[order] = sign * (selection.T @ uncorrelated @ y)
    return selection @ spread, uncorrelated @ case.matrix


def by_least_squares(
    y: Floats, case: Case, dropped: tuple[int, ...], order: npt.NDArray[np.intp], sign: Floats
) -> float:
    """Return the p of one point under one permutation; the fit of the reduced model is no longer in the data."""
    matrix, contrast = case.matrix, np.atleast_2d(case.weights)
    data, design = permuted(y, case, matrix @ null_space(contrast), dropped, order, sign)
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


def test_every_permutation_agrees_with_least_squares(effects: Floats, case: Case) -> None:
    model, resampling = prepare(effects, case)
    found = all_p(model, resampling)
    for first in resampling.batches:
        for place, (order, sign) in enumerate(zip(*resampling.batch(first), strict=True)):
            expected = [by_least_squares(y, case, model.subspaces.dropped, order, sign) for y in effects.T]
            np.testing.assert_allclose(found[first + place], expected, rtol=SUMS)


def test_observed_p_is_the_first_permutation_to_the_bit_and_agrees_with_the_group_model(
    effects: Floats, case: Case
) -> None:
    model, resampling = prepare(effects, case)
    p = model.observed_p()
    np.testing.assert_array_equal(p, all_p(model, resampling)[0])
    (fitted,) = fit_glm(effects, case.matrix, {"test": case.weights})
    np.testing.assert_allclose(p, fitted.p(case.alternative), rtol=SUMS)


def test_lambda_is_that_of_all_p(effects: Floats, case: Case) -> None:
    model, resampling = prepare(effects, case)
    p = all_p(model, resampling)
    excluded = np.arange(23) % 5 == 2
    for family in (Simes(23), Simes(23, 3), Beta(23)):
        found = permuted_lambdas(model, resampling, family)
        np.testing.assert_array_equal(found, smallest_lambda(family, np.sort(p, axis=1)))
        found = permuted_lambdas(model, resampling, family, excluded)
        np.testing.assert_array_equal(found, smallest_lambda(family, np.sort(p[:, ~excluded], axis=1)))


@pytest.fixture
def with_gaps(effects: Floats) -> Floats:
    """552 points; some subjects lack data at some of them, in six combinations."""
    effects = np.tile(effects, (1, 24)) * np.random.default_rng(8).uniform(0.5, 2, size=(N, 23 * 24))
    effects[0, 100:300] = effects[5, 200:500] = effects[9, ::7] = np.nan
    return effects


FLIPS = [case for case in CASES.values() if case.scheme == "flip"]


@pytest.mark.parametrize("case", FLIPS)
def test_sign_flips_with_missing_data(with_gaps: Floats, case: Case) -> None:
    """Where a subject lacks data, the result is that of a study without the subject."""
    model, resampling = prepare(with_gaps, case)
    found = all_p(model, resampling)
    for point in (0, 99, 100, 207, 250, 350, 490, 501):
        there = ~np.isnan(with_gaps[:, point])
        part = case._replace(matrix=case.matrix[there])
        column = int(np.flatnonzero(model.order == point)[0])
        (subspaces,) = [each.subspaces for each in model.parts if each.start <= column < each.stop]
        dropped = tuple(int(there[:subject].sum()) for subject in subspaces.dropped)
        for first in resampling.batches:
            for place, sign in enumerate(resampling.batch(first).sign):
                order = np.arange(there.sum())
                expected = by_least_squares(with_gaps[there, point], part, dropped, order, sign[there])
                np.testing.assert_allclose(found[first + place, point], expected, rtol=SUMS)


@pytest.mark.parametrize("case", FLIPS)
def test_lambda_with_missing_data_and_ties(with_gaps: Floats, case: Case) -> None:
    """Different degrees of freedom; each point is there twice."""
    model, resampling = prepare(np.hstack([with_gaps, with_gaps]), case, 33)
    m, p = model.n_points, all_p(model, resampling)
    excluded = np.random.default_rng(1).uniform(size=m) < 0.3
    template = learn_template(model, resampling.independent(40), 100)
    families: list[CriticalVectors] = [Simes(m), Simes(m, 30), Simes(m, m - 1), Beta(m), template]
    for some in (np.zeros(m, dtype=bool), excluded):
        ordered = np.sort(p[:, ~some], axis=1)
        for family in families:
            found = permuted_lambdas(model, resampling, family, some)
            np.testing.assert_array_equal(found, smallest_lambda(family, ordered))


@pytest.mark.parametrize("case", FLIPS)
def test_smallest_p(with_gaps: Floats, case: Case) -> None:
    model, resampling = prepare(with_gaps, case)
    ordered = np.sort(all_p(model, resampling), axis=1)
    for n_ranks in (50, model.n_points):
        np.testing.assert_array_equal(smallest_permuted_p(model, resampling, n_ranks), ordered[:, :n_ranks])


def test_permuted_subjects_must_have_data_everywhere(with_gaps: Floats) -> None:
    for name in ("groups with age", "groups with age, both", "F within sites"):
        with pytest.raises(ValueError, match="effects must have all subjects at all points"):
            prepare(with_gaps, CASES[name])


def test_refused_data_and_arguments(effects: Floats) -> None:
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
    with pytest.raises(ValueError, match="exchangeability must be of 14 subjects; found 5"):
        fit_null_model(effects, case.matrix, case.weights, "greater", Exchangeability.of(5, "flip"))


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
def test_default_scheme_permutes_where_the_reduced_model_has_the_mean(name: str, expected: Scheme) -> None:
    assert default_scheme(CASES[name].matrix, CASES[name].weights) == expected


def test_directions_that_no_permutation_changes_are_removed(effects: Floats) -> None:
    """Residuals sum to 0 in any order, within sites too."""
    assert prepare(effects, CASES["groups, less"])[0].subspaces.nuisance.shape == (0, N)
    assert prepare(effects, CASES["groups with age"])[0].subspaces.nuisance.shape == (1, N)
    assert prepare(effects, CASES["groups with age, both"])[0].subspaces.nuisance.shape == (0, N)


@pytest.mark.parametrize("n_threads", [2, 3])
def test_any_number_of_threads_gives_the_same_bits(effects: Floats, n_threads: int) -> None:
    case = CASES["groups with age"]
    model, resampling = prepare(np.tile(effects, (1, 300)), case, 200)  # enough points for several batches and bins
    one = calibrate_by_permutation(model, resampling, Simes(model.n_points), 0.1, step_down=True)
    several = calibrate_by_permutation(
        model, resampling, Simes(model.n_points), 0.1, step_down=True, n_threads=n_threads
    )
    np.testing.assert_array_equal(one.lambdas, several.lambdas)
    assert (one.lambda_, one.n_excluded, one.n_steps) == (several.lambda_, several.n_excluded, several.n_steps)


def test_the_order_of_points_does_not_matter(effects: Floats) -> None:
    model, resampling = prepare(effects, CASES["groups with age"], 200)
    order = np.random.default_rng(0).permutation(23)
    other, _ = prepare(effects[:, order], CASES["groups with age"], 200)
    np.testing.assert_array_equal(all_p(other, resampling), all_p(model, resampling)[:, order])


def test_lambda_b_does_not_depend_on_the_number_of_permutations(effects: Floats) -> None:
    model, few = prepare(effects, CASES["groups with age"], 40)
    _, many = prepare(effects, CASES["groups with age"], 200)
    np.testing.assert_array_equal(
        permuted_lambdas(model, few, Simes(23)), permuted_lambdas(model, many, Simes(23))[:40]
    )


def test_units_and_a_mean_in_the_reduced_model_do_not_matter(effects: Floats) -> None:
    case = CASES["groups with age"]
    model, resampling = prepare(effects, case)
    other, _ = prepare(1e-7 * (effects + 5 + np.outer(AGE, np.arange(23))), case)
    np.testing.assert_allclose(all_p(other, resampling), all_p(model, resampling), rtol=1e-6)


def test_all_flips_of_five_subjects() -> None:
    """All effects are positive: no flip has a larger t anywhere, and the first of 32 is below 2 / 32."""
    effects = np.random.default_rng(0).uniform(1, 2, size=(5, 8))
    case = Case(np.ones((5, 1)), np.ones(1), "greater", "flip")
    model, resampling = prepare(effects, case, 1000)
    assert resampling.n_permutations == 32
    found = calibrate_by_permutation(model, resampling, Simes(8), 0.05)
    assert found.bound(model.observed_p()).whole == 8
    nothing = calibrate_by_permutation(model, resampling, Simes(8), 0.03)  # below 1 / 32
    assert nothing.bound(model.observed_p()).whole == 0


def test_all_flips_of_five_subjects_two_sided() -> None:
    """16 permutations: .05 is below 1 / 16, and nothing can be found for any effect."""
    effects = np.random.default_rng(0).uniform(1, 2, size=(5, 8))
    model, resampling = prepare(effects, Case(np.ones((5, 1)), np.ones(1), "two-sided", "flip"), 1000)
    assert resampling.n_permutations == 16
    assert calibrate_by_permutation(model, resampling, Simes(8), 0.05).bound(model.observed_p()).whole == 0
    assert calibrate_by_permutation(model, resampling, Simes(8), 1 / 16).bound(model.observed_p()).whole == 8


def test_a_template_has_the_sorted_p_of_each_rank(effects: Floats) -> None:
    model, resampling = prepare(effects, CASES["mean, greater"])
    learning = resampling.independent(70)
    template = learn_template(model, learning, 10)
    ordered = np.sort(all_p(model, learning), axis=1)[:, :10]
    np.testing.assert_array_equal(template.curves, np.sort(ordered, axis=0))
    lambdas = permuted_lambdas(model, resampling, template)
    assert template.critical(calibrate(lambdas, template, 0.1).lambda_).shape == (10,)


def test_combined_is_learned_from_the_same_permutations(effects: Floats) -> None:
    """By all p: the template, and the scale of the lambdas of either member."""
    model, resampling = prepare(effects, CASES["mean, greater"])
    learning = resampling.independent(70)
    ordered = np.sort(all_p(model, learning), axis=1)
    found = learn_combined(model, learning, Simes(23, 2), (1.0, 0.5), 10)
    template = found.members[1]
    assert found.members[0] == Simes(23, 2)
    assert isinstance(template, Learned)
    np.testing.assert_array_equal(template.curves, np.sort(ordered[:, :10], axis=0))
    for member, share, scale in zip(found.members, (1.0, 0.5), found.scales, strict=True):
        expected = Scale.of(smallest_lambda(member, ordered), share)
        np.testing.assert_array_equal(scale.values, expected.values)
        np.testing.assert_array_equal(scale.levels, expected.levels)
    ordered = np.sort(all_p(model, resampling), axis=1)
    np.testing.assert_array_equal(permuted_lambdas(model, resampling, found), smallest_lambda(found, ordered))
