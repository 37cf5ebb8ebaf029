"""Closed testing with Simes or Hommel local tests, by its shortcut.

A set of size i is rejected locally when ``s_i * p_(j) <= j * alpha`` for some j <= i, where p_(j) is the j-th
smallest p in the set and s_i = i (Simes: valid under positive dependence) or s_i = i * (1 + 1/2 + ... + 1/i)
(Hommel: valid under any dependence). Closed testing rejects a set when every set that contains it is rejected
locally; the number of true discoveries in S is what is left of S after its largest subset that is not rejected.
All of it follows from one number, h, the size of the largest set that is not rejected (Goeman & Solari 2011;
Goeman, Meijer, Krebs & Solari 2019; Meijer, Krebs & Goeman 2019).

Comparisons are made with products, as written above, in float64; equality rejects.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bids_ari.stats import forest_kernels as kernels
from bids_ari.stats.bounds import Bound, Positions, checked_positions
from bids_ari.stats.choices import LOCAL_TESTS as LOCAL_TESTS
from bids_ari.stats.choices import LocalTest as LocalTest
from bids_ari.stats.distributions import FloatArray


def hommel_bound(p: FloatArray, alpha: float = 0.05, local_test: LocalTest = "simes") -> Bound:
    """Bound the number of true discoveries in every set of hypotheses at once.

    Parameters
    ----------
    p : array (m,)
        One valid p-value per hypothesis, for one direction.
    alpha : float
        Error level in (0, 1): with probability at least 1 - alpha all bounds hold together.
    local_test : {'simes', 'hommel'}
        ``simes`` asks for positive dependence between the p of true nulls, as smooth statistical maps show;
        ``hommel`` for nothing, and finds less.

    Returns
    -------
    Bound
        Its ``tdn(points)`` and ``tdp(points)`` answer for any set, chosen even after looking.

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


def local_scales(m: int, local_test: LocalTest) -> FloatArray:
    """Give s_0..s_m, the factor by which a set of each size pays for its size, (m + 1,)."""
    sizes = np.arange(m + 1, dtype=np.float64)
    if local_test == "simes":
        return sizes
    if local_test == "hommel":
        harmonic: FloatArray = np.cumsum(np.concatenate(([0.0], 1 / sizes[1:])))
        return sizes * harmonic
    raise ValueError(f"local_test must be one of {', '.join(LOCAL_TESTS)}; found {local_test!r}")


def hommel_value(p: FloatArray, alpha: float, scales: FloatArray) -> int:
    """Give h, the size of the largest set that is not rejected: the i largest p, for the largest such i.

    The k-th smallest p stands at place j = k - m + i among the i largest and rejects them when
    ``s_i * p_(k) <= (k - m + i) * alpha``. Only p <= alpha can reject anything, so only those are sorted.
    """
    return int(kernels.largest_not_rejected(np.sort(p[p <= alpha]), p.size, alpha, scales))


def concentration_set(p: FloatArray, alpha: float, scales: FloatArray, h: int) -> npt.NDArray[np.intp]:
    """Give the positions of the smallest p, most significant first, that hold all discoveries.

    TDN of any set is that of its part within; the set is the shortest list of smallest p with TDN = m - h
    (Meijer, Krebs & Goeman 2019). It is empty when h = m.

    Parameters
    ----------
    p : array (m,)
        p-values.
    alpha : float
        Error level.
    scales : array (m + 1,)
        From `local_scales`.
    h : int
        From `hommel_value`.
    """
    m = p.size
    if h == m:
        return np.zeros(0, dtype=np.intp)
    order = np.argsort(p, kind="stable")
    sizes = np.arange(max(m - h, 1), m + 1)
    enough = scales[h] * p[order[sizes - 1]] <= (sizes - m + h + 1) * alpha
    return order[: sizes[np.argmax(enough)]]


def adjusted_p(p: FloatArray, local_test: LocalTest = "simes") -> FloatArray:
    """Give the smallest alpha at which closed testing rejects each hypothesis: its adjusted p-value.

    Parameters
    ----------
    p : array (m,)
        p-values in [0, 1].
    local_test : {'simes', 'hommel'}
        The local test.

    Returns
    -------
    array (m,)
        Adjusted p, at most 1: all with a value <= alpha may be declared active together at that alpha (Hommel
        1988 for Simes; Goeman, Meijer, Krebs & Solari 2019).

    Examples
    --------
    >>> adjusted_p(np.array([0.01, 0.02, 0.03])).round(3)
    array([0.03, 0.03, 0.03])
    """
    p = _valid_p(p)
    return _ClosedTesting.of(p, local_test).adjust(p)


def adjusted_p_of_set(p: FloatArray, points: Positions, local_test: LocalTest = "simes") -> float:
    """Give the smallest alpha at which closed testing finds at least one true discovery in a set.

    Parameters
    ----------
    p : array (m,)
        p-values of all hypotheses.
    points : array
        The set: positions, or a boolean per hypothesis; not empty.
    local_test : {'simes', 'hommel'}
        The local test.
    """
    p = _valid_p(p)
    chosen = np.sort(p[checked_positions(points, p.size)])
    if chosen.size == 0:
        raise ValueError("points must hold at least one position")
    steepest = (chosen / np.arange(1, chosen.size + 1)).min(keepdims=True)
    return float(_ClosedTesting.of(p, local_test).adjust(steepest)[0])


@dataclass(frozen=True, slots=True)
class _ClosedTesting:
    """h as a function of alpha: ``h(alpha) <= i`` from ``alpha = jumps[i]`` on, i = 0..m."""

    scales: FloatArray
    jumps: FloatArray

    @classmethod
    def of(cls, p: FloatArray, local_test: LocalTest) -> "_ClosedTesting":
        """Find for each i the alpha from which sets of all sizes above i are rejected.

        The i largest p are rejected from alpha = s_i * min over j of p_(m-i+j) / j: the least slope from the
        point (m - i, 0) to a point (k, p_(k)) to its right.
        """
        scales = local_scales(p.size, local_test)
        rejected_at = scales[1:] * kernels.least_slopes(np.sort(p))
        jumps = np.append(np.maximum.accumulate(rejected_at[::-1])[::-1], 0.0)
        return cls(scales, jumps)

    def adjust(self, slopes: FloatArray) -> FloatArray:
        """Give the smallest alpha with ``s_h(alpha) * slope <= alpha`` for each slope.

        ``s_i * slope`` grows with i and ``jumps[i]`` falls: the answer lies where they cross.
        """
        steepness = self.jumps[1:] / self.scales[1:]  # falls with i; at i = 0 nothing is paid
        crossing = 1 + np.searchsorted(-steepness, -slopes, side="left")  # first i with jumps[i] <= s_i * slope
        at = np.minimum(crossing, self.jumps.size - 1)
        return np.asarray(np.minimum(np.minimum(self.scales[at] * slopes, self.jumps[at - 1]), 1.0))


def _valid_p(p: FloatArray) -> FloatArray:
    """Refuse what is no row of p-values."""
    p = np.asarray(p, dtype=np.float64)
    if p.ndim != 1 or p.size == 0:
        raise ValueError(f"p must be a row of at least one value; found shape {p.shape}")
    if not (p.min() >= 0 and p.max() <= 1):  # NaN fails both
        raise ValueError("p must lie in [0, 1], without NaN")
    return p


def categories(p: FloatArray, alpha: float, scale: float) -> npt.NDArray[np.int32]:
    """Give the category of each p: the smallest integer u >= 1 with ``scale * p <= u * alpha``.

    Parameters
    ----------
    p : array (m,)
        p-values.
    alpha : float
        Error level.
    scale : float
        s_h.

    Returns
    -------
    array of int32 (m,)
        At most m + 1, which stands for "never counts".
    """
    product = scale * p
    with np.errstate(over="ignore"):  # alpha may be as small as float64 allows
        guess = np.clip(np.ceil(product / alpha), 1, p.size + 1)
    guess = np.where((guess > 1) & (product <= (guess - 1) * alpha), guess - 1, guess)
    guess = np.where(product > guess * alpha, guess + 1, guess)
    category: npt.NDArray[np.int32] = np.minimum(guess, p.size + 1).astype(np.int32)
    return category
