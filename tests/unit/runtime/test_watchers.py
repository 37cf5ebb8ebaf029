"""The line on a terminal, lines in a log, and what worker processes do."""

import io
import logging
import re
import sys
import time
from collections.abc import Iterator
from functools import partial
from multiprocessing import Pipe
from pathlib import Path

import pytest

from bids_ari.runtime.executors import map_contrasts, open_pool
from bids_ari.runtime.progress import Step, step, track, watched_by
from bids_ari.runtime.watchers import (
    EVERY,
    Display,
    LogLines,
    Sender,
    TerminalLine,
    beside_progress,
    is_rewritable,
    show_progress,
)


class Terminal(io.StringIO):
    """A terminal that keeps all that was written to it."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture
def line(terminal: Terminal, clock: Clock) -> Iterator[TerminalLine]:
    """A line that is rewritten by `tick` only."""
    display = TerminalLine(terminal, clock)
    display.close()
    with watched_by(display):
        yield display


class TestTerminalLine:
    def test_it_is_rewritten_and_erased(self, line: TerminalLine, terminal: Terminal, clock: Clock) -> None:
        each = Step("reading", clock=clock)
        line.entered(each)
        clock.now += 12
        line.tick()
        each.what = "r"
        line.tick()
        line.left(each)
        assert terminal.getvalue() == "\rreading: 12 s so far\r" + "\rr: 12 s so far      \r" + f"\r{' ' * 16}\r"

    def test_brief_steps_are_not_shown(self, line: TerminalLine, terminal: Terminal, clock: Clock) -> None:
        line.entered(Step("reading", clock=clock))
        clock.now += 0.1
        line.tick()
        assert terminal.getvalue() == ""

    def test_nothing_is_written_beside_it(self, line: TerminalLine, terminal: Terminal, clock: Clock) -> None:
        line.entered(Step("reading", clock=clock))
        clock.now += 2
        line.tick()
        with beside_progress():
            terminal.write("INFO word\n")
        erased, _, rest = terminal.getvalue().rpartition("\r")
        assert rest == "INFO word\n"
        assert erased.endswith(" " * len("reading: 2 s so far"))

    def test_a_closed_stream_is_no_error(self, line: TerminalLine, terminal: Terminal, clock: Clock) -> None:
        line.entered(Step("reading", clock=clock))
        clock.now += 2
        terminal.close()
        line.tick()

    def test_a_thread_rewrites_it(self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stderr", terminal)
        with show_progress(), step("waiting"):
            end = time.monotonic() + 60
            while "waiting" not in terminal.getvalue() and time.monotonic() < end:
                time.sleep(0.05)
        assert re.match(r"\rwaiting: \d+ s so far\r", terminal.getvalue())
        assert terminal.getvalue().endswith(" \r")


class TestLogLines:
    def test_of_a_long_step(self, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
        lines = LogLines(clock)
        lines.close()
        with caplog.at_level(logging.INFO, logger="bids_ari"):
            lines.entered(Step("reading", "map", 7, clock=clock))
            for _ in range(10):
                clock.now += EVERY / 4
                lines.tick()
        assert [record.getMessage() for record in caplog.records] == [
            f"reading: 0 of 7 (0%), {seconds} s so far" for seconds in (30, 60)
        ]

    def test_not_of_brief_ones(self, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
        lines = LogLines(clock)
        lines.close()
        with caplog.at_level(logging.INFO, logger="bids_ari"):
            for _ in range(20):
                each = Step("reading", clock=clock)
                lines.entered(each)
                clock.now += EVERY / 2
                lines.tick()
                lines.left(each)
        assert caplog.records == []


class TestStreams:
    def test_terminals(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("TERM", "NO_COLOR"):
            monkeypatch.delenv(name, raising=False)
        assert is_rewritable(Terminal())
        assert not is_rewritable(io.StringIO())
        assert not is_rewritable(None)
        closed = io.StringIO()
        closed.close()
        assert not is_rewritable(closed)

    @pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("NO_COLOR", "1")])
    def test_plain_output(self, name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(name, value)
        assert not is_rewritable(Terminal())


def shown(folder: Path, item: int) -> int:
    """Analyse a contrast, of which no step is done before the display showed two workers, later two contrasts."""
    for _ in track(range(3), "permutations", "permutation", 3):
        end = time.monotonic() + 60
        while not (folder / ("workers" if item < 2 else "contrasts")).exists():
            assert time.monotonic() < end
            time.sleep(0.01)
    return item


class TestWorkers:
    def test_what_they_do_is_shown(self, tmp_path: Path) -> None:
        """Two workers at once, each with its own step."""
        lines: list[str] = []

        class Remembering(Display):
            def show(self, steps: list[Step], running: list[Step], now: float) -> None:
                lines.append(f"{steps[-1].done} {[(each.what, each.total) for each in running]}")
                if len(running) == 2:
                    (tmp_path / "workers").touch()
                if steps[-1].done == 2:
                    (tmp_path / "contrasts").touch()

        display = Remembering()
        with watched_by(display), open_pool(2) as pool:
            assert list(map_contrasts(pool, partial(shown, tmp_path), range(4), "contrasts")) == [0, 1, 2, 3]
        display.close()
        assert "0 [('permutations', 3), ('permutations', 3)]" in lines
        assert any(line.startswith("2 ") for line in lines)

    def test_messages_that_do_not_fit_are_dropped(self) -> None:
        """The pipe holds some hundred messages; sending more does not wait until they are read."""
        receiving, sending = Pipe(duplex=False)
        sender = Sender(sending)
        for _ in range(2000):
            each = Step("reading maps", "map", 30)
            sender.entered(each)
            sender.left(each)
        n_read = 0
        while receiving.poll():
            receiving.recv_bytes()
            n_read += 1
        assert 0 < n_read < 2000
