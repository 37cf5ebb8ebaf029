"""Log folder of a run, however the run ends."""

import errno
import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bids_ari.bids.exclusions import Excluded
from bids_ari.cli.runner import exit_code_of
from bids_ari.errors import BidsAriError, DesignError, InputNotFoundError, OutputError, TemporaryError
from bids_ari.outputs.derivatives import Derivatives
from bids_ari.outputs.run_log import RunLog, latest_excluded

log = logging.getLogger("bids_ari.test_runlog")


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Derivatives]:
    with Derivatives(tmp_path / "out", {}) as out:
        yield out


@pytest.fixture(autouse=True)
def log_level(caplog: pytest.LogCaptureFixture) -> None:
    """As on the console: without details."""
    caplog.set_level(logging.INFO, logger="bids_ari")


def folders(out: Derivatives) -> list[Path]:
    """The log folders of all runs."""
    return sorted((out.folder / "logs").iterdir())


def summary(out: Derivatives) -> dict[str, Any]:
    """Return the summary of the only run."""
    (folder,) = folders(out)
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return found


def lines(out: Derivatives) -> list[str]:
    """The log of the only run, without times."""
    (folder,) = folders(out)
    return [line.split(" ", 2)[2] for line in (folder / "log.txt").read_text().splitlines()]


class TestLines:
    def test_lines_from_before_the_output_was_open_come_first(self, out: Derivatives) -> None:
        log.info("before the run")
        with RunLog("") as journal:
            log.info("one")
            log.warning("two: %s", "größe")
            journal.open(out)
            assert lines(out) == ["INFO one", "WARNING two: größe"]
            log.error("three")
            assert lines(out)[2:] == ["ERROR three"]  # at once: a run can be killed at any time
        log.info("after the run")
        assert lines(out) == ["INFO one", "WARNING two: größe", "ERROR three"]

    def test_details_are_written_only_on_request(self, out: Derivatives, caplog: pytest.LogCaptureFixture) -> None:
        with RunLog("") as journal:
            journal.open(out)
            log.debug("hidden")
            caplog.set_level(logging.DEBUG, logger="bids_ari")
            log.debug("shown")
        assert lines(out) == ["DEBUG shown"]

    def test_lines_that_could_not_be_written_are_not_lost(self, out: Derivatives) -> None:
        with RunLog("") as journal:
            journal.open(out)
            log.info("one")
            (folder,) = folders(out)
            away = folder.rename(folder.with_name("away"))
            log.info("two")
            away.rename(folder)
            log.info("three")
        assert lines(out) == ["INFO one", "INFO two", "INFO three"]

    def test_names_that_are_not_utf_8(self, out: Derivatives) -> None:
        """Python represents bytes that are not UTF-8 by lone surrogates, which cannot be encoded."""
        with RunLog('output-dir = "gr\udcf6"\n') as journal:
            log.info("before: \udcf6")
            journal.open(out)
            log.info("after: \udcf6")
        assert lines(out) == ["INFO before: \\udcf6", "INFO after: \\udcf6"]
        (folder,) = folders(out)
        assert (folder / "settings.toml").read_bytes() == b'output-dir = "gr\xf6"\n'  # as it is on disk

    def test_a_run_without_output_writes_nothing(self, out: Derivatives) -> None:
        with RunLog("x = 1\n"), suppress(InputNotFoundError):
            raise InputNotFoundError("There is nothing")
        assert list(out.folder.iterdir()) == []


class TestFolders:
    def test_files_at_the_beginning(self, out: Derivatives) -> None:
        with RunLog("alpha = 0.05\n") as journal:
            journal.exclude({})
            journal.open(out)
            (folder,) = folders(out)
            first = {"log.txt", "provenance.json", "settings.toml", "excluded.tsv"}
            assert {path.name for path in folder.iterdir()} == first
            assert (folder / "settings.toml").read_text() == "alpha = 0.05\n"
            facts = json.loads((folder / "provenance.json").read_text())
            assert facts.keys() == {"Command", "Started", "Versions", "Container", "Machine"}
        assert {path.name for path in folder.iterdir()} - first == {"summary.json"}

    def test_no_settings_no_file(self, out: Derivatives) -> None:
        with RunLog("") as journal:
            journal.open(out)
        (folder,) = folders(out)
        assert not (folder / "settings.toml").exists()

    def test_runs_of_the_same_second_have_their_own_folders(self, out: Derivatives) -> None:
        for n in range(3):
            with Derivatives(out.folder, {}) as each, RunLog(f"n = {n}\n") as journal:
                log.info("run %d", n)
                journal.open(each)
        names = [(folder / "log.txt").read_text().split()[-1] for folder in folders(out)]
        settings = [(folder / "settings.toml").read_text().split()[-1] for folder in folders(out)]
        assert sorted(names) == sorted(settings) == ["0", "1", "2"]
        assert names == settings


class TestSummary:
    def test_results_and_failures(self, out: Derivatives) -> None:
        with RunLog("") as journal:
            journal.open(out)
            old = [Excluded(f"data/sub-{s}.nii", "it is old", s) for s in ("02", "01")]
            journal.exclude({"": old, "faces": [Excluded("sub-03", "it is new", "03")]})
            journal.done("one", [{"Name": "x"}, {"Name": "y"}], 1.23456)
            journal.failed("two", DesignError("One subject", "two or more"))
        found = summary(out)
        assert found["Results"] == [{"Name": "x", "Seconds": 1.235}, {"Name": "y", "Seconds": 1.235}]
        assert found["Failures"] == [
            {
                "Contrast": "two",
                "Error": "DesignError",
                "ExitCode": 65,
                "Message": "One subject; expected two or more",
            }
        ]
        assert found["Excluded"] == [
            {"Reason": "it is new", "Subjects": ["sub-03"], "NumberOfFiles": 0},
            {"Reason": "it is old", "Subjects": ["sub-01", "sub-02"], "NumberOfFiles": 2},
        ]
        assert (found["ExitCode"], found["Error"]) == (65, None)
        (folder,) = folders(out)
        assert [line.split("\t") for line in (folder / "excluded.tsv").read_text().splitlines()] == [
            ["name", "participant_id", "contrast", "reason"],
            ["data/sub-01.nii", "sub-01", "n/a", "it is old"],
            ["data/sub-02.nii", "sub-02", "n/a", "it is old"],
            ["sub-03", "sub-03", "faces", "it is new"],
        ]
        assert lines(out)[:2] == [
            "WARNING faces: 1 subject excluded (03): it is new",
            "WARNING 2 files excluded (of 01, 02): it is old",
        ]

    def test_the_table_of_the_latest_run_that_has_one_is_read_again(self, out: Derivatives) -> None:
        """Lines that are damaged are skipped; a run that only writes reports has no table."""
        entries = [Excluded("data/a.nii", "old", "01"), Excluded("sub-02", "new", "02")]
        for excluded in (entries[:1], entries):
            with Derivatives(out.folder, {}) as each, RunLog("") as journal:
                journal.exclude({"": excluded[:1], "faces": excluded[1:]})
                journal.open(each)
        with Derivatives(out.folder, {}) as each, RunLog("") as journal:
            journal.open(each)
        name, found = latest_excluded(out)
        assert found == [("", entries[0]), ("faces", entries[1])]
        assert [entry.subject for _, entry in found] == ["01", "02"]
        path = out.folder / name
        path.write_text(path.read_text().replace("\tnew", "").replace("old", "a\u2028b") + "\n\ufffd")
        assert latest_excluded(out) == (name, [("", Excluded("data/a.nii", "a\u2028b"))])

    def test_no_table(self, out: Derivatives) -> None:
        assert latest_excluded(out) == ("", [])

    # Some contrasts failed: 65. All failed for one reason: the code of that. Else 65, too.
    @pytest.mark.parametrize(
        ("errors", "done", "code"),
        [
            ([], True, 0),
            ([TemporaryError("x")], True, 65),
            ([TemporaryError("x"), TemporaryError("y")], False, 75),
            ([TemporaryError("x"), DesignError("y")], False, 65),
        ],
    )
    def test_its_exit_code_is_that_of_the_run(
        self, errors: list[BidsAriError], done: bool, code: int, out: Derivatives
    ) -> None:
        with RunLog("") as journal:
            journal.open(out)
            if done:
                journal.done("one", [{}], 0.0)
            for error in errors:
                journal.failed("two", error)
        assert summary(out)["ExitCode"] == code

    @pytest.mark.parametrize(
        ("error", "message"),
        [
            (OutputError("The disk is full"), "OutputError: The disk is full"),
            (KeyboardInterrupt(), "interrupted"),
            (MemoryError(), "MemoryError"),
            (PermissionError(errno.EACCES, "Denied", "/a"), "PermissionError: [Errno 13] Denied: '/a'"),
            (OSError(errno.ENOSPC, "Full"), "OSError: [Errno 28] Full"),
            (OSError(errno.EROFS, "No", "/a"), "OSError: [Errno 30] No: '/a'"),
            (OSError("odd"), "OSError: odd"),
            (ZeroDivisionError("odd"), "ZeroDivisionError: odd"),
        ],
        ids=repr,
    )
    def test_a_run_that_ends_early(self, error: BaseException, message: str, out: Derivatives) -> None:
        """Its exit code is that of the command."""

        def run() -> None:
            with RunLog("") as journal:
                journal.open(out)
                journal.done("one", [{"Name": "x"}], 0.0)
                raise error

        with pytest.raises(type(error)):
            run()
        found = summary(out)
        assert (found["ExitCode"], found["Error"]) == (exit_code_of(error), message)
        assert [result["Name"] for result in found["Results"]] == ["x"]

    def test_a_summary_that_cannot_be_written_hides_no_error(self, out: Derivatives) -> None:
        def run() -> None:
            with RunLog("") as journal:
                journal.open(out)
                shutil.rmtree(out.folder)
                out.folder.touch()  # no folder can be made here
                raise DesignError("One subject")

        with pytest.raises(DesignError):
            run()
        out.folder.unlink()
