"""Regions: the parcels of an atlas, or regions of interest from mask files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bids_ari.bids.entities import printable
from bids_ari.errors import UsageError
from bids_ari.images.masks import load_mask
from bids_ari.images.space import VolumeSpace

ROIS = "rois"
"""The name of the set of regions of interest, in place of the name of an atlas."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """One region.

    Attributes
    ----------
    index : int
        Its number in the atlas, or among the mask files, from 1.
    name : str
        Its name.
    points : array of int32
        The tested points in it, ascending.
    """

    index: int
    name: str
    points: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class RegionSet:
    """The regions of an atlas, or all regions of interest.

    Attributes
    ----------
    name : str
        The name in file names: letters and digits.
    title : str
        The name in reports.
    regions : tuple of Region
        All regions, also those without tested points.
    """

    name: str
    title: str
    regions: tuple[Region, ...]

    def labels(self, n_points: int) -> npt.NDArray[np.int32]:
        """Return the position in `regions` of the last region that contains each point, (n_points,); -1 for none."""
        labels = np.full(n_points, -1, dtype=np.int32)
        for position, region in enumerate(self.regions):
            labels[region.points] = position
        return labels


def load_rois(files: Sequence[Path], space: VolumeSpace) -> RegionSet:
    """Read regions of interest from mask files on the grid of the maps: all voxels that are finite and not 0.

    Parameters
    ----------
    files : sequence of path
        One file for each region; its name, up to the first dot, is the name of the region.
    space : VolumeSpace
        The points that are tested.

    Returns
    -------
    RegionSet
        The regions, numbered from 1 in the order of the files.

    Raises
    ------
    GridMismatchError
        When a mask is on another grid.
    EmptyMaskError
        When a mask is empty.
    UsageError
        When two regions have the same name.
    """
    regions = []
    for index, path in enumerate(files, start=1):
        inside = load_mask(path, space.grid, kind="region").inside
        points = np.flatnonzero(space.select(inside)).astype(np.int32)
        regions.append(Region(index, printable(path.name.partition(".")[0] or path.name), points))
    names = [region.name for region in regions]
    if len(set(names)) < len(names):
        raise UsageError(f"Two regions have the same name: {', '.join(names)}", "files with different names")
    return RegionSet(ROIS, "Regions of interest", tuple(regions))
