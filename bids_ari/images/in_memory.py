"""Images of nilearn and nibabel in memory whose values are at vertices or grayordinates."""

from collections.abc import Mapping
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.cifti2.cifti2_axes import BrainModelAxis, ScalarAxis

from bids_ari.errors import DataError, listing
from bids_ari.images.gifti import LEFT, RIGHT
from bids_ari.images.grayordinates import Grayordinates, frame_of, surfaces
from bids_ari.images.headers import Header
from bids_ari.images.image import Image
from bids_ari.images.mesh import Mesh
from bids_ari.stats.distributions import FloatArray

_SIDES = {"left": LEFT, "right": RIGHT}


def surface_image(source: Any, map_name: str | None = None) -> Image | None:
    """Return a ``nilearn.surface.SurfaceImage`` or CIFTI image of nibabel as an image; None for any other object.

    Parameters
    ----------
    source : SurfaceImage or Cifti2Image
        An image of one map. The mesh of a surface image is the one that is used.
    map_name : str, optional
        The name of the map in a CIFTI image with several.

    Raises
    ------
    DataError
        When the image has another number of maps or vertices.
    """
    if isinstance(source, nib.Cifti2Image):
        return _of_cifti(source, map_name)
    if hasattr(getattr(source, "data", None), "parts") and hasattr(getattr(source, "mesh", None), "parts"):
        return _of_nilearn(source.mesh.parts, source.data.parts)
    return None


def _of_cifti(source: nib.Cifti2Image, map_name: str | None) -> Image:
    """Return a CIFTI image as an image."""
    axes = [source.header.get_axis(number) for number in range(source.ndim)]
    positions = [number for number, axis in enumerate(axes) if isinstance(axis, BrainModelAxis)]
    if len(axes) != 2 or len(positions) != 1:
        raise DataError("The CIFTI image has no axis of maps beside one of vertices and voxels", "a dense scalar image")
    (at,) = positions
    maps, values = axes[1 - at], np.moveaxis(np.asarray(source.get_fdata(), dtype=float), at, 1)
    names = [str(name) for name in maps.name] if isinstance(maps, ScalarAxis) else []
    chosen = range(len(maps)) if map_name is None else [i for i, name in enumerate(names) if name == map_name]
    if len(chosen) != 1:
        named = f": {listing(names, 20)}" if names else ""
        raise DataError(f"The CIFTI image has {len(maps)} maps{named}", "one map, or the name of one")
    return _image(values[chosen[0]], frame_of(axes[at]))


def _of_nilearn(meshes: Mapping[str, Any], data: Mapping[str, Any]) -> Image:
    """Return the meshes and the data of a surface image as an image."""
    if not data or not data.keys() <= _SIDES.keys() & meshes.keys():
        raise DataError(f"The surface image has the parts {listing(data)}", "left, right or both, with their meshes")
    parts = {side: np.asarray(data[side], dtype=float) for side in _SIDES if side in data}
    for side, values in parts.items():
        n_vertices = len(meshes[side].coordinates)
        if values.size != n_vertices or values.shape[0] != n_vertices:
            shape = " x ".join(map(str, values.shape))
            raise DataError(f"The {side} part of the surface image has {shape} values", f"one map of {n_vertices}")
    frame = surfaces(tuple((_SIDES[side], values.size) for side, values in parts.items()))
    own = {
        _SIDES[side]: Mesh(
            np.asarray(meshes[side].coordinates, dtype=float), np.asarray(meshes[side].faces, dtype=np.int32)
        )
        for side in parts
    }
    return _image(np.concatenate([values.ravel() for values in parts.values()]), frame.located(own))


def _image(values: FloatArray, frame: Grayordinates) -> Image:
    return Image(values, Header("the image", frame, np.dtype(np.float64)))
