"""Runs of many studies: one process of ``bids-ari`` for each, a limited number at a time."""

import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple, Protocol

from bids_ari.bids.sidecars import read_json
from bids_ari.errors import (
    BUG,
    INTERRUPTED,
    DataError,
    ReadError,
    brief,
    exit_code,
    printable,
)
from bids_ari.outputs.folder import Files, json_bytes
from bids_ari.outputs.records import file_name
from bids_ari.runtime.executors import as_done
from bids_ari.runtime.signals import uninterrupted
from bids_ari.studies.study import Study

log = logging.getLogger(__name__)

LOGS = "logs"
"""Folder, in the output, of the record and the log of each study."""


class Outcome(NamedTuple):
    """The outcome of the run of one study."""

    study: Study
    code: int
    message: str = ""  # why it failed


class Runner(Protocol):
    """What runs ``bids-ari``, from several threads."""

    def run(self, words: Sequence[str], log_file: Path, /) -> int:
        """Run it with these words and its log in a file; return the exit code."""

    def stop(self) -> None:
        """End all that are running as an interruption does, and begin no other."""


@dataclass(slots=True)
class Processes:
    """A process for each run of ``bids-ari``."""

    _running: set["subprocess.Popen[bytes]"] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ended: threading.Event = field(default_factory=threading.Event)

    def run(self, words: Sequence[str], log_file: Path) -> int:
        """Run ``bids-ari``; return the exit code."""
        # -P: a folder with the name of a module, in which the command is run, is not imported; -I: as this process
        command = [sys.executable, "-I" if sys.flags.isolated else "-P", "-m", "bids_ari", *words]
        with log_file.open("wb") as file:
            with self._lock:
                if self._ended.is_set():
                    return INTERRUPTED
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
                self._running.add(process)
            code = process.wait()
            with self._lock:
                self._running.discard(process)
        if self._ended.is_set() and code == -signal.SIGTERM:  # before it could handle signals
            return INTERRUPTED
        return 128 - code if code < 0 else code

    def stop(self) -> None:
        """Send SIGTERM to all that are running, and begin no other."""
        with self._lock:
            self._ended.set()
            for process in self._running:
                process.terminate()


def words_of(study: Study, output: Path, options: Sequence[str]) -> list[str]:
    """Return the words of ``bids-ari`` for a study: ``{study}`` and ``{task}`` in the options are its labels."""
    own = [each.replace("{study}", study.study).replace("{task}", study.task) for each in options]
    model = [] if study.model is None else ["--model", str(study.model)]
    return [str(study.folder), str(output / study.name), "group", *model, *own]


def run_studies(
    studies: Iterable[Study], output: Path, options: Sequence[str], runner: Runner, n_jobs: int = 1
) -> Iterator[Outcome]:
    """Analyse studies, and yield the outcome of each that is finished.

    What cannot be analysed is first, with code 65. The others go on after a failure, and begin in order.

    Parameters
    ----------
    studies : iterable of Study
        What is analysed; those with a problem are recorded and not run.
    output : Path
        The folder of all results: records and logs are in its folder `LOGS`, results in a folder for each study.
    options : sequence of str
        Options of ``bids-ari`` for each of them, see `words_of`.
    runner : Runner
        What runs ``bids-ari``; it is stopped when the iteration ends, also early.
    n_jobs : int
        Number of studies at a time.
    """
    files = Files(output)
    todo = []
    for study in studies:
        if study.problem:
            write_record(files, study, DataError.exit_code, message=study.problem)
            yield Outcome(study, DataError.exit_code, study.problem)
        else:
            todo.append(study)
    with _pool(n_jobs, runner) as pool:
        with uninterrupted():  # which would leave a thread that the pool does not know
            futures = [pool.submit(_run_study, study, output, options, runner, files) for study in todo]
        for future in as_done(futures):
            yield future.result()


@contextmanager
def _pool(n_jobs: int, runner: Runner) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of threads; if the block is left early, those that run are ended, and no other begins."""
    pool = ThreadPoolExecutor(n_jobs, "study")
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        runner.stop()
        pool.shutdown()


def _run_study(study: Study, output: Path, options: Sequence[str], runner: Runner, files: Files) -> Outcome:
    """Analyse a study, and record the outcome."""
    log.info("%s: started", study.name)
    began, words = time.monotonic(), words_of(study, output, options)
    log_file = output / LOGS / f"{file_stem(study)}.log"
    files.make_folder(log_file.parent)
    message = ""
    try:
        code = runner.run(words, log_file)
    except OSError as error:
        code, message = exit_code(error), str(error)
    if code and not message:
        message = last_error(log_file)
        if not message or code == BUG:
            message = f"{message or f'ended with exit code {code}'}{_cause(code, log_file)}"
    write_record(files, study, code, words, time.monotonic() - began, message)
    return Outcome(study, code, message)


def forget_others(output: Path, studies: Iterable[Study]) -> None:
    """Remove the records of what is not there any more and was never analysed, such as a folder with a wrong name."""
    known, files = {file_stem(study) for study in studies}, Files(output)
    for path in (output / LOGS).glob("*.json"):
        with suppress(ReadError, OSError):  # the summary reports a damaged one
            record = read_json(path) if path.stem not in known else {}
            if record and not record.get("Command") and not (output / str(record.get("Name"))).exists():
                files.remove(f"{LOGS}/{path.name}")


def file_stem(study: Study) -> str:
    """Return the name of a study as that of a file."""
    return file_name(study.name.replace("/", "_"), ".json").removesuffix(".json")


def last_error(log_file: Path) -> str:
    """Return the last error in a log, with the lines that continue it; empty if there is none."""
    lines = log_file.read_text(encoding="utf-8", errors="replace").splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith("ERROR ")]
    if not starts:
        return ""
    rest = takewhile(lambda line: line.startswith("- "), lines[starts[-1] + 1 :])
    return brief(printable(" ".join([lines[starts[-1]], *rest]).removeprefix("ERROR ")))


def _cause(code: int, log_file: Path) -> str:
    """Return what is known of the cause of an exit code without a message: a signal, or the last line of the log."""
    if code == INTERRUPTED:
        return ", interrupted"
    if code > 128:
        return f", by signal {code - 128}" + (", perhaps for lack of memory" if code == 137 else "")
    lines = log_file.read_text(encoding="utf-8", errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f": {brief(printable(last))}" if last else ""


def write_record(
    files: Files, study: Study, code: int, words: Sequence[str] = (), seconds: float = 0.0, message: str = ""
) -> None:
    """Write the record of a study: how it was analysed last, and the outcome."""
    record: Mapping[str, object] = {
        "Study": study.study,
        "Task": study.task,
        "Name": study.name,
        "Model": None if study.model is None else study.model.name,
        "Note": study.note,
        "Command": ["bids-ari", *words] if words else [],
        "Finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "Seconds": round(seconds, 1),
        "ExitCode": code,
        "Message": message,
    }
    files.write(f"{LOGS}/{file_stem(study)}.json", json_bytes(record))
