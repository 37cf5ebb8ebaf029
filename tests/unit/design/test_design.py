"""Designs from formulas and from BIDS Stats Models."""

from pathlib import Path

import numpy as np
import pytest
from builders_people import people
from statsmodels_examples import (
    DEMEAN_AGE,
    FACTOR_GROUP,
    FOUR_CELLS,
    MEAN,
    ROWS,
    SUBJECTS,
    TWO_GROUPS,
    Json,
    contrast,
    dataset,
    document,
    model_design,
    table,
    written,
)

from bids_ari.bids.exclusions import Excluded
from bids_ari.bids.participants import Participants
from bids_ari.design.design import Design, make_design
from bids_ari.design.stats_model import read_model
from bids_ari.errors import DesignError, InputNotFoundError, UsageError

TABLE = people(age=[20, 30, 25, None, 30, 24], group=["a", "b", "a", "b", "b", "a"])
ALL = tuple(TABLE.rows)


def refusal(folder: Path, node: Json, participants: Participants | None = None) -> str:
    with pytest.raises((UsageError, DesignError)) as caught:
        model_design(folder, node, participants)
    return str(caught.value)


class TestFormula:
    @pytest.mark.parametrize("formula", [{}, {"formula": "1"}])
    def test_the_mean_needs_no_table(self, formula: dict[str, str]) -> None:
        design = make_design(["02", "01", "x"], **formula)
        assert (design.subjects, design.columns, design.formula) == (("02", "01", "x"), ("intercept",), "1")
        assert design.matrix.tolist() == [[1], [1], [1]]
        assert {name: weights.tolist() for name, weights in design.tests.items()} == {"mean": [1]}
        assert (dict(design.factors), design.excluded, design.notes, design.blocks) == ({}, (), (), ())
        assert design.is_mean

    def test_columns_tests_and_coding(self) -> None:
        """The mean of 20, 30, 25, 30 and 24 is 25.8; 04 has no age."""
        design = make_design(ALL, TABLE, "1 + center(age) + group", ["old=2 * age", "both=age; b"])
        assert design.subjects == ("01", "02", "03", "05", "06")
        np.testing.assert_allclose(
            design.matrix, [[1, -5.8, 0], [1, 4.2, 1], [1, -0.8, 0], [1, 4.2, 1], [1, -1.8, 0]], rtol=1e-14
        )
        assert design.columns == ("intercept", "center(age)", "group[T.b]")
        assert {name: each.tolist() for name, each in design.tests.items()} == {
            "old": [0, 2, 0],
            "both": [[0, 1, 0], [0, 0, 1]],
        }
        assert (design.statistic("old"), design.statistic("both")) == ("t", "F")
        assert design.factors == {"group": "2 levels; reference a (n = 3); b (n = 2)"}
        assert design.excluded == (Excluded("sub-04", "no value of age in participants.tsv"),)
        assert design.formula == "1 + center(age) + group"
        assert not design.is_mean

    def test_rows_are_in_the_order_of_subjects(self) -> None:
        design = make_design(("06", "02", "03"), TABLE, "age")
        assert design.matrix[:, 1].tolist() == [24, 30, 25]
        assert repr(design) == "Design(n_subjects=3, columns=('intercept', 'age'), tests=('intercept', 'age'))"

    def test_unequal_variances_have_no_f_tests_by_default(self) -> None:
        site = people(site=list("abcabc"))
        assert list(make_design(ALL, site, "site").tests) == ["intercept", "siteB", "siteC", "site"]
        assert list(make_design(ALL, site, "site", variance="unequal").tests) == ["intercept", "siteB", "siteC"]

    def test_levels_of_one_or_two_subjects_are_noted(self) -> None:
        notes = make_design(ALL, people(site=list("aabbac"), age=range(6)), "0 + site + age").notes
        assert notes == (
            "Only sub-03, sub-04 have b in column site: the effect of this level depends on two maps.",
            "Only sub-06 has c in column site: the effect of this level depends on one map.",
        )

    def test_levels_that_differ_in_case_are_noted(self) -> None:
        notes = make_design(ALL, people(site=["a", "A", "b", "a", "A", "b"], age=range(6)), "site + age").notes
        assert "Levels of column site differ only in case: A, a." in notes

    def test_equal_numbers_are_one_level(self) -> None:
        design = make_design(ALL, people(site=["1", "1.0", "2", "1", "2", "2"]), "C(site)")
        assert design.matrix[:, 1].tolist() == [0, 0, 1, 0, 1, 1]

    @pytest.mark.parametrize("formula", ["age", "center(age)"])
    def test_text_in_a_column_of_numbers(self, formula: str) -> None:
        with pytest.raises(DesignError, match=r"'12y' \(sub-02, line 3\)"):
            make_design(ALL, people(age=[20, "12y", 25, 30, 31, 32]), formula)

    def test_syntax_errors_are_usage_errors(self) -> None:
        with pytest.raises(UsageError, match="The formula 'age \\+' is not understood"):
            make_design(ALL, TABLE, "age +")
        with pytest.raises(UsageError, match="The test x=size is not understood"):
            make_design(ALL, TABLE, "age", ["x=size"])


SUMS = FACTOR_GROUP | {"Constraint": "mean_zero", "RefLevel": "patient"}


def about_intercept(design: Design) -> list[str]:
    """What the notes of a design say on its intercept, without the way to the mean."""
    return [note.partition(", which is")[0] for note in design.notes]


class TestModelsAndFormulas:
    @pytest.mark.parametrize(
        ("formula", "node"),
        [
            ("1", MEAN),
            ("1 + center(age)", dataset([1, "age"], {"Name": "Scale", "Input": ["age"], "Rescale": False})),
            ("1 + center(age)", dataset([1, "age"], {"Name": "Demean", "Input": "age"})),
            ("1 + scale(age)", dataset([1, "age"], {"Name": "Scale", "Input": ["age"]})),
            ("1 + group", dataset([1, "group.*"], FACTOR_GROUP | {"Constraint": "drop_one"})),
            ("0 + group", dataset(["group.control", "group.patient"], FACTOR_GROUP)),
            ("1 + C(group, Treatment('patient'))", dataset([1, "group.*"], FACTOR_GROUP | {"RefLevel": "patient"})),
            ("1 + C(group, Sum)", dataset([1, "group.*"], SUMS)),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("without_age", ["", "03", "05"])
    def test_are_the_same_to_the_bit(self, tmp_path: Path, formula: str, node: Json, without_age: str) -> None:
        """Sum coding of two levels is 1 and -1, as mean_zero is, with the last level as reference."""
        rows = "".join(
            line.replace("28", "n/a").replace("22", "") if line.startswith(without_age or "-") else line
            for line in ROWS.splitlines(keepends=True)
        )
        participants = table(tmp_path, rows)
        by_formula = make_design(SUBJECTS, participants, formula)
        by_model = model_design(tmp_path, node, participants)
        assert by_model.subjects == by_formula.subjects
        assert by_model.matrix.tobytes() == by_formula.matrix.tobytes()
        assert by_model.excluded == by_formula.excluded
        assert [each.tobytes() for each in by_model.tests.values()] == [
            each.tobytes() for each in by_formula.tests.values() if each.ndim == 1
        ]
        assert about_intercept(by_model) == about_intercept(by_formula)
        if "age" in formula or formula == "1":
            assert list(by_model.tests) == list(by_formula.tests)


class TestFormulasOfModels:
    @pytest.mark.parametrize(
        "names", [("C(group)[T.patient]", "C(group)[T.control]"), ("group[patient]", "group[control]")]
    )
    def test_the_columns_are_those_of_the_formula(self, tmp_path: Path, names: tuple[str, str]) -> None:
        """Names of its columns as other programs write them; X lists the variables."""
        tests = [contrast("more", list(names), [1, -1]), contrast("age", ["age"], [1])]
        node = dataset([1, "group", "age"], contrasts=tests, model={"Formula": "0 + C(group) + age"})
        design = model_design(tmp_path, node)
        by_formula = make_design(
            SUBJECTS, table(tmp_path), "0 + C(group) + age", ["more=group[patient] - group[control]", "age=age"]
        )
        assert (design.columns, design.subjects, list(design.tests)) == (
            by_formula.columns,
            by_formula.subjects,
            ["more", "age"],
        )
        np.testing.assert_array_equal(design.matrix, by_formula.matrix)
        for name, weights in by_formula.tests.items():
            np.testing.assert_array_equal(design.tests[name], weights)

    def test_dummy_contrasts_test_each_column(self, tmp_path: Path) -> None:
        design = model_design(
            tmp_path, dataset([1, "age"], model={"Formula": "1 + age"}), passing={"group": ["patient"]}
        )
        assert (design.columns, list(design.tests), len(design.subjects)) == (
            ("intercept", "age"),
            ["intercept", "age"],
            4,
        )

    @pytest.mark.parametrize("model", [{"Formula": "1 + age"}, {}])
    def test_a_contrast_that_is_called_mean_and_is_none_is_noted(self, tmp_path: Path, model: Json) -> None:
        node = dataset([1, "age"], contrasts=[contrast("mean", ["age"], [1])], model=model)
        notes = model_design(tmp_path, node).notes
        assert [note for note in notes if note.startswith("mean is not the mean over subjects")]

    def test_unknown_columns(self, tmp_path: Path) -> None:
        node = dataset([1, "age"], contrasts=[contrast("x", ["sex"], [1])], model={"Formula": "1 + age"})
        assert "names 'sex', which is not in X; expected one of 'intercept', 'age'" in refusal(tmp_path, node)


class TestTestsOfModels:
    def test_the_mean_needs_no_table(self, tmp_path: Path) -> None:
        model = read_model(written(tmp_path, document(MEAN)))
        assert list(make_design(("x", "y"), model=model).tests) == ["mean"]
        model = read_model(written(tmp_path, document(dataset([1, "age"]))))
        with pytest.raises(InputNotFoundError, match=r"There is no participants\.tsv, needed by"):
            make_design(("x", "y"), model=model)

    def test_labels_and_weights(self, tmp_path: Path) -> None:
        design = model_design(tmp_path, TWO_GROUPS)
        assert design.columns == ("group.patient", "group.control", "age_c")
        assert {name: weights.tolist() for name, weights in design.tests.items()} == {
            "patientGtControl": [1, -1, 0],
            "average": [0.5, 0.5, 0],
            "eitherGroup": [[1, 0, 0], [0, 1, 0]],
            "age": [[0, 0, 1]],
        }

    def test_dummy_contrasts(self, tmp_path: Path) -> None:
        design = model_design(tmp_path, dataset([1, "age"], DummyContrasts={"Test": "F", "Contrasts": ["age", 1]}))
        assert {name: weights.tolist() for name, weights in design.tests.items()} == {
            "age": [[0, 1]],
            "intercept": [[1, 0]],
        }

    def test_a_contrast_replaces_the_dummy_contrast_of_its_name(self, tmp_path: Path) -> None:
        node = dataset([1, "age"], Contrasts=[contrast("age", ["age"], [-1])])
        assert {name: weights.tolist() for name, weights in model_design(tmp_path, node).tests.items()} == {
            "intercept": [1, 0],
            "age": [0, -1],
        }

    def test_conditions_in_any_order(self, tmp_path: Path) -> None:
        design = model_design(tmp_path, dataset([1, "age", "code"], contrasts=[contrast("c", ["code", 1], [3, 2])]))
        assert design.tests["c"].tolist() == [2, 0, 3]

    def test_labels_are_unique(self, tmp_path: Path) -> None:
        node = dataset([1], contrasts=[contrast("a > b", [1], [1]), contrast("A < b", [1], [-1])])
        assert "the contrasts 'a > b' and 'A < b' would both have the label AB" in refusal(tmp_path, node)

    @pytest.mark.parametrize("name", ["é", 61 * "a"])
    def test_names_without_a_label(self, tmp_path: Path, name: str) -> None:
        node = dataset([1], contrasts=[contrast(name, [1], [1])])
        assert f"the contrast {name!r} cannot be part of file names" in refusal(tmp_path, node)

    def test_labels_of_columns_are_those_of_formulas(self, tmp_path: Path) -> None:
        participants = table(tmp_path, header="Age	group	sex	site	code")
        by_model = model_design(tmp_path, dataset([1, "Age"]), participants)
        assert list(by_model.tests) == list(make_design(SUBJECTS, participants, "Age").tests) == ["intercept", "age"]

    def test_conditions_that_no_pattern_matches(self, tmp_path: Path) -> None:
        node = dataset(["group.*"], FACTOR_GROUP, contrasts=[contrast("c", ["group.other"], [1])])
        message = refusal(tmp_path, node)
        assert "Nodes[2].Contrasts[0] names 'group.other', which is not in X" in message


class TestColumnsOfModels:
    def test_four_cells(self, tmp_path: Path) -> None:
        """Each subject is in one of the cells: M and a, M and b, F and a, F and b."""
        design = model_design(tmp_path, FOUR_CELLS)
        assert np.argmax(design.matrix, axis=1).tolist() == [0, 3, 2, 1, 1, 2, 3, 0]
        assert design.matrix.sum(axis=1).tolist() == [1] * 8
        assert design.factors == {
            "sex": "2 levels, a column each: F (n = 4), M (n = 4)",
            "site": "2 levels, a column each: a (n = 4), b (n = 4)",
        }

    def test_reference_level(self, tmp_path: Path) -> None:
        design = model_design(tmp_path, dataset([1, "group.*"], FACTOR_GROUP | {"RefLevel": "control"}))
        assert design.columns == ("intercept", "group.patient")
        assert design.factors == {"group": "2 levels; reference control (n = 4); patient (n = 4)"}

    def test_unknown_columns(self, tmp_path: Path) -> None:
        assert "X of 'everybody' names 'agee', which is not a column" in (
            found := refusal(tmp_path, dataset([1, "agee"]))
        )
        assert "expected one of age, group, sex, site, code. Did you mean 'age'?" in found
        assert "The column of ones is the number 1, without quotes" in refusal(tmp_path, dataset(["1", "age"]))
        assert "group.* is all of them" in refusal(tmp_path, dataset([1, "group"], FACTOR_GROUP))

    def test_text_columns(self, tmp_path: Path) -> None:
        message = refusal(tmp_path, dataset([1, "sex"]))
        assert "names 'sex', which holds text: 'M' (sub-01), 'F' (sub-02)" in message
        assert message.endswith('{"Name": "Factor", "Input": ["sex"]}')
        message = refusal(tmp_path, dataset([1, "age"], DEMEAN_AGE), table(tmp_path, ROWS.replace("33.1", "33y")))
        assert "Instructions[0] (Scale) needs numbers, but age holds text: '33y' (sub-08)" in message

    def test_a_column_that_two_patterns_match(self, tmp_path: Path) -> None:
        node = dataset(["group.patient", "group.*"], FACTOR_GROUP)
        assert "names 'group.patient' twice" in refusal(tmp_path, node)

    def test_collinear_columns(self, tmp_path: Path) -> None:
        assert "Columns of the design are collinear" in refusal(tmp_path, dataset([1, "group.*"], FACTOR_GROUP))

    def test_a_level_of_one_subject_is_noted_for_models(self, tmp_path: Path) -> None:
        participants = table(tmp_path, ROWS.replace("33.1	control", "33.1	sibling"))
        design = model_design(tmp_path, dataset(["group.*"], FACTOR_GROUP), participants)
        assert design.notes == (
            "Only sub-08 has sibling in column group: the effect of this level depends on one map.",
        )
