"""Data that processes share as files: an array that is mapped, and a function with all that it holds.

What is sent to another process is then the name of a file. It is read there once, and an array takes memory once for
all processes of a machine.
"""

import gc
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache, partial
from pathlib import Path
from secrets import token_hex
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from bids_ari.errors import OutputError, UsageError, listing
from bids_ari.runtime.provenance import numeric_versions
from bids_ari.stats.distributions import FloatArray

Item = TypeVar("Item")
Result = TypeVar("Result")

_LARGE = 1 << 20
"""Bytes of a result beyond which it goes by a file, not through the scheduler."""


class MappedArray:
    """An array in a file ``.npy``, mapped into memory when it is first used; pickled, it is the name of the file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def _array(self) -> FloatArray:
        return np.asarray(np.load(self.path, mmap_mode="r"))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self._array.shape

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> FloatArray:
        return np.array(self._array, dtype=dtype, copy=copy)

    def __reduce__(self) -> tuple[type["MappedArray"], tuple[Path]]:
        return MappedArray, (self.path,)

    def __repr__(self) -> str:
        return f"MappedArray({str(self.path)!r})"


@contextmanager
def mapped(array: FloatArray, folder: Path) -> Iterator[MappedArray]:
    """Write an array into a folder, for a while."""
    path = folder / f"{token_hex(8)}.npy"
    try:
        with _in_words(folder):
            np.save(path, array)
        yield MappedArray(path)
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def sent(function: Callable[[Item], Result], folder: Path) -> Iterator[Callable[[Item], Result]]:
    """Write a function with its data into a folder, for a while; give a light one that calls it, in any process."""
    path = folder / f"{token_hex(8)}.pickle"
    try:
        with _in_words(folder):
            path.write_bytes(pickle.dumps(function, protocol=pickle.HIGHEST_PROTOCOL))
        yield partial(call, str(path), tuple(numeric_versions().items()))
    finally:
        path.unlink(missing_ok=True)


class InFile(NamedTuple):
    """A result that is too large for a message: where it is."""

    path: str


def call(path: str, versions: tuple[tuple[str, str], ...], item: Any) -> Any:
    """Call the function in a file that was written with some versions of packages; `taken` gives what it returned."""
    result = _function(path, versions)(item)
    content = pickle.dumps(result, protocol=pickle.HIGHEST_PROTOCOL)
    if len(content) <= _LARGE:
        return result
    file = Path(path).with_name(f"{token_hex(8)}.result")
    with _in_words(file.parent):
        file.write_bytes(content)
    return InFile(str(file))


def taken(result: Any) -> Any:
    """Give a result, from its file where it is in one, which is removed."""
    if not isinstance(result, InFile):
        return result
    file = Path(result.path)
    found = pickle.loads(file.read_bytes())
    file.unlink()
    return found


def forget() -> None:
    """Let go of the last function: files that are mapped take room on disk though they were removed."""
    _function.cache_clear()
    gc.collect()


def unfit(folder: Path, versions: tuple[tuple[str, str], ...], needed: Path | None = None) -> str:
    """Say why this process cannot compute the same as one of such versions that writes there; empty where it can.

    It may need a file, too, by an absolute path.
    """
    if not folder.is_dir():
        return f"{folder} is not seen there; with --work-dir, name a folder that all workers see"
    if needed is not None and not (needed.is_absolute() and needed.exists()):
        return f"{needed} is not seen there; put the dataset on a disk that all workers see, under the same path"
    own = numeric_versions()
    different = [f"{name} {own[name]} instead of {wanted}" for name, wanted in versions if own[name] != wanted]
    return f"there is {listing(different)}" if different else ""


@lru_cache(maxsize=1)
def _function(path: str, versions: tuple[tuple[str, str], ...]) -> Callable[[Any], Any]:
    """Read a function from its file, once."""
    problem = unfit(Path(path).parent, versions)
    if problem:
        raise UsageError(f"A worker cannot help: {problem}")
    function: Callable[[Any], Any] = pickle.loads(Path(path).read_bytes())
    return function


@contextmanager
def _in_words(folder: Path) -> Iterator[None]:
    """Say that a folder cannot take what workers need."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{folder} cannot hold what workers need: {error.strerror or error}", hint="Name another with --work-dir"
        ) from error
