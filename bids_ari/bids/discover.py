"""Discovery of contrast sets: statmaps are filtered, grouped into contrasts, and reduced to one map per subject.

Maps belong to one contrast when all their entities agree but sub, ses, run and, of surfaces, hemi. ``node`` and
``level`` name the stage of a first-level model that made a map: the map of a subject is preferred to the map of a run,
and a map of the whole dataset is never used.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from bids_ari.bids.combine import Combined, combine_maps
from bids_ari.bids.contrasts import ContrastSet, Discovery, by_name
from bids_ari.bids.copies import note_copies
from bids_ari.bids.dataset import Dataset, open_dataset
from bids_ari.bids.division import Division
from bids_ari.bids.entities import Entities
from bids_ari.bids.exclusions import Excluded, Reason, ReasonText, by_reason
from bids_ari.bids.f_contrasts import f_contrasts, has_f_map, has_several_volumes, mark_f
from bids_ari.bids.filters import Filters
from bids_ari.bids.grouping import key_of, weighted, with_excluded, without_used
from bids_ari.bids.kinds import KINDS
from bids_ari.bids.manifest import Manifest
from bids_ari.bids.map_notes import notes_on_labels
from bids_ari.bids.paired import names_of_differences, only_differences, pair
from bids_ari.bids.pairs import join_hemispheres
from bids_ari.bids.splits import is_on_splits, note_splits
from bids_ari.bids.stages import Refused, choose_maps
from bids_ari.bids.statmap import StatMap
from bids_ari.bids.subject_map import Combine, Stat, SubjectMap
from bids_ari.bids.within import ask_within, check_weights
from bids_ari.errors import UsageError
from bids_ari.runtime.collector import no_collection

if TYPE_CHECKING:
    from bids import BIDSLayout

log = logging.getLogger(__name__)

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
    chosen, refused = _choose(dataset, filters, division)
    as_map = _subject_maps(dataset, with_variances=weights or combine is not None or lower is not None)
    joined = join_hemispheres({key: [*map(as_map, files)] for key, files in chosen.items()}, stat)
    refused += joined.refused
    groups = {
        key: combine_maps(maps, combine, stat, keep_variances=weights or lower is not None)
        for key, maps in joined.maps.items()
    }
    if lower is None:
        refused = _without_variances(refused, groups.values())
    discovery = with_excluded(groups, refused, stat, division, joined)
    discovery = replace(discovery, excluded=(*dataset.excluded, *discovery.excluded))
    if lower is not None:
        discovery = without_used(lower(discovery, division))
    if stat != "effect":
        with_f = f_contrasts(dataset)
        discovery = replace(discovery, contrasts=tuple(mark_f(contrast, with_f) for contrast in discovery))
    if compared:
        folders = tables or _folders_of(dataset)
        if paired:
            discovery = pair(discovery, paired, folders, division)
        else:
            discovery = ask_within(discovery, compared, within_contrast, folders, division)
        discovery = only_differences(discovery, differences) if differences else discovery
    if weights:
        check_weights(discovery)
        discovery = replace(discovery, contrasts=tuple(map(weighted, discovery)))
    discovery = note_splits(note_copies(discovery))
    notes = (*dataset.notes, *filters.notes, *notes_on_labels([*chain.from_iterable(chosen.values())]))
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
                notes=tuple(note for note in contrast.notes if not is_on_splits(note)),
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


def _choose(
    dataset: Dataset, filters: Filters, division: Division
) -> tuple[Mapping[Entities, Sequence[StatMap]], Refused]:
    """Return the maps of each contrast, of the stage of the model that is preferred, and those that are refused."""
    usable, refused = _filter(dataset, filters, division)
    if not usable:
        for alike in by_reason(dataset.excluded):
            log.warning("%s", alike)
        raise filters.no_match(dataset, (reason for _, reason in refused if Reason.SEVERAL_EFFECTS.fits(reason)))
    for note in filters.notes:
        log.warning("%s", note)
    return choose_maps(usable, refused), refused


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
            decided[alike] = filters.reason(file, implied) or division.reason(file), key_of(file, division)
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


def _without_variances(refused: Refused, groups: Iterable[Combined]) -> Refused:
    """Return the refused files that are not used as variance maps."""
    members = chain.from_iterable(group.members for group in groups)
    used = {(file.dataset, file.name) for member in members for each in member.variances for file in each.files}
    return [each for each in refused if (each[0].dataset, each[0].name) not in used] if used else refused


def _folders_of(dataset: Dataset) -> tuple[Path, ...]:
    """Return the folders that may hold the tables of sessions of subjects."""
    top = dataset.path.parent if isinstance(dataset, Manifest) else dataset.path
    return (top, *dataset.roots.values())
