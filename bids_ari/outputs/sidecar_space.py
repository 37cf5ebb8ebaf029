"""Entries of sidecars about the space of a result: its reference, and what ``res`` and ``den`` in names mean."""

from typing import Any

from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.space_metadata import DENSITY, REFERENCE, RESOLUTION, STANDARD, STRIPPED
from bids_ari.bids.spaces import StandardSpace
from bids_ari.images.grayordinate_space import GrayordinateSpace


def spatial_entries(result: ContrastResult) -> dict[str, Any]:
    """Return the entries about the space: those of the subject maps, else what is known of the images.

    BIDS requires ``Resolution`` and ``Density`` where names have ``res`` and ``den``, and ``SpatialReference`` where
    they have no space or one that it does not define; where the maps have none, this is the first of them.
    """
    entities, given = result.contrast.entities, dict(result.spatial)
    if result.options.target_grid is not None:
        given.pop(RESOLUTION, None)  # of another grid
    entries = {key: given[key] for key in (REFERENCE, STRIPPED) if key in given}
    if entities.get("res"):
        entries[RESOLUTION] = given.get(RESOLUTION) or result.space.resolution
    if entities.get("den"):
        entries[DENSITY] = given.get(DENSITY) or _density(result)
    where = StandardSpace.of(entities)
    if where is None or where.name not in STANDARD:
        entries.setdefault(REFERENCE, result.contrast.members[0].first.uri)
    return entries


def _density(result: ContrastResult) -> str:
    """Return the number of vertices of each mesh, and of voxels, of all images of a result."""
    space = result.space
    if not isinstance(space, GrayordinateSpace):
        return space.resolution
    numbers = [f"{n} vertices of {name}" for name, n in space.frame.axis.nvertices.items()]
    n_voxels = int((~space.frame.is_vertex).sum())
    return ", ".join([*numbers, *([f"{n_voxels} voxels"] if n_voxels else [])])
