from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bids_ari.stats.choices import ALTERNATIVES, Alternative
from bids_ari.stats.glm import GlmResult
from bids_ari.stats.welch import fit_welch

Floats = npt.NDArray[np.float64]

# Both sides sum some tens of squares in float64 in another order: 1e-10 leaves room for a thousand roundings.
SUMS = 1e-10

GROUP = np.repeat([0, 1, 2], [5, 8, 12])
CELL_MEANS = np.eye(3)[GROUP]
TREATMENT = np.column_stack([np.ones(25), GROUP == 1, GROUP == 2]).astype(float)


@pytest.fixture
def effects() -> Floats:
    """Three groups with different spreads, 40 points: some active, some far from zero."""
    rng = np.random.default_rng(42)
    means = np.repeat([0.0, 1.5, -0.7, 100.0], 10) + np.array([0.0, 0.5, 3.0])[GROUP][:, None]
    return means + rng.normal(size=(25, 40)) * np.array([3.0, 0.2, 1.0])[GROUP][:, None]


def fit_one(effects: Floats, matrix: Floats, weights: list[float] | list[list[float]]) -> GlmResult:
    (result,) = fit_welch(effects, matrix, {"test": np.array(weights)})
    return result


def without_some(effects: Floats) -> Floats:
    """A fifth of the data is missing, at random."""
    return np.where(np.random.default_rng(7).uniform(size=effects.shape) < 0.2, np.nan, effects)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize(("matrix", "weights"), [(CELL_MEANS, [0, -1, 1]), (TREATMENT, [0, -1, 1])])
@pytest.mark.parametrize("complete", [True, False])
def test_two_groups(
    effects: Floats, matrix: Floats, weights: list[float], complete: bool, alternative: Alternative
) -> None:
    effects = effects if complete else without_some(effects)
    found = fit_one(effects, matrix, weights)
    expected = stats.ttest_ind(
        effects[GROUP == 2], effects[GROUP == 1], equal_var=False, nan_policy="omit", alternative=alternative
    )
    np.testing.assert_allclose(found.t, expected.statistic, rtol=SUMS)
    np.testing.assert_allclose(found.dof, expected.df, rtol=SUMS)
    np.testing.assert_allclose(found.p(alternative), expected.pvalue, rtol=1e-8)  # |t| raises roundings to dof
    assert np.unique(found.dof).size == 40


@pytest.mark.parametrize(("matrix", "weights"), [(CELL_MEANS, [0, 1, 0]), (TREATMENT, [1, 1, 0])])
def test_mean_of_one_group(effects: Floats, matrix: Floats, weights: list[float]) -> None:
    """The one-sample t test of that group; the others are not used."""
    found, expected = fit_one(effects, matrix, weights), stats.ttest_1samp(effects[GROUP == 1], 0)
    np.testing.assert_allclose(found.t, expected.statistic, rtol=SUMS)
    np.testing.assert_allclose(found.dof, 7, rtol=SUMS)


def test_one_group_alone(effects: Floats) -> None:
    found, expected = fit_one(effects, np.ones((25, 1)), [1]), stats.ttest_1samp(effects, 0)
    np.testing.assert_allclose(found.t, expected.statistic, rtol=SUMS)
    np.testing.assert_allclose(found.dof, 24, rtol=SUMS)


def test_three_groups_by_the_formula(effects: Floats) -> None:
    """The first group against the mean of the others: sum w_g^2 s_g^2 / n_g, Satterthwaite's degrees of freedom."""
    found = fit_one(effects, CELL_MEANS, [1, -0.5, -0.5])
    n, w = np.array([5, 8, 12]), np.array([1, -0.5, -0.5])
    means = np.array([effects[g == GROUP].mean(axis=0) for g in range(3)])
    parts = np.array([w[g] ** 2 * effects[g == GROUP].var(axis=0, ddof=1) / n[g] for g in range(3)])
    np.testing.assert_allclose(found.effect, w @ means, rtol=SUMS, atol=1e-11)  # 100 - 100 near 0
    np.testing.assert_allclose(found.variance, parts.sum(axis=0), rtol=SUMS)
    np.testing.assert_allclose(found.dof, parts.sum(axis=0) ** 2 / (parts.T**2 @ (1 / (n - 1))), rtol=SUMS)
    np.testing.assert_allclose(found.z, stats.norm.isf(stats.t.sf(found.t, found.dof)), rtol=1e-8, atol=1e-10)


def test_codings_of_the_groups_agree(effects: Floats) -> None:
    cells, coded = fit_one(effects, CELL_MEANS, [-1, 0, 1]), fit_one(effects, TREATMENT, [0, 0, 1])
    np.testing.assert_allclose(coded.t, cells.t, rtol=SUMS)
    np.testing.assert_allclose(coded.dof, cells.dof, rtol=SUMS)


def test_weights_of_rounding_are_zero(effects: Floats) -> None:
    """Columns of a rotated design are mixtures; the weights of a difference of two groups are rounded."""
    turn, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    weights = turn.T @ [0.0, -1, 1]
    effects[:4, 5] = np.nan  # the group of weight 0 keeps one subject
    found = fit_one(effects, CELL_MEANS @ turn, weights.tolist())
    assert np.linalg.solve(turn.T, weights)[0] != 0
    np.testing.assert_allclose(found.t, fit_one(effects, CELL_MEANS, [0, -1, 1]).t, rtol=1e-9)  # turned twice
    assert np.isfinite(found.t).all()


def test_one_row_is_an_f_test(effects: Floats) -> None:
    """F = t^2 with (1, dof): its p is the two-sided p of t."""
    t, f = fit_one(effects, CELL_MEANS, [0, -1, 1]), fit_one(effects, CELL_MEANS, [[0, -1, 1]])
    assert (f.t, f.effect, f.variance, f.n_rows) == (None, None, None, 1)
    np.testing.assert_allclose(f.f, t.t**2, rtol=1e-14)
    np.testing.assert_array_equal(f.dof, t.dof)
    np.testing.assert_allclose(f.p("greater"), t.p("two-sided"), rtol=1e-8)  # |t| raises roundings to dof
    np.testing.assert_allclose(f.z, stats.norm.isf(t.p("two-sided")), rtol=1e-8, atol=1e-8)


def test_refused_rows(effects: Floats) -> None:
    with pytest.raises(ValueError, match="a test must have one row; found 2 in test 'groups'"):
        fit_welch(effects, CELL_MEANS, {"groups": np.array([[1.0, -1, 0], [0, 1, -1]])})


def test_refused_zero_weights(effects: Floats) -> None:
    with pytest.raises(ValueError, match="weights of test 'test' must be finite and not all zero"):
        fit_one(effects, CELL_MEANS, [0, 0, 0])


@pytest.mark.parametrize(
    ("matrix", "found"),
    [
        (np.column_stack([np.ones(25), np.arange(25.0)]), "found 25 and 2"),
        (CELL_MEANS[:, :2], "found 3 and 2"),
    ],
    ids=["covariate", "too few columns"],
)
def test_refused_designs_with_other_columns(effects: Floats, matrix: Floats, found: str) -> None:
    with pytest.raises(ValueError, match=f"unequal variances need a design of groups.*{found}"):
        fit_welch(effects, matrix, {"test": np.ones(matrix.shape[1])})


def test_refused_groups_of_one(effects: Floats) -> None:
    """Subjects 4 to 12: one of the first group, eight of the second."""
    few, matrix = effects[4:13], CELL_MEANS[4:13, :2]
    with pytest.raises(ValueError, match="two subjects in each group of test 'test'; found 1"):
        fit_one(few, matrix, [-1, 1])
    assert np.isfinite(fit_one(few, matrix, [0, 1]).t).all()


def test_refused_collinear_groups(effects: Floats) -> None:
    """Three different rows on one line: the group means are dependent."""
    matrix = np.column_stack([np.ones(25), GROUP, 2.0 * GROUP])
    with pytest.raises(ValueError, match="matrix must have independent columns"):
        fit_welch(effects, matrix, {"test": np.ones(3)})


def test_matrix_needs_a_row_per_subject(effects: Floats) -> None:
    with pytest.raises(ValueError, match="matrix must have one row per subject: 25; found 24"):
        fit_welch(effects, CELL_MEANS[:24], {"test": np.ones(3)})


def test_too_few_subjects_in_a_group_of_nonzero_weight(effects: Floats) -> None:
    """Groups of 1, 0 and 2 subjects in points 0, 1 and 2; the third group has weight only in the second test."""
    effects[:4, 0] = effects[:5, 1] = effects[:3, 2] = np.nan
    counts, plays_no_part = fit_welch(
        effects[:, :4], CELL_MEANS, {"first": np.array([-1.0, 0, 1]), "others": np.array([0, -1.0, 1])}
    )
    for values in (counts.t, counts.z, counts.effect, counts.variance, counts.p("greater")):
        np.testing.assert_array_equal(np.isnan(values), [True, True, False, False])
    np.testing.assert_array_equal(counts.dof[:2], 0)
    assert (counts.dof[2:] >= 1).all()
    assert np.isfinite(plays_no_part.t).all()


def test_constant_groups() -> None:
    """With one constant group the test is that of the other; with two, the point is not tested.

    Second group (0, 2): mean 1, variance 2, so t against the constant c is (1 - c) / sqrt(2 / 2) with 1 degree of
    freedom. 1 + 0.8e-6 * (-1, 1) has the variance 2 * .64e-12 and is constant below 1e-12 of its mean square:
    1.28e-12 is not, 2 * .49e-12 is.
    """
    groups = np.eye(2)[[0, 0, 1, 1]]
    first = np.array([[0.1, 1 - 0.8e-6, 1 - 0.7e-6, 0.0, 0.1], [0.1, 1 + 0.8e-6, 1 + 0.7e-6, 0.0, 0.1]])
    second = np.array([[0.0, 3.0, 3.0, 0.0, 0.3], [2.0, 3.0, 3.0, 0.0, 0.3]])
    found = fit_one(np.vstack([first, second]), groups, [-1, 1])
    np.testing.assert_array_equal(np.isnan(found.t), [False, False, True, True, True])
    for values in (found.effect, found.variance, found.z):
        np.testing.assert_array_equal(np.isnan(values), np.isnan(found.t))
    assert found.t[0] == pytest.approx(0.9, rel=1e-14)
    np.testing.assert_allclose(found.dof, [1, 1, 0, 0, 0], rtol=1e-14)


def test_units_do_not_change_the_test(effects: Floats) -> None:
    """Of 2^-300 times the effects t is the same, and so are the degrees of freedom: fourth powers do not underflow."""
    small, usual = (fit_one(values, CELL_MEANS, [0, -1, 1]) for values in (effects * 2.0**-300, effects))
    np.testing.assert_array_equal(small.t, usual.t)
    np.testing.assert_array_equal(small.dof, usual.dof)


@pytest.mark.parametrize("weights", [[0, -1, 1], [[0, -1, 1]]], ids=["t", "F"])
def test_squares_beyond_floating_point_are_not_tested(
    effects: Floats, weights: list[float] | list[list[float]]
) -> None:
    """In any unit a point has the usual z, up to rounding, or none; 1e-160 has subnormal squares, 1e154 infinite ones.

    The standard errors, about 0.2, are normal numbers down to the unit 1e-153.
    """
    usual = fit_one(effects, CELL_MEANS, weights)
    for unit in (1e-165, 1e-160, 1e-157, 1e-155, 1e-153, 1e148, 1e154, 1e160):
        found = fit_one(effects * unit, CELL_MEANS, weights)
        tested = ~np.isnan(found.z)
        np.testing.assert_allclose(found.z[tested], usual.z[tested], rtol=1e-10)
        np.testing.assert_array_equal(found.dof > 0, tested)
        assert tested.all() == (1e-153 <= unit <= 1e148)
        assert tested.any() == (1e-153 <= unit <= 1e148)


def test_the_result_does_not_depend_on_blocks(effects: Floats, monkeypatch: pytest.MonkeyPatch) -> None:
    effects = without_some(effects)
    at_once = fit_one(effects, TREATMENT, [0, -1, 1])
    seven = [slice(start, start + 7) for start in range(0, 42, 7)]
    monkeypatch.setattr("bids_ari.stats.welch.blocks", lambda _: iter(seven))
    in_blocks = fit_one(effects, TREATMENT, [0, -1, 1])
    np.testing.assert_array_equal(in_blocks.t, at_once.t)
    np.testing.assert_array_equal(in_blocks.dof, at_once.dof)


def test_no_points() -> None:
    found = fit_one(np.empty((25, 0)), CELL_MEANS, [0, -1, 1])
    assert found.t.shape == found.dof.shape == (0,)


def test_arguments_are_not_changed(effects: Floats) -> None:
    effects = without_some(effects)
    tests: Mapping[str, Floats] = {"test": np.array([0, -1.0, 1])}
    before = [a.copy() for a in (effects, TREATMENT, tests["test"])]
    fit_welch(effects, TREATMENT, tests)
    for array, copy in zip((effects, TREATMENT, tests["test"]), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), sizes=st.lists(st.integers(2, 9), min_size=2, max_size=4))
def test_degrees_of_freedom_lie_between_the_smallest_group_and_all(seed: int, sizes: list[int]) -> None:
    """min(n_g) - 1 <= dof <= sum(n_g - 1), and the order of the subjects does not matter."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(sizes)), sizes)
    effects = rng.normal(size=(group.size, 6)) * 10.0 ** rng.uniform(-3, 3, size=len(sizes))[group][:, None]
    weights = rng.uniform(0.5, 1, size=len(sizes)).tolist()
    found = fit_one(effects, np.eye(len(sizes))[group], weights)
    assert (found.dof >= (min(sizes) - 1) * (1 - 1e-12)).all()
    assert (found.dof <= (group.size - len(sizes)) * (1 + 1e-12)).all()
    order = rng.permutation(group.size)
    reordered = fit_one(effects[order], np.eye(len(sizes))[group[order]], weights)
    np.testing.assert_allclose(reordered.t, found.t, rtol=1e-9, atol=1e-9)  # sums of means may cancel to near 0
