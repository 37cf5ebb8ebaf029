"""Summary over all studies of an output: a table of all rows with its sidecar, and a page."""

from collections.abc import Sequence
from pathlib import Path

from bids_ari.outputs.folder import Files, json_bytes
from bids_ari.outputs.locks import lock
from bids_ari.studies.page import page
from bids_ari.studies.rows import COLUMNS, TARGET, Row, StudyRows, read_studies

TABLE, SIDECAR, PAGE = "studies.tsv", "studies.json", "index.html"


def write_summary(output: Path) -> list[StudyRows]:
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
