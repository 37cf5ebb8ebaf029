"""Grayordinates: the vertices of cortical meshes and the voxels of other structures, as one frame.

The left and the right hemisphere and the volume structures are one analysis. Points are those of a GIFTI file for each
hemisphere, or of a CIFTI file; both are described by nibabel's axis of brain models.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, reduce
from operator import add
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
from nibabel.cifti2.cifti2_axes import BrainModelAxis
from scipy import sparse

from bids_ari.errors import counted
from bids_ari.images.binary import is_zero
from bids_ari.images.computed import Computed
from bids_ari.images.mesh import Mesh
from bids_ari.images.mesh_smoothing import smoother, voxel_smoother
from bids_ari.images.space import BoolArray, Frame, Profile
from bids_ari.images.structures import (
    Positions,
    areas_of,
    coordinates_of,
    difference_of,
    edges_of,
    fingerprint_of,
    structure_label,
    structures_of,
)
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.forest import Ints

if TYPE_CHECKING:
    from bids_ari.images.grayordinate_space import GrayordinateSpace, SurfaceSpace

_FACES = 6  # neighbours of voxels that connect a patch of zeros
_LEAST_STRUCTURE = 10  # positions; fewer may all have the value 0
_KEPT = 8  # frames that are kept, with what was computed of them

_known: list[tuple[BrainModelAxis, "Grayordinates"]] = []


@dataclass(frozen=True, slots=True, eq=False)
class Grayordinates(Computed, Frame):
    """Vertices of meshes and voxels, in the order of a file."""

    unit: ClassVar[str] = "grayordinate"
    units: ClassVar[str] = "grayordinates"
    kind: ClassVar[str] = "set of grayordinates"
    parts: ClassVar[str] = "structures"
    has_background: ClassVar[bool] = False

    axis: BrainModelAxis  # structure, vertex or voxel of each position
    meshes: Mapping[str, Mesh] = field(default_factory=dict)  # of each surface structure; empty until they are found
    is_cifti: bool = True  # whether images are CIFTI files; else a GIFTI file for each hemisphere
    wall: BoolArray | None = None  # positions without data in most maps, such as the medial wall
    computed: dict[Hashable, Any] = field(default_factory=dict, repr=False)  # what was computed of the axis, by name

    @property
    def shape(self) -> tuple[int]:
        """Number of positions."""
        return (len(self.axis),)

    @property
    def structures(self) -> Mapping[str, Positions]:
        """The positions of each structure, by its name in CIFTI files."""
        return self._once("structures", lambda: structures_of(self.axis))

    @property
    def is_vertex(self) -> BoolArray:
        """Which positions are vertices of a mesh."""
        return self._once("is_vertex", lambda: np.asarray(self.axis.surface_mask))  # nibabel compares each name

    @property
    def codes(self) -> npt.NDArray[np.int16]:
        """The number of the structure of each position, in the order of `structures`."""

        def code() -> npt.NDArray[np.int16]:
            codes = np.empty(self.shape, dtype=np.int16)
            for number, where in enumerate(self.structures.values()):
                codes[where] = number
            return codes

        return self._once("codes", code)

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel in mm3; 0 without voxels."""
        return 0.0 if self.is_vertex.all() else float(abs(np.linalg.det(self.axis.affine[:3, :3])))

    @property
    def coordinates(self) -> FloatArray:
        """Coordinates in mm, (n_positions, 3)."""
        return self._once("coordinates", lambda: coordinates_of(self.axis, self.structures, self.meshes))

    @property
    def areas(self) -> FloatArray:
        """Area of each vertex in mm2, (n_positions,); 0 for voxels."""
        return self._once("areas", lambda: areas_of(self.axis, self.structures, self.meshes))

    def edges(self, connectivity: int) -> Ints:
        """Return pairs of positions that are neighbours, (n_edges, 2): sides of triangles, and voxels that touch."""
        return self._once(
            f"edges {connectivity}", lambda: edges_of(self.axis, self.structures, self.meshes, connectivity)
        )

    def located(self, meshes: Mapping[str, Mesh]) -> "Grayordinates":
        """Return the frame with a mesh for each surface structure."""
        own = {name: mesh for name, mesh in meshes.items() if name in self.structures}
        return replace(self, meshes=own, computed={})

    def hollow(self, values: FloatArray, step: float = 0.0) -> BoolArray:
        """Return the positions of a single map that are no values, all their neighbours included: 0 or not finite."""
        absent = np.asarray(~np.isfinite(values) | is_zero(values, step))
        a, b = self.edges(_FACES).T
        has_value = np.zeros(self.shape, dtype=bool)
        has_value[a[~absent[b]]] = has_value[b[~absent[a]]] = True
        return absent & ~has_value

    def walled(self, wall: BoolArray) -> "Grayordinates":
        """Return the frame with the positions at which too few maps have data to be tested."""
        return replace(self, wall=wall)

    def matches(self, other: Frame) -> bool:
        """Return whether two frames have the same vertices and voxels in the same order."""
        return isinstance(other, Grayordinates) and (self.axis is other.axis or bool(self.axis == other.axis))

    def difference(self, other: Frame) -> str:
        """Return how positions of CIFTI files differ, in words; of GIFTI files, numbers of vertices say it."""
        return difference_of(self.axis, other.axis) if isinstance(other, Grayordinates) and self.is_cifti else ""

    def missing(self, values: FloatArray, step: float = 0.0) -> BoolArray:
        """Return the positions at which a map has no data: NaN, infinities, and zeros connected to the wall.

        So are zeros of a whole structure, such as a hemisphere that was not mapped. The wall are the positions without
        data in most maps, which only a group of maps shows: before it is known, zeros are values.
        """
        empty = np.asarray(~np.isfinite(values))
        if self.wall is None:
            return empty
        absent = empty | is_zero(values, step)
        missing = empty | self.connected(absent, self.wall & absent)
        for where in self.structures.values():
            if where.size >= _LEAST_STRUCTURE and absent[where].all():
                missing[where] = True
        return missing

    def connected(self, positions: BoolArray, seeds: BoolArray) -> BoolArray:
        """Return which of some positions are connected to seeds through them."""
        from scipy.sparse import csgraph

        if (seeds == positions).all() or not seeds.any():
            return seeds
        edges = self.edges(_FACES)
        a, b = edges[positions[edges].all(axis=1)].T
        graph = sparse.coo_array((np.ones(a.size, dtype=bool), (a, b)), shape=(positions.size, positions.size))
        _, part = csgraph.connected_components(graph, directed=False)
        return np.asarray(np.isin(part, part[seeds]) & positions)

    def smooth(self, values: FloatArray, fwhm: float) -> FloatArray:
        """Smooth values along each mesh and within each volume structure; what is not finite counts as 0."""
        axis, smoothed = self.axis, np.zeros(self.shape)
        inside = np.ones(self.shape, dtype=bool) if self.wall is None else ~self.wall
        for name in self.axis.nvertices:
            mesh = self.meshes[name]
            where = self.structures[name][inside[self.structures[name]]]
            smoothed[where] = smoother(mesh, axis.vertex[where], fwhm)(values[where])
        where = np.flatnonzero(inside & ~self.is_vertex)
        if where.size:
            key = ("voxel smoother", fwhm, where.tobytes())  # the same for all maps of a contrast
            smooth_voxels = self._once(
                key, lambda: voxel_smoother(axis.voxel[where], axis.affine, self.codes[where], fwhm)
            )
            smoothed[where] = smooth_voxels(values[where])
        return smoothed

    def profile(self, present: BoolArray) -> Profile:
        """Return the number of positions with data in each structure."""
        return (np.array([np.count_nonzero(present[where]) for where in self.structures.values()]),)

    def lacking(self, profile: Profile, others: Profile) -> str:
        """Return which structures have no data where those of others do; empty if there are none."""
        pairs = zip(self.structures, profile[0], others[0], strict=True)
        return ", ".join(structure_label(name) for name, own, expected in pairs if expected and not own)

    @property
    def fingerprint(self) -> bytes:
        """Structures, vertices and voxels as bytes."""
        return self._once("fingerprint", lambda: fingerprint_of(self.axis, self.structures))

    def space(self, inside: BoolArray) -> "GrayordinateSpace":
        """Return the space of the positions that are true in an array (n_positions,)."""
        from bids_ari.images.grayordinate_space import GrayordinateSpace  # a space has a frame

        return GrayordinateSpace(self, inside)

    def __str__(self) -> str:
        counts = [(where.size, name) for name, where in self.structures.items() if self.is_vertex[where[0]]]
        texts = [f"{counted(n, 'vertex')} of the {structure_label(name)}" for n, name in counts]
        n_voxels = int(np.count_nonzero(~self.is_vertex))
        texts += [counted(n_voxels, "voxel")] if n_voxels else []
        return " and ".join(filter(None, [", ".join(texts[:-1]), *texts[-1:]]))


@dataclass(frozen=True, slots=True, eq=False)
class Surfaces(Grayordinates):
    """Vertices of meshes only."""

    unit: ClassVar[str] = "vertex"
    units: ClassVar[str] = "vertices"
    kind: ClassVar[str] = "mesh"

    def space(self, inside: BoolArray) -> "SurfaceSpace":
        """Return the space of the vertices that are true in an array (n_positions,)."""
        from bids_ari.images.grayordinate_space import SurfaceSpace

        return SurfaceSpace(self, inside)


def frame_of(axis: BrainModelAxis, *, is_cifti: bool = True) -> Grayordinates:
    """Return the frame of an axis; of the same axis, frames share what is computed of it."""
    for known, frame in _known:
        if known is axis and frame.is_cifti == is_cifti:
            return frame
    kind = Surfaces if axis.surface_mask.all() else Grayordinates
    _known.append((axis, found := kind(axis, is_cifti=is_cifti)))
    del _known[:-_KEPT]
    return found


@lru_cache(maxsize=_KEPT)
def surfaces(sizes: tuple[tuple[str, int], ...]) -> Grayordinates:
    """Return the frame of all vertices of some structures, by name and number of vertices, as in GIFTI files."""
    axes = [BrainModelAxis.from_surface(np.arange(n), n, name) for name, n in sizes]
    return frame_of(reduce(add, axes), is_cifti=False)
