"""Everything that can go wrong, by whose move it is.

::

    BidsAriError                     exit 1
      UsageError                          64  the command line or the options
        UnknownLevelError                 17  the analysis level is not one of ours
      InputNotFoundError                  66  nothing to analyse: no dataset, no statmaps, no such file
        NoMatchError                      18  the filters selected nothing
      DataError                           65  files are there but do not fit
        GridMismatchError, SidecarError, DesignError, EmptyMaskError, DuplicateMapsError
      ReadError                           74  a file that exists cannot be read
      TemporaryError                      75  somebody else is at it: try again
      OutputError                         73  the output cannot be written

The exit codes are those of the BIDS-App execution specification and of ``sysexits.h``.
"""

import errno
from collections.abc import Iterable, Sequence

INTERRUPTED = 130
"""Exit code after Ctrl-C."""

BUG = 1
"""Exit code of an error that this package did not foresee."""

UNREAD = 141
"""Exit code when nobody reads on what was asked for, as in ``--list | head -1``: 128 + SIGPIPE, as of other tools."""

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""What the operating system says when nothing more can be written."""


class BidsAriError(Exception):
    """Any error that this package foresees.

    Parameters
    ----------
    found : str
        What was found and where.
    expected : str
        What was expected instead.
    hint : str
        The next step.
    lines : sequence of str
        Where several things are wrong, one line for each.

    What names of files bring into a message cannot forge a line of the log, nor flood it.
    """

    exit_code = BUG

    def __init__(self, found: str, expected: str = "", hint: str = "", lines: Sequence[str] = ()) -> None:
        super().__init__(found, expected, hint, lines)
        self.found, self.expected, self.hint = (brief(printable(each)) for each in (found, expected, hint))
        self.lines = tuple(brief(printable(line)) for line in lines)

    def __str__(self) -> str:
        message = f"{self.found}; expected {self.expected}" if self.expected else self.found
        return "\n- ".join([f"{message}. {self.hint}" if self.hint else message, *self.lines])


class UsageError(BidsAriError, ValueError):
    """A flag, an option or a value that cannot be used."""

    exit_code = 64


class UnknownLevelError(UsageError):
    """An analysis level other than those on offer."""

    exit_code = 17


class InputNotFoundError(BidsAriError):
    """No such dataset, no such file, or no statmaps in it."""

    exit_code = 66


class NoMatchError(InputNotFoundError):
    """The filters selected nothing."""

    exit_code = 18


class DataError(BidsAriError):
    """Files are there but do not fit."""

    exit_code = 65


class GridMismatchError(DataError):
    """Images that must share one grid do not."""


class SidecarError(DataError):
    """A sidecar lacks what is needed, or says what cannot be."""


class DesignError(DataError, ValueError):
    """A design that cannot be fitted."""


class EmptyMaskError(DataError):
    """No voxel is left to test."""


class DuplicateMapsError(DataError):
    """More than one map of a subject for one contrast."""


class ReadError(BidsAriError):
    """A file that exists cannot be read."""

    exit_code = 74


class TemporaryError(BidsAriError):
    """Somebody else is at the same result just now."""

    exit_code = 75


class OutputError(BidsAriError):
    """The output cannot be written."""

    exit_code = 73


def brief(text: str, most: int = 1000) -> str:
    """Cut what is too long to read; keep its ends.

    >>> brief("abcdefghij", 4)
    'ab ... ij'
    """
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 2 :]}"


def printable(text: str) -> str:
    """Escape what could move the cursor of a terminal or could not be written: names of files hold anything.

    >>> printable("sub-01\\x1b[2J")
    'sub-01\\\\x1b[2J'
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def exit_code(error: BaseException) -> int:
    """Give the exit code of any error.

    >>> exit_code(DataError("truncated")), exit_code(KeyboardInterrupt()), exit_code(ZeroDivisionError())
    (65, 130, 1)
    """
    if isinstance(error, BidsAriError):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, MemoryError):
        return DataError.exit_code
    if isinstance(error, BrokenPipeError):
        return UNREAD
    if isinstance(error, OSError) and error.errno in UNWRITABLE:
        return OutputError.exit_code
    return ReadError.exit_code if isinstance(error, OSError) and error.filename is not None else BUG


def joint_exit_code(codes: Iterable[int], any_done: bool) -> int:
    """Give the exit code of a run from those of the contrasts that failed, and whether any other was analysed.

    >>> joint_exit_code([], True), joint_exit_code([74, 74], False), joint_exit_code([74], True)
    (0, 74, 65)
    """
    different = set(codes)
    if not different:
        return 0
    return different.pop() if len(different) == 1 and not any_done else DataError.exit_code


def counted(n: int, noun: str) -> str:
    """Write a number and its noun.

    >>> counted(1, "voxel"), counted(2, "voxel")
    ('1 voxel', '2 voxels')
    """
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def listing(names: Iterable[object], most: int = 5) -> str:
    """Write up to `most` names, then how many more there are.

    >>> listing(["01", "02"])
    '01, 02'
    >>> listing(range(8))
    '0, 1, 2, 3, 4 and 3 more'
    """
    items: Sequence[str] = [str(name) for name in names]
    rest = len(items) - most
    return ", ".join(items[:most]) + (f" and {rest} more" if rest > 0 else "")
