"""Every exclusion is in the console, the log, the table, the saved results, the summaries and the reports."""

import ast
import html
import io
import json
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from builders_exclusions import STUDIES, Study, maps, table

import bids_ari
from bids_ari.analysis.inputs import find_contrasts
from bids_ari.analysis.result import ContrastResult
from bids_ari.analysis.run_summary import RunSummary
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


def of_one(text: str) -> str:
    """A text whose reasons for several files, "their stat", are as those for one, "its stat"."""
    return text.replace("their ", "its ")


def mentioned(entry: Excluded, text: str) -> bool:
    """Whether a line of a text has the reason and, of subjects, the label or a range."""
    lines = [line for line in of_one(text).splitlines() if entry.reason in line]
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


class TestFailures:
    """A contrast that cannot be analysed has no report of its own."""

    @pytest.fixture
    def failing(self, tmp_path: Path) -> list[str]:
        """Six subjects, of whom one has an age."""
        root = tmp_path / "first"
        maps(root, "01", "02", "03", "04", "05", "06")
        table(root, {"01": "20", "02": "n/a", "03": "n/a", "04": "n/a", "05": "n/a"})
        return [str(root), str(tmp_path / "out"), "group", "--formula", "1 + age", "--nprocs", "1"]

    def test_exclusions_are_in_log_table_and_index(
        self, failing: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(failing) == 65
        (log,) = Path(failing[1]).glob("logs/2*/log.txt")
        (listed,) = Path(failing[1]).glob("logs/2*/excluded.tsv")
        index = html.unescape((Path(failing[1]) / "index.html").read_text())
        for text in (capsys.readouterr().err, log.read_text(), index):
            assert "4 subjects excluded (02-05): no value of age in participants.tsv" in text
            assert "1 subject excluded (06): not in participants.tsv" in text
        assert len(listed.read_text().splitlines()) == 1 + 5

    def test_list_has_the_exit_code_of_the_run(self, failing: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert main([*failing, "--list"]) == 65
        text = capsys.readouterr().out
        assert "subjects  1: 01" in text
        assert "without   02-05: no value of age in participants.tsv" in text
        assert text.endswith("0 contrasts can be analysed, 1 cannot\n")

    def test_list_names_them_beside_a_problem_of_files(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        root = tmp_path / "first"
        paths = maps(root, "01", "02", "03", "04", "05")
        table(root, {"01": "20", "02": "24", "03": "29", "04": "31", "05": "n/a"})
        paths[0].write_bytes(paths[0].read_bytes()[:100])
        assert main([str(root), str(tmp_path / "out"), "group", "--formula", "1 + age", "--list"]) == 65
        text = capsys.readouterr().out
        assert "subjects  4: 01-04" in text
        assert "without   05: no value of age in participants.tsv" in text
        assert "damaged" in text

    @pytest.mark.parametrize("flag", ["--mask", "--participants", "--target-grid", "--roi"])
    def test_list_refuses_a_file_that_is_not_there(self, failing: list[str], tmp_path: Path, flag: str) -> None:
        assert main([*failing, flag, str(tmp_path / "no" / "mask.nii.gz"), "--list"]) == 66

    def test_list_names_files_on_request(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        maps(tmp_path / "first", "01", "02", "03", "04", "05", "06", "07")
        names = [path.name for path in maps(tmp_path / "first", "01", "02", "03", "04", "05", "06", "07", stat="z")]
        words = [str(tmp_path / "first"), str(tmp_path / "out"), "group", "--list"]
        assert main(words) == 0
        text = capsys.readouterr().out
        assert "  7 files excluded (of 01-07): their stat is z; effect maps are analysed\n" in text
        assert not any(name in text for name in names)
        assert main([*words, "-v"]) == 0
        text = capsys.readouterr().out
        assert all(name in text for name in names)


class TestParticipants:
    """At the participant level, a report is of one map: it has what is excluded of its subject."""

    def test_each_file_is_in_the_report_of_its_subject_and_the_index(self, tmp_path: Path) -> None:
        root, out = tmp_path / "first", tmp_path / "out"
        maps(root, "01", "02", stat="z")
        (effect,) = maps(root, "02")
        (other,) = maps(root, "03")
        summary = run(read_settings(parse([str(root), str(out), "participant", *QUICK])))
        reason = "its stat is effect; z maps are analysed"
        assert {(entry.name.rpartition("/")[2], entry.reason) for entry in summary.excluded} == {
            (effect.name, reason),
            (other.name, reason),
            ("sub-03", "no z map of this contrast"),
        }
        first, second = (html.unescape(path.read_text()) for path in sorted(out.rglob("*_report.html")))
        assert reason not in first
        assert reason in second
        assert effect.name in second
        index = html.unescape((out / "index.html").read_text())
        assert f"2 files excluded (of 02, 03): their {reason.removeprefix('its ')}" in index
        assert "1 subject excluded (03): no z map of this contrast" in index
        (sidecar,) = (out / "sub-02").rglob("*_stat-z_statmap.json")
        (listed,) = json.loads(sidecar.read_text())["LeftOut"]
        assert (Path(listed["What"]).name, listed["Reason"]) == (effect.name, reason)


class TestPadding:
    """Labels of subjects that differ in leading zeros only: ``1`` for ``01``."""

    def test_a_table_with_other_zeros_gives_the_same_maps(self, tmp_path: Path) -> None:
        root = tmp_path / "first"
        maps(root, "01", "02", "03", "04", "05")
        ages = ["20", "35", "28", "24", "31"]
        results = []
        for digits in (1, 2):
            table(root, {f"{i:0{digits}d}": age for i, age in enumerate(ages, 1)})
            words = [str(root), str(tmp_path / f"out{digits}"), "group", "--formula", "1 + center(age)", *QUICK]
            (*_, result) = run(read_settings(parse(words))).results
            results.append(result)
        one, other = results
        assert one.contrast.subjects == other.contrast.subjects == ("01", "02", "03", "04", "05")
        np.testing.assert_array_equal(one.glm.z, other.glm.z)
        assert any("sub-1 is sub-01" in note for note in one.notes)
        assert not any("leading zeros" in note for note in other.notes)

    def test_a_manifest_with_other_zeros(self, tmp_path: Path) -> None:
        root = tmp_path / "first"
        paths = maps(root, "01", "02", "03", "04")
        lines = ["participant_id\teffect", *(f"{i}\t{path}" for i, path in enumerate(paths, 1))]
        (root / "maps.tsv").write_text("\n".join(lines) + "\n")
        table(root, {"01": "20", "02": "35", "03": "28", "04": "24"})
        words = [str(root), str(tmp_path / "out"), "group", "--manifest", str(root / "maps.tsv")]
        settings = read_settings(parse([*words, "--formula", "1 + center(age)", *QUICK, "--exclude", "04"]))
        (_, contrast_result) = run(settings).results
        assert contrast_result.contrast.subjects == ("1", "2", "3")
        assert any("sub-01 is sub-1" in note for note in contrast_result.notes)
        assert any("sub-04 is sub-4" in note for note in contrast_result.notes)


class TestRun:
    def test_each_reason_is_met(self, done: Done) -> None:
        assert {reason for reason in done.study.reasons if not done.excluded(reason)} == set()

    def test_no_map_and_no_subject_is_lost(self, done: Done) -> None:
        """Each is in a contrast or excluded."""
        dataset, discovery = find_contrasts(read_settings(parse(done.words)))
        used = {file.label for contrast in discovery for file in contrast.files}
        named = {entry.name for entry in done.again.excluded}
        unnamed = [file for file in dataset.statmaps if file.label not in used | named]
        assert [file.label for file in unnamed if f"sub-{file.entities.get('sub')}" not in named] == []
        subjects = {subject for result in done.again.results for subject in result.contrast.subjects}
        assert dataset.labels("sub") <= subjects | {entry.subject for entry in done.again.excluded}

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
            assert entry.reason in of_one(text)
            assert not entry.is_subject or mentioned(entry, notes)
        lost = {entry.name for entry in result.excluded if entry.is_subject}
        of_files = {entry.subject for entry in result.excluded if entry.subject} - {*result.contrast.subjects}
        if n := len(lost | {f"sub-{subject}" for subject in of_files}):
            assert f"{n} excluded</a>" in text
            assert f"{n} further subject" in text  # of the methods paragraph
        (design,) = done.out.rglob(f"{result.contrast.name}_design.json")
        listed = json.loads(design.read_text())["LeftOut"]
        assert [(each["What"], each["Reason"]) for each in listed] == [(e.name, e.reason) for e in result.excluded]

    def test_list(self, done: Done, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([*done.words, "--list"]) == 0
        text = " ".join(capsys.readouterr().out.split())
        assert [entry for entry in done.again.excluded if entry.reason not in of_one(text)] == []
