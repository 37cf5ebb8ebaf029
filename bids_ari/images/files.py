"""The files of images: opened without waiting, read no further than their header claims, hashed on the way.

Nothing in a file is believed. What is no regular file is not opened, a header is checked before memory is taken for
what it claims, and compressed content is checked to the last byte, checksum included.
"""

import hashlib
import os
import stat
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from itertools import chain
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, SpatialImage

from bids_ari.errors import BidsAriError, DataError, InputNotFoundError, ReadError
from bids_ari.images.headers import HEADER_BYTES, Header, damaged, parse_header
from bids_ari.runtime.executors import available_memory, format_memory
from bids_ari.stats.distributions import FloatArray

BYTES_PER_VOXEL = 40
"""Memory that reading a map takes, at the most: as stored, as float64, smoothed, and what is missing."""

_CHUNK = 2**16
"""Bytes read at a time."""

_EXTRA = 2**20
"""A file may be so many bytes longer than its header claims: padding, not values."""

_MOST_COMPRESSED = 1040
"""What gzip can save, at the most: a byte for 1032."""

_DAMAGE = (
    ImageFileError,
    HeaderDataError,
    EOFError,
    zlib.error,
    ValueError,
    TypeError,
    OverflowError,
    KeyError,
    OSError,
)
"""What nibabel raises when a file is not what it says."""

_POINTERS = {
    b"version https://git-lfs": "git lfs pull --include",
    b"/annex/objects/": "datalad get",
    b"../.git/annex/": "datalad get",
    b".git/annex/": "datalad get",
}
"""How a file begins that only names its content, and what fetches it."""

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """The values (x, y, z) of an image as float64, scaled; its header, and the SHA-256 of its file, if it has one.

    In memory the first axis runs fastest, as in the file: to turn a volume round takes half as long as to inflate it.
    """

    values: FloatArray
    header: Header
    sha256: str = ""


def read_header(path: Path) -> Header:
    """Read what the header of an image says, and whether the file is long enough for it.

    Raises
    ------
    InputNotFoundError
        When there is no such file.
    DataError
        When the content is not there, damaged, or not one volume.
    ReadError
        When the operating system cannot read the file.
    """
    with _opened(path) as file:
        if not _is_nifti(path):
            return Header.of(_foreign(path), str(path))
        header, _ = _begun(file, path, hashlib.sha256())
        return header


def read_image(source: str | Path | nib.Nifti1Image, memory: int | None = None) -> Image:
    """Read an image whole, to the checksum; raise as `read_header` does.

    Parameters
    ----------
    source : path or image
        A NIfTI file, or one of another format that nibabel knows; or an image that nibabel opened or made.
    memory : int, optional
        Bytes that it may take; by default, all available memory.
    """
    if not isinstance(source, str | Path):
        return _loaded(source, name_of(source), memory)
    path = Path(source)
    with _opened(path) as file:
        if not _is_nifti(path):
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            return _loaded(_foreign(path), str(path), memory, sha256)
        digest = hashlib.sha256()
        header, pieces = _begun(file, path, digest)
        check_memory(header, memory)
        content = _filled(pieces, header)
        return Image(_values(content, header), header, digest.hexdigest())


def name_of(source: Any) -> str:
    """Name a file or an image in a message."""
    if isinstance(source, SpatialImage):
        return str(source.get_filename() or "the image")
    return str(source) if isinstance(source, str | Path) else "the image"


def check_memory(header: Header, memory: int | None = None) -> None:
    """Refuse an image that does not fit into memory.

    Raises
    ------
    DataError
        Says what the header claims, and what there is.
    """
    needed = header.n_points * BYTES_PER_VOXEL
    free = available_memory() if memory is None else memory
    if needed > free:
        raise DataError(
            f"{header.name} claims {header.claim}, which take {format_memory(needed)}; "
            f"the memory here is {format_memory(free)}",
            hint="Copy or make it anew if that is not its size; else allow more with --mem, or find a larger computer",
        )


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    """Open a regular file; say in our words what is wrong with it, also while it is read."""
    try:
        _check_regular(path)
        with path.open("rb") as file:
            yield file
    except FileNotFoundError as error:
        raise _not_there(path) from error
    except OSError as error:
        raise ReadError(f"{path} cannot be read: {error.strerror or error}") from error
    except (zlib.error, EOFError) as error:
        raise damaged(str(path), str(error)) from error
    except MemoryError as error:
        raise DataError(f"{path} does not fit into memory", hint="Find a larger computer") from error


def _check_regular(path: Path) -> None:
    """Refuse what is no regular file: opening a pipe would wait for somebody to write to it."""
    try:
        mode = path.stat().st_mode
    except ValueError as error:  # a name that no file can have
        raise InputNotFoundError(f"There is no file {str(path)!r}: {error}") from error
    if not stat.S_ISREG(mode):
        raise ReadError(f"{path} cannot be read: it is {_KINDS.get(stat.S_IFMT(mode), 'no file')}")


def _not_there(path: Path) -> BidsAriError:
    """Tell a link whose content was not fetched from a file that is not there."""
    if not path.is_symlink():
        return InputNotFoundError(f"There is no file {path}")
    target = os.readlink(path)  # noqa: PTH115 - as text, for what it says
    hint = f"Fetch it: datalad get {path}" if "annex" in target else f"Mend the link: it points to {target}"
    return DataError(f"{path} is a link to content that is not here", hint=hint)


def _is_nifti(path: Path) -> bool:
    return path.name.lower().endswith((".nii", ".nii.gz"))


def _begun(file: BufferedReader, path: Path, digest: Any) -> tuple[Header, Iterator[bytes]]:
    """Read the beginning: give the checked header, and all pieces of the content, the first included."""
    compressed = path.name.lower().endswith(".gz")
    chunks = _chunks(file, digest)
    first = next(chunks, b"")
    _check_start(first, path, compressed)
    whole = chain([first], chunks)
    pieces = _inflated(whole) if compressed else whole
    start = b""
    while len(start) < HEADER_BYTES and (piece := next(pieces, None)) is not None:
        start += piece
    header = parse_header(start, str(path))
    _check_length(header, os.fstat(file.fileno()).st_size, compressed)
    return header, chain([start], pieces)


def _chunks(file: BufferedReader, digest: Any) -> Iterator[bytes]:
    """Read a file to its end, hashing what was read."""
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        yield chunk


def _inflated(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Decompress all members of a gzip file in small pieces; zlib compares the checksum of each with its content."""
    member: Any = None
    for chunk in chunks:
        rest = chunk
        while rest:
            if member is None:
                rest = rest.lstrip(b"\0")  # padding between and after members
                member = zlib.decompressobj(wbits=31) if rest else None
                continue
            yield member.decompress(rest, _CHUNK)
            rest = member.unused_data if member.eof else member.unconsumed_tail
            if member.eof:
                member = None
    if member is not None:
        raise EOFError("its compressed content ends too early")


def _check_start(first: bytes, path: Path, compressed: bool) -> None:
    """Refuse by its first bytes what only stands for an image, or is one under a wrong name."""
    if not first:
        raise DataError(f"{path} is empty", "a NIfTI image", "Copy or make it anew")
    for start, command in _POINTERS.items():
        if first.startswith(start):
            raise DataError(f"{path} is a pointer to content that is not here", hint=f"Fetch it: {command} {path}")
    if first.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
        raise DataError(f"{path} is a web page", "a NIfTI image", "Download it anew: this may be a page to log in")
    packed = first.startswith(b"\x1f\x8b")
    if packed and not compressed:
        raise DataError(f"{path} is compressed", "a name that ends in .nii.gz", "Rename it")
    if compressed and not packed:
        plain = first[:4] in (b"\x5c\x01\0\0", b"\0\0\x01\x5c", b"\x1c\x02\0\0", b"\0\0\x02\x1c")
        if plain:
            raise DataError(f"{path} is not compressed", "a name that ends in .nii", "Rename it")
        raise damaged(str(path), f"it is not compressed and begins with {first[:8]!r}")


def _check_length(header: Header, size: int, compressed: bool) -> None:
    """Refuse a file that is too short, or far too long, for what its header claims."""
    if compressed and header.n_bytes > _MOST_COMPRESSED * size:
        raise damaged(header.name, f"{size} compressed bytes cannot hold the {header.claim} that it claims")
    if not compressed and header.n_bytes > size:
        raise _too_short(header, size)
    if not compressed and size > header.n_bytes + _EXTRA:
        raise _too_long(header)


def _filled(pieces: Iterable[bytes], header: Header) -> Any:
    """Put the content together, as long as the header claims; read on to the end for the checksum."""
    content = np.empty(header.n_bytes, dtype=np.uint8)
    view, at = content.data, 0
    for piece in pieces:
        part = piece[: max(header.n_bytes - at, 0)]
        view[at : at + len(part)] = part
        at += len(piece)
        if at > header.n_bytes + _EXTRA:
            raise _too_long(header)
    if at < header.n_bytes:
        raise _too_short(header, at)
    return content


def _too_short(header: Header, size: int) -> DataError:
    return damaged(header.name, f"it has {size} of the {header.n_bytes} bytes of the {header.claim} that it claims")


def _too_long(header: Header) -> DataError:
    return damaged(header.name, f"it goes on after the {header.claim} that it claims")


def _values(content: Any, header: Header) -> FloatArray:
    """Give the values as float64, scaled; they stay in the order of the file."""
    stored = np.ndarray(header.grid.shape, header.dtype, content, header.offset, order="F")
    with np.errstate(all="ignore"):  # damaged values are not numbers, or too large: missing
        values = stored.astype(np.float64, order="F")
        if (header.slope, header.inter) != (1.0, 0.0):
            values *= header.slope
            values += header.inter
    return values


def _foreign(path: Path) -> Any:
    """Open an image of another format, as nibabel can."""
    try:
        return nib.load(path)
    except _DAMAGE as error:
        raise _unreadable(str(path), error) from error


def _loaded(image: Any, name: str, memory: int | None, sha256: str = "") -> Image:
    """Read the values of an image that nibabel opened."""
    header = Header.of(image, name)
    check_memory(header, memory)
    try:
        values = np.asarray(image.get_fdata(caching="unchanged"), order="C").reshape(header.grid.shape)
    except _DAMAGE as error:
        raise _unreadable(name, error) from error
    return Image(values, header, sha256)


def _unreadable(name: str, error: Exception) -> DataError | ReadError:
    """Tell a file whose content is damaged from one that the system does not give us."""
    if isinstance(error, OSError) and error.errno is not None:
        return ReadError(f"{name} cannot be read: {error.strerror}")
    return damaged(name, str(error).splitlines()[0] if str(error) else type(error).__name__)
