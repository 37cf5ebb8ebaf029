"""What a reduced model leaves of the data, so that draws may act on it.

Residuals of a model depend on each other: along what was fitted they have no variance left, in all other directions
they have what the errors had. A permutation of subjects keeps the mean, and moves little of the rest. Sign flips turn
residuals into what was fitted and back, so that data that were observed are more extreme than their flips, and bounds
too bold: in small samples beyond alpha.

So where signs are flipped, *uncorrelated residuals* take their place (Theil 1965): of n subjects and k fitted
coefficients n - k of them, each as near as can be to the error of one subject. Those of independent normal errors of
equal variance are again independent, normal and of equal variance: sign flips and permutations of them are exact.
The statistic of the data as observed does not change. The k subjects that have none are *spent*: those on which the
reduced model depends most.

References
----------
Theil (1965), Journal of the American Statistical Association 60:1067. Huh & Jhun (2001), Communications in
Statistics - Theory and Methods 30:2023, for draws of uncorrelated residuals. Winkler, Renaud, Smith & Nichols (2020),
NeuroImage 220:117065, for those of Theil in brain images.
"""

from typing import NamedTuple

import numpy as np

from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.permutation_kernels import Places

_TIE = 1e-9
"""Leverages that differ by less are equal: of these the first subject is spent, on whichever machine."""


class Residuals(NamedTuple):
    """A linear map from data to residuals: ``data[kept] + given.T @ (looked_at @ data)``."""

    kept: Places
    """(n_kept,): the subjects that have one."""
    given: FloatArray
    """(n_directions, n_kept)."""
    looked_at: FloatArray
    """(n_directions, n_subjects)."""

    def of(self, data: FloatArray) -> FloatArray:
        """Give the residuals (n_kept, ...) of data (n_subjects, ...)."""
        return np.asarray(data[self.kept] + self.given.T @ (self.looked_at @ data))


def ordinary(fitted: FloatArray) -> Residuals:
    """Give the residuals of all subjects, from the orthonormal directions (k, n_subjects) of the reduced model."""
    return Residuals(np.arange(fitted.shape[1]), -fitted, fitted)


def uncorrelated(fitted: FloatArray) -> Residuals:
    """Give uncorrelated residuals, from the orthonormal directions (k, n_subjects) of the reduced model.

    With Z the directions, M = 1 - Z'Z and S what picks the subjects that are kept, they are (S M S')^(-1/2) S M data.
    With Z S' = W' s V of singular values s < 1, S M S' is 1 - V' s^2 V, and all of it an update of rank k.
    """
    kept = np.setdiff1d(np.arange(fitted.shape[1]), spent(fitted))
    rotation, s, directions = np.linalg.svd(fitted[:, kept], full_matrices=False)
    c = np.sqrt((1 - s) * (1 + s))
    looked_at = -(s / c)[:, None] * (rotation.T @ fitted)
    looked_at[:, kept] += (1 / c - 1)[:, None] * directions
    return Residuals(kept, directions, looked_at)


def spent(fitted: FloatArray) -> Places:
    """Give k subjects that determine the coefficients of the reduced model: each in turn the one of most leverage."""
    left, found = fitted.copy(), []
    for _ in range(len(fitted)):
        leverage = (left**2).sum(axis=0)
        found.append(int(np.flatnonzero(leverage >= leverage.max() - _TIE)[0]))
        direction = left[:, found[-1]] / np.sqrt(leverage[found[-1]])
        left -= np.outer(direction, direction @ left)
    return np.array(found, dtype=np.intp)
