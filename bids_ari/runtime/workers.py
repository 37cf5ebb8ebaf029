"""Calls in worker processes: their log records are returned with their results, and signals end them in order."""

import logging
import multiprocessing
import os
import secrets
import signal
import threading
import traceback
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Generic, TypeVar

from bids_ari.runtime.nibabel_log import silence_nibabel
from bids_ari.runtime.progress import watch
from bids_ari.runtime.watchers import Sender

Item = TypeVar("Item")
Result = TypeVar("Result")

THIS_PROCESS = secrets.token_hex(8)  # identifies this process among all, also those of other machines

_ended = threading.Event()  # by the caller: a worker process makes no call any more
_ONE_AT_A_TIME = threading.Lock()  # in one process: figures and the log are shared by its threads


@dataclass(frozen=True, slots=True)
class Reply(Generic[Result]):
    """The result of a call in a worker, or its exception, and the lines that it logged."""

    result: Result | None
    error: BaseException | None
    records: Sequence[logging.LogRecord] = ()

    def value(self) -> Result:
        """Log the lines in this process; return the result or raise the exception."""
        for record in self.records:
            logging.getLogger(record.name).handle(record)
        if self.error is not None:
            raise self.error
        return self.result  # type: ignore[return-value]


class _Records(logging.Handler):
    """A handler that keeps log records in a form that can be pickled."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        record.msg, record.args = record.getMessage(), None
        if record.exc_info:
            record.exc_text = record.exc_text or logging.Formatter().formatException(record.exc_info)
            record.exc_info = None
        self.records.append(record)


def call_logged(caller: str, level: int, function: Callable[[Item], Result], item: Item) -> Reply[Result]:
    """Call a function in a worker; return its log records, from `level`, with its result.

    Where the worker is a thread of the process that waits, `caller`, the records need not be returned.
    """
    package, handler = logging.getLogger("bids_ari"), _Records()
    with _ONE_AT_A_TIME:
        if caller == THIS_PROCESS:
            return Reply(function(item), None)
        if _ended.is_set():
            return Reply(None, KeyboardInterrupt())
        before = package.level
        package.setLevel(level)
        package.addHandler(handler)
        try:
            return Reply(function(item), None, handler.records)
        except (Exception, KeyboardInterrupt) as error:
            error.add_note("".join(traceback.format_exception(error)))
            return Reply(None, error, handler.records)
        finally:
            package.removeHandler(handler)
            package.setLevel(before)


def start_worker(environment: Mapping[str, str], progress: Connection | None = None) -> None:
    """Prepare a worker process: SIGTERM of its parent ends its call and all later ones; it ends with its parent.

    The steps of its calls are sent to `progress`.
    """
    os.environ.clear()
    os.environ.update(environment)
    silence_nibabel()
    if progress is not None:
        watch(Sender(progress))
    for name in ("SIGINT", "SIGHUP"):  # sent to all processes of a terminal: the parent decides
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _interrupt)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _interrupt(number: int, frame: types.FrameType | None) -> None:
    """End the call that runs, which cleans up."""
    _ended.set()
    if _ONE_AT_A_TIME.locked():
        raise KeyboardInterrupt


def _follow_parent() -> None:
    """End this process when its parent was killed."""
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)
