"""Summaries of all permutations of a test, some at a time, in threads.

The correlations of some permutations at all points are computed, summarised, and replaced by those of the next ones. A
value depends on the data of its point alone, so the result is the same for any number of threads.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import local
from typing import TypeVar

import numpy as np

from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.null_model import NullModel
from bids_ari.stats.progress import counter
from bids_ari.stats.resampling import BATCH, Permutations, Resampling

_IN_MEMORY = 1 << 23  # correlations that a thread has in memory: 64 MB, or those of `_FEWEST` where points are many
_FEWEST = 8

_Summary = TypeVar("_Summary")


def summaries(
    model: NullModel,
    resampling: Resampling,
    summarise: Callable[[FloatArray], _Summary],
    n_threads: int = 1,
    *,
    signed: bool | None = None,
) -> list[_Summary]:
    """Return the summaries of all permutations in order, one for each of some successive permutations.

    Parameters
    ----------
    model, resampling
        From `fit_null_model` and `make_resampling`.
    summarise : callable
        Its argument are correlations (some permutations, n_points), an array that is used again afterwards.
    n_threads : int
        Number of threads. Compiled loops release the lock of the interpreter.
    signed : bool, optional
        As of ``NullModel.correlations``.
    """
    size = min(BATCH, max(_FEWEST, _IN_MEMORY // model.n_points))
    of_thread, advance = local(), counter(resampling.n_permutations)

    def batch(first: int) -> list[_Summary]:
        if not hasattr(of_thread, "correlations"):  # a new array for each batch would take a fifth of the time
            of_thread.correlations = np.empty((size, model.n_points))
        order, sign = resampling.batch(first)
        found = []
        for start in range(0, len(order), size):
            some = Permutations(order[start : start + size], sign[start : start + size])
            out = of_thread.correlations[: len(some.order)]
            found.append(summarise(model.correlations(some, signed=signed, out=out)))
            advance(len(out))
        return found

    if n_threads <= 1:
        return [each for first in resampling.batches for each in batch(first)]
    pool = ThreadPoolExecutor(n_threads)
    try:
        return [each for found in pool.map(batch, resampling.batches) for each in found]
    finally:
        pool.shutdown(cancel_futures=True)
