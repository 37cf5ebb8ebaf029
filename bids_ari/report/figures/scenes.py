"""The scene of a result, whatever its points are."""

from functools import singledispatch
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np

from bids_ari.errors import printable
from bids_ari.images.cortex import VOLUME_OF, hemispheres_of, image_of_voxels, voxels_of
from bids_ari.images.grayordinate_space import GrayordinateSpace
from bids_ari.images.space import Points, Space
from bids_ari.images.templates import SpaceName, standard
from bids_ari.images.volume import VolumeSpace
from bids_ari.report.figures.scene import NEUROLOGICAL, ROWS, SLICES, Cells, Scene, make_scene, slices_of
from bids_ari.report.figures.surface_scene import cells_of, choose_views
from bids_ari.stats.forest import Ints


class _Part(NamedTuple):
    """Rows of cells, and the words about them; `Scene` has the same."""

    rows: list[Cells]
    kind: str
    sides: str
    underlay: str
    cuts: tuple[float, ...] = ()


@singledispatch
def scene_of(
    space: Space, space_label: SpaceName, peaks: Points, subtitle: str, image: Path | None, per_unit: float = 1.0
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
    per_unit : float
        Pixels of a unit, which is a pixel of a report.
    """
    raise TypeError(f"no pictures of {space.units}")


@scene_of.register
def _(
    space: VolumeSpace, space_label: SpaceName, peaks: Points, subtitle: str, image: Path | None, per_unit: float = 1.0
) -> Scene:
    return make_scene(space, space_label, space.coordinates(peaks)[:, 2], subtitle, image, per_unit)


@scene_of.register
def _(
    space: GrayordinateSpace,
    space_label: SpaceName,
    peaks: Points,
    subtitle: str,
    image: Path | None,
    per_unit: float = 1.0,
) -> Scene:
    points = space.unmask(np.arange(space.n_points, dtype=np.int32), -1)
    slices = _slices(space, space_label, peaks, points, image, per_unit)
    n_rows = ROWS - len(slices.rows)
    parts = [part for part in (_views(space, space_label, points, n_rows, image, per_unit), slices) if part.rows]
    return Scene.of(
        [row for part in parts for row in part.rows],
        " and ".join([parts[0].kind, *(part.kind.lower() for part in parts[1:])]),
        " ".join(part.sides for part in parts),
        "; ".join(part.underlay for part in parts),
        per_unit,
        cuts=slices.cuts,
        subtitle=subtitle,
    )


def _views(
    space: GrayordinateSpace, space_label: SpaceName, points: Ints, n_rows: int, image: Path | None, per_unit: float
) -> _Part:
    """Return views of the cortex."""
    hemispheres = hemispheres_of(space.frame, space_label, image)
    if not hemispheres:
        return _Part([], "", "", "")
    source = "" if image is None or image_of_voxels(image) else f" of {printable(image.name)}"
    meshes = " and ".join(printable(PurePath(each.mesh.name).name) for each in hemispheres)
    return _Part(
        cells_of(choose_views(hemispheres, n_rows), points, per_unit),
        "Views from six sides" if n_rows == ROWS else "Lateral and medial views",
        "The hemisphere is named above each view; L and R where both are seen.",
        f"sulci{source}, darker than gyri, on {meshes}",
    )


def _slices(
    space: GrayordinateSpace, space_label: SpaceName, peaks: Points, points: Ints, image: Path | None, per_unit: float
) -> _Part:
    """Return axial slices through the voxels: a row, or without a cortex all rows."""
    voxels = voxels_of(space)
    if voxels is None:
        return _Part([], "", "", "")
    n_rows = ROWS - bool(space.frame.meshes)
    are_voxels = ~space.frame.is_vertex[space.inside][peaks]
    heights = space.coordinates(peaks)[are_voxels, 2]
    label = None if space_label is None else VOLUME_OF.get(standard(space_label).name, space_label)
    found = slices_of(voxels.space, label, heights, image_of_voxels(image), n_rows, per_unit)
    numbers = np.append(points[voxels.positions], np.int32(-1))  # the last for pixels without a voxel
    cells = found.cells._replace(points=numbers[found.cells.points])
    return _Part([cells], SLICES, f"Slices are in n{NEUROLOGICAL[1:]}", found.underlay, found.cuts)
