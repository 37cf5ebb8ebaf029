"""Views of meshes: which vertex is seen at which pixel, light, cover, and the directions of the views."""

from functools import cache
from typing import get_args

import numpy as np
import pytest

from bids_ari.images.mesh import Mesh
from bids_ari.images.views import VIEWS, Rendering, ViewName, axes_of, beside, extent, render

DORSAL = axes_of("dorsal")
TO_LIGHT = np.array([-0.2, -0.35, 1.0]) / np.linalg.norm([-0.2, -0.35, 1.0])
"""Right, down, towards the viewer."""


def sphere(radius: float = 10.0, n: int = 40) -> Mesh:
    """A sphere about the origin with poles at the top and the bottom."""
    height, angle = np.meshgrid(np.linspace(0, np.pi, n), np.linspace(0, 2 * np.pi, 2 * n, endpoint=False))
    sine = np.sin(height)
    places = radius * np.stack([sine * np.cos(angle), sine * np.sin(angle), np.cos(height)], axis=-1)
    index = np.arange(2 * n * n).reshape(2 * n, n)
    a, b, c, d = index[:, :-1], index[:, 1:], np.roll(index, -1, axis=0)[:, :-1], np.roll(index, -1, axis=0)[:, 1:]
    triangles = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([b, d, c], -1).reshape(-1, 3)])
    return Mesh(places.reshape(-1, 3), triangles.astype(np.int32))


def tetrahedron() -> Mesh:
    """A base at z = 0 and a tip above its centre."""
    corners = np.array([[-6.0, -6, 0], [6, -6, 0], [0, 6, 0], [0, -2, 5]])
    return Mesh(corners, np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]], dtype=np.int32))


def patch(x: float, z: float) -> tuple[np.ndarray, np.ndarray]:
    """A square of 4 mm that looks upwards, as coordinates and triangles."""
    corners = np.array([[x - 2, -2, z], [x + 2, -2, z], [x + 2, 2, z], [x - 2, 2, z]], dtype=float)
    return corners, np.array([[0, 1, 2], [0, 2, 3]])


def of_patches(*places: tuple[float, float]) -> Mesh:
    parts = [patch(*place) for place in places]
    triangles = [triangles + 4 * i for i, (_, triangles) in enumerate(parts)]
    return Mesh(np.concatenate([part[0] for part in parts]), np.concatenate(triangles).astype(np.int32))


@cache
def seen() -> Rendering:
    """The sphere from above, with the x of vertices as values."""
    return render(sphere(), DORSAL, 0.25, (101, 121), sphere().coordinates[:, 0])


X, Y = (np.arange(121) - 60) * 0.25, -(np.arange(101) - 50)[:, None] * 0.25


class TestSphere:
    """Of radius 10 in pixels of 0.25 mm: it fills a disc with a radius of 40 pixels."""

    def test_it_covers_a_disc(self) -> None:
        distance = np.hypot(X, Y)
        assert (seen().cover[distance < 9.6] == 1).all()
        assert (seen().cover[distance > 10.2] == 0).all()
        assert (seen().vertices[distance > 10.2] == -1).all()
        assert seen().cover.sum() * 0.25**2 == pytest.approx(np.pi * 100, rel=0.01)
        assert np.unique(seen().cover).size > 2  # a smooth edge

    def test_the_vertex_is_near_and_in_front(self) -> None:
        """Vertices are at most 10 pi / 39 mm apart along a meridian."""
        found = sphere().coordinates[seen().vertices]
        is_inside = np.hypot(X, Y) < 9
        apart = np.hypot(found[..., 0] - X, found[..., 1] - Y)
        assert apart[is_inside].max() < 10 * np.pi / 39
        assert (found[..., 2][is_inside] > 0).all()

    def test_light_is_the_cosine_of_the_angle(self) -> None:
        """The normal of a sphere is the direction from its centre; rows run down."""
        z = np.sqrt(np.maximum(100 - X**2 - Y**2, 0))
        normal = np.stack(np.broadcast_arrays(X, -Y, z), axis=-1) / 10
        is_inside = np.hypot(X, Y) < 9
        np.testing.assert_allclose(seen().light[is_inside], np.maximum(normal @ TO_LIGHT, 0)[is_inside], atol=0.02)
        assert (seen().light[seen().cover == 0] == 0).all()

    def test_values_are_interpolated(self) -> None:
        """The value of a vertex is its x, which is that of the pixel, within the error of flat triangles."""
        is_inside = np.hypot(X, Y) < 9
        np.testing.assert_allclose(seen().values[is_inside], np.broadcast_to(X, is_inside.shape)[is_inside], atol=1e-9)

    def test_the_order_of_corners_does_not_matter(self) -> None:
        inside_out = Mesh(sphere().coordinates, sphere().triangles[:, ::-1])
        np.testing.assert_allclose(render(inside_out, DORSAL, 0.25, (101, 121)).light, seen().light, atol=1e-3)


def test_a_tetrahedron_from_all_sides() -> None:
    """From above the tip and its three faces; from below the base alone, so never the tip."""
    above, below = (render(tetrahedron(), axes_of(view), 0.5, (41, 41)) for view in ("dorsal", "ventral"))
    assert above.vertices[26, 20] == 3  # the tip is 2 mm, 4 pixels, behind the middle of the base, at y = -2 + 5/...
    assert set(np.unique(below.vertices)) == {-1, 0, 1, 2}
    # areas in mm2: base 12 x 12 / 2 from above and below; from the front, width 12, height 5
    front = render(tetrahedron(), axes_of("anterior"), 0.5, (41, 41))
    for seen, area in ((above, 72), (below, 72), (front, 30)):
        assert seen.cover.sum() * 0.25 == pytest.approx(area, rel=0.05)


def test_the_nearest_hides_the_others() -> None:
    """Three squares above one another, in any order of the file: the highest is seen."""
    for heights in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        seen = render(of_patches(*((0.0, float(z)) for z in heights)), DORSAL, 0.5, (9, 9))
        assert set(np.unique(seen.vertices // 4)) <= {-1, heights.index(2)}
        seen = render(of_patches(*((0.0, float(z)) for z in heights)), axes_of("ventral"), 0.5, (9, 9))
        assert set(np.unique(seen.vertices // 4)) <= {-1, heights.index(0)}


def test_triangles_that_cannot_be_seen_are_not_drawn() -> None:
    """From its edge, without an area, or with corners that are not numbers; and what is off the picture."""
    assert render(of_patches((0, 0)), axes_of("anterior"), 0.5, (9, 9)).cover.sum() == 0
    flat = of_patches((0, 0), (10, 0))
    flat.coordinates[4:] = np.nan
    assert render(flat, DORSAL, 0.5, (9, 9)).cover.sum() == 0  # no middle
    assert render(sphere(1000), DORSAL, 0.5, (9, 9)).cover.sum() == 81


@pytest.mark.parametrize(
    ("view", "hemisphere", "right", "up", "seen"),
    [
        ("lateral", "L", "-y", "z", "-x"),
        ("medial", "L", "y", "z", "x"),
        ("lateral", "R", "y", "z", "x"),
        ("medial", "R", "-y", "z", "-x"),
        ("dorsal", "L", "x", "y", "z"),
        ("ventral", "L", "-x", "y", "-z"),
        ("anterior", "L", "-x", "z", "y"),
        ("posterior", "L", "x", "z", "-y"),
    ],
)
def test_directions_of_views(view: ViewName, hemisphere: str, right: str, up: str, seen: str) -> None:
    """By looking at a head: what is on the right of the picture, on top of it, and nearest to the viewer."""

    def unit(name: str) -> np.ndarray:
        return np.eye(3)["xyz".index(name[-1])] * (-1 if name[0] == "-" else 1)

    np.testing.assert_array_equal(axes_of(view, hemisphere), [unit(right), -unit(up), unit(seen)])


def test_all_views_are_named() -> None:
    assert get_args(ViewName) == VIEWS
    for view in VIEWS:
        assert np.linalg.det(axes_of(view)) == pytest.approx(-1)  # right, down, away from the viewer are right-handed


def test_hemispheres_that_overlap_are_moved_apart() -> None:
    """Two spheres about the origin; and two that are apart already."""
    both = beside([sphere(), sphere(5)])
    n = sphere().n_vertices
    left, right = both.coordinates[:n], both.coordinates[n:]
    assert left[:, 0].max() < right[:, 0].min()
    assert both.triangles.max() == 2 * n - 1
    far = Mesh(sphere().coordinates + np.array([40.0, 0, 0]), sphere().triangles)
    np.testing.assert_array_equal(beside([sphere(), far]).coordinates[n:], far.coordinates)


def test_extent_is_that_of_the_view() -> None:
    """A tetrahedron from -6 to 6 in y and 0 to 5 in z, from its left: right is -y, down -z."""
    np.testing.assert_array_equal(extent(tetrahedron(), axes_of("lateral", "L")), [[-6, -5], [6, 0]])
