"""Draws of a group model: t and F statistics of all points under each draw, and how small their p get.

Data are replaced, once, by what the *reduced model* leaves of them: the design without what is tested. Draws act on
these residuals: permutations on ordinary ones (Freedman & Lane 1983; Winkler et al. 2014), sign flips on uncorrelated
ones (`bids_ari.stats.reduction`). With e the residuals of a point, of length 1, U the tested directions and Z those of
the reduced model, orthonormal, the statistic under a draw P is a function of the *partial correlation* r, r^2 =
|U P e|^2 / (1 - |Z P e|^2): t^2 = r^2 dof / (1 - r^2), since P keeps lengths. Uncorrelated residuals have no Z. So a
draw is a handful of products with e, and points with the same degrees of freedom are as extreme as their r.

Where a subject has no data at a point, it is left out of the model there. Sign flips then remain what they were: the
subject's whole map changes its sign. A permutation would have to move data to where there are none, and is refused.

The work comes in *batches*, functions of (model, draws, first draw) with small results, computed in any order by
threads. No two numbers of different points meet before p: results are the same for any number of threads.

References
----------
Freedman & Lane (1983), Journal of Business & Economic Statistics 1:292. Winkler et al. (2014), NeuroImage 92:381.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from bids_ari.stats.calibration import Calibration, calibrate, calibrate_step_down
from bids_ari.stats.critical_vectors import MOST_RANKS, Family, Learned, learn, least_lambda
from bids_ari.stats.distributions import ALTERNATIVES, Alternative, FloatArray
from bids_ari.stats.extremes import Bins
from bids_ari.stats.glm import Effects, check_model, directions, fit_part, in_terms_of_q, parts
from bids_ari.stats.permutation_kernels import Groups, correlations, residuals_of_length_one
from bids_ari.stats.reduction import Residuals, ordinary, uncorrelated
from bids_ari.stats.resampling import Basis, Draws, Exchange, Shuffle, Shuffled

_FEW = 4096
"""Up to so many points all p of a draw are computed; beyond, those that can decide."""

_AT_ONCE = 8
"""Draws of a batch whose scores are in memory together."""

_NO_CHANGE = 1e-10
"""A direction differs less than this from one that draws leave as it is: it is that one."""


class NullPart(NamedTuple):
    """Points where the same subjects have data: columns `start` to `stop` of `NullModel.unit`."""

    start: int
    stop: int
    basis: Basis
    dof: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NullModel:
    """What draws need to know of the data and of one test, for one alternative.

    Attributes
    ----------
    unit : array (n_subjects, n_points)
        Residuals of the reduced model, each point scaled to length 1; 0 where a subject has no data.
    parts : tuple of NullPart
        Points where the same subjects have data, one after the other.
    order : array (n_points,)
        The position of each column of `unit` among the points that were given.
    basis : Basis
        That of all subjects.
    n_rows : int
        Number of rows of an F test, 0 for t.
    """

    unit: FloatArray
    parts: tuple[NullPart, ...]
    order: npt.NDArray[np.intp]
    basis: Basis
    n_rows: int

    @property
    def n_points(self) -> int:
        """Number of points, m."""
        return int(self.unit.shape[1])

    @property
    def dofs(self) -> npt.NDArray[np.intp]:
        """The different residual degrees of freedom."""
        return np.unique([part.dof for part in self.parts])

    @property
    def dof(self) -> FloatArray:
        """The residual degrees of freedom of each column of `unit`."""
        return np.repeat([float(part.dof) for part in self.parts], [part.stop - part.start for part in self.parts])

    def groups(self, left_out: npt.NDArray[np.bool_] | None = None) -> Groups:
        """Number the columns of `unit` by their degrees of freedom; -1 where left out (a boolean per point)."""
        group = np.searchsorted(self.dofs, self.dof).astype(np.int16)
        if left_out is not None:
            group[left_out[self.order]] = -1
        return group

    def p(self, score: FloatArray, dof: FloatArray | float) -> FloatArray:
        """Give the p of partial correlations; of a one-sided test they have a sign, the tested one positive."""
        return _p_of(score, dof, max(self.n_rows, 1), self.basis.directed)

    @property
    def bins(self) -> Bins:
        """Bins of partial correlations."""
        return _bins(tuple(self.dofs.tolist()), max(self.n_rows, 1), self.basis.directed, self.n_points)

    def scores(self, draws: Shuffled) -> FloatArray:
        """Give the partial correlation of each point under some draws, (n_draws, n_points), in the order of `unit`."""
        score = np.empty((len(draws.sign), self.n_points))
        for part in self.parts:
            tested, nuisance = draws.of(part.basis.tested), draws.of(part.basis.nuisance)
            correlations(tested, nuisance, self.unit, part.start, part.stop, self.basis.directed, score)
        return score

    def __repr__(self) -> str:
        n_subjects, n_points = self.unit.shape
        return f"NullModel(n_subjects={n_subjects}, n_points={n_points}, dofs={self.dofs})"


def natural_shuffle(matrix: FloatArray, weights: FloatArray) -> Shuffle:
    """Say how subjects are shuffled if nothing is said: they change places where that leaves the null model as it is.

    That is where the reduced model has the mean: where groups are compared, or a covariate is tested. Where the mean
    itself is tested, draws are sign flips, which ask for errors that are as likely as their negatives.
    """
    constant = np.ones(len(matrix)) / np.sqrt(len(matrix))
    reduced = _directions(matrix, weights)[1]
    return "permute" if np.linalg.norm(constant - reduced.T @ (reduced @ constant)) < _NO_CHANGE else "flip"


def null_model(
    effects: Effects, matrix: FloatArray, weights: FloatArray, alternative: Alternative, exchange: Exchange
) -> NullModel:
    """Take from the data what the reduced model explains.

    Parameters
    ----------
    effects : array-like (n_subjects, n_points)
        One row per subject, read block by block of points; NaN where a subject has no data, which only sign flips
        allow.
    matrix : array (n_subjects, n_columns)
        The design matrix.
    weights : array (n_columns,) or (n_rows, n_columns)
        A t test, or an F test.
    alternative : {'greater', 'less', 'two-sided'}
        The direction of a t test; of an F test ``greater``.
    exchange : Exchange
        What draws do with the subjects.

    Raises
    ------
    ValueError
        When `check_model` does, a point cannot be tested (as `fit_glm` says, by NaN), or subjects without data at
        some points would have to change places.
    """
    n_subjects, _ = effects.shape
    _check(n_subjects, matrix, weights, alternative, exchange)
    unit = np.zeros(effects.shape)
    views: dict[bytes, _View] = {}
    found: dict[bytes, list[npt.NDArray[np.intp]]] = {}
    for part in parts(effects):
        if exchange.exchanged is not None and part.rows.size < n_subjects:
            raise ValueError("effects must have all subjects at all points where subjects change places; found NaN")
        fit = fit_part(part.values, matrix[part.rows])
        if fit is None or np.isnan(fit.residual_variance).any():
            raise ValueError("effects must vary, and determine the coefficients, at every point; leave the others out")
        key = part.rows.tobytes()
        if key not in views:
            views[key] = _view(matrix, weights, alternative, exchange, part.rows)
        residuals = views[key].residuals
        scaled = residuals_of_length_one(*residuals, np.ascontiguousarray(part.values))
        unit[np.ix_(part.rows[residuals.kept], part.points)] = scaled
        found.setdefault(key, []).append(part.points)
    order = np.concatenate([np.concatenate(points) for points in found.values()])
    if (np.diff(order) < 0).any():
        unit = np.take(unit, order, axis=1)
    unit.flags.writeable = False
    sizes = [sum(each.size for each in points) for points in found.values()]
    null_parts = tuple(
        NullPart(stop - size, stop, view.basis, view.rows.size - matrix.shape[1])
        for view, size, stop in zip(views.values(), sizes, np.cumsum(sizes).tolist(), strict=True)
    )
    everyone = _view(matrix, weights, alternative, exchange, np.arange(n_subjects))
    return NullModel(unit, null_parts, order, everyone.basis, _n_rows(weights))


def observed_p(model: NullModel) -> FloatArray:
    """Give the p of the data as observed, (n_points,): those of the identity, by the code of all draws."""
    n_subjects = model.unit.shape[0]
    score = model.scores(Shuffled(np.arange(n_subjects)[None], np.ones((1, n_subjects))))[0]
    p = np.empty(model.n_points)
    p[model.order] = model.p(score, model.dof)
    return p


def p_batch(model: NullModel, draws: Draws, first: int) -> FloatArray:
    """Give all p of a batch of draws, (n_draws, n_points), in the order of the points that were given."""
    score = model.scores(draws.batch(first))
    p = np.empty(score.shape)
    p[:, model.order] = model.p(score, model.dof)
    return p


def lambda_batch(
    model: NullModel,
    draws: Draws,
    family: Family,
    first: int,
    left_out: npt.NDArray[np.bool_] | None = None,
) -> FloatArray:
    """Give lambda_b of a batch of draws, (n_draws,): a pure function, whose results may be kept.

    Parameters
    ----------
    model, draws, family
        The same for all batches.
    first : int
        One of ``draws.batches``.
    left_out : array of bool (n_points,), optional
        Points that are certainly active, and are left out of the null.
    """
    group = model.groups(left_out)
    if model.n_points <= _FEW:
        kept = group >= 0
        p = model.p(model.scores(draws.batch(first))[:, kept], model.dof[kept])
        return least_lambda(family, np.sort(p, axis=1))
    return np.concatenate([model.bins.least_lambda(score, group, family) for score in _scores(model, draws, first)])


def smallest_batch(model: NullModel, draws: Draws, n_ranks: int, first: int) -> FloatArray:
    """Give the smallest p of a batch of draws, in order, (n_draws, n_ranks): what a template is learned from."""
    group = model.groups()
    return np.concatenate([model.bins.smallest(score, group, n_ranks) for score in _scores(model, draws, first)])


def learned_from(model: NullModel, draws: Draws, n_ranks: int = MOST_RANKS, n_threads: int = 1) -> Learned:
    """Learn a template from draws that are used for nothing else, as ``draws.independent`` gives them."""
    return learn(_all_batches(partial(smallest_batch, model, draws, min(n_ranks, model.n_points)), draws, n_threads))


def calibrated(
    model: NullModel, draws: Draws, family: Family, alpha: float, *, step_down: bool = False, n_threads: int = 1
) -> Calibration:
    """Choose the critical vector for the observed data.

    Parameters
    ----------
    model : NullModel
        From `null_model`.
    draws : Draws
        From `make_draws`.
    family : Family
        The vectors to choose from.
    alpha : float
        Error level in (0, 1).
    step_down : bool
        Whether to calibrate again without what is certainly active, by `calibrate_step_down`.
    n_threads : int
        Number of threads that compute batches; the result does not depend on it.

    Returns
    -------
    Calibration
        ``calibration.bound(observed_p(model))`` is the bound.
    """

    def lambdas_without(left_out: npt.NDArray[np.bool_]) -> FloatArray:
        return _all_batches(partial(lambda_batch, model, draws, family, left_out=left_out), draws, n_threads)

    if step_down:
        return calibrate_step_down(observed_p(model), lambdas_without, family, alpha)
    return calibrate(lambdas_without(np.zeros(model.n_points, dtype=bool)), family, alpha)


def _all_batches(function: Callable[[int], FloatArray], draws: Draws, n_threads: int) -> FloatArray:
    """Compute all batches in threads and join the results, in order; numba releases the lock of the interpreter."""
    if n_threads <= 1:
        return np.concatenate([function(first) for first in draws.batches])
    pool = ThreadPoolExecutor(n_threads)
    try:
        return np.concatenate(list(pool.map(function, draws.batches)))
    finally:
        pool.shutdown(cancel_futures=True)


def _scores(model: NullModel, draws: Draws, first: int) -> Iterator[FloatArray]:
    """Give the scores of a batch, some draws at a time, to take less memory."""
    order, sign = draws.batch(first)
    for at in range(0, len(sign), _AT_ONCE):
        yield model.scores(Shuffled(order[at : at + _AT_ONCE], sign[at : at + _AT_ONCE]))


def _p_of(score: FloatArray, dof: FloatArray | float, n_rows: int, directed: bool) -> FloatArray:
    """Give p: r^2 is beta-distributed, and P(|r| > s) the incomplete beta function I_(1 - s^2)(dof / 2, rows / 2).

    It is the tail of F = r^2 dof / (1 - r^2) / rows, and of t^2 with one row.
    """
    score = np.clip(score, -1.0, 1.0)
    tail = special.betainc(np.asarray(dof) / 2, n_rows / 2, (1 - score) * (1 + score))
    return np.asarray(np.where(score > 0, tail / 2, 1 - tail / 2) if directed else tail)


@lru_cache(maxsize=16)
def _bins(dofs: tuple[int, ...], n_rows: int, directed: bool, n_points: int) -> Bins:
    """Make bins once for all batches."""
    return Bins(partial(_p_of, n_rows=n_rows, directed=directed), np.array(dofs), directed, n_points)


def _n_rows(weights: FloatArray) -> int:
    """Give the rows of an F test, 0 for t."""
    return len(weights) if weights.ndim == 2 else 0


def _directions(matrix: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Part the space of the design: what is tested (n_rows, n_subjects), and what the reduced model keeps of it."""
    q, r = np.linalg.qr(matrix)
    tested = directions(r, weights)
    if weights.ndim == 1:  # towards the effect
        tested = np.copysign(1.0, tested[:, 0] @ in_terms_of_q(r, weights)) * tested
    others = np.linalg.qr(tested, mode="complete")[0][:, tested.shape[1] :]
    return (q @ tested).T, (q @ others).T


def _check(
    n_subjects: int, matrix: FloatArray, weights: FloatArray, alternative: Alternative, exchange: Exchange
) -> None:
    """Refuse what does not go together."""
    check_model(n_subjects, matrix, {"": weights})
    if alternative not in ALTERNATIVES or (weights.ndim == 2 and alternative != "greater"):
        raise ValueError(f"alternative must be one of {', '.join(ALTERNATIVES)}, of F greater; found {alternative!r}")
    if exchange.n_subjects != n_subjects:
        raise ValueError(f"exchange must be of {n_subjects} subjects; found {exchange.n_subjects}")


class _View(NamedTuple):
    """What draws see where only some subjects, `rows`, have data; the others have weight 0 in the test."""

    rows: npt.NDArray[np.intp]
    residuals: Residuals
    basis: Basis


def _view(
    matrix: FloatArray, weights: FloatArray, alternative: Alternative, exchange: Exchange, rows: npt.NDArray[np.intp]
) -> _View:
    """Say which residuals draws act on, and what the test looks at, where only some subjects have data."""
    tested, nuisance = _directions(matrix[rows], weights)
    if alternative == "less":
        tested = -tested
    if exchange.flipped is not None and len(nuisance):
        residuals = uncorrelated(nuisance)
        tested, nuisance = residuals.of(tested.T).T, np.empty((0, residuals.kept.size))
    else:
        residuals = ordinary(np.ascontiguousarray(nuisance))
        if exchange.exchanged is not None:
            nuisance = _changing(nuisance, exchange.exchanged)
    everyone = np.zeros((len(tested) + len(nuisance), len(matrix)))
    everyone[:, rows[residuals.kept]] = np.vstack([tested, nuisance])
    directed = weights.ndim == 1 and alternative != "two-sided"
    spent = np.delete(rows, residuals.kept).tolist()
    basis = Basis(everyone[: len(tested)], everyone[len(tested) :], directed, tuple(spent))
    return _View(rows, residuals, basis)


def _changing(nuisance: FloatArray, exchanged: npt.NDArray[np.intp]) -> FloatArray:
    """Leave out the directions that are constant within blocks: residuals sum to 0 along them under every draw."""
    inside = np.equal.outer(exchanged, exchanged) / np.bincount(exchanged)[exchanged]
    change = nuisance - nuisance @ inside
    rotation, size, _ = np.linalg.svd(change, full_matrices=True)
    kept = np.zeros(len(nuisance), dtype=bool)
    kept[: size.size] = size > _NO_CHANGE
    return np.asarray(rotation.T[kept] @ nuisance)
