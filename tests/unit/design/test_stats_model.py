"""BIDS Stats Models are read, or an error names the position of what is not supported."""

import copy
import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from statsmodels_examples import (
    DEMEAN_AGE,
    FORMER,
    FOUR_CELLS,
    MEAN,
    TWO_GROUPS,
    Json,
    contrast,
    dataset,
    document,
    written,
)

from bids_ari.design.stats_model import StatsModel, node_names, read_model
from bids_ari.errors import BidsAriError, InputNotFoundError, UsageError


def read(folder: Path, *nodes: Json, node: str | None = None, **more: Any) -> StatsModel:
    return read_model(written(folder, document(*nodes, **more)), node)


def refusal(folder: Path, model: Any, node: str | None = None) -> str:
    path = written(folder, model)
    with pytest.raises(UsageError) as caught:
        read_model(path, node)
    assert str(caught.value).startswith(str(path))
    return str(caught.value).removeprefix(str(path))


class TestModel:
    def test_mean(self, tmp_path: Path) -> None:
        model = read(tmp_path, MEAN, passing={"contrast": ["con_vs_incon"]})
        assert (model.inputs.node, model.x, model.group_by, model.estimator) == (
            "everybody",
            (1,),
            ("contrast",),
            "ols",
        )
        assert model.dummies is not None
        assert (model.dummies.test, model.dummies.conditions, model.contrasts) == ("t", (), ())
        assert (model.inputs.labels, model.inputs.filters) == ({"task": ("stroop",)}, {"contrast": ("con_vs_incon",)})

    def test_two_groups(self, tmp_path: Path) -> None:
        model = read(tmp_path, TWO_GROUPS)
        assert model.x == ("group.patient", "group.control", "age_c")
        assert [(each.name, each.inputs, each.outputs) for each in model.transformations] == [
            ("Factor", ("group",), ()),
            ("Scale", ("age",), ("age_c",)),
        ]
        assert model.transformations[1].options == {"Rescale": (False,)}
        assert [(each.name, each.weights, each.test) for each in model.contrasts] == [
            ("patient_gt_control", ((1, -1),), "t"),
            ("average", ((0.5, 0.5),), "t"),
            ("either group", ((1, 0), (0, 1)), "F"),
            ("age", ((1,),), "F"),
        ]

    def test_type_meta_is_fixed_effects(self, tmp_path: Path) -> None:
        assert read(tmp_path, dataset([1], model={"Type": "Meta"})).estimator == "fixed"

    def test_former_form(self, tmp_path: Path) -> None:
        """With Steps, conditions of a step without a Model are contrasts of the step before."""
        model = read_model(written(tmp_path, FORMER))
        assert (model.x, model.inputs.filters, model.inputs.labels) == (
            (1,),
            {"contrast": ("win_vs_loss",)},
            {"task": ("gambling",)},
        )
        assert model.dummies is not None
        assert model.dummies.conditions == ()

    def test_a_column_named_after_the_only_contrast(self, tmp_path: Path) -> None:
        """A column that is 1 where the contrast is gain is the column of ones if gain is the only contrast."""
        node = dataset(["gain"], GroupBy=[], contrasts=[contrast("loss", ["gain"], [-1])])
        model = read(tmp_path, node, passing={"contrast": ["gain"]})
        assert (model.x, model.contrasts[0].conditions, model.group_by) == ((1,), (1,), ())

    def test_intercept_is_the_column_of_ones(self, tmp_path: Path) -> None:
        node = dataset([1, "age"], contrasts=[contrast("base", ["intercept", "age"], [1, 0])])
        assert read(tmp_path, node).contrasts[0].conditions == (1, "age")

    def test_without_edges_nodes_follow_each_other(self, tmp_path: Path) -> None:
        model = document(MEAN)
        del model["Edges"]
        assert read_model(written(tmp_path, model)).inputs.filters == {}

    def test_one_of_several_nodes(self, tmp_path: Path) -> None:
        second = MEAN | {"Name": "t-test 2"}
        assert read(tmp_path, MEAN, second, node="t-test 2").inputs.node == "t-test 2"
        message = refusal(tmp_path, document(MEAN, second))
        assert message == " has 2 nodes of the dataset level: everybody, t-test 2; expected one of them. " + (
            "Choose with --node NAME"
        )
        assert "has no node 'subject' of the dataset level; expected one of: everybody" in refusal(
            tmp_path, document(MEAN), "subject"
        )

    def test_without_edges_a_second_node_takes_the_same_maps(self, tmp_path: Path) -> None:
        """A node of the dataset level makes no maps of subjects."""
        model = document(MEAN, MEAN | {"Name": "second"})
        del model["Edges"]
        path = written(tmp_path, model)
        assert node_names(path) == ("everybody", "second")
        assert [node.name for node in read_model(path, "second").inputs.lower] == ["subject", "run"]

    def test_groups_of_sessions_and_of_subjects(self, tmp_path: Path) -> None:
        model = read(tmp_path, MEAN | {"GroupBy": ["Contrast", "session", "run", "task", "sex"]})
        assert (model.group_by, model.group_columns) == (("contrast", "ses", "run", "task"), ("sex",))

    def test_parts_without_effect_are_noted(self, tmp_path: Path) -> None:
        unused = {"HRF": {"Model": "spm"}, "Options": {"Mask": {"desc": "brain"}}, "Software": {"SPM": {"x": 1}}}
        model = read(tmp_path, dataset([1], model=unused), Authors=["x"])
        assert model.notes == tuple(
            f"{place} of model_smdl.json is not used"
            for place in ("Authors", "Nodes[2].Model.Options", "Nodes[2].Model.Software", "Nodes[2].Model.HRF")
        )

    def test_former_spellings(self, tmp_path: Path) -> None:
        fixed = read(tmp_path, MEAN | {"DummyContrasts": {"Test": "FEMA"}})
        assert fixed.dummies is not None
        assert (fixed.dummies.test, fixed.estimator) == ("t", "fixed")
        node = {key: value for key, value in dataset([1, "age"]).items() if key != "DummyContrasts"}
        dummies = read(tmp_path, node | {"AutoContrasts": ["age"]}).dummies
        assert dummies is not None
        assert dummies.conditions == ("age",)
        assert read(tmp_path, node | {"AutoContrasts": True}).dummies == replace(dummies, conditions=())

    def test_contrasts_that_are_only_passed_on_are_not_tested(self, tmp_path: Path) -> None:
        tests = [contrast("one", [1], [1], "pass"), contrast("two", [1], [2])]
        assert [each.name for each in read(tmp_path, dataset([1], contrasts=tests)).contrasts] == ["two"]

    def test_filter_of_maps_and_subjects(self, tmp_path: Path) -> None:
        model = read(tmp_path, MEAN, passing={"group": ["patient", 2], "session": "pre", "run": ["01", 2]})
        assert (model.inputs.subjects, model.inputs.filters) == (
            {"group": ("patient", "2")},
            {"ses": ("pre",), "run": (1, 2)},
        )

    def test_comments_and_empty_values_are_ignored(self, tmp_path: Path) -> None:
        node = MEAN | {"Description": "why", "_note": [1], "Transformations": None, "Options": {}}
        assert read(tmp_path, node, **{"$schema": "x"}).x == (1,)


WEIGHTED = ["a", "b"]

REFUSED: list[tuple[str, Json, str]] = [
    ("formula", dataset([1], DEMEAN_AGE, model={"Formula": "age"}), "has both Model.Formula and Transformations"),
    ("variances", dataset([1], model={"VarianceComponents": [{}]}), ".Model.VarianceComponents is not supported"),
    ("error", dataset([1], model={"Error": {"Family": "t"}}), ".Model.Error is not supported. Supported keys: X, Type"),
    ("type", dataset([1], model={"Type": "lme"}), ".Model.Type is 'lme'; expected glm or meta"),
    ("pass", MEAN | {"DummyContrasts": {"Test": "pass"}}, "Nodes[2] has no test; expected Contrasts, or"),
    ("stat", MEAN | {"GroupBy": ["stat"]}, "].GroupBy[0]: analyses by 'stat' are not supported. It does not"),
    ("subject", MEAN | {"GroupBy": ["subject"]}, "].GroupBy[0]: analyses by 'subject' are not supported. An analysis"),
    ("no X", MEAN | {"Model": {"Type": "glm"}}, "Nodes[2] has no Model.X; expected the columns"),
    ("empty X", dataset([]), ".Model.X is []; expected 1, or names of columns"),
    ("X", dataset([1, 2]), ".Model.X[1] is 2; expected 1, or the name of a column"),
    ("X true", dataset([True]), ".Model.X[0] is True; expected 1"),
    ("twice", dataset(["age", "age"]), "Nodes[2] has 'age' more than once in Model.X; expected each column once"),
    ("two ones", dataset([1, "intercept"]), "Nodes[2] has the column of ones more than once in Model.X"),
    ("no tests", dataset([1], contrasts=[]), "Nodes[2] has no test; expected Contrasts, or"),
    ("short", dataset(WEIGHTED, contrasts=[contrast("c", WEIGHTED, [1])]), ".Weights has 1 weight; expected 2, one fo"),
    ("ragged", dataset(WEIGHTED, contrasts=[contrast("c", WEIGHTED, [[1, 0], [1]], "F")]), ".Weights[1] has 1 weight"),
    ("rows", dataset(WEIGHTED, contrasts=[contrast("c", WEIGHTED, [[1, 0]])]), ".Weights is [[1, 0]]; expected one we"),
    ("zeros", dataset(WEIGHTED, contrasts=[contrast("c", WEIGHTED, [0, 0])]), "expected linearly independent rows"),
    ("rank", dataset(WEIGHTED, contrasts=[contrast("c", WEIGHTED, [[1, 2], [2, 4]], "F")]), "expected linearly indepe"),
    ("fraction", dataset(["a"], contrasts=[contrast("c", ["a"], ["1/0"])]), ".Weights[0] is '1/0'; expected a number,"),
    ("no number", dataset(["a"], contrasts=[contrast("c", ["a"], [None])]), ".Weights[0] is None; expected a number"),
    ("unknown", dataset(["a"], contrasts=[contrast("c", ["b"], [1])]), "Contrasts[0] names 'b', which is not in X"),
    ("dummy", MEAN | {"DummyContrasts": {"Test": "t", "Contrasts": ["b"]}}, "DummyContrasts names 'b', which is not"),
    ("no test", dataset(["a"], contrasts=[{"Name": "c", "ConditionList": ["a"], "Weights": [1]}]), "[0] has no Test"),
    ("names", dataset(["a"], contrasts=[contrast("c", ["a"], [1])] * 2), "Contrasts[1] is a second contrast named 'c'"),
    ("condition", dataset(["a"], contrasts=[contrast("c", ["a", "a"], [1, 1])]), ".ConditionList is ['a', 'a']; expec"),
    ("convolve", dataset(["a"], {"Name": "Convolve", "Input": ["a"]}), "transformation 'Convolve' is not supported. T"),
    ("lag", dataset(["a"], {"Name": "Lag", "Input": ["a"]}), "transformation 'Lag' is not supported. A table of subje"),
    ("other", dataset(["a"], {"Name": "Log", "Input": ["a"]}), "transformation 'Log' is not supported. Supported: And"),
    ("option", dataset(["a"], DEMEAN_AGE | {"GroupBy": "sex"}), "Instructions[0].GroupBy is not supported"),
    ("flag", dataset(["a"], DEMEAN_AGE | {"Demean": "yes"}), "[0].Demean is 'yes'; expected true or false"),
    ("fill", dataset(["a"], DEMEAN_AGE | {"ReplaceNA": "mean"}), "ReplaceNA is 'mean'; expected before or after"),
    ("no input", dataset(["a"], {"Name": "Scale"}), "Instructions[0] has no Input; expected the names of columns"),
    ("no output", dataset(["a"], {"Name": "Product", "Input": ["a", "b"]}), "[0] (Product) has no names in Output"),
    ("output", dataset(["a"], {"Name": "Factor", "Input": ["a"], "Output": ["b"]}), "[0] (Factor) has an Output; expe"),
    ("transformer", MEAN | {"Transformations": {"Transformer": "r", "Instructions": []}}, "Transformer is 'r'; expect"),
]  # fmt: skip


@pytest.mark.parametrize(("node", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_unsupported_parts(tmp_path: Path, node: Json, words: str) -> None:
    assert words in refusal(tmp_path, document(node))


DOCUMENTS: list[tuple[str, Any, str]] = [
    ("no nodes", {"Name": "x"}, " has no Nodes; expected Nodes, a list"),
    ("both", document(MEAN) | {"Steps": []}, " has Nodes and Steps; expected Nodes"),
    ("nodes", {"Nodes": {}}, ": Nodes is {}; expected a list"),
    ("node", {"Nodes": ["x"]}, ": Nodes[0] is 'x'; expected an object"),
    ("level", {"Nodes": [{"Name": "x"}]}, ": Nodes[0] has no Level"),
    ("no dataset", {"Nodes": [{"Name": "x", "Level": "Run"}]}, " has no node of the dataset level"),
    ("names", document(MEAN, MEAN), ": Nodes[3] has the same name as another node, 'everybody'"),
    ("version", document(MEAN, BIDSModelVersion="2.0"), ": BIDSModelVersion is '2.0'; expected 1.0.0"),
    ("input", document(MEAN, Input={"group": ["x"]}), ": Input.group is not an entity; expected entities, such"),
    ("input label", document(MEAN, Input={"task": [None]}), ": Input.task is [None]; expected a label, or a list"),
    ("input any", document(MEAN, Input={"task": "*"}), ": Input.task is '*'; expected a label, or a list"),
    ("input twice", document(MEAN, Input={"ses": "1", "session": "2"}), ": Input.session is a second selection of ses"),
    ("edge", document(MEAN, Edges=[{"Source": "run"}]), ": Edges[0] has no Destination; expected the names of two"),
    ("source", document(MEAN, Edges=[{"Source": "runs", "Destination": "run"}]), ": Edges[0].Source is 'runs'; expect"),
    (
        "two edges",
        document(MEAN, Edges=[{"Source": source, "Destination": "everybody"} for source in ("run", "subject")]),
        ": Edges[1] is not supported. 'everybody' must take the maps of one node",
    ),
    (
        "from dataset",
        document(MEAN, MEAN | {"Name": "b"}, Edges=[{"Source": "b", "Destination": "everybody"}]),
        ": Edges[0] is not supported. It leads from a node of the dataset level to another",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("model", "words"), [case[1:] for case in DOCUMENTS], ids=[case[0] for case in DOCUMENTS])
def test_invalid_documents(tmp_path: Path, model: Any, words: str) -> None:
    chosen = "everybody" if "leads from" in words else None
    assert refusal(tmp_path, model, chosen).startswith(words)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError, match="There is no model"):
        read_model(tmp_path / "model.json")


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = written(tmp_path, document(MEAN))
    first = read_model(path)
    assert read_model(path) is first
    written(tmp_path, document(dataset([1, "age"])))
    assert read_model(path).x == (1, "age")


def test_keys_that_are_given_twice(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A published model has a key twice, in a node of runs: it is not used, and a warning; otherwise it is an error."""
    text = json.dumps(document(MEAN, Description="x"))
    path = tmp_path / "model.json"
    path.write_text(text.replace('"HRF"', '"x"').replace('"Model": "glover"', '"Model": "spm", "Model": "glover"'))
    place = "Nodes[0].Transformations.Instructions[1].Model"
    assert read_model(path).notes == (f"{place} of model.json is given several times and not used",)
    assert "WARNING" in caplog.text
    path.write_text(text.replace('"Level": "Dataset"', '"Level": "Run", "Level": "Dataset"'))
    with pytest.raises(UsageError, match=r"Nodes\[2\].Level is given several.*; expected a text"):
        read_model(path)


def test_two_spellings_of_a_key(tmp_path: Path) -> None:
    test = contrast("c", [1], [1])
    node = dataset([1], contrasts=[test | {"condition_list": [1]}])
    assert "Contrasts[0].condition_list is the same key as" in refusal(tmp_path, document(node))
    node = dataset([1], contrasts=[test | {"Type": "t"}])
    assert "Contrasts[0].Type is the same key as" in refusal(tmp_path, document(node))


JUNK = st.sampled_from([None, True, 0, -1, 1.5, "", "x", "*", "t", "F", "1/3", [], [1], ["x"], {}, {"Name": "x"}, [[]]])
WHOLE = [document(MEAN), document(TWO_GROUPS), document(FOUR_CELLS), FORMER]


def _places(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    members = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [place for key, each in members for place in [(*before, key), *_places(each, (*before, key))]]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_mutated_model_is_read_or_an_error(tmp_path: Path, data: st.DataObject) -> None:
    """Any value anywhere in a model: it is read, or raises a BidsAriError."""
    model = copy.deepcopy(data.draw(st.sampled_from(WHOLE)))
    for _ in range(data.draw(st.integers(1, 3))):
        *way, key = data.draw(st.sampled_from(_places(model)))
        part = model
        for step in way:
            part = part[step]
        if data.draw(st.booleans()):
            part[key] = copy.deepcopy(data.draw(JUNK))
        else:
            del part[key]
        if not _places(model):
            break
    with suppress(BidsAriError):
        read_model(written(tmp_path, model))
