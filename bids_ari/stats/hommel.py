"""Closed testing with Simes or Hommel local tests, by its shortcut.

A set of size i is rejected locally when ``s_i * p_(j) <= j * alpha`` for some j <= i, where p_(j) is the j-th
smallest p in the set and s_i = i (Simes: valid under positive dependence) or s_i = i * (1 + 1/2 + ... + 1/i)
(Hommel: valid under any dependence). Closed testing rejects a set when every set that contains it is rejected
locally; the number of true discoveries in S is what is left of S after its largest subset that is not rejected.
All of it follows from one number, h, the size of the largest set that is not rejected (Goeman & Solari 2011;
Goeman, Meijer, Krebs & Solari 2019; Meijer, Krebs & Goeman 2019).

Comparisons are made with products, as written above, in float64; equality rejects.
"""

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from bids_ari.stats.bounds import Bound
from bids_ari.stats.tails import FloatArray

LocalTest = Literal["simes", "hommel"]
LOCAL_TESTS: tuple[LocalTest, ...] = get_args(LocalTest)


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
        Its ``tdn(voxels)`` and ``tdp(voxels)`` answer for any set, chosen even after looking.

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
    p = np.asarray(p, dtype=np.float64)
    if p.ndim != 1 or p.size == 0:
        raise ValueError(f"p must be a row of at least one value; found shape {p.shape}")
    if not (p.min() >= 0 and p.max() <= 1):  # NaN fails both
        raise ValueError("p must lie in [0, 1], without NaN")
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
    ``s_i * p_(k) <= (k - m + i) * alpha``. Only p <= alpha can reject anything, so only those are sorted. The
    sizes that one p rejects have no gap, because s_i is convex in i: from a rejected size, h lies below the
    lower end of the sizes that its culprits reject. (For Simes all of them reach up to m: one step suffices.)
    """
    m = p.size
    small = np.sort(p[p <= alpha])
    larger = m - np.arange(1, small.size + 1)  # m - k: how many p are larger than p_(k)
    size = m
    while size > 0:
        in_set = larger < size
        rejects = in_set & (scales[size] * small <= (size - larger) * alpha)
        if not rejects.any():
            break
        size = _smallest_rejected(small[rejects], larger[rejects], size, alpha, scales) - 1
    return size


def _smallest_rejected(small: FloatArray, larger: np.ndarray, size: int, alpha: float, scales: FloatArray) -> int:
    """Give the smallest size that one of `small` rejects together with all sizes up to `size`, by bisection."""
    low, high = larger, np.full(small.size, size)  # not rejected at low, rejected at high
    while (high - low > 1).any():
        middle = (low + high + 1) // 2  # rounded up: never `low`, where the set would be empty
        rejects = scales[middle] * small <= (middle - larger) * alpha
        low, high = np.where(rejects, low, middle), np.where(rejects, middle, high)
    return int(high.min())


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
    guess = np.clip(np.ceil(product / alpha), 1, p.size + 1)
    guess = np.where((guess > 1) & (product <= (guess - 1) * alpha), guess - 1, guess)
    guess = np.where(product > guess * alpha, guess + 1, guess)
    category: npt.NDArray[np.int32] = np.minimum(guess, p.size + 1).astype(np.int32)
    return category
