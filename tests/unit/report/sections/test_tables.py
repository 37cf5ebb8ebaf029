"""Sections "Clusters above thresholds" and "Largest clusters at a target TDP"."""

import re
from dataclasses import replace

import numpy as np
import pytest
from reported import analysed, by_methods, drawn, drawn_calibrated, one_map, region, section, section_text, text_of

from bids_ari.analysis.result import ContrastResult
from bids_ari.images.regions import RegionSet
from bids_ari.report.figures.draw import draw
from bids_ari.report.figures.slices import colour_of
from bids_ari.report.page import report_page
from bids_ari.report.sections import tables
from bids_ari.stats.glm import GlmResult


@pytest.fixture(scope="module")
def result() -> ContrastResult:
    """Greater, with signal."""
    return analysed(3.0)[0]


@pytest.fixture(scope="module")
def html(result: ContrastResult) -> str:
    """Its report."""
    return report_page(result, drawn())


def block(html: str, anchor: str) -> str:
    return html.split(f'id="{anchor}"')[1].split("</section>")[0]


def test_every_cluster_is_listed(result: ContrastResult, html: str) -> None:
    for threshold, found in result.clusters.items():
        rows = re.findall(
            r'rowgroup" rowspan="\d">(\d+)</th><td rowspan="\d">(\d+)</td>.*\n<td rowspan="\d">(\d+)',
            block(html, f"clusters-Z{threshold:g}"),
        )
        assert rows == [(str(c.label), str(c.size), str(c.tdn)) for c in found]


def test_a_threshold_without_clusters(result: ContrastResult, html: str) -> None:
    assert not result.clusters[50]
    assert "z &gt; 50: no clusters" in text_of(section(html, "clusters"))


def test_many_clusters_unfold_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are not in the first table unfold; those beyond the limit are counted."""
    monkeypatch.setattr(tables, "FIRST_ROWS", 1)
    monkeypatch.setattr(tables, "MOST_ROWS", 3)
    result = analysed(0.0)[0]
    n = len(result.clusters[2])
    assert n > 4
    text = section_text(result, "clusters")
    assert "2 smaller clusters, none with TDP above 0" in text
    assert f"{n - 3} smaller clusters not listed here, none with TDP above 0" in text


def test_what_has_to_be_fixed_beforehand() -> None:
    simes, permuted = by_methods()
    text = section_text(permuted, "clusters", drawn_calibrated(), simes)
    assert "family of the permutations" in text
    assert "Methods compared" in text
    plain = section_text(simes, "clusters")
    assert "permutations" not in plain
    assert "Methods compared" not in plain


def test_infinite_statistics(result: ContrastResult) -> None:
    z = result.glm.z.copy()
    z[result.clusters[3][0].peak], z[z.argmin()] = np.inf, -np.inf
    regions = RegionSet("rois", "Own", (region(1, "all", *range(z.size)),))
    infinite = one_map(result, glm=GlmResult.of_z(z), regions=(regions,))
    html = report_page(infinite, dict(draw(infinite)))
    assert "<td>∞</td>" in block(html, "clusters-Z3")
    assert "<td>∞</td>" in block(html, "regions-rois")
    assert ">inf<" not in html


def test_coordinates_have_no_negative_zero(result: ContrastResult) -> None:
    """-0.4 mm is 0, and -0.6 is -1."""
    table = result.table(3.0).head(1).assign(peak_stat=3.0, peak_x=-0.4, peak_y=-0.6, peak_z=0.4)
    shown = tables.cluster_block(result, result.clusters[3][:1], table, "Z3", "with z > 3")
    assert shown["parts"][0][0]["peaks"][0] == ("3.00", "0", "-1", "0")


def test_largest_clusters_are_listed_with_their_colours(result: ContrastResult, html: str) -> None:
    for tdp, found in result.largest.items():
        shown = block(html, f"largest-Tdp{100 * tdp:.0f}")
        rows = re.findall(
            r'rowgroup" rowspan="\d">(\d+)<span class="chip" style="background: (#\w+)".*?</th>'
            r'<td rowspan="\d">(\d+)</td>.*\n<td rowspan="\d">(\d+)',
            shown,
        )
        assert rows == [(str(c.label), colour_of(c.label), str(c.size), str(c.tdn)) for c in found]
        assert drawn()[f"largest {tdp:g}"].uri in shown


def test_a_target_that_no_cluster_reaches(result: ContrastResult) -> None:
    none = replace(result, largest={0.7: result.largest[0.7], 1.0: ()})
    html = report_page(none, drawn())
    assert "TDP at least 1: no clusters" in text_of(html)
    assert "no supra-threshold cluster" in block(html, "largest-Tdp100")
    assert "no supra-threshold cluster" not in block(html, "largest-Tdp70")


def test_without_targets_there_is_no_section(result: ContrastResult) -> None:
    none = replace(result, largest={})
    pictures = dict(draw(none))
    assert not [name for name in pictures if name.startswith("largest")]
    assert 'id="largest"' not in report_page(none, pictures)
