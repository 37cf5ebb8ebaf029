"""Section "Regions": parcels of an atlas and regions of interest."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from reported import HOSTILE, analysed, drawn, region, section_text, text_of, with_atlas, with_options
from webpages import without_own_script

from bids_ari.analysis.result import ContrastResult
from bids_ari.images.regions import RegionSet
from bids_ari.report.figures.draw import draw
from bids_ari.report.page import report_page
from bids_ari.report.sections import tables


@pytest.fixture(scope="module")
def result() -> ContrastResult:
    """Greater, with signal."""
    return analysed(3.0)[0]


def block(html: str, anchor: str) -> str:
    return html.split(f'id="{anchor}"')[1].split("</section>")[0]


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
    rows = re.findall(
        r'row">([^<]*)</th><td>(\d+)</td>\s*<td>(\d+)</td><td>[\d,]+</td><td>(\d+)</td>.*?value">([\d.]+)<', html
    )
    assert [row[0] for row in rows] == ["active", "whole", "A quiet", "b quiet"]
    assert [int(row[3]) for row in rows] == [result.bound.tdn(active), result.bound.whole, 0, 0]
    assert [float(row[4]) for row in rows[2:]] == [0, 0]
    assert "none tested 4 0 no voxel" in text_of(html)
    assert "Atlas own.nii.gz: 2 of 5 regions with TDP above 0" in text_of(html)


def test_zeros_fold_beyond_the_first(result: ContrastResult, monkeypatch: pytest.MonkeyPatch) -> None:
    """All with TDP above 0 are in the first table, however many."""
    monkeypatch.setattr(tables, "FIRST_ROWS", 1)
    active = [region(i, f"active {i}", *result.clusters[3][0].points) for i in range(1, 4)]
    quiet = [region(i, f"quiet {i}") for i in range(4, 8)]
    shown = with_atlas(result, *active, *quiet)
    assert shown.atlas is not None
    assert [len(part) for part in tables.region_block(shown, shown.atlas)["parts"]] == [4, 3]
    assert "3 further regions, none with TDP above 0" in section_text(shown, "regions")


def test_an_atlas_has_a_picture_and_names_clusters(result: ContrastResult) -> None:
    shown = with_atlas(result, region(1, "SomMot_3", result.clusters[3][0].peak))
    pictures = dict(draw(shown))
    html = report_page(shown, pictures)
    assert pictures["atlas"].name.endswith("_atlas-own_desc-greater_tdp.png")
    assert pictures["atlas"].uri in block(html, "regions-own")
    assert "Peak in SomMot_3. Voxels: " in text_of(block(html, "clusters-Z3"))
    assert "% in no region; " in text_of(html)
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
