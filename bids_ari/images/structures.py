"""Structures of grayordinates: their names, and what follows from nibabel's axis and the meshes."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from nibabel.cifti2.cifti2_axes import BrainModelAxis

from bids_ari.errors import listing
from bids_ari.images.mesh import Mesh
from bids_ari.images.neighbours import mesh_edges, voxel_edges
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.forest import Ints

Positions = npt.NDArray[np.intp]

Structures: TypeAlias = Mapping[str, Positions]
"""The positions of each structure, by its name in CIFTI files."""

Meshes: TypeAlias = Mapping[str, Mesh]
"""The mesh of each surface structure, by the same names."""

_PREFIX = "CIFTI_STRUCTURE_"


def short_name(structure: str) -> str:
    """Return the name of a structure without the prefix of CIFTI.

    >>> short_name("CIFTI_STRUCTURE_CORTEX_LEFT")
    'CORTEX_LEFT'
    """
    return structure.removeprefix(_PREFIX)


def structure_label(structure: str) -> str:
    """Return the name of a structure in words.

    >>> structure_label("CIFTI_STRUCTURE_CORTEX_LEFT"), structure_label("CIFTI_STRUCTURE_BRAIN_STEM")
    ('left cortex', 'brain stem')
    """
    words = short_name(structure).lower().split("_")
    sides = [word for word in words if word in ("left", "right")]
    return " ".join([*sides, *(word for word in words if word not in sides)])


def structures_of(axis: BrainModelAxis) -> Structures:
    """Return the positions of each structure."""
    names: npt.NDArray[Any] = np.asarray(axis.name)
    firsts = {str(name): None for name, _, _ in axis.iter_structures()}
    return {name: np.flatnonzero(names == name) for name in firsts}


def difference_of(axis: BrainModelAxis, other: BrainModelAxis) -> str:
    """Return how the positions of an axis differ from those of another one, in words; empty if they do not.

    >>> left = BrainModelAxis.from_surface([0, 1], 4, "CortexLeft")
    >>> difference_of(left[::-1], left), difference_of(left, BrainModelAxis.from_surface([0, 1, 3], 4, "CortexLeft"))
    ('another order', '2 instead of 3 vertices of the left cortex')
    """
    if axis == other:
        return ""
    return "; ".join(_differences(axis, other)) or "another order"


def _differences(axis: BrainModelAxis, other: BrainModelAxis) -> Iterator[str]:
    """Yield differences in structures, grids, meshes and positions, but for their order."""
    own, others = structures_of(axis), structures_of(other)
    for word, names in (("without", others.keys() - own.keys()), ("also with", own.keys() - others.keys())):
        if names:
            yield f"{word} {listing(map(structure_label, sorted(names)))}"
    grids = [(each.volume_shape, each.affine) for each in (axis, other) if each.volume_shape]
    if len(grids) == 2 and not (grids[0][0] == grids[1][0] and np.allclose(grids[0][1], grids[1][1])):
        yield "voxels on another grid, by its shape or affine"
    for name in (name for name in own if name in others):
        n_vertices = axis.nvertices.get(name), other.nvertices.get(name)
        here, there = _places(axis, own[name]), _places(other, others[name])
        unit = "voxels" if n_vertices[0] is None else "vertices"
        if n_vertices[0] != n_vertices[1]:
            yield f"the {structure_label(name)} on a mesh of {n_vertices[0]} instead of {n_vertices[1]} vertices"
        elif len(here) != len(there):
            yield f"{len(here)} instead of {len(there)} {unit} of the {structure_label(name)}"
        elif here != there:
            yield f"other {unit} of the {structure_label(name)}"


def _places(axis: BrainModelAxis, where: Positions) -> set[tuple[int, ...]]:
    """Return vertex and voxel of some positions, whatever their order."""
    return set(zip(axis.vertex[where].tolist(), *axis.voxel[where].T.tolist(), strict=True))


def coordinates_of(axis: BrainModelAxis, structures: Structures, meshes: Meshes) -> FloatArray:
    """Return the coordinates in mm of each position, (n_positions, 3)."""
    places = np.full((len(axis), 3), np.nan)
    for name, where in structures.items():
        if axis.surface_mask[where[0]]:
            places[where] = meshes[name].coordinates[axis.vertex[where]]
        else:
            places[where] = axis.voxel[where] @ axis.affine[:3, :3].T + axis.affine[:3, 3]
    return places


def areas_of(axis: BrainModelAxis, structures: Structures, meshes: Meshes) -> FloatArray:
    """Return the area of each vertex in mm2, (n_positions,); 0 for voxels."""
    areas = np.zeros(len(axis))
    for name, mesh in meshes.items():
        where = structures[name]
        areas[where] = mesh.vertex_areas[axis.vertex[where]]
    return areas


def edges_of(axis: BrainModelAxis, structures: Structures, meshes: Meshes, connectivity: int) -> Ints:
    """Return pairs of positions that are neighbours, (n_edges, 2); voxels also across the borders of structures."""
    found = []
    for name, mesh in meshes.items():
        where = structures[name].astype(np.int32)
        found.append(where[mesh_edges(mesh.edges, axis.vertex[where], mesh.n_vertices)])
    voxels = np.flatnonzero(~axis.surface_mask).astype(np.int32)
    found.append(voxels[voxel_edges(axis.voxel[voxels], connectivity)])
    return np.concatenate(found)


def fingerprint_of(axis: BrainModelAxis, structures: Structures) -> bytes:
    """Return bytes that are the same for the same structures, vertices and voxels."""
    arrays = (axis.vertex, axis.voxel, () if axis.surface_mask.all() else axis.affine)
    counts = [(name, where.size) for name, where in structures.items()]
    facts = (tuple(map(int, axis.volume_shape or ())), sorted(axis.nvertices.items()), counts)
    content = [repr(facts).encode(), *(np.ascontiguousarray(array).tobytes() for array in arrays)]
    return hashlib.sha256(b"".join(content)).digest()
