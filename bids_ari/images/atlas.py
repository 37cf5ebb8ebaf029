"""Atlases and masks by name: TemplateFlow, local files.

TemplateFlow is asked only when a name is given, and never for what statistics need: a machine without network and
without a TemplateFlow home works with local files.
"""

import logging
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_ari.bids.entities import labels_in_name, printable
from bids_ari.errors import DataError, InputNotFoundError, NoMatchError, UsageError, listing
from bids_ari.images.files import read_image
from bids_ari.images.resampling import resample_nearest
from bids_ari.images.space import Grid, VolumeSpace

log = logging.getLogger(__name__)

TEMPLATE = "template"
"""As a mask or a target grid: TemplateFlow's brain mask of the space of the maps."""

_INDEX_COLUMNS = ("index", "label", "value", "id")
_NAME_COLUMNS = ("name", "region", "label_name", "abbreviation")

_LARGEST = 2**31 - 1
"""The largest number of a parcel: images and tables hold them in 32 bits."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Atlas:
    """A parcellation: one whole number per voxel, and the name of each number.

    Attributes
    ----------
    name : str
        Its name, letters and digits, as it stands in file names.
    space : str or None
        The space it says it is in.
    values : array (x, y, z)
        The parcel of each voxel; 0 outside.
    grid : Grid
        Where its voxels are.
    names : mapping of int to str
        The name of each parcel.
    """

    name: str
    space: str | None
    values: npt.NDArray[np.int32]
    grid: Grid
    names: Mapping[int, str]

    def within(self, mask: VolumeSpace) -> npt.NDArray[np.int32]:
        """Give the parcel at each voxel of a mask, (n_points,), by the nearest voxel of the atlas."""
        return resample_nearest(self.values, self.grid, mask.grid)[mask.inside].astype(np.int32)

    def __repr__(self) -> str:
        return f"Atlas({self.name!r}, space={self.space!r}, n_parcels={len(self.names)})"


def load_atlas(atlas: str, labels: Path | None, space: str | None, grid: Grid) -> Atlas:
    """Load an atlas that fits maps of a space.

    Parameters
    ----------
    atlas : str
        A file, or a name that TemplateFlow knows: ``NAME`` or ``NAME:DESC``, such as
        ``Schaefer2018:200Parcels7Networks``.
    labels : path, optional
        Table of a local atlas: a column ``index`` and a column ``name``. Not for TemplateFlow's.
    space : str or None
        The space of the maps, as their file names give it.
    grid : Grid
        The grid of the maps: of several resolutions the nearest is taken.

    Raises
    ------
    InputNotFoundError
        When there is no such file, or TemplateFlow does not have it.
    DataError
        When the atlas is in another space, or file and table do not fit.
    """
    if Path(atlas).is_file() or atlas.endswith((".nii", ".nii.gz")):
        path = Path(atlas)
        if labels is None:
            beside = path.with_name(re.sub(r"\.nii(\.gz)?$", ".tsv", path.name))
            labels = beside if beside.exists() else None
        name = _plain(labels_in_name(path.name).get("atlas") or path.name.partition(".")[0])
    else:
        if labels is not None:
            raise UsageError("--atlas-labels goes with an atlas file", "a file for --atlas", "TemplateFlow has its own")
        path, labels = _from_templateflow(atlas, space, grid)
        name = _plain(atlas.partition(":")[0])
    told = labels_in_name(path.name)
    found = told.get("space") or told.get("tpl")
    if found and space and found != space:
        raise DataError(
            f"The atlas {path.name} is in {found}",
            f"the space of the maps, {space}",
            "Give an atlas in that space, or maps in the space of the atlas (--space)",
        )
    image = read_image(path)
    values = image.values
    whole = np.rint(values)
    if not np.isfinite(values).all() or (np.abs(values - whole) > 1e-3).any():
        raise DataError(f"The atlas {path} holds numbers that are not whole", "one whole number per parcel")
    if np.abs(whole).max() > _LARGEST:
        raise DataError(f"The atlas {path} holds {np.abs(whole).max():g}", f"one whole number up to {_LARGEST}")
    numbers = whole.astype(np.int32)
    names = _read_names(labels) if labels else {}
    there = [int(number) for number in np.unique(numbers) if number > 0]
    if names and not set(there) & set(names):
        raise DataError(f"No number of the atlas {path} stands in {labels}", "a table of its parcels")
    known = {number: names.get(number, f"parcel {number}") for number in sorted({*there, *names})}
    return Atlas(name, found, numbers, image.header.grid, known)


def template_mask(space: str | None, grid: Grid) -> Path:
    """Find TemplateFlow's brain mask of a space, in the resolution nearest to a grid."""
    if space is None:
        raise UsageError("The maps do not say their space", "space- in their names", "Give a mask file with --mask")
    return _fetch(space, grid, f"a brain mask of {space}", desc="brain", suffix="mask", extension=".nii.gz")


def _from_templateflow(atlas: str, space: str | None, grid: Grid) -> tuple[Path, Path | None]:
    """Find an atlas and its table."""
    if space is None:
        raise UsageError("The maps do not say their space", "space- in their names", "Give an atlas file with --atlas")
    name, _, desc = atlas.partition(":")
    query: dict[str, Any] = {"atlas": name, "suffix": "dseg"} | ({"desc": desc} if desc else {})
    path = _fetch(space, grid, f"the atlas {atlas} in {space}", extension=".nii.gz", **query)
    try:
        table = _fetch(space, grid, f"the table of {atlas}", extension=".tsv", **query)
    except NoMatchError:
        return path, None
    return path, table


def _fetch(space: str, grid: Grid, what: str, **query: Any) -> Path:
    """Get one file from TemplateFlow, of those on this machine first, then of the resolution nearest to a grid."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # that it makes a new home
            from templateflow import api
        candidates = [Path(path) for path in api.ls(space, **query)]
    except OSError as error:  # no home can be made
        raise InputNotFoundError(f"TemplateFlow cannot be used: {error}", hint=_OFFLINE) from error
    if not candidates:
        others = sorted({str(path.name) for path in map(Path, api.ls(space, suffix=query["suffix"]))})
        raise NoMatchError(
            f"TemplateFlow does not have {what}",
            f"one of: {listing(others)}" if others else f"a space it knows, such as {listing(api.templates())}",
            "Give a local file instead",
        )
    target = max(grid.zooms)

    def distance(path: Path) -> tuple[bool, float, str]:
        digits = re.sub(r"\D", "", labels_in_name(path.name).get("res", "")) or "0"
        return not (path.exists() and path.stat().st_size > 0), abs(float(digits) - target), path.name

    best = min(candidates, key=distance)
    labels = labels_in_name(best.name)
    exact = query | {key: labels[short] for short, key in _QUERY.items() if short in labels}
    try:
        found = api.get(space, raise_empty=True, **exact)
    except Exception as error:  # requests' ConnectionError and many more: the network, the disk
        raise InputNotFoundError(f"{what} could not be fetched: {type(error).__name__}", hint=_OFFLINE) from error
    return Path(found[0] if isinstance(found, list) else found)


_QUERY = {"res": "resolution", "desc": "desc", "atlas": "atlas"}
_OFFLINE = "Fill TEMPLATEFLOW_HOME where there is a network, or give a local file"


def _read_names(table: Path) -> dict[int, str]:
    """Read the number and the name of each parcel."""
    if not table.is_file():
        raise InputNotFoundError(f"There is no table {table}")
    try:
        frame = pd.read_csv(table, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8-sig", header=None)
    except ValueError as error:  # empty, ragged, or another encoding
        raise DataError(
            f"{table} cannot be read as a table: {str(error).strip()}", "tab-separated text in UTF-8"
        ) from error
    columns = [str(column).strip().lower() for column in frame.iloc[0]]
    number, name = (_place(table, columns, known) for known in (_INDEX_COLUMNS, _NAME_COLUMNS))
    try:
        numbers = list(map(_whole, frame[number][1:]))
    except ValueError as error:
        raise DataError(f"{table}: {error}", f"whole numbers in the column {columns[number]}") from error
    if len(set(numbers)) < len(numbers):
        raise DataError(f"{table} names a number twice", f"different numbers in the column {columns[number]}")
    return {n: text for n, text in zip(numbers, frame[name][1:], strict=True) if n > 0 and text}


def _place(table: Path, columns: Sequence[str], known: Sequence[str]) -> int:
    """Find the one column that has a known name."""
    name = next((each for each in known if each in columns), None)
    if name is None or columns.count(name) > 1:
        found = listing(map(printable, columns))
        raise DataError(f"{table} has the columns {found}", "tab-separated columns index and name, one of each")
    return columns.index(name)


def _whole(text: str) -> int:
    """Read the number of a parcel, which some write as 1.0."""
    number = float(text)
    if not number.is_integer() or abs(number) > _LARGEST:
        raise ValueError(f"{text!r} is no whole number up to {_LARGEST}")
    return int(number)


def _plain(text: str) -> str:
    """Keep letters and digits."""
    return re.sub(r"[^a-zA-Z0-9]", "", text) or "atlas"
