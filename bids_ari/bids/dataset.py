"""Datasets of first-level maps: where statmaps are searched, and the entities of each.

A dataset is a derivative dataset of first-level maps, or a raw dataset whose ``derivatives/`` are searched.
Neither raw data nor a complete ``dataset_description.json`` is needed.
"""

import logging
import os
import re
import shlex
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice, takewhile
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bids_ari.bids.entities import printable
from bids_ari.bids.exclusions import Excluded, Reason, by_reason
from bids_ari.bids.hemispheres import bids_name, hemisphere_of_label
from bids_ari.bids.labels import spellings
from bids_ari.bids.layouts import Layouts, gone_files, indexed_folders, open_layouts, with_derivatives
from bids_ari.bids.names import INDICES, Names
from bids_ari.bids.sidecars import DESCRIPTION, describes_fmriprep, describes_ours, read_description
from bids_ari.bids.statmap import StatMap, map_extension
from bids_ari.bids.tree import UNSEARCHED, Folder, Walk, identity, is_searched, short_name
from bids_ari.errors import InputNotFoundError, ReadError, listing
from bids_ari.runtime.collector import no_collection
from bids_ari.stats.progress import counter

if TYPE_CHECKING:
    from bids import BIDSLayout

log = logging.getLogger(__name__)

_STAGES = ("sub-", "ses-", "node-")  # beginnings of the names of folders that are parts of a dataset, not datasets
_NOT_UTF8 = re.compile("[\ud800-\udfff]")  # the bytes of a name that are not UTF-8 become halves of surrogate pairs
_DOCUMENTATION = "https://github.com/bids-ari/bids_ari#documentation"
_MOST_LOOKED_AT = 10_000  # folders that are read where no maps are searched, only to report where there are some


@dataclass(frozen=True, slots=True)
class Dataset:
    """One or more derivative datasets that are searched together."""

    path: Path  # the folder that was opened
    roots: Mapping[str, Path]  # the derivative datasets that hold maps, by a short name
    statmaps: tuple[StatMap, ...]  # every file with the suffix statmap except sidecars, sorted
    excluded: tuple[Excluded, ...] = field(default=(), kw_only=True)  # links and folders that are not searched
    notes: tuple[str, ...] = field(default=(), kw_only=True)  # for the report of each contrast

    def labels(self, key: str, *, usable: bool = False) -> set[str]:
        """Return every label of an entity among the statmaps, or among those without a problem."""
        return {label for file in self.statmaps if not (usable and file.problem) for label in file.labels(key)}

    def __repr__(self) -> str:
        return f"Dataset({str(self.path)!r}, n_statmaps={len(self.statmaps)})"


def open_dataset(
    source: "str | Path | BIDSLayout",
    derivatives: Sequence[str | Path] = (),
    excluded: Sequence[str | Path] = (),
    *,
    database_dir: Path | None = None,
    make_database: bool = True,
) -> Dataset:
    """Open a dataset and find its statmaps.

    If a folder to search is not a dataset and has no maps of its own, the datasets within it are searched.

    Parameters
    ----------
    source : path or BIDSLayout
        The folder of a derivative dataset, or of a raw dataset with ``derivatives/``; or a layout of pybids, whose
        files are used instead of those in the folders, with those of its derivatives.
    derivatives : sequence of path
        Datasets to search instead of ``source`` and ``source/derivatives/*``.
    excluded : sequence of path
        Folders that are not searched, such as the output of this run.
    database_dir : path, optional
        A database folder of pybids: the files in its databases are used instead of those in the folders.
    make_database : bool
        Whether databases that are not in that folder yet are made there.

    Returns
    -------
    Dataset
        All statmaps, also those that cannot be used.

    Raises
    ------
    InputNotFoundError
        When a folder does not exist, or none holds a statmap.
    ReadError
        When a folder cannot be read.
    UsageError
        When the database is of another dataset.
    """
    named = [Path(folder) for folder in derivatives]
    layouts: Layouts = {}
    if not isinstance(source, str | Path):
        layouts = with_derivatives(source)
        named = named or [Path(layout.root) for layout in layouts.values()]
    top = Path(source if isinstance(source, str | Path) else source.root)
    for folder in (top, *named):
        if not folder.is_dir():
            found = f"{folder} is a file" if folder.exists() else f"There is no folder {folder}"
            raise InputNotFoundError(found, "the folder of a BIDS dataset")

    def layouts_of(searched: Sequence[Path]) -> Layouts:
        return open_layouts(database_dir, top, searched, make_database) if database_dir and not layouts else layouts

    try:
        return _search(top, named, [Path(folder) for folder in excluded], layouts_of)
    except OSError as error:
        where = printable(os.fsdecode(error.filename or top))
        hint = f"Make it readable, or move it out of {top}"
        raise ReadError(f"{where} cannot be read: {error.strerror}", hint=hint) from error


def _search(
    top: Path, named: Sequence[Path], excluded: Sequence[Path], layouts_of: Callable[[Sequence[Path]], Layouts]
) -> Dataset:
    """Find the statmaps of a dataset, in its folders or in the layouts of those that have one."""
    describe = cache(read_description)

    def made_by_us(folder: Path) -> bool:
        return describes_ours(describe(folder))

    folders = _different(named or _search_folders(top, describe(top)), excluded)
    searched = [folder for folder in folders if not made_by_us(folder)]
    layouts = layouts_of(searched)
    walk = Walk(searched, excluded, made_by_us)
    found: dict[Path, list[Folder]] = {}
    advance = counter(0)  # their number is not known
    with no_collection():
        for folder in searched:
            layout = layouts.get(identity(folder))
            found[folder] = []
            for each in walk.folders(folder, indexed_folders(layout) if layout else None):
                found[folder].append(each)
                advance(1)
    ours = [*(folder for folder in folders if folder not in searched), *walk.left]
    places = ((Reason.CYCLE, walk.cycles), (Reason.DANGLING, walk.dangling), (Reason.OUR_RESULTS, ours))
    left = [Excluded.of_path(path, top, reason.text()) for reason, paths in places for path in paths]
    used = [layouts[identity(folder)] for folder in searched if identity(folder) in layouts]
    left += [Excluded.of_path(path, top, Reason.GONE.text()) for layout in used for path in gone_files(layout)]
    roots: dict[str, Path] = {}
    statmaps = [statmap for folder, inside in found.items() for statmap in _statmaps(folder, inside, roots)]
    if all(statmap.problem == Reason.NESTED.value for statmap in statmaps):
        nested = [root / each.datasets[-1] for root, inside in found.items() for each in inside if each.maps]
        for alike in by_reason(left):
            log.warning("%s", alike)
        is_preprocessed = any(describes_fmriprep(describe(folder)) for folder in searched)
        elsewhere = [*nested, *_unsearched([top, *searched], made_by_us)]
        raise _no_statmap(top, searched, elsewhere, is_preprocessed=is_preprocessed)
    log.debug("%d statmap files in %s", len(statmaps), top)
    return Dataset(top, roots, tuple(unify_labels(statmaps)), excluded=tuple(left))


def _search_folders(top: Path, description: Mapping[str, Any]) -> list[Path]:
    """Return the dataset itself and, unless it is a derivative, its derivatives."""
    inner = top / "derivatives"
    if description.get("DatasetType") == "derivative" or not inner.is_dir():
        return [top]
    others = (folder for folder in inner.iterdir() if is_searched(folder.name) and folder.is_dir())
    return [top, inner, *sorted(folder for folder in others if not folder.name.startswith(_STAGES))]


def _different(folders: Sequence[Path], excluded: Sequence[Path]) -> list[Path]:
    """Return each folder once, whatever paths lead to it, without those that are excluded."""
    first = {identity(folder): folder for folder in reversed(folders)}
    others = {identity(folder) for folder in excluded}
    return [folder for here, folder in reversed(first.items()) if here not in others]


@no_collection()
def _statmaps(top: Path, folders: Iterable[Folder], roots: dict[str, Path]) -> list[StatMap]:
    """Return the maps in the folders of one tree, and add the datasets that hold them to `roots`.

    They belong to the dataset at the top or, if the top is no dataset and has no maps of its own, to those within it.
    """
    holding = [folder for folder in folders if folder.maps]
    is_one = os.path.lexists(top / DESCRIPTION) or not all(folder.datasets for folder in holding)
    names: dict[str, str] = {}
    parser = Names()
    found: dict[str, list[StatMap]] = defaultdict(list)
    for folder in holding:
        part = "" if is_one else folder.datasets[0]
        if part not in names:
            names[part] = short_name(top / part, roots)
            roots[names[part]] = top / part
        inside = folder.name[len(part) :].lstrip("/")
        where, above = os.path.join(top, folder.name, ""), f"{inside}/" if inside else ""  # noqa: PTH118 - fast
        entities_of = parser.in_folder(printable(inside))
        nested = Reason.NESTED.text() if len(folder.datasets) > bool(part) else ""
        path_is_utf8 = not _NOT_UTF8.search(where)
        for name, problem in folder.maps.items():
            problem, shown = problem or nested, above + name
            is_utf8 = path_is_utf8 and (name.isascii() or not _NOT_UTF8.search(name))
            if not is_utf8:
                problem, shown = problem or Reason.NOT_UTF_8.text(), printable(shown)
            entities, odd = entities_of(bids_name(name if is_utf8 else printable(name)))
            extension = map_extension(name) or ""
            found[part].append(StatMap(where + name, shown, names[part], entities, extension, problem or odd))
    return [statmap for part in names for statmap in sorted(found[part], key=attrgetter("name"))]


def unify_labels(statmaps: Iterable[StatMap]) -> list[StatMap]:
    """Return maps with one label for each hemisphere of surfaces, L or R, and for each value of an index.

    Of ``run-1`` and ``run-01``, the longest is used.
    """
    statmaps = [_with_bids_hemisphere(file) if file.kind == "GIFTI" else file for file in statmaps]
    distinct = {file.entities.others for file in statmaps}
    pairs = {pair for others in distinct for pair in others if pair[0] in INDICES and pair[1].isdecimal()}
    changes: dict[str, dict[str, str]] = {}
    for key in INDICES:
        for found in spellings(label for own, label in sorted(pairs) if own == key):
            changes.setdefault(key, {}).update(dict.fromkeys(found, max(found, key=len)))
    return [_relabelled(file, changes) for file in statmaps] if changes else statmaps


def _with_bids_hemisphere(file: StatMap) -> StatMap:
    """Return a surface map with the label of its hemisphere that BIDS defines, if its name has another."""
    label = file.entities.get("hemi") or ""
    side = hemisphere_of_label(label)
    return file if side in (None, label) else file.with_(entities=file.entities.with_(hemi=str(side)))


def _relabelled(file: StatMap, changes: Mapping[str, Mapping[str, str]]) -> StatMap:
    """Return a map with other labels of some entities."""
    labels = {key: changes[key][label] for key, label in file.entities if label in changes.get(key, {})}
    return file.with_(entities=file.entities.with_(**labels)) if labels else file


def _no_statmap(
    top: Path, searched: Sequence[Path], elsewhere: Iterable[Path], *, is_preprocessed: bool
) -> InputNotFoundError:
    """Make the error that there is nothing to analyse; it names where there would be."""
    others = [shlex.quote(printable(str(folder))) for folder in dict.fromkeys(elsewhere)]
    hint = "Point to the derivative dataset that holds them, or list maps with other names in a table, with --manifest"
    if is_preprocessed:
        hint = (
            "There are outputs of fMRIPrep: fit models of subjects to them first, for example with nilearn or FitLins, "
            f'as on the page "From fMRIPrep to a figure" of {_DOCUMENTATION}'
        )
    if others:
        hint = f"There are some in {listing(others)}; to analyse those, use --derivatives {others[0]}"
    return InputNotFoundError(
        f"There is no statmap in {top} (searched: {listing(searched) or 'nothing but results of bids_ari'})",
        "first-level maps named ..._contrast-<label>_stat-<label>_statmap.nii.gz (or .func.gii, .dscalar.nii)",
        hint,
    )


def _unsearched(searched: Sequence[Path], is_excluded: Callable[[Path], bool]) -> Iterator[Path]:
    """Return folders with maps in places that are not searched, as far as a short search finds any."""
    tops = [folder / name for folder in searched for name in UNSEARCHED if (folder / name).is_dir()]
    walk = Walk(tops, searched, is_excluded)
    for top in tops:
        try:
            for folder in islice(walk.folders(top), _MOST_LOOKED_AT):
                if any(not problem for problem in folder.maps.values()):
                    inside = takewhile(lambda part: not part.startswith(_STAGES), folder.name.split("/"))
                    yield top / (folder.datasets[-1] if folder.datasets else "/".join(inside))
        except OSError:
            continue  # only the hint gets shorter
