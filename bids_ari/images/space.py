"""Spaces: the points at which maps have values.

A *grid* is a shape and an affine. A *space* is the set of points to test, of a grid or of a mesh; all other rooms
address points by their position 0..n_points-1, and do not depend on the kind of point.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar, Self

import nibabel as nib
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.forest import Adjacency, GridAdjacency

BoolVolume = npt.NDArray[np.bool_]
Points = npt.NDArray[np.integer[Any]]

CONNECTIVITIES = {6: 1, 18: 2, 26: 3}
"""Neighbours share a face (6), also an edge (18), or also a corner (26): the number of axes along which they differ."""

_TOLERANCE = 0.01  # two grids are the same when their corners are no further apart than this fraction of a voxel


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Shape and affine of a volume."""

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

    def matches(self, other: "Grid") -> bool:
        """Return whether the voxels of two grids are the same."""
        if self.shape != other.shape:
            return False
        corners = np.array(list(product(*((0, n - 1) for n in self.shape))))
        apart = np.linalg.norm(self.millimetres(corners) - other.millimetres(corners), axis=1)
        return bool(apart.max() <= _TOLERANCE * min(self.zooms))

    def millimetres(self, indices: npt.NDArray[np.integer]) -> FloatArray:
        """Return the coordinates (n, 3) in mm of voxel indices (n, 3)."""
        return np.asarray(indices @ self.affine[:3, :3].T + self.affine[:3, 3])

    def indices_at(self, coordinates: FloatArray) -> FloatArray:
        """Return voxel indices with fractions, (3, ...), of coordinates (..., 3) in mm; -9 where any is infinite."""
        inverse = np.linalg.inv(self.affine)
        near = np.where(np.isfinite(coordinates), coordinates, 0.0)
        indices = near @ inverse[:3, :3].T + inverse[:3, 3]
        return np.moveaxis(np.where(np.isfinite(coordinates), indices, -9.0), -1, 0)

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


class Space(ABC):
    """A set of points: their coordinates and sizes, which of them are neighbours, and images of their values.

    A point is addressed by its position 0..n_points-1, and values are arrays (n_points,). An *array* of the space also
    has the positions that are not tested: all voxels of the grid, or all vertices of the mesh.
    """

    unit: ClassVar[str]  # the name of a point, such as voxel
    units: ClassVar[str]  # its plural
    size_unit: ClassVar[str]  # of `size_of`, such as mm3

    @property
    @abstractmethod
    def n_points(self) -> int:
        """Number of points."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of an array of the space."""

    @property
    @abstractmethod
    def resolution(self) -> str:
        """Size of a point, as text."""

    @property
    def fraction(self) -> float:
        """Part of all positions of an array that are points."""
        return self.n_points / math.prod(self.shape)

    @abstractmethod
    def select(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the values at the points, (n_points,), of an array of the space."""

    @abstractmethod
    def unmask(self, values: npt.ArrayLike, fill: float = 0) -> npt.NDArray[Any]:
        """Return values, (n_points,), as an array of the space, with `fill` elsewhere."""

    @abstractmethod
    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays that define the space, by name, for saved files and checksums."""

    @abstractmethod
    def coordinates(self, points: Points | None = None) -> FloatArray:
        """Return the coordinates in mm, (n, 3), of some points; of all by default."""

    @abstractmethod
    def size_of(self, points: Points | None = None) -> float:
        """Return the size of a set of points in `size_unit`; of all by default."""

    @abstractmethod
    def adjacency(self, connectivity: int) -> Adjacency:
        """Return which points are neighbours."""

    @abstractmethod
    def local_maxima(self, values: FloatArray) -> npt.NDArray[np.bool_]:
        """Return which points have a value at least as large as all their neighbours, (n_points,)."""

    @abstractmethod
    def points_at(self, coordinates: FloatArray) -> npt.NDArray[np.int32]:
        """Return the point at each coordinate, (..., 3) in mm; -1 for none."""

    @abstractmethod
    def image(self, values: npt.ArrayLike, fill: float = 0) -> nib.Nifti1Image:
        """Return values, (n_points,), as an image, with `fill` elsewhere."""

    @abstractmethod
    def keep(self, points: npt.NDArray[np.bool_]) -> Self:
        """Return the space of the points for which a boolean, (n_points,), is true."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class VolumeSpace(Space):
    """Some voxels of a grid, in C order."""

    unit: ClassVar[str] = "voxel"
    units: ClassVar[str] = "voxels"
    size_unit: ClassVar[str] = "mm3"

    grid: Grid
    inside: BoolVolume  # (x, y, z), not writeable

    def __post_init__(self) -> None:
        inside = self.inside.view()
        inside.flags.writeable = False
        object.__setattr__(self, "inside", inside)

    def __repr__(self) -> str:
        return f"VolumeSpace({self.n_points} voxels of {self.grid})"

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
    def codes(self) -> tuple[int, int]:
        """The sform and qform codes of its images."""
        return self.grid.codes

    @property
    def n_points(self) -> int:
        """Number of voxels."""
        return int(np.count_nonzero(self.inside))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the grid."""
        return self.grid.shape

    @property
    def resolution(self) -> str:
        """Voxel size in mm."""
        return " x ".join(f"{zoom:.3g}" for zoom in self.grid.zooms) + " mm"

    @property
    def indices(self) -> npt.NDArray[np.intp]:
        """Voxel indices (n_points, 3)."""
        return np.argwhere(self.inside)

    def select(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the values at the voxels, (n_points,), of a volume (x, y, z)."""
        return array[self.inside]

    def unmask(self, values: npt.ArrayLike, fill: float = 0) -> npt.NDArray[Any]:
        """Return values, (n_points,), as a volume (x, y, z), with `fill` elsewhere."""
        values = np.asarray(values)
        volume = np.full(self.inside.shape, fill, dtype=values.dtype)
        volume[self.inside] = values
        return volume

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the mask (x, y, z) and the affine (4, 4)."""
        return {"mask": self.inside, "affine": self.grid.affine}

    def coordinates(self, points: Points | None = None) -> FloatArray:
        """Return the coordinates in mm, (n, 3), of some voxels; of all by default."""
        indices = self.indices
        return self.grid.millimetres(indices if points is None else indices[points])

    def size_of(self, points: Points | None = None) -> float:
        """Return the volume of some voxels in mm3; of all by default."""
        return (self.n_points if points is None else points.size) * self.grid.voxel_volume

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

    def image(self, values: npt.ArrayLike, fill: float = 0) -> nib.Nifti1Image:
        """Return values, (n_points,), as an image on the grid, with `fill` elsewhere."""
        return self.grid.image(self.unmask(values, fill))

    def keep(self, points: npt.NDArray[np.bool_]) -> "VolumeSpace":
        """Return the space of the voxels for which a boolean, (n_points,), is true."""
        return VolumeSpace(self.grid, self.unmask(points).astype(bool))

    def adjacency(self, connectivity: int) -> GridAdjacency:
        """Return which voxels are neighbours, as in `CONNECTIVITIES`."""
        box = ndimage.find_objects(self.inside.astype(np.int8))[0]  # much smaller than the volume
        padded_inside = np.pad(self.inside[box], 1)
        padded = padded_inside.shape
        strides = np.array([padded[1] * padded[2], padded[2], 1])
        steps = np.array(list(product((-1, 0, 1), repeat=3)))
        axes = np.abs(steps).sum(axis=1)
        steps = steps[(axes > 0) & (axes <= CONNECTIVITIES[connectivity])]
        cell = np.flatnonzero(padded_inside).astype(np.int32)
        return GridAdjacency(cell, (steps @ strides).astype(np.int32), padded_inside.size)
