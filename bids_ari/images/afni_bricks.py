"""Datasets in AFNI's own format, ``.HEAD`` and ``.BRIK``: one of their volumes (sub-bricks), by its label."""

import math
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from nibabel.brikhead import AFNIImage
from nibabel.openers import ImageOpener
from nibabel.spatialimages import SpatialHeader, SpatialImage

from bids_ari.bids.kinds import AFNI
from bids_ari.errors import DataError, counted, listing, printable
from bids_ari.images.afni import attributes_of
from bids_ari.images.contents import no_map_named
from bids_ari.images.headers import damaged

DATASET = "an AFNI dataset"
_VALUES = (".BRIK", ".BRIK.gz", ".BRIK.bz2")
_MOST_NAMED = 30
_CHUNK = 2**20  # bytes


class Brick(NamedTuple):
    """A sub-brick: an image whose values are read when they are asked for, and the attributes about it."""

    image: SpatialImage
    attributes: Mapping[str, str]


class _Values:
    """The scaled values of a sub-brick, as nibabel reads values of files."""

    is_proxy = True
    ndim = 3
    inter = 0.0

    def __init__(self, image: AFNIImage, number: int) -> None:
        scaling = image.header.get_data_scaling()
        self._image, self._values, self._number = image, image.dataobj, number
        self.shape = image.shape[:3]
        self.slope = 1.0 if scaling is None else float(scaling[number])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        _check_length(self._image, to_end=True)
        return np.asarray(self._values[..., self._number], dtype=dtype)

    def __getitem__(self, where: Any) -> Any:
        return np.asarray(self)[where]


def read_brick(image: AFNIImage, label: str | None, name: str) -> Brick:
    """Return the sub-brick with a label; without a label, the only one.

    Raises
    ------
    DataError
        When no sub-brick has the label, or several have it; without a label, when there are several; also when the file
        of the values is not as long as the header says.
    """
    _check_length(image)
    labels = _labels(image)
    n_bricks = len(labels)
    if label is not None and label not in labels:
        raise no_map_named(Path(name), label, labels)
    if label is not None and labels.count(label) > 1:
        found = f"{name} has {labels.count(label)} sub-bricks with the label {label!r}"
        raise DataError(found, "different labels", "Change them with 3drefit -sublabel")
    if label is None and n_bricks > 1:
        raise DataError(
            f"{name} has {n_bricks} sub-bricks: {listing(map(printable, labels), _MOST_NAMED)}",
            "one sub-brick",
            "Name it in the column map_name of --manifest, or with --map-name; of a mask or another image, "
            "write it to a dataset of its own with 3dbucket",
        )
    number = 0 if label is None else labels.index(label)
    header = SpatialHeader(image.get_data_dtype(), image.shape[:3])
    attributes = _attributes_of_brick(attributes_of(image.header), number, labels)
    return Brick(SpatialImage(_Values(image, number), image.affine, header), attributes)


def _check_length(image: AFNIImage, *, to_end: bool = False) -> None:
    """Raise a DataError if the values are not as many as the header says: those of another dataset, or of half a copy.

    nibabel reads no more than a sub-brick. Compressed values are counted only with `to_end`.
    """
    name = str(image.file_map["image"].filename)
    expected = math.prod(image.shape) * image.get_data_dtype().itemsize
    if name.endswith(".BRIK"):
        found = Path(name).stat().st_size
    elif to_end:
        with ImageOpener(name) as file:
            found = sum(map(len, iter(partial(file.read, _CHUNK), b"")))
    else:
        return
    if found != expected:
        header = f"{'x'.join(map(str, image.shape[:3]))} voxels in {counted(image.shape[3], 'sub-brick')}"
        raise damaged(name, f"it has {found} bytes, but its header describes {expected}, {header}", DATASET)


def parts_of(path: Path) -> tuple[Path, ...]:
    """Return the files of an image: of a dataset of AFNI its header and its values, of others the file."""
    return (path, values_file(path)) if path.suffix == AFNI else (path,)


def refuse_values(path: Path) -> None:
    """Raise a DataError for the values of a dataset: what is known of a file by its name would lack the header."""
    if ending := next((each for each in _VALUES if path.name.endswith(each)), None):
        header = f"{path.name.removesuffix(ending)}{AFNI}"
        raise DataError(f"{path} is the values of {DATASET}", f"its header, {header}", f"Name {header}")


def values_file(path: Path) -> Path:
    """Return the file of the values beside a header; raise a DataError if there is none."""
    stem = path.name.removesuffix(path.suffix)
    for ending in _VALUES:
        if os.path.lexists(found := path.with_name(f"{stem}{ending}")):
            return found
    raise DataError(f"{path} has no values", f"{stem}.BRIK or {stem}.BRIK.gz beside it", "Copy both files")


def unreadable_types(path: Path) -> DataError:
    """Return the error for a dataset whose sub-bricks do not have one type of numbers that nibabel reads."""
    name = path.name.removesuffix(AFNI)
    return DataError(
        f"{path} has sub-bricks of several types of numbers, or of an unusual one (BRICK_TYPES)",
        "bytes, short integers or floats in all",
        f"Write one sub-brick to a dataset of its own: 3dbucket -prefix NAME '{name}[LABEL]'",
    )


def _labels(image: AFNIImage) -> list[str]:
    """Return the label of each sub-brick; without one, its number, as AFNI shows it."""
    written = str(image.header.info.get("BRICK_LABS") or "").split("~")
    n_bricks = int(image.shape[3])
    padded = [*written[:n_bricks], *[""] * (n_bricks - len(written))]
    return [label.strip() or f"#{i}" for i, label in enumerate(padded)]


def _attributes_of_brick(attributes: Mapping[str, str], number: int, labels: list[str]) -> dict[str, str]:
    """Return the attributes of a dataset, those about each sub-brick as if it had only one."""
    own = {**attributes, "BRICK_LABS": labels[number], "BRICK_STATAUX": ""}
    numbers = attributes.get("BRICK_STATAUX", "").split()
    while len(numbers) >= 3:
        end = 3 + max(int(float(numbers[2])), 0)
        if int(float(numbers[0])) == number:
            own["BRICK_STATAUX"] = " ".join(["0", *numbers[1:end]])
        numbers = numbers[end:]
    symbols = attributes.get("BRICK_STATSYM", "").split(";")
    own["BRICK_STATSYM"] = symbols[number] if number < len(symbols) else ""
    return own
