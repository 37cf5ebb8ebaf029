"""What many studies left in an output: a row for each result, contrast that failed, and study that failed.

They are read from the record of the last run of each study, and from the ``summary.json`` of all its runs.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bids_ari.bids.sidecars import read_json
from bids_ari.errors import ReadError, TemporaryError
from bids_ari.outputs.records import entry, leads_out, number
from bids_ari.report.formatting import without_folders
from bids_ari.studies.run import LOGS

log = logging.getLogger(__name__)

TARGET = "0.7"
"""The target TDP whose clusters are in the table."""

COLUMNS = {
    "study": "Label of the study",
    "task": "Label of the task, with the suffix of the model if it has one",
    "model": "File of the Stats Model; n/a: the mean over subjects",
    "note": "Why there is no model, if --models was given",
    "contrast": "Name of the contrast, with the entities that all maps share",
    "test": "Test of the group model",
    "alternative": "Alternative hypothesis",
    "method": "Method of the bounds",
    "alpha": "Error level of the bounds of this line, which hold simultaneously for all regions and thresholds",
    "subjects": "Number of subjects analysed",
    "excluded": "Number of subjects excluded; the reasons are in the report",
    "unit": "Points of the maps: voxel, vertex or grayordinate",
    "points": "Number of points tested",
    "tdn": "True discovery number: lower bound on the number of truly active points",
    "tdp": "True discovery proportion: tdn / points",
    "clusters": f"Number of the largest clusters with a TDP of at least {TARGET}",
    "largest_cluster": f"Size of the largest of them, in points: the largest cluster with a TDP of at least {TARGET}",
    "exit_code": "Exit code of the last run of the study; in the line of a contrast that failed, that of its error",
    "reason": "Why the contrast or the study was not analysed",
    "report": "Report of the result, relative to this table",
}
"""The columns of the table, with their descriptions."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StudyRows:
    """One study: its last run, the lines of its results, and the contrasts that failed."""

    record: Mapping[str, Any]
    results: Sequence[Row]
    failures: Sequence[Row]
    has_failed: bool  # as a whole, not only some contrasts

    @property
    def rows(self) -> list[Row]:
        """Lines of the table: of a study without results and failures of contrasts, a line with the reason."""
        found = [*self.results, *self.failures]
        if found and not self.has_failed:
            return found
        return [*found, _own_columns(self.record) | {"reason": _reason_of(self.record)}]


def read_studies(output: Path) -> list[StudyRows]:
    """Read all studies of an output, by name."""
    return [_rows_of(record, output) for record in _records(output / LOGS)]


def _records(folder: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the records of studies, by name; one that cannot be read is logged."""
    for path in sorted(folder.glob("*.json")):
        try:
            record = read_json(path)
        except ReadError as error:
            log.warning("%s. Its study is not in the summary", error)
            continue
        name: str = entry(record, "Name", str)
        if not leads_out(name):
            yield record


def _rows_of(record: Mapping[str, Any], output: Path) -> StudyRows:
    """Return a study with what all of its runs left."""
    results: dict[str, Row] = {}
    failures: dict[str, Row] = {}
    folder = entry(record, "Name", str)
    own = _own_columns(record)
    runs = list(_runs(output / folder))
    for run in runs:
        for result in _objects(run, "Results"):
            failures.pop(entry(result, "Contrast", str), None)
            report = entry(result, "Report", str)
            if not leads_out(report) and (output / folder / report).exists():
                results[report] = own | _result(result) | {"report": f"{folder}/{report}"}
        for failure in _objects(run, "Failures"):
            name, message = entry(failure, "Contrast", str), entry(failure, "Message", str)
            text = without_folders(message, {})
            failures[name] = own | {"contrast": name, "exit_code": number(failure, "ExitCode"), "reason": text}
    analysed = {row["contrast"] for row in results.values()}
    failures = {  # what another process was writing is there by now
        name: row
        for name, row in failures.items()
        if name not in analysed or row["exit_code"] != TemporaryError.exit_code
    }
    code = record.get("ExitCode")
    last = runs[-1] if runs else {}
    is_part = last.get("ExitCode") == code and bool(entry(last, "Failures", list))  # these have rows of their own
    return StudyRows(record, list(results.values()), list(failures.values()), bool(code) and not is_part)


def _runs(folder: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the summaries of the runs in an output of ``bids-ari``, the earliest first."""
    for path in sorted(folder.glob("logs/*/summary.json")):
        try:
            yield read_json(path) or {}
        except ReadError as error:
            log.warning("%s. Its results are not in the summary", error)


def _objects(facts: Mapping[str, Any], name: str) -> Iterable[Mapping[str, Any]]:
    """Return the objects in a list."""
    return (each for each in entry(facts, name, list) if isinstance(each, Mapping))


def _own_columns(record: Mapping[str, Any]) -> Row:
    """Return the columns about a study."""
    return {
        "study": entry(record, "Study", str),
        "task": entry(record, "Task", str),
        "model": entry(record, "Model", str),
        "note": without_folders(entry(record, "Note", str), {}),
        "exit_code": number(record, "ExitCode"),
    }


def _reason_of(record: Mapping[str, Any]) -> str:
    """Return why a study was not analysed, without folders."""
    return without_folders(entry(record, "Message", str), {}) or "no result is in the output"


def _result(summary: Mapping[str, Any]) -> Row:
    """Return the columns about a result."""
    points, tdn = number(summary, "NumberOfVoxels"), number(summary, "TrueDiscoveryNumber")
    return {
        "contrast": summary.get("Contrast"),
        "test": summary.get("Test"),
        "alternative": summary.get("Alternative"),
        "method": summary.get("Method"),
        "alpha": number(summary, "Alpha"),
        "subjects": number(summary, "NumberOfSubjects"),
        "excluded": number(summary, "NumberOfSubjectsExcluded"),
        "unit": summary.get("Unit"),
        "points": points,
        "tdn": tdn,
        "tdp": tdn / points if tdn is not None and points else None,
        "clusters": number(entry(summary, "LargestClusters", dict), TARGET),
        "largest_cluster": number(entry(summary, "LargestClusterSizes", dict), TARGET),
    }
