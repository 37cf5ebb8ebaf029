"""BIDS Stats Models in the forms in which they are published, with the parts that tests change."""

import copy
import json
from pathlib import Path
from typing import Any

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
    """A node of the dataset level; without contrasts, each column is tested."""
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
    """A whole model: run, subject and nodes of the dataset, each fed by the subjects."""
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
"""The form before nodes: the contrasts of the level below stand for conditions."""
