"""Files that the options name: those of this machine, and those that TemplateFlow has for the space of the maps."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import nullcontext, suppress
from functools import lru_cache
from pathlib import Path

import numpy as np

from bids_ari.analysis.template import read_template
from bids_ari.bids.contrasts import ContrastSet
from bids_ari.bids.entities import printable
from bids_ari.bids.hemispheres import hemisphere_files
from bids_ari.bids.spaces import StandardSpace
from bids_ari.config.families import FAMILIES
from bids_ari.config.model_options import FIRST, TEMPLATE
from bids_ari.config.options import Options
from bids_ari.config.slices import cuts
from bids_ari.design.blocks import block_file
from bids_ari.errors import BidsAriError
from bids_ari.images.afni_bricks import parts_of
from bids_ari.images.anatomy import check_cuts, check_underlay, find_underlay
from bids_ari.images.atlas_files import find_atlas, region_roles, roles_of
from bids_ari.images.checks import source_of
from bids_ari.images.files import read_header
from bids_ari.images.grayordinates import Grayordinates
from bids_ari.images.located import locate
from bids_ari.images.masks import load_mask, mask_files
from bids_ari.images.meshes import find_meshes
from bids_ari.images.region_names import NONE, naming_atlases, naming_roles
from bids_ari.images.regions import check_atlas
from bids_ari.images.space import Frame
from bids_ari.images.surface_values import is_surface_file
from bids_ari.images.templates import template_mask

_Stamp = tuple[Path, int, int]  # a file, when it was written and its size
_CHUNK = 2**20  # bytes that are hashed at a time

_OF_A_SPACE = ("mask", "region", "atlas", "surface")  # roles of files that fit to maps of one space
_TEXTS = ("atlas labels", "names labels", "names 2 labels", "model", "blocks")  # roles of files that are not images


def option_files(options: Options, contrast: ContrastSet) -> dict[str, Path]:
    """Return the files that exist of those that the options name, by their role: ``mask``, ``region 1``, ``underlay``.

    TemplateFlow's are those that are used for these maps.
    """
    where = StandardSpace.of(contrast.entities)
    named = {"target grid": options.target_grid}
    if options.underlay is not None:
        named |= roles_of("underlay", hemisphere_files(options.underlay))
    if options.mask is not None:
        named |= roles_of("mask", hemisphere_files(options.mask))
    named |= region_roles(options.roi)
    first = contrast.files[0]
    atlases = {options.atlas, options.region_names} - {None}
    is_needed = TEMPLATE in named.values() or atlases or first.kind != "NIfTI" or (where is not None and where.cohort)
    if is_needed or where is not None:
        with nullcontext() if is_needed else suppress(BidsAriError):  # names of regions alone are no reason to fail
            header = read_header(source_of(first), map_name=first.map_name or options.map_name)
            named |= _looked_up(options, where, header.frame)
    named["model"] = options.model
    named["blocks"] = block_file(options.blocks) if options.blocks else None
    return {role: path for role, path in named.items() if path is not None and path.is_file()}


def check_option_files(options: Options, contrast: ContrastSet, frame: Frame) -> dict[str, Path]:
    """Check that the files that the options name fit maps on a frame: meshes, masks, regions, atlas and template.

    Returns
    -------
    dict of str to Path
        The files, as of `option_files`.

    Raises
    ------
    BidsAriError
        The error with which an analysis of these maps would end.
    """
    where = StandardSpace.of(contrast.entities)
    locate(frame, options.surface, where)
    if options.mask is not None and options.mask != TEMPLATE:
        load_mask(options.mask, frame, where, threshold=options.mask_threshold)
    for path in options.roi:
        load_mask(path, frame, where, threshold=options.roi_threshold, kind="region")
    files = option_files(options, contrast)
    if options.atlas is not None:
        check_atlas(options.atlas, options.atlas_labels, where, frame)
    if options.region_names not in (None, NONE):
        check_atlas(options.region_names, None, where, frame)
    if (underlay := find_underlay(options.underlay, where, frame)) is not None:
        check_underlay(underlay, frame)
    if named := cuts(options.slices):
        check_cuts(named, frame.space(np.ones(frame.shape, dtype=bool)))
    if options.template is not None:
        read_template(options.template, FAMILIES[options.family])
    return files


def _looked_up(options: Options, where: StandardSpace | None, frame: Frame) -> dict[str, Path | None]:
    """Return the files that depend on the space of the maps and the frame of the first."""
    found: dict[str, Path | None] = {}
    if options.target_grid == TEMPLATE:
        found["target grid"] = template_mask(where, frame)
    target = found.get("target grid", options.target_grid)
    frame = read_header(target).frame if target not in (None, FIRST) and target.is_file() else frame
    if options.mask == TEMPLATE:
        found |= roles_of("mask", mask_files(options.mask, where, frame))
    if options.atlas is not None:
        found |= find_atlas(options.atlas, options.atlas_labels, where, frame).roles
    found |= naming_roles(naming_atlases(options.region_names, options.atlas, where, frame))
    if isinstance(frame, Grayordinates):
        found |= find_meshes(frame.axis.nvertices, where, options.surface).roles
    underlay = find_underlay(options.underlay, where, frame)
    return found | ({} if underlay is None else roles_of("underlay", hemisphere_files(underlay)))


def notes_on_spaces(files: Mapping[str, Path], where: StandardSpace | None) -> Iterator[str]:
    """Yield a note on each mask or mesh of another space or cohort than the maps by its name, or on an atlas of any.

    A mask that was resampled may keep its name, so that this is no error; of an atlas it is one.
    """
    for role, path in files.items():
        if not role.startswith(_OF_A_SPACE) or (found := StandardSpace.in_name(path.name)) is None:
            continue
        if where is None and role in ("mask", "atlas"):
            yield f"The {role} {printable(path.name)} is in {found}; the names of the maps have no space to compare"
        elif where is not None and not role.startswith("atlas") and found.differs_from(where):
            yield f"The {role} {printable(path.name)} is of {found} by its name, the maps are in {where}: check it"


def notes_on_resolutions(files: Mapping[str, Path], where: StandardSpace | None, options: Options) -> Iterator[str]:
    """Yield a note on each file that TemplateFlow has not in the resolution in the names of the maps."""
    for role, option in (("mask", options.mask), ("target grid", options.target_grid)):
        if option != TEMPLATE or role not in files or where is None or not where.res:
            continue
        name = files[role].name
        if (found := StandardSpace.in_name(name)) is not None and found.res != where.res:
            yield (
                f"TemplateFlow has no {role} of {where} in res-{where.res}, the resolution in the names of the maps: "
                f"{printable(name)} is used, check it"
            )


def hash_files(files: Mapping[str, Path]) -> dict[str, str]:
    """Return the SHA-256 of files by their role; of a dataset of AFNI, of its two files one after the other."""
    for role, path in files.items():
        if role not in _TEXTS and not is_surface_file(path):
            read_header(path)  # an image of any size is not read before its header makes sense
    return {role: _cached_hash(tuple(map(_stamp, parts_of(path)))) for role, path in files.items()}


def _stamp(path: Path) -> _Stamp:
    """Return a file with what changes when it is written."""
    about = path.stat()
    return path, about.st_mtime_ns, about.st_size


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=64)
def _cached_hash(stamps: tuple[_Stamp, ...]) -> str:
    """Return the SHA-256 of files one after the other, computed once for all contrasts."""
    digest = hashlib.sha256()
    for path, _, _ in stamps:
        with path.open("rb") as file:
            while piece := file.read(_CHUNK):
                digest.update(piece)
    return digest.hexdigest()
