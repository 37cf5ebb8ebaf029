"""A derivative dataset: the files of each result, visible whole and together, and the files that describe all results.

Files written while a result is open wait in a place of their own until the result is recorded; then they get their
names, as nearly at once as a file system can. So an earlier result stays unchanged until then, and a killed run leaves
neither a truncated file nor one that the next run of the result does not know.
"""

import csv
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
from isal import igzip

from bids_ari.bids.entities import in_order
from bids_ari.bids.layouts import LAYOUT_CONFIG
from bids_ari.bids.sidecars import DESCRIPTION
from bids_ari.errors import OutputError, ReadError, TemporaryError, listing
from bids_ari.outputs import description
from bids_ari.outputs.folder import Files, json_bytes
from bids_ari.outputs.locks import Place, as_output_error, is_locked, lock, own_place, retry
from bids_ari.outputs.records import (
    FAILURES,
    RECORDS,
    Note,
    entry,
    file_name,
    files_of,
    is_complete,
    meanings_of,
    new_record,
    read_notes,
    siblings_begin_with,
)
from bids_ari.runtime.signals import uninterrupted

log = logging.getLogger(__name__)

_LEVEL = 2  # of isal: images are a hundredth larger than by level 6 of zlib, which takes ten times as long

RUNS = "Runs"
"""Key of a record for the log folders of the runs that wrote the result: the analysis, then the latest new report."""

SHARED_WAIT = 60.0
"""Seconds to wait for another process that updates the files about all results, which takes about one."""


@dataclass(slots=True)
class _Stage:
    """The files of the open result: the path at which each waits, by its final name."""

    contrast: str
    place: Place
    parts: dict[str, Path] = field(default_factory=dict)


class Derivatives:
    """A derivative dataset to write.

    As a context manager it makes the folder, checks that it can be written, and removes it again if it is new and
    nothing was written. It can be pickled or copied: each worker opens the result of its contrast in its own copy.
    """

    def __init__(self, folder: str | Path, sources: Mapping[str, Path]) -> None:
        """`sources` are the datasets that the results come from, by the names used in BIDS URIs."""
        self.folder = Path(folder)
        self.sources = dict(sources)
        self._files = Files(self.folder)
        self._explained: dict[str, str] = {}
        self._stage: _Stage | None = None
        self._run_folder = ""
        self._warned: set[str] = set()
        self._known: dict[str, list[Note]] | None = None  # records by folder, while the overview is written

    def __reduce__(self) -> tuple[type["Derivatives"], tuple[Path, dict[str, Path]], dict[str, str]]:
        """Pickle or copy the output without its open result, so that each worker writes a result of its own."""
        return type(self), (self.folder, self.sources), {"_run_folder": self._run_folder}

    def __enter__(self) -> "Derivatives":
        self._files.open()
        return self

    def __exit__(self, *error: object) -> None:
        self._files.remove_empty()

    @contextmanager
    def result(self, contrast: str, wait: float = 0.0) -> Iterator[None]:
        """Lock a contrast, by name, during a block, whose files stay hidden until `record`.

        Wait up to `wait` seconds for a process that is known to write results of it, then raise TemporaryError.
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
        """Lock the files about all results in a block, likewise; they are visible at once, records are read once."""
        outer = self._stage
        with lock(self.folder, "shared", f"The overview of {self.folder}", wait):
            self._stage, self._known = None, {}
            try:
                yield
            finally:
                self._stage, self._known = outer, None

    @contextmanager
    def together(self) -> Iterator[None]:
        """Let the files that a block writes become visible at its end: all of them or, after an error, none."""
        with own_place(self.folder) as place:
            place.sweep()
            self._stage = stage = _Stage(str(self.folder), place)
            try:
                yield
            finally:
                self._stage = None
            with uninterrupted():
                self._files.move_all(stage.parts)

    def image(self, name: str, image: Any) -> str:
        """Write an image of nibabel; if compressed, without name or time, so that equal images have equal files."""
        content = image.to_bytes()
        return self.binary(name, igzip.compress(content, _LEVEL, mtime=0) if name.endswith(".gz") else content)

    def table(self, name: str, table: pd.DataFrame) -> str:
        """Write a table as ``.tsv``. BIDS has no quotes there: white space within a text becomes one blank."""
        texts = table.select_dtypes(include=["object", "string"]).columns
        plain = table.assign(
            **{key: table[key].map(lambda text: " ".join(str(text).split()), na_action="ignore") for key in texts}
        )
        text = plain.to_csv(
            sep="\t", index=False, na_rep="n/a", float_format="%.10g", lineterminator="\n", quoting=csv.QUOTE_NONE
        )
        return self.text(name, text)

    def json(self, name: str, content: Mapping[str, Any]) -> str:
        """Write a JSON object."""
        return self.binary(name, json_bytes(content))

    def text(self, name: str, text: str) -> str:
        """Write a text."""
        return self.binary(name, text.encode(errors="backslashreplace"))

    def binary(self, name: str, content: bytes) -> str:
        """Write a file, which waits until the open result is recorded, or at once if none is open; return its name."""
        if (stage := self._stage) is None:
            self._files.write(name, content)
            return name
        path = self._files.path(name)  # an impossible name is an error now, before anything is visible
        with _unless_lost(stage, path):
            stage.parts[name] = stage.place.write(content)
        return name

    def read(self, name: str) -> bytes:
        """Read a file of the output; of the open result, also one that waits."""
        path = self.folder / name
        if (stage := self._stage) is not None and name in stage.parts:
            path = stage.parts[name]
        try:
            return path.read_bytes()
        except OSError as error:
            raise ReadError(f"{path} cannot be read: {error.strerror}", hint="Run the analysis again") from error

    def remove(self, name: str) -> None:
        """Remove a file about all results at once, if it exists, and its folder if that is empty then."""
        self._files.remove(name)
        if "/" in name:
            with suppress(OSError):
                (self.folder / name).parent.rmdir()

    def explain(self, desc: str, meaning: str) -> None:
        """Add the meaning of a ``desc`` label of the result recorded next to ``descriptions.tsv``."""
        self._explained[f"desc-{desc}"] = meaning

    def record(
        self,
        result: str,
        written: Iterable[str],
        summary: Mapping[str, Any],
        *,
        fingerprint: str = "",
        results: Iterable[str] = (),
        model: Mapping[str, Any] | None = None,
        runs: Sequence[str] = (),
    ) -> None:
        """Make the files of a result visible, record them, and remove those that only an earlier run of it wrote.

        Its name is unique in the dataset, `written` are files in addition to those that wait, and the index shows the
        `summary`. For `reusable`: a `fingerprint` of the inputs, options and versions of the contrast, and the names of
        all `results` that have it. `model` are the facts about its model, for `bids_ari.outputs.models.check_model`;
        `runs` are the log folders of earlier runs that wrote a part of the result.
        """
        if self._stage is not None:
            origin: Note = {"Fingerprint": fingerprint, "ContrastResults": [*results]} if fingerprint else {}
            origin |= {"ModelFacts": model} if model else {}
            wrote = dict.fromkeys([*runs, *([self._run_folder] if self._run_folder else [])])
            origin |= {RUNS: [*wrote]} if wrote else {}
            self._publish(self._stage, result, written, summary, origin)
            return
        with self.result(str(summary.get("Contrast") or result)):
            self.record(result, written, summary, fingerprint=fingerprint, results=results, model=model, runs=runs)

    def records_of(self, contrast: str) -> list[Note]:
        """Return the records of a contrast, also of incomplete results."""
        notes = read_notes(self.folder / RECORDS, self._warn, siblings_begin_with(contrast, contrast))
        return [note for _, note in notes if note.get("Contrast") == contrast]

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

    def record_failure(self, contrast: str, facts: Mapping[str, Any]) -> None:
        """Record that a contrast could not be analysed, until a result of it is recorded."""
        self._files.write(f"{FAILURES}/{file_name(contrast, '.json')}", json_bytes({"Contrast": contrast, **facts}))

    def run_folder(self) -> str:
        """Return the name of the folder for the log of this run, which is made at the first call."""
        if not self._run_folder:
            began = datetime.now(UTC).strftime("logs/%Y%m%dT%H%M%SZ")
            names = (began if n == 1 else f"{began}-{n}" for n in count(1))
            with as_output_error(self.folder / began):
                made = (name for name in names if retry(partial(self._files.make_folder, self.folder / name)))
                self._run_folder = next(made)
        return self._run_folder

    def records(self) -> list[Note]:
        """Return the record of every complete result on disk, also of other runs, by name; skip damaged ones."""
        notes = self._notes(RECORDS)
        for note in filter(self._is_interrupted, notes):
            self._warn(f"The files of {note.get('Name')} are incomplete: a run was interrupted. Run it again")
        return list(filter(is_complete, notes))

    def interrupted(self) -> list[Note]:
        """Return the record of every result some of whose files may be missing or of an earlier run, by name."""
        return list(filter(self._is_interrupted, self._notes(RECORDS)))

    def failures(self) -> list[Note]:
        """Return the record of every contrast that could not be analysed, by name; skip damaged ones."""
        return self._notes(FAILURES, "Contrast")

    def describe(self) -> None:
        """Write the files that describe the dataset as a whole."""
        self.json(DESCRIPTION, description.dataset_description(self.folder, self.sources))
        self.text(".bidsignore", "".join(f"{pattern}\n" for pattern in description.IGNORED))
        self.text("layout_config.json", LAYOUT_CONFIG.read_text(encoding="utf-8"))
        self.text("README.md", description.README.read_text(encoding="utf-8"))
        meanings = {key: text for note in self._notes(RECORDS) for key, text in meanings_of(note).items()}
        rows = sorted((meanings | self._explained).items())
        self.table("descriptions.tsv", pd.DataFrame(rows, columns=["desc_id", "description"]))
        self.json("descriptions.json", description.COLUMNS)

    def _publish(
        self, stage: _Stage, result: str, written: Iterable[str], summary: Mapping[str, Any], origin: Note
    ) -> None:
        """Rename the files that wait, between recording those that may be there and those that are there."""
        name, files = f"{RECORDS}/{file_name(result, '.json')}", {*written, *stage.parts}
        notes = dict(read_notes(self.folder / RECORDS, self._warn, siblings_begin_with(stage.contrast, result)))
        earlier = notes.pop(self.folder / name, {})
        notes = {path: note for path, note in notes.items() if note.get("Contrast") == stage.contrast}
        shared = [summary.get("Model")]  # results of another model would share maps that the new one overwrites
        outdated = {path: note for path, note in notes.items() if "Model" in summary and _models_of(note) != shared}
        kept = [files_of(note) for path, note in notes.items() if path not in outdated]
        old = files_of(earlier).union(*map(files_of, outdated.values()))
        stale = old.difference(files, *kept)  # a contrast's results share some
        meanings = meanings_of(earlier) | self._explained
        begun = new_record(stage.contrast, result, files | old, meanings)
        done = new_record(stage.contrast, result, files, meanings, summary) | origin
        if earlier:
            n_new, n_earlier = len(files_of(earlier).intersection(stage.parts)), len(files_of(earlier))
            folders = sorted({Path(name).parts[0] for name in stale})
            gone = f", and removes {len(stale)} in {listing(folders)}" if stale else ""
            log.info("%s: replaces %d of the %d files of an earlier run%s", result, n_new, n_earlier, gone)
        replaced = entry(origin, "ContrastResults", list)  # or will be, by this run
        for note in (note for note in outdated.values() if note.get("Name") not in replaced):
            log.warning("%s is removed: it is of other data or another model than the new result", note.get("Name"))
        with _unless_lost(stage, self.folder / name), uninterrupted():
            first, last = (stage.place.write(json_bytes(note)) for note in (begun, done))  # before anything changes
            self._files.move(first, name)
            self._files.move_all(stage.parts)
            for target in sorted(stale) + [path.relative_to(self.folder).as_posix() for path in outdated]:
                self._files.remove(target)
            self._files.move(last, name)
            self._files.remove(f"{FAILURES}/{file_name(stage.contrast, '.json')}")
        stage.parts.clear()

    def _notes(self, folder: str, name: str = "Name") -> list[Note]:
        """Read records, sorted by an entry."""
        known = {} if self._known is None else self._known
        if folder not in known:
            known[folder] = [note for _, note in read_notes(self.folder / folder, self._warn)]
        return sorted(known[folder], key=lambda note: str(note.get(name)))

    def _is_interrupted(self, note: Note) -> bool:
        """Return whether files of a result may be missing and no process is writing them."""
        return not is_complete(note) and not is_locked(self.folder, _lock_of(str(note.get("Contrast"))))

    def _warn(self, message: str) -> None:
        """Log a warning once, however often records are read."""
        if message not in self._warned:
            log.warning("%s", message)
        self._warned.add(message)


@contextmanager
def _unless_lost(stage: _Stage, path: Path) -> Iterator[None]:
    """Raise TemporaryError for an error in a block if another process took the result over."""
    try:
        with as_output_error(path):
            yield
    except OutputError as error:
        if stage.place.exists():
            raise
        found = f"{stage.contrast} was taken over by another process, because this one had no heartbeat"
        raise TemporaryError(found, hint="Run it again") from error


def _models_of(note: Note) -> list[object]:
    """Return the ``Model`` of each result of a record."""
    return [each.get("Model") for each in entry(note, "Results", list) if isinstance(each, dict)]


def _lock_of(contrast: str) -> str:
    """Return the name of the lock of a contrast."""
    return file_name(contrast, ".lock")
