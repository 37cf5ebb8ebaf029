"""Open one dataset: find its statmap files with pybids and read their entities.

A dataset is a derivative dataset of first-level maps, or a raw dataset whose ``derivatives/`` are searched.
Neither raw data nor a complete ``dataset_description.json`` is needed.
"""

import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from bids_ari.bids.entities import Entities, labels_in_name
from bids_ari.errors import InputNotFoundError, ReadError, listing

log = logging.getLogger(__name__)

LAYOUT_CONFIG = files("bids_ari.bids") / "entities.json"
"""The entities of statmaps that pybids does not know by itself, in its own format."""

_SHORT = {"subject": "sub", "session": "ses", "acquisition": "acq", "ceagent": "ce", "reconstruction": "rec"}
_SHORT |= {
    "direction": "dir",
    "modality": "mod",
    "inversion": "inv",
    "segmentation": "seg",
    "staining": "stain",
}
_SHORT |= {"tracer": "trc", "nucleus": "nuc", "volume": "voi"}
_NOT_ENTITIES = {"suffix", "extension", "datatype", "fmap", "scans"}

# pybids indexes what no pattern excludes: only statmaps are left, without sidecars, so that a large dataset opens
# quickly.
_IGNORED = (
    re.compile(
        r"^(?!.*statmap\.(?!json$)[^/]*$).*\.(nii|gz|json|tsv|gii|txt|html|svg|png|jpg|csv|md|h5|mat|npz|toml|log|dat|bib)$"
    ),
    re.compile(r"/(sourcedata|code|models|logs|figures|derivatives|rawdata|\.[^/]*)(/|$)"),
)

_NO_CONFIG = ".bids_ari-reads-no-layout_config"
"""pybids fails when a dataset's own configuration names an entity that ours names too."""


@dataclass(frozen=True, slots=True)
class StatmapFile:
    """A statmap as it is found.

    Attributes
    ----------
    path : Path
        The file.
    name : str
        Its path relative to the dataset, with forward slashes, for people and for BIDS URIs.
    root : str
        The name of the dataset it lies in.
    entities : Entities
        All entities of its folders and its name.
    extension : str
        From the first dot after the suffix on.
    nested : bool
        Whether it lies in a dataset of its own within the one that was opened.
    """

    path: Path
    name: str
    root: str
    entities: Entities
    extension: str
    nested: bool = False


@dataclass(frozen=True, slots=True)
class Dataset:
    """One or more derivative datasets that are searched together.

    Attributes
    ----------
    path : Path
        The folder that was opened.
    roots : mapping of str to Path
        The derivative datasets that hold them, by a short name each.
    statmaps : tuple of StatmapFile
        Every file with the suffix ``statmap`` but sidecars, sorted.
    """

    path: Path
    roots: Mapping[str, Path]
    statmaps: tuple[StatmapFile, ...]

    def __repr__(self) -> str:
        return f"Dataset({str(self.path)!r}, n_statmaps={len(self.statmaps)})"


def open_dataset(
    path: str | Path, derivatives: Sequence[str | Path] = (), leave_out: Sequence[str | Path] = ()
) -> Dataset:
    """Open a dataset and find its statmaps.

    Parameters
    ----------
    path : path
        A derivative dataset, or a raw dataset with ``derivatives/``.
    derivatives : sequence of path
        Search these instead of ``path/derivatives/*``.
    leave_out : sequence of path
        Folders that are not searched, such as the output of this run.

    Raises
    ------
    InputNotFoundError
        When a folder does not exist, or none holds a statmap.
    ReadError
        When a folder or a description cannot be read.
    """
    try:
        return _open(Path(path), [Path(folder) for folder in derivatives], {Path(f).resolve() for f in leave_out})
    except OSError as error:
        raise ReadError(f"{error.filename or path} cannot be read: {error.strerror}") from error


def _open(path: Path, derivatives: Sequence[Path], skipped: set[Path]) -> Dataset:
    for folder in (path, *derivatives):
        if not folder.is_dir():
            raise InputNotFoundError(f"There is no folder {folder}", "a BIDS dataset")
    folders = list(derivatives) or _search_folders(path)
    different = {folder.resolve(): folder for folder in reversed(folders)}
    searched = [folder for where, folder in reversed(different.items()) if where not in skipped and not is_ours(folder)]
    roots = _named(searched)
    statmaps = tuple(statmap for name, root in roots.items() for statmap in _find_statmaps(name, root, skipped))
    if not statmaps:
        raise InputNotFoundError(
            f"There is no statmap in {path} (searched: {listing(searched) or 'nothing but results of bids_ari'})",
            "first-level maps named ..._contrast-<label>_stat-<label>_statmap.nii.gz",
            "Point to the derivative dataset that holds them, or name it with --derivatives",
        )
    log.debug("%d statmap files in %s", len(statmaps), path)
    used = {statmap.root for statmap in statmaps}
    return Dataset(path, {name: root for name, root in roots.items() if name in used}, statmaps)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; an empty one where there is no such file."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise ReadError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise ReadError(f"{path} holds no JSON object", hint="Mend or remove it")
    return content


def read_sidecar(file: StatmapFile) -> dict[str, Any]:
    """Read the metadata of a statmap: every JSON file on the way down to it whose entities are among its own."""
    own = labels_in_name(file.path.name).items()
    root = file.path
    for _ in Path(file.name).parts:
        root = root.parent
    folders = [root]
    for part in Path(file.name).parts[:-1]:
        folders.append(folders[-1] / part)
    metadata: dict[str, Any] = {}
    for folder in folders:
        for path in sorted(folder.glob("*statmap.json"), key=lambda path: len(path.name)):
            if labels_in_name(path.name).items() <= own:
                metadata |= read_json(path)
    return metadata


def _search_folders(path: Path) -> list[Path]:
    """Give the dataset itself and, unless it is a derivative, its derivatives."""
    nested = path / "derivatives"
    if read_json(path / "dataset_description.json").get("DatasetType") == "derivative" or not nested.is_dir():
        return [path]
    inner = sorted(folder for folder in nested.iterdir() if folder.is_dir())
    if any(folder.name.startswith(("sub-", "node-")) for folder in inner):
        return [path, nested]  # the maps lie in derivatives/ itself
    return [path, *filter(_is_described_well, inner)]


def _is_described_well(folder: Path) -> bool:
    """Say whether the description of a dataset can be read, if it has one; pybids refuses others."""
    try:
        read_json(folder / "dataset_description.json")
    except ReadError as error:
        log.warning("%s is not searched: %s", folder, error)
        return False
    return True


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


def _find_statmaps(name: str, root: Path, skipped: set[Path]) -> Iterator[StatmapFile]:
    """Find the statmaps of one derivative dataset."""
    from bids import BIDSLayout, BIDSLayoutIndexer

    resolved = root.resolve()
    inner = [folder.relative_to(resolved) for folder in skipped if folder.is_relative_to(resolved)]
    ignored = [*_IGNORED, *(re.compile(f"^/{re.escape(folder.as_posix())}(/|$)") for folder in inner)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an incomplete dataset_description.json is fine
        layout = BIDSLayout(
            str(resolved),
            validate=False,
            is_derivative=True,
            config=["bids", "derivatives", str(LAYOUT_CONFIG)],
            indexer=BIDSLayoutIndexer(validate=False, index_metadata=False, ignore=ignored, config_filename=_NO_CONFIG),
        )
    in_nested_dataset = _nested_dataset_test(resolved)
    for found in sorted(layout.files):
        relative = Path(found).relative_to(resolved)
        suffix, dot, extension = relative.name.rpartition("_")[2].partition(".")
        if suffix == "statmap":
            entities, nested = _entities(relative.as_posix()), in_nested_dataset(relative.parent)
            yield StatmapFile(root / relative, relative.as_posix(), name, entities, dot + extension, nested)


def _entities(relative: str) -> Entities:
    """Read the entities of a path relative to its dataset: never of folders above it."""
    from bids.layout import parse_file_entities

    parsed = parse_file_entities("/" + relative, entities=_known_entities())
    labels = {_SHORT.get(key, key): str(label) for key, label in parsed.items() if key not in _NOT_ENTITIES}
    return Entities.of({**labels, **labels_in_name(relative.rpartition("/")[2])})


@cache
def _known_entities() -> tuple[Any, ...]:
    """Load the entities of pybids' own configurations and ours."""
    from bids.layout.models import Config

    known: dict[str, Any] = {}
    for config in ("bids", "derivatives", str(LAYOUT_CONFIG)):
        known.update(Config.load(config).entities)
    return tuple(known.values())


def is_ours(folder: Path) -> bool:
    """Say whether a folder is an earlier output of this package."""
    made_by = read_json(folder / "dataset_description.json").get("GeneratedBy")
    return isinstance(made_by, list) and any(
        isinstance(tool, dict) and tool.get("Name") == "bids_ari" for tool in made_by
    )


def _nested_dataset_test(root: Path) -> Callable[[Path], bool]:
    """Make the test whether a folder, relative to `root`, lies in a dataset of its own within it."""

    @cache
    def in_nested_dataset(folder: Path) -> bool:
        if folder == Path():
            return False
        return (root / folder / "dataset_description.json").exists() or in_nested_dataset(folder.parent)

    return in_nested_dataset
