"""File names and entities."""

from typing import NamedTuple

import pytest
from bids.layout.models import Config
from bidsschematools.schema import load_schema

from bids_ari.bids.entities import (
    KEYS,
    ORDER,
    Entities,
    bare_label,
    decimal_label,
    key_of,
    labels_in_name,
    printable,
    safe_label,
)


class Name(NamedTuple):
    """A file name and the labels in it."""

    name: str
    labels: dict[str, str]


NAMES = [
    Name("sub-01_contrast-faces_statmap.nii.gz", {"sub": "01", "contrast": "faces"}),
    Name("contrast-intercept_stat-t_statmap.nii.gz", {"contrast": "intercept", "stat": "t"}),
    Name("sub-01_run-01_statmap.nii", {"sub": "01", "run": "01"}),
    Name("sub-01_contrast-a+b_statmap.nii", {"sub": "01", "contrast": "a+b"}),
    Name("sub-01_contrast-faces-houses_stat-z_statmap.nii", {"sub": "01", "contrast": "faces-houses", "stat": "z"}),
    Name("sub-01_contrast-0.5_stat-z_statmap.nii", {"sub": "01", "contrast": "0.5", "stat": "z"}),
    Name("sub-01_unknown-x_statmap.nii", {"sub": "01", "unknown": "x"}),
    Name("sub-01_odd_contrast-x_statmap.nii", {"sub": "01", "contrast": "x"}),
    Name("sub-01_contrast-x.nii", {"sub": "01"}),  # the last part is the suffix, whatever it looks like
    Name("statmap.nii", {}),
]


@pytest.mark.parametrize("case", NAMES, ids=lambda case: case.name)
def test_every_label_of_a_name_is_read(case: Name) -> None:
    assert labels_in_name(case.name) == case.labels


def test_a_name_that_was_made_is_read_back() -> None:
    labels = {"stat": "z", "sub": "01", "contrast": "a-b", "task": "rest", "feature": "x1"}
    assert labels_in_name(Entities.of(labels).filename("statmap", ".nii.gz")) == labels


def test_entities_stand_in_the_order_of_the_bids_schema() -> None:
    """With contrast, test and stat, which the schema does not define, before desc."""
    schema = load_schema()
    theirs = [schema.objects.entities[entity].name for entity in schema.rules.entities]
    assert [key for key in ORDER if key in theirs] == theirs
    assert ORDER[-4:] == ("contrast", "test", "stat", "desc")
    assert len(set(ORDER)) == len(ORDER)


def test_the_order_of_labels_does_not_matter() -> None:
    labels = {"desc": "d", "stat": "z", "test": "mean", "contrast": "c", "zzz": "u", "space": "s", "sub": "01"}
    name = "sub-01_space-s_zzz-u_contrast-c_test-mean_stat-z_desc-d"
    assert str(Entities.of(labels)) == str(Entities.of(dict(reversed(labels.items())))) == name


def test_entities_are_replaced_and_dropped_without_change_to_the_first() -> None:
    first = Entities.of({"task": "rest", "contrast": "a"})
    assert str(first.with_(contrast="b", desc="x")) == "task-rest_contrast-b_desc-x"
    assert str(first.without("task", "absent")) == "contrast-a"
    assert str(first) == "task-rest_contrast-a"
    assert (first.get("task"), first.get("space")) == ("rest", None)


def test_entities_with_the_same_labels_are_one_key() -> None:
    one, other = Entities.of({"a": "1", "task": "x"}), Entities.of({"task": "x", "a": "1"})
    assert {one: True}[other]


def test_no_entity_leaves_the_suffix() -> None:
    assert Entities.of({}).filename("mask", ".nii.gz") == "mask.nii.gz"


@pytest.mark.parametrize(
    ("value", "label"), [(3, "3"), (3.1, "3p1"), (2.3263, "2p3263"), (0.07 * 100, "7"), (0, "0"), (10.0, "10")]
)
def test_a_number_becomes_its_shortest_decimal(value: float, label: str) -> None:
    """Not 7p000000000000001, which 0.07 * 100 is in floating point."""
    assert decimal_label(value) == label


@pytest.mark.parametrize(
    ("given", "key", "bare"),
    [("sub-01", "sub", "01"), ("01", "sub", "01"), ("sub01", "sub", "sub01"), ("ses-01", "sub", "ses-01")],
)
def test_only_the_own_key_is_stripped_from_a_label(given: str, key: str, bare: str) -> None:
    assert bare_label(given, key) == bare


def test_small_and_large_numbers_make_labels_of_letters_and_digits() -> None:
    assert [decimal_label(value) for value in (1e-5, 123456.0, 0.1 + 0.2, 7.000000000000001)] == [
        "0p00001", "123456", "0p3", "7",
    ]  # fmt: skip


def test_every_name_of_the_bids_schema_has_its_key() -> None:
    """But ``template``: the schema means ``tpl``, pybids and HALFpipe a key of this name."""
    theirs = {name: entity.name for name, entity in load_schema().objects.entities.items() if name != "template"}
    assert {name: key_of(name) for name in theirs} == theirs


def test_every_entity_of_pybids_has_a_key_that_is_ordered() -> None:
    theirs = {name for config in ("bids", "derivatives") for name in Config.load(config).entities}
    keys = {key_of(name) for name in theirs - {"suffix", "extension", "datatype", "fmap", "scans"}}
    assert keys <= set(ORDER)
    assert set(KEYS.values()) <= set(ORDER)


@pytest.mark.parametrize(
    ("label", "safe"),
    [("faces", "faces"), ("a+B9", "a+B9"), ("a b", "ab"), ("../x", "x"), ("é", "x"), ("", "x"), ("a_b-c", "abc")],
)
def test_a_safe_label_holds_what_pybids_reads(label: str, safe: str) -> None:
    assert safe_label(label) == safe
    name = Entities.of({"sub": "1", "contrast": label}).written().filename("statmap", ".nii")
    assert labels_in_name(name) == {"sub": "1", "contrast": safe}


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a b.nii", "a b.nii"), ("é", "é"), ("\x1b[1m", r"\x1b[1m"), ("a\nb\t", r"a\nb\t"), ("\udcff", r"\udcff"),
     ("\u202e", r"\u202e"), ("it's", "it's")],
)  # fmt: skip
def test_unprintable_characters_are_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown
