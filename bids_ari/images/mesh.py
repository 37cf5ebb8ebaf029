"""Meshes of the cortex: vertices, triangles, and what follows from them: edges, areas, distances, normals, sulci.

A mesh is one hemisphere. Its vertices are numbered 0..n_vertices-1, as in the files of its maps.
"""

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bids_ari.bids.hemispheres import Hemisphere
from bids_ari.images.computed import Computed
from bids_ari.stats.distributions import FloatArray

Ints = npt.NDArray[np.int32]
_Result = TypeVar("_Result")

_OFF_MIDLINE = 0.1
"""A hemisphere is left or right if its mean x is at least this part of its width from 0."""

_SULCI_ROUNDS, _SULCI_RANGE = 4, (5, 95)
"""How often curvature is averaged over neighbours, and the percentiles that become 0 and 1."""

_NO_FOLDS = 0.1
"""A surface whose curvature differs by less than this part of its middle is a sphere."""


@dataclass(frozen=True, slots=True, eq=False)
class Mesh(Computed):
    """Coordinates of vertices, and the triangles between them."""

    coordinates: FloatArray  # (n_vertices, 3) in mm
    triangles: Ints  # (n_triangles, 3): indices of vertices
    name: str = "the mesh"  # of the file, for messages and sidecars
    sha256: str = ""  # of the file
    computed: dict[Hashable, Any] = field(
        default_factory=dict, init=False, repr=False
    )  # what was computed of it, by name

    def __reduce__(self) -> tuple[Any, ...]:
        return Mesh, (self.coordinates, self.triangles, self.name, self.sha256)  # without what was computed

    @property
    def n_vertices(self) -> int:
        """Number of vertices."""
        return len(self.coordinates)

    @property
    def edges(self) -> Ints:
        """Pairs of vertices that share a side of a triangle, (n_edges, 2): each once, ascending."""
        return self._kept("edges", _edges)

    @property
    def triangle_areas(self) -> FloatArray:
        """Areas in mm2, (n_triangles,)."""
        return self._kept("triangle_areas", _triangle_areas)

    @property
    def vertex_areas(self) -> FloatArray:
        """Area of each vertex in mm2, (n_vertices,): a third of the areas of its triangles."""
        return self._kept("vertex_areas", _vertex_areas)

    @property
    def normals(self) -> FloatArray:
        """Unit normals of the vertices, (n_vertices, 3): means over triangles, weighted by area; 0 without triangles.

        They point outwards, whatever the order of the vertices in the triangles.
        """
        return self._kept("normals", _normals)

    @property
    def graph(self) -> sparse.csr_array:
        """Symmetric graph (n_vertices, n_vertices) of the edges; its values are their lengths in mm."""
        return self._kept("graph", _graph)

    @property
    def sulci(self) -> FloatArray:
        """Depth of folding in [0, 1], (n_vertices,): 0 on the crown of a gyrus, 1 at the fundus of a sulcus.

        This is mean curvature, averaged over neighbours; 0.5 for a surface without folds, such as a sphere. It is a
        substitute, for display, where no map of sulcal depth comes with the mesh.
        """
        return self._kept("sulci", _sulci)

    @property
    def hemisphere(self) -> Hemisphere | None:
        """``"L"`` or ``"R"``, the probable hemisphere by the mean x (RAS+); None for a surface about the midline.

        Spheres, and inflated surfaces of FreeSurfer, are centred at 0.
        """
        x = self.coordinates[:, 0]
        if abs(x.mean()) < _OFF_MIDLINE * np.ptp(x):
            return None
        return "L" if x.mean() < 0 else "R"

    def distances(self, vertex: int, limit: float = np.inf) -> FloatArray:
        """Return the distances (n_vertices,) in mm along edges from a vertex; infinite beyond `limit`.

        A path along edges is up to about a fifth longer than the shortest one across triangles.
        """
        from scipy.sparse import csgraph

        return np.asarray(csgraph.dijkstra(self.graph, indices=vertex, limit=limit))

    def _kept(self, name: str, compute: Callable[["Mesh"], _Result]) -> _Result:
        """Return what `compute` returns, computed on first use; arrays are read-only."""
        return self._once(name, lambda: _frozen(compute(self)))


def least_area(areas: FloatArray, n: int) -> float:
    """Return the least area in mm2 that `n` of some vertices have together: that of the `n` smallest.

    If at least `n` of the vertices are truly active, this is a lower bound on the area that is. The sum is exact
    before it is rounded, so that rounding does not make it larger than the area of any `n` of the vertices.

    >>> least_area(np.array([2.0, 0.5, 0.25]), 2)
    0.75
    """
    return math.fsum(np.partition(areas, n - 1)[:n]) if n else 0.0


def _frozen(result: _Result) -> _Result:
    """Return a result; an array is read-only then."""
    if isinstance(result, np.ndarray):
        result.setflags(write=False)
    return result


def _edges(mesh: Mesh) -> Ints:
    pairs = np.sort(mesh.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1).astype(np.int64)
    keys = np.sort(pairs[:, 0] * mesh.n_vertices + pairs[:, 1])
    different = np.concatenate([keys[:1], keys[1:][keys[1:] != keys[:-1]]])  # faster than numpy.unique
    return np.stack(np.divmod(different, mesh.n_vertices), axis=1).astype(np.int32)


def _graph(mesh: Mesh) -> sparse.csr_array:
    a, b = mesh.edges.T
    lengths = np.linalg.norm(mesh.coordinates[a] - mesh.coordinates[b], axis=1)
    both = (np.concatenate([lengths, lengths]), (np.concatenate([a, b]), np.concatenate([b, a])))
    return sparse.csr_array(both, shape=(mesh.n_vertices, mesh.n_vertices))


def _crosses(mesh: Mesh) -> FloatArray:
    """Return the cross product of two sides of each triangle, (n_triangles, 3): a normal of twice its area."""
    a, b, c = (mesh.coordinates[corner] for corner in mesh.triangles.T)
    return np.asarray(np.cross(b - a, c - a))


def _triangle_areas(mesh: Mesh) -> FloatArray:
    return np.asarray(np.linalg.norm(_crosses(mesh), axis=1) / 2)


def _vertex_areas(mesh: Mesh) -> FloatArray:
    return _sum_to_vertices(mesh, mesh.triangle_areas) / 3


def _sum_to_vertices(mesh: Mesh, values: FloatArray) -> FloatArray:
    """Return for each vertex the sum of the values (n_triangles,) of its triangles."""
    corners = mesh.triangles.ravel()
    return np.asarray(np.bincount(corners, np.repeat(values, 3), mesh.n_vertices), dtype=float)


def _normals(mesh: Mesh) -> FloatArray:
    crosses = _crosses(mesh)
    sums = np.stack([_sum_to_vertices(mesh, axis) for axis in crosses.T], axis=1)
    centred = mesh.coordinates[mesh.triangles[:, 0]] - mesh.coordinates.mean(axis=0)
    outwards = np.sign(np.einsum("ij,ij", centred, crosses)) or 1.0  # of the volume inside
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.asarray(outwards * sums / np.where(lengths > 0, lengths, 1.0))


def _sulci(mesh: Mesh) -> FloatArray:
    """Return mean curvature as [0, 1]: the mean over edges of the change of the normal along the edge."""
    a, b = mesh.edges.T
    along = mesh.coordinates[b] - mesh.coordinates[a]
    squared = np.maximum(np.einsum("ij,ij->i", along, along), np.finfo(float).tiny)
    bending = np.einsum("ij,ij->i", mesh.normals[b] - mesh.normals[a], along) / squared
    neighbours = sparse.csr_array((np.ones(mesh.graph.nnz), mesh.graph.indices, mesh.graph.indptr), mesh.graph.shape)
    counts = np.maximum(neighbours.sum(axis=1), 1)
    ends = np.concatenate([a, b])
    folding = -np.bincount(ends, weights=np.tile(bending, 2), minlength=mesh.n_vertices) / counts
    for _ in range(_SULCI_ROUNDS):
        folding = (folding + neighbours @ folding) / (1 + counts)
    low, high = np.percentile(folding, _SULCI_RANGE)
    middle, spread = (low + high) / 2, (high - low) / 2
    if spread <= _NO_FOLDS * abs(middle):
        return np.full(mesh.n_vertices, 0.5)
    return np.asarray(np.clip(0.5 + 0.5 * (folding - middle) / spread, 0, 1))
