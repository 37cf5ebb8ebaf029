"""Log of a run, for people and for programs: ``logs/<time>/`` in the output.

``settings.toml`` repeats the run; ``provenance.json`` has command, versions, container and machine; ``log.txt`` is the
whole log; at the end, ``summary.json`` has results, failures and timings, and ``excluded.tsv`` every excluded file with
the reason.
"""

import logging
import platform
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from bids_ari.bids.contrasts import Excluded
from bids_ari.errors import BidsAriError, exit_code, joint_exit_code
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.runtime import provenance

log = logging.getLogger(__name__)


class RunLog(logging.Handler):
    """Handler that keeps the log of a run from its beginning and writes it once the output is open.

    As a context manager it is attached to the log of the package.
    """

    def __init__(self, settings: str) -> None:
        """`settings` are those of the run as TOML; empty if there are none."""
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self.settings = settings
        self.results: list[dict[str, Any]] = []
        self.failures: list[dict[str, Any]] = []
        self.excluded: Sequence[Excluded] = ()
        self._notes: set[str] = set()
        self._begun = datetime.now(UTC)
        self._clock = time.monotonic()
        self._lines: list[str] = []
        self._file: Path | None = None
        self._out: Derivatives | None = None

    def __enter__(self) -> "RunLog":
        logging.getLogger("bids_ari").addHandler(self)
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        logging.getLogger("bids_ari").removeHandler(self)
        if self._out is not None:
            with suppress(BidsAriError):  # the disk may be full, which is an error already
                self._summarise(error)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line, or write it if the output is open."""
        self._lines.append(self.format(record) + "\n")
        if self._file is not None:
            with suppress(OSError), self._file.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.writelines(self._lines)
                self._lines.clear()

    def open(self, out: Derivatives) -> None:
        """Begin to write into an output."""
        self._out, folder = out, out.run_folder()
        if self.settings:
            # in the encoding of file names, which need not be valid UTF-8
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

    def is_new(self, note: str) -> bool:
        """Return whether a note is not in the log yet: of thousands of contrasts, the first is enough."""
        is_new = note not in self._notes
        self._notes.add(note)
        return is_new

    def done(self, name: str, results: Iterable[Mapping[str, Any]], seconds: float) -> None:
        """Add the results of a contrast and the time it took."""
        self.results += [{**result, "Seconds": round(seconds, 3)} for result in results]
        log.debug("%s took %.2f s", name, seconds)

    def failed(self, name: str, error: BidsAriError) -> None:
        """Add a contrast that could not be analysed, with the error."""
        kind = type(error).__name__
        self.failures.append({"Contrast": name, "Error": kind, "ExitCode": error.exit_code, "Message": str(error)})

    def _summarise(self, error: BaseException | None) -> None:
        """Write the summary and the excluded files."""
        assert self._out is not None
        folder = self._out.run_folder()
        rows = sorted({(entry.name, entry.reason) for entry in self.excluded})
        text = None if error is None else ": ".join(filter(None, (type(error).__name__, str(error))))
        code = joint_exit_code((failure["ExitCode"] for failure in self.failures), bool(self.results))
        self._out.table(f"{folder}/excluded.tsv", pd.DataFrame(rows, columns=["name", "reason"]))
        summary = {
            "Started": self._begun.isoformat(timespec="seconds"),
            "Seconds": round(time.monotonic() - self._clock, 3),
            "ExitCode": code if error is None else exit_code(error),
            "Error": "interrupted" if isinstance(error, KeyboardInterrupt) else text,
            "Results": self.results,
            "Failures": self.failures,
            "LeftOut": dict(Counter(reason for _, reason in rows).most_common()),
        }
        self._out.json(f"{folder}/summary.json", summary)
