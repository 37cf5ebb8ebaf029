"""Section "Maps": statistical maps before any inference on clusters."""

from bids_ari.report.figures.scales import Z_UNCORRECTED
from bids_ari.report.formatting import beyond
from bids_ari.report.render import Context
from bids_ari.report.sections.section import ReportData


def context(data: ReportData) -> Context:
    """Return the variables of ``maps.html``.

    Points that are significant by themselves are those with TDN({point}) = 1, that is, of category 1.
    """
    result = data.result
    found = {name: data.pictures.get(f"{name} everywhere") for name in ("effect", "F", "t", "z")}
    return {
        "everywhere": [(name, picture) for name, picture in found.items() if picture],
        "z_condition": beyond(round(Z_UNCORRECTED, 2), result.alternative),
        "n_significant": int((result.bound.category == 1).sum()),
        "has_adjusted_p": result.has("adjusted_p"),
        "first_critical": None if result.calibrated is None else f"{float(result.calibrated.critical[0]):.3g}",
    }
