"""Meshes and grayordinates in the explorer page; tests/browser checks what a browser shows."""

import base64
from functools import cache

import numpy as np
import pytest
from browser.cortices import LEFT, RIGHT, fsaverage5, patches, result_on, spheres_and_voxels
from explored import blobs_of, described, facts_of, queried

from bids_ari.analysis.result import ContrastResult
from bids_ari.images.encoding import label_cifti
from bids_ari.images.grayordinates import Grayordinates, frame_of
from bids_ari.report.explorer.page import explorer_page


def result_of(frame: Grayordinates, space: str = "custom") -> ContrastResult:
    return result_on(frame, patches(frame), space, "greater")


@cache
def mixed() -> tuple[ContrastResult, str]:
    """A result of spheres and voxels, and its page."""
    result = result_of(spheres_and_voxels())
    return result, explorer_page([result], None)


def test_clusters_of_the_page_are_those_of_the_forest() -> None:
    result, page = mixed()
    arrays = blobs_of(page)
    for tdp in (0.05, 0.5, 0.9, 1.0):
        assert queried(arrays, tdp) == described(result.forest.with_tdp(tdp))


def test_each_point_has_its_structure_and_its_vertex_or_voxel() -> None:
    result, page = mixed()
    axis, inside, facts = result.space.frame.axis, result.space.inside, facts_of(page)
    names = np.repeat(
        [each["name"] for each in facts["structures"]], [s["stop"] - s["start"] for s in facts["structures"]]
    )
    assert [f"CIFTI_STRUCTURE_{name}" for name in names] == axis.name[inside].tolist()
    assert [(each["title"], each["mesh"]) for each in facts["structures"]] == [
        ("left cortex", 0),
        ("left thalamus", -1),
        ("right cortex", 1),
    ]
    places = blobs_of(page)["place"]
    is_vertex = axis.vertex[inside] >= 0
    np.testing.assert_array_equal(places[is_vertex], axis.vertex[inside][is_vertex])
    voxels = np.unravel_index(places[~is_vertex], facts["grid"]["shape"])
    np.testing.assert_array_equal(np.transpose(voxels), axis.voxel[inside][~is_vertex])
    areas = blobs_of(page)["area"] * facts["areaStep"]
    np.testing.assert_allclose(areas, result.space.frame.areas[inside], atol=facts["areaStep"] / 2 + 1e-12)
    assert facts["sizes"] == ["area_mm2", "volume_mm3"]


def sides(triangles: np.ndarray) -> set[tuple[int, ...]]:
    """Triangles from their smallest vertex on: the side of the face is their direction."""
    turned = (np.roll(triangle, -int(triangle.argmin())) for triangle in triangles)
    return {tuple(triangle.tolist()) for triangle in turned}


def test_meshes_keep_their_triangles_and_coordinates() -> None:
    """As given, and inflated where the space has inflated meshes."""
    frame = fsaverage5()
    page = explorer_page([result_of(frame, "fsaverage")], None)
    arrays, facts = blobs_of(page), facts_of(page)
    assert [mesh["isRight"] for mesh in facts["meshes"]] == [False, True]
    assert [file["hemi"] for file in facts["labelFiles"]] == ["L", "R"]
    assert facts["sizes"] == ["area_mm2"]
    assert facts["grid"] is None
    for i, (mesh, told) in enumerate(zip(frame.meshes.values(), facts["meshes"], strict=True)):
        assert [shape["name"] for shape in told["shapes"]] == ["inflated", "pial"]
        assert sides(arrays[f"triangles-{i}"].reshape(3, -1).T) == sides(mesh.triangles)
        coordinates = arrays[f"coordinates-{i}-1"].reshape(3, -1).T * told["shapes"][1]["step"]
        np.testing.assert_allclose(coordinates, mesh.coordinates, atol=0.00501)
        inflated = arrays[f"coordinates-{i}-0"].reshape(3, -1).T
        assert np.abs(inflated - arrays[f"coordinates-{i}-1"].reshape(3, -1).T).max() > 500
        assert set(arrays[f"sulci-{i}"]) <= set(range(1, 21))
    assert len(page) < 2_000_000


def test_the_header_for_saved_labels_is_that_of_a_cifti_file() -> None:
    """The header and XML of a file of labels, from which the table of labels was taken out."""
    result, page = mixed()
    facts, axis = facts_of(page), result.space.frame.axis
    xml = blobs_of(page)["cifti"].tobytes()
    content = label_cifti(np.zeros(len(axis), dtype=np.int32), {}, axis, ["clusters"]).to_bytes()
    assert base64.b64decode(facts["header"]) == content[:540]
    start = content.index(b"<?xml")
    before, after = xml[: facts["labelTableAt"]], xml[facts["labelTableAt"] :]
    assert content[start:].startswith(before + b"<LabelTable>")
    assert b"</LabelTable>" + after in content
    np.testing.assert_array_equal(np.unpackbits(blobs_of(page)["mask"], count=len(axis)), result.space.inside)


@pytest.mark.parametrize("name", [LEFT, RIGHT])
def test_one_hemisphere_alone(name: str) -> None:
    both = spheres_and_voxels()
    frame = frame_of(both.axis[both.structures[name]], is_cifti=False).located({name: both.meshes[name]})
    facts = facts_of(explorer_page([result_of(frame)], None))
    assert [mesh["isRight"] for mesh in facts["meshes"]] == [name == RIGHT]
    assert [shape["name"] for shape in facts["meshes"][0]["shapes"]] == ["as given"]
    assert facts["vertex"] is not None
    assert facts["voxel"] is None


def test_voxels_of_a_cifti_file_alone() -> None:
    both = spheres_and_voxels()
    frame = frame_of(both.axis[~both.is_vertex])
    page = explorer_page([result_of(frame)], None)
    facts = facts_of(page)
    assert facts["meshes"] == []
    assert facts["sizes"] == ["volume_mm3"]
    assert facts["vertex"] is None
    assert 'id="surfaces"' not in page
    assert 'id="slices"' in page
