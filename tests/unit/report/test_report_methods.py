"""The methods paragraph tells what was done, and cites what it uses."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from reported import analysed

from bids_ari import __version__
from bids_ari.design import Design
from bids_ari.report import methods
from bids_ari.results import ContrastResult


@pytest.fixture
def results() -> tuple[ContrastResult, ...]:
    """Greater and two-sided, with signal."""
    return analysed(3.0)


@pytest.fixture
def result() -> ContrastResult:
    """Greater, with signal."""
    return analysed(3.0)[0]


def paragraph(result: ContrastResult, **options: object) -> str:
    changed = replace(result, options=replace(result.options, **options))  # type: ignore[arg-type]
    return methods.describe(changed).paragraph


def test_what_was_done_is_told(result: ContrastResult) -> None:
    text = methods.describe(result).paragraph
    for part in (
        "First-level effect maps of 8 subjects",
        f"bids_ari {__version__}",
        "not smoothed",
        f"The {result.mask.n_voxels} voxels at which all subjects had data were tested.",
        "one-sample t test (one-sided, effect above zero)",
        "7 degrees of freedom",
        "Rosenblatt et al., 2018",
        "Simes local tests (Simes, 1986)",
        "alpha = 0.05: with a confidence of 95 %",
        "positive regression dependence",
        "z > 2, z > 3 or z > 50 (connectivity 18: neighbours share a face or an edge)",
    ):
        assert part in text
    assert "@" not in text


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"smoothing": 6.5}, "smoothed by a Gaussian of 6.5 mm full width at half maximum with nilearn"),
        ({"smoothing": 0.0}, "not smoothed"),
        ({"mask": Path("/home/jane/gm.nii.gz")}, "voxels inside the mask gm.nii.gz at which"),
        ({"coverage": 0.8}, "at least 80 % of the subjects had data"),
        ({"coverage": 0.8}, "up to 7 degrees of freedom"),
        ({"alpha": 0.1}, "alpha = 0.1: with a confidence of 90 %"),
        ({"method": "hommel"}, "Hommel local tests (Hommel, 1983)"),
        ({"method": "hommel"}, "valid under any dependence"),
        ({"connectivity": 6}, "connectivity 6: neighbours share a face)"),
        ({"thresholds": (3.1,)}, "voxels with z > 3.1 (connectivity"),
    ],
)
def test_settings_show(options: dict[str, object], part: str, result: ContrastResult) -> None:
    assert part in paragraph(result, **options)
    assert "jane" not in paragraph(result, **options)


def test_directions_show(results: tuple[ContrastResult, ...]) -> None:
    two_sided = results[1]
    assert "t test (two-sided)" in paragraph(two_sided)
    assert "|z| > 2" in paragraph(two_sided)
    assert "voxels of a cluster share their sign" in paragraph(two_sided)
    assert "may hold both signs" in paragraph(two_sided, join_signs=True)
    less = methods.describe(replace(results[0], alternative="less")).paragraph
    assert "effect below zero" in less
    assert "z < -2" in less


def test_untested_voxels_show(result: ContrastResult) -> None:
    assert "(2 voxels without variation between subjects left out)" in paragraph(replace(result, n_constant=2))


def test_a_larger_design_is_told(result: ContrastResult) -> None:
    matrix = np.column_stack([np.ones(8), np.arange(8.0)])
    design = Design(matrix, ("intercept", "age"), {"mean": np.array([1.0, 0.0])})
    sentence = methods.model_sentence(replace(result, design=design))
    assert "a linear model with the columns intercept, age" in sentence
    assert "the combination +1 intercept (mean)" in sentence


def test_maps_made_elsewhere_have_no_model(result: ContrastResult) -> None:
    """Nothing was fitted, and a z map knows no degrees of freedom."""
    glm = replace(result.glm, dof=np.full_like(result.glm.z, np.inf))
    text = methods.describe(replace(result, design=None, glm=glm)).paragraph
    assert "The statistics were taken as they are from the map" in text
    assert "degrees of freedom" not in text


def test_references_are_those_cited(result: ContrastResult) -> None:
    found = methods.describe(replace(result, options=replace(result.options, smoothing=8.0)))
    shorts = [reference.short for reference in found.references]
    assert len(set(shorts)) == len(shorts)
    assert all(short in found.paragraph for short in shorts)
    assert "Abraham et al., 2014" in shorts
    assert "Abraham et al., 2014" not in methods.describe(result).paragraph  # nothing was smoothed
    assert len(re.findall(r"^@article\{\w+,$", found.bibtex, flags=re.M)) == len(shorts)
    assert found.bibtex.count("{") == found.bibtex.count("}")
    assert found.bibtex.count("  author = {") == len(shorts)
    assert "doi = {10.1016/j.neuroimage.2018.07.060}" in found.bibtex


def test_every_reference_is_whole() -> None:
    for key, reference in methods.REFERENCES.items():
        assert re.fullmatch(r"10\.\d{4,}/\S+", reference.doi), key
        assert reference.year in reference.short
        assert f"({reference.year})." in reference.text
        assert ".." not in reference.text
