"""Contents of files: read as far as they make sense, hashed on the way, and refused where they are too large."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from io import BufferedIOBase, BufferedReader, RawIOBase
from pathlib import Path
from typing import Any, Literal, NamedTuple

from isal import igzip

from bids_ari.errors import DataError, brief, listing
from bids_ari.images.headers import damaged
from bids_ari.images.opening import check_content, opened
from bids_ari.runtime.memory import available_memory, format_memory

POSITION_BYTES = 40
"""Largest memory that reading the value of one position takes: as stored, as float64, smoothed, and whether missing."""

_LIKENESS = 0.8  # least similarity of a name to the one that may have been meant
_START = 2**12  # bytes that tell what a file is
_CHUNK = 2**16  # bytes read at a time
_PADDING = 2**20  # a file may be longer than its header describes by this many bytes


class Label(NamedTuple):
    """One entry of a label table."""

    name: str
    rgba: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)


ContentKind = Literal["map", "labels", "any"]
"""What a file must contain: a map of values, labels of parcels, or either."""


class Content(NamedTuple):
    """The bytes of a file, decompressed, and its SHA-256 as it is stored."""

    data: bytes
    sha256: str


class HashedFile(RawIOBase):
    """A file that computes the SHA-256 of all bytes that are read from it."""

    def __init__(self, file: BufferedReader) -> None:
        self.file = file
        self.sha256 = hashlib.sha256()

    def readable(self) -> bool:
        """Return True: a BufferedReader asks."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes into a buffer; return their number, 0 at the end."""
        view = memoryview(buffer)[:_CHUNK]
        n_bytes = self.file.readinto(view)
        self.sha256.update(view[:n_bytes])
        return n_bytes


class ContentReader:
    """The content of an open file, decompressed if its name says so."""

    def __init__(self, file: BufferedReader, is_compressed: bool) -> None:
        self.n_stored = os.fstat(file.fileno()).st_size  # bytes on disk
        self.is_compressed = is_compressed
        self._hashed = HashedFile(file)
        self._stream: BufferedIOBase = BufferedReader(self._hashed)
        if is_compressed:
            self._stream = igzip.GzipFile(fileobj=self._hashed)  # type: ignore[no-untyped-call]

    def read(self, n_bytes: int) -> bytes:
        """Read this many bytes, or fewer at the end."""
        if not self.is_compressed:
            return self._stream.read(min(n_bytes, self.n_stored))
        pieces: list[bytes] = []
        while n_bytes > 0 and (piece := self._stream.read(min(n_bytes, _CHUNK))):
            pieces.append(piece)
            n_bytes -= len(piece)
        return b"".join(pieces)

    def sha256(self) -> str | None:
        """Read to the end, checksum included, and return the SHA-256 of the file; None if more than padding remains."""
        n_bytes = 0
        while piece := self._stream.read(_CHUNK):
            n_bytes += len(piece)
            if n_bytes > _PADDING:
                return None
        return self._hashed.sha256.hexdigest()


@contextmanager
def reading(path: Path, kind: str) -> Iterator[ContentReader]:
    """Open a file of a kind, such as "a GIFTI file", after a look at its first bytes.

    Raises
    ------
    InputNotFoundError, DataError, ReadError
        When there is no file, it is damaged, or the operating system cannot read it; also while it is read.
    """
    with opened(path, kind) as file:
        start = file.read(_START)
        file.seek(0)
        check_content(start, path, kind)
        is_compressed = start.startswith(b"\x1f\x8b")
        if is_compressed != path.name.lower().endswith(".gz"):
            found, way_out = ("compressed", "Add") if is_compressed else ("not compressed", "Remove")
            raise DataError(f"{path} is {found}", kind, f"{way_out} the ending .gz of its name")
        yield ContentReader(file, is_compressed)


def read_content(path: Path, kind: str, *, most: int, mem: int | None = None) -> Content:
    """Read all bytes of a file of a kind, at most `most`, which also fit into `mem` bytes; errors as `reading`."""
    limit = min(most, available_memory() if mem is None else mem)
    with reading(path, kind) as file:
        data = file.read(limit + 1) if file.n_stored <= limit else b""
        sha256 = file.sha256() if 0 < len(data) <= limit else None
    if sha256 is None:
        raise DataError(
            f"{path} has more than {format_memory(limit)}",
            "a single map that fits into memory",
            "If the file has several maps, extract one; otherwise increase --mem",
        )
    return Content(data, sha256)


def check_positions(path: Path, n_positions: int, what: str, mem: int | None) -> None:
    """Raise a DataError if the values of a number of positions do not fit into memory."""
    needed, available = n_positions * POSITION_BYTES, available_memory() if mem is None else mem
    if needed > available:
        raise DataError(
            f"{path} describes {n_positions} {what}, which take {format_memory(needed)} of memory",
            f"at most the available memory, {format_memory(available)}",
            "If the number is wrong, copy or regenerate the file; else increase --mem, or use a larger computer",
        )


def no_map_named(path: Path, map_name: str, names: Sequence[str]) -> DataError:
    """Return the error that a file has no map, or several maps, of a name."""
    if map_name in names:
        found = f"{path} has {names.count(map_name)} maps named {map_name!r}"
        return DataError(found, "maps of different names", "Rename them, for example with wb_command -set-map-names")
    expected = f"one of: {listing(map(repr, names), 20)}" if any(names) else "no --map-name: its map has no name"
    near = get_close_matches(map_name, names, n=1, cutoff=_LIKENESS)
    return DataError(f"{path} has no map named {map_name!r}", expected, f"Did you mean {near[0]!r}?" if near else "")


def damaged_file(path: Path, kind: str, why: str) -> DataError:
    """Return the error for a damaged file of a kind; the reason may be a text of the file."""
    return damaged(str(path), brief(why, 200), kind)
