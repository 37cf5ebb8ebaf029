"""The tree of points on a grid, compiled by numba.

Points join from the most to the least extreme (rank 0). Those that joined before a point are *higher* than it. Where
its higher neighbours are connected to each other by higher cells around the point, they are of one component, which
the point joins; few points are elsewhere, *possible saddles*. So each point leads to one of its higher neighbours, and
on to a local maximum; the points that lead to the same maximum are its *basin*. Basins are found row by row, where
memory is read in sequence, and only possible saddles are left to join basins to components, in the order of ranks.
"""

import numpy as np
import numpy.typing as npt

from bids_ari.stats.forest_kernels import NONE, Ints, compiled, find_root, merge

Bits = npt.NDArray[np.uint32]

MOST_NEIGHBOURS = 27
"""Cells around a point that are handled as bits: three tables of nine."""

_LONGEST = 1024  # cells of a row that are handled at once
_GAP = 16  # cells without points that end a row


@compiled
def grid_parents(order: Ints, cell: Ints, offsets: Ints, around: Ints, n_cells: int) -> Ints:
    """Join points in `order`, most extreme first, on a padded grid; return the parent rank of each rank.

    Each point completes the component that it joins, so a parent has the larger rank. Components are unions of basins,
    kept by union-find, by size; `last` is the node that completed a component. `around` are the `offsets`, then steps
    to further cells that may connect neighbours.
    """
    n = order.size
    margin = _GAP
    for step in around:
        margin = max(margin, abs(step))
    rank = np.full(n_cells + 2 * margin, n, dtype=np.int32)  # of each cell; n where there is no point
    for place in range(n):
        rank[cell[order[place]] + margin] = place
    label, further, n_basins = _basins(rank, n, offsets, around)
    basin = _settled(label, rank, n)
    parent = np.full(n, NONE, dtype=np.int32)
    root = np.arange(n_basins).astype(np.int32)
    size = np.zeros(n_basins, dtype=np.int32)
    last = np.full(n_basins, NONE, dtype=np.int32)
    for place in range(n):
        mine = find_root(root, basin[place])
        if last[mine] != NONE:
            parent[last[mine]] = place
        bits = further[place]
        while bits:
            neighbour = cell[order[place]] + margin + around[_lowest(bits)]
            other = find_root(root, -1 - label[neighbour])
            if other != mine:
                mine = merge(mine, other, place, root, size, last, parent)
            bits &= bits - np.uint32(1)
        last[mine] = place
        size[mine] += 1
    return parent


@compiled
def _basins(rank: Ints, n: int, offsets: Ints, around: Ints) -> tuple[Ints, Bits, int]:
    """Find basins and possible saddles.

    Returns the label of each cell, -1 - basin or, where that is not yet known, a later cell of the same basin; the
    neighbours of each rank that may be of further components, as bits; and the number of basins.
    """
    links = _links(around, offsets)
    label = np.empty(rank.size, dtype=np.int32)
    further = np.zeros(n, dtype=np.uint32)
    higher = np.empty(_LONGEST, dtype=np.uint32)
    n_basins = first = 0
    while first < rank.size:
        if rank[first] == n:
            first += 1
            continue
        end = _higher_cells(rank, n, first, around, higher)
        n_basins = _label_row(rank[first:end], n, first, higher, around, offsets.size, links, label, further, n_basins)
        first = end
    return label, further, n_basins


@compiled
def _label_row(
    row: Ints,
    n: int,
    first: int,
    higher: Bits,
    around: Ints,
    n_neighbours: int,
    links: Bits,
    label: Ints,
    further: Bits,
    n_basins: int,
) -> int:
    """Label a row of cells from their higher cells, and find possible saddles; return the new number of basins.

    Of the higher neighbours of a possible saddle, one of each part that is connected by itself is in `further`.
    """
    own = (np.uint32(1) << np.uint32(n_neighbours)) - np.uint32(1)
    for i in range(row.size):
        if row[i] == n:
            continue
        here, cells = first + i, higher[i]
        neighbours = cells & own
        if not neighbours:
            n_basins += 1
            label[here] = -n_basins
            continue
        k = _lowest(neighbours)
        lead = here + around[k]
        while 0 <= lead < here:  # with path halving
            up = label[lead]
            if 0 <= up < here:
                label[lead] = up = label[up]
            lead = up
        label[here] = lead
        neighbours &= ~_connected(np.uint32(1) << np.uint32(k), cells, links)
        while neighbours:
            one = neighbours & -neighbours
            further[row[i]] |= one
            neighbours &= ~_connected(one, cells, links)
    return n_basins


@compiled
def _settled(label: Ints, rank: Ints, n: int) -> Ints:
    """Make all labels those of basins and return the basin of each rank.

    From the last cell to the first, the label of a basin is at most one step away.
    """
    basin = np.empty(n, dtype=np.int32)
    for here in range(rank.size - 1, -1, -1):
        if rank[here] < n:
            if label[here] >= 0:
                label[here] = label[label[here]]
            basin[rank[here]] = -1 - label[here]
    return basin


@compiled
def _higher_cells(rank: Ints, n: int, first: int, around: Ints, higher: Bits) -> int:
    """Find the higher cells around each point of a row with short gaps, as bits; return the cell at its end."""
    end = here = first + 1
    while here - end < _GAP and here - first < higher.size:
        here += 1
        if rank[here - 1] < n:
            end = here
    row = rank[first:end]
    higher[: row.size] = 0
    for k in range(around.size):
        others, bit = rank[first + around[k] : end + around[k]], np.uint32(1) << np.uint32(k)
        for i in range(row.size):
            higher[i] |= bit if others[i] < row[i] else np.uint32(0)
    return end


@compiled
def _lowest(bits: np.uint32) -> int:
    """Return the place of the lowest bit that is set."""
    k = 0
    while not bits >> np.uint32(k) & np.uint32(1):
        k += 1
    return k


@compiled
def _links(around: Ints, offsets: Ints) -> Bits:
    """Return the cells that are in a set of cells around a point or neighbours of its cells, as bits, (3, 512).

    ``links[t, bits]`` is that of a set of the cells 9 t to 9 t + 8 of `around`.
    """
    links = np.zeros((3, 512), dtype=np.uint32)
    for k in range(around.size):
        near = np.uint32(1) << np.uint32(k)
        for other in range(around.size):
            if (offsets == around[other] - around[k]).any():
                near |= np.uint32(1) << np.uint32(other)
        for bits in range(512):
            if bits >> k % 9 & 1:
                links[k // 9, bits] |= near
    return links


@compiled
def _connected(some: np.uint32, cells: np.uint32, links: Bits) -> np.uint32:
    """Return those of `cells` that are connected to `some` of them, as bits."""
    while True:
        low, middle, high = some & np.uint32(511), some >> np.uint32(9) & np.uint32(511), some >> np.uint32(18)
        grown = (links[0, low] | links[1, middle] | links[2, high]) & cells
        if grown == some:
            return some
        some = grown
