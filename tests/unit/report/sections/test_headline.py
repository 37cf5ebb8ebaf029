"""Section "Result": the main bound, the source of the maps, and notes."""

import re
from dataclasses import replace

import pytest
from reported import analysed, by_methods, drawn_calibrated, one_map, section_text

from bids_ari.analysis.result import ContrastResult


@pytest.fixture(scope="module")
def result() -> ContrastResult:
    """Greater, with signal."""
    return analysed(3.0)[0]


def test_numbers_are_those_of_the_result(result: ContrastResult) -> None:
    text = section_text(result, "headline")
    assert result.bound.whole > 0
    assert re.search(f"95 % confidence, at least {result.bound.whole} of the {result.space.n_points} voxels", text)
    assert "Subjects 8 " in text
    assert "above zero" in text
    for threshold, clusters in result.clusters.items():
        assert re.search(rf"z &gt; {threshold:g} (\w+ of them with TDP above 0 )?{len(clusters)} ", text)


def test_a_result_without_discoveries() -> None:
    result = analysed(0.0)[0]
    assert result.bound.whole == 0
    assert "no activity can be claimed" in section_text(result, "headline")
    assert "these 8 subjects" in section_text(result, "headline")
    assert "this map" in section_text(one_map(result, folder="sub-01"), "headline")


def test_notes_are_shown(result: ContrastResult) -> None:
    assert "Notes" not in section_text(replace(result, notes=()), "headline")
    assert "Mind the gap Twice" in section_text(replace(result, notes=("Mind the gap", "Twice")), "headline")


def test_permutations_are_named() -> None:
    result = by_methods()[1]
    text = section_text(result, "headline", drawn_calibrated())
    assert "mean, greater, permutation" in text
    assert re.search("calibrated by all 256 different sign flips", text)
    assert "sign flips" not in section_text(by_methods()[0], "headline")


def test_the_map_of_one_subject(result: ContrastResult) -> None:
    text = section_text(one_map(result, folder="sub-01"), "headline")
    assert "t map with 7 degrees of freedom of one subject, sub-01" in text
    assert "Subjects" not in text
