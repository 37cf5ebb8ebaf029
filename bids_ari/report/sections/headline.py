"""Section "Result": the main bound in words, counts of clusters, and notes."""

from pathlib import PurePosixPath

from bids_ari.outputs.names import explorer_name
from bids_ari.report.formatting import beyond
from bids_ari.report.labels import CONTRAST_KEYS, MEANINGS
from bids_ari.report.render import Context
from bids_ari.report.sections.section import ReportData


def context(data: ReportData) -> Context:
    """Return the variables of ``headline.html``."""
    result = data.result
    counts = [
        (f"with {beyond(threshold, result.alternative)}", len(clusters), sum(cluster.tdn > 0 for cluster in clusters))
        for threshold, clusters in result.clusters.items()
    ]
    return {
        "entities": [f"{key} {value}" for key, value in result.contrast.entities if key not in CONTRAST_KEYS],
        "meaning": MEANINGS[result.alternative],
        "cluster_counts": counts,
        "largest_counts": [(f"{tdp:g}", len(clusters)) for tdp, clusters in result.largest.items()],
        "notes": result.notes,
        "explorer": PurePosixPath(explorer_name(result)).name,
    }
