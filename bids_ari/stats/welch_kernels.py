"""The loops over the points of Welch's test under sign flips, compiled by numba: see `permutation_kernels`."""

import numpy as np

from bids_ari.stats.forest_kernels import Floats, compiled_with_divisions
from bids_ari.stats.permutation_kernels import Indices, weighted_sum

_CHUNK = 512  # points whose numbers stay in the cache of the processor during all flips of a batch
_LEAST = 1e-14  # a variance is at least this times the mean square: rounding may leave less, even below 0
_MANTISSA, _ONE, _SHIFT = np.int64((1 << 52) - 1), np.int64(1023 << 52), np.int64(52)
_LOG_2, _ROOT_2 = np.log(2.0), np.sqrt(2.0)


@compiled_with_divisions
def welch_z(
    sign: Floats,
    starts: Indices,
    data: Floats,
    effect: Floats,
    square: Floats,
    fewer: Floats,
    signed: bool,
    out: Floats,
) -> None:
    """Compute z of Welch's t of data with flipped signs.

    `data` (n_subjects, n_points) are those of group after group, group g from row ``starts[g]`` to ``starts[g + 1]``;
    `sign` (n_permutations, n_subjects). With S_g and Q_g the sums of the data of a group and of their squares, the
    effect is sum c_g S_g with c_g = `effect` (n_groups, n_points), and its variance sum v_g with v_g = (q_g - (c_g
    S_g)^2) / d_g, with q_g = n_g c_g^2 Q_g = `square` and d_g = n_g - 1 = `fewer`. The degrees of freedom are
    (sum v_g)^2 / sum (v_g^2 / d_g). `out` (n_permutations, n_points) receives z, its absolute value unless `signed`.
    """
    n_points = data.shape[1]
    each, total, variance, squares = np.empty(_CHUNK), np.empty(_CHUNK), np.empty(_CHUNK), np.empty(_CHUNK)
    for begin in range(0, n_points, _CHUNK):
        size = min(_CHUNK, n_points - begin)
        points = slice(begin, begin + size)
        for b in range(sign.shape[0]):
            total[:], variance[:], squares[:] = 0.0, 0.0, 0.0
            for g in range(starts.size - 1):
                rows = slice(starts[g], starts[g + 1])
                weighted_sum(sign[b, rows], data[rows], begin, each[:size])
                c, q, d = effect[g, points], square[g, points], fewer[g, points]
                for j in range(size):
                    part = c[j] * each[j]
                    v = max(q[j] - part * part, _LEAST * q[j]) * d[j]
                    total[j] += part
                    variance[j] += v
                    squares[j] += v * v * d[j]
            z_of_t(total[:size], variance[:size], squares[:size], signed, out[b, points])


@compiled_with_divisions
def z_of_t(effect: Floats, variance: Floats, squares: Floats, signed: bool, out: Floats) -> None:
    """Compute z from an effect, its variance and the sum of v_g^2 / d_g, each (n_points,), by Hill's approximation."""
    size = effect.size
    ratio, dof = np.empty(size), np.empty(size)
    for j in range(size):
        v = variance[j]
        dof[j] = v * v / squares[j]
        ratio[j] = 1.0 + effect[j] * effect[j] / (v * dof[j])
    bits = ratio.view(np.int64)
    mantissa = np.empty(size, dtype=np.int64)
    for j in range(size):
        mantissa[j] = (bits[j] & _MANTISSA) | _ONE
    from_1_to_2 = mantissa.view(np.float64)
    for j in range(size):
        s = (from_1_to_2[j] - _ROOT_2) / (from_1_to_2[j] + _ROOT_2)
        w = s * s
        series = ((((((w / 15 + 1 / 13) * w + 1 / 11) * w + 1 / 9) * w + 1 / 7) * w + 1 / 5) * w + 1 / 3) * w + 1.0
        log = ((bits[j] >> _SHIFT) - 1022.5) * _LOG_2 + 2.0 * s * series
        a = dof[j] - 0.5
        b = 48.0 * a * a
        y = max(a * log, 0.0)
        terms = ((-0.4 * y - 3.3) * y - 24.0) * y - 85.5
        z = ((terms / (0.8 * y * y + 100.0 + b) + y + 3.0) / b + 1.0) * np.sqrt(y)
        out[j] = -z if signed and effect[j] < 0 else z
