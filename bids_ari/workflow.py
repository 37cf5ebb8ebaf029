"""The story, top to bottom: find the contrasts, analyse each, write what was found."""

import logging
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from bids_ari import outputs, report
from bids_ari.bids.dataset import open_dataset, read_sidecar
from bids_ari.bids.derivatives import Derivatives
from bids_ari.bids.discover import MAP_SOURCE, ContrastSet, Discovery, LeftOut, SubjectMap, contrast_of_map, discover
from bids_ari.bids.entities import Entities
from bids_ari.design import one_sample_design
from bids_ari.errors import (
    DataError,
    EmptyMaskError,
    InputNotFoundError,
    ReadError,
    SidecarError,
    UsageError,
    counted,
    listing,
)
from bids_ari.grids import Grid, Mask
from bids_ari.images import group_mask, load_map, load_mask, load_stack, load_volume, looks_unmasked, resample_nearest
from bids_ari.inference import conclude, tested_voxels
from bids_ari.results import ContrastResult, Failure, RunSummary
from bids_ari.settings import TEMPLATE, Options, Settings
from bids_ari.stats.glm import GlmResult, fit_glm
from bids_ari.stats.tails import FloatArray
from bids_ari.templates import template_mask

log = logging.getLogger(__name__)

_SUBJECT = re.compile(r"(?:^|(?<=[/_]))sub-([^/_]+)")
"""The subjects that a path names."""


def run(settings: Settings) -> RunSummary:
    """Test every contrast found in a dataset and write what was found.

    Parameters
    ----------
    settings : Settings
        Where and what.

    Returns
    -------
    RunSummary
        The results, and the contrasts whose data do not fit, which spare the others.

    Raises
    ------
    BidsAriError
        When nothing can be analysed, or the output cannot be written.
    """
    _check_files(settings.options)
    dataset = open_dataset(settings.dataset_dir, settings.derivatives, leave_out=[settings.output_dir])
    discovery = discover(dataset, **settings.filters)
    contrasts = subject_contrasts(discovery) if settings.level == "participant" else tuple(discovery)
    options = _split_alpha(settings, len(contrasts))
    _say_what_was_found(discovery, contrasts)
    results: list[ContrastResult] = []
    failures: list[Failure] = []
    with Derivatives(settings.output_dir, dataset.roots) as out:
        try:
            for contrast in contrasts:
                try:
                    found = (analyse_subject if settings.level == "participant" else analyse)(contrast, options)
                except (DataError, InputNotFoundError, ReadError, UsageError) as error:  # spares the other contrasts
                    log.error("%s: %s", contrast.name, error)
                    failures.append(Failure(contrast, error))
                    continue
                write(found, out)
                results.extend(found)
        finally:  # also when the disk is full or somebody presses Ctrl-C: what is done stays usable
            if results or out.records():
                out.left_out({entry.what: entry.reason for entry in _all_left_out(discovery)})
                report.write_index(out, failures)
                out.describe()
    return RunSummary(tuple(results), tuple(failures), discovery.left_out)


def run_map(path: Path, output_dir: Path, options: Options, dof: float | None = None) -> tuple[ContrastResult, ...]:
    """Bound a statistical map that was made elsewhere, and write what was found.

    Parameters
    ----------
    path : path
        z statistics, or t statistics with `dof`; not thresholded. The entities of its name, if it has any, name the
        results; else its whole name does.
    output_dir : path
        Where all results are written.
    options : Options
        What is asked; smoothing and coverage play no part.
    dof : float, optional
        Degrees of freedom of a t map, above 0.

    Returns
    -------
    tuple of ContrastResult
        One per alternative.

    Raises
    ------
    BidsAriError
        When the map cannot be analysed, or the output cannot be written.
    """
    if dof is not None and not 0 < dof < float("inf"):
        raise UsageError(f"dof is {dof}", "a finite number above 0")
    _check_files(options)
    volume, grid, absent = load_map(path)
    contrast = contrast_of_map(path, "z" if dof is None else "t")
    tested = tested_voxels(volume, absent, grid, _given_mask(options, contrast, grid))
    with Derivatives(output_dir, {MAP_SOURCE: path.parent}) as out:
        results = conclude_map(volume, tested, contrast, options, dof)
        write(results, out)
        report.write_index(out, [])
        out.describe()
    return results


def write(results: tuple[ContrastResult, ...], out: Derivatives) -> None:
    """Write all files of the results of one contrast, each in place of those of an earlier run."""
    for result in results:
        written = outputs.write(result, out) + report.write(result, out)
        out.record(outputs.record_name(result), written, outputs.summary(result))


def analyse(contrast: ContrastSet, options: Options | None = None) -> tuple[ContrastResult, ...]:
    """Go from one set of subject maps to true discovery proportions.

    Parameters
    ----------
    contrast : ContrastSet
        The maps, from `discover`.
    options : Options, optional
        What is asked.

    Returns
    -------
    tuple of ContrastResult
        One per test and alternative.

    Raises
    ------
    DataError
        When the maps do not fit: several of one subject, fewer than two, different grids, damaged files, or no
        voxel left to test.
    """
    options = options or Options()
    contrast.check()
    design = one_sample_design(contrast.subjects)
    stack = load_stack(contrast.paths, contrast.subjects)
    given = _given_mask(options, contrast, stack.grid)
    mask = group_mask(stack, given, options.coverage)  # from the unsmoothed maps
    effects = stack.within(mask, options.smoothing)
    results: tuple[ContrastResult, ...] = ()
    for glm in fit_glm(effects, design.matrix, design.tests):
        tested = np.isfinite(glm.z)
        if not tested.any():
            raise EmptyMaskError(
                f"None of the {mask.n_voxels} voxels of {contrast.name} varies between subjects",
                hint="Check that these are maps of different subjects",
            )
        n_constant = int((~tested).sum())
        results += conclude(
            glm.at(tested),
            mask.keep(tested),
            contrast,
            options,
            coverage=stack.coverage,
            design=design,
            n_constant=n_constant,
            notes=contrast.notes + tuple(_notes(mask, n_constant, options)),
        )
    _say_what_came_out(results)
    return results


def analyse_subject(contrast: ContrastSet, options: Options | None = None) -> tuple[ContrastResult, ...]:
    """Go from one subject's own z or t map to true discovery proportions.

    Parameters
    ----------
    contrast : ContrastSet
        Of one map, from `subject_contrasts`. The sidecar of a t map tells its DegreesOfFreedom.
    options : Options, optional
        What is asked; smoothing and coverage play no part.

    Returns
    -------
    tuple of ContrastResult
        One per alternative.

    Raises
    ------
    DataError
        When the map does not fit: damaged, on another grid than the mask, without a value, a t map without
        degrees of freedom.
    """
    options = options or Options()
    contrast.check()
    (member,) = contrast.members
    if contrast.stat not in ("z", "t"):
        raise UsageError(f"The maps hold stat {contrast.stat}", "z or t: an effect alone has no p")
    dof = _dof_of(member) if contrast.stat == "t" else None
    session = contrast.entities.get("ses")
    folder = f"sub-{member.subject}" + (f"/ses-{session}" if session else "")
    noise = "p-values rest on the noise model of the first level, which this analysis cannot check"
    volume, grid, absent = load_map(member.file.path)
    nonzero = np.where(volume == 0, np.nan, volume)
    tested = tested_voxels(nonzero, absent | (volume == 0), grid, _given_mask(options, contrast, grid))
    return conclude_map(volume, tested, contrast, options, dof, folder=folder, notes=(noise,))


def conclude_map(
    volume: FloatArray,
    tested: Mask,
    contrast: ContrastSet,
    options: Options,
    dof: float | None,
    folder: str = "group",
    notes: tuple[str, ...] = (),
) -> tuple[ContrastResult, ...]:
    """Bound a z map, or a t map with its degrees of freedom, (x, y, z), that was made elsewhere."""
    values = volume[tested.inside]
    glm = GlmResult.of_z(values) if dof is None else GlmResult.of_t(values, dof)
    notes = contrast.notes + notes + tuple(_notes(tested, 0, options))
    covered = tested.inside.astype(float)
    results = conclude(glm, tested, contrast, options, coverage=covered, folder=folder, notes=notes)
    _say_what_came_out(results)
    return results


def subject_contrasts(discovery: Discovery) -> tuple[ContrastSet, ...]:
    """Take contrast sets apart: one for each map of each subject, session and run."""
    apart: dict[Entities, ContrastSet] = {}
    for contrast in discovery:
        left_out: dict[str, list[LeftOut]] = defaultdict(list)
        for entry in contrast.left_out:
            for subject in set(_SUBJECT.findall(entry.what)):
                left_out[subject].append(entry)
        for member in contrast.members:
            key = member.file.entities.without("stat", "node", "level")
            others = apart[key].members if key in apart else ()
            theirs = tuple(left_out.get(member.subject, ()))
            apart[key] = ContrastSet(key, contrast.stat, (*others, member), theirs, contrast.notes)
    return tuple(apart[key] for key in sorted(apart, key=str))


def headline(result: ContrastResult) -> str:
    """Say in one line what was found."""
    sizes = ", ".join(f"{len(found)} above z = {z:g}" for z, found in result.clusters.items())
    asked = ", ".join(filter(None, (result.test, result.alternative)))
    whose = counted(len(result.contrast.members), "subject") if result.design is not None else "one map"
    return (
        f"{result.contrast.name} ({asked}): {whose}, at least {result.bound.whole} of {result.mask.n_voxels} voxels "
        f"active; clusters: {sizes}"
    )


def _notes(mask: Mask, n_constant: int, options: Options) -> Iterator[str]:
    """Say what the reader of a result should know about how it came about."""
    if n_constant:
        yield f"{counted(n_constant, 'voxel')} not tested: the values do not vary, or too few subjects have data"
    if options.n_results > 1:
        yield (
            f"alpha was divided over the {options.n_results} results of this run, {options.alpha:g} each: at level "
            f"{options.alpha * options.n_results:g}, all bounds of all of them hold together"
        )
    if options.mask is None and looks_unmasked(mask):
        fills = mask.n_voxels / mask.inside.size
        yield (
            f"The tested voxels fill {fills:.0%} of the volume: the maps are probably not brain-masked, and testing "
            "voxels outside the brain weakens every bound. Give a brain mask with --mask"
        )


def _check_files(options: Options) -> None:
    """Look for the files named in the options before any work."""
    named = {"mask": options.mask, "table of the atlas": options.atlas_labels}
    for what, path in [*named.items(), *(("region", path) for path in options.rois)]:
        if path is not None and path != TEMPLATE:
            try:
                path.open("rb").close()
            except FileNotFoundError as error:
                raise InputNotFoundError(f"There is no {what} {path}") from error
            except OSError as error:
                raise ReadError(f"The {what} {path} cannot be read: {error.strerror}") from error


def _given_mask(options: Options, contrast: ContrastSet, grid: Grid) -> Mask | None:
    """Read the mask that was asked for."""
    if options.mask is None:
        return None
    if options.mask != TEMPLATE:
        return load_mask(options.mask, grid)
    inside, template = load_volume(template_mask(contrast.entities.get("space"), grid))
    return load_mask(grid.image(resample_nearest(inside, template, grid)), grid)


def _split_alpha(settings: Settings, n_contrasts: int) -> Options:
    """Divide alpha over the results of a run, if asked, so that all bounds of the run hold together."""
    n_results = n_contrasts * len(settings.options.alternatives)
    if not settings.split_alpha or n_results <= 1:
        return settings.options
    alpha = settings.options.alpha / n_results
    log.info("alpha %g is divided over %d results: %g each", settings.options.alpha, n_results, alpha)
    return replace(settings.options, alpha=alpha, n_results=n_results)


def _say_what_was_found(discovery: Discovery, contrasts: tuple[ContrastSet, ...]) -> None:
    """Log what will be analysed and how much is left out."""
    log.info("%s: %s", counted(len(contrasts), "contrast"), listing(contrast.name for contrast in contrasts))
    for reason, n in Counter(entry.reason for entry in _all_left_out(discovery)).most_common():
        log.info("left out: %d, %s", n, reason)


def _all_left_out(discovery: Discovery) -> list[LeftOut]:
    """Give each file or subject that takes no part, once."""
    of_contrasts = (entry for contrast in discovery for entry in contrast.left_out)
    return list(dict.fromkeys([*discovery.left_out, *of_contrasts]))


def _dof_of(member: SubjectMap) -> float:
    """Read the degrees of freedom of a t map from its sidecar."""
    dof = read_sidecar(member.file).get("DegreesOfFreedom")
    if not isinstance(dof, int | float) or isinstance(dof, bool) or not 0 < dof < float("inf"):
        raise SidecarError(
            f"The sidecar of {member.file.name} says DegreesOfFreedom {dof}",
            "a number above 0, without which a t map has no p",
            "Add it, or take z maps with --stat z",
        )
    return float(dof)


def _say_what_came_out(results: tuple[ContrastResult, ...]) -> None:
    """Log a line for each result, and each note once."""
    for note in dict.fromkeys(note for result in results for note in result.notes):
        log.warning("%s: %s", results[0].contrast.name, note)
    for result in results:
        log.info("%s", headline(result))
