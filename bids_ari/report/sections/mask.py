"""Section "Mask": the points that were tested, and those that single subjects exclude."""

import numpy as np

from bids_ari.analysis.result import ContrastResult
from bids_ari.report.formatting import percent
from bids_ari.report.labels import mask_name
from bids_ari.report.render import Context
from bids_ari.report.sections.section import ReportData


def context(data: ReportData) -> Context:
    """Return the variables of ``mask.html``."""
    result, space = data.result, data.result.space
    return {
        "mask_name": mask_name(result),
        "coverage": percent(result.options.coverage),
        "n_covered_by_any": int((result.coverage > 0).sum()),
        "n_covered_by_all": int((result.coverage == 1).sum()),
        "n_constant": result.n_constant,
        "only_missing": most_missed(result),
        "volume": space.size_of() / 1000,
        "resolution": space.resolution.replace(" x ", " × "),
    }


def most_missed(result: ContrastResult, most: int = 3) -> list[tuple[str, int]]:
    """Return the subjects whose missing data alone exclude most points from the test, with the number of points."""
    if result.quality is None:
        return []
    lost, subjects = result.quality.lost, result.contrast.subjects
    return [(f"sub-{subjects[i]}", int(lost[i])) for i in np.argsort(-lost, kind="stable")[:most] if lost[i]]
