"""Section "Inputs": the subjects and maps that were used, and those that were excluded with the reason."""

from collections import defaultdict

from bids_ari.report.render import Context
from bids_ari.report.sections.section import ReportData


def context(data: ReportData) -> Context:
    """Return the variables of ``inputs.html``; excluded files are grouped by reason, the most frequent first."""
    contrast = data.result.contrast
    excluded = defaultdict(list)
    for entry in contrast.excluded:
        excluded[entry.reason].append(entry.name)
    return {
        "stat": contrast.stat,
        "members": [(f"sub-{member.subject}", member.uri) for member in contrast.members],
        "excluded": sorted(excluded.items(), key=lambda item: (-len(item[1]), item[0])),
        "n_inputs": len(contrast.members) + len(contrast.excluded),
    }
