"""Parcels and masks of surfaces and grayordinates, from files of labels and of values at vertices."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from nibabel.cifti2.cifti2_axes import BrainModelAxis

from bids_ari.bids.hemispheres import SIDES, Hemisphere
from bids_ari.errors import DataError, counted, listing
from bids_ari.images.binary import ROUNDING, voxels_inside
from bids_ari.images.gifti import STRUCTURES
from bids_ari.images.space import BoolArray
from bids_ari.images.surface_values import Part, is_background, read_parts

_HOW = "e.g. wb_command -metric-math 'x > 0', or -cifti-math"
_LARGEST = 2**31 - 1  # number of a parcel


@dataclass(frozen=True, slots=True)
class Parcel:
    """One parcel of an atlas."""

    number: int  # in its file
    name: str
    side: Hemisphere | None  # of a parcel in one hemisphere only


@dataclass(frozen=True, slots=True, eq=False)
class Parcels:
    """The parcels of an atlas at the positions of an analysis."""

    found: tuple[Parcel, ...]  # with at least one position; those of the left hemisphere first, in rising order
    which: npt.NDArray[np.int32]  # (n_positions,): the place of the parcel in `found`; -1 for none


def read_parcels(files: Sequence[Path], axis: BrainModelAxis, names: Mapping[int, str] | None = None) -> Parcels:
    """Read an atlas of surfaces or grayordinates.

    Parameters
    ----------
    files : sequence of path
        A CIFTI file of labels; or a GIFTI file of labels, or an annotation of FreeSurfer, of each hemisphere, in which
        the same number means two parcels, one in each hemisphere.
    axis : BrainModelAxis
        The positions of the analysis.
    names : mapping, optional
        Names of parcels by their numbers, from a table; by default, those in the files.

    Returns
    -------
    Parcels
        Numbers above 0 whose name does not say that they are no parcel, such as ``???`` and ``Medial_wall``. Names that
        both hemispheres have begin with "left" or "right".

    Raises
    ------
    DataError
        When a file does not fit to the positions, or contains other values than numbers of parcels.
    """
    found: list[Parcel] = []
    which = np.full(len(axis), -1, dtype=np.int32)
    for part in read_parts(files, axis, "The atlas", "labels"):
        numbers = _numbers(part)
        for number in np.unique(numbers[numbers > 0]).tolist():
            name = (names or {}).get(number) or (part.labels[number].name if number in part.labels else "")
            if is_background(name):
                continue
            here = numbers == number
            which[here] = len(found)
            found.append(Parcel(number, name or f"parcel {number}", part.side or _side(here, axis)))
    if not found:
        raise DataError(f"The atlas {files[0]} contains no parcel", "at least one number above 0")
    return Parcels(tuple(_distinct(found)), which)


def surface_mask(
    files: Sequence[Path], axis: BrainModelAxis, threshold: float | None = None, *, label: str, flag: str
) -> BoolArray:
    """Return the positions inside a mask, (n_positions,).

    Parameters
    ----------
    files : sequence of path
        A CIFTI file; or a GIFTI file of each hemisphere. Values are 0 outside and 1, or one other whole number, inside;
        NaN, and what they do not contain, is outside.
    axis : BrainModelAxis
        The positions of the analysis.
    threshold : float, optional
        The least value inside, of masks of probabilities, which are refused otherwise.
    label : str
        What messages call the mask, such as "The mask".
    flag : str
        The option that sets the threshold, without dashes.

    Raises
    ------
    DataError
        When a file does not fit to the positions, or its values are no mask.
    """
    parts = read_parts(files, axis, label)
    together = np.full(len(axis), np.nan)
    for part in parts:
        together = np.where(np.isnan(part.values), together, part.values)
    step = max(part.step for part in parts)
    step = step if step < 1 else 0.0  # whole numbers are accurate
    units = "vertices" if axis.surface_mask.all() else "grayordinates"
    return voxels_inside(together, step, threshold, label=f"{label} {listing(files)}", flag=flag, how=_HOW, units=units)


def _numbers(part: Part) -> npt.NDArray[np.int64]:
    """Return the number of the parcel at each position; 0 for none."""
    values = np.where(np.isnan(part.values), 0.0, part.values)
    numbers = np.rint(values)
    with np.errstate(invalid="ignore"):  # of infinity
        wrong = ~(np.abs(values - numbers) <= ROUNDING) | (numbers < -1) | (numbers > _LARGEST)
    if wrong.any():
        example = f"{values[wrong][0]:.6g} ({counted(int(np.count_nonzero(wrong)), 'position')})"
        raise DataError(
            f"The atlas {part.path} contains numbers that are none of parcels, such as {example}",
            "one integer above 0 per parcel, 0 elsewhere",
        )
    return np.where(numbers < 0, 0, numbers).astype(np.int64)  # FreeSurfer has -1 where there is no parcel


def _side(here: BoolArray, axis: BrainModelAxis) -> Hemisphere | None:
    """Return the hemisphere that has all positions of a parcel of a CIFTI file, if one has."""
    structures = set(axis.name[here])
    return next((side for side, name in STRUCTURES.items() if structures == {name}), None)


def _distinct(parcels: Sequence[Parcel]) -> Iterator[Parcel]:
    """Yield parcels with distinct names: with the hemisphere, or the number, where several have the same name."""
    n_by_name = Counter(parcel.name for parcel in parcels)
    sided = [
        f"{SIDES[each.side]} {each.name}" if each.side and n_by_name[each.name] > 1 else each.name for each in parcels
    ]
    n_sided = Counter(sided)
    for parcel, name in zip(parcels, sided, strict=True):
        yield Parcel(parcel.number, name if n_sided[name] == 1 else f"{name} ({parcel.number})", parcel.side)
