"""Maps that no BIDS name tells about, as SPM and FSL write them: a table says whose and of what they are.

The table is tab-separated, one map or subject a line:

==============  ================================================================================================
column          meaning
==============  ================================================================================================
participant_id  the subject, with or without ``sub-``
effect, t, z    path of the map, at least one of these; a relative path starts at the folder of the table
variance        path of the sampling variance of the effect (optional), by which maps can be combined or weighted
dof             degrees of freedom of the t map (optional)
contrast        label of the contrast (optional)
any entity      its label, such as ``task``, ``session``, ``run`` (optional)
==============  ================================================================================================

``n/a`` or nothing in a cell says that there is none.
"""

import logging
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from reprlib import repr as shorten

from bids_ari.bids.contrasts import STATS, Excluded, Stat, SubjectMap
from bids_ari.bids.dataset import Dataset, StatMap
from bids_ari.bids.entities import ORDER, Entities, bare_label, key_of, printable
from bids_ari.bids.tsv import Row, Table, read_table
from bids_ari.errors import DataError, brief, counted, listing

log = logging.getLogger(__name__)

MANIFEST_SOURCE = "manifest"
"""The name, in BIDS URIs, of the folder that holds all maps of a manifest."""

DEFAULT_CONTRAST = "map"
"""The label of the contrast where no column tells it."""

_MAPS = (*STATS, "variance")
_ENTITIES = frozenset(ORDER) - {"sub", "tpl", "stat", "test"}


@dataclass(frozen=True, slots=True, repr=False)
class Manifest(Dataset):
    """The maps that a table names, to be searched as a dataset is.

    Attributes
    ----------
    maps : mapping of StatMap to SubjectMap
        Each map with its variance or its degrees of freedom.
    lines : mapping of StatMap to int
        The line that names each file.
    lacking : mapping of str to tuple of Excluded
        Of each statistic: the lines that name no map of it.
    """

    maps: Mapping[StatMap, SubjectMap] = field(default_factory=dict)
    lines: Mapping[StatMap, int] = field(default_factory=dict)
    lacking: Mapping[Stat, tuple[Excluded, ...]] = field(default_factory=dict)

    def check(self, files: Iterable[StatMap]) -> None:
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
    table = read_table(path, "participant_id", "map", key_of)
    _check_columns(table)
    rows = [_MapRow.of(row) for row in table.rows]
    named = [(row, stat) for row in rows for stat in _MAPS if row.has(stat)]
    if not named:
        raise DataError(f"{path} names no map", f"paths in the column {' or '.join(STATS)}")
    folder = os.path.commonpath([row.place(stat).parent for row, stat in named])
    files = {(row, stat): row.file(stat, folder) for row, stat in named}
    maps = {file: row.subject_map(stat, file, files.get((row, "variance"))) for (row, stat), file in files.items()}
    lacking = {
        stat: tuple(row.lack(stat) for row in rows if not row.has(stat)) for stat in STATS if stat in table.columns
    }
    line_of = {file: row.line for (row, _), file in files.items()}
    return Manifest(path, {MANIFEST_SOURCE: Path(folder)}, tuple(files.values()), maps, line_of, lacking)


@dataclass(frozen=True, slots=True, eq=False)
class _MapRow(Row):
    """What one line says of the maps of a subject; columns of entities go by their keys."""

    @classmethod
    def of(cls, row: Row) -> "_MapRow":
        """Check a line: its cells become paths and names, which an escape would change."""
        for column, cell in row.cells.items():
            if not cell.isprintable():
                raise row.error(f"has {shorten(cell)} in column {column}", "printable text")
        for column in ("participant_id", "contrast"):
            if column in row.cells:
                row.label(column)
        return cls(row.path, row.line, row.key, row.cells)

    @property
    def subject(self) -> str:
        return self.label("participant_id")

    def map_path(self, stat: str) -> Path:
        return (self.path.parent / self.cells[stat]).absolute()

    def place(self, stat: str) -> Path:
        """Give the path of a map as far as its name goes: without detours, whatever links lie on them."""
        return Path(os.path.normpath(self.map_path(stat)))

    def file(self, stat: str, folder: str) -> StatMap:
        """Describe a map as if its name were of BIDS."""
        path, name = self.map_path(stat), self.place(stat).relative_to(folder).as_posix()
        extension = ".nii.gz" if path.name.endswith(".nii.gz") else path.suffix
        labels = {key: bare_label(self.cells[key], key) for key in self.cells if key in _ENTITIES and self.has(key)}
        if not {"contrast", "taskcontrast"} & set(labels):
            labels["contrast"] = DEFAULT_CONTRAST
        entities = Entities.of({**labels, "sub": self.subject, "stat": stat})
        return StatMap(path, name, MANIFEST_SOURCE, entities, extension)

    def subject_map(self, stat: str, file: StatMap, variance: StatMap | None) -> SubjectMap:
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

    def lack(self, stat: str) -> Excluded:
        return Excluded(f"sub-{self.subject}", f"line {self.line} of {self.path.name} names no {stat} map")


def _check_columns(table: Table) -> None:
    """Refuse a table without maps; warn of columns that nobody reads."""
    if not set(STATS) & set(table.columns):
        found = f"{table.path} has no column of maps (its columns: {listing(table.columns, 20)})"
        raise DataError(found, f"a column {' or '.join(STATS)}, of their paths")
    unused = sorted(set(table.others) - _ENTITIES - {*_MAPS, "dof"})
    if unused:
        log.warning("%s: not used: column %s", table.path, brief(listing(map(printable, unused))))
