"""Weighted sums of subjects under many sign flips, compiled by numba: see `permutation_kernels`.

Subjects are taken in threes. The sums of three under each of their 8 combinations of signs are computed once for all
flips; a flip then adds one of the 8 for each three: a third of the additions, and no multiplication. (Arlazarov, Dinic,
Kronrod & Faradzhev 1970, Soviet Mathematics Doklady 11:1209, for products of matrices of few different entries.) The
order of the operations is fixed. A flip and its opposite have opposite sums, to the bit.
"""

import numpy as np
import numpy.typing as npt

from bids_ari.stats.forest_kernels import Floats, compiled
from bids_ari.stats.permutation_kernels import Indices

_CHUNK = 384  # points whose numbers stay in the cache of the processor during all flips of a batch
_TOGETHER = 3  # with four, the sums take longer than they save in a batch of 32


def codes_of(sign: Floats) -> Indices:
    """Return the combination of signs of each three subjects, (n_flips, n_threes), of signs (n_flips, n_subjects)."""
    n_flips, n_subjects = sign.shape
    negative = np.zeros((n_flips, -(-n_subjects // _TOGETHER) * _TOGETHER), dtype=np.intp)
    negative[:, :n_subjects] = sign < 0
    codes: npt.NDArray[np.intp] = negative.reshape(n_flips, -1, _TOGETHER) @ (1 << np.arange(_TOGETHER))
    return codes


@compiled
def flipped_correlations(
    tested: Floats, codes: Indices, data: Floats, start: int, stop: int, signed: bool, out: Floats
) -> None:
    """Compute the correlation of data with the tested directions under each flip: `partial_correlations` of flips.

    `tested` is (n_rows, n_subjects), as it is, and `codes` those of the signs; there are no other directions.
    """
    n_rows = len(tested)
    sums, component = np.empty((codes.shape[1], 1 << _TOGETHER, _CHUNK)), np.empty(_CHUNK)
    for begin in range(start, stop, _CHUNK):
        size = min(_CHUNK, stop - begin)
        for row in range(n_rows):
            _sums_of_threes(tested[row], data, begin, size, sums)
            for b in range(len(codes)):
                result = out[b, begin : begin + size]
                if n_rows == 1:
                    _add(sums, codes[b], result)
                    if not signed:
                        for j in range(size):
                            result[j] = abs(result[j])
                else:
                    _add(sums, codes[b], component[:size])
                    for j in range(size):
                        square = component[j] * component[j]
                        result[j] = square if row == 0 else result[j] + square
        if n_rows > 1:
            for b in range(len(codes)):
                out[b, begin : begin + size] = np.sqrt(out[b, begin : begin + size])


@compiled
def _sums_of_threes(weights: Floats, data: Floats, start: int, size: int, out: Floats) -> None:
    """Compute the sums of each three subjects under each combination of signs, (n_threes, 8, size)."""
    for i in range(_TOGETHER * len(out)):  # nested loops over threes and k are not vectorised: four times as long
        sums, k = out[i // _TOGETHER], i % _TOGETHER
        if k == 0:
            sums[0, :size] = 0.0
        weight = weights[i] if i < weights.size else 0.0
        values = data[min(i, weights.size - 1), start : start + size]
        for code in range(1 << k):
            positive, negative = sums[code], sums[code + (1 << k)]
            for j in range(size):
                value = weight * values[j]
                negative[j] = positive[j] - value
                positive[j] += value


@compiled
def _add(sums: Floats, codes: Indices, out: Floats) -> None:
    """Add the sums of all threes under the signs of one flip; five at a time are twice as fast."""
    out[:] = 0.0
    i = 0
    while i + 5 <= codes.size:
        a, b, c = sums[i, codes[i]], sums[i + 1, codes[i + 1]], sums[i + 2, codes[i + 2]]
        d, e = sums[i + 3, codes[i + 3]], sums[i + 4, codes[i + 4]]
        for j in range(out.size):
            out[j] = ((((out[j] + a[j]) + b[j]) + c[j]) + d[j]) + e[j]
        i += 5
    for k in range(i, codes.size):
        a = sums[k, codes[k]]
        for j in range(out.size):
            out[j] += a[j]
