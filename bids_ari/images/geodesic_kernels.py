"""Distances along meshes from many vertices, each within a limit, compiled by numba."""

import numpy as np
import numpy.typing as npt

from bids_ari.stats.forest_kernels import Floats, Ints, compiled

Longs = npt.NDArray[np.int64]


@compiled
def near_pairs(
    indptr: Ints, indices: Ints, lengths: Floats, limit: float
) -> tuple[Longs, Ints, Floats]:  # pragma: no cover - compiled
    """Return the vertices within `limit` of each vertex, by Dijkstra's algorithm, as a sparse matrix in CSR.

    Parameters
    ----------
    indptr, indices, lengths : arrays
        The graph, in CSR; lengths are not negative.
    limit : float
        Largest distance.

    Returns
    -------
    indptr : array (n_vertices + 1,)
        Where the vertices near each vertex begin.
    indices, distances : arrays (n_pairs,)
        These vertices, itself first, by distance.
    """
    n = indptr.size - 1
    starts = np.zeros(n + 1, dtype=np.int64)
    near, far = np.empty(16 * n, dtype=np.int32), np.empty(16 * n, dtype=np.float64)
    best = np.full(n, np.inf)
    heap_keys, heap = np.empty(1024, dtype=np.float64), np.empty(1024, dtype=np.int32)
    n_pairs = 0
    for source in range(n):
        first = n_pairs
        best[source], heap_keys[0], heap[0], size = 0.0, 0.0, source, 1
        while size:
            key, vertex = heap_keys[0], heap[0]
            size -= 1
            _sift_down(heap_keys, heap, size)
            if key > best[vertex]:
                continue  # it was reached by a shorter path
            if n_pairs == near.size:
                near = np.concatenate((near, np.empty_like(near)))
                far = np.concatenate((far, np.empty_like(far)))
            near[n_pairs], far[n_pairs] = vertex, key
            n_pairs += 1
            if size + indptr[vertex + 1] - indptr[vertex] > heap.size:
                heap = np.concatenate((heap, np.empty_like(heap)))
                heap_keys = np.concatenate((heap_keys, np.empty_like(heap_keys)))
            for at in range(indptr[vertex], indptr[vertex + 1]):
                reached, distance = indices[at], key + lengths[at]
                if distance <= limit and distance < best[reached]:
                    best[reached] = distance
                    _sift_up(heap_keys, heap, size, distance, reached)
                    size += 1
        for at in range(first, n_pairs):
            best[near[at]] = np.inf
        starts[source + 1] = n_pairs
    return starts, near[:n_pairs].copy(), far[:n_pairs].copy()


@compiled
def _sift_up(keys: Floats, heap: Ints, at: int, key: float, item: int) -> None:  # pragma: no cover - compiled
    """Insert an item at the end of a binary heap, of `at` items before."""
    while at:
        parent = (at - 1) // 2
        if keys[parent] <= key:
            break
        keys[at], heap[at] = keys[parent], heap[parent]
        at = parent
    keys[at], heap[at] = key, item


@compiled
def _sift_down(keys: Floats, heap: Ints, size: int) -> None:  # pragma: no cover - compiled
    """Remove the first item of a binary heap, of `size` items afterwards."""
    key, item, at = keys[size], heap[size], 0
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and keys[child + 1] < keys[child]:
            child += 1
        if key <= keys[child]:
            break
        keys[at], heap[at] = keys[child], heap[child]
        at = child
    keys[at], heap[at] = key, item
