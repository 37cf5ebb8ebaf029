"""JSON files of datasets, read with caution: they may be malformed, huge, or links to content that is not there.

Two faults are common and harmless where the value is not used, so that they are a warning: numbers that JSON does not
have, such as NaN, and keys that occur twice in one object. Their values are such that whoever uses one refuses it.
"""

import json
import logging
import math
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from reprlib import repr as shorten
from typing import Any

from bids_ari.errors import BidsAriError, ReadError, listing, printable

log = logging.getLogger(__name__)

DESCRIPTION = "dataset_description.json"  # the file that makes a folder a dataset
LARGEST = 16 * 2**20
"""Bytes of the largest JSON file that is read; a sidecar has some hundreds."""


def read_bytes(path: Path, most: float = math.inf) -> bytes | None:
    """Read a regular file of at most `most` bytes, as a pipe might never end; return None where there is none."""
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode) and status.st_size <= most:
            return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        if not path.is_symlink():
            return None
        found = f"{path} is a link to content that is not here"
        raise ReadError(found, hint=f"Fetch it: datalad get {path}, or fix the link") from error
    except OSError as error:
        raise ReadError(f"{path} cannot be read: {error.strerror}") from error
    if stat.S_ISDIR(status.st_mode):
        raise ReadError(f"{path} is a folder", "a file")
    if not stat.S_ISREG(status.st_mode):
        raise ReadError(f"{path} is not a regular file")
    raise ReadError(f"{path} has {status.st_size} bytes", f"at most {most} bytes")


Pairs = list[tuple[str, Any]]
"""The keys and values of an object in a JSON text."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """Different values of a key that occurs several times in one object, instead of a value."""

    values: tuple[Any, ...]

    def __repr__(self) -> str:
        return f"given several times: {', '.join(map(shorten, self.values))}"


def read_json(
    path: Path,
    wrong: type[BidsAriError] = ReadError,
    make_object: Callable[[Pairs], dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Read a JSON object; log a warning of numbers that are not finite and keys that occur twice.

    Parameters
    ----------
    path : Path
        The file.
    wrong : type
        The error to raise when the file holds something else.
    make_object : callable, optional
        Makes each object of its keys and values, of which keys may be duplicate; by default the value of such a key
        is `Repeated`, unless all are equal.

    Returns
    -------
    dict
        The object; an empty one where there is no such file.

    Raises
    ------
    ReadError
        When the file cannot be read.
    wrong
        When it is not a JSON object whose texts can be written again.
    """
    content = read_bytes(path, LARGEST)
    if content is None:
        return {}
    parser = _Parser(make_object)
    try:
        text = content.decode("utf-8-sig")
        found = parser.parse(text)
        if "\\u" in text:
            json.dumps(found, ensure_ascii=False, default=str).encode()  # half of a surrogate pair cannot be written
        faults = parser.faults(found)
    except RecursionError:
        raise wrong(f"{path} is nested too deeply", "a JSON object", "Fix or remove it") from None
    except ValueError as error:
        raise wrong(f"{path} is not JSON: {error}", "a JSON object in UTF-8", "Fix or remove it") from error
    if not isinstance(found, dict):
        raise wrong(f"{path} holds no JSON object", hint="Fix or remove it")
    if faults:
        _warn(path.absolute(), listing(faults))
    return found


@lru_cache(maxsize=1024)
def _warn(path: Path, faults: str) -> None:
    """Log a warning once, however often a file is read, by whatever path."""
    log.warning("%s: %s. Other values in it are used", path, faults)


@dataclass(slots=True)
class _Parser:
    """A parser of JSON that notes numbers that are not finite, and keys that occur twice in one object."""

    make_object: Callable[[Pairs], dict[str, Any]] | None = None
    has_odd_numbers: bool = False
    repeated: list[str] = field(default_factory=list)

    def parse(self, text: str) -> Any:
        """Return the value of a text; raise ValueError or RecursionError if it is not JSON."""
        return json.loads(
            text,
            object_pairs_hook=self.make_object or self._object,
            parse_int=self._integer,
            parse_float=self._number,
            parse_constant=self._number,
        )

    def faults(self, found: Any) -> list[str]:
        """Return descriptions of what was noted, with the keys."""
        twice = [f"the key {printable(shorten(key))} occurs several times in one object" for key in self.repeated]
        return [*dict.fromkeys(twice), *(_odd_numbers(found) if self.has_odd_numbers else ())]

    def _object(self, pairs: Pairs) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            counts = Counter(key for key, _ in pairs)
            for key in (key for key, n in counts.items() if n > 1):
                values = tuple(value for other, value in pairs if other == key)
                self.repeated.append(key)
                made[key] = values[0] if all(value == values[0] for value in values) else Repeated(values)
        return made

    def _number(self, text: str) -> float:
        number = float(text)
        self.has_odd_numbers |= not math.isfinite(number)
        return number

    def _integer(self, text: str) -> int | float:
        number = self._number(text)  # an integer of thousands of digits would fail where it is used
        return int(text) if math.isfinite(number) else number


def _odd_numbers(value: Any, place: str = "") -> Iterator[str]:
    """Yield descriptions of the numbers in a value that are not finite."""
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{printable(place) or 'a value'} is {value}, which is not a finite number"
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        dot = "." if place and isinstance(key, str) else ""
        yield from _odd_numbers(member, f"{place}{dot}{key}" if isinstance(key, str) else f"{place}[{key}]")


def read_description(folder: Path) -> dict[str, Any]:
    """Read the dataset_description.json of a folder; if that fails, log a warning and return an empty one."""
    try:
        return read_json(folder / DESCRIPTION)
    except ReadError as error:
        log.warning("%s. Nothing in it is used", error)
        return {}


def is_ours(folder: Path) -> bool:
    """Return whether a folder is an output of this package; raise ReadError where its description cannot be read."""
    return describes_ours(read_json(folder / DESCRIPTION))


def describes_ours(description: Mapping[str, Any]) -> bool:
    """Return whether a description is that of an output of this package."""
    made_by = description.get("GeneratedBy")
    return isinstance(made_by, list) and any(
        isinstance(tool, dict) and tool.get("Name") == "bids_ari" for tool in made_by
    )


def describes_fmriprep(description: Mapping[str, Any]) -> bool:
    """Return whether a description is that of preprocessed images of fMRIPrep."""
    made_by = description.get("GeneratedBy")
    tools = made_by if isinstance(made_by, list) else []
    names = [description.get("Name"), *(tool.get("Name") for tool in tools if isinstance(tool, dict))]
    return any("fmriprep" in str(name).lower() for name in names)
