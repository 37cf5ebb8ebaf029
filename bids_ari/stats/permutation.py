"""Calibration by permutation: the critical vector for a test, from its statistics under permutations and sign flips.

The permutations of a `Resampling` are computed in *batches*, in any order, by threads: numba releases the lock of the
interpreter. A value depends on the data of its point alone, so the result is the same for any number of threads.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from bids_ari.stats.calibration import Calibration, calibrate, calibrate_step_down
from bids_ari.stats.correlation_bins import CorrelationBins, default_n_bins
from bids_ari.stats.critical_vectors import TEMPLATE_RANKS, CriticalVectors, Learned
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.null_model import NullModel
from bids_ari.stats.resampling import Permutations, Resampling

_IN_MEMORY = 8
"""Permutations of a batch whose correlations are in memory together."""


def calibrate_by_permutation(
    model: NullModel,
    resampling: Resampling,
    family: CriticalVectors,
    alpha: float,
    *,
    step_down: bool = False,
    n_threads: int = 1,
) -> Calibration:
    """Calibrate a family of critical vectors by the permutations of a test.

    Parameters
    ----------
    model : NullModel
        From `fit_null_model`.
    resampling : Resampling
        From `make_resampling`.
    family : CriticalVectors
        The critical vectors to choose from.
    alpha : float
        Error level in (0, 1).
    step_down : bool
        Whether to repeat the calibration without points that are certainly active, by `calibrate_step_down`.
    n_threads : int
        Number of threads; the result does not depend on it.

    Returns
    -------
    Calibration
        ``calibration.bound(model.observed_p())`` is the bound.

    Raises
    ------
    ValueError
        When `alpha` is not in (0, 1).

    References
    ----------
    Blanchard, Neuvial & Roquain (2020), Annals of Statistics 48:1281. Andreella et al. (2023), Statistics in Medicine
    42:2311.
    """

    def lambdas_without(excluded: npt.NDArray[np.bool_]) -> FloatArray:
        return permuted_lambdas(model, resampling, family, excluded, n_threads)

    if step_down:
        return calibrate_step_down(model.observed_p(), lambdas_without, family, alpha)
    return calibrate(lambdas_without(np.zeros(model.n_points, dtype=bool)), family, alpha)


def learn_template(
    model: NullModel, resampling: Resampling, n_ranks: int = TEMPLATE_RANKS, n_threads: int = 1
) -> Learned:
    """Learn a template from permutations used for nothing else, as ``resampling.independent`` makes them.

    Parameters
    ----------
    model : NullModel
        From `fit_null_model`.
    resampling : Resampling
        The permutations.
    n_ranks : int
        Number of ranks; at most the number of points is used.
    n_threads : int
        Number of threads; the result does not depend on it.

    References
    ----------
    Blain, Thirion & Neuvial (2022), NeuroImage 260:119492.
    """
    n_ranks = min(n_ranks, model.n_points)
    return Learned.from_smallest_p(smallest_permuted_p(model, resampling, n_ranks, n_threads))


def permuted_lambdas(
    model: NullModel,
    resampling: Resampling,
    family: CriticalVectors,
    excluded: npt.NDArray[np.bool_] | None = None,
    n_threads: int = 1,
) -> FloatArray:
    """Return lambda_b of every permutation, (n_permutations,), as `smallest_lambda` computes it from all p.

    Parameters
    ----------
    model, resampling, family, n_threads
        As of `calibrate_by_permutation`.
    excluded : array of bool (n_points,), optional
        Points that are certainly active, and are excluded from the null.
    """
    bins, group = _bins_of(model), model.dof_groups(excluded)
    return _compute(model, resampling, lambda r: bins.smallest_lambda(r, group, family), n_threads)


def smallest_permuted_p(model: NullModel, resampling: Resampling, n_ranks: int, n_threads: int = 1) -> FloatArray:
    """Return the smallest p of every permutation in ascending order, (n_permutations, n_ranks)."""
    bins, group = _bins_of(model), model.dof_groups()
    return _compute(model, resampling, lambda r: bins.smallest_p(r, group, n_ranks), n_threads)


def _compute(
    model: NullModel, resampling: Resampling, summarise: Callable[[FloatArray], FloatArray], n_threads: int
) -> FloatArray:
    """Summarise the correlations of all permutations, batch by batch in threads; join the summaries in order."""

    def batch(first: int) -> FloatArray:
        return np.concatenate([summarise(r) for r in _correlations(model, resampling.batch(first))])

    if n_threads <= 1:
        return np.concatenate([batch(first) for first in resampling.batches])
    pool = ThreadPoolExecutor(n_threads)
    try:
        return np.concatenate(list(pool.map(batch, resampling.batches)))
    finally:
        pool.shutdown(cancel_futures=True)


def _correlations(model: NullModel, permutations: Permutations) -> Iterator[FloatArray]:
    """Return the partial correlations under some permutations at a time, to limit memory."""
    for at in range(0, len(permutations.sign), _IN_MEMORY):
        some = slice(at, at + _IN_MEMORY)
        yield model.correlations(Permutations(permutations.order[some], permutations.sign[some]))


def _bins_of(model: NullModel) -> CorrelationBins:
    """Return the bins of the partial correlations of a model."""
    return CorrelationBins(
        model.p_of_correlations, model.dofs, model.subspaces.one_sided, default_n_bins(model.n_points)
    )
