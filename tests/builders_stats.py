"""Neighbours, clusters and closed testing computed from their definitions, without the package."""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bids_ari.stats.forest import Cluster, GridAdjacency

CONNECTIVITIES = (6, 18, 26)
"""Neighbours share a face; a face or an edge; a face, an edge or a corner."""

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Voxels = frozenset[int]
"""A cluster as the set of its positions."""

_AXES_APART = {6: 1, 18: 2, 26: 3}
"""Along how many axes neighbours may differ; scipy.ndimage calls this the connectivity."""


def adjacency(inside: Bools, connectivity: int) -> GridAdjacency:
    """Neighbours of the voxels of a mask, in C order, on a grid with one empty cell around it."""
    padded = np.pad(inside, 1)
    _, rows, columns = padded.shape
    steps = [
        (x * rows + y) * columns + z
        for x, y, z in product((-1, 0, 1), repeat=3)
        if 1 <= abs(x) + abs(y) + abs(z) <= _AXES_APART[connectivity]
    ]
    cells = np.flatnonzero(padded).astype(np.int32)
    return GridAdjacency(cells, np.array(steps, dtype=np.int32), padded.size)


def components(above: Bools, inside: Bools, connectivity: int) -> set[Voxels]:
    """Connected components of the voxels of a mask that are `above` (n_points,), by scipy.ndimage."""
    volume = np.zeros(inside.shape, dtype=bool)
    volume[inside] = above
    structure = ndimage.generate_binary_structure(3, _AXES_APART[connectivity])
    labels, _ = ndimage.label(volume, structure)
    return set(by_label(labels[inside]).values())


def by_label(labels: npt.NDArray[np.integer]) -> dict[int, Voxels]:
    """Return the positions of each label (n_points,); 0 is no label."""
    used = np.unique(labels[labels > 0])
    return {int(label): frozenset(np.flatnonzero(labels == label).tolist()) for label in used}


def as_sets(clusters: Iterable[Cluster]) -> dict[Voxels, int]:
    """Return the TDN of each cluster, as a set of positions."""
    return {frozenset(cluster.points.tolist()): cluster.tdn for cluster in clusters}


def hommel_scale(size: int) -> Fraction:
    """s_i = i * (1 + 1/2 + ... + 1/i)."""
    return size * sum((Fraction(1, k) for k in range(1, size + 1)), Fraction(0))


def members(subset: int) -> list[int]:
    """Return the positions in a set encoded as an integer: position i is in it when bit i is set."""
    return [i for i in range(subset.bit_length()) if subset >> i & 1]


def closed_testing(
    p: Sequence[Fraction], alpha: Fraction, scale: Callable[[int], Fraction | int]
) -> tuple[int, list[int]]:
    """Return h and the TDN of all 2^m sets, from all 2^m - 1 intersection hypotheses.

    A set is rejected when each set that contains it is rejected locally. The number of points of a set that can be
    null is the size of its largest subset that is not rejected.
    """
    everything = range(2 ** len(p))

    def rejected_locally(subset: int) -> bool:
        inside = sorted(p[i] for i in members(subset))
        return any(scale(len(inside)) * inside[j - 1] <= j * alpha for j in range(1, len(inside) + 1))

    locally = [rejected_locally(subset) for subset in everything]
    rejected = [all(locally[large] for large in everything if large & small == small) for small in everything]
    kept = [subset for subset in everything if not rejected[subset]]  # the empty set is never rejected
    nulls = [max((s.bit_count() for s in kept if s & subset == s), default=0) for subset in everything]
    return nulls[-1], [subset.bit_count() - nulls[subset] for subset in everything]


def h_by_definition(p: Floats, alpha: float, scale: Callable[[int], float]) -> int:
    """Return the largest i such that the i largest p are not rejected: s_i * p_(m-i+j) > j * alpha, all j."""
    ordered = np.sort(p).tolist()
    for size in range(p.size, 0, -1):
        largest = ordered[p.size - size :]
        if all(scale(size) * largest[j - 1] > j * alpha for j in range(1, size + 1)):
            return size
    return 0


def concentration_set(p: Floats, alpha: float, h: int, scale: float) -> npt.NDArray[np.intp]:
    """Return the positions of the z smallest p, z the smallest z >= m - h with s_h p_(z) <= (z - m + h + 1) alpha.

    It is the shortest list of smallest p with TDN = m - h (Meijer, Krebs & Goeman 2019); empty if h = m.
    """
    m, order = p.size, np.argsort(p, kind="stable")
    if h == m:
        return order[:0]
    sizes = range(max(m - h, 1), m + 1)
    return order[: next(z for z in sizes if scale * p[order[z - 1]] <= (z - m + h + 1) * alpha)]


def adjusted_by_definition(p: Sequence[Fraction], scale: Callable[[int], Fraction | int]) -> list[Fraction]:
    """Return the adjusted p of all 2^m sets, 0 of the empty one: the largest local p of the sets that contain it.

    The local p of a set is its smallest s_i * p_(j) / j.
    """
    everything = range(2 ** len(p))

    def local_p(subset: int) -> Fraction:
        inside = sorted(p[i] for i in members(subset))
        return min((scale(len(inside)) * one / j for j, one in enumerate(inside, start=1)), default=Fraction(0))

    local = [local_p(subset) for subset in everything]
    adjusted = [max(local[large] for large in everything if large & small == small) for small in everything]
    return [Fraction(0), *adjusted[1:]]


def edges(inside: Bools, connectivity: int) -> npt.NDArray[np.int64]:
    """Return each pair of neighbouring voxels once, as positions (n_edges, 2)."""
    cells = np.argwhere(inside)
    apart = np.abs(cells[:, None] - cells[None])
    touch = (apart.max(axis=2) == 1) & (apart.sum(axis=2) <= _AXES_APART[connectivity])
    return np.argwhere(np.triu(touch))
