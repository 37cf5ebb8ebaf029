"""Locks of results: one process at a time writes each result, on any host that shares the disk.

A process writes in a *place* of its own, ``.staging/<slot>/<token>/`` in the output. The token identifies its owner and
is unique, so that removing a place by its token never hits another one. A slot that is named after a result is the
*lock* of that result: a folder cannot be renamed to one that is not empty, on a local disk as over NFS, so exactly one
of several processes gets it. Other slots are named after their token and lock nothing.

A place is abandoned when its owner was killed. If the owner ran on this machine, its process is gone; else its
heartbeat, the time of last change of the place, has stopped, by the clock of the file system, which all hosts share.
A process that finds an abandoned place moves it away, which again only one can do. If the owner is alive after all,
nothing that it wrote there can become visible any more.
"""

import errno
import logging
import os
import random
import shutil
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
"""Folder of all places: hidden, so that no program reads its content as part of the dataset."""

HEARTBEAT = 10.0
"""Seconds between heartbeats."""

STALE = 120.0
"""Seconds without a heartbeat after which an owner counts as dead; NFS may show an old time for a minute."""

_NOT_EMPTY = (errno.ENOTEMPTY, errno.EEXIST)


class Place:
    """A folder that one process writes in, on the file system of the output `root`."""

    def __init__(self, root: Path) -> None:
        self.token = Owner.this_process().token()
        self._staging = root / STAGING
        self._slot = self._staging / self.token
        self._n_parts = 0

    @property
    def folder(self) -> Path:
        """The present path."""
        return self._slot / self.token

    def make(self) -> None:
        """Make the folder."""
        retry(lambda: self.folder.mkdir(parents=True, exist_ok=True))

    def write(self, content: bytes) -> Path:
        """Write a file whose name no program looks for; return its path."""
        self._n_parts += 1
        part = self.folder / f"{self._n_parts}.part"
        part.write_bytes(content)
        return part

    def exists(self) -> bool:
        """Return whether no other process moved it away."""
        return os.path.lexists(self.folder)

    def beat(self) -> float:
        """Update the heartbeat; return its time, which is now by the clock of the file system."""
        os.utime(self.folder)
        return self.folder.stat().st_mtime

    def move_to(self, slot: str) -> bool:
        """Try to move to a slot; return whether it was free."""
        target = self._staging / slot
        _remove_if_empty(target)  # some file systems cannot rename to an existing folder
        problem: OSError | None = None
        try:
            self._slot.rename(target)
        except OSError as error:
            problem = error
        if (target / self.token).is_dir():  # also if NFS lost the reply to a successful rename
            self._slot = target
            return True
        if isinstance(problem, FileNotFoundError):
            self.make()  # another process took this one for dead
        elif problem is not None and problem.errno not in _NOT_EMPTY and not target.exists():
            raise problem
        return False

    def wait_for(self, slot: str, what: str, seconds: float) -> None:
        """Move to a slot as soon as no other process is in it."""
        end, pause, is_logged = time.monotonic() + seconds, 0.01, False
        seen: dict[str, float] = {}
        while not self.move_to(slot):
            for other in (place for place in _entries(self._staging / slot) if place.name != self.token):
                owner, alive = Owner.of(other) or "another process", self.is_alive(other, seen)
                if alive is False:
                    self.take_away(other)
                elif alive and time.monotonic() >= end:
                    raise TemporaryError(f"{what} is being written by {owner}", hint="Try again when it is done")
                elif alive is None and not is_logged:
                    log.info("%s: waiting for %s", what, owner)
                    is_logged = True
            time.sleep(pause * random.uniform(0.5, 1.5))  # so that waiting processes do not try in step
            pause = min(2 * pause, 0.5)

    def is_alive(self, other: Path, seen: dict[str, float]) -> bool | None:
        """Return whether the owner of another place is alive; None if that is not known yet.

        `seen` has the heartbeats of earlier calls, and this one adds to it: an owner with a new heartbeat is alive.
        """
        owner = Owner.of(other)
        running = owner.is_running() if owner else None
        if running is not None:
            return running
        try:
            beat, now = other.stat().st_mtime, self.beat()
        except FileNotFoundError:
            return None if os.path.lexists(other) else False
        if now - beat > STALE:
            return False
        return True if beat > seen.setdefault(other.name, beat) else None

    def take_away(self, other: Path) -> None:
        """Remove an abandoned place; of several processes that try, one does it."""
        moved = self.folder / f"gone-{other.name}"
        try:
            other.rename(moved)
        except FileNotFoundError:
            return  # another process was faster
        owner = Owner.of(other) or "a process that ended"
        log.info("Removed unfinished files of %s (%s)", owner, other.parent.name)
        shutil.rmtree(moved, ignore_errors=True)
        _remove_if_empty(other.parent)

    def sweep(self) -> None:
        """Remove all abandoned places of the output."""
        for slot in _entries(self._staging):
            for other in _entries(slot):
                with suppress(OSError):  # it only takes space
                    if other.name != self.token and self.is_alive(other, {}) is False:
                        self.take_away(other)
            _remove_if_empty(slot)

    def remove(self) -> None:
        """Remove it, as far as possible, and the folders above it if they are empty."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for folder in (self._slot, self._staging):
            _remove_if_empty(folder)


@contextmanager
def own_place(root: Path) -> Iterator[Place]:
    """Make a place during a block."""
    place = Place(root)
    try:
        with as_output_error(root):
            place.make()
        yield place
    finally:
        place.remove()


@contextmanager
def lock(root: Path, slot: str, what: str, wait: float = 0.0) -> Iterator[Place]:
    """Lock a slot of the output during a block, for one process on any host; `what` is locked, for messages.

    Wait up to `wait` seconds for a process that is known to be alive, then raise TemporaryError. Wait for one that is
    not known to be until it leaves, has a new heartbeat, or has had none for `STALE` seconds.
    """
    with own_place(root) as place:
        with as_output_error(root):
            place.wait_for(slot, what, wait)
        end = threading.Event()

        def beat() -> None:
            while not end.wait(HEARTBEAT):
                with suppress(OSError):  # the next may succeed
                    place.beat()

        threading.Thread(target=beat, name=f"heartbeat of {place.token}", daemon=True).start()
        try:
            yield place
        finally:
            end.set()


def is_locked(root: Path, slot: str) -> bool:
    """Return whether a slot has an owner that is not known to have ended."""
    owners = map(Owner.of, _entries(root / STAGING / slot))
    return any(owner is None or owner.is_running() is not False for owner in owners)


@contextmanager
def as_output_error(path: Path) -> Iterator[None]:
    """Raise an error of the system in a block as an OutputError that names a path."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error


def retry(action: Callable[[], T], tries: int = 100) -> T:
    """Repeat an action that fails because another process removes or makes the same folder at the same moment."""
    for _ in range(tries - 1):
        with suppress(FileNotFoundError, FileExistsError):  # the latter if the folder went while it was being made
            return action()
    return action()


def _entries(folder: Path) -> list[Path]:
    """Return the entries of a folder; none if it does not exist."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _remove_if_empty(folder: Path) -> None:
    """Remove a folder unless it has content."""
    with suppress(OSError):
        folder.rmdir()
