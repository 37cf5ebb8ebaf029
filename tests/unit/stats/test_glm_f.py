"""F tests, blocks of points and refused models; t tests are in test_glm."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from bids_ari.stats.choices import ALTERNATIVES
from bids_ari.stats.glm import (
    ILL_CONDITIONED,
    GlmResult,
    blocks,
    check_model,
    condition_number,
    fit_glm,
    parts,
)

Floats = npt.NDArray[np.float64]

# Sums of some tens of squares in another order; F near 0 is a difference of such sums.
SUMS = 1e-9

GROUPS = np.repeat(np.eye(3), [5, 4, 7], axis=0)
DIFFERENCES = np.array([[-1.0, 1, 0], [-1, 0, 1]])


class OnDisk:
    """Effects as in a file: float32, by slices only; records the width of each slice."""

    def __init__(self, values: Floats) -> None:
        self.values = values.astype(np.float32)
        self.shape = values.shape
        self.widths: list[int] = []

    def __getitem__(self, key: tuple[slice, slice]) -> Floats:
        rows, points = key
        assert isinstance(rows, slice)
        assert isinstance(points, slice)
        self.widths.append(points.stop - points.start)
        return self.values[key].astype(np.float64)


@pytest.fixture
def effects(rng: np.random.Generator) -> Floats:
    """16 subjects, 30 points: null, different groups, far from zero."""
    shift = GROUPS @ np.array([0.0, 1, 2])
    return rng.normal(size=(16, 30)) + np.repeat([0, 2.0, 0], 10) * shift[:, None] + np.repeat([0, 0, 50.0], 10)


def f_test(effects: Any, matrix: Floats, weights: Floats) -> GlmResult:
    (result,) = fit_glm(effects, matrix, {"groups": weights})
    return result


def test_groups_as_analysis_of_variance(effects: Floats) -> None:
    found = f_test(effects, GROUPS, DIFFERENCES)
    expected = stats.f_oneway(effects[:5], effects[5:9], effects[9:])
    np.testing.assert_allclose(found.f, expected.statistic, rtol=SUMS)
    np.testing.assert_allclose(found.p("greater"), expected.pvalue, rtol=1e-8)  # F to the power of dof / 2
    np.testing.assert_allclose(found.z, stats.norm.isf(expected.pvalue), rtol=1e-8, atol=1e-9)
    np.testing.assert_array_equal(found.dof, 13)
    assert (found.n_rows, found.t, found.effect, found.variance) == (2, None, None, None)


def test_full_model_against_residuals(effects: Floats, rng: np.random.Generator) -> None:
    """F is the decrease of the residual sum of squares when tested columns are added, over rows and sigma^2."""
    matrix = np.column_stack([np.ones(16), rng.normal(size=(16, 3))])
    found = f_test(effects, matrix, np.eye(4)[[1, 3]])
    rss_full, rss_reduced = (
        ((effects - x @ np.linalg.lstsq(x, effects)[0]) ** 2).sum(axis=0) for x in (matrix, matrix[:, [0, 2]])
    )
    np.testing.assert_allclose(found.f, (rss_reduced - rss_full) / 2 / (rss_full / 12), rtol=1e-7)  # a difference


@pytest.mark.parametrize("weights", [np.array([1.0, -1, 0]), np.array([0.0, 0, 3])])
def test_one_row_is_t_squared(effects: Floats, weights: Floats) -> None:
    t, f = fit_glm(effects, GROUPS, {"t": weights, "F": weights[None]})
    assert t.t is not None
    np.testing.assert_allclose(f.f, t.t**2, rtol=SUMS)
    np.testing.assert_allclose(f.p("greater"), t.p("two-sided"), rtol=1e-8)
    assert (t.f, t.n_rows, f.n_rows) == (None, 0, 1)


def test_f_where_subjects_are_missing(effects: Floats) -> None:
    """Point 0 lacks some of each group, 1 a whole group, 2 leaves as many subjects as groups, 3 all."""
    effects[[0, 6, 9, 15], 0] = np.nan
    effects[5:9, 1] = np.nan
    effects[:, 2] = np.where(np.isin(np.arange(16), [0, 5, 9]), 1.0, np.nan)
    effects[:, 3] = np.nan
    found = f_test(effects, GROUPS, DIFFERENCES)
    expected = stats.f_oneway(effects[1:5, 0], effects[[5, 7, 8], 0], effects[10:15, 0])
    assert found.f is not None
    assert found.f[0] == pytest.approx(expected.statistic, rel=SUMS)
    np.testing.assert_array_equal(found.dof[:5], [9, 0, 0, 0, 13])
    for values in (found.f, found.z, found.p("greater")):
        np.testing.assert_array_equal(np.isnan(values[:5]), [False, True, True, True, False])


def test_f_of_constant_points() -> None:
    effects = np.column_stack([np.zeros(16), np.full(16, 0.1), GROUPS @ [1.0, 2, 3]])
    found = f_test(effects, GROUPS, DIFFERENCES)
    assert found.f is not None
    assert np.isnan(found.f).all()  # no residual at all: in the third point groups differ, without variance
    np.testing.assert_array_equal(found.dof, 13)


@pytest.mark.parametrize("alternative", [a for a in ALTERNATIVES if a != "greater"])
def test_f_has_no_other_alternative(effects: Floats, alternative: Any) -> None:
    with pytest.raises(ValueError, match=f"F test must be greater; found '{alternative}'"):
        f_test(effects, GROUPS, DIFFERENCES).p(alternative)


def test_at_selects_points_of_f(effects: Floats) -> None:
    found = f_test(effects, GROUPS, DIFFERENCES)
    some = found.at(np.array([4, 2]))
    assert found.f is not None
    np.testing.assert_array_equal(some.f, found.f[[4, 2]])
    np.testing.assert_array_equal(some.dof, [13, 13])
    assert (some.test, some.n_rows, some.t) == ("groups", 2, None)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros(3), "test 'mine' must be finite and not all zero"),
        (np.array([1.0, np.nan, 0]), "test 'mine' must be finite"),
        (np.ones(2), r"test 'mine' must have one entry per column: 3; found \(2,\)"),
        (np.ones((1, 4)), r"one entry per column: 3; found \(1, 4\)"),
        (np.array([[1.0, 0, 0], [2, 0, 0]]), "rows of test 'mine' must be independent; found 2"),
        (np.array([[1.0, 0, 0], [0, 0, 0]]), "rows of test 'mine' must be independent"),
        (np.array([[1.0, 0, -1], [0, 1, -1], [1, 1, -2]]), "independent; found 3"),
        (np.vstack([np.eye(3), np.ones(3)]), "independent; found 4"),
    ],
)
def test_refused_weights(effects: Floats, weights: Floats, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_glm(effects, GROUPS, {"fine": np.ones(3), "mine": weights})


def test_rows_of_different_units_are_independent(effects: Floats) -> None:
    small = f_test(effects, GROUPS, DIFFERENCES * [[1e-9], [1e9]])
    np.testing.assert_allclose(small.f, f_test(effects, GROUPS, DIFFERENCES).f, rtol=SUMS)


def test_units_of_columns_do_not_make_rows_dependent(effects: Floats) -> None:
    """In a column of 1e9 the weights are of that size: the difference between the rows is small relative to them."""
    rows = np.array([[1.0, 1, 0], [-1, 1, 0]])
    units = np.array([1, 1e9, 1])
    found = f_test(effects, GROUPS * units, rows * units)
    np.testing.assert_allclose(found.f, f_test(effects, GROUPS, rows).f, rtol=SUMS)


def test_condition_number_does_not_depend_on_units() -> None:
    """Columns (1, 1) / sqrt 2 and (1, 0) of length 1: singular values sqrt(1 +- cos 45 degrees)."""
    c = np.sqrt(0.5)
    expected = np.sqrt((1 + c) / (1 - c))
    for units in ([1.0, 1], [1e-8, 1e7]):
        assert condition_number(np.array([[1.0, 1], [1, 0]]) * units) == pytest.approx(expected, rel=1e-12)
    assert condition_number(np.eye(3)) == 1
    assert condition_number(np.array([[1.0, 0], [1, 0]])) == np.inf
    assert condition_number(np.ones((2, 3))) == np.inf


@pytest.mark.parametrize(("apart", "refused"), [(1e-7, False), (1e-9, True), (0.0, True)])
def test_nearly_collinear_columns(apart: float, refused: bool) -> None:
    """Of the columns 1 and 1 + apart * (+-1), the scaled condition number is 2 / apart but for rounding."""
    wiggle = np.tile([-1.0, 1], 4)
    matrix = np.column_stack([np.ones(8), 1 + apart * wiggle])
    assert ILL_CONDITIONED == 1e8
    if refused:
        with pytest.raises(ValueError, match="scaled condition number be at most 1e\\+08; found"):
            check_model(8, matrix, {"mean": np.array([1.0, 0])})
    else:
        assert condition_number(matrix) == pytest.approx(2 / apart, rel=1e-6)
        check_model(8, matrix, {"mean": np.array([1.0, 0])})


def test_a_point_whose_subjects_are_nearly_collinear_is_not_tested() -> None:
    """Without subject 0 the second column is constant to 1e-10."""
    x = np.r_[5, 1 + 1e-10 * np.tile([-1.0, 1], 4)]
    effects = np.tile(np.r_[1.0, 2, 4, 3, 5, 7, 6, 9, 8], (2, 1)).T
    effects[0, 1] = np.nan
    found = f_test(effects, np.column_stack([np.ones(9), x]), np.array([[0.0, 1]]))
    np.testing.assert_array_equal(np.isnan(found.z), [False, True])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_refused_matrix_that_is_not_finite(effects: Floats, bad: float) -> None:
    matrix = GROUPS.copy()
    matrix[3, 1] = bad
    with pytest.raises(ValueError, match="matrix must have finite values"):
        f_test(effects, matrix, DIFFERENCES)


def test_blocks_hold_32_megabytes() -> None:
    """2^22 values of 8 bytes: of 1,000 subjects 4,194 points."""
    effects = np.broadcast_to(0.0, (1000, 10_000))
    assert list(blocks(effects)) == [slice(0, 4194), slice(4194, 8388), slice(8388, 10_000)]
    assert list(blocks(np.broadcast_to(0.0, (5_000_000, 2)))) == [slice(0, 1), slice(1, 2)]
    assert list(blocks(np.zeros((3, 0)))) == []


def test_values_on_disk_are_read_once_block_by_block(effects: Floats, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bids_ari.stats.glm.BLOCK_VALUES", 16 * 8)
    effects = effects.astype(np.float32).astype(np.float64)
    effects[2, 9:14] = np.nan
    disk = OnDisk(effects)
    found = f_test(disk, GROUPS, DIFFERENCES)
    assert disk.widths == [8, 8, 8, 6]
    np.testing.assert_array_equal(found.z, f_test(effects, GROUPS, DIFFERENCES).z)


def test_parts_are_the_points_of_the_same_subjects(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each point is in one part, with exactly the subjects that have data there; a block has a part per pattern."""
    monkeypatch.setattr("bids_ari.stats.glm.BLOCK_VALUES", 19 * 50)
    effects = rng.normal(size=(19, 120))  # 19 subjects need three bytes
    patterns = rng.uniform(size=(19, 6)) < 0.3
    patterns[:, 0] = False
    effects[patterns[:, rng.integers(6, size=120)]] = np.nan
    found = np.full(effects.shape, np.nan)
    seen = []
    for part in parts(effects):
        found[np.ix_(part.rows, part.points)] = part.values
        seen.append((part.points[0] // 50, tuple(part.rows)))
        assert not np.isnan(part.values).any()
        assert (np.diff(part.points) > 0).all()
    np.testing.assert_array_equal(found, effects)
    assert len(set(seen)) == len(seen) == 18  # 6 patterns in each of 3 blocks
