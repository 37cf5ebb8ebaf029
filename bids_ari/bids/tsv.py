"""Tab-separated tables as text: participants.tsv, sessions.tsv and manifests.

The first line has the names of the columns; one column, the *key*, has the labels of subjects or sessions. Cells stay
as they are in the file, without blanks around them. `bids_ari.bids.columns` defines missing values.
"""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as shorten

from bids_ari.bids.columns import is_missing
from bids_ari.bids.entities import bare_label, printable
from bids_ari.bids.sidecars import read_bytes
from bids_ari.errors import DataError, InputNotFoundError, counted, listing

_ENTITIES = {"participant_id": "sub", "session_id": "ses"}
"""The entity of the labels in a column, where the column has another name."""

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .ods are archives, .xls is none
_SAVE = "Save the table in UTF-8, tab-separated"


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One line of a table."""

    path: Path
    line: int  # from 1
    key: str  # the column of labels
    cells: Mapping[str, str]

    @property
    def texts(self) -> dict[str, str]:
        """All cells except the key, by column, as printable text."""
        return {column: printable(cell) for column, cell in self.cells.items() if column != self.key}

    @property
    def values(self) -> dict[str, str]:
        """Those of them that have a value."""
        return {column: cell for column, cell in self.texts.items() if self.has(column)}

    def has(self, column: str) -> bool:
        """Return whether there is a value in a column."""
        return not is_missing(self.cells.get(column, ""))

    def label(self, column: str) -> str:
        """Return a label without its entity; raise DataError where there is none."""
        entity = _ENTITIES.get(column, column)
        label = bare_label(self.cells[column], entity)
        if not (label and self.has(column)):
            raise self.error(f"has {shorten(self.cells[column])} in column {column}", f"a label such as {entity}-01")
        return printable(label)

    def error(self, found: str, expected: str, hint: str = "") -> DataError:
        """Make the error that names the line."""
        return DataError(f"{self.path}, line {self.line} {found}", expected, hint)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Table:
    """A table as text."""

    path: Path
    key: str  # the column of labels
    columns: tuple[str, ...]
    rows: tuple[Row, ...]  # without blank lines

    @property
    def others(self) -> tuple[str, ...]:
        """The columns other than the key."""
        return tuple(column for column in self.columns if column != self.key)

    def by_label(self) -> dict[str, Row]:
        """Return the row of each label; raise DataError where two have the same."""
        rows: dict[str, Row] = {}
        for row in self.rows:
            label = row.label(self.key)
            if label in rows:
                found = f"has {_ENTITIES[self.key]}-{label} again, after line {rows[label].line}"
                raise row.error(found, f"one line for each {self.key}", "Remove one of them")
            rows[label] = row
        return rows


def read_table(path: Path, key: str, unit: str, name_of: Callable[[str], str] = printable) -> Table:
    """Read a table that has the column `key`; DataError names the line or the column that is malformed.

    `unit` is what a line describes, such as ``map``, for messages. `name_of` converts the names of columns, which must
    differ afterwards.
    """
    (_, names), *lines = _lines(path, unit)
    columns = _columns(path, names, key, name_of)
    rows = tuple(Row(path, line, key, dict(zip(columns, cells, strict=False))) for line, cells in lines)
    for row, (_, cells) in zip(rows, lines, strict=True):
        if cells[0].startswith("#"):
            raise row.error("begins with #", "no comments", "Exclude subjects with --exclude, or remove the line")
        if len(cells) != len(columns):
            found, expected = f"has {counted(len(cells), 'cell')}", f"{len(columns)}, as the first line has"
            raise row.error(found, expected, "Write n/a where there is no value")
    return Table(path, key, tuple(columns), rows)


def _lines(path: Path, unit: str) -> list[tuple[int, list[str]]]:
    """Return the numbers and the cells of the lines of a table, the header first; blank lines are skipped."""
    content = read_bytes(path)
    if content is None:
        raise InputNotFoundError(f"There is no table {path}", f"a tab-separated table with a line for each {unit}")
    if content.startswith(_WORKBOOKS):
        raise DataError(f"{path} is a workbook, as of Excel", "a text in UTF-8", _SAVE)
    try:
        text = content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = len((content[: error.start] + b".").splitlines())
        raise DataError(f"{path}, line {line} is not UTF-8", "a text in UTF-8", _SAVE) from error
    lines, line = [], 0
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t", strict=True)
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                lines.append((line + 1, [cell.strip() for cell in cells]))
            line = reader.line_num
    except csv.Error as error:
        found = f"{path}, line {line + 1} cannot be read: {error}"
        raise DataError(found, "quotes in pairs, or none", _SAVE) from error
    if len(lines) < 2:
        raise DataError(f"{path} is empty", f"a line of column names, and a line for each {unit}")
    return lines


def _columns(path: Path, names: Sequence[str], key: str, name_of: Callable[[str], str]) -> list[str]:
    """Check the names of the columns in the file, and return those in the table."""
    columns = [name_of(name) for name in names]
    found = f"its columns: {listing(names, 20)}"
    if len(names) == 1 and any(mark in names[0] for mark in ",; "):
        raise DataError(f"{path} holds no tabs", "cells separated by tabs", _SAVE)
    if "" in names:
        raise DataError(f"{path}: column {names.index('') + 1} has no name", "a name for each column")
    if key not in columns:
        expected = f"a column {key}, of labels such as {_ENTITIES[key]}-01"
        raise DataError(f"{path} has no column {key} ({found})", expected)
    if twice := sorted({name for name in columns if columns.count(name) > 1}):
        repeated = f"{path} has column {listing(twice)} more than once ({found})"
        raise DataError(repeated, "one of each", "Remove the other")
    return columns
