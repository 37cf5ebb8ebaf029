"""Files that are opened: whatever is wrong with a file becomes an error of this package, with what to do.

A file that is not regular is not opened: opening a pipe would wait for a process that writes to it.
"""

import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from isal import igzip, isal_zlib
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, ImageDataError

from bids_ari.errors import BidsAriError, DataError, InputNotFoundError, ReadError
from bids_ari.images.headers import NIFTI, damaged

CORRUPT: tuple[type[Exception], ...] = (EOFError, igzip.BadGzipFile, isal_zlib.error, zlib.error)  # type: ignore[assignment]
"""Errors of compressed content that is damaged."""

_UNREADABLE: tuple[type[Exception], ...] = (
    ImageFileError,
    HeaderDataError,
    ImageDataError,
    ValueError,
    TypeError,
    OverflowError,
    KeyError,
    OSError,
    *CORRUPT,
)
"""Errors of nibabel for a file that is damaged, or not in the format of its name."""

_POINTERS = {
    b"version https://git-lfs": "git lfs pull --include",
    b"/annex/objects/": "datalad get",
    b"../.git/annex/": "datalad get",
    b".git/annex/": "datalad get",
}
"""First bytes of files that refer to content elsewhere, and the command that fetches it."""

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@contextmanager
def opened(path: Path, kind: str = NIFTI) -> Iterator[BufferedReader]:
    """Open a regular file; raise errors of this package for all that is wrong with it, also while it is read."""
    try:
        try:
            mode = path.stat().st_mode
        except ValueError as error:  # a name that no file can have
            raise InputNotFoundError(f"There is no file {str(path)!r}: {error}") from error
        if not stat.S_ISREG(mode):  # opening a pipe would wait for a process that writes to it
            raise ReadError(f"{path} cannot be read: it is {_KINDS.get(stat.S_IFMT(mode), 'no file')}")
        with path.open("rb") as file:
            yield file
    except CORRUPT as error:
        raise damaged(str(path), _why_corrupt(error), kind) from error
    except FileNotFoundError as error:
        raise _not_found(path) from error
    except OSError as error:
        raise ReadError(f"{path} cannot be read: {error.strerror or error}") from error
    except MemoryError as error:
        raise DataError(f"{path} does not fit into memory", hint="Use a larger computer") from error


def _why_corrupt(error: Exception) -> str:
    """Return in what compressed content is damaged, in the same words for all files."""
    if isinstance(error, EOFError):
        return "its compressed content is incomplete, as that of a copy that was interrupted"
    return "its content does not have the checksum that it says" if "CRC" in str(error) else str(error)


def _not_found(path: Path) -> BidsAriError:
    """Return the error for a file that does not exist, or for a link whose content was not fetched."""
    if not path.is_symlink():
        return InputNotFoundError(f"There is no file {path}", hint=hint_of_header(path))
    target = os.readlink(path)  # noqa: PTH115 - as text: the target does not exist
    hint = f"Fetch it: datalad get {path}" if "annex" in target else f"Fix the link: its target is {target}"
    return DataError(f"{path} is a link to content that is not here", hint=hint)


def hint_of_header(path: Path) -> str:
    """Return which file to name for a dataset of AFNI, which is written without the extension; empty for others."""
    head = f"{path.name}.HEAD"
    return f"Name {head}" if path.name and os.path.exists(path.with_name(head)) else ""  # noqa: PTH110 - a long name


@contextmanager
def decoding(name: str, kind: str = NIFTI) -> Iterator[None]:
    """Raise errors of this package for content that nibabel cannot decode, or the operating system cannot read."""
    try:
        yield
    except _UNREADABLE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise ReadError(f"{name} cannot be read: {error.strerror}") from error
        why = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        raise damaged(name, why, kind) from error


def check_content(start: bytes, path: Path, kind: str = NIFTI) -> None:
    """Raise a DataError if a file, by its first bytes, is empty, a pointer to content elsewhere, or a web page."""
    if not start:
        raise DataError(f"{path} is empty", kind, "Copy or regenerate the file")
    for pointer, command in _POINTERS.items():
        if start.startswith(pointer):
            raise DataError(f"{path} is a pointer to content that is not here", hint=f"Fetch it: {command} {path}")
    if is_web_page(start):
        raise DataError(f"{path} is a web page", kind, "Download the file again: this may be a login page")


def is_web_page(start: bytes) -> bool:
    """Return whether a file is a web page, by its first bytes."""
    return start.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html"))
