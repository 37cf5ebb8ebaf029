"""Quality of the map of each subject before the group model: what it covers, and a small picture.

A `Glimpse` is taken of each map while it is in memory. The voxels that are excluded because of one subject are known
only after all maps have been read, so a glimpse stores where the subject has data, as packed bits.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from isal import isal_zlib

from bids_ari.images.mosaic import Mosaic
from bids_ari.images.space import BoolArray, Space
from bids_ari.stats.distributions import FloatArray

Ints = npt.NDArray[np.int32]

ABSENT = -128  # value of a thumbnail where there are no data
STEPS = 127  # of a thumbnail, from 0 to its largest value
LEAST_FAR = {"mean": 0.1, "sd": 0.1, "overlap": 0.02}
"""Least distance from the median of a possible outlier; of mean and sd, as a fraction of the median sd."""

_FAR = 3.5  # a possible outlier is further than this many scaled median absolute deviations from the median
_FEW = 5  # of fewer subjects, none is an outlier
_MAD_TO_SD = 1.4826  # of a normal distribution


class Glimpse(NamedTuple):
    """Summary of the map of a subject."""

    present: bytes  # mask of the voxels with data: bits in the order of `_packed`, compressed
    thumbnail: npt.NDArray[
        np.int8
    ]  # the pixels of a `Mosaic`, (height, width), in steps; ABSENT where there are no data
    step: float  # the value of one step

    def mask(self, shape: tuple[int, ...]) -> BoolArray:
        """Return where there are data, an array of this shape."""
        bits = np.frombuffer(isal_zlib.decompress(self.present), dtype=np.uint8)
        return np.unpackbits(bits, count=math.prod(shape)).astype(bool).reshape(shape, order="F")


def glimpse(mosaic: Mosaic, effect: FloatArray, present: BoolArray) -> Glimpse:
    """Return the summary of the map of a subject, an array of the frame, NaN where there are no data."""
    values = mosaic.values(effect)
    visible = np.isfinite(values)
    step = float(np.abs(values[visible]).max(initial=0.0)) / STEPS
    steps = np.full(values.shape, ABSENT, dtype=np.int8)
    steps[visible] = np.rint(values[visible] / step) if step else 0
    return Glimpse(isal_zlib.compress(_packed(present), 1), steps, step)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Quality:
    """Coverage of each subject, and a small picture of its map; arrays of (n_subjects,) numbers but for the thumbnails.

    A subject should cover the voxels of the mask, or without a mask those that at least half of the subjects cover.
    """

    reference: int  # number of voxels that a subject should cover
    lacking: Ints  # number of these voxels without data of the subject
    lost: Ints  # number of voxels that are excluded because only this subject lacks data
    overlap: FloatArray  # Dice coefficient of its voxels and those that at least half of the subjects cover
    thumbnails: npt.NDArray[np.int8]  # (n_subjects, height, width), of each map before smoothing, in steps
    step: FloatArray  # the value of one step of a thumbnail, in the units of the maps


def assess(
    glimpses: Sequence[Glimpse],
    counts: npt.NDArray[np.int32],
    mask: Space | None,
    space: Space,
    n_required: int,
) -> Quality:
    """Compute the coverage of each subject.

    Of `counts` (x, y, z) subjects with data at a voxel inside the mask, `n_required` are needed for it to be tested.
    """
    half = _bits(2 * counts >= len(glimpses))
    inside = half if mask is None else _bits(mask.inside)
    one_too_few = (counts == n_required - 1) & ~space.inside
    lost_to_one = _bits(one_too_few if mask is None else one_too_few & mask.inside)
    lacking, lost, overlap = [], [], []
    for glimpse in glimpses:
        present = int.from_bytes(isal_zlib.decompress(glimpse.present), "big")
        lacking.append((inside & ~present).bit_count())
        lost.append((lost_to_one & ~present).bit_count())
        overlap.append(2 * (half & present).bit_count() / (half.bit_count() + present.bit_count()))
    return Quality(
        inside.bit_count(),
        np.array(lacking, dtype=np.int32),
        np.array(lost, dtype=np.int32),
        np.array(overlap),
        np.stack([glimpse.thumbnail for glimpse in glimpses]),
        np.array([glimpse.step for glimpse in glimpses]),
    )


def far_from_others(values: FloatArray, least: float = 0.0) -> npt.NDArray[np.bool_]:
    """Return which values are far from the median: by 3.5 scaled median absolute deviations, and by `least`.

    This is a description, and no reason to exclude a subject. NaN is always far.

    >>> far_from_others(np.array([1.0, 2.0, 3.0, 4.0, 20.0]))
    array([False, False, False, False,  True])
    """
    if values.size < _FEW:
        return np.zeros(values.size, dtype=bool)
    middle, distance = _usual(values, least)
    return np.asarray(~(np.abs(values - middle) <= distance))


def usual_range(values: FloatArray, least: float = 0.0) -> tuple[float, float]:
    """Return the ends of the range beyond which values are far from the others; infinite for too few values."""
    middle, distance = _usual(values, least)
    return (middle - distance, middle + distance) if values.size >= _FEW else (-math.inf, math.inf)


def _usual(values: FloatArray, least: float) -> tuple[float, float]:
    """Return the median, and the largest distance of a value that is not far."""
    middle = float(np.nanmedian(values)) if np.isfinite(values).any() else math.nan
    apart = np.abs(values - middle)
    spread = _MAD_TO_SD * float(np.nanmedian(apart)) if np.isfinite(apart).any() else math.nan
    return middle, max(_FAR * spread, least)


def _packed(mask: BoolArray) -> bytes:
    """Return a mask as bits; the first axis varies fastest, as in most files."""
    return np.packbits(mask.ravel(order="F")).tobytes()


def _bits(mask: BoolArray) -> int:
    """Return a mask as one integer, of which Python counts the ones."""
    return int.from_bytes(_packed(mask), "big")
