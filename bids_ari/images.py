"""Images and arrays: the one room that opens NIfTI files. A *stack* is one map per subject on one grid."""

import gzip
import logging
import math
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, SpatialImage
from scipy import ndimage

from bids_ari.errors import (
    DataError,
    EmptyMaskError,
    GridMismatchError,
    InputNotFoundError,
    ReadError,
    listing,
)
from bids_ari.grids import BoolVolume, Grid, Mask
from bids_ari.stats.tails import FloatArray

log = logging.getLogger(__name__)


_DAMAGE = (
    ImageFileError,
    HeaderDataError,
    EOFError,
    zlib.error,
    ValueError,
    TypeError,
    OverflowError,
    OSError,
    MemoryError,
)
"""What nibabel raises when a file is not what it says."""

_MASKED = 0.6
"""Maps that fill more of the volume than this are probably not brain-masked."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Stack:
    """One map per subject, all on one grid; opened and checked, read when asked for.

    Attributes
    ----------
    paths : tuple of Path
        One file per subject.
    subjects : tuple of str
        Their labels.
    grid : Grid
        The grid that all share.
    counts : array of int (x, y, z)
        How many subjects have data at each voxel.
    """

    paths: tuple[Path, ...]
    subjects: tuple[str, ...]
    grid: Grid
    counts: npt.NDArray[np.int32]

    @property
    def coverage(self) -> FloatArray:
        """Fraction of subjects with data at each voxel, (x, y, z)."""
        return self.counts / len(self.subjects)

    def within(self, mask: Mask, smoothing: float | None = None) -> FloatArray:
        """Read the maps within a mask, (n_subjects, n_voxels); NaN where a subject has no data.

        Parameters
        ----------
        mask : Mask
            On the same grid.
        smoothing : float, optional
            Full width at half maximum in mm of a Gaussian by which each whole volume is smoothed first. Voxels
            without data count as 0 then.
        """
        effects = np.empty((len(self.paths), mask.n_voxels))
        complete = bool((self.counts[mask.inside] == len(self.subjects)).all())
        for row, path in enumerate(self.paths):
            volume, _, absent = load_map(path)
            effects[row] = smooth(volume, self.grid, smoothing)[mask.inside]
            if not complete:
                effects[row, absent[mask.inside]] = np.nan
        return effects

    def __repr__(self) -> str:
        return f"Stack(n_subjects={len(self.subjects)}, grid={self.grid})"


def load_volume(source: str | Path | nib.Nifti1Image) -> tuple[FloatArray, Grid]:
    """Read a three-dimensional image, or the file of one: its values as float64, scaled, and its grid.

    Raises
    ------
    DataError
        When the content is not there, damaged, or not three-dimensional.
    ReadError
        When the operating system cannot read the file.
    """
    values, grid, _ = _read(source)
    return values, grid


def load_map(source: str | Path | nib.Nifti1Image) -> tuple[FloatArray, Grid, BoolVolume]:
    """Read a statistical map as `load_volume` does; say also at which voxels it is `missing`."""
    values, grid, step = _read(source)
    return values, grid, missing(values, step)


def open_image(source: str | Path | nib.Nifti1Image) -> nib.Nifti1Image:
    """Open a three-dimensional image without reading its values; a last axis of length 1 is dropped."""
    if not isinstance(source, str | Path):
        return _checked(source, _named(source))
    path = Path(source)
    try:
        path.open("rb").close()  # nibabel would not say why a file cannot be read
        image: Any = nib.load(path)
        return _checked(image, str(path))
    except FileNotFoundError as error:
        if path.is_symlink():
            raise DataError(
                f"{path} is a link to content that is not here", hint=f"Fetch it: datalad get {path}"
            ) from error
        raise InputNotFoundError(f"There is no file {path}") from error
    except _DAMAGE as error:
        raise _unreadable(str(path), error) from error


def load_stack(paths: Sequence[Path], subjects: Sequence[str]) -> Stack:
    """Open one map per subject and count at each voxel the subjects that have data there.

    Raises
    ------
    GridMismatchError
        When the maps do not share one grid; names who differs.
    DataError
        When a map cannot be used: damaged, not 3-D, or without any value.
    """
    grids = [Grid.of(open_image(path)) for path in paths]
    common = _common_grid(grids, subjects)
    counts = np.zeros(common.shape, dtype=np.int32)
    for path, subject in zip(paths, subjects, strict=True):
        _, _, absent = load_map(path)
        present = ~absent
        if not present.any():
            raise DataError(
                f"sub-{subject} has no data: {path} holds only NaN or zero",
                hint=f"Mend it or leave the subject out with --exclude {subject}",
            )
        counts += present
    return Stack(tuple(paths), tuple(subjects), common, counts)


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
    empty = ~np.isfinite(volume)
    zero = np.abs(volume) < step / 2 if step else volume == 0
    if not zero.any():
        return empty
    regions, _ = ndimage.label(empty | zero)
    edges = [np.take(regions, (0, -1), axis=axis).ravel() for axis in range(3)]
    outer = np.unique(np.concatenate(edges))
    return empty | np.isin(regions, outer[outer > 0])


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


def load_mask(source: str | Path | nib.Nifti1Image, grid: Grid) -> Mask:
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
            f"The mask {_named(source)} is on another grid: {found}",
            f"the grid of the maps: {grid}",
            "Resample it first, e.g. nilearn.image.resample_to_img(mask, a_map, interpolation='nearest')",
        )
    inside = np.isfinite(volume) & (volume != 0)
    if not inside.any():
        raise EmptyMaskError(f"The mask {_named(source)} is empty", "at least one voxel that is not 0")
    return Mask(grid, inside)


def group_mask(stack: Stack, given: Mask | None, coverage: float) -> Mask:
    """Choose the voxels to test: inside the given mask, and with data of enough subjects.

    Parameters
    ----------
    stack : Stack
        The maps.
    given : Mask, optional
        Voxels outside are not tested.
    coverage : float
        The fraction of subjects, in (0, 1], that must have data at a voxel.

    Raises
    ------
    EmptyMaskError
        When no voxel is left.
    """
    enough = stack.counts >= max(1, math.ceil(coverage * len(stack.subjects) - 1e-9))
    inside = enough & given.inside if given is not None else enough
    if not inside.any():
        most = int(stack.counts.max() if given is None else stack.counts[given.inside].max())
        raise EmptyMaskError(
            f"No voxel has data of {coverage:.0%} of the {len(stack.subjects)} subjects (at most {most} do)"
            + (" inside the mask" if given is not None else ""),
            hint="Lower --coverage, leave out who covers least with --exclude, or check the mask",
        )
    return Mask(stack.grid, inside)


def looks_unmasked(mask: Mask) -> bool:
    """Say whether a mask fills so much of the volume that the maps were probably not brain-masked."""
    return mask.n_voxels > _MASKED * mask.inside.size


def _common_grid(grids: Sequence[Grid], subjects: Sequence[str]) -> Grid:
    """Give the grid that all share, or name who differs from the most common one."""
    votes: Counter[int] = Counter()
    kinds: list[int] = []  # for each map, the first map on the same grid
    for i, grid in enumerate(grids):
        kind = next((k for k in votes if grids[k].matches(grid)), i)
        votes[kind] += 1
        kinds.append(kind)
    common = votes.most_common(1)[0][0]
    odd = [i for i, kind in enumerate(kinds) if kind != common]
    if odd:
        who = listing(f"sub-{subjects[i]}" for i in odd)
        labels = " ".join(subjects[i] for i in odd)
        alike = len({kinds[i] for i in odd}) == 1
        others = f"the {votes[common]} others" if votes[common] > 1 else f"sub-{subjects[common]}"
        raise GridMismatchError(
            f"{who} {'has' if len(odd) == 1 else 'have'} {'a grid of' if alike else 'other grids, such as'} "
            f"{grids[odd[0]]}",
            f"that of {others}: {grids[common]}",
            f"Resample, or leave out with --exclude {labels}",
        )
    return grids[common]


def _checked(image: nib.Nifti1Image, name: str) -> nib.Nifti1Image:
    """Drop a fourth axis of length 1; refuse what is not one volume of real numbers with a place in space."""
    if not isinstance(image, SpatialImage):
        raise DataError(f"{name} is no volume image but {type(image).__name__}", "a NIfTI file")
    if len(image.shape) == 4 and image.shape[3] == 1:
        image = image.slicer[..., 0]
    if len(image.shape) != 3:
        raise DataError(f"{name} has {len(image.shape)} dimensions {image.shape}", "a single 3-D volume")
    if min(image.shape) < 1:
        raise DataError(f"{name} has the shape {image.shape}", "at least one voxel along each axis")
    if image.get_data_dtype().kind not in "biuf":
        raise DataError(f"{name} holds values of type {image.get_data_dtype()}", "real numbers")
    if not np.isfinite(image.affine).all() or np.linalg.det(image.affine[:3, :3]) == 0:
        raise DataError(f"{name} has an affine that places no voxel: {image.affine[:3].tolist()}", "an invertible one")
    return image


def _read(source: str | Path | nib.Nifti1Image) -> tuple[FloatArray, Grid, float]:
    """Read values, grid, and the step between values where these are scaled integers with an offset, else 0."""
    image = open_image(source)
    try:
        if isinstance(source, str | Path) and str(source).endswith(".nii.gz"):
            image = _checked(_decompressed(Path(source)), str(source))
        values = np.asarray(image.get_fdata(caching="unchanged"))
    except _DAMAGE as error:
        raise _unreadable(_named(source), error) from error
    offset = image.get_data_dtype().kind in "iu" and getattr(image.dataobj, "inter", 0.0) != 0
    step = abs(float(getattr(image.dataobj, "slope", 0.0))) if offset else 0.0
    return values, Grid.of(image), step


def _decompressed(path: Path) -> Any:
    """Read a compressed image whole: nibabel stops short of the checksum, and would take most flipped bits as data."""
    content = gzip.decompress(path.read_bytes())
    kind = nib.Nifti2Image if content[4:7] == b"n+2" else nib.Nifti1Image
    return kind.from_bytes(content)


def _named(source: Any) -> str:
    """Name an image in a message."""
    if isinstance(source, str | Path):
        return str(source)
    return str(source.get_filename() or "the image") if isinstance(source, SpatialImage) else "the image"


def _unreadable(name: str, error: Exception) -> DataError | ReadError:
    """Tell a file whose content is damaged from one that the system does not give us."""
    if isinstance(error, OSError) and error.errno is not None:
        return ReadError(f"{name} cannot be read: {error.strerror}")
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return DataError(f"{name} is damaged or no NIfTI image: {reason}", hint="Copy or make it anew")
