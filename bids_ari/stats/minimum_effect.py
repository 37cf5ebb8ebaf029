r"""Tests of interval null hypotheses: whether an effect is beyond a minimum effect, delta.

The null hypothesis is effect <= delta (``greater``), effect >= -delta (``less``) or \|effect\| <= delta
(``two-sided``). With delta = 0 these are the usual tests.

One-sided, p is that of the t test of estimate - delta (or + delta). Two-sided, with the standard error s and T of the
t distribution,

    p = P(T >= (\|estimate\| - delta) / s) + P(T >= (\|estimate\| + delta) / s),

which is at most 1 (its terms are at most P(T >= x) and P(T >= -x)), 1 for an estimate of 0, and decreases with
\|estimate\|. This p puts the observed s in the place of the unknown one; it is valid, since, for normal errors:

1. p <= u is \|estimate\| >= c(s) for a function c. Given s, the probability of this increases with \|effect\|: it is
   largest at the boundary, effect = delta.
2. There T = (estimate - delta) / s, whose sign is independent of \|T\| and s. The probability of p <= u is the mean of
   f(\|T\|, s) = (1{\|T\| >= a(s)} + 1{\|T\| >= b(s)}) / 2, with b(s) = a(s) + 2 delta / s and P(T >= a(s)) +
   P(T >= b(s)) = u. For constant s the mean of f is u.
3. With tau, P(T >= tau) = u / 2: a(s) <= tau <= b(s), a increases and b decreases with s. So f(t, s) decreases with s
   for t < tau, and increases with s for t >= tau.
4. s = sqrt(w / (dof + T^2)) up to a constant, where w, the sum of squares about delta, is independent of T. Hence s is
   above s0 = sqrt(w / (dof + tau^2)) where \|T\| < tau, and at most s0 elsewhere: f(\|T\|, s) <= f(\|T\|, s0). Given w
   the mean of the latter is u. So P(p <= u) <= u, with equality at delta = 0.

References
----------
Hodges & Lehmann (1954), Testing the approximate validity of statistical hypotheses. Journal of the Royal Statistical
Society B 16, 261-268.
"""

import numpy as np
from scipy import special

from bids_ari.stats.choices import Alternative
from bids_ari.stats.distributions import FloatArray, p_from_t, z_from_t


def t_beyond(effect: FloatArray, variance: FloatArray, delta: float, alternative: Alternative) -> FloatArray:
    """Return the distance of each estimate from the interval of the null hypothesis, in standard errors, (n_points,).

    Its sign is that of the distance from delta (``greater``) or from -delta (``less``). For ``two-sided`` it is that of
    the estimate, and the distance is 0 for estimates in the interval.

    >>> t_beyond(np.array([-3.0, 0.5, 3.0]), np.array([4.0, 4.0, 4.0]), 1.0, "two-sided").tolist()
    [-1.0, 0.0, 1.0]
    """
    if alternative == "two-sided":
        distance: FloatArray = np.copysign(np.maximum(np.abs(effect) - delta, 0.0), effect)
    else:
        distance = effect - delta if alternative == "greater" else effect + delta
    return np.asarray(distance / np.sqrt(variance) + 0.0)  # + 0.0: no -0.0


def p_beyond(effect: FloatArray, variance: FloatArray, dof: FloatArray, delta: float) -> FloatArray:
    """Return the two-sided p-value of each point, (n_points,); the degrees of freedom may be infinite."""
    near, far = _both(effect, variance, delta)
    return np.asarray(np.minimum(1.0, p_from_t(near, dof, "greater") + p_from_t(far, dof, "greater")))


def z_beyond(effect: FloatArray, variance: FloatArray, dof: FloatArray, delta: float) -> FloatArray:
    """Return the z statistic whose two-sided p is that of `p_beyond`, with the sign of the estimate, (n_points,).

    It is finite where p underflows.
    """
    near, far = (z_from_t(t, dof) for t in _both(effect, variance, delta))
    log_p = np.minimum(0.0, np.logaddexp(special.log_ndtr(-near), special.log_ndtr(-far)))
    magnitude = np.maximum(0.0, -special.ndtri_exp(log_p - np.log(2)))
    return np.asarray(np.copysign(magnitude, effect) + 0.0)  # + 0.0: no -0.0


def _both(effect: FloatArray, variance: FloatArray, delta: float) -> tuple[FloatArray, FloatArray]:
    """Return the distances of the estimate from the nearer and the farther end of the interval, in standard errors."""
    size, error = np.abs(effect), np.sqrt(variance)
    return (size - delta) / error, (size + delta) / error
