"""The cortex as it is shown: meshes, which may be inflated, their sulci, and what is at each vertex."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from nibabel.cifti2.cifti2_axes import BrainModelAxis

from bids_ari.images.gifti import STRUCTURES
from bids_ari.images.mesh import Mesh
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.forest import Ints

_SULCI_RANGE = (5, 95)  # percentiles of sulcal depth that become 0 and 1


class Cortex(NamedTuple):
    """A hemisphere, or several together."""

    sides: str  # "L", "R" or "LR"
    mesh: Mesh
    sulci: FloatArray  # (n_vertices,), from 0 on the crowns of gyri to 1 in sulci
    positions: Ints  # (n_vertices,): the position of each vertex on the axis; -1 for none

    def points(self, points: Ints) -> Ints:
        """Return the point at each vertex, -1 for none, of the points at all positions of the axis."""
        return np.where(self.positions >= 0, points[self.positions], -1).astype(np.int32)


def cortices(
    axis: BrainModelAxis,
    meshes: Mapping[str, Mesh],
    display: Mapping[str, Mesh] | None = None,
    depths: Mapping[str, FloatArray] | None = None,
) -> Iterator[Cortex]:
    """Yield the left and the right hemisphere of an axis.

    Parameters
    ----------
    axis : BrainModelAxis
        The positions.
    meshes : mapping
        The meshes of the analysis, by the names of structures.
    display : mapping, optional
        The meshes to show, such as inflated ones; by default those of the analysis.
    depths : mapping, optional
        Sulcal depth (n_vertices,); by default, the folding of the mesh of the analysis.
    """
    names: npt.NDArray[Any] = np.asarray(axis.name)
    for side, name in STRUCTURES.items():
        where = np.flatnonzero(names == name)
        if where.size and name in meshes:
            mesh = meshes[name]
            positions = np.full(mesh.n_vertices, -1, dtype=np.int32)
            positions[axis.vertex[where]] = where
            depth = (depths or {}).get(name)
            sulci = mesh.sulci if depth is None else scaled_depth(depth, mesh)
            yield Cortex(side, (display or {}).get(name, mesh), sulci, positions)


def scaled_depth(depth: FloatArray, mesh: Mesh) -> FloatArray:
    """Return sulcal depth from 0 on the crowns of gyri to 1 in sulci.

    In files of FreeSurfer sulci are positive, in those of the Human Connectome Project negative: the sign is that of
    the correlation with the folding of the mesh.
    """
    finite = np.where(np.isfinite(depth), depth, 0.0)
    deep = finite if np.sum((finite - finite.mean()) * mesh.sulci) >= 0 else -finite
    low, high = np.percentile(deep, _SULCI_RANGE)
    return np.clip((deep - low) / (high - low), 0, 1) if high > low else np.full(deep.size, 0.5)
