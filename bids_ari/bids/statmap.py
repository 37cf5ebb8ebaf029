"""One statistical map as a file of a dataset: its path, its entities and its metadata."""

import os
import re
from collections.abc import Hashable
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from bids_ari.bids.entities import CONTRAST_KEYS, Entities, Pairs, is_pair, printable
from bids_ari.bids.hemispheres import bids_name
from bids_ari.bids.kinds import Kind, kind_of
from bids_ari.bids.sidecars import read_json
from bids_ari.errors import ReadError, SidecarError

MANIFEST_SOURCE = "manifest"  # the name, in BIDS URIs, of the folder that holds all maps of a manifest
SUFFIX = "statmap"  # the suffix of statistical maps, as FitLins and nilearn name them
IMAGE_ENDINGS = (".nii", ".gz", ".gii")  # how the names of image files end, of volumes and surfaces


class StatMap(msgspec.Struct, frozen=True, rename={"file": "path"}):
    """A statistical map as a file of a dataset; made as fast as a tuple, as large datasets have hundreds of thousands.

    Archives have it as an object, in which the field `file` is named ``path``.
    """

    file: str  # the path
    name: str  # path relative to the dataset, with forward slashes, as in BIDS URIs
    dataset: str  # short name of the dataset
    entities: Entities  # of its folders and its name
    extension: str  # from the first dot after the suffix on
    problem: str = ""  # a reason of `bids_ari.bids.exclusions` why it cannot be used, whatever the filters
    pair: "StatMap | None" = None  # the file of the right hemisphere, where this is that of the left; they are one map
    map_name: str = ""  # of the map in a file with several, where a manifest has it

    def with_(self, **changes: Any) -> "StatMap":
        """Return the map with other values of some fields."""
        return msgspec.structs.replace(self, **changes)

    @property
    def path(self) -> Path:
        """The path; as a text, it is made faster for the many files that are not used."""
        return Path(self.file)

    @property
    def in_table(self) -> bool:
        """Whether a manifest lists the map."""
        return self.dataset == MANIFEST_SOURCE

    @property
    def files(self) -> "tuple[StatMap, ...]":
        """The files of the map: itself and, of two hemispheres, that of the right one."""
        return (self,) if self.pair is None else (self, self.pair)

    @property
    def kind(self) -> Kind | None:
        """The kind of the file, by its extension; None where it is another than those of maps."""
        return kind_of(self.extension)

    @property
    def layout(self) -> tuple[Kind, str]:
        """What the positions of the values depend on, as far as its name tells: its kind and its hemispheres."""
        return self.kind or "NIfTI", "LR" if self.pair else (self.entities.get("hemi") or "") * (self.kind == "GIFTI")

    @property
    def uri(self) -> str:
        """The BIDS URI of the file, with the name of the map in it as its fragment."""
        return f"bids:{self.dataset}:{self.name}" + f"#{quote(self.map_name)}" * bool(self.map_name)

    @property
    def place(self) -> tuple[Path, str]:
        """Where the values are: the path, and the name of the map in the file."""
        return self.path, self.map_name

    @property
    def label(self) -> str:
        """The dataset and the path in it, for messages."""
        return printable(f"{self.dataset}/{self.name}")

    @property
    def stat(self) -> str | None:
        """The statistic that the map holds, such as ``effect``, by its name."""
        return self.entities.get("stat")

    @property
    def node(self) -> str | None:
        """The node, or the level, of the first-level model that made the map, if its name has one."""
        return self.entities.get("node") or self.entities.get("level")

    @property
    def group(self) -> Entities:
        """The entities that separate its contrast from others."""
        return _group(self.entities.others)

    @property
    def alike(self) -> Hashable:
        """All that decides whether it is used, apart from its subject: equal for the same map of other subjects."""
        return self.entities.get("sub") is None, self.entities.others, self.extension, self.problem

    def labels(self, key: str) -> tuple[str, ...]:
        """Return the labels of an entity or ``extension``; a contrast may be a taskcontrast, as HALFpipe names it."""
        if key == "extension":
            return (self.extension,)
        keys = CONTRAST_KEYS if key == "contrast" else (key,)
        return tuple(label for each in keys if (label := self.entities.get(each)))

    def beside(self, stat: str) -> Path | None:
        """Return the path of the map of another statistic in the same folder; None if there is none."""
        name = re.sub("(^|_)stat-[^_]+(?=_)", rf"\1stat-{stat}", self.path.name)
        path = self.path.with_name(name)
        return path if name != self.path.name and path.exists() else None

    def sidecar(self) -> dict[str, Any]:
        """Read the metadata, from all JSON files on the way to the map whose entities are among its own.

        Returns
        -------
        dict
            Keys nearer to the map override those further up (the inheritance principle of BIDS), and those of the left
            hemisphere those of the right one.

        Raises
        ------
        SidecarError
            When a sidecar holds no JSON object.
        ReadError
            When a sidecar or a folder cannot be read.
        """
        own, odd = _parts(bids_name(self.path.name))
        metadata = {} if self.pair is None else self.pair.sidecar()
        for folder in reversed(self.path.parents[: len(Path(self.name).parts)]):
            try:
                with os.scandir(folder) as entries:
                    names = [entry.name for entry in entries if map_extension(entry.name) == ".json"]
            except OSError as error:
                raise ReadError(f"{folder} cannot be read: {error.strerror}") from error
            for _, name in sorted((len(_parts(name)[0]), name) for name in names):
                pairs, others = _parts(name)
                if pairs <= own and others == odd:
                    metadata |= read_json(folder / name, SidecarError)
        return metadata


@lru_cache(4096)
def _group(pairs: Pairs) -> Entities:
    return Entities(pairs).without("sub", "ses", "run", "stat", "node", "level")


def map_extension(name: str) -> str | None:
    """Return what follows the suffix ``statmap`` in a file name; None where it has another suffix.

    >>> map_extension("sub-01_stat-z_statmap.nii.gz"), map_extension("sub-01_mystatmap.nii")
    ('.nii.gz', None)
    """
    return _extension(name[name.find("_") :] if "_" in name else name)


@lru_cache(4096)  # all subjects have files of the same names, but for the label of the subject
def _extension(name: str) -> str | None:
    suffix, dot, extension = bids_name(name).rpartition("_")[2].partition(".")
    return dot + extension if suffix == SUFFIX else None


def _parts(name: str) -> tuple[set[str], set[str]]:
    """Return the parts of a name before its suffix: those that are key and label, and others."""
    parts = name.split("_")[:-1]
    return {part for part in parts if is_pair(part)}, {part for part in parts if not is_pair(part)}
