"""Regions: the parcels of an atlas, from a file or from TemplateFlow, or regions of interest from mask files."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bids_ari.bids.entities import Pairs, printable, safe_label
from bids_ari.errors import DataError, GridMismatchError, UsageError, counted
from bids_ari.images.atlas_files import AtlasFiles, check_space, find_atlas, region_files, stem_of
from bids_ari.images.binary import ROUNDING
from bids_ari.images.files import read_image
from bids_ari.images.grayordinate_space import GrayordinateSpace
from bids_ari.images.grayordinates import Grayordinates
from bids_ari.images.image import Image
from bids_ari.images.masks import load_mask
from bids_ari.images.region_tables import read_names
from bids_ari.images.resampling import is_elsewhere, resample_nearest
from bids_ari.images.space import Frame, Space
from bids_ari.images.surface_regions import read_parcels
from bids_ari.images.surface_values import is_surface_file
from bids_ari.images.templates import SpaceName
from bids_ari.stats.distributions import FloatArray

ROIS = "rois"
"""The name of the set of the user's own regions, whose names are those of files."""

_LARGEST_ROUNDING = 0.1  # largest distance from a whole number: coarser scaling of integers would confuse parcels
_LARGEST = 2**31 - 1  # number of a parcel: images and tables store it in 32 bits


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """One region."""

    index: int  # in the atlas, or among the mask files, from 1
    name: str
    points: npt.NDArray[np.int32]  # the tested points in it, ascending


@dataclass(frozen=True, slots=True, eq=False)
class RegionSet:
    """The regions of an atlas, or all regions of interest."""

    name: str  # in file names: letters and digits
    title: str  # in reports
    regions: tuple[Region, ...]  # also those without tested points
    variant: Pairs = ()  # entities of an atlas that distinguish it from others of its name: seg, scale, desc

    def labels(self, n_points: int) -> npt.NDArray[np.int32]:
        """Return the position in `regions` of the last region that contains each point, (n_points,); -1 for none."""
        labels = np.full(n_points, -1, dtype=np.int32)
        for position, region in enumerate(self.regions):
            labels[region.points] = position
        return labels


def load_atlas(atlas: str, labels: Path | None, template: SpaceName, space: Space) -> RegionSet:
    """Read the parcels of an atlas, each point by the nearest voxel of the atlas.

    Parameters
    ----------
    atlas : str
        A file, or a name in TemplateFlow: ``NAME``, with what distinguishes its variants as ``:LABEL`` of desc or
        ``:KEY-LABEL``, such as ``Schaefer2018:200Parcels7Networks`` and ``Schaefer2018:seg-7n:scale-200``.
    labels : path, optional
        Table of a local atlas with the columns ``index`` and ``name``; TemplateFlow has its own.
    template : StandardSpace, str or None
        The space of the maps, from their file names.
    space : Space
        The points that are tested. Of several resolutions in TemplateFlow, that of the maps is used, else the one
        nearest to its grid.

    Returns
    -------
    RegionSet
        All parcels of the atlas and its table, in rising order.

    Raises
    ------
    InputNotFoundError
        When the file does not exist, in TemplateFlow neither.
    UsageError
        When several variants of an atlas in TemplateFlow have this name.
    DataError
        When the atlas is in another space, holds other values than numbers of parcels, or does not match its table.
    """
    found = find_atlas(atlas, labels, template, space.frame)
    check_space(found.paths[0], template)
    names = read_names(found.labels) if found.labels else {}
    if isinstance(space, GrayordinateSpace):
        regions, numbers = _surface_regions(found, names, space)
    else:
        regions, numbers = _volume_regions(found, names, space)
    if names and not numbers & names.keys():
        raise DataError(
            f"No number of the atlas {found.paths[0]} is listed in {found.labels}", "a table of its parcels"
        )
    name = re.sub(r"[^a-zA-Z0-9]", "", found.name) or "atlas"
    variant = tuple((key, safe_label(label)) for key, label in found.variant)
    return RegionSet(name, f"Atlas {name}", tuple(regions), variant)


def check_atlas(atlas: str, labels: Path | None, template: SpaceName, frame: Frame) -> None:
    """Check an atlas for maps on a frame without its table; parameters and errors are those of `load_atlas`."""
    found = find_atlas(atlas, labels, template, frame)
    check_space(found.paths[0], template)
    if isinstance(frame, Grayordinates):
        read_parcels(found.paths, frame.axis)
    else:
        _read_parcels(found.paths[0], frame.space(np.ones(frame.shape, dtype=bool)))


def _volume_regions(found: AtlasFiles, names: Mapping[int, str], space: Space) -> tuple[list[Region], set[int]]:
    """Return the parcels of a volume and of its table, and the numbers in the volume."""
    parcels, numbers = _read_parcels(found.paths[0], space)
    regions = [
        Region(number, names.get(number, f"parcel {number}"), np.flatnonzero(parcels == number).astype(np.int32))
        for number in sorted({*numbers, *names})
    ]
    return regions, set(numbers)


def _surface_regions(
    found: AtlasFiles, names: Mapping[int, str], space: GrayordinateSpace
) -> tuple[list[Region], set[int]]:
    """Return the parcels of files of surfaces and of their table, and the numbers in the files."""
    parcels = read_parcels(found.paths, space.frame.axis, names)
    which = space.select(parcels.which)
    regions = [
        Region(parcel.number, parcel.name, np.flatnonzero(which == i).astype(np.int32))
        for i, parcel in enumerate(parcels.found)
    ]
    return regions, {parcel.number for parcel in parcels.found}


def _read_parcels(path: Path, space: Space) -> tuple[npt.NDArray[np.int32], list[int]]:
    """Read the number of the parcel at each point, (n_points,), and all numbers of the atlas above 0."""
    if is_surface_file(path):
        raise DataError(
            f"The atlas {path} is on surfaces, the maps are volumes",
            "an atlas of volumes (.nii.gz)",
            "Use an atlas in the space of the maps",
        )
    image = read_image(path)
    if is_elsewhere(image.grid, space.frame):
        raise GridMismatchError(
            f"Less than half of the field of view of the atlas {path} lies in that of the maps: {image.grid}",
            f"a position near that of the maps: {space.frame}",
            "Use an atlas in the space of the maps",
        )
    parcels = _numbers(image, path)
    nearest = resample_nearest(parcels, image.grid, space.frame)
    return space.select(nearest).astype(np.int32), [int(number) for number in np.unique(parcels) if number > 0]


def _numbers(image: Image, path: Path) -> npt.NDArray[np.int32]:
    """Return the number of the parcel at each voxel of an atlas, (x, y, z): the nearest whole number; 0 for NaN."""
    values = np.where(np.isnan(image.values), 0.0, image.values)
    numbers = np.rint(values)
    near = min(max(ROUNDING, image.header.step / 2), _LARGEST_ROUNDING)
    with np.errstate(invalid="ignore"):  # of infinity
        fractions = ~(np.abs(values - numbers) <= near)
    if fractions.any():
        raise DataError(
            f"The atlas {path} contains values that are not integers, such as {_example(values, fractions)}",
            "one integer per parcel, 0 elsewhere",
            "If it was resampled, resample the original with interpolation='nearest'; of probabilities, make a file "
            "with the number of the most probable parcel",
        )
    if (negative := numbers < 0).any():
        raise DataError(
            f"The atlas {path} contains negative numbers, such as {_example(values, negative)}",
            "integers above 0 for parcels, 0 elsewhere",
            "Give these parcels other numbers, or set these voxels to 0",
        )
    if numbers.max() <= 0:
        raise DataError(f"The atlas {path} contains no parcel", "at least one number above 0")
    if numbers.max() > _LARGEST:
        raise DataError(f"The atlas {path} contains {numbers.max():g}", f"integers up to {_LARGEST}")
    return numbers.astype(np.int32)


def _example(values: FloatArray, chosen: npt.NDArray[np.bool_]) -> str:
    """Return the first of the chosen values, and the number of their voxels."""
    return f"{values[chosen][0]:.6g} ({counted(int(np.count_nonzero(chosen)), 'voxel')})"


def load_rois(files: Sequence[Path], space: Space, threshold: float | None = None) -> RegionSet:
    """Read regions of interest from mask files on the grid of the maps.

    Parameters
    ----------
    files : sequence of path
        One file for each region, or both of two hemispheres; its name, up to the first dot, or of files of surfaces
        without its extension, is the name of the region.
    space : Space
        The points that are tested.
    threshold : float, optional
        The least value inside, of masks of probabilities, which are refused otherwise.

    Returns
    -------
    RegionSet
        The regions, numbered from 1 in the order of the files.

    Raises
    ------
    DataError
        When an image holds other values than those of a mask.
    GridMismatchError
        When a mask is on another grid.
    EmptyMaskError
        When a mask is empty.
    UsageError
        When two regions have the same name.
    """
    regions = []
    for index, (path, *_) in enumerate(region_files(files), start=1):
        inside = load_mask(path, space.frame, threshold=threshold, kind="region").inside
        points = np.flatnonzero(space.select(inside)).astype(np.int32)
        regions.append(Region(index, _name_of(path), points))
    names = [region.name for region in regions]
    if len(set(names)) < len(names):
        raise UsageError(f"Two regions have the same name: {', '.join(names)}", "files with different names")
    return RegionSet(ROIS, "Regions of interest", tuple(regions))


def _name_of(path: Path) -> str:
    """Return the name of a region: that of its file up to the first dot, of surfaces without extension."""
    return printable((stem_of(path) if is_surface_file(path) else path.name.partition(".")[0]) or path.name)
