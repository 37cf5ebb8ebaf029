"""Walk through the folders of a dataset, each once, wherever links lead."""

import errno
import os
import stat
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bids_ari.bids.listings import DESCRIPTION as DESCRIPTION
from bids_ari.bids.listings import Listing, Listings

_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


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


def identity(folder: Path) -> tuple[int, int] | None:
    """Tell folders apart, whatever path leads there; None where there is none."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


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
    excluded : sequence of Path
        Folders that are not searched.
    is_left_out : callable
        Asked of each dataset within a tree: whether it is not searched either.

    Attributes
    ----------
    circles, nowhere : list of Path
        What links lead to and is not searched again, and links that lead to nothing.
    """

    def __init__(
        self, tops: Sequence[Path], excluded: Sequence[Path] = (), is_left_out: Callable[[Path], bool] = lambda _: False
    ) -> None:
        self._barred = {identity(folder) for folder in (*tops, *excluded)}
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
