"""Engines: who does the pieces of a computation. Threads of this process, any executor, or a Dask cluster.

A piece is a call of a pure function with a number, so results are the same whoever does it, in whatever order.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from bids_ari.errors import OutputError, UsageError
from bids_ari.runtime.cluster import connected
from bids_ari.runtime.executors import Promise, in_order
from bids_ari.runtime.owner import Owner
from bids_ari.runtime.shared import MappedArray, mapped, sent, taken
from bids_ari.stats.distributions import FloatArray

Item = TypeVar("Item")
Result = TypeVar("Result")

_SHARED = "shared"
"""Folder in the work folder, with one for each run that has something there."""


@dataclass(frozen=True, slots=True)
class Engine:
    """Makes calls.

    Attributes
    ----------
    submit : callable
        Takes a function and its argument, as ``Executor.submit`` does; gives a `Promise`.
    n_ahead : int
        How many calls may be under way.
    folder : Path or None
        Where files lie through which workers get their data; None where they share the memory of this process.
    """

    submit: Callable[[Callable[[Any], Any], Any], Promise[Any]]
    n_ahead: int
    folder: Path | None = None

    @classmethod
    def of(cls, executor: Executor, n_ahead: int, folder: Path | None = None) -> "Engine":
        """Make an engine of an executor; one of processes needs a folder."""
        return cls(executor.submit, n_ahead, folder)

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Call a function with each item; yield what it gives in the order of the items.

        Only `n_ahead` are under way at a time. An exception, also Ctrl-C, cancels those that have not begun.
        """
        light = nullcontext(function) if self.folder is None else sent(function, self.folder)
        with light as there:
            yield from map(taken, in_order(partial(self.submit, there), items, self.n_ahead))

    def shared(self, array: FloatArray) -> AbstractContextManager[FloatArray | MappedArray]:
        """Give, for a while, what stands for a large array in functions: itself, or one that is read from a file."""
        return nullcontext(array) if self.folder is None else mapped(array, self.folder)


@contextmanager
def open_engine(
    n_jobs: int, scheduler: str | None = None, work_dir: Path | None = None, needed: Path | None = None
) -> Iterator[Engine]:
    """Open an engine: threads of this process, or the workers of a Dask cluster.

    Threads are as fast as processes here: nearly all time goes by in loops during which others may run.

    Parameters
    ----------
    n_jobs : int
        Threads.
    scheduler : str, optional
        Address of a Dask scheduler.
    work_dir : Path, optional
        A folder that its workers see too.
    needed : Path, optional
        A file that they have to see.

    Raises
    ------
    UsageError
        When there is a scheduler but no such folder, or `connected` does.
    OutputError
        When the folder cannot be written.
    TemporaryError
        When the scheduler does not answer; from calls, when it is gone.
    """
    if scheduler is None:
        pool = ThreadPoolExecutor(n_jobs)
        try:
            yield Engine.of(pool, 2 * n_jobs)
        finally:
            pool.shutdown(cancel_futures=True)
    else:
        with _folder(work_dir) as folder, connected(scheduler, folder, needed) as cluster:
            yield Engine(cluster.submit, cluster.n_ahead, folder)


@contextmanager
def _folder(work_dir: Path | None) -> Iterator[Path]:
    """Make a folder for what workers read, for a while; remove those of runs that were killed."""
    if work_dir is None:
        raise UsageError(
            "--dask-scheduler goes with --work-dir",
            "a folder that all workers see: they read the data from there, and finished batches are kept there",
        )
    try:
        folder = work_dir.resolve() / _SHARED / Owner.this_process().token()
        folder.mkdir(parents=True)
        for left in folder.parent.iterdir():
            owner = Owner.of(left)
            if owner is not None and owner.is_running() is False:
                shutil.rmtree(left, ignore_errors=True)
    except OSError as error:
        raise OutputError(
            f"The work folder {work_dir} cannot be written: {error.strerror}", hint="Give another with --work-dir"
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # others use it
            folder.parent.rmdir()
