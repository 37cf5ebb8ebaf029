"""Exclusions: files and subjects that are not analysed, each with one reason, and how they are listed for people.

`Reason` is the table of all reasons, and `Excluded.of_file` and `Excluded.of_subject` are the only ways to make an
exclusion. Log, ``excluded.tsv``, sidecars and reports read these entries; none has a list of its own.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, unique
from functools import cache, lru_cache
from pathlib import Path
from sys import intern
from typing import Any, NamedTuple, NewType

from bids_ari.bids.statmap import StatMap
from bids_ari.errors import counted, listing, printable

ReasonText = NewType("ReasonText", str)
"""The text of a `Reason` with its values filled in."""

_MOST_RANGES = 5  # shown of ranges of subjects where there are more than twice as many
_OF_ITS_SUBJECT = re.compile("^its subject (is|has) ")  # begins a reason for a file
_OF_ONE = re.compile(r"\bits (?=(?:stat|name|folder|subject|session)\b)")  # in a reason for one of several files
_SUBJECT = re.compile("(?<=/sub-)[^/_]+")  # in a path
_VALUE = re.compile(r"\\\{\w+\\\}")  # the name of a value in an escaped template


@unique
class Reason(Enum):
    """Why a file or a subject is not analysed; in braces, the values that `text` fills in."""

    # a file or a folder, by its place and its name
    CYCLE = "a link to a folder that is searched already or excluded"
    DANGLING = "a link without a target, where there may have been maps"
    GONE = "indexed by pybids, and not there any more"
    OUR_RESULTS = "a folder of results of bids_ari"
    NESTED = "in another dataset within this one"
    FOLDER = "a folder, not a file"
    NOT_UTF_8 = "its name is not UTF-8"
    UNDERSCORE = "its {place} has {part}: a label must not contain an underscore"
    NO_PAIR = "its {place} has {part}, which is not key-label"
    REPEATED_KEY = "its {place} has {keys} more than once"
    OTHER_FOLDER = "its name has {found}, its folder {other}"
    NOT_A_MAP = "a {extension} file: {content}, not a map of vertices or voxels"
    NOT_AN_IMAGE = "not a NIfTI, GIFTI or CIFTI image"
    UNKNOWN_HEMISPHERE = "hemi-{label} in its name is neither hemi-L nor hemi-R"
    WHOLE_DATASET = "a map of the whole dataset, not of a subject"
    GROUP_RESULT = "a group-level result"
    NO_ENTITY = "no {key} in its name"
    OTHER_STAT = "its stat is {found}; {stat} maps are analysed"
    OTHER_STAGE = "a map of a run or session; the maps nearest to the subject are used"
    SEVERAL_EFFECTS = "the effect of an F contrast (stat-F beside it), which has several volumes"
    NO_DIRECTION = "of an F contrast: a test of any effect, of which groups have no mean"
    NOT_DIVIDED = "no {key} in its name, by which analyses are divided"
    # a file, by the filters
    NEARLY_SELECTED = "{key}-{label} in its name is not the selected {key}-{selected}"
    NOT_SELECTED = "not among the selected {kinds}"
    BY_FILTER_FILE = "excluded by the filter file or the Stats Model ({key})"
    BY_LABEL = "its subject is excluded by --exclude"
    # a file or a subject, of surfaces
    NO_HEMISPHERE = "no {stat} map of the {side} hemisphere"
    HALF_A_MAP = "its subject has no {stat} map of the {side} hemisphere"
    # a file or a subject, of differences within subjects
    NO_COUNTERPART = "no map of {side} to compare it with"
    NOT_COMPARED = "of {value}, which is not compared"
    NO_SESSION_VALUE = "no {column} of its session in the sessions.tsv of its subject"
    NOT_A_PAIR = "its subject has no {stat} map of {sides}"
    ONE_SIDE = "no {stat} map of {sides}"
    NOT_ALIKE = "its subject has maps of {sides} that differ in {keys}, too"
    UNLIKE = "maps of {sides} that differ in {keys}, too"
    # a file or a subject, of weighted group models
    NO_VARIANCE = "no variance map{of}, which --estimator needs"
    NO_VARIANCES = "no variance map of each of its maps, which --estimator needs"
    # a file or a subject, by the nodes of a Stats Model
    NOT_PASSED_ON = "a map that the nodes of the Stats Model do not use"
    NO_MAP_FOR_NODE = "lacks a map that the node {node} of the Stats Model needs for contrast-{contrast}"
    NOT_THERE = "no map; Input of the Stats Model names it"
    # a subject
    NO_MAP = "no {stat} map of this contrast"
    NAMED_IN_MANIFEST = "{table} names a {extension} file: {content}, not a map of vertices or voxels"
    NO_MAP_IN_MANIFEST = "no {stat} map in line {line} of {table}"
    ONLY_LISTED = "in {table}, but without any map"
    NO_ROW = "not in {table}"
    UNCLEAR_ROW = "not in {table}; {others} differs only in leading zeros, but may be another subject"
    NO_GROUP = "no value of {column} in {table}, by which analyses are divided"
    NO_VALUE = "no value of {columns} in {table}"
    BY_MODEL = "{column} is {cell}; the model selects {values}"

    def text(self, **values: object) -> ReasonText:
        """Return the reason with its values."""
        return ReasonText(intern(printable(self.value.format(**values))))

    def fits(self, text: str) -> bool:
        """Return whether a text is this reason, with any values: of several that fit, it is the longest.

        >>> Reason.NO_ROW.fits("not in participants.tsv"), Reason.NO_ROW.fits("a folder, not a file")
        (True, False)
        """
        return _reason_of(text) is self


ORDINARY = frozenset(
    {
        *(Reason.OUR_RESULTS, Reason.NOT_A_MAP, Reason.WHOLE_DATASET, Reason.GROUP_RESULT, Reason.OTHER_STAT),
        *(Reason.OTHER_STAGE, Reason.NOT_SELECTED, Reason.BY_FILTER_FILE, Reason.BY_LABEL, Reason.NOT_COMPARED),
        *(Reason.NOT_A_PAIR, Reason.NOT_ALIKE, Reason.BY_MODEL, Reason.NOT_PASSED_ON, Reason.HALF_A_MAP),
        Reason.ONLY_LISTED,
    }
)
"""Reasons that need no warning: by choice, for maps that other analyses use, or that another entry explains.

A table of subjects may list those of a whole dataset, of whom some were not scanned for the maps.
"""


@lru_cache(4096)
def _reason_of(text: str) -> Reason | None:
    """Return the reason with the most text of its own that a text may be, if any."""
    fitting = [reason for reason in Reason if _pattern(reason).fullmatch(text)]
    return max(fitting, key=lambda reason: len(_pattern(reason).pattern), default=None)


@cache
def _pattern(reason: Reason) -> re.Pattern[str]:
    """Return the pattern of a reason with any values."""
    return re.compile(_VALUE.sub("(?s:.*)", re.escape(reason.value)))


@dataclass(frozen=True, slots=True)
class Excluded:
    """A file or a subject that is not analysed, and why."""

    name: str  # sub- and the label of a subject, or the dataset and the path in it of a file
    reason: str
    subject: str = field(default="", compare=False)  # the label, also of the subject of a file if its name has one

    @classmethod
    def of_subject(cls, subject: str, reason: ReasonText) -> "Excluded":
        """Make the entry of a subject."""
        label = printable(subject)
        return cls(f"sub-{label}", reason, label)

    @classmethod
    def of_file(cls, file: StatMap, reason: ReasonText) -> "Excluded":
        """Make the entry of a file."""
        return cls(file.label, reason, printable(file.entities.get("sub") or ""))

    @classmethod
    def of_path(cls, path: Path, top: Path, reason: ReasonText) -> "Excluded":
        """Make the entry of a link or a folder below the folder that was opened, or elsewhere.

        Its name begins with that of the folder: reports contain no folders above.
        """
        path, above = path.absolute(), top.absolute().parent
        name = printable(
            str(path.relative_to(above) if path.is_relative_to(above) else f"{path.parent.name}/{path.name}")
        )
        return cls(name, reason, *_SUBJECT.findall(name)[-1:])

    @property
    def is_subject(self) -> bool:
        """Whether this is a subject; the names of files have a folder."""
        return "/" not in self.name


class Alike(NamedTuple):
    """The subjects, or the files, that are excluded for one reason."""

    reason: str
    entries: tuple[Excluded, ...]  # by name

    @property
    def are_subjects(self) -> bool:
        """Whether these are subjects, not files."""
        return self.entries[0].is_subject

    @property
    def is_ordinary(self) -> bool:
        """Whether the reason needs no warning."""
        return any(reason.fits(self.reason) for reason in ORDINARY)

    @property
    def subjects(self) -> tuple[str, ...]:
        """The labels of the subjects, also of the files whose subject is known."""
        labels = (entry.subject or entry.name.removeprefix("sub-") for entry in self.entries if _has_subject(entry))
        return tuple(dict.fromkeys(labels))

    @property
    def reason_for_subjects(self) -> str:
        """The reason where the text is about subjects, not about their files.

        >>> alike, = by_reason([Excluded("in/sub-03_zstat.nii.gz", Reason.BY_LABEL.text(), "03")])
        >>> alike.reason_for_subjects
        'excluded by --exclude'
        """
        return _OF_ITS_SUBJECT.sub("", self.reason)

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each subject or file."""
        return tuple(entry.name for entry in self.entries)

    def __str__(self) -> str:
        """Return one line.

        >>> print(*by_reason([Excluded.of_subject("03", Reason.NO_ROW.text(table="participants.tsv"))]))
        1 subject excluded (03): not in participants.tsv
        >>> reason = Reason.OTHER_STAT.text(found="p", stat="effect")
        >>> print(*by_reason(Excluded(f"in/sub-{label}_p.nii.gz", reason, label) for label in ("01", "02")))
        2 files excluded (of 01, 02): their stat is p; effect maps are analysed
        """
        n = len(self.entries)
        if self.are_subjects:
            return f"{counted(n, 'subject')} excluded ({subject_ranges(self.subjects, None)}): {self.reason}"
        others = [entry.name for entry in self.entries if not _has_subject(entry)]
        of = [f"of {subject_ranges(self.subjects)}"] if self.subjects else []
        reason = self.reason if n == 1 else _OF_ONE.sub("their ", self.reason)
        return f"{counted(n, 'file')} excluded ({', '.join(of + [listing(others)] * bool(others))}): {reason}"


def by_reason(excluded: Iterable[Excluded]) -> list[Alike]:
    """Group exclusions by reason: subjects before files, the most frequent reason first."""
    groups: dict[tuple[bool, str], dict[str, Excluded]] = defaultdict(dict)
    for entry in excluded:
        groups[not entry.is_subject, entry.reason].setdefault(entry.name, entry)
    ordered = sorted(groups.items(), key=lambda item: (item[0][0], -len(item[1]), item[0][1]))
    return [Alike(reason, tuple(found[name] for name in sorted(found))) for (_, reason), found in ordered]


def by_contrast(pairs: Iterable[tuple[str, Excluded]]) -> list[tuple[list[str], Alike]]:
    """Group exclusions, each with the name of its contrast or an empty one, by reason.

    Returns
    -------
    list of tuple
        The contrasts from which the same subjects are excluded for one reason, without empty names, and these subjects.
        Files of all contrasts are together, without contrasts.
    """
    of_files: list[Excluded] = []
    of_subjects: dict[str, list[Excluded]] = defaultdict(list)
    for contrast, entry in pairs:
        (of_subjects[contrast] if entry.is_subject else of_files).append(entry)
    contrasts: dict[Alike, list[str]] = defaultdict(list)
    for contrast, entries in of_subjects.items():
        for alike in by_reason(entries):
            contrasts[alike] += [contrast] if contrast else []
    return [(names, alike) for alike, names in contrasts.items()] + [([], alike) for alike in by_reason(of_files)]


def notes_on_subjects(excluded: Iterable[Excluded]) -> Iterator[str]:
    """Yield a note for each reason for which subjects are excluded, which names all of them."""
    yield from map(str, by_reason(entry for entry in excluded if entry.is_subject))


def excluded_as_json(excluded: Iterable[Excluded]) -> list[dict[str, Any]]:
    """Return what is excluded for each reason, as JSON: the subjects, and the number of files."""
    return [
        {
            "Reason": alike.reason,
            "Subjects": [f"sub-{label}" for label in alike.subjects],
            "NumberOfFiles": 0 if alike.are_subjects else len(alike.entries),
        }
        for alike in by_reason(excluded)
    ]


def subject_ranges(labels: Collection[str], most: int | None = _MOST_RANGES) -> str:
    """Return subjects as text, consecutive numbers as a range; of more than twice `most` ranges, `most` and a count.

    >>> subject_ranges(["03", "01", "02", "10", "pilot"])
    '01-03, 10, pilot'
    """
    numbers = {each: int(each) for each in labels if each.isascii() and each.isdecimal() and len(each) < 19}
    ranges: list[list[str]] = []
    for label in sorted({*labels}, key=lambda each: (each not in numbers, numbers.get(each, 0), each)):
        last = ranges[-1][-1] if ranges else ""
        if last in numbers and label == str(numbers[last] + 1).zfill(len(last)):
            ranges[-1].append(label)
        else:
            ranges.append([label])
    texts = [", ".join(each) if len(each) < 3 else f"{each[0]}-{each[-1]}" for each in ranges]
    if most is None or len(ranges) <= 2 * most:
        return ", ".join(texts)
    return f"{', '.join(texts[:most])} and {sum(map(len, ranges[most:]))} more"


def _has_subject(entry: Excluded) -> bool:
    return entry.is_subject or bool(entry.subject)
