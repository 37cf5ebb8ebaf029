"""Regions: sets of voxels that a user brings, parcels of an atlas or masks of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bids_ari.bids.entities import printable
from bids_ari.errors import GridMismatchError, UsageError
from bids_ari.images.atlas import Atlas
from bids_ari.images.masks import load_mask
from bids_ari.images.space import VolumeSpace

ROIS = "rois"
"""The name, where an atlas would have its own, of the user's masks."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """One region.

    Attributes
    ----------
    index : int
        Its number in the atlas, or its place among the user's masks.
    name : str
        Its name.
    points : array of int32
        Positions of the tested points in it, ascending.
    """

    index: int
    name: str
    points: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class RegionSet:
    """Regions that belong together.

    Attributes
    ----------
    name : str
        As it stands in file names: letters and digits.
    title : str
        For people.
    regions : tuple of Region
        Every region, those without tested voxels too.
    """

    name: str
    title: str
    regions: tuple[Region, ...]

    def labels(self, n_points: int) -> npt.NDArray[np.int32]:
        """Give for each voxel the place in `regions` of the last region that holds it, -1 for none, (n_points,)."""
        labels = np.full(n_points, -1, dtype=np.int32)
        for place, region in enumerate(self.regions):
            labels[region.points] = place
        return labels


def atlas_regions(atlas: Atlas, mask: VolumeSpace) -> RegionSet:
    """Take the parcels of an atlas, by the atlas voxel nearest to each tested voxel."""
    parcel = atlas.within(mask)
    order = np.argsort(parcel, kind="stable").astype(np.int32)
    ordered = parcel[order]
    regions = []
    for index, name in atlas.names.items():
        first, last = np.searchsorted(ordered, [index, index + 1])
        regions.append(Region(index, name, order[first:last]))
    return RegionSet(atlas.name, f"Atlas {atlas.name}", tuple(regions))


def roi_regions(files: Sequence[Path], mask: VolumeSpace) -> RegionSet:
    """Take the user's masks: every voxel that is finite and not 0, on the grid of the maps.

    Raises
    ------
    GridMismatchError
        When a mask is on another grid.
    EmptyMaskError
        When a mask is empty.
    """
    regions = []
    for index, path in enumerate(files, start=1):
        try:
            inside = load_mask(path, mask.grid).inside
        except GridMismatchError as error:
            raise GridMismatchError(
                error.found.replace("The mask", "The region"), error.expected, error.hint
            ) from error
        voxels = np.flatnonzero(inside[mask.inside]).astype(np.int32)
        regions.append(Region(index, printable(path.name.partition(".")[0] or path.name), voxels))
    names = [region.name for region in regions]
    if len(set(names)) < len(names):
        raise UsageError(f"Two regions have one name: {', '.join(names)}", "files of different names")
    return RegionSet(ROIS, "Regions of interest", tuple(regions))
