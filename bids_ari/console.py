"""What every command shares: its parser, its log, and the way from errors to exit codes."""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from bids_ari.caches import caches
from bids_ari.errors import BUG, INTERRUPTED, BidsAriError, ReadError, UsageError

log = logging.getLogger(__name__)

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

ISSUES_URL = "https://github.com/bids-ari/bids_ari/issues"


def answer(
    parse: Callable[[Sequence[str]], argparse.Namespace],
    words: Sequence[str] | None,
    work: Callable[[argparse.Namespace], int],
) -> int:
    """Run a command: parse its words, do its work, say errors in words; give the exit code.

    Parameters
    ----------
    parse : callable
        Takes words, gives arguments; ``verbose`` is among them.
    words : sequence of str or None
        The words after the command; None for those of the process.
    work : callable
        Takes the parsed words, gives the exit code.
    """
    set_up_log(0)
    try:
        arguments = parse(sys.argv[1:] if words is None else words)
        set_up_log(arguments.verbose)
        with terminated_like_interrupted(), writable_caches(arguments):
            return work(arguments)
    except BaseException as error:
        return exit_code_of(error)


@contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """Let SIGTERM, which schedulers and containers send, clean up as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def writable_caches(arguments: argparse.Namespace) -> Iterator[None]:
    """Find writable folders for caches before the libraries that want them are loaded."""
    threads, output = getattr(arguments, "omp_nthreads", None), getattr(arguments, "output_dir", None)
    if threads:
        os.environ.update(dict.fromkeys(_THREADS, str(threads)))
    with caches(getattr(arguments, "work_dir", None), output):
        yield


def exit_code_of(error: BaseException) -> int:
    """Say an error in words for whose move it is, and give its exit code."""
    if isinstance(error, SystemExit):  # --help and --version
        return int(error.code or 0)
    if isinstance(error, BidsAriError):
        log.error("%s", error)
        return error.exit_code
    if isinstance(error, OSError) and error.filename is not None:
        log.error("%s: %s", error.filename, error.strerror)
        return ReadError.exit_code
    if isinstance(error, KeyboardInterrupt):
        log.error("interrupted")
        return INTERRUPTED
    log.error("This is a bug in bids_ari; please report it at %s", ISSUES_URL, exc_info=error)
    return BUG


class _ToStderr(logging.Handler):
    """Write to what is stderr at the time, which a notebook or a test may have replaced since."""

    def emit(self, record: logging.LogRecord) -> None:
        from tqdm import tqdm

        with tqdm.external_write_mode(sys.stderr):  # a progress bar makes way for the line
            sys.stderr.write(f"{self.format(record)}\n")


def some_path(text: str) -> Path:
    """Take a path from the command line; an empty one, such as of a variable that is not set, is refused."""
    if not text:
        raise argparse.ArgumentTypeError("an empty path")
    return Path(text)


def set_up_log(verbose: int) -> None:
    """Send the log of this package to stderr; more of it with ``-v``, that of the libraries too with ``-vv``."""
    everything, package = logging.getLogger(), logging.getLogger("bids_ari")
    package.setLevel(logging.DEBUG if verbose else logging.INFO)
    for logger in (everything, package):
        for handler in [each for each in logger.handlers if isinstance(each, _ToStderr)]:
            logger.removeHandler(handler)
    handler = _ToStderr()
    if verbose > 1:
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        everything.setLevel(logging.INFO)
        everything.addHandler(handler)
    else:
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        package.addHandler(handler)


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are UsageError, not an exit of its own."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError, which names the way to the help."""
        raise UsageError(message, hint=f"See {self.prog} --help")
