"""Regions in the explorer, listed and drawn: their bounds are those of Python."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
import pytest
from browser.brains import CODES, SHAPE, Explorer, affine_of, explorer_of, folder, hits
from browser.browsing import Visits, settle
from browser.outputs_to_see import write_atlas

from bids_ari.analysis.result import ContrastResult

if TYPE_CHECKING:
    from playwright.sync_api import Page

NAMES = ("left & front", "right", "behind", "a right one")
SPHERES = (([14, 6, 6], 8), ([4, 9, 2], 13), ([3, 17, 6], 4))


@cache
def listed() -> Explorer:
    """An atlas of four slabs, and a region of interest."""
    atlas = write_atlas(folder() / "slabs", NAMES, SHAPE, affine_of("RAS"))
    roi = write_mask(folder() / "a roi.nii.gz", blob(), "RAS")
    return explorer_of("listed", hits(), alternative=("greater", "two-sided"), atlas=str(atlas), roi=(roi,))


@cache
def plain(grid: str) -> Explorer:
    return explorer_of(f"regions {grid}", hits(), grid)


def blob() -> np.ndarray:
    inside = np.zeros(SHAPE, dtype=np.uint8)
    inside[12:19, 3:11, 2:10] = 1
    return inside


def write_mask(path: Path, values: Any, grid: str, **header: Any) -> Path:
    """Write an image on a grid; sform and qform as in the maps."""
    image = nib.Nifti1Image(values, affine_of(grid))
    image.set_sform(affine_of(grid), code=CODES[grid][0])
    image.set_qform(affine_of(grid), code=CODES[grid][1])
    for name, value in header.items():
        image.header[name] = value
    nib.save(image, path)
    return path


def region(page: "Page") -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("explorer.region()")
    return found


def assert_is(page: "Page", result: ContrastResult, points: Any, name: str) -> None:
    """The region chosen has the points, and the bound of Python; so does its row."""
    settle(page)
    found, points = region(page), np.sort(points)
    tdn = result.bound.tdn(points)
    assert (found["name"], found["size"], found["tdn"]) == (name, points.size, tdn)
    np.testing.assert_array_equal(found["points"], points)
    row = page.locator("#parcels tr[aria-current]").inner_text().split("\t")
    assert [int(text.replace(",", "")) for text in row[1:3]] == [points.size, tdn]
    assert f"at least {tdn:,} are truly active" in page.locator("#region-text").inner_text()


def sphere(result: ContrastResult, voxel: list[int], radius: float) -> np.ndarray:
    grid, where = result.space.grid, result.space.indices
    apart = grid.millimetres(where) - grid.millimetres(np.array([voxel]))
    return np.flatnonzero((apart**2).sum(axis=1) <= radius**2 + 1e-9)


def test_the_list_is_one_stop_with_arrows_letters_and_enter(visits: Visits) -> None:
    page, result = visits.explorer(listed().path), listed().result
    assert page.locator("#parcels button[tabindex='0']").count() == 1
    buttons = page.locator("#parcels button")
    names = buttons.all_inner_texts()
    assert sorted(names) == sorted([*NAMES, "a roi"])
    focus = "document.activeElement.innerText"
    buttons.first.focus()
    for key, place in (("ArrowDown", 1), ("End", 4), ("ArrowDown", 4), ("ArrowUp", 3), ("Home", 0), ("PageDown", 4)):
        page.keyboard.press(key)
        assert page.evaluate(focus) == names[place], key
    page.keyboard.type("behi")
    assert page.evaluate(focus) == "behind"
    assert page.locator("#parcels button[tabindex='0']").count() == 1
    page.keyboard.press("Enter")
    assert result.atlas is not None
    (chosen,) = (each for each in result.atlas.regions if each.name == "behind")
    assert_is(page, result, chosen.points, "behind")
    assert page.evaluate("explorer.state().region").startswith("parcel-")
    page.keyboard.press("Escape")
    assert region(page) is None
    page.locator("#parcels button").get_by_text("a roi", exact=True).click()
    (roi,) = (each for regions in result.regions for each in regions.regions if each.name == "a roi")
    assert_is(page, result, roi.points, "a roi")
    page.wait_for_timeout(400)  # addresses are written at most every fifth of a second
    again = visits.explorer(listed().path, place=page.evaluate("location.hash"))
    assert region(again) == region(page)


@pytest.mark.parametrize("grid", ["RAS", "oblique"])
def test_a_region_of_spheres_has_the_bound_of_python(visits: Visits, grid: str) -> None:
    """Added and erased by buttons; undone; in the address; and of each alternative."""
    explorer = listed() if grid == "RAS" else plain(grid)
    page = visits.explorer(explorer.path)
    points = np.array([], dtype=np.intp)
    for voxel, radius in SPHERES:
        page.evaluate("(voxel) => explorer.go(...voxel)", voxel)
        page.locator("#radius").fill(str(radius))
        page.locator("#add-sphere").press("Enter")
        points = np.union1d(points, sphere(explorer.result, voxel, radius))
        assert_is(page, explorer.result, points, "Drawn region")
    assert explorer.result.bound.tdn(points) > 0
    page.evaluate("explorer.go(14, 7, 7)")
    page.locator("#erase-sphere").click()
    rest = np.setdiff1d(points, sphere(explorer.result, [14, 7, 7], 4))
    assert_is(page, explorer.result, rest, "Drawn region")
    page.locator("#undo").click()
    assert_is(page, explorer.result, points, "Drawn region")
    page.locator("#redo").click()
    page.wait_for_timeout(400)
    again = visits.explorer(explorer.path, place=page.evaluate("location.hash"))
    assert_is(again, explorer.result, rest, "Drawn region")
    for result in explorer.results[1:]:
        again.locator("#direction").select_option(result.alternative)
        assert_is(again, result, rest, "Drawn region")
        assert result.directions is not None
        for bound, sign in zip(result.directions, ("above zero", "below zero"), strict=True):
            assert f"at least {bound.tdn(rest):,} {sign}" in again.locator("#region-text").inner_text()
    again.locator("#clear-drawing").click()
    settle(again)
    assert region(again) is None


def test_a_stroke_of_the_mouse_is_a_region_and_is_undone_at_once(visits: Visits) -> None:
    """From one voxel to another of an axial slice, without gaps; with Shift it erases all of it again."""
    explorer = plain("RAS")
    page = visits.explorer(explorer.path)
    before = page.evaluate("explorer.state()")
    page.locator("#radius").fill("7")
    page.locator("#draw").click()
    box = page.locator("#slice-z").bounding_box()
    assert box is not None
    start, end = (0.3, 0.6), (0.6, 0.45)

    def stroke() -> None:
        page.mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + end[0] * box["width"], box["y"] + end[1] * box["height"])
        page.mouse.up()

    stroke()
    strokes = page.evaluate("explorer.state().drawn")
    places = np.array([each["place"] for each in strokes])
    assert np.abs(np.diff(places, axis=0)).max() * 3 <= 7 + 3  # mm: a radius apart, but for rounding to voxels
    assert {each["radius"] for each in strokes} == {7}
    points = np.unique(np.concatenate([sphere(explorer.result, place.tolist(), 7) for place in places]))
    assert_is(page, explorer.result, points, "Drawn region")
    page.keyboard.press("Control+z")
    assert page.evaluate("explorer.state()") == before
    page.keyboard.press("Control+y")
    page.keyboard.down("Shift")
    stroke()
    page.keyboard.up("Shift")
    settle(page)
    assert region(page)["size"] == 0
    page.locator("#draw").click()
    n = len(page.evaluate("explorer.state().drawn"))
    stroke()
    assert len(page.evaluate("explorer.state().drawn")) == n
