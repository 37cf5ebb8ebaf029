"""Analyses: from the maps of one contrast to its results, by a group model or from a single map."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from bids_ari.analysis.group_model import fit, options_of, plan
from bids_ari.analysis.inference import Tests, directed_tests, statistics_of
from bids_ari.analysis.inputs import check_contrast, check_same_dof, dof_of, f_test_of, metadata_of
from bids_ari.analysis.joint_tests import note_on_joint_test
from bids_ari.analysis.methods import GroupData
from bids_ari.analysis.minimum_effect import check_minimum_effect
from bids_ari.analysis.normality import notes_on_normality
from bids_ari.analysis.option_files import (
    check_option_files,
    hash_files,
    notes_on_resolutions,
    notes_on_spaces,
    option_files,
)
from bids_ari.analysis.outliers import criteria, notes_on_outliers
from bids_ari.analysis.result import ContrastResult
from bids_ari.analysis.together import infer
from bids_ari.analysis.variances import notes_on_variances
from bids_ari.bids.contrasts import ContrastSet
from bids_ari.bids.exclusions import notes_on_subjects
from bids_ari.bids.participants import Participants
from bids_ari.bids.single_map import contrast_of_map
from bids_ari.bids.space_metadata import spatial_metadata
from bids_ari.bids.spaces import StandardSpace
from bids_ari.config.model_options import TEMPLATE
from bids_ari.config.options import Options
from bids_ari.config.settings import Resources
from bids_ari.design.checks import excluding
from bids_ari.design.design import Design
from bids_ari.errors import EmptyMaskError, UsageError, counted
from bids_ari.images.checks import check_headers, source_of
from bids_ari.images.masks import note_unmasked
from bids_ari.images.single import load_map
from bids_ari.images.stack import Stack, load_stack
from bids_ari.images.statistic import Given, Kind
from bids_ari.images.storage import at_points
from bids_ari.images.templates import note_on_space
from bids_ari.runtime.progress import step


def analyse(
    contrast: ContrastSet,
    options: Options | None = None,
    resources: Resources | None = None,
    participants: Participants | str | Path | None = None,
) -> tuple[ContrastResult, ...]:
    """Analyse the maps of a group: from one map per subject to true discovery proportions.

    Parameters
    ----------
    contrast : ContrastSet
        The maps, from `discover`; with ``weights=True`` for other estimators than ordinary least squares.
    options : Options, optional
        The options of the analysis.
    resources : Resources, optional
        What may be used of the machine.
    participants : Participants or path, optional
        The table of subjects, for a formula or model over its columns.

    Returns
    -------
    tuple of ContrastResult
        One per test, alternative and method; an F test has one alternative. With ``options.joint`` the bounds of all of
        them hold together; those of several contrasts do by `bids_ari.run`.

    Raises
    ------
    DataError
        When the maps do not fit: several of one subject, fewer than two, different grids, damaged files, no voxel
        left to test, or a design that cannot be fitted.
    """
    check_contrast(contrast)
    options = options or Options()
    return infer(group_tests(contrast, options, resources, participants), joint=options.joint)


def group_tests(
    contrast: ContrastSet,
    options: Options,
    resources: Resources | None = None,
    participants: Participants | str | Path | None = None,
    sharing: tuple[str, ...] = (),
) -> Tests:
    """Read the maps of a group, fit its model, and yield its tests; arguments and errors are those of `analyse`.

    `sharing` are the subjects of all contrasts that are calibrated together with this one.
    """
    options, resources = options_of(contrast, options), resources or Resources()
    contrast, design = plan(contrast.labelled(options.label), options, participants)
    stack = _load(contrast, options, resources)
    with step("fitting the group model"):
        fitted = fit(stack, design, options)
    files = option_files(options, contrast)
    make = partial(
        ContrastResult,
        contrast=contrast,
        options=options,
        coverage=stack.coverage,
        design=replace(design, excluded=(), notes=(), groups=()),  # in the contrast, notes and variances
        hashes=_hashes(contrast, stack) | hash_files(files),
        files={role: path.name for role, path in files.items()},
        spatial=spatial_metadata(contrast.members[0].first),
        resampled=stack.resampled,
        normalised=stack.normalised,
        outlying=fitted.outlying,
        group_variances=fitted.variances,
        normality=fitted.normality,
        quality=stack.quality,
    )
    excluded = notes_on_subjects(contrast.excluded)
    notes = (
        *excluded,
        *contrast.notes,
        *design.notes,
        *stack.notes,
        *fitted.notes,
        *notes_on_spaces(files, space := StandardSpace.of(contrast.entities)),
        *notes_on_resolutions(files, space, options),
    )
    for glm in fitted.results:
        tested = ~np.isnan(glm.z)
        if not tested.any():
            raise EmptyMaskError(
                f"None of the {stack.space.n_points} {stack.space.units} of {contrast.name} varies between subjects",
                hint="Check that these are maps of different subjects",
            )
        n_constant = int((~tested).sum())
        maps = tuple(at_points(each, tested) for each in stack.all_effects)
        yield from directed_tests(
            partial(make, n_constant=n_constant, tau2=None if fitted.tau2 is None else fitted.tau2[tested]),
            glm.at(tested),
            stack.space.keep(tested),
            options,
            (
                *notes,
                *note_on_joint_test(len(maps), design, glm.test),
                *notes_on_outliers(criteria(stack.quality, fitted.outlying, glm.test), design.subjects),
                *notes_on_normality(
                    fitted.normality, design, glm.test, options, stack.space.units, has_direction=len(maps) == 1
                ),
                *notes_on_variances(fitted.variances, design, glm.test, options, stack.space.units, len(maps)),
                *_notes(stack, n_constant, options),
            ),
            GroupData(maps, design, resources.n_jobs, stack.space.unit, sharing=sharing),
            space,
        )


def analyse_subject(
    contrast: ContrastSet, options: Options | None = None, resources: Resources | None = None
) -> tuple[ContrastResult, ...]:
    """Analyse the z or t map of a single subject, from `subject_contrasts`; return a result per alternative and method.

    The sidecar of a t map must have DegreesOfFreedom. Smoothing and coverage are not used.
    """
    options = options or Options()
    return infer(subject_tests(contrast, options, resources), joint=options.joint)


def subject_tests(contrast: ContrastSet, options: Options, resources: Resources | None = None) -> Tests:
    """Read the map of a single subject, and yield its tests; arguments and errors are those of `analyse_subject`."""
    contrast.check()
    (member,) = contrast.members
    stat = contrast.stat
    if stat not in ("z", "t"):
        raise UsageError(f"The maps have stat {stat}", "z or t: an effect alone has no p")
    dof = dof_of(member) if stat == "t" else None
    _, notes = metadata_of(member, is_needed=stat == "t")
    f_test = f_test_of(contrast)
    subject, session = (contrast.entities.get(key) for key in ("sub", "ses"))
    folder = f"sub-{subject}" + (f"/ses-{session}" if session else "")
    noise = "p-values depend on the noise model of the first level, which this analysis cannot check"
    notes = (noise, *notes, *_notes_on_f(f_test))
    given = Given(stat, dof, is_z_of_f=bool(f_test), dof_name="DegreesOfFreedom")
    return _single_tests(contrast, options, resources, given, folder=folder, notes=notes, drop_zeros=True)


def analyse_map(
    path: Path,
    options: Options | None = None,
    resources: Resources | None = None,
    dof: float | None = None,
    *,
    stat: Kind | None = None,
    space: str | None = None,
) -> tuple[ContrastResult, ...]:
    """Analyse a group map that was computed elsewhere; parameters and errors are those of `bids_ari.workflow.run_map`.

    An infinite statistic is a test.
    """
    contrast = contrast_of_map(path, "z", space)
    sidecar, notes = metadata_of(contrast.members[0], is_needed=False)
    f_test = f_test_of(contrast) if "_stat-z_" in path.name else ""
    given = Given(stat, dof, sidecar, is_z_of_f=bool(f_test))
    if space is not None and (unknown := note_on_space(StandardSpace.of(contrast.entities))):
        notes = (*notes, unknown)
    options, notes = options or Options(), (*notes, *_notes_on_f(f_test))
    return infer(_single_tests(contrast, options, resources, given, notes=notes), joint=options.joint)


def check_maps(
    contrast: ContrastSet, options: Options, participants: Participants | None = None
) -> tuple[ContrastSet, Design | None]:
    """Plan the group model and check the headers of all files; all problems with these are raised as one error.

    Files of TemplateFlow are looked up, and masks, atlas and template are read.

    Returns
    -------
    ContrastSet
        The maps that would be analysed.
    Design or None
        The group model; None for a map of a single subject.
    """
    if contrast.entities.get("sub") is not None:
        contrast.check()
        for member in contrast.members if contrast.stat == "t" else ():
            dof_of(member)
        headers = check_headers(contrast.members, map_name=options.map_name)
        check_option_files(options, contrast, headers.frame)
        return contrast, None
    options = options_of(contrast, options)
    contrast, design = plan(contrast, options, participants)
    with excluding(design.excluded):
        headers = check_headers(
            contrast.members,
            variances=options.is_weighted,
            target=options.target_grid,
            template=StandardSpace.of(contrast.entities),
            allow_native_space=options.allow_native_space,
            map_name=options.map_name,
        )
        check_option_files(options, contrast, headers.frame)
    return contrast, design


def _load(contrast: ContrastSet, options: Options, resources: Resources) -> Stack:
    """Read the maps of a contrast."""
    return load_stack(
        contrast.members,
        mask=options.mask,
        mask_threshold=options.mask_threshold,
        coverage=options.coverage,
        smoothing=options.smoothing,
        target=options.target_grid,
        template=StandardSpace.of(contrast.entities),
        variances=options.is_weighted,
        allow_native_space=options.allow_native_space,
        allow_duplicates=options.allow_duplicates,
        stat=contrast.stat,
        surface=options.surface,
        map_name=options.map_name,
        n_threads=resources.n_jobs,
        mem=resources.mem,
        work_dir=resources.work_dir,
    )


def _hashes(contrast: ContrastSet, stack: Stack) -> dict[str, str]:
    """Return the SHA-256 of each file that was read, by its BIDS URI."""
    return {file.uri: stack.hashes[file.path] for file in contrast.files if file.path in stack.hashes}


def _single_tests(
    contrast: ContrastSet,
    options: Options,
    resources: Resources | None,
    given: Given,
    *,
    folder: str = "group",
    notes: tuple[str, ...] = (),
    drop_zeros: bool = False,
) -> Tests:
    """Read the only map of a contrast, and yield its tests; if `drop_zeros`, voxels with the value 0 are not tested."""
    check_minimum_effect(options, contrast.stat, None)
    contrast = contrast.labelled(options.label)
    (member,) = contrast.members
    template = StandardSpace.of(contrast.entities)
    with step("reading the map"):
        stack = load_map(
            source_of(member.first),
            options.mask,
            mask_threshold=options.mask_threshold,
            template=template,
            surface=options.surface,
            map_name=member.first.map_name or options.map_name,
            drop_zeros=drop_zeros,
            mem=(resources or Resources()).mem,
            given=given,
        )
    (glm, statistic), files = statistics_of(stack), option_files(options, contrast)
    if statistic.kind != "z":
        check_same_dof(member)
    dof = statistic.dof if statistic.kind == "t" else None
    contrast = replace(contrast, stat=statistic.kind, members=(replace(member, dof=dof),))
    make = partial(
        ContrastResult,
        contrast=contrast,
        options=options,
        coverage=stack.coverage,
        design=None,
        n_constant=0,
        hashes=_hashes(contrast, stack) | hash_files(files),
        files={role: path.name for role, path in files.items()},
        spatial=spatial_metadata(member.first),
        folder=folder,
    )
    named = (*notes_on_spaces(files, template), *notes_on_resolutions(files, template, options))
    notes = (*contrast.notes, *notes, *stack.notes, *_notes(stack, 0, options), *named)
    return directed_tests(make, glm, stack.space, options, notes, template=template)


def _notes_on_f(reason: str) -> Iterator[str]:
    """Yield a note on a z map that is the z of an F test for a reason, if there is one."""
    if reason:
        yield f"A test of any effect, without a direction: {reason}"


def _notes(stack: Stack, n_constant: int, options: Options) -> Iterator[str]:
    """Yield notes on a test for the report."""
    if n_constant:
        text = counted(n_constant, stack.space.unit)
        yield f"{text} not tested: the values do not vary, or too few subjects have data"
    if options.n_results > 1:
        yield (
            f"alpha was divided over the {options.n_results} results of this run, {options.alpha:g} each: at level "
            f"{options.alpha * options.n_results:g}, all bounds of all of them hold together"
        )
    if options.mask != TEMPLATE and (note := note_unmasked(stack.space, stack.mask_fraction)):
        yield note
