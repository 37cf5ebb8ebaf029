"""Discovery of contrast sets: statmaps are filtered, grouped into contrasts, and reduced to one map per subject.

Maps belong to one contrast when all their entities agree but sub, ses, run and, of surfaces, hemi. ``node`` and
``level`` name the stage of a first-level model that made a map: the map of a subject is preferred to the map of a run,
and a map of the whole dataset is never used.
"""

import logging
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from bids_ari.bids.combine import Combined, combine_maps
from bids_ari.bids.contrasts import ContrastSet, Discovery, by_name, with_shared
from bids_ari.bids.copies import note_copies
from bids_ari.bids.dataset import Dataset, open_dataset
from bids_ari.bids.division import Division
from bids_ari.bids.entities import Entities, Pairs
from bids_ari.bids.exclusions import Excluded, Reason, ReasonText, by_reason
from bids_ari.bids.f_contrasts import f_contrasts, has_f_map, has_several_volumes, mark_f
from bids_ari.bids.filters import Filters
from bids_ari.bids.kinds import KINDS
from bids_ari.bids.manifest import Manifest
from bids_ari.bids.map_notes import notes_on_labels, notes_on_maps
from bids_ari.bids.paired import names_of_differences, only_differences, pair
from bids_ari.bids.pairs import Joined, join_hemispheres
from bids_ari.bids.splits import note_splits
from bids_ari.bids.stages import Refused, are_compatible, choose_maps
from bids_ari.bids.statmap import StatMap
from bids_ari.bids.subject_map import Combine, Stat, SubjectMap
from bids_ari.bids.within import ask_within, check_weights
from bids_ari.errors import UsageError
from bids_ari.runtime.collector import no_collection

if TYPE_CHECKING:
    from bids import BIDSLayout

log = logging.getLogger(__name__)

_OF_SUBJECT = (Reason.OTHER_STAT, Reason.OTHER_STAGE, Reason.NO_MAP_IN_MANIFEST, Reason.HALF_A_MAP)
"""Reasons of files of subjects in the study."""
_STAT_EFFECT = re.compile("(^|[/_])stat-effect(?=[/_])")


@no_collection()
def discover(
    dataset: "Dataset | str | Path | BIDSLayout",
    *,
    subjects: Sequence[str] = (),
    exclude: Sequence[str] = (),
    task: Sequence[str] | str = (),
    space: Sequence[str] | str = (),
    contrast: Sequence[str] | str = (),
    session: Sequence[str] | str = (),
    run: Sequence[str] | str = (),
    stat: Stat = "effect",
    combine: Combine | None = None,
    paired: str | None = None,
    within: str | None = None,
    within_contrast: Sequence[str] = (),
    by: Sequence[str] | str = (),
    lower: Callable[[Discovery, Division], Discovery] | None = None,
    weights: bool = False,
    where: Mapping[str, Any] | None = None,
    tables: Sequence[Path] = (),
) -> Discovery:
    """Find the first-level maps of a dataset and group them into contrasts.

    Parameters
    ----------
    dataset : Dataset, path or BIDSLayout
        An open dataset or manifest, the folder of a dataset, or a layout of pybids, whose files are used.
    subjects, task, space, contrast, session, run : str or sequence of str
        Use only maps with these labels, with or without ``sub-``, ``task-``, ...; empty for all. Labels are accepted
        as in the names of the files, or as in those of the results.
    exclude : sequence of str
        Exclude these subjects.
    stat : {'effect', 't', 'z'}
        The first-level statistic. Effects have the units of the data and are the right input of a group model; t and
        z are for datasets without effects.
    combine : {'run', 'session'}, optional
        Combine the maps of each subject over its runs, or over its sessions and the runs in them: by precision where
        each has a variance map, else by their mean.
    paired : str, optional
        ``COLUMN`` or ``COLUMN=HIGH-LOW``: use the difference of the two maps of each subject, after `combine`; see
        `bids_ari.bids.paired`.
    within : str, optional
        ``COLUMN`` or ``COLUMN=LEVEL,LEVEL,...``: ask whether the maps of each subject differ between levels, after
        `combine`; see `bids_ari.bids.within`.
    within_contrast : sequence of str
        Instead, contrasts of these levels, as ``NAME=WEIGHT,WEIGHT,...``; several rows are separated by semicolons.
    by : str or sequence of str
        Entities, such as ``session`` or ``run``, of which each label is an analysis of its own.
    lower : callable, optional
        Returns contrast sets in which the maps of each subject are combined, as by the lower nodes of a Stats Model,
        given the sets that were found, with their variance maps, and their division by `by`.
    weights : bool
        Use each map with its variance map, for a group model that is weighted by them.
    where : mapping, optional
        Further filters, by key or name of any entity: a label, which must be the same, a whole number, which may have
        leading zeros, None for none, ``"*"`` for any, or a list of these. See `read_filter_file`.
    tables : sequence of Path
        Folders that may hold the ``sub-X/sub-X_sessions.tsv`` of `paired` and `within` (default: those of the dataset).

    Returns
    -------
    Discovery
        A sequence of ContrastSet, sorted by name.

    Raises
    ------
    InputNotFoundError
        When there is no dataset or no statmap in it.
    NoMatchError
        When no map passes the filters; lists the labels in the dataset.
    UsageError
        When a filter makes no sense.
    DataError
        When files in a manifest do not exist, or a table of sessions is malformed.
    """
    _check_usage(combine, paired, within, within_contrast, weights, stat)
    if not isinstance(dataset, Dataset):
        dataset = open_dataset(dataset)
    compared = paired or within
    differences = names_of_differences(contrast, dataset) if compared else frozenset()
    contrast = () if differences else contrast
    flags = {"subject": subjects, "task": task, "space": space, "contrast": contrast, "session": session, "run": run}
    filters = Filters.make(flags, exclude, stat, where, dataset)
    filters.check(dataset)
    division = Division.make(by, dataset, combine, compared)
    usable, refused = _filter(dataset, filters, division)
    if not usable:
        for alike in by_reason(dataset.excluded):
            log.warning("%s", alike)
        raise filters.no_match(dataset, (reason for _, reason in refused if Reason.SEVERAL_EFFECTS.fits(reason)))
    for note in filters.notes:
        log.warning("%s", note)
    chosen = choose_maps(usable, refused)
    as_map = _subject_maps(dataset, with_variances=weights or combine is not None or lower is not None)
    joined = join_hemispheres({key: [*map(as_map, files)] for key, files in chosen.items()}, stat)
    refused += joined.refused
    groups = {
        key: combine_maps(maps, combine, stat, keep_variances=weights or lower is not None)
        for key, maps in joined.maps.items()
    }
    if lower is None:
        members = chain.from_iterable(group.members for group in groups.values())
        used = {(file.dataset, file.name) for member in members for each in member.variances for file in each.files}
        refused = [each for each in refused if (each[0].dataset, each[0].name) not in used] if used else refused
    discovery = _with_excluded(groups, refused, stat, division, joined)
    discovery = replace(discovery, excluded=(*dataset.excluded, *discovery.excluded))
    if lower is not None:
        discovery = _without_used(lower(discovery, division))
    if stat != "effect":
        with_f = f_contrasts(dataset)
        discovery = replace(discovery, contrasts=tuple(mark_f(contrast, with_f) for contrast in discovery))
    if compared:
        top = dataset.path.parent if isinstance(dataset, Manifest) else dataset.path
        folders = tables or (top, *dataset.roots.values())
        if paired:
            discovery = pair(discovery, paired, folders, division)
        else:
            discovery = ask_within(discovery, compared, within_contrast, folders, division)
        discovery = only_differences(discovery, differences) if differences else discovery
    if weights:
        check_weights(discovery)
        discovery = replace(discovery, contrasts=tuple(map(_weighted, discovery)))
    discovery = note_splits(note_copies(discovery))
    if notes := (
        *dataset.notes,
        *filters.notes,
        *notes_on_labels([file for files in chosen.values() for file in files]),
    ):
        noted = (replace(contrast, notes=(*notes, *contrast.notes)) for contrast in discovery)
        discovery = replace(discovery, contrasts=tuple(noted))
    if isinstance(dataset, Manifest):
        dataset.check(dict.fromkeys(file for contrast in discovery for file in contrast.files))
    return discovery


def subject_contrasts(discovery: Discovery) -> tuple[ContrastSet, ...]:
    """Split contrast sets into one for each map of each subject, session and run, for the participant level."""
    single: dict[Entities, ContrastSet] = {}
    for contrast in discovery:
        excluded: dict[str, list[Excluded]] = defaultdict(list)
        for entry in contrast.excluded:
            excluded[entry.subject].append(entry)
        for member in contrast.members:
            key = member.first.entities.without("stat", "node", "level")
            others = single[key].members if key in single else ()
            theirs = tuple(excluded.get(member.subject, ()))
            single[key] = replace(
                contrast,
                entities=key.written(),
                members=(*others, member),
                excluded=theirs,
                weighted=False,
                combined="",
            )
    return by_name(single)


def _check_usage(
    combine: str | None,
    paired: str | None,
    within: str | None,
    within_contrast: Sequence[str],
    weights: bool,
    stat: str,
) -> None:
    """Refuse arguments that make no sense, whatever the dataset."""
    if combine not in (None, *get_args(Combine)):
        raise UsageError(f"combine {combine!r} is unknown", "run or session")
    for name, value in (("paired", paired), ("within", within)):
        if value == "":
            raise UsageError(f"{name} is empty", "an entity, such as session, or a column of sessions.tsv")
    if paired and within:
        raise UsageError("Both paired and within are set", "one of them", "--within COLUMN=LOW,HIGH is HIGH minus LOW")
    if within_contrast and not within:
        raise UsageError("within-contrast requires levels", "--within COLUMN=LEVEL,LEVEL,...", "Add --within")
    if weights and stat != "effect":
        raise UsageError(f"{stat} maps have no variance to weight them by", "effect maps", "Use --estimator ols")


def _filter(dataset: Dataset, filters: Filters, division: Division) -> tuple[dict[Entities, list[StatMap]], Refused]:
    """Return the maps that pass the filters, by contrast, and those that do not."""
    implied = filters.implied(dataset)
    usable: dict[Entities, list[StatMap]] = defaultdict(list)
    refused: Refused = []
    with_f = f_contrasts(dataset)
    alike_of = filters.alike()
    decided: dict[Hashable, tuple[ReasonText | None, Entities]] = {}
    for file in dataset.statmaps:
        if (alike := alike_of(file)) not in decided:
            decided[alike] = filters.reason(file, implied) or division.reason(file), _key(file, division)
        reason, key = decided[alike]
        if not reason and filters.stat == "effect" and has_f_map(file, with_f) and has_several_volumes(file.path):
            reason = Reason.SEVERAL_EFFECTS.text()
        if reason:
            refused.append((file, reason))
        else:
            usable[key].append(file)
    for row in dataset.lacking.get(filters.stat, ()) if isinstance(dataset, Manifest) else ():
        refused.append((row, filters.reason(row.with_(problem=""), implied) or ReasonText(row.problem)))
    return usable, refused


def _key(file: StatMap, division: Division) -> Entities:
    """Return the entities that separate the contrast of a map from others: not the hemisphere of a surface."""
    key = division.key(file)
    return key.without("hemi") if file.kind == "GIFTI" else key


def _subject_maps(dataset: Dataset, with_variances: bool) -> Callable[[StatMap], SubjectMap]:
    """Return the function that makes a subject map of a file, with its variance map where that is needed."""
    if isinstance(dataset, Manifest):
        return dataset.maps.__getitem__
    variances: dict[tuple[str, str], StatMap] = {}
    if with_variances:
        usable = (file for file in dataset.statmaps if file.stat == "variance" and not file.problem)
        variances = {(file.dataset, file.name): file for file in usable}

    def as_map(file: StatMap) -> SubjectMap:
        if not variances:
            return SubjectMap(str(file.entities.get("sub")), (file,))
        stem = _STAT_EFFECT.sub(r"\1stat-variance", file.name).removesuffix(file.extension)
        alike = (extension for extension, kind in KINDS.items() if kind == file.kind)
        names = ((file.dataset, stem + extension) for extension in (file.extension, *alike))
        found = [variances[name] for name in names if name in variances]
        return SubjectMap(str(file.entities.get("sub")), (file,), tuple(found[:1]))

    return as_map


def _with_excluded(
    groups: Mapping[Entities, Combined], refused: Refused, stat: Stat, division: Division, joined: Joined
) -> Discovery:
    """Make the contrast sets, each with the excluded files and subjects that could belong to it."""
    everyone = {member.subject for group in groups.values() for member in group.members}
    of_subjects = {reason for reason in {each for _, each in refused} if any(it.fits(reason) for it in _OF_SUBJECT)}
    everyone |= {str(file.entities.get("sub")) for file, reason in refused if reason in of_subjects}
    excluded: dict[Entities, list[Excluded]] = defaultdict(list)
    elsewhere: list[Excluded] = []
    fitting: dict[Entities, list[list[Excluded]]] = {}
    places: dict[Pairs, list[list[Excluded]]] = {}  # those of `fitting`, by the entities of files
    for file, reason in refused:
        entry = Excluded.of_file(file, reason)
        if (others := file.entities.others) not in places:
            if (own := division.key(file)) not in fitting:
                exact = [key for key in (own, _key(file, division)) if key in groups]
                keys = exact[:1] or [key for key in groups if are_compatible(own, key)]
                fitting[own] = [excluded[key] for key in keys] or [elsewhere]
            places[others] = fitting[own]
        for entries in places[others]:
            entries.append(entry)
    sets: dict[Entities, ContrastSet] = {}
    subjects, no_map = sorted(everyone), Reason.NO_MAP.text(stat=stat)
    for key, group in groups.items():
        absent = dict.fromkeys(subjects, no_map) | joined.lacking.get(key, {})
        group = group._replace(notes=(*joined.notes.get(key, ()), *group.notes))
        sets.update([_contrast_set(key, group, absent, excluded[key], stat)])
    return Discovery(by_name(sets), tuple(elsewhere))


def _without_used(discovery: Discovery) -> Discovery:
    """Remove variance maps that are used from what is excluded."""
    used = {file.label for contrast in discovery for file in contrast.files}
    contrasts = (
        replace(contrast, excluded=tuple(entry for entry in contrast.excluded if entry.name not in used))
        for contrast in discovery
    )
    return Discovery(tuple(contrasts), tuple(entry for entry in discovery.excluded if entry.name not in used))


def _contrast_set(
    key: Entities, group: Combined, absent: Mapping[str, ReasonText], excluded: Sequence[Excluded], stat: Stat
) -> tuple[Entities, ContrastSet]:
    """Make one contrast set, with its key as in file names; the subjects without a map of it are excluded.

    `absent` has the reason for each subject that may have none.
    """
    present = {member.subject for member in group.members}
    reasons = {subject: reason for subject, reason in absent.items() if subject not in present}
    rows = {entry for entry in excluded if entry.subject in reasons and Reason.NO_MAP_IN_MANIFEST.fits(entry.reason)}
    reasons |= {entry.subject: ReasonText(entry.reason) for entry in rows}
    excluded = [entry for entry in excluded if entry not in rows] if rows else excluded
    lacking = [Excluded.of_subject(subject, reason) for subject, reason in reasons.items()]
    key = with_shared(key, [file for member in group.members for file in member.maps])
    notes = (*notes_on_maps(key, group.members), *group.notes)
    return key, ContrastSet(key.written(), stat, group.members, (*lacking, *excluded), notes, group.over)


def _weighted(contrast: ContrastSet) -> ContrastSet:
    """Mark a contrast as weighted by variance maps, without the subjects that lack one.

    Subjects with several maps remain: `ContrastSet.check` refuses them.
    """
    times = Counter(contrast.subjects)
    lacking = [each for each in contrast.members if times[each.subject] == 1 and not each.has_variances]
    excluded = []
    for member in lacking:
        of = " of both hemispheres" if member.first.pair else ""
        reason = (Reason.NO_VARIANCES if len(member.all_maps) > 1 else Reason.NO_VARIANCE).text(of=of)
        excluded.append(Excluded.of_subject(member.subject, reason))
        excluded += [Excluded.of_file(file, reason) for file in member.all_files]
    subjects = set(contrast.subjects).difference(member.subject for member in lacking)
    return replace(contrast.keep(subjects, excluded), weighted=True)
