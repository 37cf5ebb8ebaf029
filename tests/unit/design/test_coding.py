"""The columns that formulas make."""

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
    def test_treatment_coding(self) -> None:
        """Written out by hand: 1 where the subject has the level."""
        model = made("1 + group")
        assert model.names == ("intercept", "group[T.b]", "group[T.c]")
        assert model.matrix.tolist() == [[1, 1, 0], [1, 0, 0], [1, 0, 1], [1, 0, 0], [1, 1, 0], [1, 0, 1]]
        assert model.factors == {"group": "3 levels; reference a (n = 2); b (n = 2), c (n = 2)"}

    def test_treatment_coding_with_another_reference(self) -> None:
        model = made('1 + C(group, Treatment("c"))')
        assert model.names == ("intercept", "C(group, Treatment('c'))[T.a]", "C(group, Treatment('c'))[T.b]")
        assert model.matrix[:, 1:].tolist() == [[0, 1], [1, 0], [0, 0], [1, 0], [0, 1], [0, 0]]
        assert model.factors == {"group": "3 levels; reference c (n = 2); a (n = 2), b (n = 2)"}

    @pytest.mark.parametrize(
        "coding", ["Treatment('c')", "Treatment(reference='c')", "contr.treatment('c')", "contr.treatment(base='c')"]
    )
    def test_notations_of_patsy_and_formulaic(self, coding: str) -> None:
        expected = made("1 + C(group, Treatment('c'))").matrix
        assert np.array_equal(made(f"C(group, {coding})").matrix, expected)

    @pytest.mark.parametrize("coding", ["Sum", "Sum()", "contr.sum", "contr.sum()"])
    def test_sum_coding(self, coding: str) -> None:
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

    def test_center_subtracts_the_mean_of_included_subjects(self) -> None:
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
    def test_columns_are_those_of_patsy(self, formula: str) -> None:
        """But for their order within the matrix: so columns are sorted on both sides."""
        ours = made(formula).matrix
        theirs = patsy.dmatrix(formula, {"age": np.array(AGE, float), "group": list(GROUP), "sex": list(SEX)})
        np.testing.assert_allclose(
            sorted(ours.T.tolist()), sorted(np.asarray(theirs).T.tolist()), rtol=1e-14, atol=1e-14
        )  # one rounding of the mean

    def test_levels_are_in_natural_order(self) -> None:
        table = people(run=["run10", "run9", "run2", "run2"], site=[10, 9, 1, "x"], levels=["site"])
        assert made("run", table).names == ("intercept", "run[T.run9]", "run[T.run10]")
        assert made("site", table).names == ("intercept", "site[T.9]", "site[T.10]", "site[T.x]")
        assert made("C(site, Treatment(10))", table).factors["site"].startswith("4 levels; reference 10 (n = 1)")

    def test_columns_with_levels_in_the_sidecar_are_groups(self) -> None:
        table = people(site=[1, 2, 2, 1], dose=[0, 1, 0, 1], levels=["site"])
        assert made("site + C(dose)", table).names == ("intercept", "site[T.2]", "C(dose)[T.1]")
        assert made("dose", table).names == ("intercept", "dose")
        assert made("center(site)", table).matrix[:, 1].tolist() == [-0.5, 0.5, 0.5, -0.5]

    def test_interaction_without_main_effects(self) -> None:
        model = made("1 + age:C(sex, Sum)")
        assert model.names == ("intercept", "age:C(sex, Sum)[f]", "age:C(sex, Sum)[m]")
        assert model.factors == {"sex": "2 levels, a column each: f (n = 3), m (n = 3)"}

    def test_duplicate_factors(self) -> None:
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
    def test_any_name_of_a_column(self, formula: str, name: str, column: str) -> None:
        model = made(formula, self.TABLE)
        assert model.names == ("intercept", name)
        assert model.matrix[:, 1].tolist() == [float(row[column]) for row in self.TABLE.rows.values()]

    def test_columns_named_like_functions(self) -> None:
        model = made("center(center) + C(C) + C(Sum, Sum)", self.TABLE)
        assert model.names == ("intercept", "center(center)", "C(C)[T.8]", "C(C)[T.9]", "C(Sum, Sum)[S.1]")
        assert model.matrix[:, 1].tolist() == [1.25, 1.25, -0.75, -1.75]  # the mean of 4, 4, 2, 1 is 2.75

    def test_several_columns_in_one_factor(self) -> None:
        """1 + 10 * 1 + 100 * 4 + 1000 * 0 = 411 for the first subject."""
        model = made("I(`body weight` + 10 * `body weight` + 100 * center + 1000 * `1`)", self.TABLE)
        assert model.matrix[:, 1].tolist() == [411, 1422, 1244, 3133]

    def test_any_name_of_a_level(self) -> None:
        levels = ["f0", "a]:b[T.c", "`x`", "' \"", "[S.1]", "é"]
        names = made("g", people(g=levels)).names
        assert sorted(names) == sorted(["intercept", *(f"g[T.{level}]" for level in levels if level != "' \"")])


class TestErrors:
    def test_text_where_numbers_are_needed(self) -> None:
        table = people(age=[20, 30, "12y", 25], group=list("abab"))
        expected = "participants.tsv: column age holds text among numbers: '12y' (sub-03, line 4)"
        assert expected in refusal("center(age)", DesignError, table)
        assert expected in refusal("age", DesignError, table)
        assert len(made("C(age)", table).names) == 4
        assert "column group holds text: 'a' (sub-01, line 2), 'b' (sub-02" in refusal("I(group)", DesignError, table)

    def test_unknown_reference(self) -> None:
        assert refusal("C(group, Treatment('d'))", DesignError) == (
            "No subject has 'd' in column group, the reference in the formula; expected one of a, b, c"
        )

    def test_one_level(self) -> None:
        table = people(group=list("aaa"))
        assert refusal("0 + group", DesignError, table) == (
            "Column group is a for all 3 subjects; expected at least two levels to compare"
        )

    def test_values_that_are_not_finite(self) -> None:
        table = people(x=[0, 1, -1, 2])
        assert refusal("log(x)", DesignError, table) == "log(x) is not a finite number for sub-01, sub-03"
        assert refusal("I(1 / x)", DesignError, table) == "1 / x is not a finite number for sub-01"
        assert refusal("exp(x * 1000)", DesignError, table) == "exp(x * 1000) is not a finite number for sub-02, sub-04"

    def test_polynomials_need_more_values_than_their_degree(self) -> None:
        message = refusal("poly(x, 2)", DesignError, people(x=[0, 1, 1, 0]))
        assert message == "poly(x, 2) has 2 distinct values; expected more than 2"
