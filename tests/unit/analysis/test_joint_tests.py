"""Tests of several maps per subject: what is refused, and what is noted."""

import numpy as np
import pytest

from bids_ari.analysis.joint_tests import check_joint_tests, note_on_joint_test
from bids_ari.config.options import Options
from bids_ari.design.design import Design
from bids_ari.errors import DesignError


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
