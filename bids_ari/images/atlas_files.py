"""The files of an atlas: local ones, or those of TemplateFlow."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bids_ari.bids.entities import labels_in_name
from bids_ari.bids.hemispheres import SIDES, hemisphere_files, name_without_hemisphere
from bids_ari.bids.spaces import StandardSpace
from bids_ari.errors import DataError, InputNotFoundError, UsageError
from bids_ari.images.grayordinates import Grayordinates
from bids_ari.images.meshes import template_place
from bids_ari.images.space import Frame
from bids_ari.images.surface_templates import template_surface_atlas
from bids_ari.images.surface_values import is_surface_file
from bids_ari.images.templates import SpaceName, template_atlas

_VOLUMES = (".nii", ".nii.gz")


_WAY_OUT = "Check the path; names of TemplateFlow's atlases, such as Schaefer2018, have no folder and no extension"


class AtlasFiles(NamedTuple):
    """The files of an atlas, and its name."""

    paths: tuple[Path, ...]  # one, or those of the left and of the right hemisphere
    labels: Path | None  # the table of its parcels
    name: str

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
        name = stem_of(path)
        tables = (path.with_name(f"{each}.tsv") for each in dict.fromkeys((name, name.partition(".")[0])))
        table = labels or next(filter(Path.exists, tables), None)
        return AtlasFiles(
            hemisphere_files(path), table, labels_in_name(path.name).get("atlas") or name.partition(".")[0]
        )
    if labels is not None:
        raise UsageError("--atlas-labels needs an atlas file", "a file for --atlas", "TemplateFlow has its own labels")
    name = atlas.partition(":")[0]
    if not isinstance(frame, Grayordinates):
        path, labels = template_atlas(atlas, template, frame)
        return AtlasFiles((path,), labels, name)
    place = template_place(frame.axis.nvertices, template)
    return AtlasFiles(*template_surface_atlas(atlas, *place), name)


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
