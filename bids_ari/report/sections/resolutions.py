"""Section "All resolutions": the highest TDP of all supra-threshold clusters that contain a point."""

from bids_ari.report.render import Context
from bids_ari.report.sections.section import ReportData


def context(data: ReportData) -> Context:
    """Return the variables of ``resolutions.html``; the picture is None where no cluster has a TDP above 0."""
    return {"highest_picture": data.pictures.get("highest")}
