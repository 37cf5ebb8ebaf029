"""CIFTI-2 files of one map: its values at vertices and voxels, checked before they are used.

Matrices are read by the axes of the file: one has the positions, the other the maps. The file is a NIfTI-2 file with
an extension of XML. Reference: the CIFTI-2 specification, www.nitrc.org/projects/cifti.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np
from nibabel.cifti2.cifti2_axes import BrainModelAxis

from bids_ari.errors import DataError, listing
from bids_ari.images.cifti_xml import CIFTI, Axes, parse_axes
from bids_ari.images.contents import (
    ContentKind,
    ContentReader,
    Label,
    check_positions,
    damaged_file,
    no_map_named,
    reading,
)
from bids_ari.stats.distributions import FloatArray

_HEADER = 540  # bytes of a NIfTI-2 header
_ORDERS = {_HEADER.to_bytes(4, "little"): "<", _HEADER.to_bytes(4, "big"): ">"}  # by the first field
_NIFTI_1 = ((348).to_bytes(4, "little"), (348).to_bytes(4, "big"))
_PADDING = 2**20  # a file may be longer than its header describes by this many bytes
_EXTENSION = 32  # code of the extension of CIFTI
_LARGEST = 2**26  # bytes of extensions that are read: a hundred times those of 91k positions
_MAGIC = (b"n+2\0\r\n\x1a\n", b"n+2" + bytes(5))
_NAMES = re.compile(r"\.(d(conn|tseries|scalar|label|pconn|fan)|p(d?conn|tseries|scalar|label))\.nii(\.gz)?$", re.I)
_WAY_OUT = "Choose one with --map-name, or extract it, for example with wb_command -cifti-merge"


@dataclass(frozen=True, slots=True, eq=False)
class CiftiFile:
    """One map of a CIFTI file."""

    values: FloatArray  # (n_positions,), float64; of the shape (0,) if only the header was checked
    axis: BrainModelAxis  # the structures, vertices and voxels of the positions; files with the same XML share it
    sha256: str  # of the file; empty if only the header was checked
    map_names: tuple[str, ...] = ()  # of all maps in the file; empty for a series
    map_name: str = ""  # of this map
    labels: Mapping[int, Label] = field(default_factory=dict)  # of a file of labels
    step: float = 0.0  # distance between neighbouring values of integers, scaled or not; 0 for other types


class _Storage(NamedTuple):
    """How the matrix of a file is stored."""

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    offset: int
    slope: float
    inter: float

    @property
    def end(self) -> int:
        """Length of the file up to its last value, in bytes."""
        return self.offset + math.prod(self.shape) * self.dtype.itemsize


def read_cifti(
    path: Path,
    mem: int | None = None,
    *,
    check_only: bool = False,
    map_name: str | None = None,
    content: ContentKind = "map",
) -> CiftiFile:
    """Read one map of a CIFTI file.

    Parameters
    ----------
    path : Path
        The file, such as ``.dscalar.nii``.
    mem, check_only, map_name, content
        As in `bids_ari.images.gifti.read_gifti`.

    Returns
    -------
    CiftiFile
        Values and what the file says about them.

    Raises
    ------
    InputNotFoundError, DataError, ReadError
        When there is no file, it has no single map of vertices and voxels, it is damaged or too large, or the operating
        system cannot read it.
    """
    with reading(path, CIFTI) as file:
        storage = _parse_header(file.read(_HEADER), path)
        axes = parse_axes(_extension(file.read(storage.offset - _HEADER), path), path)
        _check_axes(axes, storage.shape, path)
        _check_kind(axes, content, path)
        which = _chosen(axes, path, map_name)
        check_positions(path, max(axes.extent, math.prod(storage.shape)), "positions", mem)
        if not file.is_compressed:
            _check_length(file.n_stored, storage, path)
        values, sha256 = (np.empty(0), "") if check_only else _read_values(file, storage, axes.of_maps, which, path)
    labels = axes.labels[which] if axes.labels else {}
    name = axes.map_names[which] if axes.map_names else ""
    step = abs(storage.slope) if storage.dtype.kind in "iu" else 0.0
    return CiftiFile(values, axes.positions, sha256, axes.map_names, name, labels, step)


def is_cifti(path: Path) -> bool:
    """Return whether the name of a file is that of a CIFTI file, such as .dscalar.nii.

    >>> is_cifti(Path("sub-01_stat-z_statmap.dscalar.nii")), is_cifti(Path("sub-01_stat-z_statmap.nii.gz"))
    (True, False)
    """
    return _NAMES.search(path.name) is not None


def _parse_header(start: bytes, path: Path) -> _Storage:
    """Read the header of NIfTI-2; raise a DataError if it does not describe a matrix of real numbers."""
    if start[:4] in _NIFTI_1:
        raise DataError(f"{path} is a NIfTI-1 file", CIFTI, "If it is a volume, rename it: its name is that of CIFTI")
    order = _ORDERS.get(start[:4])
    if order is None or len(start) < _HEADER:
        raise damaged_file(path, CIFTI, f"it begins with {start[:8]!r}")
    if not start[4:].startswith(_MAGIC):
        raise damaged_file(path, CIFTI, f"its magic number is {start[4:12]!r}")
    return _storage(nib.Nifti2Header(start, endianness=order, check=False), order, path)


def _storage(fields: Any, order: str, path: Path) -> _Storage:
    """Return how the matrix is stored, by the fields of a header."""
    known: Any = nib.nifti1.data_type_codes
    code = int(fields["datatype"])
    if code not in known.value_set("code") or known.dtype[code].kind not in "biuf":
        label = known.label[code] if code in known.value_set("code") else code
        raise DataError(f"{path} contains values of type {label}", "real numbers")
    slope, inter = float(fields["scl_slope"]), float(fields["scl_inter"])
    if slope == 0 or not math.isfinite(slope):  # no scaling
        slope, inter = 1.0, 0.0
    offset = int(fields["vox_offset"])
    if not math.isfinite(inter) or not _HEADER + 4 <= offset <= _LARGEST:
        raise damaged_file(path, CIFTI, f"its vox_offset is {offset}, and its values are scaled by {slope:g}, {inter}")
    return _Storage(_shape(fields, path), known.dtype[code].newbyteorder(order), offset, slope, inter)


def _shape(fields: Any, path: Path) -> tuple[int, int]:
    """Return the shape of the matrix: the fifth and the sixth dimension of a header, which has no others."""
    dim = [int(size) for size in fields["dim"]]
    if not 5 <= dim[0] <= 7 or dim[1:5] != [1, 1, 1, 1] or min(dim[5 : dim[0] + 1]) < 1:
        raise damaged_file(path, CIFTI, f"the dimensions in its header are {dim[: max(min(dim[0], 7), 0) + 1]}")
    if dim[0] == 7 and dim[7] != 1:
        raise DataError(f"{path} has a matrix of three dimensions", "a single map", _WAY_OUT)
    return dim[5], dim[6] if dim[0] >= 6 else 1


def _extension(content: bytes, path: Path) -> bytes:
    """Return the XML among the extensions of a header, which begin with four bytes; the byte order is either."""
    for order in ("little", "big"):
        at = 4
        while content[:1] not in (b"", b"\0") and at + 8 <= len(content):
            size = int.from_bytes(content[at : at + 4], order)
            code = int.from_bytes(content[at + 4 : at + 8], order)
            if size < 8 or at + size > len(content):
                break
            if code == _EXTENSION:
                return content[at + 8 : at + size].rstrip(b"\0")
            at += size
    raise DataError(
        f"{path} has no description of its positions (extension {_EXTENSION})",
        CIFTI,
        "If it is a volume, rename it: its name is that of a CIFTI file",
    )


def _check_axes(axes: Axes, shape: tuple[int, int], path: Path) -> None:
    """Raise if the axes do not have the sizes of the matrix."""
    sizes = [0, 0]
    sizes[axes.of_maps], sizes[1 - axes.of_maps] = axes.n_maps, axes.positions.size
    if tuple(sizes) != shape:
        raise damaged_file(path, CIFTI, f"its matrix has {shape[0]} x {shape[1]} values, its axes {sizes}")


def _check_kind(axes: Axes, content: ContentKind, path: Path) -> None:
    """Raise if a file has labels in place of a map, or the reverse."""
    if axes.labels and content == "map":
        raise DataError(f"{path} contains labels of parcels", "a map of a statistic", "Use it with --atlas")
    if not axes.labels and content == "labels":
        raise DataError(f"{path} contains a map", "labels of parcels, such as a .dlabel.nii file")


def _chosen(axes: Axes, path: Path, map_name: str | None) -> int:
    """Return the number of the map of a name, or of the only one."""
    names, n_maps = axes.map_names, axes.n_maps
    if not names and n_maps > 1:
        raise DataError(
            f"{path} is a series of {n_maps} points",
            "one map of each subject, such as the contrast of a first-level model",
            "Fit the first level, and use its maps",
        )
    if map_name is None:
        if n_maps == 1:
            return 0
        raise DataError(f"{path} has {n_maps} maps: {_quoted(names)}", "one map", _WAY_OUT)
    if names.count(map_name) != 1:
        raise no_map_named(path, map_name, names)
    return names.index(map_name)


def _quoted(names: Sequence[str]) -> str:
    return listing(map(repr, names), 20)


def _check_length(size: int, storage: _Storage, path: Path) -> None:
    """Raise a DataError if a file is shorter than its header describes, or much longer."""
    matrix = f"the {storage.shape[0]} x {storage.shape[1]} values of its header"
    if size < storage.end:
        raise damaged_file(path, CIFTI, f"it has {size} of the {storage.end} bytes for {matrix}")
    if size > storage.end + _PADDING:
        raise damaged_file(path, CIFTI, f"it continues after {matrix}")


def _read_values(
    file: ContentReader, storage: _Storage, of_maps: int, which: int, path: Path
) -> tuple[FloatArray, str]:
    """Read the scaled values of one map, and the rest of the file for its SHA-256."""
    data = file.read(storage.end - storage.offset)
    sha256 = file.sha256()
    _check_length(storage.end + _PADDING + 1 if sha256 is None else storage.offset + len(data), storage, path)
    stored = np.ndarray(storage.shape, storage.dtype, data, order="F")
    with np.errstate(all="ignore"):  # damaged values that are not numbers, or too large, are missing
        values: FloatArray = stored.take(which, axis=of_maps).astype(np.float64)
        if (storage.slope, storage.inter) != (1.0, 0.0):
            values *= storage.slope
            values += storage.inter
    return values, sha256 or ""
