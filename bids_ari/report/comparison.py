"""The same test bounded by several methods, side by side."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from bids_ari import outputs
from bids_ari.report.blocks import FIRST_ROWS, Facts
from bids_ari.report.render import above, percent, proportion
from bids_ari.report.words import METHODS
from bids_ari.results import ContrastResult


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
    order, options = result.options.methods, result.options
    results = sorted((result, *compared), key=lambda each: order.index(each.method))
    blocks = [
        {
            "condition": above(threshold, result.alternative),
            "rows": [
                _row(each.label, each.size, [other.bound.tdn(each.voxels) for other in results])
                for each in clusters[:FIRST_ROWS]
            ],
            "n_more": len(clusters[FIRST_ROWS:]),
        }
        for threshold, clusters in result.clusters.items()
        if clusters
    ]
    return {
        "columns": [(METHODS[each.method], _page_of(each), each is result) for each in results],
        "whole": _row("all", result.mask.n_voxels, [each.bound.whole for each in results]),
        "blocks": blocks,
        "n_results": options.n_results,
        "each_alpha": f"{options.alpha:.4g}",
        "joint_confidence": percent(1 - options.alpha * options.n_results),
    }


def _row(label: int | str, size: int, tdns: Sequence[int]) -> Facts:
    """Write TDN and TDP of one set by each method, and whether it is the largest of several."""
    differ = len(set(tdns)) > 1
    cells = [(tdn, proportion(tdn, size), differ and tdn == max(tdns)) for tdn in tdns]
    return {"label": label, "size": size, "cells": cells}


def _page_of(result: ContrastResult) -> str:
    """Give the report of a result, which is in the same folder."""
    return PurePosixPath(outputs.report_name(result)).name
