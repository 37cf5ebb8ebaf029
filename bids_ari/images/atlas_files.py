"""The files of an atlas: local ones, or those of TemplateFlow."""

import os
import re
from collections.abc import Sequence
from glob import escape
from pathlib import Path
from typing import NamedTuple

from bids_ari.bids.entities import Entities, Pairs, labels_in_name
from bids_ari.bids.hemispheres import SIDES, hemisphere_files, name_without_hemisphere
from bids_ari.bids.spaces import StandardSpace
from bids_ari.errors import DataError, InputNotFoundError, UsageError
from bids_ari.images.atlas_names import AtlasName, most_specific
from bids_ari.images.grayordinates import Grayordinates
from bids_ari.images.meshes import template_place
from bids_ari.images.space import Frame
from bids_ari.images.surface_templates import template_surface_atlas
from bids_ari.images.surface_values import is_surface_file
from bids_ari.images.templates import SpaceName, template_atlas

_VOLUMES = (".nii", ".nii.gz")
_OF_ATLAS = ("seg", "scale", "label", "stat", "desc")  # entities of files that distinguish versions of an atlas


_WAY_OUT = "Check the path; names of TemplateFlow's atlases, such as Schaefer2018, have no folder and no extension"


class AtlasFiles(NamedTuple):
    """The files of an atlas, and its name."""

    paths: tuple[Path, ...]  # one, or those of the left and of the right hemisphere
    labels: Path | None  # the table of its parcels
    name: str

    @property
    def variant(self) -> Pairs:
        """The entities beside the name that distinguish it from other versions, if the names of the files have them."""
        labels = labels_in_name(self.paths[0].name)
        found = {key: labels[key] for key in _OF_ATLAS if key in labels}
        return Entities.of(found).pairs if "atlas" in labels else ()

    @property
    def roles(self) -> dict[str, Path]:
        """The files by their role in sidecars."""
        table = {} if self.labels is None else {"atlas labels": self.labels}
        return roles_of("atlas", self.paths) | table


def roles_of(role: str, paths: tuple[Path, ...]) -> dict[str, Path]:
    """Return the files of an image by their role: that of the right hemisphere has a role of its own.

    >>> roles_of("mask", (Path("lh.gii"), Path("rh.gii")))
    {'mask': PosixPath('lh.gii'), 'mask R': PosixPath('rh.gii')}
    """
    return dict(zip((role, f"{role} {[*SIDES][-1]}"), paths, strict=False))


def region_files(regions: Sequence[Path]) -> list[tuple[Path, ...]]:
    """Return the files of each region of interest: both hemispheres are one region, also where both are given."""
    found = [hemisphere_files(path) for path in regions]
    return [files for i, files in enumerate(found) if len(files) == 1 or files not in found[:i]]


def region_roles(regions: Sequence[Path]) -> dict[str, Path]:
    """Return the files of regions of interest by their role: ``region 1``, ``region 1 R``, ``region 2``."""
    numbered = enumerate(region_files(regions), start=1)
    return {role: path for i, files in numbered for role, path in roles_of(f"region {i}", files).items()}


def find_atlas(atlas: str, labels: Path | None, template: SpaceName, frame: Frame) -> AtlasFiles:
    """Return the files of an atlas for maps on a frame.

    Parameters and errors are those of `bids_ari.images.regions.load_atlas`. A file of one hemisphere also stands for
    that of the other one beside it.
    """
    path = Path(atlas)
    if names_a_file(atlas):
        if not os.path.lexists(path):
            raise InputNotFoundError(f"There is no atlas {path}", hint=_WAY_OUT)
        name = labels_in_name(path.name).get("atlas") or stem_of(path).partition(".")[0]
        return AtlasFiles(hemisphere_files(path), labels or _table_beside(path), name)
    if labels is not None:
        raise UsageError("--atlas-labels needs an atlas file", "a file for --atlas", "TemplateFlow has its own labels")
    name = AtlasName.parse(atlas).name
    if not isinstance(frame, Grayordinates):
        path, labels = template_atlas(atlas, template, frame)
        return AtlasFiles((path,), labels, name)
    place = template_place(frame.axis.nvertices, template)
    return AtlasFiles(*template_surface_atlas(atlas, *place), name)


def _table_beside(path: Path) -> Path | None:
    """Return the table of parcels beside an atlas: of the same name, or with entities of it, as BIDS has them."""
    stem = stem_of(path)
    tables = [path.with_name(f"{each}.tsv") for each in dict.fromkeys((stem, stem.partition(".")[0]))]
    if found := next(filter(Path.exists, tables), None):
        return found
    name = labels_in_name(path.name).get("atlas")
    return most_specific(path.parent.glob(f"*atlas-{escape(name)}_*dseg.tsv"), path) if name else None


def names_a_file(atlas: str) -> bool:
    """Return whether an atlas is a file, not a name in TemplateFlow: it is there, or has a folder or an extension.

    >>> [names_a_file(text) for text in ("/data/atlas", "atlas.nii.gz", "lh.aparc.annot", "Schaefer2018:seg-7n")]
    [True, True, True, False]
    """
    path = Path(atlas)
    is_path = os.sep in atlas or atlas.lower().endswith(_VOLUMES) or is_surface_file(path)
    return is_path or path.is_file()


def stem_of(path: Path) -> str:
    """Return the name of an image without its extension, and without the hemisphere if it stands for both.

    >>> [stem_of(Path(name)) for name in ("an_atlas.nii.gz", "a.b.dlabel.nii", "lh.aparc.annot")]
    ['an_atlas', 'a.b', 'lh.aparc']
    """
    if not is_surface_file(path):
        return re.sub(r"\.nii(\.gz)?$", "", path.name)
    name = name_without_hemisphere(path.name) if len(hemisphere_files(path)) > 1 else path.name
    return re.sub(r"(\.(d?label|d?scalar|func|shape))?\.(nii|gii|annot)(\.gz)?$", "", name)


def check_space(path: Path, template: SpaceName) -> None:
    """Raise if the name of an atlas contains another space, or another cohort, than that of the maps."""
    found = StandardSpace.in_name(path.name)
    template = StandardSpace.parse(template) if isinstance(template, str) else template
    if found is not None and template is not None and found.differs_from(template):
        raise DataError(
            f"The atlas {path.name} is in {found}",
            f"the space of the maps, {template}",
            "Use an atlas in that space, or maps in the space of the atlas (--space)",
        )
