"""Workers of a Dask cluster: calls are sent to its scheduler, by whose address it is known.

What workers are given is small: where a file is, and a number. Files lie in a folder that all of them see.
"""

import asyncio
import logging
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bids_ari.errors import TemporaryError, UsageError, listing
from bids_ari.runtime.provenance import numeric_versions
from bids_ari.runtime.shared import forget, unfit

if TYPE_CHECKING:
    from distributed import Client, Future

log = logging.getLogger(__name__)

_TIMEOUT = 10.0
"""Seconds in which a scheduler must answer."""

_CLOSING = 2.0
"""Seconds that are spent on a farewell."""

_FEWEST_AHEAD = 64
"""Calls under way where there are few workers: more of these may come at any time."""

_NOISY = ("distributed", "tornado", "asyncio")
"""Loggers that tell of every connection lost, with tracebacks; what matters of it is an error, in words."""


class Cluster(NamedTuple):
    """How calls are made by the workers of a scheduler."""

    submit: "Callable[[Callable[[Any], Any], Any], _Awaited]"
    """Takes a function and its argument."""
    n_ahead: int
    """How many calls may be under way."""


@contextmanager
def connected(address: str, folder: Path, needed: Path | None = None) -> Iterator[Cluster]:
    """Connect to a scheduler.

    Parameters
    ----------
    address : str
        As Dask writes it, ``tcp://host:8786``.
    folder : Path
        The workers must see it.
    needed : Path, optional
        A file that they must see.

    Raises
    ------
    UsageError
        When Dask is not installed, the address is none, or a worker does not see these or has other versions.
    TemporaryError
        When the scheduler does not answer; also from calls, when it is gone or workers died.
    """
    try:
        import distributed  # noqa: F401 - is it there?
    except ImportError as error:
        raise UsageError(
            "--dask-scheduler needs Dask, which is not installed", hint="Run: pip install 'bids_ari[cluster]'"
        ) from error
    with _silence():
        client = _connect(address)
        try:
            with _in_words(address):
                n_threads = sum(client.nthreads().values())
                _check(client, address, folder, needed)
            yield Cluster(partial(_submit, client, address), max(_FEWEST_AHEAD, 2 * n_threads))
        finally:
            with suppress(Exception):  # it may be gone
                if client.status == "running":
                    client.run(forget)
                client.close(timeout=_CLOSING)


def _connect(address: str) -> "Client":
    """Connect to a scheduler that answers: a client that finds none would leave its thread behind."""
    import distributed

    try:
        with ThreadPoolExecutor(1) as pool:  # there, no other loop runs, as it does in notebooks
            pool.submit(asyncio.run, _greet(address)).result()
        with warnings.catch_warnings():  # versions are compared by `_check`
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
    """See whether a scheduler answers."""
    from distributed.comm.core import connect
    from distributed.security import Security

    await (await connect(address, timeout=_TIMEOUT, **Security().get_connection_args("client"))).close()


class _Awaited:
    """A result to come from a worker."""

    def __init__(self, future: "Future[Any]", address: str) -> None:
        self._future, self._address = future, address

    def result(self) -> Any:
        """Wait for it; raise what the function raised."""
        with _in_words(self._address):
            return self._future.result()

    def cancel(self) -> None:
        """Say that nobody wants it any more."""
        with suppress(Exception):  # nor does it matter where the scheduler is gone
            self._future.cancel()


def _submit(client: "Client", address: str, function: Callable[[Any], Any], item: Any) -> _Awaited:
    """Have a function called; anew by another worker, where one dies."""
    with _in_words(address):
        if client.status != "running":
            raise CancelledError
        return _Awaited(client.submit(function, item, pure=False), address)


def _check(client: "Client", address: str, folder: Path, needed: Path | None) -> None:
    """Refuse workers that would not compute the same."""
    try:
        found = client.run(unfit, folder, tuple(numeric_versions().items()), needed)
    except (OSError, CancelledError):
        raise  # of the connection
    except Exception as error:  # what workers make of a function that they do not have depends on Dask
        raise UsageError(
            f"Workers of {address} cannot run this version of bids_ari: {error}",
            hint="Start them in the environment of this command",
        ) from error
    if not found:
        log.warning("The Dask scheduler at %s has no workers yet; waiting for them", address)
    problems = sorted({problem for problem in found.values() if problem})
    if problems:
        workers = [worker for worker, problem in found.items() if problem]
        raise UsageError(f"Workers of {address} cannot help ({listing(workers)})", lines=problems)


@contextmanager
def _in_words(address: str) -> Iterator[None]:
    """Say in words that the scheduler is gone, or that workers die; what functions raise stays what it is."""
    from distributed.comm.core import CommClosedError
    from distributed.scheduler import KilledWorker

    hint = "Finished batches are kept: the same command goes on from there"
    try:
        yield
    except KilledWorker as error:
        found = f"Workers of the Dask scheduler at {address} died again and again over the same batch"
        raise TemporaryError(found, hint=f"See their logs: they may need more memory. {hint}") from error
    except (CancelledError, asyncio.CancelledError, CommClosedError) as error:
        raise TemporaryError(f"The Dask scheduler at {address} is gone", hint=hint) from error


@contextmanager
def _silence() -> Iterator[None]:
    """Keep what Dask tells off the screen."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in _NOISY]
    before = {name: logging.getLogger(name).level for name in {*names, *_NOISY}}
    for name in before:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
