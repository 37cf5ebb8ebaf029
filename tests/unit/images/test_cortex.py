"""The cortex as it is shown: which position is at each vertex, and sulci."""

import numpy as np
from nibabel.cifti2.cifti2_axes import BrainModelAxis

from bids_ari.images.cortex import cortices, scaled_depth
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
"""A ridge along y at x = 0; 15 vertices."""

AXIS = (
    BrainModelAxis.from_surface([0, 2, 14], 15, LEFT)
    + BrainModelAxis.from_mask(np.ones((1, 1, 2), dtype=bool), "thalamus_left", np.eye(4))
    + BrainModelAxis.from_surface([7], 15, RIGHT)
)
"""Positions 0-2 on the left, 3 and 4 are voxels, 5 is on the right."""


def test_positions_of_vertices() -> None:
    left, right = cortices(AXIS, {LEFT: ROOF, RIGHT: ROOF})
    assert (left.sides, right.sides) == ("L", "R")
    assert {i: p for i, p in enumerate(left.positions.tolist()) if p >= 0} == {0: 0, 2: 1, 14: 2}
    assert {i: p for i, p in enumerate(right.positions.tolist()) if p >= 0} == {7: 5}
    points = right.points(np.array([-1, 0, 1, -1, 2, 3], dtype=np.int32))
    assert points.tolist() == [-1] * 7 + [3] + [-1] * 7
    assert left.points(np.array([-1, 0, 1, -1, 2, 3], dtype=np.int32))[0] == -1  # not tested


def test_structures_without_a_mesh_are_left_out() -> None:
    (only,) = cortices(AXIS, {RIGHT: ROOF})
    assert only.sides == "R"


def test_the_mesh_that_is_shown_may_be_another() -> None:
    flat = Mesh(ROOF.coordinates * [1, 1, 0], ROOF.triangles)
    left, right = cortices(AXIS, {LEFT: ROOF, RIGHT: ROOF}, {LEFT: flat})
    assert left.mesh is flat
    assert right.mesh is ROOF
    np.testing.assert_array_equal(left.sulci, ROOF.sulci)  # those of the folded mesh


def test_sulcal_depth_is_scaled_and_has_the_sign_of_the_folding() -> None:
    """The ridge is a gyrus: its depth is lowest. Files of the HCP have the opposite sign."""
    depth = np.abs(ROOF.coordinates[:, 0]) - 1  # -1 on the ridge
    ridge = ROOF.coordinates[:, 0] == 0
    for sign in (1, -1):
        scaled = scaled_depth(sign * depth, ROOF)
        assert scaled[ridge].max() == 0
        assert scaled.max() == 1
    assert (scaled_depth(np.full(15, 3.0), ROOF) == 0.5).all()
    assert np.isfinite(scaled_depth(np.where(ridge, np.nan, depth), ROOF)).all()
