"""Sections of the report: for each a template with its text, and a function that returns the variables of the template.

Functions of a few lines are here, the others in modules: the data analysed, the tables of bounds, and so on.
"""

from pathlib import PurePosixPath

from bids_ari.bids.entities import CONTRAST_KEYS
from bids_ari.outputs.files import MAPS
from bids_ari.outputs.names import explorer_name
from bids_ari.report.figures.draw import LEAST_HIGHEST, differences
from bids_ari.report.figures.scales import Z_UNCORRECTED
from bids_ari.report.formatting import beyond
from bids_ari.report.labels import meaning, method_title
from bids_ari.report.methods import describe_methods, directions_text
from bids_ari.report.render import Context
from bids_ari.report.sections.attention import attention_box
from bids_ari.report.sections.data import inputs, mask, quality
from bids_ari.report.sections.model import calibration, design
from bids_ari.report.sections.section import ReportData, Section
from bids_ari.report.sections.settings import provenance
from bids_ari.report.sections.tables import clusters, comparison, largest, regions, to_copy
from bids_ari.report.sentences import wording

__all__ = ["SECTIONS", "ReportData"]


def _headline(data: ReportData) -> Context:
    result = data.result
    return attention_box(data) | {
        "entities": [f"{key} {value}" for key, value in result.contrast.entities if key not in CONTRAST_KEYS],
        "meaning": meaning(result),
        "directions_text": directions_text(result),
        "signs_hold_together": wording(result).hold_together,
        "cluster_counts": [
            (f"with {beyond(threshold, result.alternative)}", len(found), sum(cluster.tdn > 0 for cluster in found))
            for threshold, found in result.clusters.items()
        ],
        "largest_counts": [(f"{tdp:g}", len(found)) for tdp, found in result.largest.items()],
        "explorer": "" if data.is_alone else PurePosixPath(explorer_name(result)).name,
    }


def _maps(data: ReportData) -> Context:
    """Return the maps; significant by themselves are points with TDN({point}) = 1, that is, of category 1."""
    result = data.result
    found = {name: data.pictures.get(f"{name} everywhere") for name in ("effect", "F", "t", "z")}
    return {
        "everywhere": [(name, picture) for name, picture in found.items() if picture],
        "differences": [(text, data.pictures[f"difference {label}"]) for label, text, _ in differences(result)],
        "z_condition": beyond(round(Z_UNCORRECTED, 2), result.alternative),
        "n_significant": int((result.bound.category == 1).sum()),
        "adjusted_p": next((each.stat for each in MAPS if each.source == "adjusted_p" and result.has(each.source)), ""),
        "method_title": method_title(result.method),
        "first_critical": None if result.calibrated is None else f"{float(result.calibrated.critical[0]):.3g}",
    }


def _tdp(data: ReportData) -> Context:
    result, pictures = data.result, data.pictures
    names = {beyond(threshold, result.alternative): f"tdp above {threshold:g}" for threshold in result.clusters}
    return {
        "tdp_picture": pictures["tdp"],
        "surface_picture": pictures.get("surface"),
        "n_thresholds": len(result.clusters),
        "tdp_pictures": [(condition, pictures[name]) for condition, name in names.items() if name in pictures],
    }


def _resolutions(data: ReportData) -> Context:
    result = data.result
    has_least = result.bound.whole > 0 and float(result.forest.highest_tdp().max()) >= LEAST_HIGHEST
    return {
        "highest_picture": data.pictures.get("highest"),
        "least_highest": f"{LEAST_HIGHEST:g}" if has_least else None,
    }


SECTIONS = (
    Section("headline", "Result", _headline),
    Section("inputs", "Inputs", inputs),
    Section("design", "Design", design),
    Section("mask", "Mask", mask),
    Section("maps", "Maps", _maps),
    Section("quality", "Quality of the maps", quality),
    Section("calibration", "Calibration", calibration),
    Section("clusters", "Clusters above thresholds", clusters),
    Section("tdp", "True discovery proportion", _tdp),
    Section("largest", "Largest clusters at a target TDP", largest),
    Section("resolutions", "All resolutions", _resolutions),
    Section("regions", "Regions", regions),
    Section("comparison", "Methods compared", comparison),
    Section("sentences", "Sentences to copy", to_copy),
    Section("methods", "Methods", lambda data: {"methods": describe_methods(data.result)}),
    Section("provenance", "Provenance", provenance),
)
"""All sections, from top to bottom."""
