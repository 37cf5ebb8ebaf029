"""Checks of meshes: coordinates and triangles that cannot be those of a hemisphere are refused."""

from typing import Any

import numpy as np
import numpy.typing as npt

from bids_ari.bids.hemispheres import SIDES, Hemisphere
from bids_ari.errors import DataError, counted
from bids_ari.images.mesh import Mesh

_LEAST_USED = 0.5
"""At least this part of the vertices has a triangle; surfaces that are cut, such as flat maps, lack some."""

_SPANS = (1.0, 1000.0)
"""Smallest and largest plausible length of a hemisphere in mm; one of a mouse has about 8, one of an elephant 250."""

_REGENERATE = "Copy or regenerate the file"


def checked_mesh(coordinates: npt.ArrayLike, triangles: npt.ArrayLike, name: str, sha256: str = "") -> Mesh:
    """Return a mesh, its coordinates and triangles checked.

    Parameters
    ----------
    coordinates : array (n_vertices, 3)
        In mm, RAS+.
    triangles : array (n_triangles, 3)
        Indices of vertices.
    name, sha256 : str
        Of the file.

    Raises
    ------
    DataError
        When these are no mesh of a hemisphere.
    """
    points, corners = np.asarray(coordinates), np.asarray(triangles)
    _check_shape(points, "coordinates", "vertices", name)
    _check_shape(corners, "triangles", "triangles", name)
    _check_coordinates(points, name)
    _check_triangles(corners, len(points), name)
    mesh = Mesh(points.astype(np.float64), corners.astype(np.int32), name, sha256)
    for array in (mesh.coordinates, mesh.triangles):
        array.setflags(write=False)
    if np.count_nonzero(mesh.triangle_areas) < len(corners) / 2:
        raise DataError(f"{name} has triangles without area: vertices have equal coordinates", hint=_REGENERATE)
    return mesh


def check_hemisphere(mesh: Mesh, hemisphere: Hemisphere) -> None:
    """Raise a DataError if the coordinates of a mesh are those of the other hemisphere than ``"L"`` or ``"R"``."""
    if mesh.hemisphere in (None, hemisphere):
        return
    mean = float(mesh.coordinates[:, 0].mean())
    raise DataError(
        f"{mesh.name} is the mesh of the {SIDES[hemisphere]} hemisphere, but its mean x is {mean:.0f} mm",
        "x < 0 on the left and x > 0 on the right (RAS+)",
        "Exchange the meshes if they are swapped, or correct the sign of x if they are in LPS+",
    )


def _check_shape(array: npt.NDArray[Any], what: str, rows: str, name: str) -> None:
    if array.ndim != 2 or array.shape[1:] != (3,) or not len(array):
        shape = " x ".join(map(str, array.shape))
        raise DataError(f"{name} has an array of {what} of {shape} values", f"three for each of its {rows}")


def _check_coordinates(points: npt.NDArray[Any], name: str) -> None:
    n_wrong = int(np.count_nonzero(~np.isfinite(points).all(axis=1)))
    if n_wrong:
        raise DataError(
            f"{name} has coordinates that are not finite at {n_wrong} of its {len(points)} vertices", hint=_REGENERATE
        )
    span = float(np.ptp(points, axis=0).max())
    if not span:
        raise DataError(f"{name} has the same coordinates at all vertices", hint=_REGENERATE)
    if not _SPANS[0] <= span <= _SPANS[1]:
        unit = "metres" if span < 1 else "micrometres"
        hint = f"If its coordinates are in {unit}, convert them to mm"
        raise DataError(f"{name} spans {span:.3g} mm", f"{_SPANS[0]:g} to {_SPANS[1]:g} mm", hint)


def _check_triangles(corners: npt.NDArray[Any], n_vertices: int, name: str) -> None:
    outside = (corners < 0) | (corners >= n_vertices) | (corners != np.floor(corners))
    if outside.any():
        row = int(np.flatnonzero(outside.any(axis=1))[0])
        raise DataError(
            f"{name} has {n_vertices} vertices, but triangle {row} has the vertex {corners[row][outside[row]][0]}",
            f"indices from 0 to {n_vertices - 1}",
            "Coordinates and triangles may be of different meshes, or indices begin at 1",
        )
    twice = (corners == np.roll(corners, 1, axis=1)).any(axis=1)
    if twice.any():
        n_wrong = int(np.count_nonzero(twice))
        raise DataError(f"{name} has {counted(n_wrong, 'triangle')} with one vertex twice", hint=_REGENERATE)
    n_used = len(np.unique(corners))
    if n_used < _LEAST_USED * n_vertices:
        raise DataError(
            f"{name} has triangles at {n_used} of its {n_vertices} vertices only",
            "the mesh of a whole hemisphere",
            "Coordinates and triangles may be of different meshes",
        )
