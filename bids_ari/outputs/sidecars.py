"""Sidecars of the files of a result: everything needed to compute them again."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bids_ari._version import __version__
from bids_ari.analysis.calibrated import FLIPS, Calibrated
from bids_ari.analysis.joint import Joint
from bids_ari.analysis.result import ContrastResult
from bids_ari.analysis.tables import SUBPEAK_DISTANCE, SUBPEAKS
from bids_ari.analysis.within import name_of_test
from bids_ari.bids.contrasts import ContrastSet
from bids_ari.bids.entities import printable
from bids_ari.config.families import FAMILIES
from bids_ari.config.methods import METHODS
from bids_ari.config.table import sidecar_entries
from bids_ari.design.design import Design
from bids_ari.outputs.names import path_of, statistic_stem
from bids_ari.outputs.sidecar_space import spatial_entries
from bids_ari.stats.distributions import FloatArray

Sidecar = dict[str, Any]

ESTIMATORS = {
    "ols": "ordinary least squares",
    "fixed": "fixed effects: weighted by the inverse of first-level variances, taken as known",
    "mixed": "mixed effects: DerSimonian-Laird variance between subjects, Knapp-Hartung scale",
}
"""Description of each estimator."""

DIRECTIONS = {
    "greater": "Effects above zero",
    "less": "Effects below zero",
    "two-sided": "Effects that are not zero",
    "any": "Any difference (F test)",
}
"""Description of each alternative."""

BEYOND = {
    "greater": "Effects above {delta:g}",
    "less": "Effects below -{delta:g}",
    "two-sided": "Effects beyond {delta:g} in size",
}
"""Description of each alternative with a minimum effect."""

COLUMNS: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_name("columns.toml").read_text(encoding="utf-8"))
"""Description of each column of the tables of clusters, but for peaks, of regions and of the design; see `worded`."""

COLUMN_UNITS = {"volume_mm3": "mm3", "area_mm2": "mm2", "active_area_mm2": "mm2", "near_mm": "mm"}
"""Unit of columns of tables."""

PEAKS = {"peak": "the most extreme {unit}"} | {
    f"subpeak{i}": f"local maximum {i}, at least {SUBPEAK_DISTANCE:g} mm from any stronger one"
    for i in range(1, SUBPEAKS + 1)
}
"""Description of each peak, which has four columns."""


def sidecar(result: ContrastResult, description: str, *, inferred: bool = False, **extra: Any) -> Sidecar:
    """Return the sidecar of a file of a result; if it is `inferred`, with the settings of the bound."""
    contrast, design = result.contrast, result.design
    entries: Sidecar = {
        "Description": worded(result, description),
        "InputStatistic": contrast.stat,
        "DegreesOfFreedom": number(result.dof),
        f"NumberOf{result.space.units.capitalize()}": result.space.n_points,
        **spatial_entries(result),
        **sidecar_entries(result.options, "data"),
        "MaskHash": result.hashes.get("mask"),
        **_named_file(result, "Mask", "mask"),
        **_named_file(result, "MaskRight", "mask R"),
        **_named_file(result, "Underlay", "underlay"),
        **_named_file(result, "UnderlayRight", "underlay R"),
        **_named_file(result, "SurfaceLeft", "surface L"),
        **_named_file(result, "SurfaceRight", "surface R"),
        "SoftwareVersion": f"bids_ari {__version__}",
    }
    if design is None:
        entries["Statistic"] = "F" if result.is_f_test else contrast.stat
        entries["DegreesOfFreedomOfRows"] = result.glm.n_rows or None
        entries["Sources"] = [file.uri for file in contrast.files]
        entries["SourceHashes"] = {file.uri: result.hashes.get(file.uri) for file in contrast.files}
        entries |= {"LeftOut": left_out(result)} if result.excluded else {}
    else:
        entries |= _model(result, design)
    return entries | (_inference(result) if inferred else {}) | extra


def left_out(result: ContrastResult) -> list[dict[str, str]]:
    """Return the files and subjects that are excluded from a contrast, with the reasons."""
    return [{"What": entry.name, "Reason": entry.reason} for entry in result.excluded]


def worded(result: ContrastResult, text: str) -> str:
    """Return a description in which ``{unit}`` and ``{units}`` stand for the points of the result, such as voxels."""
    unit, units = result.space.unit, result.space.units
    delta = result.options.min_effect
    words = {
        "{unit}": unit,
        "{units}": units,
        "{extent}": "in mm2" if unit == "vertex" else f"in {units}",
        "{delta}": f"{delta:g}" if delta else "zero",
        "{-delta}": f"-{delta:g}" if delta else "zero",
    }
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def columns(result: ContrastResult, descriptions: Mapping[str, str]) -> Sidecar:
    """Return the entries of the columns of a table."""
    return {column: {"Description": worded(result, text)} for column, text in descriptions.items()}


def cluster_columns(result: ContrastResult, names: Iterable[str]) -> Sidecar:
    """Return the entries of the columns of a table of clusters."""
    parts = {f"{peak}_{axis}": f"{axis} of {text}" for peak, text in PEAKS.items() for axis in "xyz"}
    texts = COLUMNS["clusters"] | parts
    for part, meaning in COLUMNS["peaks"].items():
        texts |= {f"{peak}_{part}": f"{meaning} of {text}" for peak, text in PEAKS.items()}
    if (question := result.contrast.within) is not None:
        pairs = zip(question.labels, question.sums, strict=True)
        texts |= {
            f"mean_effect_{label}": f"Mean over the cluster of the effect of {text}, in the units of the subject maps"
            for label, text in pairs
        }
    units = {**COLUMN_UNITS, **dict.fromkeys(parts, "mm")}
    entries = columns(result, {name: texts[name] for name in names})
    return {name: entry | ({"Units": units[name]} if name in units else {}) for name, entry in entries.items()}


def direction(result: ContrastResult) -> str:
    """Return the description of the alternative and the method of a result."""
    texts, delta = (BEYOND if result.options.min_effect else DIRECTIONS), result.options.min_effect
    text = texts[result.alternative_label].format(delta=delta)
    return ", ".join(filter(None, (text, METHODS[result.method].description)))


def weights_by_column(weights: FloatArray, names: Sequence[str]) -> list[dict[str, float]]:
    """Return the weights of a test, (rows, columns) or (columns,), by column; one mapping per row, without zeros."""
    return [
        {name: float(weight) for name, weight in zip(names, row, strict=True) if weight}
        for row in np.atleast_2d(weights)
    ]


def variance_inflation(result: ContrastResult, test: str) -> Sidecar:
    """Return the entry about the variance of the estimate of a test if variances differ between subjects, if known."""
    found = None if result.group_variances is None else result.group_variances.tests.get(test)
    return {} if found is None else {"InflationByUnequalVariances": found.ratio}


def number(value: float) -> float | None:
    """Return a number as JSON can hold it: None if it is not finite."""
    return float(value) if np.isfinite(value) else None


def _model(result: ContrastResult, design: Design) -> Sidecar:
    """Return the entries about the group model."""
    contrast, combined_by = result.contrast, None
    if combined := [each for each in contrast.members if each.is_combined]:
        combined_by = "precision-weighted mean" if any(each.variances for each in combined) else "mean"
    elif any(each.is_weighted_sum for each in contrast.members):
        combined_by = "weighted sum"
    return {
        "Sources": [f"bids::{path_of(result, contrast.entities, 'design', '.tsv')}"],
        "Estimator": ESTIMATORS[result.options.estimator],
        **sidecar_entries(result.options, "model"),
        **_named_file(result, "TargetGrid", "target grid"),
        **_smoothing(result),
        "Formula": design.formula or None,
        "Test": result.test,
        **({"MinimumEffect": result.options.min_effect} if result.options.min_effect else {}),
        "Statistic": "F" if result.is_f_test else "t" if result.has("t") else "z",
        "Weights": weights_by_column(design.tests[result.test], design.columns),
        **variance_inflation(result, result.test),
        "DegreesOfFreedomOfRows": result.glm.n_rows or None,
        "NumberOfSubjects": len(contrast.members),
        "CombinedOver": contrast.combined or None,
        "CombinedBy": combined_by,
        "DifferenceWithin": contrast.paired or None,
        **within_subjects(contrast),
        **({"MultivariateTest": name_of_test(design, result.test)} if design.n_differences > 1 else {}),
        f"NumberOfConstant{result.space.units.capitalize()}": result.n_constant,
    }


def within_subjects(contrast: ContrastSet) -> Sidecar:
    """Return the entry about a question within subjects: its levels, and their weights in each difference."""
    if (question := contrast.within) is None:
        return {}
    return {
        "WithinSubjects": {
            "Name": question.name or None,
            "Column": question.column,
            "Levels": list(question.levels),
            "Weights": question.weights_by_level(),
        }
    }


def _named_file(result: ContrastResult, key: str, role: str) -> Sidecar:
    """Return the name of a file, also of TemplateFlow, and its SHA-256; nothing where there is no such file."""
    if role not in result.files:
        return {}
    return {key: printable(result.files[role]), f"{key}Hash": result.hashes.get(role)}


def naming(result: ContrastResult) -> Sidecar:
    """Return the entry about the files that name the regions of clusters."""
    if result.names is None:
        return {}
    by_names = any(role.startswith("names") for role in result.files)
    roles = [role for role in result.files if role.startswith("names" if by_names else "atlas")]
    return {"RegionNames": {printable(result.files[role]): result.hashes.get(role) for role in roles}}


def _smoothing(result: ContrastResult) -> Sidecar:
    """Return the entries about missing data in smoothed maps."""
    if not result.options.smoothing:
        return {}
    return {
        "SmoothingOfMissingData": "normalised convolution" if result.normalised else "none missing",
        "NumberOfSubjectsNormalised": len(result.normalised),
    }


def _inference(result: ContrastResult) -> Sidecar:
    """Return the entries about bounds and clusters."""
    return {
        "Sources": [
            f"bids::{path_of(result, statistic_stem(result, stat='z').with_(**more), 'statmap', extension)}"
            for more, extension in result.space.endings()
        ],
        "Alternative": result.alternative_label,
        "AlphaDividedBy": result.options.n_results,
        **({} if result.joint is None else {"Joint": _joint(result.joint)}),
        **sidecar_entries(result.options, "inference"),
        "Connectivity": result.space.neighbourhood(result.options.connectivity),
        "Method": result.method,
        **({} if result.bound.h is None else {"HommelValue": result.bound.h}),
        **(_calibration(result, result.calibrated) if result.calibrated else {}),
        "TrueDiscoveryNumber": result.bound.whole,
        **_signs(result),
    }


def _signs(result: ContrastResult) -> Sidecar:
    """Return the entries about the numbers of positive and of negative effects, where there are bounds of them."""
    found = result.directions
    names = ("TrueDiscoveryNumberPositive", "TrueDiscoveryNumberNegative")
    return {} if found is None else {name: bound.whole for name, bound in zip(names, found, strict=True)}


def _joint(joint: Joint) -> Sidecar:
    """Return the entry about the results whose bounds hold together."""
    return {
        "NumberOfResults": joint.n_results,
        "NumberOfResultsCalibratedTogether": joint.n_together,
        "NumberOfHypothesesCalibratedTogether": joint.n_hypotheses,
        "AlphaOfThese": joint.alpha,
        "Family": joint.family,
    }


def _calibration(result: ContrastResult, calibrated: Calibrated) -> Sidecar:
    """Return the entries about the calibration by permutations."""
    lambdas = {member.vectors.name: member.lambda_ for member in calibrated.members}
    return {
        "Draws": FLIPS[calibrated.shuffle],
        "NumberOfDraws": calibrated.n_permutations,
        "DrawsAreComplete": calibrated.is_complete,
        "Exactness": calibrated.error_control,
        "RandomSeed": calibrated.seed,
        "ExchangeabilityBlocks": calibrated.blocks or None,
        **({"ExchangeabilityBlocksMeaning": calibrated.exchange} if calibrated.exchange else {}),
        "Family": calibrated.family,
        "Delta": calibrated.delta if FAMILIES[calibrated.family].has_delta else None,
        "Template": printable(calibrated.template) or None,
        "Lambda": calibrated.lambda_,
        "LambdaOfMembers": lambdas if calibrated.member_lambdas else None,
        **sidecar_entries(result.options, "permutation"),
        f"NumberOf{result.space.units.capitalize()}LeftOut": calibrated.n_excluded,
        "TrueDiscoveryNumberRange": calibrated.tdn_range and list(calibrated.tdn_range),
    }
