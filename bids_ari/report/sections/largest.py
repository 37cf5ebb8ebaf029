"""Section "Largest clusters at a target TDP": pictures and tables of adaptive clusters."""

from bids_ari.outputs.names import tdp_label
from bids_ari.report.formatting import any_of
from bids_ari.report.render import Context
from bids_ari.report.sections.clusters import cluster_block
from bids_ari.report.sections.section import ReportData


def applies(data: ReportData) -> bool:
    """Return whether clusters at a target TDP were requested."""
    return bool(data.result.largest)


def context(data: ReportData) -> Context:
    """Return the variables of ``largest.html``: one block for each target TDP."""
    result = data.result
    return {
        "largest_blocks": [
            cluster_block(result, clusters, result.table(tdp=tdp), tdp_label(tdp), f"with TDP at least {tdp:g}")
            | {"tdp": f"{tdp:g}", "is_coloured": True, "picture": data.pictures.get(f"largest {tdp:g}")}
            for tdp, clusters in result.largest.items()
        ],
        "target_tdps": any_of(f"{tdp:g}" for tdp in result.largest),
        "h": result.bound.h,
    }
