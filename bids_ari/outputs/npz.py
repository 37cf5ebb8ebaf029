"""NumPy archives of arrays and one JSON text, for files that cannot be trusted.

Arrays are members of an ``.npz`` without pickles. The text, in the array `TEXT`, is a JSON object of dataclasses, which
also holds the CRC-32 of each other member, since all belong together. numpy's own reader allocates what the header of
an array claims before it looks at the data, so type, shape and size are compared with what is expected first.
"""

import io
import json
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

T = TypeVar("T")
Array = npt.NDArray[Any]

TEXT = "about"
"""Name of the array of bytes that is the text."""

CHECKSUMS = "crc32"
"""Key of the checksums in the text, one for each ``.npy`` member but the text itself."""

UNREADABLE = (ValueError, OverflowError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error, struct.error)
"""Errors that reading a damaged or malicious file may raise."""

_LEVEL = 1  # of zlib: the digits of statistics are noise, and level 6 takes twice the time to save 2 %
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MAX_RATIO = 1032  # of zlib
_MAX_TEXT = 1 << 26  # bytes of JSON, enough to name 100,000 files
_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(rb"\{'descr': '([|<]\w+)', 'fortran_order': False, 'shape': \(([\d, ]{0,80})\), \} *\n")


def pack_npz(text: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """Write an ``.npz`` of arrays and a text from `to_json`, the same bytes for the same content."""
    members = {name: _npy(array) for name, array in arrays.items()}
    text = {**text, CHECKSUMS: {name: zlib.crc32(member) for name, member in members.items()}}
    content = np.frombuffer(json.dumps(text, allow_nan=False).encode(), np.uint8)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, member in {TEXT: _npy(content), **members}.items():
            file.writestr(zipfile.ZipInfo(f"{name}.npy"), member, zipfile.ZIP_DEFLATED, _LEVEL)
    return buffer.getvalue()


class NpzReader:
    """Content of a file that `pack_npz` wrote, or that claims so: its JSON `text` and the `names` of its arrays."""

    def __init__(self, content: bytes) -> None:
        self._file = zipfile.ZipFile(io.BytesIO(content))
        self._members = {info.filename: info for info in self._file.infolist()}
        self._n_bytes = len(content)
        self.text: dict[str, Any] = {}
        info = self._member(TEXT)
        require(info.file_size <= _MAX_TEXT, f"the text has {info.file_size} bytes; expected at most {_MAX_TEXT}")
        content = self._read(info, TEXT, "|u1", (None,)).tobytes()
        self.text = json.loads(content, parse_constant=_finite, parse_float=_finite)
        self._checksums = self.text.pop(CHECKSUMS, None) if isinstance(self.text, dict) else None
        require(isinstance(self._checksums, dict), f"the text is not a JSON object with {CHECKSUMS}")
        self.names = self._checksums.keys()

    def read(self, name: str, dtype: str, shape: Sequence[int | None]) -> Array:
        """Read an array if it has the expected type, as ``.npy`` files write it, and shape; None is any length."""
        info = self._member(name)
        require(self._checksums.get(name) == info.CRC, f"the array {name} does not belong to this file (checksum)")
        return self._read(info, name, dtype, shape)

    def _member(self, name: str) -> zipfile.ZipInfo:
        """Return the entry of an array after checking how large it can be."""
        info = self._members.get(f"{name}.npy")
        if info is None:
            raise ValueError(f"there is no array {name}")
        largest = _MAX_RATIO * min(info.compress_size, self._n_bytes)
        require(info.compress_type in _COMPRESSIONS, f"the array {name} is compressed in a way that NumPy does not use")
        require(
            info.file_size <= largest, f"the array {name} claims {info.file_size} bytes, more than the file can hold"
        )
        return info

    def _read(self, info: zipfile.ZipInfo, name: str, dtype: str, shape: Sequence[int | None]) -> Array:
        """Read an array after comparing its header with the file and the expected shape."""
        with self._file.open(info) as member:
            start = member.read(len(_MAGIC) + 2)
            text = member.read(int.from_bytes(start[len(_MAGIC) :], "little"))
            header = _HEADER.fullmatch(text) if start.startswith(_MAGIC) else None
            if header is None:
                raise ValueError(f"the array {name} is not in NumPy's format 1.0, little-endian and C-contiguous")
            found_dtype, found = header[1].decode(), tuple(map(int, header[2].replace(b",", b" ").split()))
            fits = len(found) == len(shape) and all(n in (None, k) for n, k in zip(shape, found, strict=True))
            expected = f"{dtype} of {'x'.join('any' if n is None else str(n) for n in shape)}"
            require(fits and found_dtype == dtype, f"the array {name} is {found_dtype} of {found}; expected {expected}")
            n_bytes = math.prod(found) * np.dtype(dtype).itemsize
            available = info.file_size - len(start) - len(text)
            require(n_bytes == available, f"the array {name} claims {n_bytes} bytes; the file has {available}")
            return np.frombuffer(member.read(n_bytes), dtype).reshape(found)


def to_json(value: Any) -> Any:
    """Return a value of dataclasses as what JSON can hold; a path as its name, arrays as None."""
    return msgspec.to_builtins(value, enc_hook=_encode)


def from_json(kind: type[T], value: Any) -> T:
    """Return a dataclass from what JSON can hold, and arrays; else raise ValueError.

    Absent fields take their defaults, unknown ones are ignored.

    >>> from bids_ari.bids.entities import Entities
    >>> from_json(Entities, {"pairs": [["task", "rest"]], "later": 1})
    Entities(pairs=(('task', 'rest'),))
    >>> from_json(Entities, {"pairs": [["task", 1]]})
    Traceback (most recent call last):
    msgspec.ValidationError: Expected `str`, got `int` - at `$.pairs[0][1]`
    """
    return msgspec.convert(value, kind, dec_hook=_decode)


def unknown_fields(found: Any, used: Any, where: str = "") -> Iterator[str]:
    """Return the keys of a JSON object that the dataclasses made of it do not have.

    >>> list(unknown_fields({"a": [{"b": 1, "c": 2}], "d": 3}, {"a": [{"b": 1}]}))
    ['a.c', 'd']
    """
    if isinstance(found, Mapping) and isinstance(used, Mapping):
        for key, value in found.items():
            if key in used:
                yield from unknown_fields(value, used[key], f"{where}{key}.")
            else:
                yield f"{where}{key}"
    elif isinstance(found, list) and isinstance(used, list | tuple):
        for one, other in zip(found, used, strict=False):
            yield from unknown_fields(one, other, where)


def require(condition: object, message: str) -> None:
    """Raise ValueError unless a condition holds."""
    if not condition:
        raise ValueError(message)


def _npy(array: Array) -> bytes:
    """Return the content of a ``.npy`` file."""
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(array), allow_pickle=False)
    return file.getvalue()


def _encode(value: Any) -> Any:
    """Return what JSON can hold of an object that msgspec does not know."""
    if isinstance(value, Path):
        return value.name
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, np.ndarray):
        return None
    raise TypeError(f"cannot be written as JSON: {type(value).__name__}")


def _decode(kind: Any, value: Any) -> Any:
    """Return an object of a type that msgspec does not know."""
    if kind is Path and isinstance(value, str):
        return Path(value)
    if isinstance(value, np.ndarray):
        return value
    raise TypeError(f"Expected `{getattr(kind, '__name__', kind)}`, got `{type(value).__name__}`")


def _finite(text: str) -> float:
    """Return a number of a JSON text, in which NaN and infinity are not allowed."""
    value = float(text)
    require(math.isfinite(value), f"its text holds {text}, which is not a finite number")
    return value
