"""Write a derivative dataset: the files of a result whole and together, and those that describe them all.

What is written while a result is open waits in a place of its own until the result is recorded; only then do its
files get their names, all at once as far as a file system can. So an earlier result stays as it was until then, and a
run that is killed leaves no file that is cut short, nor one that the next run of the result does not know of.
"""

import csv
import gzip
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

import nibabel as nib
import pandas as pd

from bids_ari.bids.dataset import LAYOUT_CONFIG
from bids_ari.bids.tree import DESCRIPTION
from bids_ari.errors import OutputError, ReadError, TemporaryError
from bids_ari.outputs import description
from bids_ari.outputs.description import BIDS_VERSION as BIDS_VERSION
from bids_ari.outputs.description import CODE_URL as CODE_URL
from bids_ari.outputs.folder import Files
from bids_ari.outputs.locks import Place, as_output_error, is_locked, lock, retry
from bids_ari.outputs.records import (
    FAILURES,
    RECORDS,
    Note,
    failure_name,
    file_name,
    files_of,
    is_complete,
    meanings_of,
    new_record,
    read_notes,
    record_name,
    rests_on_another_model,
    siblings_begin_with,
    told,
)
from bids_ari.runtime.signals import uninterrupted

log = logging.getLogger(__name__)

SHARED_WAIT = 60.0
"""Seconds to wait for another process that brings the files of all results up to date, which takes about one."""


@dataclass(slots=True)
class _Stage:
    """The files of the open result: where each waits, by its name to be."""

    contrast: str
    place: Place
    parts: dict[str, Path] = field(default_factory=dict)


class Derivatives:
    """A derivative dataset that is being written.

    As a context manager it makes the folder, proves before any work that it can be written, and removes it again
    when it is new and nothing was written.

    Parameters
    ----------
    folder : path
        The root of the dataset.
    sources : mapping of str to path
        The datasets that the results come from, by the names used in BIDS URIs.

    Raises
    ------
    UsageError
        When the folder holds another dataset.
    OutputError
        When the folder cannot be made or written.
    """

    def __init__(self, folder: str | Path, sources: Mapping[str, Path]) -> None:
        self.folder = Path(folder)
        self.sources = dict(sources)
        self._files = Files(self.folder)
        self._explained: dict[str, str] = {}
        self._stage: _Stage | None = None
        self._run_folder = ""
        self._told: set[str] = set()

    def __reduce__(self) -> tuple[type["Derivatives"], tuple[Path, dict[str, Path]]]:
        """Pickle or copy the output without its open result, so that each worker writes a result of its own."""
        return type(self), (self.folder, self.sources)

    def __enter__(self) -> "Derivatives":
        self._files.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.remove_empty()

    @contextmanager
    def result(self, contrast: str, wait: float = 0.0) -> Iterator[None]:
        """Be the only one who writes the results of a contrast, and show nothing until `record`.

        Parameters
        ----------
        contrast : str
            Its name.
        wait : float
            Seconds to wait for another process that is known to be at it.

        Raises
        ------
        TemporaryError
            When another process is at it.
        """
        outer = self._stage
        with lock(self.folder, _lock_of(contrast), contrast, wait) as place:
            self._stage = _Stage(contrast, place)
            try:
                yield
            finally:
                self._stage = outer
                self._explained.clear()

    @contextmanager
    def shared(self, wait: float = SHARED_WAIT) -> Iterator[None]:
        """Be the only one who writes the files that tell of all results; they are visible as they are written.

        Raises
        ------
        TemporaryError
            When others were at it all the time.
        """
        outer = self._stage
        with lock(self.folder, "shared", f"What tells of all results in {self.folder}", wait):
            self._stage = None
            try:
                yield
            finally:
                self._stage = outer

    def image(self, name: str, image: nib.Nifti1Image) -> str:
        """Write an image as ``.nii.gz``, the same bytes for the same content; give its name back."""
        return self._write(name, gzip.compress(image.to_bytes(), compresslevel=6, mtime=0))

    def table(self, name: str, frame: pd.DataFrame) -> str:
        """Write a table as ``.tsv``, which in BIDS knows no quotes: white space within a text becomes one blank."""
        texts = frame.select_dtypes(include=["object", "string"]).columns
        plain = frame.assign(**{name: frame[name].map(_one_line, na_action="ignore") for name in texts})
        text = plain.to_csv(
            sep="\t",
            index=False,
            na_rep="n/a",
            float_format="%.10g",
            lineterminator="\n",
            quoting=csv.QUOTE_NONE,
        )
        return self._write(name, text.encode(errors="backslashreplace"))

    def json(self, name: str, content: Mapping[str, Any]) -> str:
        """Write a JSON object."""
        return self._write(name, _json(content))

    def text(self, name: str, text: str) -> str:
        """Write a text."""
        return self._write(name, text.encode(errors="backslashreplace"))

    def binary(self, name: str, content: bytes) -> str:
        """Write bytes."""
        return self._write(name, content)

    def explain(self, desc: str, meaning: str) -> None:
        """Say what a ``desc`` label means, for ``descriptions.tsv``: in the files of the result recorded next."""
        self._explained[f"desc-{desc}"] = meaning

    def record(
        self,
        result: str,
        written: Iterable[str],
        summary: Mapping[str, Any],
        *,
        fingerprint: str = "",
        results: Iterable[str] = (),
    ) -> None:
        """Make the files of a result visible, note them, and remove those that only an earlier run of it wrote.

        Parameters
        ----------
        result : str
            Its name, unique in the dataset.
        written : iterable of str
            The names of its files. Those that wait to become visible belong to it in any case.
        summary : mapping
            What the index shows of it.
        fingerprint : str
            Digest of the inputs, options and versions of the contrast, for `unchanged`.
        results : iterable of str
            Names of all results of the contrast with this fingerprint, for `unchanged`.
        """
        if self._stage is not None:
            origin = {"Fingerprint": fingerprint, "ContrastResults": [*results]} if fingerprint else {}
            self._publish(self._stage, result, written, summary, origin)
            return
        with self.result(str(summary.get("Contrast") or result)):
            self.record(result, written, summary, fingerprint=fingerprint, results=results)

    def unchanged(self, contrast: str, fingerprint: str) -> list[Note]:
        """Return the records of a contrast if all of its results are there, complete and with a fingerprint.

        Parameters
        ----------
        contrast : str
            Its name.
        fingerprint : str
            As given to `record`.

        Returns
        -------
        list of dict
            The records, by name of the result; empty if the contrast must be analysed.
        """
        notes = {
            str(note.get("Name")): note
            for _, note in self._found(RECORDS, siblings_begin_with(contrast, contrast))
            if is_complete(note) and (note.get("Contrast"), note.get("Fingerprint")) == (contrast, fingerprint)
        }
        expected = [told(note, "ContrastResults", list) for note in notes.values()]
        is_whole = bool(notes) and all(sorted(map(str, names)) == sorted(notes) for names in expected)
        there = all((self.folder / name).is_file() for note in notes.values() for name in files_of(note))
        return [*notes.values()] if is_whole and there else []

    def record_failure(self, contrast: str, facts: Mapping[str, Any]) -> None:
        """Note that a contrast could not be analysed, until a result of it is recorded."""
        self._files.write(failure_name(contrast), _json({"Contrast": contrast, **facts}))

    def run_folder(self) -> str:
        """Give the name of the folder for the log of this run, which is made at the first call."""
        if not self._run_folder:
            began = datetime.now(UTC).strftime("logs/%Y%m%dT%H%M%SZ")
            names = (began if n == 1 else f"{began}-{n}" for n in count(1))
            with as_output_error(self.folder / began):
                made = (name for name in names if retry(partial(self._files.make_folder, self.folder / name)))
                self._run_folder = next(made)
        return self._run_folder

    def records(self) -> list[Note]:
        """Give what is noted of every result on disk, of other runs too, by name; what is damaged is left out."""
        notes = self._notes(RECORDS)
        for note in filter(self._is_interrupted, notes):
            self._warn(f"The files of {note.get('Name')} are not complete: a run was interrupted. Run it again")
        return list(filter(is_complete, notes))

    def interrupted(self) -> list[Note]:
        """Give what is noted of every result of which files may be missing or of an earlier run, by name."""
        return list(filter(self._is_interrupted, self._notes(RECORDS)))

    def failures(self) -> list[Note]:
        """Give what is noted of every contrast that could not be analysed, by name; what is damaged is left out."""
        return self._notes(FAILURES, "Contrast")

    def describe(self) -> None:
        """Write the files that describe the dataset as a whole."""
        self.json(DESCRIPTION, description.dataset_description(self.folder, self.sources))
        self.text(".bidsignore", "".join(f"{pattern}\n" for pattern in description.IGNORED))
        self.text("layout_config.json", LAYOUT_CONFIG.read_text(encoding="utf-8"))
        self.text("README.md", description.README)
        meanings: dict[str, str] = {}
        for note in self._notes(RECORDS):
            meanings |= meanings_of(note)
        rows = pd.DataFrame(sorted((meanings | self._explained).items()), columns=["desc_id", "description"])
        self.table("descriptions.tsv", rows)
        self.json("descriptions.json", description.COLUMNS)

    def _publish(
        self, stage: _Stage, result: str, written: Iterable[str], summary: Mapping[str, Any], origin: Note
    ) -> None:
        """Give the files that wait their names, after a note of what may be there and before one of what is there."""
        name, files = record_name(result), {*written, *stage.parts}
        notes = dict(self._found(RECORDS, siblings_begin_with(stage.contrast, result)))
        earlier = notes.pop(self.folder / name, {})
        outdated = {path: note for path, note in notes.items() if rests_on_another_model(note, summary)}
        kept = [files_of(note) for path, note in notes.items() if path not in outdated]
        old = files_of(earlier).union(*map(files_of, outdated.values()))
        stale = old.difference(files, *kept)  # a contrast's results share some
        meanings = meanings_of(earlier) | self._explained
        begun = new_record(stage.contrast, result, files | old, meanings)
        done = new_record(stage.contrast, result, files, meanings, summary) | origin
        if earlier:
            log.info("%s: replaces the %d files of an earlier run", result, len(files_of(earlier)))
        for note in outdated.values():
            log.warning("%s is removed: the group model that it rests on is another one now", note.get("Name"))
        with _while_ours(stage, self.folder / name), uninterrupted():
            first, last = (stage.place.write(_json(note)) for note in (begun, done))  # before anything changes
            self._files.move(first, name)
            for target, part in stage.parts.items():
                self._files.move(part, target)
            for target in sorted(stale) + [path.relative_to(self.folder).as_posix() for path in outdated]:
                self._files.remove(target)
            self._files.move(last, name)
            self._files.remove(failure_name(stage.contrast))
        stage.parts.clear()

    def _notes(self, folder: str, name: str = "Name") -> list[Note]:
        """Read notes, in the order of what they name."""
        return sorted((note for _, note in self._found(folder)), key=lambda note: str(note.get(name)))

    def _found(self, folder: str, beginning: str = "") -> Iterator[tuple[Path, Note]]:
        """Find notes; of one that is damaged, say so."""
        for path, note in read_notes(self.folder / folder, beginning):
            if isinstance(note, ReadError):
                self._warn(f"{note}. The index does without it")
            elif note:  # else another process has just removed it
                yield path, note

    def _is_interrupted(self, note: Note) -> bool:
        """Say whether files of a result may be missing, and nobody is about to write them."""
        return not is_complete(note) and not is_locked(self.folder, _lock_of(str(note.get("Contrast"))))

    def _warn(self, message: str) -> None:
        """Warn once, however often the notes are read."""
        if message not in self._told:
            log.warning("%s", message)
        self._told.add(message)

    def _write(self, name: str, content: bytes) -> str:
        """Write a file: to wait until its result is recorded or, when none is open, at once."""
        if (stage := self._stage) is None:
            self._files.write(name, content)
            return name
        path = self._files.path(name)  # what cannot get its name is told now, before anything is visible
        with _while_ours(stage, path):
            stage.parts[name] = stage.place.write(content)
        return name


@contextmanager
def _while_ours(stage: _Stage, path: Path) -> Iterator[None]:
    """Write what belongs to a result, unless another process took the result over."""
    try:
        with as_output_error(path):
            yield
    except OutputError as error:
        if stage.place.exists():
            raise
        raise TemporaryError(
            f"{stage.contrast} was taken over by another process, since this one had given no sign of life",
            hint="Run it again",
        ) from error


def _lock_of(contrast: str) -> str:
    """Name the lock of the results of a contrast."""
    return file_name(contrast, ".lock")


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, allow_nan=False) + "\n").encode()


def _one_line(text: object) -> str:
    return " ".join(str(text).split())
