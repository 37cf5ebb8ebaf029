"""Masks: where a map has data, which voxels a mask file contains, and which voxels a group analysis tests."""

import math
from pathlib import Path
from typing import Literal, TypeAlias

import nibabel as nib
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bids_ari.errors import EmptyMaskError, GridMismatchError
from bids_ari.images.binary import is_zero, voxels_inside
from bids_ari.images.files import name_of, read_image
from bids_ari.images.resampling import resample_nearest
from bids_ari.images.space import BoolVolume, Grid, Space, VolumeSpace
from bids_ari.images.templates import TEMPLATE, SpaceName, template_mask
from bids_ari.stats.distributions import FloatArray

Mask: TypeAlias = str | Path | nib.Nifti1Image | VolumeSpace
"""A mask: its file or image, or ``template`` for the brain mask of TemplateFlow."""

THRESHOLDS = {"mask": "mask-threshold", "region": "roi-threshold"}
"""The option that sets the threshold of a mask, and of regions."""

UNMASKED = 0.6
"""Maps, and masks, that fill more of the volume than this are probably not those of a brain."""


def missing(volume: FloatArray, step: float = 0.0) -> BoolVolume:
    """Return the voxels of an unsmoothed map at which the subject has no data.

    NaN and infinities are missing. Zero is missing only where it is connected to the edge of the volume through
    other voxels without a value: the background. A zero inside the brain is a value. Of scaled integers, `step` apart,
    the value nearest to zero counts as zero: a background that was saved with an offset reads as -2e-5 or so.
    """
    if not volume.flags.c_contiguous and volume.flags.f_contiguous:
        return missing(volume.T, step).T  # connections do not depend on the order, and numpy is faster along rows
    empty = ~np.isfinite(volume)
    zero = is_zero(volume, step)
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


def load_mask(
    mask: Mask,
    grid: Grid,
    template: SpaceName = None,
    *,
    threshold: float | None = None,
    kind: Literal["mask", "region"] = "mask",
) -> VolumeSpace:
    """Read a mask.

    Parameters
    ----------
    mask : path, image, VolumeSpace or 'template'
        Values of 0 outside and 1, or one other whole number, inside, up to rounding; NaN is outside.
    grid : Grid
        The grid of the maps. The mask of TemplateFlow is resampled to it, others must be on it.
    template : StandardSpace or str, optional
        The space of the maps, for 'template'.
    threshold : float, optional
        The least value inside, of a mask of probabilities, which is refused otherwise.
    kind : {'mask', 'region'}
        What messages call it.

    Raises
    ------
    DataError
        When the image holds other values than those of a mask.
    GridMismatchError, EmptyMaskError
        When the mask is on another grid, or empty.
    """
    if isinstance(mask, VolumeSpace):
        if not mask.grid.matches(grid):
            raise _on_another_grid(f"The {kind}", mask.grid, grid)
        return mask
    is_template = isinstance(mask, str | Path) and str(mask) == TEMPLATE
    source = template_mask(template, grid) if is_template else mask
    image, label = read_image(source), f"The {kind} {name_of(source)}"
    if not (is_template or image.header.grid.matches(grid)):
        raise _on_another_grid(label, image.grid, grid)
    inside = voxels_inside(image.values, image.header.step, threshold, label=label, flag=THRESHOLDS[kind])
    if is_template:
        inside = resample_nearest(inside.astype(np.uint8), image.header.grid, grid).astype(bool)
    if not inside.any():
        least = "that is not 0" if threshold is None else f"of {threshold:g} or more"
        raise EmptyMaskError(f"{label} is empty", f"at least one voxel {least}")
    return VolumeSpace(grid, inside)


def _on_another_grid(label: str, found: Grid, grid: Grid) -> GridMismatchError:
    return GridMismatchError(
        f"{label} is on another grid: {found}",
        f"the grid of the maps: {grid}",
        "Resample it first, e.g. nilearn.image.resample_to_img(mask, a_map, interpolation='nearest')",
    )


def n_required(coverage: float, n_subjects: int) -> int:
    """Return how many subjects must have data at a voxel, of a fraction of subjects in (0, 1]."""
    return max(1, math.ceil(coverage * n_subjects - 1e-9))


def group_mask(
    counts: npt.NDArray[np.int32],
    n_subjects: int,
    coverage: float,
    grid: Grid,
    mask: VolumeSpace | None = None,
    *,
    suspicion: str = "",
) -> VolumeSpace:
    """Return the voxels to test: inside the mask, and with data, by `counts` (x, y, z), of enough subjects.

    A `suspicion` that the maps are thresholded is the advice of the error where no voxel remains.
    """
    inside = counts >= n_required(coverage, n_subjects)
    if mask is not None:
        inside &= mask.inside
    if not inside.any():
        most = int(counts.max() if mask is None else counts[mask.inside].max())
        raise EmptyMaskError(
            f"No voxel has data of {coverage:.0%} of the {n_subjects} subjects (at most {most} have data)"
            + (" inside the mask" if mask is not None else ""),
            hint=suspicion
            or "Lower --coverage, exclude the subjects with the smallest coverage with --exclude, or check the mask",
        )
    return VolumeSpace(grid, inside)


def note_unmasked(tested: Space, mask_fraction: float | None = None) -> str | None:
    """Return a note if tested voxels are probably not inside a brain mask; None otherwise.

    Without a mask, `tested` fill too much of the volume; of a mask, its fraction of the volume is too large.
    """
    weakens = "testing voxels outside the brain weakens every bound"
    if mask_fraction is None and tested.fraction > UNMASKED:
        return (
            f"The tested voxels fill {tested.fraction:.0%} of the volume: the maps are probably not brain-masked, and "
            f"{weakens}. Give a brain mask with --mask"
        )
    if mask_fraction is not None and mask_fraction > UNMASKED:
        return (
            f"The mask fills {mask_fraction:.0%} of the volume, the tested voxels {tested.fraction:.0%}: it is "
            f"probably not a brain mask, and {weakens}. Check --mask"
        )
    return None
