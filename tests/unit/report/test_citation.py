"""Citations of an output: each text once, below the names of its results, and every reference that is cited."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from reported import analysed

from bids_ari.analysis.result import ContrastResult
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.report import methods
from bids_ari.report.citation import methods_note, write_citation


@pytest.fixture
def result() -> ContrastResult:
    """Greater, with signal."""
    return analysed(3.0)[0]


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Derivatives]:
    """An output."""
    with Derivatives(tmp_path / "out", {}) as opened:
        yield opened


def cited(out: Derivatives) -> tuple[str, str]:
    """Both files."""
    write_citation(out)
    return tuple((out.folder / "logs" / f"CITATION.{end}").read_text() for end in ("md", "bib"))  # type: ignore[return-value]


def test_the_methods_of_a_result_and_what_they_cite(out: Derivatives, result: ContrastResult) -> None:
    out.record("faces_greater", [], {"Contrast": "faces", **methods_note(result)})
    text, bib = cited(out)
    described = methods.describe_methods(result)
    assert f"## `faces_greater`\n\n{described.paragraph}\n" in text
    assert re.findall(r"@article\{(\w+),", bib)
    assert set(re.findall(r"@article\{(\w+),", bib)) == set(described.keys)
    for reference in described.references:
        assert reference.title in text
        assert reference.doi in text
        assert reference.doi in bib


def test_results_of_the_same_methods_share_one_text(out: Derivatives, result: ContrastResult) -> None:
    other = replace(result, options=replace(result.options, smoothing=6.5))
    for name, each in {"a": result, "b": other, "c": result}.items():
        out.record(name, [], {"Contrast": name, **methods_note(each)})
    text, bib = cited(out)
    assert text.count(methods.describe_methods(result).paragraph) == 1
    assert "## `a`\n## `c`\n" in text.replace("\n\n", "\n")
    assert "6.5 mm" in text
    assert bib.count("@article{nilearn,") == 1


def test_damaged_records_are_ignored(out: Derivatives, result: ContrastResult) -> None:
    note = methods_note(result) | {"Cites": [7, "simes1986", "no-such-paper", ["x"]]}
    out.record("odd", [], {"Contrast": "odd", **note})
    out.record("worse", [], {"Contrast": "worse", "Methods": 7, "Cites": 7})
    text, bib = cited(out)
    assert "## `odd`" in text
    assert "worse" not in text
    assert re.findall(r"@article\{(\w+),", bib) == ["simes1986"]


def test_nothing_to_cite(out: Derivatives) -> None:
    write_citation(out)
    assert not (out.folder / "logs" / "CITATION.md").exists()
