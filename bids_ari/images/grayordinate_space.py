"""Spaces of vertices and grayordinates: the points of their frame that are tested."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_ari.images.gifti import STRUCTURES
from bids_ari.images.grayordinate_images import encoded, image_of
from bids_ari.images.grayordinates import Grayordinates
from bids_ari.images.mesh import least_area
from bids_ari.images.neighbours import mesh_edges
from bids_ari.images.space import BoolArray, File, Points, Space
from bids_ari.images.structures import Positions, short_name
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.forest import CsrAdjacency, Ints

_PEAK_NEIGHBOURS = 26  # neighbours of voxels among which a peak is the highest, as in volumes


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GrayordinateSpace(Space):
    """Some vertices and voxels, in the order of a file."""

    frame: Grayordinates

    @property
    def positions(self) -> Positions:
        """The position in the frame of each point, (n_points,)."""
        return self._once("positions", lambda: np.flatnonzero(self.inside))

    @property
    def resolution(self) -> str:
        """Mean area of a vertex, and size of a voxel."""
        areas = self.frame.areas[self.inside & self.frame.is_vertex]
        texts = [f"{areas.mean():.3g} mm2 on average"] if areas.size else []
        if self.frame.voxel_volume:
            zooms = np.linalg.norm(self.frame.axis.affine[:3, :3], axis=0)
            texts.append(" x ".join(f"{zoom:.3g}" for zoom in zooms) + " mm")
        return " and ".join(texts)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the mask (n_positions,), and structure, vertex and voxel of each position."""
        axis = self.frame.axis
        return {"mask": self.inside, "structure": self.frame.codes, "vertex": axis.vertex, "voxel": axis.voxel}

    def coordinates(self, points: Points | None = None) -> FloatArray:
        """Return the coordinates in mm, (n, 3), of some points on their mesh or in the volume; of all by default."""
        return self.frame.coordinates[self._at(points)]

    def sizes(self, points: Points | None = None) -> dict[str, float]:
        """Return the area of the vertices and the volume of the voxels among some points; of all by default."""
        at, frame = self._at(points), self.frame
        n_voxels = int(np.count_nonzero(~frame.is_vertex[at]))
        found = {"area_mm2": math.fsum(frame.areas[at])} if frame.is_vertex.any() else {}
        return found | ({"volume_mm3": n_voxels * frame.voxel_volume} if frame.voxel_volume else {})

    def active_sizes(self, points: Points, tdn: int) -> dict[str, float]:
        """Return an area that is truly active, at least: that of the smallest vertices that can make up the TDN."""
        at, frame = self._at(points), self.frame
        if not frame.is_vertex.any():
            return {}
        areas = frame.areas[at[frame.is_vertex[at]]]
        n_vertices = max(0, tdn - (at.size - areas.size))  # all voxels may be among the active points
        return {"active_area_mm2": least_area(areas, n_vertices)}

    def places(self, points: Points) -> dict[str, npt.NDArray[Any]]:
        """Return structure and vertex of some points; NaN for voxels."""
        at, axis = self._at(points), self.frame.axis
        names = np.array([short_name(name) for name in axis.name[at]], dtype=object)
        return {"structure": names, "vertex": np.where(self.frame.is_vertex[at], axis.vertex[at], np.nan)}

    def distances(self, point: int, points: Points, limit: float) -> FloatArray:
        """Return the distance in mm of one point to others, along edges of its mesh, or straight between voxels."""
        (at,), others, frame = self._at(np.array([point])), self._at(points), self.frame
        if not frame.is_vertex[at]:
            far = np.linalg.norm(frame.coordinates[others] - frame.coordinates[at], axis=1)
            return np.where(frame.is_vertex[others] | (far > limit), np.inf, far)
        name = frame.axis.name[at]
        along = frame.meshes[name].distances(int(frame.axis.vertex[at]), limit)
        is_near = frame.is_vertex[others] & (frame.axis.name[others] == name)
        return np.where(is_near, along[np.where(is_near, frame.axis.vertex[others], 0)], np.inf)

    def adjacency(self, connectivity: int) -> CsrAdjacency:
        """Return which points are neighbours: vertices along edges, voxels as in `CONNECTIVITIES`."""
        return CsrAdjacency.of_edges(self._edges(connectivity), self.n_points)

    def local_maxima(self, values: FloatArray) -> BoolArray:
        """Return which points have a value at least as large as those of all neighbours, (n_points,)."""
        highest = np.full(self.n_points, -np.inf)
        for a, b in (edges := self._edges(_PEAK_NEIGHBOURS).T, edges[::-1]):
            np.maximum.at(highest, a, values[b])
        return np.asarray(values >= highest)

    def image(self, values: npt.ArrayLike, fill: float = 0) -> Any:
        """Return values, (n_points,), as a CIFTI image, or as a surface image of nilearn."""
        return image_of(self.frame, self.unmask(values, fill))

    def endings(self, *, labels: bool = False) -> tuple[tuple[dict[str, str], str], ...]:
        """Return the extension of CIFTI files, or hemisphere and extension of each GIFTI file."""
        if self.frame.is_cifti:
            return (({}, ".dlabel.nii" if labels else ".dscalar.nii"),)
        sides = [side for side, name in STRUCTURES.items() if name in self.frame.structures]
        return tuple(({"hemi": side}, ".label.gii" if labels else ".func.gii") for side in sides)

    def files(
        self,
        values: npt.ArrayLike,
        fill: float = 0,
        names: Mapping[int, str] | None = None,
        title: str = "",
        stat: str = "",
    ) -> Iterator[File]:
        """Yield values, (n_points,), as a CIFTI file, or as a GIFTI file for each hemisphere."""
        array = self.unmask(values, fill)
        for entities, extension in self.endings(labels=names is not None):
            yield File(entities, extension, encoded(self.frame, array, names, title, stat, entities.get("hemi")))

    def _at(self, points: Points | None) -> Positions:
        """Return the positions in the frame of some points; of all by default."""
        return self.positions if points is None else self.positions[points]

    def _edges(self, connectivity: int) -> Ints:
        """Return pairs of points that are neighbours, (n_edges, 2)."""
        return mesh_edges(self.frame.edges(connectivity), self.positions, self.inside.size)


class SurfaceSpace(GrayordinateSpace):
    """Some vertices of the meshes of one or two hemispheres."""

    __slots__ = ()

    def neighbourhood(self, connectivity: int) -> str:
        """Return what makes vertices neighbours, for reports."""
        return "edges of the mesh"
