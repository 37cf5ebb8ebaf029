"""Contrasts without a subject in common, whose names differ in one entity."""

from pathlib import Path

import pytest
from builders import touch_maps

from bids_ari.bids.discover import discover, subject_contrasts
from bids_ari.bids.splits import is_on_splits


def noted(root: Path) -> dict[str, list[str]]:
    """The notes on parts, by the name of the contrast; of tasks, the label is enough."""
    return {each.name: [note for note in each.notes if is_on_splits(note)] for each in discover(root)}


@pytest.mark.parametrize("labels", [{"acq": "A"}, {"desc": "fixed"}, {"res": "02"}])
def test_parts_of_a_study_with_other_labels(tmp_path: Path, labels: dict[str, str]) -> None:
    touch_maps(tmp_path, "01", "02", "03", res=labels.get("res", "2")[-1:])
    touch_maps(tmp_path, "04", "05", **{"res": "2", **labels})
    (one, (first,)), (other, (second,)) = noted(tmp_path).items()
    assert f"both this contrast and {other}, which differ in {next(iter(labels))}: they may be parts" in first
    assert one in second


@pytest.mark.parametrize(
    "labels", [{"task": "rest"}, {"contrast": "houses"}, {"space": "T1w"}, {"acq": "A", "desc": "b"}]
)
def test_others_are_no_parts(tmp_path: Path, labels: dict[str, str]) -> None:
    touch_maps(tmp_path, "01", "02", "03")
    touch_maps(tmp_path, "04", "05", **labels)
    assert list(noted(tmp_path).values()) == [[], []]


def test_versions_of_the_maps_of_a_subject_are_no_parts(tmp_path: Path) -> None:
    touch_maps(tmp_path, "01", "02", "03")
    touch_maps(tmp_path, "03", "04", desc="smooth")
    assert list(noted(tmp_path).values()) == [[], []]


def test_single_maps_have_no_parts(tmp_path: Path) -> None:
    touch_maps(tmp_path, "01", "02", stat="z")
    touch_maps(tmp_path, "03", "04", stat="z", acq="b")
    found = discover(tmp_path, stat="z")
    assert all(any(map(is_on_splits, each.notes)) for each in found)
    assert not any(any(map(is_on_splits, each.notes)) for each in subject_contrasts(found))


def test_three_parts(tmp_path: Path) -> None:
    for subject, site in (("01", "A"), ("02", "B"), ("03", "C")):
        touch_maps(tmp_path, subject, acq=site)
    notes = noted(tmp_path)
    assert [len(each) for each in notes.values()] == [1, 1, 1]
    names = list(notes)
    assert f"both this contrast and {names[1]}, {names[2]}, which" in notes[names[0]][0]
