"""Structures of grayordinates: their names, and what follows from nibabel's axis and the meshes."""

import hashlib
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from nibabel.cifti2.cifti2_axes import BrainModelAxis

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
