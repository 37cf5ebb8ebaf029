"""BIDS Stats Models as they are published, with parts that tests change, and a table of subjects for them."""

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bids_ari.bids.participants import Participants, read_participants
from bids_ari.design import Missing
from bids_ari.design.design import Design, make_design
from bids_ari.design.stats_model import read_model

Json = dict[str, Any]

RUN: Json = {
    "Level": "Run",
    "Name": "run",
    "GroupBy": ["run", "subject"],
    "Transformations": {
        "Transformer": "pybids-transforms-v1",
        "Instructions": [
            {"Name": "Factor", "Input": ["trial_type"]},
            {"Name": "Convolve", "Input": ["trial_type.*"], "Model": "glover"},
        ],
    },
    "Model": {"X": ["trial_type.*", "rot_?", 1], "Type": "glm", "Software": {"SPM": {"SerialCorrelation": "FAST"}}},
    "DummyContrasts": {"Test": "t"},
}

SUBJECT: Json = {
    "Level": "Subject",
    "Name": "subject",
    "GroupBy": ["subject", "contrast"],
    "Model": {"X": [1], "Type": "meta"},
    "DummyContrasts": {"Test": "t"},
}

MEAN: Json = {
    "Level": "Dataset",
    "Name": "everybody",
    "GroupBy": ["contrast"],
    "Model": {"X": [1], "Type": "glm"},
    "DummyContrasts": {"Test": "t"},
}


def dataset(
    x: list[Any], *instructions: Json, contrasts: list[Json] | None = None, model: Json | None = None, **more: Any
) -> Json:
    """A node of the dataset level; without contrasts, with a test of each column."""
    node = copy.deepcopy(MEAN) | more
    node["Model"] = {"X": x, "Type": "glm"} | (model or {})
    if instructions:
        node["Transformations"] = {"Transformer": "pybids-transforms-v1", "Instructions": list(instructions)}
    if contrasts is not None:
        del node["DummyContrasts"]
        node["Contrasts"] = contrasts
    return node


def contrast(name: Any, conditions: list[Any], weights: Any, test: str = "t") -> Json:
    return {"Name": name, "ConditionList": conditions, "Weights": weights, "Test": test}


def document(*nodes: Json, passing: Json | None = None, **more: Any) -> Json:
    """A whole model: nodes of run and subject, and nodes of the dataset level with an edge from the subjects."""
    names = [node["Name"] for node in nodes]
    filters = {"Filter": passing} if passing else {}
    return {
        "Name": "stroop",
        "BIDSModelVersion": "1.0.0",
        "Description": "Made for tests",
        "Input": {"task": ["stroop"]},
        "Nodes": [RUN, SUBJECT, *nodes],
        "Edges": [
            {"Source": "run", "Destination": "subject"},
            *({"Source": "subject", "Destination": name, **filters} for name in names),
        ],
        **more,
    }


def written(folder: Path, model: Any, name: str = "model_smdl.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(model), encoding="utf-8")
    return path


FACTOR_GROUP: Json = {"Name": "Factor", "Input": ["group"]}
DEMEAN_AGE: Json = {"Name": "Scale", "Input": ["age"], "Rescale": False, "Output": ["age_c"]}

TWO_GROUPS = dataset(
    ["group.patient", "group.control", "age_c"],
    FACTOR_GROUP,
    DEMEAN_AGE,
    contrasts=[
        contrast("patient_gt_control", ["group.patient", "group.control"], [1, -1]),
        contrast("average", ["group.patient", "group.control"], ["1/2", "1/2"]),
        contrast("either group", ["group.patient", "group.control"], [[1, 0], [0, 1]], "F"),
        contrast("age", ["age_c"], [1], "F"),
    ],
)

FOUR_CELLS = dataset(
    ["m_a", "m_b", "f_a", "f_b"],
    {"Name": "Factor", "Input": ["sex"]},
    {"Name": "Factor", "Input": "site"},
    {"Name": "Product", "Input": ["sex.M", "site.a"], "Output": "m_a"},
    {"Name": "Product", "Input": ["sex.M", "site.b"], "Output": "m_b"},
    {"Name": "Product", "Input": ["sex.F", "site.a"], "Output": "f_a"},
    {"Name": "Product", "Input": ["sex.F", "site.b"], "Output": "f_b"},
    contrasts=[contrast("interaction F-test", ["m_a", "m_b", "f_a", "f_b"], [[1, -1, -1, 1]], "F")],
)

FORMER: Json = {
    "Name": "gambling",
    "Input": {"task": "gambling"},
    "Steps": [
        {"Level": "run", "Transformations": [{"Name": "Factor", "Input": ["trial_type"]}], "Model": {"X": ["win"]}},
        {"Level": "dataset", "DummyContrasts": {"Conditions": ["win_vs_loss"], "Type": "t"}},
    ],
}
"""The former form, with Steps: the conditions are contrasts of the level below."""

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


def model_design(
    folder: Path,
    node: Json,
    participants: Participants | None = None,
    subjects: Sequence[str] = SUBJECTS,
    *,
    passing: Json | None = None,
    missing: Missing = "drop",
) -> Design:
    """The design of a model with this node, for the table above."""
    model = read_model(written(folder, document(node, passing=passing)))
    return make_design(subjects, participants or table(folder), model=model, missing=missing)
