"""Pairs of positions that are neighbours: vertices that share a side of a triangle, and voxels that touch."""

from itertools import product

import numpy as np
import numpy.typing as npt

from bids_ari.images.space import CONNECTIVITIES
from bids_ari.stats.forest import Ints


def mesh_edges(edges: Ints, vertices: npt.NDArray[np.integer], n_vertices: int) -> Ints:
    """Return the edges of a mesh, (n_edges, 2), as places in a list of some of its vertices.

    >>> mesh_edges(np.array([[0, 1], [1, 2], [0, 2]], dtype=np.int32), np.array([2, 1]), 3)
    array([[1, 0]], dtype=int32)
    """
    place = np.full(n_vertices, -1, dtype=np.int32)
    place[vertices] = np.arange(len(vertices), dtype=np.int32)
    found = place.take(edges)
    return found.compress((found[:, 0] >= 0) & (found[:, 1] >= 0), axis=0)


def voxel_edges(indices: npt.NDArray[np.integer], connectivity: int) -> Ints:
    """Return the pairs of voxels, (n_edges, 2), as places in a list of their indices (n, 3), that are neighbours.

    >>> voxel_edges(np.array([[0, 0, 0], [5, 5, 5], [0, 0, 1]]), 6)
    array([[0, 2]], dtype=int32)
    """
    if not len(indices):
        return np.empty((0, 2), dtype=np.int32)
    placed = np.asarray(indices, dtype=np.int64) - np.min(indices, axis=0) + 1
    lengths = placed.max(axis=0) + 2  # a margin, so that steps never lead into the next row
    strides = np.array([lengths[1] * lengths[2], lengths[2], 1])
    keys = placed @ strides
    order = np.argsort(keys)
    ordered = keys[order]
    pairs = []
    for step in product((-1, 0, 1), repeat=3):
        n_axes = np.count_nonzero(step)
        if step <= (0, 0, 0) or n_axes > CONNECTIVITIES[connectivity]:  # each pair in one direction
            continue
        wanted = keys + np.dot(step, strides)
        at = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
        has = ordered[at] == wanted
        pairs.append(np.stack([np.flatnonzero(has), order[at[has]]], axis=1))
    return np.concatenate(pairs).astype(np.int32)
