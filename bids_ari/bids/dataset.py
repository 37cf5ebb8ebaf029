"""Open one dataset: find its statmap files and read their entities.

A dataset is a derivative dataset of first-level maps, or a raw dataset whose ``derivatives/`` are searched.
Neither raw data nor a complete ``dataset_description.json`` is needed.
"""

import logging
import os
import re
import shlex
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import islice, takewhile
from pathlib import Path
from typing import Any, NamedTuple

from bids_ari.bids.entities import Entities, key_of, labels_in_name, printable
from bids_ari.bids.listings import UNSEARCHED, Listings, is_searched, map_extension
from bids_ari.bids.sidecars import read_description, read_json, says_ours
from bids_ari.bids.tree import Folder, Walk, identity
from bids_ari.errors import InputNotFoundError, ReadError, SidecarError, listing

log = logging.getLogger(__name__)

LAYOUT_CONFIG = files("bids_ari.bids") / "entities.json"
"""The entities of statmaps that pybids does not know by itself, in its own format."""

_NOT_ENTITIES = ("suffix", "extension", "datatype", "fmap", "scans")
_STAGES = ("sub-", "ses-", "node-")
"""How the names of folders begin that lie within a dataset and are none."""

_MOST_LOOKED_AT = 10_000
"""Folders that are looked at for maps where none is to be searched, only to say where there are some."""


@dataclass(frozen=True, slots=True)
class StatMap:
    """A statmap as it is found.

    Attributes
    ----------
    path : Path
        The file.
    name : str
        Its path relative to the dataset, with forward slashes, for people and for BIDS URIs.
    dataset : str
        The short name of the dataset that holds it.
    entities : Entities
        All entities of its folders and its name.
    extension : str
        From the first dot after the suffix on.
    nested : bool
        Whether it lies in a dataset of its own within the one that was opened.
    problem : str
        Why it cannot be used, whatever is asked for; empty where it can.
    """

    path: Path
    name: str
    dataset: str
    entities: Entities
    extension: str
    nested: bool = False
    problem: str = ""

    @property
    def uri(self) -> str:
        """Its BIDS URI."""
        return f"bids:{self.dataset}:{self.name}"


@dataclass(frozen=True, slots=True)
class Dataset:
    """One or more derivative datasets that are searched together.

    Attributes
    ----------
    path : Path
        The folder that was opened.
    roots : mapping of str to Path
        The derivative datasets that hold them, by a short name each.
    statmaps : tuple of StatMap
        Every file with the suffix ``statmap`` but sidecars, sorted.
    """

    path: Path
    roots: Mapping[str, Path]
    statmaps: tuple[StatMap, ...]

    def __repr__(self) -> str:
        return f"Dataset({str(self.path)!r}, n_statmaps={len(self.statmaps)})"


def open_dataset(
    path: str | Path,
    derivatives: Sequence[str | Path] = (),
    leave_out: Sequence[str | Path] = (),
    *,
    database_dir: Path | None = None,
) -> Dataset:
    """Open a dataset and find its statmaps.

    A folder to search that neither is a dataset nor has maps of its own stands for the datasets within it.

    Parameters
    ----------
    path : path
        A derivative dataset, or a raw dataset with ``derivatives/``.
    derivatives : sequence of path
        Search these instead of ``path`` and ``path/derivatives/*``.
    leave_out : sequence of path
        Folders that are not searched, such as the output of this run.
    database_dir : path, optional
        Where to remember what the folders hold, so that the next run need not look into those that have not changed.

    Raises
    ------
    InputNotFoundError
        When a folder does not exist, or none holds a statmap.
    ReadError
        When a folder cannot be read.
    """
    top, named, excluded = Path(path), [Path(folder) for folder in derivatives], [Path(folder) for folder in leave_out]
    try:
        return _open(top, named, excluded, database_dir)
    except OSError as error:
        where = printable(os.fsdecode(error.filename or top))
        hint = f"Make it readable, or move it out of {top}"
        raise ReadError(f"{where} cannot be read: {error.strerror}", hint=hint) from error


def read_sidecar(file: StatMap) -> dict[str, Any]:
    """Read the metadata of a statmap: every JSON file on the way down to it whose entities are among its own.

    Raises
    ------
    SidecarError
        When a sidecar holds no JSON object.
    ReadError
        When one cannot be read.
    """
    own = labels_in_name(file.path.name).items()
    metadata: dict[str, Any] = {}
    for folder in reversed(file.path.parents[: len(Path(file.name).parts)]):
        try:
            with os.scandir(folder) as entries:
                names = [entry.name for entry in entries if map_extension(entry.name) == ".json"]
        except OSError as error:
            raise ReadError(f"{folder} cannot be read: {error.strerror}") from error
        for _, name in sorted((len(labels_in_name(name)), name) for name in names):
            if labels_in_name(name).items() <= own:
                metadata |= read_json(folder / name, SidecarError)
    return metadata


def _open(top: Path, named: Sequence[Path], excluded: Sequence[Path], database_dir: Path | None) -> Dataset:
    for folder in (top, *named):
        if not folder.is_dir():
            found = f"{folder} is a file" if folder.exists() else f"There is no folder {folder}"
            raise InputNotFoundError(found, "the folder of a BIDS dataset")
    describe = cache(read_description)

    def made_by_us(folder: Path) -> bool:
        return says_ours(describe(folder))

    others = {identity(folder) for folder in excluded}
    different = {identity(folder): folder for folder in reversed(named or _search_folders(top, describe(top)))}
    searched = [folder for here, folder in reversed(different.items()) if here not in others and not made_by_us(folder)]
    walk = Walk(searched, excluded, made_by_us)
    parts = [part for folder in searched for part in _parts(folder, walk, database_dir)]
    _warn_of_links(walk)
    roots = _named([part.root for part in parts])
    statmaps = tuple(statmap for name, part in zip(roots, parts, strict=True) for statmap in _statmaps(name, part))
    if all(statmap.nested for statmap in statmaps):
        raise _no_statmap(top, searched, [*_nested(parts), *_unsearched([top, *searched], made_by_us)])
    log.debug("%d statmap files in %s", len(statmaps), top)
    return Dataset(top, roots, statmaps)


def _search_folders(top: Path, description: Mapping[str, Any]) -> list[Path]:
    """Give the dataset itself and, unless it is a derivative, its derivatives."""
    inner = top / "derivatives"
    if description.get("DatasetType") == "derivative" or not inner.is_dir():
        return [top]
    others = (folder for folder in inner.iterdir() if is_searched(folder.name) and folder.is_dir())
    return [top, inner, *sorted(folder for folder in others if not folder.name.startswith(_STAGES))]


class _Part(NamedTuple):
    """A dataset that holds maps: the folder `name` of a tree, or its top, and those folders in it that hold them."""

    top: Path
    name: str
    folders: list[Folder]

    @property
    def root(self) -> Path:
        return self.top / self.name


def _parts(top: Path, walk: Walk, database_dir: Path | None) -> list[_Part]:
    """Find the maps of one tree: its top's or, if that is no dataset and has none, those of each dataset in it."""
    listings = Listings(top, database_dir)
    folders = list(walk.folders(top, listings))
    listings.save()
    holding = [folder for folder in folders if folder.listing.maps or folder.listing.impostors]
    if not holding:
        return []
    if folders[0].listing.described or not all(folder.datasets for folder in holding):
        return [_Part(top, "", holding)]
    by_dataset = defaultdict(list)
    for folder in holding:
        by_dataset[folder.datasets[0]].append(folder)
    return [_Part(top, name, inner) for name, inner in by_dataset.items()]


def _named(folders: Sequence[Path]) -> dict[str, Path]:
    """Give each folder a short name of letters, digits, dashes and dots, all different."""
    named: dict[str, Path] = {}
    for folder in folders:
        stem = re.sub(r"[^a-zA-Z0-9.-]", "", folder.resolve().name) or "input"
        name, n = stem, 2
        while name in named:
            name, n = f"{stem}-{n}", n + 1
        named[name] = folder
    return named


def _statmaps(root: str, part: _Part) -> list[StatMap]:
    """Make the statmaps of one dataset, sorted by name."""
    found = []
    for folder in part.folders:
        where = part.top / folder.name
        inside = folder.name[len(part.name) :].lstrip("/")
        above = _labels_of_folder(printable(inside))
        nested = len(folder.datasets) > bool(part.name)
        for name in (*folder.listing.maps, *folder.listing.impostors):
            problem = "a folder, not a file" if name in folder.listing.impostors else ""
            shown = f"{inside}/{name}" if inside else name
            if not _is_text(name, str(where)):
                problem, shown = "its name is not UTF-8", printable(shown)
            entities = Entities.of(above | labels_in_name(shown.rpartition("/")[2]))
            extension = map_extension(name) or ""
            found.append(StatMap(where / name, shown, root, entities, extension, nested, problem))
    return sorted(found, key=lambda statmap: statmap.name)


def _is_text(*names: str) -> bool:
    """Say whether names can be written; the system hands over what is not UTF-8 as halves of surrogate pairs."""
    try:
        "".join(names).encode()
    except UnicodeEncodeError:
        return False
    return True


@cache
def _labels_of_folder(folder: str) -> dict[str, str]:
    """Read with pybids the entities in the names of folders relative to their dataset: never of folders above it."""
    from bids.layout import parse_file_entities

    parsed = parse_file_entities(f"/{folder}/", entities=_known_entities())
    return {key_of(name): str(label) for name, label in parsed.items() if name not in _NOT_ENTITIES}


@cache
def _known_entities() -> tuple[Any, ...]:
    """Load the entities of pybids' own configurations and ours."""
    from bids.layout.models import Config

    known: dict[str, Any] = {}
    for config in ("bids", "derivatives", str(LAYOUT_CONFIG)):
        known.update(Config.load(config).entities)
    return tuple(known.values())


def _warn_of_links(walk: Walk) -> None:
    """Say which links were not followed."""
    if walk.circles:
        links = listing(printable(str(link)) for link in walk.circles)
        log.warning("Not followed, since they lead to where the search has been or is not to go: %s", links)
    if walk.nowhere:
        links = listing(printable(str(link)) for link in walk.nowhere)
        log.warning("These links lead to nothing, where there may have been maps: %s", links)


def _no_statmap(top: Path, searched: Sequence[Path], elsewhere: Iterable[Path]) -> InputNotFoundError:
    """Say that there is nothing to analyse, and where there would be."""
    others = [shlex.quote(printable(str(folder))) for folder in dict.fromkeys(elsewhere)]
    hint = "Point to the derivative dataset that holds them, or name it with --derivatives"
    if others:
        hint = f"There are some in {listing(others)}; to analyse those, say --derivatives {others[0]}"
    return InputNotFoundError(
        f"There is no statmap in {top} (searched: {listing(searched) or 'nothing but results of bids_ari'})",
        "first-level maps named ..._contrast-<label>_stat-<label>_statmap.nii.gz",
        hint,
    )


def _nested(parts: Sequence[_Part]) -> Iterator[Path]:
    """Give the datasets within those that are searched that hold maps."""
    for part in parts:
        for folder in part.folders:
            yield part.top / folder.datasets[-1]


def _unsearched(searched: Sequence[Path], is_left_out: Callable[[Path], bool]) -> Iterator[Path]:
    """Give folders that hold maps where none are searched, as far as a short look shows."""
    tops = [folder / name for folder in searched for name in UNSEARCHED if (folder / name).is_dir()]
    walk = Walk(tops, searched, is_left_out)
    for top in tops:
        try:
            for folder in islice(walk.folders(top, Listings()), _MOST_LOOKED_AT):
                if folder.listing.maps:
                    inside = takewhile(lambda part: not part.startswith(_STAGES), folder.name.split("/"))
                    yield top / (folder.datasets[-1] if folder.datasets else "/".join(inside))
        except OSError:
            continue  # it is said anyway that there is nothing where the search is
