"""Images and arrays: what a volume holds, and where it holds nothing."""

from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bids_ari.errors import EmptyMaskError, GridMismatchError
from bids_ari.images.files import Image, name_of, read_image, take_image
from bids_ari.images.space import BoolVolume, Grid, VolumeSpace
from bids_ari.stats.distributions import FloatArray

_MASKED = 0.6
"""Maps that fill more of the volume than this are probably not brain-masked."""


def load_volume(source: str | Path | nib.Nifti1Image) -> tuple[FloatArray, Grid]:
    """Read a three-dimensional image, or the file of one: its values as float64, scaled, and its grid.

    Raises
    ------
    InputNotFoundError
        When there is no such file.
    DataError
        When the content is not there, damaged, not three-dimensional, or larger than the memory that is free.
    ReadError
        When the operating system cannot read the file.
    """
    image = _read(source)
    return image.values, image.header.grid


def load_map(source: str | Path | nib.Nifti1Image) -> tuple[FloatArray, Grid, BoolVolume]:
    """Read a statistical map as `load_volume` does; say also at which voxels it is `missing`."""
    image = _read(source)
    return image.values, image.header.grid, missing(image.values, image.header.step)


def missing(volume: FloatArray, step: float = 0.0) -> BoolVolume:
    """Say at which voxels of an unsmoothed map the subject has no data.

    NaN and infinities are missing. Zero is missing only where it is connected to the edge of the volume through
    other voxels without a value: the background. A zero inside the brain is a value, as scaled integers give.

    Parameters
    ----------
    volume : array (x, y, z)
        The map.
    step : float
        Of scaled integers, the distance between neighbouring values: what lies nearest to zero stands for zero. (A
        background of zero that was saved with an offset reads as -2e-5 or so.)
    """
    if not volume.flags.c_contiguous and volume.flags.f_contiguous:
        return missing(volume.T, step).T  # connected is connected, and numpy runs along rows of memory
    empty = ~np.isfinite(volume)
    zero = np.abs(volume) < step / 2 if step else volume == 0
    if not zero.any():
        return empty
    absent = empty | zero
    if not absent.all():
        box = _box_around(~absent)  # beyond it nothing has a value, up to the edge of the volume
        absent[box] = empty[box] | _reached_from_outside(absent[box])
    return absent


def smooth(volume: FloatArray, grid: Grid, fwhm: float | None) -> FloatArray:
    """Smooth a volume by a Gaussian of a full width at half maximum in mm; what is not finite becomes 0."""
    finite = np.where(np.isfinite(volume), volume, 0.0)
    if not fwhm:
        return finite
    from nilearn.image import smooth_img

    return np.asarray(smooth_img(nib.Nifti1Image(finite, grid.affine), fwhm).dataobj, dtype=float)


def resample_nearest(volume: npt.NDArray[np.generic], grid: Grid, target: Grid) -> npt.NDArray[np.generic]:
    """Give the nearest value of a volume at each voxel of another grid; 0 outside."""
    if grid.matches(target):
        return volume
    from nilearn.image import resample_img

    resampled = resample_img(
        nib.Nifti1Image(volume, grid.affine),
        target_affine=target.affine,
        target_shape=target.shape,
        interpolation="nearest",
        copy_header=True,
        force_resample=True,
    )
    return np.asarray(resampled.dataobj)


def load_mask(source: str | Path | nib.Nifti1Image, grid: Grid) -> VolumeSpace:
    """Read a mask: every voxel that is finite and not 0.

    Raises
    ------
    GridMismatchError
        When it is not on `grid`.
    EmptyMaskError
        When no voxel is in.
    """
    volume, found = load_volume(source)
    if not found.matches(grid):
        raise GridMismatchError(
            f"The mask {name_of(source)} is on another grid: {found}",
            f"the grid of the maps: {grid}",
            "Resample it first, e.g. nilearn.image.resample_to_img(mask, a_map, interpolation='nearest')",
        )
    inside = np.isfinite(volume) & (volume != 0)
    if not inside.any():
        raise EmptyMaskError(f"The mask {name_of(source)} is empty", "at least one voxel that is not 0")
    return VolumeSpace(grid, inside)


def looks_unmasked(mask: VolumeSpace) -> bool:
    """Say whether a mask fills so much of the volume that the maps were probably not brain-masked."""
    return mask.n_points > _MASKED * mask.inside.size


def _box_around(inside: BoolVolume) -> tuple[slice, ...]:
    """Give the smallest box around some voxels."""
    plane = np.asarray(inside.any(axis=2))  # the last axis runs fastest
    found = [np.flatnonzero(line) for line in (plane.any(axis=1), plane.any(axis=0), inside.any(axis=(0, 1)))]
    return tuple(slice(int(where[0]), int(where[-1]) + 1) for where in found)


def _reached_from_outside(hollow: BoolVolume) -> BoolVolume:
    """Say which hollow voxels are connected to a face of the box through others, by faces."""
    regions, n_regions = ndimage.label(hollow)
    reached = np.zeros(n_regions + 1, dtype=bool)
    for axis in range(3):
        reached[np.take(regions, (0, -1), axis=axis)] = True
    reached[0] = False
    return np.asarray(reached.take(regions))


def _read(source: str | Path | nib.Nifti1Image) -> Image:
    """Read a file, or take an image."""
    return read_image(Path(source)) if isinstance(source, str | Path) else take_image(source)
