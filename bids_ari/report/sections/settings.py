"""Section "Provenance": settings, software, and the files that were read."""

import shlex
from datetime import UTC, datetime

from bids_ari.analysis.result import ContrastResult
from bids_ari.config.families import FAMILIES
from bids_ari.outputs.sidecars import ESTIMATORS
from bids_ari.report.atlases import names_title
from bids_ari.report.formatting import percent
from bids_ari.report.labels import (
    at_least,
    atlas_name,
    mask_name,
    mesh_names,
    method_title,
    permutations_text,
    source,
    template_source,
)
from bids_ari.report.render import Context
from bids_ari.report.sections.section import ReportData


def provenance(data: ReportData) -> Context:
    """Return the variables of ``provenance.html``."""
    result = data.result
    of = f" of {result.joint.n_together} results" if result.joint else ""
    h = {} if result.bound.h is None else {f"h (Hommel value){of}": f"{result.bound.h:,}"}
    return {
        "command": " ".join(map(shlex.quote, result.made.command)),
        "settings": _settings(result) | _group_settings(result) | h,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _settings(result: ContrastResult) -> dict[str, str]:
    """Return the settings of any result."""
    options = result.options
    return {
        "alpha": f"{options.alpha:g}" + (f" for {result.joint.n_results} results together" if result.joint else ""),
        "method": method_title(result.method),
        **_permutation_settings(result),
        "cluster-forming thresholds (z)": ", ".join(f"{threshold:g}" for threshold in options.threshold),
        "target TDP": ", ".join(f"{tdp:g}" for tdp in options.tdp) or "none",
        "connectivity": str(result.space.neighbourhood(options.connectivity)),
        "join signs": "yes" if options.join_signs else "no",
        **({"map name": options.map_name} if options.map_name else {}),
        **_meshes(result),
        "mask": mask_name(result) or "none",
        "atlas": atlas_name(result) or "none",
        "names of regions": names_title(result) or "none",
        "regions of interest": (", ".join(path.name for path in options.roi) or "none")
        + at_least(options.roi_threshold),
    }


def _meshes(result: ContrastResult) -> dict[str, str]:
    """Return the files of the meshes; nothing for volumes."""
    names = mesh_names(result)
    return {"mesh": " and ".join(names)} if names else {}


def _group_settings(result: ContrastResult) -> dict[str, str]:
    """Return the settings of a group model; none for a single map."""
    options = result.options
    if source(result) != "group":
        return {}
    return {
        "smoothing": f"{options.smoothing:g} mm" if options.smoothing else "none",
        "coverage": percent(options.coverage),
        "estimator": ESTIMATORS[options.estimator],
        "variance of groups": options.variance,
        **({"minimum effect": f"{options.min_effect:g}"} if options.min_effect else {}),
        "target grid": result.files.get("target grid", options.target_grid.name) if options.target_grid else "none",
        **({"BIDS Stats Model": options.model.name} if options.model else {}),
        **({"node of the Stats Model": options.node} if options.node else {}),
    }


def _permutation_settings(result: ContrastResult) -> dict[str, str]:
    """Return the settings of a calibration by permutation; none for other methods."""
    options, calibrated = result.options, result.calibrated
    if calibrated is None:
        return {}
    family = FAMILIES[calibrated.family]
    members = calibrated.members if calibrated.member_lambdas else ()
    return {
        "permutations requested": f"{options.n_permutations:,}",
        "permutations used": permutations_text(calibrated),
        "family": f"{family.name}, delta {calibrated.delta}" if family.has_delta else family.name,
        **({"template": template} if (template := template_source(result)) else {}),
        "lambda": f"{calibrated.lambda_:.10g}",
        **{f"lambda of {vectors.name}": f"{lambda_:.10g}" for vectors, lambda_ in members},
        "step-down": "yes" if options.step_down else "no",
        "exchangeability blocks": calibrated.blocks or "none",
        "random seed": str(calibrated.seed),
    }
