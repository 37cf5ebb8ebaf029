"""Exit codes of errors, signals, standard streams, the log, and progress on a terminal."""

import argparse
import errno
import io
import logging
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders import write_group

from bids_ari import errors
from bids_ari.cli import main as cli
from bids_ari.cli.demo import main as demo
from bids_ari.cli.mask import main as mask
from bids_ari.cli.runner import ISSUES_URL, answer, set_up_log, set_up_streams
from bids_ari.cli.templates import main as templates
from bids_ari.errors import BidsAriError, Interrupted, UsageError
from bids_ari.runtime import signals, watchers
from bids_ari.runtime.signals import interruptible

KINDS = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, BidsAriError)]


@pytest.fixture(autouse=True)
def reset_log() -> Iterator[None]:
    """Reset the log after each test."""
    yield
    set_up_log(0)
    logging.getLogger().setLevel(logging.WARNING)


def code_of(what: BaseException | int) -> int:
    """Return the exit code of a command that returns a code, or raises an error."""

    def work(arguments: argparse.Namespace) -> int:
        if isinstance(what, BaseException):
            raise what
        return what

    return answer(lambda words: argparse.Namespace(verbose=0, list=True), [], work)


class TestExitCodes:
    def test_of_the_command(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert (code_of(0), code_of(65)) == (0, 65)
        assert capsys.readouterr() == ("", "")

    @pytest.mark.parametrize("kind", KINDS)
    def test_of_each_class_of_errors(self, kind: type[BidsAriError], capsys: pytest.CaptureFixture[str]) -> None:
        assert code_of(kind("found", "expected", "hint")) == kind.exit_code
        assert capsys.readouterr() == ("", "ERROR found; expected expected. hint\n")

    # sysexits.h, but for 130 and 141: 128 + the number of the signal
    @pytest.mark.parametrize(
        ("error", "code", "message"),
        [
            (PermissionError(errno.EACCES, "Permission denied", "/a"), os.EX_IOERR, "/a: Permission denied"),
            (OSError(errno.ENOSPC, "No space left", "/a"), os.EX_CANTCREAT, "/a: No space left"),
            (OSError(errno.EROFS, "Read-only file system", "/a"), os.EX_CANTCREAT, "/a: Read-only file system"),
            (
                OSError(errno.ENOSPC, "No space left"),
                os.EX_CANTCREAT,
                "Standard output or a file of a library cannot be written: No space left",
            ),
            (MemoryError(), os.EX_DATAERR, "There is not enough memory. .*--mask"),
            (MemoryError("Unable to allocate 7 GiB"), os.EX_DATAERR, "not enough memory: Unable to allocate 7 GiB. "),
            (KeyboardInterrupt(), 128 + signal.SIGINT, "interrupted: run the same command again$"),
            (Interrupted("7 of 9 are kept"), 128 + signal.SIGINT, "interrupted: 7 of 9 are kept$"),
        ],
        ids=repr,
    )
    def test_of_other_exceptions(
        self, error: BaseException, code: int, message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert code_of(error) == code
        err = capsys.readouterr().err
        assert re.search(message, err)
        assert err.startswith("ERROR ")
        assert err.count("\n") == 1

    def test_of_a_closed_pipe(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert code_of(BrokenPipeError(errno.EPIPE, "Broken pipe")) == 128 + signal.SIGPIPE
        assert capsys.readouterr() == ("", "")

    @pytest.mark.parametrize("error", [ValueError("odd"), OSError("odd"), KeyError("odd")], ids=repr)
    def test_an_unexpected_exception_is_a_bug(self, error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
        assert code_of(error) == 1
        err = capsys.readouterr().err
        assert ISSUES_URL in err
        assert "Traceback" in err
        assert "odd" in err

    def test_of_an_unknown_flag(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["in", "out", "group", "--nonsense"]) == 64
        assert capsys.readouterr().err == "ERROR unrecognized arguments: --nonsense. See bids-ari --help\n"

    @pytest.mark.parametrize(("words", "meant"), [("--smooting 8", "--smoothing"), ("--task=rest", "--task-id")])
    def test_of_a_flag_with_a_typing_error(self, words: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["in", "out", "group", *words.split()]) == 64
        hint = f"Did you mean {meant}? See bids-ari --help"
        assert capsys.readouterr().err == f"ERROR unrecognized arguments: {words}. {hint}\n"

    @pytest.mark.parametrize("word", ["--help", "--version"])
    def test_of_help_and_version(self, word: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main([word]) == 0
        assert capsys.readouterr().out.count("bids") >= 1


class TestSignals:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_the_first_interrupts_and_later_ones_are_ignored_during_cleanup(
        self, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(signals, "PATIENCE", 600.0)  # a busy machine may pause here
        before = signal.getsignal(number)
        with interruptible():
            assert signal.getsignal(number) is not before
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(number)
            try:
                signal.raise_signal(number)
                signal.raise_signal(signal.SIGTERM)
            except KeyboardInterrupt:
                pytest.fail("interrupted during cleanup")

    def test_one_after_two_seconds_ends_the_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        codes: list[int] = []
        monkeypatch.setattr(os, "_exit", codes.append)
        clock = iter([100.0, 101.9, 102.1])
        monkeypatch.setattr(signals.time, "monotonic", lambda: next(clock))
        with interruptible():
            with suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)
            assert codes == []
            signal.raise_signal(signal.SIGTERM)
        assert codes == [130]

    def test_one_that_python_ignores_is_repeated(self) -> None:
        """An exception in a destructor or in a callback is reported and ignored."""

        class Signalled:
            def __del__(self) -> None:
                signal.raise_signal(signal.SIGTERM)

        def work() -> None:
            Signalled()
            time.sleep(30)

        before = sys.unraisablehook
        with interruptible(), pytest.raises(KeyboardInterrupt):
            work()
        assert sys.unraisablehook is before

    def test_other_exceptions_that_python_ignores_are_reported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Damaged:
            def __del__(self) -> None:
                raise ZeroDivisionError

        reported: list[object] = []
        monkeypatch.setattr(sys, "unraisablehook", lambda ignored: reported.append(ignored.exc_type))
        with interruptible():
            Damaged()
        assert reported == [ZeroDivisionError]

    def test_earlier_handlers_are_restored(self) -> None:
        def handler(number: int, frame: object) -> None: ...

        before = signal.signal(signal.SIGTERM, handler)
        try:
            with interruptible():
                assert signal.getsignal(signal.SIGTERM) is not handler
            assert signal.getsignal(signal.SIGTERM) is handler
        finally:
            signal.signal(signal.SIGTERM, before)

    def test_ignored_signals_stay_ignored(self) -> None:
        """As under nohup."""
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            with interruptible():
                assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        finally:
            signal.signal(signal.SIGHUP, before)

    def test_signals_after_the_work_of_the_process_are_ignored(self) -> None:
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            with interruptible(is_all=True):
                pass
            assert [signal.getsignal(number) for number in before] == [signal.SIG_IGN] * 3
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def test_other_threads_change_no_handlers(self) -> None:
        """Python allows handlers in the main thread only."""
        codes: list[int] = []
        thread = threading.Thread(target=lambda: codes.append(code_of(7)))
        thread.start()
        thread.join()
        assert codes == [7]


class TestStreams:
    def test_closed_streams_are_replaced_by_the_null_device(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("stdin", "stdout", "stderr"):
            monkeypatch.setattr(sys, name, None)
        set_up_streams()
        sys.stdout.write("discarded")
        sys.stderr.write("discarded")
        assert sys.stdin.read() == ""
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            stream.close()

    def test_stdout_accepts_any_text(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        monkeypatch.setattr(sys, "stdout", stream)
        set_up_streams()
        stream.write("größe \udcff")
        stream.flush()
        assert stream.buffer.getvalue() == b"gr\\xf6\\xdfe \\udcff"  # type: ignore[attr-defined]

    def test_a_closed_stderr_does_not_change_the_exit_code(self, monkeypatch: pytest.MonkeyPatch) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        with open(writing, "w", buffering=1) as stream:  # noqa: PTH123 - a file descriptor
            monkeypatch.setattr(sys, "stderr", stream)
            assert code_of(UsageError("found")) == 64
            monkeypatch.undo()

    def test_a_full_disk_under_stdout_is_an_error(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with Path("/dev/full").open("w") as stream:
            monkeypatch.setattr(sys, "stdout", stream)
            assert cli.main(["--version"]) == 73
            assert capsys.readouterr().err == "ERROR stdout: No space left on device\n"


class TestLog:
    def test_each_line_is_logged_once_after_several_commands(self, capsys: pytest.CaptureFixture[str]) -> None:
        for verbose in (0, 2, 1, 2):
            set_up_log(verbose)
            logging.getLogger("bids_ari.x").info("word")
            assert capsys.readouterr().err.count("word") == 1

    @pytest.mark.parametrize(("verbose", "package", "libraries"), [(0, "i", ""), (1, "di", ""), (2, "di", "i")])
    def test_levels(self, verbose: int, package: str, libraries: str, capsys: pytest.CaptureFixture[str]) -> None:
        """Libraries are logged at level INFO at most."""
        set_up_log(verbose)
        for name in ("bids_ari.x", "library"):
            logging.getLogger(name).debug("d %s", name)
            logging.getLogger(name).info("i %s", name)
        logged = capsys.readouterr().err.splitlines()
        assert [line.split()[-2] for line in logged if line.endswith("bids_ari.x")] == list(package)
        assert [line.split()[-2] for line in logged if line.endswith("library")] == list(libraries)

    def test_nibabel_is_silent_unless_libraries_are_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        """It repairs a wrong size of the header."""
        content = bytes(4) + bytes(nib.Nifti1Header().binaryblock)[4:]
        for verbose, n_lines in ((0, 0), (1, 0), (2, 1)):
            set_up_log(verbose)
            caplog.clear()
            nib.Nifti1Header(content, endianness="<")
            assert len(caplog.records) == n_lines

    def test_a_run_logs_one_line_per_result(
        self, group_dir: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_group(group_dir, 8, rng, contrast="houses")
        words = [str(group_dir), str(group_dir.parent / "out"), "group", "--threshold", "3", "--tdp"]
        assert cli.main(words) == 0
        name = "INFO task-emo_space-MNI152NLin2009cAsym_contrast-"
        starts = ["INFO 2 contrasts: ", f"{name}faces (mean, greater): ", f"{name}houses (mean, greater): "]
        logged = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("WARNING")]
        assert len(logged) == 4
        assert all(line.startswith(start) for line, start in zip(logged, [*starts, "INFO Reports: "], strict=True))

    def test_verbose_run(self, group_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
        words = [str(group_dir), str(group_dir.parent / "out"), "group", "--threshold", "3", "--tdp", "-v"]
        assert cli.main(words) == 0
        assert re.search(r"^DEBUG .*contrast-faces took [0-9.]+ s$", capsys.readouterr().err, re.MULTILINE)


class Terminal:
    """The contents of a terminal, and all that was written to it."""

    def __init__(self, written: str) -> None:
        self.written = written
        self.rows: list[str] = [""]
        row = column = 0
        for sign in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|.", written, re.DOTALL):
            if sign == "\n":
                row, column = row + 1, 0
                self.rows += [""] * (row >= len(self.rows))
            elif sign == "\r":
                column = 0
            elif sign == "\x1b[A":
                row -= 1
            else:
                assert not sign.startswith("\x1b"), f"unexpected {sign!r}"
                line = self.rows[row].ljust(column)
                self.rows[row] = line[:column] + sign + line[column + 1 :]
                column += 1

    @property
    def lines(self) -> list[str]:
        """Return the lines that are not empty."""
        return [row.rstrip() for row in self.rows if row.strip()]


def on_terminal(work: Callable[[], int]) -> Terminal:
    """Call a function with a terminal as stderr."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    termios.tcsetwinsize(slave, (24, 300))
    pieces: list[bytes] = []

    def read() -> None:
        with suppress(OSError):  # the other end was closed
            while piece := os.read(master, 65536):
                pieces.append(piece)

    reader = threading.Thread(target=read)
    reader.start()
    with open(slave, "w", encoding="utf-8") as stream, pytest.MonkeyPatch.context() as patch:  # noqa: PTH123
        patch.setattr(sys, "stderr", stream)
        assert work() == 0
    reader.join()
    os.close(master)
    return Terminal(b"".join(pieces).decode())


class TestProgress:
    @pytest.fixture
    def words(self, group_dir: Path, rng: np.random.Generator) -> Sequence[str]:
        write_group(group_dir, 8, rng, contrast="houses")
        return [str(group_dir), str(group_dir.parent / "out"), "group", "--threshold", "3", "--tdp"]

    def test_on_a_terminal_they_are_shown_and_removed_and_break_no_line(
        self, words: Sequence[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(watchers, "BRIEF", 0.0)
        monkeypatch.setattr(watchers, "TICK", 0.001)
        assert cli.main(words) == 0
        quiet = capsys.readouterr().err.splitlines()
        shown = on_terminal(lambda: cli.main([*words, "--rerun"]))
        assert "analysing contrasts  " in shown.written
        assert " of 2 (" in shown.written
        assert "\x1b" not in shown.written
        assert [line for line in shown.lines if "replaces" not in line] == quiet

    @pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("NO_COLOR", "1")])
    def test_where_plain_output_is_wanted_there_are_none(
        self, name: str, value: str, words: Sequence[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(name, value)
        shown = on_terminal(lambda: cli.main(words))
        assert "\r" not in shown.written
        assert shown.lines[-1].startswith("INFO Reports: ")

    def test_quiet_commands_write_errors_only(self, words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
        shown = on_terminal(lambda: cli.main([*words, "--quiet"]))
        assert shown.written == ""
        (log,) = (Path(words[1]) / "logs").glob("2*/log.txt")
        assert "INFO 2 contrasts: " in log.read_text()
        assert cli.main(["in", "out", "group", "-q"]) == 66
        assert re.fullmatch("ERROR .*\n", capsys.readouterr().err)

    def test_quiet_and_verbose_exclude_each_other(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["in", "out", "group", "-q", "-v"]) == 64
        assert "not allowed with" in capsys.readouterr().err

    def test_without_a_terminal_there_are_none(self, words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(words) == 0
        logged = capsys.readouterr()
        assert logged.out == ""
        assert re.findall(r"[^\n\x20-\x7e]", logged.err) == []


@pytest.mark.parametrize("threads", ["2", "0", "-1"])
def test_the_number_of_threads_is_reset_after_the_command(
    threads: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value that is not accepted is not passed to the libraries."""
    from bids_ari.cli.main import main

    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    code = main([str(tmp_path / "none"), str(tmp_path / "out"), "group", "--omp-nthreads", threads])
    assert code == (66 if threads == "2" else 64)
    assert os.environ["NUMBA_NUM_THREADS"] == "1"


def test_the_current_folder_was_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for main, words in ((mask, ["in", "mask.nii.gz"]), (templates, ["folder", "fsLR"]), (demo, ["out"])):
        assert main(words) == 64
        assert "cannot be resolved" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit address space")
def test_too_little_address_space_for_libraries(tmp_path: Path) -> None:
    """With 300 MB, OpenBLAS waits for ever when it is loaded."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (300 * 2**20,) * 2)"
    start = f"{limit}; import sys; from bids_ari.cli.mask import main; sys.exit(main(['{tmp_path}', 'mask.nii.gz']))"
    done = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, timeout=60)
    assert done.returncode == 65
    assert "limited to 300 MB (ulimit -v); expected at least 2 GB" in done.stderr
