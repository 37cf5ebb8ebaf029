"""Section "Clusters above thresholds": the cluster tables, which other sections share."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from bids_ari.analysis.result import ContrastResult
from bids_ari.outputs.names import report_name, stem, threshold_label
from bids_ari.report.figures.slices import colour_of
from bids_ari.report.formatting import beyond, decimal, proportion
from bids_ari.report.render import Context
from bids_ari.report.sections.section import ReportData
from bids_ari.stats.forest import Cluster

FIRST_ROWS = 20
"""Clusters of a table, or regions with TDP 0, that are visible at first; the others unfold."""

MOST_ROWS = 500
"""Clusters of a table that the report contains at all; the file has the others."""


def context(data: ReportData) -> Context:
    """Return the variables of ``clusters.html``: one block for each threshold."""
    return {"blocks": [threshold_block(data.result, threshold) for threshold in data.result.clusters]}


def threshold_block(result: ContrastResult, threshold: float) -> Context:
    """Return the table of the clusters above a threshold."""
    condition, clusters = beyond(threshold, result.alternative), result.clusters[threshold]
    block = cluster_block(result, clusters, result.table(threshold), threshold_label(threshold), f"with {condition}")
    return block | {"condition": condition, "is_coloured": False}


def cluster_block(
    result: ContrastResult, clusters: Sequence[Cluster], table: pd.DataFrame, label: str, formed: str
) -> Context:
    """Return what the macro ``cluster_tables`` shows.

    Parameters
    ----------
    result : ContrastResult
        The result.
    clusters : sequence of Cluster
        The clusters, largest first.
    table : DataFrame
        The same from `ContrastResult.table`.
    label : str
        Label of the clusters in file names.
    formed : str
        How the clusters were formed: ``with z > 3``.
    """
    rows = [_cluster_row(row) for row in table.head(MOST_ROWS).to_dict("records")]
    return {
        "id": label,
        "formed": formed,
        "n_clusters": len(clusters),
        "parts": [part for part in (rows[:FIRST_ROWS], rows[FIRST_ROWS:]) if part],
        "n_active_below": sum(cluster.tdn > 0 for cluster in clusters[FIRST_ROWS:MOST_ROWS]),
        "n_more": len(clusters) - len(rows),
        "n_active_more": sum(cluster.tdn > 0 for cluster in clusters[MOST_ROWS:]),
        "table": table_path(result, stem(result, desc=result.desc + label).filename("clusters", ".tsv")),
    }


def table_path(result: ContrastResult, name: str) -> str:
    """Return the path of a file beside the report, relative to the output."""
    return f"{PurePosixPath(report_name(result)).parent}/{name}"


def bounds_cells(row: Mapping[Any, Any]) -> Context:
    """Return the cells that clusters and regions share: size, volume, TDN, TDP and the width of its bar."""
    size, tdn = int(row["size"]), int(row["tdn"])
    return {
        "size": size,
        "volume": row["volume_mm3"],
        "tdn": tdn,
        "tdp": proportion(tdn, size),
        "width": f"{100 * row['tdp']:.1f}%",
    }


def _cluster_row(row: Mapping[Any, Any]) -> Context:
    """Return the cells of a cluster."""
    return {
        "label": int(row["label"]),
        "colour": colour_of(int(row["label"])),
        "peaks": list(_peaks(row)),
        "peak_region": name if isinstance(name := row.get("peak_region"), str) else "no region",
        "regions": row.get("regions"),
        **bounds_cells(row),
    }


def _peaks(row: Mapping[Any, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yield z, and x, y, z in mm, of the peak of a cluster and of its subpeaks."""
    for name in (column.removesuffix("_stat") for column in row if column.endswith("_stat")):
        if pd.notna(row[f"{name}_stat"]):
            x, y, z = (str(round(row[f"{name}_{axis}"])) for axis in "xyz")
            yield decimal(row[f"{name}_stat"]), x, y, z
