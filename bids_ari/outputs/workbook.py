"""Workbooks of the tables of a result, ``.xlsx`` (ECMA-376), which Excel opens alike in each language.

A number is a number whatever the decimal mark of the language, ``n/a`` an empty cell, and a text is never a formula, as
which spreadsheets read cells of text files that begin with ``=``, ``+``, ``-`` or ``@``.
"""

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.entities import labels_in_name
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.names import path_of, stem

XLSX = "xlsx"

UNKNOWN = "n/a"
"""A value that is not known, as tables of BIDS have it."""

ENDING = f"_tables.{XLSX}"
"""Last part of the name of a workbook."""

_SHEETS = {"clusters": "clusters", "tdp": "regions", "effects": "effects", "design": "design"}
_SHEETS |= {"critical": "critical", "draws": "draws"}
"""Titles of the sheets by the suffix of the table, in the order of the sheets."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_NOT_IN_TITLES = re.compile(r"[\[\]:*?/\\]")
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LONGEST_TITLE, _LONGEST_TEXT = 31, 32_767  # characters; Excel refuses more
_WIDEST = 60  # characters

_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OF_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_OF_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"

Rows = Sequence[Sequence[str]]
"""A table: its header, then its lines, all cells as in a ``.tsv`` file."""


def write(result: ContrastResult, out: Derivatives, written: Sequence[str]) -> list[str]:
    """Write the workbook of the tables among the files of a result; return its path, relative to the output."""
    tables = dict(sorted(_tables(result, out, written), key=lambda pair: [*_SHEETS.values()].index(pair[0].split()[0])))
    return [out.binary(path_of(result, stem(result, desc=result.desc), "tables", f".{XLSX}"), workbook(tables))]


def workbook(tables: dict[str, Rows]) -> bytes:
    """Return a workbook with one sheet for each table, by its title; the same bytes for the same tables."""
    titles = _titles(tables)
    sheets = [f"xl/worksheets/sheet{n}.xml" for n in range(1, len(titles) + 1)]
    parts = {
        "[Content_Types].xml": _content_types(sheets),
        "_rels/.rels": _relations([("officeDocument", "xl/workbook.xml")]),
        "xl/workbook.xml": _contents(titles),
        "xl/_rels/workbook.xml.rels": _relations(
            [*(("worksheet", sheet.removeprefix("xl/")) for sheet in sheets), ("styles", "styles.xml")]
        ),
        "xl/styles.xml": _STYLES,
        **{sheet: _sheet(rows) for sheet, rows in zip(sheets, tables.values(), strict=True)},
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in parts.items():
            file.writestr(zipfile.ZipInfo(name), _HEAD + text, zipfile.ZIP_DEFLATED)  # of 1980: no time of writing
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
        yield " ".join([_SHEETS[suffix], *which]), [line.split("\t") for line in text.rstrip("\n").split("\n")]


def _titles(names: Sequence[str] | dict[str, Rows]) -> list[str]:
    """Return the titles of sheets, which have to be short and different, whatever their case."""
    found: dict[str, str] = {}
    for name in names:
        plain = _NOT_IN_TITLES.sub("", _NOT_IN_XML.sub("", name)).strip("'") or "table"
        title, n = plain[:_LONGEST_TITLE], 1
        while title.lower() in found:
            n += 1
            title = f"{plain[: _LONGEST_TITLE - len(str(n)) - 1]} {n}"
        found[title.lower()] = title
    return list(found.values())


def _sheet(rows: Rows) -> str:
    """Return a sheet, whose header is bold and stays in view."""
    header, lines = rows[0], rows[1:]
    is_number = [_is_number([line[k] for line in lines if k < len(line)]) for k in range(len(header))]
    widths = (min(max(len(line[k]) for line in rows if k < len(line)) + 2, _WIDEST) for k in range(len(header)))
    columns = "".join(
        f'<col min="{k}" max="{k}" width="{width}" customWidth="1"/>' for k, width in enumerate(widths, 1)
    )
    body = "".join(
        f"<row>{''.join(_cell(cell, number) for cell, number in zip(line, is_number, strict=False))}</row>"
        for line in lines
    )
    return (
        f'<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
        f"<cols>{columns}</cols><sheetData><row>{''.join(_text(cell, 1) for cell in header)}</row>{body}</sheetData>"
        "</worksheet>"
    )


def _is_number(cells: Sequence[str]) -> bool:
    """Return whether all known cells of a column are numbers."""
    known = [cell for cell in cells if cell != UNKNOWN]
    return bool(known) and all(map(_NUMBER.fullmatch, known))


def _cell(cell: str, is_number: bool) -> str:
    """Return one cell; an empty one where the value is not known."""
    if cell == UNKNOWN:
        return "<c/>"
    return f"<c><v>{cell}</v></c>" if is_number else _text(cell)


def _text(cell: str, style: int = 0) -> str:
    """Return a cell with a text."""
    text = escape(_NOT_IN_XML.sub("\ufffd", cell[:_LONGEST_TEXT]))
    return f'<c t="inlineStr" s="{style}"><is><t xml:space="preserve">{text}</t></is></c>'


_STYLES = (
    f'<styleSheet xmlns="{_MAIN}">'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '</fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
"""Two styles of cells: plain, and bold."""


def _contents(titles: Sequence[str]) -> str:
    """Return the list of sheets."""
    sheets = "".join(
        f'<sheet name={quoteattr(title)} sheetId="{n}" r:id="rId{n}"/>' for n, title in enumerate(titles, 1)
    )
    return f'<workbook xmlns="{_MAIN}" xmlns:r="{_OF_OFFICE}"><sheets>{sheets}</sheets></workbook>'


def _relations(parts: Sequence[tuple[str, str]]) -> str:
    """Return the relations to parts, by their kinds."""
    each = (
        f'<Relationship Id="rId{n}" Type="{_OF_OFFICE}/{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(parts, 1)
    )
    return f'<Relationships xmlns="{_OF_PACKAGE}/relationships">{"".join(each)}</Relationships>'


def _content_types(sheets: Sequence[str]) -> str:
    """Return the type of each part."""
    types = dict.fromkeys(sheets, "worksheet") | {"xl/workbook.xml": "sheet.main", "xl/styles.xml": "styles"}
    each = (f'<Override PartName="/{part}" ContentType="{_TYPES}.{kind}+xml"/>' for part, kind in types.items())
    return (
        f'<Types xmlns="{_OF_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{"".join(each)}</Types>'
    )
