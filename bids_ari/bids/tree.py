"""Searches of folder trees: each folder is visited once, wherever symbolic links lead."""

import errno
import os
import re
import stat
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bids_ari.bids.exclusions import Reason
from bids_ari.bids.sidecars import DESCRIPTION
from bids_ari.bids.statmap import IMAGE_ENDINGS, map_extension

UNSEARCHED = ("sourcedata", "rawdata", "derivatives", "code", "models", "logs", "figures", "lost+found")
"""Folders of a dataset that hold no maps of it; hidden folders are not searched either."""

FILE_ENDINGS = (*IMAGE_ENDINGS, ".json", ".tsv", ".html", ".svg", ".png", ".h5", ".txt", ".bval", ".bvec")
"""Endings of links to files: in a dataset of git-annex every file is a link, and checking each target takes long."""

_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class Folder(NamedTuple):
    """A folder of a tree, with the entries that matter."""

    maps: Mapping[str, str]  # each with the reason why it cannot be used, or an empty text
    folders: Sequence[str]  # to search
    links: Sequence[str]  # that may lead to folders to search, or to nothing
    is_dataset: bool  # has a dataset_description.json
    name: str = ""  # path below the top of the tree, with forward slashes
    datasets: tuple[str, ...] = ()  # the datasets below the top that contain it, outermost first


def is_searched(name: str) -> bool:
    """Return whether a folder of this name within a dataset may hold maps of the dataset."""
    return not name.startswith(".") and name not in UNSEARCHED


def identity(folder: Path) -> tuple[int, int] | None:
    """Return device and inode of a folder, the same for every path to it; None where there is none."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def short_name(folder: Path, taken: Collection[str]) -> str:
    """Return a name of letters, digits, dashes and dots for a folder, other than those that are taken."""
    stem = re.sub(r"[^a-zA-Z0-9.-]", "", folder.resolve().name) or "input"
    name, n = stem, 2
    while name in taken:
        name, n = f"{stem}-{n}", n + 1
    return name


def read_folder(folder: str | Path) -> Folder:
    """Read the names in a folder."""
    maps: dict[str, str] = {}
    folders, links = [], []
    is_dataset = False
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            is_dataset = is_dataset or name == DESCRIPTION
            extension = None if name.startswith(".") else map_extension(name)
            if entry.is_dir(follow_symlinks=False):
                if extension and extension.endswith(IMAGE_ENDINGS):
                    maps[name] = Reason.FOLDER.text()
                elif is_searched(name):
                    folders.append(name)
            elif extension is not None:
                if extension != ".json":
                    maps[name] = ""
            elif entry.is_symlink() and is_searched(name) and not name.endswith(FILE_ENDINGS):
                links.append(name)
    return Folder(dict(sorted(maps.items())), sorted(folders), sorted(links), is_dataset)


def files_below(*tops: Path) -> Iterator[Path]:
    """Yield the files below folders, but hidden ones, in order; each folder once, wherever symbolic links lead.

    Raises
    ------
    OSError
        When a folder cannot be read.
    """

    def fail(error: OSError) -> None:
        raise error

    visited = {identity(parent) for top in tops for parent in top.resolve().parents}
    for top in tops:
        for folder, inner, names in os.walk(top, onerror=fail, followlinks=True):
            here = identity(Path(folder))
            inner[:] = [] if here in visited else sorted(name for name in inner if not name.startswith("."))
            found = [] if here in visited else sorted(name for name in names if not name.startswith("."))
            visited.add(here)
            yield from (Path(folder, name) for name in found)


class Walk:
    """A search of several trees: real folders first, then those behind links.

    A link is followed unless it leads to a folder that was visited, or to one above a tree (a cycle): `cycles` has
    such links, and `dangling` those without a target. None of the trees is searched as a part of another; `is_excluded`
    returns whether a dataset within a tree is not searched, and `left` has these.
    """

    def __init__(
        self, tops: Sequence[Path], excluded: Sequence[Path] = (), is_excluded: Callable[[Path], bool] = lambda _: False
    ) -> None:
        self._barred = {identity(folder) for folder in (*tops, *excluded)}
        self._visited = self._barred | {identity(parent) for top in tops for parent in top.resolve().parents}
        self._is_excluded = is_excluded
        self.cycles: list[Path] = []
        self.dangling: list[Path] = []
        self.left: list[Path] = []

    def folders(self, top: Path, indexed: Mapping[str, Folder] | None = None) -> Iterator[Folder]:
        """Visit each folder of a tree, its top first; `indexed` has their entries by name, else they are read."""
        ahead: list[tuple[str, tuple[str, ...], bool]] = [("", (), False)]  # name, datasets, whether behind a link
        links = deque(ahead[:0])
        while ahead or links:
            name, datasets, linked = ahead.pop() if ahead else links.popleft()
            found = self._visit(top, name, linked, indexed)
            if found is None:
                continue
            datasets = (*datasets, name) if name and found.is_dataset else datasets
            yield found._replace(name=name, datasets=datasets)
            above = f"{name}/" if name else ""
            ahead += [(above + inner, datasets, linked) for inner in reversed(found.folders)]
            links += [(above + inner, datasets, True) for inner in found.links]

    def _visit(self, top: Path, name: str, linked: bool, indexed: Mapping[str, Folder] | None) -> Folder | None:
        """Return the entries of a folder; None if it is no folder, has vanished, or is not to be searched."""
        path = os.path.join(top, name)  # noqa: PTH118 - many times faster than Path, like the others here
        try:
            status = os.stat(path)  # noqa: PTH116
            if not stat.S_ISDIR(status.st_mode):
                return None
            here = status.st_dev, status.st_ino
            # Only targets of links are compared with all folders visited: some file systems reuse inodes
            if name and here in (self._visited if linked else self._barred):
                self.cycles += [top / name] if linked else []
                return None
            self._visited.add(here)
            found = read_folder(path) if indexed is None else indexed[name]
        except OSError as error:
            if error.errno not in _GONE:
                raise
            self.dangling += [top / name] if (top / name).is_symlink() else []
            return None
        if name and found.is_dataset and self._is_excluded(top / name):
            self.left.append(top / name)
            return None
        return found
