"""Smoothing along the cortex, by the heat kernel of the mesh, and of voxels within their structure.

A value diffuses along the surface: the weight of another vertex depends on the distance along the cortex, not through
the skull or across a sulcus. For small widths the heat kernel is a Gaussian of this distance; larger widths are
repeated small ones. The weights of vertices are their areas, and the kernel is balanced (Sinkhorn & Knopp): a constant
map stays constant, and the integral of a map over the surface stays the same.

References
----------
Chung, Robbins, Dalton, Davidson, Alexander & Evans (2005), Cortical thickness analysis in autism with heat kernel
smoothing, NeuroImage 25:1256.
Sinkhorn & Knopp (1967), Concerning nonnegative matrices and doubly stochastic matrices, Pacific Journal of Mathematics
21:343.
"""

from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
import numpy.typing as npt
from scipy import ndimage, sparse

from bids_ari.images.geodesic_kernels import near_pairs
from bids_ari.images.mesh import Mesh
from bids_ari.stats.distributions import FloatArray

FWHM_OF_SD = 2 * np.sqrt(2 * np.log(2))
"""Full width at half maximum of a Gaussian with standard deviation 1."""

_TRUNCATION = 4.0  # standard deviations; 0.03 % of a Gaussian in two dimensions are further away
_LEAST_SD = 1.0  # standard deviation of a repeated kernel in mean edge lengths: smaller ones would miss neighbours
_BALANCING = 12  # rounds; the integral over the surface is then kept to about five digits
_LEAST_AREA = 1e-6  # of a vertex, as a part of the mean: weights must be positive
_KEPT = 3  # smoothers of a mesh; each takes about 1.5 kB per vertex

_computing = Lock()  # threads that read maps at the same time share one kernel

Indices = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceSmoother:
    """The heat kernel of some vertices of a mesh; call it with their values."""

    kernel: sparse.csr_array  # (n, n), its rows sum to 1
    repeats: int  # how often it is applied

    def __call__(self, values: FloatArray) -> FloatArray:
        """Return smoothed values, (n,) or (n, n_maps); values that are not finite count as 0."""
        smoothed: FloatArray = np.where(np.isfinite(values), values, 0.0)
        for _ in range(self.repeats):
            smoothed = np.asarray(self.kernel @ smoothed)
        return smoothed


def smoother(mesh: Mesh, vertices: Indices, fwhm: float) -> SurfaceSmoother:
    """Return the smoother of some vertices of a mesh; the last ones of a mesh are kept.

    Parameters
    ----------
    mesh : Mesh
        A hemisphere.
    vertices : array (n,)
        Different vertices with values; nothing diffuses across other vertices, such as the medial wall.
    fwhm : float
        Full width at half maximum of the kernel in mm along the surface.
    """
    kept: dict[tuple[float, bytes], SurfaceSmoother] = mesh.computed.setdefault("smoothers", {})
    key = (fwhm, vertices.astype(np.int64).tobytes())
    with _computing:
        if key not in kept:
            while len(kept) >= _KEPT:
                del kept[next(iter(kept))]
            kept[key] = _smoother(mesh, vertices, fwhm)
        return kept[key]


@dataclass(frozen=True, slots=True, eq=False)
class VoxelSmoother:
    """Gaussians that are cut off at the border of the structure of a voxel; call it with values of the voxels."""

    structures: list["_Structure"]
    sds: FloatArray  # (3,): standard deviations in voxels

    def __call__(self, values: FloatArray) -> FloatArray:
        """Return weighted means (n,) over the voxels of the same structure; values that are not finite count as 0."""
        finite = np.where(np.isfinite(values), values, 0.0)
        smoothed = np.empty(len(finite))
        for structure in self.structures:
            filtered = structure.filtered(finite[structure.positions], self.sds)
            smoothed[structure.positions] = filtered / structure.weights
        return smoothed


def voxel_smoother(
    indices: Indices, affine: FloatArray, structures: npt.NDArray[np.generic], fwhm: float
) -> VoxelSmoother:
    """Return the smoother of the voxels of some structures.

    Parameters
    ----------
    indices : array (n, 3)
        The indices of the voxels in their grid.
    affine : array (4, 4)
        From indices to mm; its axes are orthogonal.
    structures : array (n,)
        Name or number of the structure of each voxel.
    fwhm : float
        Full width at half maximum in mm.
    """
    sds = fwhm / FWHM_OF_SD / np.linalg.norm(affine[:3, :3], axis=0)
    which = np.unique(structures, return_inverse=True)[1]
    members = [np.flatnonzero(which == number) for number in range(which.max(initial=-1) + 1)]
    return VoxelSmoother([_Structure.of(positions, indices[positions], sds) for positions in members], sds)


@dataclass(frozen=True, slots=True, eq=False)
class _Structure:
    """The voxels of one structure."""

    positions: Indices  # (n,) among all voxels
    place: tuple[Indices, ...]  # their indices in the smallest box that has all of them
    weights: FloatArray  # the part of the Gaussian around each that is in the structure

    @classmethod
    def of(cls, positions: Indices, indices: Indices, sds: FloatArray) -> "_Structure":
        structure = cls(positions, tuple((indices - indices.min(axis=0)).T), np.ones(len(positions)))
        return replace(structure, weights=structure.filtered(structure.weights, sds))

    def filtered(self, values: FloatArray, sds: FloatArray) -> FloatArray:
        """Return the values after the Gaussian, with 0 elsewhere."""
        box = np.zeros([axis.max() + 1 for axis in self.place])
        box[self.place] = values
        return np.asarray(ndimage.gaussian_filter(box, sds, mode="constant", truncate=_TRUNCATION)[self.place])


def _smoother(mesh: Mesh, vertices: Indices, fwhm: float) -> SurfaceSmoother:
    graph = _with_short_cuts(mesh)[vertices][:, vertices]
    edge = mesh.graph.data.mean()
    sd = fwhm / FWHM_OF_SD
    repeats = max(1, int((sd / (_LEAST_SD * edge)) ** 2))
    sd /= np.sqrt(repeats)
    indptr, indices, distances = near_pairs(graph.indptr, graph.indices, graph.data, _TRUNCATION * sd)
    starts = indptr.astype(np.int32) if indices.size < 2**31 else indptr  # of the type of indices: half the memory
    weights = sparse.csr_array((np.exp(-0.5 * (distances / sd) ** 2), indices, starts), shape=graph.shape)
    areas = mesh.vertex_areas[vertices]
    return SurfaceSmoother(_balanced(weights, np.maximum(areas, _LEAST_AREA * areas.mean() or 1.0)), repeats)


def _balanced(weights: sparse.csr_array, areas: FloatArray) -> sparse.csr_array:
    """Scale symmetric weights so that rows sum to 1, and columns, weighted by area, to the area of their vertex."""
    scale = np.ones(len(areas))
    for _ in range(_BALANCING):
        scale = np.sqrt(scale / (weights @ (areas * scale)))
    kernel = weights.copy()
    kernel.data *= (areas * scale)[kernel.indices]
    kernel.data *= np.repeat(1 / kernel.sum(axis=1), np.diff(kernel.indptr))
    return kernel


def _with_short_cuts(mesh: Mesh) -> sparse.csr_array:
    """Return the graph of the edges, and of the straight lines across two adjacent triangles, unfolded into a plane."""
    a, b = mesh.edges.T
    p, q, across = _across_edges(mesh)
    lengths = np.concatenate([np.linalg.norm(mesh.coordinates[a] - mesh.coordinates[b], axis=1), across])
    ends = np.concatenate([a, p]), np.concatenate([b, q])
    places = np.concatenate(ends), np.concatenate(ends[::-1])
    graph = sparse.coo_array((np.tile(lengths, 2), places), shape=mesh.graph.shape)
    return graph.tocsr()


def _across_edges(mesh: Mesh) -> tuple[Indices, Indices, FloatArray]:
    """Return the vertices opposite each other across an edge, and the length of the line that crosses the edge."""
    corners = mesh.triangles.astype(np.int64)
    sides = np.sort(corners[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    opposite = corners[:, [2, 0, 1]].ravel()
    order = np.lexsort(sides.T)
    first = np.flatnonzero((sides[order][1:] == sides[order][:-1]).all(axis=1))
    one, other = order[first], order[first + 1]
    start, end = mesh.coordinates[sides[one]].transpose(1, 0, 2)
    length = np.maximum(np.linalg.norm(end - start, axis=1), np.finfo(float).tiny)
    along = (end - start) / length[:, None]

    def flat(vertices: Indices) -> tuple[FloatArray, FloatArray]:  # along the edge, and away from it
        offset = mesh.coordinates[vertices] - start
        x = np.einsum("ij,ij->i", offset, along)
        return x, np.linalg.norm(offset - x[:, None] * along, axis=1)

    (x1, y1), (x2, y2) = flat(opposite[one]), flat(opposite[other])
    crossing = x1 + (x2 - x1) * y1 / np.maximum(y1 + y2, np.finfo(float).tiny)
    crosses = (crossing > 0) & (crossing < length)  # otherwise the shortest path is along the edges
    return opposite[one][crosses], opposite[other][crosses], np.hypot(x1 - x2, y1 + y2)[crosses]
