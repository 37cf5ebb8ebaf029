"""Tests of several maps per subject: fit and permutations, what is refused, and what is noted."""

import numpy as np
import pytest

from bids_ari.analysis.group_model import fit
from bids_ari.analysis.joint_tests import check_joint_tests, note_on_joint_test
from bids_ari.analysis.methods import GroupData
from bids_ari.analysis.permutation import permute
from bids_ari.analysis.variances import notes_on_variances
from bids_ari.config.options import Options
from bids_ari.design.design import Design
from bids_ari.errors import DataError, DesignError
from bids_ari.images.stack import Stack
from bids_ari.images.volume import Grid
from bids_ari.stats.closed_testing import hommel_bound
from bids_ari.stats.multivariate import fit_multivariate


def design(n: int = 12) -> Design:
    """Four groups: their mean, two of their differences, and all three."""
    matrix = np.eye(4)[np.arange(n) % 4]
    differences = np.diff(np.eye(4), axis=0)
    tests = {"mean": np.full(4, 0.25), "two": differences[:2], "all": differences}
    return Design(tuple(map(str, range(n))), matrix, tuple("abcd"), tests, "group")


def test_three_rows_in_three_maps_need_permutations() -> None:
    check_joint_tests(2, design(), Options())
    check_joint_tests(3, design(), Options(method=("permutation",)))
    for methods in (("simes",), ("permutation", "hommel")):
        with pytest.raises(DesignError, match=r"all: a test of 3 or more rows in 3 maps.*Take --method permutation"):
            check_joint_tests(3, design(), Options(method=methods))


def test_subjects_must_be_enough_for_the_covariance_of_the_maps() -> None:
    """12 subjects less 4 columns are 8 degrees of freedom, for 8 maps at most."""
    options = Options(method=("permutation",))
    check_joint_tests(8, design(), options)
    with pytest.raises(DesignError, match=r"leave 8 degrees of freedom for 9 maps.*at least 13 subjects"):
        check_joint_tests(9, design(), options)


def test_an_approximate_f_is_noted() -> None:
    assert list(note_on_joint_test(3, design(), "two")) == []
    (note,) = note_on_joint_test(3, design(), "all")
    assert "of 3 rows in 3 maps per subject, are approximations" in note


@pytest.fixture
def stack(rng: np.random.Generator) -> Stack:
    """Two maps of each of 12 subjects at 60 voxels, with effects at the first 20 of the first."""
    first, second = rng.normal(size=(2, 12, 60)) + rng.normal(size=(12, 60))
    first[:, :20] += 3
    space = Grid((3, 4, 5), np.eye(4)).space(np.ones((3, 4, 5), dtype=bool))
    return Stack(first, tuple(map(str, range(12))), space, np.ones((3, 4, 5)), further=(second,))


def test_several_maps_are_fitted_together(stack: Stack) -> None:
    fitted = fit(stack, design(), Options())
    expected = fit_multivariate(stack.all_effects, design().matrix, design().tests)
    for one, other in zip(fitted.results, expected, strict=True):
        np.testing.assert_array_equal(one.f, other.f)
    assert fitted.outlying.residual.shape == (12,)


def test_unequal_variances_of_groups_are_those_of_all_maps(rng: np.random.Generator) -> None:
    """8 subjects of variance 9 and 24 of variance 1; Welch's test is of one map."""
    group = np.repeat([0, 1], [8, 24])
    groups = Design(
        tuple(map(str, range(32))), np.eye(2)[group], ("a", "b"), {"b - a": np.array([-1.0, 1])}, "group",
        groups=tuple("ab"[i] for i in group),
    )  # fmt: skip
    one, other = rng.normal(size=(2, 32, 60)) * np.where(group == 0, 3, 1)[:, None]
    space = Grid((3, 4, 5), np.eye(4)).space(np.ones((3, 4, 5), dtype=bool))
    stack = Stack(one, groups.subjects, space, np.ones((3, 4, 5)), further=(other,))
    fitted = fit(stack, groups, Options())
    assert fitted.variances.ratio == pytest.approx(9, rel=0.3)
    (note,) = notes_on_variances(fitted.variances, groups, "b - a", Options(), n_maps=2)
    assert "Compare groups of equal size: tests of several maps per subject assume equal variances" in note


def test_all_maps_of_a_subject_are_flipped_together(stack: Stack) -> None:
    """The bound of the mean finds more than closed testing, which finds the most of 20."""
    mean = Design(tuple(map(str, range(12))), np.ones((12, 1)), ("mean",), {"mean": np.ones(1)}, "1")
    options = Options(method=("permutation",), n_permutations=200, random_seed=3)
    (glm,) = fit(stack, mean, options).results
    group = GroupData(stack.all_effects, mean)
    found = permute(glm, "greater", options, group)
    whole = found.bound.tdn(np.arange(60) < 60)
    assert hommel_bound(glm.p("greater"), 0.05, "simes").whole <= whole <= 20
    assert whole > 10
    stack.further[0][5, 7] = np.nan
    with pytest.raises(DataError, match="At 1 of 60 voxels some of the 12 subjects have no data"):
        permute(glm, "greater", Options(method=("permutation",), shuffle="both"), group)
