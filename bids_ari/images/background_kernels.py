"""The loop that finds the background of a volume, compiled by numba."""

import numpy as np
import numpy.typing as npt

from bids_ari.stats.forest_kernels import Ints, compiled, find_root

_EDGE = np.int32(0)  # the number of the set of all that is connected to the edge


@compiled
def connected_to_edge(absent: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return the voxels connected to the edge of a volume through faces of others that are `absent`; in C order.

    Runs of voxels along rows are joined with those of the two rows before, which are far fewer than voxels.
    """
    n_planes, n_rows, n_columns = absent.shape
    most = n_planes * n_rows * ((n_columns + 1) // 2) + 1
    starts, stops, parents = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.int32)
    parents[_EDGE] = _EDGE
    first_of_row = np.empty(n_planes * n_rows + 1, np.int32)
    n_runs = 1
    for row in range(n_planes * n_rows):
        first_of_row[row] = n_runs
        plane, at = divmod(row, n_rows)
        outer = plane == 0 or plane == n_planes - 1 or at == 0 or at == n_rows - 1
        column = 0
        while column < n_columns:
            if not absent[plane, at, column]:
                column += 1
                continue
            starts[n_runs] = column
            while column < n_columns and absent[plane, at, column]:
                column += 1
            stops[n_runs] = column
            parents[n_runs] = _EDGE if outer or starts[n_runs] == 0 or column == n_columns else n_runs
            n_runs += 1
        first_of_row[row + 1] = n_runs
        if at > 0:
            _join(first_of_row, row, row - 1, starts, stops, parents)
        if plane > 0:
            _join(first_of_row, row, row - n_rows, starts, stops, parents)
    connected = np.zeros(absent.shape, np.bool_)
    for row in range(n_planes * n_rows):
        plane, at = divmod(row, n_rows)
        for run in range(first_of_row[row], first_of_row[row + 1]):
            if find_root(parents, run) == _EDGE:
                connected[plane, at, starts[run] : stops[run]] = True
    return connected


@compiled
def _join(first_of_row: Ints, row: int, before: int, starts: Ints, stops: Ints, parents: Ints) -> None:
    """Join the runs of two neighbouring rows where they overlap."""
    one, other = first_of_row[row], first_of_row[before]
    while one < first_of_row[row + 1] and other < first_of_row[before + 1]:
        if starts[one] < stops[other] and starts[other] < stops[one]:
            root, its = find_root(parents, one), find_root(parents, other)
            parents[max(root, its)] = min(root, its)
        if stops[one] <= stops[other]:
            one += 1
        else:
            other += 1
