"""Sections on the model: the design with its tests and the correlations of its columns, and the calibration."""

import math

from bids_ari.design.design import Design
from bids_ari.outputs.names import report_name, stem
from bids_ari.report.formatting import decimal, plural
from bids_ari.report.labels import permutations_text, shares_text, template_source
from bids_ari.report.methods import is_interaction, linear_combinations, model_sentence
from bids_ari.report.render import Context
from bids_ari.report.sections.section import ReportData
from bids_ari.stats.critical_vectors import TEMPLATE_RANKS
from bids_ari.stats.diagnostics import design_diagnostics

MOST_COLUMNS = 12
"""Columns whose correlations are shown; the sidecar of the design has all."""


def design(data: ReportData) -> Context:
    """Return the group model in words, and its tables."""
    result = data.result
    variances = result.group_variances
    inflation = None if variances is None else variances.tests.get(result.test)
    return {
        "model": model_sentence(result),
        "variances": variances.describe() if variances is not None and variances.ratio else None,
        "inflation": decimal(inflation.ratio) if inflation else None,
        "normality": result.normality,
        "question": result.contrast.within,
        "is_interaction": is_interaction(result),
        "dof": f"{result.dof:g}" if math.isfinite(result.dof) else None,
        "design_picture": data.pictures.get("design"),
        "group_model": None if result.design is None else design_tables(result.design, result.test),
    }


def design_tables(model: Design, test: str) -> Context:
    """Return the tests of a design, of which the report is about one, and the collinearity of its columns."""
    diagnostics = design_diagnostics(model.matrix)
    vifs = list(zip(model.columns, diagnostics.vif, strict=True))
    varying = [name for name, vif in vifs if not math.isnan(vif)][:MOST_COLUMNS]
    places = [model.columns.index(name) for name in varying]
    return {
        "factors": list(model.factors.items()),
        "columns": [(name, decimal(vif)) for name, vif in vifs],
        "condition": decimal(diagnostics.condition, 1),
        "correlated": varying if len(varying) > 1 else [],
        "correlations": {
            name: [decimal(diagnostics.correlations[i, j]) for j in places]
            for name, i in zip(varying, places, strict=True)
        },
        "tests": [
            (name, model.statistic(name), linear_combinations(model, name), name == test) for name in model.tests
        ],
        "is_mean": model.is_mean,
    }


def calibration(data: ReportData) -> Context | None:
    """Return the variables of ``calibration.html``, if the bound was calibrated by permutation."""
    result, calibrated = data.result, data.result.calibrated
    if calibrated is None:
        return None
    most_ranks = TEMPLATE_RANKS if calibrated.learned.size >= TEMPLATE_RANKS else None
    units, delta = result.space.units, calibrated.delta
    words = {"alpha": f"{result.options.alpha:g}", "units": units, "delta": delta}
    words["sets"] = plural(delta, result.space.unit)
    return {
        "calibration_picture": data.pictures["calibration"],
        "calibrated": calibrated,
        "permutations": permutations_text(calibrated),
        "template_source": template_source(result),
        "shares_text": shares_text(calibrated),
        "families": [
            {
                "name": vectors.name,
                "formula": vectors.formula_of(delta)
                + (f", k up to {most_ranks}" if vectors.is_learned and most_ranks else ""),
                "value": lambda_,
                "meaning": vectors.meaning_of(delta).format(**words),
            }
            for vectors, lambda_ in calibrated.members
        ],
        "n_as_small": calibrated.n_as_extreme,
        "held": calibrated.error_control,
        "folder": report_name(result).rpartition("/")[0],
        "tables": [stem(result, desc=result.desc).filename(suffix, ".tsv") for suffix in ("critical", "draws")],
    }
