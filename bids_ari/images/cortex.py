"""Grayordinates as they are shown: meshes of the cortex, which may be inflated, with sulci, and the other voxels."""

import logging
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bids_ari.bids.hemispheres import hemisphere_files
from bids_ari.errors import BidsAriError
from bids_ari.images.display_meshes import DisplayMeshes, display_meshes
from bids_ari.images.gifti import STRUCTURES
from bids_ari.images.grayordinate_space import GrayordinateSpace
from bids_ari.images.grayordinates import Grayordinates
from bids_ari.images.mesh import Mesh
from bids_ari.images.meshes import place_of
from bids_ari.images.surface_values import is_surface_file, read_parts
from bids_ari.images.templates import SpaceName
from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.forest import Ints

log = logging.getLogger(__name__)


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


_RANGE = (5, 95)  # percentiles of a map of sulcal depth that become 0 and 1

_VOLUME_OF = {"fsLR": "MNI152NLin6Asym", "fsaverage": "MNI305"}
"""The space of the voxels of grayordinates, by that of the vertices.

That of fsLR is from Glasser et al. (2013, NeuroImage 80:105), that of fsaverage from the coordinate systems of BIDS.
"""


@lru_cache(maxsize=4)
def hemispheres_of(frame: Grayordinates, space_label: SpaceName, underlay: Path | None = None) -> tuple[Cortex, ...]:
    """Return the left and the right hemisphere of a frame, as far as it has them; arguments as of `display_of`."""
    display = display_of(frame, space_label, underlay)
    found = []
    for side, name in STRUCTURES.items():
        if name in frame.meshes:
            mesh, where = frame.meshes[name], frame.structures[name]
            positions = np.full(mesh.n_vertices, -1, dtype=np.int32)
            positions[frame.axis.vertex[where]] = where
            found.append(Cortex(side, display.inflated.get(name, mesh), display.sulci[name], positions))
    return tuple(found)


def display_of(frame: Grayordinates, space_label: SpaceName, underlay: Path | None = None) -> DisplayMeshes:
    """Return what the cortex is shown with.

    Parameters
    ----------
    frame : Grayordinates
        The positions, with their meshes.
    space_label : StandardSpace, str or None
        The space of the maps: its inflated meshes are shown if they are on this machine, else those of the analysis.
    underlay : Path, optional
        A map of sulcal depth, if it is a surface file; by default that of the space, else the folding of the mesh.
        Where it cannot be read any more, a warning is logged.
    """
    found = display_meshes({name: mesh.n_vertices for name, mesh in frame.meshes.items()}, space_label)
    inflated, depths = ({}, {}) if found is None else (found.inflated, found.sulci)
    sulci = {
        name: towards_sulci(depths[name], mesh) if name in depths else mesh.sulci for name, mesh in frame.meshes.items()
    }
    if underlay is not None and is_surface_file(underlay):
        try:
            sulci |= read_sulci(underlay, frame)
        except BidsAriError as error:
            log.warning("%s. Pictures are drawn without it", error)
    return DisplayMeshes(inflated, sulci)


def read_sulci(path: Path, frame: Grayordinates) -> dict[str, FloatArray]:
    """Read a map of sulcal depth, of which a file of one hemisphere stands for both, as [0, 1] at each vertex.

    Values beyond the 5th and the 95th percentile become 0 and 1; vertices without a value have the folding of the
    mesh.

    Raises
    ------
    BidsAriError
        When a file cannot be read, or has other vertices than the maps.
    """
    found = {}
    for part in read_parts(hemisphere_files(path), frame.axis, "The underlay", "map"):
        for name, mesh in frame.meshes.items():
            where = frame.structures[name]
            values, vertices = part.values[where], frame.axis.vertex[where]
            known = np.isfinite(values)
            if known.any():
                low, high = np.percentile(values[known], _RANGE)
                scaled = np.clip((values[known] - low) / max(high - low, 1e-6), 0, 1)
                depth = np.array(mesh.sulci)
                depth[vertices[known]] = scaled
                found[name] = towards_sulci(depth, mesh)
    return found


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


def space_of_voxels(frame: Grayordinates, space_label: SpaceName) -> SpaceName:
    """Return the space of the voxels of a frame, given that of the maps: of the vertices, or of both.

    Without a name, the vertices are those of the usual space with so many. None where it is not known.
    """
    where, _, _ = place_of({name: mesh.n_vertices for name, mesh in frame.meshes.items()}, space_label)
    return None if where is None else _VOLUME_OF.get(where.name, where)


def image_of_voxels(underlay: Path | None) -> Path | None:
    """Return the underlay if it is an image for voxels; None if it is a map of surfaces."""
    return None if underlay is None or is_surface_file(underlay) else underlay


def towards_sulci(depth: FloatArray, mesh: Mesh) -> FloatArray:
    """Return sulcal depth in [0, 1] so that it is 1 in sulci.

    In files of FreeSurfer sulci are positive, in those of the Human Connectome Project negative: the sign is that of
    the correlation with the folding of the mesh.
    """
    return depth if np.sum((depth - depth.mean()) * mesh.sulci) >= 0 else 1 - depth
