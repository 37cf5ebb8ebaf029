"""Grayordinates as they are shown: meshes of the cortex, which may be inflated, with sulci, and the other voxels."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from bids_ari.images.display_meshes import display_meshes
from bids_ari.images.gifti import STRUCTURES
from bids_ari.images.grayordinates import Grayordinates, GrayordinateSpace
from bids_ari.images.mesh import Mesh
from bids_ari.images.templates import SpaceName
from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.forest import Ints


class Cortex(NamedTuple):
    """A hemisphere, or both."""

    sides: str  # "L", "R" or "LR"
    mesh: Mesh
    sulci: FloatArray  # (n_vertices,), from 0 on the crowns of gyri to 1 in sulci
    positions: Ints  # (n_vertices,): the position of each vertex in the frame; -1 for none

    def points(self, points: Ints) -> Ints:
        """Return the point at each vertex, given that at each position of the frame; -1 for none."""
        return np.where(self.positions >= 0, points[self.positions], -1).astype(np.int32)


class Voxels(NamedTuple):
    """The voxels that are tested."""

    space: VolumeSpace
    positions: Ints  # (n_voxels,): the position of each voxel of the space in the frame


@lru_cache(maxsize=4)
def hemispheres_of(frame: Grayordinates, space_label: SpaceName) -> tuple[Cortex, ...]:
    """Return the left and the right hemisphere of a frame, as far as it has them.

    The meshes are the inflated ones of the space, if they are on this machine, else those of the analysis. Sulci are
    those of the template, else the folding of the mesh of the analysis.
    """
    display = display_meshes({name: mesh.n_vertices for name, mesh in frame.meshes.items()}, space_label)
    found = []
    for side, name in STRUCTURES.items():
        if name in frame.meshes:
            mesh, where = frame.meshes[name], frame.structures[name]
            positions = np.full(mesh.n_vertices, -1, dtype=np.int32)
            positions[frame.axis.vertex[where]] = where
            shown = mesh if display is None else display.inflated[name]
            depth = None if display is None else display.sulci.get(name)
            sulci = mesh.sulci if depth is None else towards_sulci(depth, mesh)
            found.append(Cortex(side, shown, sulci, positions))
    return tuple(found)


def voxels_of(space: GrayordinateSpace) -> Voxels | None:
    """Return the voxels of a space; None where there are only vertices."""
    axis = space.frame.axis
    where = np.flatnonzero(space.inside & ~space.frame.is_vertex)
    if not where.size:
        return None
    inside = np.zeros(axis.volume_shape, dtype=bool)
    inside[tuple(axis.voxel[where].T)] = True
    places = np.ravel_multi_index(tuple(axis.voxel[where].T), axis.volume_shape)
    grid = Grid(tuple(int(n) for n in axis.volume_shape), np.asarray(axis.affine, dtype=float))  # type: ignore[arg-type]
    return Voxels(VolumeSpace(grid, inside), where[np.argsort(places)].astype(np.int32))


def towards_sulci(depth: FloatArray, mesh: Mesh) -> FloatArray:
    """Return sulcal depth in [0, 1] so that it is 1 in sulci.

    In files of FreeSurfer sulci are positive, in those of the Human Connectome Project negative: the sign is that of
    the correlation with the folding of the mesh.
    """
    return depth if np.sum((depth - depth.mean()) * mesh.sulci) >= 0 else 1 - depth
