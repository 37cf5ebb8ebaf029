"""Notes on designs whose tests may not be those that were meant."""

import pytest
from builders_people import people

from bids_ari.design.design import make_design

ALL = [f"{i:02d}" for i in range(1, 9)]
AGES = [21, 24, 25, 28, 30, 31, 33, 35]  # none is 0; the mean is 28.375
TABLE = people(age=AGES, score=[-2, -1, 0, 1, 2, 3, 4, 5], group=list("aaaabbbb"))


def cautions(formula: str, *tests: str) -> list[str]:
    """Return the notes on tests, without their advice."""
    notes = make_design(ALL, TABLE, formula, tests).notes
    return [note.partition(". For")[0] for note in notes if note.startswith("Test ")]


@pytest.mark.parametrize("formula", ["1", "center(age)", "scale(age)", "score", "group", "0 + group", "age - 1"])
def test_effects_within_the_values_of_covariates_are_not_noted(formula: str) -> None:
    assert cautions(formula) == []


@pytest.mark.parametrize("formula", ["age", "1 + age", "group + age"])
def test_the_intercept_beside_a_covariate_that_is_not_centred_is_noted(formula: str) -> None:
    (note,) = cautions(formula, "base=intercept", "slope=age")
    assert note == "Test base is the effect where age is 0 (its values: 21 to 35)"


def test_the_means_of_groups_beside_such_a_covariate_are_noted() -> None:
    notes = cautions("0 + group + age", "a=group[a]", "b=group[b]", "difference=group[a] - group[b]")
    assert [note.split()[1] for note in notes] == ["a", "b"]


def test_an_effect_at_some_value_of_the_covariate_is_fine() -> None:
    assert cautions("1 + age", "at30=intercept + 30*age") == []
    (note,) = cautions("1 + age", "at60=intercept + 60*age")
    assert "age is 60" in note


def test_a_group_of_two_is_noted() -> None:
    (note,) = make_design(["01", "02"]).notes
    assert "2 subjects: 1 residual degree of freedom" in note
    assert make_design(["01", "02", "03"]).notes == ()


@pytest.mark.parametrize(("formula", "effect"), [("0 + age", "tests of age contain"), ("0 + center(age)", "residuals")])
def test_a_regression_through_the_origin_is_noted(formula: str, effect: str) -> None:
    (note,) = make_design(ALL, TABLE, formula).notes
    assert ("goes through the origin" in note, effect in note) == (True, True)


@pytest.mark.parametrize("formula", ["1 + age", "0 + group", "0 + group + age", "1", "1 + exp(age)"])
def test_a_regression_with_an_intercept_is_not_noted_so(formula: str) -> None:
    assert not any("origin" in note for note in make_design(ALL, TABLE, formula).notes)
