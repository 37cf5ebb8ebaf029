"""The methods text of a result, with citations, from the settings that were used."""

import math
import re

import numpy as np

from bids_ari.analysis.calibrated import LEVELS, Calibrated
from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.manifest import MANIFEST_SOURCE
from bids_ari.config.methods import METHODS
from bids_ari.config.options import TEMPLATE
from bids_ari.design.design import Design
from bids_ari.report.formatting import any_of, beyond, percent, plural, plural_of, thousands
from bids_ari.report.labels import (
    atlas_name,
    is_templateflow_atlas,
    mask_name,
    permutations_text,
    source,
    source_name,
    statistic,
    template_source,
)
from bids_ari.report.references import CitedText, MethodsText
from bids_ari.runtime.provenance import PACKAGES

_NEIGHBOURS = {6: "a face", 18: "a face or an edge", 26: "a face, an edge or a corner"}
_ALTERNATIVES = {
    "greater": "one-sided, effect above zero",
    "less": "one-sided, effect below zero",
    "two-sided": "two-sided",
}
_FITTED = {
    "ols": "by ordinary least squares",
    "fixed": "by fixed effects, that is, weighted by the inverse of first-level variances, which were taken as known, "
    "so that the inference is about these subjects only",
    "mixed": "by mixed effects, that is, weighted by the inverse of first-level plus between-subject variance, the "
    "latter by the method of moments [@dersimonian1986], with the scale adjustment of Knapp and Hartung [@knapp2003]",
}
_UNEQUAL = "each with its own variance, with degrees of freedom after Welch and Satterthwaite [@welch1947]"


def describe_methods(result: ContrastResult) -> MethodsText:
    """Return the methods text of a result.

    Parameters
    ----------
    result : ContrastResult
        The result.

    Returns
    -------
    MethodsText
        Text and citations.
    """
    text = CitedText(_values(result))
    _add_inputs(text, result)
    _add_model(text, result)
    _add_dof(text, result)
    text.add("Computations used numpy {numpy} [@numpy] and scipy {scipy} [@scipy].")
    _add_bounds(text, result)
    _add_clusters(text, result)
    _add_regions(text, result)
    return text.finish()


def model_sentence(result: ContrastResult) -> str:
    """Return the sentence of the methods text on the group model and the test."""
    text = CitedText(_values(result))
    _add_model(text, result)
    return text.sentences[0]


def linear_combinations(design: Design, test: str) -> list[str]:
    """Return each linear combination of a test as ``+1 age -1 sex``."""
    rows = np.atleast_2d(design.tests[test])
    return [" ".join(f"{w:+.6g} {column}" for w, column in zip(row, design.columns, strict=True) if w) for row in rows]


def _values(result: ContrastResult) -> dict[str, object]:
    """Return what sentences name: versions of software, and everything that comes from the data."""
    contrast, design, options, unit = result.contrast, result.design, result.options, result.space.unit
    versions = {name: result.made.versions.get(name, "unknown") for name in ("bids_ari", *PACKAGES)}
    model = {} if design is None else {
        "columns": ", ".join(design.columns),
        "factors": ", ".join(design.factors),
        "formula": design.formula or "from a BIDS Stats Model",
        "rows": "; ".join(linear_combinations(design, result.test)),
    }  # fmt: skip
    return versions | model | {
        "unit": unit,
        "units": plural_of(unit),
        "points": plural(result.space.n_points, unit),
        "constant": plural(result.n_constant, unit),
        "name": contrast.name,
        "subjects": plural(len(contrast.members), "subject"),
        "source": source_name(result),
        "statistic": statistic(result),
        "paired": contrast.paired,
        "mask": mask_name(result),
        "test": result.test,
        "side": _ALTERNATIVES[result.alternative],
        "blocks": "" if result.calibrated is None else result.calibrated.blocks,
        "template": template_source(result),
        "atlas": options.atlas if is_templateflow_atlas(result) else atlas_name(result),
    }  # fmt: skip


def _add_inputs(text: CitedText, result: ContrastResult) -> None:
    """Add the maps that were analysed, their processing, and the points that were tested."""
    members, kind = result.contrast.members, source(result)
    maps = {
        "group": f"First-level {result.contrast.stat} maps of {{subjects}} ({{name}}) were",
        "subject": "The first-level {statistic} of one subject, {source} ({name}), was",
        "map": "A {statistic} computed by other software ({source}) was",
    }[kind]
    text.add(f"{maps} analysed with bids_ari {{bids_ari}}.")
    if any(file.dataset == MANIFEST_SOURCE for member in members for file in member.all_maps):
        text.add("The maps were listed in a table, together with the subjects they belong to.")
    elif kind != "map":
        text.add("BIDS entities in file and folder names were read as defined by pybids {pybids} [@pybids].")
    if kind == "group":
        _add_processing(text, result)
    _add_points(text, result)


def _add_processing(text: CitedText, result: ContrastResult) -> None:
    """Add the steps before the group model: averages, differences, smoothing."""
    contrast, smoothing = result.contrast, result.options.smoothing
    if any(len(member.all_maps) > 1 + (member.minus is not None) for member in contrast.members):
        levels = "runs" if contrast.combined == "run" else "sessions and runs"
        is_weighted = any(member.variances for member in contrast.members)
        how = "weighted by the inverse of their first-level variance (fixed effects)" if is_weighted else "unweighted"
        text.add(f"The maps of the {levels} of each subject were averaged, {how}.")
    if contrast.paired:
        text.add("Within-subject differences between two values of {paired} were analysed.")
    if smoothing:
        text.add(
            f"Each map was smoothed with a Gaussian kernel of {smoothing:g} mm full width at half maximum using "
            "nilearn {nilearn} [@nilearn]."
        )
    else:
        text.add("No further smoothing was applied.")


def _add_points(text: CitedText, result: ContrastResult) -> None:
    """Add the points that were tested."""
    options = result.options
    inside = (
        {True: " inside {mask}", False: " inside the mask {mask}"}[options.mask == TEMPLATE] if options.mask else ""
    )
    where, constant = "it had a value", ""
    if source(result) == "group":
        n_required = (
            "all subjects" if options.coverage == 1 else f"at least {percent(options.coverage)} of the subjects"
        )
        where = f"{n_required} had data"
        constant = " ({constant} without variation between subjects excluded)" if result.n_constant else ""
    text.add(f"The {{points}}{inside} at which {where} were tested{constant}.")


def _add_model(text: CitedText, result: ContrastResult) -> None:
    """Add the group model and the test."""
    options, design = result.options, result.design
    if design is None:
        text.add("The statistics of the {statistic} were used without a group model ({side}).")
        return
    fitted, is_known = _FITTED[options.estimator], options.estimator == "fixed"
    if options.variance == "unequal":
        fitted = f"by the means of groups{' of {factors}' if design.factors else ''}, {_UNEQUAL}"
    if design.is_mean and not result.is_f_test:
        by = {"ols": "a one-sample t test", "fixed": "a z test", "mixed": "a t test"}[options.estimator]
        text.add(
            f"At each {{unit}}, the mean effect over subjects was estimated {fitted} and compared with zero by {by} "
            "({side})."
        )
        return
    if result.is_f_test:
        tested = "{test} ({rows}) was compared with zero by " + ("a chi-square test" if is_known else "an F test")
    else:
        tested = "the combination {rows} ({test}) was compared with zero by a "
        tested += ("z" if is_known else "t") + " test ({side})"
    text.add(
        "At each {unit}, a linear model ({formula}) with the columns {columns} was fitted " + f"{fitted}, and {tested}."
    )


def _add_dof(text: CitedText, result: ContrastResult) -> None:
    """Add degrees of freedom, and the conversion to z."""
    converted = f"ach {'F' if result.is_f_test else 't'} was converted to the z with the same tail probability."
    if not math.isfinite(result.dof):
        return
    if result.design is None:
        text.add(f"E{converted}")
        return
    at_most = "up to " if result.has("dof") else ""
    rows = f"{result.glm.n_rows} and " if result.is_f_test else ""
    text.add(f"The test had {rows}{at_most}{result.dof:g} degrees of freedom; e{converted}")


def _add_bounds(text: CitedText, result: ContrastResult) -> None:
    """Add the origin of the bounds, their confidence and their assumption."""
    options, calibrated, method = result.options, result.calibrated, METHODS[result.method]
    text.add(
        "All-Resolutions Inference [@rosenblatt2018] was used to compute lower bounds on the number (TDN) and "
        "the proportion (TDP) of truly active {units} in sets of {units}."
    )
    held = (
        f", at alpha = {options.alpha:g}: with a confidence of {percent(1 - options.alpha)} they hold simultaneously "
        "for all sets of {units}, so that sets may be chosen after seeing the data."
    )
    if calibrated is None:
        text.add(f"{method.methods_text}{held}")
    else:
        seed = "" if calibrated.is_complete else f" (seed {calibrated.seed})"
        how = "in whole blocks" if calibrated.shuffle == "flip" else "within blocks"
        within = f" {how} of the column {{blocks}} [@winkler2014]" if calibrated.blocks else ""
        text.add(
            f"The bounds were calibrated [@blanchard2020] by {permutations_text(calibrated)} of the subjects"
            f"{seed}{within}, including the observed data [@hemerik2018]{held}"
        )
        _add_calibration(text, result, calibrated)
    text.add(method.assumption)


def _add_calibration(text: CitedText, result: ContrastResult, calibrated: Calibrated) -> None:
    """Add the choice of the critical vector by permutation."""
    text.add(
        f"The critical vector was selected from the family with {_family(calibrated)}: that with the largest lambda, "
        f"{calibrated.lambda_:.4g}, at which at most {thousands(calibrated.n_errors)} of the permutations had, for "
        "some k, at least k {units} with a p below the k-th critical p."
    )
    if calibrated.exactness != "exact":
        permuted = "uncorrelated residuals [@theil1965; @winkler2020]"
        if calibrated.shuffle == "permute":
            permuted = "the residuals [@freedman1983; @winkler2014]"
        text.add(
            "Columns of the design that were not tested were fitted first, and permutations were applied to "
            f"{permuted}, which is {LEVELS[calibrated.exactness]}."
        )
    if result.options.step_down:
        text.add(
            "The calibration was repeated without the individually significant {units} "
            f"({calibrated.n_left_out} in the end) until no further ones were found [@blanchard2020]."
        )


def _family(calibrated: Calibrated) -> str:
    """Return the family of critical vectors."""
    if calibrated.family == "simes":
        delta = calibrated.delta
        line = f"(k - {delta}) lambda / (m - {delta})" if delta else "k lambda / m"
        return f"{line} as the k-th critical p of m [@andreella2023]"
    if calibrated.family == "beta":
        return "the lambda quantile of the k-th smallest of m independent uniform p as the k-th critical p"
    return (
        "the lambda quantile of the k-th smallest p of a template, learned from {template} [@blain2022], as the k-th "
        "critical p"
    )


def _add_clusters(text: CitedText, result: ContrastResult) -> None:
    """Add how clusters were formed, and the adjusted p of single points."""
    options, signs = result.options, ""
    conditions = any_of(beyond(threshold, result.alternative) for threshold in options.threshold)
    if result.alternative == "two-sided":
        signs = (
            "; a cluster may contain both signs" if options.join_signs else "; {units} of a cluster share their sign"
        )
    text.add(
        f"Clusters are connected components of {{units}} with {conditions} (connectivity {options.connectivity}: "
        f"neighbours share {_NEIGHBOURS[options.connectivity]}{signs})."
    )
    if result.largest:
        text.add(
            "In addition, all largest supra-threshold clusters with a TDP of at least "
            f"{any_of(f'{tdp:g}' for tdp in result.largest)}, at any threshold, were found [@chen2023]."
        )
    if adjusted := METHODS[result.method].adjusted_p_text:
        text.add(adjusted)


def _add_regions(text: CitedText, result: ContrastResult) -> None:
    """Add the regions for which bounds were computed, and the origin of atlas and mask."""
    for regions in result.regions:
        n = len(regions.regions)
        if regions is not result.atlas:
            text.add(f"TDN and TDP were computed for {plural(n, 'region')} of interest.")
            continue
        cited = " [@schaefer2018]" if re.search("schaefer.*2018", regions.name, re.IGNORECASE) else ""
        text.add(f"TDN and TDP were computed for the {plural(n, 'parcel')} of the atlas {{atlas}}{cited}.")
    for taken, what in (
        (result.atlas is not None and is_templateflow_atlas(result), "atlas"),
        (result.options.mask == TEMPLATE, "brain mask"),
    ):
        if taken:
            text.add(f"The {what} was taken from TemplateFlow, version {{templateflow}} [@templateflow].")
