"""Bounds on the numbers of positive and of negative effects of a two-sided result, and columns of tables."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bids_ari.analysis.calibrated import Calibrated
from bids_ari.analysis.joint import Joint
from bids_ari.stats.bounds import Bound, true_discoveries
from bids_ari.stats.choices import LocalTest
from bids_ari.stats.direction import Directions, closed_directions, single_step_directions, split_by_sign
from bids_ari.stats.distributions import FloatArray, p_from_t
from bids_ari.stats.glm import GlmResult
from bids_ari.stats.minimum_effect import t_beyond

if TYPE_CHECKING:
    import pandas as pd


def closed_testing(
    glm: GlmResult,
    p: FloatArray,
    bound: Bound,
    calibrated: Calibrated | None = None,
    joint: Joint | None = None,
    *,
    local_test: LocalTest,
) -> Directions:
    """Compute the bounds of each sign by closed testing, beyond the minimum effect of the test if it has one."""
    if joint is not None:
        return single_step_directions(p, glm.z, joint.n_hypotheses, joint.alpha, local_test)
    return closed_directions(*one_sided(glm, p), bound.alpha, local_test)


def permutation(
    glm: GlmResult, p: FloatArray, bound: Bound, calibrated: Calibrated | None = None, joint: Joint | None = None
) -> Directions | None:
    """Compute the bounds of each sign by permutation; return None where step-down excluded points."""
    return None if calibrated is not None and calibrated.n_excluded else split_by_sign(bound, glm.z)


def one_sided(glm: GlmResult, p: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the one-sided p of a two-sided test of p (n_points,), for positive and for negative effects.

    Without a minimum effect p is twice the smaller one, so that no tail probabilities are computed again.
    """
    if glm.min_effect and glm.effect is not None and glm.variance is not None:
        t = [t_beyond(glm.effect, glm.variance, glm.min_effect, side) for side in ("greater", "less")]
        return p_from_t(t[0], glm.dof, "greater"), p_from_t(t[1], glm.dof, "less")
    near, far, is_positive = p / 2, 1 - p / 2, glm.z > 0
    return np.where(is_positive, near, far), np.where(is_positive, far, near)


def with_directions(
    table: "pd.DataFrame", directions: Directions | None, sets: Iterable[npt.NDArray[np.int32]]
) -> "pd.DataFrame":
    """Return a table of sets of points with the TDN of each sign after the TDP, where there are such bounds."""
    if directions is None:
        return table
    rows = [[true_discoveries(bound.category[points]) for bound in directions] for points in sets]
    both = np.array(rows, dtype=np.int64).reshape(-1, 2)
    for name, tdn in zip(Directions._fields[::-1], both.T[::-1], strict=True):
        table.insert([*table.columns].index("tdp") + 1, f"tdn_{name}", tdn)
    return table
