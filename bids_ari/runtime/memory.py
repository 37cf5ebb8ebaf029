"""Memory: how much is available, and how amounts are read and written."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from bids_ari.errors import DataError, UsageError

_UNITS = {letter: 1024**power for power, letter in enumerate(" KMGT")}
_MEMORY = re.compile(r"([0-9]{1,15}(?:\.[0-9]*)?|\.[0-9]+) ?(?:([KMGT])B?)?", re.IGNORECASE)


LEAST = 640 * 2**20
"""Below this limit of address space, in bytes, libraries cannot be loaded; one of them then waits for ever."""


class _Group(NamedTuple):
    """The files of one version of Linux control groups."""

    mounts: tuple[str, ...]
    limit: str
    usage: str
    reclaimable: str  # line of memory.stat: part of the usage that the kernel frees on demand


_GROUPS = {
    "": _Group(("sys/fs/cgroup", "sys/fs/cgroup/unified"), "memory.max", "memory.current", "inactive_file"),
    "memory": _Group(
        ("sys/fs/cgroup/memory",), "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
    ),
}
"""By the controller named in /proc/self/cgroup; version 2 names none."""


def parse_memory(text: str) -> int:
    """Return the number of bytes of a text: a number of MB, or a number with K, M, G or T.

    >>> parse_memory("512") == parse_memory("512M") == parse_memory("0.5G") == 2**29
    True
    """
    match = _MEMORY.fullmatch(text.strip())
    n_bytes = int(float(match[1]) * _UNITS[(match[2] or "M").upper()]) if match else 0
    if n_bytes < 1:
        raise UsageError(
            f"{text!r} is not an amount of memory", "a number of MB, or with a letter as in 800M, 8G or 1.5T"
        )
    return n_bytes


def check_limit() -> None:
    """Raise DataError if the address space of the process is too small to load libraries."""
    if sys.platform == "win32":
        return
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < LEAST:
        found = f"The memory of this process is limited to {format_memory(limit)} (ulimit -v)"
        raise DataError(found, "at least 2 GB", "Raise the limit, or ask the scheduler for more memory")


def format_memory(n_bytes: float) -> str:
    """Format a number of bytes as `parse_memory` reads it, with two or three digits.

    >>> format_memory(2**30), format_memory(9_500_000), format_memory(300)
    ('1 GB', '9.1 MB', '300 bytes')
    """
    if n_bytes < 1024:
        return f"{n_bytes:.0f} bytes"
    letter = next((letter for letter in "KMG" if n_bytes < 1000 * _UNITS[letter]), "T")
    size = n_bytes / _UNITS[letter]
    return f"{size:.0f} {letter}B" if size >= 99.5 else f"{size:.2g} {letter}B"


def available_memory(root: Path = Path("/")) -> int:
    """Return the number of bytes available: of the machine, and in the control groups of a container or batch job.

    Parameters
    ----------
    root : Path
        The folder with /proc and /sys.
    """
    free = [*_free_in_machine(root), *_free_in_groups(root)]
    if free:
        return max(min(free), 0)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")  # not Linux: all memory
    except (AttributeError, ValueError, OSError):
        return sys.maxsize


def _free_in_machine(root: Path) -> Iterator[int]:
    """Yield the memory that can be used without swapping."""
    if found := re.search(r"^MemAvailable: +([0-9]+) kB$", _text(root / "proc/meminfo"), re.MULTILINE):
        yield int(found[1]) * 1024


def _free_in_groups(root: Path) -> Iterator[int]:
    """Yield the rest of the limit of each control group of this process, and of those that contain it."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, named = line.partition(":")
        controllers, _, path = named.partition(":")
        kind = next((_GROUPS[name] for name in controllers.split(",") if name in _GROUPS), None)
        if kind is None:
            continue
        inside = PurePosixPath(path.lstrip("/"))
        for mount in kind.mounts:
            for part in (inside, *inside.parents):  # a container sees only the mounted part of the path
                yield from _free_in_group(root / mount / part, kind)


def _free_in_group(folder: Path, kind: _Group) -> Iterator[int]:
    """Yield the rest of the limit of one group, if it has a limit."""
    limit = _text(folder / kind.limit).strip()
    usage = _text(folder / kind.usage).strip()
    if limit.isdecimal() and usage.isdecimal():
        found = re.search(rf"^{kind.reclaimable} ([0-9]+)$", _text(folder / "memory.stat"), re.MULTILINE)
        yield int(limit) - int(usage) + (int(found[1]) if found else 0)


def _text(path: Path) -> str:
    """Return the text of a file of the kernel; empty if there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return ""
