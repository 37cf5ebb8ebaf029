"""What a folder holds that bears on statmaps: read from it, or remembered from an earlier run.

Read anew, a listing takes a look at every name in the folder; remembered, a look at the folder's time stamps. It is
remembered only where these would show any change.
"""

import hashlib
import json
import logging
import os
import secrets
import time
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
