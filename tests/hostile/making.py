"""Builders of hostile input: each makes a folder and returns the arguments of the command that is run on it.

The input is ``in``, the output ``out`` in that folder; nothing else there may change.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import nibabel as nib
import numpy as np
from builders import SHAPE, brain, image, write_group, write_map

Words = list[str]
Make = Callable[[Path], Words]
MakeFile = Callable[[Path], object]
"""Makes a file in a folder and returns its path."""

JSON, FIX = "statmap.json", "Fix or remove it"
SCRIPT = "<script>alert(1)</script>"
BOM = b"\xef\xbb\xbf"


class HostileDataset(NamedTuple):
    """A command, its exit code, and parts of its message.

    `shows`: texts that a page must show if the command succeeds. `twin`: the same case with harmless texts, whose pages
    must have the same elements. `drawn`: whether figures contain texts of the case.
    """

    name: str
    make: Make
    expected_exit: int
    says: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    twin: Make | None = None
    drawn: bool = False
    command: Literal["bids-ari", "bids-ari-map"] = "bids-ari"


def works(name: str, make: Make, *shows: str, **more: Any) -> HostileDataset:
    """A case that succeeds."""
    return HostileDataset(name, make, 0, shows=shows, **more)


def refused(code: int, name: str, make: Make, *says: str, **more: Any) -> HostileDataset:
    """A case that ends with an exit code and a message."""
    return HostileDataset(name, make, code, says, **more)


def rng() -> np.random.Generator:
    """The same random numbers in every case."""
    return np.random.default_rng(20240229)


def group(folder: Path, *more: object, n: int = 3, signal: float = 3.0, **names: str | None) -> Words:
    """Write a group, and return the arguments that analyse it quickly."""
    write_group(folder / "in", n, rng(), signal=signal, **{"space": None, **names})
    return run_on(folder, *more)


def run_on(folder: Path, *more: object, level: str = "group") -> Words:
    """The arguments of a run on a folder, in one thread, which a timeout can end."""
    few = ("--threshold", "2", "--tdp", "0.5", "--nprocs", "1")
    return [str(folder / "in"), str(folder / "out"), level, *few, *map(str, more)]


def named(label: str) -> Make:
    """A group with one label in all its names."""

    def make(folder: Path) -> Words:
        random = rng()
        for i in range(3):
            write_map(folder / "in", f"{label}{i}", brain(random, 3.0), contrast=label, task=label, space=label)
        return run_on(folder)

    return make


def file(name: str, content: bytes | str) -> Callable[[Path], Path]:
    """A file beside the dataset."""

    def make(folder: Path) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def given(flag: str, make_file: MakeFile) -> Make:
    """A group, and a flag that names a file."""
    return lambda folder: group(folder, flag, make_file(folder))


def flags(*words: str) -> Make:
    """A group, and some flags."""
    return lambda folder: group(folder, *words)


def image_at(name: str, values: object = None) -> Callable[[Path], Path]:
    """An image beside the dataset: all ones unless values are given."""

    def make(folder: Path) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(image(np.ones(SHAPE) if values is None else values), path)
        return path

    return make
