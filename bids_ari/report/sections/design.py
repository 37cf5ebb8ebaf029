"""Section "Design": the group model, its tests and the correlations of its columns."""

import math

from bids_ari.design.design import Design
from bids_ari.report.formatting import decimal
from bids_ari.report.methods import linear_combinations, model_sentence
from bids_ari.report.render import Context
from bids_ari.report.sections.section import ReportData
from bids_ari.stats.diagnostics import design_diagnostics

MOST_COLUMNS = 12
"""Columns whose correlations are shown; the sidecar of the design has all."""


def context(data: ReportData) -> Context:
    """Return the variables of ``design.html``."""
    result = data.result
    return {
        "model": model_sentence(result),
        "dof": f"{result.dof:g}" if math.isfinite(result.dof) else None,
        "dof_differ": result.has("dof"),
        "is_welch": result.options.variance == "unequal",
        "n_rows": result.glm.n_rows,
        "smoothing": result.options.smoothing,
        "design_picture": data.pictures.get("design"),
        "group_model": None if result.design is None else design_tables(result.design, result.test),
    }


def design_tables(design: Design, test: str) -> Context:
    """Return the tests of a design, and the collinearity of its columns.

    Parameters
    ----------
    design : Design
        The group model.
    test : str
        The test that the report is about.
    """
    diagnostics = design_diagnostics(design.matrix)
    vifs = list(zip(design.columns, diagnostics.vif, strict=True))
    varying = [name for name, vif in vifs if not math.isnan(vif)][:MOST_COLUMNS]
    places = [design.columns.index(name) for name in varying]
    return {
        "factors": list(design.factors.items()),
        "columns": [(name, decimal(vif)) for name, vif in vifs],
        "condition": decimal(diagnostics.condition, 1),
        "correlated": varying if len(varying) > 1 else [],
        "correlations": {
            name: [decimal(diagnostics.correlations[i, j]) for j in places]
            for name, i in zip(varying, places, strict=True)
        },
        "tests": [
            (name, design.statistic(name), linear_combinations(design, name), name == test) for name in design.tests
        ],
        "is_mean": design.is_mean,
    }
