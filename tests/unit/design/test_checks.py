"""Checks of a design: what cannot be fitted is an error, what is doubtful a note."""

from typing import Any

import numpy as np
import pytest
from builders_people import people

from bids_ari.design.checks import check_design
from bids_ari.design.design import Design, make_design
from bids_ari.errors import BidsAriError, DesignError

TABLE = people(age=[20, 30, 25, None, 30, 24], group=["a", "b", "a", "b", "b", "a"], iq=[99, 101, 110, 95, None, 87])
ALL = tuple(TABLE.rows)


def error(*arguments: Any, **options: Any) -> BidsAriError:
    with pytest.raises(DesignError) as caught:
        make_design(*arguments, **options)
    return caught.value


class TestDesign:
    def test_fewer_than_two_subjects(self) -> None:
        assert error(["01"]).found == "There is 1 subject (sub-01)"
        assert error([]).found == "There are 0 subjects"
        assert error([]).hint == "Check the filters; --list names excluded subjects"
        assert error(["01", "04"], TABLE, "age").found == (
            "There is 1 subject (sub-01); excluded 1 subject: sub-04 (no value of age in participants.tsv)"
        )

    def test_no_residual_degree_of_freedom(self) -> None:
        found = error(["01", "02", "04"], TABLE, "age")
        assert found.found.startswith("2 subjects and 2 columns (intercept, age) leave no residual degree of freedom")
        assert "sub-04" in found.found
        assert found.expected == "at least 3 subjects, or fewer columns"
        assert len(make_design(["01", "02", "03"], TABLE, "age").subjects) == 3

    def test_no_column(self) -> None:
        assert error(ALL, TABLE, "0").found == "The design has no columns"

    def test_a_constant_column(self) -> None:
        """04 is the only subject of another age, and has no iq."""
        table = people(age=[30, 30, 30, 31, 30], iq=[1, 2, 3, None, 5])
        assert len(make_design(tuple(table.rows), table, "age").subjects) == 5
        found = error(tuple(table.rows), table, "age + iq").found
        assert found.startswith("Column age of the design is 30 for all 4 subjects; excluded 1 subject: sub-04")
        found = error(tuple(table.rows), table, "scale(age) + iq").found
        assert found.startswith("Column scale(age) of the design is 0 for all 4 subjects")

    def test_a_factor_with_one_level_left(self) -> None:
        table = people(group=list("aaab"), iq=[1, 2, 3, None])
        for formula in ("group + iq", "0 + group + iq"):
            assert error(tuple(table.rows), table, formula).found == "Column group is a for all 3 subjects"

    def test_an_empty_cell_of_crossed_factors(self) -> None:
        table = people(sex=list("ffmmffmm"), group=list("ababaaaa"), hand=list("llllrrrr"))
        found = error(tuple(table.rows), table, "0 + group:hand").found
        assert found == "Column group[b]:hand[r] of the design is 0 for all 8 subjects"

    @pytest.mark.parametrize(
        ("formula", "collinear"),
        [
            ("age + months", "months with age"),
            ("age + a + b", "b[T.v] with a[T.y]"),
            ("age + I(2 * age - 3)", "I(2 * age - 3) with intercept and age"),
        ],
    )
    def test_collinear_columns(self, formula: str, collinear: str) -> None:
        table = people(age=[1, 2, 4, 8, 9, 7], months=[12, 24, 48, 96, 108, 84], a=list("xyxyxy"), b=list("uvuvuv"))
        assert error(ALL, table, formula).found == f"Columns of the design are collinear: {collinear}"

    def test_scaled_condition_number(self) -> None:
        """Two columns of length 1 at an angle e have singular values near sqrt(2) and e / sqrt(2)."""
        x, y = np.array([1.0, 1, 1, 1]) / 2, np.array([1.0, -1, 1, -1]) / 2
        names, subjects = ("first", "second", "other"), ("1", "2", "3", "4")
        other = np.array([1.0, 1, -1, -1]) / 2
        x = x + other  # so that no column is constant
        x /= np.linalg.norm(x)

        def check(angle: float) -> tuple[str, ...]:
            return check_design(np.column_stack([x, 7 * (x + angle * y), y - other + x]), names, subjects)

        assert check(1e-3) == ()
        (note,) = check(1e-5)
        assert note.startswith("Columns first, second of the design are nearly collinear: scaled condition number ")
        with pytest.raises(DesignError, match="Columns first, second of the design are nearly collinear"):
            check(1e-9)
        with pytest.raises(DesignError, match="second with first"):
            check(1e-12)

    def test_the_condition_number_is_that_of_columns_of_length_one(self) -> None:
        """With the angle e = 1e-5 between two columns, it is near 2 / e."""
        matrix = np.array([[1.0, 1], [0, 1e-5], [0, 0]])
        (note,) = check_design(matrix, ("a", "b"), ("1", "2", "3"))
        assert "scaled condition number 2e+05" in note
        assert check_design(matrix * [1, 1e12], ("a", "b"), ("1", "2", "3")) == (note,)

    def test_the_scale_of_a_column_does_not_matter(self) -> None:
        table = people(age=[1e12, 3e12, 2e12, 5e12, 1e12, 4e12], dose=[1e-12, 3e-12, 5e-12, 1e-12, 1e-12, 2e-12])
        assert make_design(ALL, table, "center(age) + center(dose)").notes == ()

    def test_values_that_are_not_finite(self) -> None:
        matrix = np.array([[1, 2], [1, np.nan], [1, np.inf], [1, 3]])
        with pytest.raises(DesignError, match="Column x of the design is not a finite number for sub-2, sub-3"):
            check_design(matrix, ("intercept", "x"), ("1", "2", "3", "4"))

    @pytest.mark.parametrize("largest", [1e300, 1e-300, 1e-320])
    def test_values_whose_squares_are_beyond_floating_point(self, largest: float) -> None:
        """By 1e300, the squared standard error of a slope would be 0, and every voxel have an infinite t."""
        names = ("intercept", "x"), ("1", "2", "3", "4")
        column = np.array([1, 1, 2, 4])
        with pytest.raises(DesignError, match=r"Column x .* as large as .*; expected 1e-50 to 1e\+50"):
            check_design(np.column_stack([np.ones(4), column * (largest / 4)]), *names)
        for usable in (1e-40, 1e40):
            assert check_design(np.column_stack([np.ones(4), column * usable]), *names) == ()

    @pytest.mark.parametrize("weights", ["1e200", "1e-200"])
    def test_weights_whose_squares_are_beyond_floating_point(self, weights: str) -> None:
        with pytest.raises(DesignError, match="Test x has weights as large as"):
            make_design(ALL, people(age=[1, 2, 3, 5, 8, 13]), "1 + age", [f"x={weights}*age"])

    def test_only_the_intercept_may_be_constant(self) -> None:
        assert check_design(np.ones((3, 1)), ("intercept",), ("1", "2", "3")) == ()
        for matrix, name in ((np.ones((3, 1)), "x"), (np.zeros((3, 1)), "intercept")):
            with pytest.raises(DesignError, match=f"Column {name} of the design is . for all 3 subjects"):
                check_design(matrix, (name,), ("1", "2", "3"))


class TestUnequalVariances:
    def groups(self, *sizes: int, formula: str = "group", **columns: Any) -> Design:
        cells = [name for name, size in zip("abcdef", sizes, strict=False) for _ in range(size)]
        table = people(group=cells, **columns)
        return make_design(tuple(table.rows), table, formula, variance="unequal")

    def notes(self, *sizes: int, **options: Any) -> list[str]:
        """The notes on the groups."""
        return [note for note in self.groups(*sizes, **options).notes if "unequal variances" in note]

    def error(self, *sizes: int, **options: Any) -> BidsAriError:
        with pytest.raises(DesignError) as caught:
            self.groups(*sizes, **options)
        return caught.value

    @pytest.mark.parametrize("formula", ["group", "0 + group", "C(group, Sum)"])
    def test_large_groups_of_similar_size(self, formula: str) -> None:
        assert self.notes(20, 29, formula=formula) == []

    def test_one_group(self) -> None:
        assert "the model has one group" in error([str(i) for i in range(10)], variance="unequal").found

    @pytest.mark.parametrize(
        ("sizes", "listed"), [((9, 9), "9, 9"), ((10, 21), "10, 21"), ((12, 11, 30), "11, 12, 30")]
    )
    def test_small_groups_and_unequal_sizes_are_noted(self, sizes: tuple[int, ...], listed: str) -> None:
        (note,) = self.notes(*sizes)
        assert note.startswith(f"Groups by group of {listed} subjects: with unequal variances, groups below 10")
        assert note.endswith("Sign flips, --method permutation, do not depend on that tail")

    def test_sizes_do_not_matter_where_no_method_depends_on_the_far_tail(self) -> None:
        table = people(group=[*"aabbbbb"])
        design = make_design(tuple(table.rows), table, "group", variance="unequal", far_tail=False)
        assert not [note for note in design.notes if "unequal variances" in note]

    @pytest.mark.parametrize("sizes", [(10, 10), (10, 20), (19, 21), (20, 30)])
    def test_sizes_with_somewhat_too_many_errors_in_simulations_are_noted(self, sizes: tuple[int, ...]) -> None:
        (note,) = self.notes(*sizes)
        assert note.startswith(f"Groups by group of {sizes[0]}, {sizes[1]} subjects: with unequal variances, bounds")

    @pytest.mark.parametrize(
        ("formula", "covariates", "columns"), [("group + center(age)", "center(age)", 3), ("age", "age", 2)]
    )
    def test_covariates(self, formula: str, covariates: str, columns: int) -> None:
        found = self.error(4, 4, formula=formula, age=[20, 21, 25, 31, 28, 22, 40, 35]).found
        assert found.endswith(f"groups only; {covariates} makes 8 distinct rows with {columns} columns")

    def test_several_covariates(self) -> None:
        age, iq = [20, 21, 25, 31, 28, 22, 40, 35], [99, 98, 101, 120, 87, 93, 104, 105]
        assert "; age, iq makes 8 distinct rows" in self.error(4, 4, formula="group + age + iq", age=age, iq=iq).found

    def test_crossed_factors_are_groups_and_additive_ones_are_not(self) -> None:
        sex = list("fmfmfmfm")
        assert len(self.notes(4, 4, formula="group * sex", sex=sex)) == 1
        found = self.error(4, 4, formula="group + sex", sex=sex).found
        assert found.endswith("; group[T.b] makes 4 distinct rows with 3 columns")

    def test_a_group_of_one_subject(self) -> None:
        assert self.error(4, 4, 1).found == "sub-09 is the only subject of its group"

    def test_f_tests(self) -> None:
        table = people(group=list("aaabbbccc"))
        found = error(tuple(table.rows), table, "group", ["any=group", "one=b"], variance="unequal").found
        assert "any is an F test" in found
