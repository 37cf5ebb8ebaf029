"""The picture of the explorer: zoom, interpolation, outlines, mosaic and glass brain, by mouse, fingers and keys."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.image
import numpy as np
import pytest
from browser.brains import Explorer, explorer_of, folder, one_blob
from browser.browsing import Visits, overflowing, settle
from browser.cortices import of_grayordinates, of_surfaces
from browser.test_explorer_surfaces import NO_WEBGL
from browser.test_explorer_use import READ_CANVAS, blob, voxel_of, with_atlas

from bids_ari.report.explorer.page import explorer_page
from bids_ari.report.figures.draw import Picture

if TYPE_CHECKING:
    from playwright.sync_api import Page

SLICES = ("x", "y", "z")


def pixels(page: "Page", canvas: str) -> np.ndarray:
    """What is drawn, (height, width, 4)."""
    settle(page)
    return matplotlib.image.imread(io.BytesIO(bytes(page.evaluate("(id) => read_canvas(id)", canvas))))


def is_coloured(picture: np.ndarray) -> np.ndarray:
    return np.ptp(picture[..., :3], axis=2) > 0.35  # the crosshair is dark blue


def zoom_of(page: "Page") -> float:
    return float(page.evaluate("explorer.viewport().zoom"))


def turn(page: "Page", view: str, delta: int, place: tuple[float, float], key: str | None) -> None:
    """Turn the wheel at a place of a slice, in parts of its width and height, with a key held."""
    box = page.locator(f"#slice-{view}").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + place[0] * box["width"], box["y"] + place[1] * box["height"])
    if key:
        page.keyboard.down(key)
    page.mouse.wheel(0, delta)
    if key:
        page.keyboard.up(key)
    settle(page)


def click(page: "Page", canvas: str, place: tuple[float, float]) -> list[int]:
    """Click at a place, in parts of the width and height; return the voxel there."""
    box = page.locator(f"#{canvas}").bounding_box()
    assert box is not None
    page.locator(f"#{canvas}").click(position={"x": place[0] * box["width"], "y": place[1] * box["height"]})
    settle(page)
    return voxel_of(page)


@pytest.mark.parametrize("radiological", [False, True], ids=["neurological", "radiological"])
def test_ctrl_and_the_wheel_zoom_around_the_pointer(visits: Visits, radiological: bool) -> None:
    page = visits.explorer(blob("axes permuted").path)
    page.locator("#radiological").set_checked(radiological)
    for view in SLICES:
        place = (0.3, 0.35)
        there = click(page, f"slice-{view}", place)
        before = page.evaluate("scrollY")
        for _ in range(4):
            turn(page, view, -100, place, "Control")
        assert zoom_of(page) == pytest.approx(1.25**4)
        assert page.evaluate("scrollY") == before
        assert voxel_of(page) == there  # the crosshair stays
        assert click(page, f"slice-{view}", place) == there  # what was below the pointer still is
        for _ in range(4):
            turn(page, view, 100, place, "Control")
        assert zoom_of(page) == 1


def test_without_ctrl_the_page_scrolls(visits: Visits) -> None:
    page = visits.explorer(blob().path, height=500)
    before = voxel_of(page)
    turn(page, "z", 200, (0.5, 0.2), None)
    page.wait_for_function("scrollY > 50")
    assert voxel_of(page) == before
    assert zoom_of(page) == 1


def test_buttons_and_keys_zoom_and_the_address_keeps_it(visits: Visits) -> None:
    page = visits.explorer(blob().path)
    page.locator("#zoom-in").click()
    page.locator("#slice-y").press("+")
    assert zoom_of(page) == pytest.approx(1.25**2)
    page.wait_for_timeout(400)  # addresses are written at most every fifth of a second
    again = visits.explorer(blob().path, place=page.evaluate("location.hash"))
    assert again.evaluate("explorer.viewport().centre") == pytest.approx(
        page.evaluate("explorer.viewport().centre"), abs=0.01
    )
    assert zoom_of(again) == pytest.approx(zoom_of(page), abs=0.01)
    page.locator("#slice-y").press("-")
    assert zoom_of(page) == pytest.approx(1.25)
    page.locator("#slice-y").press("0")
    assert zoom_of(page) == 1
    page.locator("#zoom-in").click()
    page.locator("#zoom-reset").click()
    assert zoom_of(page) == 1


@pytest.mark.parametrize("button", ["left", "middle"])
def test_what_is_zoomed_is_dragged(visits: Visits, button: str) -> None:
    """With Shift or the middle button: what was below the pointer goes along, and the crosshair stays at its voxel."""
    page = visits.explorer(blob().path)
    page.evaluate("explorer.go(10, 12, 9)")
    for _ in range(5):
        page.locator("#zoom-in").click()
    settle(page)
    there = click(page, "slice-z", (0.4, 0.4))
    page.evaluate("explorer.go(10, 12, 9)")
    settle(page)
    box = page.locator("#slice-z").bounding_box()
    assert box is not None
    at = [(box["x"] + part * box["width"], box["y"] + part * box["height"]) for part in (0.4, 0.55)]
    if button == "left":
        page.keyboard.down("Shift")
    page.mouse.move(*at[0])
    page.mouse.down(button=button)  # type: ignore[arg-type]
    page.mouse.move(*at[1], steps=4)
    page.mouse.up(button=button)  # type: ignore[arg-type]
    if button == "left":
        page.keyboard.up("Shift")
    settle(page)
    assert voxel_of(page) == [10, 12, 9]
    assert click(page, "slice-z", (0.55, 0.55))[:2] == there[:2]


PINCH = """(id) => {
  const canvas = document.getElementById(id);
  const box = canvas.getBoundingClientRect();
  const send = (type, pointerId, part) => canvas.dispatchEvent(new PointerEvent(type, {
    pointerId, pointerType: 'touch', button: 0, bubbles: true,
    clientX: box.left + part * box.width, clientY: box.top + 0.5 * box.height,
  }));
  canvas.setPointerCapture = () => {};
  send('pointerdown', 1, 0.4);
  send('pointerdown', 2, 0.6);
  for (const apart of [0.15, 0.2, 0.25, 0.3]) {
    send('pointermove', 1, 0.5 - apart);
    send('pointermove', 2, 0.5 + apart);
  }
  send('pointerup', 1, 0.2);
  send('pointerup', 2, 0.8);
}"""


def test_two_fingers_zoom_and_leave_the_crosshair(visits: Visits) -> None:
    page = visits.explorer(blob().path)
    before = voxel_of(page)
    page.evaluate(PINCH, "slice-z")
    settle(page)
    assert zoom_of(page) == pytest.approx(3, rel=0.05)
    assert voxel_of(page) == before


def test_a_crosshair_out_of_sight_is_brought_into_the_picture_and_the_window(visits: Visits) -> None:
    page = visits.explorer(blob().path, width=800, height=500)
    page.evaluate("explorer.go(1, 1, 1)")
    settle(page)
    for _ in range(8):
        page.locator("#zoom-in").click()
    (cluster,) = page.evaluate("explorer.clusters()")
    page.locator("#clusters tbody tr").scroll_into_view_if_needed()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.locator("#clusters tbody tr td").first.click()
    settle(page)
    assert voxel_of(page) == cluster["peak"]
    centre, zoom = page.evaluate("[explorer.viewport().centre, explorer.viewport().zoom]")
    assert np.abs(np.subtract(centre, cluster["peak"])).max() <= 24 / 2 / zoom
    box = page.locator("#slice-z").bounding_box()
    assert box is not None
    assert -box["height"] / 2 < box["y"] < 500 - box["height"] / 4


def test_interpolated_and_sharp_maps_colour_the_same_area(visits: Visits) -> None:
    page = visits.explorer(blob().path, before=READ_CANVAS)
    page.locator("#outlines").uncheck()
    (cluster,) = page.evaluate("explorer.clusters()")
    page.evaluate("(peak) => explorer.go(...peak)", cluster["peak"])
    for colouring in ("highest", "cluster", "statistic", "statistic-everywhere"):
        page.locator("#colour-by").select_option(colouring)
        page.locator("#smooth").uncheck()
        sharp = pixels(page, "slice-x")
        page.locator("#smooth").check()
        smooth = pixels(page, "slice-x")
        assert np.abs(sharp - smooth).max() > 0.1
        # of a cluster some voxels wide: an edge is cut or filled by up to half a voxel
        assert is_coloured(smooth).sum() == pytest.approx(is_coloured(sharp).sum(), rel=0.3)


def test_opacity_shows_what_is_beneath(visits: Visits) -> None:
    page = visits.explorer(blob().path, before=READ_CANVAS)
    (cluster,) = page.evaluate("explorer.clusters()")
    page.evaluate("(peak) => explorer.go(...peak)", cluster["peak"])
    full = pixels(page, "slice-x")
    page.locator("#opacity").fill("30")
    faint = pixels(page, "slice-x")
    where = is_coloured(full)
    assert np.ptp(faint[where][:, :3], axis=1).mean() < 0.5 * np.ptp(full[where][:, :3], axis=1).mean()
    assert "30 %" in page.locator("#opacity-text").inner_text()
    assert page.evaluate("explorer.state().opacity") == 0.3
    page.keyboard.press("Control+z")
    settle(page)
    np.testing.assert_array_equal(pixels(page, "slice-x"), full)


@pytest.mark.parametrize("is_smooth", [False, True], ids=["sharp", "interpolated"])
def test_outlines_are_around_clusters_and_the_chosen_region(visits: Visits, is_smooth: bool) -> None:
    """Where a cluster ends, and nowhere else: what changes is next to coloured and to uncoloured pixels."""
    page = visits.explorer(with_atlas().path, before=READ_CANVAS)
    page.evaluate("explorer.setTdp(0.5); explorer.go(14, 6, 6)")
    page.locator("#smooth").set_checked(is_smooth)
    page.locator("#outlines").uncheck()
    plain = pixels(page, "slice-z")
    page.locator("#outlines").check()
    changed = np.abs(pixels(page, "slice-z") - plain).max(axis=2) > 0.3
    assert changed.sum() > 100
    rows, columns = np.nonzero(changed)
    wide = np.pad(is_coloured(plain), 8)
    near = np.array(
        [wide[row : row + 17, column : column + 17].mean() for row, column in zip(rows, columns, strict=True)]
    )
    assert np.mean((near > 0.02) & (near < 0.98)) > 0.95
    outlined = pixels(page, "slice-z")
    page.locator("#parcels button").nth(1).click()
    page.evaluate("explorer.go(14, 6, 6)")
    blue = pixels(page, "slice-z")
    is_blue = (blue[..., 2] > 0.6) & (blue[..., 0] < 0.3) & (np.abs(blue - outlined).max(axis=2) > 0.2)
    assert is_blue.sum() > 100


def test_a_mosaic_has_slices_from_below_to_above(visits: Visits) -> None:
    page = visits.explorer(blob().path, before=READ_CANVAS)
    page.locator("[data-picture=mosaic]").click()
    settle(page)
    assert page.locator("#mosaic").is_visible()
    assert page.locator("#slice-x").is_hidden()
    assert is_coloured(pixels(page, "mosaic")).sum() > 100
    heights = [click(page, "mosaic", place)[2] for place in ((0.1, 0.2), (0.45, 0.2), (0.9, 0.2))]
    assert heights == sorted(set(heights))
    assert page.evaluate("written.mosaic")["L"][0] < page.evaluate("written.mosaic")["R"][0]


@pytest.mark.parametrize("grid", ["RAS", "LAS, slices 4 mm apart", "axes permuted"])
def test_a_click_on_the_glass_brain_leads_to_what_is_seen(visits: Visits, grid: str) -> None:
    """The blob is on the left, at the front: seen from the left side on the left, and not from the right side."""
    explorer = blob(grid)
    page = visits.explorer(explorer.path, before=READ_CANVAS)
    labels = explorer.result.space.unmask(page.evaluate("explorer.labels()"))
    page.locator("[data-picture=glass]").click()
    page.evaluate("explorer.go(19, 0, 17)")
    seen = is_coloured(pixels(page, "glass"))
    parts = np.nonzero(seen.any(axis=0))[0] / seen.shape[1]
    quarters = [np.count_nonzero((parts > low) & (parts < low + 0.25)) for low in (0, 0.25, 0.5, 0.75)]
    assert quarters[0] > 0
    assert quarters[2] == 0  # the right side
    left = seen[:, : seen.shape[1] // 4]
    row, column = (np.median(each) for each in np.nonzero(left))
    assert labels[tuple(click(page, "glass", (float(column) / seen.shape[1], float(row) / seen.shape[0])))]


def test_the_address_keeps_how_voxels_are_shown(visits: Visits) -> None:
    page = visits.explorer(blob().path)
    page.locator("[data-picture=glass]").press("Enter")
    page.locator("#smooth").check()
    page.locator("#outlines").uncheck()
    page.locator("#opacity").fill("55")
    page.wait_for_timeout(400)  # addresses are written at most every fifth of a second
    again = visits.explorer(blob().path, place=page.evaluate("location.hash"))
    assert again.evaluate("explorer.state()") == page.evaluate("explorer.state()")
    assert again.locator("#glass").is_visible()
    assert again.locator("[data-picture=glass]").get_attribute("aria-pressed") == "true"
    assert not again.locator("#outlines").is_checked()


def test_the_underlay_is_finer_than_the_voxels(visits: Visits) -> None:
    """On a grid of 3 mm, several greys are within a voxel; sharp on screens with more pixels, too."""
    explorer = explorer_of("task-a_space-MNI152NLin6Asym_contrast-fine_stat-z_statmap", one_blob("RAS"))
    page = visits.explorer(explorer.path, before=READ_CANVAS)
    page.evaluate("explorer.setTdp(1); explorer.go(10, 12, 9)")
    picture = pixels(page, "slice-z")
    within = int(2.5 * picture.shape[1] / 145)  # pixels of 2.5 mm; the template's brain is 145 mm wide
    places = [(int(y * picture.shape[0]), int(x * picture.shape[1])) for y in (0.3, 0.4, 0.6, 0.7) for x in (0.3, 0.7)]
    ranges = [np.ptp(picture[row : row + within, column : column + within, 0]) for row, column in places]
    assert np.median(ranges) > 0.01


def test_nothing_reaches_beyond_the_window_in_any_picture(visits: Visits) -> None:
    page = visits.explorer(with_atlas().path)
    for width in (360, 800, 1400):
        page.set_viewport_size({"width": width, "height": 900})
        for picture in ("mosaic", "glass"):
            page.locator(f"[data-picture={picture}]").click()
            settle(page)
            assert overflowing(page) == [], (width, picture)
            box = page.locator(f"#{picture}").bounding_box()
            assert box is not None
            assert box["x"] + box["width"] <= width
            assert box["height"] > 60


def with_facts(source: Path, name: str, change: Callable[[dict[str, Any]], None]) -> Path:
    """Write a page with other facts."""
    before, start, rest = source.read_text(encoding="utf-8").partition('<script type="application/json" id="facts">')
    text, end, after = rest.partition("</script>")
    facts = json.loads(text)
    change(facts)
    path = folder() / name
    path.write_text(before + start + json.dumps(facts) + end + after, encoding="utf-8")
    return path


def test_slices_follow_the_crosshair_of_the_cortex_where_the_mesh_is_in_their_space(visits: Visits) -> None:
    """Spheres are not; on an anatomical mesh, slices are at the voxel of the vertex if their grid has it."""
    explorer = of_grayordinates()
    page, space = visits.explorer(explorer.path), explorer.result.space
    assert "do not follow" in page.locator("#following").inner_text()
    affine = np.array([[20.0, 0, 0, -103], [0, 20, 0, -81], [0, 0, 20, -91], [0, 0, 0, 1]])  # of the left hemisphere

    def anatomical(facts: dict[str, Any]) -> None:
        facts["isAnatomical"] = True
        facts["grid"] |= {"affine": affine.tolist(), "inverse": np.linalg.inv(affine).tolist()}

    page = visits.explorer(with_facts(explorer.path, "anatomical.html", anatomical))
    on_left = np.flatnonzero(space.coordinates()[:, 0] < -20)[::50]
    for point in on_left.tolist():
        page.evaluate("(point) => explorer.goTo(point)", point)
        settle(page)
        assert "at the vertex" in page.locator("#following").inner_text()
        voxel = np.rint(np.linalg.inv(affine) @ np.append(space.coordinates()[point], 1))
        for axis, (name, place) in enumerate(zip(SLICES, (affine @ voxel)[:3], strict=True)):
            assert f"{name} = {place:g} mm" in (page.locator(f"#slice-{name}").get_attribute("aria-label") or ""), axis
    page.evaluate("(point) => explorer.goTo(point)", int(np.argmax(space.coordinates()[:, 0])))
    settle(page)
    assert "outside of their grid" in page.locator("#following").inner_text()


def test_a_key_leads_through_the_pictures_and_keeps_the_focus_there(visits: Visits) -> None:
    page = visits.explorer(blob().path)
    seen = []
    page.locator("#slice-y").press("v")
    for _ in range(6):
        settle(page)
        settle(page)
        seen.append(page.evaluate("[explorer.state().view, document.activeElement.tagName]"))
        page.keyboard.press("v")
    assert {view for view, _ in seen} >= {"slices", "mosaic", "glass"}
    assert {tag for _, tag in seen} == {"CANVAS"}


@pytest.mark.parametrize("explorer", [of_surfaces, of_grayordinates])
def test_without_webgl_the_picture_of_the_report_is_shown(visits: Visits, explorer: Callable[[], Explorer]) -> None:
    file = io.BytesIO()
    matplotlib.image.imsave(file, np.zeros((4, 6)), format="png")
    path = folder() / "still.html"
    path.write_text(
        explorer_page(explorer().results, Picture("a.png", "Clusters", "", file.getvalue())), encoding="utf-8"
    )
    page = visits.explorer(path, before=NO_WEBGL)
    assert page.locator(".still img").is_visible()
    assert "picture below" in page.locator("#no-surfaces").inner_text()
    assert page.evaluate("document.querySelector('#no-surfaces').nextElementSibling.className").startswith("still")
    assert visits.explorer(path).locator(".still").is_hidden()
