"""Parallel work: threads within a process, and contrasts in processes of this machine or on a Dask cluster.

All of it goes through `concurrent.futures`. A contrast is analysed by one call of a function that can be pickled; the
results, and the lines of the log, come back in the order of the contrasts, whatever the number of workers.
"""

import logging
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from functools import partial
from multiprocessing import forkserver, resource_tracker
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any, Generic, Protocol, TypeVar

from bids_ari.errors import Interrupted, TemporaryError
from bids_ari.runtime.progress import counting, current_watcher
from bids_ari.runtime.watchers import Display
from bids_ari.runtime.workers import THIS_PROCESS, call_logged, start_worker

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)

PRELOADED = "bids_ari.preloaded"
"""The module that imports what the analysis of contrasts needs."""

_HAS_SERVER = "forkserver" in multiprocessing.get_all_start_methods()

MOST_ATTEMPTS = 3  # an item whose worker process ends unexpectedly this often is given up

_NAP = 1.0  # seconds; a signal that arrives just before the main thread sleeps does not wake it, see `as_done`


def run_parallel(function: Callable[[Item], Result], items: Iterable[Item], n_threads: int = 1) -> Iterator[Result]:
    """Call a function with each item in threads; yield the results in the order of the items.

    Only a few items are worked on or finished at a time, so memory does not grow with their number. An exception, also
    Ctrl-C, ends it as soon as the calls that are running have returned.
    """
    if n_threads <= 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(n_threads) as pool:
        yield from in_order(lambda item: pool.submit(function, item), items, 2 * n_threads)


@contextmanager
def begun(call: Callable[[], Result], n_threads: int = 1) -> Iterator[Callable[[], Result]]:
    """Begin a call in another thread, beside what a block does; yield a function that waits for its result.

    The block ends when the call has returned. With one thread, the function makes the call.
    """
    if n_threads <= 1:
        yield call
        return
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(call).result


def as_done(futures: Iterable[Future[Result]]) -> Iterator[Future[Result]]:
    """Yield futures as they are done, and let signals be handled meanwhile.

    Python only notes a signal, and handles it when the main thread goes on. If the signal arrives just before that
    thread begins to wait, or in another thread, the wait is not interrupted. So each wait is short.
    """
    waiting = set(futures)
    while waiting:
        done, waiting = wait(waiting, _NAP, FIRST_COMPLETED)
        yield from done


Done = Callable[[], object]


class Promise(Protocol[Result_co]):
    """A future result, as of an executor."""

    def result(self) -> Result_co:
        """Wait for the result and return it; raise the exception of the call instead."""

    def cancel(self) -> object:
        """Cancel the call if it has not begun."""


def in_order(submit: Callable[[Item], Promise[Result]], items: Iterable[Item], n_ahead: int) -> Iterator[Result]:
    """Submit items, at most `n_ahead` before the first result is there; yield the results in the order of the items.

    At the end, also by an exception, calls that have not begun are cancelled.
    """
    waiting: deque[Promise[Result]] = deque()
    try:
        for item in items:
            waiting.append(submit(item))
            if len(waiting) >= n_ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for promise in waiting:
            promise.cancel()


class Pool(Protocol):
    """Workers that call a function with each item."""

    n_workers: int

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item], done: Done | None = None, /
    ) -> Iterator[Result | TemporaryError]:
        """Yield the result for each item, in order; an error for one whose workers ended unexpectedly.

        `done` is called after each item, from any thread.
        """


class ThisProcess:
    """A pool without workers."""

    n_workers = 1

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item], done: Done | None = None, /
    ) -> Iterator[Result | TemporaryError]:
        """Call the function here."""
        for item in items:
            yield function(item)
            if done is not None:
                done()


def map_contrasts(
    workers: Pool, function: Callable[[Item], Result], items: Sequence[Item], what: str, unit: str = "contrast"
) -> Iterator[Result | TemporaryError]:
    """Call a function with each contrast in workers, as one step; yield the results in order.

    An interruption is an `Interrupted`, whose argument is the number of contrasts that are done.
    """
    with counting(what, unit, len(items), min(workers.n_workers, len(items)), is_logged=False) as each:
        try:
            yield from workers.map(function, items, each.advance)
        except KeyboardInterrupt as error:
            raise Interrupted(each.done) from error


def start_server(preload: Sequence[str]) -> None:
    """Start the process that workers are forked from, unless it runs; it imports modules while this process goes on.

    It does not receive the signals of a terminal, and ends with this process.
    """
    if not _HAS_SERVER:
        return
    forkserver.set_forkserver_preload([*preload])
    resource_tracker.ensure_running()  # the server's start would start it, and allow the signals again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGHUP))
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def open_pool(n_processes: int, preload: Sequence[str] = ()) -> Iterator[Pool]:
    """Open a pool of processes on this machine; a single one is this process itself.

    The modules of `preload` are imported once, before workers are forked from the process that has them.
    """
    if n_processes == 1:
        yield ThisProcess()
        return
    start_server(preload)
    recorder: Any = _Recorder(multiprocessing.get_context("forkserver" if _HAS_SERVER else "spawn"))
    watcher = current_watcher()
    with watcher.workers() if isinstance(watcher, Display) else nullcontext() as connection:
        make = partial(ProcessPoolExecutor, n_processes, recorder, start_worker, (dict(os.environ), connection))
        yield from _opened(WorkerPool(make, n_processes, n_ahead=4 * n_processes), recorder)


def _opened(pool: "WorkerPool", recorder: Any) -> Iterator[Pool]:
    """Yield a pool, and end its processes."""
    try:
        yield pool
    except BaseException:
        for process in recorder.running():
            process.terminate()  # it ends its call, see `start_worker`
        raise
    finally:
        try:
            pool.close()
        finally:
            for process in recorder.running():  # lost by an executor that broke, or was interrupted, starting it
                process.kill()
                process.join()


class _Recorder:
    """A context of multiprocessing that remembers the processes it makes."""

    def __init__(self, context: Any) -> None:
        self._context, self._processes = context, list[BaseProcess]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def Process(self, *args: Any, **kwargs: Any) -> BaseProcess:
        self._processes.append(self._context.Process(*args, **kwargs))
        return self._processes[-1]

    def running(self) -> list[BaseProcess]:
        """Return the processes that run."""
        return [process for process in self._processes if process.is_alive()]


class WorkerPool:
    """Workers of an executor, which is replaced when it breaks; at least `n_ahead` items are submitted in advance.

    While a result is awaited, `check` is called each second: it raises an exception if no result will come any more.
    """

    def __init__(
        self, make: Callable[[], Executor], n_workers: int, n_ahead: int, check: Callable[[], None] | None = None
    ) -> None:
        self.n_workers = n_workers
        self._make, self._n_ahead, self._check = make, n_ahead, check
        self._executor: Executor | None = None

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item], done: Done | None = None, /
    ) -> Iterator[Result | TemporaryError]:
        """Call the function in workers; repeat a call whose worker ended unexpectedly."""
        call = partial(call_logged, THIS_PROCESS, logging.getLogger("bids_ari").getEffectiveLevel(), function)
        for reply in in_order(lambda item: _Attempt(self, call, item, done), items, self._n_ahead):
            yield reply if isinstance(reply, TemporaryError) else reply.value()

    def submit(self, call: Callable[[Item], Result], item: Item) -> tuple[Executor, Future[Result]]:
        """Submit a call; return the executor, too, which the caller reports if it breaks."""
        while True:
            if self._executor is None:
                self._executor = self._make()
            executor = self._executor
            try:
                with _without_main():
                    return executor, executor.submit(call, item)
            except BrokenProcessPool:
                self.replace(executor)

    def wait(self, future: Future[Result]) -> Result:
        """Wait for a result; raise the exception of the call, or of the check."""
        while not wait([future], _NAP).done:  # as `as_done`
            if self._check is not None:
                self._check()
        return future.result()

    def replace(self, executor: Executor) -> None:
        """Forget an executor that broke."""
        if executor is self._executor:
            self._executor = None
            log.warning("A worker process ended unexpectedly; its contrast is analysed again")

    def close(self) -> None:
        """Shut the executor down; cancel calls that have not begun, and wait for those that have."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)


class _Attempt(Generic[Item, Result]):
    """A call that is repeated when its worker ends unexpectedly."""

    def __init__(self, pool: WorkerPool, call: Callable[[Item], Result], item: Item, done: Done | None = None) -> None:
        self._pool, self._call, self._item, self._done = pool, call, item, done
        self._submit()

    def result(self) -> Result | TemporaryError:
        """Wait for the result; return an error if the worker ended unexpectedly again and again."""
        for n in range(1, MOST_ATTEMPTS + 1):
            try:
                return self._pool.wait(self._future)
            except BrokenProcessPool:
                self._pool.replace(self._executor)
                if n < MOST_ATTEMPTS:
                    self._submit()
        return TemporaryError(
            f"The worker process ended unexpectedly {MOST_ATTEMPTS} times, for example for lack of memory",
            hint="Take fewer processes with --nprocs, or find a larger computer",
        )

    def cancel(self) -> None:
        self._future.cancel()

    def _submit(self) -> None:
        """Submit the call, and have its end counted if it ends as expected."""
        self._executor, self._future = self._pool.submit(self._call, self._item)
        if (done := self._done) is not None:
            self._future.add_done_callback(lambda future: _is_good(future) and done())


def _is_good(future: Future[Any]) -> bool:
    """Return whether a call has a result."""
    return not future.cancelled() and future.exception() is None


@contextmanager
def _without_main() -> Iterator[None]:
    """Start processes that do not import the main module: a script may call this without a guard."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
