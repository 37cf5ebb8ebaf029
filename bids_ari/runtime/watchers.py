"""Watchers of the steps of a run: a line of the terminal, lines of a log, and messages of a worker process.

The line is rewritten by a thread a few times a second, so that a step costs nothing to show and a long batch is seen to
last. It consists of plain characters and carriage returns, and is erased before anything else is written. tqdm and rich
are not used: one line shows a contrast, its step and what workers do, and the same steps are logged; neither has to be
imported.
"""

import logging
import os
import pickle
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from operator import itemgetter
from typing import Any, TextIO

from bids_ari.runtime.progress import Clock, Step, current_watcher, watched_by
from bids_ari.runtime.progress_text import log_line, terminal_line

log = logging.getLogger(__name__)

TICK = 0.2
"""Seconds between two lines on a terminal."""

EVERY = 30.0
"""Seconds between two lines of a long step in a log."""

BRIEF = 0.5
"""Seconds of steps that are not shown."""

_COLUMNS = 80  # of a terminal that does not tell its width
_MOST_BYTES = 4096  # that are written to a pipe at once (POSIX), so that messages of workers do not mix


class Display:
    """The steps of a thread and of its worker processes, shown by another thread.

    Parameters
    ----------
    clock : callable
        Returns the time in seconds; that of `time.monotonic` agrees with the one of workers.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self.thread, self.clock = threading.get_ident(), clock
        self._steps: list[Step] = []
        self._running: dict[int, Step] = {}  # the last known of each worker process, by its number, the latest last
        self._workers: list[Connection] = []
        self._ended = threading.Event()
        self._shower: threading.Thread | None = None

    def entered(self, each: Step) -> None:
        """Show a step; the first one starts the thread that does it."""
        self._steps.append(each)
        if self._shower is None:
            self._shower = threading.Thread(target=self._show, daemon=True)
            self._shower.start()

    def left(self, each: Step) -> None:
        """Show a step no longer."""
        self._steps.remove(each)

    def advanced(self) -> None:
        """Do nothing: what is done is seen at the next tick."""

    @contextmanager
    def workers(self) -> Iterator[Connection]:
        """Show what worker processes do that are given this end of a pipe."""
        from multiprocessing import Pipe

        receiving, sending = Pipe(duplex=False)
        self._workers.append(receiving)
        try:
            yield sending
        finally:
            self._workers.remove(receiving)
            self._running.clear()
            sending.close()

    def tick(self) -> None:
        """Show the steps as they are now."""
        for connection in [*self._workers]:
            self._receive(connection)
        now, steps = self.clock(), [*self._steps]
        if steps:
            n = min(steps[-1].n_workers, steps[-1].total - steps[-1].done)
            latest = sorted([*self._running.items()][::-1][:n], key=itemgetter(0))
            self.show(steps, [each for _, each in latest], now)

    def show(self, steps: list[Step], running: list[Step], now: float) -> None:
        """Show steps."""
        raise NotImplementedError

    def close(self) -> None:
        """End the thread."""
        self._ended.set()
        if self._shower is not None:
            self._shower.join()

    def _show(self) -> None:
        while not self._ended.wait(TICK):
            self.tick()

    def _receive(self, connection: Connection) -> None:
        """Read what workers sent."""
        with suppress(OSError, EOFError):
            while connection.poll():
                worker, each = pickle.loads(connection.recv_bytes())
                self._running.pop(worker, None)
                self._running[worker] = each


class TerminalLine(Display):
    """The last line of a terminal."""

    def __init__(self, stream: TextIO, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self._stream, self._lock, self._shown = stream, threading.RLock(), 0  # the columns that are not blank
        self._has_blocks = (stream.encoding or "").lower().startswith("utf")

    def show(self, steps: list[Step], running: list[Step], now: float) -> None:
        """Rewrite the line; brief steps are not shown."""
        if steps[-1].seconds(now) < BRIEF:
            return
        line = terminal_line(steps, running, now, self._width(), has_blocks=self._has_blocks)
        with self._lock:
            if not self._steps:  # the last one ended meanwhile
                return
            self._write(f"\r{line.ljust(min(self._shown, self._width() - 1))}\r")
            self._shown = len(line)

    def left(self, each: Step) -> None:
        """Erase the line after the outermost step."""
        super().left(each)
        if not self._steps:
            with self.erased():
                pass

    @contextmanager
    def erased(self) -> Iterator[None]:
        """Erase the line while something else is written."""
        with self._lock:
            if self._shown:
                blanks = min(self._shown + len("^C"), self._width() - 1)  # which the terminal writes at Ctrl-C
                self._write(f"\r{' ' * blanks}\r")
                self._shown = 0
            yield

    def close(self) -> None:
        """End the thread and erase the line."""
        super().close()
        with self.erased():
            pass

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # a run goes on after its stderr was closed
            self._stream.write(text)
            self._stream.flush()

    def _width(self) -> int:
        with suppress(OSError, ValueError):
            return os.get_terminal_size(self._stream.fileno()).columns or _COLUMNS
        return _COLUMNS


class LogLines(Display):
    """Lines of a log: of a step that lasts long, one now and then."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self._last = clock()

    def entered(self, each: Step) -> None:
        """Begin to wait for the next line, at a step that is in no other."""
        if not self._steps:
            self._last = self.clock()
        super().entered(each)

    def show(self, steps: list[Step], running: list[Step], now: float) -> None:
        """Log a line if the last one, and the beginning of the step, were long ago."""
        if now - max(self._last, steps[-1].began) >= EVERY:
            self._last = now
            log.info("%s", log_line(steps, running, now))


class Sender:
    """The steps of a worker process, sent to the process that waits for it.

    Sending does not block: a message that does not fit into the pipe is dropped.
    """

    def __init__(self, connection: Connection) -> None:
        self.thread, self._connection = threading.get_ident(), connection
        self._steps: list[Step] = []
        self._sent = 0.0
        with suppress(OSError):
            os.set_blocking(connection.fileno(), False)

    def entered(self, each: Step) -> None:
        """Send a step that begins."""
        self._steps.append(each)
        self._send()

    def left(self, each: Step) -> None:
        """Send the step around it, if there is one."""
        self._steps.remove(each)
        if self._steps:
            self._send()

    def advanced(self) -> None:
        """Send how far the step is, if the last time was some time ago."""
        if self._steps and time.monotonic() - self._sent >= TICK:
            self._send()

    def _send(self) -> None:
        message = pickle.dumps((os.getpid(), self._steps[-1]))
        if len(message) < _MOST_BYTES - 64:
            with suppress(OSError):
                self._connection.send_bytes(message)
        self._sent = time.monotonic()


def is_rewritable(stream: Any) -> bool:
    """Return whether a line of this stream can be rewritten: it is a terminal, and nothing asks for plain output.

    The output of a cell of a Jupyter notebook can be, too.
    """
    if type(stream).__module__.startswith("ipykernel."):
        return True
    is_plain = os.environ.get("TERM") == "dumb" or bool(os.environ.get("NO_COLOR"))
    try:
        return stream is not None and not is_plain and bool(stream.isatty())
    except ValueError:  # closed
        return False


@contextmanager
def show_progress() -> Iterator[None]:
    """Show what a block does and how far it is, on one line of a terminal or of the output of a notebook.

    Elsewhere, long steps are logged every 30 seconds. Everywhere, steps of two seconds or more are logged at their end,
    by the logger ``bids_ari`` of level INFO. Without this block, nothing is shown.

    Examples
    --------
    >>> with show_progress():
    ...     pass  # such as bids_ari.analyse(contrast)
    """
    display = TerminalLine(sys.stderr) if is_rewritable(sys.stderr) else LogLines()
    with watched_by(display):
        try:
            yield
        finally:
            display.close()


@contextmanager
def beside_progress() -> Iterator[None]:
    """Write something else to the terminal within a block: the line of steps is erased before."""
    watcher = current_watcher()
    if isinstance(watcher, TerminalLine):
        with watcher.erased():
            yield
    else:
        yield
