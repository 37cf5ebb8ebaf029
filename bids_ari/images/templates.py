"""TemplateFlow: brain masks, atlases and templates of volumes by name."""

import json
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TypeAlias

from bids_ari.bids.entities import labels_in_name
from bids_ari.bids.group_checks import is_native
from bids_ari.bids.spaces import StandardSpace
from bids_ari.errors import InputNotFoundError, NoMatchError, UsageError
from bids_ari.images.atlas_names import AtlasName, most_specific, variant_of
from bids_ari.images.space import Frame
from bids_ari.images.templateflow import (
    LOCAL,
    OFFLINE,
    fetched,
    home,
    indexed_files,
    indexed_names,
    is_here,
    labels_of,
    listed_files,
    no_match,
    of_cohort,
)
from bids_ari.images.volume import Grid

TEMPLATE = "template"  # as a mask or a target grid: TemplateFlow's brain mask of the space of the maps

SpaceName: TypeAlias = StandardSpace | str | None
"""The space of the maps: also as a text, see `StandardSpace.parse`; None where their names have no space."""


def template_mask(space: SpaceName, frame: Frame) -> Path:
    """Return the path of TemplateFlow's brain mask of a space, in the resolution of the maps, or nearest to a grid."""
    grid = _grid(frame, "a brain mask")
    where = standard(space)
    found = listed_files(where, f"a brain mask of {where}", suffix="mask", extension=".nii.gz")
    for wanted in ({"desc": "brain"}, {"label": "brain"}):
        if paths := [path for path in found if variant_of(path) == wanted and "atlas" not in labels_in_name(path.name)]:
            return fetched(nearest(paths, where, grid), found, where)
    raise no_match(f"a brain mask of {where}", {path.name for path in found})


def template_tissue(space: SpaceName, frame: Frame, tissue: str = "GM") -> Path:
    """Return the path of TemplateFlow's probability map of a tissue, chosen as `template_mask` is.

    Parameters
    ----------
    space : StandardSpace, str or None
        The space of the maps.
    frame : Frame
        The grid of the maps, which decides between resolutions.
    tissue : str
        The label of the map: ``GM``, ``WM`` or ``CSF``.

    Raises
    ------
    NoMatchError
        When TemplateFlow has no such map of the space.
    UsageError
        When the space is not known, or its cohort.
    InputNotFoundError
        When the map is not on this machine and cannot be downloaded.
    """
    grid = _grid(frame, "maps of tissues")
    where, what = standard(space), f"a probability map of {tissue} in {standard(space)}"
    try:
        found = listed_files(where, what, suffix="probseg", extension=".nii.gz", label=tissue)
    except NoMatchError as error:
        hint = "Use the maps of the subjects, --grey-matter subjects, or one in this space, --grey-matter FILE"
        raise NoMatchError(error.found, error.expected, hint) from error
    paths = [path for path in found if "atlas" not in labels_in_name(path.name)]
    return fetched(nearest(paths or found, where, grid), found, where)


def template_image(space: SpaceName, grid: Grid, *, fetch: bool = True) -> Path | None:
    """Return the path of TemplateFlow's T1-weighted, else T2-weighted template of a space.

    None where it has no such template, or, unless `fetch`, none on this machine.
    """
    where = standard(space)
    for suffix in ("T1w", "T2w"):
        try:
            found = listed_files(where, f"a template of {where}", suffix=suffix, extension=".nii.gz")
        except NoMatchError:
            continue
        paths = [path for path in found if not variant_of(path) and (fetch or is_here(path))]
        if paths:
            path = nearest(paths, where, grid)
            return fetched(path, found, where) if fetch else path
    return None


def template_atlas(atlas: str, space: SpaceName, frame: Frame) -> tuple[Path, Path | None]:
    """Return the paths of TemplateFlow's atlas and its table, if it has one.

    Parameters
    ----------
    atlas : str
        Its name, with what distinguishes its variants; see `AtlasName.parse`.
    space : StandardSpace, str or None
        The space of the maps.
    frame : Frame
        Of several resolutions, that of the maps is used, else the one nearest to this grid.

    Raises
    ------
    UsageError
        When several variants have this name, or the maps have no space.
    NoMatchError, InputNotFoundError
        When TemplateFlow does not have it, or it cannot be fetched.
    """
    where, asked = standard(space), AtlasName.parse(atlas)
    what, grid = f"the atlas {asked}", _grid(frame, "atlases")
    query = {"atlas": asked.name, "suffix": "dseg"}
    found = listed_files(where, f"{what} in {where}", **query, extension=".nii.gz")
    known = [*found, *of_cohort(where, indexed_files(where.name, f"_atlas-{asked.name}_", "_dseg.nii.gz"))]
    if (variant := asked.choose(map(variant_of, known))) is None:
        raise no_match(f"{what} in {where}", {str(AtlasName.of(asked.name, variant_of(path))) for path in known})
    if not (paths := [path for path in found if variant_of(path) == variant]):
        raise InputNotFoundError(f"TemplateFlow's folder on this machine does not list {what} in {where}", hint=OFFLINE)
    path = fetched(nearest(paths, where, grid), found, where)
    try:
        tables = listed_files(where, f"the table of {asked}", **query, extension=".tsv")
    except (NoMatchError, UsageError):
        return path, None
    table = most_specific(tables, path)
    return path, table and fetched(table, tables, where)


def _grid(frame: Frame, what: str) -> Grid:
    """Return the grid of volumes; raise UsageError for others."""
    if not isinstance(frame, Grid):
        raise UsageError(
            f"TemplateFlow has {what} for volumes only, and the maps have {frame}", hint="Use a local file"
        )
    return frame


def standard(space: SpaceName) -> StandardSpace:
    """Return the space of the maps; raise UsageError if their names have none."""
    if space is None:
        raise UsageError("The names of the maps have no space", "space- in their names", LOCAL)
    return StandardSpace.parse(space) if isinstance(space, str) else space


def note_on_space(space: SpaceName) -> str | None:
    """Return a note if a space is neither native nor one of TemplateFlow, by its index or the folder on this machine.

    TemplateFlow is not imported, since that makes its folder; None where it is not installed.
    """
    name = standard(space).name
    names = {path.partition("/")[0].removeprefix("tpl-") for path in indexed_names()}
    if not names or name in names or is_native(name) or (home() / f"tpl-{name}").is_dir():
        return None
    meant = get_close_matches(name, sorted(names), n=1)
    return f"TemplateFlow has no space {name}: check --space" + (f". Did you mean {meant[0]}?" if meant else "")


def nearest(paths: Sequence[Path], where: StandardSpace, grid: Grid) -> Path:
    """Return the file in the resolution of the maps; else one on this machine if possible, nearest to a grid."""
    if same := [path for path in paths if where.res and labels_of(path).get("res") == where.res]:
        return min(same)
    target = max(grid.zooms)
    return min(paths, key=lambda path: (not is_here(path), abs(_voxel_size(path) - target), path.name))


def _voxel_size(path: Path) -> float:
    """Return the largest voxel size of a file in mm, as its template describes it; else the index of its resolution."""
    res = labels_of(path).get("res", "")
    folder = next((parent for parent in path.parents if parent.name.startswith("tpl-")), path.parent)
    sizes = {index.lstrip("0"): size for index, size in _resolutions(folder / "template_description.json").items()}
    return sizes.get(res, float(res) if res.isdigit() else 0.0)


@cache
def _resolutions(path: Path) -> dict[str, float]:
    """Read the largest voxel size of each resolution of a template; nothing where its description has none."""
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        return {index: float(max(each["zooms"])) for index, each in described["res"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
