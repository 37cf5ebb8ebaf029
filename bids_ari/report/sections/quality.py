"""Section "Quality of the maps": numbers of each subject's map, possible outliers, and sheets of slices."""

from itertools import accumulate, compress

import numpy as np

from bids_ari.analysis.result import ContrastResult
from bids_ari.outputs.names import report_name
from bids_ari.report.figures.quality import CRITERIA, PER_SHEET, outliers
from bids_ari.report.formatting import decimal
from bids_ari.report.render import Context
from bids_ari.report.sections.section import ReportData
from bids_ari.stats.diagnostics import design_diagnostics

MOST_SHEETS = 4_000_000
"""Bytes of sheets of subjects within a report; further sheets are linked."""


def applies(data: ReportData) -> bool:
    """Return whether maps of subjects were analysed."""
    result = data.result
    return result.quality is not None and result.outlying is not None and result.design is not None


def context(data: ReportData) -> Context:
    """Return the variables of ``quality.html``."""
    sheets = [picture for name, picture in data.pictures.items() if name.startswith("sheet ")]
    n_shown = sum(size <= MOST_SHEETS for size in accumulate(len(picture.png) for picture in sheets))
    root = "../" * report_name(data.result).count("/")
    return {
        "quality": subject_table(data.result),
        "quality_picture": data.pictures["quality"],
        "sheets": sheets[:n_shown],
        "linked_sheets": [(picture.name, f"{root}{picture.name}") for picture in sheets[n_shown:]],
        "per_sheet": PER_SHEET,
    }


def subject_table(result: ContrastResult) -> Context:
    """Return the numbers of each subject, the most influential first; empty where no subject maps were analysed.

    Parameters
    ----------
    result : ContrastResult
        The result.
    """
    quality, outlying, design = result.quality, result.outlying, result.design
    if quality is None or outlying is None or design is None:
        return {}
    flags, influence = outliers(quality, outlying, result.test), outlying.influence[result.test]
    columns = {
        "correlation": (outlying.correlation, 2),
        "mean": (outlying.mean, 3),
        "sd": (outlying.sd, 3),
        "overlap": (quality.overlap, 3),
        "residual": (outlying.residual, 2),
        "leverage": (design_diagnostics(design.matrix).leverage, 2),
        "influence": (influence, 2),
    }
    rows: list[Context] = [
        {
            "name": f"sub-{design.subjects[i]}",
            "criteria": ", ".join(compress(CRITERIA, flags[i])),
            "lacking": int(quality.lacking[i]),
            "lost": int(quality.lost[i]),
            **{name: decimal(values[i], decimals) for name, (values, decimals) in columns.items()},
        }
        for i in np.argsort(-influence, kind="stable")
    ]
    return {"rows": rows, "n_outliers": int(flags.any(axis=1).sum()), "reference": quality.reference}
