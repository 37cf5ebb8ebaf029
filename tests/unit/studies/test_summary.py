"""The table over all studies, from records and summaries of runs as they are on disk."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from bids_ari.cli.studies import main as studies
from bids_ari.studies.rows import COLUMNS
from bids_ari.studies.summary import write_summary

Json = dict[str, Any]


def result(contrast: str = "contrast-a", **more: Any) -> Json:
    found = {"Contrast": contrast, "Test": "mean", "Alternative": "greater", "Method": "simes", "Alpha": 0.05}
    found |= {"NumberOfSubjects": 12, "NumberOfSubjectsExcluded": 3, "NumberOfVoxels": 30, "Unit": "voxel"}
    found |= {"TrueDiscoveryNumber": 7, "LargestClusters": {"0.7": 2}, "LargestClusterSizes": {"0.7": 8}}
    return found | {"Report": f"group/{contrast}_report.html"} | more


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def record(out: Path, name: str = "ds1/task-go", code: int = 0, message: str = "", **more: Any) -> None:
    study, _, task = name.partition("/task-")
    facts: Json = {"Study": study, "Task": task, "Name": name, "Model": None, "Command": ["bids-ari"]}
    facts |= {"ExitCode": code, "Message": message, "Seconds": 60.0, "Finished": "2026-01-02T03:04:05+00:00"}
    write_json(out / "logs" / f"{name.replace('/', '_')}.json", facts | more)


def ran(out: Path, time: str, *results: Json, name: str = "ds1/task-go", code: int = 0, failed: str = "") -> None:
    """Write what a run leaves: its summary, and the reports."""
    failures = [{"Contrast": failed, "Error": "DataError", "ExitCode": 65, "Message": "/home/jo/x.nii is empty"}]
    summary = {"ExitCode": code, "Results": list(results), "Failures": failures if failed else []}
    write_json(out / name / "logs" / time / "summary.json", summary)
    for each in results:
        report = out / name / each["Report"]
        report.parent.mkdir(parents=True, exist_ok=True)
        report.touch()


def table(out: Path) -> list[dict[str, str]]:
    write_summary(out)
    with (out / "studies.tsv").open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_a_line_of_a_result(tmp_path: Path) -> None:
    record(tmp_path, Model="ds1-go_specs.json")
    ran(tmp_path, "2026-01-01", result())
    (row,) = table(tmp_path)
    assert list(row) == list(COLUMNS)
    assert row.pop("tdp") == "0.2333333333"  # 7 / 30
    assert row == {
        **{"study": "ds1", "task": "go", "model": "ds1-go_specs.json", "contrast": "contrast-a", "test": "mean"},
        **{"note": "n/a"},
        **{"alternative": "greater", "method": "simes", "alpha": "0.05", "subjects": "12", "excluded": "3"},
        **{"unit": "voxel", "points": "30", "tdn": "7", "clusters": "2", "largest_cluster": "8"},
        **{"exit_code": "0", "reason": "n/a", "report": "ds1/task-go/group/contrast-a_report.html"},
    }


def test_the_latest_run_of_a_result_counts(tmp_path: Path) -> None:
    """Results of earlier runs stay, if their reports are there; a failure ends when its contrast has a result."""
    record(tmp_path)
    ran(tmp_path, "2026-01-01", result(TrueDiscoveryNumber=1), result("contrast-old"), failed="contrast-b", code=65)
    (tmp_path / "ds1/task-go/group/contrast-old_report.html").unlink()
    ran(tmp_path, "2026-01-02", result(), result("contrast-b"))
    assert [(row["contrast"], row["tdn"], row["reason"]) for row in table(tmp_path)] == [
        ("contrast-a", "7", "n/a"),
        ("contrast-b", "7", "n/a"),
    ]


@pytest.mark.parametrize(("code", "n_lines"), [(75, 1), (65, 2)])
def test_what_another_process_was_writing_has_no_line_when_it_is_there(tmp_path: Path, code: int, n_lines: int) -> None:
    """Two commands at once on one output: the run of the second fails, after that of the first began."""
    record(tmp_path, code=code)
    ran(tmp_path, "2026-01-01", result())
    failure = {"Contrast": "contrast-a", "ExitCode": code, "Message": "contrast-a is being written by process 5"}
    write_json(
        tmp_path / "ds1/task-go/logs/2026-01-01-2/summary.json",
        {"ExitCode": code, "Results": [], "Failures": [failure]},
    )
    assert len(table(tmp_path)) == n_lines


def test_a_contrast_that_failed_has_a_line_without_folders(tmp_path: Path) -> None:
    record(tmp_path, code=65, message="1 contrast could not be analysed")
    ran(tmp_path, "2026-01-01", result(), failed="contrast-b", code=65)
    assert [(row["contrast"], row["exit_code"], row["reason"]) for row in table(tmp_path)] == [
        ("contrast-a", "65", "n/a"),
        ("contrast-b", "65", "x.nii is empty"),
    ]


def test_a_run_that_failed_as_a_whole_has_a_line_beside_earlier_results(tmp_path: Path) -> None:
    record(tmp_path, code=64, message="The mask is none")
    ran(tmp_path, "2026-01-01", result(), failed="contrast-b", code=65)
    assert [row["reason"] for row in table(tmp_path)] == ["n/a", "x.nii is empty", "The mask is none"]


def test_a_study_without_results(tmp_path: Path) -> None:
    record(tmp_path, "ds2", 65, "an empty folder", Command=[])
    (row,) = table(tmp_path)
    assert (row["study"], row["task"], row["reason"]) == ("ds2", "n/a", "an empty folder")


@pytest.mark.parametrize(
    "damage",
    [
        {"Results": 3, "Failures": "x"},
        {"Results": [3, {"Report": "../../up.html"}, {"Report": 1}], "Failures": [None]},
        [],
        "no object",
    ],
)
def test_damaged_summaries(tmp_path: Path, damage: object) -> None:
    record(tmp_path)
    write_json(tmp_path / "ds1/task-go/logs/2026/summary.json", damage)
    assert [row["reason"] for row in table(tmp_path)] == ["no result is in the output"]


def test_results_of_an_older_version_lack_some_columns(tmp_path: Path) -> None:
    record(tmp_path)
    older = {key: value for key, value in result().items() if key in ("Contrast", "Report", "TrueDiscoveryNumber")}
    ran(tmp_path, "2026-01-01", older)
    (row,) = table(tmp_path)
    assert (row["tdn"], row["tdp"], row["excluded"], row["largest_cluster"]) == ("7", "n/a", "n/a", "n/a")


def test_damaged_records_are_not_in_the_table(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    record(tmp_path)
    ran(tmp_path, "2026-01-01", result())
    (tmp_path / "logs" / "ds0.json").write_text("{")
    write_json(tmp_path / "logs" / "ds2.json", {"Name": "../elsewhere"})
    assert len(table(tmp_path)) == 1
    assert "is not in the summary" in caplog.text


class TestPage:
    def page(self, out: Path) -> str:
        write_summary(out)
        return (out / "index.html").read_text()

    def test_texts_from_files_are_escaped(self, tmp_path: Path) -> None:
        record(tmp_path, code=65, message="<script>alert(1)</script>")
        assert "<script>alert" not in self.page(tmp_path)

    def test_failures_with_one_reason_are_together(self, tmp_path: Path) -> None:
        for i in range(20):
            record(tmp_path, f"ds{i:02d}", 65, "an empty folder" if i < 9 else f"reason {i}")
        page = self.page(tmp_path)
        assert "20 analyses failed" in page
        assert page.count("an empty folder") == 1
        assert "ds00, ds01, ds02, ds03, ds04 and 4 more" in page
        assert "4 more reasons" in page  # 12 reasons, of which 8 are shown

    def test_methods_and_confidence_have_columns_where_they_differ(self, tmp_path: Path) -> None:
        record(tmp_path)
        ran(tmp_path, "2026-01-01", result())
        assert 'data-sort="method"' not in self.page(tmp_path)
        ran(tmp_path, "2026-01-02", result(Report="group/p.html", Method="permutation", Alpha=0.1))
        page = self.page(tmp_path)
        assert 'data-sort="method"' in page
        assert 'data-sort="confidence"' in page

    def test_spaces_are_named_where_there_are_several(self, tmp_path: Path) -> None:
        record(tmp_path)
        ran(tmp_path, "2026-01-01", result("ses-1_space-A_contrast-a"))
        page = self.page(tmp_path)
        assert "ses 1" in page
        assert "space A" not in page
        ran(tmp_path, "2026-01-02", result("space-B_contrast-a"))
        assert "space A" in self.page(tmp_path)

    def test_nothing_at_all(self, tmp_path: Path) -> None:
        assert "There are no results" in self.page(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        {"NumberOfVoxels": float("nan"), "TrueDiscoveryNumber": float("inf")},
        {"NumberOfVoxels": "many", "TrueDiscoveryNumber": [1], "Alpha": None},
        {"NumberOfVoxels": 10**400, "TrueDiscoveryNumber": 10**400, "LargestClusters": {"0.7": "x"}},
        {"Contrast": 5, "Test": {}, "NumberOfSubjects": "12", "LargestClusterSizes": [8]},
    ],
)
def test_numbers_that_are_none_are_not_known(tmp_path: Path, damage: Json) -> None:
    """The page is written as well."""
    record(tmp_path)
    ran(tmp_path, "2026-01-01", result() | damage)
    (row,) = table(tmp_path)
    assert row["report"] == "ds1/task-go/group/contrast-a_report.html"
    assert {row[name] for name in ("points", "tdn", "tdp")} <= {"n/a", "30", "7", "0.2333333333"}
    assert "contrast-a_report.html" in (tmp_path / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", ["abc", [1], float("nan"), None])
def test_an_exit_code_that_is_none_is_not_known(tmp_path: Path, code: object) -> None:
    record(tmp_path, ExitCode=code, Finished=5, Note=[])
    ran(tmp_path, "2026-01-01", result())
    assert {row["exit_code"] for row in table(tmp_path)} == {"n/a"}
    assert studies([str(tmp_path / "data"), str(tmp_path), "--summary-only"]) == 0
