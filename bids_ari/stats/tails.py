"""Tail probabilities of t and z, accurate far out.

The *alternative* names the direction of a test as in `scipy.stats`: ``greater``, ``less`` or ``two-sided``.
z always carries the one-sided tail: ``z = norm.isf(t.sf(t, dof))``, for any alternative.
"""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import special

FloatArray = npt.NDArray[np.float64]
Alternative = Literal["greater", "less", "two-sided"]
ALTERNATIVES: tuple[Alternative, ...] = get_args(Alternative)

_UNDERFLOW = 1e-290
"""Below this, tail probabilities of t are computed as logarithms: float64 ends near 1e-308."""


def p_from_t(t: FloatArray, dof: FloatArray | float, alternative: Alternative) -> FloatArray:
    """Give the p-value of t statistics.

    Parameters
    ----------
    t : array
        t statistics; NaN where there is none.
    dof : float or array like `t`
        Degrees of freedom, greater than 0.
    alternative : {'greater', 'less', 'two-sided'}
        ``two-sided`` is twice the smaller tail.

    Returns
    -------
    array
        Probabilities in [0, 1], NaN where `t` is.
    """
    return _p_of(alternative, lambda x: np.asarray(special.stdtr(dof, -x)), t)


def p_from_z(z: FloatArray, alternative: Alternative) -> FloatArray:
    """Give the p-value of z statistics, as `p_from_t` does for t."""
    return _p_of(alternative, lambda x: np.asarray(special.ndtr(-x)), z)


def z_from_t(t: FloatArray, dof: FloatArray | float) -> FloatArray:
    """Give the z statistic with the same tail probability as t.

    Accurate to about 1e-12 relative beyond \\|z\\| = 1 and still finite where the tail probability itself is
    too small for float64 (\\|z\\| > 37).

    Parameters
    ----------
    t : array
        t statistics; NaN where there is none.
    dof : float or array like `t`
        Degrees of freedom, greater than 0.

    Examples
    --------
    >>> z_from_t(np.array([0.0, 2.0, 1e30]), 15.0).round(4)
    array([ 0.    ,  1.8526, 45.0204])
    """
    magnitude = np.abs(t)
    return np.asarray(np.copysign(-special.ndtri_exp(_log_upper_tail(magnitude, dof)), t))


def _p_of(
    alternative: Alternative, upper_tail: Callable[[FloatArray], FloatArray], statistic: FloatArray
) -> FloatArray:
    """Combine upper tails into the p-value of an alternative."""
    if alternative == "greater":
        return upper_tail(statistic)
    if alternative == "less":
        return upper_tail(-statistic)
    if alternative == "two-sided":
        return np.asarray(np.minimum(1.0, 2 * upper_tail(np.abs(statistic))))
    raise ValueError(f"alternative must be one of {', '.join(ALTERNATIVES)}; found {alternative!r}")


def _log_upper_tail(t: FloatArray, dof: FloatArray | float) -> FloatArray:
    """Give log P(T > t) for t >= 0."""
    t, dof = np.broadcast_arrays(np.asarray(t, dtype=float), np.asarray(dof, dtype=float))
    tail = np.asarray(special.stdtr(dof, -t))
    far = tail < _UNDERFLOW
    with np.errstate(divide="ignore"):
        log_tail: FloatArray = np.log(tail)
    log_tail[far] = _log_far_tail(t[far], dof[far])
    return log_tail


def _log_far_tail(t: FloatArray, dof: FloatArray) -> FloatArray:
    """Give log P(T > t) where it is too small for float64.

    P(T > t) is half the regularised incomplete beta function I_x(dof/2, 1/2) at x = dof / (dof + t^2), and
    I_x(a, b) = x^a (1-x)^b / (a B(a, b)) * 2F1(a+b, 1; a+1; x) (DLMF 8.17.8), which Pfaff's transformation
    (DLMF 15.8.1) turns into x^a (1-x)^(b-1) / (a B(a, b)) * 2F1(1-b, 1; a+1; -dof/t^2). So far out, the terms
    of the last series shrink at least by k / 600 from one to the next: twenty are more than enough.
    """
    a, b = dof / 2, 0.5
    log_odds = 2 * np.log(t) - np.log(dof)  # log of t^2 / dof; t^2 itself may overflow
    log_x, log_1_minus_x = -np.logaddexp(0.0, log_odds), -np.logaddexp(0.0, -log_odds)
    series: FloatArray = np.ones_like(t)
    term = series
    for k in range(20):
        term = -term * (1 - b + k) / (a + 1 + k) * np.exp(-log_odds)
        series = series + term
    log_beta = a * log_x + (b - 1) * log_1_minus_x - np.log(a) - special.betaln(a, b) + np.log(series)
    return np.asarray(log_beta - np.log(2))
