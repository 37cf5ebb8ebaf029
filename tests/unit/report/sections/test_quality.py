"""Section "Quality of the maps", and the subjects that the section "Mask" names."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from reported import analysed, section_text

from bids_ari.analysis.result import ContrastResult
from bids_ari.report.figures.draw import draw
from bids_ari.report.page import report_page
from bids_ari.report.sections import data
from bids_ari.report.sections.data import most_missed


@pytest.fixture(scope="module")
def result() -> ContrastResult:
    """Greater, with signal."""
    return analysed(3.0)[0]


def test_the_most_influential_come_first(result: ContrastResult) -> None:
    influence = [float(row["influence"]) for row in data.subject_table(result)["rows"]]
    assert all(one >= other for one, other in pairwise(influence))


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


@pytest.mark.usefixtures("rendered")
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
