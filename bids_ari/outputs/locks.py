"""Who writes what: one process at a time on each result, wherever the processes run.

A process writes in a *place* of its own, ``.staging/<slot>/<token>/`` in the output. The token tells who owns it. No
two places ever have the same, so that moving one away by its token never hits another. A slot that is named like its
token concerns nobody else. A slot that is named after a result is the *lock* of that result: a folder cannot be
renamed to one that is not empty, on a local disk as over NFS, so that of all who try exactly one gets it.

A place is left behind when its owner was killed: its process is gone, where that can be seen from here; else its
heartbeat, the time of its last change, has stopped, by the clock of the file system, which all hosts share. Who finds
such a place moves it away, which again only one can do. Should its owner live after all, then nothing that it has
written there can become visible any more.
"""

import errno
import logging
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from bids_ari.errors import OutputError, TemporaryError
from bids_ari.runtime.owner import Owner

log = logging.getLogger(__name__)

T = TypeVar("T")

STAGING = ".staging"
"""The folder of all places: hidden, so that no program takes what is in it for part of the dataset."""

HEARTBEAT = 10.0
"""Seconds from one sign of life to the next."""

STALE = 120.0
"""Seconds without a sign of life after which an owner counts as dead: NFS may show an old time for a minute."""

_HELD = (errno.ENOTEMPTY, errno.EEXIST)  # what the system says when a folder is in the way


class Place:
    """A folder that one process writes in.

    Parameters
    ----------
    root : Path
        The output, on whose file system the place must be.
    """

    def __init__(self, root: Path) -> None:
        self.token = Owner.me().token()
        self._staging = root / STAGING
        self._slot = self._staging / self.token
        self._n_parts = 0

    @property
    def folder(self) -> Path:
        """Where it is now."""
        return self._slot / self.token

    def make(self) -> None:
        """Make it."""
        persistently(lambda: self.folder.mkdir(parents=True, exist_ok=True))

    def write(self, content: bytes) -> Path:
        """Write a file under a name that means nothing to any program; give its path."""
        self._n_parts += 1
        part = self.folder / f"{self._n_parts}.part"
        part.write_bytes(content)
        return part

    def is_there(self) -> bool:
        """Say whether it still is where this process left it."""
        return os.path.lexists(self.folder)

    def beat(self) -> float:
        """Give a sign of life; give its time, which is now by the clock of the file system."""
        os.utime(self.folder)
        return self.folder.stat().st_mtime

    def move_to(self, slot: str) -> bool:
        """Try to move to a slot that others may be in; say whether that was possible."""
        target = self._staging / slot
        _remove_if_empty(target)  # not every file system renames to a folder that is there
        problem: OSError | None = None
        try:
            self._slot.rename(target)
        except OSError as error:
            problem = error
        if (target / self.token).is_dir():  # also when an answer over NFS was lost
            self._slot = target
            return True
        if isinstance(problem, FileNotFoundError):
            self.make()  # somebody took this process for dead
        elif problem is not None and problem.errno not in _HELD and not target.exists():
            raise problem
        return False

    def others_in(self, slot: str) -> list[Path]:
        """Give the places in a slot: one, or none when its owner just left it."""
        return [place for place in _entries(self._staging / slot) if place.name != self.token]

    def judge(self, other: Path, seen: dict[str, float]) -> bool | None:
        """Say whether the owner of another place lives; None when that cannot be told yet.

        `seen` keeps the heartbeats from one time to the next: one that moves on is that of a living owner.
        """
        owner = Owner.of(other)
        runs = owner.runs() if owner else None
        if runs is not None:
            return runs
        try:
            beat, now = other.stat().st_mtime, self.beat()
        except FileNotFoundError:
            return None if os.path.lexists(other) else False
        if now - beat > STALE:
            return False
        return True if beat > seen.setdefault(other.name, beat) else None

    def take_away(self, other: Path) -> None:
        """Remove a place that was left behind; of several processes that try, one does it."""
        owner, gone = Owner.of(other), self.folder / f"gone-{other.name}"
        try:
            other.rename(gone)
        except FileNotFoundError:
            return  # another process was faster
        log.info("Removed what %s had begun (%s)", owner or "a process that is gone", other.parent.name)
        _remove(gone)
        _remove_if_empty(other.parent)

    def sweep(self) -> None:
        """Remove what killed processes have left in the output."""
        for slot in _entries(self._staging):
            for other in _entries(slot):
                with suppress(OSError):  # it harms nobody but the disk
                    if other.name != self.token and self.judge(other, {}) is False:
                        self.take_away(other)
            _remove_if_empty(slot)

    def remove(self) -> None:
        """Remove it, as far as possible, and the folders above it that are empty then."""
        _remove(self.folder)
        for folder in (self._slot, self._staging):
            _remove_if_empty(folder)


@contextmanager
def own_place(root: Path) -> Iterator[Place]:
    """Have a place to write in, for a short time.

    Raises
    ------
    OutputError
        When it cannot be made.
    """
    place = Place(root)
    try:
        with told_as_output_error(root):
            place.make()
        yield place
    finally:
        place.remove()


@contextmanager
def lock(root: Path, slot: str, what: str, wait: float = 0.0) -> Iterator[Place]:
    """Be the only one, on any host, in a slot of the output.

    Parameters
    ----------
    root : Path
        The output.
    slot : str
        The name of the lock, other than any token.
    what : str
        What is locked, for people.
    wait : float
        For how many seconds to wait for a process that is known to live. One of which that is not known is waited
        for until it is: until it leaves, gives a sign of life, or has given none for too long.

    Raises
    ------
    TemporaryError
        When another process is in the slot.
    OutputError
        When the output cannot be written.
    """
    with own_place(root) as place:
        with told_as_output_error(root):
            _wait_for(place, slot, what, wait)
        with _heart_of(place):
            yield place


def is_locked(root: Path, slot: str) -> bool:
    """Say whether somebody is in a slot who is not known to be gone."""
    owners = map(Owner.of, _entries(root / STAGING / slot))
    return any(owner is None or owner.runs() is not False for owner in owners)


@contextmanager
def told_as_output_error(path: Path) -> Iterator[None]:
    """Tell what the system cannot do with a path as an OutputError."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error


def persistently(action: Callable[[], T], tries: int = 100) -> T:
    """Do again what failed because another process at its end removed a folder just then that was empty."""
    for _ in range(tries - 1):
        with suppress(FileNotFoundError, FileExistsError):  # the latter when the folder went while it was being made
            return action()
    return action()


def _wait_for(place: Place, slot: str, what: str, wait: float) -> None:
    """Move to a slot as soon as nobody else is in it."""
    end, pause, seen, told = time.monotonic() + wait, 0.01, dict[str, float](), False
    while not place.move_to(slot):
        for other in place.others_in(slot):
            owner, lives = Owner.of(other) or "another process", place.judge(other, seen)
            if lives is False:
                place.take_away(other)
            elif lives and time.monotonic() >= end:
                raise TemporaryError(f"{what} is being written by {owner}", hint="Try again when it is done")
            elif lives is None and not told:
                log.info("%s: waiting for %s", what, owner)
                told = True
        time.sleep(pause * random.uniform(0.5, 1.5))  # or those who wait would all come at once
        pause = min(2 * pause, 0.5)


@contextmanager
def _heart_of(place: Place) -> Iterator[None]:
    """Give signs of life until the end of the block."""
    end = threading.Event()

    def beat() -> None:
        while not end.wait(HEARTBEAT):
            with suppress(OSError):  # the next may succeed
                place.beat()

    threading.Thread(target=beat, name=f"heartbeat of {place.token}", daemon=True).start()
    try:
        yield
    finally:
        end.set()


def _entries(folder: Path) -> list[Path]:
    """List a folder; one that is not there is empty."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _remove(folder: Path) -> None:
    """Remove a folder with what is in it, as far as possible."""
    for entry in _entries(folder):
        if entry.is_dir() and not entry.is_symlink():
            _remove(entry)
        else:
            with suppress(OSError):
                entry.unlink()
    _remove_if_empty(folder)


def _remove_if_empty(folder: Path) -> None:
    """Remove a folder unless there is something in it."""
    with suppress(OSError):
        folder.rmdir()
