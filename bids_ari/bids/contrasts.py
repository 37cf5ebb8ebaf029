"""What discovery gives: contrast sets, of one map per subject, and a reason for every file left out."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args, overload

from bids_ari.bids.dataset import StatmapFile
from bids_ari.bids.entities import Entities, printable
from bids_ari.errors import DataError, DuplicateMapsError, listing

Stat = Literal["effect", "t", "z"]
STATS: tuple[Stat, ...] = get_args(Stat)

Combine = Literal["run", "session"]
"""Over what the maps of a subject are combined: its runs, or its sessions and the runs in them."""

COMBINED_OVER: dict[Combine, tuple[str, ...]] = {"run": ("run",), "session": ("ses", "run")}
"""The entities in which maps differ that are combined."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file or a subject that takes no part, and why."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class SubjectMap:
    """The map of one subject.

    Attributes
    ----------
    subject : str
        The label of the subject.
    files : tuple of StatmapFile
        The map, or several that are combined, by session and run.
    variances : tuple of StatmapFile
        The variance map of each, where they are combined by precision; else empty.
    dof : float or None
        Degrees of freedom of a t map, where a manifest tells them.
    """

    subject: str
    files: tuple[StatmapFile, ...]
    variances: tuple[StatmapFile, ...] = ()
    dof: float | None = None

    @property
    def file(self) -> StatmapFile:
        """The map; the first of several."""
        return self.files[0]

    @property
    def uris(self) -> tuple[str, ...]:
        """The BIDS URI of each file."""
        return tuple(file.uri for file in self.files)

    @property
    def uri(self) -> str:
        """The BIDS URI of the map; of several, one after the other."""
        return ", ".join(self.uris)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The path of each file."""
        return tuple(file.path for file in self.files)

    @property
    def variance_paths(self) -> tuple[Path, ...]:
        """The path of each variance map."""
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
    left_out : tuple of LeftOut
        Files and subjects that could have been members.
    notes : tuple of str
        Choices made on the way.
    combined : {'', 'run', 'session'}
        What the maps of a subject were combined over, if any.
    clash : str
        The contrasts whose files would have the same names as those of this one; it is refused then.
    """

    entities: Entities
    stat: Stat
    members: tuple[SubjectMap, ...]
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    combined: Literal["", "run", "session"] = ""
    clash: str = ""

    @property
    def name(self) -> str:
        """The entities as they stand in file names."""
        return str(self.entities) or "statmaps"

    @property
    def subjects(self) -> tuple[str, ...]:
        """The label of each member."""
        return tuple(member.subject for member in self.members)

    @property
    def files(self) -> tuple[StatmapFile, ...]:
        """Every file that is read: the maps, and the variances of those that are combined."""
        return tuple(file for member in self.members for file in (*member.files, *member.variances))

    @property
    def paths(self) -> tuple[Path, ...]:
        """The path of every map of every member."""
        return tuple(path for member in self.members for path in member.paths)

    def check(self) -> None:
        """Refuse what cannot be analysed.

        Raises
        ------
        DuplicateMapsError
            When a subject has more than one map.
        DataError
            When the files of another contrast would have the same names.
        """
        if self.clash:
            raise DataError(
                f"File names cannot tell {self.clash} apart",
                "labels that differ in letters, digits or +, and not only in case",
                "Rename one of them",
            )
        twice = [subject for subject, n in Counter(self.subjects).items() if n > 1]
        if twice:
            raise self._refusal(twice)

    def _refusal(self, twice: Sequence[str]) -> DuplicateMapsError:
        members = [member for member in self.members if member.subject == twice[0]]
        who = listing(f"sub-{printable(subject)}" for subject in twice)
        names = (printable(f"{file.root}/{file.name}") for member in members for file in member.files)
        return DuplicateMapsError(
            f"{who} {'has' if len(twice) == 1 else 'have'} more than one map of {self.name}: {listing(names)}",
            "one map per subject",
            f"Choose with {_ways_out(members, self.combined)}",
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

    def all_left_out(self) -> tuple[LeftOut, ...]:
        """Give each file and each subject that takes no part, once."""
        of_contrasts = (entry for contrast in self.contrasts for entry in contrast.left_out)
        return tuple(dict.fromkeys([*self.left_out, *of_contrasts]))


def can_combine(files: Sequence[StatmapFile], how: Combine) -> bool:
    """Say whether maps of a subject are parts of one: alike in all but their run, or their session and run.

    A map without a run beside maps of runs, or without a session beside maps of sessions, may be made of them: it is
    no part beside them.
    """
    if len({(file.root, file.entities.without(*COMBINED_OVER[how])) for file in files}) > 1:
        return False
    runs: dict[str | None, list[str | None]] = defaultdict(list)
    for file in files:
        runs[file.entities.get("ses")].append(file.entities.get("run"))
    return _are_parts(list(runs)) and all(map(_are_parts, runs.values()))


def _are_parts(labels: Sequence[str | None]) -> bool:
    """Say whether labels differ and, where there are several, none is missing."""
    return len(labels) == len(set(labels)) and (len(labels) == 1 or None not in labels)


def _ways_out(members: Sequence[SubjectMap], combined: Literal["", "run", "session"]) -> str:
    """Name the flags that tell some maps of one subject apart, or combine them."""
    files = [file for member in members for file in member.files]
    done = COMBINED_OVER[combined] if combined else ()
    ways = []
    for key, flag in (("ses", "--session-label"), ("run", "--run-label")):
        labels = {file.entities.get(key) for file in files}
        if len(labels) > 1 and key not in done:
            ways.append(f"{flag} {printable(min(filter(None, labels)))}")
            ways += [f'"{key}": null in a --bids-filter-file'] if None in labels else []
    if len({file.root for file in files}) > 1:
        ways.append("--derivatives, naming one of the derivative datasets")
    if len({node_of(file) for file in files}) > 1:
        ways.append("the folder of one node as BIDS_DIR")
    combines = [how for how in COMBINED_OVER if can_combine(files, how)]
    if combines:
        ways.append(f"or combine them with --combine {combines[0]}")
    return ", ".join(ways) or "--exclude, or remove one of them"


def node_of(file: StatmapFile) -> str | None:
    """Give the node, or the level, of a first-level model that made a map."""
    return file.entities.get("node") or file.entities.get("level")
