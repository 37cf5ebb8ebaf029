"""Exceptions and exit codes.

::

    BidsAriError                         1
      UsageError                          64  the command line or the options
        UnknownLevelError                 17  neither participant nor group
        OtherModelError                   64  the output has results of another model
      InputNotFoundError                  66  nothing to analyse: no dataset, no statmaps, no such file
        NoMatchError                      18  the filters selected nothing
      DataError                           65  files exist but do not fit
        GridMismatchError, SidecarError, DesignError, EmptyMaskError, DuplicateMapsError
      ReadError                           74  a file that exists cannot be read
      TemporaryError                      75  the result is locked, or the scheduler does not answer: try again
      OutputError                         73  the output cannot be written

The codes are those of the BIDS-App execution specification and of ``sysexits.h``.
"""

import errno
import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeGuard

from bids_ari.option_names import with_option_names

BUG, INTERRUPTED, UNREAD = 1, 130, 141  # any other exception, Ctrl-C, and 128 + SIGPIPE, as other tools have it

EXIT_CODES = {
    0: "done",
    17: "unknown analysis level",
    18: "no map matches the filters",
    64: "wrong flag or value",
    65: "data do not fit, or some contrasts failed",
    66: "input not found",
    73: "output cannot be written",
    74: "input cannot be read",
    75: "result locked by another process, or scheduler not available; try again",
    INTERRUPTED: "interrupted",
    UNREAD: "standard output closed by its reader",
    BUG: "bug in bids_ari",
}
"""Meaning of each exit code."""

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)  # nothing more can be written


class BidsAriError(Exception):
    """Any error with a known cause; its message has no control characters and is not very long.

    Parameters
    ----------
    found : str
        What is wrong and where.
    expected : str
        What was expected instead.
    hint : str
        What to do.
    lines : sequence of str
        One line per problem, where there are several.
    """

    exit_code = BUG
    excluded: tuple[Any, ...] = ()
    """The exclusions that led to it, of `bids_ari.bids.exclusions`."""

    def __init__(self, found: str, expected: str = "", hint: str = "", lines: Sequence[str] = ()) -> None:
        super().__init__(found, expected, hint, lines)
        self._texts = tuple(brief(printable(each)) for each in (found, expected, hint))
        self._lines = tuple(brief(printable(line)) for line in lines)

    @property
    def found(self) -> str:
        """What is wrong and where."""
        return with_option_names(self._texts[0])

    @property
    def expected(self) -> str:
        """What was expected instead."""
        return with_option_names(self._texts[1])

    @property
    def hint(self) -> str:
        """What to do."""
        return with_option_names(self._texts[2])

    @property
    def lines(self) -> tuple[str, ...]:
        """One line per problem, where there are several."""
        return tuple(map(with_option_names, self._lines))

    def __str__(self) -> str:
        message = f"{self.found}; expected {self.expected}" if self.expected else self.found
        return "\n- ".join([f"{message}. {self.hint}" if self.hint else message, *self.lines])


class UsageError(BidsAriError, ValueError):
    """A flag, an option or a value that is not accepted."""

    exit_code = 64


class OtherModelError(UsageError):
    """Results of another model that have the names of the new ones."""


class UnknownLevelError(UsageError):
    """An analysis level other than participant and group."""

    exit_code = 17


class InputNotFoundError(BidsAriError):
    """No such dataset, no such file, or a dataset without statmaps."""

    exit_code = 66


class NoMatchError(InputNotFoundError):
    """No map that matches the filters."""

    exit_code = 18


class DataError(BidsAriError):
    """Files that exist but do not fit."""

    exit_code = 65


class GridMismatchError(DataError):
    """Images on different grids where one grid is needed."""


class SidecarError(DataError):
    """A sidecar with a missing or impossible value."""


class DesignError(DataError, ValueError):
    """A design that cannot be fitted."""


class EmptyMaskError(DataError):
    """A mask without any voxel to test."""


class DuplicateMapsError(DataError):
    """Several maps of a subject for one contrast, or one image in several files."""


class ReadError(BidsAriError):
    """A file that exists but cannot be read."""

    exit_code = 74


class TemporaryError(BidsAriError):
    """A result that another process has locked, or a scheduler that does not answer."""

    exit_code = 75


class OutputError(BidsAriError):
    """Output that cannot be written."""

    exit_code = 73


class Interrupted(KeyboardInterrupt):
    """The end of a run by Ctrl-C or another signal; its text says what is finished, and how to go on."""


def interruption(error: BaseException) -> KeyboardInterrupt | None:
    """Return the interruption that an exception is, or is due to: Python 3.11 raises RuntimeError in class bodies."""
    cause = error.__cause__ if isinstance(error, RuntimeError) else error
    return cause if isinstance(cause, KeyboardInterrupt) else None


def exit_code(error: BaseException) -> int:
    """Return the exit code of any exception.

    >>> exit_code(DataError("truncated")), exit_code(KeyboardInterrupt()), exit_code(ZeroDivisionError())
    (65, 130, 1)
    """
    if isinstance(error, BidsAriError):
        return error.exit_code
    if is_full(error):
        return OutputError.exit_code
    for kind, code in ((KeyboardInterrupt, INTERRUPTED), (MemoryError, DataError.exit_code), (BrokenPipeError, UNREAD)):
        if isinstance(error, kind):
            return code
    return ReadError.exit_code if isinstance(error, OSError) and error.filename is not None else BUG


def is_full(error: BaseException) -> TypeGuard[OSError]:
    """Return whether an exception is that nothing more can be written: the disk is full, or read-only."""
    return isinstance(error, OSError) and error.errno in UNWRITABLE


def joint_exit_code(codes: Iterable[int], any_done: bool) -> int:
    """Return the exit code of a run from those of its failed contrasts, and whether other contrasts were analysed.

    >>> joint_exit_code([], True), joint_exit_code([74, 74], False), joint_exit_code([74], True)
    (0, 74, 65)
    """
    different = set(codes)
    if not different:
        return 0
    return different.pop() if len(different) == 1 and not any_done else DataError.exit_code


def without_names(error: BidsAriError, files: Iterable[object] = (), labels: Iterable[str] = ()) -> str:
    """Return the message of an error without the names of some files and labels: errors of one cause have the same.

    A number between spaces is a number, also if it is the label of a subject.

    >>> without_names(DataError("/in/sub-01.nii has no map named '01_faces'"), ["/in/sub-01.nii"], ["01"])
    "FILE has no map named 'LABEL_faces'"
    >>> without_names(DataError("/in/sub-22.nii of sub-22 has 22 maps"), ["/in/sub-22.nii"], ["22"])
    'FILE of sub-LABEL has 22 maps'
    """
    text = str(error)
    for name in sorted(map(printable, map(str, files)), key=len, reverse=True):
        text = text.replace(name, "FILE")
    for label in sorted(map(printable, labels), key=len, reverse=True):
        name = re.escape(label)
        name = rf"(?:(?<! ){name}|{name}(?! ))" if label.isdecimal() else name
        text = re.sub(rf"(?<![^\W_]){name}(?![^\W_])", "LABEL", text)
    return text


def brief(text: str, most: int = 1000) -> str:
    """Return a text, its middle omitted where it has more than `most` characters.

    >>> brief("abcdefghij", 4)
    'ab ... ij'
    """
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 2 :]}"


def printable(text: str) -> str:
    """Return a text with everything escaped that is not printable, such as control characters in names of files.

    >>> printable("sub-01\\x1b[2J")
    'sub-01\\\\x1b[2J'
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def counted(n: int, noun: str) -> str:
    """Return a number and its noun.

    >>> counted(1, "voxel"), counted(2, "voxel")
    ('1 voxel', '2 voxels')
    """
    return f"{n} {noun if n == 1 else plural_of(noun)}"


def plural_of(noun: str) -> str:
    """Return the plural of a noun such as ``voxel`` or ``vertex``."""
    return f"{noun[:-2]}ices" if noun.endswith("ex") else f"{noun}s"


def listing(names: Iterable[object], most: int = 5) -> str:
    """Return up to `most` names and the number of further ones.

    >>> listing(["01", "02"])
    '01, 02'
    >>> listing(range(8))
    '0, 1, 2, 3, 4 and 3 more'
    """
    items: Sequence[str] = [str(name) for name in names]
    rest = len(items) - most
    return ", ".join(items[:most]) + (f" and {rest} more" if rest > 0 else "")
