"""Files as pybids has indexed them: in a BIDSLayout, or in the databases of ``--bids-database-dir``.

pybids keeps the database of a dataset in a folder, and those of its derivatives in folders within that one. Indexing
takes 4 to 9 times as long as a search of the folders, so it is done only on request. A database does not notice that
files were added: it has to be deleted then.
"""

import logging
import os
import re
import secrets
import shutil
import time
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from bids_ari.bids.sidecars import DESCRIPTION
from bids_ari.bids.statmap import SUFFIX, map_extension
from bids_ari.bids.tree import FILE_ENDINGS, UNSEARCHED, Folder, identity, is_searched, short_name
from bids_ari.errors import UsageError, listing

if TYPE_CHECKING:
    from bids import BIDSLayout

log = logging.getLogger(__name__)

LAYOUT_CONFIG = files("bids_ari.bids") / "entities.json"
"""The entities of statmaps that pybids does not define, in its own format."""

DATABASE = "layout_index.sqlite"
"""The file of pybids in a database folder."""

_UNSEARCHED = re.compile(rf"/({'|'.join(map(re.escape, UNSEARCHED))})(/|$)")


class Layouts:
    """The layouts of several datasets, each found by the root of its dataset.

    Parameters
    ----------
    layouts : iterable of BIDSLayout
        The layouts; those of their derivatives are added.
    folder : Path, optional
        The database folder in which further layouts are made. By default, none are made.
    """

    def __init__(self, layouts: Iterable["BIDSLayout"] = (), folder: Path | None = None) -> None:
        self._folder = folder
        self._by_root = {identity(Path(each.root)): each for layout in layouts for each in _with_derivatives(layout)}

    @classmethod
    def open(cls, folder: Path, searched: Sequence[Path], make: bool) -> "Layouts":
        """Open the databases in a folder.

        Parameters
        ----------
        folder : Path
            The folder; it need not exist.
        searched : sequence of Path
            The datasets whose files are needed.
        make : bool
            Whether databases that do not exist yet are made.

        Raises
        ------
        UsageError
            When the databases are of other datasets.
        """
        try:
            layouts = [
                _load(path.parent) for path in sorted(folder.glob(DATABASE)) + sorted(folder.glob(f"*/{DATABASE}"))
            ]
        except Exception as error:  # the file is damaged, of another version, or of a dataset that was moved
            log.warning("The pybids database in %s cannot be used: %s. The folders are searched instead", folder, error)
            return cls()
        opened = cls(layouts, folder if make else None)
        if layouts and not any(identity(top) in opened._by_root for top in searched):
            raise UsageError(
                f"The pybids database in {folder} is of {listing(opened.roots)}",
                f"a database of {listing(searched)}",
                "Choose another folder with --bids-database-dir",
            )
        return opened

    @property
    def roots(self) -> list[Path]:
        """The root of each dataset."""
        return [Path(layout.root) for layout in self._by_root.values()]

    def folders(self, top: Path, others: Sequence[Path]) -> Mapping[str, Folder] | None:
        """Return the folders of a dataset that hold maps, and those above them, by their paths below its root.

        Parameters
        ----------
        top : Path
            The root of the dataset.
        others : sequence of Path
            Datasets that have layouts of their own.

        Returns
        -------
        mapping of str to Folder, or None
            None when there is no layout of the dataset and none can be made.
        """
        if identity(top) not in self._by_root:
            if self._folder is None:
                return None
            try:
                self._by_root[identity(top)] = _make(top, others, self._folder)
            except Exception as error:  # of files, SQLite or descriptions: pybids does not handle them
                log.warning("pybids cannot index %s: %s. The folders are searched instead", top, error)
                return None
        return _folders(self._by_root[identity(top)])


def _with_derivatives(layout: "BIDSLayout") -> Iterator["BIDSLayout"]:
    """Yield a layout and those of its derivatives."""
    yield layout
    for inner in layout.derivatives.values():
        yield from _with_derivatives(inner)


def _load(folder: Path) -> "BIDSLayout":
    """Open the database in a folder."""
    from bids import BIDSLayout

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pybids warns of incomplete descriptions
        layout = BIDSLayout(database_path=folder, validate=False)
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime((folder / DATABASE).stat().st_mtime))
    log.info("Files of %s are those in the pybids database in %s, of %s", layout.root, folder, made)
    return layout


def _make(top: Path, others: Sequence[Path], folder: Path) -> "BIDSLayout":
    """Index a dataset in a database folder, or in a folder in it if there is a database of another dataset."""
    from bids import BIDSLayout, BIDSLayoutIndexer

    if (folder / DATABASE).exists():
        folder /= short_name(top, [path.parent.name for path in folder.glob(f"*/{DATABASE}")])
    log.info("pybids indexes %s in %s: this may take minutes", top, folder)
    root, within = top.absolute(), [other.absolute() for other in others if top.absolute() in other.absolute().parents]
    inner = [re.compile(f"^/{re.escape(other.relative_to(root).as_posix())}(/|$)") for other in within]
    indexer = BIDSLayoutIndexer(
        ignore=[_UNSEARCHED, _Cycle(root), *inner],
        index_metadata=False,
        config_filename="none.json",  # pybids fails where a layout_config.json defines an entity again
    )
    temporary = folder / f".{secrets.token_hex(8)}"  # a database that is not complete would count as complete
    try:
        temporary.mkdir(parents=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            BIDSLayout(
                root,
                validate=False,
                config=["bids", "derivatives", str(LAYOUT_CONFIG)],
                indexer=indexer,
                database_path=temporary,
            )
        (temporary / DATABASE).replace(folder / DATABASE)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return _load(folder)


class _Cycle:
    """A pattern, as pybids takes it, of links to a folder above them: pybids would follow them again and again."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def search(self, path: str) -> bool:
        """Return whether a path below the root is such a link."""
        link = self.root / path.lstrip("/")
        if link.name.endswith(FILE_ENDINGS) or not link.is_symlink():
            return False
        above = {os.path.realpath(folder) for folder in link.parents}
        return os.path.realpath(link) in above | {str(folder) for folder in self.root.resolve().parents}


def _folders(layout: "BIDSLayout") -> dict[str, Folder]:
    """Return the folders of a layout as `read_folder` returns them from the disk."""
    root = Path(layout.root)
    maps: dict[PurePosixPath, dict[str, str]] = defaultdict(dict)
    for name in _statmaps(layout):
        maps[name.parent][name.name] = ""
    paths = {PurePosixPath(), *maps, *(above for path in maps for above in path.parents)}
    inner: dict[PurePosixPath, list[str]] = defaultdict(list)
    for path in sorted(paths):
        if path.name and is_searched(path.name):
            inner[path.parent].append(path.name)
    found = {}
    for path in paths:
        links = [name for name in inner[path] if (root / path / name).is_symlink()]
        folders = [name for name in inner[path] if name not in links]
        found["/".join(path.parts)] = Folder(maps[path], folders, links, os.path.lexists(root / path / DESCRIPTION))
    return found


def _statmaps(layout: "BIDSLayout") -> list[PurePosixPath]:
    """Return the statmaps of a layout that are still on disk, by their paths below its root, sorted."""
    from bids.layout.models import BIDSFile

    indexed = layout.session.query(BIDSFile.path).filter(BIDSFile.filename.contains(SUFFIX))
    names = sorted(PurePosixPath(path).relative_to(layout.root) for (path,) in indexed)
    maps = [name for name in names if map_extension(name.name) not in (None, ".json")]
    gone = [name for name in maps if not os.path.lexists(f"{layout.root}/{name}")]
    if gone:
        log.warning("Files that pybids has indexed in %s are not there any more: %s", layout.root, listing(gone))
    return sorted(set(maps).difference(gone))
