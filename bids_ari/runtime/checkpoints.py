"""Finished pieces of a computation, kept so that a run that was killed goes on where it was.

Each is a small file whose name tells of which call it is and, by a hash, that it is whole. It lies in a folder named
by the *digest* of the function: a hash of all that its results depend on.
"""

import hashlib
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from pathlib import Path
from secrets import token_hex
from types import FunctionType
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_ari.errors import OutputError
from bids_ari.runtime.provenance import numeric_versions
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.permutation import Run

_DIGITS = 32
"""Of a hash in names: 128 bits, beyond any chance that two are equal."""


def digest_of(function: Callable[..., Any]) -> str:
    """Hash all that the results of a function depend on, in the same way everywhere and at any time.

    That is its name, the arguments that a `functools.partial` holds, down to every number of their arrays, and the
    versions of the packages that compute. Draws are told by their seed; where they come from a cluster of unlike
    processors, or a run goes on with another one, the last digits may be those of either.

    Raises
    ------
    TypeError
        When an argument is neither plain data, an array, nor made of such.
    """
    digest = hashlib.sha256()
    _feed(digest, (numeric_versions(), function))
    return digest.hexdigest()[:_DIGITS]


def resumed(
    run: Run[FloatArray], folder: Path, digest: Callable[[Callable[..., Any]], str] = digest_of
) -> Run[FloatArray]:
    """Keep what a run finishes, and take from there what was finished before.

    Parameters
    ----------
    run : callable
        Such as `map`, or that of an engine.
    folder : Path
        Where results are kept, in a folder for each function; all workers must see it. Removing it, when its
        results are no longer wanted, is left to the caller.
    digest : callable
        Names the folder of a function.

    Returns
    -------
    callable
        Does the same as `run`.
    """

    def resuming(function: Callable[[int], FloatArray], items: Iterable[int]) -> Iterable[FloatArray]:
        return run(Resuming(function, folder.absolute() / digest(function)), items)

    return resuming


@dataclass(frozen=True, slots=True)
class Resuming:
    """A function that does nothing twice.

    Attributes
    ----------
    function : callable
        Gives an array for a number.
    folder : Path
        Where its results are kept, and no others.
    """

    function: Callable[[int], FloatArray]
    folder: Path

    def __call__(self, item: int) -> FloatArray:
        """Give the result from where it is kept, or compute and keep it."""
        for path in sorted(self.folder.glob(f"{item}-*.npy")):
            kept = self._read(item, path)
            if kept is not None:
                return kept
        result = self.function(item)
        self._write(item, result)
        return result

    def _read(self, item: int, path: Path) -> FloatArray | None:
        """Read a file; None where it is not what was written."""
        try:
            content = path.read_bytes()
        except OSError:
            return None
        if path.name != self._name(item, content):
            return None
        found: FloatArray = np.load(io.BytesIO(content), allow_pickle=False)
        return found

    def _write(self, item: int, result: FloatArray) -> None:
        """Write a file; at no time is there a part of it under its name."""
        content = io.BytesIO()
        np.save(content, result, allow_pickle=False)
        part = self.folder / f"{token_hex(8)}.part"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(content.getvalue())
            part.replace(self.folder / self._name(item, content.getvalue()))
        except OSError as error:
            raise OutputError(
                f"{self.folder} cannot hold finished batches: {error.strerror or error}",
                hint="Name another with --work-dir",
            ) from error

    def _name(self, item: int, content: bytes) -> str:
        """Name a file by the call and a hash of it, of the function and of what it gave."""
        whole = hashlib.sha256(f"{self.folder.name} {item} ".encode() + content).hexdigest()
        return f"{item}-{whole[:_DIGITS]}.npy"


def _feed(digest: "hashlib._Hash", value: object) -> None:
    """Add a value to a hash: its kind and the number of its parts first, so that different values never look alike."""
    match value:
        case None | bool() | int() | float() | str():
            _add(digest, type(value).__name__, repr(value).encode(), 0)
        case partial():
            _feed_all(digest, "partial", (value.func, value.args, value.keywords))
        case Mapping():
            _feed_all(digest, "mapping", sorted(value.items()))
        case tuple() | list():
            _feed_all(digest, type(value).__qualname__, value)
        case _ if is_dataclass(value) and not isinstance(value, type):
            _feed_all(digest, type(value).__qualname__, [getattr(value, field.name) for field in fields(value)])
        case _ if hasattr(value, "__array__"):
            _feed_array(digest, np.asarray(value))
        case FunctionType() if "<" not in value.__qualname__:
            _add(digest, "function", f"{value.__module__}.{value.__qualname__}".encode(), 0)
        case _:
            raise TypeError(f"{value!r} is neither plain data nor a function of a module")


def _feed_all(digest: "hashlib._Hash", kind: str, parts: Sequence[object]) -> None:
    """Add a value made of others."""
    _add(digest, kind, b"", len(parts))
    for part in parts:
        _feed(digest, part)


def _feed_array(digest: "hashlib._Hash", array: npt.NDArray[Any]) -> None:
    """Add an array, without another copy of it."""
    if array.dtype.hasobject:
        raise TypeError("an array of objects has no digest")
    _add(digest, "array", f"{array.dtype.str} {array.shape}".encode(), array.nbytes)
    digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def _add(digest: "hashlib._Hash", kind: str, content: bytes, n_following: int) -> None:
    """Add a value's kind, its own content, and how much follows that belongs to it."""
    digest.update(f"{kind} {len(content)} {n_following} ".encode() + content)
