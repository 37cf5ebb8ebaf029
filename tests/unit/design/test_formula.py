"""Formulas, and the columns that they make."""

import ast
from typing import Any

import numpy as np
import patsy
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


class TestColumns:
    def test_treatment_coding_compares_with_the_first_level(self) -> None:
        """Written out by hand: 1 where the subject has the level."""
        model = made("1 + group")
        assert model.names == ("intercept", "group[T.b]", "group[T.c]")
        assert model.matrix.tolist() == [[1, 1, 0], [1, 0, 0], [1, 0, 1], [1, 0, 0], [1, 1, 0], [1, 0, 1]]
        assert model.factors == {"group": "3 levels; reference a (n = 2); b (n = 2), c (n = 2)"}

    def test_another_reference(self) -> None:
        model = made('1 + C(group, Treatment("c"))')
        assert model.names == ("intercept", "C(group, Treatment('c'))[T.a]", "C(group, Treatment('c'))[T.b]")
        assert model.matrix[:, 1:].tolist() == [[0, 1], [1, 0], [0, 0], [1, 0], [0, 1], [0, 0]]
        assert model.factors == {"group": "3 levels; reference c (n = 2); a (n = 2), b (n = 2)"}

    @pytest.mark.parametrize(
        "coding", ["Treatment('c')", "Treatment(reference='c')", "contr.treatment('c')", "contr.treatment(base='c')"]
    )
    def test_the_words_of_patsy_and_of_formulaic_mean_the_same(self, coding: str) -> None:
        expected = made("1 + C(group, Treatment('c'))").matrix
        assert np.array_equal(made(f"C(group, {coding})").matrix, expected)

    @pytest.mark.parametrize("coding", ["Sum", "Sum()", "contr.sum", "contr.sum()"])
    def test_sum_coding_compares_with_the_mean_of_levels(self, coding: str) -> None:
        """As R's contr.sum: the last level is -1 everywhere."""
        model = made(f"1 + C(group, {coding})")
        assert [name[-5:] for name in model.names[1:]] == ["[S.a]", "[S.b]"]
        assert model.matrix[:, 1:].tolist() == [[0, 1], [1, 0], [-1, -1], [1, 0], [0, 1], [-1, -1]]
        words = "3 levels, against the mean of all levels; a (n = 2), b (n = 2); c (n = 2) is -1 in each column"
        assert model.factors == {"group": words}

    @pytest.mark.parametrize("formula", ["0 + group", "group - 1", "-1 + group", "~ 0 + group"])
    def test_without_intercept_each_level_has_a_column(self, formula: str) -> None:
        model = made(formula)
        assert model.names == ("group[a]", "group[b]", "group[c]")
        assert model.matrix.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
        assert model.factors == {"group": "3 levels, a column each: a (n = 2), b (n = 2), c (n = 2)"}

    def test_center_is_over_the_subjects_of_the_model(self) -> None:
        """20, 25 and 30 have the mean 25; with all six it is 29."""
        formula = parse_formula("center(age)", TABLE.columns)
        assert model_matrix(formula, TABLE, ("01", "03", "05")).matrix[:, 1].tolist() == [-5, 0, 5]
        assert made("center(age)").matrix[:, 1].tolist() == [-9, 1, -4, 16, 1, -5]

    @pytest.mark.parametrize(
        ("formula", "column"),
        [
            ("scale(age)", (np.array(AGE) - 29) / np.sqrt((81 + 1 + 16 + 256 + 1 + 25) / 5)),
            ("log(age)", np.log(AGE)),
            ("I(age ** 2)", np.square(AGE)),
            ("{age / 2 - 1}", [9, 14, 11.5, 21.5, 14, 11]),
            ("I(-(age - 20) * 2)", [0, -20, -10, -50, -20, -8]),
            ("abs(center(age))", [9, 1, 4, 16, 1, 5]),
            ("sqrt(age) : log2(age)", np.sqrt(AGE) * np.log2(AGE)),
            ("exp(age / 100)", np.exp(np.array(AGE) / 100)),
            ("log10(age) - 1 + 1", np.log10(AGE)),
        ],
    )
    def test_functions(self, formula: str, column: Any) -> None:
        np.testing.assert_allclose(made(formula).matrix[:, -1], column, rtol=1e-14)

    def test_polynomials_are_orthonormal(self) -> None:
        """The first goes with age; all have length 1, and are orthogonal to each other and to the mean."""
        model = made("poly(age, 2)")
        assert model.names == ("intercept", "poly(age, 2)[1]", "poly(age, 2)[2]")
        first = np.array([-9, 1, -4, 16, 1, -5]) / np.sqrt(380)
        np.testing.assert_allclose(model.matrix[:, 1], first, rtol=1e-12)
        products = model.matrix.T @ model.matrix
        np.testing.assert_allclose(products, np.diag([6, 1, 1]), atol=1e-12)  # rounding of six products
        assert model.terms == {"poly(age, 2)": (1, 2)}

    @pytest.mark.parametrize(
        "formula",
        [
            *("1 + age * group", "group / age", "0 + group : age", "sex * group", "0 + sex + group", "sex : group"),
            *(
                "(age + sex + group) ** 2 - sex:group",
                "1 + age : sex",
                "C(group, Sum) * center(age)",
                "group - 1 + sex",
            ),
            "C(sex, Sum) + C(group, Treatment('b'))",
        ],
    )
    def test_patsy_makes_the_same_columns(self, formula: str) -> None:
        """But for their order within the matrix: so columns are sorted on both sides."""
        ours = made(formula).matrix
        theirs = patsy.dmatrix(formula, {"age": np.array(AGE, float), "group": list(GROUP), "sex": list(SEX)})
        np.testing.assert_allclose(
            sorted(ours.T.tolist()), sorted(np.asarray(theirs).T.tolist()), rtol=1e-14, atol=1e-14
        )  # one rounding of the mean

    def test_levels_are_in_the_order_of_a_reader(self) -> None:
        table = people(run=["run10", "run9", "run2", "run2"], site=[10, 9, 1, "x"], levels=["site"])
        assert made("run", table).names == ("intercept", "run[T.run9]", "run[T.run10]")
        assert made("site", table).names == ("intercept", "site[T.9]", "site[T.10]", "site[T.x]")
        assert made("C(site, Treatment(10))", table).factors["site"].startswith("4 levels; reference 10 (n = 1)")

    def test_numbers_with_levels_are_groups_and_c_makes_groups_of_any(self) -> None:
        table = people(site=[1, 2, 2, 1], dose=[0, 1, 0, 1], levels=["site"])
        assert made("site + C(dose)", table).names == ("intercept", "site[T.2]", "C(dose)[T.1]")
        assert made("dose", table).names == ("intercept", "dose")
        assert made("center(site)", table).matrix[:, 1].tolist() == [-0.5, 0.5, 0.5, -0.5]

    def test_an_interaction_alone_has_a_column_for_each_level(self) -> None:
        model = made("1 + age:C(sex, Sum)")
        assert model.names == ("intercept", "age:C(sex, Sum)[f]", "age:C(sex, Sum)[m]")
        assert model.factors == {"sex": "2 levels, a column each: f (n = 3), m (n = 3)"}

    def test_the_same_factor_twice_is_one(self) -> None:
        assert made("center(age) + center( age )+ {age} + I(age)").names == ("intercept", "center(age)", "I(age)")


class TestNames:
    TABLE = people(
        **{
            **{"body weight": [1, 2, 4, 3], "center": [4, 4, 2, 1], "1": [0, 1, 1, 3], "C": [9, 8, 9, 2]},
            **{"a-b": [1, 0, 0, 2], "intercept": [5, 5, 1, 0], "class": [2, 3, 3, 1], "größe": [7, 6, 5, 5]},
            **{"Sum": [1, 1, 2, 2], "x.y": [3, 1, 4, 1], "f0": [2, 7, 1, 8], "np": [1, 0, 1, 1], "v0": [0, 0, 5, 1]},
        }
    )

    @pytest.mark.parametrize(
        ("formula", "name", "column"),
        [
            ("`body weight`", "`body weight`", "body weight"),
            ("I(`body weight`)", "I(`body weight`)", "body weight"),
            ("center", "center", "center"),
            ("`1`", "`1`", "1"),
            ("1 + `1`", "`1`", "1"),
            ("C", "C", "C"),
            ("`a-b`", "`a-b`", "a-b"),
            ("intercept", "`intercept`", "intercept"),
            ("I(class)", "I(class)", "class"),
            ("I(größe)", "I(größe)", "größe"),
            ("gro\u0308ße", "größe", "größe"),
            ("Sum", "Sum", "Sum"),
            ("I(x.y)", "I(x.y)", "x.y"),
            ("f0", "f0", "f0"),
            ("I(np)", "I(np)", "np"),
            ("I(v0 + 0 * f0)", "I(v0 + 0 * f0)", "v0"),
        ],
    )
    def test_any_name_can_be_a_column(self, formula: str, name: str, column: str) -> None:
        model = made(formula, self.TABLE)
        assert model.names == ("intercept", name)
        assert model.matrix[:, 1].tolist() == [float(row[column]) for row in self.TABLE.rows.values()]

    def test_names_and_functions_may_be_the_same(self) -> None:
        model = made("center(center) + C(C) + C(Sum, Sum)", self.TABLE)
        assert model.names == ("intercept", "center(center)", "C(C)[T.8]", "C(C)[T.9]", "C(Sum, Sum)[S.1]")
        assert model.matrix[:, 1].tolist() == [1.25, 1.25, -0.75, -1.75]  # the mean of 4, 4, 2, 1 is 2.75

    def test_many_names_in_one_factor_stay_apart(self) -> None:
        """1 + 10 * 1 + 100 * 4 + 1000 * 0 = 411 for the first subject."""
        model = made("I(`body weight` + 10 * `body weight` + 100 * center + 1000 * `1`)", self.TABLE)
        assert model.matrix[:, 1].tolist() == [411, 1422, 1244, 3133]

    def test_levels_may_hold_anything(self) -> None:
        levels = ["f0", "a]:b[T.c", "`x`", "' \"", "[S.1]", "é"]
        names = made("g", people(g=levels)).names
        assert sorted(names) == sorted(["intercept", *(f"g[T.{level}]" for level in levels if level != "' \"")])


class TestRefusals:
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
    def test_what_is_no_formula(self, formula: str, message: str) -> None:
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

    def test_functions_that_are_not_on_offer_are_named(self) -> None:
        assert "It calls bs; expected one of center, scale, abs, sqrt, exp, log, log2, log10, I, C, poly" in refusal(
            "bs(age, df=4)"
        )

    def test_a_column_that_is_not_there_is_named_with_those_that_are(self) -> None:
        assert refusal("1 + center(aeg)", DesignError) == (
            "The formula '1 + center(aeg)' names aeg, which is not a column of the table; "
            "expected one of its columns: age, group, sex. Did you mean age?"
        )
        assert refusal("site", DesignError).endswith("expected one of its columns: age, group, sex")

    def test_text_where_numbers_are_needed_is_named_by_its_cell(self) -> None:
        table = people(age=[20, 30, "12y", 25], group=list("abab"))
        expected = "participants.tsv: column age holds text among numbers: '12y' (sub-03, line 4)"
        assert expected in refusal("center(age)", DesignError, table)
        assert expected in refusal("age", DesignError, table)
        assert len(made("C(age)", table).names) == 4
        assert "column group holds text: 'a' (sub-01, line 2), 'b' (sub-02" in refusal("I(group)", DesignError, table)

    def test_a_level_that_nobody_has_is_no_reference(self) -> None:
        assert refusal("C(group, Treatment('d'))", DesignError) == (
            "No subject has 'd' in column group, the reference in the formula; expected one of a, b, c"
        )

    def test_one_level_is_no_factor(self) -> None:
        table = people(group=list("aaa"))
        assert refusal("0 + group", DesignError, table) == (
            "Column group is a for all 3 subjects; expected at least two levels to compare"
        )

    def test_what_is_no_finite_number_is_named(self) -> None:
        table = people(x=[0, 1, -1, 2])
        assert refusal("log(x)", DesignError, table) == "log(x) is not a finite number for sub-01, sub-03"
        assert refusal("I(1 / x)", DesignError, table) == "1 / x is not a finite number for sub-01"
        assert refusal("exp(x * 1000)", DesignError, table) == "exp(x * 1000) is not a finite number for sub-02, sub-04"

    def test_a_polynomial_needs_more_values_than_its_degree(self) -> None:
        message = refusal("poly(x, 2)", DesignError, people(x=[0, 1, 1, 0]))
        assert message == "poly(x, 2) has 2 distinct values; expected more than 2"


def test_a_formula_without_a_table_says_what_it_needs() -> None:
    formula = parse_formula("1 + center(age) * `body weight` + C(age)")
    assert formula.variables == ("age", "body weight")
    assert formula.algebra == "1 + f0 * f1 + f2"
    assert isinstance(formula.factors["f0"].tree, ast.Call)
    assert parse_formula(" 1 ").variables == ()
