"""Walk the folders of a dataset, and remember between runs what they hold.

A *listing* is what one folder holds that bears on statmaps. Read anew, it takes a look at every name in the folder;
remembered, a look at the folder's time stamps. It is remembered only where these would show any change.
"""

import errno
import hashlib
import json
import logging
import os
import secrets
import stat
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bids_ari._version import __version__

log = logging.getLogger(__name__)

DESCRIPTION = "dataset_description.json"
"""The file that makes a folder a dataset."""

UNSEARCHED = ("sourcedata", "rawdata", "derivatives", "code", "models", "logs", "figures", "lost+found")
"""Folders within a dataset that hold other things than its maps; hidden ones are not searched either."""

_IMAGES = (".nii", ".gz", ".gii")
_FILES = (*_IMAGES, ".json", ".tsv", ".html", ".svg", ".png", ".h5", ".txt", ".bval", ".bvec")
"""Links with such names lead to files. In a dataset of git-annex every file is a link: none needs a look of its own."""

_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_FORMAT = 1
_SETTLING = 10 * 10**9
"""Nanoseconds for which a folder that has changed is not remembered: a second change within one tick of the file
system's clock leaves no trace in its time stamps. No tick is above 2 s; the rest is for file servers whose clock is
late."""


class Listing(NamedTuple):
    """What one folder holds, by names in order.

    Attributes
    ----------
    maps : tuple of str
        Files with the suffix ``statmap`` but sidecars.
    impostors : tuple of str
        Folders that are named like such files.
    folders : tuple of str
        Folders to search.
    links : tuple of str
        Symbolic links that may lead to folders to search, or to nothing.
    described : bool
        Whether the folder is a dataset.
    """

    maps: tuple[str, ...]
    impostors: tuple[str, ...]
    folders: tuple[str, ...]
    links: tuple[str, ...]
    described: bool


_Entry = tuple[tuple[int, ...], Listing]


class Folder(NamedTuple):
    """A folder that a walk comes to.

    Attributes
    ----------
    name : str
        Its path below the top, with forward slashes; empty for the top itself.
    datasets : tuple of str
        The datasets within the top that it lies in, outermost first: none for a folder of the top's own.
    listing : Listing
        What it holds.
    """

    name: str
    datasets: tuple[str, ...]
    listing: Listing


def is_searched(name: str) -> bool:
    """Say whether a folder of this name within a dataset may hold maps of it."""
    return not name.startswith(".") and name not in UNSEARCHED


def map_extension(name: str) -> str | None:
    """Give what follows the suffix ``statmap`` in a file name; None where it has another suffix.

    >>> map_extension("sub-01_stat-z_statmap.nii.gz"), map_extension("sub-01_mystatmap.nii")
    ('.nii.gz', None)
    """
    suffix, dot, extension = name.rpartition("_")[2].partition(".")
    return dot + extension if suffix == "statmap" else None


def read_listing(folder: Path) -> Listing:
    """Look at every name in a folder."""
    maps, impostors, folders, links = [], [], [], []
    described = False
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            described = described or name == DESCRIPTION
            extension = None if name.startswith(".") else map_extension(name)
            if entry.is_dir(follow_symlinks=False):
                if extension and extension.endswith(_IMAGES):
                    impostors.append(name)
                elif is_searched(name):
                    folders.append(name)
            elif extension is not None:
                if extension != ".json":
                    maps.append(name)
            elif entry.is_symlink() and is_searched(name) and not name.endswith(_FILES):
                links.append(name)
    return Listing._make((*(tuple(sorted(names)) for names in (maps, impostors, folders, links)), described))


def identity(folder: Path) -> tuple[int, int] | None:
    """Tell folders apart, whatever path leads there; None where there is none."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


class Listings:
    """The listings of one tree, remembered from run to run where there is a folder for that.

    A listing is remembered under the identity and the time stamps of its folder: when its entries last changed, and
    when it last changed itself, which no program can set back. What is not in it (where links lead, what descriptions
    say) is looked up each time.

    Parameters
    ----------
    top : Path, optional
        The tree.
    database_dir : Path, optional
        Where to remember; made if need be. Without it, everything is read anew.
    """

    def __init__(self, top: Path | None = None, database_dir: Path | None = None) -> None:
        self._file: Path | None = None
        self._known: dict[str, _Entry] = {}
        self._kept: dict[str, _Entry] = {}
        self._unstamped: set[int] = set()
        if top and database_dir:
            key = hashlib.sha256(os.fsencode(f"{_FORMAT} {__version__} {top.resolve()}"))
            self._unstamped = _devices_without_stamps()
            self._load(database_dir / f"statmaps-{key.hexdigest()[:32]}.json")

    def of(self, name: str, folder: Path, status: os.stat_result) -> Listing:
        """Give the listing of a folder: the remembered one if nothing has changed since."""
        stamp = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
        entry = self._known.get(name)
        if entry is None or entry[0] != stamp:
            now = time.time_ns()  # before the look: what changes during it must not count as settled
            entry = stamp, read_listing(folder)
            if max(stamp[2:]) > now - _SETTLING or status.st_dev in self._unstamped:
                return entry[1]
        if self._file:
            self._kept[name] = entry
        return entry[1]

    def save(self) -> None:
        """Remember the listings for the next run."""
        if self._file is None or self._kept == self._known:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            _write(self._file, json.dumps(self._kept, separators=(",", ":")).encode())
        except OSError as error:
            log.warning("What is found cannot be remembered in %s: %s", self._file.parent, error.strerror)

    def _load(self, file: Path) -> None:
        self._file = file
        try:
            checksum, _, content = file.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return
        except OSError as error:
            log.warning("What is remembered in %s cannot be read: %s", file.parent, error.strerror)
            self._file = None
            return
        if checksum != _checksum(content):
            log.warning("%s is damaged; every folder is read anew", file)
            return
        for name, (stamp, (*names, described)) in json.loads(content).items():
            self._known[name] = tuple(stamp), Listing._make((*map(tuple, names), described))


class _Ahead(NamedTuple):
    """A folder that a walk is to come to; `linked` if a link leads there or above it."""

    name: str
    datasets: tuple[str, ...]
    linked: bool


class Walk:
    """A walk over some trees, by real folders first and then by links.

    A link is followed unless it leads to where the walk has been or to a folder above a tree: round in a circle.

    Parameters
    ----------
    tops : sequence of Path
        The trees. None is searched as a part of another.
    left_out : sequence of Path
        Folders that are not searched.
    is_left_out : callable
        Asked of each dataset within a tree: whether it is not searched either.

    Attributes
    ----------
    circles, nowhere : list of Path
        What links lead to and is not searched again, and links that lead to nothing.
    """

    def __init__(
        self, tops: Sequence[Path], left_out: Sequence[Path] = (), is_left_out: Callable[[Path], bool] = lambda _: False
    ) -> None:
        self._barred = {identity(folder) for folder in (*tops, *left_out)}
        self._been = self._barred | {identity(parent) for top in tops for parent in top.resolve().parents}
        self._is_left_out = is_left_out
        self.circles: list[Path] = []
        self.nowhere: list[Path] = []

    def folders(self, top: Path, listings: Listings) -> Iterator[Folder]:
        """Come to each folder of one tree, its top first.

        Raises
        ------
        OSError
            When a folder cannot be read; its `filename` is the folder.
        """
        ahead = [_Ahead("", (), False)]
        links: deque[_Ahead] = deque()
        while ahead or links:
            step = ahead.pop() if ahead else links.popleft()
            if folder := self._folder(top, step, listings):
                yield folder
                above = f"{step.name}/" if step.name else ""
                inner = reversed(folder.listing.folders)
                ahead += [_Ahead(above + name, folder.datasets, step.linked) for name in inner]
                links += [_Ahead(above + name, folder.datasets, True) for name in folder.listing.links]

    def _folder(self, top: Path, step: _Ahead, listings: Listings) -> Folder | None:
        """Look at one folder; None if it is none, is gone, or is not to be searched."""
        path = top / step.name
        try:
            status = path.stat()
            if not stat.S_ISDIR(status.st_mode) or (step.name and self._is_barred(path, status, step.linked)):
                return None
            listing = listings.of(step.name, path, status)
        except OSError as error:
            if error.errno not in _GONE:
                raise
            self.nowhere += [path] if path.is_symlink() else []
            return None
        if not step.name or not listing.described:
            return Folder(step.name, step.datasets, listing)
        return None if self._is_left_out(path) else Folder(step.name, (*step.datasets, step.name), listing)

    def _is_barred(self, path: Path, status: os.stat_result, linked: bool) -> bool:
        """Say whether a folder is not to be searched; note that the walk has come to it.

        Only what a link leads to is told by its identity alone: not every file system keeps those apart for long.
        """
        here = status.st_dev, status.st_ino
        if here in (self._been if linked else self._barred):
            self.circles += [path] if linked else []
            return True
        self._been.add(here)
        return False


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def _write(file: Path, content: bytes) -> None:
    """Write a file whole or not at all, whoever else writes it."""
    temporary = file.with_name(f".{file.name}-{secrets.token_hex(8)}")
    try:
        temporary.write_bytes(_checksum(content) + b"\n" + content)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def _devices_without_stamps() -> set[int]:
    """Give the devices whose folders may change without a new time stamp: file systems run by a program (Linux)."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    numbers = [mount.split()[2].split(":") for mount in mounts if " - fuse" in mount]
    return {os.makedev(int(major), int(minor)) for major, minor in numbers}
