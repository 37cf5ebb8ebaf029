"""What is recorded of the results in an output, by this run and by others."""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bids_ari.bids.entities import in_order
from bids_ari.outputs.locks import is_locked
from bids_ari.outputs.records import (
    FAILURES,
    RECORDS,
    Note,
    entry,
    file_name,
    files_of,
    is_complete,
    meanings_of,
    read_notes,
    siblings_begin_with,
)

log = logging.getLogger(__name__)


class Recorded:
    """The records in an output; those that are damaged are skipped, with a warning."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._warned: set[str] = set()
        self._known: dict[str, list[Note]] | None = None  # by folder, while they are read once

    @contextmanager
    def read_once(self) -> Iterator[None]:
        """Read all records once in a block, in which none changes."""
        self._known = {}
        try:
            yield
        finally:
            self._known = None

    def records(self) -> list[Note]:
        """Return the record of every complete result on disk, also of other runs, by name."""
        notes = self._notes(RECORDS)
        for note in filter(self._is_interrupted, notes):
            self._warn(f"The files of {note.get('Name')} are incomplete: a run was interrupted. Run it again")
        return list(filter(is_complete, notes))

    def interrupted(self) -> list[Note]:
        """Return the record of every result some of whose files may be missing or of an earlier run, by name."""
        return list(filter(self._is_interrupted, self._notes(RECORDS)))

    def failures(self) -> list[Note]:
        """Return the record of every contrast that could not be analysed, by name."""
        return self._notes(FAILURES, "Contrast")

    def records_of(self, contrast: str) -> list[Note]:
        """Return the records of a contrast, also of incomplete results."""
        notes = self.named_like(contrast, contrast).values()
        return [note for note in notes if note.get("Contrast") == contrast]

    def reusable(self, contrast: str) -> dict[str, list[Note]]:
        """Return the records of a contrast by fingerprint, where all of its results are complete and on disk."""

        def has_all(notes: Mapping[str, Note]) -> bool:
            listed = ({str(each) for each in entry(note, "ContrastResults", list)} for note in notes.values())
            files = frozenset[str]().union(*map(files_of, notes.values()))
            return all(each == notes.keys() for each in listed) and all(
                (self.folder / name).is_file() and name.endswith(in_order(name.rpartition("/")[2]))  # 0.1.0 had another
                for name in files
            )

        found: dict[str, dict[str, Note]] = defaultdict(dict)
        for note in self.records_of(contrast):
            if is_complete(note) and (key := entry(note, "Fingerprint", str)):
                found[key][str(note.get("Name"))] = note
        return {key: [*notes.values()] for key, notes in found.items() if has_all(notes)}

    def named_like(self, contrast: str, result: str) -> dict[Path, Note]:
        """Return the records, by path, whose names begin as those of a contrast, of which a result is one."""
        return dict(read_notes(self.folder / RECORDS, self._warn, siblings_begin_with(contrast, result)))

    def meanings(self) -> dict[str, str]:
        """Return the meaning of each ``desc`` label in the names of files."""
        return {key: text for note in self._notes(RECORDS) for key, text in meanings_of(note).items()}

    def _notes(self, folder: str, name: str = "Name") -> list[Note]:
        """Read records, sorted by an entry."""
        known = {} if self._known is None else self._known
        if folder not in known:
            known[folder] = [note for _, note in read_notes(self.folder / folder, self._warn)]
        return sorted(known[folder], key=lambda note: str(note.get(name)))

    def _is_interrupted(self, note: Note) -> bool:
        """Return whether files of a result may be missing and no process is writing them."""
        return not is_complete(note) and not is_locked(self.folder, lock_of(str(note.get("Contrast"))))

    def _warn(self, message: str) -> None:
        """Log a warning once, however often records are read."""
        if message not in self._warned:
            log.warning("%s", message)
        self._warned.add(message)


def lock_of(contrast: str) -> str:
    """Return the name of the lock of a contrast."""
    return file_name(contrast, ".lock")
