"""Images of vertices and grayordinates: in memory, and as the files that are written."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from bids_ari.bids.hemispheres import Hemisphere
from bids_ari.images.encoding import intent_of, label_cifti, label_gifti, scalar_cifti, scalar_gifti
from bids_ari.images.gifti import LEFT, RIGHT, STRUCTURES

if TYPE_CHECKING:
    from bids_ari.images.grayordinates import Grayordinates

_SIDES = {LEFT: "left", RIGHT: "right"}


def image_of(frame: "Grayordinates", array: npt.NDArray[Any]) -> Any:
    """Return an array (n_positions,) as a CIFTI image, or as a surface image of nilearn with its meshes."""
    if frame.is_cifti:
        return scalar_cifti(array, frame.axis, [""]).image
    from nilearn.surface import InMemoryMesh, PolyMesh, SurfaceImage

    parts = {_SIDES[name]: array[where] for name, where in frame.structures.items()}
    # Copies: nilearn's plots centre the coordinates in place, and arrays of a Mesh are read-only.
    meshes = {
        _SIDES[name]: InMemoryMesh(mesh.coordinates.copy(), mesh.triangles.copy())
        for name, mesh in frame.meshes.items()
    }
    return SurfaceImage(PolyMesh(**meshes), parts)


def encoded(
    frame: "Grayordinates",
    array: npt.NDArray[Any],
    names: Mapping[int, str] | None,
    title: str,
    stat: str,
    hemisphere: str | None = None,
) -> Any:
    """Return an array (n_positions,) as the content of a CIFTI file, or of the GIFTI file of a hemisphere.

    With `names`, values are labels. The `title` is the name of the map in the file; of GIFTI, the intent is that of the
    label of a statistic.
    """
    if frame.is_cifti:
        if names is None:
            return scalar_cifti(array, frame.axis, [title])
        return label_cifti(array.astype(np.int32), names, frame.axis, [title])
    structure = STRUCTURES[cast(Hemisphere, hemisphere)]
    own = array[frame.structures[structure]]
    if names is None:
        return scalar_gifti(own, structure, title, intent_of(stat))
    return label_gifti(own, names, structure, title)
