"""The space of a saved result: a grid, or structures of vertices and voxels with their meshes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from nibabel.cifti2.cifti2_axes import BrainModelAxis

from bids_ari.images.grayordinate_space import GrayordinateSpace
from bids_ari.images.grayordinates import frame_of
from bids_ari.images.mesh import Mesh
from bids_ari.images.space import Space
from bids_ari.images.volume import VolumeSpace
from bids_ari.outputs.npz import Array, require


@dataclass(frozen=True, slots=True)
class MeshText:
    """What is not an array of a mesh."""

    structure: str
    name: str  # of its file
    sha256: str
    n_vertices: int
    n_triangles: int


@dataclass(frozen=True, slots=True)
class FrameText:
    """What is not an array of vertices and voxels."""

    structures: tuple[str, ...]
    meshes: tuple[MeshText, ...]
    is_cifti: bool
    volume_shape: tuple[int, int, int] | None = None  # of the grid of the voxels, if there are any


def space_arrays(space: Space) -> dict[str, Array]:
    """Return the arrays of a space, with those of its meshes."""
    arrays = space.arrays()
    if not isinstance(space, GrayordinateSpace):
        return arrays
    frame = space.frame
    if frame.is_vertex.all():
        del arrays["voxel"]
    else:
        arrays["affine"] = frame.axis.affine
    if meshes := list(frame.meshes.values()):
        arrays["mesh_coordinates"] = np.concatenate([mesh.coordinates for mesh in meshes])
        arrays["mesh_triangles"] = np.concatenate([mesh.triangles for mesh in meshes])
    return arrays


def frame_text(space: Space) -> FrameText | None:
    """Return what is not an array of vertices and voxels; None of a volume."""
    if not isinstance(space, GrayordinateSpace):
        return None
    frame = space.frame
    meshes = tuple(
        MeshText(structure, mesh.name, mesh.sha256, mesh.n_vertices, len(mesh.triangles))
        for structure, mesh in frame.meshes.items()
    )
    shape = None if frame.is_vertex.all() else tuple(map(int, frame.axis.volume_shape))
    return FrameText(tuple(frame.structures), meshes, frame.is_cifti, shape)  # type: ignore[arg-type]


def space_of(arrays: Mapping[str, Array], text: FrameText | None, codes: tuple[int, int]) -> Space:
    """Build the space of a saved result; raise ValueError if it is impossible."""
    if text is None:
        require("affine" in arrays and arrays["mask"].ndim == 3, "it is no volume, and has no structures")
        return VolumeSpace.from_arrays(arrays, codes)
    require(arrays["mask"].ndim == 1, "its structures have a mask of three dimensions")
    meshes = dict(_meshes(arrays, text))
    axis = _axis(arrays, text, {name: mesh.n_vertices for name, mesh in meshes.items()})
    require(text.is_cifti or axis.surface_mask.all(), "GIFTI files have no voxels")
    return frame_of(axis, is_cifti=text.is_cifti).located(meshes).space(arrays["mask"])


def _meshes(arrays: Mapping[str, Array], text: FrameText) -> Iterator[tuple[str, Mesh]]:
    """Yield the mesh of each surface structure."""
    n_vertices, n_triangles = ([getattr(each, key) for each in text.meshes] for key in ("n_vertices", "n_triangles"))
    if not text.meshes:
        return
    require("mesh_coordinates" in arrays and "mesh_triangles" in arrays, "it has no arrays of its meshes")
    places, triangles = arrays["mesh_coordinates"], arrays["mesh_triangles"]
    require(min(n_vertices + n_triangles) > 0, "a mesh has no vertex or no triangle")
    fits = (sum(n_vertices), sum(n_triangles)) == (len(places), len(triangles))
    require(fits, "the arrays of meshes have other lengths than their text says")
    ends = zip(np.cumsum(n_vertices).tolist(), np.cumsum(n_triangles).tolist(), strict=True)
    for each, (end, last) in zip(text.meshes, ends, strict=True):
        own = triangles[last - each.n_triangles : last]
        require(own.max() < each.n_vertices, f"a triangle of {each.structure!r:.60} has a vertex that is not there")
        yield each.structure, Mesh(places[end - each.n_vertices : end], own, each.name, each.sha256)


def _axis(arrays: Mapping[str, Array], text: FrameText, n_vertices: Mapping[str, int]) -> BrainModelAxis:
    """Build the axis of vertices and voxels."""
    require("structure" in arrays and "vertex" in arrays, "there is no array structure or vertex")
    codes, vertex, mask = arrays["structure"], arrays["vertex"], arrays["mask"]
    require(0 <= codes.min(initial=0) <= codes.max(initial=0) < len(text.structures), "a structure has no name")
    require(len({*text.structures}) == len(text.structures), "two structures have one name")
    names = np.array(text.structures)[codes]
    for number, name in enumerate(text.structures):
        own = vertex[codes == number]
        is_mesh = name in n_vertices
        require(own.size and ((own >= 0) == is_mesh).all(), f"the structure {name!r:.60} has vertices and voxels")
        if is_mesh:
            require(own.max() < n_vertices[name], f"a vertex of {name!r:.60} is not on its mesh")
            require(np.unique(own).size == own.size, f"a vertex of {name!r:.60} is there twice")
    if text.volume_shape is None:
        require((vertex >= 0).all(), "voxels have no grid")
        return BrainModelAxis(names, vertex=vertex, nvertices=dict(n_vertices))
    require("voxel" in arrays and "affine" in arrays, "there is no array voxel or affine")
    voxel = arrays["voxel"]
    is_inside = (voxel >= 0).all(axis=1) & (voxel < np.array(text.volume_shape)).all(axis=1)
    require((is_inside | (vertex >= 0)).all(), "a voxel is outside of its grid")
    require(len(voxel) == mask.size, "the array voxel has another length")
    affine, shape = arrays["affine"], text.volume_shape
    return BrainModelAxis(names, voxel, vertex, affine, shape, dict(n_vertices))
