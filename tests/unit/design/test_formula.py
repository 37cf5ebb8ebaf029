"""Parsing of formulas."""

import ast
from typing import Any

import pytest
from builders_people import people

from bids_ari.design.coding import ModelMatrix, model_matrix
from bids_ari.design.formula import parse_formula
from bids_ari.errors import BidsAriError, DesignError, UsageError

AGE = (20, 30, 25, 45, 30, 24)
GROUP = ("b", "a", "c", "a", "b", "c")
SEX = ("m", "m", "f", "f", "f", "m")
TABLE = people(age=AGE, group=GROUP, sex=SEX)


def made(formula: str, table: Any = TABLE) -> ModelMatrix:
    return model_matrix(parse_formula(formula, table.columns), table, tuple(table.rows))


def refusal(formula: str, kind: type[BidsAriError] = UsageError, table: Any = TABLE) -> str:
    with pytest.raises(BidsAriError) as caught:
        made(formula, table)
    assert type(caught.value) is kind
    return str(caught.value)


class TestErrors:
    @pytest.mark.parametrize(
        ("formula", "message"),
        [
            ("", "The formula '' is not understood: It is empty"),
            ("~", "It is empty"),
            ("age ~ group", "'~' is not understood"),
            ("age | group", "'|' is not understood"),
            ("age +", "Operator `+` has insuffient arguments"),
            ("(age", "is not understood"),
            ("age)", "is not understood"),
            ("center(age", "A parenthesis is not closed"),
            ("age group", "Missing operator between `age` and `group`"),
            ("2 * age", "'2' is not allowed there. Numbers go into I(): I(2 * age), I(age ** 2)"),
            ("age ** 9", "'9' is not allowed there. A power of terms is 2 to 5"),
            ("age + 'text'", "'text' is not allowed there"),
            ("`age", "'`' is not understood"),
            ("I(age +)", "A factor in it cannot be parsed"),
            ("I(3)", "I(3) in the formula 'I(3)' names no column"),
            ("I(1e999 * age)", "1e999 is too large"),
            ("center(age, 2)", "center(age, 2) in a formula is not supported; expected numbers, columns, + - * / **"),
            ("poly(age)", "poly(age) is not supported; expected poly(column, degree), the degree 1 to 5"),
            ("poly(age, 1000000000)", "the degree 1 to 5"),
            ("I(C(group))", "C(group) in a formula is not supported"),
            ("C(age + 1)", "C(age + 1) in a formula is not supported; expected C(column)"),
            ("C(group, contr.poly)", "names contr.poly"),
            ("C(group, Sum('a'))", "expected C(column), C(column, Treatment('level')) or C(column, Sum)"),
            ("C(group, levels=['a'])", "'[' is not understood"),
            ("(" * 21 + "age" + ")" * 21, "More than 20 parentheses are open"),
            ("a" * 2001, "It has 2001 characters; expected at most 2000"),
            ("I(" + "-" * 1500 + "age)", "A factor in it cannot be parsed"),
        ],
    )
    def test_syntax_errors(self, formula: str, message: str) -> None:
        kind = DesignError if "names contr" in message else UsageError
        assert message in refusal(formula, kind)

    @pytest.mark.parametrize(
        "formula",
        [
            "__import__('os').system('touch HERE')",
            "eval(age)",
            "exec(age)",
            "(lambda: age)()",
            "age.__class__",
            "I(age.__class__)",
            "I([c for c in age])",
            "np.load(age)",
            "Q('age')",
            "lag(age)",
            "{open('HERE', 'w')}",
            "I(age if age else age)",
            "I(age := 1)",
            "C(group, __import__('os').system('touch HERE'))",
            "center(age)(1)",
            "I(f'{age}')",
            "__import__('os').system('touch HERE')(1) ~ age",
            "`__import__('os')`",
            "{age;age}",
            "I(*age)",
            "I(age, **age)",
        ],
    )
    def test_a_formula_is_not_code(self, formula: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises((UsageError, DesignError)):
            made(formula)
        assert list(tmp_path.iterdir()) == []

    def test_unsupported_functions(self) -> None:
        assert "It calls bs; expected one of center, scale, abs, sqrt, exp, log, log2, log10, I, C, poly" in refusal(
            "bs(age, df=4)"
        )

    def test_unknown_columns(self) -> None:
        assert refusal("1 + center(aeg)", DesignError) == (
            "The formula '1 + center(aeg)' names aeg, which is not a column of the table; "
            "expected one of its columns: age, group, sex. Did you mean age?"
        )
        assert refusal("site", DesignError).endswith("expected one of its columns: age, group, sex")


def test_a_formula_without_a_table() -> None:
    formula = parse_formula("1 + center(age) * `body weight` + C(age)")
    assert formula.variables == ("age", "body weight")
    assert formula.algebra == "1 + f0 * f1 + f2"
    assert isinstance(formula.factors["f0"].tree, ast.Call)
    assert parse_formula(" 1 ").variables == ()
