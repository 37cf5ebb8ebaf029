"""The group model of one contrast: subjects, design, and its fit to the maps."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bids_ari.analysis.joint_tests import check_joint_tests
from bids_ari.analysis.listed import with_rows
from bids_ari.analysis.minimum_effect import check_minimum_effect
from bids_ari.analysis.variances import GroupVariances, compare_variances, notes_on_permuted_groups
from bids_ari.analysis.within import notes_within, plan_within
from bids_ari.bids.contrasts import ContrastSet
from bids_ari.bids.group_checks import check_group
from bids_ari.bids.participants import Participants, read_participants, with_sessions
from bids_ari.config.methods import METHODS
from bids_ari.config.options import Options
from bids_ari.design.checks import excluding
from bids_ari.design.design import Design, make_design
from bids_ari.design.stats_model import node_names, read_model
from bids_ari.images.space import Space
from bids_ari.images.stack import Stack
from bids_ari.stats.diagnostics import SubjectDiagnostics, subject_diagnostics
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.equal_variance import mixed_residual
from bids_ari.stats.glm import GlmResult, fit_glm
from bids_ari.stats.mixed_effects import UNEVEN, WeightedFit, fit_fixed, fit_mixed
from bids_ari.stats.multivariate import Interleaved, fit_multivariate
from bids_ari.stats.normality import Normality, ResidualSample
from bids_ari.stats.welch import fit_welch


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """The fit of a group model."""

    results: tuple[GlmResult, ...]  # one per test
    outlying: SubjectDiagnostics
    variances: GroupVariances
    tau2: FloatArray | None = None  # (n_points,): the variance between subjects, with mixed effects
    notes: tuple[str, ...] = ()
    normality: Normality | None = None  # where errors are assumed to be normal with one variance


def plan(
    contrast: ContrastSet, options: Options, participants: Participants | str | Path | None = None
) -> tuple[ContrastSet, Design]:
    """Choose the subjects that are analysed, and make their design; no image is read.

    The set returned lacks the subjects that the design excludes; the rows of the design are its members.
    """
    contrast.check()
    if isinstance(participants, str | Path):
        participants = read_participants(participants)
        contrast = with_rows(contrast, participants)
    if participants is not None:
        participants = participants.matched([*contrast.subjects, *(entry.subject for entry in contrast.excluded)])
    if participants is not None and (sessions := _sessions(contrast)):
        participants = with_sessions(participants, sessions, participants.folders)
    design = make_design(
        contrast.subjects,
        participants,
        options.formula,
        options.test,
        model=None if options.model is None else read_model(options.model, contrast.node or options.node),
        missing=options.missing,
        variance=options.variance,
        blocks=options.blocks,
        far_tail=any(not METHODS[name].needs_group for name in options.method),
    )
    with excluding(design.excluded):
        design = plan_within(contrast.within, design, options)
    check_minimum_effect(options, contrast.stat, design)
    contrast = contrast.keep(design.subjects, design.excluded)
    allowed = {"allow_native_space": options.allow_native_space, "allow_duplicates": options.allow_duplicates}
    notes = check_group(contrast, **allowed)
    return replace(contrast, notes=(*contrast.notes, *notes, *notes_within(contrast.within, design))), design


def with_estimator(options: Options) -> Options:
    """Return options with the estimator of the BIDS Stats Model, unless they have one other than the default.

    If several nodes of the model are analysed, each contrast has its own; see `options_of`.
    """
    if options.model is None or options.estimator != "ols" or (options.node is None and _has_several(options.model)):
        return options
    return replace(options, estimator=read_model(options.model, options.node).estimator)


def options_of(contrast: ContrastSet, options: Options) -> Options:
    """Return the options with the node of the BIDS Stats Model that analyses a contrast, and its estimator."""
    return with_estimator(replace(options, node=contrast.node) if contrast.node else options)


def _has_several(model: Path) -> bool:
    return len(node_names(model)) > 1


def fit(stack: Stack, design: Design, options: Options) -> Fit:
    """Fit a design to the maps of a contrast, by the estimator of the options.

    Of several maps per subject, differences within subjects, the diagnostics are those of all maps at all points.
    """
    tau2: FloatArray | None = None
    notes: tuple[str, ...] = ()
    maps = stack.all_effects
    effects = maps[0] if len(maps) == 1 else Interleaved(maps)
    check_joint_tests(len(maps), design, options)
    if len(maps) > 1:
        results = fit_multivariate(maps, design.matrix, design.tests, approximate=True)
    elif stack.variances is None:
        work = fit_welch if options.variance == "unequal" else fit_glm
        results = work(effects, design.matrix, design.tests)
    else:
        weigh = fit_fixed if options.estimator == "fixed" else fit_mixed
        found = weigh(effects, stack.variances, design.matrix, design.tests)
        results, tau2, notes = (
            found.results,
            found.tau2,
            tuple(_weighted_notes(options, found, effects.shape[0], stack.space)),
        )
    if options.estimator == "fixed":  # with variances that are known, it is a z, not a t
        results = tuple(replace(result, t=None) for result in results)
    sample = ResidualSample(effects.shape, design.matrix)
    unlike = subject_diagnostics(effects, design.matrix, design.tests, sample.add)
    residual = unlike.residual
    if stack.variances is not None and tau2 is not None:
        residual = mixed_residual(effects, stack.variances, tau2, design.matrix)
    compared = compare_variances(design, residual, options)
    normality = None if options.is_weighted or options.variance == "unequal" else sample.normality()
    permuted = notes_on_permuted_groups(compared, residual, design, options, stack.space.units)
    return Fit(results, unlike, compared, tau2, (*notes, *permuted), normality)


def _sessions(contrast: ContrastSet) -> dict[str, str]:
    """Return the session of each subject whose maps are of a single session."""
    labels = {m.subject: {file.entities.get("ses") for file in m.all_maps} for m in contrast.members}
    return {subject: label for subject, found in labels.items() if len(found) == 1 for label in found if label}


def _weighted_notes(options: Options, found: WeightedFit, n_maps: int, space: Space) -> Iterator[str]:
    """Yield notes on weights: their meaning, where they are missing, and where they are not reliable."""
    if options.estimator == "fixed":
        yield (
            f"Fixed effects: the inference is about these {n_maps} subjects only, not about the population that "
            "they come from"
        )
    if found.n_unusable:
        part = found.n_unusable / (n_maps * space.n_points)
        yield (
            f"Subjects were excluded at {space.units} where their first-level variance is zero or not a number: "
            f"{found.n_unusable} values, {part:.2%} of all"
        )
    unevenness = float(np.median(found.unevenness))
    if options.estimator == "mixed" and unevenness > UNEVEN:
        yield (
            f"First-level variances differ strongly between subjects (standard deviation of their logarithm "
            f"{unevenness:.2f}, median over {space.units}): above {UNEVEN} the tail of mixed effects is too light, "
            "so that bounds may be too optimistic (shown by simulations). Prefer --estimator ols"
        )
