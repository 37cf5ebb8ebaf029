"""The maps of the subjects for people: who stands out, and why."""

from collections.abc import Mapping
from itertools import compress

import numpy as np
import numpy.typing as npt

from bids_ari.analysis.result import ContrastResult
from bids_ari.images.quality import Quality
from bids_ari.report.figures.quality import panels
from bids_ari.report.sections.clusters import Facts
from bids_ari.report.sections.design import number
from bids_ari.stats.diagnostics import SubjectDiagnostics, design_diagnostics

REASONS = ("correlation", "mean", "standard deviation", "overlap", "residual", "influence")
"""What a map may stand out by."""


def has_quality(result: ContrastResult) -> bool:
    """Say whether anything is known of the maps of subjects."""
    return result.quality is not None and result.outlying is not None and result.design is not None


def standing_out(quality: Quality, outlying: SubjectDiagnostics, test: str) -> npt.NDArray[np.bool_]:
    """Tell which subject stands out by which of `REASONS`, (n_subjects, n_reasons).

    This describes; to leave subjects out for their results is not free.
    """
    flags = [panel.is_far for panel in panels(outlying, quality)]
    return np.column_stack([*flags, outlying.noisy(), outlying.influential(test)])


def worst_lost(result: ContrastResult, most: int = 3) -> list[tuple[str, int]]:
    """Name the subjects for want of whom most voxels are not tested, and how many."""
    if result.quality is None:
        return []
    lost, subjects = result.quality.lost, result.contrast.subjects
    return [(f"sub-{subjects[i]}", int(lost[i])) for i in np.argsort(-lost, kind="stable")[:most] if lost[i]]


def quality_block(result: ContrastResult) -> Facts:
    """Tell each subject's numbers, the most influential first.

    Parameters
    ----------
    result : ContrastResult
        What was found.

    Returns
    -------
    dict
        What ``sections/quality.html`` shows; nothing where nothing is known.
    """
    quality, outlying, design = result.quality, result.outlying, result.design
    if quality is None or outlying is None or design is None:
        return {}
    out, influence = standing_out(quality, outlying, result.test), outlying.influence[result.test]
    columns: Mapping[str, tuple[npt.NDArray[np.float64], int]] = {
        "correlation": (outlying.correlation, 2),
        "mean": (outlying.mean, 3),
        "sd": (outlying.sd, 3),
        "overlap": (quality.overlap, 3),
        "residual": (outlying.residual, 2),
        "leverage": (design_diagnostics(design.matrix).leverage, 2),
        "influence": (influence, 2),
    }
    rows: list[Facts] = [
        {
            "name": f"sub-{design.subjects[i]}",
            "why": ", ".join(compress(REASONS, out[i])),
            "lacking": int(quality.lacking[i]),
            "lost": int(quality.lost[i]),
            **{name: number(values[i], decimals) for name, (values, decimals) in columns.items()},
        }
        for i in np.argsort(-influence, kind="stable")
    ]
    return {"rows": rows, "n_out": int(out.any(axis=1).sum()), "reference": quality.reference}
