"""Values of the points of a result: maps, and how extreme they are."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from bids_ari.stats.choices import Alternative
from bids_ari.stats.distributions import FloatArray

Field = Literal[
    "effect",
    "variance",
    "t",
    "f",
    "z",
    "dof",
    "tau2",
    "p",
    "neg_log10_p",
    "adjusted_p",
    "p_fwe",
    "tdp",
    "highest_tdp",
    "clusters",
]
"""The maps of a result, as `ContrastResult.values` takes them."""


class MapValues(NamedTuple):
    """A map: the values of the points, (n_points,), the value elsewhere, and the names of values that are labels."""

    values: npt.NDArray[Any]
    fill: float = 0
    names: Mapping[int, str] | None = None


def extremeness(z: FloatArray, alternative: Alternative) -> FloatArray:
    """Return z, its negative or its absolute value, so that large values are extreme for an alternative."""
    return {"greater": z, "less": -z, "two-sided": np.abs(z)}[alternative]


def highest_of(valued: Iterable[tuple[npt.NDArray[np.integer], float]], n_points: int) -> FloatArray:
    """Return the highest value of the sets that contain each point, (n_points,); 0 for none."""
    highest = np.zeros(n_points)
    for voxels, value in valued:
        highest[voxels] = np.maximum(highest[voxels], value)
    return highest
