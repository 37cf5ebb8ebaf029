"""Functions that every command shares: exit codes, log, standard streams."""

import argparse
import gc
import io
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from bids_ari.errors import BUG, UNREAD, BidsAriError, exit_code, interruption
from bids_ari.option_names import naming_flags
from bids_ari.runtime.caches import caches
from bids_ari.runtime.memory import check_limit
from bids_ari.runtime.nibabel_log import silence_nibabel
from bids_ari.runtime.signals import interruptible
from bids_ari.runtime.watchers import beside_progress, show_progress

log = logging.getLogger(__name__)

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

ISSUES_URL = "https://github.com/bids-ari/bids_ari/issues"


def answer(
    parse: Callable[[Sequence[str]], argparse.Namespace],
    words: Sequence[str] | None,
    work: Callable[[argparse.Namespace], int],
) -> int:
    """Run a command with its words, by default those of the process: parse, work, log errors, return the exit code."""
    set_up_streams()
    set_up_log(0)
    with naming_flags(), interruptible(is_all=words is None):
        try:
            arguments = parse(sys.argv[1:] if words is None else words)
            check_limit()
            is_quiet = getattr(arguments, "quiet", False)
            set_up_log(-1 if is_quiet else arguments.verbose)
            with writable_caches(arguments), nullcontext() if is_quiet else show_progress():
                code = work(arguments)
        except BaseException as error:
            code = exit_code_of(error)
        code = _flush(code)
    if words is None:
        gc.freeze()  # Python would search all objects for garbage several times before the process ends
    return code


@contextmanager
def writable_caches(arguments: argparse.Namespace) -> Iterator[None]:
    """Set the number of threads and the folders of caches before the libraries that use them are loaded."""
    threads, output = getattr(arguments, "omp_nthreads", None) or 0, getattr(arguments, "output_dir", None)
    before = {name: os.environ[name] for name in _THREADS if name in os.environ}
    if threads > 0:  # other values are refused later, with a message
        os.environ.update(dict.fromkeys(_THREADS, str(threads)))
    lists = any(getattr(arguments, name, False) for name in ("list", "list_contrasts"))
    try:
        with caches(getattr(arguments, "work_dir", None), None if lists else output):  # a list writes nothing
            yield
    finally:
        for name in _THREADS:
            os.environ.pop(name, None)
        os.environ.update(before)


def exit_code_of(error: BaseException) -> int:
    """Log an error and return its exit code."""
    if isinstance(error, SystemExit):  # --help and --version
        return int(error.code or 0)
    error = interruption(error) or error
    code = exit_code(error)
    if isinstance(error, BidsAriError):
        log.error("%s", error)
    elif isinstance(error, KeyboardInterrupt):
        log.error("interrupted: %s", str(error) or "run the same command again")
    elif isinstance(error, MemoryError):
        hint = "Test fewer voxels with --mask, fewer contrasts at a time with --nprocs, or use a larger computer"
        log.error("There is not enough memory%s. %s", f": {error}" if str(error) else "", hint)
    elif isinstance(error, OSError) and code not in (BUG, UNREAD):
        log.error(
            "%s: %s", error.filename or "Standard output or a file of a library cannot be written", error.strerror
        )
    elif code == BUG:
        log.error("This is a bug in bids_ari; please report it at %s", ISSUES_URL, exc_info=error)
    return code


class _ToStderr(logging.Handler):
    """A handler that writes to the current stderr, which notebooks and tests replace."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError, ValueError), beside_progress():  # a run goes on after its stderr was closed
            sys.stderr.write(f"{self.format(record)}\n")


def set_up_streams() -> None:
    """Let stdout accept any text, and open closed streams, whose numbers the next files would otherwise get."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - open as long as the process
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


_HANDLER = _ToStderr()


def set_up_log(verbose: int) -> None:
    """Log to stderr: this package, with details where `verbose` is 1 or more, and libraries where it is 2 or more.

    Where it is negative, only errors; the log of the run in the output folder is as long as without.
    """
    everything, package = logging.getLogger(), logging.getLogger("bids_ari")
    package.setLevel(logging.DEBUG if verbose > 0 else logging.INFO)
    silence_nibabel(verbose <= 1)
    _HANDLER.setLevel(logging.ERROR if verbose < 0 else logging.NOTSET)
    package.removeHandler(_HANDLER)
    everything.removeHandler(_HANDLER)
    if verbose > 1:
        everything.setLevel(logging.INFO)
    (everything if verbose > 1 else package).addHandler(_HANDLER)
    name = " %(name)s:" if verbose > 1 else ""
    _HANDLER.setFormatter(logging.Formatter(f"%(levelname)s{name} %(message)s"))


def _flush(code: int) -> int:
    """Write buffered output, at whose failure Python would exit with its own code; return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            with suppress(OSError):  # discard what cannot be written
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            if stream is sys.stdout:
                error.filename = "stdout"
                code = code or exit_code_of(error)
    return code
