"""Maps that are nearly equal up to a factor and a constant: copies that were stored or processed differently."""

from collections.abc import Iterator

import numpy as np

from bids_ari.stats.distributions import FloatArray

SIMILAR = 0.99
"""Correlation above which two maps are nearly equal; maps of different subjects reach 0.8 where effects are strong."""

_ROWS = 256  # maps that are compared with all others at a time


def similar_maps(values: FloatArray, least: float = SIMILAR) -> Iterator[tuple[int, int, float]]:
    """Yield the pairs of maps with a correlation above `least`, or below `-least`.

    Parameters
    ----------
    values : array, (n_maps, n_points)
        The maps; values that are not finite count as the mean of the map.
    least : float
        The limit of the absolute correlation.

    Yields
    ------
    tuple
        Two row numbers, the smaller one first, and Pearson's correlation.
    """
    present = np.isfinite(values)
    known = np.where(present, values, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):  # maps with too large numbers are similar to none
        mean = known.sum(axis=1, keepdims=True) / np.maximum(present.sum(axis=1, keepdims=True), 1)
        centred = np.where(present, known - mean, 0.0)
        length = np.linalg.norm(centred, axis=1, keepdims=True)
    usable = (length > 1e-12 * np.abs(mean)) & np.isfinite(length)
    scaled = np.divide(centred, length, out=np.zeros_like(centred), where=usable)
    for start in range(0, len(values), _ROWS):
        correlations = scaled[start : start + _ROWS] @ scaled[start:].T
        for i, j in np.argwhere(np.abs(correlations) > least).tolist():
            if i < j:
                yield start + i, start + j, float(correlations[i, j])
