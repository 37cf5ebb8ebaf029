"""Section "Methods": the text for a paper, with its references."""

from bids_ari.report.methods import describe_methods
from bids_ari.report.render import Context
from bids_ari.report.sections.section import ReportData


def context(data: ReportData) -> Context:
    """Return the variables of ``methods.html``."""
    return {"methods": describe_methods(data.result)}
