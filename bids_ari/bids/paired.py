"""Differences within subjects: one of the two maps of each subject minus the other.

The two maps of a subject differ in one *column*: an entity of their names, such as contrast, session or run, or a
column of ``sub-X/sub-X_sessions.tsv``. They are alike otherwise. The two values to compare are *high* and *low*: the
input of the group model is the map of high minus that of low.
"""

import logging
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

from bids_ari.bids.columns import number
from bids_ari.bids.contrasts import COMBINED_OVER, ContrastSet, Discovery, Excluded, SubjectMap, by_name, with_shared
from bids_ari.bids.dataset import Dataset
from bids_ari.bids.division import Division
from bids_ari.bids.entities import Entities, bare_label, key_of, printable, safe_label
from bids_ari.bids.exclusions import Reason, ReasonText
from bids_ari.bids.labels import same_label
from bids_ari.bids.participants import read_sessions, session_row
from bids_ari.errors import NoMatchError, UsageError, counted, listing

log = logging.getLogger(__name__)

_CONTRASTS = ("contrast", "taskcontrast")
"""The entities that name a contrast, to which the name of the difference is added."""


@dataclass(frozen=True, slots=True)
class _Comparison:
    """The column in which maps differ, an entity or a column of the tables of sessions, and its values to compare."""

    column: str
    key: str
    tables: Mapping[str, Mapping[str, Mapping[str, str]]] | None = None  # cells by subject, session and column
    high: str = ""
    low: str = ""

    def value(self, each: SubjectMap) -> str | None:
        """Return the value of a map."""
        label = each.first.entities.get(self.key)
        if self.tables is None:
            return label
        return self.tables.get(each.subject, {}).get(label or "", {}).get(self.column)

    def values(self, contrast: ContrastSet) -> set[str | None]:
        """Return the values of the maps of a contrast."""
        return set(map(self.value, contrast.members))

    def shown(self, value: str) -> str:
        """Write a value with its column, for messages."""
        return printable(f"{self.key}-{value}" if self.tables is None else f"{self.column} {value}")

    @property
    def sides(self) -> tuple[str, str]:
        """High and low with their column, for messages."""
        return self.shown(self.high), self.shown(self.low)

    def exclude(self, members: Iterable[SubjectMap]) -> list[Excluded]:
        """Exclude maps that are not part of a difference: they have neither value, or their counterpart is missing."""
        return [Excluded.of_file(file, self._reason(member)) for member in members for file in member.all_files]

    def _reason(self, each: SubjectMap) -> ReasonText:
        value = self.value(each)
        if value in (self.high, self.low):
            return Reason.NO_COUNTERPART.text(side=self.sides[value == self.high])
        if value is not None:
            return Reason.NOT_COMPARED.text(value=self.shown(value))
        if self.tables is None or each.first.entities.get(self.key) is None:
            return Reason.NO_ENTITY.text(key=self.key)
        return Reason.NO_SESSION_VALUE.text(column=self.column)

    def name(self, key: Entities) -> Entities:
        """Name the difference: ``facesMinusHouses``, or ``facesSes02MinusSes01`` where another entity differs."""
        high, low, labels = _camel(self.high), _camel(self.low), dict(key)
        if self.key in _CONTRASTS:
            return key.with_(**{self.key: f"{_camel(self.high, first=False)}Minus{low}"})
        of = next(each for each in _CONTRASTS if each in labels)
        column = _camel(self.key if self.tables is None else self.column)
        return key.with_(**{of: f"{labels[of]}{column}{high}Minus{column}{low}"})


def pair(
    discovery: Discovery, column: str, folders: Iterable[Path] = (), division: Division | None = None
) -> Discovery:
    """Make contrasts of differences within subjects; exclude subjects and contrasts with one of the two maps only.

    `column` is ``COLUMN=HIGH-LOW``, or ``COLUMN`` where it has two values: then the second minus the first, in natural
    order. Tables of sessions are searched in `folders`. Contrasts that are divided by an entity remain divided.
    """
    members = [member for contrast in discovery for member in contrast.members]
    name, has_values, values = column.partition("=")
    found = _column(name, members, folders)
    for over in {contrast.combined for contrast in discovery if contrast.combined}:
        if found.key in COMBINED_OVER[over]:
            raise UsageError(f"Maps that differ in {name} were combined over {over}s", f"no --combine {over}")
    existing = sorted({value for member in members if (value := found.value(member))}, key=_natural)
    high, low = _split(found, values, existing) if has_values else _two(found, existing)
    if same_label(high, low) or (number(high) is not None and number(high) == number(low)):
        raise UsageError(
            f"The values {low} and {high} of {name} are the same number, probably the same session or run",
            "two different values",
            "Rename the maps of one of them as the other, or choose two others with --paired",
        )
    if not has_values and not (high.isdigit() and low.isdigit()):  # the order of words is arbitrary
        other = printable(f"--paired {name}={low}-{high}")
        log.warning("--paired uses %s minus %s; for the other direction: %s", high, low, other)
    return _differences(discovery, replace(found, high=high, low=low), division or Division())


def names_of_differences(contrast: Sequence[str] | str, dataset: Dataset) -> frozenset[str]:
    """Return the labels that select contrasts if no map has any of them: then they name differences, as results do."""
    labels = [bare_label(label, "contrast") for label in ([contrast] if isinstance(contrast, str) else contrast)]
    existing = dataset.labels("contrast")
    return frozenset(() if existing.union(map(safe_label, existing)).intersection(labels) else labels)


def only_differences(discovery: Discovery, labels: Collection[str]) -> Discovery:
    """Keep the differences with these labels; exclude the maps of others."""
    named = [(contrast, {contrast.entities.get(key) for key in _CONTRASTS} - {None}) for contrast in discovery]
    kept = tuple(contrast for contrast, own in named if own.intersection(labels))
    if not kept:
        existing = sorted({str(label) for _, own in named for label in own})
        raise NoMatchError(f"No difference or map has contrast {listing(labels)}", f"one of: {listing(existing, 20)}")
    others = [contrast for contrast in discovery if contrast not in kept]
    reason = Reason.NOT_SELECTED.text(key="contrast")
    excluded = [Excluded.of_file(file, reason) for each in others for file in each.files]
    excluded += [entry for each in others for entry in each.excluded if not entry.is_subject]
    return Discovery(kept, (*discovery.excluded, *excluded))


def _column(name: str, members: Sequence[SubjectMap], folders: Iterable[Path]) -> _Comparison:
    """Find the column of a name: an entity of the maps, or a column of tables of sessions."""
    key = key_of(name)
    if key not in ("sub", "stat") and any(member.first.entities.get(key) for member in members):
        return _Comparison(name, key)
    if key == "hemi" and any(member.first.pair for member in members):
        raise UsageError(
            "The two hemispheres of a subject are one map, and cannot be compared", "another entity in --paired"
        )
    places = tuple(folders)
    found = {subject: read_sessions(subject, places) for subject in {member.subject for member in members}}
    rows = {subject: table.by_label() if table else {} for subject, table in found.items()}
    tables = {subject: {label: row.values for label, row in own.items()} for subject, own in rows.items()}
    for member in members:  # a label may differ from that in the table in leading zeros
        label, table = member.first.entities.get("ses"), found[member.subject]
        if table and label is not None and (row := session_row(table, label)):
            tables[member.subject].setdefault(label, row.values)
    columns = sorted({column for table in tables.values() for row in table.values() for column in row})
    if name in columns:
        return _Comparison(name, "ses", tables)
    labels = Counter(entity for entity, _ in {pair for member in members for pair in member.first.entities})
    entities = sorted(entity for entity, n in labels.items() if n > 1 and entity != "sub")
    raise UsageError(
        f"No map has the entity {name!r}, and no sessions.tsv a column of that name",
        f"one of: {listing(entities + columns, 20) or 'nothing, the maps do not differ'}",
    )


def _two(found: _Comparison, existing: Sequence[str]) -> tuple[str, str]:
    """Return high and low where a column has two values: the second and the first."""
    if len(existing) == 2:
        return existing[1], existing[0]
    problem = (
        f"The maps have {counted(len(existing), 'value')} of {found.column}: {listing(map(printable, existing), 20)}"
    )
    if len(existing) < 2:
        raise NoMatchError(problem, "two, for differences within subjects", "Select maps of both")
    other = next((each for each in existing if not same_label(each, existing[0])), existing[1])
    hint = f"Choose two, as --paired {printable(f'{found.column}={other}-{existing[0]}')}, or use a filter"
    raise UsageError(problem, "two", hint)


def _split(found: _Comparison, values: str, existing: Collection[str]) -> tuple[str, str]:
    """Split HIGH-LOW into two existing values, which may hold dashes themselves."""
    splits = [(values[: dash.start()], values[dash.end() :]) for dash in re.finditer("-", values)]
    bare = ((_existing(bare_label(one, found.key), existing) for one in split) for split in splits)
    fitting = sorted({(high, low) for high, low in bare if high and low and high != low})
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        ways = listing(f"{high} minus {low}" for high, low in fitting)
        raise UsageError(f"--paired {found.column}={values} may be {ways}", "values that can be split in one way")
    raise NoMatchError(
        f"No maps have two values of {found.column} that match {values!r}",
        f"HIGH-LOW, two of: {listing(map(printable, existing), 20) or 'nothing'}",
    )


def _existing(value: str, existing: Collection[str]) -> str:
    """Return an existing value: one itself, else the only one that is written so or differs in leading zeros; or none.

    >>> _existing("1", ["01", "02"]), _existing("1", ["01", "001"]), _existing("ab", ["a>b"])
    ('01', '', 'a>b')
    """
    alike = [value] if value in existing else [x for x in existing if safe_label(x) == value or same_label(x, value)]
    return alike[0] if len(alike) == 1 else ""


def _differences(discovery: Discovery, comparison: _Comparison, division: Division) -> Discovery:
    """Make the contrasts of differences; all other maps are excluded."""
    compared = {comparison.high, comparison.low}
    groups: dict[Entities, list[ContrastSet]] = defaultdict(list)
    for contrast in discovery:
        groups[division.key(contrast.members[0].first).without(comparison.key)].append(contrast)
    made: dict[Entities, ContrastSet] = {}
    excluded = list(discovery.excluded)
    for key, sets in groups.items():
        parts = [each for each in sets if comparison.values(each) & compared]
        if parts and compared <= set().union(*map(comparison.values, parts)):
            made.update([_difference(key, parts, comparison)])
            sets = [each for each in sets if each not in parts]
        for contrast in sets:
            excluded += comparison.exclude(contrast.members)
            excluded += [entry for entry in contrast.excluded if not entry.is_subject]
    if not made:
        found = []
        for side, value in zip(comparison.sides, (comparison.high, comparison.low), strict=True):
            names = listing(each.name for each in discovery if value in comparison.values(each))
            found.append(f"{side}: {names}")
        sides = " and ".join(comparison.sides)
        raise NoMatchError(f"No maps of {sides} are alike otherwise ({'; '.join(found)})", "pairs of maps")
    return Discovery(by_name(made), tuple(excluded))


def _difference(key: Entities, parts: Sequence[ContrastSet], comparison: _Comparison) -> tuple[Entities, ContrastSet]:
    """Make one contrast of differences from those that hold the maps; return its key, too."""
    maps: dict[str, list[SubjectMap]] = defaultdict(list)
    for part in parts:
        for each in part.members:
            maps[each.subject].append(each)
    combined = max(part.combined for part in parts)  # '' < 'run' < 'session'
    alike = {"ses", "run"}.difference([comparison.key], COMBINED_OVER[combined] if combined else ())
    members: list[SubjectMap] = []
    excluded: list[Excluded] = []
    for subject in sorted(maps):
        found, reasons = _of_subject(maps[subject], comparison, alike, parts[0].stat)
        members += found
        excluded += reasons
    known = {f"sub-{printable(subject)}" for subject in maps}
    excluded += [entry for part in parts for entry in part.excluded if entry.name not in known]
    key = with_shared(comparison.name(key), [file for member in members for file in member.all_maps])
    return key, ContrastSet(
        key.written(),
        parts[0].stat,
        tuple(members),
        tuple(dict.fromkeys(excluded)),
        tuple(_notes(parts, members, comparison)),
        combined,
        of_f=any(part.of_f for part in parts),
        paired=comparison.key,
    )


def _of_subject(
    maps: Sequence[SubjectMap], comparison: _Comparison, alike: Collection[str], stat: str
) -> tuple[list[SubjectMap], list[Excluded]]:
    """Return the difference of a subject's maps, several where there are more than two; and what is excluded.

    `alike` are the entities of which the two maps must have the same labels.
    """
    highs, lows = ([each for each in maps if comparison.value(each) == it] for it in (comparison.high, comparison.low))
    excluded = comparison.exclude(each for each in maps if each not in (*highs, *lows))
    reasons: tuple[ReasonText, ReasonText] | None = None  # of the subject, and of its files
    if lacking := [side for side, own in zip(comparison.sides, (highs, lows), strict=True) if not own]:
        values = {"stat": stat, "sides": " and ".join(lacking)}
        reasons = Reason.ONE_SIDE.text(**values), Reason.NOT_A_PAIR.text(**values)
    elif len(highs) == len(lows) == 1:  # more are refused later
        labels = {key: {each.first.entities.get(key) for each in (*highs, *lows)} for key in sorted(alike)}
        if differing := [key for key, own in labels.items() if None not in own and len(own) > 1]:
            values = {"sides": " and ".join(comparison.sides), "keys": " and ".join(differing)}
            reasons = Reason.UNLIKE.text(**values), Reason.NOT_ALIKE.text(**values)
    if reasons:
        files = [file for each in (*highs, *lows) for file in each.all_files]
        subject = Excluded.of_subject(maps[0].subject, reasons[0])
        return [], [subject, *(Excluded.of_file(file, reasons[1]) for file in files), *excluded]
    pairs = ((high or highs[0], low or lows[0]) for high, low in zip_longest(highs, lows))
    return [replace(high, dof=None, others=(replace(low, dof=None, weight=-1.0),)) for high, low in pairs], excluded


def _notes(parts: Sequence[ContrastSet], members: Sequence[SubjectMap], comparison: _Comparison) -> Iterator[str]:
    """Describe the difference, what is unusual about it, and the notes of its parts."""
    yield f"The map of each subject is {' minus '.join(comparison.sides)}"
    pairs = [(member, other) for member in members for other in member.others]
    if across := sorted({one.subject for one, other in pairs if one.first.dataset != other.first.dataset}):
        yield f"The two maps are in different datasets: {listing(f'sub-{printable(subject)}' for subject in across)}"
    for note in dict.fromkeys(note for part in parts for note in part.notes):
        of = [part for part in parts if note in part.notes]
        values = {comparison.value(part.members[0]) or "" for part in of}
        yield note if len(of) == len(parts) else f"{' and '.join(map(comparison.shown, sorted(values)))}: {note}"


def _camel(text: str, *, first: bool = True) -> str:
    """Join the words of a text in camel case.

    >>> _camel("time point"), _camel("pre-test", first=False)
    ('TimePoint', 'preTest')
    """
    head, *rest = re.findall("[a-zA-Z0-9+]+", text) or ["x"]
    return "".join([head[:1].upper() + head[1:] if first else head, *(word[:1].upper() + word[1:] for word in rest)])


def _natural(text: str) -> tuple[list[tuple[bool, int, str]], str]:
    """Return the key of natural order: numbers within texts by their size, and before words.

    >>> sorted(["ses10", "ses9", "b", "2"], key=_natural)
    ['2', 'b', 'ses9', 'ses10']
    """
    words = [word.lstrip("0") if word[0] in "0123456789" else word for word in re.findall("[0-9]+|[^0-9]+", text)]
    numbers = (not word.strip("0123456789") for word in words)
    return [(not is_number, len(word) * is_number, word) for word, is_number in zip(words, numbers, strict=True)], text
