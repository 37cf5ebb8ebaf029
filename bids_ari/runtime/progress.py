"""Steps of a run: what is done now and how far it is, for a terminal, a log, or the process that waits for this one.

`step` is a block, `track` a sequence of items, `counting` a block that counts its units. A step that took long is
logged at its end. While it lasts, the *watcher* of this process is notified, if there is one: see
`bids_ari.runtime.watchers`. It is notified of steps of its own thread only; computations report from any thread, by
`bids_ari.stats.progress`.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar

from bids_ari.errors import plural_of
from bids_ari.stats.progress import Advance, listening

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Clock = Callable[[], float]

LONG = 2.0
"""Seconds from which a step is logged at its end."""

_RATE_AFTER = 1.0  # seconds: before, there is no rate

_LOCK = threading.Lock()  # of counts: batches end in several threads
_TITLE: ContextVar[str] = ContextVar("title", default="")


class Step:
    """Something that a run does, and how far it is.

    Parameters
    ----------
    what : str
        A noun phrase, such as "reading maps".
    unit : str
        What is counted, in the singular.
    total : int
        Number of units; 0 where nothing is counted.
    n_workers : int
        Number of units that are worked on at the same time.
    clock : callable
        Returns the time in seconds.
    """

    def __init__(
        self, what: str, unit: str = "", total: int = 0, *, n_workers: int = 1, clock: Clock = time.monotonic
    ) -> None:
        self.what, self.unit, self.total, self.n_workers = what, unit, total, n_workers
        self.title = _TITLE.get()
        self.done, self.began, self._clock = 0, clock(), clock
        self._since: float | None = self.began  # from when on units are counted for the rate
        self._before = 0  # units done until then
        self._ends = deque[float](maxlen=n_workers)  # when the last units were done
        self._spent = 0.0  # seconds that finished units took, by their workers

    def begin(self, total: int) -> Advance:
        """Begin to count anew, up to a total; return the function that counts.

        The rate is that after the first batch, which waits for compilation and other preparations.
        """
        with _LOCK:
            self.total, self.done, self._since = total, 0, None
            self._spent, self._before = 0.0, 0
            self._ends.clear()
        return self.advance

    def advance(self, n: int = 1) -> None:
        """Count units that are done, from any thread."""
        now = self._clock()
        with _LOCK:
            self.done += n
            if self._since is None:
                self._since, self._before = now, self.done
            else:
                is_full = len(self._ends) == self.n_workers
                self._spent += now - (self._ends[0] if is_full else self._since)
                self._ends.append(now)
        if _Watching.watcher is not None:
            _Watching.watcher.advanced()

    def summary(self) -> str:
        """Return what was done, and how often."""
        if not self.done or not self.unit:
            return self.what
        return f"{self.what} ({self.done:,} {self.unit if self.done == 1 else plural_of(self.unit)})"

    def seconds(self, now: float) -> float:
        """Return how long the step lasts."""
        return now - self.began

    def seconds_left(self, now: float) -> float | None:
        """Return how long it will last, by the mean duration of the units so far; None before there is a rate.

        Where units take longer than those before, it does not fall below what the units that have not begun will take.
        """
        with _LOCK:
            n_known = self.done - self._before
            if not self.total or self._since is None or n_known < 1 or now - self._since < _RATE_AFTER:
                return None
            each, elapsed = self._spent / n_known / self.n_workers, now - self._since
            waiting = self.total - self.done - self.n_workers
            return max((self.total - self._before) * each - elapsed, waiting * each, 0.0)


class Watcher(Protocol):
    """What is notified of the steps of a thread."""

    thread: int  # its identifier

    def entered(self, each: Step) -> None:
        """Handle a step that begins, within those that have begun."""

    def left(self, each: Step) -> None:
        """Handle a step that ends."""

    def advanced(self) -> None:
        """Handle units that are done; called from any thread."""


class _Watching:
    """The watcher of this process."""

    watcher: Watcher | None = None


@contextmanager
def watched_by(watcher: Watcher) -> Iterator[None]:
    """Notify a watcher of the steps within a block, instead of the current one."""
    before, _Watching.watcher = _Watching.watcher, watcher
    try:
        yield
    finally:
        _Watching.watcher = before


def watch(watcher: Watcher) -> None:
    """Notify a watcher of the steps of this process from now on."""
    _Watching.watcher = watcher


def current_watcher() -> Watcher | None:
    """Return the watcher of this process."""
    return _Watching.watcher


@contextmanager
def titled(title: str) -> Iterator[None]:
    """Begin the log lines of steps within a block with a title: the name of a contrast."""
    token = _TITLE.set(title)
    try:
        yield
    finally:
        _TITLE.reset(token)


@contextmanager
def step(what: str, unit: str = "", *, is_logged: bool = True) -> Iterator[Step]:
    """Run a block as a step; what computations within it report is counted in this unit."""
    with _notified(Step(what, unit), is_logged=is_logged) as each, listening(each.begin):
        yield each


def track(items: Iterable[Item], what: str, unit: str, total: int, *, is_logged: bool = True) -> Iterator[Item]:
    """Yield the items, `total` in number, of a step that counts them."""
    with _notified(Step(what, unit, total), is_logged=is_logged) as each:
        for item in items:
            yield item
            each.advance()  # also where the items are computed when asked for, the next one is not begun yet


@contextmanager
def counting(what: str, unit: str, total: int, n_workers: int = 1, *, is_logged: bool = True) -> Iterator[Step]:
    """Run a block as a step whose units the block counts."""
    with _notified(Step(what, unit, total, n_workers=n_workers), is_logged=is_logged) as each:
        yield each


@contextmanager
def _notified(each: Step, *, is_logged: bool = True) -> Iterator[Step]:
    """Notify the watcher of a step during a block, and log it after."""
    watcher = _Watching.watcher
    if watcher is not None and watcher.thread != threading.get_ident():
        watcher = None
    if watcher is not None:
        watcher.entered(each)
    try:
        yield each
    finally:
        if watcher is not None:
            watcher.left(each)
    if is_logged and (seconds := each.seconds(time.monotonic())) >= LONG:
        log.info("%s%s: %.1f s", f"{each.title}: " if each.title else "", each.summary(), seconds)
