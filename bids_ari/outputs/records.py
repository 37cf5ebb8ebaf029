"""Records on disk: the files of each result, or why a contrast could not be analysed.

The record of a result lists its files, so that the next run of that result replaces them, and what the index shows of
it. The record of a failure holds the reason. Readers do not trust a record: it may have been edited.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from bids_ari.bids.sidecars import read_json
from bids_ari.errors import ReadError

RECORDS = "logs/results"
"""Folder of the records of results."""

FAILURES = "logs/failures"
"""Folder of the records of failures."""

_APART = re.compile(r"(?:^|_)(?:test|atlas|stat|desc)-.*")
"""The entities in which results of one contrast differ, the last ones of a name; atlas is, in names of 0.1.0."""

LONGEST = 255
"""Maximum number of bytes in the name of a file or folder on common file systems."""

_LARGEST = 1e15  # of numbers that are counted or shown

Note = dict[str, Any]
T = TypeVar("T")


def file_name(name: str, extension: str = "") -> str:
    """Return a file name for a text: the text itself or, if that is impossible, its digest.

    >>> file_name("task-rest_contrast-faces", ".json")
    'task-rest_contrast-faces.json'
    >>> file_name("../faces", ".json")
    '6a1b8f4921856006706ca2f06a9edf6d.json'
    """
    whole = name + extension
    if name and not name.startswith(".") and not {"/", "\0"} & set(name) and len(os.fsencode(whole)) <= LONGEST:
        return whole
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:32] + extension


def leads_out(name: str) -> bool:
    """Return whether a relative name leads outside its folder, or is no name of a file.

    >>> leads_out("group/a.tsv"), leads_out("group/../../a.tsv"), leads_out("/a.tsv"), leads_out("./"), leads_out("")
    (False, True, True, True, True)
    """
    parts = set(name.split("/"))
    return name.startswith("/") or ".." in parts or "\0" in name or not parts - {"", "."}


def siblings_begin_with(contrast: str, result: str) -> str:
    """Return how the names of all results of a contrast begin, so that other records need not be read.

    >>> siblings_begin_with("contrast-faces_desc-smooth", "contrast-faces_test-mean_desc-smoothGreater")
    'contrast-faces'
    >>> siblings_begin_with("statmaps", "test-mean_desc-greater")
    ''
    """
    common = _APART.sub("", contrast)
    return common if result.startswith(common) else ""


def entry(facts: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """Return an entry of a record, or an empty value if it has another type."""
    value = facts.get(name)
    return value if isinstance(value, kind) else kind()


def number(facts: Mapping[str, Any], name: str) -> int | float | None:
    """Return an entry that is a number; None for one that is not, or not finite.

    >>> number({"a": 0.5}, "a"), number({"a": "0.5"}, "a"), number({"a": float("nan")}, "a"), number({}, "a")
    (0.5, None, None, None)
    """
    value = facts.get(name)
    return value if isinstance(value, int | float) and abs(value) < _LARGEST else None


def files_of(note: Note) -> frozenset[str]:
    """Return the files of a record: all that may exist, and none outside the output."""
    return frozenset(name for name in entry(note, "Files", list) if isinstance(name, str) and not leads_out(name))


def meanings_of(note: Note) -> dict[str, str]:
    """Return the meaning of each ``desc`` label in a record."""
    return {label: text for label, text in entry(note, "Descriptions", dict).items() if isinstance(text, str)}


def is_complete(note: Note) -> bool:
    """Return whether all files of a record exist and are of one run."""
    return note.get("Complete") is not False


def new_record(
    contrast: str,
    result: str,
    files: Iterable[str],
    meanings: Mapping[str, str],
    summary: Mapping[str, Any] | None = None,
) -> Note:
    """Build a record, with the meaning of the labels of its files; incomplete without a summary."""
    names = sorted(files)
    labels = {part for name in names for part in name.rpartition("/")[2].split("_")}
    return {
        "Name": result,
        "Contrast": contrast,
        "Time": datetime.now(UTC).isoformat(timespec="seconds"),
        "Complete": summary is not None,
        "Results": [] if summary is None else [dict(summary)],
        "Descriptions": {label: meanings[label] for label in sorted(labels & meanings.keys())},
        "Files": names,
    }


def read_notes(folder: Path, warn: Callable[[str], None], beginning: str = "") -> Iterator[tuple[Path, Note]]:
    """Read the records in a folder whose names begin with a text; warn of each that cannot be read."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.name.startswith(beginning))
    except (FileNotFoundError, NotADirectoryError):
        return
    for path in (folder / name for name in names if name.endswith(".json")):
        try:
            if note := read_json(path):  # else another process has just removed it
                _check_writable(path, note)
                yield path, note
        except ReadError as error:
            warn(f"{error}. It is not in the index")


def _check_writable(path: Path, note: Note) -> None:
    """Raise ReadError if a record cannot be written again, since a number is not finite or a key occurs twice."""
    try:
        json.dumps(note, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ReadError(f"{path} is no record: {error}") from error
