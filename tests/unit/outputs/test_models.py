"""What makes results those of another model."""

from dataclasses import replace
from pathlib import Path

import pytest
from builders import touch_maps

from bids_ari import Options
from bids_ari.bids.contrasts import ContrastSet
from bids_ari.bids.dataset import open_dataset
from bids_ari.bids.discover import discover
from bids_ari.design.design import make_design
from bids_ari.errors import OtherModelError
from bids_ari.outputs.models import Facts, check_model, model_facts


@pytest.fixture
def contrast(tmp_path: Path) -> ContrastSet:
    touch_maps(tmp_path / "in", "01", "02", "03", "04")
    (contrast,) = discover(open_dataset(tmp_path / "in"))
    return contrast


def facts(contrast: ContrastSet, options: Options | None = None, out: str = "out") -> Facts:
    folder = contrast.members[0].first.path.parents[3] / out
    return model_facts(contrast, make_design(contrast.subjects), options or Options(), folder)


def difference(one: Facts, other: Facts, label: str = "") -> str:
    """Return the message about another model; empty for the same one."""
    try:
        check_model(other, [{"ModelFacts": one}], Path("out"), label)
    except OtherModelError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "options",
    [
        Options(threshold=(2,), tdp=(0.9,)),
        Options(alternative=("less",), method=("hommel",)),
        Options(alpha=0.01, connectivity=6),
        Options(label="x"),
    ],
)
def test_what_joins_is_the_same_model(contrast: ContrastSet, options: Options) -> None:
    assert facts(contrast, options) == facts(contrast)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (Options(smoothing=8), "SmoothingFWHM (none; now 8.0)"),
        (Options(coverage=0.5), "Coverage (1.0; now 0.5)"),
        (Options(variance="unequal"), "Variance (equal; now unequal)"),
        (Options(estimator="mixed"), "estimator (ols; now mixed)"),
        (Options(test=("m=1",)), "other tests"),
    ],
)
def test_other_options_are_another_model(contrast: ContrastSet, options: Options, name: str) -> None:
    assert name in difference(facts(contrast), facts(contrast, options))


def test_other_subjects_are_another_model(contrast: ContrastSet) -> None:
    fewer = replace(contrast, members=contrast.members[1:])
    assert "subjects (4 subjects; now 3 subjects)" in difference(facts(contrast), facts(fewer))
    others = replace(contrast, members=(*contrast.members[1:], replace(contrast.members[0], subject="05")))
    assert "other subjects" in difference(facts(contrast), facts(others))


def test_the_place_of_the_dataset_counts_relative_to_the_output(contrast: ContrastSet) -> None:
    assert "other dataset" in difference(facts(contrast), facts(contrast, out="deeper/out"))


def test_changed_content_is_the_same_model(contrast: ContrastSet) -> None:
    before = facts(contrast)
    contrast.members[0].first.path.write_bytes(b"changed")
    assert facts(contrast) == before


def test_records_without_facts_are_of_no_other_model(contrast: ContrastSet) -> None:
    """Those of earlier versions, and damaged ones."""
    for record in ({}, {"ModelFacts": 3}, {"ModelFacts": {"formula": 1, "subjects": ["x"]}}):
        check_model(facts(contrast), [record], Path("out"), "")


def test_the_way_out_is_a_label_or_another_one(contrast: ContrastSet) -> None:
    other = facts(contrast, Options(smoothing=8))
    assert "Use --label NAME" in difference(facts(contrast), other)
    assert "Use another --label NAME" in difference(facts(contrast), other, "x")
