"""What the machine gives: threads, memory, and a bar on a terminal that shows how far the work is."""

import os
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol, TypeVar

from tqdm import tqdm

from bids_ari.errors import UsageError

Item = TypeVar("Item")
Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)

_UNITS = {letter: 1024**power for power, letter in enumerate(" KMGT")}
_MEMORY = re.compile(r"([0-9]{1,15}(?:\.[0-9]*)?|\.[0-9]+) ?(?:([KMGT])B?)?", re.IGNORECASE)


class _Group(NamedTuple):
    """Where a version of control groups keeps its numbers."""

    mounts: tuple[str, ...]
    limit: str
    usage: str
    reclaimable: str  # of the usage, what the kernel gives back when asked: the line of memory.stat


_GROUPS = {
    "": _Group(("sys/fs/cgroup", "sys/fs/cgroup/unified"), "memory.max", "memory.current", "inactive_file"),
    "memory": _Group(
        ("sys/fs/cgroup/memory",), "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
    ),
}
"""By the controllers that /proc/self/cgroup names: version 2 names none."""


class Map(Protocol):
    """Calls a function with each item, somewhere; gives what it returns, in the order of the items."""

    def __call__(self, function: Callable[[Item], Result], items: Iterable[Item], /) -> Iterable[Result]:
        """Call it."""


def run_parallel(function: Callable[[Item], Result], items: Iterable[Item], n_jobs: int = 1) -> Iterator[Result]:
    """Call a function with each item, in `n_jobs` threads; yield what it gives in the order of the items.

    Only a few items are under way at a time, so memory does not grow with their number. An exception, also Ctrl-C,
    ends it as soon as the calls under way are done.
    """
    if n_jobs <= 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(n_jobs) as pool:
        yield from in_order(lambda item: pool.submit(function, item), items, 2 * n_jobs)


class Promise(Protocol[Result_co]):
    """A result to come, as executors give it."""

    def result(self) -> Result_co:
        """Wait for it; raise what was raised instead."""

    def cancel(self) -> object:
        """Say that nobody wants it any more."""


def in_order(submit: Callable[[Item], Promise[Result]], items: Iterable[Item], n_ahead: int) -> Iterator[Result]:
    """Submit items, up to `n_ahead` of them before the result of the first is there; yield results in their order.

    At the end, whatever brings it about, those that have not begun are cancelled.
    """
    waiting: deque[Promise[Result]] = deque()
    try:
        for item in items:
            waiting.append(submit(item))
            if len(waiting) >= n_ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for promise in waiting:
            promise.cancel()


def progress(items: Iterable[Item], unit: str, total: int | None = None) -> Iterator[Item]:
    """Pass items on, with a bar on stderr that goes away at the end; silent where stderr is no terminal."""
    silent = True if sys.stderr is None else None  # None: tqdm looks whether it is a terminal
    yield from tqdm(items, total=total, unit=f" {unit}", leave=False, disable=silent)


def parse_memory(text: str) -> int:
    """Read a number of bytes, as of a flag: a number of MB, or a number with K, M, G or T.

    >>> parse_memory("512") == parse_memory("512M") == parse_memory("0.5G") == 2**29
    True
    """
    match = _MEMORY.fullmatch(text.strip())
    n_bytes = int(float(match[1]) * _UNITS[(match[2] or "M").upper()]) if match else 0
    if n_bytes < 1:
        raise UsageError(f"{text!r} is no amount of memory", "a number of MB, or with a letter as in 800M, 8G or 1.5T")
    return n_bytes


def format_memory(n_bytes: float) -> str:
    """Write a number of bytes as `parse_memory` reads it, to two or three digits.

    >>> format_memory(2**30), format_memory(9_500_000), format_memory(300)
    ('1 GB', '9.1 MB', '300 bytes')
    """
    if n_bytes < 1024:
        return f"{n_bytes:.0f} bytes"
    letter = next((letter for letter in "KMG" if n_bytes < 1000 * _UNITS[letter]), "T")
    size = n_bytes / _UNITS[letter]
    return f"{size:.0f} {letter}B" if size >= 99.5 else f"{size:.2g} {letter}B"


def available_memory(root: Path = Path("/")) -> int:
    """Give how many bytes of memory are free: of the machine, and of the control groups of a container or batch job.

    `root` is where /proc and /sys are.
    """
    free = [*_free_in_machine(root), *_free_in_groups(root)]
    if free:
        return max(min(free), 0)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")  # not Linux: all that there is
    except (AttributeError, ValueError, OSError):
        return sys.maxsize


def _free_in_machine(root: Path) -> Iterator[int]:
    """Ask the kernel how much can be taken without swapping."""
    found = re.search(r"^MemAvailable: +([0-9]+) kB$", _text(root / "proc/meminfo"), re.MULTILINE)
    if found:
        yield int(found[1]) * 1024


def _free_in_groups(root: Path) -> Iterator[int]:
    """Ask each control group that this process is in, and those around it, how much of its limit is left."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, named = line.partition(":")
        controllers, _, path = named.partition(":")
        kind = next((_GROUPS[name] for name in controllers.split(",") if name in _GROUPS), None)
        if kind is None:
            continue
        inside = PurePosixPath(path.lstrip("/"))
        for mount in kind.mounts:
            for part in (inside, *inside.parents):  # up to what is mounted: a path of the host is not in a container
                yield from _free_in_group(root / mount / part, kind)


def _free_in_group(folder: Path, kind: _Group) -> Iterator[int]:
    """Say how much of the limit of one group is left, if it has one."""
    limit = _text(folder / kind.limit).strip()
    usage = _text(folder / kind.usage).strip()
    if limit.isdecimal() and usage.isdecimal():
        found = re.search(rf"^{kind.reclaimable} ([0-9]+)$", _text(folder / "memory.stat"), re.MULTILINE)
        yield int(limit) - int(usage) + (int(found[1]) if found else 0)


def _text(path: Path) -> str:
    """Read a file of the kernel; empty where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return ""
