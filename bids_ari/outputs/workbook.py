"""Workbooks of the tables of a result, ``.xlsx``, which Excel opens alike in each language.

A number is a number whatever the decimal mark of the language, ``n/a`` an empty cell, and a text is never a formula, as
which spreadsheets read cells of text files that begin with ``=``, ``+``, ``-`` or ``@``.
"""

import io
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from math import isfinite
from typing import Any

from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.entities import labels_in_name
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.names import path_of, stem

log = logging.getLogger(__name__)

XLSX = "xlsx"

UNKNOWN = "n/a"
"""A value that is not known, as tables of BIDS have it."""

ENDING = f"_tables.{XLSX}"
"""Last part of the name of a workbook."""

_SHEETS = {"clusters": "clusters", "tdp": "regions", "effects": "effects", "design": "design"}
_SHEETS |= {"critical": "critical", "draws": "draws"}
"""Titles of the sheets by the suffix of the table, in the order of the sheets."""

_NUMBER = re.compile(r"-?(?=[\d.]{1,15}(e|$))(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?", re.ASCII)
"""Numbers as tables have them; others, such as names 007 or of more than the 15 digits that Excel keeps, are texts."""

_NOT_IN_TITLES = re.compile(r"[\[\]:*?/\\]")
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LONGEST_TITLE, _LONGEST_TEXT = 31, 32_767  # characters; Excel refuses more
_WIDEST = 60  # characters
_MOST_COLUMNS, _MOST_ROWS = 16_384, 1_048_576

_NO_TIME = datetime(1980, 1, 1)
"""The time of writing, the same in all workbooks."""

_BOOK_OPTIONS = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
"""Settings of XlsxWriter: a text is never a formula, a link or a number, and no temporary files are made."""

Rows = Sequence[Sequence[str]]
"""A table: its header, then its lines, all cells as in a ``.tsv`` file."""


def write(result: ContrastResult, out: Derivatives, written: Sequence[str]) -> list[str]:
    """Write the workbook of the tables among the files of a result; return its path, relative to the output."""
    tables = dict(sorted(_tables(result, out, written), key=lambda pair: [*_SHEETS.values()].index(pair[0].split()[0])))
    return [out.binary(path_of(result, stem(result, desc=result.desc), "tables", f".{XLSX}"), workbook(tables))]


def workbook(tables: dict[str, Rows]) -> bytes:
    """Return a workbook with one sheet for each table, by its title; the same bytes for the same tables."""
    import xlsxwriter  # only where workbooks are wanted

    content = io.BytesIO()
    with xlsxwriter.Workbook(content, _BOOK_OPTIONS) as book:
        book.set_properties({"created": _NO_TIME})
        bold = book.add_format({"bold": True})
        for title, rows in zip(_titles(tables), tables.values(), strict=True):
            _fill(book.add_worksheet(title), rows, bold)
    return content.getvalue()


def _tables(result: ContrastResult, out: Derivatives, written: Sequence[str]) -> Iterator[tuple[str, Rows]]:
    """Yield the tables of a result with their titles: ``clusters Z3``, ``regions Schaefer2018 7n``, ``design``."""
    for name in sorted({file for file in written if file.endswith(".tsv")}):
        suffix = name.removesuffix(".tsv").rpartition("_")[2]
        if suffix not in _SHEETS:
            continue
        labels = labels_in_name(name.rpartition("/")[2])
        which = [labels[key] for key in ("atlas", "seg", "scale") if key in labels and suffix in ("tdp", "effects")]
        which += [labels["desc"].rpartition(result.desc)[2]] if suffix == "clusters" and "desc" in labels else []
        text = out.read(name).decode(errors="replace")
        rows = [line.split("\t") for line in text.rstrip("\n").split("\n")]
        if len(rows[0]) > _MOST_COLUMNS or len(rows) > _MOST_ROWS:
            log.warning("%s: too large for a sheet of Excel, left out of the workbook", name)
            continue
        yield " ".join([_SHEETS[suffix], *which]), rows


def _titles(names: Iterable[str]) -> list[str]:
    """Return the titles of sheets, which have to be short and different, whatever their case."""
    found: dict[str, str] = {}
    for name in names:
        plain = _NOT_IN_TITLES.sub("", _NOT_IN_XML.sub("", name)).strip("'") or "table"
        title, n = plain[:_LONGEST_TITLE].rstrip("'"), 1
        while title.lower() in found:
            n += 1
            title = f"{plain[: _LONGEST_TITLE - len(str(n)) - 1]} {n}"
        found[title.lower()] = title
    return list(found.values())


def _fill(sheet: Any, rows: Rows, bold: Any) -> None:
    """Fill a sheet, whose header is bold and stays in view; cells whose values are not known stay empty."""
    header, lines = rows[0], rows[1:]
    sheet.freeze_panes(1, 0)
    for k, name in enumerate(header):
        cells = [line[k] if k < len(line) else UNKNOWN for line in lines]
        sheet.write_string(0, k, _text(name), bold)
        sheet.set_column(k, k, min(max(map(len, [name, *cells])) + 2, _WIDEST))
        is_number = _is_number(cells)
        for row, cell in enumerate(cells, 1):
            if cell == UNKNOWN:
                continue
            if is_number:
                sheet.write_number(row, k, float(cell))
            else:
                sheet.write_string(row, k, _text(cell))


def _is_number(cells: Sequence[str]) -> bool:
    """Return whether all known cells of a column are numbers."""
    known = [cell for cell in cells if cell != UNKNOWN]
    return bool(known) and all(map(_NUMBER.fullmatch, known)) and all(map(isfinite, map(float, known)))


def _text(cell: str) -> str:
    """Return a text as a workbook can hold it."""
    return _NOT_IN_XML.sub("\ufffd", cell[:_LONGEST_TEXT])
