"""Analyses: from the maps of one contrast to its results, by a group model or from a single map."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from bids_ari.analysis.fingerprint import hash_option_files
from bids_ari.analysis.group_model import fit, notes_of_test, plan, with_estimator
from bids_ari.analysis.inference import infer
from bids_ari.analysis.inputs import dof_of
from bids_ari.analysis.methods import GroupData
from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.contrasts import ContrastSet
from bids_ari.bids.discover import contrast_of_map
from bids_ari.bids.exclusions import notes_on_subjects
from bids_ari.bids.participants import Participants
from bids_ari.config.options import Options
from bids_ari.config.settings import Resources
from bids_ari.design.design import Design
from bids_ari.errors import EmptyMaskError, UsageError, counted
from bids_ari.images.checks import check_headers
from bids_ari.images.masks import looks_unmasked
from bids_ari.images.space import VolumeSpace
from bids_ari.images.stack import Stack, load_map, load_stack
from bids_ari.images.storage import at_points
from bids_ari.stats.glm import GlmResult


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
        One per test, alternative and method; an F test has one alternative.

    Raises
    ------
    DataError
        When the maps do not fit: several of one subject, fewer than two, different grids, damaged files, no voxel
        left to test, or a design that cannot be fitted.
    """
    options, resources = with_estimator(options or Options()), resources or Resources()
    contrast, design = plan(contrast, options, participants)
    stack = _load(contrast, options, resources)
    fitted = fit(stack, design, options)
    make = partial(
        ContrastResult,
        contrast=contrast,
        options=options,
        coverage=stack.coverage,
        design=replace(design, excluded=(), notes=()),  # these are in the contrast and the notes
        hashes=_hashes(contrast, stack) | hash_option_files(options),
        resampled=stack.resampled,
        outlying=fitted.outlying,
        quality=stack.quality,
    )
    excluded = notes_on_subjects(contrast.excluded)
    notes = (*excluded, *contrast.notes, *design.notes, *stack.notes, *fitted.notes)
    results: list[ContrastResult] = []
    for glm in fitted.results:
        tested = ~np.isnan(glm.z)
        if not tested.any():
            raise EmptyMaskError(
                f"None of the {stack.space.n_points} voxels of {contrast.name} varies between subjects",
                hint="Check that these are maps of different subjects",
            )
        n_constant = int((~tested).sum())
        results += infer(
            partial(make, n_constant=n_constant, tau2=None if fitted.tau2 is None else fitted.tau2[tested]),
            glm.at(tested),
            stack.space.keep(tested),
            options,
            (*notes, *notes_of_test(fitted, design, glm.test), *_notes(stack.space, n_constant, options)),
            GroupData(at_points(stack.effects, tested), design, resources.n_jobs),
            contrast.entities.get("space"),
        )
    return tuple(results)


def analyse_subject(
    contrast: ContrastSet, options: Options | None = None, resources: Resources | None = None
) -> tuple[ContrastResult, ...]:
    """Analyse the z or t map of a single subject, from `subject_contrasts`; return a result per alternative and method.

    The sidecar of a t map must have DegreesOfFreedom. Smoothing and coverage are not used.
    """
    contrast.check()
    (member,) = contrast.members
    if contrast.stat not in ("z", "t"):
        raise UsageError(f"The maps have stat {contrast.stat}", "z or t: an effect alone has no p")
    dof = dof_of(member) if contrast.stat == "t" else None
    subject, session = (contrast.entities.get(key) for key in ("sub", "ses"))
    folder = f"sub-{subject}" + (f"/ses-{session}" if session else "")
    noise = "p-values depend on the noise model of the first level, which this analysis cannot check"
    return _analyse_single(contrast, options, resources, dof, folder=folder, notes=(noise,), drop_zeros=True)


def analyse_map(
    path: Path, options: Options | None = None, resources: Resources | None = None, dof: float | None = None
) -> tuple[ContrastResult, ...]:
    """Analyse a group map that was computed elsewhere; parameters and errors are those of `bids_ari.workflow.run_map`.

    The map is not thresholded, and an infinite statistic is a test.
    """
    if dof is not None and not 0 < dof < float("inf"):
        raise UsageError(f"dof is {dof}", "a finite number above 0")
    contrast = contrast_of_map(path, "z" if dof is None else "t")
    contrast = replace(contrast, members=tuple(replace(member, dof=dof) for member in contrast.members))
    return _analyse_single(contrast, options, resources, dof)


def check_maps(
    contrast: ContrastSet, options: Options, participants: Participants | None = None
) -> tuple[ContrastSet, Design | None]:
    """Plan the group model and check the headers of all files; all problems are raised as one error.

    Returns
    -------
    ContrastSet
        The maps that would be analysed.
    Design or None
        The group model; None for a map of a single subject.
    """
    if contrast.entities.get("sub") is not None:
        contrast.check()
        check_headers(contrast.members)
        return contrast, None
    contrast, design = plan(contrast, options, participants)
    template = contrast.entities.get("space")
    check_headers(
        contrast.members,
        variances=options.is_weighted,
        target=options.target_grid,
        template=template,
        allow_native_space=options.allow_native_space,
    )
    return contrast, design


def _load(contrast: ContrastSet, options: Options, resources: Resources) -> Stack:
    """Read the maps of a contrast."""
    return load_stack(
        contrast.members,
        mask=options.mask,
        coverage=options.coverage,
        smoothing=options.smoothing,
        target=options.target_grid,
        template=contrast.entities.get("space"),
        variances=options.is_weighted,
        allow_native_space=options.allow_native_space,
        allow_duplicates=options.allow_duplicates,
        n_threads=resources.n_jobs,
        mem=resources.mem,
        work_dir=resources.work_dir,
    )


def _hashes(contrast: ContrastSet, stack: Stack) -> dict[str, str]:
    """Return the SHA-256 of each file that was read, by its BIDS URI."""
    return {file.uri: stack.hashes[file.path] for file in contrast.files if file.path in stack.hashes}


def _analyse_single(
    contrast: ContrastSet,
    options: Options | None,
    resources: Resources | None,
    dof: float | None,
    *,
    folder: str = "group",
    notes: tuple[str, ...] = (),
    drop_zeros: bool = False,
) -> tuple[ContrastResult, ...]:
    """Analyse the only map of a contrast; if `drop_zeros`, voxels with the value 0 are not tested."""
    options = options or Options()
    (file,) = contrast.files
    template, mem = contrast.entities.get("space"), (resources or Resources()).mem
    stack = load_map(file.path, options.mask, template=template, drop_zeros=drop_zeros, mem=mem)
    (values,) = stack.effects[:, :]
    make = partial(
        ContrastResult,
        contrast=contrast,
        options=options,
        coverage=stack.coverage,
        design=None,
        n_constant=0,
        hashes=_hashes(contrast, stack) | hash_option_files(options),
        folder=folder,
    )
    glm = GlmResult.of_z(values) if dof is None else GlmResult.of_t(values, dof)
    notes = (*contrast.notes, *notes, *_notes(stack.space, 0, options))
    return tuple(infer(make, glm, stack.space, options, notes, template=template))


def _notes(space: VolumeSpace, n_constant: int, options: Options) -> Iterator[str]:
    """Yield notes on a test for the report."""
    if n_constant:
        yield f"{counted(n_constant, 'voxel')} not tested: the values do not vary, or too few subjects have data"
    if options.n_results > 1:
        yield (
            f"alpha was divided over the {options.n_results} results of this run, {options.alpha:g} each: at level "
            f"{options.alpha * options.n_results:g}, all bounds of all of them hold together"
        )
    if options.mask is None and looks_unmasked(space):
        yield (
            f"The tested voxels fill {space.fraction:.0%} of the volume: the maps are probably not brain-masked, and "
            "testing voxels outside the brain weakens every bound. Give a brain mask with --mask"
        )
