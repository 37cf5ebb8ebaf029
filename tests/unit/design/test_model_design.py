"""Designs from BIDS Stats Models: the same as from formulas, and as pybids makes them."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bids.modeling.transformations import TransformerManager
from bids.variables import BIDSVariableCollection, SimpleVariable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from statsmodels_examples import (
    DEMEAN_AGE,
    FACTOR_GROUP,
    FOUR_CELLS,
    MEAN,
    TWO_GROUPS,
    Json,
    contrast,
    dataset,
    document,
    written,
)

from bids_ari.bids.contrasts import Excluded
from bids_ari.bids.participants import Participants, read_participants
from bids_ari.design.design import Design, Missing, make_design
from bids_ari.design.model_design import design_of
from bids_ari.design.stats_model import read_model
from bids_ari.design.transformations import Variables
from bids_ari.errors import BidsAriError, DesignError, InputNotFoundError, UsageError

ROWS = """\
01	24	patient	M	a	1
02	31.5	control	F	b	2
03	28	patient	F	a	1
04	45	control	M	b	2
05	22	patient	M	b	2
06	39	control	F	a	1
07	27	patient	F	b	1
08	33.1	control	M	a	2
"""
SUBJECTS = tuple(f"{i:02d}" for i in range(1, 9))


def table(folder: Path, rows: str = ROWS, header: str = "age	group	sex	site	code") -> Participants:
    path = folder / "participants.tsv"
    path.write_text(f"participant_id	{header}\n{rows}", encoding="utf-8")
    return read_participants(path)


def made(
    folder: Path,
    node: Json,
    participants: Participants | None = None,
    subjects: Sequence[str] = SUBJECTS,
    *,
    passing: Json | None = None,
    missing: Missing = "drop",
) -> Design:
    model = read_model(written(folder, document(node, passing=passing)))
    return design_of(model, subjects, participants or table(folder), missing=missing)


def refusal(folder: Path, node: Json, participants: Participants | None = None, **more: Any) -> str:
    with pytest.raises((UsageError, DesignError)) as caught:
        made(folder, node, participants, **more)
    return str(caught.value)


SUMS = FACTOR_GROUP | {"Constraint": "mean_zero", "RefLevel": "patient"}


class TestTheSameAsAFormula:
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
    @pytest.mark.parametrize("lacking", ["", "03", "05"])
    def test_to_the_bit(self, tmp_path: Path, formula: str, node: Json, lacking: str) -> None:
        """Sum coding of two levels is 1 and -1, as mean_zero is, with the last level as reference."""
        rows = "".join(
            line.replace("28", "n/a").replace("22", "") if line.startswith(lacking or "-") else line
            for line in ROWS.splitlines(keepends=True)
        )
        participants = table(tmp_path, rows)
        by_formula = make_design(SUBJECTS, participants, formula, f_tests=False)
        by_model = made(tmp_path, node, participants)
        assert by_model.subjects == by_formula.subjects
        assert by_model.matrix.tobytes() == by_formula.matrix.tobytes()
        assert by_model.left_out == by_formula.left_out
        assert [each.tobytes() for each in by_model.tests.values()] == [e.tobytes() for e in by_formula.tests.values()]
        assert by_model.notes == by_formula.notes
        if "age" in formula or formula == "1":
            assert list(by_model.tests) == list(by_formula.tests)

    def test_in_who_is_left_out(self, tmp_path: Path) -> None:
        """03 has no age, 09 no row; the age that is not known of 03 does not touch the mean of the others."""
        participants = table(tmp_path, ROWS.replace("28", "n/a"))
        design = made(tmp_path, dataset([1, "age_c"], DEMEAN_AGE), participants, (*SUBJECTS, "09"))
        assert design.left_out == (
            Excluded("sub-03", "no value of age in participants.tsv"),
            Excluded("sub-09", "not in participants.tsv"),
        )
        assert design.left_out == make_design((*SUBJECTS, "09"), participants, "center(age)").left_out
        ages = np.array([24, 31.5, 45, 22, 39, 27, 33.1])
        assert design.matrix[:, 1] == pytest.approx(ages - 221.6 / 7)  # 24 + 31.5 + 45 + 22 + 39 + 27 + 33.1 = 221.6

    def test_in_refusing_missing_values(self, tmp_path: Path) -> None:
        message = refusal(tmp_path, dataset([1, "age"]), table(tmp_path, ROWS.replace("28", "n/a")), missing="error")
        assert message.startswith("Values are missing for 1 subject: sub-03 (no value of age in participants.tsv)")


class TestTests:
    def test_have_names_for_files(self, tmp_path: Path) -> None:
        design = made(tmp_path, TWO_GROUPS)
        assert design.columns == ("group.patient", "group.control", "age_c")
        assert {name: weights.tolist() for name, weights in design.tests.items()} == {
            "patientGtControl": [1, -1, 0],
            "average": [0.5, 0.5, 0],
            "eitherGroup": [[1, 0, 0], [0, 1, 0]],
            "age": [[0, 0, 1]],
        }

    def test_of_single_columns(self, tmp_path: Path) -> None:
        design = made(tmp_path, dataset([1, "age"], DummyContrasts={"Test": "F", "Contrasts": ["age", 1]}))
        assert {name: weights.tolist() for name, weights in design.tests.items()} == {
            "age": [[0, 1]],
            "intercept": [[1, 0]],
        }

    def test_with_a_name_take_the_place_of_those_of_single_columns(self, tmp_path: Path) -> None:
        node = dataset([1, "age"], Contrasts=[contrast("age", ["age"], [-1])])
        assert {name: weights.tolist() for name, weights in made(tmp_path, node).tests.items()} == {
            "intercept": [1, 0],
            "age": [0, -1],
        }

    def test_of_columns_in_another_order(self, tmp_path: Path) -> None:
        design = made(tmp_path, dataset([1, "age", "code"], contrasts=[contrast("c", ["code", 1], [3, 2])]))
        assert design.tests["c"].tolist() == [2, 0, 3]

    def test_whose_names_become_one_are_refused(self, tmp_path: Path) -> None:
        node = dataset([1], contrasts=[contrast("a > b", [1], [1]), contrast("A < b", [1], [-1])])
        assert "the contrasts 'a > b' and 'A < b' would both be named AB; expected names" in refusal(tmp_path, node)

    @pytest.mark.parametrize("name", ["é", 61 * "a"])
    def test_without_a_name_for_files_are_refused(self, tmp_path: Path, name: str) -> None:
        node = dataset([1], contrasts=[contrast(name, [1], [1])])
        assert f"the contrast {name!r} cannot stand in names of files; expected letters" in refusal(tmp_path, node)

    def test_of_columns_are_named_as_those_of_formulas(self, tmp_path: Path) -> None:
        participants = table(tmp_path, header="Age	group	sex	site	code")
        by_model = made(tmp_path, dataset([1, "Age"]), participants)
        assert list(by_model.tests) == list(make_design(SUBJECTS, participants, "Age").tests) == ["intercept", "age"]

    def test_of_what_a_pattern_does_not_match_are_refused(self, tmp_path: Path) -> None:
        node = dataset(["group.*"], FACTOR_GROUP, contrasts=[contrast("c", ["group.other"], [1])])
        message = refusal(tmp_path, node)
        assert "Nodes[2].Contrasts[0] names 'group.other', which X does not hold; expected one of" in message


class TestColumns:
    def test_of_four_cells(self, tmp_path: Path) -> None:
        """Each subject is in one of the cells: M and a, M and b, F and a, F and b."""
        design = made(tmp_path, FOUR_CELLS)
        assert np.argmax(design.matrix, axis=1).tolist() == [0, 3, 2, 1, 1, 2, 3, 0]
        assert design.matrix.sum(axis=1).tolist() == [1] * 8
        assert design.factors == {
            "sex": "2 levels, a column each: F (n = 4), M (n = 4)",
            "site": "2 levels, a column each: a (n = 4), b (n = 4)",
        }

    def test_of_a_reference_are_told(self, tmp_path: Path) -> None:
        design = made(tmp_path, dataset([1, "group.*"], FACTOR_GROUP | {"RefLevel": "control"}))
        assert design.columns == ("intercept", "group.patient")
        assert design.factors == {"group": "2 levels; reference control (n = 4); patient (n = 4)"}

    def test_that_are_not_there_are_named(self, tmp_path: Path) -> None:
        assert "X of 'everybody' names 'agee', which is no column" in (found := refusal(tmp_path, dataset([1, "agee"])))
        assert "expected one of age, group, sex, site, code. Did you mean 'age'?" in found
        assert "The column of ones is the number 1, without quotes" in refusal(tmp_path, dataset(["1", "age"]))
        assert "group.* is all of them" in refusal(tmp_path, dataset([1, "group"], FACTOR_GROUP))

    def test_that_are_text_are_refused(self, tmp_path: Path) -> None:
        message = refusal(tmp_path, dataset([1, "sex"]))
        assert "names 'sex', which holds text: 'M' (sub-01), 'F' (sub-02)" in message
        assert message.endswith('{"Name": "Factor", "Input": ["sex"]}')
        message = refusal(tmp_path, dataset([1, "age"], DEMEAN_AGE), table(tmp_path, ROWS.replace("33.1", "33y")))
        assert "Instructions[0] (Scale) takes numbers, and age holds text: '33y' (sub-08)" in message

    def test_that_a_pattern_names_again_are_refused(self, tmp_path: Path) -> None:
        node = dataset(["group.patient", "group.*"], FACTOR_GROUP)
        assert "names 'group.patient' more than once; expected each column once" in refusal(tmp_path, node)

    def test_that_cannot_be_fitted_are_refused(self, tmp_path: Path) -> None:
        assert "Columns of the design depend on each other" in refusal(tmp_path, dataset([1, "group.*"], FACTOR_GROUP))

    def test_of_a_level_of_one_subject_are_noted(self, tmp_path: Path) -> None:
        participants = table(tmp_path, ROWS.replace("33.1	control", "33.1	sibling"))
        design = made(tmp_path, dataset(["group.*"], FACTOR_GROUP), participants)
        assert design.notes == ("Only sub-08 has sibling in column group: that level rests on one map.",)


class TestSubjects:
    def test_of_one_group(self, tmp_path: Path) -> None:
        participants = table(tmp_path, ROWS.replace("45	control", "45	n/a"))
        design = made(tmp_path, MEAN, participants, passing={"group": ["patient"], "code": [1]})
        assert design.subjects == ("01", "03", "07")
        assert design.left_out[:3] == (
            Excluded("sub-02", "group is control; the model takes patient"),
            Excluded("sub-04", "group is n/a; the model takes patient"),
            Excluded("sub-05", "code is 2; the model takes 1"),
        )

    def test_of_a_column_that_is_not_there(self, tmp_path: Path) -> None:
        message = refusal(tmp_path, MEAN, passing={"gruop": ["patient"]})
        assert "a Filter of 'everybody' asks for gruop, which is neither an entity nor a column" in message

    def test_none_of_whom_is_in_the_table(self, tmp_path: Path) -> None:
        with pytest.raises(DesignError, match=r"There are 0 subjects; 2 subjects left out: sub-x \(not in partici"):
            made(tmp_path, dataset([1, "age"]), subjects=("x", "y"))

    def test_need_no_table_for_the_mean(self, tmp_path: Path) -> None:
        model = read_model(written(tmp_path, document(MEAN)))
        assert list(design_of(model, ("x", "y")).tests) == ["mean"]
        model = read_model(written(tmp_path, document(dataset([1, "age"]))))
        with pytest.raises(InputNotFoundError, match=r"There is no participants\.tsv, from which"):
            design_of(model, ("x", "y"))

    def test_whose_missing_value_is_replaced_take_part(self, tmp_path: Path) -> None:
        """The mean of the six ages that are known is 31.1; who is not in the table has no value to replace."""
        participants = table(tmp_path, ROWS.replace("28", "n/a").replace("33.1", "n/a"))
        node = dataset([1, "age"], {"Name": "Scale", "Input": "age", "Rescale": False, "ReplaceNA": "after"})
        design = made(tmp_path, node, participants, (*SUBJECTS, "09"))
        assert design.subjects == SUBJECTS
        assert design.left_out == (Excluded("sub-09", "not in participants.tsv"),)
        mean = (24 + 31.5 + 45 + 22 + 39 + 27) / 6
        assert design.matrix[[0, 2, 7], 1] == pytest.approx([24 - mean, 0, 0])

    def test_without_a_value_are_dropped_when_asked(self, tmp_path: Path) -> None:
        participants = table(tmp_path, ROWS.replace("28", "n/a"))
        design = made(tmp_path, dataset([1, "code"], {"Name": "DropNA", "Input": ["age"]}), participants)
        assert design.left_out == (Excluded("sub-03", "no value of age in participants.tsv"),)

    @pytest.mark.parametrize(
        "instruction",
        [
            {"Name": "Product", "Input": ["age", "code"]},
            {"Name": "Sum", "Input": ["code", "age"]},
            {"Name": "Threshold", "Input": ["age"], "Threshold": 30},
            {"Name": "Copy", "Input": ["age"]},
        ],
    )
    def test_stay_missing_in_what_is_made_of_them(self, tmp_path: Path, instruction: Json) -> None:
        """03 has no age, and is not one of age 0, or of age 1 in a product."""
        participants = table(tmp_path, ROWS.replace("28", "n/a"))
        design = made(tmp_path, dataset([1, "new"], instruction | {"Output": "new"}), participants)
        assert [each.name for each in design.left_out] == ["sub-03"]

    def test_stay_missing_in_logic(self, tmp_path: Path) -> None:
        participants = table(tmp_path, ROWS.replace("28	patient", "28	n/a"))
        for name in ("And", "Or"):
            logic = {"Name": name, "Input": ["group.patient", "site.a"], "Output": "new"}
            node = dataset([1, "new"], {"Name": "Factor", "Input": ["group", "site"]}, logic)
            assert [each.name for each in made(tmp_path, node, participants).left_out] == ["sub-03"]
            node = dataset(
                [1, "not"], *node["Transformations"]["Instructions"], {"Name": "Not", "Input": "new", "Output": "not"}
            )
            assert [each.name for each in made(tmp_path, node, participants).left_out] == ["sub-03"]

    @pytest.mark.parametrize("turned", [False, True])
    def test_of_a_group_that_is_not_known_are_replaced_after_scaling(self, tmp_path: Path, turned: bool) -> None:
        """Of 03 no group is known. Of the others 3 of 7 are patients: 1 - 3/7; turned by Not 0 - 4/7."""
        participants = table(tmp_path, ROWS.replace("28	patient", "28	n/a"))
        scale = {"Name": "Scale", "Input": ["group.patient"], "Rescale": False, "ReplaceNA": "after"}
        turn = [{"Name": "Not", "Input": ["group.patient"]}] * turned
        design = made(tmp_path, dataset([1, "group.patient"], FACTOR_GROUP, *turn, scale), participants)
        assert design.subjects == SUBJECTS
        assert design.matrix[[0, 2], 1] == pytest.approx([-4 / 7 if turned else 4 / 7, 0])

    def test_that_are_missing_are_no_text_to_replace(self, tmp_path: Path) -> None:
        participants = table(tmp_path, ROWS.replace("28	patient", "28	n/a"))
        words = {"Name": "Replace", "Input": "group", "Replace": {"": "7", "patient": "1", "control": 0}}
        scale = {"Name": "Scale", "Input": ["group"], "Rescale": False, "ReplaceNA": "after"}
        design = made(tmp_path, dataset([1, "group"], words, scale), participants)
        assert design.matrix[:3, 1] == pytest.approx([4 / 7, -3 / 7, 0])


NUMBERS = {"age": [24.0, 31.5, 28, 45, 22, 39, 27, 33.1], "code": [1, 2, 1, 2, 2, 1, 1, 2]}
TEXTS = {"group": ["patient", "control"] * 4, "sex": ["M", "F", "F", "M", "M", "F", "F", "M"]}

SAME_AS_PYBIDS: list[tuple[list[Json], list[str]]] = [
    ([{"Name": "Scale", "Input": ["age", "code"]}], ["age", "code"]),
    ([{"Name": "Scale", "Input": ["age", "code"], "Demean": [True, False]}], ["age", "code"]),
    ([{"Name": "Scale", "Input": "age", "Demean": False, "Output": "z"}], ["z", "age"]),
    ([{"Name": "Demean", "Input": "age", "OutputPrefix": "c_", "OutputSuffix": "_0"}], ["c_age_0"]),
    ([{"Name": "Threshold", "Input": "age", "Threshold": 28}], ["age"]),
    ([{"Name": "Threshold", "Input": "age", "Threshold": 28, "Above": False}], ["age"]),
    ([{"Name": "Threshold", "Input": "age", "Threshold": 28, "Binarize": True, "Output": "old"}], ["old", "age"]),
    (
        [
            {"Name": "Demean", "Input": "age"},
            {"Name": "Threshold", "Input": "age", "Threshold": -5, "Signed": False, "Output": "far"},
            {"Name": "Threshold", "Input": "age", "Threshold": -5, "Output": "signed"},
        ],
        ["far", "signed"],
    ),
    ([{"Name": "Product", "Input": ["age", "age", "code"], "Output": "p"}], ["p"]),
    ([{"Name": "Sum", "Input": ["age", "code"], "Output": "s"}], ["s"]),
    ([{"Name": "Sum", "Input": ["age", "code"], "Weights": [0.5, -2], "Output": "s"}], ["s"]),
    ([{"Name": "Factor", "Input": "code"}], ["code.1", "code.2"]),
    ([{"Name": "Factor", "Input": ["sex", "group"]}], ["sex.F", "sex.M", "group.control", "group.patient"]),
    ([{"Name": "Factor", "Input": "group", "Constraint": "drop_one"}], ["group.patient"]),
    ([{"Name": "Factor", "Input": "group", "Constraint": "drop_one", "RefLevel": "patient"}], ["group.control"]),
    ([{"Name": "Factor", "Input": "group", "Constraint": "mean_zero", "Sep": "_"}], ["group_patient"]),
    (
        [
            {"Name": "Factor", "Input": ["sex", "group"]},
            {"Name": "And", "Input": ["sex.F", "group.patient"], "Output": "both"},
            {"Name": "Or", "Input": ["sex.F", "group.patient"], "Output": "any"},
            {"Name": "Not", "Input": ["any"], "Output": "none"},
        ],
        ["both", "any", "none", "sex.M"],
    ),
    ([{"Name": "Copy", "Input": ["age", "code"], "Output": ["a", "b"]}], ["a", "b", "age"]),
    ([{"Name": "Rename", "Input": ["age", "code"], "Output": ["years", "place"]}], ["years", "place"]),
    ([{"Name": "Replace", "Input": "sex", "Replace": {"M": 3, "F": 5}}], ["sex"]),
]


@pytest.mark.parametrize(("instructions", "columns"), SAME_AS_PYBIDS)
def test_transformations_are_those_of_pybids(tmp_path: Path, instructions: list[Json], columns: list[str]) -> None:
    model = read_model(written(tmp_path, document(dataset(["age"], *instructions))))
    values = {**NUMBERS, **TEXTS}
    variables = [
        SimpleVariable(name, pd.DataFrame({"subject": SUBJECTS, "amplitude": cells}), "participants")
        for name, cells in values.items()
    ]
    theirs = BIDSVariableCollection(variables)
    TransformerManager(keep_history=False).transform(theirs, copy.deepcopy(instructions))
    rows = "".join(
        "\t".join([s, *map(str, cells)]) + "\n" for s, *cells in zip(SUBJECTS, *values.values(), strict=True)
    )
    ours = table(tmp_path, rows, "\t".join(values))
    found = Variables.of_table(ours, SUBJECTS)
    for instruction in model.instructions:
        found = found.transform(instruction)
    assert set(found.columns) == set(theirs.variables)
    for name in columns:
        numbers = found.columns[name].numbers
        assert numbers is not None
        assert numbers == pytest.approx(theirs.variables[name].values.to_numpy().astype(float), rel=1e-12)


BAD_INSTRUCTIONS: list[tuple[Json, str]] = [
    ({"Name": "Scale", "Input": ["agee"]}, "(Scale) names 'agee', which is no column; expected one of age"),
    ({"Name": "Scale", "Input": ["age"], "Demean": [True, False]}, "(Scale) has 2 values of Demean; expected 1, or 1"),
    ({"Name": "Copy", "Input": ["age"], "Output": ["a", "b"]}, "(Copy) has 2 names in Output; expected 1, one for eac"),
    ({"Name": "Sum", "Input": ["age", "code"], "Weights": 2, "Output": "s"}, "(Sum) has 1 Weights; expected 2, one fo"),
    ({"Name": "Rename", "Input": ["age", "code"], "Output": ["code", "x"]}, "(Rename) has code in Input and in Output"),
    ({"Name": "Factor", "Input": ["sex", "sex"]}, "(Factor) names a column twice: sex, sex; expected each once"),
    ({"Name": "Factor", "Input": ["sex"], "RefLevel": "X"}, "(Factor) names the level 'X'; expected one of sex: F, M"),
    ({"Name": "Replace", "Input": ["age"], "Replace": {"24": 1}}, "(Replace) takes text, and age holds numbers"),
    ({"Name": "Replace", "Input": ["sex"], "Replace": {"M": None}}, "Replace.M is None; expected a text or a number"),
    ({"Name": "Product", "Input": ["sex", "age"], "Output": "p"}, "(Product) takes numbers, and sex holds text: 'M' ("),
]  # fmt: skip


@pytest.mark.parametrize(("instruction", "words"), BAD_INSTRUCTIONS)
def test_transformations_that_cannot_be_are_refused(tmp_path: Path, instruction: Json, words: str) -> None:
    message = refusal(tmp_path, dataset([1, "age"], instruction))
    assert "Nodes[2].Transformations.Instructions[0]" in message
    assert words in message


def test_a_constant_column_is_not_scaled(tmp_path: Path) -> None:
    participants = table(tmp_path, "".join(f"{s}	30	x\n" for s in SUBJECTS), "age	group")
    message = refusal(tmp_path, dataset([1, "age"], {"Name": "Scale", "Input": "age"}), participants)
    assert "(Scale) cannot scale age, which is the same for all subjects" in message
    message = refusal(
        tmp_path, dataset([1, "age"], {"Name": "Scale", "Input": "age", "ReplaceNA": "after"}), participants
    )
    assert "Column age of the design is 0 for all 8 subjects" in message


def test_what_is_taken_away_is_away(tmp_path: Path) -> None:
    for instruction in ({"Name": "Select", "Input": ["code", "s*"]}, {"Name": "Delete", "Input": ["a*", "group"]}):
        message = refusal(tmp_path, dataset([1, "age"], instruction))
        assert "names 'age', which is no column" in message
        assert set(message.partition("one of ")[2].split(". ")[0].split(", ")) == {"code", "sex", "site"}


def test_a_product_that_is_too_large_is_refused(tmp_path: Path) -> None:
    node = dataset([1, "p"], {"Name": "Product", "Input": ["age", "age"], "Output": "p"})
    message = refusal(tmp_path, node, table(tmp_path, ROWS.replace("33.1", "1e200")))
    assert "Column p of the design is no finite number for sub-08" in message


@pytest.mark.parametrize("power", [-300, -200, 200, 300])
def test_columns_that_depend_on_each_other_are_found_at_any_size(tmp_path: Path, power: int) -> None:
    """Twice the numbers with the other sign: squares of these are beyond all numbers, or nothing."""
    rows = "".join(f"{s}	{i}e{power}	{-2 * i}e{power}\n" for i, s in enumerate(SUBJECTS))
    message = refusal(tmp_path, dataset([1, "age", "code"]), table(tmp_path, rows, "age	code"))
    assert "Columns of the design depend on each other: code follows from age; expected" in message


CELLS = st.sampled_from(["1", "2", "3.5", "-1", "1e300", "a", "b", "n/a", "", "1.0"])
NAMES = st.sampled_from(["age", "group", "g*", "*", "new", "age.1", "group.a", "nothing"])
INSTRUCTION = st.fixed_dictionaries(
    {
        "Name": st.sampled_from(["Factor", "Scale", "Demean", "Threshold", "Not", "Product", "And", "Sum", "Copy"]),
        "Input": st.lists(NAMES, min_size=1, max_size=2),
    },
    optional={"Output": st.just(["new"]), "Constraint": st.just("mean_zero"), "ReplaceNA": st.just("after")},
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(CELLS, CELLS), min_size=3, max_size=6),
    st.lists(INSTRUCTION, max_size=3),
    st.lists(st.one_of(st.just(1), NAMES), min_size=1, max_size=3),
)
def test_any_model_and_table_make_a_design_or_an_error(
    tmp_path: Path, cells: list[tuple[str, str]], instructions: list[Json], x: list[Any]
) -> None:
    """What comes out can be fitted: no value is missing, and the columns are independent."""
    rows = "".join(f"{i}	{age}	{group}\n" for i, (age, group) in enumerate(cells))
    try:
        participants = table(tmp_path, rows, "age	group")
        design = made(tmp_path, dataset(x, *instructions), participants, [str(i) for i in range(len(cells))])
    except BidsAriError:
        pass
    else:
        assert np.isfinite(design.matrix).all()
        assert design.matrix.shape == (len(design.subjects), len(design.columns))
        scaled = design.matrix / np.abs(design.matrix).max(axis=0)
        assert np.linalg.matrix_rank(scaled / np.linalg.norm(scaled, axis=0)) == len(design.columns)
        assert len(design.subjects) + len(design.left_out) == len(cells)
