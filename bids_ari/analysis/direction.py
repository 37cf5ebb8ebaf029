"""Bounds on the numbers of positive and of negative effects of a two-sided result, and columns of tables."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_ari.analysis.calibrated import Calibrated
from bids_ari.stats.bounds import Bound
from bids_ari.stats.choices import LocalTest
from bids_ari.stats.direction import Directions, closed_directions, split_by_sign
from bids_ari.stats.glm import GlmResult


def closed_testing(
    glm: GlmResult, bound: Bound, calibrated: Calibrated | None = None, *, local_test: LocalTest
) -> Directions:
    """Compute the bounds of each sign by closed testing, beyond the minimum effect of the test if it has one."""
    greater, less = (glm.beyond(glm.min_effect, side).p(side) for side in ("greater", "less"))
    return closed_directions(greater, less, bound.alpha, local_test)


def permutation(glm: GlmResult, bound: Bound, calibrated: Calibrated | None = None) -> Directions | None:
    """Compute the bounds of each sign by permutation; return None where step-down excluded points."""
    return None if calibrated is not None and calibrated.n_excluded else split_by_sign(bound, glm.z)


def with_directions(
    table: pd.DataFrame, directions: Directions | None, sets: Iterable[npt.NDArray[np.int32]]
) -> pd.DataFrame:
    """Return a table of sets of points with the TDN of each sign after the TDP, where there are such bounds."""
    if directions is None:
        return table
    both = np.array([[bound.tdn(points) for bound in directions] for points in sets], dtype=np.int64).reshape(-1, 2)
    for name, tdn in zip(Directions._fields[::-1], both.T[::-1], strict=True):
        table.insert([*table.columns].index("tdp") + 1, f"tdn_{name}", tdn)
    return table
