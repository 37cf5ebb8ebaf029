"""Tables of results in other programs: pandas, the csv module, and workbooks for spreadsheets."""

import csv
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders import describe, write_group
from builders_labels import save_atlas
from docpages import DOCS
from openpyxl import load_workbook

from bids_ari.cli.main import main

Run = Callable[..., int]

NAMES = {1: '=HYPERLINK("x")', 2: "+Größe, links; „vorn“", 3: "@x", 4: "-y" + "z" * 300, 5: 'a "quoted" b'}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    describe(folder / "data")
    write_group(folder / "data", 8, np.random.default_rng(5))
    save_atlas(folder, NAMES)
    return folder


@pytest.fixture
def run(data: Path, tmp_path: Path) -> Run:
    words = [str(data / "data"), str(tmp_path / "out"), "group"]
    return lambda *more: main([*words, "--threshold", "3", "--tdp", "0.7", *more])


@pytest.fixture(scope="module")
def written(data: Path) -> Path:
    """The results with the atlas, and a workbook."""
    words = ["--threshold", "3", "--tdp", "0.7", "--atlas", str(data / "atlas.nii.gz"), "--table-format", "xlsx"]
    assert main([str(data / "data"), str(data / "out"), "group", *words]) == 0
    return data / "out" / "group"


def test_texts_of_regions_arrive(written: Path) -> None:
    """In a table separated by tabs, read without quotes as BIDS has it, and in a workbook."""
    (path,) = written.glob("*_tdp.tsv")
    table = pd.read_csv(path, sep="\t", na_values="n/a", quoting=csv.QUOTE_NONE)
    assert list(table["name"]) == list(NAMES.values())
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert [row[1] for row in rows[1:]] == list(NAMES.values())
    (book,) = written.glob("*_tables.xlsx")
    sheets = pd.read_excel(book, sheet_name=None)
    assert list(sheets["regions atlas"]["name"]) == list(NAMES.values())
    assert list(sheets["effects atlas"]) == ["participant_id", *NAMES.values()]


def test_a_workbook_has_the_numbers_of_the_tables(written: Path) -> None:
    (book,) = written.glob("*_tables.xlsx")
    sheets = pd.read_excel(book, sheet_name=None)
    assert list(sheets) == ["clusters Tdp70", "clusters Z3", "regions atlas", "effects atlas", "design"]
    ends = {"clusters Z3": "Z3_clusters", "clusters Tdp70": "Tdp70_clusters", "design": "_design"}
    ends |= {"regions atlas": "_tdp", "effects atlas": "_effects"}
    for title, end in ends.items():
        (path,) = written.glob(f"*{end}.tsv")
        expected = pd.read_csv(path, sep="\t", na_values="n/a", quoting=csv.QUOTE_NONE)
        pd.testing.assert_frame_equal(sheets[title], expected, check_dtype=False, check_exact=True)
    assert not any(cell.data_type == "f" for sheet in load_workbook(book) for row in sheet.iter_rows() for cell in row)


def test_reports_only_adds_and_keeps_workbooks(run: Run, data: Path, tmp_path: Path) -> None:
    assert run() == 0
    only = [str(data / "data"), str(tmp_path / "out"), "group", "--reports-only"]
    books = tmp_path / "out" / "group"
    assert list(books.glob("*.xlsx")) == []
    assert main([*only, "--table-format", "xlsx"]) == 0
    (book,) = books.glob("*_tables.xlsx")
    assert list(pd.read_excel(book, sheet_name=None)) == ["clusters Tdp70", "clusters Z3", "design"]
    assert main([*only, "--threshold", "2"]) == 0
    assert list(pd.read_excel(book, sheet_name=None)) == ["clusters Tdp70", "clusters Z2", "design"]
    assert run("--rerun") == 0
    assert list(books.glob("*.xlsx")) == []


def test_r_reads_a_table_by_the_line_of_the_page(written: Path) -> None:
    """On machines that have R."""
    if (program := shutil.which("Rscript")) is None:
        pytest.skip("no R: apt install r-base-core")
    (line,) = re.findall(r"`(read\.delim\(.*\))`", (DOCS / "sharing.md").read_text(encoding="utf-8"))
    (path,) = written.glob("*_tdp.tsv")
    code = f"file <- {str(path)!r}; found <- {line}; cat(found$name, sep = '\\n'); cat(found$tdp[1] * 2)"
    done = subprocess.run([program, "-e", code], check=True, capture_output=True, encoding="utf-8", timeout=120)
    *names, doubled = done.stdout.split("\n")
    assert [*names[:-1], names[-1]] == list(NAMES.values())
    assert float(doubled) == pytest.approx(2 * pd.read_csv(path, sep="\t")["tdp"][0])


def test_libreoffice_opens_a_workbook(written: Path, tmp_path: Path) -> None:
    """Its first sheet as text; on machines that have it."""
    if (program := shutil.which("soffice")) is None:
        pytest.skip("no LibreOffice: apt install libreoffice-calc-nogui")
    (book,) = written.glob("*_tables.xlsx")
    shutil.copyfile(book, tmp_path / "book.xlsx")
    home = f"-env:UserInstallation=file://{tmp_path}/home"
    words = [program, home, "--headless", "--convert-to", "csv:Text - txt - csv (StarCalc):9,34,76,1,,0,false,true"]
    subprocess.run([*words, "--outdir", tmp_path, tmp_path / "book.xlsx"], check=True, capture_output=True, timeout=120)
    (path,) = written.glob("*Tdp70_clusters.tsv")
    found = pd.read_csv(tmp_path / "book.csv", sep="\t")
    expected = pd.read_csv(path, sep="\t", na_values="n/a")
    assert list(found) == list(expected)
    np.testing.assert_allclose(found["tdp"], expected["tdp"])
