"""The loops over points of a batch of draws, compiled by numba.

A value depends on the data of its point alone, by operations in a fixed order that no compiler may change, so it is
the same bit for bit however points are divided and whichever machine computes it. A product by BLAS is faster, but
that it does not promise.
"""

import numpy as np
import numpy.typing as npt

from bids_ari.stats.forest_kernels import Floats, Ints, compiled

Places = npt.NDArray[np.intp]
Groups = npt.NDArray[np.int16]

_CHUNK = 512
"""Points whose numbers stay near the processor while all draws of a batch are made."""


@compiled
def _component(weights: Floats, unit: Floats, start: int, found: Floats) -> None:
    """Give a weighted sum of subjects at some points from `start` on; eight subjects at a time are twice as fast."""
    points = slice(start, start + found.size)
    found[:] = 0.0
    i = 0
    while i + 8 <= weights.size:
        a, b, c, d, e, f, g, h = weights[i : i + 8]
        of_a, of_b, of_c, of_d = unit[i, points], unit[i + 1, points], unit[i + 2, points], unit[i + 3, points]
        of_e, of_f, of_g, of_h = unit[i + 4, points], unit[i + 5, points], unit[i + 6, points], unit[i + 7, points]
        for j in range(found.size):
            four = (((found[j] + a * of_a[j]) + b * of_b[j]) + c * of_c[j]) + d * of_d[j]
            found[j] = (((four + e * of_e[j]) + f * of_f[j]) + g * of_g[j]) + h * of_h[j]
        i += 8
    for k in range(i, weights.size):
        a, of_a = weights[k], unit[k, points]
        for j in range(found.size):
            found[j] += a * of_a[j]


@compiled
def residuals_of_length_one(kept: Places, given: Floats, looked_at: Floats, values: Floats) -> Floats:
    """Give values[kept] + given' (looked_at values), (n_kept, n_points), of values (n, n_points), scaled to length 1.

    The weights are `given` (n_directions, n_kept) and `looked_at` (n_directions, n).
    """
    residuals = values[kept]
    component, length = np.empty(values.shape[1]), np.zeros(values.shape[1])
    for direction in range(looked_at.shape[0]):
        _component(looked_at[direction], values, 0, component)
        for i in range(kept.size):
            for j in range(component.size):
                residuals[i, j] += given[direction, i] * component[j]
    for i in range(kept.size):
        for j in range(length.size):
            length[j] += residuals[i, j] * residuals[i, j]
    length = np.sqrt(length)
    for i in range(kept.size):
        for j in range(length.size):
            residuals[i, j] /= length[j]
    return residuals


@compiled
def correlations(
    tested: Floats, nuisance: Floats, unit: Floats, start: int, stop: int, signed: bool, out: Floats
) -> None:
    """Give the partial correlation of the data with what is tested, at points `start` to `stop` under each draw.

    For data e of length 1 it is sqrt(|U e|^2 / (1 - |Z e|^2)), with the tested directions U (n_draws, n_rows, n) and
    those of the nuisance Z (n_draws, n_others, n); with a sign where there is one direction and `signed`.
    """
    n_draws, n_rows, _ = tested.shape
    n_others = nuisance.shape[1]
    component, rest, length = np.empty(_CHUNK), np.empty(_CHUNK), np.empty(_CHUNK)
    for begin in range(start, stop, _CHUNK):
        size = min(_CHUNK, stop - begin)
        for draw in range(n_draws):
            result = out[draw, begin : begin + size]
            if n_rows == 1 and n_others == 0:
                _component(tested[draw, 0], unit, begin, result)
                if not signed:
                    result[:] = np.abs(result)
                continue
            rest[:size] = 1.0
            for row in range(n_others):
                _component(nuisance[draw, row], unit, begin, component[:size])
                for j in range(size):
                    rest[j] -= component[j] * component[j]
            length[:size] = 0.0
            for row in range(n_rows):
                _component(tested[draw, row], unit, begin, component[:size])
                for j in range(size):
                    length[j] += component[j] * component[j]
            for j in range(size):
                value = np.sqrt(length[j] / max(rest[j], 1e-30))
                result[j] = -value if signed and component[j] < 0 else value


@compiled
def bin_counts(score: Floats, group: Groups, lowest: float, per_unit: float, n_bins: int, n_groups: int) -> Ints:
    """Count the points of each draw in bins of equal width from `lowest` to 1, `n_bins` for each group.

    Points of group -1 are left out. Gives (n_draws, n_groups * n_bins).
    """
    counts = np.zeros((score.shape[0], n_groups * n_bins), dtype=np.int32)
    for draw in range(score.shape[0]):
        found = counts[draw]
        for j in range(score.shape[1]):
            if group[j] >= 0:
                place = min(max(int((score[draw, j] - lowest) * per_unit), 0), n_bins - 1)
                found[group[j] * n_bins + place] += 1
    return counts


@compiled
def running_counts(counts: Ints, order: Places, places: Places) -> Ints:
    """Give how many points of each draw are in the first ``places[i]`` bins of an order, (n_draws, places.size)."""
    n_draws, n_bins = counts.shape
    running = np.zeros(n_bins + 1, dtype=np.int32)
    found = np.empty((n_draws, places.size), dtype=np.int32)
    for draw in range(n_draws):
        for i in range(n_bins):
            running[i + 1] = running[i] + counts[draw, order[i]]
        for i in range(places.size):
            found[draw, i] = running[places[i]]
    return found


@compiled
def in_bins(
    score: Floats, group: Groups, lowest: float, per_unit: float, n_bins: int, wanted: npt.NDArray[np.bool_], total: int
) -> tuple[Floats, Groups]:
    """Give score and group of the `total` points in the bins that are wanted of each draw, one draw after the other."""
    found, of_group = np.empty(total), np.empty(total, dtype=np.int16)
    n_found = 0
    for draw in range(score.shape[0]):
        for j in range(score.shape[1]):
            if group[j] >= 0:
                place = min(max(int((score[draw, j] - lowest) * per_unit), 0), n_bins - 1)
                if wanted[draw, group[j] * n_bins + place]:
                    found[n_found], of_group[n_found] = score[draw, j], group[j]
                    n_found += 1
    return found, of_group


@compiled
def n_at_most(curves: Floats, columns: Places, p: Floats) -> Places:
    """Count the values of a column, which grow, that are at most p, for each column and p."""
    found = np.empty(p.size, dtype=np.intp)
    for i in range(p.size):
        low, high = 0, curves.shape[0]
        while low < high:
            middle = (low + high) // 2
            if curves[middle, columns[i]] <= p[i]:
                low = middle + 1
            else:
                high = middle
        found[i] = low
    return found
