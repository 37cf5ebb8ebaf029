"""Permutations of several maps per subject, against the method written out, and closed testing of tiny studies."""

from typing import NamedTuple

import numpy as np
import pytest
from scipy.linalg import null_space, sqrtm

from bids_ari.stats.calibration import calibrate_by_permutation, permuted_lambdas
from bids_ari.stats.choices import Scheme
from bids_ari.stats.critical_vectors import Simes, smallest_lambda
from bids_ari.stats.distributions import FloatArray, p_from_f
from bids_ari.stats.familywise import Extent, familywise_errors
from bids_ari.stats.forest import CsrAdjacency
from bids_ari.stats.multivariate import fit_multivariate
from bids_ari.stats.null_model import NullModel, fit_null_model
from bids_ari.stats.resampling import Exchangeability, Resampling, make_resampling
from bids_ari.stats.wilks import rao_f

SUMS = 1e-8  # of the method written out, with inverses of matrices of products
N = 14
GROUP = np.arange(N) % 3
AGE = np.cos(np.arange(N) ** 2)
MATRIX = np.column_stack([np.ones(N), GROUP == 1, GROUP == 2, AGE]).astype(float)


class Case(NamedTuple):
    """A design, a test, a resampling scheme and a number of maps."""

    matrix: FloatArray
    weights: FloatArray
    scheme: Scheme
    n_maps: int
    blocks: list[int] | None = None


CASES = {
    "mean": Case(np.ones((N, 1)), np.ones(1), "flip", 3),
    "mean with age, flips": Case(MATRIX[:, [0, 3]], np.array([1.0, 0]), "flip", 2),
    "mean with age, flips of blocks": Case(MATRIX[:, [0, 3]], np.array([1.0, 0]), "flip", 2, [0, 1, 2, 3, 4, 5, 6] * 2),
    "two groups": Case(MATRIX[:, :2], np.array([0, 1.0]), "permute", 2),
    "age beside groups": Case(MATRIX, np.array([0, 0, 0, 1.0]), "permute", 4),
    "age within blocks": Case(MATRIX, np.array([0, 0, 0, 1.0]), "permute", 3, [0, 0, 0, 1, 1, 1, 1] * 2),
    "three groups": Case(MATRIX, np.eye(4)[1:3], "permute", 3),
    "three groups, two maps, both": Case(MATRIX, np.eye(4)[1:], "both", 2),
    "four rows, three maps": Case(MATRIX, np.eye(4), "flip", 3),
    "three rows, four maps": Case(MATRIX, np.eye(4)[1:], "permute", 4),
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request: pytest.FixtureRequest) -> Case:
    chosen: Case = request.param
    return chosen


@pytest.fixture
def maps() -> FloatArray:
    """Four maps of 14 subjects at 12 points, some active, of different spreads; (4, 14, 12)."""
    rng = np.random.default_rng(5)
    maps = rng.normal(size=(4, N, 12)) + rng.normal(size=(N, 12)) + np.outer(GROUP == 2, np.arange(12) > 8) + 0.3
    return np.asarray(maps * rng.uniform(0.1, 30, size=(4, 1, 12)))


def prepare(maps: FloatArray, case: Case, n_permutations: int = 50) -> tuple[NullModel, Resampling]:
    exchangeability = Exchangeability.of(maps.shape[1], case.scheme, case.blocks)
    model = fit_null_model(tuple(maps[: case.n_maps]), case.matrix, case.weights, "greater", exchangeability)
    return model, make_resampling(model.subspaces, exchangeability, n_permutations, 17)


def all_p(model: NullModel, resampling: Resampling) -> FloatArray:
    """All p, (n_permutations, n_points)."""
    return np.concatenate([model.permuted_p(resampling.batch(first)) for first in resampling.batches])


def lambda_of(y: FloatArray, design: FloatArray, contrast: FloatArray) -> float:
    """Wilks' lambda of one point, from data (n, n_maps): residuals of the model and of the model without the test."""
    products = []
    for matrix in (design, design @ null_space(contrast)):
        residuals = y - matrix @ np.linalg.pinv(matrix) @ y
        products.append(np.linalg.det(residuals.T @ residuals))
    return float(products[0] / products[1])


def permuted_lambda(y: FloatArray, case: Case, dropped: tuple[int, ...], order: np.ndarray, sign: FloatArray) -> float:
    """Wilks' lambda of one point under one permutation: Freedman & Lane's, or flips of Theil's residuals."""
    n, contrast = len(y), np.atleast_2d(case.weights)
    reduced = case.matrix @ null_space(contrast)
    fitted = reduced @ np.linalg.pinv(reduced)
    if case.scheme == "permute" or not reduced.shape[1]:
        data = fitted @ y
        data[order] += sign[:, None] * (y - fitted @ y)
        return lambda_of(data, case.matrix, contrast)
    selection, residual = np.delete(np.eye(n), dropped, axis=0), np.eye(n) - fitted
    uncorrelated = np.linalg.inv(np.real(sqrtm(selection @ residual @ selection.T))) @ selection @ residual
    spread = np.zeros(y.shape)
    spread[order] = sign[:, None] * (selection.T @ uncorrelated @ y)
    tested = uncorrelated @ case.matrix @ np.linalg.pinv(contrast)
    return lambda_of(selection @ spread, tested, np.eye(len(contrast)))


def p_of(wilks: FloatArray, case: Case, n: int) -> FloatArray:
    root, rows, dof = rao_f(len(np.atleast_2d(case.weights)), case.n_maps, n - case.matrix.shape[1])
    f = (wilks ** (-1 / root) - 1) * dof / rows
    return p_from_f(f, rows, dof)


def test_every_permutation_agrees_with_wilks_lambda_of_permuted_data(maps: FloatArray, case: Case) -> None:
    model, resampling = prepare(maps, case)
    found = all_p(model, resampling)
    for first in resampling.batches:
        for place, (order, sign) in enumerate(zip(*resampling.batch(first), strict=True)):
            data = maps[: case.n_maps].transpose(2, 1, 0)
            wilks = [permuted_lambda(y, case, model.subspaces.dropped, order, sign) for y in data]
            np.testing.assert_allclose(found[first + place], p_of(np.array(wilks), case, N), rtol=SUMS)


def test_observed_p_is_that_of_the_group_model_and_the_first_permutation_to_the_bit(
    maps: FloatArray, case: Case
) -> None:
    model, resampling = prepare(maps, case)
    tests = {"test": case.weights}
    (fitted,) = fit_multivariate(list(maps[: case.n_maps]), case.matrix, tests, approximate=True)
    np.testing.assert_allclose(model.observed_p(), fitted.p("greater"), rtol=SUMS)
    np.testing.assert_array_equal(model.observed_p(), all_p(model, resampling)[0])


def test_lambda_is_that_of_all_p(maps: FloatArray, case: Case) -> None:
    model, resampling = prepare(maps, case)
    p, excluded = np.sort(all_p(model, resampling), axis=1), np.arange(12) % 5 == 2
    np.testing.assert_array_equal(permuted_lambdas(model, resampling, Simes(12)), smallest_lambda(Simes(12), p))
    p = np.sort(all_p(model, resampling)[:, ~excluded], axis=1)
    np.testing.assert_array_equal(
        permuted_lambdas(model, resampling, Simes(12), excluded), smallest_lambda(Simes(12), p)
    )


def test_recombined_maps_have_the_same_permutations(maps: FloatArray, case: Case) -> None:
    mixing = np.random.default_rng(1).normal(size=(case.n_maps, case.n_maps)) + 2 * np.eye(case.n_maps)
    scaled = maps[: case.n_maps] / np.abs(maps[: case.n_maps]).max(axis=1, keepdims=True)
    (one, resampling), (other, _) = (prepare(each, case) for each in (scaled, np.einsum("cd,dij->cij", mixing, scaled)))
    np.testing.assert_allclose(all_p(one, resampling), all_p(other, resampling), rtol=1e-9)


def test_sign_flips_where_a_subject_lacks_one_of_its_maps(maps: FloatArray) -> None:
    """It is as if the subject were not in the study, at the points where it lacks any."""
    case = CASES["mean with age, flips"]
    gaps = maps.copy()
    gaps[0, 3, :5] = gaps[1, 6, 4:8] = np.nan
    model, resampling = prepare(gaps, case)
    assert model.dofs.tolist() == [9.0, 10.0, 11.0]  # subjects - 2 coefficients - 1
    p = all_p(model, resampling)
    for point, without in ((0, [3]), (4, [3, 6]), (7, [6]), (9, [])):
        column = int(np.flatnonzero(model.order == point)[0])
        (subspaces,) = [part.subspaces for part in model.parts if part.start <= column < part.stop]
        kept = np.delete(np.arange(N), without)
        there, y = case._replace(matrix=case.matrix[kept]), maps[:2, kept, point].T
        dropped = tuple(int(np.searchsorted(kept, subject)) for subject in subspaces.dropped)
        for place, sign in enumerate(resampling.batch(0).sign[:, kept]):
            wilks = permuted_lambda(y, there, dropped, np.arange(kept.size), sign)
            np.testing.assert_allclose(p[place, point], p_of(np.array(wilks), case, kept.size), rtol=SUMS)
    with pytest.raises(ValueError, match="effects must have all subjects at all points where subjects are permuted"):
        prepare(gaps, CASES["two groups"])


def test_points_that_cannot_be_tested_are_refused(maps: FloatArray) -> None:
    """A map that is the sum of the others varies, but not with them."""
    maps[2, :, 4] = maps[0, :, 4] - maps[1, :, 4]
    with pytest.raises(ValueError, match="effects must vary"):
        prepare(maps, CASES["mean"])


def test_all_flips_of_six_subjects() -> None:
    """A flip of all subjects changes no statistic, so that 32 of 64 are distinct; at .05 one of them may err."""
    case = Case(np.ones((6, 1)), np.ones(1), "flip", 2)
    maps = np.random.default_rng(0).normal(size=(2, 6, 8)) * 0.05 + 1
    model, resampling = prepare(maps, case, 1000)
    assert resampling.n_permutations == 32
    found = calibrate_by_permutation(model, resampling, Simes(8), 0.05)
    assert found.bound(model.observed_p()).whole == 8


def test_familywise_errors_are_shares_of_permutations(maps: FloatArray, case: Case) -> None:
    """Counted from the p of all permutations; the extents of single points without neighbours are 0 or 1."""
    model, resampling = prepare(maps, case)
    (fitted,) = fit_multivariate(list(maps[: case.n_maps]), case.matrix, {"": case.weights}, approximate=True)
    extent = Extent(CsrAdjacency.of_edges(np.empty((0, 2), dtype=np.int64), n_points=12), np.ones(12, dtype=np.int64))
    found = familywise_errors(model, resampling, fitted.z, [2.0, 3.5], extent)
    smallest = all_p(model, resampling).min(axis=1)
    np.testing.assert_allclose(found.smallest_p, smallest, rtol=1e-13)
    expected = (smallest[:, None] <= model.observed_p()).mean(axis=0)
    np.testing.assert_array_equal(found.p, expected)
    for column, p in enumerate((0.022750131948179195, 0.00023262907903552502)):  # upper tails of 2 and 3.5
        np.testing.assert_array_equal(found.extents[:, column], smallest < p)
