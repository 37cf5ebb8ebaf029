"""What every command shares: its parser, its log, and the way from errors to exit codes."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from bids_ari.errors import BUG, INTERRUPTED, BidsAriError, ReadError, UsageError

log = logging.getLogger(__name__)

ISSUES_URL = "https://github.com/bids-ari/bids_ari/issues"


def answer(
    parser: argparse.ArgumentParser, words: Sequence[str] | None, work: Callable[[argparse.Namespace], int]
) -> int:
    """Run a command: parse its words, do its work, say errors in words; give the exit code.

    Parameters
    ----------
    parser : ArgumentParser
        With a flag ``verbose``.
    words : sequence of str or None
        The words after the command; None for those of the process.
    work : callable
        Takes the parsed words, gives the exit code.
    """
    set_up_log(0)
    try:
        arguments = parser.parse_args(words)
        set_up_log(arguments.verbose)
        return work(arguments)
    except BaseException as error:
        return exit_code_of(error)


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
        sys.stderr.write(f"{self.format(record)}\n")


def some_path(text: str) -> Path:
    """Take a path from the command line; an empty one, such as of a variable that is not set, is refused."""
    if not text:
        raise argparse.ArgumentTypeError("an empty path")
    return Path(text)


def set_up_log(verbose: int) -> None:
    """Send the log of this package to stderr; more of it with ``-v``."""
    package = logging.getLogger("bids_ari")
    package.setLevel(logging.DEBUG if verbose else logging.INFO)
    for handler in list(package.handlers):
        package.removeHandler(handler)
    handler = _ToStderr()
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    package.addHandler(handler)


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are UsageError, not an exit of its own."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError, which names the way to the help."""
        raise UsageError(message, hint=f"See {self.prog} --help")
