"""The log of a run, for people and for machines: ``logs/<time>/`` in the output.

``settings.toml`` makes the same run again; ``provenance.json`` tells command, versions, container and machine;
``log.txt`` is the whole log; at the end ``summary.json`` tells results, failures and timings, and ``left_out.tsv``
every file that took no part, and why.
"""

import logging
import platform
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import pandas as pd

from bids_ari.bids.discover import Excluded
from bids_ari.errors import BidsAriError, exit_code, joint_exit_code
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.runtime import provenance

log = logging.getLogger(__name__)


class RunLog(logging.Handler):
    """Keep the log of a run from its beginning, and write it once there is a place.

    As a context manager it listens to the log of the package.

    Parameters
    ----------
    settings : str
        What makes the same run again, as TOML; empty when there is no such text.
    """

    def __init__(self, settings: str) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self.settings = settings
        self.results: list[dict[str, Any]] = []
        self.failures: list[dict[str, Any]] = []
        self.excluded: Sequence[Excluded] = ()
        self.told: set[str] = set()  # notes that the log has already
        self._begun = datetime.now(UTC)
        self._clock = time.monotonic()
        self._lines: list[str] = []
        self._file: Path | None = None
        self._out: Derivatives | None = None

    def __enter__(self) -> "RunLog":
        logging.getLogger("bids_ari").addHandler(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        logging.getLogger("bids_ari").removeHandler(self)
        if self._out is not None:
            with suppress(BidsAriError):  # the disk may be full: then that is the error to tell
                self._summarise(error)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line, or write it where there is a place already."""
        self._lines.append(self.format(record) + "\n")
        if self._file is not None:
            with suppress(OSError), self._file.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.writelines(self._lines)
                self._lines.clear()

    def open(self, out: Derivatives) -> None:
        """Begin to write, now that the output is known to be writable."""
        self._out, folder = out, out.run_folder()
        if self.settings:
            # as the system has the names of files: a locale may not know how to write them
            out.binary(f"{folder}/settings.toml", self.settings.encode(errors="surrogateescape"))
        facts = {
            "Command": provenance.command(),
            "Started": self._begun.isoformat(timespec="seconds"),
            "Versions": provenance.versions(),
            "Container": provenance.container(),
            "Machine": {"System": platform.platform(), "Processor": platform.machine()},
        }
        out.json(f"{folder}/provenance.json", facts)
        out.binary(f"{folder}/log.txt", "".join(self._lines).encode(errors="backslashreplace"))
        self._lines.clear()
        self._file = out.folder / folder / "log.txt"

    def done(self, name: str, results: Iterable[Mapping[str, Any]], seconds: float) -> None:
        """Note what a contrast came to, and in what time."""
        self.results += [{**result, "Seconds": round(seconds, 3)} for result in results]
        log.debug("%s took %.2f s", name, seconds)

    def failed(self, name: str, error: BidsAriError) -> None:
        """Note a contrast that could not be analysed, and why."""
        kind = type(error).__name__
        self.failures.append({"Contrast": name, "Error": kind, "ExitCode": error.exit_code, "Message": str(error)})

    def _summarise(self, error: BaseException | None) -> None:
        """Write what the run came to."""
        assert self._out is not None
        folder = self._out.run_folder()
        rows = sorted({(entry.name, entry.reason) for entry in self.excluded})
        self._out.table(f"{folder}/left_out.tsv", pd.DataFrame(rows, columns=["name", "reason"]))
        summary = {
            "Started": self._begun.isoformat(timespec="seconds"),
            "Seconds": round(time.monotonic() - self._clock, 3),
            "ExitCode": self._exit_code(error),
            "Error": _told(error),
            "Results": self.results,
            "Failures": self.failures,
            "LeftOut": dict(Counter(reason for _, reason in rows).most_common()),
        }
        self._out.json(f"{folder}/summary.json", summary)

    def _exit_code(self, error: BaseException | None) -> int:
        """Give the exit code that the run comes to, which the console gives when it tells the error."""
        if error is None:
            return joint_exit_code((failure["ExitCode"] for failure in self.failures), bool(self.results))
        return exit_code(error)


def _told(error: BaseException | None) -> str | None:
    """Say what ended a run."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return None if error is None else ": ".join(filter(None, (type(error).__name__, str(error))))
