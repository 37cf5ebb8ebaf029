"""Differences within subjects: of two maps of each, one minus the other.

What the two maps of a subject differ in is a *column*: an entity of their names, such as contrast, session or run, or
a column of ``sub-X/sub-X_sessions.tsv``. They are alike otherwise. Its two values that are compared are *high* and
*low*: the group model gets the map of high minus that of low.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

from bids_ari.bids.contrasts import (
    COMBINED_OVER,
    ContrastSet,
    Discovery,
    Excluded,
    SubjectMap,
    by_name,
    key_of_group,
    with_shared,
)
from bids_ari.bids.entities import Entities, bare_label, key_of, printable
from bids_ari.bids.participants import read_sessions
from bids_ari.errors import NoMatchError, UsageError, counted, listing

log = logging.getLogger(__name__)

_CONTRASTS = ("contrast", "taskcontrast")
"""The entities that name a contrast: of two, the name of the difference is made."""

_Table = Mapping[str, Mapping[str, str]]
"""Of each session of a subject, its cells by column."""


@dataclass(frozen=True, slots=True)
class _Column:
    """What maps differ in: an entity, or what tables say of the sessions of each subject."""

    name: str
    key: str
    tables: Mapping[str, _Table] | None = None

    def of(self, each: SubjectMap) -> str | None:
        """Give the value of a map."""
        label = each.first.entities.get(self.key)
        if self.tables is None:
            return label
        return self.tables.get(each.subject, {}).get(label or "", {}).get(self.name)

    def side(self, value: str) -> str:
        """Write a value with its column."""
        return printable(f"{self.key}-{value}" if self.tables is None else f"{self.name} {value}")

    def unfit(self, each: SubjectMap, value: str | None) -> str:
        """Say why a map has no part in a difference."""
        if value is not None:
            return f"of {self.side(value)}, which is not compared"
        if self.tables is None or each.first.entities.get(self.key) is None:
            return f"no {self.key} in its name"
        return f"the sessions.tsv of its subject tells no {printable(self.name)} of its session"


@dataclass(frozen=True, slots=True)
class _Pair:
    """What is taken from what."""

    column: _Column
    high: str
    low: str

    @property
    def turned(self) -> str:
        """How to ask for the other direction."""
        return printable(f"--paired {self.column.name}={self.low}-{self.high}")

    @property
    def sides(self) -> tuple[str, str]:
        return self.column.side(self.high), self.column.side(self.low)

    def unfit(self, each: SubjectMap) -> str:
        """Say why a map is in no difference where another lacks, or the map itself is of neither side."""
        value = self.column.of(each)
        if value not in (self.high, self.low):
            return self.column.unfit(each, value)
        return f"no map of {self.sides[value == self.high]} to compare it with"

    def named(self, key: Entities) -> Entities:
        """Name the difference: ``facesMinusHouses``, or ``facesSes02MinusSes01`` where they differ in another thing."""
        name, labels = self.column.name, dict(key)
        if self.column.key in _CONTRASTS:
            return key.with_(**{self.column.key: f"{_camel(self.high, first=False)}Minus{_camel(self.low)}"})
        of = next(each for each in _CONTRASTS if each in labels)
        column = _camel(self.column.key if self.column.tables is None else name)
        difference = f"{column}{_camel(self.high)}Minus{column}{_camel(self.low)}"
        return key.with_(**{of: labels[of] + difference})


def pair(discovery: Discovery, asked: str, folders: Iterable[Path] = ()) -> Discovery:
    """Take differences within subjects.

    Parameters
    ----------
    discovery : Discovery
        The maps, one of each subject, contrast, session and so on.
    asked : str
        ``COLUMN=HIGH-LOW``, or ``COLUMN`` where it has two values: the second minus the first then, as people sort.
    folders : iterable of Path
        Where tables of sessions may be: the first that has one of a subject counts.

    Returns
    -------
    Discovery
        Contrasts of differences. Who has only one of the two maps is left out; a contrast that has only one side, too.

    Raises
    ------
    UsageError
        When there is no such column, or more than two values and none are named.
    NoMatchError
        When the maps do not have the values, or no contrast has maps of both.
    DataError
        When a table of sessions is none.
    """
    members = [member for contrast in discovery for member in contrast.members]
    name, named, values = asked.partition("=")
    column = _column(name, members, folders)
    for over in {contrast.combined for contrast in discovery if contrast.combined}:
        if column.key in COMBINED_OVER[over]:
            raise UsageError(f"Maps that differ in {name} were combined over {over}s", f"no --combine {over}")
    there = sorted({value for member in members if (value := column.of(member))}, key=_natural)
    high, low = _named(column, values, there) if named else _two(column, there)
    compared = _Pair(column, high, low)
    if not named and not (high.isdigit() and low.isdigit()):  # letters do not tell what comes first
        log.warning("--paired takes %s minus %s; if it should be the other way: %s", high, low, compared.turned)
    return _differences(discovery, compared)


def _column(name: str, members: Sequence[SubjectMap], folders: Iterable[Path]) -> _Column:
    """Find what a column is."""
    key = key_of(name)
    if key not in ("sub", "stat") and any(member.first.entities.get(key) for member in members):
        return _Column(name, key)
    places = tuple(folders)
    tables = {subject: _sessions(subject, places) for subject in {member.subject for member in members}}
    columns = sorted({column for table in tables.values() for row in table.values() for column in row})
    if name in columns:
        return _Column(name, "ses", tables)
    entities = sorted(_differing(members) - {"sub"})
    raise UsageError(
        f"No map has the entity {name!r}, and no sessions.tsv a column of that name",
        f"one of: {listing(map(printable, entities + columns), 20) or 'nothing, the maps are alike'}",
    )


def _differing(members: Sequence[SubjectMap]) -> set[str]:
    """Give the entities that have several labels."""
    labels: dict[str, set[str]] = defaultdict(set)
    for member in members:
        for key, label in member.first.entities:
            labels[key].add(label)
    return {key for key, own in labels.items() if len(own) > 1}


def _sessions(subject: str, folders: Sequence[Path]) -> _Table:
    """Read the table of the sessions of a subject, without cells that hold no value."""
    table = read_sessions(subject, folders)
    return {label: row.values for label, row in table.by_label().items()} if table else {}


def _two(column: _Column, there: Sequence[str]) -> tuple[str, str]:
    """Take the second of two values minus the first."""
    if len(there) == 2:
        return there[1], there[0]
    found = f"The maps have {counted(len(there), 'value')} of {column.name}: {listing(map(printable, there), 20)}"
    if len(there) < 2:
        raise NoMatchError(found, "two, for differences within subjects", "Ask for maps of both")
    hint = f"Name two, as --paired {printable(f'{column.name}={there[1]}-{there[0]}')}, or choose with a filter"
    raise UsageError(found, "two", hint)


def _named(column: _Column, values: str, there: Collection[str]) -> tuple[str, str]:
    """Split HIGH-LOW where values are that there are: they may hold dashes themselves."""
    splits = [(values[: dash.start()], values[dash.end() :]) for dash in re.finditer("-", values)]
    bare = [(bare_label(high, column.key), bare_label(low, column.key)) for high, low in splits]
    fitting = sorted({(high, low) for high, low in bare if high != low and high in there and low in there})
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        ways = listing(f"{high} minus {low}" for high, low in fitting)
        raise UsageError(f"--paired {column.name}={values} may be {ways}", "values that part in one way")
    raise NoMatchError(
        f"No maps have two values of {column.name} that {values!r} names",
        f"HIGH-LOW, two of: {listing(map(printable, there), 20) or 'nothing'}",
    )


def _differences(discovery: Discovery, compared: _Pair) -> Discovery:
    """Make the contrasts of differences; what is in none is left out."""
    column = compared.column
    groups: dict[Entities, list[ContrastSet]] = defaultdict(list)
    for contrast in discovery:
        groups[key_of_group(contrast.members[0].first).without(column.key)].append(contrast)
    made: dict[Entities, ContrastSet] = {}
    excluded = list(discovery.excluded)
    for key, sets in groups.items():
        values = [{column.of(member) for member in contrast.members} for contrast in sets]
        if {compared.high, compared.low} <= set().union(*values):
            parts = [each for each, own in zip(sets, values, strict=True) if own & {compared.high, compared.low}]
            made.update([_difference(key, parts, compared)])
            sets = [each for each in sets if each not in parts]
        excluded += [entry for contrast in sets for entry in _aside(contrast, compared)]
    if not made:
        who = "; ".join(f"{side}: {listing(names)}" for side, names in _places(discovery, compared).items())
        raise NoMatchError(f"No maps of {' and '.join(compared.sides)} are alike otherwise ({who})", "pairs of maps")
    return Discovery(by_name(made), tuple(excluded))


def _difference(key: Entities, parts: Sequence[ContrastSet], compared: _Pair) -> tuple[Entities, ContrastSet]:
    """Make one contrast of differences from those that hold the maps; give what names it, too."""
    maps: dict[str, list[SubjectMap]] = defaultdict(list)
    for part in parts:
        for each in part.members:
            maps[each.subject].append(each)
    combined = max(part.combined for part in parts)  # '' < 'run' < 'session'
    apart = {"ses", "run"}.difference([compared.column.key], COMBINED_OVER[combined] if combined else ())
    members: list[SubjectMap] = []
    excluded: list[Excluded] = []
    for subject in sorted(maps):
        found, reasons = _of_subject(maps[subject], compared, apart, parts[0].stat)
        members += found
        excluded += reasons
    known = {f"sub-{printable(subject)}" for subject in maps}
    excluded += [entry for part in parts for entry in part.excluded if entry.name not in known]
    key = with_shared(compared.named(key), [file for member in members for file in member.all_maps])
    return key, ContrastSet(
        key.written(),
        parts[0].stat,
        tuple(members),
        tuple(dict.fromkeys(excluded)),
        tuple(_notes(parts, members, compared)),
        combined,
        paired=compared.column.key,
    )


def _of_subject(
    maps: Sequence[SubjectMap], compared: _Pair, apart: Collection[str], stat: str
) -> tuple[list[SubjectMap], list[Excluded]]:
    """Give the difference of a subject's maps, or several where there are more than two; and what is left out."""
    highs, lows = ([each for each in maps if compared.column.of(each) == it] for it in (compared.high, compared.low))
    unfit = [each for each in maps if each not in (*highs, *lows)]
    excluded = [Excluded.of_map(file, compared.unfit(each)) for each in unfit for file in each.all_files]
    if reason := _obstacle(highs, lows, compared, apart, stat):
        files = [file for each in (*highs, *lows) for file in each.all_files]
        told = Excluded(f"sub-{printable(maps[0].subject)}", reason)
        return [], [told, *(Excluded.of_map(file, f"its subject {reason}") for file in files), *excluded]
    pairs = ((high or highs[0], low or lows[0]) for high, low in zip_longest(highs, lows))
    return [replace(high, dof=None, minus=replace(low, dof=None)) for high, low in pairs], excluded


def _obstacle(
    highs: Sequence[SubjectMap], lows: Sequence[SubjectMap], compared: _Pair, apart: Collection[str], stat: str
) -> str:
    """Say why the maps of a subject make no difference, or nothing; too many maps are refused later."""
    lacking = [side for side, own in zip(compared.sides, (highs, lows), strict=True) if not own]
    if lacking:
        return f"has no {stat} map of {' and '.join(lacking)}"
    if len(highs) == len(lows) == 1 and (differing := [key for key in sorted(apart) if _differ([*highs, *lows], key)]):
        return f"has maps of {' and '.join(compared.sides)} that differ in {' and '.join(differing)}, too"
    return ""


def _differ(maps: Sequence[SubjectMap], key: str) -> bool:
    """Say whether maps have different labels of an entity that all have."""
    labels = {each.first.entities.get(key) for each in maps}
    return None not in labels and len(labels) > 1


def _aside(contrast: ContrastSet, compared: _Pair) -> Iterator[Excluded]:
    """Leave the maps of a contrast out, and what was left out of it."""
    for member in contrast.members:
        yield from (Excluded.of_map(file, compared.unfit(member)) for file in member.all_files)
    yield from (entry for entry in contrast.excluded if not entry.is_subject)


def _places(discovery: Discovery, compared: _Pair) -> dict[str, list[str]]:
    """Give the names of the contrasts that have maps of each side."""
    return {
        side: [contrast.name for contrast in discovery if value in map(compared.column.of, contrast.members)]
        for side, value in zip(compared.sides, (compared.high, compared.low), strict=True)
    }


def _notes(parts: Sequence[ContrastSet], members: Sequence[SubjectMap], compared: _Pair) -> Iterator[str]:
    """Say what is taken from what, what is odd about that, and what there was to say of the maps."""
    yield f"The map of each subject is {' minus '.join(compared.sides)}"
    pairs = [(member, member.minus) for member in members if member.minus]
    if across := sorted({one.subject for one, other in pairs if one.first.dataset != other.first.dataset}):
        yield f"The two maps lie in different datasets: {listing(f'sub-{printable(subject)}' for subject in across)}"
    if same := sorted({one.subject for one, other in pairs if set(one.paths) & set(other.paths)}):
        yield f"One file is on both sides: {listing(f'sub-{printable(subject)}' for subject in same)}"
    for note in dict.fromkeys(note for part in parts for note in part.notes):
        of = [part for part in parts if note in part.notes]
        values = {compared.column.of(part.members[0]) or "" for part in of}
        yield note if len(of) == len(parts) else f"{' and '.join(map(compared.column.side, sorted(values)))}: {note}"


def _camel(text: str, *, first: bool = True) -> str:
    """Join the words of a text, which begin with large letters.

    >>> _camel("time point"), _camel("pre-test", first=False)
    ('TimePoint', 'preTest')
    """
    head, *rest = re.findall("[a-zA-Z0-9+]+", text) or ["x"]
    return "".join([head[:1].upper() + head[1:] if first else head, *(word[:1].upper() + word[1:] for word in rest)])


def _natural(text: str) -> tuple[list[tuple[bool, int, str]], str]:
    """Sort numbers within texts by their size, and before words.

    >>> sorted(["ses10", "ses9", "b", "2"], key=_natural)
    ['2', 'b', 'ses9', 'ses10']
    """
    words = [word.lstrip("0") if word[0] in "0123456789" else word for word in re.findall("[0-9]+|[^0-9]+", text)]
    numbers = (not word.strip("0123456789") for word in words)
    return [(not is_number, len(word) * is_number, word) for word, is_number in zip(words, numbers, strict=True)], text
