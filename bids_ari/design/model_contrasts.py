"""Tests of a node of a BIDS Stats Model: named contrasts, and dummy contrasts, which are tests of single columns."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

import numpy as np

from bids_ari.design.json_document import Item
from bids_ari.errors import counted

ONES = 1  # the column of ones in X
Term = str | int  # an entry of X: a column, a pattern such as group.*, or ONES
Test = Literal["t", "F", "pass", "FEMA"]  # pass: no test; FEMA: fixed effects, in former models

_WEIGHT = re.compile(r"\s*([+-]?\d{1,15}(?:\.\d{0,15})?)\s*(?:/\s*(\d{1,15}))?\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Contrast:
    """A test of a model: rows of weights of some columns, one row for a t test."""

    name: Term  # ONES where it is named after the column of ones
    conditions: tuple[Term, ...]  # the columns
    weights: tuple[tuple[float, ...], ...]
    test: Test
    place: str  # position in the file


def read_term(item: Item) -> Term:
    """Read an entry of X; the number 1 is the column of ones."""
    if item.value == ONES and not isinstance(item.value, bool):
        return ONES
    if not isinstance(item.value, str) or not item.value:
        raise item.error("1, or the name of a column")
    return item.value


def read_contrasts(
    item: Item | None, names: Mapping[Term, Term], others: list[Item] | None = None
) -> tuple[Contrast, ...]:
    """Read the named tests; unknown keys are an error, or appended to `others`, where a test may be missing, too."""
    contrasts: dict[Term, Contrast] = {}
    for each in item.items() if item else []:
        keys = ("Name", "ConditionList", "Weights", "Test")
        needed = "Name, ConditionList, Weights and Test" if others is None else ""
        fields = each.fields(keys, needed=needed, others=others, type="Test")
        if lacking := [key for key in keys[:3] if key not in fields]:
            raise each.error("Name, ConditionList and Weights", found=f"has no {lacking[0]}")
        conditions = _read_conditions(fields["ConditionList"], names)
        test = _read_test(fields["Test"]) if "Test" in fields else "t"
        weights = _read_weights(fields["Weights"], len(conditions), test)
        name = read_term(fields["Name"])
        if name in contrasts:
            raise each.error("a unique name for each contrast", found=f"is a second contrast named {name!r}")
        contrasts[name] = Contrast(name, conditions, weights, test, each.place)
    return tuple(contrasts.values())


def read_dummies(item: Item | None) -> Contrast | None:
    """Read the tests of single columns."""
    if item is None or item.value is False:
        return None
    if item.value is True or isinstance(item.value, list):  # the former AutoContrasts
        conditions = () if item.value is True else _read_conditions(item, {})
        return Contrast("", conditions, ((1.0,),), "t", item.place)
    fields = item.fields(("Contrasts", "Conditions", "ConditionList", "Test"), type="Test")
    listed = [each for key, each in fields.items() if key != "Test"]
    if "Test" not in fields or len(listed) > 1:
        raise item.error("Test, and at most one list of Contrasts")
    conditions = _read_conditions(listed[0], {}) if listed else ()
    return Contrast("", conditions, ((1.0,),), _read_test(fields["Test"]), item.place)


def _read_conditions(item: Item, names: Mapping[Term, Term]) -> tuple[Term, ...]:
    conditions = tuple(names.get(term, term) for term in map(read_term, item.items()))
    if not conditions or len(set(conditions)) < len(conditions):
        raise item.error("names of columns, each once")
    return conditions


def _read_test(item: Item) -> Test:
    tests: tuple[Test, ...] = get_args(Test)
    return next(test for test in tests if test == item.choice(tests))


def _read_weights(item: Item, n: int, test: Test) -> tuple[tuple[float, ...], ...]:
    """Read rows of weights: one for a t test, one or more for an F test."""
    listed = item.items()
    nested = bool(listed) and all(isinstance(each.value, list) for each in listed)
    if nested and test != "F":
        raise item.error("one weight for each name in ConditionList, as a t test has one row")
    rows = listed if nested else [item]
    weights = tuple(tuple(map(_weight, row.items())) for row in rows)
    for row, numbers in zip(rows, weights, strict=True):
        if len(numbers) != n:
            raise row.error(f"{n}, one for each name in ConditionList", found=f"has {counted(len(numbers), 'weight')}")
    if np.linalg.matrix_rank(np.array(weights)) < len(weights):
        raise item.error("linearly independent rows that are not zero")
    return weights


def _weight(item: Item) -> float:
    """Read a weight: a number, or a fraction such as "-1/3"."""
    if not isinstance(item.value, str):
        return item.number()
    found = _WEIGHT.fullmatch(item.value)
    if not found or (found[2] and not int(found[2])):
        raise item.error('a number, or a fraction such as "-1/3"')
    return float(Fraction(found[1]) / int(found[2] or 1))
