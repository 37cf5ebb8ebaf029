"""From statmap files to contrast sets: one map per subject, and a reason for every file left out.

Maps belong together when all their entities agree but sub, ses and run. ``node`` and ``level`` say at which
stage of a first-level model a map was made; the map of the subject is taken before the map of a run, and a map
of the whole dataset never.
"""

import logging
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from bids_ari.bids.combine import Combined, combine_maps
from bids_ari.bids.contrasts import (
    STATS,
    Combine,
    ContrastSet,
    Discovery,
    Excluded,
    Stat,
    SubjectMap,
    by_name,
    key_of_group,
    node_of,
    with_shared,
)
from bids_ari.bids.dataset import Dataset, StatMap, open_dataset
from bids_ari.bids.entities import Entities, labels_in_name, printable, safe_label
from bids_ari.bids.filters import IMAGES, OTHER_STAT, Filters, labels_there, stage_of_node
from bids_ari.bids.manifest import Manifest
from bids_ari.bids.paired import pair
from bids_ari.errors import UsageError, listing

__all__ = [
    "MAP_SOURCE", "STATS", "Combine", "ContrastSet", "Discovery", "Excluded", "Stat", "SubjectMap", "contrast_of_map",
    "discover", "labels_like", "subject_contrasts",
]  # fmt: skip

log = logging.getLogger(__name__)

MAP_SOURCE = "map"
"""The name, in BIDS URIs, of the folder that a map outside any dataset lies in."""

_OTHER_STAGE = "a map of a run or session; "
_STAGES = {"run": 2, "ses": 1, "sub": 0, "dataset": 3}
_SUBJECT = re.compile(r"(?:^|(?<=[/_]))sub-([^/_]+)")
"""The subjects that a path names."""


def discover(
    dataset: Dataset | str | Path,
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
    weights: bool = False,
    where: Mapping[str, Any] | None = None,
    tables: Sequence[Path] = (),
) -> Discovery:
    """Find the first-level maps of a dataset and sort them into contrasts.

    Parameters
    ----------
    dataset : Dataset or path
        An open dataset or manifest, or the folder of a dataset.
    subjects, task, space, contrast, session, run : str or sequence of str
        Take only maps with these labels, with or without ``sub-``, ``task-``, ...; nothing means all.
    exclude : sequence of str
        Leave these subjects out.
    stat : {'effect', 't', 'z'}
        Which first-level statistic to take. Effects carry the units of the data and are the right input of a
        group model; t and z are for datasets that hold nothing else.
    combine : {'run', 'session'}, optional
        Combine the maps of each subject over its runs, or over its sessions and the runs in them: by precision where
        each has a variance map, else by their mean.
    paired : str, optional
        ``COLUMN`` or ``COLUMN=HIGH-LOW``: take the difference of the two maps of each subject, see
        `bids_ari.bids.paired`. It is taken after `combine`.
    weights : bool
        Take each map with its variance map, for a group model that is weighted by them.
    where : mapping, optional
        Further filters, by key or name of any entity: a label, which must be the same, a whole number, which may have
        zeros before it, None for none, ``"*"`` for any, or a list of these. See `read_filter_file`.
    tables : sequence of Path
        Folders that may hold the ``sub-X/sub-X_sessions.tsv`` of `paired`; by default, those of the dataset.

    Returns
    -------
    Discovery
        A sequence of ContrastSet, sorted by name.

    Raises
    ------
    InputNotFoundError
        When there is no dataset or no statmap in it.
    NoMatchError
        When nothing fits the filters; lists what there is.
    UsageError
        When a filter asks for what cannot be.
    DataError
        When files that a manifest names are not there, or a table of sessions is none.
    """
    if combine not in (None, *get_args(Combine)):
        raise UsageError(f"combine {combine!r} is unknown", "run or session")
    if paired == "":
        raise UsageError("paired is empty", "an entity, such as session, or a column of sessions.tsv")
    if weights and stat != "effect":
        raise UsageError(f"{stat} maps have no variance to weigh them by", "effect maps", "Use --estimator ols")
    if not isinstance(dataset, Dataset):
        dataset = open_dataset(dataset)
    flags = {"subjects": subjects, "task": task, "space": space, "contrast": contrast, "session": session, "run": run}
    filters = Filters.read(flags, exclude, stat, where, dataset)
    filters.check(dataset)
    usable, refused = _sift(dataset, filters)
    if not usable:
        raise filters.nothing(dataset)
    chosen = dict(_choose_stages(usable, refused))
    as_map = _reader_of_maps(dataset, with_variances=weights or combine is not None)
    groups = {
        key: combine_maps(map(as_map, files), combine, stat, keep_variances=weights) for key, files in chosen.items()
    }
    discovery = _sort_out(groups, refused, stat)
    if paired:
        top = dataset.path.parent if isinstance(dataset, Manifest) else dataset.path
        discovery = pair(discovery, paired, tables or (top, *dataset.roots.values()))
    if weights:
        discovery = replace(discovery, contrasts=tuple(map(_weighted, discovery)))
    if isinstance(dataset, Manifest):
        dataset.check(dict.fromkeys(file for contrast in discovery for file in contrast.files))
        discovery = replace(discovery, excluded=(*discovery.excluded, *dataset.lacking.get(stat, ())))
    return discovery


def labels_like(dataset: Dataset, names: Sequence[str], key: str = "contrast") -> list[str]:
    """Find the labels that programs made of names with signs no file name holds: of ``a_gt_b``, ``aGtB`` or ``agtb``.

    A name without a label stays as it is, so that `discover` tells that there is none.
    """
    there: dict[str, list[str]] = defaultdict(list)
    for label in sorted(labels_there(dataset, key)):
        there[_letters(label)].append(label)
    known = {label for labels in there.values() for label in labels}
    found = (label for name in names for label in ([name] if name in known else there.get(_letters(name)) or [name]))
    return list(dict.fromkeys(found))


def _letters(text: str) -> str:
    """Reduce a text to its letters and digits, none of which are large."""
    return "".join(filter(str.isalnum, text)).casefold()


def contrast_of_map(path: Path, stat: Stat) -> ContrastSet:
    """Make a contrast set of one statistical map that lies in no dataset.

    The entities of its name, if it has a contrast among them, name what becomes of it; else its whole name does.
    """
    labels = {key: label for key, label in labels_in_name(path.name).items() if key not in ("stat", "desc", "test")}
    stem = path.name.partition(".")[0]
    if "contrast" not in labels:
        labels = {"contrast": re.sub("[^a-zA-Z0-9]", "", stem) or "map"}
    entities = Entities.of(labels)
    file = StatMap(path, printable(path.name), MAP_SOURCE, entities, path.name[len(stem) :])
    return ContrastSet(entities.written(), stat, (SubjectMap(labels.get("sub", ""), (file,)),))


def subject_contrasts(discovery: Discovery) -> tuple[ContrastSet, ...]:
    """Take contrast sets apart: one for each map of each subject, session and run."""
    apart: dict[Entities, ContrastSet] = {}
    for contrast in discovery:
        excluded: dict[str, list[Excluded]] = defaultdict(list)
        for entry in contrast.excluded:
            for subject in set(_SUBJECT.findall(entry.name)):
                excluded[subject].append(entry)
        for member in contrast.members:
            key = member.first.entities.without("stat", "node", "level")
            others = apart[key].members if key in apart else ()
            theirs = tuple(excluded.get(member.subject, ()))
            apart[key] = ContrastSet(key.written(), contrast.stat, (*others, member), theirs, contrast.notes)
    return by_name(apart)


def _sift(dataset: Dataset, filters: Filters) -> tuple[dict[Entities, list[StatMap]], list[tuple[StatMap, str]]]:
    """Part what is wanted, by what tells groups apart, from what is refused, with a reason."""
    implied = filters.implied(dataset)
    usable: dict[Entities, list[StatMap]] = defaultdict(list)
    refused: list[tuple[StatMap, str]] = []
    for file in dataset.statmaps:
        if reason := filters.refusal(file, implied):
            refused.append((file, reason))
        else:
            usable[key_of_group(file)].append(file)
    return usable, refused


def _stage(file: StatMap) -> int:
    """Rank a map by its stage: the subject's before a session's before a run's."""
    named = stage_of_node(file)
    if named is not None:
        return _STAGES[named]
    return 2 if file.entities.get("run") else 1 if file.entities.get("ses") else 0


def _choose_stages(
    usable: Mapping[Entities, list[StatMap]], refused: list[tuple[StatMap, str]]
) -> Iterator[tuple[Entities, list[StatMap]]]:
    """Where a dataset holds one contrast at several stages of a model, keep the one nearest to the subject.

    A subject-level map may have lost entities that the run-level maps it was made from still have (task, space),
    so stages compete within a contrast label, between groups whose other entities do not contradict.
    """
    best = {key: min(map(_stage, files)) for key, files in usable.items()}
    with_nodes = [key for key, files in usable.items() if any(node_of(file) is not None for file in files)]
    for key, files in usable.items():
        if key in with_nodes:
            stage = min(best[other] for other in with_nodes if _compatible(key, other))
            further = [file for file in files if _stage(file) != stage]
            refused.extend((file, f"{_OTHER_STAGE}the maps nearest to the subject are taken") for file in further)
            files = [file for file in files if _stage(file) == stage]
        if files:
            yield key, files


def _compatible(one: Entities, other: Entities) -> bool:
    """Say whether two keys agree wherever both have a label, and on the contrast."""
    a, b = dict(one), dict(other)
    return a.get("contrast") == b.get("contrast") and all(a[key] == b[key] for key in a.keys() & b.keys())


def _reader_of_maps(dataset: Dataset, with_variances: bool) -> Callable[[StatMap], SubjectMap]:
    """Make the function that finds the variance map of an effect, where it will be needed."""
    if isinstance(dataset, Manifest):
        return dataset.maps.__getitem__
    variances: dict[tuple[str, str], StatMap] = {}
    if with_variances:
        there = (file for file in dataset.statmaps if file.entities.get("stat") == "variance")
        variances = {(file.dataset, file.name): file for file in there if not file.problem}

    def as_map(file: StatMap) -> SubjectMap:
        name = _STAT_EFFECT.sub(r"\1stat-variance", file.name)
        stem = name.removesuffix(file.extension)
        found = [twin for ending in (file.extension, *IMAGES) if (twin := variances.get((file.dataset, stem + ending)))]
        return SubjectMap(str(file.entities.get("sub")), (file,), tuple(found[:1]))

    return as_map


_STAT_EFFECT = re.compile("(^|[/_])stat-effect(?=[/_])")


def _sort_out(groups: Mapping[Entities, Combined], refused: Iterable[tuple[StatMap, str]], stat: Stat) -> Discovery:
    """Make the contrast sets and hand each its share of what is left out."""
    used = {id(file) for group in groups.values() for member in group.members for file in member.variances}
    refused = [(file, reason) for file, reason in refused if id(file) not in used]
    everyone = {member.subject for group in groups.values() for member in group.members}
    everyone |= {
        str(file.entities.get("sub")) for file, reason in refused if reason.startswith((OTHER_STAT, _OTHER_STAGE))
    }
    shares: dict[Entities, list[Excluded]] = defaultdict(list)
    nowhere: list[Excluded] = []
    takers: dict[Entities, list[Entities]] = {}
    for file, reason in refused:
        entry = Excluded.of_map(file, reason)
        log.debug("left out: %s: %s", entry.name, reason)
        key = key_of_group(file)
        if key not in takers:
            takers[key] = [key] if key in groups else [other for other in groups if _compatible(key, other)]
        for taker in takers[key]:
            shares[taker].append(entry)
        if not takers[key]:
            nowhere.append(entry)
    sets = dict(_contrast_set(key, group, everyone, shares[key], stat) for key, group in groups.items())
    return Discovery(by_name(sets), tuple(nowhere))


def _contrast_set(
    key: Entities, group: Combined, everyone: set[str], excluded: Sequence[Excluded], stat: Stat
) -> tuple[Entities, ContrastSet]:
    """Make one contrast set, with its key as the files have it; name the subjects that lack the contrast."""
    absent = sorted(everyone.difference(member.subject for member in group.members))
    lacking = [Excluded(f"sub-{printable(subject)}", f"has no {stat} map of this contrast") for subject in absent]
    for entry in lacking:
        log.debug("%s: %s %s", printable(str(key)), entry.name, entry.reason)
    files = [file for member in group.members for file in member.maps]
    key = with_shared(key, files)
    notes = (*_notes(key, group.members), *group.notes)
    return key, ContrastSet(key.written(), stat, group.members, (*lacking, *excluded), notes, group.over)


def _weighted(contrast: ContrastSet) -> ContrastSet:
    """Let variance maps weigh a contrast; leave out who lacks one, but not of several maps, which are refused."""
    times = Counter(contrast.subjects)
    lacking = [each for each in contrast.members if times[each.subject] == 1 and not each.has_variances]
    excluded = []
    for member in lacking:
        several = len(member.all_maps) > 1
        reason = f"no variance map{' of each of its maps' if several else ''}, which --estimator needs"
        excluded.append(Excluded(f"sub-{printable(member.subject)}", reason))
        excluded += [Excluded.of_map(file, reason) for file in member.all_files]
    subjects = set(contrast.subjects).difference(member.subject for member in lacking)
    return replace(contrast.keep(subjects, excluded), weighted=True)


def _notes(key: Entities, members: Sequence[SubjectMap]) -> Iterator[str]:
    """Say which maps were taken, and what is odd about them and their labels."""
    files = [file for member in members for file in member.maps]
    for node in sorted({node for file in files if (node := node_of(file))}):
        yield f"Maps of node {printable(node)} were taken"
    for (entity, label), (_, written) in zip(key, key.written(), strict=True):
        if label != written:
            yield f"{entity} {label!r} is written as {written}"
    odd = [label for label in dict.fromkeys(member.subject for member in members) if label != safe_label(label)]
    if odd:
        yield f"Labels of subjects that pybids does not read: {listing(map(repr, odd))}"
    named = Counter(file.path for file in files)
    for path in [path for path, n in named.items() if n > 1]:
        whose = sorted({member.subject for member in members if path in member.paths})
        yield f"{printable(str(path))} is named more than once, for {listing(f'sub-{printable(s)}' for s in whose)}"
