"""Familywise errors by permutation of a result: what the extent of a cluster is, and columns of tables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bids_ari.images.grayordinate_space import SurfaceSpace
from bids_ari.images.space import Space
from bids_ari.stats.familywise import Extent, FamilywiseErrors
from bids_ari.stats.familywise_kernels import Longs
from bids_ari.stats.forest import Adjacency, Cluster

if TYPE_CHECKING:
    import pandas as pd

_PER_MM2 = 1e6
"""Areas are whole numbers of this part of a mm2, so that their sums do not depend on the order of the vertices."""


def extent_of(space: Space, neighbours: Adjacency, *, join_signs: bool = False) -> Extent:
    """Return what the extent of a cluster is: its area in mm2 where all points are vertices, else its points."""
    return Extent(neighbours, *_weights(space), join_signs)


def with_familywise(
    table: "pd.DataFrame",
    errors: FamilywiseErrors | None,
    clusters: Sequence[Cluster],
    threshold: float | None,
    space: Space,
) -> "pd.DataFrame":
    """Return a table of clusters with familywise p of peaks and of extents, before the columns of peaks.

    Those of extents exist for clusters above a threshold that was one of the analysis.
    """
    if errors is None:
        return table
    table.insert([*table.columns].index("peak_stat"), "p_fwe_peak", errors.p[[cluster.peak for cluster in clusters]])
    if threshold is not None and errors.has_extents(threshold):
        weights, per_unit = _weights(space)
        extents = (weights[cluster.points].sum() / per_unit for cluster in clusters)
        p = errors.p_of_extents(extents, threshold)
        table.insert([*table.columns].index("peak_stat"), "p_fwe_extent", p)
    return table


def _weights(space: Space) -> tuple[Longs, float]:
    """Return the part of each point in the extent of a cluster, and how many parts make up its unit."""
    if not isinstance(space, SurfaceSpace):
        return np.ones(space.n_points, dtype=np.int64), 1.0
    areas = np.rint(space.frame.areas[space.inside] * _PER_MM2).astype(np.int64)
    return np.maximum(areas, 1), _PER_MM2
