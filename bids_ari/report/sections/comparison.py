"""The same test bounded by several methods, side by side."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from bids_ari.analysis.result import ContrastResult
from bids_ari.config.methods import METHODS
from bids_ari.outputs import names
from bids_ari.report.render import above, percent, proportion
from bids_ari.report.sections.clusters import FIRST_ROWS, Facts


def comparison_block(result: ContrastResult, compared: Sequence[ContrastResult]) -> Facts:
    """Tell the bounds of several methods on the same sets of voxels.

    Parameters
    ----------
    result : ContrastResult
        The result whose report it is.
    compared : sequence of ContrastResult
        Those that differ from it in method alone.

    Returns
    -------
    dict
        What ``sections/comparison.html`` shows: columns in the order in which methods were asked for.
    """
    order, options = result.options.method, result.options
    results = sorted((result, *compared), key=lambda each: order.index(each.method))
    whole = _row("all voxels tested", result.space.n_points, [each.bound.whole for each in results])
    return {
        "columns": [(METHODS[each.method].title, _page_of(each), each is result) for each in results],
        "blocks": [{"condition": "", "rows": [whole], "n_more": 0}, *_blocks(result, results)],
        "n_results": options.n_results,
        "each_alpha": f"{options.alpha:.4g}",
        "joint_confidence": percent(1 - options.alpha * options.n_results),
    }


def _blocks(result: ContrastResult, results: Sequence[ContrastResult]) -> Iterator[Facts]:
    """Tell the clusters of each threshold: the first of which any method claims something."""
    for threshold, clusters in result.clusters.items():
        if clusters:
            tdns = [[each.bound.tdn(cluster.points) for each in results] for cluster in clusters]
            active = [i for i, found in enumerate(tdns) if any(found)]
            shown = active[:FIRST_ROWS]
            yield {
                "condition": above(threshold, result.alternative),
                "rows": [_row(str(clusters[i].label), clusters[i].size, tdns[i]) for i in shown],
                "n_more": len(clusters) - len(shown),
                "n_active_more": len(active) - len(shown),
            }


def _row(label: str, size: int, tdns: Sequence[int]) -> Facts:
    """Write TDN and TDP of one set by each method, and whether it is the largest of several."""
    differ = len(set(tdns)) > 1
    cells = [(tdn, proportion(tdn, size), differ and tdn == max(tdns)) for tdn in tdns]
    return {"label": label, "size": size, "cells": cells}


def _page_of(result: ContrastResult) -> str:
    """Give the report of a result, which is in the same folder."""
    return PurePosixPath(names.report_name(result)).name
