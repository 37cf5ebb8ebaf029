"""Tables of clusters and regions, one row each, and of critical vectors and permutations."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_ari.analysis.calibrated import Calibrated
from bids_ari.images.region_names import RegionNames, nearest_regions
from bids_ari.images.regions import RegionSet
from bids_ari.images.space import Space
from bids_ari.stats.bounds import Bound
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.forest import Cluster
from bids_ari.stats.glm import GlmResult

SUBPEAKS = 3
"""Largest number of further peaks in the table of each cluster."""

SUBPEAK_DISTANCE = 8.0
"""Smallest distance of the peaks of a cluster, in mm."""

NEAR_REGION = 6.0
"""Largest distance of a peak in no region from one that is near, in mm."""

TOP_REGIONS = 5
"""Largest number of regions in the table of each cluster."""

ALL_RANKS = 1000
"""All ranks of a critical vector up to this are in its table."""

PEAKS = ("peak", *(f"subpeak{i + 1}" for i in range(SUBPEAKS)))
_PLACE_TYPES: dict[str, Any] = {"structure": object, "vertex": "Int64"}
_NAMES: dict[str, Any] = {"peak_region": object, "near_region": object, "near_mm": float, "regions": object}
_WHOLE = ("label", "index", "size", "tdn")


def cluster_table(
    clusters: Sequence[Cluster],
    space: Space,
    glm: GlmResult,
    height: FloatArray,
    is_peak: npt.NDArray[np.bool_],
    regions: RegionNames | None = None,
    differences: Sequence[str] = (),
) -> pd.DataFrame:
    """Return a table of clusters, one row each, with the columns that `outputs/columns.toml` describes.

    The statistic `height`, (n_points,), is large where it is extreme, and `is_peak` where it is a local maximum.
    Further peaks are at least 8 mm from any stronger one. With names of regions: those of each peak and cluster.
    `differences` are the labels of several maps per subject that were tested together.
    """
    effects = _effects(glm, differences)
    rows = []
    for cluster in clusters:
        row: dict[str, Any] = {
            "label": cluster.label,
            "size": cluster.size,
            **space.sizes(cluster.points),
            "tdn": cluster.tdn,
            "tdp": cluster.tdp,
            **space.active_sizes(cluster.points, cluster.tdn),
        }
        row |= {name: float(values[cluster.points].mean()) for name, values in effects.items()}
        peaks = _peaks(cluster, space, height, is_peak)
        row |= {f"{name}_stat": float(glm.z[point]) for name, point in zip(PEAKS, peaks, strict=False)}
        for part, values in _places(space, peaks).items():
            row |= {f"{name}_{part}": value for name, value in zip(PEAKS, values.tolist(), strict=False)}
        rows.append(row | (_named(regions, cluster) if regions is not None else {}))
    if regions is not None:
        found = nearest_regions(regions, [cluster.peak for cluster in clusters], space, NEAR_REGION)
        rows = [row | {"near_region": name, "near_mm": apart} for row, (name, apart) in zip(rows, found, strict=True)]
    nothing = np.empty(0, dtype=np.int32)
    columns = ["label", "size", *space.sizes(nothing), "tdn", "tdp", *space.active_sizes(nothing, 0)]
    columns += effects
    columns += [f"{name}_{part}" for name in PEAKS for part in ("stat", *_places(space, nothing))]
    types: dict[str, Any] = {column: int if column in _WHOLE else float for column in columns}
    types |= {column: _PLACE_TYPES[part] for column in columns if (part := column.rpartition("_")[2]) in _PLACE_TYPES}
    types |= _NAMES if regions is not None else {}
    return pd.DataFrame(rows, columns=list(types)).astype(types)


def _effects(glm: GlmResult, differences: Sequence[str]) -> dict[str, FloatArray]:
    """Return the effect, (n_points,), of each column of means; none for an F test of one map per subject."""
    if glm.effect is not None:
        return {"mean_effect": glm.effect}
    return (
        {}
        if glm.effects is None
        else {f"mean_effect_{name}": each for name, each in zip(differences, glm.effects, strict=True)}
    )


def region_table(regions: RegionSet, bound: Bound, mask: Space, z: FloatArray) -> pd.DataFrame:
    """Return a table of regions, one row each, in the order of the set.

    Columns: index, name, size (tested voxels), volume_mm3, tdn, tdp (0 for a region without tested voxels), max_z
    and min_z.
    """
    rows = [
        {
            "index": region.index,
            "name": region.name,
            "size": region.points.size,
            **mask.sizes(region.points),
            "tdn": (tdn := bound.tdn(region.points)),
            "tdp": bound.tdp(region.points),
            **mask.active_sizes(region.points, tdn),
            "max_z": float(z[region.points].max()) if region.points.size else np.nan,
            "min_z": float(z[region.points].min()) if region.points.size else np.nan,
        }
        for region in regions.regions
    ]
    nothing = np.empty(0, dtype=np.int32)
    sizes, active = mask.sizes(nothing), mask.active_sizes(nothing, 0)
    types = dict.fromkeys(("index", "name", "size", *sizes, "tdn", "tdp", *active, "max_z", "min_z"), float)
    return pd.DataFrame(rows, columns=list(types)).astype(
        {column: str if column == "name" else int if column in _WHOLE else kind for column, kind in types.items()}
    )


def _peaks(cluster: Cluster, space: Space, height: FloatArray, is_peak: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """Return the peak of a cluster and up to three local maxima, the highest first, far enough from all before."""
    candidates = cluster.points[is_peak[cluster.points]]
    candidates = candidates[np.argsort(-height[candidates], kind="stable")]
    chosen, apart = [cluster.peak], np.full(candidates.size, np.inf)
    while len(chosen) <= SUBPEAKS and candidates.size:
        apart = np.minimum(apart, space.distances(chosen[-1], candidates, SUBPEAK_DISTANCE))
        candidates, apart = candidates[far := apart >= SUBPEAK_DISTANCE], apart[far]
        chosen += candidates[:1].tolist()
    return np.array(chosen, dtype=np.int32)


def _places(space: Space, points: npt.NDArray[np.int32]) -> dict[str, npt.NDArray[Any]]:
    """Return the coordinates of points in mm, and what else names their place."""
    return {**dict(zip("xyz", space.coordinates(points).T, strict=True)), **space.places(points)}


def _named(names: RegionNames, cluster: Cluster) -> dict[str, Any]:
    """Return the region of the peak, and those with most points and their shares: ``60% Vis_3; 40% in no region``."""
    shares = names.shares(cluster.points, TOP_REGIONS)
    text = "; ".join(f"{share:.0%} {label or 'in no region'}" for share, label in shares)
    return {"peak_region": names.at(cluster.peak), "regions": text}


class CalibrationTable(NamedTuple):
    """A table of a calibration: the suffix of its file, its rows, and the descriptions of the table and its columns."""

    suffix: str
    rows: pd.DataFrame
    meaning: str
    columns: Mapping[str, str]


def calibration_tables(
    calibrated: Calibrated, p: FloatArray, units: str = "voxels"
) -> tuple[CalibrationTable, CalibrationTable]:
    """Return tables of the critical vector and the observed p, (n_points,), and of the lambda of each permutation."""
    critical, ordered = calibrated.critical, np.sort(p)
    ranks = ranks_in_table(critical.size)
    vector = {"rank": ranks, "critical_p": critical[ranks - 1], "observed_p": ordered[ranks - 1]}
    draws = {"draw": np.arange(calibrated.n_permutations), "lambda": calibrated.lambdas}
    return (
        CalibrationTable(
            "critical",
            pd.DataFrame(vector),
            f"Critical vector: a set of {units} of which k have a p below the k-th critical p is not all inactive",
            {
                "rank": f"k; all up to {ALL_RANKS}, then further and further apart",
                "critical_p": "The k-th critical p",
                "observed_p": f"The k-th smallest p of all {units}",
            },
        ),
        CalibrationTable(
            "draws",
            pd.DataFrame(draws),
            "From which lambda on each draw has a p below its critical p"
            + ("; the chosen lambda is one of them" if calibrated.n_together == 1 else ""),
            {"draw": "Number of the draw; 0 is the data as observed", "lambda": "That lambda"},
        ),
    )


def ranks_in_table(n_ranks: int) -> npt.NDArray[np.intp]:
    """Return ranks of a long vector: all of the first, then each a hundredth larger, and the last.

    >>> ranks_in_table(3), ranks_in_table(10**6).size
    (array([1, 2, 3]), 1695)
    """
    steps = np.ceil(np.log(max(n_ranks, ALL_RANKS) / ALL_RANKS) / np.log(1.01)).astype(int)
    further = np.minimum(np.floor(ALL_RANKS * 1.01 ** np.arange(1, steps + 1)), n_ranks).astype(np.intp)
    return np.unique(np.concatenate([np.arange(1, min(n_ranks, ALL_RANKS) + 1), further]))
