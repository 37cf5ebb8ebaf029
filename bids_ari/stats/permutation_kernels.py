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
Places = npt.NDArray[np.uint32]

_CHUNK = 512  # points whose numbers stay in the cache of the processor during all permutations of a batch
_BINNED = 2048  # points whose bins are found together: the processor converts several numbers at once


@compiled
def weighted_sum(weights: Floats, data: Floats, start: int, out: Floats) -> None:
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
def apply_residual_map(kept: Indices, outer: Floats, inner: Floats, values: Floats) -> Floats:
    """Return values[kept] + outer' (inner values), (n_kept, n_points).

    `outer` is (n_directions, n_kept), `inner` (n_directions, n_subjects), and `values` (n_subjects, n_points).
    """
    residuals = values[kept]
    component = np.empty(values.shape[1])
    for direction in range(inner.shape[0]):
        weighted_sum(inner[direction], values, 0, component)
        for i in range(kept.size):
            for j in range(component.size):
                residuals[i, j] += outer[direction, i] * component[j]
    return residuals


@compiled
def orthonormalise(data: Floats, n_inner: int, least: Floats) -> None:
    """Replace maps by linear combinations of length 1, orthogonal to each other, at each point, in place.

    Map c of `data` (n_maps, n_rows, n_points) becomes a combination of maps 0 to c, by the method of Gram and Schmidt,
    twice, so that rounding does not make them less orthogonal. Products are those of the first `n_inner` rows. Where
    the squared length of what is left of a map is at most `least` (n_maps, n_points), it is NaN from this map on.
    """
    n_maps, n_rows, n_points = data.shape
    buffer = np.empty(_CHUNK)
    for begin in range(0, n_points, _CHUNK):
        points = slice(begin, min(begin + _CHUNK, n_points))
        product = buffer[: points.stop - begin]
        for c in range(n_maps):
            for step in range(2 * c):
                k = step % c
                product[:] = 0.0
                for i in range(n_inner):
                    one, other = data[k, i, points], data[c, i, points]
                    for j in range(product.size):
                        product[j] += one[j] * other[j]
                for i in range(n_rows):
                    one, other = data[k, i, points], data[c, i, points]
                    for j in range(product.size):
                        other[j] -= product[j] * one[j]
            product[:] = 0.0
            for i in range(n_inner):
                own = data[c, i, points]
                for j in range(product.size):
                    product[j] += own[j] * own[j]
            for j in range(product.size):
                product[j] = np.sqrt(product[j]) if product[j] > least[c, begin + j] else np.nan
            for i in range(n_rows):
                own = data[c, i, points]
                for j in range(product.size):
                    own[j] /= product[j]


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
                weighted_sum(tested[b, 0], data, begin, result)
                if not signed:
                    result[:] = np.abs(result)
                continue
            rest[:size] = 1.0
            for row in range(n_others):
                weighted_sum(nuisance[b, row], data, begin, component[:size])
                for j in range(size):
                    rest[j] -= component[j] * component[j]
            length[:size] = 0.0
            for row in range(n_rows):
                weighted_sum(tested[b, row], data, begin, component[:size])
                for j in range(size):
                    length[j] += component[j] * component[j]
            for j in range(size):
                value = np.sqrt(length[j] / max(rest[j], 1e-30))
                result[j] = -value if signed and component[j] < 0 else value


@compiled
def joint_correlations(
    tested: Floats, nuisance: Floats, data: Floats, start: int, stop: int, root: float, out: Floats
) -> None:
    """Compute the correlation of several maps per subject with the tested directions under each permutation.

    For maps e (n_maps, n_subjects) of length 1, orthogonal to each other, A = U e' and B = Z e', it is r with
    ``1 - r^2 = lambda^(1 / root)`` and Wilks' ``lambda = det(1 - B'B - A'A) / det(1 - B'B)``. `data` are
    (n_maps, n_subjects, n_points), and the other arguments those of `partial_correlations`.
    """
    n_permutations, n_rows, _ = tested.shape
    n_maps, n_others = len(data), nuisance.shape[1]
    explained, removed = np.empty((n_rows, n_maps, _CHUNK)), np.empty((n_others, n_maps, _CHUNK))
    n_small = min(n_rows, n_maps)
    rest, left = np.empty((n_maps, n_maps, _CHUNK)), np.empty((n_small, n_small, _CHUNK))
    for begin in range(start, stop, _CHUNK):
        size = min(_CHUNK, stop - begin)
        for b in range(n_permutations):
            for c in range(n_maps):
                for row in range(n_rows):
                    weighted_sum(tested[b, row], data[c], begin, explained[row, c, :size])
                for row in range(n_others):
                    weighted_sum(nuisance[b, row], data[c], begin, removed[row, c, :size])
            if n_others:
                _one_minus_products(removed, False, size, rest)
                _whiten(rest, explained, size)
            result = out[b, begin : begin + size]
            if n_rows == 1:
                result[:] = 0.0
                for c in range(n_maps):
                    component = explained[0, c]
                    for j in range(size):
                        result[j] += component[j] * component[j]
            else:
                _one_minus_products(explained, n_rows < n_maps, size, left)
                _determinant(left, size, result)
                for j in range(size):
                    result[j] = 1.0 - (np.sqrt(result[j]) if root == 2.0 else result[j] ** (1.0 / root))
            for j in range(size):
                result[j] = np.sqrt(result[j])


@compiled
def _one_minus_products(components: Floats, of_rows: bool, size: int, out: Floats) -> None:
    """Compute 1 - G'G of G (n_rows, n_maps) at each point, or 1 - GG' of its rows, below the diagonal and on it."""
    for c in range(len(out)):
        for d in range(c + 1):
            product = out[c, d]
            product[:size] = 1.0 if c == d else 0.0
            for i in range(components.shape[1 if of_rows else 0]):
                one, other = (components[c, i], components[d, i]) if of_rows else (components[i, c], components[i, d])
                for j in range(size):
                    product[j] -= one[j] * other[j]


@compiled
def _whiten(square: Floats, components: Floats, size: int) -> None:
    """Replace components (n_rows, n_maps) G' by L^-1 G', with L the Cholesky factor of a symmetric matrix, in place.

    The matrix becomes L, with the reciprocals of its diagonal.
    """
    for c in range(len(square)):
        for d in range(c + 1):
            product = square[c, d]
            for e in range(d):
                one, other = square[c, e], square[d, e]
                for j in range(size):
                    product[j] -= one[j] * other[j]
            if d < c:
                reciprocal = square[d, d]
                for j in range(size):
                    product[j] *= reciprocal[j]
        reciprocal = square[c, c]
        for j in range(size):
            reciprocal[j] = 1.0 / np.sqrt(max(reciprocal[j], 1e-30))
        for row in range(len(components)):
            component = components[row, c]
            for d in range(c):
                one, other = square[c, d], components[row, d]
                for j in range(size):
                    component[j] -= one[j] * other[j]
            for j in range(size):
                component[j] *= reciprocal[j]


@compiled
def _determinant(square: Floats, size: int, out: Floats) -> None:
    """Compute the determinant of a symmetric matrix without negative eigenvalues at each point."""
    out[:] = 1.0
    factor = np.empty(size)
    for c in range(len(square)):
        pivot = square[c, c]
        for d in range(c + 1, len(square)):
            column = square[d, c]
            for j in range(size):
                factor[j] = column[j] / max(pivot[j], 1e-30)
            for e in range(c + 1, d + 1):
                product, other = square[d, e], square[e, c]
                for j in range(size):
                    product[j] -= factor[j] * other[j]
        for j in range(size):
            out[j] *= max(pivot[j], 0.0)


@compiled
def bin_counts(values: Floats, group: Groups, lowest: float, per_unit: float, n_bins: int, n_groups: int) -> Ints:
    """Count the points of each permutation in bins of equal width from `lowest` to 1, `n_bins` for each group.

    Points of group -1 are excluded. Returns (n_permutations, n_groups * n_bins).
    """
    counts = np.zeros((values.shape[0], n_groups * n_bins), dtype=np.int32)
    place = np.empty(_BINNED, dtype=np.uint32)
    for b in range(values.shape[0]):
        of_permutation = counts[b]
        for begin in range(0, values.shape[1], _BINNED):
            points = slice(begin, min(begin + _BINNED, values.shape[1]))
            of_point = group[points]
            _places(values[b, points], of_point, lowest, per_unit, n_bins, place)
            for j in range(of_point.size):
                of_permutation[place[j]] += np.int32(of_point[j] >= 0)
    return counts


@compiled
def _places(values: Floats, group: Groups, lowest: float, per_unit: float, n_bins: int, out: Places) -> None:
    """Find the bin of each value among those of all groups; those of group -1 are given to group 0."""
    n, none, last = np.int32(n_bins), np.int32(0), np.int32(n_bins - 1)
    for j in range(values.size):
        place = min(max(np.int32((values[j] - lowest) * per_unit), none), last)
        out[j] = np.uint32(place + max(np.int32(group[j]), none) * n)


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
    place = np.empty(_BINNED, dtype=np.uint32)
    n_found = 0
    for b in range(values.shape[0]):
        of_permutation = selected[b]
        for begin in range(0, values.shape[1], _BINNED):
            points = slice(begin, min(begin + _BINNED, values.shape[1]))
            of_point, some = group[points], values[b, points]
            _places(some, of_point, lowest, per_unit, n_bins, place)
            for j in range(some.size):
                if of_permutation[place[j]] and of_point[j] >= 0:
                    found[n_found], of_group[n_found] = some[j], of_point[j]
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
