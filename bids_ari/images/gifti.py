"""GIFTI files of one map: the values at the vertices of one hemisphere, checked before they are used.

The XML is read without entities and without files that it refers to; nothing is decoded that has another size than the
attributes of its data array say. Reference: the GIFTI surface data format 1.0 (Harwell et al., 2011).
"""

import base64
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from isal import isal_zlib

from bids_ari.bids.hemispheres import Hemisphere, hemisphere_of_name
from bids_ari.errors import DataError, listing
from bids_ari.images.contents import ContentKind, Label, check_positions, damaged_file, no_map_named, read_content
from bids_ari.images.gifti_xml import GIFTI, DataArray, parse_gifti
from bids_ari.images.headers import NO_INTENT, Intent
from bids_ari.images.opening import CORRUPT
from bids_ari.stats.distributions import FloatArray

LEFT, RIGHT = "CIFTI_STRUCTURE_CORTEX_LEFT", "CIFTI_STRUCTURE_CORTEX_RIGHT"
STRUCTURES: Mapping[Hemisphere, str] = {"L": LEFT, "R": RIGHT}
"""The structure of each hemisphere."""

_MOST = 2**28  # bytes of a file: ten times those of a map of 164k vertices as text
_STRUCTURES = {"cortexleft": LEFT, "cortexright": RIGHT}
_MESH = {"NIFTI_INTENT_POINTSET": "coordinates", "NIFTI_INTENT_TRIANGLE": "triangles"}
_UNDECODABLE: tuple[type[Exception], ...] = (ValueError, OverflowError, *CORRUPT)
_WAY_OUT = "Extract the map, for example with wb_command -metric-merge, or choose one with --map-name"


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceFile:
    """One map of a GIFTI file."""

    values: FloatArray  # (n_vertices,), float64; without values, of the shape (0,), if only the header was checked
    n_vertices: int
    structure: str  # LEFT or RIGHT
    sha256: str  # of the file
    map_name: str = ""  # as the metadata of the data array have it
    intent: Intent = NO_INTENT  # of the data array
    labels: Mapping[int, Label] = field(default_factory=dict)  # of a file of labels
    step: float = 0.0  # distance between neighbouring values of integers; 0 for other types


def read_gifti(
    path: Path,
    mem: int | None = None,
    *,
    check_only: bool = False,
    map_name: str | None = None,
    content: ContentKind = "map",
) -> SurfaceFile:
    """Read one map of a GIFTI file.

    Parameters
    ----------
    path : Path
        The file, such as ``.func.gii``; may be compressed, ``.gii.gz``.
    mem : int, optional
        Bytes that it may take; by default, all available memory.
    check_only : bool
        Do not decode the values.
    map_name : str, optional
        Name of the map, where the file has several.
    content : {'map', 'labels', 'any'}
        What the file must contain.

    Returns
    -------
    SurfaceFile
        Values and what the file says about them.

    Raises
    ------
    InputNotFoundError, DataError, ReadError
        When there is no file, it has no single map of a hemisphere, it is damaged or too large, or the operating
        system cannot read it.
    """
    data, sha256 = read_content(path, GIFTI, most=_MOST, mem=mem)
    document = parse_gifti(data, path, with_values=not check_only)
    array = _chosen(document.arrays, path, map_name)
    is_label = array.intent == "NIFTI_INTENT_LABEL"
    check_encoding(array, path)
    _check_kind(array, is_label, content, path)
    n_vertices = _n_vertices(array, path)
    check_positions(path, n_vertices, "vertices", mem)
    structure = _structure(document.metadata | array.metadata, path)
    values = np.empty(0) if check_only else decode(array, n_vertices, path)
    step = 1.0 if array.dtype.kind in "iu" else 0.0
    labels = document.labels if is_label or content == "labels" else {}
    return SurfaceFile(values, n_vertices, structure, sha256, array.name, _intent(array), labels, step)


def _chosen(arrays: list[DataArray], path: Path, map_name: str | None) -> DataArray:
    """Return the data array of a name, or the only one."""
    intents = {array.intent for array in arrays}
    if mesh := [what for intent, what in _MESH.items() if intent in intents]:
        raise DataError(f"{path} is a mesh: it has {' and '.join(mesh)}", "a map", "Use a mesh with --surface")
    if "NIFTI_INTENT_NODE_INDEX" in intents:
        raise DataError(f"{path} has values of some vertices only (NIFTI_INTENT_NODE_INDEX)", "a value of each vertex")
    names = [array.name for array in arrays]
    if map_name is not None:
        found = [array for array in arrays if array.name == map_name]
        if len(found) == 1:
            return found[0]
        raise no_map_named(path, map_name, names)
    if len(arrays) == 1:
        return arrays[0]
    if not arrays:
        raise DataError(f"{path} has no data array", "one map")
    is_named = len(set(names)) == len(names)
    named = f": {listing(names, 20)}" if is_named else " without different names, as a time series has"
    raise DataError(f"{path} has {len(arrays)} data arrays{named}", "one map", _WAY_OUT)


def _check_kind(array: DataArray, is_label: bool, content: ContentKind, path: Path) -> None:
    """Raise if a file has labels in place of a map, or the reverse."""
    if is_label and content == "map":
        raise DataError(f"{path} contains labels of parcels", "a map of a statistic", "Use it with --atlas")
    if not is_label and content == "labels" and array.dtype.kind not in "iu":
        raise DataError(f"{path} contains a map ({array.intent})", "labels of parcels, such as a .label.gii file")


def _n_vertices(array: DataArray, path: Path) -> int:
    """Return the number of vertices of a data array; raise if it is not one value per vertex."""
    axes = [size for size in array.shape if size != 1]
    if len(axes) > 1:
        raise DataError(
            f"{path} has a data array of {' x '.join(map(str, array.shape))} values", "one value per vertex", _WAY_OUT
        )
    n_vertices = math.prod(array.shape)
    if n_vertices < 1:
        raise DataError(f"{path} has a data array without values", "one value per vertex")
    return n_vertices


def _structure(metadata: Mapping[str, str], path: Path) -> str:
    """Return the hemisphere by the metadata and the name of a file, which must not contradict each other."""
    stated = metadata.get("AnatomicalStructurePrimary", "")
    by_metadata = _STRUCTURES.get(re.sub(r"[^a-z]", "", stated.lower()))
    hemisphere = hemisphere_of_name(path.name)
    by_name = STRUCTURES[hemisphere] if hemisphere else None
    if by_metadata and by_name and by_metadata != by_name:
        raise DataError(
            f"{path} is of the {_side(by_metadata)} hemisphere by its metadata (AnatomicalStructurePrimary "
            f"{stated}), but of the {_side(by_name)} by its name: a flipped hemisphere",
            "the same hemisphere",
            "Rename the file, or correct its metadata with wb_command -set-structure",
        )
    if stated and not by_metadata and re.sub(r"[^a-z]", "", stated.lower()) not in ("", "unknown", "invalid", "other"):
        raise DataError(f"{path} is of the structure {stated}", "CortexLeft or CortexRight")
    if found := by_metadata or by_name:
        return found
    raise DataError(
        f"{path} does not tell its hemisphere",
        "hemi-L or hemi-R in its name, or AnatomicalStructurePrimary in its metadata",
        "Rename it, or use wb_command -set-structure",
    )


def _side(structure: str) -> str:
    return "left" if structure == LEFT else "right"


def _intent(array: DataArray) -> Intent:
    """Return the intent of a data array, with parameters such as degrees of freedom from its metadata."""
    known: Any = nib.nifti1.intent_codes
    code = int(known.code[array.intent]) if array.intent in known.code else 0
    lower = {key.lower(): value for key, value in array.metadata.items()}
    parameters = tuple(_number(lower.get(f"intent_p{i}", "0")) for i in (1, 2, 3))
    return Intent(code, parameters)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def check_encoding(array: DataArray, path: Path) -> None:
    """Raise if the values of a data array are not in the file itself."""
    if array.encoding == "ExternalFileBinary":
        raise DataError(
            f"{path} has its values in another file (ExternalFileBinary)",
            "values in the file itself",
            f"Convert it: wb_command -gifti-convert GZIP_BASE64_BINARY {path.name} NEW.gii; in SPM, "
            "save(gifti('FILE'), 'NEW.gii', 'GZipBase64Binary')",
        )


def decode(array: DataArray, n_values: int, path: Path) -> FloatArray:
    """Decode the values of a data array, (n_values,), which must be as many as its attributes say."""
    check_encoding(array, path)
    try:
        if array.encoding == "ASCII":
            numbers = np.array(array.text.split(maxsplit=n_values), dtype=np.float64)
            with np.errstate(all="ignore"):
                values = numbers.astype(array.dtype).astype(np.float64)  # as in the other encodings
        else:
            content = base64.b64decode(array.text.encode("ascii").translate(None, b" \t\r\n"), validate=True)
            n_bytes = n_values * array.dtype.itemsize
            if array.encoding == "GZipBase64Binary":
                content = _inflate(content, n_bytes)
            if len(content) != n_bytes:
                raise ValueError(f"it has {len(content)} of the {n_bytes} bytes for its {n_values} values")
            with np.errstate(all="ignore"):  # damaged values that are not numbers are missing
                values = np.frombuffer(content, dtype=array.dtype).astype(np.float64)
    except _UNDECODABLE as error:
        raise damaged_file(path, GIFTI, str(error)) from error
    if values.size != n_values:
        raise damaged_file(path, GIFTI, f"it has {values.size} of its {n_values} values")
    return values


def _inflate(content: bytes, n_bytes: int) -> bytes:
    """Decompress content that must have this many bytes, and its checksum."""
    stream = isal_zlib.decompressobj(wbits=47)  # zlib, by the standard, or gzip
    found: bytes = stream.decompress(content, n_bytes + 1)
    if not stream.eof:
        raise ValueError(f"its compressed values are more than {n_bytes} bytes, or end too early")
    return found
