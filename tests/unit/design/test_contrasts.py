"""Tests as expressions, and the default tests of a design."""

import numpy as np
import pytest
from builders_people import people

from bids_ari.design.coding import ModelMatrix, model_matrix
from bids_ari.design.contrasts import default_tests, notes_on_default_tests, parse_tests
from bids_ari.design.formula import parse_formula
from bids_ari.errors import UsageError

AGE = (20, 30, 25, 45, 30, 24, 60, 33)
GROUP = ("b", "a", "c", "a", "b", "c", "a", "b")
SEX = ("m", "f", "f", "f", "f", "m", "m", "m")


def model(formula: str, **columns: object) -> ModelMatrix:
    table = people(**{"age": AGE, "group": GROUP, "sex": SEX, **columns})  # type: ignore[arg-type]
    return model_matrix(parse_formula(formula, table.columns), table, tuple(table.rows))


def weights(expression: str, formula: str = "1 + center(age) + C(group)", **columns: object) -> list[object]:
    return parse_tests([f"x={expression}"], model(formula, **columns))["x"].tolist()  # type: ignore[no-any-return]


def notes_on(made: ModelMatrix) -> tuple[str, ...]:
    return notes_on_default_tests(made, default_tests(made))


def refusal(expression: str, formula: str = "1 + center(age) + C(group)", **columns: object) -> str:
    with pytest.raises(UsageError) as caught:
        weights(expression, formula, **columns)
    return str(caught.value)


class TestDefaults:
    def test_the_mean(self) -> None:
        assert {name: each.tolist() for name, each in default_tests(model("1")).items()} == {"mean": [1]}

    def test_t_tests_of_columns_and_f_tests_of_factors(self) -> None:
        found = default_tests(model("1 + center(age) + C(group) + sex"))
        assert list(found) == ["intercept", "age", "groupB", "groupC", "sexM", "group"]
        assert np.array_equal([found[name] for name in list(found)[:5]], np.eye(5))
        assert found["group"].tolist() == [[0, 0, 1, 0, 0], [0, 0, 0, 1, 0]]

    def test_labels_of_interactions(self) -> None:
        found = default_tests(model("center(age) * group"))
        assert list(found)[-5:] == ["ageXGroupB", "ageXGroupC", "group", "ageXGroup", "ageMain"]
        assert found["ageXGroup"].tolist() == np.eye(6)[[4, 5]].tolist()
        assert found["group"].tolist() == np.eye(6)[[2, 3]].tolist()  # at the mean age

    def test_main_effects_average_equally_over_other_factors(self) -> None:
        """Columns: intercept, group b, group c, sex m, b and m, c and m; 8 subjects, one to two in each cell."""
        found = default_tests(model("group * sex"))
        assert list(found)[-3:] == ["group", "groupXSex", "sexMMain"]
        np.testing.assert_allclose(found["group"], [[0, 1, 0, 0, 0.5, 0], [0, 0, 1, 0, 0, 0.5]], rtol=1e-14)
        np.testing.assert_allclose(found["sexMMain"], [0, 0, 0, 1, 1 / 3, 1 / 3], rtol=1e-14)
        assert found["groupXSex"].tolist() == np.eye(6)[4:].tolist()
        assert found["groupB"].tolist() == [0, 1, 0, 0, 0, 0]  # a simple effect, of sex f

    @pytest.mark.parametrize(
        ("formula", "name"),
        [
            ("1 + sex * age", "sexMMain"),
            ("age * group", "group"),
            ("0 + group * age", "group"),
            ("1 + group + group:age", "group"),
            ("C(sex, Sum) * age", "sexFMain"),
            ("age * score", "ageMain"),
            ("sex * age * score", "sexMMain"),
            ("sex * tiny", "sexMMain"),
        ],
    )
    def test_main_effects_are_those_with_centred_covariates(self, formula: str, name: str) -> None:
        """A test of b with weights C is of the estimate C pinv(X) y: the same of both models, for any y."""
        extra = {"score": [1, 4, 2, 8, 5, 7, 1, 3], "tiny": [each * 1e-12 for each in AGE]}
        centred = formula
        for covariate in ("age", "score", "tiny"):
            centred = centred.replace(covariate, f"center({covariate})")
        made, other = model(formula, **extra), model(centred, **extra)
        estimates = default_tests(made)[name] @ np.linalg.pinv(made.matrix)
        tests = default_tests(other)
        expected = tests.get(name, tests[name.removesuffix("Main")]) @ np.linalg.pinv(other.matrix)
        np.testing.assert_allclose(estimates, expected, rtol=1e-6, atol=1e-9 * np.abs(expected).max())

    def test_a_named_factor_is_the_main_effect_at_the_mean_of_the_covariate(self) -> None:
        assert weights("sex", "1 + sex * age") == pytest.approx([0, 1, 0, 33.375])  # 267 / 8, as the test of mean
        assert weights("m", "1 + sex * age") == [0, 1, 0, 0]

    def test_effects_at_covariate_0_are_noted(self) -> None:
        note = notes_on(model("1 + sex * age"))[-1]
        assert note.startswith("sexM (at age 0), age (at sex f) are simple effects beside an interaction. Main effects")
        assert note.endswith("and at the mean of age over subjects: sexMMain, ageMain")
        assert "groupB (at age 0), groupC (at age 0) are" in notes_on(model("1 + group + group:age"))[-1]
        assert notes_on(model("age * score", score=range(8)))[-1].startswith("age (at score 0), score (at age 0)")

    def test_effects_that_cannot_be_at_the_mean_are_noted(self) -> None:
        """Centred covariates would be another model, without their other terms."""
        notes = notes_on(model("sex + sex:age:score", score=[1, 4, 2, 8, 5, 7, 1, 3]))
        assert any(
            note.startswith("The effect of sex is that where age, score is 0; write center(age), center(score)")
            for note in notes
        )
        assert not any("The effect of" in note for note in notes_on(model("1 + age + age:group")))

    def test_slopes_without_groups_are_compared_as_they_are(self) -> None:
        """Without group, the slopes by group at a mean age are not in the model, so that age is not centred."""
        assert default_tests(model("1 + age + age:group"))["ageMain"] == pytest.approx([0, 1, 1 / 3, 1 / 3])

    def test_notes_tell_simple_from_main_effects(self) -> None:
        about_intercept, about_effects = notes_on(model("group * sex"))
        assert about_intercept.startswith("intercept is the effect at group a, sex f, not the mean over subjects")
        assert about_effects.startswith(
            "groupB (at sex f), groupC (at sex f), sexM (at group a) are simple effects beside an interaction"
        )
        assert about_effects.endswith("averaged over the levels of the other factors: group, sexMMain")
        made = model("group * sex")
        *_, note = notes_on_default_tests(made, [name for name in default_tests(made) if name != "group"])
        assert note.endswith("other factors: sexMMain")  # with unequal variances there are no F tests
        (note,) = notes_on(model("center(age) + group"))
        assert "at group a, not" in note
        assert notes_on(model("1")) == notes_on(model("center(age)")) == ()
        assert notes_on(model("0 + group + age")) == notes_on(model("age")) == ()

    @pytest.mark.parametrize(
        ("formula", "name", "missing"),
        [
            ("1 + group:sex", "groupXSex", "group, sex"),
            ("0 + group:sex", "groupXSex", "group, sex"),
            ("group / sex", "groupXSex", "sex"),
            ("0 + group + group:center(age)", "groupXAge", "center(age)"),
        ],
    )
    def test_interactions_without_their_main_effects_are_noted(self, formula: str, name: str, missing: str) -> None:
        note = notes_on(model(formula))[0]
        assert note == f"{name} is not only the interaction: it contains {missing}, which the formula lacks"

    @pytest.mark.parametrize(
        ("formula", "where"),
        [
            ("I(age - 30)", "I(age - 30) 0"),
            ("1 + C(group, Treatment('c')) + log(age)", "group c"),  # that no log(age) is 0 is another note
            ("C(group, Sum)", "the average of the levels of group"),
            ("group * center(age)", "group a"),
            ("poly(age, 2) + C(sex)", "sex f"),
        ],
    )
    def test_where_the_intercept_is_not_the_mean(self, formula: str, where: str) -> None:
        assert notes_on(model(formula))[0].startswith(f"intercept is the effect at {where}, not the mean")

    def test_groups_without_an_intercept_are_compared(self) -> None:
        """Not whether all means are zero."""
        found = default_tests(model("0 + group"))
        assert list(found) == ["groupA", "groupB", "groupC", "group"]
        assert found["group"].tolist() == [[-1, 1, 0], [-1, 0, 1]]
        assert default_tests(model("0 + sex"))["sex"].tolist() == [[-1, 1]]

    def test_the_label_of_a_main_effect_is_unique(self) -> None:
        found = default_tests(model("center(age) * group + ageMain", ageMain=[1, 0, 2, 0, 1, 1, 0, 5]))
        assert list(found)[-1] == "ageMainx2"

    def test_label_of_an_interaction_without_a_main_effect(self) -> None:
        """``group:sex`` without ``sex`` includes the column of sex: its F test is of more than sex."""
        made = model("1 + group:sex")
        found = default_tests(made)
        assert made.names[1] == "sex[T.m]"
        assert list(found)[-1] == "groupXSex"
        assert found["groupXSex"].tolist() == np.eye(len(made.names))[1:].tolist()
        with pytest.raises(UsageError):
            parse_tests(["x=sex"], made)

    @pytest.mark.parametrize(
        ("formula", "names"),
        [
            ("0 + sex", ["sexF", "sexM", "sex"]),
            ("C(sex, Sum)", ["intercept", "sexF"]),
            ("age + I(age ** 2) + log(age)", ["intercept", "age", "iAge2", "logAge"]),
            ("poly(age, 2)", ["intercept", "age1", "age2", "age"]),
            ("`body weight` + `2`", ["intercept", "bodyWeight", "2"]),
            ("x + X", ["intercept", "x", "xx2"]),
            ("0 + site", ["siteAB", "siteABx2", "site"]),
            ("`é` + `-`", ["intercept", "x", "xx2"]),
        ],
    )
    def test_labels_are_unique_ignoring_case(self, formula: str, names: list[str]) -> None:
        values = [1, 2, 3, 4, 5, 6, 8, 7]
        extra = dict.fromkeys(("body weight", "2", "x", "X", "é", "-"), values)
        found = list(default_tests(model(formula, **extra, site=["a b", "a-b"] * 4)))
        assert found == names


class TestExpressions:
    """The columns are intercept, center(age), C(group)[T.b], C(group)[T.c]."""

    @pytest.mark.parametrize(
        ("expression", "expected"),
        [
            ("1", [1, 0, 0, 0]),
            ("intercept", [1, 0, 0, 0]),
            ("mean", [1, 0, 3 / 8, 2 / 8]),  # of 8 subjects, 3 are in group b and 2 in c
            ("center(age)", [0, 1, 0, 0]),
            ("center( age )", [0, 1, 0, 0]),
            ("age", [0, 1, 0, 0]),
            ("-age", [0, -1, 0, 0]),
            ("C(group)[T.b]", [0, 0, 1, 0]),
            ("group[T.c]", [0, 0, 0, 1]),
            ("b", [0, 0, 1, 0]),
            ("b - c", [0, 0, 1, -1]),
            ("group[T.b] - group[T.c] = 0", [0, 0, 1, -1]),
            ("0.5*(b + c) - 2 * age", [0, -2, 0.5, 0.5]),
            ("(b + c)/2", [0, 0, 0.5, 0.5]),
            ("b - -c", [0, 0, 1, 1]),
            ("1 * intercept + b/4*2", [1, 0, 0.5, 0]),
            ("mean + b/4*2", [1, 0, 7 / 8, 2 / 8]),
            ("1e1 * b", [0, 0, 10, 0]),
            ("2*3*b", [0, 0, 6, 0]),
            ("group", [[0, 0, 1, 0], [0, 0, 0, 1]]),
            ("C(group)", [[0, 0, 1, 0], [0, 0, 0, 1]]),
            ("group = 0", [[0, 0, 1, 0], [0, 0, 0, 1]]),
            ("b; c - b", [[0, 0, 1, 0], [0, 0, -1, 1]]),
            ("b, age = 0", [[0, 0, 1, 0], [0, 1, 0, 0]]),
            ("age; group", [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
        ],
    )
    def test_sums_and_rows(self, expression: str, expected: list[object]) -> None:
        assert weights(expression) == expected

    def test_any_quotes_and_spaces(self) -> None:
        formula = "C(group, Treatment('c'))"
        assert weights('C(group,Treatment("c"))[T.b] - a', formula) == [0, -1, 1]

    def test_the_longest_name_matches(self) -> None:
        columns = {"a": range(8), "a.b": [3, 1, 2, 2, 1, 0, 9, 9], "a-b": [1, 0, 0, 1, 1, 1, 0, 0]}
        assert weights("a.b - a", "a + a.b + `a-b`", **columns) == [0, -1, 1, 0]
        assert weights("`a-b`", "a + a.b + `a-b`", **columns) == [0, 0, 0, 1]
        assert "'b' is not understood" in refusal("a -b", "a + `a-b`", **columns)

    def test_columns_take_precedence_over_short_names(self) -> None:
        """There are columns `mean` and `b`, and a level b of group."""
        columns = {"mean": range(8), "b": [3, 1, 2, 2, 1, 0, 9, 9]}
        assert weights("mean", "mean + b + group", **columns) == [0, 1, 0, 0, 0]
        assert weights("b", "mean + b + group", **columns) == [0, 0, 1, 0, 0]
        assert weights("group[T.b]", "mean + b + group", **columns) == [0, 0, 0, 1, 0]

    def test_interactions_by_names_of_the_table(self) -> None:
        """The columns: intercept, center(age), sex[T.m], center(age):sex[T.m]."""
        assert weights("age:sex[T.m]", "center(age)*sex") == [0, 0, 0, 1]
        assert weights("age:sex", "center(age)*sex") == [0, 0, 0, 1]
        assert weights("m", "center(age)*sex") == [0, 0, 1, 0]

    def test_the_mean_is_that_over_subjects(self) -> None:
        assert weights("mean", "center(age)") == [1, 0]
        assert weights("mean", "age") == [1, 33.375]  # the mean of the ages, 267 / 8
        assert weights("mean", "0 + group") == [3 / 8, 3 / 8, 2 / 8]
        assert weights("b - mean", "0 + group") == [-3 / 8, 5 / 8, -2 / 8]

    def test_factors_are_main_effects(self) -> None:
        main = weights("group", "group * sex")
        np.testing.assert_allclose(main, [[0, 1, 0, 0, 0.5, 0], [0, 0, 1, 0, 0, 0.5]], rtol=1e-14)
        assert weights("3 * sex", "group * sex") == pytest.approx([0, 0, 0, 3, 1, 1])
        assert weights("m", "group * sex") == [0, 0, 0, 1, 0, 0]
        assert weights("group", "0 + group") == [[-1, 1, 0], [-1, 0, 1]]
        assert weights("sex", "0 + sex") == [-1, 1]

    def test_cell_means_by_their_levels(self) -> None:
        assert weights("b - a", "0 + group") == [-1, 1, 0]
        assert weights("group[b] - 0.5 * (group[a] + group[c])", "0 + group") == [-0.5, 1, -0.5]

    def test_levels_with_signs(self) -> None:
        smoking = ["non-smoker", "smoker", "very heavy", "smoker", "non-smoker", "very heavy", "smoker", "very heavy"]
        assert weights("smoker - very  heavy", "0 + s", s=smoking) == [0, 1, -1]
        assert weights("non-smoker - s[smoker]", "0 + s", s=smoking) == [1, -1, 0]

    def test_a_formula_of_the_mean(self) -> None:
        assert parse_tests(["faces=1"], model("1"))["faces"].tolist() == [1]

    def test_names_may_contain_a_plus(self) -> None:
        assert list(parse_tests(["a+B1=1", "a=1"], model("1"))) == ["a+B1", "a"]


class TestErrors:
    @pytest.mark.parametrize(
        ("expression", "message"),
        [
            ("nope", "The test x=nope is not understood: 'nope' is not understood. The design has the columns"),
            ("", "an expression is missing"),
            ("age -", "'age -' is not a sum of columns"),
            ("age;", "an expression is missing"),
            ("age = 1", "it is compared with '1'; expected 0. Write a = b as a - b"),
            ("b = c", "it is compared with 'c'; expected 0"),
            ("age = 0.5", "it is compared with '0.5'"),
            ("age * age", "it multiplies columns"),
            ("1 / age", "it divides by a column or by 0"),
            ("age / 0", "it divides by a column or by 0"),
            ("1 + age", "it adds a number to columns"),
            ("2", "it adds a number to columns"),
            ("(age", "'( age' is not a sum of columns"),
            ("age)", "'age )' is not a sum of columns"),
            ("age b", "'age b' is not a sum of columns"),
            ("b - b", "its weights are all 0"),
            ("1e308 * 1e308 * age", "its weights are too large"),
            ("b; c; b - c", "its rows are linearly dependent"),
            ("2 * group", "group has 2 columns and cannot be part of a sum"),
            ("ages", "'ages' is not understood"),
            ("-" * 30 + "age", "more than 20 signs or parentheses are nested"),
            ("(" * 30 + "age", "more than 20 signs or parentheses are nested"),
            ("__import__('os')", "is not understood"),
        ],
    )
    def test_syntax_errors(self, expression: str, message: str) -> None:
        found = refusal(expression)
        assert message in found
        assert found.endswith("The design has the columns intercept, center(age), C(group)[T.b], C(group)[T.c]")

    def test_no_intercept(self) -> None:
        assert "the design has no intercept" in refusal("1", "0 + group")
        assert "mean is the mean over subjects" in refusal("1", "0 + group")

    @pytest.mark.parametrize("formula", ["group", "age", "C(group, Sum)"])
    @pytest.mark.parametrize("test", ["mean=1", "Mean=intercept", "mean=2 * intercept"])
    def test_another_intercept_is_not_called_mean(self, test: str, formula: str) -> None:
        with pytest.raises(UsageError, match="is not the mean over subjects") as caught:
            parse_tests([test], model(formula))
        assert "Write mean=mean" in str(caught.value).replace("Mean", "mean")

    @pytest.mark.parametrize(
        ("test", "formula"),
        [
            ("mean=group[a]", "0 + group"),
            ("MEAN=group", "0 + group"),
            ("mean=age", "1 + age"),
            ("mean=intercept + 60 * age", "1 + age"),
        ],
    )
    def test_what_is_not_the_mean_is_not_called_so(self, test: str, formula: str) -> None:
        with pytest.raises(UsageError, match=r"is not the mean over subjects; .* Write (mean|MEAN)=mean for"):
            parse_tests([test], model(formula))

    def test_the_mean_beside_a_column_of_this_name(self) -> None:
        """``mean`` is the column there, but the mean over subjects beside ``center(mean)``."""
        column = {"mean": range(8)}
        with pytest.raises(UsageError, match=r"Write mean=mean with center\(mean\) in place of mean in --formula"):
            parse_tests(["mean=mean"], model("1 + mean + group", **column))
        notes = notes_on(model("1 + mean + group", **column))
        assert all("--test mean=mean with center(mean) in place of mean" in note for note in notes)
        assert [note.split()[0] for note in notes] == ["intercept", "mean"]
        found = parse_tests(["mean=mean"], model("1 + center(mean) + group", **column))["mean"]
        assert found.tolist() == [1, 0, 3 / 8, 2 / 8]
        assert notes_on(model("1 + center(mean)", **column))[0].startswith("mean is the test of a column of this name")

    @pytest.mark.parametrize(
        ("test", "formula"),
        [
            ("mean=intercept + (b + c) / 3", "1 + group"),
            ("mean=intercept + (b + c) / 3", "group * center(age)"),
            ("mean=intercept + 33.375 * age", "1 + age"),
            ("mean=2 * mean", "group * sex"),
        ],
    )
    def test_means_of_subjects_or_of_groups_may_be_called_so(self, test: str, formula: str) -> None:
        assert list(parse_tests([test], model(formula))) == ["mean"]

    def test_an_intercept_that_is_the_mean_may_be_called_so(self) -> None:
        assert parse_tests(["mean=1"], model("center(age)"))["mean"].tolist() == [1, 0]
        assert parse_tests(["mean=(a + b + c) / 3"], model("0 + group"))["mean"].tolist() == [1 / 3] * 3

    def test_ambiguous_names(self) -> None:
        other = ["x", "b", "b", "x", "x", "b", "x", "b"]
        assert "b may be other[b] or group[T.b]" in refusal("b", "0 + other + group", other=other)
        assert "age may be center(age) or log(age)" in refusal("age", "center(age) + log(age)")

    @pytest.mark.parametrize("name", ["", "a b", "a_b", "a-b", "é", "a/b", "../x"])
    def test_names_are_letters_and_digits(self, name: str) -> None:
        with pytest.raises(UsageError, match=r"A test is named .*; expected letters and digits"):
            parse_tests([f"{name}=1"], model("1"))

    def test_names_are_unique(self) -> None:
        with pytest.raises(UsageError, match="Tests are named age and Age; expected names that differ by letters"):
            parse_tests(["age=1", "Age=1"], model("1"))
