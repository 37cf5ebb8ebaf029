"""Masks: where a map has data, which voxels a mask file contains, and which voxels a group analysis tests."""

import math
from pathlib import Path
from typing import TypeAlias

import nibabel as nib
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bids_ari.errors import EmptyMaskError, GridMismatchError
from bids_ari.images.files import name_of, read_image
from bids_ari.images.resampling import resample_nearest
from bids_ari.images.space import BoolVolume, Grid, Space, VolumeSpace
from bids_ari.images.templates import TEMPLATE, template_mask
from bids_ari.stats.distributions import FloatArray

Mask: TypeAlias = str | Path | nib.Nifti1Image | VolumeSpace
"""A mask: its file or image, or ``template`` for the brain mask of TemplateFlow."""

_UNMASKED = 0.6  # maps that fill more of the volume than this are probably not brain-masked


def missing(volume: FloatArray, step: float = 0.0) -> BoolVolume:
    """Return the voxels of an unsmoothed map at which the subject has no data.

    NaN and infinities are missing. Zero is missing only where it is connected to the edge of the volume through
    other voxels without a value: the background. A zero inside the brain is a value. Of scaled integers, `step` apart,
    the value nearest to zero counts as zero: a background that was saved with an offset reads as -2e-5 or so.
    """
    if not volume.flags.c_contiguous and volume.flags.f_contiguous:
        return missing(volume.T, step).T  # connections do not depend on the order, and numpy is faster along rows
    empty = ~np.isfinite(volume)
    zero = np.abs(volume) < step / 2 if step else volume == 0
    if not zero.any():
        return empty
    absent = empty | zero
    if not absent.all():
        (box,) = ndimage.find_objects((~absent).astype(np.int8))  # outside it no voxel has a value, up to the edge
        hollows, n_hollows = ndimage.label(absent[box])
        reached = np.zeros(n_hollows + 1, dtype=bool)
        for axis in range(3):
            reached[np.take(hollows, (0, -1), axis=axis)] = True
        reached[0] = False
        absent[box] = empty[box] | reached.take(hollows)
    return absent


def load_mask(mask: Mask, grid: Grid, template: str | None = None, *, kind: str = "mask") -> VolumeSpace:
    """Read a mask on the grid of the maps: all voxels that are finite and not 0.

    The mask of TemplateFlow, for the space `template`, is resampled to the grid. Messages call the mask `kind`.
    """
    if isinstance(mask, VolumeSpace):
        return mask
    if isinstance(mask, str | Path) and str(mask) == TEMPLATE:
        image = read_image(template_mask(template, grid))
        mask = grid.image(resample_nearest(image.values, image.header.grid, grid))
    image = read_image(mask)
    if not image.header.grid.matches(grid):
        raise GridMismatchError(
            f"The {kind} {name_of(mask)} is on another grid: {image.header.grid}",
            f"the grid of the maps: {grid}",
            "Resample it first, e.g. nilearn.image.resample_to_img(mask, a_map, interpolation='nearest')",
        )
    inside = np.isfinite(image.values) & (image.values != 0)
    if not inside.any():
        raise EmptyMaskError(f"The {kind} {name_of(mask)} is empty", "at least one voxel that is not 0")
    return VolumeSpace(grid, inside)


def n_required(coverage: float, n_subjects: int) -> int:
    """Return how many subjects must have data at a voxel, of a fraction of subjects in (0, 1]."""
    return max(1, math.ceil(coverage * n_subjects - 1e-9))


def group_mask(
    counts: npt.NDArray[np.int32], n_subjects: int, coverage: float, grid: Grid, mask: VolumeSpace | None = None
) -> VolumeSpace:
    """Return the voxels to test: inside the mask, and with data, by `counts` (x, y, z), of enough subjects."""
    inside = counts >= n_required(coverage, n_subjects)
    if mask is not None:
        inside &= mask.inside
    if not inside.any():
        most = int(counts.max() if mask is None else counts[mask.inside].max())
        raise EmptyMaskError(
            f"No voxel has data of {coverage:.0%} of the {n_subjects} subjects (at most {most} have data)"
            + (" inside the mask" if mask is not None else ""),
            hint="Lower --coverage, exclude the subjects with the smallest coverage with --exclude, or check the mask",
        )
    return VolumeSpace(grid, inside)


def looks_unmasked(space: Space) -> bool:
    """Return whether the tested points fill so much of the volume that the maps are probably not brain-masked."""
    return space.fraction > _UNMASKED
