"""Contents of GIFTI and CIFTI files: read to the last byte, hashed, and refused where they are no such files."""

import hashlib
import os
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from isal import igzip

from bids_ari.errors import DataError, brief
from bids_ari.images.headers import damaged
from bids_ari.images.opening import check_content, opened
from bids_ari.runtime.memory import available_memory, format_memory

POSITION_BYTES = 40
"""Largest memory that reading the value of one position takes: as stored, as float64, smoothed, and whether missing."""

_START = 2**12  # bytes that tell what a file is


class Label(NamedTuple):
    """One entry of a label table."""

    name: str
    rgba: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)


class Content(NamedTuple):
    """The bytes of a file, decompressed, and its SHA-256 as it is stored."""

    data: bytes
    sha256: str


def read_content(path: Path, kind: str, *, most: int, mem: int | None = None) -> Content:
    """Read all bytes of a file of a kind, such as "a GIFTI file"; they may take `most` bytes, and `mem` of memory.

    Raises
    ------
    InputNotFoundError, DataError, ReadError
        When there is no file, it is damaged or too large, or the operating system cannot read it.
    """
    with opened(path, kind) as file:
        start = file.read(_START)
        check_content(start, path, kind)
        check_size(path, os.fstat(file.fileno()).st_size, most, mem)
        file.seek(0)
        stored = file.read()
        sha256 = hashlib.sha256(stored).hexdigest()
        is_compressed = start.startswith(b"\x1f\x8b")
        if is_compressed != path.name.lower().endswith(".gz"):
            found, way_out = ("compressed", "Add") if is_compressed else ("not compressed", "Remove")
            raise DataError(f"{path} is {found}", kind, f"{way_out} the ending .gz of its name")
        if not is_compressed:
            return Content(stored, sha256)
        limit = min(most, available_memory() if mem is None else mem)
        data = igzip.GzipFile(fileobj=BytesIO(stored)).read(limit + 1)  # type: ignore[no-untyped-call]
        check_size(path, len(data), most, mem)
        return Content(data, sha256)


def check_size(path: Path, n_bytes: int, most: int, mem: int | None) -> None:
    """Raise a DataError if a file has more bytes than one map needs, or than fit into memory."""
    available = available_memory() if mem is None else mem
    if n_bytes > min(most, available):
        raise DataError(
            f"{path} has {'more than ' if n_bytes == min(most, available) + 1 else ''}{format_memory(n_bytes)}",
            f"at most {format_memory(min(most, available))}",
            "A file must have a single map: extract it; if it has one, increase --mem",
        )


def check_positions(path: Path, n_positions: int, what: str, mem: int | None) -> None:
    """Raise a DataError if the values of a number of positions do not fit into memory."""
    needed, available = n_positions * POSITION_BYTES, available_memory() if mem is None else mem
    if needed > available:
        raise DataError(
            f"{path} describes {n_positions} {what}, which take {format_memory(needed)} of memory",
            f"at most the available memory, {format_memory(available)}",
            "If the number is wrong, copy or regenerate the file; else increase --mem, or use a larger computer",
        )


def damaged_file(path: Path, kind: str, why: str) -> DataError:
    """Return the error for a damaged file of a kind; the reason may be a text of the file."""
    return damaged(str(path), brief(why, 200), kind)
