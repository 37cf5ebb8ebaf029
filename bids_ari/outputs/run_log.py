"""Log of a run, for people and for programs: ``logs/<time>/`` in the output.

``settings.toml`` repeats the run; ``provenance.json`` has command, versions, container and machine; ``log.txt`` is the
whole log; ``excluded.tsv`` has every excluded file and subject with its contrast and the reason; at the end,
``summary.json`` has results, failures and timings.
"""

import logging
import platform
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from bids_ari.bids.exclusions import Excluded, by_contrast, excluded_as_json
from bids_ari.errors import BidsAriError, exit_code, joint_exit_code, listing
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.runtime import provenance

log = logging.getLogger(__name__)

EXCLUDED = "excluded.tsv"
"""Table, in the log folder of a run, of the files and subjects that are not analysed."""

_COLUMNS = ["name", "participant_id", "contrast", "reason"]


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
        self._excluded: dict[tuple[str, Excluded], None] | None = None  # by the name of the contrast; None: not known
        self._notes: set[str] = set()
        self._causes: dict[str, str] = {}  # the first contrast that failed of each
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
        self._write_excluded(out)
        out.binary(f"{folder}/log.txt", "".join(self._lines).encode(errors="backslashreplace"))
        self._lines.clear()
        self._file = out.folder / folder / "log.txt"

    @contextmanager
    def opened(self, out: Derivatives) -> Iterator[None]:
        """Write into an output during a block; at its end, the table of what is excluded is complete."""
        self.open(out)
        try:
            yield
        finally:
            with suppress(BidsAriError):  # the disk may be full, which is an error already
                self._write_excluded(out)

    @property
    def excluded(self) -> tuple[Excluded, ...]:
        """Each file and each subject that is excluded, once."""
        return tuple(dict.fromkeys(entry for _, entry in self._excluded or ()))

    def exclude(self, excluded: Mapping[str, Iterable[Excluded]]) -> None:
        """Add what is excluded from contrasts, by name, or from all (empty name); log a line for each reason.

        Lines about files do not repeat for each contrast; those about subjects name the contrasts.
        """
        known = {} if self._excluded is None else self._excluded
        pairs = dict.fromkeys((name, entry) for name, entries in excluded.items() for entry in entries)
        new = [pair for pair in pairs if pair not in known]
        self._excluded = known | dict.fromkeys(new)
        for contrasts, alike in by_contrast(new):
            level = logging.INFO if alike.is_ordinary else logging.WARNING
            log.log(level, "%s%s", f"{listing(contrasts)}: " if contrasts else "", alike)
            for name in alike.names:
                log.debug("excluded: %s: %s", name, alike.reason)

    def is_new(self, note: str) -> bool:
        """Return whether a note is not in the log yet: of thousands of contrasts, the first is enough."""
        is_new = note not in self._notes
        self._notes.add(note)
        return is_new

    def first_with(self, cause: str, name: str) -> str:
        """Return the first contrast that failed of a cause; empty if it is the one of this name."""
        first = self._causes.setdefault(cause, name)
        return "" if first == name else first

    def done(self, name: str, results: Iterable[Mapping[str, Any]], seconds: float) -> None:
        """Add the results of a contrast and the time it took."""
        self.results += [{**result, "Seconds": round(seconds, 3)} for result in results]
        log.debug("%s took %.2f s", name, seconds)

    def failed(self, name: str, error: BidsAriError) -> None:
        """Add a contrast that could not be analysed, with the error."""
        kind = type(error).__name__
        self.failures.append({"Contrast": name, "Error": kind, "ExitCode": error.exit_code, "Message": str(error)})

    def _summarise(self, error: BaseException | None) -> None:
        """Write the summary, and what is excluded."""
        assert self._out is not None
        folder = self._out.run_folder()
        text = None if error is None else ": ".join(filter(None, (type(error).__name__, str(error))))
        code = joint_exit_code((failure["ExitCode"] for failure in self.failures), bool(self.results))
        self._write_excluded(self._out)
        summary = {
            "Started": self._begun.isoformat(timespec="seconds"),
            "Seconds": round(time.monotonic() - self._clock, 3),
            "ExitCode": code if error is None else exit_code(error),
            "Error": "interrupted" if isinstance(error, KeyboardInterrupt) else text,
            "Results": self.results,
            "Failures": self.failures,
            "Excluded": excluded_as_json(self.excluded),
        }
        self._out.json(f"{folder}/summary.json", summary)

    def _write_excluded(self, out: Derivatives) -> None:
        """Write the table of what is excluded, if it is known."""
        if self._excluded is not None:
            rows = sorted(
                (entry.name, f"sub-{entry.subject}" if entry.subject else "n/a", contrast or "n/a", entry.reason)
                for contrast, entry in self._excluded
            )
            out.table(f"{out.run_folder()}/{EXCLUDED}", pd.DataFrame(rows, columns=_COLUMNS))


def latest_excluded(out: Derivatives) -> tuple[str, list[tuple[str, Excluded]]]:
    """Return the table of the latest run that has one, and what it lists, each with the name of its contrast.

    The table may have been edited: lines without all cells are skipped.
    """
    path = max((out.folder / "logs").glob(f"2*/{EXCLUDED}"), default=None)
    if path is None:
        return "", []
    with suppress(OSError):
        lines = [line.split("\t") for line in path.read_text(encoding="utf-8", errors="replace").split("\n")[1:]]
        rows = [["" if cell == "n/a" else cell for cell in cells] for cells in lines if len(cells) == len(_COLUMNS)]
        found = [(row[2], Excluded(row[0], row[3], row[1].removeprefix("sub-"))) for row in rows]
        return path.relative_to(out.folder).as_posix(), sorted(found, key=lambda pair: pair[0])
    return "", []
