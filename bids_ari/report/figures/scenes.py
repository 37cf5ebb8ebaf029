"""The scene of a result, whatever its points are."""

import logging
from collections.abc import Sequence
from functools import singledispatch
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np

from bids_ari.config.slices import SURFACE, Request
from bids_ari.errors import printable
from bids_ari.images.cortex import hemispheres_of, image_of_voxels, space_of_voxels, voxels_of
from bids_ari.images.grayordinate_space import GrayordinateSpace
from bids_ari.images.space import Points, Space
from bids_ari.images.templates import SpaceName
from bids_ari.images.volume import VolumeSpace
from bids_ari.report.figures.projection import PROJECTED, projected
from bids_ari.report.figures.scene import ROWS, Cells, Locator, Scene
from bids_ari.report.figures.slice_cells import AXIAL, slices_of
from bids_ari.report.figures.surface_scene import cells_of, choose_views
from bids_ari.report.figures.underlay import is_like_template
from bids_ari.stats.forest import Ints

log = logging.getLogger(__name__)

_SIDES = "The hemisphere is named above each view; L and R where both are seen."


class _Part(NamedTuple):
    """Rows of cells, and the words about them; `Scene` has the same."""

    rows: list[Cells]
    kind: str = ""
    sides: str = ""
    underlay: str = ""
    cuts: tuple[tuple[str, float], ...] = ()
    locators: tuple[Locator, ...] = ()


class _Wanted(NamedTuple):
    """What scenes of a result should show, as `scene_of` describes it."""

    space_label: SpaceName
    peaks: Points
    image: Path | None
    requests: Sequence[Request]
    per_unit: float


def scene_of(
    space: Space,
    space_label: SpaceName,
    peaks: Points,
    subtitle: str,
    image: Path | None,
    requests: Sequence[Request] = AXIAL,
    per_unit: float = 1.0,
) -> Scene:
    """Choose what all pictures of a result show.

    Parameters
    ----------
    space : Space
        The points that are tested.
    space_label : StandardSpace, str or None
        The space of the maps.
    peaks : array (n_peaks,)
        Points through which slices should go, the most important first.
    subtitle : str
        The result that the pictures belong to.
    image : Path, optional
        The underlay: an image for slices, or a map of sulcal depth for meshes; by default that of the space.
    requests : sequence of Request
        Planes, and the surface; meshes without voxels are always shown as a surface.
    per_unit : float
        Pixels of a unit, which is a pixel of a report.
    """
    wanted = _Wanted(space_label, peaks, image, requests, per_unit)
    parts, is_on_template = _parts_of(space, wanted)
    return _scene(parts, subtitle, per_unit, is_on_template=is_on_template)


@singledispatch
def _parts_of(space: Space, wanted: _Wanted) -> tuple[list[_Part], bool]:
    """Return the parts below one another, and whether voxels are on the template of a glass brain."""
    raise TypeError(f"no pictures of {space.units}")


@_parts_of.register
def _(space: VolumeSpace, wanted: _Wanted) -> tuple[list[_Part], bool]:
    space_label, peaks, image, requests, per_unit = wanted
    is_like_mni = is_like_template(space_label)
    wants_surface = any(each.kind == SURFACE for each in requests)
    if wants_surface and not is_like_mni:
        log.warning("Voxels are projected onto the cortex only in spaces similar to MNI152: slices are drawn")
    surface = wants_surface and is_like_mni
    planes = [each for each in requests if each.kind != SURFACE]
    parts = [_projected(space, 1 if planes else ROWS, per_unit)] if surface else []
    if planes or not surface:
        n_rows = 1 if surface else ROWS
        found = slices_of(space, space_label, space.coordinates(peaks), image, planes or AXIAL, n_rows, per_unit)
        parts.append(_Part(found.cells, found.kind, found.sides, found.underlay, found.cuts, found.locators))
    is_on_template = is_like_mni and (not planes or found.template is not None)
    return parts, is_on_template


@_parts_of.register
def _(space: GrayordinateSpace, wanted: _Wanted) -> tuple[list[_Part], bool]:
    space_label, _, image, requests, per_unit = wanted
    points = space.unmask(np.arange(space.n_points, dtype=np.int32), -1)
    planes = [each for each in requests if each.kind != SURFACE]
    has_slices = planes or not space.frame.meshes
    slices = _slices(space, points, wanted._replace(requests=planes)) if has_slices else _Part([])
    views = _views(space, space_label, points, 1 if slices.rows else ROWS, image, per_unit)
    return [part for part in (views, slices) if part.rows], False


def surface_of(space: Space, space_label: SpaceName, subtitle: str, per_unit: float = 1.0) -> Scene | None:
    """Return a scene of voxels on the cortex, from four sides; None where they cannot be projected."""
    if not isinstance(space, VolumeSpace) or not is_like_template(space_label):
        return None
    return _scene([_projected(space, 1, per_unit)], subtitle, per_unit)


def _projected(space: VolumeSpace, n_rows: int, per_unit: float) -> _Part:
    """Return views of the cortex with voxels projected onto them."""
    rows = projected(space, n_rows, per_unit)
    return _Part(rows, _kind(rows), f"{_SIDES} {PROJECTED}.", "sulci of fsaverage5, darker than gyri")


def _scene(parts: Sequence[_Part], subtitle: str, per_unit: float, *, is_on_template: bool = False) -> Scene:
    """Return the scene of parts below one another."""
    return Scene.of(
        [row for part in parts for row in part.rows],
        " and ".join([parts[0].kind, *(part.kind.lower() for part in parts[1:])]),
        " ".join(part.sides for part in parts),
        "; ".join(part.underlay for part in parts),
        per_unit,
        cuts=tuple(cut for part in parts for cut in part.cuts),
        locators=tuple(each for part in parts for each in part.locators),
        subtitle=subtitle,
        is_on_template=is_on_template,
    )


def _kind(rows: Sequence[Cells]) -> str:
    """Return the name of views of the cortex."""
    return "Views from six sides" if len(rows) == ROWS else "Lateral and medial views"


def _views(
    space: GrayordinateSpace, space_label: SpaceName, points: Ints, n_rows: int, image: Path | None, per_unit: float
) -> _Part:
    """Return views of the cortex."""
    hemispheres = hemispheres_of(space.frame, space_label, image)
    if not hemispheres:
        return _Part([])
    source = "" if image is None or image_of_voxels(image) else f" of {printable(image.name)}"
    meshes = " and ".join(printable(PurePath(each.mesh.name).name) for each in hemispheres)
    rows = cells_of(choose_views(hemispheres, n_rows), points, per_unit)
    return _Part(rows, _kind(rows), _SIDES, f"sulci{source}, darker than gyri, on {meshes}")


def _slices(space: GrayordinateSpace, points: Ints, wanted: _Wanted) -> _Part:
    """Return slices through the voxels: a row of a plane, or without a cortex all rows."""
    space_label, peaks, image, planes, per_unit = wanted
    voxels = voxels_of(space)
    if voxels is None:
        return _Part([])
    n_rows = ROWS - bool(space.frame.meshes)
    are_voxels = ~space.frame.is_vertex[space.inside][peaks]
    places = space.coordinates(peaks)[are_voxels]
    label = space_of_voxels(space.frame, space_label)
    found = slices_of(voxels.space, label, places, image_of_voxels(image), planes or AXIAL, n_rows, per_unit)
    numbers = np.append(points[voxels.positions], np.int32(-1))  # the last for pixels without a voxel
    rows = [cells._replace(points=numbers[cells.points]) for cells in found.cells]
    return _Part(rows, found.kind, f"Slices: {found.sides}", found.underlay, found.cuts, found.locators)
