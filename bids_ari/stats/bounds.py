"""True discovery bounds for all sets of points, from one integer per point."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Positions = npt.NDArray[np.integer] | npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Bound:
    """Lower bounds on the number of true discoveries, simultaneous over all sets of points.

    With probability at least 1 - `alpha`, every set S contains at least ``tdn(S)`` truly active points, however
    and whenever S was chosen. A bound follows from the *category* c_i of each point:

        TDN(S) = max(0, max over u = 1..|S| of  1 - u + #{i in S: c_i <= u})

    Attributes
    ----------
    category : array of int32 (n_points,)
        The category of each point, at least 1.
    alpha : float
        The error level.
    method : str
        The method that computed the categories, e.g. ``simes``.
    h : int or None
        Size of the largest set that closed testing cannot reject; None where the bound is not one of closed testing.

    References
    ----------
    Goeman & Solari (2011), Statistical Science 26:584. Blanchard, Neuvial & Roquain (2020), Annals of Statistics
    48:1281.
    """

    category: npt.NDArray[np.int32]
    alpha: float
    method: str
    h: int | None = None

    def __post_init__(self) -> None:
        category = self.category.view()
        category.flags.writeable = False
        object.__setattr__(self, "category", category)

    @property
    def n_points(self) -> int:
        """Number of points tested, m."""
        return self.category.size

    @property
    def whole(self) -> int:
        """TDN of the whole mask: of all points together."""
        return true_discoveries(self.category)

    def tdn(self, points: Positions) -> int:
        """Return the true discovery number of a set: at least this many of its points are truly active.

        Parameters
        ----------
        points : array
            Distinct positions 0..n_points-1, or a boolean per point.

        Returns
        -------
        int
            Between 0 and the size of the set.

        Raises
        ------
        ValueError
            When `points` is neither positions nor one boolean per point.
        IndexError
            When a position lies outside.
        """
        return true_discoveries(self.category[_checked(points, self.n_points)])

    def tdp(self, points: Positions) -> float:
        """Return the true discovery proportion of a set, `tdn` / size; 0 for the empty set. See `tdn`."""
        chosen = self.category[_checked(points, self.n_points)]
        return true_discoveries(chosen) / chosen.size if chosen.size else 0.0

    def __repr__(self) -> str:
        h = "" if self.h is None else f", h={self.h}"
        return f"Bound(n_points={self.n_points}, alpha={self.alpha}, method={self.method!r}{h})"


def true_discoveries(category: npt.NDArray[np.int32]) -> int:
    """Return the TDN of a set from the categories (size,) of its points, in time linear in its size.

    >>> true_discoveries(np.array([1, 1, 2, 9], dtype=np.int32))   # u = 1: 2 points, u = 2: 3 - 1
    2
    """
    size = category.size
    if size == 0:
        return 0
    counts = np.bincount(np.minimum(category, size + 1), minlength=size + 2)[1 : size + 1]
    return max(0, int((np.cumsum(counts) - np.arange(size)).max()))


def _checked(points: Positions, n_points: int) -> Positions:
    """Return the positions or booleans of a set, or raise where they would select other points or one point twice."""
    chosen: np.ndarray = np.asarray(points)
    if chosen.dtype == bool:
        if chosen.shape != (n_points,):
            raise ValueError(f"points must hold one boolean per point, ({n_points},); found {chosen.shape}")
    elif chosen.size == 0:
        chosen = np.zeros(0, dtype=np.intp)
    elif chosen.dtype.kind not in "iu" or chosen.ndim != 1:
        raise ValueError(f"points must be a 1-D array of positions; found {chosen.dtype} of shape {chosen.shape}")
    elif chosen.min() < 0 or np.unique(chosen).size < chosen.size:
        raise ValueError("points must be distinct positions, none below 0")
    return chosen
