"""What the explorer says: which set is coloured, the colours of the table, the tour, the keys, and what is on paper."""

import math
import re
from typing import TYPE_CHECKING

import numpy as np
from browser.browsing import Visits, settle, violations
from browser.test_explorer_use import with_atlas

from bids_ari.analysis.result import ContrastResult

if TYPE_CHECKING:
    from playwright.sync_api import Page


def colours_of_chips(page: "Page") -> list[list[str]]:
    """Return the colours in the chip of each row of the table of clusters, from left to right."""
    settle(page)
    found = page.locator("#clusters .chip").evaluate_all("(chips) => chips.map((chip) => chip.style.background)")
    return [re.findall(r"rgba?\([^)]*\)", text) for text in found]


def test_chips_have_the_colours_of_the_picture(visits: Visits) -> None:
    """By default those of the highest TDP of its points, from low to high; else one colour."""
    explorer = with_atlas()
    page, result = visits.explorer(explorer.path), explorer.result
    palette = page.evaluate("JSON.parse(document.getElementById('facts').textContent).colours")
    sequential, clusters = (re.findall("......", palette[name]) for name in ("sequential", "clusters"))

    def css(digits: str) -> str:
        return "rgb({}, {}, {})".format(*(int(digits[i : i + 2], 16) for i in (0, 2, 4)))

    page.evaluate("explorer.setTdp(0.28)")
    found, highest = result.forest.with_tdp(0.28), result.forest.highest_tdp()
    for chip, cluster in zip(colours_of_chips(page), found, strict=False):
        shown = [sequential[round(255 * tdp)] for tdp in np.sort(highest[cluster.points])]
        assert {*chip[:1], *chip[-1:]} <= {css(each) for each in shown}
        places = [shown.index(next(each for each in shown if css(each) == colour)) for colour in dict.fromkeys(chip)]
        assert places == sorted(places)
    page.locator("#colour-by").select_option("tdp")
    for chip, cluster in zip(colours_of_chips(page), found, strict=False):
        assert set(chip) == {css(sequential[round(255 * cluster.tdn / cluster.size)])}
    page.locator("#colour-by").select_option("cluster")
    for chip, cluster in zip(colours_of_chips(page), found, strict=False):
        assert set(chip) == {css(clusters[(cluster.label - 1) % len(clusters)])}


def sentence(page: "Page") -> str:
    settle(page)
    return page.locator("#shown").inner_text()


def test_the_sentence_says_what_is_coloured(visits: Visits) -> None:
    """The set, its size, and its TDN and TDP: of the clusters together, and of all points beyond a threshold of z."""
    explorer = with_atlas()
    page, result = visits.explorer(explorer.path), explorer.result
    page.evaluate("explorer.setTdp(0.28)")
    clusters = result.forest.with_tdp(0.28)
    points = np.concatenate([cluster.points for cluster in clusters])
    start, end = f"the {len(clusters)} largest clusters with a TDP of at least 0.28, together", bounded(result, points)
    assert f"{start} {end}" in sentence(page)
    page.locator("#slice-z").press("t")
    z = result.glm.z
    for threshold in ("3.1", "4.05"):
        page.locator("#z-threshold").fill(threshold)
        assert f"where z ≥ {threshold}: {bounded(result, np.flatnonzero(z >= float(threshold)))}" in sentence(page)
    page.locator("#direction").select_option("less")
    page.locator("#z-threshold").fill("1.5")
    assert f"z ≤ -1.5: {bounded(explorer.results[1], np.flatnonzero(z <= -1.5))}" in sentence(page)
    page.locator("#direction").select_option("greater")
    page.locator("#swap").click()
    settle(page)
    assert page.locator("#colour-by").input_value() == "highest"
    page.locator("#colour-by").select_option("highest-everywhere")
    assert bounded(result, np.flatnonzero(result.forest.highest_tdp() > 0)) in sentence(page)
    page.evaluate("explorer.setTdp(1)")
    page.locator("#colour-by").select_option("statistic-everywhere")
    assert bounded(result, np.arange(z.size)) in sentence(page)


def bounded(result: ContrastResult, points: np.ndarray) -> str:
    """Return size and bound of a set in words."""
    tdn, m = result.bound.tdn(points), points.size
    tdp = {0: "0", m: "1"}.get(tdn) or f"{math.floor(1000 * tdn / m) / 1000:.3f}"
    return f"{m:,} voxels, of which at least {tdn:,} are truly active (TDP at least {tdp})"


def test_after_grow_and_shrink_the_sentence_says_from_what(visits: Visits) -> None:
    """The first blob has a core of 7 voxels, 100 in all, and is part of the whole; see `hits`."""
    explorer = with_atlas()
    page = visits.explorer(explorer.path)
    page.evaluate("explorer.setTdp(0.5); explorer.go(1, 1, 0)")
    grow, shrink = page.locator("#grow"), page.locator("#shrink")
    assert "grown" not in sentence(page)
    page.locator("#slice-x").press("g")
    assert (
        "a cluster of 100 voxels with a TDP of at least 0.070 (TDN 7), grown from one of 7 voxels with 1"
        in sentence(page)
    )
    grow.click()
    m = explorer.result.space.n_points
    assert f"a cluster of {m:,} voxels" in sentence(page)
    assert "grown from one of 7 voxels" in sentence(page)
    page.locator("#colour-by").select_option("statistic-everywhere")
    assert "Shown by hand: a cluster of" in sentence(page)
    page.locator("#colour-by").select_option("highest")
    page.wait_for_timeout(400)
    again = visits.explorer(explorer.path, place=page.evaluate("location.hash"))
    assert sentence(again) == sentence(page)
    page.locator("#follow").click()
    page.evaluate("explorer.setTdp(0.05)")
    settle(page)
    shrink.click()
    assert (
        "a cluster of 7 voxels with a TDP of at least 1 (TDN 7), shrunk from one of 100 voxels with 0.070"
        in sentence(page)
    )


def test_the_tour_has_four_steps_and_is_closed_once(visits: Visits) -> None:
    """It does not take the focus, nor stop anything; it can be opened again; also where nothing can be stored."""
    page = visits.explorer(with_atlas().path, tour=True)
    tour = page.locator("#tour")
    assert tour.is_visible()
    assert page.evaluate("document.activeElement === document.body")
    page.locator("#tdp").fill("0.31")
    assert page.evaluate("explorer.state().tdp") == 0.31
    assert violations(page) == []
    titles = []
    for step in range(4):
        assert f"step {step + 1} of 4" in tour.inner_text()
        titles.append(tour.locator("h2:visible").inner_text())
        assert page.locator(".toured").count() == 1
        page.locator("#tour-next").press("Enter")
    assert len(set(titles)) == 4
    assert tour.is_hidden()
    assert page.locator(".toured").count() == 0
    assert page.evaluate("document.activeElement.id") == "start-tour"
    page.reload()
    page.wait_for_selector('body[data-ready="true"]')
    assert tour.is_hidden()
    page.locator("#start-tour").press("Enter")
    assert page.evaluate("document.activeElement.id") == "tour-next"
    page.locator("#tour-next").click()
    page.locator("#tour-back").click()
    assert "step 1 of 4" in tour.inner_text()
    page.keyboard.press("Escape")
    assert tour.is_hidden()
    page = visits.explorer(with_atlas().path, tour=True, before=NO_STORAGE)
    assert page.locator("#tour").is_visible()
    page.locator("#tour-close").click()
    assert page.locator("#tour").is_hidden()
    page = visits.explorer(with_atlas().path, tour=True, before=NO_STORAGE, place="#tdp=0.5")
    assert page.locator("#tour").is_hidden()  # the address leads to a certain view


NO_STORAGE = "Object.defineProperty(window, 'localStorage', {get: () => { throw new Error('SecurityError'); }});"


def test_keys_are_listed(visits: Visits) -> None:
    page = visits.explorer(with_atlas().path)
    dialog = page.locator("#keys")
    page.locator("#slice-z").press("?")
    assert dialog.is_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    assert dialog.is_hidden()
    assert page.evaluate("document.activeElement.id") == "slice-z"
    page.locator("#show-keys").click()
    page.locator("#close-keys").click()
    assert dialog.is_hidden()
    page.locator("#tdp").press("?")
    assert dialog.is_hidden()  # a text is typed there


def test_paper_has_no_controls(visits: Visits) -> None:
    page = visits.explorer(with_atlas().path)
    page.locator("#parcels button").first.click()
    page.emulate_media(media="print")
    settle(page)
    for name in ("#tdp-slider", "#grow", "#tour", "#tools", "#draw", "#save-table"):
        assert page.locator(name).is_hidden(), name
    for name in ("#shown", "#region-text", "#slice-x", "#clusters", "#curve", "#tdp", "#parcels tr[aria-current]"):
        assert page.locator(name).is_visible(), name
    assert page.locator("#parcels tbody tr:visible").count() == 1


def test_tdp_and_z_are_side_by_side(visits: Visits) -> None:
    """Two rows of slices with one crosshair, a bar for each, and what is known of both sets."""
    explorer = with_atlas()
    page, result = visits.explorer(explorer.path), explorer.result
    page.locator("button[data-picture=beside]").click()
    page.locator("#z-threshold").fill("2.5")
    words = f"Below: Coloured by z, where z ≥ 2.5: {bounded(result, np.flatnonzero(result.glm.z >= 2.5))}"
    assert words in sentence(page)
    assert page.locator("#beside-bar-low").inner_text() == "z 2.5"
    first, second = (page.locator(f"#{row}-z") for row in ("slice", "beside"))
    assert first.bounding_box() != second.bounding_box()
    voxel = page.evaluate("explorer.state().voxel")
    second.press("ArrowUp")
    assert page.evaluate("explorer.state().voxel") != voxel
    first.press("ArrowDown")
    assert page.evaluate("explorer.state().voxel") == voxel
    with page.expect_download() as offered:
        page.locator("#save-picture").click()
    assert offered.value.suggested_filename.endswith(".png")
    page.wait_for_timeout(400)
    again = visits.explorer(explorer.path, place=page.evaluate("location.hash"))
    assert again.locator("#beside-z").is_visible()
    again.locator("button[data-picture=slices]").click()
    settle(again)
    assert again.locator("#beside-z").is_hidden()
    assert again.locator("#slice-z").is_visible()
