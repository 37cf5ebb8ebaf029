"""Table over all studies of an output: one line for each result, contrast that failed, and study that failed.

It is made from what each study leaves: the record of its last run, and the ``summary.json`` of all its runs.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bids_ari.bids.sidecars import read_json
from bids_ari.errors import ReadError, TemporaryError
from bids_ari.outputs.folder import Files, json_bytes
from bids_ari.outputs.locks import lock
from bids_ari.outputs.records import entry, leads_out, number
from bids_ari.report.formatting import without_folders
from bids_ari.studies.page import page
from bids_ari.studies.run import LOGS

log = logging.getLogger(__name__)

TARGET = "0.7"
"""The target TDP whose clusters are in the table."""

TABLE, SIDECAR, PAGE = "studies.tsv", "studies.json", "index.html"

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
class Summary:
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
        return [*found, own_columns(self.record) | {"reason": reason_of(self.record)}]


def write_summary(output: Path) -> list[Summary]:
    """Write the table, its sidecar and the page over all studies of an output; return what they show."""
    files = Files(output)
    with lock(output, "studies", f"The summary of {output}", wait=60.0):
        studies = read_studies(output)
        rows = [row for study in studies for row in study.rows]
        files.write(TABLE, _tsv(rows).encode())
        described = {name: {"Description": text} for name, text in COLUMNS.items()}
        files.write(SIDECAR, json_bytes(described))
        files.write(PAGE, page(studies, TARGET).encode())
    return studies


def read_studies(output: Path) -> list[Summary]:
    """Read all studies of an output, by name."""
    return [_summary(record, output) for record in _records(output / LOGS)]


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


def _summary(record: Mapping[str, Any], output: Path) -> Summary:
    """Return a study with what all of its runs left."""
    results: dict[str, Row] = {}
    failures: dict[str, Row] = {}
    folder = entry(record, "Name", str)
    own = own_columns(record)
    run: Mapping[str, Any] = {}
    for run in _runs(output / folder):
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
    is_part = run.get("ExitCode") == code and bool(entry(run, "Failures", list))
    return Summary(record, list(results.values()), list(failures.values()), bool(code) and not is_part)


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


def own_columns(record: Mapping[str, Any]) -> Row:
    """Return the columns about a study."""
    return {
        "study": entry(record, "Study", str),
        "task": entry(record, "Task", str),
        "model": entry(record, "Model", str),
        "note": without_folders(entry(record, "Note", str), {}),
        "exit_code": number(record, "ExitCode"),
    }


def reason_of(record: Mapping[str, Any]) -> str:
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


def _tsv(rows: Sequence[Row]) -> str:
    """Return the table as text; n/a where there is no value."""
    lines = [list(COLUMNS), *([_cell(row.get(name)) for name in COLUMNS] for row in rows)]
    return "".join("\t".join(line) + "\n" for line in lines)


def _cell(value: object) -> str:
    """Return a cell.

    >>> _cell(None), _cell(0.25), _cell("a  b\\n"), _cell(12)
    ('n/a', '0.25', 'a b', '12')
    """
    text = f"{value:.10g}" if isinstance(value, float) else " ".join(str(value).split())
    return "n/a" if value is None or not text else text
