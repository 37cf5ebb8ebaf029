"""The forest of all supra-threshold clusters.

When a threshold decreases from the most extreme point, clusters appear, grow and merge. Each point completes one
cluster, so there is one node per point, and its subtree is a cluster: a connected component of ``statistic > z`` for
some z. Nodes are stored in preorder, so a cluster is the slice ``i : i + size[i]``.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bids_ari.html_table import html_table
from bids_ari.stats import forest_kernels as kernels
from bids_ari.stats.bounds import Bound
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.grid_kernels import MOST_NEIGHBOURS, grid_parents

Ints = npt.NDArray[np.int32]

_FACES = 6  # neighbours that share a face
_SHOWN = (0.5, 0.7, 0.9)  # target TDPs in the table for notebooks


@dataclass(frozen=True, slots=True, eq=False)
class GridAdjacency:
    """Neighbours on a grid, as steps between cells of the padded grid."""

    cell: Ints  # (n_points,), of each point in the flattened grid, padded so that no step from a point leaves it
    offsets: Ints  # steps from a cell to its neighbouring cells
    n_cells: int

    def __post_init__(self) -> None:
        if self.offsets.size > MOST_NEIGHBOURS:
            raise ValueError(f"offsets must be at most {MOST_NEIGHBOURS}; found {self.offsets.size}")

    def split(self, side: npt.NDArray[np.bool_]) -> "GridAdjacency":
        """Return the adjacency without neighbours of different sides, (n_points,): one side moves to a second grid."""
        cell = self.cell + np.where(side, np.int32(self.n_cells), np.int32(0))
        return GridAdjacency(cell.astype(np.int32), self.offsets, 2 * self.n_cells)

    def parents(self, order: Ints) -> Ints:
        """Join points in `order`, most extreme first; return the parent rank of each rank, or -1."""
        return grid_parents(order, self.cell, self.offsets, self._around(), self.n_cells)

    def _around(self) -> Ints:
        """Return the offsets, then, for neighbours that share faces, the steps to cells that share an edge.

        Two neighbours with a common face are not neighbours of each other, but of such a cell.
        """
        if self.offsets.size > _FACES:
            return self.offsets
        steps = {a + b for a, b in combinations(self.offsets.tolist(), 2)} - {0, *self.offsets.tolist()}
        return np.array([*self.offsets, *sorted(steps)], dtype=np.int32)

    @property
    def n_points(self) -> int:
        """Number of points."""
        return self.cell.size


@dataclass(frozen=True, slots=True, eq=False)
class CsrAdjacency:
    """Neighbours on any graph, such as a mesh, as a sparse matrix in compressed rows (CSR)."""

    starts: npt.NDArray[np.int64]  # the neighbours of point v are ``neighbours[starts[v] : starts[v + 1]]``
    neighbours: Ints  # positions; each pair is stored in both directions

    def __post_init__(self) -> None:
        starts, neighbours = np.asarray(self.starts, dtype=np.int64), np.asarray(self.neighbours)
        n_points, ends = starts.size - 1, (0, neighbours.size)
        if neighbours.size and not 0 <= neighbours.min() <= neighbours.max() < n_points:
            raise ValueError(f"neighbours must be positions 0..{n_points - 1}")
        if starts.ndim != 1 or n_points < 0 or (starts[0], starts[-1]) != ends or (np.diff(starts) < 0).any():
            raise ValueError("starts must rise from 0 to the number of neighbours")
        object.__setattr__(self, "starts", starts)
        object.__setattr__(self, "neighbours", neighbours.astype(np.int32))

    @classmethod
    def of_edges(cls, edges: npt.NDArray[np.integer], n_points: int) -> "CsrAdjacency":
        """Return the adjacency of undirected edges (n_edges, 2), each pair of positions in one direction.

        >>> CsrAdjacency.of_edges(np.array([[0, 1], [1, 2]]), n_points=3).neighbours
        array([1, 0, 2, 1], dtype=int32)
        """
        a, b = np.asarray(edges).reshape(-1, 2).T
        if a.size and not 0 <= min(a.min(), b.min()) <= max(a.max(), b.max()) < n_points:
            raise ValueError(f"neighbours must be positions 0..{n_points - 1}")
        both = (np.concatenate([a, b]), np.concatenate([b, a]))
        matrix = sparse.coo_array((np.ones(both[0].size, dtype=np.int8), both), shape=(n_points, n_points)).tocsr()
        matrix.sort_indices()
        return cls(matrix.indptr, matrix.indices)

    def split(self, side: npt.NDArray[np.bool_]) -> "CsrAdjacency":
        """Return the adjacency without neighbours of different sides, (n_points,)."""
        source = np.repeat(np.arange(self.n_points), np.diff(self.starts))
        same = side[source] == side[self.neighbours]
        return CsrAdjacency(np.append(0, np.cumsum(same))[self.starts], self.neighbours[same])

    def parents(self, order: Ints) -> Ints:
        """Join points in `order`, most extreme first; return the parent rank of each rank, or -1."""
        return kernels.graph_parents(order, self.starts, self.neighbours)

    @property
    def n_points(self) -> int:
        """Number of points."""
        return self.starts.size - 1


Adjacency = GridAdjacency | CsrAdjacency


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Cluster:
    """A set of points with its true discovery number.

    Attributes
    ----------
    label : int
        1 for the largest, then 2, ...
    points : array of int32 (size,)
        Positions, ascending.
    tdn : int
        True discovery number: at least this many points are truly active.
    peak : int
        Position of the most extreme point (the first one if tied).
    """

    label: int
    points: Ints
    tdn: int
    peak: int

    @property
    def size(self) -> int:
        """Number of points."""
        return self.points.size

    @property
    def tdp(self) -> float:
        """True discovery proportion, `tdn` / `size`."""
        return self.tdn / self.size

    def __repr__(self) -> str:
        tdp = 1000 * self.tdn // self.size / 1000  # a lower bound is never rounded up
        return f"Cluster(label={self.label}, size={self.size}, tdn={self.tdn}, tdp={tdp:.3f})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ClusterForest:
    """Every supra-threshold cluster at every threshold, with its TDN.

    Attributes
    ----------
    preorder : array of int32 (n_points,)
        The point at each place.
    size, tdn : array of int32 (n_points,)
        Number of points of the cluster completed at each place, and its true discovery number.
    parent : array of int32 (n_points,)
        Place of the parent, the next larger cluster; -1 for none.
    height : array (n_points,)
        The statistic at each place.
    valid : array of bool (n_points,)
        False where the statistic equals that of the parent: no threshold separates them, so the subtree is not a
        supra-threshold cluster.

    References
    ----------
    Chen, Goeman, Krebs, Meijer & Weeda (2023), arXiv:2206.13587.

    Examples
    --------
    Four points in a row:

    >>> from bids_ari.stats.closed_testing import hommel_bound
    >>> row = CsrAdjacency.of_edges(np.array([[0, 1], [1, 2], [2, 3]]), n_points=4)
    >>> bound = hommel_bound(np.array([0.001, 0.0005, 0.3, 0.02]))
    >>> forest = grow_forest(np.array([3.1, 3.3, 0.5, 2.1]), row, bound)
    >>> forest.at_threshold(2)
    (Cluster(label=1, size=2, tdn=2, tdp=1.000), Cluster(label=2, size=1, tdn=1, tdp=1.000))
    >>> forest.with_tdp(0.7)
    (Cluster(label=1, size=4, tdn=3, tdp=0.750),)
    >>> forest.size[forest.chain(1)], forest.tdn[forest.chain(1)]
    (array([1, 2, 4], dtype=int32), array([1, 2, 3], dtype=int32))
    """

    preorder: Ints
    size: Ints
    tdn: Ints
    parent: Ints
    height: FloatArray
    valid: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        for array in (self.preorder, self.size, self.tdn, self.parent, self.height, self.valid):
            array.flags.writeable = False

    @property
    def n_points(self) -> int:
        """Number of points, m."""
        return self.preorder.size

    def _repr_html_(self) -> str:
        """Return the largest clusters at some target TDPs as a table for notebooks."""
        rows = []
        for tdp in _SHOWN:
            found = self.with_tdp(tdp)
            size, tdn = (sum(getattr(each, name) for each in found) for name in ("size", "tdn"))
            rows.append((f"at least {tdp:g}", len(found), size, tdn))
        columns = ("target TDP", "largest clusters", "points", "TDN (sum)")
        more = "Clusters: forest.with_tdp(0.7), or above a threshold forest.at_threshold(3)"
        return html_table("Cluster forest", [("points", f"{self.n_points:,}")], columns, rows, more)

    def at_threshold(self, threshold: float) -> tuple[Cluster, ...]:
        """Return the connected components of ``statistic > threshold``, largest first."""
        above = self.height > threshold
        below = np.ones(self.n_points, dtype=bool)
        inner = self.parent >= 0
        below[inner] = self.height[self.parent[inner]] <= threshold
        return self.clusters(np.flatnonzero(above & below))

    def with_tdp(self, tdp: float) -> tuple[Cluster, ...]:
        """Return the largest supra-threshold clusters with at least the target TDP, largest first.

        Every supra-threshold cluster with such a TDP is contained in one of them (Chen et al. 2023).

        Parameters
        ----------
        tdp : float
            Target TDP, in (0, 1].

        Raises
        ------
        ValueError
            When `tdp` is outside.
        """
        if not 0 < tdp <= 1:
            raise ValueError(f"tdp must lie in (0, 1]; found {tdp}")
        return self.clusters(kernels.largest_with_tdp(self.tdn, self.size, self.valid, tdp))

    def highest_tdp(self) -> FloatArray:
        """Return the highest TDP of all supra-threshold clusters that contain each point, (n_points,)."""
        tdp = np.where(self.valid, self.tdn / self.size, 0.0)
        highest = np.empty(self.n_points)
        highest[self.preorder] = kernels.highest_above(tdp, self.parent)
        return highest

    def chain(self, point: int) -> npt.NDArray[np.intp]:
        """Return the places of all supra-threshold clusters that contain a point, from the smallest to the largest.

        ``size[chain]`` against ``tdn[chain] / size[chain]`` is the curve of TDP by cluster size at the point.
        """
        if not 0 <= point < self.n_points:
            raise IndexError(f"point must lie in 0..{self.n_points - 1}; found {point}")
        place = int(np.flatnonzero(self.preorder == point)[0])
        places = []
        while place >= 0:
            if self.valid[place]:
                places.append(place)
            place = int(self.parent[place])
        return np.array(places, dtype=np.intp)

    def clusters(self, places: npt.NDArray[np.integer]) -> tuple[Cluster, ...]:
        """Return the clusters at places of the forest, labelled by size, then peak, then first point."""
        found = []
        for place in places:
            points = np.sort(self.preorder[place : place + self.size[place]])
            heights = self.height[place : place + self.size[place]]
            top = heights.max()
            peak = int(self.preorder[place : place + self.size[place]][heights == top].min())
            found.append((-points.size, -top, int(points[0]), points, int(self.tdn[place]), peak))
        found.sort(key=lambda row: row[:3])
        return tuple(Cluster(label, *row[3:]) for label, row in enumerate(found, start=1))

    def __repr__(self) -> str:
        n_trees = int((self.parent < 0).sum())
        return f"ClusterForest(n_points={self.n_points}, n_trees={n_trees})"


def grow_forest(statistic: FloatArray, neighbours: Adjacency, bound: Bound) -> ClusterForest:
    """Build the forest of all supra-threshold clusters with the TDN of each.

    Parameters
    ----------
    statistic : array (n_points,)
        Not NaN; large is extreme.
    neighbours : GridAdjacency or CsrAdjacency
        The neighbours of each point.
    bound : Bound
        Categories of the same points.

    Raises
    ------
    ValueError
        When a statistic is NaN, or the lengths differ.
    """
    statistic = np.asarray(statistic, dtype=np.float64)
    if not statistic.shape == (bound.n_points,) == (neighbours.n_points,):
        raise ValueError(
            f"statistic, neighbours and bound must have the same number of points; found {statistic.shape}, "
            f"({neighbours.n_points},) and ({bound.n_points},)"
        )
    if np.isnan(statistic).any():
        raise ValueError("statistic must not be NaN")
    order = kernels.ascending_order((-statistic + 0.0).view(np.uint64))  # + 0.0: -0.0 equals 0.0
    points, size, parent = kernels.preorder(order, neighbours.parents(order))
    height = statistic[points]
    valid = kernels.differs_from_parent(height, parent)
    tdn = kernels.subtree_discoveries(bound.category[points], size, parent)
    return ClusterForest(points, size, tdn, parent, height, valid)
