"""Laws of designs, for any table, formula and expression."""

import math
from typing import Any

import numpy as np
import patsy
import pytest
from builders_people import people
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bids_ari.bids.columns import value_of
from bids_ari.design.coding import model_matrix
from bids_ari.design.contrasts import default_tests, parse_tests
from bids_ari.design.design import make_design
from bids_ari.design.formula import parse_formula
from bids_ari.errors import DesignError, UsageError

AGE, GROUP, SEX = (20, 30, 25, 45, 30, 24, 28), list("bacabca"), list("mmfffmf")
TABLE = people(age=AGE, group=GROUP, sex=SEX)
PIECES = ("age", "group", "sex", "center(age)", "C(group)", "C(group, Sum)", "log(age)", "I(age ** 2)", "0", "1", "-1")
SIGNS = (
    " + ",
    "*",
    ":",
    " - ",
    "/",
    "**",
    "^",
    "(",
    ")",
    "~",
    "|",
    ",",
    ";",
    "=",
    "[T.b]",
    "`",
    "'",
    "{",
    "}",
    "b",
    "c",
)


def texts(*pieces: str) -> st.SearchStrategy[str]:
    """Random sequences of valid and invalid words, and any text."""
    return st.lists(st.sampled_from(pieces), max_size=10).map("".join) | st.text(max_size=20)


class TestAnyText:
    @settings(deadline=None)
    @given(formula=texts(*PIECES, *SIGNS))
    def test_a_formula_is_a_design_or_an_error(self, formula: str) -> None:
        try:
            design = make_design(tuple(TABLE.rows), TABLE, formula)
        except (UsageError, DesignError):
            return
        n_columns = len(design.columns)
        assert design.matrix.shape == (7, n_columns)
        assert np.linalg.matrix_rank(design.matrix) == n_columns == len(set(design.columns))
        assert all(weights.shape[-1] == n_columns for weights in design.tests.values())
        assert all(name.isascii() and name.replace("+", "").isalnum() for name in design.tests)

    @settings(deadline=None)
    @given(expression=texts("1", "0.5", "age", "group", "intercept", " ", "- ", *SIGNS))
    def test_an_expression_is_a_test_or_an_error(self, expression: str) -> None:
        model = model_matrix(parse_formula("center(age) + C(group)"), TABLE, tuple(TABLE.rows))
        try:
            weights = parse_tests([f"x={expression}"], model)["x"]
        except UsageError:
            return
        assert np.isfinite(weights).all()
        assert np.linalg.matrix_rank(np.atleast_2d(weights)) == (1 if weights.ndim == 1 else len(weights))


sums = st.recursive(
    st.sampled_from(("A", "B", "Z")),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from((" + ", "-")), inner).map(lambda it: f"({''.join(it)})"),
        st.tuples(st.integers(1, 9), inner).map(lambda it: f"{it[0]} * {it[1]}"),
        st.tuples(inner, st.integers(1, 9)).map(lambda it: f"{it[0]}/{it[1]}"),
        inner.map(lambda it: f"-{it}"),
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(text=sums)
def test_expressions_agree_with_arithmetic(text: str) -> None:
    """Python computes the same sum over the vectors (1, 0, 0), (0, 1, 0), (0, 0, 1)."""
    table = people(**{name: [1, 0, 0, 0, 2] if name == "A" else [3, 1, 4, 1, 5] for name in "ABZ"})
    model = model_matrix(parse_formula("0 + A + B + Z"), table, tuple(table.rows))
    expected = eval(text, {}, dict(zip("ABZ", np.eye(3), strict=True)))
    assume(np.abs(expected).max() > 0)
    found = parse_tests([f"x={text}"], model)["x"]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)  # a dozen roundings


cells = st.lists(st.sampled_from("abcd"), min_size=8, max_size=20)


@settings(max_examples=30, deadline=None)
@given(group=cells, data=st.data())
def test_columns_agree_with_patsy(group: list[str], data: Any) -> None:
    """In any order: columns are sorted on both sides."""
    n = len(group)
    assume(len(set(group)) > 1)
    x = data.draw(st.lists(st.integers(-50, 50), min_size=n, max_size=n))
    table = people(g=group, x=x)
    for formula in ("1 + g + x", "0 + g", "g * center(x)", "C(g, Sum) + x", "g:x"):
        ours = model_matrix(parse_formula(formula), table, tuple(table.rows)).matrix
        theirs = np.asarray(patsy.dmatrix(formula, {"g": group, "x": np.array(x, float)}))
        order_ours, order_theirs = (np.lexsort(np.round(m, 6)) for m in (ours, theirs))
        np.testing.assert_allclose(ours[:, order_ours], theirs[:, order_theirs], rtol=1e-12, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(list(TABLE.rows)))
def test_the_order_of_subjects_is_that_of_rows(order: list[str]) -> None:
    formula = "1 + group * sex + I(age / 10)"
    first = make_design(tuple(TABLE.rows)[:7], people(age=AGE, group=list("bababaa"), sex=SEX), formula)
    other = make_design(tuple(order), people(age=AGE, group=list("bababaa"), sex=SEX), formula)
    assert first.columns == other.columns
    assert np.array_equal(other.matrix, first.matrix[[first.subjects.index(subject) for subject in order]])


@settings(deadline=None)
@given(
    levels=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5), min_size=2, max_size=5)
)
def test_names_of_tests_are_distinct(levels: list[str]) -> None:
    table, n_levels = people(g=levels), len(set(map(value_of, levels)))  # 1 and 01 are the same level
    try:
        model = model_matrix(parse_formula("C(g)"), table, tuple(table.rows))
    except DesignError:
        assert n_levels == 1
        return
    names = list(default_tests(model))
    assert len({name.casefold() for name in names}) == len(names) == n_levels + (n_levels > 2)


@pytest.mark.parametrize("n", [2, 1000])
def test_long_expressions(n: int) -> None:
    table = people(x=[math.sin(i) for i in range(n + 1)])
    assert make_design(tuple(table.rows), table, "center(x)").matrix.shape == (n + 1, 2)
