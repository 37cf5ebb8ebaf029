"""Sections with tables of bounds: clusters above thresholds or at a target TDP, regions, and other methods."""

from collections.abc import Iterator, Mapping, Sequence
from math import floor
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.spaces import StandardSpace
from bids_ari.errors import plural_of
from bids_ari.images.regions import RegionSet
from bids_ari.images.structures import structure_label
from bids_ari.outputs.names import region_stem, report_name, stem, tdp_label, threshold_label
from bids_ari.report.atlases import names_title, naming_flag, near_atlas, peak_region, region_name, region_shares
from bids_ari.report.figures.scales import tdp_colour
from bids_ari.report.figures.slices import colour_of
from bids_ari.report.formatting import SIZES, anchor, any_of, beyond, decimal, percent, proportion
from bids_ari.report.labels import method_title, region_set_title
from bids_ari.report.render import Context
from bids_ari.report.sections.section import ReportData
from bids_ari.report.sentences import Sentences, by_tdp, sentences, sentences_name
from bids_ari.stats.forest import Cluster

ACTIVE = "active_area_mm2"
"""The column of the area that is truly active, at least."""

FAMILYWISE = {"p_fwe_peak": "peak", "p_fwe_extent": "extent"}
"""Columns of familywise p, with what they are about."""

SIGNS = ("tdn_positive", "tdn_negative")
"""Columns of the TDN of each sign."""

_SIDES = {"CORTEX_LEFT": "L", "CORTEX_RIGHT": "R"}

CLEARLY_MORE = 1.25
"""Ratio of TDN above which closed testing finds more than permutations not by chance; 1,000 vary by about 6 %."""

FIRST_ROWS = 20
"""Clusters or regions of a table that are visible at first, of regions with TDP 0 half as many; the others unfold."""

SHOWN_REGIONS = 4
"""Regions with the largest shares of a cluster that the report names; the file has one more."""

MOST_ROWS = 500
"""Clusters of a table that the report contains at all; the file has the others."""


def clusters(data: ReportData) -> Context:
    """Return one block for each threshold."""
    result, blocks = data.result, []
    for threshold, found in result.clusters.items():
        condition, label = beyond(threshold, result.alternative), threshold_label(threshold)
        block = cluster_block(result, found, result.table(threshold), label, f"with {condition}")
        blocks.append(block | {"condition": condition, "is_coloured": False})
    return {"blocks": blocks, "familywise": _familywise(result), "naming": _naming(result)}


def _naming(result: ContrastResult) -> Context:
    """Return the atlas that names regions, and the one of them that is near; else the flag that names one."""
    where, flag = StandardSpace.of(result.contrast.entities), naming_flag(result)
    about = {"title": names_title(result), "near": near_atlas(result)}
    return about | {"space": where, "flag": flag, "is_file": "FILE" in flag}


def _familywise(result: ContrastResult) -> Context | None:
    """Return what the legend of familywise p tells: number of permutations, and thresholds without those of extents."""
    if (errors := result.familywise) is None:
        return None
    unknown = [threshold for threshold in result.clusters if not errors.has_extents(threshold)]
    conditions = [beyond(threshold, result.alternative) for threshold in unknown]
    return {"n_permutations": errors.n_permutations, "unknown": conditions}


def largest(data: ReportData) -> Context | None:
    """Return one block for each target TDP, if there are any."""
    result, blocks = data.result, []
    for tdp, found in result.largest.items():
        block = cluster_block(result, found, result.table(tdp=tdp), tdp_label(tdp), f"with TDP at least {tdp:g}")
        picture = data.pictures.get(f"largest {tdp:g}")
        blocks.append(block | {"tdp": f"{tdp:g}", "is_coloured": True, "picture": picture})
    if not blocks:
        return None
    return {"largest_blocks": blocks, "target_tdps": any_of(block["tdp"] for block in blocks), "h": _h(result)}


def _h(result: ContrastResult) -> int | None:
    """Return the size of the largest set that closed testing cannot reject, if it is one of this result alone."""
    return None if result.joint else result.bound.h


def cluster_block(
    result: ContrastResult, clusters: Sequence[Cluster], table: pd.DataFrame, label: str, formed: str
) -> Context:
    """Return what the macro ``cluster_tables`` shows of clusters and their table, from `ContrastResult.table`.

    `label` names the clusters in file names; `formed` is how they were formed: ``with z > 3``.
    """
    n_permutations = result.familywise.n_permutations if result.familywise else 0
    decimals = max(3, len(str(n_permutations - 1)))  # that show 1 of the permutations
    pairs = zip(table.head(MOST_ROWS).to_dict("records"), clusters, strict=False)
    rows = [_cluster_row(row, decimals) | _regions_of(row, cluster, result) for row, cluster in pairs]
    first = len(rows) if len(rows) <= FIRST_ROWS + FIRST_ROWS // 4 else FIRST_ROWS  # no list of a few unfolds
    return {
        "id": label,
        "formed": formed,
        "n_clusters": len(clusters),
        "familywise": [title for column, title in FAMILYWISE.items() if column in table],
        "parts": [part for part in (rows[:first], rows[first:]) if part],
        "n_active_below": sum(cluster.tdn > 0 for cluster in clusters[first:MOST_ROWS]),
        "n_more": len(clusters) - len(rows),
        "n_active_more": sum(cluster.tdn > 0 for cluster in clusters[MOST_ROWS:]),
        "table": _path(result, stem(result, desc=result.desc + label).filename("clusters", ".tsv")),
    }


def _path(result: ContrastResult, name: str) -> str:
    """Return the path of a file beside the report, relative to the output."""
    return f"{PurePosixPath(report_name(result)).parent}/{name}"


def _bounds_cells(row: Mapping[Any, Any]) -> Context:
    """Return the cells that clusters and regions share: sizes, TDN, active area, TDP and the width of its bar."""
    size, tdn = int(row["size"]), int(row["tdn"])
    return {
        "size": size,
        "sizes": [row[column] for column in SIZES if column in row],
        "tdn": tdn,
        "signs": [int(row[column]) for column in SIGNS if column in row],
        "active": floor(row[ACTIVE]) if ACTIVE in row else None,  # a lower bound is never rounded up
        "tdp": proportion(tdn, size),
        "width": f"{100 * row['tdp']:.1f}%",
        "tdp_colour": tdp_colour(row["tdp"]) if tdn else "",
    }


def _cluster_row(row: Mapping[Any, Any], decimals: int) -> Context:
    """Return the cells of a cluster: of its peak and subpeaks z, and their place. Familywise p have some decimals."""
    heights = [column for column in row if column.endswith("_stat") and pd.notna(row[column])]
    places = [_place(row, name.removesuffix("stat")) for name in heights]
    return {
        "label": int(row["label"]),
        "colour": colour_of(int(row["label"])),
        "familywise": [decimal(row[column], decimals) for column in FAMILYWISE if column in row],
        "peaks": [(decimal(row[name]), *place) for name, place in zip(heights, places, strict=True)],
        **_bounds_cells(row),
    }


def _regions_of(row: Mapping[Any, Any], cluster: Cluster, result: ContrastResult) -> Context:
    """Return the region of the peak of a cluster, and those with the largest shares of it; None without names."""
    shares = result.names.shares(cluster.points, SHOWN_REGIONS) if result.names else []
    if result.names is None or (not result.names.atlases and all(label is None for _, label in shares)):
        return {"regions": None}  # vertices where only structures of voxels have names
    return {"peak_region": peak_region(row) or "in no region", "regions": region_shares(shares)}


def _place(row: Mapping[Any, Any], peak: str) -> list[str]:
    """Return x, y, z in mm of a peak; on surfaces also its hemisphere and vertex, or the structure of a voxel."""
    found = [str(round(row[peak + axis])) for axis in "xyz"]
    if f"{peak}structure" in row:
        structure, vertex = row[f"{peak}structure"], row[f"{peak}vertex"]
        side = _SIDES.get(structure)
        found.append(f"{side} {int(vertex)}" if side and pd.notna(vertex) else structure_label(structure))
    return found


def regions(data: ReportData) -> Context | None:
    """Return one block for each set of regions, if there are any."""
    blocks = [region_block(data.result, found) for found in data.result.regions]
    return {"region_blocks": blocks} if blocks else None


def region_block(result: ContrastResult, found: RegionSet) -> Context:
    """Return the table of a set of regions: highest TDP first, then by name, regions without tested points last."""
    rows = [
        _region_row(row, found, result) for row in sorted(result.region_table(found).to_dict("records"), key=by_tdp)
    ]
    n_active = sum(row["tdn"] > 0 for row in rows)
    first = min(max(n_active, FIRST_ROWS // 2), FIRST_ROWS)
    return {
        "id": anchor(found.name),
        "title": region_set_title(found, result),
        "is_atlas": found is result.atlas,
        "n_regions": len(rows),
        "n_active": n_active,
        "n_active_below": max(n_active - first, 0),
        "parts": [part for part in (rows[:first], rows[first:]) if part],
        "table": _path(result, region_stem(result, found).filename("tdp", ".tsv")),
    }


def _region_row(row: Mapping[Any, Any], found: RegionSet, result: ContrastResult) -> Context:
    """Return the cells of a region, with the z that is most extreme in the direction of the test."""
    ends = {"greater": [row["max_z"]], "less": [row["min_z"]]}.get(result.alternative, [row["max_z"], row["min_z"]])
    return {
        "index": int(row["index"]),
        "name": region_name(str(row["name"]), found, result),
        "label": str(row["name"]),
        "extreme": decimal(max(ends, key=abs)) if row["size"] else "",
        **_bounds_cells(row),
    }


def to_copy(data: ReportData) -> Context:
    """Return the sentences on all sets that the tables list."""
    blocks = list(map(_sentence_block, sentences(data.result, MOST_ROWS)))
    return {"sentences": blocks, "sentences_file": sentences_name(data.result)}


def _sentence_block(found: Sentences) -> Context:
    """Return the sentences on some sets, those with TDN 0 apart; each has the anchor that its row refers to."""
    name = anchor(found.id)
    texts = {number: (f"sentence-{name}-{number}", text) for number, text in found.texts.items()}
    parts = [[each for number, each in texts.items() if (number in found.without) == is_zero] for is_zero in (0, 1)]
    return {"id": f"sentences-{name}", "title": found.title, "n": len(texts), "parts": parts}


def comparison(data: ReportData) -> Context | None:
    """Return the bounds by all methods, if there are results of other methods."""
    return {"comparison": comparison_table(data.result, data.compared)} if data.compared else None


def comparison_table(result: ContrastResult, compared: Sequence[ContrastResult]) -> Context:
    """Return TDN and TDP of the same sets by each method, in the order in which methods were requested."""
    order, options = result.options.method, result.options
    results = sorted((result, *compared), key=lambda each: order.index(each.method))
    whole = _compared_row(
        f"all {plural_of(result.space.unit)} tested", result.space.n_points, [each.bound.whole for each in results]
    )
    return {
        "columns": [
            (method_title(each.method), PurePosixPath(report_name(each)).name, each is result) for each in results
        ],
        "blocks": [{"condition": "", "rows": [whole], "n_more": 0}, *_compared_blocks(result, results)],
        "doubts": list(doubts(results)),
        "n_results": options.n_results,
        "each_alpha": f"{options.alpha:.4g}",
        "joint_confidence": percent(1 - options.alpha * options.n_results),
    }


def doubts(results: Sequence[ContrastResult]) -> Iterator[Context]:
    """Yield each method without permutations that finds more of the whole than these, by more than chance.

    That is the direction which speaks against the assumption: permutations use the dependence between points.
    """
    for permuted in results:
        if (found := permuted.calibrated) is None:
            continue
        most = max(CLEARLY_MORE * permuted.bound.whole, *(found.tdn_range or (0, 0)))
        for other in results:
            if other.calibrated is None and other.bound.whole > most:
                yield {
                    "title": method_title(other.method),
                    "tdn": other.bound.whole,
                    "permuted": permuted.bound.whole,
                    "is_doubtful": other.normality is not None and other.normality.is_doubtful,
                }


def _compared_blocks(result: ContrastResult, results: Sequence[ContrastResult]) -> Iterator[Context]:
    """Yield a block for each threshold: the first clusters with TDN above 0 by any method."""
    for threshold, found in result.clusters.items():
        if found:
            tdns = [[each.bound.tdn(cluster.points) for each in results] for cluster in found]
            active = [i for i, bounds in enumerate(tdns) if any(bounds)]
            shown = active[:FIRST_ROWS]
            yield {
                "condition": beyond(threshold, result.alternative),
                "rows": [_compared_row(str(found[i].label), found[i].size, tdns[i]) for i in shown],
                "n_more": len(found) - len(shown),
                "n_active_more": len(active) - len(shown),
            }


def _compared_row(label: str, size: int, tdns: Sequence[int]) -> Context:
    """Return TDN, TDP and whether the TDN is the largest of several, of one set by each method."""
    differ = len(set(tdns)) > 1
    cells = [(tdn, proportion(tdn, size), differ and tdn == max(tdns)) for tdn in tdns]
    return {"label": label, "size": size, "cells": cells}
