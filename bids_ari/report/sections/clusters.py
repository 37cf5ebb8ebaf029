"""Tables for people: of clusters, one block for each way to form them, and of regions, one for each set."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from bids_ari.analysis.result import ContrastResult
from bids_ari.images.regions import RegionSet
from bids_ari.outputs import names
from bids_ari.report.figures.slices import colour_of
from bids_ari.report.labels import title_of
from bids_ari.report.render import above, proportion
from bids_ari.stats.forest import Cluster

Facts = dict[str, Any]

FIRST_ROWS = 20
"""So many clusters of a block, or regions with TDP 0, are shown at once; the others unfold."""

MOST_ROWS = 500
"""So many clusters of a block are shown at all; the others are in the table on disk."""


def threshold_block(result: ContrastResult, threshold: float) -> Facts:
    """Tell the clusters above a threshold.

    Parameters
    ----------
    result : ContrastResult
        What was found.
    threshold : float
        One of those asked for.

    Returns
    -------
    dict
        What ``cluster_block`` of ``macros.html`` shows.
    """
    label, condition = names.threshold_label(threshold), above(threshold, result.alternative)
    table = result.table(threshold).head(MOST_ROWS)
    return _block(result, result.clusters[threshold], table, label) | {
        "condition": condition,
        "heading": condition,
        "with": f"with {condition}",
        "is_coloured": False,
    }


def largest_block(result: ContrastResult, gamma: float) -> Facts:
    """Tell the largest clusters that reach a TDP; else as `threshold_block`.

    Parameters
    ----------
    result : ContrastResult
        What was found.
    gamma : float
        One of the TDP asked for.
    """
    label, table = names.tdp_label(gamma), result.table(tdp=gamma).head(MOST_ROWS)
    return _block(result, result.largest[gamma], table, label) | {
        "gamma": f"{gamma:g}",
        "heading": f"TDP at least {gamma:g}",
        "with": f"with TDP at least {gamma:g}",
        "is_coloured": True,
        "picture": f"largest {gamma:g}",
    }


def region_block(result: ContrastResult, regions: RegionSet) -> Facts:
    """Tell the TDP of each region of a set: the highest first, then by name; regions without tested voxels last.

    Parameters
    ----------
    result : ContrastResult
        What was found.
    regions : RegionSet
        One of its sets.

    Returns
    -------
    dict
        What ``sections/regions.html`` shows.
    """
    rows = [_region_row(row, result) for row in result.region_table(regions).to_dict("records")]
    rows.sort(key=lambda row: (-row["fraction"], row["size"] == 0, row["name"].casefold(), row["index"]))
    n_active = sum(row["tdn"] > 0 for row in rows)
    first = n_active + FIRST_ROWS
    name = names.stem(result, desc=result.desc, atlas=regions.name).filename("tdp", ".tsv")
    return {
        "id": regions.name,
        "title": title_of(regions, result),
        "is_atlas": regions is result.atlas,
        "n_regions": len(rows),
        "n_active": n_active,
        "parts": [part for part in (rows[:first], rows[first:]) if part],
        "table": _beside_report(result, name),
    }


def signed(number: float) -> str:
    """Write a statistic, which may be infinite.

    >>> signed(3.14159), signed(-math.inf)
    ('3.14', '-∞')
    """
    return f"{number:.2f}" if math.isfinite(number) else "∞" if number > 0 else "-∞"


def _block(result: ContrastResult, clusters: Sequence[Cluster], table: pd.DataFrame, label: str) -> Facts:
    rows = [_cluster_row(row) for row in table.to_dict("records")]
    name = names.stem(result, desc=result.desc + label).filename("clusters", ".tsv")
    return {
        "id": label,
        "n_clusters": len(clusters),
        "parts": [part for part in (rows[:FIRST_ROWS], rows[FIRST_ROWS:]) if part],
        "n_active_below": sum(cluster.tdn > 0 for cluster in clusters[FIRST_ROWS:MOST_ROWS]),
        "n_more": len(clusters) - len(rows),
        "n_active_more": sum(cluster.tdn > 0 for cluster in clusters[MOST_ROWS:]),
        "table": _beside_report(result, name),
    }


def _cluster_row(row: Mapping[Any, Any]) -> Facts:
    """Write a row of a table of clusters."""
    return {
        "label": int(row["label"]),
        "colour": colour_of(int(row["label"])),
        "volume": row["volume_mm3"],
        "peaks": list(_peaks(row)),
        "peak_region": name if isinstance(name := row.get("peak_region"), str) else "no region",
        "regions": row.get("regions"),
        **_bounds(row),
    }


def _region_row(row: Mapping[Any, Any], result: ContrastResult) -> Facts:
    """Write a row of a table of regions, with the z that is most extreme in the direction of the test."""
    ends = {"greater": [row["max_z"]], "less": [row["min_z"]]}.get(result.alternative, [row["max_z"], row["min_z"]])
    return {
        "index": int(row["index"]),
        "name": str(row["name"]),
        "volume": row["volume_mm3"],
        "fraction": row["tdp"],
        "extreme": signed(max(ends, key=abs)) if row["size"] else "",
        **_bounds(row),
    }


def _bounds(row: Mapping[Any, Any]) -> Facts:
    """Write size, TDN and TDP."""
    size, tdn = int(row["size"]), int(row["tdn"])
    return {"size": size, "tdn": tdn, "tdp": proportion(tdn, size), "width": f"{100 * row['tdp']:.1f}%"}


def _peaks(row: Mapping[Any, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yield z, and x, y, z in mm, of the peak of a cluster and of its sub-peaks."""
    for name in (column.removesuffix("_stat") for column in row if column.endswith("_stat")):
        if pd.notna(row[f"{name}_stat"]):
            x, y, z = (str(round(row[f"{name}_{axis}"])) for axis in "xyz")
            yield signed(row[f"{name}_stat"]), x, y, z


def _beside_report(result: ContrastResult, name: str) -> str:
    return f"{PurePosixPath(names.report_name(result)).parent}/{name}"
