import numpy as np
import numpy.typing as npt
import pytest

from bids_ari.stats.diagnostics import SubjectDiagnostics, design_diagnostics, subject_diagnostics
from bids_ari.stats.glm import fit_glm

Floats = npt.NDArray[np.float64]

MEAN = {"mean": np.ones(1)}

# Sums over some hundred points in another order.
SUMS = 1e-9


@pytest.fixture
def maps(rng: np.random.Generator) -> Floats:
    """Nine subjects, 200 points: a common pattern, noise of a subject's own size, one point far from zero."""
    made = rng.normal(size=200) + rng.normal(size=(9, 200)) * rng.uniform(0.5, 2, size=(9, 1))
    made[:, 7] += 300
    return np.asarray(made)


@pytest.fixture
def covariates(rng: np.random.Generator) -> Floats:
    """A mean, a group, a covariate."""
    return np.column_stack([np.ones(9), np.repeat([0.0, 1], [6, 3]), rng.normal(size=9) + 40])


TESTS = {"group": np.array([0.0, 1, 0]), "mixed": np.array([1.0, 0.5, 40]), "both": np.eye(3)[1:], "all": np.eye(3)}


def test_correlations_of_columns(covariates: Floats) -> None:
    found = design_diagnostics(covariates).correlations
    np.testing.assert_allclose(found[1:, 1:], np.corrcoef(covariates[:, 1:].T), rtol=1e-12, atol=1e-14)
    assert np.isnan(found[0]).all()
    assert np.isnan(found[:, 0]).all()


def test_vif_by_hand() -> None:
    """x = (-1, 0, 1, 0) and y = (-1, -1, 1, 1) have mean 0: x'x = 2, y'y = 4, x'y = 2.

    So r^2 = 4 / 8, and both factors are 1 / (1 - 1/2) = 2.
    """
    matrix = np.column_stack([np.ones(4), [-1.0, 0, 1, 0], [-1.0, -1, 1, 1]])
    np.testing.assert_allclose(design_diagnostics(matrix).vif, [np.nan, 2, 2], rtol=1e-12)
    shifted = matrix + np.array([0, 1e4, -3])  # centred: the origin does not matter
    np.testing.assert_allclose(design_diagnostics(shifted).vif, [np.nan, 2, 2], rtol=1e-7)  # condition 1e4


def test_vif_of_group_means_is_one() -> None:
    """Indicator columns of groups are orthogonal, although their sum is constant."""
    groups = np.repeat(np.eye(3), [2, 5, 3], axis=0)
    np.testing.assert_allclose(design_diagnostics(groups).vif, 1, rtol=1e-12)


@pytest.mark.parametrize(
    ("x", "y", "vif"),
    [
        ((1.0, 2, 0), (2.0, 1, 0), 25 / 9),  # x'x = 5, y'y = 5, x'y = 4: 1 / (1 - 16 / 25)
        ((1.0, 0, 0), (1.0, 1, 0), 2),  # 1, 2, 1: 1 / (1 - 1 / 2); only y contributes to the constant
    ],
)
def test_vif_without_a_constant_is_not_centred(x: Floats, y: Floats, vif: float) -> None:
    np.testing.assert_allclose(design_diagnostics(np.column_stack([x, y])).vif, vif, rtol=1e-12)


def test_leverage_and_condition(covariates: Floats) -> None:
    found = design_diagnostics(covariates)
    hat = covariates @ np.linalg.inv(covariates.T @ covariates) @ covariates.T
    np.testing.assert_allclose(found.leverage, np.diag(hat), rtol=1e-7)  # inv squares the condition
    scaled = covariates / np.sqrt((covariates**2).sum(axis=0))
    assert found.condition == pytest.approx(np.linalg.cond(scaled), rel=1e-9)
    np.testing.assert_allclose(design_diagnostics(np.ones((5, 1))).leverage, 0.2, rtol=1e-12)
    assert np.isnan(design_diagnostics(np.ones((5, 1))).vif).all()


def test_correlation_with_the_mean_of_the_others(maps: Floats) -> None:
    expected = [np.corrcoef(maps[i], np.delete(maps, i, axis=0).mean(axis=0))[0, 1] for i in range(9)]
    np.testing.assert_allclose(subject_diagnostics(maps, np.ones((9, 1)), MEAN).correlation, expected, rtol=SUMS)


def test_correlation_of_two_subjects_is_that_of_their_maps(maps: Floats) -> None:
    found = subject_diagnostics(maps[:2], np.ones((2, 1)), MEAN)
    np.testing.assert_allclose(found.correlation, np.corrcoef(maps[:2])[0, 1], rtol=SUMS)
    assert not found.outliers().any()
    # one degree of freedom: both residuals are as large as the standard deviation allows, sigma sqrt(1 - 1/2)
    np.testing.assert_allclose(found.residual, 1, rtol=SUMS)
    # excluding one changes the mean by half the difference, which is its standard error
    np.testing.assert_allclose(found.influence["mean"], 1, rtol=SUMS)


def test_correlation_where_data_are_missing(maps: Floats, rng: np.random.Generator) -> None:
    maps[rng.uniform(size=maps.shape) < 0.2] = np.nan
    maps[:, 3] = np.nan
    maps[1:, 4] = np.nan  # one subject only: no other to compare with
    expected = []
    for i in range(9):
        others = np.delete(maps, i, axis=0)
        both = ~np.isnan(maps[i]) & ~np.isnan(others).all(axis=0)
        expected.append(np.corrcoef(maps[i, both], np.nanmean(others[:, both], axis=0))[0, 1])
    np.testing.assert_allclose(subject_diagnostics(maps, np.ones((9, 1)), MEAN).correlation, expected, rtol=SUMS)


def test_mean_and_standard_deviation_of_each_map(maps: Floats) -> None:
    """Over the points where the subject and another have data, 1..199; that of all lacks the first two of subject 3."""
    maps[:, 0] = np.nan
    maps[3, 1] = np.nan
    found = subject_diagnostics(maps, np.ones((9, 1)), MEAN)
    np.testing.assert_allclose(found.mean, np.nanmean(maps, axis=1), rtol=SUMS)
    np.testing.assert_allclose(found.sd, np.nanstd(maps, axis=1), rtol=SUMS)


@pytest.mark.parametrize("missing", [False, True])
def test_the_result_does_not_depend_on_blocks(
    maps: Floats, covariates: Floats, missing: bool, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also not the correlation of maps that lie far from zero, where sums of squares would cancel."""
    maps += 1e6
    if missing:
        maps[rng.uniform(size=maps.shape) < 0.1] = np.nan
    whole = subject_diagnostics(maps, covariates, TESTS)
    monkeypatch.setattr("bids_ari.stats.glm.BLOCK_VALUES", 9 * 17)
    found = subject_diagnostics(maps, covariates, TESTS)
    np.testing.assert_allclose(found.correlation, whole.correlation, rtol=1e-8)  # 1e6 takes six digits, squared: none
    np.testing.assert_allclose(found.residual, whole.residual, rtol=1e-8)
    for name in TESTS:
        np.testing.assert_allclose(found.influence[name], whole.influence[name], rtol=1e-8)


def change_by_refitting(maps: Floats, matrix: Floats, weights: Floats, subject: int) -> Floats:
    """Squared change of C b without a subject, in the variance of the whole fit, over rows; NaN where not estimable."""
    answer = np.full(maps.shape[1], np.nan)
    c = np.atleast_2d(weights)
    for point in range(maps.shape[1]):
        there = ~np.isnan(maps[:, point])
        rest = there & (np.arange(len(maps)) != subject)
        x, y = matrix[there], maps[there, point]
        enough = np.linalg.matrix_rank(matrix[rest]) == matrix.shape[1] < there.sum()
        if there[subject] and enough:
            b, without = (np.linalg.lstsq(matrix[r], maps[r, point])[0] for r in (there, rest))
            variance = ((y - x @ b) ** 2).sum() / (len(y) - len(b)) * c @ np.linalg.inv(x.T @ x) @ c.T
            move = c @ (b - without)
            answer[point] = move @ np.linalg.solve(variance, move) / len(c)
    return answer


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("name", TESTS)
def test_influence_agrees_with_refitting_without_the_subject(
    maps: Floats, covariates: Floats, missing: bool, name: str, rng: np.random.Generator
) -> None:
    maps = maps[:, :60].copy()
    if missing:
        maps[rng.uniform(size=maps.shape) < 0.15] = np.nan
        maps[[6, 7], 5] = np.nan  # only subject 8 of its group
        maps[3:, 6] = np.nan  # not tested
    found = subject_diagnostics(maps, covariates, TESTS).influence[name]
    for subject in range(9):
        expected = np.sqrt(np.nanmean(change_by_refitting(maps, covariates, TESTS[name], subject)))
        assert found[subject] == pytest.approx(expected, rel=1e-6)  # (X'X)^-1 squares the condition, 200


def test_one_sample_by_hand() -> None:
    """Of (0, 0, 3) the mean is 1, residuals (-1, -1, 2), variance 3, leverage 1/3, standard error 1.

    Studentised squares: 1 / (3 * 2/3) = 1/2, 1/2, 2. Without a subject the mean changes by e / 2: 1/2, 1/2, 1.
    Of (0, 6, 0) the same, for other subjects: root mean squares over both points.
    """
    found = subject_diagnostics(np.array([[0.0, 0], [0, 6], [3, 0]]), np.ones((3, 1)), MEAN)
    np.testing.assert_allclose(found.residual**2, [0.5, 1.25, 1.25], rtol=1e-12)
    np.testing.assert_allclose(found.influence["mean"] ** 2, [0.25, 0.625, 0.625], rtol=1e-12)


def test_constant_points_do_not_change_influence(maps: Floats) -> None:
    before = subject_diagnostics(maps, np.ones((9, 1)), MEAN)
    after = subject_diagnostics(np.hstack([maps, np.full((9, 50), 0.1)]), np.ones((9, 1)), MEAN)
    np.testing.assert_allclose(after.influence["mean"], before.influence["mean"], rtol=SUMS)
    np.testing.assert_allclose(after.residual, before.residual, rtol=SUMS)


def test_the_only_subject_of_a_group(maps: Floats) -> None:
    """Without it there is no difference of groups; the mean of the others does not depend on it."""
    groups = np.column_stack([np.r_[np.ones(8), 0], np.r_[np.zeros(8), 1]])
    tests = {"difference": np.array([1.0, -1]), "others": np.array([1.0, 0])}
    found = subject_diagnostics(maps, groups, tests)
    assert np.isnan(found.residual[8])
    assert found.influence["difference"][8] == np.inf
    assert found.influence["others"][8] == 0
    assert np.isfinite(found.influence["difference"][:8]).all()
    assert found.influential("difference").tolist() == [False] * 8 + [True]
    assert not found.influential("others").any()


def test_constant_and_empty_maps(maps: Floats) -> None:
    """A map that is constant, but for rounding, has no correlation; it is an outlier. So is one without data."""
    maps[2], maps[4] = 0.1 * (1 + 1e-9 * maps[3]), np.nan
    found = subject_diagnostics(maps, np.ones((9, 1)), MEAN)
    assert np.flatnonzero(np.isnan(found.correlation)).tolist() == [2, 4]
    assert found.outliers()[[2, 4]].all()
    assert np.isnan(found.influence["mean"][4])
    assert not found.influential("mean")[4]


def test_nothing_in_common() -> None:
    """No point where two subjects have data: no correlation exists, all are outliers."""
    alone = np.where(np.eye(3) > 0, 1.0, np.nan)
    found = subject_diagnostics(alone, np.ones((3, 1)), MEAN)
    assert np.isnan(found.correlation).all()
    assert found.outliers().all()
    assert np.isnan(found.residual).all()


def test_outliers() -> None:
    """Fisher's z: atanh. z = (.5, .6, .7, .8, x): median .6 or .7, MAD .1, limit 3 * 1.4826 * .1 = .445 below."""
    for x, is_outlier in ((0.10, True), (0.20, False), (3.0, False)):
        # x below: sorted (x, .5, .6, .7, .8), median .6, MAD .1 (of |x - .6|, .1, 0, .1, .2); limit .155
        found = SubjectDiagnostics(np.tanh([0.7, 0.5, x, 0.8, 0.6]), np.ones(5), {}, np.zeros(5), np.ones(5))
        assert found.outliers().tolist() == [False, False, is_outlier, False, False]


def test_noisy_and_influential() -> None:
    """Of 16 subjects: influence above 2 / sqrt(16) = .5 with residuals of at least 1.5; noisy above 2 times."""
    residual = np.r_[1.49, 1.51, 1.51, 2.01, 1.99, np.ones(11)]
    influence = np.r_[0.60, 0.51, 0.49, 0.10, 0.40, np.full(11, 0.2)]
    found = SubjectDiagnostics(np.zeros(16), residual, {"age": influence}, np.zeros(16), np.ones(16))
    assert np.flatnonzero(found.influential("age")).tolist() == [1]
    assert np.flatnonzero(found.noisy()).tolist() == [3]


def test_a_flipped_and_a_scaled_map(rng: np.random.Generator) -> None:
    maps = rng.normal(size=3000) + rng.normal(size=(20, 3000))
    maps[4] *= -1
    maps[11] *= 100
    age = np.column_stack([np.ones(20), np.linspace(-1, 1, 20)])
    found = subject_diagnostics(maps, age, {"age": np.array([0.0, 1])})
    assert found.outliers()[4]
    assert np.flatnonzero(found.noisy()).tolist() == [11]


def test_arguments_are_not_changed(maps: Floats, covariates: Floats) -> None:
    before = maps.copy(), covariates.copy()
    subject_diagnostics(maps, covariates, TESTS)
    design_diagnostics(covariates)
    np.testing.assert_array_equal(maps, before[0])
    np.testing.assert_array_equal(covariates, before[1])


def test_refused(maps: Floats) -> None:
    with pytest.raises(ValueError, match="matrix must have one row per subject: 9; found 8"):
        subject_diagnostics(maps, np.ones((8, 1)), MEAN)
    with pytest.raises(ValueError, match="test 'none' must be finite and not all zero"):
        subject_diagnostics(maps, np.ones((9, 1)), {"none": np.zeros(1)})


def test_t_and_one_row_f_agree(maps: Floats, covariates: Floats) -> None:
    tests = {"t": np.array([0.0, 2, 1]), "F": np.array([[0.0, 2, 1]])}
    found = subject_diagnostics(maps, covariates, tests)
    np.testing.assert_allclose(found.influence["F"], found.influence["t"], rtol=1e-12)
    assert len(fit_glm(maps, covariates, tests)) == 2
