"""The explorer of surfaces and grayordinates: numbers of Python, and hemispheres that are turned and picked."""

import io
from typing import TYPE_CHECKING, Any

import matplotlib.image
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from browser.brains import TARGETS
from browser.browsing import WIDTHS, Visits, overflowing, settle, tab_through, violations
from browser.cortices import LEFT, RIGHT, of_grayordinates, of_surfaces
from browser.test_explorer_numbers import listed, saved

from bids_ari.analysis.result import ContrastResult
from bids_ari.images.display_meshes import display_meshes
from bids_ari.images.mesh import Mesh

if TYPE_CHECKING:
    from playwright.sync_api import Page

NO_WEBGL = """
const get = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, more) {
  return kind.startsWith("webgl") ? null : get.call(this, kind, more);
};
"""


def places_of(result: ContrastResult) -> list[list[int]]:
    """Mesh and vertex, or the voxel, of each point."""
    frame, inside = result.space.frame, result.space.inside
    meshes = list(frame.meshes)
    rows = zip(frame.axis.name[inside], frame.axis.vertex[inside], frame.axis.voxel[inside], strict=True)
    return [[meshes.index(name), int(vertex)] if vertex >= 0 else voxel.tolist() for name, vertex, voxel in rows]


def state(page: "Page") -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("explorer.state()")
    return found


@pytest.mark.parametrize("explorer", [of_surfaces, of_grayordinates])
def test_clusters_labels_and_table_are_those_of_python(visits: Visits, explorer: Any) -> None:
    path, results = explorer()
    page = visits.explorer(path)
    for result in results:
        page.locator("#direction").select_option(result.alternative)
        where = places_of(result)
        for i, target in enumerate(TARGETS):
            found = page.evaluate("(target) => { explorer.setTdp(target); return explorer.clusters(); }", target)
            assert [(each["label"], each["size"], each["tdn"], each["peak"]) for each in found] == [
                (each.label, each.size, each.tdn, where[each.peak]) for each in result.forest.with_tdp(target)
            ]
            if result is results[0] or not i % 5:
                np.testing.assert_array_equal(page.evaluate("explorer.labels()"), result.labels(tdp=target))
        assert len({len(result.forest.with_tdp(target)) for target in TARGETS}) > 3
        page.evaluate("explorer.setTdp(0.5)")
        table, expected = pd.read_csv(saved(page, "#save-table"), sep="\t"), result.table(tdp=0.5)
        assert len(table) == len(expected) > 1
        for column in ("label", "size", "tdn", "tdp", "peak_stat", "peak_x", "peak_y", "peak_z"):
            np.testing.assert_allclose(table[column], expected[column], rtol=0, atol=0.00501, err_msg=column)
        areas, least = table["active_area_mm2"], expected["active_area_mm2"]
        assert ((areas <= least + 0.00501) & (areas >= 0.999 * least - 0.02)).all()  # a lower bound
        for cluster, row in zip(result.forest.with_tdp(0.5), table.to_dict("records"), strict=True):
            for name, size in result.space.sizes(cluster.points).items():
                assert row[name] == pytest.approx(size, rel=1e-4, abs=0.01)  # areas have 16 bits
            *_, vertex = where[cluster.peak] if len(where[cluster.peak]) == 2 else ["n/a"]
            name = result.space.frame.axis.name[np.flatnonzero(result.space.inside)[cluster.peak]]
            assert (row["peak_structure"], str(row["peak_vertex"]).removesuffix(".0")) in {
                (name.removeprefix("CIFTI_STRUCTURE_"), str(vertex)),
                (name.removeprefix("CIFTI_STRUCTURE_"), "nan"),
            }


def test_saved_labels_are_those_of_python(visits: Visits) -> None:
    """GIFTI for each hemisphere, CIFTI with voxels: values, positions and the names of labels."""
    explorer = of_surfaces()
    page, result = visits.explorer(explorer.path), explorer.result
    page.evaluate("explorer.setTdp(0.5)")
    clusters, labels = result.forest.with_tdp(0.5), result.space.unmask(result.labels(tdp=0.5))
    names = {0: "???"} | {cluster.label: f"cluster {cluster.label}" for cluster in clusters}
    for button, side, structure in (("#save-labels", "L", LEFT), ("#save-labels-1", "R", RIGHT)):
        path = saved(page, button)
        assert f"_hemi-{side}_" in path.name
        assert path.name.endswith("_desc-greaterTdp50_dseg.label.gii")
        image = nib.load(path)
        np.testing.assert_array_equal(image.agg_data(), labels[result.space.frame.structures[structure]])
        assert image.labeltable.get_labels_as_dict() == names
        assert image.meta["AnatomicalStructurePrimary"] == {"L": "CortexLeft", "R": "CortexRight"}[side]
    explorer = of_grayordinates()
    page, result = visits.explorer(explorer.path), explorer.result
    page.evaluate("explorer.setTdp(0.5)")
    path = saved(page, "#save-labels")
    assert path.name.endswith("_dseg.dlabel.nii")
    image, clusters = nib.load(path), result.forest.with_tdp(0.5)
    (table,) = image.header.get_axis(0).label
    assert image.header.get_axis(1) == result.space.frame.axis
    np.testing.assert_array_equal(np.asarray(image.dataobj)[0], result.space.unmask(result.labels(tdp=0.5)))
    assert [table[key][0] for key in sorted(table)] == ["???", *(f"cluster {each.label}" for each in clusters)]
    assert len(clusters) > 2


def click(page: "Page", mesh: int, vertex: int) -> list[int]:
    """Click a vertex; return the one at which the crosshair is then."""
    settle(page)
    x, y, _ = page.evaluate("(place) => explorer.pixelOf(...place)", [mesh, vertex])
    page.locator(f"#surface-{mesh}").click(position={"x": x, "y": y})
    found: list[int] = state(page)["vertex"]
    return found


def ends(mesh: Mesh, axis: int, side: int) -> list[int]:
    """Return vertices at an end of a mesh, the last of which is surely seen from there."""
    return [int(i) for i in np.argsort(side * mesh.coordinates[:, axis])[-27::13]]


VIEWS = {"lateral": (0, -1), "medial": (0, 1), "dorsal": (2, 1), "ventral": (2, -1), "anterior": (1, 1)}
VIEWS |= {"posterior": (1, -1)}
"""From which end of which axis each view of the left hemisphere looks."""


def test_a_click_picks_the_vertex_that_is_seen_there(visits: Visits) -> None:
    """In every view of both hemispheres, inflated and as given; what is said of it is what Python has."""
    explorer = of_surfaces()
    page, result = visits.explorer(explorer.path), explorer.result
    frame = result.space.frame
    shown = display_meshes({name: mesh.n_vertices for name, mesh in frame.meshes.items()}, "fsaverage")
    assert shown is not None
    for shape, meshes in (("inflated", shown.inflated), ("pial", frame.meshes)):
        page.locator("#shape").select_option(shape)
        for view, (axis, side) in VIEWS.items():
            page.locator(f"button[data-view={view}]").click()
            for number, name in enumerate((LEFT, RIGHT)):
                seen_from = side * (-1 if axis == 0 and name == RIGHT else 1)
                for vertex in ends(meshes[name], axis, seen_from)[-3 if shape == "inflated" else -1 :]:
                    assert click(page, number, vertex) == [number, vertex], (shape, view, name)
    number, vertex = state(page)["vertex"]
    place = frame.meshes[RIGHT].coordinates[vertex]
    facts = listed(page, "crosshair")
    (point,) = np.flatnonzero((frame.axis.name == RIGHT) & (frame.axis.vertex == vertex))
    position = int(np.count_nonzero(result.space.inside[:point]))
    assert (facts["structure"], facts["vertex"]) == ("right cortex", str(vertex))
    np.testing.assert_allclose([float(x) for x in facts["x, y, z"].removesuffix(" mm").split(",")], place, atol=0.06)
    assert float(facts["z"]) == pytest.approx(result.glm.z[position], abs=0.00501)
    assert (page.locator("#mesh").input_value(), page.locator("#vertex").input_value()) == ("1", str(vertex))


def test_the_camera_turns_zooms_and_comes_back(visits: Visits) -> None:
    """By mouse, wheel, keys and buttons, right hemispheres as in a mirror; a link brings all back."""
    explorer = of_surfaces()
    page = visits.explorer(explorer.path)
    camera = "explorer.camera()"
    first = page.evaluate(camera)
    left, right = page.locator("#surface-0"), page.locator("#surface-1")
    box = left.bounding_box()
    assert box is not None
    at_first = state(page)
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 120, steps=4)
    page.mouse.up()
    assert state(page) == at_first  # a drag picks nothing
    turned = page.evaluate(camera)
    assert (turned["around"], turned["above"]) == (-120, 10)
    left.press("ArrowLeft")
    right.press("ArrowRight")
    right.press("ArrowDown")
    assert page.evaluate(camera) == turned | {"around": -90, "above": 25}
    right.hover()
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    left.press("+")
    assert page.evaluate(f"{camera}.zoom") == pytest.approx(1.25 * 1.25)
    page.locator("#shape").select_option("pial")
    page.locator("#vertex").fill("77")
    page.locator("#vertex").press("Enter")
    page.wait_for_timeout(600)  # addresses are written at most every fifth of a second
    again = visits.explorer(explorer.path, place=page.evaluate("location.hash"))
    assert state(again) == state(page)
    assert again.locator("#shape").input_value() == "pial"
    restored, expected = again.evaluate(camera), page.evaluate(camera)
    assert restored["zoom"] == pytest.approx(expected["zoom"], abs=0.01)
    assert (restored["around"], restored["above"]) == (expected["around"], expected["above"])
    left.press("Home")
    assert page.evaluate(camera) == first


def test_keys_and_rows_lead_to_vertices_and_voxels(visits: Visits) -> None:
    """Rows of the table to peaks, which are turned to the front; Shift and arrows to a neighbour; and back by undo."""
    explorer = of_grayordinates()
    page, result = visits.explorer(explorer.path), explorer.result
    page.evaluate("explorer.setTdp(0.5)")
    settle(page)
    where = places_of(result)
    kinds = set()
    for cluster in result.forest.with_tdp(0.5)[:6]:
        page.locator(f"#clusters tr[data-label='{cluster.label}'] button").click()
        found = state(page)
        place = found["vertex"] or found["voxel"]
        assert place == where[cluster.peak]
        kinds.add(len(place))
        settle(page)
        if len(place) == 2:
            *_, depth = page.evaluate("(place) => explorer.pixelOf(...place)", place)
            assert depth > 0
    assert kinds == {2, 3}
    before = state(page)
    page.locator("#mesh").select_option("0")
    page.locator("#vertex").fill("300")
    page.locator("#vertex").press("Enter")
    assert state(page)["vertex"] == [0, 300]
    settle(page)
    pixel = page.evaluate("explorer.pixelOf(0, 300)")
    page.locator("#surface-0").press("Shift+ArrowUp")
    (number, vertex) = state(page)["vertex"]
    mesh = result.space.frame.meshes[LEFT]
    assert number == 0
    assert mesh.graph[[300], [vertex]] > 0
    assert page.evaluate(f"explorer.pixelOf(0, {vertex})")[1] < pixel[1]
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert state(page) == before


@pytest.mark.parametrize("radius", [1, 9, 24])
def test_the_bound_within_a_distance_is_that_of_python(visits: Visits, radius: int) -> None:
    """Along edges from a vertex, straight from a voxel."""
    explorer = of_grayordinates()
    page, result = visits.explorer(explorer.path), explorer.result
    points = np.arange(result.space.n_points)
    for point in (60, 700, 900, 1400):
        page.evaluate("(point) => explorer.goTo(point)", point)
        page.locator("#radius").fill(str(radius))
        near = points[result.space.distances(point, points, radius + 1e-9) <= radius]
        size, tdn, _ = (text.replace(",", "") for text in listed(page, "sphere").values())
        assert (int(size), int(tdn)) == (near.size, result.bound.tdn(near))


def test_the_saved_picture_has_clusters_where_their_vertices_are(visits: Visits) -> None:
    """Coloured in clusters, grey elsewhere: WebGL draws what the table says."""
    explorer = of_surfaces()
    page, result = visits.explorer(explorer.path), explorer.result
    page.evaluate("explorer.setTdp(0.5)")
    page.locator("#outlines").uncheck()
    settle(page)
    labels = result.space.unmask(result.labels(tdp=0.5))[result.space.frame.structures[LEFT]]
    picture = matplotlib.image.imread(io.BytesIO(saved(page, "#save-picture").read_bytes()))
    shown = display_meshes({LEFT: 10242, RIGHT: 10242}, "fsaverage")
    assert shown is not None
    facing = np.flatnonzero(shown.inflated[LEFT].normals[:, 0] < -0.8)
    coloured = np.ptp(picture[..., :3], axis=2)
    for chosen, is_coloured in ((facing[labels[facing] > 0], True), (facing[labels[facing] == 0], False)):
        pixels = np.array([page.evaluate(f"explorer.pixelOf(0, {vertex})")[:2] for vertex in chosen[::29]])
        columns, rows = (pixels + np.array([12, 40])).astype(int).T
        assert len(pixels) > 3
        assert np.mean((coloured[rows, columns] > 0.2) == is_coloured) > 0.9


def test_a_region_is_drawn_where_there_are_no_slices(visits: Visits) -> None:
    """A click adds the vertices within the radius; errors of the page fail each test."""
    explorer = of_surfaces()
    page = visits.explorer(explorer.path)
    page.locator("#draw").click()
    assert page.locator("#draw").get_attribute("aria-pressed") == "true"
    page.locator("#surface-0").click()
    settle(page)
    (stroke,) = state(page)["drawn"]
    assert stroke["kind"] == "vertex"


@pytest.mark.parametrize("explorer", [of_surfaces, of_grayordinates])
def test_without_webgl_everything_else_works(visits: Visits, explorer: Any) -> None:
    path, (result, *_) = explorer()
    page = visits.explorer(path, before=NO_WEBGL)
    assert "WebGL" in page.locator("#no-surfaces").inner_text()
    assert page.locator("#surfaces").is_hidden()
    page.evaluate("explorer.setTdp(0.5)")
    settle(page)
    np.testing.assert_array_equal(page.evaluate("explorer.labels()"), result.labels(tdp=0.5))
    page.locator("#clusters tbody tr button").first.click()
    settle(page)
    assert "highest TDP" in listed(page, "crosshair")
    assert len(pd.read_csv(saved(page, "#save-table"), sep="\t")) == len(result.forest.with_tdp(0.5))


def test_layout_and_access_at_every_width(visits: Visits) -> None:
    page = visits.explorer(of_grayordinates().path)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        settle(page)
        assert overflowing(page) == [], width
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        settle(page)
        assert violations(page) == []
    expected, reached, unseen = tab_through(page)
    assert reached == expected
    assert unseen == []
    words = page.locator("#surface-0").get_attribute("aria-label") or ""
    assert "left cortex" in words
    assert "lateral" in words
