"""Tests of several maps per subject against statsmodels, formulas with inverses, and closed forms of the far tail."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.multivariate.manova import MANOVA

from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.glm import GlmResult, fit_glm
from bids_ari.stats.multivariate import Interleaved, fit_multivariate, maps_of

AGREE = 1e-8  # other programs invert matrices, whose condition squares that of the data
RECOMBINED = 1e-10  # combinations of condition 1e2 lose two digits of the sums of 20 products
N = 17
GROUP = np.arange(N) % 3
MATRIX = np.column_stack([np.ones(N), GROUP == 1, GROUP == 2, np.cos(np.arange(N))]).astype(float)
TESTS = {
    "mean": np.array([1.0, 0, 0, 0]),
    "age": np.array([0, 0, 0, 1.0]),
    "age as F": np.array([[0, 0, 0, 2.0]]),
    "groups": np.eye(4)[1:3],
    "all but the mean": np.eye(4)[1:],
}
MEAN = (np.ones((N, 1)), {"mean": np.ones(1)})


@pytest.fixture
def maps() -> FloatArray:
    """Four maps of 17 subjects at 6 points, which depend on each other, on the group and on age; (4, 17, 6)."""
    rng = np.random.default_rng(2)
    maps = rng.normal(size=(4, N, 6)) + rng.normal(size=(N, 6)) + np.outer(GROUP == 2, np.arange(6) / 4)
    return np.asarray(maps * np.array([1e-3, 1, 20, 5])[:, None, None])


def only(results: tuple[GlmResult, ...]) -> GlmResult:
    (result,) = results
    return result


@pytest.mark.parametrize("n_maps", [2, 3, 4])
def test_all_tests_agree_with_statsmodels(maps: FloatArray, n_maps: int) -> None:
    found = fit_multivariate(list(maps[:n_maps]), MATRIX, TESTS, approximate=True)
    for result, weights in zip(found, TESTS.values(), strict=True):
        assert result.is_f_test
        for point in range(6):
            fitted = MANOVA(maps[:n_maps, :, point].T, MATRIX).mv_test([("", np.atleast_2d(weights), None)])
            wilks = fitted.results[""]["stat"].loc["Wilks' lambda"].astype(float)
            of_f = [result.f[point], result.n_rows, result.dof[point], result.p("greater")[point]]
            np.testing.assert_allclose(of_f, wilks[["F Value", "Num DF", "Den DF", "Pr > F"]], rtol=AGREE)


def test_the_mean_of_several_maps_is_hotellings_t2(maps: FloatArray) -> None:
    result = only(fit_multivariate(list(maps), *MEAN))
    for point in range(6):
        values = maps[:, :, point].T
        t2 = N * values.mean(axis=0) @ np.linalg.inv(np.cov(values.T)) @ values.mean(axis=0)
        p = stats.f.sf(t2 * (N - 4) / ((N - 1) * 4), 4, N - 4)
        np.testing.assert_allclose(result.p("greater")[point], p, rtol=AGREE)
        np.testing.assert_allclose(stats.norm.sf(result.z[point]), p, rtol=AGREE)


def test_one_map_is_the_group_model_to_the_bit(maps: FloatArray) -> None:
    found = fit_multivariate([maps[0]], MATRIX, TESTS)
    for one, other in zip(found, fit_glm(maps[0], MATRIX, TESTS), strict=True):
        for name in ("t", "f", "z", "dof", "effect", "variance"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_recombined_maps_give_the_same_statistic(maps: FloatArray) -> None:
    """Differences to the first level, to the next level, or to the mean are one question."""
    rng = np.random.default_rng(4)
    before = fit_multivariate(list(maps), MATRIX, TESTS, approximate=True)
    for _ in range(5):
        mixing = rng.normal(size=(4, 4)) + 2 * np.eye(4)
        recombined = np.einsum("cd,dij->cij", mixing, maps / np.array([1e-3, 1, 20, 5])[:, None, None])
        after = fit_multivariate(list(recombined), MATRIX, TESTS, approximate=True)
        for one, other in zip(before, after, strict=True):
            assert one.f is not None
            np.testing.assert_allclose(one.f, other.f, rtol=RECOMBINED)


def test_estimates_are_those_of_each_map(maps: FloatArray) -> None:
    mean, age, as_f, *_ = fit_multivariate(list(maps), MATRIX, TESTS, approximate=True)
    assert as_f.effects is None
    for result, name in ((mean, "mean"), (age, "age")):
        assert result.effects is not None
        for estimate, values in zip(result.effects, maps, strict=True):
            np.testing.assert_allclose(estimate, only(fit_glm(values, MATRIX, {name: TESTS[name]})).effect, rtol=1e-12)
    assert mean.effects is not None
    assert mean.at(np.array([2, 4])).effects.tolist() == mean.effects[:, [2, 4]].tolist()  # type: ignore[union-attr]


@pytest.mark.parametrize("scale", [0.1, 1.0, 1e2, 1e4])
def test_the_far_tail_agrees_with_closed_forms(scale: float) -> None:
    """With a = dof / 2 and s = 1 / (1 + rows f / dof), P(F > f) of 2 rows is s^a, and of 4 rows s^a (a + 1 - a s).

    At the largest scale p is about 1e-600, below the least float.
    """
    group = np.arange(150) % 3
    groups = np.column_stack([np.ones(150), group == 1, group == 2]).astype(float)
    means = np.array([[0.3, 1.0, 0.1], [0.2, -0.5, 0.7]])[:, group, None]
    maps = np.random.default_rng(0).normal(size=(2, 150, 1)) + scale * means
    mean, both = fit_multivariate(list(maps), groups, {"mean": np.array([1.0, 0, 0]), "groups": np.eye(3)[1:]})
    for result, ratio in ((mean, 1), (both, 2)):
        assert result.f is not None
        a, f = result.dof / 2, result.f
        log_p = -a * np.log1p(ratio * f / a)
        if ratio == 2:
            log_p += np.log(a + 1 - a / (1 + 2 * f / a))
        np.testing.assert_allclose(result.neg_log10_p("greater"), -log_p / np.log(10), rtol=1e-9)
    assert scale < 1e4 or (both.p("greater")[0] == 0 and both.neg_log10_p("greater")[0] > 500)


def test_a_subject_without_one_of_the_maps_is_excluded_at_the_point(maps: FloatArray) -> None:
    """There, the result is that of a study without the subject; estimates too."""
    gaps = maps.copy()
    gaps[1, 3, :2] = gaps[0, 5, 1:3] = gaps[2, [3, 5], 3] = np.nan
    tests = {name: TESTS[name] for name in ("mean", "groups")}
    found = fit_multivariate(list(gaps), MATRIX, tests)
    for points, without in (([0], [3]), ([1, 3], [3, 5]), ([2], [5]), ([4, 5], [])):
        kept = np.delete(np.arange(N), without)
        expected = fit_multivariate(list(maps[:, kept]), MATRIX[kept], tests)
        for one, other in zip(found, expected, strict=True):
            for name in ("f", "z", "dof") + ("effects",) * (one.effects is not None):
                values, right = getattr(one, name)[..., points], getattr(other, name)[..., points]
                np.testing.assert_allclose(values, right, rtol=1e-11, atol=1e-14)


def test_points_without_a_covariance_are_not_tested(maps: FloatArray) -> None:
    """A constant map, the sum of two others, the same up to the rounding of float32, and too few subjects."""
    maps = maps[:3] / np.array([1e-3, 1, 20])[:, None, None]
    maps[1, :, 0] = 7.0
    maps[2, :, 1] = maps[0, :, 1] + maps[1, :, 1]
    maps[0, :, 2] = (maps[1, :, 2] - 3 * maps[2, :, 2]).astype(np.float32)
    maps[2, 6:, 3] = np.nan  # 6 subjects and 4 coefficients leave 2 degrees of freedom
    maps[2, 7:, 4] = np.nan
    mean, _, _, groups, _ = fit_multivariate(list(maps), MATRIX, TESTS, approximate=True)
    for result in (mean, groups):
        assert result.f is not None
        assert np.isnan(result.f).tolist() == np.isnan(result.z).tolist() == [True] * 4 + [False] * 2
    assert mean.effects is not None
    assert np.isnan(mean.effects).all(axis=0).tolist() == [True] * 4 + [False] * 2
    assert mean.dof.tolist() == [11, 11, 11, 0, 1, 11]  # 13 - 3 + 1


def test_units_do_not_change_the_test(maps: FloatArray) -> None:
    before, after = (only(fit_multivariate(list(each), *MEAN)) for each in (maps, maps * 2.0**-60))
    np.testing.assert_array_equal(before.f, after.f)


def test_squares_beyond_floating_point_are_not_tested(maps: FloatArray) -> None:
    """In any unit a point has the usual F, up to rounding, or none: 1e-160 has subnormal squares."""
    usual = only(fit_multivariate(list(maps), *MEAN)).f
    for unit in (1e-165, 1e-162, 1e-160, 1e-157, 1e-150, 1e150, 1e160):
        found = only(fit_multivariate(list(maps * unit), *MEAN)).f
        tested = ~np.isnan(found)
        np.testing.assert_allclose(found[tested], usual[tested], rtol=1e-10)
        assert tested.any() == tested.all() == (1e-150 <= unit <= 1e150)


def test_the_result_does_not_depend_on_blocks(maps: FloatArray, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = fit_multivariate(list(maps), MATRIX, TESTS, approximate=True)
    monkeypatch.setattr("bids_ari.stats.glm.BLOCK_VALUES", 4 * N * 2)  # 2 points of 4 maps
    for one, other in zip(at_once, fit_multivariate(list(maps), MATRIX, TESTS, approximate=True), strict=True):
        np.testing.assert_allclose(one.f, other.f, rtol=1e-12)


def test_what_cannot_be_tested_is_refused(maps: FloatArray) -> None:
    with pytest.raises(ValueError, match="by at least the number of maps, 4; found 7"):
        fit_multivariate(list(maps[:, :7]), MATRIX[:7], {"mean": TESTS["mean"]})
    with pytest.raises(ValueError, match="of 3 rows in 3 maps has no exact p; take permutations"):
        fit_multivariate(list(maps[:3]), MATRIX, TESTS)
    with pytest.raises(ValueError, match="maps must be of the same subjects and points"):
        fit_multivariate([maps[0], maps[1, :, :3]], MATRIX, TESTS)


def test_interleaved_maps_are_read_in_any_blocks(maps: FloatArray) -> None:
    gaps = maps[:3].copy()
    gaps[1, 4, 2] = gaps[0, 5, 5] = np.nan
    joined = Interleaved(list(gaps))
    assert joined.shape == (N, 18)
    whole = joined[:, :]
    for point in range(6):
        missing = {2: 4, 5: 5}.get(point)
        expected = gaps[:, :, point].T.copy()
        expected[[] if missing is None else [missing]] = np.nan
        np.testing.assert_array_equal(whole[:, 3 * point : 3 * point + 3], expected)
    for start in range(18):
        for stop in range(start, 19):
            np.testing.assert_array_equal(joined[:, start:stop], whole[:, start:stop])
    np.testing.assert_array_equal(joined[2:4, 5:40], whole[2:4, 5:])


def test_maps_of_one_array_and_of_several(maps: FloatArray) -> None:
    assert len(maps_of(maps[0])) == 1
    assert len(maps_of(list(maps))) == len(maps_of(tuple(maps))) == 4
