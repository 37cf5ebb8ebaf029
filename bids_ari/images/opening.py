"""Files that are opened: whatever is wrong with a file becomes an error of this package, with what to do.

A file that is not regular is not opened: opening a pipe would wait for a process that writes to it.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import BufferedIOBase, BufferedReader, BytesIO
from pathlib import Path

from isal import igzip, isal_zlib
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from bids_ari.errors import BidsAriError, DataError, InputNotFoundError, ReadError
from bids_ari.images.headers import NIFTI, damaged
from bids_ari.runtime.memory import available_memory, format_memory

_CORRUPT: tuple[type[Exception], ...] = (EOFError, igzip.BadGzipFile, isal_zlib.error)  # type: ignore[assignment]
"""Errors of compressed content that is damaged."""

_UNREADABLE: tuple[type[Exception], ...] = (
    ImageFileError,
    HeaderDataError,
    ValueError,
    TypeError,
    OverflowError,
    KeyError,
    OSError,
    *_CORRUPT,
)
"""Errors of nibabel for a file that is damaged, or not in the format of its name."""

_GZIP = b"\x1f\x8b"
_START = 1000  # bytes that show what a file is
_PIECE = 2**20  # bytes read at a time

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
    except _CORRUPT as error:
        raise damaged(str(path), str(error), kind) from error
    except FileNotFoundError as error:
        raise _not_found(path) from error
    except OSError as error:
        raise ReadError(f"{path} cannot be read: {error.strerror or error}") from error
    except MemoryError as error:
        raise DataError(f"{path} does not fit into memory", hint="Use a larger computer") from error


def _not_found(path: Path) -> BidsAriError:
    """Return the error for a file that does not exist, or for a link whose content was not fetched."""
    if not path.is_symlink():
        return InputNotFoundError(f"There is no file {path}")
    target = os.readlink(path)  # noqa: PTH115 - as text: the target does not exist
    hint = f"Fetch it: datalad get {path}" if "annex" in target else f"Fix the link: its target is {target}"
    return DataError(f"{path} is a link to content that is not here", hint=hint)


@contextmanager
def decoding(name: str, kind: str = NIFTI) -> Iterator[None]:
    """Raise errors of this package for content that nibabel cannot decode, or the operating system cannot read."""
    try:
        yield
    except _UNREADABLE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise ReadError(f"{name} cannot be read: {error.strerror}") from error
        raise damaged(name, str(error).splitlines()[0] if str(error) else type(error).__name__, kind) from error


def check_content(start: bytes, path: Path, kind: str = NIFTI) -> None:
    """Raise a DataError if a file, by its first bytes, is empty, a pointer to content elsewhere, or a web page."""
    if not start:
        raise DataError(f"{path} is empty", kind, "Copy or regenerate the file")
    for pointer, command in _POINTERS.items():
        if start.startswith(pointer):
            raise DataError(f"{path} is a pointer to content that is not here", hint=f"Fetch it: {command} {path}")
    if start.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
        raise DataError(f"{path} is a web page", kind, "Download the file again: this may be a login page")


def read_content(path: Path, kind: str, mem: int | None = None) -> tuple[bytes, str]:
    """Return the content of a file, inflated where it is compressed, and the SHA-256 of the file.

    Parameters
    ----------
    path : Path
        A regular file.
    kind : str
        What it should be, with its article, for messages: ``a GIFTI file``.
    mem : int, optional
        Bytes that it may take; by default, all available memory.

    Raises
    ------
    InputNotFoundError, DataError, ReadError
        When there is no such file, it is empty, a pointer, a web page or damaged, or it cannot be read.
    """
    most = available_memory() if mem is None else mem
    with opened(path, kind) as file:
        content = _at_most(file, most, path)
        check_content(content[:_START], path, kind)
        digest = hashlib.sha256(content).hexdigest()
        if content.startswith(_GZIP):
            content = _at_most(igzip.GzipFile(fileobj=BytesIO(content)), most, path)  # type: ignore[no-untyped-call]
    return content, digest


def _at_most(file: BufferedIOBase, most: int, path: Path) -> bytes:
    """Read a file to its end; raise a DataError if this takes more than `most` bytes."""
    content = BytesIO()
    for piece in iter(partial(file.read, _PIECE), b""):
        if content.write(piece) and content.tell() > most:
            limit = f"at most the available memory, {format_memory(most)}"
            raise DataError(f"{path} does not fit into memory", limit, "Increase --mem, or use a larger computer")
    return content.getvalue()
