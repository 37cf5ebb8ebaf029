"""Volumes: grids of voxels, and the voxels of a grid that are tested."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import nibabel as nib
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bids_ari.errors import counted
from bids_ari.images.background_kernels import connected_to_edge
from bids_ari.images.binary import is_zero
from bids_ari.images.space import CONNECTIVITIES, BoolArray, File, Frame, Points, Profile, Space
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.forest import GridAdjacency

_PLANES = ("sagittal", "coronal", "axial")
_LARGE = 0.25  # part of the voxels of the largest slice: slices with fewer, at the end of the brain, may lack data
_FWHM = math.sqrt(8 * math.log(2))  # full width at half maximum of a Gaussian whose standard deviation is 1
_TOLERANCE = 0.01  # two grids are the same when their corners are no further apart than this fraction of a voxel


@dataclass(frozen=True, slots=True, eq=False)
class Grid(Frame):
    """Shape and affine of a volume."""

    unit: ClassVar[str] = "voxel"
    units: ClassVar[str] = "voxels"
    kind: ClassVar[str] = "grid"
    parts: ClassVar[str] = "slices"
    has_background: ClassVar[bool] = True

    shape: tuple[int, int, int]
    affine: FloatArray  # (4, 4), from voxel indices to mm, RAS+
    codes: tuple[int, int] = (2, 0)  # of sform and qform, for images that are written on this grid

    @classmethod
    def of(cls, image: nib.Nifti1Image) -> "Grid":
        """Return the grid of an image."""
        header: Any = image.header if hasattr(image.header, "keys") else {}  # the header of AFNI has no fields
        codes = tuple(int(header[k]) if k in header else 2 for k in ("sform_code", "qform_code"))
        return cls(tuple(image.shape[:3]), np.asarray(image.affine, dtype=float), codes)  # type: ignore[arg-type]

    @property
    def zooms(self) -> tuple[float, ...]:
        """Voxel size in mm along each axis."""
        return tuple(float(size) for size in np.linalg.norm(self.affine[:3, :3], axis=0))

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel in mm3."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    def matches(self, other: Frame) -> bool:
        """Return whether the voxels of two grids are the same."""
        if not isinstance(other, Grid) or self.shape != other.shape:
            return False
        if np.array_equal(self.affine, other.affine):
            return True
        corners = np.array(list(product(*((0, n - 1) for n in self.shape))))
        apart = np.linalg.norm(self.millimetres(corners) - other.millimetres(corners), axis=1)
        return bool(apart.max() <= _TOLERANCE * min(self.zooms))

    def missing(self, values: FloatArray, step: float = 0.0) -> BoolArray:
        """Return the voxels of an unsmoothed map at which the subject has no data; see `missing`."""
        return missing(values, step)

    def smooth(self, values: FloatArray, fwhm: float) -> FloatArray:
        """Smooth a volume (x, y, z) by a Gaussian of `fwhm` mm, as nilearn does; what is not finite counts as 0."""
        smoothed = np.where(np.isfinite(values), values, 0.0)
        for axis, zoom in enumerate(self.zooms):
            ndimage.gaussian_filter1d(smoothed, fwhm / (_FWHM * zoom), axis, output=smoothed)
        return np.asarray(smoothed, dtype=float)

    def profile(self, present: BoolArray) -> Profile:
        """Return the number of voxels with data in each slice across each axis."""
        by_slice = [np.count_nonzero(each) for each in present.T]
        through = present.T.sum(axis=0, dtype=np.intp)  # along the axis that varies slowest in most files
        return through.sum(axis=0), through.sum(axis=1), np.array(by_slice, dtype=np.intp)

    def lacking(self, profile: Profile, others: Profile) -> str:
        """Return which slices of a map have no data where those of others do, in words; empty if there are none."""
        axes = [int(axis) for axis, _ in nib.io_orientation(self.affine)]
        parts = []
        for axis, own, expected in zip(axes, profile, others, strict=True):
            large = np.flatnonzero(expected >= _LARGE * expected.max(initial=1))
            if large.size and (n := np.count_nonzero(own[large[0] : large[-1] + 1] == 0)):
                parts.append(counted(int(n), f"{_PLANES[axis]} slice"))
        return ", ".join(parts)

    @property
    def fingerprint(self) -> bytes:
        """Shape and affine as bytes."""
        return repr(self.shape).encode() + self.affine.tobytes()

    def space(self, inside: BoolArray) -> "VolumeSpace":
        """Return the space of the voxels that are true in a volume (x, y, z)."""
        return VolumeSpace(self, inside)

    def millimetres(self, indices: npt.NDArray[np.integer]) -> FloatArray:
        """Return the coordinates (n, 3) in mm of voxel indices (n, 3)."""
        return np.asarray(indices @ self.affine[:3, :3].T + self.affine[:3, 3])

    def indices_at(self, coordinates: FloatArray) -> FloatArray:
        """Return voxel indices with fractions, (3, ...), of coordinates (..., 3) in mm; -9 where any is infinite."""
        inverse = np.linalg.inv(self.affine)
        near = np.where(np.isfinite(coordinates), coordinates, 0.0)
        indices = near @ inverse[:3, :3].T + inverse[:3, 3]
        return np.moveaxis(np.where(np.isfinite(coordinates), indices, -9.0), -1, 0)

    def indices_across(self, x: FloatArray, y: FloatArray, z: FloatArray) -> list[FloatArray]:
        """Return three voxel indices with fractions; they are to be broadcast, as the coordinates in mm are.

        Each depends only on the coordinates along which its axis goes: on one, unless the grid is oblique.
        """
        rows = np.linalg.inv(self.affine)[:3].tolist()
        return [
            sum((weight * each for weight, each in zip(row, (x, y, z), strict=False) if weight), np.array(row[3]))
            for row in rows
        ]

    def image(self, volume: npt.NDArray[np.generic]) -> nib.Nifti1Image:
        """Return an array on this grid as an image of the same type."""
        image = nib.Nifti1Image(volume, self.affine)
        sform, qform = self.codes
        image.set_sform(self.affine, code=sform if sform or qform else 2)
        image.set_qform(self.affine, code=qform)
        image.header.set_xyzt_units("mm")
        return image

    def __str__(self) -> str:
        size = " x ".join(f"{zoom:.3g}" for zoom in self.zooms)
        axes = "".join(str(code) for code in nib.aff2axcodes(self.affine))
        origin = ", ".join(f"{x:.4g}" for x in self.affine[:3, 3])
        return f"{size} mm {self.shape} {axes} from ({origin})"


def missing(volume: FloatArray, step: float = 0.0) -> BoolArray:
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
    return np.asarray(empty | connected_to_edge(np.ascontiguousarray(empty | zero)))


def bounding_box(inside: BoolArray) -> tuple[slice, ...]:
    """Return the smallest box of a volume (x, y, z) that contains its true voxels, at least one.

    >>> bounding_box(np.arange(24).reshape(2, 3, 4) == 18)
    (slice(1, 2, None), slice(1, 2, None), slice(2, 3, None))
    """
    axes = range(inside.ndim)
    used = [np.flatnonzero(inside.any(axis=tuple(other for other in axes if other != axis))) for axis in axes]
    return tuple(slice(int(places[0]), int(places[-1]) + 1) for places in used)


def volume_of(space: Space) -> "VolumeSpace":
    """Return a space as one of voxels; raise TypeError for another one."""
    if not isinstance(space, VolumeSpace):
        raise TypeError(f"the points are {space.units}")
    return space


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class VolumeSpace(Space):
    """Some voxels of a grid, in C order."""

    frame: Grid

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], codes: tuple[int, int]) -> "VolumeSpace":
        """Build the space of what `arrays` and `codes` returned; raise ValueError if it is impossible."""
        affine = arrays["affine"]
        with np.errstate(all="ignore"):
            volume = np.linalg.det(affine[:3, :3])
        if volume == 0 or not np.isfinite(volume) or affine[3].tolist() != [0, 0, 0, 1]:
            raise ValueError("the array affine is not an invertible affine transform")
        if not {*codes} <= {*range(6)}:
            raise ValueError(f"the codes of sform and qform are {codes}; expected 0 to 5")
        return cls(Grid(arrays["mask"].shape, affine, codes), arrays["mask"])

    @property
    def grid(self) -> Grid:
        """The grid of the voxels."""
        return self.frame

    @property
    def resolution(self) -> str:
        """Voxel size in mm."""
        return " x ".join(f"{zoom:.3g}" for zoom in self.grid.zooms) + " mm"

    @property
    def indices(self) -> npt.NDArray[np.intp]:
        """Voxel indices (n_points, 3)."""
        return self._once("indices", lambda: np.argwhere(self.inside))

    def select(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the values at the voxels, (n_points,), of an array (x, y, z)."""
        if array.flags.c_contiguous or not array.flags.f_contiguous or array.shape != self.shape:
            return array[self.inside]
        return array.ravel(order="F").take(self._once("places", self._places))

    def _places(self) -> npt.NDArray[np.intp]:
        """Return the place of each voxel in a file, where the first axis varies fastest."""
        return np.arange(self.inside.size).reshape(self.shape, order="F")[self.inside]

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the mask (x, y, z) and the affine (4, 4)."""
        return {"mask": self.inside, "affine": self.grid.affine}

    def coordinates(self, points: Points | None = None) -> FloatArray:
        """Return the coordinates in mm, (n, 3), of some voxels; of all by default."""
        indices = self.indices
        return self.grid.millimetres(indices if points is None else indices[points])

    def sizes(self, points: Points | None = None) -> dict[str, float]:
        """Return the volume of some voxels in mm3; of all by default."""
        return {"volume_mm3": (self.n_points if points is None else points.size) * self.grid.voxel_volume}

    def active_sizes(self, points: Points, tdn: int) -> dict[str, float]:
        """Return nothing: all voxels have the same volume."""
        return {}

    def places(self, points: Points) -> dict[str, npt.NDArray[Any]]:
        """Return nothing: coordinates name the place of a voxel."""
        return {}

    def distances(self, point: int, points: Points, limit: float) -> FloatArray:
        """Return the straight distance in mm of one voxel to others, (n,)."""
        places = self.coordinates(np.append(point, points))
        return np.asarray(np.linalg.norm(places[1:] - places[0], axis=1))

    def local_maxima(self, values: FloatArray) -> npt.NDArray[np.bool_]:
        """Return which voxels have a value at least as large as all 26 neighbours, (n_points,)."""
        highest = ndimage.maximum_filter(self.unmask(values, -np.inf), size=3, mode="constant", cval=-np.inf)
        return np.asarray(values >= highest[self.inside])

    def points_at(self, coordinates: FloatArray) -> npt.NDArray[np.int32]:
        """Return the voxel at each coordinate, (..., 3) in mm; -1 for none, and where a coordinate is infinite."""
        positions = self.unmask(np.arange(self.n_points, dtype=np.int32), -1)
        indices = self.grid.indices_at(coordinates)
        found = ndimage.map_coordinates(positions, indices, order=0, mode="grid-constant", cval=-1, prefilter=False)
        return np.asarray(found, dtype=np.int32)

    def points_across(self, x: FloatArray, y: FloatArray, z: FloatArray) -> npt.NDArray[np.int32]:
        """Return the voxel at coordinates in mm, which are broadcast; -1 for none."""
        nearest = [np.floor(indices + 0.5).astype(np.intp) for indices in self.grid.indices_across(x, y, z)]
        edged = np.pad(self.unmask(np.arange(self.n_points, dtype=np.int32), -1), 1, constant_values=-1)
        limits = zip(nearest, self.shape, strict=True)
        i, j, k = (np.clip(indices, -1, n) + 1 for indices, n in limits)
        return np.asarray(edged[i, j, k])

    def image(self, values: npt.ArrayLike, fill: float = 0) -> nib.Nifti1Image:
        """Return values, (n_points,), as an image on the grid, with `fill` elsewhere."""
        return self.grid.image(self.unmask(values, fill))

    def endings(self, *, labels: bool = False) -> tuple[tuple[dict[str, str], str], ...]:
        """Return the extension of compressed NIfTI files."""
        return (({}, ".nii.gz"),)

    def files(
        self,
        values: npt.ArrayLike,
        fill: float = 0,
        names: Mapping[int, str] | None = None,
        title: str = "",
        stat: str = "",
    ) -> Iterator[File]:
        """Yield values, (n_points,), as a compressed NIfTI image; it does not hold the names of labels."""
        yield File({}, ".nii.gz", self.image(values, fill))

    def adjacency(self, connectivity: int) -> GridAdjacency:
        """Return which voxels are neighbours, as in `CONNECTIVITIES`."""
        padded_inside = np.pad(self.inside[bounding_box(self.inside)], 1)  # much smaller than the volume
        padded = padded_inside.shape
        strides = np.array([padded[1] * padded[2], padded[2], 1])
        steps = np.array(list(product((-1, 0, 1), repeat=3)))
        axes = np.abs(steps).sum(axis=1)
        steps = steps[(axes > 0) & (axes <= CONNECTIVITIES[connectivity])]
        cell = np.flatnonzero(padded_inside).astype(np.int32)
        return GridAdjacency(cell, (steps @ strides).astype(np.int32), padded_inside.size)
