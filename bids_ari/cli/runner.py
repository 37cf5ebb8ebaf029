"""What every command shares: its parser, its log, and the way from errors to exit codes."""

import argparse
import io
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from bids_ari.errors import BUG, UNREAD, BidsAriError, exit_code
from bids_ari.runtime.caches import caches
from bids_ari.runtime.signals import interruptible

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
    set_up_streams()
    set_up_log(0)
    with interruptible(is_all=words is None):
        try:
            arguments = parse(sys.argv[1:] if words is None else words)
            set_up_log(arguments.verbose)
            with writable_caches(arguments):
                code = work(arguments)
        except BaseException as error:
            code = exit_code_of(error)
        return _flushed(code)


@contextmanager
def writable_caches(arguments: argparse.Namespace) -> Iterator[None]:
    """Find writable folders for caches before the libraries that want them are loaded; a mere look writes nothing."""
    threads, output = getattr(arguments, "omp_nthreads", None) or 0, getattr(arguments, "output_dir", None)
    before = {name: os.environ.get(name) for name in _THREADS}
    if threads > 0:  # others are refused later, in words
        os.environ.update(dict.fromkeys(_THREADS, str(threads)))
    try:
        with caches(getattr(arguments, "work_dir", None), None if getattr(arguments, "list", False) else output):
            yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def exit_code_of(error: BaseException) -> int:
    """Say an error in words for whose move it is, and give its exit code."""
    if isinstance(error, SystemExit):  # --help and --version
        return int(error.code or 0)
    code = exit_code(error)
    if isinstance(error, BidsAriError):
        log.error("%s", error)
    elif isinstance(error, KeyboardInterrupt):
        log.error("interrupted")
    elif isinstance(error, MemoryError):
        hint = "Test fewer voxels with --mask, read fewer maps at a time with --nprocs, or find a larger computer"
        log.error("There is not enough memory%s. %s", f": {error}" if str(error) else "", hint)
    elif isinstance(error, OSError) and code not in (BUG, UNREAD):
        log.error("%s: %s", error.filename or "What a library writes cannot be written", error.strerror)
    elif code == BUG:
        log.error("This is a bug in bids_ari; please report it at %s", ISSUES_URL, exc_info=error)
    return code


class _ToStderr(logging.Handler):
    """Write to what is stderr at the time, which a notebook or a test may have replaced since."""

    def emit(self, record: logging.LogRecord) -> None:
        from tqdm import tqdm

        # A progress bar makes way for the line; a run goes on when nobody reads its log any more.
        with suppress(OSError, ValueError), tqdm.external_write_mode(sys.stderr):
            sys.stderr.write(f"{self.format(record)}\n")


def set_up_streams() -> None:
    """Make stdout and stderr take any text, and exist: where one is closed, the next file would be taken for it."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - for as long as the process lives
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _flushed(code: int) -> int:
    """Write what waits to be written, which Python would fail to do at its end with a code of its own."""
    try:
        sys.stdout.flush()
    except OSError as error:
        _silence(sys.stdout)
        error.filename = "stdout"
        code = code or exit_code_of(error)
    try:
        sys.stderr.flush()
    except OSError:
        _silence(sys.stderr)
    return code


def _silence(stream: TextIO) -> None:
    """Let what a stream still holds go nowhere."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


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
