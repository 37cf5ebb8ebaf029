"""Sections "Inputs", "Design", "Mask", "Provenance" and "Quality of the maps"."""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from reported import analysed, drawn, one_map, section_text, text_of, with_options

from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.exclusions import Excluded
from bids_ari.config.model_options import TEMPLATE
from bids_ari.design.design import Design
from bids_ari.report.figures.draw import draw
from bids_ari.report.page import report_page
from bids_ari.report.sections import ReportData, data
from bids_ari.report.sections.data import inputs, mask, most_missed
from bids_ari.report.sections.model import design_tables
from bids_ari.report.sections.settings import provenance
from bids_ari.stats.glm import GlmResult


@pytest.fixture(scope="module")
def result() -> ContrastResult:
    """Greater, with signal."""
    return analysed(3.0)[0]


def test_excluded_files_are_grouped_by_reason(result: ContrastResult) -> None:
    """The most frequent reason first."""
    entries = (Excluded("sub-09", "excluded"), Excluded("sub-10", "excluded"), Excluded("a/map.nii", "too short"))
    shown = replace(result, contrast=replace(result.contrast, excluded=entries))
    excluded = inputs(ReportData(shown, drawn()))["excluded"]
    assert [(each.reason, each.names) for each in excluded] == [
        ("excluded", ("sub-09", "sub-10")),
        ("too short", ("a/map.nii",)),
    ]
    text = section_text(shown, "inputs")
    assert "2 subjects and 1 file excluded" in text
    assert text.index("sub-10") < text.index("a/map.nii")


def test_a_group(result: ContrastResult) -> None:
    text = section_text(result, "inputs")
    assert "8 subjects" in text
    assert "its stat is variance" in text


def test_the_map_of_one_subject(result: ContrastResult) -> None:
    alone = one_map(result, folder="sub-01")
    assert "one subject, sub-01" in section_text(alone, "inputs")
    html = report_page(alone, drawn())
    assert 'href="../index.html"' in html
    assert not re.search("Required coverage|moothed|of the subjects|1 subjects", html)
    (uri,) = (file.uri for file in alone.contrast.files)
    assert uri in text_of(report_page(alone, drawn(), is_alone=True))


def test_a_z_map_of_other_software(result: ContrastResult) -> None:
    made = one_map(result, glm=GlmResult.of_z(result.glm.z))
    html = report_page(made, drawn())
    (member,) = made.contrast.members
    assert member.first.path.name in section_text(made, "inputs")
    assert "without a group model" in section_text(made, "design")
    assert not re.search("degrees of freedom|Required coverage|moothed|one subject", html)


def test_a_mask_of_templateflow_is_named(result: ContrastResult) -> None:
    text = section_text(with_options(result, mask=TEMPLATE), "mask")
    assert "TemplateFlow&#39;s brain mask of MNI152NLin2009cAsym" in text


def test_the_size_of_the_mask(result: ContrastResult) -> None:
    context = mask(ReportData(result, drawn()))
    zooms = result.space.grid.zooms
    assert context["extent"] == f"{round(result.space.n_points * np.prod(zooms) / 1000):,} cm³"
    assert (context["n_covered_by_all"], context["n_covered_by_any"]) == (720, 720)


def test_the_design_of_two_columns() -> None:
    """Of (1, x) with x = 0..7: the correlation and inflation of x are defined, those of the constant are not."""
    matrix = np.column_stack([np.ones(8), np.arange(8.0)])
    tests = {"mean": np.array([1.0, 0.0]), "age": np.array([0.0, 1.0])}
    tables = design_tables(Design(tuple("abcdefgh"), matrix, ("intercept", "age"), tests, "1 + age"), "age")
    assert tables["columns"] == [("intercept", "–"), ("age", "1.00")]
    assert tables["correlated"] == []
    assert tables["tests"] == [("mean", "t", ["+1 intercept"], False), ("age", "t", ["+1 age"], True)]


def test_settings(result: ContrastResult) -> None:
    shown = with_options(result, smoothing=6.5, mask=Path("/home/jane/gm.nii.gz"))
    settings = provenance(ReportData(shown, drawn()))["settings"]
    assert (settings["alpha"], settings["smoothing"], settings["mask"]) == ("0.05", "6.5 mm", "gm.nii.gz")
    assert (settings["coverage"], settings["method"]) == ("100 %", "closed testing, Simes")
    assert settings["target TDP"] == "0.5, 0.7, 0.9"
    assert settings["h (Hommel value)"] == f"{result.bound.h:,}"
    assert "smoothing" not in provenance(ReportData(one_map(shown), drawn()))["settings"]


def test_the_most_influential_come_first(result: ContrastResult) -> None:
    influence = [float(row["influence"]) for row in data.subject_table(result)["rows"]]
    assert all(one >= other for one, other in pairwise(influence))


@pytest.mark.parametrize("unit", [1e30, 1e-30])
def test_means_in_any_unit_are_short(result: ContrastResult, unit: float) -> None:
    """Almost 0 is an effect in units of 1e-30, but rounding in those of 1."""
    assert result.outlying is not None
    usual = replace(result.outlying, mean=result.outlying.mean * 0 + 1e-17)
    other = replace(usual, mean=usual.mean * 0 + 1.25 * unit, sd=usual.sd * 0 + 2.5 * unit)
    row = data.subject_table(replace(result, outlying=other))["rows"][0]
    assert (row["mean"], row["sd"]) == (f"1.25e{np.log10(unit):+.0f}", f"2.5e{np.log10(unit):+.0f}")
    assert data.subject_table(replace(result, outlying=usual))["rows"][0]["mean"] == "0.000"


def test_without_maps_of_subjects_there_is_no_such_section(result: ContrastResult) -> None:
    alone = replace(result, quality=None)
    pictures = dict(draw(alone))
    assert not {"quality", "sheet 1"} & pictures.keys()
    assert 'id="quality"' not in report_page(alone, pictures)
    assert data.subject_table(alone) == {}


def test_subjects_whose_missing_data_exclude_most_voxels_are_named(result: ContrastResult) -> None:
    assert result.quality is not None
    lost = np.array([0, 5, 0, 9, 1, 2, 0, 0], dtype=np.int32)
    second, fourth, sixth = (f"sub-{result.contrast.subjects[i]}" for i in (1, 3, 5))
    maps = replace(result, quality=replace(result.quality, lost=lost))
    assert most_missed(maps) == [(fourth, 9), (second, 5), (sixth, 2)]
    assert most_missed(replace(result, quality=None)) == []
    assert f"only this subject lacks data {fourth}: 9 voxels" in section_text(maps, "mask")


def test_sheets_that_would_make_a_report_too_large_are_linked(
    result: ContrastResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = dict(draw(result))
    sheet = pictures["sheet 1"]
    assert sheet.uri in report_page(result, pictures)
    monkeypatch.setattr(data, "MOST_SHEETS", len(sheet.png) - 1)
    html = report_page(result, pictures)
    assert sheet.uri not in html
    assert f'href="../{sheet.name}"' in html
