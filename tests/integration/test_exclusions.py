"""Every exclusion is in the console, the log, the table, the saved results, the summaries and the reports."""

import ast
import html
import io
import json
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
from builders_exclusions import STUDIES, Study

import bids_ari
from bids_ari.analysis.result import ContrastResult, RunSummary
from bids_ari.bids.exclusions import Excluded, Reason
from bids_ari.cli.main import main, parse, read_settings
from bids_ari.workflow import run

QUICK = ("--threshold", "3", "--tdp", "0.7", "--nprocs", "1")


class Done(NamedTuple):
    """A run of a command and a second run, which keeps the results."""

    study: Study
    console: str
    out: Path
    words: list[str]
    again: RunSummary

    @property
    def log_folders(self) -> list[Path]:
        """The log folders of both runs."""
        return sorted((self.out / "logs").glob("2*"))

    def excluded(self, reason: Reason) -> list[Excluded]:
        """The exclusions of a reason."""
        return [entry for entry in self.again.excluded if reason.fits(entry.reason)]


@pytest.fixture(scope="module", params=STUDIES)
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Done:
    top = tmp_path_factory.mktemp("study")
    study = STUDIES[request.param]
    words = [str(top / "first"), str(top / "out"), *study.make(top / "first"), *QUICK]
    with redirect_stderr(io.StringIO()) as console:
        assert main(words) == 0
    return Done(study, console.getvalue(), top / "out", words, run(read_settings(parse(words))))


def mentioned(entry: Excluded, text: str) -> bool:
    """Whether a line of a text has the reason and, of subjects, the label or a range."""
    lines = [line for line in text.splitlines() if entry.reason in line]
    numbers = [line.split("(")[1].split(")")[0] for line in lines if "excluded (" in line]
    of = entry.subject if entry.is_subject else ""
    return bool(numbers) and (not of or any(of in each or "-" in each for each in numbers))


def test_there_is_an_example_of_every_reason() -> None:
    shown = [reason for study in STUDIES.values() for reason in study.reasons]
    assert sorted(reason.name for reason in shown) == sorted(reason.name for reason in Reason)


def test_exclusions_are_made_in_one_place() -> None:
    """So that each has a reason of the table: no other file makes an entry by itself."""
    package = Path(bids_ari.__file__).parent
    makers = [path.name for path in package.rglob("*.py") if "Excluded" in map(called, calls(path))]
    assert makers == ["run_log.py"]  # which reads those of an earlier run


def calls(path: Path) -> Iterator[ast.expr]:
    """The functions that a file calls."""
    return (node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))


def called(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else ""


class TestRun:
    def test_each_reason_is_met(self, done: Done) -> None:
        assert {reason for reason in done.study.reasons if not done.excluded(reason)} == set()

    def test_console_and_log(self, done: Done) -> None:
        """Of the run that analysed, and of the one that kept the results."""
        texts = [done.console, *((folder / "log.txt").read_text() for folder in done.log_folders)]
        assert len(texts) == 3
        for text in texts:
            assert [entry for entry in done.again.excluded if not mentioned(entry, text)] == []

    def test_table(self, done: Done) -> None:
        expected = {(entry.name, entry.reason) for entry in done.again.excluded}
        for folder in done.log_folders:
            table = pd.read_csv(folder / "excluded.tsv", sep="\t", keep_default_na=False)
            assert set(zip(table["name"], table["reason"], strict=True)) == expected

    def test_summary(self, done: Done) -> None:
        for folder in done.log_folders:
            summary = json.loads((folder / "summary.json").read_text())
            assert {each["Reason"] for each in summary["Excluded"]} == {e.reason for e in done.again.excluded}

    def test_index(self, done: Done) -> None:
        text = html.unescape((done.out / "index.html").read_text())
        assert [entry for entry in done.again.excluded if not mentioned(entry, text)] == []
        assert f"{done.log_folders[-1].relative_to(done.out)}/excluded.tsv" in text

    def test_saved_results_and_reports(self, done: Done) -> None:
        """Those of all contrasts but entries that belong to none; of subjects, the notes name them."""
        results = list(done.again.results)
        saved = {entry for result in results for entry in result.excluded}
        table = pd.read_csv(done.log_folders[-1] / "excluded.tsv", sep="\t", keep_default_na=False)
        of_contrasts = table[table["contrast"] != "n/a"]
        assert {(each.name, each.reason) for each in saved} == set(
            zip(of_contrasts["name"], of_contrasts["reason"], strict=True)
        )
        for result in results:
            self.check_report(done, result)

    def check_report(self, done: Done, result: ContrastResult) -> None:
        (path,) = done.out.rglob(f"{result.contrast.name}_test-{result.test}_desc-greater_report.html")
        text, notes = html.unescape(path.read_text()), "\n".join(result.notes)
        for entry in result.excluded:
            assert entry.name in text
            assert entry.reason in text
            assert not entry.is_subject or mentioned(entry, notes)
        (design,) = done.out.rglob(f"{result.contrast.name}_design.json")
        listed = json.loads(design.read_text())["LeftOut"]
        assert [(each["What"], each["Reason"]) for each in listed] == [(e.name, e.reason) for e in result.excluded]

    def test_list(self, done: Done, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([*done.words, "--list"]) == 0
        text = " ".join(capsys.readouterr().out.split())
        assert [entry for entry in done.again.excluded if entry.reason not in text] == []
