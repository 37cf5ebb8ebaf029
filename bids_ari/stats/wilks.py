"""Wilks' lambda of several maps per subject, and its F statistic.

With E the sums of squares and products of the residuals of q maps, and H those that a test of h rows explains,
``lambda = det(E) / det(E + H)``. With ``r^2 = 1 - lambda^(1 / root)``, Rao's statistic is
``F = r^2 / (1 - r^2) * dof / n_rows``. Its distribution is exactly F where h or q is 1 or 2, else approximately. For
one map it is the usual F; for one row that of Hotelling's T^2.

References
----------
Hotelling (1931), Annals of Mathematical Statistics 2:360. Wilks (1932), Biometrika 24:471. Rao (1951), Bulletin of the
International Statistical Institute 33:177. Anderson (2003), An Introduction to Multivariate Statistical Analysis, 8.4.
"""

from typing import NamedTuple


class RaoF(NamedTuple):
    """The root of Wilks' lambda that gives F, and the degrees of freedom of F."""

    root: float
    n_rows: float  # of the numerator
    dof: float  # of the denominator; not positive where there are too few subjects


def rao_f(n_rows: int, n_maps: int, dof: int) -> RaoF:
    """Return Rao's F of a test of `n_rows` rows in `n_maps` maps per subject with `dof` residual degrees of freedom.

    >>> rao_f(1, 3, 19)         # Hotelling's T^2
    RaoF(root=1.0, n_rows=3, dof=17.0)
    >>> rao_f(2, 3, 19)
    RaoF(root=2.0, n_rows=6, dof=34.0)
    """
    product, squares = n_rows * n_maps, n_rows**2 + n_maps**2
    root = ((product**2 - 4) / (squares - 5)) ** 0.5 if squares > 5 and min(n_rows, n_maps) > 1 else 1.0
    return RaoF(root, product, root * (dof - (n_maps - n_rows + 1) / 2) - (product - 2) / 2)


def is_exact(n_rows: int, n_maps: int) -> bool:
    """Return whether Rao's F is exact for normal errors."""
    return min(n_rows, n_maps) <= 2
