"""The loops over the points of a batch of permutations, compiled by numba.

A value depends on the data of its point alone, by operations in a fixed order that no compiler may change, so it is
the same to the bit however points are divided and on every machine. A product by BLAS is faster, but does not
guarantee this.
"""

import numpy as np
import numpy.typing as npt

from bids_ari.stats.forest_kernels import Floats, Ints, compiled

Indices = npt.NDArray[np.intp]
Groups = npt.NDArray[np.int16]

_CHUNK = 512  # points whose numbers stay in the cache of the processor during all permutations of a batch


@compiled
def _component(weights: Floats, data: Floats, start: int, out: Floats) -> None:
    """Compute a weighted sum of subjects at points from `start` on; eight subjects at a time are twice as fast."""
    points = slice(start, start + out.size)
    out[:] = 0.0
    i = 0
    while i + 8 <= weights.size:
        a, b, c, d, e, f, g, h = weights[i : i + 8]
        of_a, of_b, of_c, of_d = data[i, points], data[i + 1, points], data[i + 2, points], data[i + 3, points]
        of_e, of_f, of_g, of_h = data[i + 4, points], data[i + 5, points], data[i + 6, points], data[i + 7, points]
        for j in range(out.size):
            four = (((out[j] + a * of_a[j]) + b * of_b[j]) + c * of_c[j]) + d * of_d[j]
            out[j] = (((four + e * of_e[j]) + f * of_f[j]) + g * of_g[j]) + h * of_h[j]
        i += 8
    for k in range(i, weights.size):
        a, of_a = weights[k], data[k, points]
        for j in range(out.size):
            out[j] += a * of_a[j]


@compiled
def unit_residuals(kept: Indices, outer: Floats, inner: Floats, values: Floats) -> Floats:
    """Return values[kept] + outer' (inner values), (n_kept, n_points), each point scaled to length 1.

    `outer` is (n_directions, n_kept), `inner` (n_directions, n_subjects), and `values` (n_subjects, n_points).
    """
    residuals = values[kept]
    component, length = np.empty(values.shape[1]), np.zeros(values.shape[1])
    for direction in range(inner.shape[0]):
        _component(inner[direction], values, 0, component)
        for i in range(kept.size):
            for j in range(component.size):
                residuals[i, j] += outer[direction, i] * component[j]
    for i in range(kept.size):
        for j in range(length.size):
            length[j] += residuals[i, j] * residuals[i, j]
    length = np.sqrt(length)
    for i in range(kept.size):
        for j in range(length.size):
            residuals[i, j] /= length[j]
    return residuals


@compiled
def partial_correlations(
    tested: Floats, nuisance: Floats, data: Floats, start: int, stop: int, signed: bool, out: Floats
) -> None:
    """Compute the partial correlation of data with the tested directions under each permutation.

    For data e of length 1 it is sqrt(|U e|^2 / (1 - |Z e|^2)); it has a sign where there is one direction and `signed`.
    `tested` U and `nuisance` Z are permuted, (n_permutations, n_rows, n_subjects), and data (n_subjects, n_points).
    Columns `start` to `stop` of `out` (n_permutations, n_points) receive the correlations.
    """
    n_permutations, n_rows, _ = tested.shape
    n_others = nuisance.shape[1]
    component, rest, length = np.empty(_CHUNK), np.empty(_CHUNK), np.empty(_CHUNK)
    for begin in range(start, stop, _CHUNK):
        size = min(_CHUNK, stop - begin)
        for b in range(n_permutations):
            result = out[b, begin : begin + size]
            if n_rows == 1 and n_others == 0:
                _component(tested[b, 0], data, begin, result)
                if not signed:
                    result[:] = np.abs(result)
                continue
            rest[:size] = 1.0
            for row in range(n_others):
                _component(nuisance[b, row], data, begin, component[:size])
                for j in range(size):
                    rest[j] -= component[j] * component[j]
            length[:size] = 0.0
            for row in range(n_rows):
                _component(tested[b, row], data, begin, component[:size])
                for j in range(size):
                    length[j] += component[j] * component[j]
            for j in range(size):
                value = np.sqrt(length[j] / max(rest[j], 1e-30))
                result[j] = -value if signed and component[j] < 0 else value


@compiled
def bin_counts(values: Floats, group: Groups, lowest: float, per_unit: float, n_bins: int, n_groups: int) -> Ints:
    """Count the points of each permutation in bins of equal width from `lowest` to 1, `n_bins` for each group.

    Points of group -1 are excluded. Returns (n_permutations, n_groups * n_bins).
    """
    counts = np.zeros((values.shape[0], n_groups * n_bins), dtype=np.int32)
    for b in range(values.shape[0]):
        of_permutation = counts[b]
        for j in range(values.shape[1]):
            if group[j] >= 0:
                place = min(max(int((values[b, j] - lowest) * per_unit), 0), n_bins - 1)
                of_permutation[group[j] * n_bins + place] += 1
    return counts


@compiled
def running_counts(counts: Ints, order: Indices, n_first: Indices) -> Ints:
    """Count the points of each permutation in the first ``n_first[i]`` bins of an order, (n_permutations, n_first)."""
    n_permutations, n_bins = counts.shape
    running = np.zeros(n_bins + 1, dtype=np.int32)
    found = np.empty((n_permutations, n_first.size), dtype=np.int32)
    for b in range(n_permutations):
        for i in range(n_bins):
            running[i + 1] = running[i] + counts[b, order[i]]
        for i in range(n_first.size):
            found[b, i] = running[n_first[i]]
    return found


@compiled
def values_in_bins(
    values: Floats,
    group: Groups,
    lowest: float,
    per_unit: float,
    n_bins: int,
    selected: npt.NDArray[np.bool_],
    total: int,
) -> tuple[Floats, Groups]:
    """Return value and group of the `total` points in the selected bins, one permutation after the other."""
    found, of_group = np.empty(total), np.empty(total, dtype=np.int16)
    n_found = 0
    for b in range(values.shape[0]):
        for j in range(values.shape[1]):
            if group[j] >= 0:
                place = min(max(int((values[b, j] - lowest) * per_unit), 0), n_bins - 1)
                if selected[b, group[j] * n_bins + place]:
                    found[n_found], of_group[n_found] = values[b, j], group[j]
                    n_found += 1
    return found, of_group


@compiled
def count_at_most(columns: Floats, column: Indices, p: Floats) -> Indices:
    """Count the values of a column, in ascending order, that are at most p, for each pair of `column` and p."""
    found = np.empty(p.size, dtype=np.intp)
    for i in range(p.size):
        low, high = 0, columns.shape[0]
        while low < high:
            middle = (low + high) // 2
            if columns[middle, column[i]] <= p[i]:
                low = middle + 1
            else:
                high = middle
        found[i] = low
    return found
