"""The largest cluster of each permutation at several thresholds, compiled by numba.

Only points above the lowest threshold are touched. They join in the order of their thresholds, the highest first, as
in `forest_kernels`: when all points above a threshold have joined, the largest component is the largest cluster there.
Extents are whole numbers, so that they do not depend on the order in which points join.
"""

import numpy as np
import numpy.typing as npt

from bids_ari.stats.forest_kernels import NONE, Floats, Ints, compiled, find_root
from bids_ari.stats.permutation_kernels import Groups, Indices

Longs = npt.NDArray[np.int64]


@compiled
def highest_values(values: Floats, group: Groups, n_groups: int, folded: bool) -> Floats:
    """Return the highest value of each group in each permutation, (n_permutations, n_groups); absolute if `folded`."""
    highest = np.full((values.shape[0], n_groups), -np.inf)
    for b in range(values.shape[0]):
        for j in range(values.shape[1]):
            value = abs(values[b, j]) if folded else values[b, j]
            if value > highest[b, group[j]]:
                highest[b, group[j]] = value
    return highest


@compiled
def _points_above(
    values: Floats, group: Groups, limits: Floats, folded: bool, level: npt.NDArray[np.int16], found: Ints, ends: Ints
) -> None:
    """Find the points above thresholds, those above the highest first, in order.

    `limits` (n_groups, n_thresholds) ascend. ``found[: ends[i]]`` become the points above all but `i` thresholds.
    """
    n_thresholds = limits.shape[1]
    ends[:] = 0
    for j in range(values.size):
        value = abs(values[j]) if folded else values[j]
        above = 0
        while above < n_thresholds and value > limits[group[j], above]:
            above += 1
        level[j] = above
        if above:
            ends[n_thresholds - above] += 1
    for i in range(1, n_thresholds):
        ends[i] += ends[i - 1]
    free = np.zeros(n_thresholds, dtype=np.int32)
    free[1:] = ends[: n_thresholds - 1]
    for j in range(values.size):
        if level[j]:
            place = n_thresholds - level[j]
            found[free[place]] = j
            free[place] += 1


@compiled
def _joined(root: Ints, extent: Longs, one: int, other: int) -> int:
    """Join two components, the smaller one to the larger; return the root of both."""
    if one == other:
        return one
    if extent[other] > extent[one]:
        one, other = other, one
    root[other] = one
    extent[one] += extent[other]
    return one


@compiled
def grid_extents(
    values: Floats,
    group: Groups,
    limits: Floats,
    folded: bool,
    split: bool,
    weight: Longs,
    cell: Ints,
    offsets: Ints,
    n_cells: int,
) -> Longs:
    """Return the extent of the largest cluster of each permutation above each threshold, on a padded grid.

    `values` (n_permutations, n_points) are compared with ``limits[group[point]]``, ascending thresholds; their absolute
    values if `folded`. If `split`, points of a cluster share their sign: negative ones are on a second grid. An extent
    is a sum of `weight` (n_points,), which are positive. Returns (n_permutations, n_thresholds).
    """
    n_permutations, n_points = values.shape
    n_thresholds = limits.shape[1]
    largest = np.zeros((n_permutations, n_thresholds), dtype=np.int64)
    member = np.full(2 * n_cells if split else n_cells, NONE, dtype=np.int32)
    level, ends = np.empty(n_points, dtype=np.int16), np.empty(n_thresholds, dtype=np.int32)
    found, root = np.empty(n_points, dtype=np.int32), np.empty(n_points, dtype=np.int32)
    extent = np.empty(n_points, dtype=np.int64)
    for b in range(n_permutations):
        _points_above(values[b], group, limits, folded, level, found, ends)
        top, i = np.int64(0), 0
        for place in range(n_thresholds):
            while i < ends[place]:
                point = found[i]
                here = cell[point] + (n_cells if split and values[b, point] < 0 else 0)
                mine = i
                root[i], extent[i] = i, weight[point]
                for offset in offsets:
                    neighbour = here + offset
                    if member[neighbour] == NONE or member[neighbour] == mine:
                        continue
                    member[neighbour] = other = find_root(root, member[neighbour])
                    mine = _joined(root, extent, mine, other)
                member[here] = mine
                top = max(top, extent[mine])
                i += 1
            largest[b, n_thresholds - 1 - place] = top
        for point in found[:i]:
            member[cell[point] + (n_cells if split and values[b, point] < 0 else 0)] = NONE
    return largest


@compiled
def graph_extents(
    values: Floats,
    group: Groups,
    limits: Floats,
    folded: bool,
    split: bool,
    weight: Longs,
    column: Indices,
    point: Indices,
    starts: npt.NDArray[np.int64],
    neighbours: Ints,
) -> Longs:
    """Return what `grid_extents` does, on a graph: v has neighbours ``neighbours[starts[v] : starts[v + 1]]``.

    Values, groups and weights of v are in the column ``column[v]``, and those of a column are of ``point[column]``.
    """
    n_permutations, n_points = values.shape
    n_thresholds = limits.shape[1]
    largest = np.zeros((n_permutations, n_thresholds), dtype=np.int64)
    member = np.full(n_points, NONE, dtype=np.int32)  # by column
    level, ends = np.empty(n_points, dtype=np.int16), np.empty(n_thresholds, dtype=np.int32)
    found, root = np.empty(n_points, dtype=np.int32), np.empty(n_points, dtype=np.int32)
    extent = np.empty(n_points, dtype=np.int64)
    for b in range(n_permutations):
        _points_above(values[b], group, limits, folded, level, found, ends)
        top, i = np.int64(0), 0
        for place in range(n_thresholds):
            while i < ends[place]:
                here = found[i]
                mine, is_negative = i, values[b, here] < 0
                root[i], extent[i] = i, weight[here]
                for each in neighbours[starts[point[here]] : starts[point[here] + 1]]:
                    neighbour = column[each]
                    if member[neighbour] == NONE or member[neighbour] == mine:
                        continue
                    if split and (values[b, neighbour] < 0) != is_negative:
                        continue
                    member[neighbour] = other = find_root(root, member[neighbour])
                    mine = _joined(root, extent, mine, other)
                member[here] = mine
                top = max(top, extent[mine])
                i += 1
            largest[b, n_thresholds - 1 - place] = top
        member[found[:i]] = NONE
    return largest
