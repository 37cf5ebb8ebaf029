"""Nodes below the dataset level, carried out on maps of lower nodes."""

import copy
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import describe, touch_maps
from builders_hemispheres import touch_surfaces
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from statsmodels_examples import MEAN, RUN, SUBJECT, Json, contrast, document, written

from bids_ari.bids.contrasts import ContrastSet, Discovery
from bids_ari.bids.dataset import open_dataset
from bids_ari.bids.discover import discover
from bids_ari.design.carry_out import CarryOut
from bids_ari.design.lower_nodes import map_weights
from bids_ari.design.model_inputs import select_maps
from bids_ari.design.stats_model import read_model
from bids_ari.errors import BidsAriError, NoMatchError, UsageError

PLAIN: Json = {"task": None, "space": None}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two subjects, two sessions, two runs, two contrasts, with variance maps."""
    root = tmp_path / "in"
    describe(root)
    touch(root, "01", "02")
    return root


def touch(root: Path, *subjects: str, sessions: str = "ab", contrasts: tuple[str, ...] = ("x", "y")) -> None:
    for session in sessions:
        for run in "12":
            for name in contrasts:
                for stat in ("effect", "variance"):
                    names: Json = {"session": session, "run": run, "contrast": name, "stat": stat, "node": "run"}
                    touch_maps(root, *subjects, **names, **PLAIN)


def subject_node(x: list[Any], *contrasts: Json, kind: str = "glm", groups: tuple[str, ...] = ("contrast",)) -> Json:
    tests: Json = {"Contrasts": list(contrasts)} if contrasts else {"DummyContrasts": {"Test": "t"}}
    return {
        "Level": "Subject",
        "Name": "subject",
        "GroupBy": ["subject", *groups],
        "Model": {"X": x, "Type": kind},
        **tests,
    }


def carried_out(
    root: Path, *lower: Json, keep: bool = False, by: tuple[str, ...] = (), passing: Json | None = None, run: Json = RUN
) -> Discovery:
    names = [run["Name"], *(node["Name"] for node in lower), MEAN["Name"]]
    edges = [{"Source": one, "Destination": other} for one, other in pairwise(names)]
    if passing:
        edges[-1] |= {"Filter": passing}
    path = written(root.parent, document(MEAN, Nodes=[run, *lower, MEAN], Edges=edges, Input={}))
    inputs = read_model(path).inputs
    where, _, nodes, first = select_maps(inputs, open_dataset(root))
    carry_out = CarryOut(nodes, first, tuple(map(str, inputs.filters.get("contrast", ()))), keep)
    return discover(root, where=where, by=by, lower=carry_out, weights=keep)


def terms(found: ContrastSet) -> dict[str, list[tuple[float, str]]]:
    """The weights of the maps of each subject; those of a combination share one."""
    return {
        member.subject: [
            (
                term.weight,
                " ".join("".join(map(str, (f.entities.get("ses"), f.entities.get("run")))) for f in term.maps),
            )
            for term in member.terms
        ]
        for member in found.members
    }


class TestMeans:
    def test_runs_and_sessions_are_averaged(self, root: Path) -> None:
        found = carried_out(root, subject_node([1]))
        assert [each.name for each in found] == ["contrast-x", "contrast-y"]
        assert terms(found[0]) == {subject: [(1, "a1 a2 b1 b2")] for subject in ("01", "02")}
        assert (found[0].combined, found[0].members[0].variances) == ("session", ())
        assert (
            found[0]
            .notes[-1]
            .endswith("by the node subject of the Stats Model: type glm, least squares without weights")
        )

    def test_type_meta_weights_by_precision(self, root: Path) -> None:
        member = carried_out(root, subject_node([1], kind="meta"))[0].members[0]
        assert [len(member.maps), len(member.variances)] == [4, 4]

    def test_without_all_variance_maps_type_meta_is_a_plain_mean(self, root: Path) -> None:
        """For all subjects of this contrast; another contrast keeps its weights."""
        next(root.rglob("sub-02_*contrast-x_stat-variance*")).unlink()
        of_x, of_y = carried_out(root, subject_node([1], kind="meta"))
        assert all(member.variances == () for member in of_x.members)
        assert "without weights, as not every map has a variance map" in of_x.notes[-1]
        assert [len(member.variances) for member in of_y.members] == [4, 4]
        assert of_y.notes[-1].endswith("type meta, weights by precision (variance maps)")

    def test_a_column_keeps_its_weights_beside_one_without_variance_maps(self, root: Path) -> None:
        """The contrasts of a node that combines the maps of conditions, each in its column."""
        next(root.rglob("sub-02_*contrast-x_stat-variance*")).unlink()
        of_x, of_y = carried_out(root, subject_node(["x", "y"], kind="meta", groups=()))
        assert [len(member.variances) for member in (*of_x.members, *of_y.members)] == [0, 0, 4, 4]

    def test_with_variances_kept_a_mean_has_equal_weights(self, root: Path) -> None:
        found = carried_out(root, subject_node([1], groups=("contrast", "session")), keep=True, by=("session",))
        assert [each.name for each in found] == [f"ses-{s}_contrast-{c}" for s in "ab" for c in "xy"]
        assert terms(found[0])["01"] == [(0.5, "a1"), (0.5, "a2")]
        assert found[0].members[0].has_variances

    def test_nodes_of_sessions_and_subjects(self, root: Path) -> None:
        """The mean of sessions, each the mean of its runs: one run of session b has half the weight of the other."""
        for path in root.rglob("sub-01_ses-a_run-2_*"):
            path.unlink()
        session = subject_node([1], groups=("contrast", "session")) | {"Level": "Session", "Name": "session"}
        found = carried_out(root, session, subject_node([1]))
        assert terms(found[0])["01"] == [(0.5, "a1"), (0.5, "b1 b2")]

    def test_a_contrast_that_is_named_and_has_a_weight(self, root: Path) -> None:
        """FitLins names it after the contrast of its maps: x and neg make xNeg."""
        node = subject_node([1], contrast("neg", [1], [-1]))
        found = carried_out(root, node, passing={"contrast": ["x_neg"]})
        assert [each.name for each in found] == ["contrast-xNeg"]
        assert terms(found[0])["01"] == [(-0.25, place) for place in ("a1", "a2", "b1", "b2")]
        with pytest.raises(NoMatchError, match=r"filters the contrasts other, which no node makes; .*: xNeg, yNeg"):
            carried_out(root, node, passing={"contrast": ["other"]})

    def test_f_tests_with_several_rows_are_questions_within_subjects(self, root: Path) -> None:
        """Each row is a contrast of the least-squares estimates: runs of a session have half the weight."""
        for path in root.rglob("sub-02_ses-b_run-2_*contrast-y*"):
            path.unlink()
        levels = ["session.a", "session.b"]
        node = subject_node(levels, contrast("any", levels, [[1, 0], [-1, 1]], "F"), contrast("a", levels[:1], [1]))
        found = {each.name: each for each in carried_out(root, node)}
        assert found.keys() == {"contrast-xAny", "ses-a_contrast-xA", "contrast-yAny", "ses-a_contrast-yA"}
        asked = found["contrast-xAny"]
        assert asked.within is not None
        assert (asked.paired, asked.within.column, asked.within.levels) == (
            "ses",
            "session",
            ("session.a", "session.b"),
        )
        assert asked.within.labels == ("sessionA", "sessionBMinusSessionA")
        assert asked.members[0].rows == ((0.5, 0.5, 0, 0), (-0.5, -0.5, 0.5, 0.5))
        assert [each.rows for each in found["contrast-yAny"].members][1] == ((0.5, 0.5, 0), (-0.5, -0.5, 1))
        assert found["ses-a_contrast-xA"].within is None
        assert any("session.b minus session.a" in note for note in asked.notes)

    def test_a_subject_without_a_level_is_excluded_from_the_question(self, root: Path) -> None:
        for path in root.rglob("sub-02_ses-b_*"):
            path.unlink()
        levels = ["session.a", "session.b"]
        node = subject_node(levels, contrast("any", levels, [[1, 0], [0, 1]], "F"))
        found, _ = carried_out(root, node)
        assert found.subjects == ("01",)
        assert [entry.name for entry in found.excluded if entry.is_subject] == ["sub-02"]

    def test_questions_of_a_lower_node_are_averaged(self, root: Path) -> None:
        """Contrasts over conditions in each session, then the mean over sessions."""
        rows = contrast("any", ["x", "y"], [[1, 0], [0, 1]], "F")
        session = subject_node(["x", "y"], rows, groups=("session", "run")) | {"Level": "Session", "Name": "session"}
        (found,) = carried_out(root, session, subject_node([1]))
        member = found.members[0]
        assert len(member.terms) == 8
        assert [sum(row) for row in member.rows] == [1, 1]
        assert {term.weight for term in member.terms} == {1}
        again = contrast("d", ["session.a", "session.b"], [[1, 0], [0, 1]], "F")
        with pytest.raises(UsageError, match="several rows already"):
            carried_out(root, session, subject_node(["session.a", "session.b"], again))

    def test_questions_with_variances_kept_are_left_out(self, root: Path, caplog: pytest.LogCaptureFixture) -> None:
        levels = ["session.a", "session.b"]
        node = subject_node(levels, contrast("any", levels, [[1, 0], [0, 1]], "F"), contrast("a", levels[:1], [1]))
        assert [each.name for each in carried_out(root, node, keep=True)] == ["ses-a_contrast-xA", "ses-a_contrast-yA"]
        assert "any of the node subject is not analysed" in caplog.text

    @pytest.mark.parametrize(("keep", "rows"), [(False, [[1, -1]]), (True, [[1, 0], [0, 1]])])
    def test_nodes_that_make_no_map(self, root: Path, keep: bool, rows: list[list[int]]) -> None:
        levels = ["session.a", "session.b"]
        with pytest.raises(NoMatchError, match="subject of the Stats Model make no map"):
            carried_out(root, subject_node(levels, contrast("any", levels, rows, "F")), keep=keep)

    def test_f_tests_with_one_row_are_not_passed_on(self, root: Path) -> None:
        tests = [contrast("any", [1], [[1]], "F"), contrast("mean", [1], [1])]
        assert [each.name for each in carried_out(root, subject_node([1], *tests))] == [
            "contrast-xMean",
            "contrast-yMean",
        ]


class TestSurfaces:
    """The maps of both hemispheres are one in the sums and combinations of nodes."""

    @pytest.fixture
    def surfaces(self, tmp_path: Path) -> Path:
        root = tmp_path / "surfaces"
        describe(root)
        for session in "ab":
            for name in ("x", "y"):
                for stat in ("effect", "variance"):
                    names: Json = {"session": session, "contrast": name, "stat": stat, "node": "run", "task": None}
                    touch_surfaces(root, "01", "02", run="1", **names)
        return root

    def test_runs_and_sessions_are_averaged(self, surfaces: Path) -> None:
        of_x, _ = carried_out(surfaces, subject_node([1], kind="meta"))
        of_x.check()
        assert of_x.name == "run-1_space-fsaverage_den-10k_contrast-x"
        assert terms(of_x)["01"] == [(1, "a1 b1")]
        assert [len(member.all_files) for member in of_x.members] == [8, 8]
        assert of_x.notes[-1].endswith("type meta, weights by precision (variance maps)")

    def test_conditions_are_subtracted(self, surfaces: Path) -> None:
        rows = contrast("xMinusY", ["x", "y"], [1, -1])
        (found,) = carried_out(surfaces, subject_node(["x", "y"], rows, groups=()))
        found.check()
        assert [len(file.files) for file in found.maps] == [2] * 8
        assert all(member.is_weighted_sum for member in found.members)

    def test_without_nodes(self, surfaces: Path) -> None:
        found = carried_out(surfaces, by=("session",))
        assert [each.name for each in found] == [
            f"ses-{s}_run-1_space-fsaverage_den-10k_contrast-{c}" for s in "ab" for c in "xy"
        ]

    def test_a_subject_without_the_map_of_a_hemisphere_is_excluded(self, surfaces: Path) -> None:
        touch_surfaces(surfaces, "03", hemi="L", session="a", run="1", contrast="x", node="run", task=None)
        of_x, _ = carried_out(surfaces, subject_node([1]))
        assert [(entry.name, entry.reason) for entry in of_x.excluded if entry.is_subject] == [
            ("sub-03", "no effect map of the right hemisphere")
        ]


class TestContrasts:
    def test_of_sessions(self, root: Path) -> None:
        node = subject_node(["session.a", "session.b"], contrast("change", ["session.b", "session.a"], [1, -1]))
        found = carried_out(root, node)
        assert [each.name for each in found] == ["contrast-xChange", "contrast-yChange"]
        assert terms(found[0])["02"] == [(-0.5, "a1"), (-0.5, "a2"), (0.5, "b1"), (0.5, "b2")]

    def test_of_sessions_by_precision(self, root: Path) -> None:
        test = contrast("change", ["session.b", "session.a"], [1, -1])
        member = carried_out(root, subject_node(["session.*"], test, kind="meta"))[0].members[0]
        assert [(term.weight, len(term.maps), len(term.variances)) for term in member.terms] == [(-1, 2, 2), (1, 2, 2)]

    def test_of_conditions(self, root: Path) -> None:
        """A node that does not group by contrast has a column for each."""
        test = contrast("x_vs_y", ["x", "y"], [1, -1])
        (found,) = carried_out(root, subject_node(["x", "y"], test, groups=()))
        assert found.name == "contrast-xVsY"
        (first, *_, last) = found.members[0].terms
        assert (first.weight, first.first.entities.get("contrast")) == (0.25, "x")
        assert (last.weight, last.first.entities.get("contrast")) == (-0.25, "y")
        assert len(found.members[0].terms) == 8

    def test_a_subject_without_a_session_is_excluded(self, root: Path) -> None:
        touch(root, "03", sessions="a")
        node = subject_node(["session.a", "session.b"], contrast("change", ["session.b", "session.a"], [1, -1]))
        found = carried_out(root, node)[0]
        assert found.subjects == ("01", "02")
        (entry,) = [entry for entry in found.excluded if entry.is_subject]
        assert entry.name == "sub-03"
        assert entry.reason == "lacks a map that the node subject of the Stats Model needs for contrast-xChange"

    def test_of_correlated_columns(self, root: Path) -> None:
        """With 1 and session.b, the coefficient of the latter is b minus a."""
        found = carried_out(root, subject_node([1, "session.b"], contrast("change", ["session.b"], [1])))
        weights = [weight for weight, _ in terms(found[0])["01"]]
        np.testing.assert_allclose(weights, [-0.5, -0.5, 0.5, 0.5], atol=1e-12)

    def test_what_no_map_has_is_an_error(self, root: Path) -> None:
        with pytest.raises(UsageError, match="X of 'subject' names 'age', which no map of a lower node has"):
            carried_out(root, subject_node([1, "age"]))

    def test_maps_of_a_node_are_used_where_they_are(self, root: Path) -> None:
        touch_maps(root, "01", "02", contrast="xVsY", node="run", session="a", run="1", **PLAIN)
        test = contrast("x_vs_y", ["x", "y"], [1, -1])
        found = carried_out(root, subject_node(["x", "y"], test, groups=()), passing={"contrast": ["x_vs_y"]})
        assert [each.name for each in found] == ["ses-a_run-1_contrast-xVsY"]

    def test_maps_of_a_node_without_its_name(self, root: Path, tmp_path: Path) -> None:
        """The folder of the node was taken as dataset: its contrasts end with that of the node."""
        touch_maps(tmp_path / "copy", "01", "02", contrast="xChange", **PLAIN)
        node = subject_node(["session.a", "session.b"], contrast("change", ["session.b", "session.a"], [1, -1]))
        (found,) = carried_out(tmp_path / "copy", node)
        assert (found.name, terms(found)["01"][0][0]) == ("contrast-xChange", 1)

    def test_the_former_form(self, root: Path) -> None:
        """A session split into columns, and a contrast of them, without GroupBy."""
        steps = [
            {"Level": "run", "Model": {"X": ["x"]}, "DummyContrasts": {"Conditions": ["x"], "Type": "t"}},
            {"Level": "session", "Transformations": [{"Name": "split", "Input": ["x"], "By": "session"}]},
            {
                "Level": "subject",
                "Model": {"X": ["x.a", "x.b"]},
                "Contrasts": [{"Name": "change", "ConditionList": ["x.b", "x.a"], "Weights": [1, -1], "Type": "t"}],
            },
            {"Level": "dataset", "DummyContrasts": {"Conditions": ["change"], "Type": "t"}},
        ]
        inputs = read_model(written(root.parent, {"Name": "former", "Steps": steps})).inputs
        where, _, nodes, first = select_maps(inputs, open_dataset(root))
        found = discover(root, where={**where, "contrast": ["x"]}, lower=CarryOut(nodes, first, ("change",)))
        assert [each.name for each in found] == ["contrast-change"]
        assert terms(found[0])["01"] == [(-0.5, "a1"), (-0.5, "a2"), (0.5, "b1"), (0.5, "b2")]


CONTRASTS = [contrast("x_vs_y", ["trial_type.x", "trial_type.y"], [1, -1])]
RUN_OF_CONTRASTS = {**RUN, "Contrasts": CONTRASTS, "DummyContrasts": None}


class TestContrastsOfConditions:
    """The node of images has contrasts of conditions; only the conditions have maps."""

    def test_they_are_computed(self, root: Path) -> None:
        (found,) = carried_out(root, SUBJECT, run=RUN_OF_CONTRASTS)
        assert found.name == "contrast-xVsY"
        assert len(found.members[0].terms) == 8
        note = "contrast-xVsY is computed from maps of x, y, with the weights of the node run of the Stats Model"
        assert note in found.notes
        assert {entry.reason for entry in found.excluded} >= {"its stat is variance; effect maps are analysed"}

    def test_conditions_that_are_passed_on_remain(self, root: Path) -> None:
        names = [each.name for each in carried_out(root, SUBJECT, run={**RUN, "Contrasts": CONTRASTS})]
        assert names == ["contrast-x", "contrast-xVsY", "contrast-y"]

    @pytest.mark.parametrize("groups", [("contrast",), ()])
    def test_only_they_are_without_weights(self, root: Path, groups: tuple[str, ...]) -> None:
        """The variance of x - y is not known; that of x is, and nothing computed is in its notes."""
        node = subject_node([1] if groups else ["x", "x_vs_y"], kind="meta", groups=groups)
        found = {each.name: each for each in carried_out(root, node, run={**RUN, "Contrasts": CONTRASTS})}
        alone = carried_out(root, subject_node([1], kind="meta"))[0]
        assert found["contrast-x"].members == alone.members
        assert found["contrast-x"].notes == alone.notes
        computed = found["contrast-xVsY"]
        assert not any(member.has_variances for member in computed.members)
        assert [note.partition(" ")[0] for note in computed.notes][-2:] == ["contrast-xVsY", "Maps"]
        assert "without weights, as the variance of computed maps (contrast-xVsY) is not known" in computed.notes[-1]

    def test_a_single_run_needs_no_weights(self, root: Path) -> None:
        for path in root.rglob("*_run-2_*"):
            path.unlink()
        node = subject_node([1], kind="meta", groups=("session", "contrast"))
        (found,) = carried_out(root, node, run=RUN_OF_CONTRASTS, by=("session",), passing={"contrast": ["xVsY"]})[:1]
        assert terms(found)["01"] == [(1, "a1"), (-1, "a1")]

    def test_a_contrast_with_maps_is_not_computed(self, root: Path) -> None:
        touch(root, "01", "02", contrasts=("xVsY",))
        found = carried_out(root, SUBJECT, run=RUN_OF_CONTRASTS)
        assert [each.name for each in found] == ["contrast-x", "contrast-xVsY", "contrast-y"]
        assert len(found[1].members[0].terms) == 1


@pytest.mark.parametrize(
    ("matrix", "weights", "expected"),
    [
        ([[1], [1], [1]], [1], [1 / 3] * 3),
        ([[1, 0], [1, 0], [0, 1]], [1, -1], [0.5, 0.5, -1]),
        ([[1, 0], [1, 0]], [0, 1], None),
        ([[1, 0], [1, 1]], [0, 1], [-1, 1]),
        ([[1, 1], [1, 1]], [1, 0], None),
        ([[1, 1], [1, 1]], [1, 1], [0.5, 0.5]),
    ],
)
def test_weights_of_maps(matrix: list[list[float]], weights: list[float], expected: list[float] | None) -> None:
    """The contrast of the least-squares coefficients, or none where it is not estimable."""
    found = map_weights(np.array(matrix, dtype=float), np.array(weights, dtype=float))
    if expected is None:
        assert found is None
    else:
        np.testing.assert_allclose(found, expected, atol=1e-12)


JUNK = st.sampled_from(
    [None, True, 0, -1, "", "x", "*", "F", "1/3", [], [1], ["x"], {}, "session", "run", "session.a", "subject", "meta"]
)


def _places(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    members = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [place for key, each in members for place in [(*before, key), *_places(each, (*before, key))]]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_mutated_node_is_carried_out_or_an_error(root: Path, data: st.DataObject) -> None:
    """Any value anywhere in a node below the dataset level."""
    test = contrast("x_vs_y", ["x", "y"], [1, -1])
    change = contrast("change", ["session.b", "session.a"], [1, -1])
    nodes = [
        subject_node([1], kind="meta"),
        subject_node(["x", "y"], test, groups=()),
        subject_node(["session.a", "session.b"], change, kind="meta"),
    ]
    node = copy.deepcopy(data.draw(st.sampled_from(nodes)))
    for _ in range(data.draw(st.integers(1, 2))):
        *way, key = data.draw(st.sampled_from(_places(node)))
        part = node
        for step in way:
            part = part[step]
        part[key] = copy.deepcopy(data.draw(JUNK))
    node |= {"Level": "Subject", "Name": "subject"}
    with suppress(BidsAriError):
        for found in carried_out(root, node):
            assert all(terms(found).values())
