"""Workbooks of tables, as openpyxl reads them."""

import io
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
from builders_archive import group
from openpyxl import load_workbook

from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.workbook import Rows, workbook, write


def cells(tables: dict[str, Rows]) -> dict[str, list[list[object]]]:
    """The values of all cells by the title of the sheet; formulas as their texts, of the type ``f``."""
    book = load_workbook(io.BytesIO(workbook(tables)))
    assert not any(cell.data_type == "f" for sheet in book for row in sheet for cell in row)
    return {sheet.title: [[cell.value for cell in row] for row in sheet] for sheet in book}


def test_numbers_texts_and_what_is_not_known() -> None:
    table = [["label", "tdp", "name", "z"], ["1", "0.25", "a", "n/a"], ["2", "1e-05", "n/a", "-3.5"]]
    assert cells({"clusters": table})["clusters"] == [
        ["label", "tdp", "name", "z"],
        [1, 0.25, "a", None],
        [2, 1e-05, None, -3.5],
    ]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1+1", "-foo", "@SUM(1)", "=cmd|' /C calc'!A0", "1,5", "<b>&amp;", " a ", '"q']
)
def test_texts_arrive_as_they_are(text: str) -> None:
    """Also those that spreadsheets read as formulas, in cells and in names of columns."""
    assert cells({"regions": [["name", text], [text, "x"]]})["regions"] == [["name", text], [text, "x"]]


def test_a_column_is_of_numbers_if_all_of_it_is() -> None:
    assert cells({"a": [["x", "y"], ["1", "1"], ["1e", "2"]]})["a"] == [["x", "y"], ["1", 1], ["1e", 2]]
    assert cells({"a": [["x", "y"], ["n/a", "1"]]})["a"] == [["x", "y"], [None, 1]]


@pytest.mark.parametrize(
    "text", ["١٢", "1_000", "1e999", "inf", "NaN", "0x1F", "1\n", "9" * 400, "007", "+1", "1234567890123456"]
)
def test_texts_that_are_no_numbers_of_excel(text: str) -> None:
    assert cells({"a": [["x"], [text]]})["a"] == [["x"], [text]]


def test_letters_of_any_language_and_none_that_xml_forbids() -> None:
    assert cells({"a": [["Größe – 体"], ["\x07\x1b😀"]]})["a"] == [["Größe – 体"], ["\ufffd\ufffd😀"]]


@pytest.mark.parametrize(
    "text", ["0", "-0.5", "123456789012345", "0.0001234567891", "-1.5e-05", "1e+10", "-1234567.891"]
)
def test_numbers_of_tables(text: str) -> None:
    """As ``%d`` and ``%.10g`` write them."""
    assert cells({"a": [["x"], [text]]})["a"] == [["x"], [float(text)]]


def test_no_text_is_longer_than_excel_reads() -> None:
    assert cells({"a": [["x"], ["b" * 40_000]]})["a"][1] == ["b" * 32_767]


def test_titles_are_short_and_different() -> None:
    assert list(cells({"x" * 30 + "'y": [["x"], ["1"]]})) == ["x" * 30]
    names = ["regions " + "A" * 40, "regions " + "a" * 40, "x/[y]:*?", "''"]
    found = list(cells({name: [["x"], ["1"]] for name in names}))
    assert found == ["regions " + "A" * 23, "regions " + "a" * 21 + " 2", "xy", "table"]


def test_equal_tables_give_equal_bytes() -> None:
    tables = {"a": [["x"], ["1"]], "b": [["y"], ["2"]]}
    content = workbook(tables)
    assert content == workbook(dict(tables))
    assert load_workbook(io.BytesIO(content)).properties.created.year == 1980  # not the time of writing
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        for name in file.namelist():
            ElementTree.fromstring(file.read(name))


def test_tables_that_no_sheet_of_excel_can_hold_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A sheet has 1,048,576 rows and 16,384 columns."""
    out = Derivatives(tmp_path / "out", {})
    long = out.text("a_desc-greaterZ3_clusters.tsv", "x\n" * 1_048_577)
    wide = out.text("a_atlas-A_effects.tsv", "\t".join(map(str, range(16_385))) + "\n")
    good = out.text("a_design.tsv", "\t".join(map(str, range(16_384))) + "\n")
    (name,) = write(group(tmp_path), out, [long, wide, good])
    assert load_workbook(out.folder / name).sheetnames == ["design"]
    assert f"{long}: too large for a sheet of Excel" in caplog.text
    assert f"{wide}: too large for a sheet of Excel" in caplog.text
