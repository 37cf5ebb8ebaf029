"""What discovery gives: contrast sets, of one map per subject, and a reason for every file left out."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args, overload

from bids_ari.bids.dataset import StatMap
from bids_ari.bids.entities import Entities, printable
from bids_ari.errors import DataError, DuplicateMapsError, counted, listing

Stat = Literal["effect", "t", "z"]
STATS: tuple[Stat, ...] = get_args(Stat)

Combine = Literal["run", "session"]
"""Over what the maps of a subject are combined: its runs, or its sessions and the runs in them."""

COMBINED_OVER: dict[Combine, tuple[str, ...]] = {"run": ("run",), "session": ("ses", "run")}
"""The entities in which maps differ that are combined."""

_SHARED_BY_GROUP = ("sub", "ses", "run", "stat", "node", "level")  # never part of what tells groups apart


@dataclass(frozen=True, slots=True)
class Excluded:
    """A file or a subject that is not analysed, and why.

    Attributes
    ----------
    name : str
        ``sub-`` and the label of a subject, or the dataset and the path in it of a file.
    reason : str
        Why it is excluded.
    """

    name: str
    reason: str

    @classmethod
    def of_map(cls, file: StatMap, reason: str) -> "Excluded":
        """Name a file by its place in its dataset."""
        return cls(printable(f"{file.dataset}/{file.name}"), reason)

    @property
    def is_subject(self) -> bool:
        """Whether this is a subject; files have a folder in their name."""
        return "/" not in self.name


@dataclass(frozen=True, slots=True)
class SubjectMap:
    """The map of one subject.

    Attributes
    ----------
    subject : str
        The label of the subject.
    maps : tuple of StatMap
        The map, or several that are combined, by session and run.
    variances : tuple of StatMap
        The variance map of each, where they are combined by precision or weigh in the group model; else empty.
    dof : float or None
        Degrees of freedom of a t map, where a manifest tells them.
    minus : SubjectMap or None
        What is taken away from this map, where the group model gets the difference of two.
    """

    subject: str
    maps: tuple[StatMap, ...]
    variances: tuple[StatMap, ...] = ()
    dof: float | None = None
    minus: "SubjectMap | None" = None

    @property
    def first(self) -> StatMap:
        """The map; the first of several."""
        return self.maps[0]

    @property
    def all_files(self) -> tuple[StatMap, ...]:
        """Every file that is read: maps and variance maps, also of what is taken away."""
        return (*self.maps, *self.variances, *(self.minus.all_files if self.minus else ()))

    @property
    def all_maps(self) -> tuple[StatMap, ...]:
        """The maps, and those that are taken away."""
        return (*self.maps, *(self.minus.all_maps if self.minus else ()))

    @property
    def has_variances(self) -> bool:
        """Whether each of the maps, also of what is taken away, has its variance map."""
        return len(self.variances) == len(self.maps) and (self.minus is None or self.minus.has_variances)

    @property
    def uris(self) -> tuple[str, ...]:
        """The BIDS URI of each map, those that are taken away last."""
        return tuple(file.uri for file in self.all_maps)

    @property
    def uri(self) -> str:
        """The BIDS URI of the map; of several, one after the other; of a difference, that of one minus the other."""
        own = ", ".join(file.uri for file in self.maps)
        return f"{own} minus {self.minus.uri}" if self.minus else own

    @property
    def paths(self) -> tuple[Path, ...]:
        """The path of each file, but not of what is taken away."""
        return tuple(file.path for file in self.maps)

    @property
    def variance_paths(self) -> tuple[Path, ...]:
        """The path of each variance map, but not of what is taken away."""
        return tuple(file.path for file in self.variances)


@dataclass(frozen=True, slots=True, repr=False)
class ContrastSet:
    """The maps of one contrast: what one group analysis starts from.

    Attributes
    ----------
    entities : Entities
        The entities that all maps share, as they are written: labels of letters, digits and +.
    stat : {'effect', 't', 'z'}
        Which statistic the maps hold.
    members : tuple of SubjectMap
        The maps, by subject. More than one of a subject is refused when they are analysed.
    excluded : tuple of Excluded
        Files and subjects that could have been members.
    notes : tuple of str
        Choices made on the way.
    combined : {'', 'run', 'session'}
        What the maps of a subject were combined over, if any.
    clash : str
        The contrasts whose files would have the same names as those of this one; it is refused then.
    weighted : bool
        Whether the group model is weighted by the variance maps: each map has one then.
    paired : str
        The entity in which the two maps of each subject differ, if differences within subjects are analysed.
    """

    entities: Entities
    stat: Stat
    members: tuple[SubjectMap, ...]
    excluded: tuple[Excluded, ...] = ()
    notes: tuple[str, ...] = ()
    combined: Literal["", "run", "session"] = ""
    clash: str = ""
    weighted: bool = False
    paired: str = ""

    @property
    def name(self) -> str:
        """The entities as they stand in file names."""
        return str(self.entities) or "statmaps"

    @property
    def subjects(self) -> tuple[str, ...]:
        """The label of each member."""
        return tuple(member.subject for member in self.members)

    @property
    def files(self) -> tuple[StatMap, ...]:
        """Every file that is read: the maps, and those variance maps that are used."""
        return tuple(file for member in self.members for file in member.all_files)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The path of every map of every member."""
        return tuple(file.path for member in self.members for file in member.all_maps)

    def keep(self, subjects: Collection[str], excluded: Iterable[Excluded]) -> "ContrastSet":
        """Take only the maps of some subjects; `excluded` tells why the others take no part."""
        members = tuple(member for member in self.members if member.subject in subjects)
        return replace(self, members=members, excluded=(*excluded, *self.excluded))

    def check(self) -> None:
        """Refuse what cannot be analysed.

        Raises
        ------
        DuplicateMapsError
            When a subject has more than one map.
        DataError
            When the files of another contrast would have the same names, or no subject is left.
        """
        if self.clash:
            raise DataError(
                f"File names cannot tell {self.clash} apart",
                "labels that differ in letters, digits or +, and not only in case",
                "Rename one of them",
            )
        if not self.members:
            raise self._nobody()
        twice = [subject for subject, n in Counter(self.subjects).items() if n > 1]
        if twice:
            raise self._refusal(twice)

    def _nobody(self) -> DataError:
        why = Counter(entry.reason for entry in self.excluded if entry.is_subject)
        told = listing(f"{reason} ({counted(n, 'subject')})" for reason, n in why.most_common())
        hint = "See --list for who is left out"
        if self.weighted:
            hint = "Put a stat-variance map beside each stat-effect map (or in the manifest), or say --estimator ols"
        return DataError(f"No subject is left in {self.name}: {told}", "at least 2 for a group analysis", hint)

    def _refusal(self, twice: Sequence[str]) -> DuplicateMapsError:
        members = [member for member in self.members if member.subject == twice[0]]
        several, others = _sides(members)
        who = listing(f"sub-{printable(subject)}" for subject in twice)
        names = (printable(f"{file.dataset}/{file.name}") for file in several)
        return DuplicateMapsError(
            f"{who} {'has' if len(twice) == 1 else 'have'} more than one map of {self.name}: {listing(names)}",
            "one map per subject" + (" for each side of the difference" if self.paired else ""),
            f"Choose with {self._ways_out(several, others)}",
        )

    def _ways_out(self, files: Sequence[StatMap], others: Sequence[StatMap]) -> str:
        """Name the flags that tell some maps of one subject apart, or combine them, but not the two of a difference."""
        done = COMBINED_OVER[self.combined] if self.combined else ()
        ways = []
        for key, flag in (("ses", "--session-label"), ("run", "--run-label")):
            labels, across = ({file.entities.get(key) for file in side} for side in (files, others))
            if len(labels) > 1 and key not in done:
                ways.append(f"{flag} {_choice(labels, across)}")
                ways += [f'"{key}": null in a --bids-filter-file'] if None in labels else []
        if len({file.dataset for file in files}) > 1:
            ways.append("--derivatives, naming one of the derivative datasets")
        if len({node_of(file) for file in files}) > 1:
            ways.append("the folder of one node as BIDS_DIR")
        combines = [how for how, keys in COMBINED_OVER.items() if self.paired not in keys and can_combine(files, how)]
        if combines:
            ways.append(f"or combine them with --combine {combines[0]}")
        return ", ".join(ways) or "--exclude, or remove one of them"

    def __repr__(self) -> str:
        return f"ContrastSet({self.name!r}, stat={self.stat!r}, n_subjects={len(self.members)})"


@dataclass(frozen=True, slots=True)
class Discovery(Sequence[ContrastSet]):
    """What was found: the contrast sets, as a sequence, and the files that belong to none of them."""

    contrasts: tuple[ContrastSet, ...]
    excluded: tuple[Excluded, ...]

    @overload
    def __getitem__(self, index: int) -> ContrastSet: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[ContrastSet, ...]: ...
    def __getitem__(self, index: int | slice) -> ContrastSet | tuple[ContrastSet, ...]:
        return self.contrasts[index]

    def __len__(self) -> int:
        return len(self.contrasts)

    def all_excluded(self) -> tuple[Excluded, ...]:
        """Give each file and each subject that takes no part, once."""
        of_contrasts = (entry for contrast in self.contrasts for entry in contrast.excluded)
        return tuple(dict.fromkeys([*self.excluded, *of_contrasts]))


def can_combine(files: Sequence[StatMap], how: Combine) -> bool:
    """Say whether maps of a subject are parts of one: alike in all but their run, or their session and run.

    A map without a run beside maps of runs, or without a session beside maps of sessions, may be made of them: it is
    no part beside them.
    """
    if len({(file.dataset, file.entities.without(*COMBINED_OVER[how])) for file in files}) > 1:
        return False
    runs: dict[str | None, list[str | None]] = defaultdict(list)
    for file in files:
        runs[file.entities.get("ses")].append(file.entities.get("run"))
    return _are_parts(list(runs)) and all(map(_are_parts, runs.values()))


def _are_parts(labels: Sequence[str | None]) -> bool:
    """Say whether labels differ and, where there are several, none is missing."""
    return len(labels) == len(set(labels)) and (len(labels) == 1 or None not in labels)


def _sides(members: Sequence[SubjectMap]) -> tuple[list[StatMap], list[StatMap]]:
    """Give the maps of one subject of which there are too many and, of differences, those of the other side."""
    if not any(member.minus for member in members):
        return [file for member in members for file in member.maps], []
    high = dict.fromkeys(file for member in members for file in member.maps)
    low = dict.fromkeys(file for member in members if member.minus for file in member.minus.maps)
    several = len({member.maps for member in members}) > 1
    return (list(high), list(low)) if several else (list(low), list(high))


def _choice(labels: set[str | None], across: set[str | None]) -> str:
    """Name a label to filter by, which leaves the other side of a difference its maps."""
    common = sorted(filter(None, labels & across))
    further = sorted(filter(None, across - labels))
    return printable(" ".join(common[:1] or [*sorted(filter(None, labels))[:1], *further[:1]]))


def node_of(file: StatMap) -> str | None:
    """Give the node, or the level, of a first-level model that made a map."""
    return file.entities.get("node") or file.entities.get("level")


def key_of_group(file: StatMap) -> Entities:
    """Give what tells the contrast of a map apart from others."""
    return file.entities.without(*_SHARED_BY_GROUP)


def with_shared(key: Entities, files: Sequence[StatMap]) -> Entities:
    """Add the session and the run that all files share."""
    for inner in ("ses", "run"):
        values = {file.entities.get(inner) for file in files}
        if len(values) == 1 and (value := values.pop()):
            key = key.with_(**{inner: value})
    return key


def by_name(sets: Mapping[Entities, ContrastSet]) -> tuple[ContrastSet, ...]:
    """Sort contrast sets by name; mark those that file names cannot tell apart, on disks that ignore case either."""
    alike: dict[str, list[Entities]] = defaultdict(list)
    for key in sorted(sets, key=str):
        alike[sets[key].name.lower()].append(key)
    clashing = [keys for keys in alike.values() if len(keys) > 1]
    clashes = {key: listing(printable(str(key)) for key in keys) for keys in clashing for key in keys}
    marked = (replace(contrast, clash=clashes.get(key, "")) for key, contrast in sets.items())
    return tuple(sorted(marked, key=lambda contrast: contrast.name))
