"""Runs of many studies, with a runner that takes notes, and with processes."""

import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bids_ari.errors import INTERRUPTED
from bids_ari.outputs.folder import Files
from bids_ari.runtime.signals import interruptible
from bids_ari.studies.run import (
    Processes,
    forget_others,
    last_error,
    run_studies,
    words_of,
    write_record,
)
from bids_ari.studies.study import Study


class Noted:
    """A runner that returns a code for each study and notes what it was asked; `during` is called meanwhile."""

    def __init__(self, codes: Sequence[int] = (), error: str = "", during: Callable[[], object] = lambda: None) -> None:
        self.codes, self.error, self.during = list(codes), error, during
        self.stopped = threading.Event()
        self.calls: list[list[str]] = []
        self.at_once, self.most = 0, 0
        self.lock = threading.Lock()

    def run(self, words: Sequence[str], log_file: Path, /) -> int:
        with self.lock:
            self.calls.append(list(words))
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            code = self.codes.pop(0) if self.codes else 0
        self.during()
        log_file.write_text(self.error)
        with self.lock:
            self.at_once -= 1
        return code

    def stop(self) -> None:
        self.codes.clear()
        self.stopped.set()


def studies(n: int) -> list[Study]:
    return [Study(f"ds{i}/task-go", Path("in") / f"ds{i}" / "task-go") for i in range(1, n + 1)]


def record(output: Path, name: str) -> dict[str, object]:
    return dict(json.loads((output / "logs" / f"{name}.json").read_text()))


def test_a_failure_does_not_end_the_others(tmp_path: Path) -> None:
    runner = Noted([0, 65, 0], "INFO a\nERROR first\nERROR sub-01 is damaged\n- again\nINFO b\n")
    outcomes = list(run_studies(studies(3), tmp_path, ["--alpha", "0.1"], runner))
    assert [(each.study.name, each.code) for each in outcomes] == [
        ("ds1/task-go", 0),
        ("ds2/task-go", 65),
        ("ds3/task-go", 0),
    ]
    assert outcomes[1].message == "sub-01 is damaged - again"
    assert runner.calls[0] == ["in/ds1/task-go", str(tmp_path / "ds1/task-go"), "group", "--alpha", "0.1"]
    assert record(tmp_path, "ds2_task-go")["ExitCode"] == 65
    assert record(tmp_path, "ds2_task-go")["Message"] == "sub-01 is damaged - again"
    assert record(tmp_path, "ds3_task-go")["Message"] == ""


def test_the_number_at_a_time_is_limited(tmp_path: Path) -> None:
    """They wait until three run."""
    runner = Noted(during=threading.Barrier(3, timeout=60).wait)
    assert len(list(run_studies(studies(9), tmp_path, [], runner, n_jobs=3))) == 9
    assert runner.most == 3


def test_what_has_a_problem_is_recorded_and_not_run(tmp_path: Path) -> None:
    runner = Noted()
    (outcome,) = run_studies([Study("ds7", Path("ds7"), problem="an empty folder")], tmp_path, [], runner)
    assert (outcome.code, outcome.message, runner.calls) == (65, "an empty folder", [])
    assert record(tmp_path, "ds7") | {"Finished": ""} == {
        **{"Study": "ds7", "Task": "", "Name": "ds7", "Model": None, "Note": "", "Command": []},
        **{"Finished": "", "Seconds": 0.0, "ExitCode": 65, "Message": "an empty folder"},
    }


def test_a_name_as_long_as_the_system_takes_has_a_record(tmp_path: Path) -> None:
    name = "a" * 250 + "/task-go"
    (outcome,) = run_studies([Study(name, tmp_path)], tmp_path / "out", [], Noted())
    (path,) = (tmp_path / "out" / "logs").glob("*.json")
    assert (outcome.study.name, json.loads(path.read_text())["Name"]) == (name, name)


def test_after_an_interruption_no_study_begins(tmp_path: Path) -> None:
    """The second one, if it has begun, runs until it is stopped."""
    runner = Noted(during=lambda: len(runner.calls) == 1 or runner.stopped.wait(60))
    outcomes = run_studies(studies(20), tmp_path, [], runner)
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]
    assert runner.stopped.is_set()
    assert len(runner.calls) <= 2


class Endless:
    """A runner that works until it is stopped; `during` is called meanwhile."""

    def __init__(self, during: Callable[[], object]) -> None:
        self.during = during
        self.stopped = threading.Event()
        self.were_stopped: list[bool] = []

    def run(self, words: Sequence[str], log_file: Path, /) -> int:
        log_file.touch()
        self.during()
        self.were_stopped.append(self.stopped.wait(60))
        return INTERRUPTED

    def stop(self) -> None:
        self.stopped.set()


def test_a_signal_that_does_not_wake_the_main_thread_ends_the_studies(tmp_path: Path) -> None:
    """Such as one that arrives just before the main thread begins to wait, or in another thread, as here."""

    def send() -> None:
        time.sleep(0.5)  # the main thread waits
        signal.raise_signal(signal.SIGTERM)

    runner = Endless(send)
    with interruptible(), pytest.raises(KeyboardInterrupt):
        list(run_studies(studies(2), tmp_path, [], runner))
    assert runner.were_stopped == [True]


def test_a_signal_while_threads_start_leaves_none_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool waits for the study that runs, whose record is then complete."""
    start = threading.Thread.start

    def start_signalled(self: threading.Thread) -> None:
        start(self)
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(threading.Thread, "start", start_signalled)
    runner = Endless(lambda: None)
    with interruptible(), pytest.raises(KeyboardInterrupt):
        list(run_studies(studies(2), tmp_path, [], runner))
    assert runner.were_stopped == [True]
    assert record(tmp_path, "ds1_task-go")["ExitCode"] == 130


def test_options_have_the_labels_of_the_study() -> None:
    study = Study("ds1/task-go", Path("in"), Path("specs.json"))
    words = words_of(study, Path("out"), ["--mask", "masks/{study}_task-{task}_mask.nii.gz"])
    assert words == [
        "in",
        "out/ds1/task-go",
        "group",
        "--model",
        "specs.json",
        "--mask",
        "masks/ds1_task-go_mask.nii.gz",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", ""), ("WARNING x\n", ""), ("ERROR a\n- b\n- c\nINFO d\n", "a - b - c"), ("ERROR a\nERROR b", "b")],
)
def test_the_last_error_of_a_log(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "log").write_text(text)
    assert last_error(tmp_path / "log") == expected


@pytest.mark.parametrize(
    ("code", "log", "message"),
    [
        (137, "INFO a", "by signal 9, perhaps for lack of memory"),
        (130, "", "interrupted"),
        (1, "Traceback\nSyntaxError: x\n\n", "exit code 1: SyntaxError: x"),
        (1, "ERROR This is a bug\nTraceback\nSyntaxError: x", "This is a bug: SyntaxError: x"),
        (1, "", "exit code 1"),
    ],
)
def test_a_process_that_ended_without_a_message(tmp_path: Path, code: int, log: str, message: str) -> None:
    (outcome,) = run_studies(studies(1), tmp_path, [], Noted([code], log))
    assert outcome.message.endswith(message)


class TestProcesses:
    def test_one_runs_the_command(self, tmp_path: Path) -> None:
        """Its output is the log."""
        assert Processes().run(["--version"], tmp_path / "log") == 0
        assert (tmp_path / "log").read_text().startswith("bids_ari ")
        assert Processes().run([str(tmp_path), str(tmp_path / "out"), "group"], tmp_path / "log") == 66
        assert "There is no statmap" in last_error(tmp_path / "log")

    def test_one_that_was_killed_has_the_code_of_a_shell(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """128 and the number of the signal, 9, as when the system has no memory left."""
        program = tmp_path / "program"
        program.write_text("#!/bin/sh\nkill -KILL $$\n")
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))
        assert Processes().run([], tmp_path / "log") == 137

    def test_those_that_run_are_ended(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program = tmp_path / "program"
        program.write_text("#!/bin/sh\necho started\nexec sleep 300\n")
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))
        processes, codes = Processes(), list[int]()
        thread = threading.Thread(target=lambda: codes.append(processes.run([], tmp_path / "log")))
        thread.start()
        while not ((tmp_path / "log").exists() and (tmp_path / "log").read_text()):
            time.sleep(0.01)
        processes.stop()
        thread.join(60)
        assert codes == [INTERRUPTED]
        assert processes.run([], tmp_path / "log") == INTERRUPTED


def test_a_record_is_plain_json(tmp_path: Path) -> None:
    write_record(Files(tmp_path), studies(1)[0], 65, message="é \udce9")
    assert record(tmp_path, "ds1_task-go")["Message"] == "é \udce9"


def test_what_is_gone_and_was_never_analysed_is_forgotten(tmp_path: Path) -> None:
    files, (first, second) = Files(tmp_path), studies(2)
    for study, words in (
        (first, []),
        (second, ["x"]),
        (Study("two words", Path("x")), []),
        (Study("ds7", Path("x")), []),
    ):
        write_record(files, study, 65, words)
    (tmp_path / "ds7").mkdir()
    forget_others(tmp_path, [first])
    left = {path.stem for path in (tmp_path / "logs").iterdir()}
    assert left == {"ds1_task-go", "ds2_task-go", "ds7"}


def test_a_damaged_record_does_not_prevent_a_run(tmp_path: Path) -> None:
    """It stays; the summary reports it."""
    (tmp_path / "logs").mkdir()
    for name, text in (("a", "{"), ("b", "[]"), ("c", '{"Name": "' + 300 * "y" + '"}'), ("d", '{"Name": 5}')):
        (tmp_path / "logs" / f"{name}.json").write_text(text)
    (tmp_path / "logs" / "e.json").mkdir()
    forget_others(tmp_path, [])
    assert {path.stem for path in (tmp_path / "logs").iterdir()} >= {"a", "b", "e"}
