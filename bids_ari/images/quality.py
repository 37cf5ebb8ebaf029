"""How the map of each subject looks before the group model: what it covers, and three slices of it.

A *glimpse* is taken of each map while it is in memory. What a subject costs the group is known only when all maps have
been seen, so a glimpse holds where there are data, as packed bits.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import nibabel as nib
import numpy as np
import numpy.typing as npt

from bids_ari.images.space import BoolVolume, Grid, VolumeSpace
from bids_ari.stats.distributions import FloatArray

Bits = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int32]

ABSENT = -128
"""Where a thumbnail shows no data."""

STEPS = 127
"""A thumbnail has so many steps from 0 to its largest value."""

SIDE = 80
"""No slice of a thumbnail is longer, in pixels."""

FAR = 3.5
"""A subject stands out so many scaled median absolute deviations from the median."""

LEAST_FAR = {"mean": 0.1, "sd": 0.1, "overlap": 0.02}
"""And no less than this: of means and standard deviations as a part of the median standard deviation."""

FEW = 5
"""Of fewer subjects, none stands out."""

_MAD_TO_SD = 1.4826  # of a normal distribution
_VIEWS = ((1, 2), (0, 2), (0, 1))  # axes to the right and up: sagittal, coronal, axial
_ONES = np.array([byte.bit_count() for byte in range(256)], dtype=np.uint8)


class Glimpse(NamedTuple):
    """What is kept of a map to look at.

    Attributes
    ----------
    present : bytes
        Where the subject has data: bits in C order, compressed.
    thumbnail : array of int8 (height, width)
        Slices, in steps; `ABSENT` where there are no data.
    step : float
        The value of one step.
    """

    present: bytes
    thumbnail: npt.NDArray[np.int8]
    step: float


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Mosaic:
    """Where three slices of a volume are cut: sagittal, coronal and axial, side by side.

    Left and front of the head are left: of a sagittal slice the back is on the left, else the left of the brain.

    Attributes
    ----------
    places : array of int (3, height, width)
        The voxel at each pixel.
    shown : array of bool (height, width)
        Where there is a slice.
    """

    places: npt.NDArray[np.intp]
    shown: BoolVolume

    @classmethod
    def through(cls, mask: VolumeSpace) -> "Mosaic":
        """Cut through the middle of a mask; pixels have one size in mm, whatever the size of voxels."""
        grid = mask.grid
        middle = np.median(mask.indices, axis=0).astype(np.intp)
        lines = _lines(grid)
        slices = [_slice(lines, across, up, middle) for across, up in _VIEWS]
        height = max(each.shape[1] for each in slices)
        places = np.concatenate([_centred(each, height) for each in slices], axis=2)
        shown = places[0] >= 0
        return cls(np.where(shown, places, 0), shown)

    def glimpse(self, effect: FloatArray, present: BoolVolume) -> Glimpse:
        """Look at the map of a subject, (x, y, z), NaN where there are no data."""
        values = effect[tuple(self.places)]
        seen = self.shown & np.isfinite(values)
        step = float(np.abs(values[seen]).max(initial=0.0)) / STEPS
        steps = np.full(values.shape, ABSENT, dtype=np.int8)
        steps[seen] = np.rint(values[seen] / step) if step else 0
        return Glimpse(zlib.compress(np.packbits(present).tobytes(), 1), steps, step)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Quality:
    """What the map of each subject covers, and how it looks.

    Attributes
    ----------
    reference : int
        Number of voxels that a subject should cover: those inside the mask that was given, else those that at least
        half of the subjects cover.
    lacking : array of int32 (n_subjects,)
        How many of these the subject lacks.
    lost : array of int32 (n_subjects,)
        Voxels that were not tested, and would have been if this subject had data there.
    overlap : array (n_subjects,)
        Dice coefficient of the voxels that the subject covers and those that at least half of the subjects cover.
    thumbnails : array of int8 (n_subjects, height, width)
        Slices of each map as it was read, in steps; `ABSENT` where there are no data.
    step : array (n_subjects,)
        The value of one step of each, in the units of the maps.
    """

    reference: int
    lacking: Ints
    lost: Ints
    overlap: FloatArray
    thumbnails: npt.NDArray[np.int8]
    step: FloatArray


def assess(
    glimpses: Sequence[Glimpse],
    counts: npt.NDArray[np.int32],
    given: VolumeSpace | None,
    mask: VolumeSpace,
    n_enough: int,
) -> Quality:
    """Say what each subject covers.

    Parameters
    ----------
    glimpses : sequence of Glimpse
        One of each subject.
    counts : array of int (x, y, z)
        How many subjects have data at each voxel.
    given : VolumeSpace or None
        The mask that was given.
    mask : VolumeSpace
        The voxels to test.
    n_enough : int
        How many subjects must have data at a voxel.
    """
    half = np.packbits(2 * counts >= len(glimpses))
    within = half if given is None else np.packbits(given.inside)
    wanting = (counts == n_enough - 1) & ~mask.inside
    lost_to_one = np.packbits(wanting if given is None else wanting & given.inside)
    lacking, lost, overlap = [], [], []
    for glimpse in glimpses:
        present = np.frombuffer(zlib.decompress(glimpse.present), dtype=np.uint8)
        lacking.append(_count(within & ~present))
        lost.append(_count(lost_to_one & ~present))
        overlap.append(2 * _count(half & present) / (_count(half) + _count(present)))
    return Quality(
        _count(within),
        np.array(lacking, dtype=np.int32),
        np.array(lost, dtype=np.int32),
        np.array(overlap),
        np.stack([glimpse.thumbnail for glimpse in glimpses]),
        np.array([glimpse.step for glimpse in glimpses]),
    )


def far_from_others(values: FloatArray, least: float = 0.0) -> npt.NDArray[np.bool_]:
    """Tell the values that are far from the median of all: `FAR` scaled MAD, and `least` in any case.

    This describes; it is no ground to leave a subject out. NaN is far from everything.

    >>> far_from_others(np.array([1.0, 2.0, 3.0, 4.0, 20.0]))
    array([False, False, False, False,  True])
    """
    if values.size < FEW:
        return np.zeros(values.size, dtype=bool)
    middle = np.nanmedian(values) if np.isfinite(values).any() else np.nan
    apart = np.abs(values - middle)
    spread = _MAD_TO_SD * np.nanmedian(apart) if np.isfinite(apart).any() else np.nan
    return np.asarray(~(apart <= max(FAR * spread, least)))


def _count(bits: Bits) -> int:
    """Count the ones."""
    return int(_ONES[bits].sum(dtype=np.int64))


def widths(grid: Grid) -> tuple[int, ...]:
    """Give the width in pixels of each slice of a mosaic.

    >>> widths(Grid((10, 20, 30), np.diag([2.0, 2, 2, 1])))
    (20, 10, 10)
    """
    lines = _lines(grid)
    return tuple(lines[across][1].size for across, _ in _VIEWS)


def _lines(grid: Grid) -> list[tuple[int, npt.NDArray[np.intp]]]:
    """Give, for x, y and z, the axis of the file that is nearest, and the indices met from left, back and below."""
    pitch = max(*grid.zooms, max(np.multiply(grid.shape, grid.zooms)) / SIDE)
    lines: list[tuple[int, npt.NDArray[np.intp]]] = [(0, np.empty(0, dtype=np.intp))] * 3
    for axis, (nearest, sense) in enumerate(nib.io_orientation(grid.affine)):
        n, zoom = grid.shape[axis], grid.zooms[axis]
        n_pixels = max(1, int(n * zoom / pitch))
        indices = ((np.arange(n_pixels) + 0.5) * n / n_pixels).astype(np.intp)
        lines[int(nearest)] = (axis, indices if sense > 0 else (n - 1 - indices))
    return lines


def _slice(
    lines: Sequence[tuple[int, npt.NDArray[np.intp]]], across: int, up: int, middle: npt.NDArray[np.intp]
) -> npt.NDArray[np.intp]:
    """Give the voxel at each pixel of a slice, (3, height, width); up is up."""
    (right_axis, right), (up_axis, upward) = lines[across], lines[up]
    places = np.empty((3, upward.size, right.size), dtype=np.intp)
    places[:] = middle[:, None, None]
    places[right_axis] = right
    places[up_axis] = upward[::-1, None]
    return places


def _centred(places: npt.NDArray[np.intp], height: int) -> npt.NDArray[np.intp]:
    """Put a slice in the middle of so many rows; -1 around it."""
    free = height - places.shape[1]
    return np.pad(places, ((0, 0), (free // 2, free - free // 2), (0, 0)), constant_values=-1)
