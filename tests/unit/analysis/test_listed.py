"""Subjects that only participants.tsv lists: named where one would expect a map of them, and nobody else."""

import json
from pathlib import Path

import pytest
from builders import touch_maps
from builders_exclusions import table

from bids_ari.analysis.group_model import plan
from bids_ari.analysis.inputs import find_contrasts
from bids_ari.bids.contrasts import ContrastSet
from bids_ari.bids.discover import discover
from bids_ari.bids.participants import read_participants
from bids_ari.cli.main import parse, read_settings
from bids_ari.config.options import Options

REASON = "in participants.tsv, but without any map"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Maps of six of the eight subjects of a table, whose labels have other zeros; 04 has maps of another task only."""
    touch_maps(tmp_path, "01", "02", "03", "05", "06")
    touch_maps(tmp_path, "04", task="rest")
    table(tmp_path, {str(i): "young" if i % 2 else "old" for i in range(1, 9)})
    return tmp_path


def found(root: Path, *flags: str) -> list[ContrastSet]:
    """The contrasts of a command."""
    _, discovery = find_contrasts(read_settings(parse([str(root), str(root / "out"), "group", *flags])))
    return list(discovery)


def listed(contrast: ContrastSet) -> list[str]:
    return [entry.subject for entry in contrast.excluded if entry.reason == REASON]


def test_without_covariates_they_are_named_for_each_contrast(root: Path) -> None:
    assert [listed(contrast) for contrast in found(root)] == [["7", "8"], ["7", "8"]]


@pytest.mark.parametrize("flags", [["--task-id", "emo"], ["--contrast", "faces"], ["--formula", "1 + age"]])
def test_subjects_with_any_map_are_not(root: Path, flags: list[str]) -> None:
    """Files of 04, of another task, are listed as excluded by the filter, or as lacking this contrast."""
    assert {subject for contrast in found(root, *flags) for subject in listed(contrast)} == {"7", "8"}


def test_excluded_subjects_are_not(root: Path) -> None:
    assert listed(found(root, "--exclude", "sub-07")[0]) == ["8"]


def test_nobody_is_where_subjects_are_selected(root: Path) -> None:
    assert listed(found(root, "--participant-label", "01", "02")[0]) == []
    where = root / "filter.json"
    where.write_text(json.dumps({"statmap": {"subject": ["01", "02"]}}))
    assert listed(found(root, "--bids-filter-file", str(where))[0]) == []


def test_each_analysis_by_a_column_has_those_of_its_value(root: Path) -> None:
    assert {
        contrast.entities.get("age"): listed(contrast) for contrast in found(root, "--task-id", "emo", "--by", "age")
    } == {
        "old": ["8"],
        "young": ["7"],
    }


def test_a_value_of_which_there_is_no_map_is_named_in_all(root: Path) -> None:
    table(root, {"1": "old", "2": "young", "3": "old", "5": "old", "6": "young", "7": "child", "8": "n/a"})
    both = found(root, "--task-id", "emo", "--by", "age")
    assert [listed(contrast) for contrast in both] == [["7", "8"], ["7", "8"]]


def test_most_of_a_table_is_a_note_of_one_line(root: Path) -> None:
    table(root, {f"{i:03d}": "20" for i in range(1, 201)})
    (contrast, _) = found(root)
    assert listed(contrast) == []
    (note,) = (note for note in contrast.notes if "participants.tsv" in note)
    assert note == (
        "participants.tsv lists 194 subjects without any map: sub-007, sub-008, sub-009, sub-010, sub-011 and 189 more"
    )


def test_labels_that_may_be_one_subject_are_not_named(root: Path) -> None:
    """6 and 006 may both be the 06 of the maps."""
    table(root, {**{str(i): "20" for i in range(1, 8)}, "006": "20"})
    assert listed(found(root)[0]) == ["7"]


def test_a_table_that_cannot_be_read_matters_only_where_it_is_needed(root: Path) -> None:
    (root / "participants.tsv").write_text("no column\nof subjects\n")
    assert [listed(contrast) for contrast in found(root)] == [[], []]


def test_lines_of_a_manifest_without_a_map_are_not_named_twice(root: Path) -> None:
    lines = ["participant_id\teffect", *(f"0{i}\tmap{i}.nii" for i in range(1, 6)), "06\tn/a"]
    (root / "maps.tsv").write_text("\n".join(lines) + "\n")
    for i in range(1, 6):
        (root / f"map{i}.nii").touch()
    (contrast,) = found(root, "--manifest", str(root / "maps.tsv"))
    assert listed(contrast) == ["7", "8"]


class TestStatsModel:
    """A model says which subjects it is about."""

    @staticmethod
    def model(root: Path, chosen: dict[str, object], rule: dict[str, object]) -> list[str]:
        run = {"Level": "Run", "Name": "r", "GroupBy": ["run", "subject"], "Model": {"Type": "glm", "X": ["faces"]}}
        group = {"Level": "Dataset", "Name": "g", "GroupBy": ["contrast"], "Model": {"Type": "glm", "X": [1]}}
        group["DummyContrasts"] = {"Test": "t"}
        content = {"Name": "m", "BIDSModelVersion": "1.0.0", "Input": {"task": "emo", **chosen}, "Nodes": [run, group]}
        content["Edges"] = [{"Source": "r", "Destination": "g", "Filter": rule}]
        path = root / "model_smdl.json"
        path.write_text(json.dumps(content))
        return ["--model", str(path)]

    def test_a_filter_of_subjects_is_one_of_the_table_too(self, root: Path) -> None:
        assert listed(found(root, *self.model(root, {}, {"age": ["old"]}))[0]) == ["8"]

    def test_input_names_subjects_itself(self, root: Path) -> None:
        (contrast,) = found(root, *self.model(root, {"subject": ["01", "02", "07"]}, {}))
        assert listed(contrast) == []
        assert [entry.name for entry in contrast.excluded if "Input" in entry.reason] == ["sub-07"]


def test_in_python_the_table_of_a_call_tells(root: Path) -> None:
    """`discover` does not read the table."""
    contrast, _ = discover(root)
    planned, _ = plan(contrast, Options(formula="1 + age"), root / "participants.tsv")
    assert listed(planned) == ["7", "8"]
    planned, _ = plan(contrast, Options(formula="1 + age"), read_participants(root / "participants.tsv"))
    assert listed(planned) == []
