"""Manifests: tables of maps without BIDS names, such as those of SPM and FSL.

A tab-separated table has one map or subject in each line: ``participant_id``, and the paths of maps in ``effect``,
``t`` or ``z``, relative to the folder of the table. Optional columns are ``variance`` (of the effect, to combine or
weight maps by), ``dof`` (of the t map), ``map_name`` (in files with several), ``contrast`` and any entity. Of a surface
with a file for each hemisphere, a line names one and the other is found by its name, or each has a line.
`bids_ari.bids.columns` defines missing values.
"""

import logging
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from reprlib import repr as shorten

from bids_ari.bids.columns import number
from bids_ari.bids.dataset import Dataset, unify_labels
from bids_ari.bids.entities import CONTRAST_KEYS, ORDER, Entities, bare_label, key_of, printable
from bids_ari.bids.exclusions import Reason
from bids_ari.bids.hemispheres import hemisphere_files, hemisphere_of_label, hemisphere_of_name
from bids_ari.bids.kinds import AFNI, CONTENTS, extension_of, kind_of
from bids_ari.bids.statmap import MANIFEST_SOURCE, StatMap
from bids_ari.bids.subject_map import STATS, Stat, SubjectMap
from bids_ari.bids.tsv import Row, Table, read_table
from bids_ari.errors import DataError, brief, counted, listing

log = logging.getLogger(__name__)

_MAPS = (*STATS, "variance")
_NATIVE_VIEW = re.compile(r"\+(orig|acpc)\.HEAD$")  # names of datasets that are in the space of each subject
_ENTITIES = frozenset(ORDER) - {"sub", "tpl", "stat", "test"}


@dataclass(frozen=True, slots=True, repr=False)
class Manifest(Dataset):
    """The maps in a table, which `discover` takes in place of a dataset."""

    maps: Mapping[StatMap, SubjectMap] = field(default_factory=dict)  # with their variance or their degrees of freedom
    lines: Mapping[tuple[Path, Entities], int] = field(default_factory=dict)  # of each file in the table, by its `_key`
    lacking: Mapping[Stat, Sequence[StatMap]] = field(default_factory=dict)  # lines without a map, with that problem

    def check(self, files: Iterable[StatMap]) -> None:
        """Check that files exist; links without a target are left to the reader, which knows of unfetched content."""
        bad = [file for file in files if not os.path.lexists(file.path) or os.path.isdir(file.path)]  # noqa: PTH112
        if bad:
            bad.sort(key=self._line)
            where = (f"line {self._line(file)}: {file.path}{' (a folder)' * os.path.isdir(file.path)}" for file in bad)  # noqa: PTH112
            raise DataError(
                f"{counted(len(bad), 'file')} in {self.path} not found: {listing(where)}",
                f"paths of maps with /, which start in the folder of the table, {self.path.parent.absolute()}",
                "Fix the table, or exclude these subjects with --exclude",
            )

    def _line(self, file: StatMap) -> int:
        return self.lines[_key(file)]


def open_manifest(path: str | Path) -> Manifest:
    """Read a table of maps.

    Parameters
    ----------
    path : path
        The table, as this module describes it.

    Returns
    -------
    Manifest
        For `discover`, in place of a dataset.

    Raises
    ------
    InputNotFoundError, ReadError
        When there is no such table, or it cannot be read.
    DataError
        When it is malformed; names the line.
    """
    path = Path(path)
    table = read_table(path, "participant_id", "map", key_of)
    notes = _check_columns(table)
    for row in table.rows:
        _check_cells(row)
    paths = dict(_files(table.rows, path.parent))
    if not paths:
        raise DataError(f"{path} lists no map", f"paths in the column {' or '.join(STATS)}")
    folder = os.path.commonpath([_place(each).parent for each in paths.values()])
    statmaps = unify_labels([_statmap(*cell, each, folder) for cell, each in paths.items()])
    files = dict(zip(paths, statmaps, strict=True))
    maps = {}
    for (row, stat, hemi), file in files.items():
        variances = (files[row, "variance", hemi],) if stat == "effect" and (row, "variance", hemi) in files else ()
        maps[file] = SubjectMap(row.label("participant_id"), (file,), variances, _dof(row) if stat == "t" else None)
    lines = {_key(file): row.line for (row, _, _), file in files.items()}
    lacking = defaultdict(list)
    for stat, row in (
        (stat, row) for stat in STATS if stat in table.columns for row in table.rows if not row.has(stat)
    ):
        reason = Reason.NO_MAP_IN_MANIFEST.text(stat=stat, line=row.line, table=path.name)
        line = StatMap(str(path), f"line {row.line}", path.name, _entities(row, stat), ".nii", reason)
        lacking[stat].append(line)
    return Manifest(path, {MANIFEST_SOURCE: Path(folder)}, tuple(files.values()), maps, lines, lacking, notes=notes)


def _check_columns(table: Table) -> tuple[str, ...]:
    """Refuse a table without maps; warn of columns that are not used, and return a note on them."""
    if not set(STATS) & set(table.columns):
        found = f"{table.path} has no column of maps (its columns: {listing(table.columns, 20)})"
        raise DataError(found, f"a column {' or '.join(STATS)}, of their paths")
    unused = sorted(set(table.others) - _ENTITIES - {*_MAPS, "dof", "map_name"})
    if not unused:
        return ()
    note = f"not used: column {brief(listing(map(printable, unused)))}"
    log.warning("%s: %s", table.path, note)
    return (f"{table.path.name}: {note}",)


def _check_cells(row: Row) -> None:
    """Refuse cells that cannot become paths and labels; escaping would change them."""
    for column, cell in row.cells.items():
        if not cell.isprintable():
            raise row.error(f"has {shorten(cell)} in column {column}", "printable text")
    for column in ("participant_id", "contrast"):
        if column in row.cells:
            row.label(column)


def _files(rows: Sequence[Row], folder: Path) -> Iterator[tuple[tuple[Row, str, str], Path]]:
    """Yield the path of each map, by its row, statistic and hemisphere.

    A surface file without a label in a column `hemi` also stands for that of the other hemisphere beside it, unless
    the table has a row of its own for it.
    """
    cells = {(row, stat): (folder / row.cells[stat]).absolute() for row in rows for stat in _MAPS if row.has(stat)}
    named = set(cells.values())
    for (row, stat), path in cells.items():
        if kind_of(extension_of(path.name)) != "GIFTI":
            yield (row, stat, ""), path
        elif row.has("hemi"):
            yield (row, stat, _hemisphere(row, path.name)), path
        else:
            for each in hemisphere_files(path):
                side = hemisphere_of_name(each.name)
                if side is None:
                    raise row.error(f"has {path.name}, a surface without its hemisphere", "a column hemi, with L or R")
                if each == path or each not in named:
                    yield (row, stat, side), each


def _hemisphere(row: Row, name: str) -> str:
    """Return the hemisphere of a row that names one, which the name of its file must not contradict."""
    label = bare_label(row.cells["hemi"], "hemi")
    side = hemisphere_of_label(label)
    if side is None:
        raise row.error(f"has hemi {label!r}", "L or R")
    if hemisphere_of_name(name) not in (None, side):
        raise row.error(f"has hemi {label!r}, but {name} is of the other hemisphere by its name", "the same hemisphere")
    return side


def _key(file: StatMap) -> tuple[Path, Entities]:
    """Return the key of a file in a table, the same also where it is one of a pair."""
    return file.path, file.entities.without("hemi")


def _place(path: Path) -> Path:
    """Return the path of a map without ``..``, for its name only: links on the way are not resolved."""
    return Path(os.path.normpath(path))


def _statmap(row: Row, stat: str, hemi: str, path: Path, folder: str) -> StatMap:
    """Describe a map as if it had a BIDS name."""
    name = _place(path).relative_to(folder).as_posix()
    entities = _entities(row, stat)
    entities = entities.with_(hemi=hemi) if hemi else entities
    map_name = row.cells["map_name"] if row.has("map_name") else ""
    extension, problem = extension_of(path.name), ""
    if map_name and kind_of(extension) == "NIfTI" and extension != AFNI:
        raise row.error(f"has a map_name for {path.name}, a volume", "map_name of GIFTI, CIFTI and AFNI's .HEAD files")
    if extension == AFNI and not entities.get("space") and (view := _NATIVE_VIEW.search(path.name)):
        entities = entities.with_(space=view[1])
    if content := CONTENTS.get(extension):
        problem = Reason.NAMED_IN_MANIFEST.text(table=row.path.name, extension=extension, content=content)
    return StatMap(str(path), name, MANIFEST_SOURCE, entities, extension, problem, map_name=map_name)


def _entities(row: Row, stat: str) -> Entities:
    """Return the entities of a map as if it had a BIDS name."""
    labels = {key: bare_label(cell, key) for key, cell in row.cells.items() if key in _ENTITIES and row.has(key)}
    if not {*CONTRAST_KEYS} & set(labels):
        labels["contrast"] = "map"
    return Entities.of({**labels, "sub": row.label("participant_id"), "stat": stat})


def _dof(row: Row) -> float | None:
    """Return the degrees of freedom of a t map, if the table has them."""
    dof = number(row.cells["dof"]) if row.has("dof") else None
    if row.has("dof") and not (dof and dof > 0):
        raise row.error(f"has dof {row.cells['dof']!r}", "a number above 0")
    return dof
