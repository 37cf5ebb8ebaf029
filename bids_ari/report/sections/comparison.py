"""Section "Methods compared": bounds of the same sets by several methods of inference."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from bids_ari.analysis.result import ContrastResult
from bids_ari.outputs.names import report_name
from bids_ari.report.formatting import beyond, percent, plural_of, proportion
from bids_ari.report.labels import method_title
from bids_ari.report.render import Context
from bids_ari.report.sections.clusters import FIRST_ROWS
from bids_ari.report.sections.section import ReportData


def applies(data: ReportData) -> bool:
    """Return whether there are results of other methods."""
    return bool(data.compared)


def context(data: ReportData) -> Context:
    """Return the variables of ``comparison.html``."""
    return {"comparison": comparison_table(data.result, data.compared)}


def comparison_table(result: ContrastResult, compared: Sequence[ContrastResult]) -> Context:
    """Return TDN and TDP of the same sets by each method, in the order in which methods were requested.

    Parameters
    ----------
    result : ContrastResult
        The result of the report.
    compared : sequence of ContrastResult
        Results that differ from it in the method only.
    """
    order, options = result.options.method, result.options
    results = sorted((result, *compared), key=lambda each: order.index(each.method))
    whole = _row(
        f"all {plural_of(result.space.unit)} tested", result.space.n_points, [each.bound.whole for each in results]
    )
    return {
        "columns": [
            (method_title(each.method), PurePosixPath(report_name(each)).name, each is result) for each in results
        ],
        "blocks": [{"condition": "", "rows": [whole], "n_more": 0}, *_blocks(result, results)],
        "n_results": options.n_results,
        "each_alpha": f"{options.alpha:.4g}",
        "joint_confidence": percent(1 - options.alpha * options.n_results),
    }


def _blocks(result: ContrastResult, results: Sequence[ContrastResult]) -> Iterator[Context]:
    """Yield a block for each threshold: the first clusters with TDN above 0 by any method."""
    for threshold, clusters in result.clusters.items():
        if clusters:
            tdns = [[each.bound.tdn(cluster.points) for each in results] for cluster in clusters]
            active = [i for i, bounds in enumerate(tdns) if any(bounds)]
            shown = active[:FIRST_ROWS]
            yield {
                "condition": beyond(threshold, result.alternative),
                "rows": [_row(str(clusters[i].label), clusters[i].size, tdns[i]) for i in shown],
                "n_more": len(clusters) - len(shown),
                "n_active_more": len(active) - len(shown),
            }


def _row(label: str, size: int, tdns: Sequence[int]) -> Context:
    """Return TDN, TDP and whether the TDN is the largest of several, of one set by each method."""
    differ = len(set(tdns)) > 1
    cells = [(tdn, proportion(tdn, size), differ and tdn == max(tdns)) for tdn in tdns]
    return {"label": label, "size": size, "cells": cells}
