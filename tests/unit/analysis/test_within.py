"""Group models of questions within subjects: options that are refused, and tests without an exact p."""

from typing import Any

import numpy as np
import pytest

from bids_ari.analysis.within import name_of_test, notes_within, plan_within
from bids_ari.bids.questions import Question, differences
from bids_ari.config.options import Options
from bids_ari.design.design import Design
from bids_ari.errors import DesignError, UsageError

LEVELS = tuple(f"ses-{i}" for i in range(1, 6))


def question(n_levels: int) -> Question:
    return Question("", "session", LEVELS[:n_levels], differences(n_levels))


def design(n: int = 16) -> Design:
    """Four groups: the mean, one comparison, and all three."""
    matrix = np.column_stack([np.ones(n), *(np.arange(n) % 4 == i for i in (1, 2, 3))]).astype(float)
    tests = {"mean": np.array([1, 0.25, 0.25, 0.25]), "b": np.eye(4)[1], "groups": np.eye(4)[1:]}
    return Design(tuple(map(str, range(n))), matrix, ("1", "b", "c", "d"), tests)


def test_one_row_changes_nothing() -> None:
    plain = design()
    for each in (None, question(2)):
        assert plan_within(each, plain, Options(min_effect=0.5)) is plain
        assert list(notes_within(each, plain)) == []


def test_all_tests_are_f_tests() -> None:
    planned = plan_within(question(3), design(), Options())
    assert planned.n_differences == 2
    assert {planned.statistic(name) for name in planned.tests} == {"F"}
    assert [name_of_test(planned, name) for name in planned.tests] == [
        "Hotelling's T2",
        "Hotelling's T2",
        "Wilks' lambda",
    ]


def test_default_tests_without_an_exact_p_are_left_out() -> None:
    """Three rows in three differences; permutations do not need an exact p."""
    planned = plan_within(question(4), design(), Options())
    assert set(planned.tests) == {"mean", "b"}
    assert planned.notes[-1].startswith("Not tested: groups, of three rows or more in 3 differences")
    permuted = plan_within(question(4), design(), Options(method=("permutation",)))
    assert set(permuted.tests) == {"mean", "b", "groups"}
    with pytest.raises(DesignError, match="no exact p"):
        plan_within(question(4), design(), Options(test=("groups=b; c; d",)))
    with pytest.raises(DesignError, match="no exact p"):
        plan_within(question(4), design(), Options(test=("groups=b; c; d",), method=("simes", "permutation")))


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"min_effect": 0.5}, "--min-effect is 0.5"),
        ({"variance": "unequal"}, "Unequal variances"),
        ({"estimator": "mixed"}, "--estimator mixed"),
        ({"estimator": "fixed"}, "--estimator fixed"),
    ],
)
def test_options_for_one_difference(options: dict[str, Any], part: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan_within(question(3), design(), Options(**options))
    assert part in caught.value.found
    assert "2 differences within subjects (any difference between ses-1, ses-2 and ses-3)" in caught.value.found


def test_as_many_degrees_of_freedom_as_differences() -> None:
    assert plan_within(question(5), design(8), Options()).n_differences == 4
    with pytest.raises(DesignError, match="at least 8 subjects"):
        plan_within(question(5), design(7), Options())
    (note,) = notes_within(question(5), design(8))
    assert note.startswith("4 differences within subjects with 4 residual degrees of freedom")
    assert list(notes_within(question(5), design(12))) == []
