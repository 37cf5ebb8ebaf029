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
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from bids_ari.bids.sidecars import DESCRIPTION
from bids_ari.bids.statmap import SUFFIX, map_extension
from bids_ari.bids.tree import FILE_ENDINGS, UNSEARCHED, Folder, identity, is_searched, short_name
from bids_ari.errors import UsageError, listing

if TYPE_CHECKING:
    from bids import BIDSLayout

log = logging.getLogger(__name__)

LAYOUT_CONFIG = files("bids_ari.bids") / "entities.json"  # the entities of statmaps that pybids does not define
DATABASE = "layout_index.sqlite"  # the file of pybids in a database folder
_UNSEARCHED = re.compile(rf"/({'|'.join(map(re.escape, UNSEARCHED))})(/|$)")

Layouts = dict[tuple[int, int] | None, "BIDSLayout"]
"""The layouts of several datasets, by the `identity` of their roots."""


def with_derivatives(layout: "BIDSLayout") -> Layouts:
    """Return a layout and those of its derivatives."""
    found = {identity(Path(layout.root)): layout}
    for inner in layout.derivatives.values():
        found |= with_derivatives(inner)
    return found


def open_layouts(folder: Path, top: Path, searched: Sequence[Path], make: bool) -> Layouts:
    """Open the databases in a folder, and make those of searched datasets that do not exist yet.

    Datasets that pybids cannot index have no layout. Databases of datasets other than these and `top` are an error.
    """
    layouts: Layouts = {}
    try:
        for path in (*folder.glob(DATABASE), *sorted(folder.glob(f"*/{DATABASE}"))):
            layouts |= with_derivatives(_load(path.parent))
    except Exception as error:  # the file is damaged, of another version, or of a dataset that was moved
        log.warning("The pybids database in %s cannot be used: %s. The folders are searched instead", folder, error)
        return {}
    if layouts and not any(identity(each) in layouts for each in (top, *searched)):
        raise UsageError(
            f"The pybids database in {folder} is of {listing(layout.root for layout in layouts.values())}",
            f"a database of {top}",
            "Choose another folder with --bids-database-dir",
        )
    for root in searched if make else ():
        if identity(root) not in layouts:
            try:
                layouts[identity(root)] = _make(root, searched, folder)
            except Exception as error:  # of files, SQLite or descriptions: pybids does not handle them
                log.warning("pybids cannot index %s: %s. The folders are searched instead", root, error)
    return layouts


def _layout(**options: Any) -> "BIDSLayout":
    from bids import BIDSLayout

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pybids warns of incomplete descriptions
        return BIDSLayout(validate=False, **options)


def _load(folder: Path) -> "BIDSLayout":
    """Open the database in a folder."""
    layout = _layout(database_path=folder)
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime((folder / DATABASE).stat().st_mtime))
    log.info("Files of %s are those in the pybids database in %s, of %s", layout.root, folder, made)
    return layout


def _make(top: Path, others: Sequence[Path], folder: Path) -> "BIDSLayout":
    """Index a dataset in a database folder, or in a folder in it if there is a database of another dataset."""
    from bids import BIDSLayoutIndexer

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
        configs = ["bids", "derivatives", str(LAYOUT_CONFIG)]
        _layout(root=root, config=configs, indexer=indexer, database_path=temporary)
        (temporary / DATABASE).replace(folder / DATABASE)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return _load(folder)


@dataclass
class _Cycle:
    """A pattern, as pybids takes it, of links to a folder above them: pybids would follow them again and again."""

    root: Path

    def search(self, path: str) -> bool:
        """Return whether a path below the root is such a link."""
        link = self.root / path.lstrip("/")
        if link.name.endswith(FILE_ENDINGS) or not link.is_symlink():
            return False
        above = {os.path.realpath(folder) for folder in link.parents}
        return os.path.realpath(link) in above | {str(folder) for folder in self.root.resolve().parents}


def indexed_folders(layout: "BIDSLayout") -> dict[str, Folder]:
    """Return the folders of a layout that hold maps, and those above them, by their paths below its root.

    They have the entries that `bids_ari.bids.tree.read_folder` returns from the disk.
    """
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


def gone_files(layout: "BIDSLayout") -> list[Path]:
    """Return the statmaps of a layout that are not on disk any more, sorted."""
    paths = (Path(layout.root) / name for name in _indexed(layout))
    return [path for path in paths if not os.path.lexists(path)]


def _statmaps(layout: "BIDSLayout") -> list[PurePosixPath]:
    """Return the statmaps of a layout that are still on disk, by their paths below its root, sorted."""
    return [name for name in _indexed(layout) if os.path.lexists(f"{layout.root}/{name}")]


def _indexed(layout: "BIDSLayout") -> list[PurePosixPath]:
    """Return the statmaps of a layout, by their paths below its root, sorted."""
    from bids.layout.models import BIDSFile

    indexed = layout.session.query(BIDSFile.path).filter(BIDSFile.filename.contains(SUFFIX))
    names = sorted(PurePosixPath(path).relative_to(layout.root) for (path,) in indexed)
    return sorted({name for name in names if map_extension(name.name) not in (None, ".json")})
