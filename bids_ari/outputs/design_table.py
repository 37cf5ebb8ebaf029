"""Table of the design: the maps, design row and quality measures of each subject."""

from collections.abc import Iterator

import pandas as pd

from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.subject_map import SubjectMap
from bids_ari.design.design import Design
from bids_ari.outputs.sidecar_space import spatial_entries
from bids_ari.outputs.sidecars import (
    COLUMNS,
    Sidecar,
    columns,
    left_out,
    number,
    variance_inflation,
    weights_by_column,
    within_subjects,
)
from bids_ari.stats.diagnostics import design_diagnostics
from bids_ari.stats.distributions import FloatArray


def design_table(result: ContrastResult, design: Design) -> tuple[pd.DataFrame, Sidecar]:
    """Return the table of the design of a contrast, one row per subject, and its sidecar."""
    members, quality = _members(result), _quality(result, design)
    matrix = pd.DataFrame(design.matrix, columns=list(design.columns))
    diagnostics = design_diagnostics(design.matrix)
    sidecar: Sidecar = {
        "Description": "Design matrix of the group model",
        "Sources": [file.uri for file in result.contrast.files],
        **spatial_entries(result),
        "Formula": design.formula or None,
        "Factors": dict(design.factors),
        **within_subjects(result.contrast),
        **_residual_variances(result),
        **_normality(result),
        **columns(result, {column: COLUMNS["design"][column] for column in members.columns}),
        **{
            column: {"Description": "Column of the design matrix", "VarianceInflation": number(vif)}
            for column, vif in zip(design.columns, diagnostics.vif, strict=True)
        },
        **columns(result, {column: description for column, (_, description) in quality.items()}),
        "ConditionNumber": diagnostics.condition,
        "Correlations": [[number(each) for each in row] for row in diagnostics.correlations],
        "Tests": {
            name: {
                "Statistic": design.statistic(name),
                "Weights": weights_by_column(weights, design.columns),
                **variance_inflation(result, name),
            }
            for name, weights in design.tests.items()
        },
        "LeftOut": left_out(result),
        "Notes": list(result.notes),
    }
    measures = pd.DataFrame({column: values for column, (values, _) in quality.items()})
    return pd.concat([members, matrix, measures], axis=1), sidecar


def _residual_variances(result: ContrastResult) -> Sidecar:
    """Return the entry about the residual variance of each group, relative to that of the model."""
    if result.group_variances is None or not result.group_variances.groups:
        return {}
    return {"ResidualVariances": dict(zip(result.group_variances.groups, result.group_variances.relative, strict=True))}


def _normality(result: ContrastResult) -> Sidecar:
    """Return the entry about skewness and kurtosis of residuals, if known."""
    if (found := result.normality) is None:
        return {}
    pairs = {"Kurtosis": (found.kurtosis, found.normal_kurtosis), "Skewness": (found.skewness, found.normal_skewness)}
    limits = {"Kurtosis": found.kurtosis_limit, "Skewness": found.skewness_limit}
    return {
        "ResidualNormality": {
            name: {
                "Median": own[0],
                "Percentile95": own[1],
                "MedianOfNormal": normal[0],
                "Percentile95OfNormal": normal[1],
                "Limit": limits[name],
            }
            for name, (own, normal) in pairs.items()
        }
    }


def _members(result: ContrastResult) -> pd.DataFrame:
    """Return the subject and the files of each row of the design."""
    members = result.contrast.members
    apart = all(member.is_difference for member in members if member.others)  # else all terms are sources
    first = [member.terms[:1] if apart else member.terms for member in members]
    second = [member.others if apart else () for member in members]
    kinds = {
        "source": [[file for term in terms for each in term.maps for file in each.files] for terms in first],
        "variance": [[file for term in terms for each in term.variances for file in each.files] for terms in first],
        "minus": [[file for term in terms for each in term.maps for file in each.files] for terms in second],
        "minus_variance": [
            [file for term in terms for each in term.variances for file in each.files] for terms in second
        ],
    }
    table = {"participant_id": [f"sub-{member.subject}" for member in members]}
    for kind, rows in kinds.items():
        if any(rows):
            table[kind] = [", ".join(file.uri for file in row) for row in rows]
            table[f"{kind}_sha256"] = [", ".join(result.hashes.get(file.uri, "n/a") for file in row) for row in rows]
    if any(member.is_weighted_sum or member.rows for member in members):
        table["weights"] = [", ".join(_weights(member)) for member in members]
    if result.resampled:
        table["resampled"] = ["yes" if member.subject in result.resampled else "no" for member in members]
    if result.normalised:
        table["normalised"] = ["yes" if member.subject in result.normalised else "no" for member in members]
    return pd.DataFrame(table)


def _weights(member: SubjectMap) -> Iterator[str]:
    """Yield the weight of each term of a sum, once for each of its files: maps are combined before the sum.

    Of several sums, the weights of each term are separated by blanks.
    """
    for i, term in enumerate(member.terms):
        text = " ".join(f"{row[i]:.6g}" for row in member.rows) or f"{term.weight:.6g}"
        yield from [text] * sum(len(each.files) for each in term.maps)


def _quality(result: ContrastResult, design: Design) -> dict[str, tuple[FloatArray, str]]:
    """Return the values, one per subject, and the description of each measure of outlying subjects."""
    if (outlying := result.outlying) is None:
        return {}
    influence = "Change of the test {} without the subject, in standard errors, root mean square"
    return {
        "leverage": (design_diagnostics(design.matrix).leverage, "Leverage: influence by the design alone"),
        "map_correlation": (outlying.correlation, "Correlation of the map with the mean of the others"),
        "residual": (outlying.residual, "Root mean square of the studentised residual; 1 is expected"),
        **{f"influence_{test}": (values, influence.format(test)) for test, values in outlying.influence.items()},
    }
