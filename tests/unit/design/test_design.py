"""Designs: which subjects, which columns, which tests; and what is refused."""

from typing import Any

import numpy as np
import pytest
from builders_people import people

from bids_ari.bids.contrasts import Excluded
from bids_ari.bids.participants import Participants
from bids_ari.design.design import Design, check_design, check_unequal, make_design
from bids_ari.errors import BidsAriError, DesignError, InputNotFoundError, UsageError

TABLE = people(age=[20, 30, 25, None, 30, 24], group=["a", "b", "a", "b", "b", "a"], iq=[99, 101, 110, 95, None, 87])
ALL = tuple(TABLE.rows)


def refusal(*arguments: Any, kind: type[BidsAriError] = DesignError, **options: Any) -> str:
    with pytest.raises(BidsAriError) as caught:
        make_design(*arguments, **options)
    assert type(caught.value) is kind
    return str(caught.value)


class TestDesigns:
    def test_the_mean_needs_no_table(self) -> None:
        for design in (make_design(["02", "01", "x"]), make_design(["02", "01", "x"], formula="1")):
            assert (design.subjects, design.columns, design.formula) == (("02", "01", "x"), ("intercept",), "1")
            assert design.matrix.tolist() == [[1], [1], [1]]
            assert {name: weights.tolist() for name, weights in design.tests.items()} == {"mean": [1]}
            assert (dict(design.factors), design.left_out, design.notes) == ({}, (), ())

    def test_a_table_that_the_formula_does_not_need_leaves_nobody_out(self) -> None:
        design = make_design(["01", "99"], TABLE)
        assert (design.subjects, design.left_out, design.notes) == (("01", "99"), (), ())

    def test_columns_tests_and_coding_are_told(self) -> None:
        """The mean of 20, 30, 25, 30 and 24 is 25.8; 04 has no age."""
        design = make_design(ALL, TABLE, "1 + center(age) + group", [("old", "2 * age"), ("both", "age; b")])
        assert design.subjects == ("01", "02", "03", "05", "06")
        np.testing.assert_allclose(
            design.matrix, [[1, -5.8, 0], [1, 4.2, 1], [1, -0.8, 0], [1, 4.2, 1], [1, -1.8, 0]], rtol=1e-14
        )
        assert design.columns == ("intercept", "center(age)", "group[T.b]")
        assert {name: each.tolist() for name, each in design.tests.items()} == {
            "old": [0, 2, 0],
            "both": [[0, 1, 0], [0, 0, 1]],
        }
        assert design.factors == {"group": "2 levels; reference a (n = 3); b (n = 2)"}
        assert design.left_out == (Excluded("sub-04", "no value of age in participants.tsv"),)
        assert design.formula == "1 + center(age) + group"

    def test_rows_follow_the_subjects_that_are_given(self) -> None:
        design = make_design(("06", "02", "03"), TABLE, "age")
        assert design.matrix[:, 1].tolist() == [24, 30, 25]
        assert repr(design) == "Design(n_subjects=3, columns=('intercept', 'age'), tests=('intercept', 'age'))"

    def test_default_tests_can_do_without_f_tests(self) -> None:
        table = people(site=list("abcabc"))
        assert list(make_design(ALL, table, "site").tests) == ["intercept", "siteB", "siteC", "site"]
        assert list(make_design(ALL, table, "site", f_tests=False).tests) == ["intercept", "siteB", "siteC"]
        assert list(make_design(ALL, table, "site", [("any", "site")], f_tests=False).tests) == ["any"]


class TestMissing:
    def test_subjects_without_a_value_or_a_row_are_left_out_by_name(self) -> None:
        design = make_design([*ALL, "07"], TABLE, "1 + age + iq")
        assert design.subjects == ("01", "02", "03", "06")
        assert design.left_out == (
            Excluded("sub-04", "no value of age in participants.tsv"),
            Excluded("sub-05", "no value of iq in participants.tsv"),
            Excluded("sub-07", "not in participants.tsv"),
        )

    def test_a_value_that_the_formula_does_not_need_may_be_missing(self) -> None:
        assert make_design(ALL, TABLE, "group").left_out == ()

    def test_they_are_refused_by_name_where_asked(self) -> None:
        assert refusal([*ALL, "07"], TABLE, "age + iq", missing="error") == (
            "Values are missing for 3 subjects: sub-04 (no value of age in participants.tsv), "
            "sub-05 (no value of iq in participants.tsv), sub-07 (not in participants.tsv); "
            "expected a value in column age, iq for each subject with a map. "
            "Fill in the table, or leave these subjects out with --exclude or --missing drop"
        )
        assert len(make_design(ALL, TABLE, "group", missing="error").subjects) == 6

    def test_those_without_a_map_are_counted_and_named(self) -> None:
        many = people(age=range(12))
        assert make_design(ALL, many, "age").notes == (
            "6 subjects of participants.tsv without a map: sub-07, sub-08, sub-09, sub-10, sub-11 and 1 more.",
        )
        assert make_design(tuple(many.rows)[:11], many, "age").notes == (
            "1 subject of participants.tsv without a map: sub-12.",
        )
        assert make_design(ALL, many).notes == ()

    def test_what_the_table_notes_is_handed_on(self) -> None:
        table = Participants(TABLE.path, TABLE.columns, TABLE.rows, TABLE.lines, notes=("Of sessions.",))
        assert make_design(ALL, table, "group").notes == ("Of sessions.",)

    def test_a_formula_that_needs_a_table_says_so(self) -> None:
        assert refusal(ALL, None, "1 + age + C(sex)", kind=InputNotFoundError) == (
            "There is no participants.tsv, which should have column age, sex; expected a table of the subjects. "
            "Give it with --participants"
        )


class TestChecks:
    def test_fewer_than_two_subjects(self) -> None:
        assert refusal(["01"]) == (
            "There is 1 subject (sub-01); expected at least 2 for a group analysis. Check the filters"
        )
        assert refusal([]) == "There are 0 subjects; expected at least 2 for a group analysis. Check the filters"
        assert refusal(["01", "04"], TABLE, "age") == (
            "There is 1 subject (sub-01); 1 subject left out: sub-04 (no value of age in participants.tsv); "
            "expected at least 2 for a group analysis. Fill in the table of participants, "
            "with labels as the maps have them"
        )

    def test_no_residual_degree_of_freedom(self) -> None:
        assert refusal(["01", "02", "04"], TABLE, "age") == (
            "2 subjects and 2 columns (intercept, age) leave no residual degree of freedom; 1 subject left out: sub-04 "
            "(no value of age in participants.tsv); expected at least 3 subjects, or fewer columns"
        )
        assert len(make_design(["01", "02", "03"], TABLE, "age").subjects) == 3

    def test_no_column(self) -> None:
        assert refusal(ALL, TABLE, "0") == "The design has no columns; expected at least one, such as 1"

    def test_a_constant_column(self) -> None:
        """02 and 05 alone differ from 30 years; of 04 it is not known."""
        table = people(age=[30, 30, 30, 31, 30], iq=[1, 2, 3, None, 5])
        assert len(make_design(tuple(table.rows), table, "age").subjects) == 5
        assert refusal(tuple(table.rows), table, "age + iq") == (
            "Column age of the design is 30 for all 4 subjects; 1 subject left out: sub-04 (no value of iq in "
            "participants.tsv); expected values that differ. Leave age out of the model"
        )
        assert "Column scale(age) of the design is 0 for all 4 subjects" in refusal(
            tuple(table.rows), table, "scale(age) + iq"
        )

    def test_a_factor_of_which_one_level_is_left(self) -> None:
        table = people(group=list("aaab"), iq=[1, 2, 3, None])
        for formula in ("group + iq", "0 + group + iq"):
            assert "Column group is a for all 3 subjects; expected at least two levels to compare" in refusal(
                tuple(table.rows), table, formula
            )

    def test_a_combination_that_nobody_has(self) -> None:
        table = people(sex=list("ffmmffmm"), group=list("ababaaaa"), hand=list("llllrrrr"))
        message = refusal(tuple(table.rows), table, "0 + group:hand")
        assert "Column group[b]:hand[r] of the design is 0 for all 8 subjects" in message

    def test_collinear_columns(self) -> None:
        table = people(age=[1, 2, 4, 8, 9, 7], months=[12, 24, 48, 96, 108, 84], a=list("xyxyxy"), b=list("uvuvuv"))
        assert refusal(ALL, table, "age + months") == (
            "Columns of the design depend on each other: months follows from age; "
            "expected columns none of which follows from the others. Leave one of them out of the model"
        )
        assert "b[T.v] follows from a[T.y]" in refusal(ALL, table, "age + a + b")
        assert "I(2 * age - 3) follows from intercept and age" in refusal(ALL, table, "age + I(2 * age - 3)")
        assert "I(age - age) of the design is 0" in refusal(ALL, table, "age + I(age - age)")

    def test_the_condition_number_is_told(self) -> None:
        """Two columns of length 1 at an angle e have singular values near sqrt(2) and e / sqrt(2)."""
        x, y = np.array([1.0, 1, 1, 1]) / 2, np.array([1.0, -1, 1, -1]) / 2
        names, who = ("first", "second", "other"), ("1", "2", "3", "4")
        other = np.array([1.0, 1, -1, -1]) / 2
        x = x + other  # so that no column is constant
        x /= np.linalg.norm(x)

        def of(angle: float) -> tuple[str, ...]:
            return check_design(np.column_stack([x, 7 * (x + angle * y), y - other + x]), names, who)

        assert of(1e-3) == ()
        (note,) = of(1e-5)
        assert note.startswith(
            "Columns first, second of the design nearly depend on each other: scaled condition number "
        )
        assert note.endswith("; estimates of their effects are unsure.")
        with pytest.raises(DesignError) as caught:
            of(1e-9)
        message = str(caught.value)
        assert message.startswith("Columns first, second of the design nearly depend on each other")
        assert message.endswith("expected at most 1e+08. Centre numbers, center(age), or leave a column out")
        with pytest.raises(DesignError, match="second follows from first"):
            of(1e-12)

    def test_the_condition_number_is_that_of_columns_of_length_one(self) -> None:
        """With the angle e = 1e-5 between two columns, it is near 2 / e."""
        matrix = np.array([[1.0, 1], [0, 1e-5], [0, 0]])
        (note,) = check_design(matrix, ("a", "b"), ("1", "2", "3"))
        assert "scaled condition number 2e+05" in note
        assert check_design(matrix * [1, 1e12], ("a", "b"), ("1", "2", "3")) == (note,)

    def test_the_scale_of_a_column_does_not_matter(self) -> None:
        table = people(age=[1e12, 3e12, 2e12, 5e12, 1e12, 4e12], dose=[1e-12, 3e-12, 5e-12, 1e-12, 1e-12, 2e-12])
        assert make_design(ALL, table, "center(age) + center(dose)").notes == ()

    def test_no_finite_number(self) -> None:
        matrix = np.array([[1, 2], [1, np.nan], [1, np.inf], [1, 3]])
        with pytest.raises(DesignError, match="Column x of the design is no finite number for sub-2, sub-3"):
            check_design(matrix, ("intercept", "x"), ("1", "2", "3", "4"))

    def test_an_intercept_may_be_constant_but_no_other(self) -> None:
        assert check_design(np.ones((3, 1)), ("intercept",), ("1", "2", "3")) == ()
        for matrix, name in ((np.ones((3, 1)), "x"), (np.zeros((3, 1)), "intercept")):
            with pytest.raises(DesignError, match=f"Column {name} of the design is . for all 3 subjects"):
                check_design(matrix, (name,), ("1", "2", "3"))

    def test_a_level_of_one_subject_is_noted(self) -> None:
        table = people(site=list("aabbac"), age=range(6))
        notes = make_design(ALL, table, "site + age").notes
        assert notes == ("Only sub-06 has c in column site: that level rests on one map.",)

    def test_text_in_a_numeric_column_is_refused_by_its_cell(self) -> None:
        table = people(age=[20, "12y", 25, 30, 31, 32])
        for formula in ("age", "center(age)"):
            assert refusal(ALL, table, formula) == (
                "participants.tsv: column age holds text among numbers: '12y' (sub-02, line 3); "
                "expected numbers such as 24 or 24.5, and n/a where there is none. "
                "Mend the table, or write C(age) to take its values as groups"
            )

    def test_what_is_not_understood_is_the_users_to_mend(self) -> None:
        assert "The formula 'age +' is not understood" in refusal(ALL, TABLE, "age +", kind=UsageError)
        assert "The test x=size is not understood" in refusal(ALL, TABLE, "age", [("x", "size")], kind=UsageError)


class TestUnequal:
    def groups(self, *sizes: int, formula: str = "group", **columns: Any) -> Design:
        cells = [name for name, size in zip("abcdef", sizes, strict=False) for _ in range(size)]
        table = people(group=cells, **columns)
        return make_design(tuple(table.rows), table, formula, f_tests=False)

    @pytest.mark.parametrize("formula", ["group", "0 + group", "C(group, Sum)"])
    def test_groups_of_like_size_are_as_they_should_be(self, formula: str) -> None:
        assert check_unequal(self.groups(20, 29, formula=formula)) == ()

    def test_one_group_has_nothing_to_differ_from(self) -> None:
        message = self.refusal(make_design([str(i) for i in range(10)]))
        assert "the model has one group; expected two or more. Name the column of groups in --formula" in message

    @pytest.mark.parametrize(("sizes", "told"), [((9, 9), "9, 9"), ((10, 21), "10, 21"), ((12, 11, 30), "11, 12, 30")])
    def test_small_groups_and_unequal_sizes_are_noted(self, sizes: tuple[int, ...], told: str) -> None:
        (note,) = check_unequal(self.groups(*sizes))
        assert note == (
            f"Groups by group of {told} subjects: with unequal variances, groups below 10 or sizes that differ more "
            "than 2:1 make the far tail, which the bounds rest on, too light, so that bounds may be too optimistic "
            "(simulated in validation/)"
        )

    @pytest.mark.parametrize("sizes", [(10, 10), (10, 20), (19, 21), (20, 30)])
    def test_what_was_simulated_to_be_somewhat_too_bold_is_noted(self, sizes: tuple[int, ...]) -> None:
        (note,) = check_unequal(self.groups(*sizes))
        assert note.startswith(
            f"Groups by group of {sizes[0]}, {sizes[1]} subjects: with unequal variances, the bounds may be"
        )

    def refusal(self, design: Design) -> str:
        with pytest.raises(DesignError) as caught:
            check_unequal(design)
        return str(caught.value)

    def test_covariates_are_refused_by_name(self) -> None:
        age, iq = [20, 21, 25, 31, 28, 22, 40, 35], [99, 98, 101, 120, 87, 93, 104, 105]
        design = self.groups(4, 4, formula="group + center(age)", age=age)
        assert self.refusal(design) == (
            "With unequal variances the model is groups alone; center(age) makes 8 kinds of subjects with 3 columns; "
            "expected as many columns as groups. Leave covariates out and cross factors as a*b; or take equal variances"
        )
        design = self.groups(4, 4, formula="group + age + iq", age=age, iq=iq)
        assert "groups alone; age, iq makes 8 kinds" in self.refusal(design)
        design = self.groups(4, 4, formula="age", age=age)
        assert "groups alone; age makes 8 kinds of subjects with 2 columns" in self.refusal(design)

    def test_crossed_factors_are_groups_and_summed_ones_are_not(self) -> None:
        sex = list("fmfmfmfm")
        assert len(check_unequal(self.groups(4, 4, formula="group * sex", sex=sex))) == 1
        message = self.refusal(self.groups(4, 4, formula="group + sex", sex=sex))
        assert "group[T.b] makes 4 kinds of subjects with 3 columns" in message

    def test_a_group_of_one_is_refused(self) -> None:
        assert self.refusal(self.groups(4, 4, 1)) == (
            "sub-09 is alone in its group; expected at least 2 subjects, for the variance of a group"
        )

    def test_f_tests_are_refused_by_name(self) -> None:
        table = people(group=list("aaabbbccc"))
        design = make_design(tuple(table.rows), table, "group", [("any", "group"), ("one", "b")])
        assert "any is an F test of several rows" in self.refusal(design)
