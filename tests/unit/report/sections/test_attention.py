"""The box at the top of a report: what needs attention, where it leads, and when nothing does."""

import re
from dataclasses import replace

import numpy as np
import pytest
from reported import analysed, by_methods, drawn, drawn_calibrated, section, text_of, with_calibration, with_options

from bids_ari.analysis.outliers import criteria, notes_on_outliers
from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.exclusions import Excluded, Reason, notes_on_subjects
from bids_ari.report.page import report_page
from bids_ari.report.sections import attention
from bids_ari.report.sections.attention import Item
from bids_ari.report.sections.section import ReportData


@pytest.fixture(scope="module")
def result() -> ContrastResult:
    """Eight subjects, greater, with signal, without notes."""
    return replace(analysed(3.0)[0], notes=())


def items(result: ContrastResult, *compared: ContrastResult) -> dict[str, Item]:
    """The items of the box by the section they lead to."""
    found = attention.attention_box(ReportData(result, {}, compared))
    return {item.anchor: item for item in (*found["attention"], *found["further_attention"])}


def test_a_small_group(result: ContrastResult) -> None:
    """Of all 2^8 = 256 sign flips, the smallest p is 1 / 256 = .0039."""
    assert items(result)["design"].about == "Small group, 8 subjects"
    _, permuted = by_methods()
    text = items(permuted)["design"].text
    assert "all 256 different sign flips" in text
    assert "0.0039" in text


def test_excluded_subjects(result: ContrastResult) -> None:
    entry = Excluded.of_subject("99", Reason.NO_ROW.text(table="participants.tsv"))
    shown = replace(
        result, contrast=replace(result.contrast, excluded=(entry,)), notes=tuple(notes_on_subjects([entry]))
    )
    item = items(shown)["inputs"]
    assert (item.about, item.text) == ("1 subject excluded", " (99: not in participants.tsv)")
    assert "notes" not in items(shown)  # the note is about the same


def test_outliers_are_those_of_the_quality_section(result: ContrastResult) -> None:
    assert result.quality is not None
    assert result.outlying is not None
    mean = result.outlying.mean.copy()
    mean[2] = 50
    odd = replace(result, outlying=replace(result.outlying, mean=mean))
    assert odd.outlying is not None
    notes = tuple(notes_on_outliers(criteria(odd.quality, odd.outlying, odd.test), odd.contrast.subjects))
    found = items(replace(odd, notes=notes))
    assert "sub-03 (mean" in found["quality"].text
    assert "notes" not in found
    text = text_of(section(report_page(odd, drawn()), "quality"))
    n = re.search(r"(\d) possible outlier", text)
    assert n is not None
    assert found["quality"].about.startswith(n[0])


def test_losses_from_the_mask(result: ContrastResult) -> None:
    assert result.quality is not None
    lost = np.zeros(8, dtype=np.int32)
    lost[4] = result.space.n_points // 10
    item = items(replace(result, quality=replace(result.quality, lost=lost)))["mask"]
    assert item.about == f"{lost[4]} voxels lost from the mask"
    assert item.text == ": only sub-05 lacks data there"
    lost[4] = result.space.n_points // 100
    assert "mask" not in items(replace(result, quality=replace(result.quality, lost=lost)))


def test_thresholds_without_clusters(result: ContrastResult) -> None:
    item = items(result)["clusters-Z50"]
    assert item.about + item.text == "No cluster with z > 50"


def test_few_permutations() -> None:
    _, permuted = by_methods()
    assert "calibration" not in items(permuted)
    few = with_calibration(permuted, is_complete=False)
    assert items(few)["calibration"].about == "Few permutations"
    assert "allows no discoveries" in items(with_calibration(permuted, n_errors=0))["calibration"].text


def test_other_notes_are_items_and_facts_are_not(result: ContrastResult) -> None:
    noted = replace(result, notes=("No mask: air may be tested", "alpha was divided over the 2 results of this run"))
    assert items(noted)["notes"] == Item("No mask", "notes", ": air may be tested")
    long = replace(result, notes=("word " * 100,))
    assert items(long)["notes"].text.endswith(" …")


def test_few_items_are_visible_and_all_notes_are_there(result: ContrastResult) -> None:
    notes = tuple(f"Note {i}: of something" for i in range(9))
    html = section(report_page(replace(result, notes=notes), drawn()), "headline")
    box = html[html.index('class="attention"') : html.index('class="headline"')]
    first, rest = box.split("</ul>", 1)
    assert first.count("<li>") == attention.MOST_ITEMS
    n = len(items(result)) + len(notes) - attention.MOST_ITEMS
    assert f"{n} more" in rest
    assert "Notes and warnings of the analysis (9)" in rest
    assert all(note in rest for note in notes)


def test_every_link_leads_somewhere(result: ContrastResult) -> None:
    for each, pictures in ((result, drawn()), (by_methods()[1], drawn_calibrated())):
        html = report_page(replace(each, notes=("A note",)), pictures)
        box = html[html.index('class="attention"') : html.index('class="headline"')]
        anchors = re.findall('href="#([^"]+)"', box)
        assert len(anchors) >= 3
        assert all(f'id="{anchor}"' in html for anchor in anchors)


def test_nothing_needs_attention(result: ContrastResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "FEW_SUBJECTS", 8)
    usual = replace(result, outlying=None, quality=None, clusters={3.0: result.clusters[3]})
    shown = with_options(usual, threshold=(3.0,))
    assert not items(shown)
    html = report_page(shown, drawn())
    assert 'class="attention is-clear"' in html
    assert "Nothing needs attention" in html
