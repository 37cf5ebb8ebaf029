"""Contrasts on the workers of a Dask cluster, which read the maps and write the results themselves."""

import asyncio
import logging
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from bids_ari.errors import TemporaryError, UsageError, listing
from bids_ari.runtime.executors import Done, Pool, WorkerPool
from bids_ari.runtime.provenance import numeric_versions

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Client

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

_TIMEOUT = 10.0  # seconds in which a scheduler must answer
_CLOSING = 2.0  # seconds in which a client must close
_FEWEST_AHEAD = 64  # calls that are submitted where there are few workers: more workers may join
_NOISY = ("distributed", "tornado", "asyncio")  # loggers that report each lost connection with a traceback


@contextmanager
def open_cluster(address: str, paths: Sequence[Path]) -> Iterator[Pool]:
    """Connect to a Dask scheduler, ``tcp://host:8786``; every worker must see the absolute `paths`.

    Calls of the pool raise TemporaryError when the scheduler is gone.

    Raises
    ------
    UsageError
        When Dask is not installed, the address is invalid, or a worker has other versions or does not see the paths.
    TemporaryError
        When the scheduler does not answer.
    """
    try:
        import distributed  # noqa: F401 - is it installed?
    except ImportError as error:
        raise UsageError(
            "--dask-scheduler needs Dask, which is not installed", hint="Run: pip install 'bids_ari[cluster]'"
        ) from error
    with _quiet():
        client = _connect(address)
        try:
            with _translated(address):
                n_threads = sum(client.nthreads().values())
                _check_workers(client, address, paths)
                executor = client.get_executor(pure=False)
                connection = client.scheduler_comm

            def check() -> None:  # a result that was on its way when the connection broke is not cancelled by Dask
                if client.status != "running" or client.scheduler_comm is not connection:
                    raise CancelledError

            n_ahead = max(_FEWEST_AHEAD, 2 * n_threads)
            yield _Cluster(WorkerPool(lambda: executor, max(n_threads, 1), n_ahead, check), address)
        finally:
            with suppress(Exception):  # the scheduler may be gone
                client.close(timeout=_CLOSING)


class _Cluster:
    """The workers of a scheduler, which repeats a call whose worker ended unexpectedly."""

    def __init__(self, pool: WorkerPool, address: str) -> None:
        self._pool, self._address = pool, address
        self.n_workers = pool.n_workers

    def map(
        self, function: "Callable[[Item], Result]", items: Iterable[Item], done: Done | None = None, /
    ) -> Iterator[Result | TemporaryError]:
        with _translated(self._address):
            yield from self._pool.map(function, items, done)


def _connect(address: str) -> "Client":
    """Connect to a scheduler that answers; a client that finds none would leave its thread behind."""
    import distributed

    try:
        with ThreadPoolExecutor(1) as pool:  # a thread without an event loop, unlike the main thread of a notebook
            pool.submit(asyncio.run, _greet(address)).result()
        with warnings.catch_warnings():  # versions are compared by `_check_workers`
            warnings.filterwarnings("ignore", category=distributed.versions.VersionMismatchWarning)
            return distributed.Client(address, timeout=_TIMEOUT, set_as_default=False)
    except OSError as error:
        raise TemporaryError(
            f"The Dask scheduler at {address} does not answer",
            hint="Check that it runs and can be reached from here, and run the same command again",
        ) from error
    except ValueError as error:
        raise UsageError(f"--dask-scheduler {address}: {error}", "an address such as tcp://host:8786") from error


async def _greet(address: str) -> None:
    """Connect to a scheduler and close the connection."""
    from distributed.comm.core import connect
    from distributed.security import Security

    await (await connect(address, timeout=_TIMEOUT, **Security().get_connection_args("client"))).close()


def worker_problem(versions: dict[str, str], paths: Sequence[Path]) -> str:
    """Return why this process cannot work for one with these versions and paths; empty if it can."""
    for path in paths:
        if not path.exists():
            return f"{path} does not exist there; all workers must see it under the same path"
    own = numeric_versions()
    different = [
        f"{name} {own[name]} instead of {version}" for name, version in versions.items() if own[name] != version
    ]
    return f"it has {listing(different)}" if different else ""


def _check_workers(client: "Client", address: str, paths: Sequence[Path]) -> None:
    """Refuse workers that would compute something else."""
    try:
        found = client.run(worker_problem, numeric_versions(), [*paths])
    except (OSError, CancelledError):
        raise  # the connection is lost
    except Exception as error:  # Dask raises many kinds for a function that a worker cannot import
        raise UsageError(
            f"Workers of {address} cannot run this version of bids_ari: {error}",
            hint="Start them in the environment of this command",
        ) from error
    if not found:
        log.warning("The Dask scheduler at %s has no workers yet; waiting for them", address)
    problems = sorted({problem for problem in found.values() if problem})
    if problems:
        workers = [worker for worker, problem in found.items() if problem]
        raise UsageError(f"Workers of {address} cannot be used ({listing(workers)})", lines=problems)


@contextmanager
def _translated(address: str) -> Iterator[None]:
    """Raise TemporaryError when the scheduler is gone, or workers died again and again."""
    from distributed.comm.core import CommClosedError
    from distributed.scheduler import KilledWorker

    hint = "Finished contrasts are kept: run the same command again"
    try:
        yield
    except KilledWorker as error:
        found = f"Workers of the Dask scheduler at {address} died several times on the same contrast"
        raise TemporaryError(found, hint=f"See their logs: they may need more memory. {hint}") from error
    except (CancelledError, asyncio.CancelledError, CommClosedError) as error:
        raise TemporaryError(f"The Dask scheduler at {address} is gone", hint=hint) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the log of Dask."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in _NOISY]
    before = {name: logging.getLogger(name).level for name in {*names, *_NOISY}}
    for name in before:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
