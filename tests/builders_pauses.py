"""Commands that pause at a moment of one's choice, to be signalled or killed there."""

import itertools
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from builders_places import command, surroundings

Pause = tuple[str, int]
"""A function (``module:name``), and the how manieth call of it is to wait."""

LIMIT = 300
"""Seconds after which a job that should go on or end fails its test: many, for the machine may be busy."""

_PAUSE = """
import importlib, itertools, pathlib, time
def pause(where, nth, mark):
    module, _, path = where.partition(":")
    *above, name = path.split(".")
    owner = importlib.import_module(module)
    for each in above:
        owner = getattr(owner, each)
    real, calls, mark = getattr(owner, name), itertools.count(1), pathlib.Path(mark)
    def slow(*args, **more):
        if next(calls) == nth:
            mark.touch()
            while mark.exists():
                time.sleep(0.01)
        return real(*args, **more)
    setattr(owner, name, slow)
"""
_NUMBERS = itertools.count()


class Job:
    """A command that makes `pauses`; `out` is where it writes, and beside it are marks that tell where it is.

    It does something else `first`.
    """

    def __init__(self, words: Sequence[str | Path], out: Path, *pauses: Pause, first: str = "") -> None:
        number = next(_NUMBERS)
        self.marks = [out.with_name(f"{out.name}-mark{number}-{n}") for n in range(len(pauses))]
        slow = [f"pause{(*what, str(mark))!r}\n" for what, mark in zip(pauses, self.marks, strict=True)]
        self.process = subprocess.Popen(
            command(list(words), first=f"{first}\n{_PAUSE}{''.join(slow)}"),
            env=surroundings(),
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, n: int = 0) -> None:
        """Wait until it pauses."""
        end = time.monotonic() + LIMIT
        while not self.marks[n].exists():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < end
            time.sleep(0.01)

    def go_on(self, n: int = 0) -> None:
        """End a pause; a signal that was sent before arrives before."""
        self.marks[n].unlink()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> tuple[int, list[str]]:
        """Wait for its end; give its exit code, and the lines of its log that are neither counts, results nor notes."""
        errors = self.process.communicate(timeout=LIMIT)[1]
        return self.process.returncode, [
            line for line in errors.splitlines() if not line.startswith(("INFO ", "WARNING "))
        ]


@contextmanager
def pausing(words: Sequence[str | Path], out: Path, *pauses: Pause, first: str = "") -> Iterator[Job]:
    """Have a job, which does not outlive the block."""
    started = Job(words, out, *pauses, first=first)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.communicate()
