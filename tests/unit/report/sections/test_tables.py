"""Sections "Clusters above thresholds", "Largest clusters at a target TDP", "Regions" and "Methods compared"."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from reported import (
    HOSTILE,
    analysed,
    by_methods,
    drawn,
    drawn_calibrated,
    one_map,
    region,
    section,
    section_text,
    text_of,
    with_atlas,
    with_options,
)
from webpages import without_own_script

from bids_ari.analysis.result import ContrastResult
from bids_ari.images.regions import RegionSet
from bids_ari.outputs import names
from bids_ari.report.figures.draw import draw
from bids_ari.report.figures.slices import colour_of
from bids_ari.report.page import report_page
from bids_ari.report.sections import tables
from bids_ari.report.sections.tables import comparison_table
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
            r'rowgroup" rowspan="\d">(\d+)</th>\s*<td rowspan="\d">(\d+)</td><td rowspan="\d">(\d+)',
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


def test_choices_to_fix_beforehand_are_named() -> None:
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
            r'\s*<td rowspan="\d">(\d+)</td><td rowspan="\d">(\d+)',
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


def test_tdn_and_tdp_are_those_of_the_bound(result: ContrastResult) -> None:
    """Highest TDP first, then by name; regions without tested voxels last."""
    active = result.clusters[3][0].points[:4]
    quiet = np.argsort(result.glm.z)[:3]
    shown = with_atlas(
        result,
        region(4, "none tested"),
        region(1, "b quiet", *quiet),
        region(2, "whole", *range(result.space.n_points)),
        region(3, "A quiet", quiet[0]),
        region(5, "active", *active),
    )
    html = block(report_page(shown, drawn()), "regions-own")
    rows = re.findall(r'row">([^<]*)</th>\s*<td>(\d+)</td><td>(\d+)</td><td class="tdp">.*?value">([\d.]+)<', html)
    assert [row[0] for row in rows] == ["active", "whole", "A quiet", "b quiet"]
    assert [int(row[2]) for row in rows] == [result.bound.tdn(active), result.bound.whole, 0, 0]
    assert [float(row[3]) for row in rows[2:]] == [0, 0]
    assert "none tested 0 no voxel of it was tested 4" in text_of(html)
    assert "Atlas own.nii.gz: 2 of 5 regions with TDP above 0" in text_of(html)


@pytest.mark.parametrize(
    ("first_rows", "parts", "summary"),
    [(4, [3, 4], "4 further regions, none with TDP above 0"), (2, [2, 5], "5 further regions, 1 with TDP above 0")],
)
def test_regions_fold_beyond_the_first(
    result: ContrastResult, monkeypatch: pytest.MonkeyPatch, first_rows: int, parts: list[int], summary: str
) -> None:
    """Of three with a TDP above 0 and four with 0."""
    monkeypatch.setattr(tables, "FIRST_ROWS", first_rows)
    active = [region(i, f"active {i}", *result.clusters[3][0].points) for i in range(1, 4)]
    quiet = [region(i, f"quiet {i}") for i in range(4, 8)]
    shown = with_atlas(result, *active, *quiet)
    assert shown.atlas is not None
    assert [len(part) for part in tables.region_block(shown, shown.atlas)["parts"]] == parts
    assert summary in section_text(shown, "regions")


def test_an_atlas_has_a_picture_and_names_clusters(result: ContrastResult) -> None:
    shown = with_atlas(result, region(1, "SomMot_3", result.clusters[3][0].peak))
    pictures = dict(draw(shown))
    html = report_page(shown, pictures)
    assert pictures["atlas"].name.endswith("_atlas-own_contrast-faces_test-mean_desc-greater_tdp.png")
    assert pictures["atlas"].uri in block(html, "regions-own")
    assert re.search(
        r"Peak in SomMot_3. Voxels: \d+ % SomMot_3; \d+ % in no region", text_of(block(html, "clusters-Z3"))
    )
    assert not re.search("jane|/home/", html)


def test_regions_of_interest_have_none(result: ContrastResult) -> None:
    rois = RegionSet("rois", "Regions of interest", (region(1, "left insula", 0, 1),))
    shown = replace(with_options(result, roi=[Path("/home/jane/li.nii")]), regions=(rois,))
    pictures = dict(draw(shown))
    html = report_page(shown, pictures)
    assert "atlas" not in pictures
    assert "Regions of interest: none of 1 region with TDP above 0" in text_of(html)
    assert "Peak in" not in text_of(html)
    assert "/home/" not in html


def test_hostile_names_stay_text(result: ContrastResult) -> None:
    peak = result.clusters[3][0].peak
    shown = with_atlas(result, region(1, HOSTILE, peak), region(2, HOSTILE), atlas=f"{HOSTILE}.nii")
    html = report_page(shown, dict(draw(shown)))
    assert "<script" not in without_own_script(html)
    assert html.count("&lt;script&gt;") >= 4  # table of regions, clusters, atlas


@pytest.mark.parametrize(("index", "alternative"), [(0, "greater"), (0, "less"), (1, "two-sided")])
def test_the_most_extreme_z_is_that_of_the_alternative(index: int, alternative: str) -> None:
    some = replace(analysed(3.0)[index], alternative=alternative)  # type: ignore[arg-type]
    everything = RegionSet("rois", "All", (region(1, "all", *range(some.space.n_points)),))
    (row,) = tables.region_block(some, everything)["parts"][0]
    z = some.glm.z
    expected = {"greater": z.max(), "less": z.min(), "two-sided": z[np.abs(z).argmax()]}[alternative]
    assert row["extreme"] == f"{expected:.2f}"


@pytest.fixture(scope="module")
def simes() -> ContrastResult:
    """By closed testing."""
    return by_methods()[0]


@pytest.fixture(scope="module")
def permuted() -> ContrastResult:
    """The same, calibrated by permutation."""
    return by_methods()[1]


def test_results_of_several_methods_are_compared(simes: ContrastResult, permuted: ContrastResult) -> None:
    for one, other in ((simes, permuted), (permuted, simes)):
        html = section(report_page(one, drawn_calibrated(), [other]), "comparison")
        assert f'href="{Path(names.report_name(other)).name}"' in html
        text = text_of(html)
        assert text.index("closed testing, Simes") < text.index("calibrated by permutation")
        assert "--split-alpha" in text
    assert 'id="comparison"' not in report_page(permuted, drawn_calibrated())


def test_bounds_of_the_same_sets_are_side_by_side(simes: ContrastResult, permuted: ContrastResult) -> None:
    """Of the whole mask and of each cluster with TDN above 0 by any method; the others are counted."""
    table = comparison_table(permuted, [simes])
    assert table == comparison_table(simes, [permuted]) | {"columns": table["columns"]}
    (whole,) = table["blocks"][0]["rows"]
    assert [tdn for tdn, _, _ in whole["cells"]] == [simes.bound.whole, permuted.bound.whole]
    for threshold, shown in zip((2.0, 3.0), table["blocks"][1:], strict=True):
        clusters = {str(each.label): each for each in simes.clusters[threshold]}
        assert len(shown["rows"]) + shown["n_more"] == len(clusters)
        assert shown["n_active_more"] == 0
        for row in shown["rows"]:
            points = clusters[row["label"]].points
            tdns = [simes.bound.tdn(points), permuted.bound.tdn(points)]
            assert [(tdn, most) for tdn, _, most in row["cells"]] == [
                (tdn, tdns[0] != tdns[1] and tdn == max(tdns)) for tdn in tdns
            ]


@pytest.mark.parametrize(("more", "doubts"), [(1, True), (0, False)])
def test_a_method_that_finds_more_than_permutations(
    simes: ContrastResult, permuted: ContrastResult, more: int, doubts: bool
) -> None:
    """More than with any seed that is expected: permutations find the first active points less than `more`."""
    assert permuted.calibrated is not None
    most = simes.bound.whole - more
    fewer = replace(permuted, bound=replace(permuted.bound, category=np.arange(2, permuted.bound.category.size + 2)))
    assert fewer.bound.whole == 0 < simes.bound.whole
    other = replace(fewer, calibrated=replace(permuted.calibrated, tdn_range=(0, most)))
    text = section_text(other, "comparison", drawn_calibrated(), simes)
    assert ("Calibration usually finds more" in text) == doubts
    assert (f"TDN of the whole is {simes.bound.whole}, but calibrated by permutation only 0" in text) == doubts
    assert "Calibration usually finds more" not in section_text(permuted, "comparison", drawn_calibrated(), simes)


def test_with_a_divided_alpha_the_larger_bound_may_be_reported(simes: ContrastResult, permuted: ContrastResult) -> None:
    split = {"alpha": 0.025, "n_results": 2}
    one, other = with_options(permuted, **split), with_options(simes, **split)
    text = section_text(one, "comparison", drawn_calibrated(), other)
    assert "2 results of the run, 0.025 each" in text
    assert "95 % confidence" in text
    assert "--split-alpha" not in text
