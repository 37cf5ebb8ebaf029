"""Records of results and failures: outdated files are removed, files elsewhere never, whatever a record contains."""

from pathlib import Path
from typing import Any

import pytest

from bids_ari.outputs import records
from bids_ari.outputs.derivatives import Derivatives


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def out(tmp_path: Path) -> Derivatives:
    """An output folder that exists and can be written."""
    (tmp_path / "out").mkdir()
    return Derivatives(tmp_path / "out", {})


def publish(out: Derivatives, contrast: str, result: str, names: list[str], **summary: object) -> None:
    """Write and record a result of some texts."""
    with out.result(contrast):
        for name in names:
            out.text(f"group/{name}", f"{name} of {result}")
        out.record(result, [], {"Contrast": contrast, **summary})


class TestRecord:
    @pytest.mark.parametrize(
        ("contrast", "stem"),
        [
            ("contrast-faces", "contrast-faces_test-mean_desc-"),
            ("contrast-faces_desc-smooth", "contrast-faces_test-mean_desc-smooth"),
            ("sub-01_contrast-faces", "sub-01_contrast-faces_desc-"),
            ("statmaps", "test-mean_desc-"),
        ],
    )
    def test_a_rerun_removes_what_it_no_longer_writes(self, out: Derivatives, contrast: str, stem: str) -> None:
        """But not what another result of the contrast shares."""
        publish(out, contrast, f"{stem}Greater", ["a", "b", "shared"])
        publish(out, contrast, f"{stem}Less", ["other", "shared"])
        publish(out, contrast, f"{stem}Greater", ["b", "c"])
        results = {f"logs/results/{stem}{each}.json" for each in ("Greater", "Less")}
        assert files(out.folder) == {"group/b", "group/c", "group/other", "group/shared"} | results

    def test_the_log_names_the_folders_of_removed_files(
        self, out: Derivatives, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        publish(out, "a", "a_desc-x", ["a", "b", "c"])
        publish(out, "a", "a_desc-x", ["b"])
        assert "a_desc-x: replaces 1 of the 3 files of an earlier run, and removes 2 in group" in caplog.text

    def test_files_of_an_interrupted_run_are_removed(self, out: Derivatives) -> None:
        out.text("group/left.txt", "left")
        out.json("logs/results/a_desc-x.json", {"Name": "a_desc-x", "Complete": False, "Files": ["group/left.txt"]})
        publish(out, "a", "a_desc-x", ["x"])
        assert files(out.folder) == {"group/x", "logs/results/a_desc-x.json"}

    @pytest.mark.parametrize("names", [["../precious.txt"], "../precious.txt", None, [3], ["{absolute}"], ["keep"]])
    def test_an_edited_record_removes_nothing_elsewhere(self, out: Derivatives, tmp_path: Path, names: Any) -> None:
        (tmp_path / "precious.txt").touch()
        (out.folder / "keep").mkdir()
        if names == ["{absolute}"]:
            names = [str(tmp_path / "precious.txt")]
        out.json("logs/results/a.json", {"Name": "a", "Files": names, "Descriptions": names})
        publish(out, "a", "a", ["x"])
        assert (tmp_path / "precious.txt").exists()
        assert (out.folder / "keep").is_dir()

    def test_records_of_other_contrasts_are_not_read(self, out: Derivatives, monkeypatch: pytest.MonkeyPatch) -> None:
        """A thousand contrasts would read a million records."""
        for n in range(20):
            publish(out, f"contrast-{n:02d}", f"contrast-{n:02d}_test-mean_desc-greater", ["shared"])
        read: list[str] = []
        real = records.read_json
        monkeypatch.setattr(records, "read_json", lambda path: read.append(path.name) or real(path))
        publish(out, "contrast-07", "contrast-07_test-mean_desc-less", ["x"])
        assert read == ["contrast-07_test-mean_desc-greater.json"]

    @pytest.mark.parametrize("other", ["contrast-faces", "contrast-face_desc-x", "contrast-fac"])
    def test_a_contrast_whose_name_begins_alike_is_spared(self, out: Derivatives, other: str) -> None:
        """Although its maps and its model are others."""
        publish(out, other, f"{other}_test-mean_desc-greater", ["other"], Model="1")
        publish(out, "contrast-face", "contrast-face_test-mean_desc-greater", ["own"], Model="2")
        assert len(out.records()) == 2
        assert {"group/other", "group/own"} <= files(out.folder)

    def test_an_outdated_file_may_be_gone_already(self, out: Derivatives) -> None:
        out.record("faces", ["group/never.txt", "group/x/never.txt"], {})
        out.text("group/x", "no folder any more")
        out.record("faces", [], {})
        assert out.records()[0]["Files"] == []

    def test_records_of_all_runs_are_read_by_name(self, out: Derivatives) -> None:
        out.record("b", ["y", "x", "x"], {"Test": "mean"})
        out.record("a", [], {})
        again = Derivatives(out.folder, {}).records()
        assert [record["Name"] for record in again] == ["a", "b"]
        assert again[1]["Files"] == ["x", "y"]
        assert again[1]["Results"] == [{"Test": "mean"}]
        assert again[1]["Complete"] is True

    def test_interrupted_results_are_separate(self, out: Derivatives, caplog: pytest.LogCaptureFixture) -> None:
        out.record("done", [], {})
        out.json("logs/results/begun.json", {"Name": "begun", "Contrast": "begun", "Complete": False, "Files": []})
        out.json("logs/results/older.json", {"Name": "older", "Files": []})
        for _ in range(2):
            assert [note["Name"] for note in out.records()] == ["done", "older"]
            assert [note["Name"] for note in out.interrupted()] == ["begun"]
        (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert "begun are incomplete" in warning
        assert "Run it again" in warning

    def test_one_that_another_process_is_publishing_is_not_interrupted(self, out: Derivatives) -> None:
        out.json("logs/results/a.json", {"Name": "a", "Contrast": "a", "Complete": False, "Files": []})
        with out.result("a"):
            assert Derivatives(out.folder, {}).interrupted() == []
        assert len(out.interrupted()) == 1

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"Files": ["x"', '{"Alpha": NaN}', '{"a": 1, "a": 2}'])
    def test_a_damaged_record_is_logged_once_and_skipped(
        self, out: Derivatives, content: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        out.record("a", [], {})
        out.text("logs/results/b.json", content)
        for _ in range(2):
            assert [note["Name"] for note in out.records()] == ["a"]
        assert sum("b.json" in each and "not in the index" in each for each in caplog.messages) == 1
        out.record("b", [], {})
        assert [note["Name"] for note in out.records()] == ["a", "b"]


class TestFailures:
    def test_they_are_listed_by_name_until_there_is_a_result(self, out: Derivatives) -> None:
        out.record_failure("b", {"Message": "m"})
        out.record_failure("a", {"Message": "n", "ExitCode": 65})
        assert Derivatives(out.folder, {}).failures() == [
            {"Contrast": "a", "Message": "n", "ExitCode": 65},
            {"Contrast": "b", "Message": "m"},
        ]
        publish(out, "a", "a_desc-greater", ["x"])
        assert [note["Contrast"] for note in out.failures()] == ["b"]

    def test_they_are_listed_while_a_result_is_open(self, out: Derivatives) -> None:
        with out.result("a"):
            out.record_failure("a", {})
        assert len(out.failures()) == 1

    def test_a_damaged_record_of_a_failure_is_skipped(self, out: Derivatives, caplog: pytest.LogCaptureFixture) -> None:
        out.record_failure("a", {})
        out.text("logs/failures/b.json", "{")
        assert [note["Contrast"] for note in out.failures()] == ["a"]
        assert "b.json" in caplog.text
