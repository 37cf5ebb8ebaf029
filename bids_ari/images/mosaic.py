"""Small pictures of the map of each subject: which position of the array each pixel shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import NamedTuple

import nibabel as nib
import numpy as np
import numpy.typing as npt

from bids_ari.images.cortex import Cortex, Voxels, hemispheres_of, voxels_of
from bids_ari.images.grayordinate_space import GrayordinateSpace
from bids_ari.images.space import Space
from bids_ari.images.templates import SpaceName
from bids_ari.images.views import axes_of, extent, render
from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.forest import Ints

Indices = npt.NDArray[np.intp]

_SIDE = 80  # largest side of a slice, in pixels
_VIEW = (64, 90)  # height and width of a view of a hemisphere
_AXIAL = (64, 60)  # of an axial slice of grayordinates
_LEAST_PITCH = 0.01  # mm
_PLANES = ((1, 2), (0, 2), (0, 1))  # axes to the right and up: sagittal, coronal, axial
_LETTERS = ("PA", "LR", "LR")


class Part(NamedTuple):
    """One of the pictures beside each other."""

    width: int  # in pixels
    left: str  # letter at the left end
    right: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Mosaic:
    """Slices or views of a map, side by side."""

    positions: Ints  # (height, width): the place in the array of the frame, in C order; -1 for none
    parts: tuple[Part, ...]
    kind: str  # what the parts are
    sides: str  # a sentence on left and right
    is_cut_out: bool = False  # whether what is around the parts is no background, but nothing

    def values(self, array: FloatArray) -> FloatArray:
        """Return the values of an array of the frame at the pixels, (height, width); NaN where there is nothing."""
        shown = array[np.unravel_index(np.maximum(self.positions, 0), array.shape)].astype(np.float64)
        return np.where(self.positions >= 0, shown, np.nan)


@singledispatch
def mosaic_of(space: Space, space_label: SpaceName = None) -> Mosaic:
    """Return what is shown of each map, given the points that may be tested and the name of the space.

    Of volumes, these are sagittal, coronal and axial slices through the middle of the points; pixels are square in mm,
    whatever the size of voxels. On the left are the back of the brain (sagittal) and the left hemisphere (coronal,
    axial).
    """
    raise TypeError(f"no pictures of {space.units}")


@mosaic_of.register
def _(space: VolumeSpace, space_label: SpaceName = None) -> Mosaic:
    slices = [_slice(space, axis) for axis in range(3)]
    return Mosaic(
        _beside(slices),
        tuple(Part(each.shape[1], *letters) for each, letters in zip(slices, _LETTERS, strict=True)),
        "sagittal, coronal and axial slices through the centre of the covered voxels",
        "Neurological orientation: the left side of the brain is on the left.",
    )


def _slice(space: VolumeSpace, axis: int) -> Ints:
    """Return the place in the volume of each pixel of a slice across x, y or z through the median of the points."""
    orientation = nib.io_orientation(space.grid.affine)
    (file_axis,) = np.flatnonzero(orientation[:, 0] == axis)
    cut = int(np.median(space.indices[:, file_axis]))
    if orientation[file_axis, 1] < 0:
        cut = space.shape[file_axis] - 1 - cut
    places = np.arange(space.inside.size, dtype=np.int32).reshape(space.shape)
    plane = np.moveaxis(nib.apply_orientation(places, orientation), axis, 0)[cut]
    across, up = (_pixels(space.grid)[each] for each in _PLANES[axis])
    return np.asarray(plane[np.ix_(across, up)].T[::-1])


def _beside(parts: Sequence[Ints]) -> Ints:
    """Return arrays (height, width) as one, each centred vertically; -1 around them."""
    height = max(each.shape[0] for each in parts)
    margins = [height - each.shape[0] for each in parts]
    padded = [
        np.pad(each, ((margin // 2, margin - margin // 2), (0, 0)), constant_values=-1)
        for each, margin in zip(parts, margins, strict=True)
    ]
    return np.concatenate(padded, axis=1)


def _pixels(grid: Grid) -> tuple[Indices, ...]:
    """Return the voxels shown along x, y and z, from left, back and bottom."""
    pitch = max(*grid.zooms, max(np.multiply(grid.shape, grid.zooms)) / _SIDE)
    pixels = [np.empty(0, dtype=np.intp)] * 3
    for (axis, _), n, zoom in zip(nib.io_orientation(grid.affine), grid.shape, grid.zooms, strict=True):
        n_pixels = max(1, int(n * zoom / pitch))
        pixels[int(axis)] = ((np.arange(n_pixels) + 0.5) * n / n_pixels).astype(np.intp)
    return tuple(pixels)


@mosaic_of.register
def _(space: GrayordinateSpace, space_label: SpaceName = None) -> Mosaic:
    hemispheres, voxels = hemispheres_of(space.frame, space_label), voxels_of(space)
    shown = [_lateral(each) for each in hemispheres]
    parts = [Part(_VIEW[1], each.sides, "") for each in hemispheres]
    kinds = ["lateral views"] if hemispheres else []
    sides = "L and R: the left and the right hemisphere."
    if voxels is not None:
        shown.append(_axial(voxels))
        parts.append(Part(_AXIAL[1], "L", "R"))
        kinds.append("an axial slice through the centre of the other voxels")
        sides += " In the slice, the left side of the brain is on the left."
    return Mosaic(_beside(shown), tuple(parts), " and ".join(kinds), sides, is_cut_out=True)


def _axial(voxels: Voxels) -> Ints:
    """Return the position in the frame at each pixel of a slice through the median of the voxels."""
    places = voxels.space.coordinates()
    low, high = places[:, :2].min(axis=0), places[:, :2].max(axis=0)
    height, width = _AXIAL
    pitch = float(max(*((high - low) / (width - 4, height - 4)), _LEAST_PITCH))
    middle, pixels = (low + high) / 2, np.empty((height, width, 3))
    pixels[..., 0] = middle[0] + pitch * (np.arange(width) - (width - 1) / 2)
    pixels[..., 1] = middle[1] - pitch * (np.arange(height) - (height - 1) / 2)[:, None]
    pixels[..., 2] = np.median(places[:, 2])
    found = voxels.space.points_at(pixels)
    return np.where(found >= 0, voxels.positions[found], -1).astype(np.int32)


def _lateral(cortex: Cortex) -> Ints:
    """Return the position in the frame at each pixel of a lateral view."""
    axes = axes_of("lateral", cortex.sides)
    spans = np.ptp(extent(cortex.mesh, axes), axis=0)
    height, width = _VIEW
    pitch = float(max(spans[0] / (width - 2), spans[1] / (height - 2), _LEAST_PITCH))
    vertices = render(cortex.mesh, axes, pitch, _VIEW).vertices
    return np.where(vertices >= 0, cortex.positions[vertices], -1).astype(np.int32)
