"""The group model for people: its columns, its tests, and the subjects that stand out."""

import math

import numpy as np

from bids_ari.analysis.result import ContrastResult
from bids_ari.design.design import Design
from bids_ari.report.methods import rows_of
from bids_ari.report.sections.clusters import Facts
from bids_ari.stats.diagnostics import design_diagnostics
from bids_ari.stats.distributions import FloatArray

MOST_COLUMNS = 12
"""Correlations are shown of so many columns; the others are in the sidecar of the design."""


def model_block(result: ContrastResult, design: Design) -> Facts:
    """Tell the design, how well it can tell its columns apart, and how unlike the others each subject is.

    Parameters
    ----------
    result : ContrastResult
        What was found.
    design : Design
        Its group model.

    Returns
    -------
    dict
        What ``sections/design.html`` shows.
    """
    look = design_diagnostics(design.matrix)
    inside = [name for name, vif in zip(design.columns, look.vif, strict=True) if not math.isnan(vif)][:MOST_COLUMNS]
    places = [design.columns.index(name) for name in inside]
    return {
        "formula": design.formula,
        "factors": list(design.factors.items()),
        "columns": [(name, number(vif, 2)) for name, vif in zip(design.columns, look.vif, strict=True)],
        "condition": number(look.condition, 1),
        "correlated": inside if len(inside) > 1 else [],
        "correlations": [
            (name, [number(look.correlations[i, j], 2) for j in places]) for name, i in zip(inside, places, strict=True)
        ],
        "tests": [(name, design.statistic(name), rows_of(result, name), name == result.test) for name in design.tests],
        "is_mean": design.is_mean,
        "subjects": _subjects(result, design, look.leverage),
    }


def _subjects(result: ContrastResult, design: Design, leverage: FloatArray) -> list[Facts]:
    """Tell how unlike the others each subject is, the most influential first."""
    outlying = result.outlying
    if outlying is None:
        return []
    influence = outlying.influence[result.test]
    flagged = outlying.outliers() | outlying.influential(result.test)
    return [
        {
            "name": f"sub-{design.subjects[i]}",
            "leverage": number(leverage[i], 2),
            "correlation": number(outlying.correlation[i], 2),
            "residual": number(outlying.residual[i], 2),
            "influence": number(influence[i], 2),
            "is_flagged": bool(flagged[i]),
        }
        for i in np.argsort(-influence, kind="stable")
    ]


def number(value: float, decimals: int) -> str:
    """Write a number that may not be defined, or infinite.

    >>> number(2 / 3, 2), number(math.nan, 2), number(math.inf, 1)
    ('0.67', '–', '∞')
    """
    if math.isfinite(value):
        return f"{value:.{decimals}f}"
    return "–" if math.isnan(value) else "∞"
