"""The explorer in the hands of people: by mouse and keys, back and forth, sent as an address, in any browser."""

import io
from functools import cache
from typing import TYPE_CHECKING, Any

import matplotlib.image
import numpy as np
import pytest
from browser.brains import GRIDS, SHAPE, Explorer, affine_of, explorer_of, folder, hits, one_blob
from browser.browsing import TRY_THE_NETWORK, WIDTHS, Visits, overflowing, settle, tab_through, violations
from browser.outputs_to_see import PICTURE, REVERSED, SCRIPT, write_atlas

from bids_ari.images.volume import Grid

if TYPE_CHECKING:
    from playwright.sync_api import Page

SLICES = ("x", "y", "z")
PARCELS = (f"</script>{SCRIPT}</script>", PICTURE, f'left & "front" {REVERSED}', "nowhere \u2028 {{ 7*7 }}")


@cache
def blob(grid: str = "RAS") -> Explorer:
    return explorer_of(f"blob {grid}", one_blob(grid), grid)


@cache
def with_atlas() -> Explorer:
    """Parcels with hostile names, and two directions."""
    path = write_atlas(folder() / "parcels", PARCELS, SHAPE, affine_of("RAS"))
    return explorer_of("atlas map", hits(), alternative=("greater", "less"), atlas=str(path))


@cache
def nothing() -> Explorer:
    return explorer_of("nothing", np.random.default_rng(1).normal(size=SHAPE))


def voxel_of(page: "Page") -> list[int]:
    found: list[int] = page.evaluate("explorer.state().voxel")
    return found


def place_of(page: "Page", grid: Grid) -> np.ndarray:
    """Where the crosshair is, in mm."""
    return grid.millimetres(np.array([voxel_of(page)]))[0]


def seen(page: "Page", view: str) -> np.ndarray:
    """Pixels at which clusters are painted: there, colouring by TDP and by the statistic differ."""
    drawn = []
    for colouring in ("tdp", "statistic"):
        page.locator("#colour-by").select_option(colouring)
        settle(page)
        png = page.evaluate("(id) => read_canvas(id)", f"slice-{view}")
        drawn.append(matplotlib.image.imread(io.BytesIO(bytes(png)))[..., :3])
    return np.abs(drawn[0] - drawn[1]).max(axis=2) > 0.1


READ_CANVAS = """
window.read_canvas = async (id) => {
  const blob = await new Promise((done) => document.getElementById(id).toBlob(done));
  return [...new Uint8Array(await blob.arrayBuffer())];
};
const write = CanvasRenderingContext2D.prototype.fillText;
window.written = {};
CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
  (window.written[this.canvas.id] ??= {})[text] = [x, y];
  return write.call(this, text, x, y);
};
"""


@pytest.mark.parametrize("grid", GRIDS)
def test_left_is_left_unless_radiological_and_data_stay_as_they_are(visits: Visits, grid: str) -> None:
    """A blob to the left, front and top of the middle; sagittal slices show the front on the right."""
    page = visits.explorer(blob(grid).path, before=READ_CANVAS)
    (cluster,) = page.evaluate("explorer.clusters()")
    page.evaluate("(peak) => explorer.go(...peak)", cluster["peak"])
    labels, voxel = page.evaluate("explorer.labels()"), voxel_of(page)
    for radiological in (False, True):
        page.locator("#radiological").set_checked(radiological)
        for view, is_left in (("x", False), ("y", not radiological), ("z", not radiological)):
            painted = seen(page, view)
            rows, columns = (np.median(each) / n for each, n in zip(np.nonzero(painted), painted.shape, strict=True))
            assert 20 < painted.sum() < painted.size / 4
            assert rows < 0.45  # up is to the top, and in the axial slice to the front
            assert (columns < 0.45) == is_left
            assert (columns > 0.55) != is_left
        written = page.evaluate("written")
        assert (written["slice-z"]["L"][0] < written["slice-z"]["R"][0]) != radiological
        assert (written["slice-y"]["L"][0] < written["slice-y"]["R"][0]) != radiological
        assert written["slice-x"]["P"][0] < written["slice-x"]["A"][0]
        assert written["slice-z"]["A"][1] < written["slice-z"]["P"][1]
        assert written["slice-x"]["S"][1] < written["slice-x"]["I"][1]
        assert written["slice-y"]["S"][1] < written["slice-y"]["I"][1]
    assert (page.evaluate("explorer.labels()"), voxel_of(page)) == (labels, voxel)


@pytest.mark.parametrize("radiological", [False, True], ids=["neurological", "radiological"])
def test_a_click_leads_to_what_is_seen_there(visits: Visits, radiological: bool) -> None:
    explorer = blob("axes permuted")
    page = visits.explorer(explorer.path, before=READ_CANVAS)
    (cluster,) = page.evaluate("explorer.clusters()")
    labels = explorer.result.space.unmask(page.evaluate("explorer.labels()"))
    page.locator("#radiological").set_checked(radiological)
    for view in SLICES:
        page.evaluate("(peak) => explorer.go(...peak)", cluster["peak"])
        painted = seen(page, view)
        canvas = page.locator(f"#slice-{view}")
        box = canvas.bounding_box()
        assert box is not None
        y, x = (np.median(each) / n for each, n in zip(np.nonzero(painted), painted.shape, strict=True))
        canvas.click(position={"x": 4, "y": 4})
        assert not labels[tuple(voxel_of(page))]
        canvas.click(position={"x": float(x * box["width"]), "y": float(y * box["height"])})
        assert labels[tuple(voxel_of(page))]
        page.mouse.down()
        page.mouse.move(box["x"] + 4, box["y"] + 4)
        page.mouse.up()
        assert not labels[tuple(voxel_of(page))]


@pytest.mark.parametrize("grid", ["LAS, slices 4 mm apart", "axes permuted", "oblique"])
def test_keys_and_the_wheel_move_one_voxel_that_way(visits: Visits, grid: str) -> None:
    """Arrows move within a slice as it is seen; page keys, and Shift and the wheel, to higher x, y, z."""
    explorer = blob(grid)
    page, axes = visits.explorer(explorer.path), explorer.result.space.grid
    page.evaluate("(voxel) => explorer.go(...voxel)", [8, 8, 8])
    across = {"x": 1, "y": 0, "z": 0}
    up = {"x": 2, "y": 2, "z": 1}
    for view in SLICES:
        keys = {"ArrowRight": (across[view], 1), "ArrowLeft": (across[view], -1), "ArrowUp": (up[view], 1)}
        keys |= {"ArrowDown": (up[view], -1), "PageUp": (SLICES.index(view), 1), "PageDown": (SLICES.index(view), -1)}
        for key, (axis, sense) in keys.items():
            before, voxel = place_of(page, axes), voxel_of(page)
            page.locator(f"#slice-{view}").press(key)
            step = place_of(page, axes) - before
            assert np.abs(np.array(voxel_of(page)) - voxel).tolist().count(1) == 1
            assert np.abs(step).argmax() == axis
            assert np.sign(step[axis]) == sense
        page.locator(f"#slice-{view}").hover()
        before = place_of(page, axes)
        page.keyboard.down("Shift")
        page.mouse.wheel(0, -100)
        page.keyboard.up("Shift")
        settle(page)
        assert np.abs(place_of(page, axes) - before).argmax() == SLICES.index(view)
    page.locator("#radiological").check()
    before = place_of(page, axes)
    page.locator("#slice-z").press("ArrowRight")
    assert place_of(page, axes)[0] < before[0]
    for _ in range(30):
        page.locator("#slice-z").press("ArrowUp")
    assert all(0 <= index < n for index, n in zip(voxel_of(page), SHAPE, strict=True))


@pytest.mark.parametrize("grid", ["LAS, slices 4 mm apart", "axes permuted"])
def test_a_place_in_mm_leads_to_the_nearest_voxel(visits: Visits, grid: str) -> None:
    explorer = blob(grid)
    page, grid = visits.explorer(explorer.path), explorer.result.space.grid
    for voxel in ([3, 20, 5], [19, 0, 17], [10, 11, 9]):
        for axis, place in zip("xyz", grid.millimetres(np.array([voxel]))[0] + 0.4, strict=True):
            page.locator(f"#mm-{axis}").fill(f"{place:.3f}")
        page.locator("#mm-z").press("Enter")
        assert voxel_of(page) == voxel


def state(page: "Page") -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("explorer.state()")
    return found


def test_undo_and_redo_by_buttons_and_keys(visits: Visits) -> None:
    page = visits.explorer(with_atlas().path)
    states = [state(page)]
    assert page.locator("#undo").is_disabled()
    for change in ("explorer.setTdp(0.31)", "explorer.go(4, 9, 2)", "explorer.setTdp(0.07)"):
        page.evaluate(change)
        states.append(state(page))
    page.locator("#direction").select_option("less")
    states.append(state(page))
    page.locator("#direction").select_option("greater")
    page.evaluate("explorer.go(1, 1, 0)")
    page.locator("#shrink").click()
    states += [states[3], {**states[3], "voxel": [1, 1, 0]}, state(page)]
    assert len({str(each) for each in states}) == 7
    backward = (lambda: page.locator("#undo").click(), lambda: page.keyboard.press("Control+z"))
    forward = (
        lambda: page.locator("#redo").click(),
        lambda: page.keyboard.press("Control+y"),
        lambda: page.keyboard.press("Control+Shift+z"),
    )
    for i, expected in enumerate(states[-2::-1]):
        backward[i % 2]()
        assert state(page) == expected
        settle(page)
    assert page.locator("#undo").is_disabled()
    for i, expected in enumerate(states[1:]):
        forward[i % 3]()
        assert state(page) == expected
        settle(page)
    assert page.locator("#redo").is_disabled()


def test_an_address_restores_what_was_seen_without_filling_the_history(visits: Visits) -> None:
    explorer = with_atlas()
    page = visits.explorer(explorer.path)
    entries = page.evaluate("history.length")
    page.locator("#direction").select_option("greater")
    page.evaluate("explorer.setTdp(0.123); explorer.go(1, 1, 0)")
    settle(page)
    page.locator("#grow").click()
    page.locator("#radiological").check()
    page.locator("#colour-by").select_option("cluster")
    expected, labels = state(page), page.evaluate("explorer.labels()")
    assert expected["pinned"] is not None
    page.wait_for_timeout(600)  # addresses are written at most every fifth of a second
    assert page.evaluate("history.length") == entries
    again = visits.explorer(explorer.path, place=page.evaluate("location.hash"))
    assert state(again) == expected
    assert again.evaluate("explorer.labels()") == labels
    assert again.locator("#radiological").is_checked()
    assert again.locator("#tdp").input_value() == "0.123"


BROKEN = ("#", "#%%%&&==", "#<script>alert(1)</script>", "#tdp=x&voxel=a_b_c&direction=up&colour=%27&cluster=-1")
BROKEN += ("#tdp=NaN&voxel=1_2", "#gamma=-1&voxel=1_2_3_4&cluster=99999999", "#tdp=2&voxel=99_99_99&cluster=1e3")


@pytest.mark.parametrize("place", BROKEN)
def test_a_broken_address_is_ignored(visits: Visits, place: str) -> None:
    explorer = with_atlas()
    assert state(visits.explorer(explorer.path, place=place)) == state(visits.explorer(explorer.path))


def test_the_curve_offers_the_clusters_of_the_voxel(visits: Visits) -> None:
    """By click and by keys: what is shown then is a cluster that holds the voxel."""
    explorer, voxel = with_atlas(), [14, 6, 6]
    page, forest = visits.explorer(explorer.path), explorer.result.forest
    position = int(np.flatnonzero((explorer.result.space.indices == voxel).all(axis=1))[0])
    chain = {int(forest.size[place]) for place in forest.chain(position)}
    page.evaluate("(voxel) => explorer.go(...voxel)", voxel)
    curve = page.locator("#curve")
    box = curve.bounding_box()
    assert box is not None
    sizes = []
    for part in (0.3, 0.5, 0.7):
        curve.click(position={"x": part * box["width"], "y": box["height"] / 3})
        labels = page.evaluate("explorer.labels()")
        sizes.append(labels.count(labels[position]))
    curve.press("ArrowRight")
    labels = page.evaluate("explorer.labels()")
    sizes.append(labels.count(labels[position]))
    assert set(sizes) <= chain
    assert sizes == sorted(sizes)
    assert len(set(sizes)) > 2


def _whole(words: str) -> int:
    return int(words.replace(",", ""))


def test_parcels_are_named_bounded_and_lead_to_their_strongest_voxel(visits: Visits) -> None:
    """Names that would be HTML are text."""
    explorer = with_atlas()
    page, atlas = visits.explorer(explorer.path), explorer.result.atlas
    assert atlas is not None
    for result in explorer.results:
        page.locator("#direction").select_option(result.alternative)
        settle(page)
        rows = page.locator("#parcels tbody tr").evaluate_all(
            "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
        )
        expected = {region.name: (region.points.size, result.bound.tdn(region.points)) for region in atlas.regions}
        assert {name: (_whole(size), _whole(tdn)) for name, size, tdn, _ in rows} == expected
        assert sum(size for size, _ in expected.values()) == result.space.n_points
        for region in atlas.regions:
            page.locator("#parcels button").get_by_text(region.name, exact=True).press("Enter")
            strongest = region.points[result.extremeness[region.points].argmax()]
            assert voxel_of(page) == result.space.indices[strongest].tolist()
            settle(page)
            assert region.name in (page.locator("#region-text").text_content() or "")
    assert page.locator("[onmouseover], [onerror], [src=x]").count() == 0


def test_the_saved_picture_shows_the_slices(visits: Visits) -> None:
    page = visits.explorer(blob().path)
    with page.expect_download() as offered:
        page.locator("#save-picture").click()
    assert offered.value.suggested_filename.endswith(".png")
    picture = matplotlib.image.imread(offered.value.path())
    widths = [page.locator(f"#slice-{view}").evaluate("(canvas) => canvas.width") for view in SLICES]
    assert picture.shape[1] >= sum(widths)
    assert len(np.unique(picture.reshape(-1, picture.shape[2]), axis=0)) > 20


def test_nothing_found_is_said_with_what_to_do(visits: Visits) -> None:
    """Where no cluster can be claimed at all, and where none reaches this target."""
    explorer = nothing()
    assert explorer.result.bound.whole == 0
    page = visits.explorer(explorer.path)
    assert page.locator("#nothing").is_visible()
    assert "does not mean that nothing is active" in page.locator("#nothing").inner_text()
    assert "no clusters" in page.locator("#status").inner_text()
    assert violations(page) == []
    values = np.where(np.indices(SHAPE)[0] < 10, 2.6, -2.6) + one_blob("RAS") / 100
    values[-1, -1, -1] = 0.5  # or no |z| would be small, as in a thresholded map
    one = explorer_of("whole only", values)
    top = one.result.forest.highest_tdp().max()
    assert 0 < top < 1
    page = visits.explorer(one.path)
    page.evaluate("explorer.setTdp(1)")
    settle(page)
    assert "smaller target TDP" in page.locator("#nothing").inner_text()
    page.evaluate("(target) => explorer.setTdp(target)", top)
    settle(page)
    assert page.locator("#nothing").is_hidden()
    assert len(page.evaluate("explorer.clusters()")) == len(one.result.forest.with_tdp(top)) > 0


def test_an_old_browser_gets_a_message(visits: Visits) -> None:
    page = visits.open(blob().path, before="delete window.DecompressionStream;")
    assert page.locator("#error").is_visible()
    assert "too old" in page.locator("#error").inner_text()
    assert page.locator("#explorer").is_hidden()
    assert page.locator("#error a").get_attribute("href")


def test_without_scripts_the_page_says_what_to_read_instead(visits: Visits) -> None:
    page = visits.open(blob().path, scripts=False)
    assert "needs JavaScript" in page.locator("main").inner_text()
    whole = blob().result.bound.whole
    assert f"at least {whole:,} of the" in page.locator("#headline").inner_text()
    assert page.locator("#error").is_hidden()
    assert page.locator("#explorer").is_hidden()


def test_nothing_reaches_beyond_the_window(visits: Visits) -> None:
    for explorer in (with_atlas(), nothing()):
        page = visits.explorer(explorer.path)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.evaluate("explorer.setTdp(0.07)")
            settle(page)
            assert overflowing(page) == [], width
            boxes = [page.locator(f"#slice-{view}").bounding_box() for view in SLICES]
            assert all(box is not None and box["x"] + box["width"] <= width for box in boxes)


def test_no_serious_barrier(visits: Visits) -> None:
    page = visits.explorer(with_atlas().path)
    page.evaluate("explorer.setTdp(0.07); explorer.go(1, 1, 0)")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        settle(page)
        assert violations(page) == []


def test_every_control_is_reached_by_tab_and_shows_it(visits: Visits) -> None:
    page = visits.explorer(with_atlas().path)
    page.evaluate("explorer.setTdp(0.5); explorer.go(1, 1, 0)")
    settle(page)
    expected, reached, unseen = tab_through(page)
    assert len(expected) > 25
    assert reached == expected
    assert unseen == []


def test_the_policy_forbids_network_and_foreign_scripts(visits: Visits) -> None:
    page = visits.explorer(blob().path)
    title = page.title()
    refused, title_after = page.evaluate(TRY_THE_NETWORK)
    assert title_after == title
    assert refused.count("connect-src") == 3  # fetch, WebSocket, sendBeacon
    assert {"img-src", "script-src-elem", "frame-src", "script-src"} <= set(refused)
    visits.problems.clear()  # what the console says of each refusal
