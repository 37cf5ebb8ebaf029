"""True discovery bounds: one integer per voxel answers every question."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Positions = npt.NDArray[np.integer] | npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Bound:
    """Lower bounds on the number of true discoveries, valid for all sets of voxels at once.

    With probability at least 1 - `alpha`, every set S holds at least ``tdn(S)`` truly active voxels, however
    and whenever S was chosen. A bound is read off the *category* c_i of each voxel (Goeman & Solari 2011;
    Blanchard, Neuvial & Roquain 2020):

        TDN(S) = max(0, max over u = 1..|S| of  1 - u + #{i in S: c_i <= u})

    Attributes
    ----------
    category : array of int32 (n_voxels,)
        The category of each voxel, at least 1.
    alpha : float
        The error level.
    method : str
        How the categories came about, e.g. ``simes``.
    h : int or None
        Size of the largest set that closed testing cannot reject; None where the bound is not one of closed testing.
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
    def n_voxels(self) -> int:
        """Number of voxels tested, m."""
        return self.category.size

    @property
    def whole(self) -> int:
        """TDN of all voxels together."""
        return true_discoveries(self.category)

    def tdn(self, voxels: Positions) -> int:
        """Give the number of voxels in a set that are truly active, at least.

        Parameters
        ----------
        voxels : array
            Distinct positions 0..n_voxels-1, or a boolean per voxel.

        Returns
        -------
        int
            Between 0 and the size of the set.

        Raises
        ------
        ValueError
            When `voxels` is neither positions nor one boolean per voxel.
        IndexError
            When a position lies outside.
        """
        return true_discoveries(self.category[checked_positions(voxels, self.n_voxels)])

    def tdp(self, voxels: Positions) -> float:
        """Give the proportion of a set that is truly active, at least: `tdn` / size, 0 for the empty set."""
        chosen = self.category[checked_positions(voxels, self.n_voxels)]
        return true_discoveries(chosen) / chosen.size if chosen.size else 0.0

    def __repr__(self) -> str:
        h = "" if self.h is None else f", h={self.h}"
        return f"Bound(n_voxels={self.n_voxels}, alpha={self.alpha}, method={self.method!r}{h})"


def true_discoveries(category: npt.NDArray[np.int32]) -> int:
    """Give TDN of a set from the categories of its voxels, in time linear in its size.

    >>> true_discoveries(np.array([1, 1, 2, 9], dtype=np.int32))   # u = 1: 2 voxels, u = 2: 3 - 1
    2
    """
    size = category.size
    if size == 0:
        return 0
    counts = np.bincount(np.minimum(category, size + 1), minlength=size + 2)[1 : size + 1]
    return max(0, int((np.cumsum(counts) - np.arange(size)).max()))


def checked_positions(voxels: Positions, n_voxels: int) -> Positions:
    """Refuse what would silently index something else, or count a voxel twice.

    Parameters
    ----------
    voxels : array
        Distinct positions 0..n_voxels-1, or a boolean per voxel.
    n_voxels : int
        How many voxels there are.
    """
    chosen: np.ndarray = np.asarray(voxels)
    if chosen.dtype == bool:
        if chosen.shape != (n_voxels,):
            raise ValueError(f"voxels must hold one boolean per voxel, ({n_voxels},); found {chosen.shape}")
    elif chosen.size == 0:
        chosen = np.zeros(0, dtype=np.intp)
    elif chosen.dtype.kind not in "iu" or chosen.ndim != 1:
        raise ValueError(f"voxels must be a row of positions; found {chosen.dtype} of shape {chosen.shape}")
    elif chosen.min() < 0 or np.unique(chosen).size < chosen.size:
        raise ValueError("voxels must be distinct positions, none below 0")
    return chosen
