"""What ends a run from outside: Ctrl-C, a scheduler's SIGTERM, a lost terminal."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from bids_ari.errors import INTERRUPTED

_ENDS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

_PATIENCE = 2.0  # seconds: who signals once may send several, one to the process and one to its group


@contextmanager
def interruptible(is_all: bool = False) -> Iterator[None]:
    """Let SIGTERM, which schedulers and containers send, and a lost terminal clean up as Ctrl-C does.

    The first signal ends the work; another one while that cleans up is ignored at first, then ends all at once, which
    harms no result. What is ignored from outside, as under nohup, stays so. Where the block `is_all` that the process
    does, no signal changes its exit code afterwards, while Python puts things away.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    first: list[float] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        first.append(time.monotonic())
        if len(first) == 1:
            raise KeyboardInterrupt
        if first[-1] - first[0] > _PATIENCE:
            os._exit(INTERRUPTED)

    heard = [each for each in _ENDS if signal.getsignal(each) not in (signal.SIG_IGN, None)]
    before = {each: signal.signal(each, interrupt) for each in heard}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, signal.SIG_IGN if is_all else handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C, and what else ends a run, wait until a block of some milliseconds is done."""
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
