"""Sections "Result", "Maps", "True discovery proportion" and "All resolutions"."""

import re
from dataclasses import replace

import numpy as np
import pytest
from reported import analysed, by_methods, drawn, drawn_calibrated, one_map, section, section_text

from bids_ari.analysis.result import ContrastResult
from bids_ari.report.figures.draw import draw
from bids_ari.report.page import report_page


def test_individually_significant_voxels() -> None:
    result = analysed(3.0)[0]
    n = int((result.image("adjusted_p").get_fdata() <= 0.05).sum())
    assert n > 1
    assert f"{n} voxels are individually significant" in section_text(result, "maps")
    assert f"h = {result.bound.h} voxels" in section_text(result, "largest")


def test_individually_significant_voxels_by_permutation() -> None:
    """Those below the first critical p; adjusted p belong to closed testing."""
    result = by_methods()[1]
    n, calibrated = int((result.bound.category == 1).sum()), result.calibrated
    assert n > 1
    assert calibrated is not None
    html = report_page(result, drawn_calibrated())
    text = section_text(result, "maps", drawn_calibrated())
    assert f"{n} voxels are individually significant" in text
    assert f"first critical p, {calibrated.critical[0]:.3g}" in text
    assert "pHommel" not in html
    assert "closed testing" not in html
    nothing = replace(result, bound=replace(result.bound, category=np.full(720, 721, dtype=np.int32)))
    assert "No voxel is individually significant" in section_text(nothing, "maps", drawn_calibrated())
    assert "stat-pHommel" in section_text(by_methods()[0], "maps")


def test_a_result_without_discoveries_has_fewer_pictures() -> None:
    result = analysed(0.0)[0]
    pictures = dict(draw(result))
    assert [name for name in pictures if name.startswith(("tdp", "largest", "highest"))] == ["tdp", "tdp above 2"]
    assert "No voxel is individually significant" in section_text(result, "maps", pictures)
    assert "No supra-threshold cluster" in section_text(result, "resolutions", pictures)


def test_one_threshold_needs_one_picture_of_tdp() -> None:
    result = analysed(3.0)[0]
    alone = replace(result, clusters={2.0: result.clusters[2]})
    pictures = dict(draw(alone))
    assert [name for name in pictures if name.startswith("tdp")] == ["tdp"]
    assert "TDP of its cluster" in section_text(alone, "tdp", pictures)


def test_the_highest_tdp_is_shown() -> None:
    html = report_page(analysed(3.0)[0], drawn())
    assert drawn()["highest"].uri in section(html, "resolutions")
    assert drawn()["highest"].name.endswith("_desc-greaterAll_tdp.png")


@pytest.mark.parametrize("name", ["glass", "z", "faded"])
def test_maps_are_shown(name: str) -> None:
    assert drawn()[name].uri in section(report_page(analysed(3.0)[0], drawn()), "maps")


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
