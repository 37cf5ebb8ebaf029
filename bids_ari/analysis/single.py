"""Analyses of a single map: of one subject, or of a group by another program."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from bids_ari.analysis.inference import Tests, directed_tests, notes_on_points, statistics_of
from bids_ari.analysis.inputs import check_same_dof, dof_of, f_test_of, hashes_of, metadata_of
from bids_ari.analysis.minimum_effect import check_minimum_effect
from bids_ari.analysis.option_files import (
    hash_files,
    notes_on_resolutions,
    notes_on_spaces,
    option_files,
)
from bids_ari.analysis.result import ContrastResult
from bids_ari.analysis.together import infer
from bids_ari.bids.contrasts import ContrastSet
from bids_ari.bids.single_map import contrast_of_map
from bids_ari.bids.space_metadata import spatial_metadata
from bids_ari.bids.spaces import StandardSpace
from bids_ari.config.options import Options
from bids_ari.config.settings import Resources
from bids_ari.errors import UsageError
from bids_ari.images.checks import source_of
from bids_ari.images.single import load_map
from bids_ari.images.statistic import Given, Kind
from bids_ari.images.templates import note_on_space
from bids_ari.runtime.progress import step


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
        hashes=hashes_of(contrast, stack) | hash_files(files),
        files={role: path.name for role, path in files.items()},
        spatial=spatial_metadata(member.first),
        folder=folder,
    )
    named = (*notes_on_spaces(files, template), *notes_on_resolutions(files, template, options))
    notes = (*contrast.notes, *notes, *stack.notes, *notes_on_points(stack, 0, options), *named)
    return directed_tests(make, glm, stack.space, options, notes, template=template)


def _notes_on_f(reason: str) -> Iterator[str]:
    """Yield a note on a z map that is the z of an F test for a reason, if there is one."""
    if reason:
        yield f"A test of any effect, without a direction: {reason}"
