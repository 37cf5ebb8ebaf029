"""Files of meshes: ``.surf.gii``, read without what they refer to, and checked before they are believed."""

import math
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bids_ari.bids.hemispheres import Hemisphere, hemisphere_of_name
from bids_ari.errors import DataError, listing
from bids_ari.images.contents import check_positions, read_content
from bids_ari.images.gifti import decode
from bids_ari.images.gifti_xml import GIFTI, DataArray, parse_gifti
from bids_ari.images.mesh import Mesh
from bids_ari.images.mesh_checks import check_hemisphere, checked_mesh

_MOST = 2**30  # bytes of a file: ten times those of a mesh of a million vertices
_POINTSET, _TRIANGLE = "NIFTI_INTENT_POINTSET", "NIFTI_INTENT_TRIANGLE"
_FREESURFER = b"\xff\xff\xfe"  # first bytes of a surface of FreeSurfer
_HEMISPHERES: dict[str, Hemisphere] = {"cortexleft": "L", "cortexright": "R"}


def read_mesh(path: Path, hemisphere: Hemisphere | None = None, mem: int | None = None) -> Mesh:
    """Read the mesh of a hemisphere.

    Coordinates are used as they are stored, as nilearn and Connectome Workbench do; the transformation of a GIFTI
    file (CoordinateSystemTransformMatrix) is not applied: FreeSurfer writes that of a subject to the Talairach atlas.

    Parameters
    ----------
    path : Path
        A GIFTI file, such as ``.surf.gii``; may be compressed, ``.gii.gz``.
    hemisphere : {'L', 'R'}, optional
        What the mesh should be; by default, what the name of the file or its metadata say.
    mem : int, optional
        Bytes that it may take; by default, all available memory.

    Raises
    ------
    InputNotFoundError, DataError, ReadError
        When there is no file, it is no mesh, of the other hemisphere, damaged or too large, or the operating system
        cannot read it.
    """
    data, sha256 = read_content(path, GIFTI, most=_MOST, mem=mem)
    if data.startswith(_FREESURFER):
        hint = f"Convert it: mris_convert --to-scanner {path} {path}.surf.gii"
        raise DataError(f"{path} is a surface in the format of FreeSurfer", GIFTI, hint)
    document = parse_gifti(data, path)
    points, triangles = (_only(document.arrays, intent, path) for intent in (_POINTSET, _TRIANGLE))
    for array, what in ((points, "vertices"), (triangles, "triangles")):
        check_positions(path, math.prod(array.shape) // 3, what, mem)
    mesh = checked_mesh(_values(points, path), _values(triangles, path), str(path), sha256)
    stated = (points.metadata | document.metadata).get("AnatomicalStructurePrimary", "")
    named = hemisphere or hemisphere_of_name(path.name)
    _check_stated(stated, named, path)
    if expected := named or _hemisphere_of(stated):
        check_hemisphere(mesh, expected)
    return mesh


def _only(arrays: list[DataArray], intent: str, path: Path) -> DataArray:
    """Return the only data array of an intent."""
    found = [array for array in arrays if array.intent == intent]
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(f"{path} has {len(found)} data arrays of the intent {intent}", "one: a single mesh")
    what = listing(sorted({array.intent for array in arrays})) or "no data array"
    raise DataError(
        f"{path} is not a mesh: it has {what}",
        f"{_POINTSET} and {_TRIANGLE}",
        "Use a file whose name ends in .surf.gii, such as a midthickness or pial surface",
    )


def _values(array: DataArray, path: Path) -> npt.NDArray[np.float64]:
    """Return the values of a data array in its shape."""
    return decode(array, math.prod(array.shape), path).reshape(array.shape, order=array.order)


def _hemisphere_of(stated: str) -> Hemisphere | None:
    return _HEMISPHERES.get(re.sub(r"[^a-z]", "", stated.lower()))


def _check_stated(stated: str, hemisphere: Hemisphere | None, path: Path) -> None:
    """Raise if the structure in the metadata of a file is the other hemisphere."""
    if hemisphere and (_hemisphere_of(stated) or hemisphere) != hemisphere:
        raise DataError(
            f"{path} is of the structure {stated} by its metadata (AnatomicalStructurePrimary)",
            f"the mesh of hemi-{hemisphere}",
            "Exchange the meshes if they are swapped, or correct the metadata with wb_command -set-structure",
        )
