"""Signals that end a run: Ctrl-C, SIGTERM of a scheduler, SIGHUP of a lost terminal."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from bids_ari.errors import INTERRUPTED, Interrupted

_ENDS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

PATIENCE = 2.0
"""Seconds of the cleanup: a single request may send several signals, one to the process and one to its group."""

_AGAIN = 0.01  # seconds until a signal that Python ignored is sent again


@contextmanager
def interruptible(is_all: bool = False) -> Iterator[None]:
    """Raise KeyboardInterrupt also on SIGTERM, which schedulers and containers send, and when the terminal is lost.

    Further signals are ignored for two seconds, during the cleanup, and then end the process at once, which harms no
    result. Signals that are ignored from outside, as under nohup, stay ignored. Python ignores exceptions in
    destructors and in callbacks, such as those after each import: an interruption there is repeated. If the block is
    all that the process does (`is_all`), no signal changes its exit code during the shutdown of Python.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    first: list[float] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        first.append(time.monotonic())
        if len(first) == 1:
            # Not KeyboardInterrupt itself: after one that passes an `exec`, as in dataclasses, Python ends as killed.
            raise Interrupted
        if first[-1] - first[0] > PATIENCE:
            os._exit(INTERRUPTED)

    def repeat(ignored: "sys.UnraisableHookArgs") -> None:
        if not isinstance(ignored.exc_value, Interrupted):
            report(ignored)
            return
        first.clear()
        threading.Timer(_AGAIN, signal.pthread_kill, (threading.main_thread().ident, handled[0])).start()

    handled = [each for each in _ENDS if signal.getsignal(each) not in (signal.SIG_IGN, None)]
    before = {each: signal.signal(each, interrupt) for each in handled}
    report, sys.unraisablehook = sys.unraisablehook, repeat
    try:
        yield
    finally:
        sys.unraisablehook = report
        for each, handler in before.items():
            signal.signal(each, signal.SIG_IGN if is_all else handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Delay signals that end a run until a block of some milliseconds is done."""
    waiting: list[int] = []
    before = {}
    if threading.current_thread() is threading.main_thread():
        ends = [each for each in _ENDS if callable(signal.getsignal(each))]
        before = {each: signal.signal(each, lambda number, _: waiting.append(number)) for each in ends}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        if waiting:
            signal.raise_signal(waiting[0])
