"""The explorer shows and saves the numbers of Python, to the voxel."""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from browser.brains import EXACT, GRIDS, TARGETS, Explorer, explorer_of, folder, hits, made_to_count
from browser.browsing import Visits, settle

from bids_ari.analysis.result import ContrastResult
from bids_ari.report.explorer.page import explorer_page
from bids_ari.stats.bounds import Bound
from bids_ari.stats.familywise import FamilywiseErrors

if TYPE_CHECKING:
    from playwright.sync_api import Page

DIRECTIONS = ("greater", "less", "two-sided")


@cache
def of_hits(grid: str = "RAS") -> Explorer:
    return explorer_of(f"hits {grid}", hits(), grid, alternative=DIRECTIONS)


@cache
def of_many() -> Explorer:
    return explorer_of("many", made_to_count())


def shown(page: "Page", target: float) -> list[tuple[int, ...]]:
    """Label, size, TDN and peak of each cluster."""
    clusters = page.evaluate("(target) => { explorer.setTdp(target); return explorer.clusters(); }", target)
    return [(each["label"], each["size"], each["tdn"], *each["peak"]) for each in clusters]


def expected(result: ContrastResult, target: float) -> list[tuple[int, ...]]:
    where = result.space.indices
    return [(each.label, each.size, each.tdn, *where[each.peak].tolist()) for each in result.forest.with_tdp(target)]


def test_clusters_and_labels_are_those_of_python_at_every_target_and_alternative(visits: Visits) -> None:
    explorer = of_hits()
    page = visits.explorer(explorer.path)
    for result in explorer.results:
        page.locator("#direction").select_option(result.alternative)
        for target in TARGETS:
            assert shown(page, target) == expected(result, target), target
            np.testing.assert_array_equal(page.evaluate("explorer.labels()"), result.labels(tdp=target))


def test_the_maps_hold_exact_hits_ties_and_twins() -> None:
    """Else the test above would not try them."""
    forest = of_hits().result.forest
    for target, (size, tdn) in EXACT.items():
        assert tdn / size == target
        assert (size, tdn) in {(each.size, each.tdn) for each in forest.with_tdp(target)}
    assert [target for target, (size, tdn) in EXACT.items() if target * size > tdn] == [0.07, 0.28]
    assert not forest.valid.all()
    clusters = forest.with_tdp(0.5)
    assert [each.size for each in clusters].count(12) == 2
    first, second = (each for each in clusters if each.size == 12)
    assert first.points[0] > second.points[0]
    assert len({tuple(each.size for each in forest.with_tdp(target)) for target in TARGETS}) > 10


@pytest.mark.parametrize("target", [*EXACT, 1.0, 0.123])
def test_a_number_typed_is_taken_as_it_is(visits: Visits, target: float) -> None:
    explorer = of_hits()
    page = visits.explorer(explorer.path)
    page.locator("#tdp").fill(str(target))
    page.locator("#tdp").press("Enter")
    assert page.evaluate("explorer.state().tdp") == target
    settle(page)
    clusters = explorer.result.forest.with_tdp(target)
    voxels = sum(cluster.size for cluster in clusters)
    words = f"{len(clusters)} cluster{'s' * (len(clusters) != 1)}, {voxels:,} voxels"
    assert page.locator("#status").inner_text() == words
    rows = page.locator("#clusters tbody tr").evaluate_all("(rows) => rows.map((row) => row.innerText.split('\\t'))")
    assert [(int(row[0]), int(row[1]), int(row[2])) for row in rows] == [
        (cluster.label, cluster.size, cluster.tdn) for cluster in clusters[: len(rows)]
    ]


def saved(page: "Page", button: str) -> Path:
    """Click a button; return the file that it saves, under the proposed name."""
    with page.expect_download() as offered:
        page.locator(button).click()
    download = offered.value
    path = Path(download.path()).parent / download.suggested_filename
    download.save_as(path)
    return path


@pytest.mark.parametrize("grid", GRIDS)
def test_the_saved_image_is_that_of_python(visits: Visits, grid: str) -> None:
    """Each value, the type, the affine and its codes, and where header fields tell of the grid."""
    explorer = of_hits(grid)
    page = visits.explorer(explorer.path)
    for target in (0.07, 0.55):
        page.evaluate("(target) => explorer.setTdp(target)", target)
        image, reference = nib.load(saved(page, "#save-labels")), explorer.result.image("clusters", tdp=target)
        np.testing.assert_array_equal(np.asarray(image.dataobj), np.asarray(reference.dataobj))
        np.testing.assert_array_equal(image.affine, explorer.result.space.grid.affine.astype(np.float32))
        for code in ("sform_code", "qform_code"):
            assert image.header[code] == reference.header[code]
        np.testing.assert_allclose(image.header.get_zooms(), reference.header.get_zooms(), rtol=1e-6)  # float32
        assert image.header.get_xyzt_units()[0] == "mm"


def test_the_saved_table_is_that_of_python(visits: Visits) -> None:
    explorer = of_hits("oblique")
    page = visits.explorer(explorer.path)
    page.evaluate("explorer.setTdp(0.28)")
    found, table = pd.read_csv(saved(page, "#save-table"), sep="\t"), explorer.result.table(tdp=0.28)
    assert len(found) == len(table) > 5
    for column in found:
        tolerance = 0.00501 if column == "peak_stat" else 1e-9  # z has two decimals
        np.testing.assert_allclose(found[column], table[column], rtol=0, atol=tolerance, err_msg=column)


def test_familywise_p_are_those_of_python(visits: Visits) -> None:
    """At the crosshair, in the table and in the saved table, of each direction; there are 70,000 permutations."""
    rng, n = np.random.default_rng(6), 70_000
    m = of_hits().result.space.n_points
    results = tuple(
        replace(
            result,
            familywise=FamilywiseErrors(rng.integers(1, n + 1, m, dtype=np.int32), np.ones(n), (), np.empty((n, 0))),
        )
        for result in of_hits().results[:2]
    )
    path = folder() / "familywise.html"
    path.write_text(explorer_page(results, None), encoding="utf-8")
    page = visits.explorer(path)
    for result in results:
        page.locator("#direction").select_option(result.alternative)
        page.evaluate("explorer.setTdp(0.28)")
        settle(page)
        table, clusters = result.table(tdp=0.28), result.forest.with_tdp(0.28)
        shown_p = page.locator("#clusters tbody tr td:nth-of-type(5)").all_inner_texts()
        assert shown_p == [f"{p:.5f}" for p in table["p_fwe_peak"][: len(shown_p)]]  # 1 of 70,000 is 0.00001
        found = pd.read_csv(saved(page, "#save-table"), sep="\t")
        np.testing.assert_allclose(found["p_fwe_peak"], table["p_fwe_peak"], rtol=1e-12)
        page.locator(f"#clusters tr[data-label='{clusters[0].label}'] button").click()
        settle(page)
        assert f"p FWE {table['p_fwe_peak'][0]:.5f}" in page.locator("#crosshair").inner_text().replace("\n", " ")


@pytest.mark.parametrize("grid", GRIDS)
def test_each_row_leads_to_the_peak(visits: Visits, grid: str) -> None:
    explorer = of_hits(grid)
    page = visits.explorer(explorer.path)
    page.evaluate("explorer.setTdp(0.28)")
    settle(page)
    clusters = explorer.result.forest.with_tdp(0.28)
    where, grid_of = explorer.result.space.indices, explorer.result.space.grid
    assert page.locator("#clusters tbody tr").count() == min(len(clusters), 60)
    for i, cluster in enumerate(clusters[:12]):
        button = page.locator(f"#clusters tr[data-label='{cluster.label}'] button")
        button.press("Enter") if i % 2 else button.click()
        assert page.evaluate("explorer.state().voxel") == where[cluster.peak].tolist()
        settle(page)
        shown_place = [float(page.locator(f"#mm-{axis}").input_value()) for axis in "xyz"]
        np.testing.assert_allclose(shown_place, grid_of.millimetres(where[cluster.peak]), atol=0.05)


def listed(page: "Page", name: str) -> Mapping[str, str]:
    """Return the text of a list of facts."""
    settle(page)
    read = "(list) => [...list.querySelectorAll('dt')].map((dt) => [dt.innerText, dt.nextElementSibling.innerText])"
    return dict(page.locator(f"#{name}").evaluate(read))


def numbers(facts: Mapping[str, str]) -> tuple[int, int, float]:
    """Voxels, TDN and TDP."""
    words = {key.split(":")[0].split(" ")[0]: value for key, value in facts.items()}
    tdp = float(re.sub("[^0-9.]", "", words["TDP"]))
    return int(words["voxels"].replace(",", "")), int(words["TDN"].replace(",", "")), tdp


def test_bounds_of_each_sign_are_those_of_python(visits: Visits) -> None:
    """In the headline, the saved table, at the crosshair and of spheres, of the two-sided alternative only."""
    explorer = of_hits()
    page, result = visits.explorer(explorer.path), explorer.results[2]
    assert "above zero, " not in page.locator("#headline").inner_text()
    page.locator("#direction").select_option("two-sided")
    page.evaluate("explorer.setTdp(0.28)")
    settle(page)
    assert result.directions is not None
    whole = [bound.whole for bound in result.directions]
    assert f"at least {whole[0]:,} above zero, at least {whole[1]:,} below" in page.locator("#headline").inner_text()
    found, table = pd.read_csv(saved(page, "#save-table"), sep="\t"), result.table(tdp=0.28)
    for column in ("tdn_positive", "tdn_negative"):
        assert found[column].tolist() == table[column].tolist()
    where, mask = explorer.result.space.indices, explorer.result.space
    for cluster in result.forest.with_tdp(0.28)[:3]:
        page.evaluate("(voxel) => explorer.go(...voxel)", where[cluster.peak].tolist())
        page.locator("#radius").fill("13")
        apart = mask.grid.millimetres(where) - mask.grid.millimetres(where[cluster.peak][None])
        near = (apart**2).sum(axis=1) <= 13**2 + 1e-9
        sphere, here = listed(page, "sphere"), listed(page, "crosshair")
        for bound, sign in zip(result.directions, ("above zero", "below zero"), strict=True):
            assert int(sphere[f"TDN {sign}"].replace(",", "")) == bound.tdn(near)
            assert int(here[f"of it {sign}, at least"].replace(",", "")) == bound.tdn(cluster.points)


@pytest.mark.parametrize("grid", GRIDS)
def test_the_bound_of_a_sphere_is_that_of_the_same_voxels(visits: Visits, grid: str) -> None:
    explorer = of_hits(grid)
    page, mask = visits.explorer(explorer.path), explorer.result.space
    for voxel in ([2, 3, 2], [4, 9, 2], [14, 6, 6], [0, 23, 17]):
        page.evaluate("(voxel) => explorer.go(...voxel)", voxel)
        for radius in (1, 6, 13, 40):
            page.locator("#radius").fill(str(radius))
            apart = mask.grid.millimetres(mask.indices) - mask.grid.millimetres(np.array([voxel]))
            near = (apart**2).sum(axis=1) <= radius**2 + 1e-9
            size, tdn, tdp = numbers(listed(page, "sphere"))
            assert (size, tdn) == (near.sum(), explorer.result.bound.tdn(near))
            assert tdp == pytest.approx(tdn / size, abs=0.00101)  # three places, rounded down


def test_sets_beyond_65535_voxels_are_bounded_as_in_python(visits: Visits) -> None:
    """Categories beyond 65,535 count there: with each of them clipped, the TDN of the whole would be too large."""
    explorer = of_many()
    bound = explorer.result.bound
    assert bound.n_points == 125_000
    assert bound.whole > 0
    clipped = Bound(np.minimum(bound.category, 65_535), bound.alpha, bound.method, bound.h)
    assert clipped.whole > bound.whole
    page = visits.explorer(explorer.path)
    rng = np.random.default_rng(8)
    whole = np.arange(bound.n_points)
    few = (rng.choice(whole, size, replace=False) for size in (1, 40_000, 65_535, 65_536, 90_000, 110_000))
    extreme = np.argsort(bound.category, kind="stable")
    for voxels in (whole, *few, extreme[:100_000], extreme[:70_000], extreme[-70_000:]):
        assert page.evaluate("(set) => explorer.tdnOf(set)", voxels.tolist()) == bound.tdn(voxels)
    assert bound.tdn(extreme[:100_000]) not in (0, bound.whole)
    for target in (0.01, 0.2, 1.0):
        assert shown(page, target) == expected(explorer.result, target)


def test_any_set_is_bounded_as_in_python(visits: Visits) -> None:
    explorer = of_hits()
    page, rng = visits.explorer(explorer.path), np.random.default_rng(9)
    strongest = np.argsort(-explorer.result.extremeness)
    for size in (0, 1, 2, 10, 100, 1000):
        for chosen in (rng.permutation(strongest[: 2 * size])[:size], rng.choice(strongest, size, replace=False)):
            found = page.evaluate("(set) => explorer.tdnOf(set)", chosen.tolist())
            assert found == explorer.result.bound.tdn(chosen)


def press(page: "Page", button: str, explorer: Explorer, position: int, times: int = 8) -> list[int]:
    """Press a button, at most so often; give the size of the cluster that holds a voxel each time, all in its chain."""
    forest, sizes = explorer.result.forest, []
    slices = {int(forest.size[place]): slice(place, place + forest.size[place]) for place in forest.chain(position)}
    settle(page)
    while page.locator(button).is_enabled() and len(sizes) < times:
        page.locator(button).click()
        settle(page)
        labels = np.array(page.evaluate("explorer.labels()"))
        inside = np.flatnonzero(labels == labels[position])
        assert labels[position] > 0
        np.testing.assert_array_equal(inside, np.sort(forest.preorder[slices[inside.size]]))
        clusters = page.evaluate("explorer.clusters()")
        assert [each["size"] for each in clusters] == np.bincount(labels)[1:].tolist()
        sizes.append(inside.size)
    return sizes


def position_of(explorer: Explorer, voxel: list[int]) -> int:
    return int(np.flatnonzero((explorer.result.space.indices == voxel).all(axis=1))[0])


def test_a_cluster_grows_and_shrinks_within_its_chain(visits: Visits) -> None:
    explorer, voxel = of_hits(), [14, 6, 6]
    position, page = position_of(explorer, voxel), visits.explorer(explorer.path)
    page.evaluate("(voxel) => { explorer.setTdp(0.9); explorer.go(...voxel); }", voxel)
    grown = press(page, "#grow", explorer, position)
    shrunk = press(page, "#shrink", explorer, position)
    assert len(grown) == 8
    assert len(shrunk) > 4
    assert (np.diff(grown) > 0).all()
    assert (np.diff([grown[-1], *shrunk]) < 0).all()
    page.locator("#follow").click()
    np.testing.assert_array_equal(page.evaluate("explorer.labels()"), explorer.result.labels(tdp=0.9))


def test_growing_and_shrinking_come_to_an_end(visits: Visits) -> None:
    """The first blob has a core of 7 voxels (TDP 1) and 100 in all (TDP .07); around it is only the whole mask."""
    explorer, voxel = of_hits(), [1, 1, 0]
    position, page = position_of(explorer, voxel), visits.explorer(explorer.path)
    page.evaluate("(voxel) => { explorer.setTdp(0.5); explorer.go(...voxel); }", voxel)
    assert press(page, "#shrink", explorer, position) == []
    assert press(page, "#grow", explorer, position) == [100, explorer.result.space.n_points]
    assert press(page, "#shrink", explorer, position) == [100, 7]


def test_the_slider_asks_for_the_same(visits: Visits) -> None:
    explorer = of_hits()
    page = visits.explorer(explorer.path)
    page.locator("#tdp-slider").fill("0.3")
    np.testing.assert_array_equal(page.evaluate("explorer.labels()"), explorer.result.labels(tdp=0.3))
