"""Section "True discovery proportion": TDP of the clusters above thresholds, as pictures."""

from bids_ari.report.formatting import beyond
from bids_ari.report.render import Context
from bids_ari.report.sections.section import ReportData


def context(data: ReportData) -> Context:
    """Return the variables of ``tdp.html``: a picture over all thresholds, and one for each."""
    result, pictures = data.result, data.pictures
    names = {beyond(threshold, result.alternative): f"tdp above {threshold:g}" for threshold in result.clusters}
    return {
        "tdp_picture": pictures["tdp"],
        "n_thresholds": len(result.clusters),
        "tdp_pictures": [(condition, pictures[name]) for condition, name in names.items() if name in pictures],
    }
