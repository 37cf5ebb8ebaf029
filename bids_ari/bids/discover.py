"""From statmap files to contrast sets: one map per subject, and a reason for every file left out.

Maps belong together when all their entities agree but sub, ses and run. ``node`` and ``level`` say at which
stage of a first-level model a map was made; the map of the subject is taken before the map of a run, and a map
of the whole dataset never.
"""

import logging
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args, overload

from bids_ari.bids.dataset import Dataset, StatmapFile, open_dataset
from bids_ari.bids.entities import Entities, bare_label, labels_in_name
from bids_ari.errors import DuplicateMapsError, NoMatchError, UsageError, listing

log = logging.getLogger(__name__)

Stat = Literal["effect", "t", "z"]
STATS: tuple[Stat, ...] = get_args(Stat)

MAP_SOURCE = "map"
"""The name, in BIDS URIs, of the folder that a map outside any dataset lies in."""

FILTER_KEYS = {"subjects": "sub", "task": "task", "space": "space", "contrast": "contrast"}
FILTER_KEYS |= {"session": "ses", "run": "run"}
"""Filters by the entity that they choose."""

_SHARED_BY_GROUP = ("sub", "ses", "run", "stat", "node", "level")  # never part of what tells groups apart
_IMAGES = (".nii", ".nii.gz")
_OTHER_STAT = "its stat is"
_OTHER_STAGE = "a map of a run or session; "
_STAGES = {"run": 2, "ses": 1, "sub": 0, "dataset": 3}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file or a subject that takes no part, and why."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class SubjectMap:
    """The map of one subject."""

    subject: str
    file: StatmapFile

    @property
    def uri(self) -> str:
        """Its BIDS URI."""
        return f"bids:{self.file.root}:{self.file.name}"


@dataclass(frozen=True, slots=True, repr=False)
class ContrastSet:
    """The maps of one contrast: what one group analysis starts from.

    Attributes
    ----------
    entities : Entities
        The entities that all maps share.
    stat : {'effect', 't', 'z'}
        Which statistic the maps hold.
    members : tuple of SubjectMap
        The maps, by subject. More than one of a subject is refused when they are analysed.
    left_out : tuple of LeftOut
        Files and subjects that could have been members.
    notes : tuple of str
        Choices made on the way.
    """

    entities: Entities
    stat: Stat
    members: tuple[SubjectMap, ...]
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The entities as they stand in file names."""
        return str(self.entities) or "statmaps"

    @property
    def subjects(self) -> tuple[str, ...]:
        """The label of each member."""
        return tuple(member.subject for member in self.members)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The file of each member."""
        return tuple(member.file.path for member in self.members)

    def check(self) -> None:
        """Raise DuplicateMapsError when a subject has more than one map."""
        twice = [subject for subject, n in Counter(self.subjects).items() if n > 1]
        if not twice:
            return
        files = [m.file for m in self.members if m.subject == twice[0]]
        who = listing(f"sub-{subject}" for subject in twice)
        raise DuplicateMapsError(
            f"{who} {'has' if len(twice) == 1 else 'have'} more than one map of {self.name}: "
            + listing(f"{file.root}/{file.name}" for file in files),
            "one map per subject",
            f"Choose with {_ways_out(files)}",
        )

    def __repr__(self) -> str:
        return f"ContrastSet({self.name!r}, stat={self.stat!r}, n_subjects={len(self.members)})"


@dataclass(frozen=True, slots=True)
class Discovery(Sequence[ContrastSet]):
    """What was found: the contrast sets, as a sequence, and the files that belong to none of them."""

    contrasts: tuple[ContrastSet, ...]
    left_out: tuple[LeftOut, ...]

    @overload
    def __getitem__(self, index: int) -> ContrastSet: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[ContrastSet, ...]: ...
    def __getitem__(self, index: int | slice) -> ContrastSet | tuple[ContrastSet, ...]:
        return self.contrasts[index]

    def __len__(self) -> int:
        return len(self.contrasts)


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
) -> Discovery:
    """Find the first-level maps of a dataset and sort them into contrasts.

    Parameters
    ----------
    dataset : Dataset or path
        An open dataset, or the folder of one.
    subjects, task, space, contrast, session, run : str or sequence of str
        Take only maps with these labels, with or without ``sub-``, ``task-``, ...; nothing means all.
    exclude : sequence of str
        Leave these subjects out.
    stat : {'effect', 't', 'z'}
        Which first-level statistic to take. Effects carry the units of the data and are the right input of a
        group model; t and z are for datasets that hold nothing else.

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
    """
    if stat not in STATS:
        raise UsageError(f"stat {stat!r} is unknown", f"one of {', '.join(STATS)}")
    if not isinstance(dataset, Dataset):
        dataset = open_dataset(dataset)
    given = {"subjects": subjects, "task": task, "space": space, "contrast": contrast, "session": session, "run": run}
    wanted = {FILTER_KEYS[name]: _labels(labels, FILTER_KEYS[name]) for name, labels in given.items() if labels}
    excluded = _labels(exclude, "sub")
    _check_labels(dataset, wanted, excluded)
    implied = {key for key, labels in wanted.items() if _labels_there(dataset, key) <= labels}

    usable: dict[Entities, list[StatmapFile]] = defaultdict(list)
    refused: list[tuple[StatmapFile, str]] = []
    for file in dataset.statmaps:
        if reason := _refusal(file, wanted, implied, excluded, stat):
            refused.append((file, reason))
        else:
            usable[file.entities.without(*_SHARED_BY_GROUP)].append(file)
    if not usable:
        raise _nothing_matches(dataset, wanted, excluded, stat)
    chosen = dict(_choose_stages(usable, refused))
    return _sort_out(chosen, refused, stat)


def contrast_of_map(path: Path, stat: Stat) -> ContrastSet:
    """Make a contrast set of one statistical map that lies in no dataset.

    The entities of its name, if it has a contrast among them, name what becomes of it; else its whole name does.
    """
    labels = {key: label for key, label in labels_in_name(path.name).items() if key not in ("stat", "desc", "test")}
    stem = path.name.partition(".")[0]
    if "contrast" not in labels:
        labels = {"contrast": re.sub("[^a-zA-Z0-9]", "", stem) or "map"}
    entities = Entities.of(labels)
    file = StatmapFile(path, path.name, MAP_SOURCE, entities, path.name[len(stem) :])
    return ContrastSet(entities, stat, (SubjectMap(labels.get("sub", ""), file),))


def _labels(labels: Sequence[str] | str, key: str) -> frozenset[str]:
    """Normalise the labels of one filter."""
    return frozenset(bare_label(str(x), key) for x in ([labels] if isinstance(labels, str | int) else labels))


def _refusal(
    file: StatmapFile, wanted: Mapping[str, frozenset[str]], implied: set[str], excluded: frozenset[str], stat: Stat
) -> str | None:
    """Say why a statmap is no member of any contrast set, or None.

    A map of a node that does not name an entity passes its filter where every label in the dataset does (`implied`):
    a subject-level map of FitLins, made of all runs, has lost the only task that there is.
    """
    if file.nested:
        return "lies in a dataset of its own within this one"
    if file.extension not in _IMAGES:
        return "surface maps are not supported yet" if _is_surface(file) else "not a NIfTI image"
    if file.entities.get("sub") is None or _stage_named(file) == "dataset":
        return "a map of the whole dataset, not of a subject"
    if file.entities.get("test") is not None:
        return "a group-level result"
    for key, labels in wanted.items():
        own = _labels_of(file, key)
        if not own & labels and not (not own and key in implied and _node(file)):
            return f"not among the {key} asked for" if own else f"no {key} in its name"
    if file.entities.get("sub") in excluded:
        return "excluded"
    if (found := file.entities.get("stat")) != stat:
        return f"{_OTHER_STAT} {found or 'not named'}; the group model takes {stat} maps"
    if file.entities.get("contrast") is None and file.entities.get("taskcontrast") is None:
        return "no contrast in its name"
    return None


def _is_surface(file: StatmapFile) -> bool:
    return file.extension.endswith((".gii", ".dscalar.nii", ".dtseries.nii", ".dlabel.nii"))


def _labels_of(file: StatmapFile, key: str) -> set[str]:
    """Give the label of an entity; HALFpipe names a contrast of its first level taskcontrast."""
    keys = ("contrast", "taskcontrast") if key == "contrast" else (key,)
    return {label for each in keys if (label := file.entities.get(each))}


def _labels_there(dataset: Dataset, key: str) -> set[str]:
    """Give every label that the statmaps of a dataset have for an entity."""
    return {label for file in dataset.statmaps for label in _labels_of(file, key)}


def _stage_named(file: StatmapFile) -> str | None:
    """Give the stage of a first-level model that a map's node or level names: run, ses, sub or dataset."""
    name = (_node(file) or "").lower()
    found = re.search(r"(?:^|[^a-z])(dataset|run|ses|sub)(?:sion|ject)?s?(?:level|[^a-z]|$)", name)
    return found.group(1) if found else None


def _stage(file: StatmapFile) -> int:
    """Rank a map by its stage: the subject's before a session's before a run's."""
    named = _stage_named(file)
    if named is not None:
        return _STAGES[named]
    return 2 if file.entities.get("run") else 1 if file.entities.get("ses") else 0


def _choose_stages(
    usable: Mapping[Entities, list[StatmapFile]], refused: list[tuple[StatmapFile, str]]
) -> Iterator[tuple[Entities, list[StatmapFile]]]:
    """Where a dataset holds one contrast at several stages of a model, keep the one nearest to the subject.

    A subject-level map may have lost entities that the run-level maps it was made from still have (task, space),
    so stages compete within a contrast label, between groups whose other entities do not contradict.
    """
    best = {key: min(_stage(file) for file in files) for key, files in usable.items()}
    for key, files in usable.items():
        rivals = (other for other in usable if _has_nodes(usable[other]) and _compatible(key, other))
        stage = min([best[key], *(best[other] for other in rivals)]) if _has_nodes(files) else None
        kept = [file for file in files if stage is None or _stage(file) == stage]
        for file in files:
            if file not in kept:
                refused.append((file, f"{_OTHER_STAGE}the maps nearest to the subject are taken"))
        if kept:
            yield key, kept


def _has_nodes(files: Sequence[StatmapFile]) -> bool:
    return any(_node(file) is not None for file in files)


def _node(file: StatmapFile) -> str | None:
    return file.entities.get("node") or file.entities.get("level")


def _compatible(one: Entities, other: Entities) -> bool:
    """Say whether two keys agree wherever both have a label, and on the contrast."""
    a, b = dict(one), dict(other)
    return a.get("contrast") == b.get("contrast") and all(a[key] == b[key] for key in a.keys() & b.keys())


def _sort_out(
    chosen: Mapping[Entities, list[StatmapFile]], refused: Sequence[tuple[StatmapFile, str]], stat: Stat
) -> Discovery:
    """Make the contrast sets and hand each its share of what is left out."""
    there = [file for files in chosen.values() for file in files]
    there += [file for file, reason in refused if reason.startswith((_OTHER_STAT, _OTHER_STAGE))]
    everyone = {str(file.entities.get("sub")) for file in there}
    shares: dict[Entities, list[LeftOut]] = defaultdict(list)
    nowhere: list[LeftOut] = []
    for file, reason in refused:
        entry = LeftOut(f"{file.root}/{file.name}", reason)
        log.debug("left out: %s: %s", entry.what, reason)
        key = file.entities.without(*_SHARED_BY_GROUP)
        takers = [other for other in chosen if key == other] or [o for o in chosen if _compatible(key, o)]
        for taker in takers:
            shares[taker].append(entry)
        if not takers:
            nowhere.append(entry)
    sets = [_contrast_set(key, files, everyone, shares[key], stat) for key, files in chosen.items()]
    return Discovery(tuple(sorted(sets, key=lambda c: c.name)), tuple(nowhere))


def _contrast_set(
    key: Entities, files: Sequence[StatmapFile], everyone: set[str], left_out: list[LeftOut], stat: Stat
) -> ContrastSet:
    """Make one contrast set; name the subjects that lack the contrast."""
    members = sorted(
        (SubjectMap(str(file.entities.get("sub")), file) for file in files),
        key=lambda member: (member.subject, member.file.root, member.file.name),
    )
    absent = sorted(everyone - {member.subject for member in members})
    lacking = [LeftOut(f"sub-{subject}", f"has no {stat} map of this contrast") for subject in absent]
    for entry in lacking:
        log.info("%s: %s %s", key, entry.what, entry.reason)
    for inner in ("ses", "run"):  # a value that all share stays in the name
        values = {file.entities.get(inner) for file in files}
        if len(values) == 1 and (value := values.pop()):
            key = key.with_(**{inner: value})
    nodes = sorted({node for file in files if (node := _node(file))})
    notes = tuple(f"Maps of node {node} were taken" for node in nodes)
    return ContrastSet(key, stat, tuple(members), tuple(lacking + left_out), notes)


def _check_labels(dataset: Dataset, wanted: Mapping[str, frozenset[str]], excluded: frozenset[str]) -> None:
    """Refuse labels that no statmap has: a misspelt filter must not pass silently."""
    for key, labels in wanted.items():
        there = _labels_there(dataset, key)
        if unknown := labels - there:
            raise NoMatchError(
                f"No statmap has {key} {listing(sorted(unknown))}",
                f"one of: {listing(sorted(there), 20) or f'nothing, no name holds {key}-'}",
            )
    known = {file.entities.get("sub") for file in dataset.statmaps}
    for label in sorted(excluded - known):
        log.warning("--exclude %s: there is no such subject", label)


def _nothing_matches(
    dataset: Dataset, wanted: Mapping[str, frozenset[str]], excluded: frozenset[str], stat: Stat
) -> NoMatchError:
    """Say what there is when the filters leave nothing."""
    images = [file for file in dataset.statmaps if file.extension in _IMAGES]
    there = []
    for key in ("sub", "ses", "run", "task", "space", "contrast", "stat"):
        if labels := sorted({label for file in images if (label := file.entities.get(key))}):
            there.append(f"{key} {listing(labels)}")
    asked = [f"{key} {listing(sorted(labels))}" for key, labels in wanted.items() if labels] + [f"stat {stat}"]
    asked += [f"sub other than {listing(sorted(excluded))}"] if excluded else []
    stats = {file.entities.get("stat") for file in images if file.entities.get("sub")}
    others = [other for other in STATS if other in stats and stat not in stats]
    return NoMatchError(
        f"No subject's map in {dataset.path} has {', '.join(asked)}",
        f"a choice from: {'; '.join(there) or 'no volume maps at all'}",
        _other_stat(others[0]) if others else "",
    )


def _other_stat(stat: str) -> str:
    return f"To analyse {stat} maps, say --stat {stat}" + (", at the group level" if stat == "effect" else "")


def _ways_out(files: Sequence[StatmapFile]) -> str:
    """Name the flags that tell some maps of one subject apart."""
    ways = []
    for key, flag in (("ses", "--session-label"), ("run", "--run-label")):
        labels = sorted({label for file in files if (label := file.entities.get(key))})
        if len(labels) > 1:
            ways.append(f"{flag} {labels[0]}")
    if len({file.root for file in files}) > 1:
        ways.append("--derivatives, naming one of the derivative datasets")
    if len({_node(file) for file in files}) > 1:
        ways.append("the folder of one node as BIDS_DIR")
    return ", ".join(ways) or "--exclude, or move one of them out of the dataset"
