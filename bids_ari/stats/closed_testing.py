"""Closed testing with Simes or Hommel local tests, by its shortcut.

A set of size i is rejected locally when ``s_i * p_(j) <= j * alpha`` for some j <= i, where p_(j) is the j-th
smallest p in the set and s_i = i (Simes: valid under positive dependence) or s_i = i * (1 + 1/2 + ... + 1/i)
(Hommel: valid under any dependence of valid p). Closed testing rejects a set when every set that contains it is
rejected locally; the number of true discoveries in S is its size minus that of its largest subset that is not rejected.
All of it follows from one number, h, the size of the largest set that is not rejected.

Comparisons are made with products, as written above, in float64; equality rejects.

References
----------
Simes (1986), Biometrika 73:751. Hommel (1983), Biometrical Journal 25:423. Goeman & Solari (2011), Statistical Science
26:584. Meijer, Krebs & Goeman (2019), Biometrical Journal 61:73, for the shortcut.
"""

import numpy as np
import numpy.typing as npt

from bids_ari.stats import forest_kernels as kernels
from bids_ari.stats.bounds import Bound
from bids_ari.stats.choices import LOCAL_TESTS, LocalTest
from bids_ari.stats.distributions import FloatArray


def hommel_bound(p: FloatArray, alpha: float = 0.05, local_test: LocalTest = "simes") -> Bound:
    """Bound the number of true discoveries in every set of hypotheses at once.

    Parameters
    ----------
    p : array (m,)
        One valid p-value per hypothesis, for one alternative.
    alpha : float
        Error level in (0, 1): with probability at least 1 - alpha all bounds hold together.
    local_test : {'simes', 'hommel'}
        ``simes`` assumes positive dependence between the p of true nulls, as in smooth statistical maps;
        ``hommel`` assumes nothing, and has less power.

    Returns
    -------
    Bound
        ``bound.tdn(points)`` and ``bound.tdp(points)`` are valid for any set, also if chosen after looking at the data.

    Raises
    ------
    ValueError
        When `p` is empty, not in [0, 1] or NaN, or `alpha` is not in (0, 1).

    References
    ----------
    Goeman & Solari (2011), Statistical Science 26:584. Rosenblatt et al. (2018), NeuroImage 181:786.

    Examples
    --------
    >>> bound = hommel_bound(np.array([0.001, 0.002, 0.003, 0.6, 0.9]), alpha=0.05)
    >>> bound.tdn(np.array([0, 1, 2])), bound.tdp(np.array([0, 1, 3, 4])), bound.whole
    (3, 0.5, 3)
    """
    p = _valid_p(p)
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie in (0, 1); found {alpha}")
    scales = local_scales(p.size, local_test)
    h = hommel_value(p, alpha, scales)
    return Bound(categories(p, alpha, scales[h]), alpha, local_test, h)


def pooled_hommel_value(small: FloatArray, m: int, alpha: float, local_test: LocalTest = "simes") -> int:
    """Return h of one family of m hypotheses, such as those of several maps, from its p that are at most alpha.

    Other p reject nothing: h is at least m minus the number of `small` p, and only sets of these sizes are searched.
    """
    small = np.sort(small[small <= alpha])
    low = m - small.size
    scales = np.arange(low, m + 1.0) if local_test == "simes" else local_scales(m, local_test)[low:]
    return low + int(kernels.largest_not_rejected(small, small.size, alpha, scales))


def bound_in_pool(p: FloatArray, alpha: float, local_test: LocalTest, h: int) -> Bound:
    """Return the bound of some hypotheses of a family with the value h of `pooled_hommel_value`.

    The bounds of all parts of the family hold together. `p` (m,) are those of one part.
    """
    scale = float(h) if local_test == "simes" else float(local_scales(h, local_test)[-1])
    return Bound(categories(_valid_p(p), alpha, scale), alpha, local_test, h)


def local_scales(m: int, local_test: LocalTest) -> FloatArray:
    """Return s_0..s_m, the scale of the local test for sets of each size, (m + 1,)."""
    sizes = np.arange(m + 1, dtype=np.float64)
    if local_test == "simes":
        return sizes
    if local_test == "hommel":
        harmonic: FloatArray = np.cumsum(np.concatenate(([0.0], 1 / sizes[1:])))
        return sizes * harmonic
    raise ValueError(f"local_test must be one of {', '.join(LOCAL_TESTS)}; found {local_test!r}")


def hommel_value(p: FloatArray, alpha: float, scales: FloatArray) -> int:
    """Return h, the size of the largest set that is not rejected: the largest i for which the i largest p are not.

    The k-th smallest p is the j-th smallest of the i largest, j = k - m + i, and rejects them when
    ``s_i * p_(k) <= (k - m + i) * alpha``. Only p <= alpha can reject anything, so only those are sorted.
    `scales` (m + 1,) are from `local_scales`.
    """
    return int(kernels.largest_not_rejected(np.sort(p[p <= alpha]), p.size, alpha, scales))


def categories(p: FloatArray, alpha: float, scale: float) -> npt.NDArray[np.int32]:
    """Return the category of each p, (m,): the smallest integer u >= 1 with ``scale * p <= u * alpha``.

    `scale` is s_h; a category of m + 1, the largest, adds to no bound.
    """
    return kernels.least_multiples(np.ascontiguousarray(p, dtype=np.float64), alpha, scale)


def adjusted_p(p: FloatArray, local_test: LocalTest = "simes") -> FloatArray:
    """Return the adjusted p-value of each hypothesis: the smallest alpha at which closed testing rejects it.

    Parameters
    ----------
    p : array (m,)
        p-values in [0, 1].
    local_test : {'simes', 'hommel'}
        The local test.

    Returns
    -------
    array (m,)
        Adjusted p, at most 1: all hypotheses with a value <= alpha may be rejected together at that alpha.

    Raises
    ------
    ValueError
        When `p` is empty, not in [0, 1] or NaN.

    References
    ----------
    Hommel (1988), Biometrika 75:383, for Simes. Goeman, Meijer, Krebs & Solari (2019), Biometrika 106:841.

    Examples
    --------
    >>> adjusted_p(np.array([0.01, 0.02, 0.03])).round(3)
    array([0.03, 0.03, 0.03])
    """
    p = _valid_p(p)
    scales = local_scales(p.size, local_test)
    # The i largest p are rejected from alpha = s_i * min over j of p_(m-i+j) / j: the smallest slope from the point
    # (m - i, 0) to a point (k, p_(k)) to its right. Sets of all sizes above i are rejected from alpha = jumps[i].
    rejected_from = scales[1:] * kernels.least_slopes(np.sort(p))
    jumps = np.append(np.maximum.accumulate(rejected_from[::-1])[::-1], 0.0)
    # the smallest alpha with s_h(alpha) * p <= alpha: s_i * p grows with i and jumps[i] falls, it is where they cross
    steepness = jumps[1:] / scales[1:]
    crossing = 1 + np.searchsorted(-steepness, -p, side="left")  # first i with jumps[i] <= s_i * p
    i = np.minimum(crossing, p.size)
    return np.asarray(np.minimum(np.minimum(scales[i] * p, jumps[i - 1]), 1.0))


def _valid_p(p: FloatArray) -> FloatArray:
    """Return p as float64, or raise where it is not a 1-D array of p-values."""
    p = np.asarray(p, dtype=np.float64)
    if p.ndim != 1 or p.size == 0:
        raise ValueError(f"p must be a 1-D array of at least one value; found shape {p.shape}")
    if not (p.min() >= 0 and p.max() <= 1):  # NaN fails both
        raise ValueError("p must lie in [0, 1], without NaN")
    return p
