"""Regions: the parcels of an atlas, from a file or from TemplateFlow, or regions of interest from mask files."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_ari.bids.entities import labels_in_name, printable
from bids_ari.bids.spaces import StandardSpace
from bids_ari.errors import DataError, GridMismatchError, InputNotFoundError, UsageError, counted, listing
from bids_ari.images.binary import ROUNDING
from bids_ari.images.files import read_image
from bids_ari.images.image import Image
from bids_ari.images.masks import load_mask
from bids_ari.images.resampling import overlap, resample_nearest
from bids_ari.images.space import Frame, Space
from bids_ari.images.templates import SpaceName, template_atlas
from bids_ari.stats.distributions import FloatArray

_INDEX_COLUMNS = ("index", "label", "value", "id")
_NAME_COLUMNS = ("name", "region", "label_name", "abbreviation")
_LARGEST_ROUNDING = 0.1  # largest distance from a whole number: coarser scaling of integers would confuse parcels
_NEAR = 0.5  # an atlas is used when at least this part of the smaller field of view lies in the larger
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
        A file, or a name in TemplateFlow: ``NAME``, ``NAME:DESC`` or ``NAME:KEY-LABEL``, such as
        ``Schaefer2018:200Parcels7Networks`` and ``Buckner2011:seg-7n``.
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
    _check_space(found.path, template)
    parcels, numbers = _read_parcels(found.path, space)
    names = _read_names(found.labels) if found.labels else {}
    if names and not set(numbers) & set(names):
        raise DataError(f"No number of the atlas {found.path} is listed in {found.labels}", "a table of its parcels")
    regions = [
        Region(number, names.get(number, f"parcel {number}"), np.flatnonzero(parcels == number).astype(np.int32))
        for number in sorted({*numbers, *names})
    ]
    name = re.sub(r"[^a-zA-Z0-9]", "", found.name) or "atlas"
    return RegionSet(name, f"Atlas {name}", tuple(regions))


def check_atlas(atlas: str, labels: Path | None, template: SpaceName, frame: Frame) -> None:
    """Check an atlas for maps on a frame without its table; parameters and errors are those of `load_atlas`."""
    found = find_atlas(atlas, labels, template, frame)
    _check_space(found.path, template)
    _read_parcels(found.path, frame.space(np.ones(frame.shape, dtype=bool)))


class AtlasFiles(NamedTuple):
    """The files of an atlas, and its name."""

    path: Path
    labels: Path | None  # the table of its parcels
    name: str


def find_atlas(atlas: str, labels: Path | None, template: SpaceName, frame: Frame) -> AtlasFiles:
    """Return the files of an atlas; parameters and errors are those of `load_atlas`, for maps on a frame."""
    if Path(atlas).is_file() or atlas.endswith((".nii", ".nii.gz")):
        path = Path(atlas)
        beside = path.with_name(re.sub(r"\.nii(\.gz)?$", ".tsv", path.name))
        labels = beside if labels is None and beside.exists() else labels
        return AtlasFiles(path, labels, labels_in_name(path.name).get("atlas") or path.name.partition(".")[0])
    if labels is not None:
        raise UsageError("--atlas-labels needs an atlas file", "a file for --atlas", "TemplateFlow has its own labels")
    return AtlasFiles(*template_atlas(atlas, template, frame), atlas.partition(":")[0])


def _check_space(path: Path, template: SpaceName) -> None:
    """Raise if the name of an atlas contains another space, or another cohort, than that of the maps."""
    found = StandardSpace.in_name(path.name)
    template = StandardSpace.parse(template) if isinstance(template, str) else template
    if found is not None and template is not None and found.differs_from(template):
        raise DataError(
            f"The atlas {path.name} is in {found}",
            f"the space of the maps, {template}",
            "Use an atlas in that space, or maps in the space of the atlas (--space)",
        )


def _read_parcels(path: Path, space: Space) -> tuple[npt.NDArray[np.int32], list[int]]:
    """Read the number of the parcel at each point, (n_points,), and all numbers of the atlas above 0."""
    image = read_image(path)
    if overlap(image.grid, space.frame) < _NEAR:
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


def _read_names(table: Path) -> dict[int, str]:
    """Read the number and the name of each parcel from a table."""
    if not table.is_file():
        raise InputNotFoundError(f"There is no table {table}")
    try:
        frame = pd.read_csv(table, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8-sig", header=None)
    except ValueError as error:  # empty, ragged, or another encoding
        raise DataError(
            f"{table} cannot be read as a table: {str(error).strip()}", "tab-separated text in UTF-8"
        ) from error
    columns = [str(column).strip().lower() for column in frame.iloc[0]]
    number, name = (_column(table, columns, known) for known in (_INDEX_COLUMNS, _NAME_COLUMNS))
    try:
        numbers = list(map(_integer, frame[number][1:]))
    except ValueError as error:
        raise DataError(f"{table}: {error}", f"integers in the column {columns[number]}") from error
    if len(set(numbers)) < len(numbers):
        raise DataError(f"{table} lists a number twice", f"different numbers in the column {columns[number]}")
    return {n: text for n, text in zip(numbers, frame[name][1:], strict=True) if n > 0 and text}


def _column(table: Path, columns: Sequence[str], known: Sequence[str]) -> int:
    """Return the index of the column with a known name."""
    name = next((each for each in known if each in columns), None)
    if name is None or columns.count(name) > 1:
        found = listing(map(printable, columns))
        raise DataError(f"{table} has the columns {found}", "tab-separated columns index and name, one of each")
    return columns.index(name)


def _integer(text: str) -> int:
    """Read the number of a parcel, which may be written as 1.0."""
    number = float(text)
    if not number.is_integer() or abs(number) > _LARGEST:
        raise ValueError(f"{text!r} is not an integer up to {_LARGEST}")
    return int(number)


def load_rois(files: Sequence[Path], space: Space, threshold: float | None = None) -> RegionSet:
    """Read regions of interest from mask files on the grid of the maps.

    Parameters
    ----------
    files : sequence of path
        One file for each region; its name, up to the first dot, is the name of the region.
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
    for index, path in enumerate(files, start=1):
        inside = load_mask(path, space.frame, threshold=threshold, kind="region").inside
        points = np.flatnonzero(space.select(inside)).astype(np.int32)
        regions.append(Region(index, printable(path.name.partition(".")[0] or path.name), points))
    names = [region.name for region in regions]
    if len(set(names)) < len(names):
        raise UsageError(f"Two regions have the same name: {', '.join(names)}", "files with different names")
    return RegionSet("rois", "Regions of interest", tuple(regions))
