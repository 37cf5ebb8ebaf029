"""Analyses of groups: from the maps of one contrast to its results, by a group model."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from bids_ari.analysis.group_model import Fit, fit, options_of, plan
from bids_ari.analysis.inference import Tests, directed_tests, notes_on_points
from bids_ari.analysis.inputs import check_contrast, dof_of, hashes_of
from bids_ari.analysis.joint_tests import note_on_joint_test
from bids_ari.analysis.methods import GroupData
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
from bids_ari.bids.space_metadata import spatial_metadata
from bids_ari.bids.spaces import StandardSpace
from bids_ari.config.options import Options
from bids_ari.config.settings import Resources
from bids_ari.design.checks import excluding
from bids_ari.design.design import Design
from bids_ari.errors import EmptyMaskError
from bids_ari.images.checks import check_headers
from bids_ari.images.stack import Stack, load_stack
from bids_ari.images.storage import at_points
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
    files, space = option_files(options, contrast), StandardSpace.of(contrast.entities)
    make = _maker(contrast, options, design, stack, fitted, files)
    notes = (
        *notes_on_subjects(contrast.excluded),
        *contrast.notes,
        *design.notes,
        *stack.notes,
        *fitted.notes,
        *notes_on_spaces(files, space),
        *notes_on_resolutions(files, space, options),
    )
    for glm in fitted.results:
        tested = ~np.isnan(glm.z)
        if not tested.any():
            raise _nothing_varies(stack, contrast)
        n_constant = int((~tested).sum())
        maps = tuple(at_points(each, tested) for each in stack.all_effects)
        yield from directed_tests(
            partial(make, n_constant=n_constant, tau2=None if fitted.tau2 is None else fitted.tau2[tested]),
            glm.at(tested),
            stack.space.keep(tested),
            options,
            (
                *notes,
                *_notes_on_test(glm.test, len(maps), stack, design, fitted, options),
                *notes_on_points(stack, n_constant, options),
            ),
            GroupData(maps, design, resources.n_jobs, stack.space.unit, sharing=sharing),
            space,
        )


def _maker(
    contrast: ContrastSet, options: Options, design: Design, stack: Stack, fitted: Fit, files: Mapping[str, Path]
) -> Callable[..., ContrastResult]:
    """Return a function that makes the result of a test, given what depends on the test."""
    return partial(
        ContrastResult,
        contrast=contrast,
        options=options,
        coverage=stack.coverage,
        design=replace(design, excluded=(), notes=(), groups=()),  # in the contrast, notes and variances
        hashes=hashes_of(contrast, stack) | hash_files(files),
        files={role: path.name for role, path in files.items()},
        spatial=spatial_metadata(contrast.members[0].first),
        resampled=stack.resampled,
        normalised=stack.normalised,
        outlying=fitted.outlying,
        group_variances=fitted.variances,
        normality=fitted.normality,
        quality=stack.quality,
    )


def _notes_on_test(
    test: str, n_maps: int, stack: Stack, design: Design, fitted: Fit, options: Options
) -> Iterator[str]:
    """Yield notes on the assumptions of a test; `n_maps` of each subject are tested together."""
    units = stack.space.units
    yield from note_on_joint_test(n_maps, design, test)
    yield from notes_on_outliers(criteria(stack.quality, fitted.outlying, test), design.subjects)
    yield from notes_on_normality(fitted.normality, design, test, options, units, has_direction=n_maps == 1)
    yield from notes_on_variances(fitted.variances, design, test, options, units, n_maps)


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
        files = check_option_files(options, contrast, headers.frame)
    notes = notes_on_spaces(files, StandardSpace.of(contrast.entities))
    return replace(contrast, notes=(*contrast.notes, *notes)), design


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


def _nothing_varies(stack: Stack, contrast: ContrastSet) -> EmptyMaskError:
    """Return the error for maps without variance: equal ones, and values whose squares are beyond floating point."""
    rows = [stack.effects[i : i + 1, :] for i in range(len(stack.subjects))]
    low, high = min(map(np.nanmin, rows)), max(map(np.nanmax, rows))
    return EmptyMaskError(
        f"None of the {stack.space.n_points} {stack.space.units} of {contrast.name} varies between subjects by more "
        f"than a millionth of the values, which are from {low:.4g} to {high:.4g}",
        hint="Check that these are maps of different subjects, and their units",
    )
