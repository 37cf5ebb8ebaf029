"""Notes on disk of what came of each contrast: the files of its results, or why it could not be analysed.

A *record* tells the files of one result, so that the next run of that result replaces them, and what the index shows
of it. A *failure* tells why there is no result. Who reads a note does not trust it: somebody may have changed it.
"""

import hashlib
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from bids_ari.bids.sidecars import read_json
from bids_ari.errors import ReadError

log = logging.getLogger(__name__)

RECORDS = "logs/results"
"""The folder of all records."""

FAILURES = "logs/failures"
"""The folder of all failures."""

_APART = re.compile(r"(?:^|_)(?:test|atlas|stat|desc)-.*")
"""The entities by which results of one contrast differ: the last ones of a name."""

LONGEST = 255
"""Bytes of the longest name of a file or folder that common file systems take."""

Note = dict[str, Any]
T = TypeVar("T")


def file_name(name: str, extension: str = "") -> str:
    """Name a file after something; where no file can have that name, after its digest.

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
    """Say whether a name relative to a folder is none of a file in that folder.

    >>> leads_out("group/a.tsv"), leads_out("group/../../a.tsv"), leads_out("/a.tsv"), leads_out("")
    (False, True, True, True)
    """
    path = PurePosixPath(name)
    return path.is_absolute() or not path.parts or ".." in path.parts or "\0" in name


def record_name(result: str) -> str:
    """Give the name of the record of a result, relative to the output."""
    return f"{RECORDS}/{file_name(result, '.json')}"


def siblings_begin_with(contrast: str, result: str) -> str:
    """Say how the names of all results of a contrast begin, so that not every record must be read to find them.

    >>> siblings_begin_with("contrast-faces_desc-smooth", "contrast-faces_test-mean_desc-smoothGreater")
    'contrast-faces'
    >>> siblings_begin_with("statmaps", "test-mean_desc-greater")
    ''
    """
    common = _APART.sub("", contrast)
    return common if result.startswith(common) else ""


def failure_name(contrast: str) -> str:
    """Give the name of the note of a failure, relative to the output."""
    return f"{FAILURES}/{file_name(contrast, '.json')}"


def told(facts: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """Give what is noted, or the empty one of its kind."""
    value = facts.get(name)
    return value if isinstance(value, kind) else kind()


def files_of(note: Note) -> frozenset[str]:
    """Give the files that a record tells of: all that may be there, and never one outside the output."""
    return frozenset(name for name in told(note, "Files", list) if isinstance(name, str) and not leads_out(name))


def meanings_of(note: Note) -> dict[str, str]:
    """Give the meaning of each ``desc`` label that a record explains."""
    return {label: text for label, text in told(note, "Descriptions", dict).items() if isinstance(text, str)}


def rests_on_another_model(note: Note, summary: Mapping[str, Any]) -> bool:
    """Say whether a result on disk shares its maps with one that now has other values there (``Model``)."""
    told = note.get("Results")
    models = [each.get("Model") for each in told if isinstance(each, dict)] if isinstance(told, list) else []
    return "Model" in summary and models != [summary["Model"]]


def is_complete(note: Note) -> bool:
    """Say whether all files of a record are there, and of one run."""
    return note.get("Complete") is not False


def new_record(
    contrast: str,
    result: str,
    files: Iterable[str],
    meanings: Mapping[str, str],
    summary: Mapping[str, Any] | None = None,
) -> Note:
    """Make a record, which explains the labels that its files have; without a summary, of a result not complete."""
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


def read_notes(folder: Path, beginning: str = "") -> Iterator[tuple[Path, Note | ReadError]]:
    """Read the notes in a folder whose names begin in some way, or why one cannot be read."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.name.startswith(beginning))
    except (FileNotFoundError, NotADirectoryError):
        return
    for path in (folder / name for name in names if name.endswith(".json")):
        try:
            yield path, read_json(path)
        except ReadError as error:
            yield path, error
