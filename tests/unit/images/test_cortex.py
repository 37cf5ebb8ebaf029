"""The cortex and the other voxels as they are shown."""

import numpy as np
from builders_cortex import grayordinates, surfaces

from bids_ari.images.cortex import hemispheres_of, towards_sulci, voxels_of
from bids_ari.images.gifti import LEFT, RIGHT
from bids_ari.images.mesh import Mesh

ROOF = Mesh(
    np.array([[x, y, 2.0 - abs(x)] for x in (-2, -1, 0, 1, 2) for y in (0, 1, 2)]),
    np.array(
        [[3 * i + j, 3 * i + j + 1, 3 * i + j + 3] for i in range(4) for j in range(2)]
        + [[3 * i + j + 1, 3 * i + j + 4, 3 * i + j + 3] for i in range(4) for j in range(2)],
        dtype=np.int32,
    ),
)
"""A ridge along y at x = 0."""


def test_positions_of_vertices() -> None:
    """Of grayordinates the last vertex of each hemisphere is not in the frame."""
    left, right = hemispheres_of(grayordinates(), None)
    assert (left.sides, right.sides) == ("L", "R")
    assert left.positions.tolist() == [*range(7), -1]
    assert right.positions.tolist() == [*range(7, 14), -1]
    points = np.full(14 + 96, -1, dtype=np.int32)
    points[[2, 9]] = [0, 1]  # the third vertex of each is tested
    assert left.points(points).tolist() == [-1, -1, 0, *[-1] * 5]
    assert right.points(points).tolist() == [-1, -1, 1, *[-1] * 5]


def test_one_hemisphere() -> None:
    (only,) = hemispheres_of(surfaces("R"), None)
    assert only.sides == "R"
    assert only.positions.tolist() == list(range(8))


def test_meshes_of_the_analysis_are_shown_where_no_inflated_ones_are_known() -> None:
    frame = surfaces()
    left, right = hemispheres_of(frame, "fsaverage")
    assert left.mesh is frame.meshes[LEFT]
    assert right.mesh is frame.meshes[RIGHT]
    np.testing.assert_array_equal(left.sulci, left.mesh.sulci)


def test_inflated_meshes_have_the_sulci_of_the_folded_ones() -> None:
    """fsaverage5 comes with nilearn: inflated meshes and sulcal depth of 10,242 vertices."""
    from nilearn.datasets import load_fsaverage

    pial = {
        name: Mesh(part.coordinates.astype(float), part.faces.astype(np.int32))
        for name, part in zip((LEFT, RIGHT), load_fsaverage()["pial"].parts.values(), strict=True)
    }
    from bids_ari.images.grayordinates import surfaces as all_vertices

    frame = all_vertices(((LEFT, 10242), (RIGHT, 10242))).located(pial)
    left, right = hemispheres_of(frame, "fsaverage5")
    assert np.ptp(left.mesh.coordinates[:, 1]) > 200  # inflated
    for each, mesh in ((left, pial[LEFT]), (right, pial[RIGHT])):
        assert 0 <= each.sulci.min() < each.sulci.max() <= 1
        assert np.corrcoef(each.sulci, mesh.sulci)[0, 1] > 0.3


def test_voxels_have_their_positions() -> None:
    """The positions of the voxels follow those of 14 vertices; a VolumeSpace has its voxels in C order."""
    frame = grayordinates()
    inside = np.ones(frame.shape, dtype=bool)
    inside[[0, 20]] = False  # a vertex and a voxel
    found = voxels_of(frame.space(inside))
    assert found is not None
    assert found.positions.tolist() == [i for i in range(14, 110) if i != 20]
    np.testing.assert_array_equal(found.space.coordinates(), frame.coordinates[found.positions])
    assert voxels_of(surfaces().space(np.ones(16, dtype=bool))) is None


def test_sulcal_depth_has_the_sign_of_the_folding() -> None:
    """The ridge is a gyrus: its depth is lowest. Files of the HCP have the opposite sign."""
    depth = np.abs(ROOF.coordinates[:, 0]) / 2
    for values in (depth, 1 - depth):
        np.testing.assert_allclose(towards_sulci(values, ROOF), depth)
