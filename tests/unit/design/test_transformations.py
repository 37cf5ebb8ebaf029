"""Transformations of BIDS Stats Models have the values of pybids."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bids.modeling.transformations import TransformerManager
from bids.variables import BIDSVariableCollection, SimpleVariable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from statsmodels_examples import ROWS, SUBJECTS, Json, dataset, document, model_design, table, written

from bids_ari.bids.participants import Participants
from bids_ari.design.stats_model import read_model
from bids_ari.design.variables import Variables
from bids_ari.errors import BidsAriError, DesignError, UsageError


def refusal(folder: Path, node: Json, participants: Participants | None = None) -> str:
    with pytest.raises((UsageError, DesignError)) as caught:
        model_design(folder, node, participants)
    return str(caught.value)


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
def test_values_are_those_of_pybids(tmp_path: Path, instructions: list[Json], columns: list[str]) -> None:
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
    for instruction in model.transformations:
        found = instruction.apply(found)
    assert set(found.columns) == set(theirs.variables)
    for name in columns:
        numbers = found.columns[name].numbers
        assert numbers is not None
        assert numbers == pytest.approx(theirs.variables[name].values.to_numpy().astype(float), rel=1e-12)


BAD_INSTRUCTIONS: list[tuple[Json, str]] = [
    ({"Name": "Scale", "Input": ["agee"]}, "(Scale) names 'agee', which is not a column"),
    ({"Name": "Scale", "Input": ["age"], "Demean": [True, False]}, "(Scale) has 2 values of Demean; expected 1, or 1"),
    ({"Name": "Copy", "Input": ["age"], "Output": ["a", "b"]}, "(Copy) has 2 names in Output; expected 1, one for eac"),
    ({"Name": "Sum", "Input": ["age", "code"], "Weights": 2, "Output": "s"}, "(Sum) cannot be applied to age, code:"),
    ({"Name": "Rename", "Input": ["age", "code"], "Output": ["code", "x"]}, "(Rename) has code in Input and in Output"),
    ({"Name": "Factor", "Input": ["sex", "sex"]}, "(Factor) names a column twice: sex, sex; expected each once"),
    ({"Name": "Factor", "Input": ["sex"], "RefLevel": "X"}, "(Factor) names the level 'X'; expected one of sex: F, M"),
    ({"Name": "Replace", "Input": ["age"], "Replace": {"24": 1}}, "(Replace) needs text, but age holds numbers"),
    ({"Name": "Replace", "Input": ["sex"], "Replace": {"M": None}}, "Replace.M is None; expected a text or a number"),
    ({"Name": "Product", "Input": ["sex", "age"], "Output": "p"}, "(Product) needs numbers, but sex holds text: 'M' ("),
]  # fmt: skip


@pytest.mark.parametrize(("instruction", "words"), BAD_INSTRUCTIONS)
def test_errors(tmp_path: Path, instruction: Json, words: str) -> None:
    message = refusal(tmp_path, dataset([1, "age"], instruction))
    assert "Nodes[2].Transformations.Instructions[0]" in message
    assert words in message


def test_a_constant_column_is_not_scaled(tmp_path: Path) -> None:
    participants = table(tmp_path, "".join(f"{s}	30	x\n" for s in SUBJECTS), "age	group")
    message = refusal(tmp_path, dataset([1, "age"], {"Name": "Scale", "Input": "age"}), participants)
    assert "(Scale) cannot be applied to age: it is the same for all subjects" in message
    message = refusal(
        tmp_path, dataset([1, "age"], {"Name": "Scale", "Input": "age", "ReplaceNA": "after"}), participants
    )
    assert "Column age of the design is 0 for all 8 subjects" in message


def test_removed_columns(tmp_path: Path) -> None:
    for instruction in ({"Name": "Select", "Input": ["code", "s*"]}, {"Name": "Delete", "Input": ["a*", "group"]}):
        message = refusal(tmp_path, dataset([1, "age"], instruction))
        assert "names 'age', which is not a column" in message
        assert set(message.partition("one of ")[2].split(". ")[0].split(", ")) == {"code", "sex", "site"}


def test_values_that_are_not_finite(tmp_path: Path) -> None:
    node = dataset([1, "p"], {"Name": "Product", "Input": ["age", "age"], "Output": "p"})
    message = refusal(tmp_path, node, table(tmp_path, ROWS.replace("33.1", "1e200")))
    assert "Column p of the design is not a finite number for sub-08" in message


@pytest.mark.parametrize("power", [-300, -200, 200, 300])
def test_collinear_columns_are_found_at_any_scale(tmp_path: Path, power: int) -> None:
    """Twice the numbers with the other sign; their squares overflow or underflow."""
    rows = "".join(f"{s}	{i}e{power}	{-2 * i}e{power}\n" for i, s in enumerate(SUBJECTS))
    message = refusal(tmp_path, dataset([1, "age", "code"]), table(tmp_path, rows, "age	code"))
    assert "Columns of the design are collinear: code with age" in message


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
def test_any_model_and_table_make_a_valid_design_or_an_error(
    tmp_path: Path, cells: list[tuple[str, str]], instructions: list[Json], x: list[Any]
) -> None:
    """A design can be fitted: no value is missing, and the columns are linearly independent."""
    rows = "".join(f"{i}	{age}	{group}\n" for i, (age, group) in enumerate(cells))
    try:
        participants = table(tmp_path, rows, "age	group")
        design = model_design(tmp_path, dataset(x, *instructions), participants, [str(i) for i in range(len(cells))])
    except BidsAriError:
        pass
    else:
        assert np.isfinite(design.matrix).all()
        assert design.matrix.shape == (len(design.subjects), len(design.columns))
        scaled = design.matrix / np.abs(design.matrix).max(axis=0)
        assert np.linalg.matrix_rank(scaled / np.linalg.norm(scaled, axis=0)) == len(design.columns)
        assert len(design.subjects) + len(design.excluded) == len(cells)
