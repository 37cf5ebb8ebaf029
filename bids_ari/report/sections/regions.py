"""Section "Regions": TDN and TDP of the parcels of an atlas and of regions of interest."""

from collections.abc import Mapping
from typing import Any

from bids_ari.analysis.result import ContrastResult
from bids_ari.images.regions import RegionSet
from bids_ari.outputs.names import stem
from bids_ari.report.formatting import decimal
from bids_ari.report.labels import region_set_title
from bids_ari.report.render import Context
from bids_ari.report.sections.clusters import FIRST_ROWS, bounds_cells, table_path
from bids_ari.report.sections.section import ReportData


def applies(data: ReportData) -> bool:
    """Return whether there are regions."""
    return bool(data.result.regions)


def context(data: ReportData) -> Context:
    """Return the variables of ``regions.html``: one block for each set of regions."""
    return {"region_blocks": [region_block(data.result, regions) for regions in data.result.regions]}


def region_block(result: ContrastResult, regions: RegionSet) -> Context:
    """Return the table of a set of regions: highest TDP first, then by name, regions without tested points last."""
    rows = [_row(row, result) for row in result.region_table(regions).to_dict("records")]
    rows.sort(key=lambda row: (-row["fraction"], row["size"] == 0, row["name"].casefold(), row["index"]))
    n_active = sum(row["tdn"] > 0 for row in rows)
    first = n_active + FIRST_ROWS
    return {
        "id": regions.name,
        "title": region_set_title(regions, result),
        "is_atlas": regions is result.atlas,
        "n_regions": len(rows),
        "n_active": n_active,
        "parts": [part for part in (rows[:first], rows[first:]) if part],
        "table": table_path(result, stem(result, desc=result.desc, atlas=regions.name).filename("tdp", ".tsv")),
    }


def _row(row: Mapping[Any, Any], result: ContrastResult) -> Context:
    """Return the cells of a region, with the z that is most extreme in the direction of the test."""
    ends = {"greater": [row["max_z"]], "less": [row["min_z"]]}.get(result.alternative, [row["max_z"], row["min_z"]])
    return {
        "index": int(row["index"]),
        "name": str(row["name"]),
        "fraction": row["tdp"],
        "extreme": decimal(max(ends, key=abs)) if row["size"] else "",
        **bounds_cells(row),
    }
