"""A file of arrays and one text, for readers that vouch for nothing: what is read is what was asked for.

Arrays are members of a NumPy archive, without pickles. The text is JSON: frozen dataclasses of texts, numbers, tuples
and the like, which are read by their type hints, so that a field added to a class is written and asked for. It also
holds a checksum of each array, since all belong together. What does not fit is one of the errors `UNREADABLE`.
"""

import io
import json
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt

T = TypeVar("T")
Array = npt.NDArray[Any]

ABOUT = "about"
"""The array of bytes that is the text."""

CHECKSUMS = "crc32"
"""The key of the checksums in the text, one of each ``.npy`` member but the text itself."""

UNREADABLE: tuple[type[Exception], ...] = (ValueError, OverflowError, RuntimeError, EOFError)
UNREADABLE += (zipfile.BadZipFile, zlib.error, struct.error)
"""What reading may raise."""

RENAMED = {
    "ContrastSet": {"left_out": "excluded"},
    "Excluded": {"what": "name"},
    "SubjectMap": {"files": "maps"},
    "StatMap": {"root": "dataset"},
}
"""By class: the names of fields in files of 0.1.0, and the present ones."""

_LEVEL = 1  # of zlib, up to 9: the digits of statistics are noise, and 6 takes twice the time to save 2 %
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MOST_PACKED = 1032  # zlib packs nothing more tightly than to this part of its size
_MOST_TEXT = 1 << 26  # bytes of JSON, enough to name 100,000 files
_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(rb"\{'descr': '([|<]\w+)', 'fortran_order': False, 'shape': \(([\d, ]{0,80})\), \} *\n")


def pack_file(about: Any, arrays: Mapping[str, Array]) -> bytes:
    """Write an ``.npz`` of arrays and of the text `ABOUT`, the same bytes for the same content.

    Parameters
    ----------
    about
        A dataclass. Of paths in it, only the names are written.
    arrays : mapping of str to array
        By name.
    """
    members = {name: _npy(array) for name, array in arrays.items()}
    text = _plain(about) | {CHECKSUMS: {name: zlib.crc32(member) for name, member in members.items()}}
    content = np.frombuffer(json.dumps(text, allow_nan=False).encode(), np.uint8)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, member in {ABOUT: _npy(content), **members}.items():
            file.writestr(zipfile.ZipInfo(f"{name}.npy"), member, zipfile.ZIP_DEFLATED, _LEVEL)
    return buffer.getvalue()


class FileReader:
    """A file from `pack_file`, or what claims to be one: an array is read when it is what was expected.

    Parameters
    ----------
    content : bytes
        The file.
    dtypes : mapping of str to str
        The type of each array, as ``.npy`` files write it.
    """

    def __init__(self, content: bytes, dtypes: Mapping[str, str]) -> None:
        self._file = zipfile.ZipFile(io.BytesIO(content))
        self._members = {info.filename: info for info in self._file.infolist()}
        self._n_bytes = len(content)
        self._dtypes = {ABOUT: "|u1", **dtypes}
        self.about = self._read_about()

    def read(self, name: str, *shape: int | None) -> Array:
        """Read one array; None stands for any length of an axis."""
        info = self._member(name)
        written = self.about[CHECKSUMS].get(name)
        require(written == info.CRC, f"the array {name} is not the one that was written")
        return self._read(info, name, shape)

    def _read_about(self) -> dict[str, Any]:
        info = self._member(ABOUT)
        require(info.file_size <= _MOST_TEXT, f"the text in {ABOUT} claims {info.file_size} bytes")
        about = json.loads(self._read(info, ABOUT, (None,)).tobytes(), parse_constant=_refuse)
        if not isinstance(about, dict) or not isinstance(about.get(CHECKSUMS), dict):
            raise ValueError(f"the text in {ABOUT} is no object with {CHECKSUMS}")
        return about

    def _member(self, name: str) -> zipfile.ZipInfo:
        """Find an array."""
        info = self._members.get(f"{name}.npy")
        if info is None:
            raise ValueError(f"there is no array {name}")
        most = _MOST_PACKED * min(info.compress_size, self._n_bytes)
        require(info.compress_type in _PACKED, f"the array {name} is not packed as NumPy does it")
        require(info.file_size <= most, f"the array {name} claims {info.file_size} bytes, more than the file can hold")
        return info

    def _read(self, info: zipfile.ZipInfo, name: str, shape: tuple[int | None, ...]) -> Array:
        """Read an array, but none that claims another shape than that expected or more than there is."""
        with self._file.open(info) as member:
            start = member.read(len(_MAGIC) + 2)
            header = member.read(int.from_bytes(start[len(_MAGIC) :], "little"))
            require(start.startswith(_MAGIC), f"the array {name} is not as NumPy writes it")
            found = self._claimed_shape(name, header, shape)
            n_bytes = math.prod(found) * np.dtype(self._dtypes[name]).itemsize
            there = info.file_size - len(start) - len(header)
            require(n_bytes == there, f"the array {name} claims {n_bytes} bytes; {there} are there")
            return np.frombuffer(member.read(n_bytes), self._dtypes[name]).reshape(found)

    def _claimed_shape(self, name: str, header: bytes, shape: tuple[int | None, ...]) -> tuple[int, ...]:
        """Give the shape in the header of an array, which is matched, not evaluated; refuse any but that expected."""
        told = _HEADER.fullmatch(header)
        if told is None:
            raise ValueError(f"the array {name} is not as NumPy writes it")
        dtype, found = told[1].decode(), tuple(int(n) for n in told[2].replace(b",", b" ").split())
        same = len(found) == len(shape) and all(n in (None, k) for n, k in zip(shape, found, strict=True))
        wanted = "x".join("any" if n is None else str(n) for n in shape)
        expected = f"{self._dtypes[name]} of {wanted}"
        require(same and dtype == self._dtypes[name], f"the array {name} is {dtype} of {found}; expected {expected}")
        return found


def from_json(kind: type[T], value: Any, where: str) -> T:
    """Make a value of a type from what JSON was read as.

    Parameters
    ----------
    kind : type
        A dataclass.
    value
        From `FileReader.about`.
    where : str
        What to call it when it is none.

    Examples
    --------
    >>> from bids_ari.bids.entities import Entities
    >>> from_json(Entities, {"pairs": [["task", "rest"]]}, "entities")
    Entities(pairs=(('task', 'rest'),))
    >>> from_json(Entities, {"pairs": [["task", 1]]}, "entities")
    Traceback (most recent call last):
    ValueError: entities.pairs is 1; expected str
    """
    made: T = _made(kind, value, where)
    return made


def require(good: object, what: str) -> None:
    """Raise ValueError unless something holds."""
    if not good:
        raise ValueError(what)


def short(value: object) -> str:
    """Write a value that may be anything."""
    return repr(value)[:60]


def _npy(array: Array) -> bytes:
    """Write an array as a ``.npy`` file."""
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(array), allow_pickle=False)
    return file.getvalue()


def _plain(value: Any) -> Any:
    """Turn a value into what JSON knows; a path into its name."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    return value.name if isinstance(value, Path) else value


def _made(kind: Any, value: Any, where: str) -> Any:
    """Make a value of any type that fields of a dataclass have here."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):  # of a type and None
        (kind,) = (each for each in inner if each is not NoneType)
        return None if value is None else _made(kind, value, where)
    if origin is Literal and isinstance(value, str) and value in inner:
        return value
    if origin is Mapping and isinstance(value, dict):
        return {key: _made(inner[1], each, where) for key, each in value.items()}
    if origin is tuple and isinstance(value, list):
        kinds = inner[:1] * len(value) if inner[-1] is ... else inner
        return tuple(_made(each, part, where) for each, part in zip(kinds, value, strict=True))
    if is_dataclass(kind) and isinstance(value, dict):
        return _made_of_fields(kind, value, where)
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind is float and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if kind in (str, int, bool) and type(value) is kind:
        return value
    raise ValueError(f"{where} is {short(value)}; expected {getattr(kind, '__name__', kind)}")


def _made_of_fields(kind: Any, value: dict[str, Any], where: str) -> Any:
    """Make a dataclass of all its fields."""
    types = _types(kind)
    renamed = RENAMED.get(kind.__name__, {})
    value = {renamed.get(name, name): each for name, each in value.items()}
    require(value.keys() == types.keys(), f"{where} lacks or adds {', '.join(sorted(value.keys() ^ types.keys()))}")
    return kind(**{name: _made(types[name], each, f"{where}.{name}") for name, each in value.items()})


@cache
def _types(kind: Any) -> dict[str, Any]:
    """Give the type of each field of a dataclass."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"its text holds {constant}")
