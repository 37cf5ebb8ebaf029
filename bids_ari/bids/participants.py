"""Tables of subjects: participants.tsv, and sessions.tsv where each map is of one session.

Cells stay text as they are in the file; `bids_ari.bids.columns` defines missing values, numbers and levels.
"""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bids_ari.bids.columns import UNDECLARED, Declared, is_like_number, is_missing, missing_words, number, read_declared
from bids_ari.bids.labels import Matches, match_labels, padded
from bids_ari.bids.tsv import Row, Table, read_table
from bids_ari.errors import DataError, DesignError, counted, listing

TABLE = "participants.tsv"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Participants:
    """The variables of each subject."""

    path: Path
    columns: tuple[str, ...]  # without participant_id
    rows: Mapping[str, Mapping[str, str]]  # values by label and column, without missing ones
    lines: Mapping[str, int]  # of each subject
    declared: Mapping[str, Declared] = field(default_factory=dict)  # levels in the sidecars, by column
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # missing values as in the file, like rows
    session_places: Mapping[tuple[str, str], str] = field(default_factory=dict)  # of values from sessions.tsv
    notes: tuple[str, ...] = ()  # for the report
    folders: tuple[Path, ...] = ()  # where tables of sessions may be
    unclear: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # labels that may be those of a subject

    def matched(self, subjects: Iterable[str]) -> "Participants":
        """Return the table with the labels of subjects where its own differ from these only in leading zeros."""
        found = match_labels(subjects, self.rows)
        names = {other: label for label, other in found.pairs.items()}
        if not names and not found.unclear:
            return self
        note = Matches(names, {}).note("sub", f"in {self.path.name}")
        return replace(
            self,
            rows={names.get(label, label): row for label, row in self.rows.items()},
            lines={names.get(label, label): line for label, line in self.lines.items()},
            words={names.get(label, label): row for label, row in self.words.items()},
            notes=(*self.notes, *filter(None, [note])),
            unclear=found.unclear,
        )

    def only_listed(self, known: Collection[str]) -> list[str]:
        """Return the subjects that are not among known ones, nor may be one of them by a label with other zeros."""
        table = self.matched(known)
        others = {*known, *(label for labels in table.unclear.values() for label in labels)}
        return [label for label in table.rows if label not in others]

    def missing(self, subject: str, columns: Iterable[str]) -> tuple[str, ...]:
        """Return the columns in which a subject has no value."""
        return tuple(column for column in columns if column not in self.rows[subject])

    def place(self, subject: str, column: str) -> str:
        """Return where a value is: the line, and the table if it is one of sessions."""
        return self.session_places.get((subject, column)) or f"line {self.lines[subject]}"

    def is_numeric(self, column: str) -> bool:
        """Return whether a column holds numbers, not levels of a factor; raise DesignError for numbers beside text."""
        values = {subject: row[column] for subject, row in self.rows.items() if column in row}
        declared = self.declared.get(column, UNDECLARED)
        if declared.are_levels(values.values()):
            outside = declared.outside(values.values())
            if any(map(is_like_number, outside)):
                raise self._undeclared(column, [s for s, cell in values.items() if cell in outside], declared)
            return False
        texts = [subject for subject, cell in values.items() if number(cell) is None]
        if not texts:
            return bool(values)
        if 2 * sum(map(is_like_number, values.values())) > len(values):
            raise self.not_numbers(column, texts)
        if numbers := [subject for subject in values if subject not in texts]:
            raise self._mixed(column, numbers)
        return False

    def numbers(self, column: str, subjects: Sequence[str]) -> list[float]:
        """Return the values of subjects as numbers; raise DesignError where one is text."""
        values = {subject: number(self.rows[subject][column]) for subject in subjects}
        if texts := [subject for subject, value in values.items() if value is None]:
            raise self.not_numbers(column, texts)
        return [value for value in values.values() if value is not None]

    def notes_on(self, columns: Iterable[str], subjects: Sequence[str]) -> tuple[str, ...]:
        """Return notes on how cells of some columns are read, for the report: missing values, unused levels."""
        return tuple(note for column in dict.fromkeys(columns) for note in self._notes_on(column, subjects))

    def _notes_on(self, column: str, subjects: Sequence[str]) -> Iterator[str]:
        words = Counter(self.words.get(subject, {}).get(column, "n/a") for subject in subjects)
        del words["n/a"]
        if words:
            found = listing((f"{word or 'empty'!r} ({n})" for word, n in words.most_common()), 10)
            yield (
                f"Column {column}: {counted(words.total(), 'cell')} read as missing: {found}. A level with such a name "
                f"must be among the Levels of the column in {self.path.with_suffix('.json').name}."
            )
        declared = self.declared.get(column, UNDECLARED)
        if declared.is_ambiguous:
            yield f"Column {column}: {declared.sidecar} declares it several times, differently; none of it is used."
        cells = list(dict.fromkeys(row[column] for row in self.rows.values() if column in row))
        if declared.levels and not declared.has_units and cells:
            outside = declared.outside(cells)
            is_factor = declared.are_levels([row[column] for row in self.rows.values() if column in row])
            if is_factor and (named := [cell for cell in cells if is_missing(cell)]):
                yield f"Column {column}: {listing(named)} is a level, as {declared.sidecar} declares."
            if not is_factor:
                yield (
                    f"Column {column}: its Levels in {declared.sidecar} are not used, since most cells, such as "
                    f"{outside[0]}, are none of them."
                )
            elif outside:
                yield f"Column {column}: {listing(outside)} not among its Levels in {declared.sidecar}."

    def not_numbers(self, column: str, subjects: Sequence[str]) -> DesignError:
        """Make the error that lists the cells of a column that should be numbers."""
        what = "text among numbers" if len(subjects) < len(self.rows) / 2 else "text"
        return DesignError(
            f"{self.path}: column {column} holds {what}: {self._cells(column, subjects)}",
            "numbers such as 24 or 24.5, without units, and n/a where there is none",
            f"Fix the table, or write C({column}) to use its values as levels of a factor",
        )

    def _mixed(self, column: str, subjects: Sequence[str]) -> DesignError:
        """Make the error that lists the numbers in a column of labels."""
        return DesignError(
            f"{self.path}: column {column} holds numbers among labels: {self._cells(column, subjects)}",
            "labels only, or numbers only, and n/a where there is no value",
            f"Fix the table, or write C({column}) to use all its values as levels of a factor",
        )

    def _undeclared(self, column: str, subjects: Sequence[str], declared: Declared) -> DesignError:
        """Make the error that lists cells that are not among the levels in the sidecar."""
        return DesignError(
            f"{self.path}: column {column} holds values that are not among its Levels in {declared.sidecar}: "
            f"{self._cells(column, subjects)}",
            f"one of {listing(declared.levels, 20)}, and n/a where there is no value",
            f"Fix the table or the sidecar; write C({column}) to use all values as levels of a factor, or I({column}) "
            "to use them as numbers",
        )

    def _cells(self, column: str, subjects: Sequence[str]) -> str:
        """List cells with their lines, in the order of the table."""
        ordered = sorted(subjects, key=lambda subject: self.lines[subject])
        return listing(f"{self.rows[s][column]!r} (sub-{s}, {self.place(s, column)})" for s in ordered)

    def __repr__(self) -> str:
        return f"Participants({self.path.name}, n_subjects={len(self.rows)}, columns={self.columns})"


def find_participants(roots: Iterable[Path]) -> Path | None:
    """Return the ``participants.tsv`` of the first of some folders that has one."""
    return next((root / TABLE for root in roots if os.path.lexists(root / TABLE)), None)


def read_participants(path: str | Path) -> Participants:
    """Read a table of subjects, and the levels in the sidecar beside it.

    Parameters
    ----------
    path : path
        A tab-separated table with a column ``participant_id``.

    Raises
    ------
    InputNotFoundError, ReadError
        When there is no such table, or it cannot be read.
    DataError
        When it is malformed; names the line and the column.
    """
    path = Path(path)
    table = read_table(path, "participant_id", "subject")
    rows = table.by_label()
    cells = {subject: row.texts for subject, row in rows.items()}
    lines = {subject: row.line for subject, row in rows.items()}
    declared = read_declared(path.with_suffix(".json"))
    values, words = _split(cells, declared)
    return Participants(path, table.others, values, lines, declared, words)


def read_sessions(subject: str, folders: Iterable[Path]) -> Table | None:
    """Read the ``sub-X/sub-X_sessions.tsv`` of a subject, from the first of some folders that has one.

    The label may differ in leading zeros from those of the files.
    """
    for folder in folders:
        names = {label: f"sub-{label}/sub-{label}_sessions.tsv" for label in padded(subject)}
        found = [label for label, name in names.items() if os.path.lexists(folder / name)]
        if len(found) > 1 and subject not in found:
            tables = listing(folder / names[label] for label in found)
            raise DataError(f"There is no sessions.tsv of sub-{subject}, but {tables}", "one", "Rename one of them")
        if found:
            return read_table(folder / names[found[0]], "session_id", "session")
    return None


def session_row(table: Table, session: str) -> Row | None:
    """Return the row of a session, whose label may differ in leading zeros from that of the files."""
    rows = table.by_label()
    return rows.get(match_labels([session], rows).pairs.get(session, session))


def with_sessions(participants: Participants, sessions: Mapping[str, str], roots: Sequence[Path]) -> Participants:
    """Add the variables of the sessions of the maps.

    Parameters
    ----------
    participants : Participants
        The table of subjects.
    sessions : mapping of str to str
        The session of the map of each subject, labels without ``ses-``; without subjects whose maps are of no session
        or of several that are combined.
    roots : sequence of Path
        Where to search for ``sub-X/sub-X_sessions.tsv``; the first folder that has it is used.

    Returns
    -------
    Participants
        Each row with the columns of that session, which replace columns of the same name.
    """
    found = {subject: table for subject in sessions if (table := read_sessions(subject, roots)) is not None}
    of_session = {subject: session_row(table, sessions[subject]) for subject, table in found.items()}
    columns = dict.fromkeys(column for table in found.values() for column in table.others)
    if not columns:
        return participants
    cells = {subject: {**row, **participants.words.get(subject, {})} for subject, row in participants.rows.items()}
    places: dict[tuple[str, str], str] = {}
    for subject, row in of_session.items():
        if row is not None and subject in cells:
            cells[subject] |= row.texts
            places |= {(subject, column): f"{row.path.name}, line {row.line}" for column in row.texts}
    unknown = [subject for subject in sessions if of_session.get(subject) is None]
    note = f"Columns of the session of each map, from sessions.tsv: {listing(columns, 20)}"
    if unknown:
        note += f"; missing for {counted(len(unknown), 'subject')}: {listing(f'sub-{s}' for s in unknown)}"
    if other := [t.path.name for s, t in found.items() if t.path.parent.name != f"sub-{s}"]:
        note += f"; matched with labels that differ only in leading zeros: {listing(other)}"
    tables = [table.path for table in found.values()]
    sidecars = [each for path in tables for each in (path.with_suffix(".json"), path.parents[1] / "sessions.json")]
    declared = {**participants.declared}
    for sidecar in dict.fromkeys(sidecars):
        declared |= read_declared(sidecar)
    rows, words = _split(cells, declared)
    return replace(
        participants,
        columns=tuple(dict.fromkeys((*participants.columns, *columns))),
        rows=rows,
        words=words,
        declared=declared,
        session_places=places,
        notes=(*participants.notes, f"{note}."),
    )


def _split(
    cells: Mapping[str, Mapping[str, str]], declared: Mapping[str, Declared]
) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    """Separate the values of each subject from the words for missing values."""
    values: dict[str, dict[str, str]] = {subject: {} for subject in cells}
    words: dict[str, dict[str, str]] = {}
    for column in dict.fromkeys(column for row in cells.values() for column in row):
        of_column = {subject: row[column] for subject, row in cells.items() if column in row}
        missing = missing_words(of_column, declared.get(column, UNDECLARED))
        for subject, cell in of_column.items():
            (words.setdefault(subject, {}) if subject in missing else values[subject])[column] = cell
    return values, words
