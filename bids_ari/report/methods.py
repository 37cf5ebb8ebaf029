"""The methods paragraph and its citations, from the settings that were really used."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bids_ari.analysis.calibrated import LEVELS, Calibrated
from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.contrasts import ContrastSet
from bids_ari.config.methods import METHODS
from bids_ari.config.options import TEMPLATE
from bids_ari.report.labels import atlas_from_templateflow, atlas_name, draws_of, kind, mask_name, statistic, whose
from bids_ari.report.references import REFERENCES, Reference
from bids_ari.report.render import above, any_of, percent, plural, thousands
from bids_ari.report.sections.calibration import template_of

_CITATION = re.compile("@(" + "|".join(REFERENCES) + r")\b")

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
    "latter by the method of moments (@dersimonian1986), with the scale of Knapp and Hartung (@knapp2003)",
}
_UNEQUAL = "each with a variance of its own and degrees of freedom after Welch and Satterthwaite (@welch1947)"


@dataclass(frozen=True, slots=True)
class Methods:
    """What a paper would say.

    Attributes
    ----------
    paragraph : str
        The text, with citations by author and year.
    keys : tuple of str
        What it cites, in that order, as `REFERENCES` names it.
    """

    paragraph: str
    keys: tuple[str, ...]

    @property
    def references(self) -> tuple[Reference, ...]:
        """What it cites, in that order."""
        return tuple(REFERENCES[key] for key in self.keys)

    @property
    def bibtex(self) -> str:
        """The same for a reference manager."""
        return "\n".join(REFERENCES[key].bibtex(key) for key in self.keys)


def describe(result: ContrastResult) -> Methods:
    """Write the methods of a result.

    Parameters
    ----------
    result : ContrastResult
        What was done.

    Returns
    -------
    Methods
    """
    text = " ".join((*_input_sentences(result), *_model_sentences(result), *_inference_sentences(result)))
    paragraph = _CITATION.sub(lambda match: REFERENCES[match[1]].short, text)
    return Methods(paragraph, tuple(dict.fromkeys(_CITATION.findall(text))))


def _input_sentences(result: ContrastResult) -> tuple[str, ...]:
    """Tell which maps entered, and where they were tested."""
    name = mask_name(result)
    inside = f" inside {name if result.options.mask == TEMPLATE else f'the mask {name}'}" if name else ""
    if kind(result) == "group":
        return _group_input_sentences(result, inside)
    if kind(result) == "subject":
        entered = (
            f"The first-level {statistic(result)} of one subject, {whose(result)} ({result.contrast.name}), was found "
            f"with pybids {_version(result, 'pybids')} (@pybids) and"
        )
    else:
        entered = f"A {statistic(result)} made elsewhere ({whose(result)}) was"
    return (
        f"{entered} analysed with bids_ari {_version(result, 'bids_ari')}.",
        f"The {thousands(result.space.n_points)} voxels{inside} at which it had a value were tested.",
    )


def _group_input_sentences(result: ContrastResult, inside: str) -> tuple[str, ...]:
    """Tell the maps of a group, and where they were tested."""
    options, contrast = result.options, result.contrast
    smoothed = (
        f"Each map was smoothed by a Gaussian of {options.smoothing:g} mm full width at half maximum with nilearn "
        f"{_version(result, 'nilearn')} (@nilearn)."
        if options.smoothing
        else "The maps were not smoothed any further."
    )
    who = "all subjects" if options.coverage == 1 else f"at least {percent(options.coverage)} of the subjects"
    constant = (
        f" ({plural(result.n_constant, 'voxel')} without variation between subjects left out)"
        if result.n_constant
        else ""
    )
    return (
        f"First-level {contrast.stat} maps of {plural(len(contrast.members), 'subject')} ({contrast.name}) were found "
        f"with pybids {_version(result, 'pybids')} (@pybids) and analysed with bids_ari "
        f"{_version(result, 'bids_ari')}.",
        *_combined_sentence(contrast),
        smoothed,
        f"The {thousands(result.space.n_points)} voxels{inside} at which {who} had data were tested{constant}.",
    )


def _combined_sentence(contrast: ContrastSet) -> tuple[str, ...]:
    """Tell how several maps of a subject became one."""
    told: tuple[str, ...] = ()
    if any(len(member.all_maps) > 1 + (member.minus is not None) for member in contrast.members):
        of_what = "runs" if contrast.combined == "run" else "sessions and runs"
        weighed = any(member.variances for member in contrast.members)
        how = "weighted by the inverse of their first-level variance (fixed effects)" if weighed else "without weights"
        told += (f"The maps of the {of_what} of a subject were averaged, {how}.",)
    if contrast.paired:
        told += (f"Differences within subjects were analysed, between two values of {contrast.paired}.",)
    return told


def _model_sentences(result: ContrastResult) -> tuple[str, ...]:
    """Tell the group model."""
    return (
        model_sentence(result),
        *_dof_sentence(result),
        f"Computations used numpy {_version(result, 'numpy')} (@numpy) and scipy {_version(result, 'scipy')} (@scipy).",
    )


def _dof_sentence(result: ContrastResult) -> Iterator[str]:
    """Tell degrees of freedom, and how z came about."""
    turned = f"ach {'F' if result.is_f_test else 't'} was turned into the z of the same tail probability."
    if not math.isfinite(result.dof):
        return
    if result.design is None:
        yield f"E{turned}"
        return
    upto = "up to " if result.has("dof") else ""
    rows = f"{result.glm.n_rows} and " if result.is_f_test else ""
    yield f"The test had {rows}{upto}{result.dof:g} degrees of freedom; e{turned}"


def model_sentence(result: ContrastResult) -> str:
    """Tell the design and the test in one sentence."""
    side = _ALTERNATIVES[result.alternative]
    options, design = result.options, result.design
    if design is None:
        return f"The statistics were taken as they are from the {statistic(result)}, without a group model ({side})."
    fitted = _FITTED[options.estimator]
    if options.variance == "unequal":
        groups = f" of {', '.join(design.factors)}" if design.factors else ""
        fitted = f"by the means of groups{groups}, {_UNEQUAL}"
    if design.is_mean and not result.is_f_test:
        named = {"ols": "by a one-sample t test", "fixed": "by a z test", "mixed": "by a t test"}[options.estimator]
        return (
            f"At each voxel, the mean effect over subjects was estimated {fitted} and compared with zero {named} "
            f"({side})."
        )
    model = f"a linear model ({design.formula})" if design.formula else "a linear model (from a BIDS Stats Model)"
    return (
        f"At each voxel, {model} with the columns {', '.join(design.columns)} was fitted {fitted}, and "
        f"{_tested(result, side)}."
    )


def _tested(result: ContrastResult, side: str) -> str:
    """Say what was compared with zero."""
    weights, fixed = rows_of(result), result.options.estimator == "fixed"
    if result.is_f_test:
        by = "a chi-square test" if fixed else "an F test"
        return f"{result.test} ({'; '.join(weights)}) was compared with zero by {by}"
    by = f"a {'z' if fixed else 't'} test ({side})"
    return f"the combination {weights[0]} ({result.test}) was compared with zero by {by}"


def rows_of(result: ContrastResult, test: str | None = None) -> list[str]:
    """Write each linear combination of a test in words: ``+1 age -1 sex``; ``test`` is that of the result if none."""
    if result.design is None:
        return []
    rows = np.atleast_2d(result.design.tests[test or result.test])
    columns = result.design.columns
    return [" ".join(f"{w:+.6g} {column}" for w, column in zip(row, columns, strict=True) if w) for row in rows]


def _inference_sentences(result: ContrastResult) -> tuple[str, ...]:
    """Tell the bounds and the clusters."""
    options = result.options
    thresholds = any_of(above(threshold, result.alternative) for threshold in options.threshold)
    signs = ""
    if result.alternative == "two-sided":
        signs = "; a cluster may hold both signs" if options.join_signs else "; voxels of a cluster share their sign"
    return (
        "All-Resolutions Inference (@rosenblatt2018) gave, for sets of voxels, lower bounds on the number (TDN) and "
        "the proportion (TDP) of truly active voxels.",
        f"{_origin(result)}, at alpha = {options.alpha:g}: with a confidence of {percent(1 - options.alpha)} they "
        "hold for all sets of voxels at once, so that sets may be chosen after seeing the data.",
        *_draw_sentences(result),
        METHODS[result.method].assumption,
        f"Clusters are connected components of voxels with {thresholds} (connectivity {options.connectivity}: "
        f"neighbours share {_NEIGHBOURS[options.connectivity]}{signs}).",
        *_largest_sentences(result),
        *_voxel_sentences(result),
        *_region_sentences(result),
    )


def _origin(result: ContrastResult) -> str:
    """Tell where the bounds come from."""
    told = result.calibrated
    if told is None:
        return METHODS[result.method].methods_text
    seed = "" if told.is_complete else f" (seed {told.seed})"
    return (
        f"The bounds were calibrated (@blanchard2020) by {draws_of(told)} of the subjects{seed}{_within(told)}, the "
        "data as observed among them (@hemerik2018)"
    )


def _within(told: Calibrated) -> str:
    """Tell which subjects are exchanged, where not all are."""
    if not told.blocks:
        return ""
    how = "in whole blocks" if told.shuffle == "flip" else "within blocks"
    return f" {how} of the column {told.blocks} (@winkler2014)"


def _draw_sentences(result: ContrastResult) -> Iterator[str]:
    """Tell how draws chose the critical vector, where they did."""
    told = result.calibrated
    if told is None:
        return
    yield (
        f"A critical vector was taken from the family with {_family(result, told)}, with the largest lambda, "
        f"{told.lambda_:.4g}, with which for at most {thousands(told.n_errors)} of the draws as many as k voxels, for "
        "some k, had a p below the k-th critical one."
    )
    if told.exactness != "exact":
        acted_on = "uncorrelated residuals (@theil1965; @winkler2020)"
        if told.shuffle == "permute":
            acted_on = "the residuals (@freedman1983; @winkler2014)"
        yield (
            f"What is not tested was fitted first, and draws acted on {acted_on}, which is {LEVELS[told.exactness]}."
        )
    if result.options.step_down:
        yield (
            "The calibration was repeated without the voxels that were certainly active by themselves "
            f"({told.n_left_out} in the end) until there were no more of them (@blanchard2020)."
        )


def _family(result: ContrastResult, told: Calibrated) -> str:
    """Tell the critical vectors among which was chosen."""
    if told.family == "simes":
        line = f"(k - {told.delta}) lambda / (m - {told.delta})" if told.delta else "k lambda / m"
        return f"{line} as the k-th critical p of m (@andreella2023)"
    if told.family == "beta":
        return "the lambda quantile of the k-th smallest of m independent uniform p as the k-th critical p"
    return (
        f"the lambda quantile of the k-th smallest p of a template, learned from {template_of(result, told)} "
        "(@blain2022), as the k-th critical p"
    )


def _voxel_sentences(result: ContrastResult) -> Iterator[str]:
    """Tell how the p-values of single voxels were adjusted, where they were."""
    if METHODS[result.method].adjusted_p_text:
        yield METHODS[result.method].adjusted_p_text


def _largest_sentences(result: ContrastResult) -> Iterator[str]:
    """Tell how clusters were found from a wanted TDP."""
    if result.largest:
        gammas = any_of(f"{gamma:g}" for gamma in result.largest)
        yield (
            f"In addition, all largest supra-threshold clusters with a TDP of at least {gammas} were found, at "
            "whatever threshold (@chen2023)."
        )


def _region_sentences(result: ContrastResult) -> Iterator[str]:
    """Tell which regions were bounded, and where they come from."""
    from_templateflow = atlas_from_templateflow(result)
    for regions in result.regions:
        n = len(regions.regions)
        if regions is result.atlas:
            cited = " (@schaefer2018)" if re.search("schaefer.*2018", regions.name, re.IGNORECASE) else ""
            source = (
                f", taken from TemplateFlow (version {_version(result, 'templateflow')}; @templateflow)"
                if from_templateflow
                else ""
            )
            name = result.options.atlas if from_templateflow else atlas_name(result) or regions.name
            yield f"TDN and TDP were bounded in the {plural(n, 'parcel')} of the atlas {name}{cited}{source}."
        else:
            yield f"TDN and TDP were bounded in {plural(n, 'region')} of interest."
    if result.options.mask == TEMPLATE and not (result.atlas and from_templateflow):
        yield f"The brain mask was taken from TemplateFlow (version {_version(result, 'templateflow')}; @templateflow)."


def _version(result: ContrastResult, package: str) -> str:
    """Give the version that was used, which is not always the one that writes the page."""
    return result.made.versions.get(package, "unknown")
