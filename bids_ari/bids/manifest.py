"""Maps that no BIDS name tells about, as SPM and FSL write them: a table says whose and of what they are.

The table is tab-separated, one map or subject a line:

==============  ================================================================================================
column          meaning
==============  ================================================================================================
participant_id  the subject, with or without ``sub-``
effect, t, z    path of the map, at least one of these; a relative path starts at the folder of the table
variance        path of the sampling variance of the effect (optional), by which maps can be combined
dof             degrees of freedom of the t map (optional)
contrast        label of the contrast (optional)
any entity      its label, such as ``task``, ``session``, ``run`` (optional)
==============  ================================================================================================

``n/a`` or nothing in a cell says that there is none.
"""

import csv
import io
import logging
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from reprlib import repr as shorten

from bids_ari.bids.contrasts import STATS, LeftOut, Stat, SubjectMap
from bids_ari.bids.dataset import Dataset, StatmapFile
from bids_ari.bids.entities import ORDER, Entities, bare_label, key_of, printable
from bids_ari.errors import DataError, InputNotFoundError, ReadError, brief, counted, listing

log = logging.getLogger(__name__)

MANIFEST_SOURCE = "manifest"
"""The name, in BIDS URIs, of the folder that holds all maps of a manifest."""

DEFAULT_CONTRAST = "map"
"""The label of the contrast where no column tells it."""

_MAPS = (*STATS, "variance")
_ENTITIES = frozenset(ORDER) - {"sub", "tpl", "stat", "test"}
_ABSENT = ("", "n/a", "nan")


@dataclass(frozen=True, slots=True, repr=False)
class Manifest(Dataset):
    """The maps that a table names, to be searched as a dataset is.

    Attributes
    ----------
    maps : mapping of StatmapFile to SubjectMap
        Each map with its variance or its degrees of freedom.
    lines : mapping of StatmapFile to int
        The line that names each file.
    lacking : mapping of str to tuple of LeftOut
        Of each statistic: the lines that name no map of it.
    """

    maps: Mapping[StatmapFile, SubjectMap] = field(default_factory=dict)
    lines: Mapping[StatmapFile, int] = field(default_factory=dict)
    lacking: Mapping[Stat, tuple[LeftOut, ...]] = field(default_factory=dict)

    def check(self, files: Iterable[StatmapFile]) -> None:
        """Refuse files that are not there, or are folders, with a DataError that names them all.

        A link that leads nowhere is left to those who read it: they know of content that was not fetched.
        """
        bad = [file for file in files if not os.path.lexists(file.path) or os.path.isdir(file.path)]  # noqa: PTH112
        if bad:
            bad.sort(key=self.lines.__getitem__)
            where = (f"line {self.lines[file]}: {file.path}{' (a folder)' * os.path.isdir(file.path)}" for file in bad)  # noqa: PTH112
            raise DataError(
                f"{self.path} names {counted(len(bad), 'file')} not there: {listing(where)}",
                f"paths of maps; a relative path starts at {self.path.parent}",
                "Mend the table, or leave these subjects out with --exclude",
            )


def open_manifest(path: str | Path) -> Manifest:
    """Read a table of maps.

    Parameters
    ----------
    path : path
        The table.

    Returns
    -------
    Manifest
        For `discover`, in place of a dataset.

    Raises
    ------
    InputNotFoundError, ReadError
        When there is no such table, or it cannot be read.
    DataError
        When it is not as this module describes; names the line.
    """
    path = Path(path)
    (_, header), *lines = _lines(path, _text_of(path))
    columns = _columns(path, header)
    rows = [_row(path, line, cells, columns) for line, cells in lines]
    named = [(row, stat) for row in rows for stat in _MAPS if row.has(stat)]
    if not named:
        raise DataError(f"{path} names no map", f"paths in the column {' or '.join(STATS)}")
    folder = os.path.commonpath([row.place(stat).parent for row, stat in named])
    files = {(row, stat): row.file(stat, folder) for row, stat in named}
    maps = {file: row.subject_map(stat, file, files.get((row, "variance"))) for (row, stat), file in files.items()}
    lacking = {stat: tuple(row.lack(stat) for row in rows if not row.has(stat)) for stat in STATS if stat in columns}
    line_of = {file: row.line for (row, _), file in files.items()}
    return Manifest(path, {MANIFEST_SOURCE: Path(folder)}, tuple(files.values()), maps, line_of, lacking)


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """What one line says: its cells by column, where entities go by their keys."""

    path: Path
    line: int
    cells: Mapping[str, str]

    @property
    def subject(self) -> str:
        return bare_label(self.cells["participant_id"], "sub")

    def has(self, column: str) -> bool:
        return self.cells.get(column, "").lower() not in _ABSENT

    def error(self, found: str, expected: str, hint: str = "") -> DataError:
        return DataError(f"{self.path}, line {self.line} {found}", expected, hint)

    def map_path(self, stat: str) -> Path:
        return (self.path.parent / self.cells[stat]).absolute()

    def place(self, stat: str) -> Path:
        """Give the path of a map as far as its name goes: without detours, whatever links lie on them."""
        return Path(os.path.normpath(self.map_path(stat)))

    def file(self, stat: str, folder: str) -> StatmapFile:
        """Describe a map as if its name were of BIDS."""
        path, name = self.map_path(stat), self.place(stat).relative_to(folder).as_posix()
        extension = ".nii.gz" if path.name.endswith(".nii.gz") else path.suffix
        labels = {key: bare_label(self.cells[key], key) for key in self.cells if key in _ENTITIES and self.has(key)}
        if not {"contrast", "taskcontrast"} & set(labels):
            labels["contrast"] = DEFAULT_CONTRAST
        entities = Entities.of({**labels, "sub": self.subject, "stat": stat})
        return StatmapFile(path, name, MANIFEST_SOURCE, entities, extension)

    def subject_map(self, stat: str, file: StatmapFile, variance: StatmapFile | None) -> SubjectMap:
        variances = (variance,) if stat == "effect" and variance else ()
        return SubjectMap(self.subject, (file,), variances, self.dof() if stat == "t" else None)

    def dof(self) -> float | None:
        if not self.has("dof"):
            return None
        try:
            dof = float(self.cells["dof"])
        except ValueError:
            dof = math.nan
        if not 0 < dof < math.inf:
            raise self.error(f"has dof {self.cells['dof']!r}", "a number above 0")
        return dof

    def lack(self, stat: str) -> LeftOut:
        return LeftOut(f"sub-{self.subject}", f"line {self.line} of {self.path.name} names no {stat} map")


def _text_of(path: Path) -> str:
    """Read a table as text."""
    if path.exists() and not path.is_file():
        raise ReadError(f"The manifest {path} is no file", "a tab-separated table")
    try:
        content = path.read_bytes()
        return content.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise InputNotFoundError(f"There is no manifest {path}", "a tab-separated table") from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line} is not UTF-8", "a text in UTF-8", "Save the table in UTF-8") from error
    except OSError as error:
        raise ReadError(f"The manifest {path} cannot be read: {error.strerror}") from error


def _lines(path: Path, text: str) -> list[tuple[int, list[str]]]:
    """Split a table into the numbers and the cells of its lines, the header first; blank ones are skipped."""
    lines, line = [], 0
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t", strict=True)
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                lines.append((line + 1, [cell.strip() for cell in cells]))
            line = reader.line_num
    except csv.Error as error:
        raise DataError(
            f"{path}, line {line + 1} cannot be read: {printable(str(error))}", "quotes in pairs, or none"
        ) from error
    if len(lines) < 2:
        raise DataError(f"{path} is empty", "a line of column names, and a line for each map")
    return lines


def _columns(path: Path, names: Sequence[str]) -> list[str]:
    """Give the column of each cell, entities by their keys."""
    found = f"its columns: {listing(map(printable, names), 20)}"
    if len(names) == 1 and any(mark in names[0] for mark in ",;"):
        raise DataError(f"{path} holds no tabs", "cells that are separated by tabs")
    if "" in names:
        raise DataError(f"{path}: column {names.index('') + 1} has no name", "a name for each column")
    if "participant_id" not in names:
        raise DataError(f"{path} has no column participant_id ({found})", "a column that names the subjects")
    columns = [key_of(name) for name in names]
    if twice := sorted({names[columns.index(each)] for each in columns if columns.count(each) > 1}):
        raise DataError(f"{path} has column {listing(map(printable, twice))} more than once ({found})", "one of each")
    if not set(STATS) & set(columns):
        raise DataError(f"{path} has no column of maps ({found})", f"a column {' or '.join(STATS)}, of their paths")
    unused = sorted(set(columns) - _ENTITIES - {"participant_id", *_MAPS, "dof"})
    if unused:
        log.warning("%s: not used: column %s", path, brief(listing(map(printable, unused))))
    return columns


def _row(path: Path, line: int, cells: Sequence[str], columns: Sequence[str]) -> _Row:
    """Check one line and name its cells."""
    row = _Row(path, line, dict(zip(columns, cells, strict=False)))
    if cells[0].startswith("#"):
        raise row.error("begins with #", "no comments", "Leave subjects out with --exclude, or remove the line")
    if len(cells) != len(columns):
        raise row.error(f"has {counted(len(cells), 'cell')}", f"{len(columns)}, as the first line has")
    for column, cell in row.cells.items():
        if not cell.isprintable():
            raise row.error(f"has {shorten(cell)} in column {column}", "printable text")
    for column, key in (("participant_id", "sub"), ("contrast", "contrast")):
        if column in row.cells and (not row.has(column) or not bare_label(row.cells[column], key)):
            raise row.error(f"has {shorten(row.cells[column])} in column {column}", "a label")
    return row
