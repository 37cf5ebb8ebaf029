"""The report of one result: what is shown, in which order."""

import math
import shlex
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import PurePosixPath
from typing import Any

from bids_ari.analysis.result import ContrastResult
from bids_ari.config.methods import METHODS
from bids_ari.outputs import names
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.sidecars import ESTIMATORS
from bids_ari.report import methods
from bids_ari.report.explorer import explorer_page
from bids_ari.report.figures.draw import Picture, draw
from bids_ari.report.figures.quality import PER_SHEET
from bids_ari.report.figures.scales import Z_UNCORRECTED
from bids_ari.report.labels import atlas_name, draws_of, kind, mask_name, statistic, which, whose
from bids_ari.report.render import above, any_of, percent, proportion, render
from bids_ari.report.sections.calibration import calibration_block, template_of
from bids_ari.report.sections.clusters import Facts, largest_block, region_block, threshold_block
from bids_ari.report.sections.comparison import comparison_block
from bids_ari.report.sections.design import model_block
from bids_ari.report.sections.quality import has_quality, quality_block, worst_lost
from bids_ari.stats.distributions import Alternative

MOST_SHEETS = 4_000_000
"""Bytes of sheets of subjects within a report; further ones are linked."""

DIRECTIONS: Mapping[Alternative, str] = {
    "greater": "above zero",
    "less": "below zero",
    "two-sided": "different from zero, in either direction",
}
"""What it means to be active."""
_CONTRAST_KEYS = ("contrast", "taskcontrast")


def _always(result: ContrastResult) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report: ``assets/sections/<name>.html`` tells the facts.

    Attributes
    ----------
    name, title : str
        The template and anchor, and the heading.
    facts : callable
        What the template tells, from the result and its pictures by what they show.
    belongs : callable
        Whether the report of a result has this section.
    """

    name: str
    title: str
    facts: Callable[[ContrastResult, Mapping[str, Picture]], Facts]
    belongs: Callable[[ContrastResult], bool] = _always


def write(
    result: ContrastResult,
    out: Derivatives,
    others: Sequence[ContrastResult] = (),
    compared: Sequence[ContrastResult] = (),
) -> list[str]:
    """Write the report of a result and its explorer, and the pictures as files.

    Parameters
    ----------
    result : ContrastResult
        What was found.
    out : Derivatives
        Where to.
    others : sequence of ContrastResult
        The same test in other directions, which the explorer shows too.
    compared : sequence of ContrastResult
        The same test in the same direction by other methods, beside which the report puts it.

    Returns
    -------
    list of str
        The names of the files that were written.
    """
    pictures = dict(draw(result))
    written = [out.binary(picture.name, picture.png) for picture in pictures.values()]
    explorer = explorer_page([result, *others], pictures.get("highest", pictures["tdp"]))
    written.append(out.text(names.explorer_name(result), explorer))
    return [*written, out.text(names.report_name(result), page(result, pictures, compared))]


def page(result: ContrastResult, pictures: Mapping[str, Picture], compared: Sequence[ContrastResult] = ()) -> str:
    """Give the report of a result.

    Parameters
    ----------
    result : ContrastResult
        What was found.
    pictures : mapping of str to Picture
        From `draw`.
    compared : sequence of ContrastResult
        The same test in the same direction by other methods.

    Returns
    -------
    str
        An HTML page that needs no other file.
    """
    sections = _sections(result, compared)
    facts: Facts = {"is_compared": bool(compared), "draws": result.calibrated and draws_of(result.calibrated)}
    for section in sections:
        facts |= section.facts(result, pictures)
    home = home_of(result) + "index.html"
    return render("report.html", sections=sections, home=home, pictures=pictures, **facts)


def _sections(result: ContrastResult, compared: Sequence[ContrastResult]) -> list[Section]:
    """Give the parts of the report of a result; where there are several methods, they are compared after all bounds."""
    sections = [section for section in SECTIONS if section.belongs(result)]
    if compared:
        after = [section.name for section in sections].index("methods")
        sections.insert(
            after,
            Section(
                "comparison", "Methods compared", lambda result, _: {"comparison": comparison_block(result, compared)}
            ),
        )
    return sections


def home_of(result: ContrastResult) -> str:
    """Lead from the folder of a report to the root of the output."""
    return "../" * names.report_name(result).count("/")


def _headline(result: ContrastResult, pictures: Mapping[str, Picture]) -> Facts:
    """Tell what was found, and what the reader should know."""
    entities = result.contrast.entities
    label = next(filter(None, map(entities.get, _CONTRAST_KEYS)), result.contrast.name)
    found = [
        (f"with {above(threshold, result.alternative)}", len(clusters), sum(cluster.tdn > 0 for cluster in clusters))
        for threshold, clusters in result.clusters.items()
    ]
    return {
        "label": label,
        "name": result.contrast.name,
        "about": [f"{key} {value}" for key, value in entities if key not in _CONTRAST_KEYS],
        "test": result.test,
        "alternative": result.alternative,
        "which": which(result),
        "direction": DIRECTIONS[result.alternative],
        "is_f_test": result.is_f_test,
        "confidence": percent(1 - result.options.alpha),
        "tdn": result.bound.whole,
        "n_points": result.space.n_points,
        "whole_tdp": proportion(result.bound.whole, result.space.n_points),
        "kind": kind(result),
        "whose": whose(result),
        "statistic": statistic(result),
        "n_subjects": len(result.contrast.members),
        "found": found,
        "found_largest": [(f"{gamma:g}", len(clusters)) for gamma, clusters in result.largest.items()],
        "notes": result.notes,
        "explorer": PurePosixPath(names.explorer_name(result)).name,
    }


def _inputs(result: ContrastResult, pictures: Mapping[str, Picture]) -> Facts:
    """Tell who was used, and what was left out and why."""
    excluded = defaultdict(list)
    for entry in result.excluded:
        excluded[entry.reason].append(entry.name)
    return {
        "stat": result.contrast.stat,
        "members": [(f"sub-{member.subject}", member.uri) for member in result.contrast.members],
        "excluded": sorted(excluded.items(), key=lambda item: (-len(item[1]), item[0])),
        "n_inputs": len(result.contrast.members) + len(result.excluded),
    }


def _design(result: ContrastResult, pictures: Mapping[str, Picture]) -> Facts:
    """Tell the model."""
    return {
        "model": methods.model_sentence(result),
        "dof": f"{result.dof:g}" if math.isfinite(result.dof) else None,
        "dof_differ": result.has("dof"),
        "is_welch": result.options.variance == "unequal",
        "n_rows": result.glm.n_rows,
        "smoothing": result.options.smoothing,
        "design_picture": pictures.get("design"),
        "group_model": None if result.design is None else model_block(result, result.design),
    }


def _mask(result: ContrastResult, pictures: Mapping[str, Picture]) -> Facts:
    """Tell which voxels were tested."""
    grid = result.space.grid
    return {
        "mask_name": mask_name(result),
        "coverage": percent(result.options.coverage),
        "covered_by_any": int((result.coverage > 0).sum()),
        "covered_by_all": int((result.coverage == 1).sum()),
        "n_constant": result.n_constant,
        "lost": worst_lost(result),
        "volume": result.space.size_of() / 1000,
        "voxel_size": " × ".join(f"{zoom:.3g}" for zoom in grid.zooms),
    }


def _maps(result: ContrastResult, pictures: Mapping[str, Picture]) -> Facts:
    """Show the maps, and count the voxels that are significant by themselves.

    Those are the voxels of which TDN({voxel}) = 1, that is, of category 1.
    """
    found = {what: pictures.get(f"{what} everywhere") for what in ("effect", "F", "t", "z")}
    return {
        "everywhere": [(what, picture) for what, picture in found.items() if picture],
        "z_condition": above(round(Z_UNCORRECTED, 2), result.alternative),
        "n_significant": int((result.bound.category == 1).sum()),
        "alpha": f"{result.options.alpha:g}",
        "first_critical": None if result.calibrated is None else f"{float(result.calibrated.critical[0]):.3g}",
    }


def _quality(result: ContrastResult, pictures: Mapping[str, Picture]) -> Facts:
    """Show the maps of the subjects, and tell who stands out."""
    sheets = [picture for what, picture in pictures.items() if what.startswith("sheet ")]
    sizes = accumulate(len(picture.png) for picture in sheets)
    inside = sum(size <= MOST_SHEETS for size in sizes)
    return {
        "quality": quality_block(result),
        "quality_picture": pictures["quality"],
        "sheets": sheets[:inside],
        "linked_sheets": [(picture.name, f"{home_of(result)}{picture.name}") for picture in sheets[inside:]],
        "per_sheet": PER_SHEET,
    }


def _calibration(result: ContrastResult, pictures: Mapping[str, Picture]) -> Facts:
    """Tell how draws chose the critical vector."""
    return {"calibration": calibration_block(result), "calibration_picture": pictures["calibration"]}


def _clusters(result: ContrastResult, pictures: Mapping[str, Picture]) -> Facts:
    """Tell the clusters of each threshold, one block each."""
    return {"blocks": [threshold_block(result, threshold) for threshold in result.clusters]}


def _tdp(result: ContrastResult, pictures: Mapping[str, Picture]) -> Facts:
    """Show the TDP over the thresholds, and of each."""
    each = {above(threshold, result.alternative): f"tdp above {threshold:g}" for threshold in result.clusters}
    return {
        "tdp_picture": pictures["tdp"],
        "n_thresholds": len(result.clusters),
        "tdp_pictures": [(condition, pictures[what]) for condition, what in each.items() if what in pictures],
    }


def _largest(result: ContrastResult, pictures: Mapping[str, Picture]) -> Facts:
    """Tell the largest clusters that reach each wanted TDP, one block each."""
    return {
        "largest_blocks": [largest_block(result, gamma) for gamma in result.largest],
        "gammas": any_of(f"{gamma:g}" for gamma in result.largest),
        "h": result.bound.h,
    }


def _regions(result: ContrastResult, pictures: Mapping[str, Picture]) -> Facts:
    """Tell the regions of each set, one block each."""
    return {"region_blocks": [region_block(result, regions) for regions in result.regions]}


def _nothing(result: ContrastResult, pictures: Mapping[str, Picture]) -> Facts:
    return {}


def _methods(result: ContrastResult, pictures: Mapping[str, Picture]) -> Facts:
    """Give the text for a paper."""
    return {"methods": methods.describe(result)}


def _provenance(result: ContrastResult, pictures: Mapping[str, Picture]) -> Facts:
    """Tell with what, and when."""
    options = result.options
    settings: dict[str, Any] = {
        "alpha": f"{options.alpha:g}",
        "method": METHODS[result.method].title,
        **_settings_of_draws(result),
        "cluster-forming thresholds (z)": ", ".join(f"{threshold:g}" for threshold in options.threshold),
        "wanted TDP": ", ".join(f"{gamma:g}" for gamma in options.tdp) or "none",
        "connectivity": str(options.connectivity),
        "join signs": "yes" if options.join_signs else "no",
        "mask": mask_name(result) or "none given",
        "atlas": atlas_name(result) or "none",
        "regions of interest": ", ".join(path.name for path in options.roi) or "none",
    }
    if kind(result) == "group":
        settings["smoothing"] = f"{options.smoothing:g} mm" if options.smoothing else "none"
        settings["coverage"] = percent(options.coverage)
        settings["estimator"] = ESTIMATORS[options.estimator]
        settings["variance of groups"] = options.variance
        settings["target grid"] = options.target_grid.name if options.target_grid else "none"
        if options.model:
            settings["BIDS Stats Model"] = options.model.name
    return {
        "command": " ".join(map(shlex.quote, result.made.command)),
        "versions": result.made.versions,
        "container": " ".join(result.made.container.values()),
        "settings": settings | ({} if (h := result.bound.h) is None else {"h (Hommel value)": f"{h:,}"}),
        "hashes": list(result.hashes.items()),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _settings_of_draws(result: ContrastResult) -> dict[str, str]:
    """Tell what was asked of draws, if any were made."""
    options, told = result.options, result.calibrated
    if told is None:
        return {}
    return {
        "draws asked for": f"{options.n_permutations:,}",
        "draws made": draws_of(told),
        "family": f"{told.family}, delta {told.delta}" if told.family == "simes" else told.family,
        **({"template": template_of(result, told)} if told.family == "learned" else {}),
        "lambda": f"{told.lambda_:.10g}",
        "step-down": "yes" if options.step_down else "no",
        "exchangeability blocks": told.blocks or "none",
        "random seed": str(told.seed),
    }


SECTIONS = (
    Section("headline", "Result", _headline),
    Section("inputs", "Inputs", _inputs),
    Section("design", "Design", _design),
    Section("mask", "Mask", _mask),
    Section("maps", "Maps", _maps),
    Section("quality", "Quality of the maps", _quality, has_quality),
    Section("calibration", "Calibration", _calibration, lambda result: result.calibrated is not None),
    Section("clusters", "Clusters above thresholds", _clusters),
    Section("tdp", "True discovery proportion", _tdp),
    Section("largest", "Largest clusters at a wanted TDP", _largest, lambda result: bool(result.largest)),
    Section("resolutions", "All resolutions", _nothing),
    Section("regions", "Regions", _regions, lambda result: bool(result.regions)),
    Section("methods", "Methods", _methods),
    Section("provenance", "Provenance", _provenance),
)
"""The report, from top to bottom."""
