"""A derivative dataset: the files of each result, visible whole and together, and the files that describe all results.

Files written while a result is open wait in a place of their own until the result is recorded; then they get their
names, as nearly at once as a file system can. So an earlier result stays unchanged until then, and a killed run leaves
neither a truncated file nor one that the next run of the result does not know.
"""

import csv
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
from isal import igzip

from bids_ari.bids.layouts import LAYOUT_CONFIG
from bids_ari.bids.sidecars import DESCRIPTION
from bids_ari.errors import OutputError, ReadError, TemporaryError, listing
from bids_ari.outputs import description
from bids_ari.outputs.folder import Files, json_bytes
from bids_ari.outputs.locks import Place, as_output_error, lock, own_place, retry
from bids_ari.outputs.recorded import Recorded, lock_of
from bids_ari.outputs.records import (
    FAILURES,
    RECORDS,
    Note,
    entry,
    file_name,
    files_of,
    meanings_of,
    new_record,
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


class Derivatives(Recorded):
    """A derivative dataset to write.

    As a context manager it makes the folder, checks that it can be written, and removes it again if it is new and
    nothing was written. It can be pickled or copied: each worker opens the result of its contrast in its own copy.
    """

    def __init__(self, folder: str | Path, sources: Mapping[str, Path]) -> None:
        """`sources` are the datasets that the results come from, by the names used in BIDS URIs."""
        super().__init__(Path(folder))
        self.sources = dict(sources)
        self._files = Files(self.folder)
        self._explained: dict[str, str] = {}
        self._stage: _Stage | None = None
        self._run_folder = ""

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
        with lock(self.folder, lock_of(contrast), contrast, wait) as place:
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
        with lock(self.folder, "shared", f"The overview of {self.folder}", wait), self.read_once():
            self._stage = None
            try:
                yield
            finally:
                self._stage = outer

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

    def describe(self) -> None:
        """Write the files that describe the dataset as a whole."""
        self.json(DESCRIPTION, description.dataset_description(self.folder, self.sources))
        self.text(".bidsignore", "".join(f"{pattern}\n" for pattern in description.IGNORED))
        self.text("layout_config.json", LAYOUT_CONFIG.read_text(encoding="utf-8"))
        self.text("README.md", description.README.read_text(encoding="utf-8"))
        rows = sorted((self.meanings() | self._explained).items())
        self.table("descriptions.tsv", pd.DataFrame(rows, columns=["desc_id", "description"]))
        self.json("descriptions.json", description.COLUMNS)

    def _publish(
        self, stage: _Stage, result: str, written: Iterable[str], summary: Mapping[str, Any], origin: Note
    ) -> None:
        """Rename the files that wait, between recording those that may be there and those that are there."""
        name = f"{RECORDS}/{file_name(result, '.json')}"
        begun, done, gone = self._replacement(stage, result, {*written, *stage.parts}, summary, origin)
        with _unless_lost(stage, self.folder / name), uninterrupted():
            first, last = (stage.place.write(json_bytes(note)) for note in (begun, done))  # before anything changes
            self._files.move(first, name)
            self._files.move_all(stage.parts)
            for target in gone:
                self._files.remove(target)
            self._files.move(last, name)
            self._files.remove(f"{FAILURES}/{file_name(stage.contrast, '.json')}")
        stage.parts.clear()

    def _replacement(
        self, stage: _Stage, result: str, files: Set[str], summary: Mapping[str, Any], origin: Note
    ) -> tuple[Note, Note, list[str]]:
        """Return the records of a result before and after its files are renamed, and the files to remove; log these.

        They are those that only an earlier run of the result wrote, and results of other data or another model, which
        would share maps that this one replaces.
        """
        notes = self.named_like(stage.contrast, result)
        earlier = notes.pop(self.folder / RECORDS / file_name(result, ".json"), {})
        notes = {path: note for path, note in notes.items() if note.get("Contrast") == stage.contrast}
        shared = [summary.get("Model")]
        outdated = {path: note for path, note in notes.items() if "Model" in summary and _models_of(note) != shared}
        kept = [files_of(note) for path, note in notes.items() if path not in outdated]
        old = files_of(earlier).union(*map(files_of, outdated.values()))
        stale = old.difference(files, *kept)  # a contrast's results share some
        if earlier:
            n_new, n_earlier = len(files_of(earlier).intersection(stage.parts)), len(files_of(earlier))
            folders = sorted({Path(name).parts[0] for name in stale})
            gone = f", and removes {len(stale)} in {listing(folders)}" if stale else ""
            log.info("%s: replaces %d of the %d files of an earlier run%s", result, n_new, n_earlier, gone)
        replaced = entry(origin, "ContrastResults", list)  # or will be, by this run
        for note in (note for note in outdated.values() if note.get("Name") not in replaced):
            log.warning("%s is removed: it is of other data or another model than the new result", note.get("Name"))
        meanings = meanings_of(earlier) | self._explained
        begun = new_record(stage.contrast, result, files | old, meanings)
        done = new_record(stage.contrast, result, files, meanings, summary) | origin
        return begun, done, [*sorted(stale), *(path.relative_to(self.folder).as_posix() for path in outdated)]


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
