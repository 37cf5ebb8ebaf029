"""Views of a mesh: the vertex at each pixel of a picture, its light, and how much of the pixel the mesh covers.

Projection is orthographic; of what lies behind one another, the nearest is seen (z-buffer). Nothing is drawn here.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from bids_ari.images.mesh import Mesh
from bids_ari.images.raster_kernels import nearest_triangles, shade
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.forest_kernels import Ints

ViewName = Literal["lateral", "medial", "dorsal", "ventral", "anterior", "posterior"]
VIEWS: tuple[ViewName, ...] = get_args(ViewName)

_SAMPLES = 3  # along each side of a pixel; odd, so that one is at its centre
_LIGHT = (-0.2, -0.35, 1.0)  # direction to the light: right, down, towards the viewer
_APART = 6.0  # mm between the hemispheres in a view of both

_AXES: dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "left": ((0, -1, 0), (0, 0, -1)),
    "right": ((0, 1, 0), (0, 0, -1)),
    "dorsal": ((1, 0, 0), (0, -1, 0)),
    "ventral": ((-1, 0, 0), (0, -1, 0)),
    "anterior": ((-1, 0, 0), (0, 0, -1)),
    "posterior": ((1, 0, 0), (0, 0, -1)),
}
"""What points right and what points down in a picture, in RAS+, by the side of the head that is seen."""


class Rendering(NamedTuple):
    """A view of a mesh; arrays of (height, width), in which lines are seen from top to bottom."""

    vertices: Ints  # the vertex nearest to the centre of the pixel; -1 outside of the mesh
    light: FloatArray  # cosine of the angle between the surface and the light, from 0 to 1; 0 outside
    values: FloatArray  # the values of vertices, interpolated; 0 outside
    cover: FloatArray  # part of the pixel that the mesh covers, from 0 to 1


def axes_of(view: ViewName, hemisphere: str = "L") -> FloatArray:
    """Return unit vectors (3, 3) in RAS+ that point right, down, and towards the viewer of a view of a hemisphere.

    In a lateral view of the left hemisphere, the front of the brain is on the left of the picture. Dorsal and ventral
    views have the front on top.

    >>> axes_of("lateral", "L")[0], axes_of("lateral", "R")[0]
    (array([ 0., -1.,  0.]), array([0., 1., 0.]))
    """
    side: str = view
    if view in ("lateral", "medial"):
        side = "left" if (view == "lateral") == (hemisphere == "L") else "right"
    right, down = np.array(_AXES[side], dtype=float)
    return np.array([right, down, np.cross(down, right)])


def extent(mesh: Mesh, axes: FloatArray) -> FloatArray:
    """Return the lowest and the highest place (2, 2) of a mesh in a view in mm, to the right and down."""
    corners = np.array([mesh.coordinates.min(axis=0), mesh.coordinates.max(axis=0)])
    return np.sort(corners @ axes[:2].T, axis=0)  # views are along x, y or z


def render(
    mesh: Mesh, axes: FloatArray, pitch: float, size: tuple[int, int], values: FloatArray | None = None
) -> Rendering:
    """Render a mesh in the middle of a picture.

    Parameters
    ----------
    mesh : Mesh
        The mesh.
    axes : array (3, 3)
        The view, as `axes_of` returns it.
    pitch : float
        Side of a pixel in mm.
    size : tuple of int
        Height and width of the picture in pixels.
    values : array (n_vertices,), optional
        Values to interpolate, such as sulcal depth.

    Returns
    -------
    Rendering
        Normals are interpolated over triangles (Phong, 1975, Communications of the ACM), and light, values and
        cover are means over nine samples of each pixel, so that edges are smooth.
    """
    height, width = (_SAMPLES * n for n in size)
    middle = np.append(extent(mesh, axes).mean(axis=0), 0.0)
    centre = np.array([(width - 1) / 2, (height - 1) / 2, 0.0])
    scale = _SAMPLES / pitch
    places = np.einsum("ij,kj->ik", mesh.coordinates, scale * axes) + (centre - scale * middle)
    triangles = np.array(mesh.triangles, dtype=np.int32)  # copies, which are writeable: numba compiles once
    vertices, shown = shade(
        *nearest_triangles(places, triangles, height, width),
        triangles,
        np.array(mesh.normals),
        np.zeros(mesh.n_vertices) if values is None else np.array(values, dtype=float),
        np.stack([np.array(_LIGHT) / np.linalg.norm(_LIGHT) @ axes, axes[2]]),
        _SAMPLES,
    )
    return Rendering(vertices, *np.moveaxis(shown, -1, 0))


def beside(meshes: Sequence[Mesh]) -> Mesh:
    """Return meshes as one, each to the right (in RAS+) of the one before; they are moved only if they are not yet.

    Inflated hemispheres would lie within each other.
    """
    parts: list[FloatArray] = []
    firsts, end, first = [], -np.inf, 0
    for mesh in meshes:
        x = mesh.coordinates[:, 0]
        shift = max(end + _APART - x.min(), 0.0) if parts else 0.0
        parts.append(mesh.coordinates + np.array([shift, 0.0, 0.0]))
        firsts.append(mesh.triangles + first)
        end, first = x.max() + shift, first + mesh.n_vertices
    return Mesh(np.concatenate(parts), np.concatenate(firsts).astype(np.int32))
