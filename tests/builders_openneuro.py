"""First-level outputs of many studies, with the folders and names that FitLins gives them, from their Stats Models."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from builders import brain, describe, touch_maps, write_map

Json = dict[str, Any]

SMALL = (5, 6, 5)

FLANKER: Json = {
    "Name": "ds900001",
    "BIDSModelVersion": "1.0.0",
    "Input": {"task": ["flanker"], "subject": ["01", "02", "03", "04"], "session": ["AM", "PM"], "run": [1, 2]},
    "Nodes": [
        {
            "Level": "Run",
            "Name": "run_level",
            "GroupBy": ["run", "subject", "session"],
            "Model": {"X": [1, "trial_type.*", "rot_*"], "Type": "glm"},
            "Contrasts": [
                {"Name": name, "ConditionList": ["trial_type.a"], "Weights": [1], "Test": "t"}
                for name in ("inVcon", "all_trials")
            ],
        },
        {
            "Level": "Subject",
            "Name": "subject_level",
            "GroupBy": ["subject", "contrast", "session"],
            "Model": {"X": [1], "Type": "glm"},
            "DummyContrasts": {"Test": "t"},
        },
        {
            "Level": "Dataset",
            "Name": "data_level",
            "GroupBy": ["contrast", "session"],
            "Model": {"X": [1], "Type": "glm"},
            "DummyContrasts": {"Test": "t"},
        },
    ],
}
"""A model as they are published: two contrasts of each of two sessions, of two runs."""


def camel(name: str) -> str:
    """The label that FitLins writes of a name: run_level is runLevel."""
    return re.sub("_(.)", lambda found: found[1].upper(), name)


def contrasts_of(model: Json) -> list[str]:
    """The labels of the contrasts of a model: those of its first node, which all others pass on."""
    return [camel(each["Name"]) for each in model["Nodes"][0]["Contrasts"]]


def sessions_of(model: Json) -> list[str | None]:
    """The sessions that a model analyses one by one; None where it has none."""
    by_session = "session" in model["Nodes"][-1]["GroupBy"]
    return list(model["Input"].get("session", ["01", "02"])) if by_session else [None]


def key_of(path: Path) -> tuple[str, str]:
    """The study and the task in the name of the file of a model."""
    study, _, task = path.name.removesuffix("_specs.json").partition("-")
    return study, task


def node_maps(model: Json) -> Iterator[tuple[str, Json]]:
    """Yield node and entities of the maps of one subject, as FitLins writes them."""
    for node in model["Nodes"][:-1]:
        is_run = node["Level"] == "Run"
        several = is_run and len(model["Nodes"]) == 3
        for session in sessions_of(model):
            for run in map(str, model["Input"].get("run", [1, 2])[:2]) if several else [None]:
                for contrast in contrasts_of(model):
                    names: Json = {"session": session, "contrast": contrast, "run": run}
                    names |= {"task": model["Input"]["task"][0] if is_run else None}
                    yield camel(node["Name"]), names | {"space": "MNI152NLin2009cAsym" if is_run else None}


def write_outputs(folder: Path, model: Json, rng: np.random.Generator, n_subjects: int = 3, signal: float = 3) -> None:
    """Write the output of FitLins for a model: maps of runs, subjects and the dataset; empty where none is read."""
    describe(folder, Name="FitLins output", GeneratedBy=[{"Name": "fitlins"}])
    subjects = model["Input"]["subject"][:n_subjects]
    used = camel(model["Nodes"][-2]["Name"])
    for node, names in node_maps(model):
        touch_maps(folder, *subjects, node=node, stat="effect", **names)
        touch_maps(folder, *subjects, node=node, stat="z", **names)
        touch_maps(folder, *subjects, node=node, stat="variance", **names)
        for subject in subjects if node == used else ():
            write_map(folder, subject, brain(rng, signal, SMALL), node=node, **names)
    task = model["Input"]["task"][0]
    touch_maps(folder, *subjects, node="runLevel", contrast=None, stat="rSquare", task=task)
    for session in sessions_of(model):
        for contrast in contrasts_of(model):
            names = {"session": session, "contrast": contrast, "task": None, "space": None}
            touch_maps(folder, None, node=camel(model["Nodes"][-1]["Name"]), stat="z", **names)


def write_model(specs: Path, model: Json, task: str | None = None) -> Path:
    """Write a model to the folder of its study, as it is published."""
    path = specs / model["Name"] / f"{model['Name']}-{task or model['Input']['task'][0]}_specs.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(model))
    return path
