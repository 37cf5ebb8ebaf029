"""Frames and spaces of vertices and grayordinates."""

from collections.abc import Mapping
from itertools import pairwise

import nibabel as nib
import numpy as np
import pytest
from nibabel.cifti2.cifti2_axes import BrainModelAxis

from bids_ari.images.gifti import LEFT, RIGHT
from bids_ari.images.grayordinate_space import GrayordinateSpace, SurfaceSpace
from bids_ari.images.grayordinates import Grayordinates, frame_of, surfaces
from bids_ari.images.mesh import Mesh

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
PUTAMEN = "CIFTI_STRUCTURE_PUTAMEN_LEFT"
CAUDATE = "CIFTI_STRUCTURE_CAUDATE_LEFT"


def octahedron(radius: float, x: float = 0.0) -> Mesh:
    """Six vertices: +x, -x, +y, -y, +z, -z of a centre, of which only opposite ones are no neighbours."""
    places = radius * np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], dtype=float)
    triangles = [[i, j, k] for i in (0, 1) for j in (2, 3) for k in (4, 5)]
    return Mesh(places + np.array([x, 0, 0]), np.array(triangles, dtype=np.int32))


MESHES: Mapping[str, Mesh] = {LEFT: octahedron(1.0, -3.0), RIGHT: octahedron(2.0, 3.0)}


@pytest.fixture
def mixed() -> Grayordinates:
    """Four vertices of the right octahedron, then two voxels of the putamen and one of the caudate in a row."""
    voxels = nib.cifti2.BrainModelAxis(
        [PUTAMEN, PUTAMEN, CAUDATE],
        voxel=np.array([[1, 1, 1], [1, 1, 2], [1, 1, 3]]),
        affine=AFFINE,
        volume_shape=(5, 5, 5),
    )
    axis = BrainModelAxis.from_surface(np.array([5, 0, 2, 1]), 6, RIGHT) + voxels
    return frame_of(axis).located(MESHES)


def located(frame: Grayordinates) -> Grayordinates:
    return frame.located(MESHES)


class TestFrame:
    def test_pairs_are_surfaces_and_files_of_one_kind_share_a_frame(self) -> None:
        pair = surfaces(((LEFT, 6), (RIGHT, 6)))
        assert (pair.shape, pair.unit, pair.is_cifti) == ((12,), "vertex", False)
        assert surfaces(((LEFT, 6), (RIGHT, 6))) is pair
        assert str(pair) == "6 vertices of the left cortex and 6 vertices of the right cortex"

    def test_frames_match_by_their_vertices_and_voxels(self, mixed: Grayordinates) -> None:
        same = frame_of(BrainModelAxis.from_surface(np.array([5, 0, 2, 1]), 6, RIGHT) + mixed.axis[4:])
        other = frame_of(BrainModelAxis.from_surface(np.array([5, 0, 2, 3]), 6, RIGHT) + mixed.axis[4:])
        assert mixed.matches(same)
        assert mixed.fingerprint == same.fingerprint
        assert not mixed.matches(other)
        assert mixed.fingerprint != other.fingerprint
        larger = BrainModelAxis(mixed.axis.name[4:], voxel=mixed.axis.voxel[4:], affine=AFFINE, volume_shape=(6, 5, 5))
        assert frame_of(larger).matches(frame_of(mixed.axis[4:])) == (
            frame_of(larger).fingerprint == frame_of(mixed.axis[4:]).fingerprint
        )

    def test_zeros_connected_to_the_wall_are_missing(self) -> None:
        """Vertices 0 and 1 are opposite, so that 2 to 5 connect them; a zero beside values is one itself."""
        frame = located(surfaces(((LEFT, 6),)))
        values = np.array([0.0, 1, 0, 2, np.nan, 3])
        assert np.flatnonzero(frame.missing(values)).tolist() == [4]
        wall = np.array([True, False, False, False, False, False])
        assert np.flatnonzero(frame.walled(wall).missing(values)).tolist() == [0, 2, 4]
        opposite = np.array([0.0, 0, 1, 2, 3, 4])
        assert np.flatnonzero(frame.walled(wall).missing(opposite)).tolist() == [0]

    def test_structures_without_data_are_named(self, mixed: Grayordinates) -> None:
        everywhere = mixed.profile(np.ones(7, dtype=bool))
        assert everywhere[0].tolist() == [4, 2, 1]
        own = mixed.profile(np.array([1, 1, 1, 1, 0, 0, 1], dtype=bool))
        assert mixed.lacking(own, everywhere) == "left putamen"

    def test_a_constant_stays_constant_where_nothing_is_missing(self, mixed: Grayordinates) -> None:
        np.testing.assert_allclose(mixed.smooth(np.full(7, 3.0), 4.0), 3.0, rtol=1e-6)


class TestSpace:
    def test_neighbours_are_sides_of_triangles_and_voxels_across_structures(self, mixed: Grayordinates) -> None:
        """Positions 0 to 3 are the vertices -z, +x, +y, -x: all are neighbours but 1 and 3. Voxels: 4-5-6."""
        space = mixed.space(np.ones(7, dtype=bool))
        assert isinstance(space, GrayordinateSpace)
        neighbours = space.adjacency(6)
        lists = [sorted(neighbours.neighbours[a:b].tolist()) for a, b in pairwise(neighbours.starts)]
        assert lists == [[1, 2, 3], [0, 2], [0, 1, 3], [0, 2], [5], [4, 6], [5]]

    def test_sizes_are_areas_and_volumes(self, mixed: Grayordinates) -> None:
        """An octahedron of radius 2 has 8 triangles of 2 sqrt(3) mm2 (side 2 sqrt(2)), of which each vertex has 4/3."""
        space = mixed.space(np.ones(7, dtype=bool))
        area = 8 / 3 * np.sqrt(3)
        assert space.sizes() == {"area_mm2": pytest.approx(4 * area), "volume_mm3": pytest.approx(3 * 8)}
        assert space.sizes(np.array([0, 6])) == {"area_mm2": pytest.approx(area), "volume_mm3": pytest.approx(8)}
        assert space.active_sizes(np.array([0, 1, 6]), 2) == {"active_area_mm2": pytest.approx(area)}
        assert space.active_sizes(np.array([0, 1, 6]), 1) == {"active_area_mm2": 0}

    def test_places(self, mixed: Grayordinates) -> None:
        space = mixed.space(np.array([1, 1, 0, 1, 1, 0, 1], dtype=bool))
        assert space.n_points == 5
        np.testing.assert_array_equal(space.coordinates(np.array([0, 3])), [[3, 0, -2], [2, 2, 2]])
        found = space.places(np.array([1, 4]))
        assert list(found["structure"]) == ["CORTEX_RIGHT", "CAUDATE_LEFT"]
        np.testing.assert_array_equal(found["vertex"], [0, np.nan])

    def test_distances_are_along_edges_or_between_voxels(self, mixed: Grayordinates) -> None:
        """From +x to -x of radius 2: two sides of 2 sqrt(2)."""
        space = mixed.space(np.ones(7, dtype=bool))
        side = 2 * np.sqrt(2)
        np.testing.assert_allclose(space.distances(1, np.arange(7), 100.0), [side, 0, side, 2 * side, *[np.inf] * 3])
        np.testing.assert_allclose(space.distances(1, np.arange(4), 3.0), [side, 0, side, np.inf])
        np.testing.assert_allclose(space.distances(4, np.arange(7), 3.0), [*[np.inf] * 4, 0, 2, np.inf])

    def test_peaks(self, mixed: Grayordinates) -> None:
        space = mixed.space(np.ones(7, dtype=bool))
        assert np.flatnonzero(space.local_maxima(np.array([1.0, 5, 2, 4, 7, 7, 1]))).tolist() == [1, 3, 4, 5]

    def test_images_of_both_kinds(self, mixed: Grayordinates) -> None:
        image = mixed.space(np.array([1, 1, 0, 1, 1, 0, 1], dtype=bool)).image(np.arange(1.0, 6), np.nan)
        np.testing.assert_array_equal(image.get_fdata(), [[1, 2, np.nan, 3, 4, np.nan, 5]])
        pair = located(surfaces(((LEFT, 6), (RIGHT, 6))))
        space = pair.space(np.arange(12) != 1)
        assert isinstance(space, SurfaceSpace)
        surface = space.image(np.arange(11.0))
        np.testing.assert_array_equal(surface.data.parts["left"], [0, 0, 1, 2, 3, 4])
        np.testing.assert_array_equal(surface.data.parts["right"], [5, 6, 7, 8, 9, 10])
        surface.mesh.parts["left"].coordinates -= 1  # as plot_surf of nilearn does, of its copy without one
        assert not np.array_equal(surface.mesh.parts["left"].coordinates, pair.meshes[LEFT].coordinates)
        (left, right) = space.files(np.arange(11.0))
        assert (left.entities, left.extension) == ({"hemi": "L"}, ".func.gii")
        np.testing.assert_array_equal(right.image.darrays[0].data, [5, 6, 7, 8, 9, 10])
        assert left.image.darrays[0].intent == nib.nifti1.intent_codes["NIFTI_INTENT_SHAPE"]

    @pytest.mark.parametrize(("stat", "code"), [("z", 5), ("t", 3), ("F", 4), ("effect", 2005), ("tdp", 2005)])
    def test_gifti_files_have_the_intent_of_their_statistic(self, stat: str, code: int) -> None:
        """Codes of the NIfTI standard: a z score, a t and an F test, a shape."""
        space = located(surfaces(((LEFT, 6), (RIGHT, 6)))).space(np.ones(12, dtype=bool))
        assert [file.image.darrays[0].intent for file in space.files(np.arange(12.0), stat=stat)] == [code, code]
