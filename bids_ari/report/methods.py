"""The methods text of a result, with citations, from the settings that were used: templates in ``assets/methods``."""

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from bids_ari.analysis.calibrated import Member
from bids_ari.analysis.result import ContrastResult
from bids_ari.analysis.within import name_of_test
from bids_ari.bids.contrasts import ContrastSet
from bids_ari.bids.exclusions import by_reason
from bids_ari.config.methods import METHODS, Method
from bids_ari.config.model_options import TEMPLATE
from bids_ari.design.design import Design
from bids_ari.errors import plural_of
from bids_ari.images.region_names import AtlasFacts
from bids_ari.report import labels
from bids_ari.report.atlases import citation_of, title_of
from bids_ari.report.formatting import any_of, beyond
from bids_ari.report.references import Citations, MethodsText
from bids_ari.report.render import Context, render
from bids_ari.runtime.provenance import PACKAGES

_ALTERNATIVES = {
    "greater": "one-sided, effect above zero",
    "less": "one-sided, effect below zero",
    "two-sided": "two-sided",
}


_ALTERNATIVES_BEYOND = {
    "greater": "one-sided, null hypothesis: effect at most {delta:g}",
    "less": "one-sided, null hypothesis: effect at least -{delta:g}",
    "two-sided": "two-sided, null hypothesis: effect from -{delta:g} to {delta:g}",
}


def describe_methods(result: ContrastResult) -> MethodsText:
    """Return the methods text of a result."""
    cite = Citations()
    text = _paragraph("text", _model_values(result) | _values(result), cite)
    return MethodsText(text, tuple(cite.keys))


def model_sentence(result: ContrastResult) -> str:
    """Return the sentence of the methods text on the group model and the test."""
    return _paragraph("model", _model_values(result), Citations())


def directions_text(result: ContrastResult) -> str:
    """Return how the numbers of positive and of negative effects were bounded, and what holds together: a clause."""
    method = _for_points(METHODS[result.method], result.space.unit)
    return (method.joint_directions_text if result.joint else "") or method.directions_text


def linear_combinations(design: Design, test: str) -> list[str]:
    """Return each linear combination of a test as ``+1 age -1 sex``."""
    rows = np.atleast_2d(design.tests[test])
    return [" ".join(f"{w:+.6g} {column}" for w, column in zip(row, design.columns, strict=True) if w) for row in rows]


def _paragraph(template: str, values: Context, cite: Citations) -> str:
    """Render a template as one paragraph."""
    return re.sub(r"[ \n]+", " ", render(f"methods/{template}.txt", cite=cite, **values)).strip()


def _for_points(method: Method, unit: str) -> Method:
    """Return a method with the name of a point in its texts, which are about voxels."""

    def about(text: str) -> str:
        return re.sub(r"\bvoxel\b", unit, text.replace("voxels", plural_of(unit)))

    return replace(
        method,
        assumption=about(method.assumption),
        adjusted_p_text=about(method.adjusted_p_text),
        directions_text=about(method.directions_text),
        joint_directions_text=about(method.joint_directions_text),
    )


def _model_values(result: ContrastResult) -> Context:
    """Return the variables of ``model.txt``."""
    delta, question = result.options.min_effect, result.contrast.within
    sides = _ALTERNATIVES_BEYOND if delta else _ALTERNATIVES
    return {
        "result": result,
        "options": result.options,
        "reference": f"the minimum effect {delta:g}, in units of the maps [@hodges1954]," if delta else "zero",
        "design": result.design,
        "combinations": "; ".join(linear_combinations(result.design, result.test)) if result.design else "",
        "side": "any difference" if result.is_f_test else sides[result.alternative].format(delta=delta),
        "statistic": labels.statistic(result),
        "unit": result.space.unit,
        "within": question if question is not None and question.n_rows > 1 else None,
        "is_hotelling": result.design is not None and name_of_test(result.design, result.test).startswith("Hotelling"),
        "is_interaction": is_interaction(result),
    }


def is_interaction(result: ContrastResult) -> bool:
    """Return whether a test of the group model is an interaction with levels within subjects.

    It compares subjects, so that it does not change if a constant is added to all differences; these compare levels.
    """
    question, design = result.contrast.within, result.design
    if question is None or design is None or any(abs(sum(row)) > 1e-9 for row in question.rows):
        return False
    weights = np.atleast_2d(design.tests[result.test])
    constant = np.linalg.lstsq(design.matrix, np.ones(len(design.matrix)), rcond=None)[0]
    return bool(np.abs(weights @ constant).max() <= 1e-9 * np.abs(weights).max())


def _member(delta: int, member: Member) -> Context:
    """Return the variables of one of the families that were calibrated together."""
    vectors = member.vectors
    return {
        "formula": vectors.formula_of(delta),
        "citation": vectors.citation,
        "is_learned": vectors.is_learned,
        "number": f"{member.lambda_:.4g}",
    }


def _values(result: ContrastResult) -> Context:
    """Return the other variables of ``text.txt``."""
    contrast, options, members, calibrated = result.contrast, result.options, result.contrast.members, result.calibrated
    is_mask, atlas = options.mask == TEMPLATE, labels.templateflow_atlas(result) if result.atlas else None
    return {
        "contrast": contrast,
        "calibrated": calibrated,
        "families": [] if calibrated is None else list(map(partial(_member, calibrated.delta), calibrated.members)),
        "signs": labels.signs(result),
        "directions_text": directions_text(result),
        "method": _for_points(METHODS[result.method], result.space.unit),
        "versions": {name: result.made.versions.get(name, "unknown") for name in ("bids_ari", *PACKAGES)},
        "units": plural_of(result.space.unit),
        "source": labels.source(result),
        "source_name": labels.source_name(result),
        "excluded": list(_lost(contrast)),
        "is_listed": any(file.in_table for member in members for file in member.all_maps),
        "is_summed": contrast.within is None and any(member.is_weighted_sum for member in members),
        "question": contrast.within,
        "is_averaged": any(member.is_combined for member in members),
        "has_variances": any(member.variances for member in members),
        "has_dof": math.isfinite(result.dof),
        "mask_name": labels.mask_name(result),
        "meshes": labels.mesh_names(result),
        "roi_threshold": labels.at_least(options.roi_threshold),
        "is_templateflow_mask": is_mask,
        "permutations": calibrated and labels.permutations_text(calibrated),
        "exactness": calibrated and calibrated.error_control,
        "template_source": labels.template_source(result),
        "shares_text": calibrated and labels.shares_text(calibrated),
        "conditions": any_of(beyond(threshold, result.alternative) for threshold in options.threshold),
        "target_tdps": result.largest and any_of(f"{tdp:g}" for tdp in result.largest),
        "atlas": str(atlas) if atlas else labels.atlas_name(result),
        "atlas_citation": citation_of(result.atlas.name) if result.atlas else "",
        "namings": list(_naming_texts(result)),
        "from_templateflow": [*["atlas"] * bool(atlas), *_naming_templates(result), *["brain mask"] * is_mask],
    }


def _namings(result: ContrastResult) -> list[AtlasFacts]:
    """Return the atlases that name clusters; none if that of the parcels does."""
    if result.names is None or (result.atlas is not None and result.options.region_names is None):
        return []
    return list(result.names.atlases)


def _naming_texts(result: ContrastResult) -> Iterator[tuple[str, str, str]]:
    """Yield title, space if it is another than that of the maps, and citation of each atlas that names clusters."""
    for each in _namings(result):
        yield title_of(each), each.space, citation_of(each.name)


def _naming_templates(result: ContrastResult) -> list[str]:
    """Return the atlases of TemplateFlow that name clusters."""
    return [f"{title_of(each)} atlas" for each in _namings(result) if each.source == "TemplateFlow"]


def _lost(contrast: ContrastSet) -> Iterator[tuple[int, str]]:
    """Yield the number of subjects that are excluded for each reason, each subject once."""
    rest = set(contrast.lost_subjects)
    for alike in by_reason(contrast.excluded):
        if found := rest & set(alike.subjects):
            yield len(found), alike.reason_for_subjects
            rest -= found
