"""Sections on the data: included and excluded maps, the points tested, and the quality of the map of each subject."""

import math
from itertools import accumulate, compress

import numpy as np

from bids_ari.analysis.outliers import SMALLEST_USUAL, criteria, in_any_unit, outliers
from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.exclusions import by_reason
from bids_ari.outputs.names import report_name
from bids_ari.report.figures.quality import PER_SHEET
from bids_ari.report.figures.subject_dots import MOST_NAMED
from bids_ari.report.formatting import decimal, percent, thousands
from bids_ari.report.labels import mask_name
from bids_ari.report.render import Context
from bids_ari.report.sections.section import ReportData
from bids_ari.stats.diagnostics import design_diagnostics

_EXTENTS = {"area_mm2": ("cm²", 100), "volume_mm3": ("cm³", 1000)}
"""Larger units of sizes."""

MOST_SHEETS = 4_000_000
"""Bytes of sheets of subjects within a report; further sheets are linked."""


def inputs(data: ReportData) -> Context:
    """Return the included subjects, and what is excluded for each reason."""
    contrast = data.result.contrast
    excluded = by_reason(contrast.excluded)
    return {
        "members": [(f"sub-{member.subject}", member.uri) for member in contrast.members],
        "excluded": excluded,
        "n_files_excluded": sum(len(alike.entries) for alike in excluded if not alike.are_subjects),
        "n_inputs": len(contrast.members) + len(contrast.excluded),
    }


def mask(data: ReportData) -> Context:
    """Return the points that were tested, and those that single subjects exclude."""
    result, space = data.result, data.result.space
    return {
        "mask_name": mask_name(result),
        "coverage": percent(result.options.coverage),
        "n_covered_by_any": int((result.coverage > 0).sum()),
        "n_covered_by_all": int((result.coverage == 1).sum()),
        "only_missing": most_missed(result),
        "n_positions": None if space.unit == "voxel" else space.inside.size,  # most voxels of a volume are outside
        "extent": " and ".join(_in_larger_units(column, size) for column, size in space.sizes().items()),
        "resolution": space.resolution.replace(" x ", " × ").replace("mm2", "mm²"),
    }


def _in_larger_units(column: str, size: float) -> str:
    """Return a size in cm.

    >>> _in_larger_units("volume_mm3", 1883000.0)
    '1,883 cm³'
    """
    unit, factor = _EXTENTS[column]
    return f"{thousands(size / factor)} {unit}"


def most_missed(result: ContrastResult, most: int = 3) -> list[tuple[str, int]]:
    """Return the subjects whose missing data alone exclude most points from the test, with the number of points."""
    if result.quality is None:
        return []
    lost, subjects = result.quality.lost, result.contrast.subjects
    return [(f"sub-{subjects[i]}", int(lost[i])) for i in np.argsort(-lost, kind="stable")[:most] if lost[i]]


def quality(data: ReportData) -> Context | None:
    """Return the numbers and sheets of slices of each subject's map, if maps of subjects were analysed."""
    if not (table := subject_table(data.result)):
        return None
    sheets = [picture for name, picture in data.pictures.items() if name.startswith("sheet ")]
    n_shown = sum(size <= MOST_SHEETS for size in accumulate(len(picture.png) for picture in sheets))
    root = "../" * report_name(data.result).count("/")
    return {
        "quality": table,
        "quality_picture": data.pictures["quality"],
        "sheets": sheets[:n_shown],
        "linked_sheets": [(picture.name, f"{root}{picture.name}") for picture in sheets[n_shown:]],
        "per_sheet": PER_SHEET,
        "most_named": MOST_NAMED,
    }


def subject_table(result: ContrastResult) -> Context:
    """Return the numbers of each subject, the most influential first; empty where no subject maps were analysed."""
    measured, outlying, design = result.quality, result.outlying, result.design
    if measured is None or outlying is None or design is None:
        return {}
    found, influence = criteria(measured, outlying, result.test), outlying.influence[result.test]
    flags, names = outliers(found), [each.name for each in found]
    columns = {
        "correlation": (outlying.correlation, 2),
        "overlap": (measured.overlap, 3),
        "residual": (outlying.residual, 2),
        "leverage": (design_diagnostics(design.matrix).leverage, 2),
        "influence": (influence, 2),
    }
    in_units = {"mean": outlying.mean, "sd": outlying.sd}
    unit = float(np.nan_to_num(outlying.sd).max(initial=0.0))
    rows: list[Context] = [
        {
            "name": f"sub-{design.subjects[i]}",
            "criteria": ", ".join(compress(names, flags[i])),
            "lacking": int(measured.lacking[i]),
            "lost": int(measured.lost[i]),
            **{name: decimal(values[i], decimals) for name, (values, decimals) in columns.items()},
            **{name: _in_units_of_maps(values[i], unit) for name, values in in_units.items()},
        }
        for i in np.argsort(-influence, kind="stable")
    ]
    return {"rows": rows, "n_outliers": int(flags.any(axis=1).sum()), "reference": measured.reference}


def _in_units_of_maps(value: float, largest_sd: float) -> str:
    """Write a number in the units of the maps, or that it is undefined or infinite; almost 0 is 0 in usual units."""
    is_zero = abs(value) < SMALLEST_USUAL <= largest_sd
    return decimal(value, 3) if is_zero or not math.isfinite(value) else in_any_unit(value)
