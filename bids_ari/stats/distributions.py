"""Tail probabilities of t, F and z, accurate far in the tails.

The *alternative* names the direction of a test as in `scipy.stats`: ``greater``, ``less`` or ``two-sided``.
z always has the one-sided tail probability: ``z = norm.isf(t.sf(t, dof))``, for any alternative. The z of an F test has
the upper tail probability of F. Degrees of freedom may be infinite: t is then normal, and F is chi-squared divided by
its `n_rows` degrees of freedom.

References
----------
Abramowitz & Stegun (1964), Handbook of Mathematical Functions. NIST Digital Library of Mathematical Functions (DLMF).
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import special

from bids_ari.stats.choices import ALTERNATIVES, Alternative

FloatArray = npt.NDArray[np.float64]

_UNDERFLOW = 1e-290
"""Below this, tail probabilities of t and F are computed as logarithms: float64 underflows near 1e-308."""

_TERMS = 60
"""Terms of the tail series: where p underflows they fall below 1e-17 of the sum for up to about 100 rows."""


def p_from_t(t: FloatArray, dof: FloatArray | float, alternative: Alternative) -> FloatArray:
    """Return the p-value of t statistics, NaN where `t` is; ``two-sided`` is twice the smaller tail."""
    return _p_of(alternative, lambda x: np.asarray(special.stdtr(dof, -x)), t)


def p_from_z(z: FloatArray, alternative: Alternative) -> FloatArray:
    """Return the p-value of z statistics, as `p_from_t` for infinite degrees of freedom."""
    return _p_of(alternative, lambda x: np.asarray(special.ndtr(-x)), z)


def neg_log10_p(z: FloatArray, alternative: Alternative) -> FloatArray:
    """Return -log10 of the p-value of z statistics, NaN where `z` is.

    It is finite for any finite z, also where p underflows in float64 (\\|z\\| > 37). A z of `z_from_t` or `z_from_f`
    has the one-sided p of its t, or the p of its F (``greater``).

    >>> neg_log10_p(np.array([0.0, 3.0, 45.0]), "greater").round(2).tolist()
    [0.3, 2.87, 441.78]
    """
    if alternative == "two-sided":
        log_p = np.log(2) + special.log_ndtr(-np.abs(z))
    else:
        log_p = special.log_ndtr(-z if alternative == "greater" else z)
    return np.asarray(-np.minimum(log_p, 0.0) / np.log(10) + 0.0)  # + 0.0: no -0.0


def z_from_t(t: FloatArray, dof: FloatArray | float) -> FloatArray:
    """Return the z statistic with the same tail probability as t; NaN where `t` is.

    The relative accuracy is about 1e-12 beyond \\|z\\| = 1, and z is finite where the tail probability underflows in
    float64 (\\|z\\| > 37).

    >>> z_from_t(np.array([0.0, 2.0, 1e30]), 15.0).round(4)
    array([ 0.    ,  1.8526, 45.0204])
    """
    magnitude, dof = _broadcast(np.abs(t), dof)
    tail = np.asarray(special.stdtr(dof, -magnitude))
    far = tail < _UNDERFLOW
    with np.errstate(divide="ignore"):
        log_tail: FloatArray = np.log(tail)
    log_tail[far] = _log_far_beta(2 * np.log(magnitude[far]), dof[far], 0.5) - np.log(2)  # half the tail of F = t^2
    return np.asarray(np.copysign(-special.ndtri_exp(log_tail), t))


def p_from_f(f: FloatArray, n_rows: float, dof: FloatArray | float) -> FloatArray:
    """Return the p-value P(F > f) of F statistics, NaN where `f` is, with `n_rows` and `dof` degrees of freedom."""
    return _tails_of_f(f, n_rows, dof)[1]


def z_from_f(f: FloatArray, n_rows: float, dof: FloatArray | float) -> FloatArray:
    """Return the z statistic with the same upper tail probability as F.

    It is as accurate as `z_from_t`: negative where F is below its median, finite where p underflows, infinite only
    where F is infinite (inf) or exactly 0 (-inf, since p is 1).

    >>> z_from_f(np.array([0.0, 1.0, 4.0, 1e30]), 2, 15.0).round(4)
    array([   -inf,  0.2764,  1.7446, 31.5784])
    """
    f, dof = _broadcast(f, dof)
    lower, upper = _tails_of_f(f, n_rows, dof)
    far = upper < _UNDERFLOW
    with np.errstate(divide="ignore"):
        log_upper: FloatArray = np.log(upper)
        log_upper[far] = _log_far_beta(np.log(f[far]) + np.log(n_rows), dof[far], n_rows / 2)
    return np.asarray(np.where(lower < 0.5, special.ndtri(lower), -special.ndtri_exp(log_upper)))


def _p_of(
    alternative: Alternative, upper_tail: Callable[[FloatArray], FloatArray], statistic: FloatArray
) -> FloatArray:
    """Return the p-value of an alternative from upper tail probabilities."""
    if alternative == "greater":
        return upper_tail(statistic)
    if alternative == "less":
        return upper_tail(-statistic)
    if alternative == "two-sided":
        return np.asarray(np.minimum(1.0, 2 * upper_tail(np.abs(statistic))))
    raise ValueError(f"alternative must be one of {', '.join(ALTERNATIVES)}; found {alternative!r}")


def _broadcast(statistic: FloatArray, dof: FloatArray | float) -> tuple[FloatArray, FloatArray]:
    """Return statistic and degrees of freedom in one shape, as float64."""
    statistic, dof = np.broadcast_arrays(np.asarray(statistic, dtype=float), np.asarray(dof, dtype=float))
    return statistic, dof


def _tails_of_f(f: FloatArray, n_rows: float, dof: FloatArray | float) -> tuple[FloatArray, FloatArray]:
    """Return P(F < f) and P(F > f).

    With y = n f / (n f + dof) and x = 1 - y they are the regularised incomplete beta functions I_y(n/2, dof/2)
    and I_x(dof/2, n/2) (Abramowitz & Stegun 1964, 26.6.2). Each is evaluated at the smaller of x and y, which is
    computed without a subtraction.
    """
    f, dof = _broadcast(f, dof)
    a, b = dof / 2, n_rows / 2
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # inf / inf, where chi-squared is used
        ratio = n_rows * f / dof
        x, y = 1 / (1 + ratio), 1 / (1 + 1 / ratio)
    lower, upper = np.empty(f.shape), np.empty(f.shape)
    chi2 = np.isinf(dof)
    for some, below, above, args in (
        (~chi2 & (y < 0.5), special.betainc, special.betaincc, (b, a, y)),
        (~chi2 & ~(y < 0.5), special.betaincc, special.betainc, (a, b, x)),
        (chi2, special.gammainc, special.gammaincc, (b, n_rows * f / 2)),
    ):
        used = [np.broadcast_to(arg, f.shape)[some] for arg in args]
        lower[some], upper[some] = below(*used), above(*used)
    return lower, upper


def _log_far_beta(log_nf: FloatArray, dof: FloatArray, b: float) -> FloatArray:
    """Return log P(F > f) where P underflows in float64, from log(n f), since t^2 may overflow, dof and b = n / 2.

    With a = dof / 2 and x = dof / (dof + n f), P is I_x(a, b) = x^a (1-x)^b / (a B(a, b)) * 2F1(a+b, 1; a+1; x)
    (DLMF 8.17.8), which Pfaff's transformation (DLMF 15.8.1) turns into a factor, x^a (1-x)^(b-1) / (a B(a, b)), times
    2F1(1-b, 1; a+1; -dof/(n f)). With h = n f / 2 the terms of the last series have the ratios
    (b-1-k) / (h (1 + (k+1)/a)); for a = inf it is the series of the incomplete gamma function (DLMF 8.11.2), and the
    factor is h^(b-1) exp(-h) / Gamma(b).
    """
    a = dof / 2
    with np.errstate(over="ignore", invalid="ignore"):  # each factor is also computed where the other is used
        h = np.exp(log_nf) / 2
        series = term = np.ones_like(h)
        for k in range(_TERMS):
            term = term * (b - 1 - k) / (h * (1 + (k + 1) / a))
            series = series + term
        log_odds = log_nf - np.log(2 * a)  # log of (1 - x) / x
        log_x, log_1_minus_x = -np.logaddexp(0.0, log_odds), -np.logaddexp(0.0, -log_odds)
        limit = (b - 1) * (log_nf - np.log(2)) - h - special.gammaln(b)
        factor = a * log_x + (b - 1) * log_1_minus_x - np.log(a) - special.betaln(a, b)
    log_factor = np.where(np.isinf(a), limit, factor)
    return np.asarray(np.where(np.isinf(log_nf), -np.inf, log_factor + np.log(series)))
