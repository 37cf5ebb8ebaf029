"""Tables of subjects: participants.tsv, and sessions.tsv where each map is of one session.

Cells stay text as they are in the file; `bids_ari.bids.tsv` defines missing values.
"""

import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bids_ari.bids.entities import printable
from bids_ari.bids.sidecars import read_json
from bids_ari.bids.tsv import Table, read_table
from bids_ari.errors import DesignError, SidecarError, counted, listing

TABLE = "participants.tsv"

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Participants:
    """The variables of each subject."""

    path: Path
    columns: tuple[str, ...]  # without participant_id
    rows: Mapping[str, Mapping[str, str]]  # values by label and column, without missing ones
    lines: Mapping[str, int]  # of each subject
    categorical: frozenset[str] = frozenset()  # columns with Levels in the sidecar: factors
    session_places: Mapping[tuple[str, str], str] = field(default_factory=dict)  # of values from sessions.tsv
    notes: tuple[str, ...] = ()  # for the report
    folders: tuple[Path, ...] = ()  # where tables of sessions may be

    def missing(self, subject: str, columns: Iterable[str]) -> tuple[str, ...]:
        """Return the columns in which a subject has no value."""
        return tuple(column for column in columns if column not in self.rows[subject])

    def place(self, subject: str, column: str) -> str:
        """Return where a value is: the line, and the table if it is one of sessions."""
        return self.session_places.get((subject, column)) or f"line {self.lines[subject]}"

    def is_numeric(self, column: str) -> bool:
        """Return whether a column holds numbers, not levels of a factor; raise DesignError for some text among them."""
        if column in self.categorical:
            return False
        values = {subject: row[column] for subject, row in self.rows.items() if column in row}
        texts = [subject for subject, cell in values.items() if number(cell) is None]
        if texts and len(texts) < len(values) / 2:
            raise self.not_numbers(column, texts)
        return bool(values) and not texts

    def numbers(self, column: str, subjects: Sequence[str]) -> list[float]:
        """Return the values of subjects as numbers; raise DesignError where one is text."""
        values = {subject: number(self.rows[subject][column]) for subject in subjects}
        if texts := [subject for subject, value in values.items() if value is None]:
            raise self.not_numbers(column, texts)
        return [value for value in values.values() if value is not None]

    def not_numbers(self, column: str, subjects: Sequence[str]) -> DesignError:
        """Make the error that lists the cells of a column that should be numbers."""
        cells = (f"{self.rows[s][column]!r} (sub-{s}, {self.place(s, column)})" for s in subjects)
        what = "text among numbers" if len(subjects) < len(self.rows) / 2 else "text"
        return DesignError(
            f"{self.path}: column {column} holds {what}: {listing(cells)}",
            "numbers such as 24 or 24.5, and n/a where there is none",
            f"Fix the table, or write C({column}) to use its values as levels of a factor",
        )

    def __repr__(self) -> str:
        return f"Participants({self.path.name}, n_subjects={len(self.rows)}, columns={self.columns})"


def number(cell: str) -> float | None:
    """Read a cell as a finite number with a decimal point; return None for other text.

    >>> number("24.5"), number("-1e3"), number("12y"), number("1,5"), number("inf"), number("1_000")
    (24.5, -1000.0, None, None, None, None)
    """
    value = float(cell) if _NUMBER.fullmatch(cell) else math.inf
    return value if math.isfinite(value) else None


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
    values = {subject: row.values for subject, row in rows.items()}
    lines = {subject: row.line for subject, row in rows.items()}
    return Participants(path, table.others, values, lines, _categorical(path.with_suffix(".json")))


def read_sessions(subject: str, folders: Iterable[Path]) -> Table | None:
    """Read the ``sub-X/sub-X_sessions.tsv`` of a subject, from the first of some folders that has one."""
    name = f"sub-{subject}/sub-{subject}_sessions.tsv"
    path = next((folder / name for folder in folders if os.path.lexists(folder / name)), None)
    return None if path is None else read_table(path, "session_id", "session")


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
    of_session = {subject: table.by_label().get(sessions[subject]) for subject, table in found.items()}
    columns = dict.fromkeys(column for table in found.values() for column in table.others)
    if not columns:
        return participants
    rows = dict(participants.rows)
    places: dict[tuple[str, str], str] = {}
    for subject, row in of_session.items():
        if row is not None and subject in rows:
            others = found[subject].others
            kept = {column: cell for column, cell in rows[subject].items() if column not in others}
            rows[subject] = kept | row.values
            places |= {(subject, column): f"{row.path.name}, line {row.line}" for column in others}
    unknown = [subject for subject in sessions if of_session.get(subject) is None]
    note = f"Columns of the session of each map, from sessions.tsv: {listing(columns, 20)}"
    if unknown:
        note += f"; missing for {counted(len(unknown), 'subject')}: {listing(f'sub-{s}' for s in unknown)}"
    tables = [table.path for table in found.values()]
    sidecars = [each for path in tables for each in (path.with_suffix(".json"), path.parents[1] / "sessions.json")]
    return replace(
        participants,
        columns=tuple(dict.fromkeys((*participants.columns, *columns))),
        rows=rows,
        categorical=participants.categorical.union(*map(_categorical, sidecars)),
        session_places=places,
        notes=(*participants.notes, f"{note}."),
    )


def _categorical(sidecar: Path) -> frozenset[str]:
    """Return the columns with levels in a sidecar."""
    about = read_json(sidecar, SidecarError)
    return frozenset(printable(name) for name, it in about.items() if isinstance(it, dict) and it.get("Levels"))
