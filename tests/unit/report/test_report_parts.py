"""Largest clusters, regions, and results without a group model, as they stand on the page."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from reported import analysed
from webpages import without_own_script

from bids_ari.analysis.result import ContrastResult
from bids_ari.config.options import TEMPLATE
from bids_ari.images.regions import Region, RegionSet
from bids_ari.report import page
from bids_ari.report.figures.draw import Picture, draw
from bids_ari.report.sections import clusters as blocks
from bids_ari.stats.glm import GlmResult

HOSTILE = "\"'><script>alert(1)</script>"


@pytest.fixture
def result() -> ContrastResult:
    """Greater, with signal."""
    return analysed(3.0)[0]


@pytest.fixture(scope="module")
def pictures() -> Mapping[str, Picture]:
    """The pictures of the result."""
    return dict(draw(analysed(3.0)[0]))


def region(index: int, name: str, *voxels: int) -> Region:
    return Region(index, name, np.array(voxels, dtype=np.int32))


def with_atlas(result: ContrastResult, *regions: Region, atlas: str = "/home/jane/own.nii.gz") -> ContrastResult:
    parcels = RegionSet("own", "Atlas own", regions)
    options = replace(result.options, atlas=atlas)
    return replace(result, regions=(parcels,), atlas=parcels, options=options)


def one_map(result: ContrastResult, **changes: object) -> ContrastResult:
    """The result as if it came from one map."""
    alone = replace(result.contrast, members=result.contrast.members[:1])
    unknown = {"design": None, "quality": None, "outlying": None}  # of subjects
    return replace(result, contrast=alone, **unknown, **changes)  # type: ignore[arg-type]


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", html.split("</style>")[1]))


def block(html: str, anchor: str) -> str:
    return html.split(f'id="{anchor}"')[1].split("</section>")[0]


class TestLargest:
    def test_every_cluster_is_told_with_its_colour(
        self, result: ContrastResult, pictures: Mapping[str, Picture]
    ) -> None:
        html = page.page(result, pictures)
        for gamma, clusters in result.largest.items():
            found = block(html, f"largest-Tdp{100 * gamma:.0f}")
            rows = re.findall(
                r'rowgroup" rowspan="\d">(\d+)<span class="chip" style="background: (#\w+)".*?</th>'
                r'<td rowspan="\d">(\d+)</td>.*\n<td rowspan="\d">(\d+)',
                found,
            )
            colours = blocks.colour_of
            assert rows == [(str(c.label), colours(c.label), str(c.size), str(c.tdn)) for c in clusters]
            assert pictures[f"largest {gamma:g}"].uri in found
            assert "TDP at least" in found

    def test_they_are_all_and_free_to_choose(self, result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
        text = words(page.page(result, pictures))
        assert "these are all largest supra-threshold clusters with at least that TDP" in text
        assert "may be chosen after looking" in text

    def test_what_nothing_reaches_is_said(self, result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
        none = replace(result, largest={0.7: result.largest[0.7], 1.0: ()})
        html = page.page(none, pictures)
        assert "TDP at least 1: no clusters" in words(html)
        assert "None reaches it: no supra-threshold cluster, at any threshold, has a TDP of at least 1." in words(html)
        assert "None reaches it" not in block(html, "largest-Tdp70")

    def test_none_asked_for_leaves_no_section(self, result: ContrastResult) -> None:
        none = replace(result, largest={})
        drawn = dict(draw(none))
        assert not [what for what in drawn if what.startswith("largest")]
        assert 'id="largest"' not in page.page(none, drawn)

    def test_the_map_of_all_resolutions_is_shown(self, result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
        assert pictures["highest"].uri in page.page(result, pictures)
        assert pictures["highest"].name.endswith("_desc-greaterAll_tdp.png")


class TestRegions:
    def test_tdn_and_tdp_are_those_of_the_bound(self, result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
        """The highest TDP first, then by name; what was not tested comes last."""
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
        html = block(page.page(shown, pictures), "regions-own")
        rows = re.findall(
            r'row">([^<]*)</th><td>(\d+)</td>\s*<td>(\d+)</td><td>[\d,]+</td><td>(\d+)</td>.*?value">([\d.]+)<', html
        )
        assert [row[0] for row in rows] == ["active", "whole", "A quiet", "b quiet"]
        assert [int(row[3]) for row in rows] == [result.bound.tdn(active), result.bound.whole, 0, 0]
        assert [float(row[4]) for row in rows[2:]] == [0, 0]
        assert "none tested 4 0 no voxel of it was tested" in words(f"</style>{html}")
        assert "Atlas own.nii.gz: 2 of 5 regions with TDP above 0" in words(f"</style>{html}")

    def test_zeros_fold_beyond_the_first(
        self, result: ContrastResult, pictures: Mapping[str, Picture], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """All with TDP above 0 stand in the first table, however many."""
        monkeypatch.setattr(blocks, "FIRST_ROWS", 1)
        active = [region(i, f"active {i}", *result.clusters[3][0].points) for i in range(1, 4)]
        quiet = [region(i, f"quiet {i}") for i in range(4, 8)]
        html = block(page.page(with_atlas(result, *active, *quiet), pictures), "regions-own")
        first, folded = html.split("<details>")
        assert [len(re.findall('scope="row"', part)) for part in (first, folded)] == [4, 3]
        assert "3 further regions, none with TDP above 0" in folded

    def test_an_atlas_has_a_picture_and_names_clusters(self, result: ContrastResult) -> None:
        peak = result.clusters[3][0].peak
        shown = with_atlas(result, region(1, "SomMot_3", peak))
        drawn = dict(draw(shown))
        html = page.page(shown, drawn)
        assert drawn["atlas"].name.endswith("_atlas-own_desc-greater_tdp.png")
        assert drawn["atlas"].uri in block(html, "regions-own")
        assert "Peak in SomMot_3. Voxels: " in words(block(html, "clusters-Z3").join(["</style>", ""]))
        assert "% in no region; " in words(html)
        assert not re.search("jane|/home/", html)

    def test_masks_of_the_user_have_none(self, result: ContrastResult) -> None:
        rois = RegionSet("rois", "Regions of interest", (region(1, "left insula", 0, 1),))
        shown = replace(result, regions=(rois,), options=replace(result.options, roi=[Path("/home/jane/li.nii")]))
        drawn = dict(draw(shown))
        html = page.page(shown, drawn)
        assert "atlas" not in drawn
        assert "Regions of interest: none of 1 region with TDP above 0" in words(html)
        assert "Peak in" not in words(html)
        assert "/home/" not in html

    def test_hostile_names_stay_text(self, result: ContrastResult) -> None:
        peak = result.clusters[3][0].peak
        shown = with_atlas(result, region(1, HOSTILE, peak), region(2, HOSTILE), atlas=f"{HOSTILE}.nii")
        html = page.page(shown, dict(draw(shown)))
        assert "<script" not in without_own_script(html)
        assert html.count("&lt;script&gt;") >= 4  # table of regions, clusters, atlas

    def test_no_regions_no_section(self, result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
        assert 'id="regions"' not in page.page(result, pictures)

    @pytest.mark.parametrize(("index", "alternative"), [(0, "greater"), (0, "less"), (1, "two-sided")])
    def test_the_most_extreme_z_is_that_of_the_direction(self, index: int, alternative: str) -> None:
        some = replace(analysed(3.0)[index], alternative=alternative)  # type: ignore[arg-type]
        everything = RegionSet("rois", "All", (region(1, "all", *range(some.space.n_points)),))
        (row,) = blocks.region_block(some, everything)["parts"][0]
        z = some.glm.z
        wanted = {"greater": z.max(), "less": z.min(), "two-sided": z[np.abs(z).argmax()]}[alternative]
        assert row["extreme"] == f"{wanted:.2f}"


class TestLevels:
    def test_one_subject(self, result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
        html = page.page(one_map(result, folder="sub-01"), pictures)
        text = words(html)
        assert "This is the t map with 7 degrees of freedom of one subject, sub-01: it says nothing of" in text
        assert "The t map with 7 degrees of freedom of one subject, sub-01, was used; there is no group." in text
        assert 'href="../index.html"' in html
        assert not re.search("Coverage|smoothed|of the subjects|1 subjects", text)

    def test_a_z_map_made_elsewhere(self, result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
        made = one_map(result, glm=GlmResult.of_z(result.glm.z))
        text = words(page.page(made, pictures))
        (member,) = made.contrast.members
        assert f"A z map made elsewhere was used: {member.first.path.name}" in text
        assert "without a group model" in text
        assert not re.search("degrees of freedom|Coverage|smoothed|one subject", text)

    def test_nothing_found_in_one_map(self, pictures: Mapping[str, Picture]) -> None:
        none = one_map(analysed(0.0)[0], folder="sub-01")
        assert "with this map and at this confidence" in words(page.page(none, pictures))

    def test_infinite_statistics(self, result: ContrastResult) -> None:
        """They are drawn, and written as what they are."""
        z = result.glm.z.copy()
        z[result.clusters[3][0].peak], z[z.argmin()] = np.inf, -np.inf
        regions = RegionSet("rois", "Own", (region(1, "all", *range(z.size)),))
        infinite = one_map(result, glm=GlmResult.of_z(z), regions=(regions,))
        html = page.page(infinite, dict(draw(infinite)))
        assert "<td>∞</td>" in block(html, "clusters-Z3")
        assert "<td>∞</td>" in block(html, "regions-rois")
        assert ">inf<" not in html

    def test_a_mask_of_templateflow_is_named(self, result: ContrastResult, pictures: Mapping[str, Picture]) -> None:
        named = replace(result, options=replace(result.options, mask=TEMPLATE))
        assert "Mask given TemplateFlow&#39;s brain mask of MNI152NLin2009cAsym" in words(page.page(named, pictures))


def test_places_have_no_negative_zero() -> None:
    """-0.4 mm is 0, and -0.6 is -1."""
    row = {"peak_stat": 3.0, "peak_x": -0.4, "peak_y": -0.6, "peak_z": 0.4}
    assert list(blocks._peaks(row)) == [("3.00", "0", "-1", "0")]
