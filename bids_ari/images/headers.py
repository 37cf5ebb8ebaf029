"""Headers of images: how the values of a volume are stored, and where its voxels are.

The fields of a NIfTI header are unpacked by nibabel, without its checks: these repair damaged fields by a guess (an
unknown sform code becomes 0, a negative voxel size positive). Here such a file is refused.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple, cast

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.spatialimages import HeaderDataError, SpatialImage

from bids_ari.errors import DataError
from bids_ari.images.space import Frame
from bids_ari.images.volume import Grid
from bids_ari.stats.distributions import FloatArray

NIFTI = "a NIfTI image"  # what most files should be, in messages

HEADER_BYTES = 540  # of the longest header, that of NIfTI-2
_VOXEL_SIZES = (0.01, 100.0)  # smallest and largest plausible voxel size in mm, with a wide margin
_FURTHEST = 1e5  # largest distance in mm of the first voxel from the origin
_FLAT = 1e-6  # axes that span less than this part of a cube are linearly dependent (float32 has seven digits)
_KEPT = 2**10  # headers
_EXTENDER = 4  # bytes after the header that tell whether extensions follow
_LENGTHS = {1: "metres", 3: "micrometres"}  # units of length in xyzt_units that are not mm
_TYPE_CODES = frozenset(nib.nifti1.data_type_codes.value_set("code"))  # which nibabel computes at each call


class _Format(NamedTuple):
    """One version of the NIfTI format."""

    header: type[Any]  # of nibabel
    magic: tuple[int, tuple[bytes, ...]]  # position and possible values of the magic number
    pair: bytes  # the magic number of a pair of files
    first_value: int  # the first possible byte of a value


_FORMATS = {
    348: _Format(nib.Nifti1Header, (344, (b"n+1\0",)), b"ni1\0", 352),
    540: _Format(nib.Nifti2Header, (4, (b"n+2\0\r\n\x1a\n", b"n+2" + bytes(5))), b"ni2\0", 544),
}
"""The two versions, by the size of the header, which is its first field."""


class Intent(NamedTuple):
    """What the values of an image mean, by the NIfTI standard."""

    code: int = 0  # 0 for none
    parameters: tuple[float, ...] = (0.0, 0.0, 0.0)  # such as the degrees of freedom of a t test


NO_INTENT = Intent()


@dataclass(frozen=True, slots=True, eq=False)
class Header:
    """How the values of one image are stored, and where they are."""

    name: str  # in messages
    frame: Frame
    dtype: np.dtype[Any]
    offset: int = 0  # of the first value, in bytes
    slope: float = 1.0  # a stored number k has the value slope * k + inter
    inter: float = 0.0
    descrip: str = ""  # description, as the program that wrote the file has it
    intent: Intent = NO_INTENT
    end: int = 0  # of the header itself, in bytes; extensions follow up to `offset`
    right: Intent = NO_INTENT  # of the file of the right hemisphere, where the values are of two files

    @classmethod
    def of(cls, image: Any, name: str) -> "Header":
        """Return the header of an image of nibabel; raise a DataError if it is not one volume with a valid affine."""
        if not isinstance(image, SpatialImage):
            raise DataError(f"{name} is not a volume image but {type(image).__name__}", "a NIfTI file")
        shape = _three_axes(image.shape, name)
        _check_type(image.get_data_dtype(), str(image.get_data_dtype()), name)
        check_place(image.affine, name)
        fields: Any = image.header if hasattr(image.header, "keys") else {}  # the header of AFNI has no fields
        grid = replace(Grid.of(cast(nib.Nifti1Image, image)), shape=shape)
        if "xyzt_units" in fields:
            _check_units(int(fields["xyzt_units"]), grid, name)
        slope, inter = getattr(image.dataobj, "slope", 1.0), getattr(image.dataobj, "inter", 0.0)
        return cls(name, grid, image.get_data_dtype(), 0, float(slope), float(inter), *_meaning(fields))

    @property
    def grid(self) -> Grid:
        """The grid of a volume; raise a DataError if it is none."""
        if not isinstance(self.frame, Grid):
            raise DataError(f"{self.name} has {self.size}", "a volume", "Use an image of the same kind as the maps")
        return self.frame

    @property
    def n_values(self) -> int:
        """Number of values."""
        return math.prod(self.frame.shape)

    @property
    def size(self) -> str:
        """The number of values along each axis, for messages."""
        return f"{' x '.join(map(str, self.frame.shape))} {self.frame.units}"

    @property
    def n_bytes(self) -> int:
        """Length of the file up to its last value, in bytes."""
        return self.offset + self.n_values * self.dtype.itemsize

    @property
    def step(self) -> float:
        """The distance between neighbouring values of integers, scaled or not; 0 for other types."""
        return abs(self.slope) if self.dtype.kind in "iu" else 0.0


def parse_header(start: bytes, name: str) -> Header:
    """Read the header of a single-file NIfTI image from its first bytes.

    Raises a DataError if it does not describe one volume of real numbers with a valid affine.
    """
    try:
        return replace(_parse_once(start), name=name)
    except DataError:
        return _parse(start, name)  # raises the error with the name


@lru_cache(_KEPT)
def _parse_once(start: bytes) -> Header:
    """Parse a header; keep the result: many headers of a study are the same, and each is read twice."""
    return _parse(start, "")


def _parse(start: bytes, name: str) -> Header:
    fields, first_value = _fields(start, name)
    n_axes = int(fields["dim"][0])
    if not 1 <= n_axes <= 7:
        raise damaged(name, f"its header has {n_axes} dimensions")
    sizes = tuple(int(size) for size in fields["dim"][1 : n_axes + 1])
    if min(sizes) < 0:
        raise damaged(name, f"the shape in its header is {sizes}")
    shape = _three_axes(sizes, name)
    code = int(fields["datatype"])
    known: Any = nib.nifti1.data_type_codes
    if code not in _TYPE_CODES:
        raise damaged(name, f"its data type {code} does not exist")
    _check_type(known.dtype[code], str(known.label[code]), name)
    grid = Grid(shape, _affine(fields, name), (int(fields["sform_code"]), int(fields["qform_code"])))
    _check_units(int(fields["xyzt_units"]), grid, name)
    slope, inter = float(fields["scl_slope"]), float(fields["scl_inter"])
    if slope == 0 or not math.isfinite(slope):  # no scaling, by the standard, or as in other programs
        slope, inter = 1.0, 0.0
    if not math.isfinite(inter):
        raise damaged(name, f"its values are scaled by {slope:g} with the offset {inter}")
    offset = float(fields["vox_offset"])
    if not math.isfinite(offset) or (offset >= first_value and offset != int(offset)):
        raise damaged(name, f"its vox_offset is {offset:g}")
    dtype: np.dtype[Any] = known.dtype[code].newbyteorder(fields.endianness)
    offset = max(int(offset), first_value)  # by the standard never before it
    return Header(name, grid, dtype, offset, slope, inter, *_meaning(fields), first_value - _EXTENDER)


def _meaning(fields: Any) -> tuple[str, Intent]:
    """Return the description and the intent of a header; empty where its format has none."""
    text, intent = "", NO_INTENT
    if "descrip" in fields:
        text = bytes(fields["descrip"].tobytes()).partition(b"\0")[0].decode("latin-1").strip()
    if "intent_code" in fields:
        intent = Intent(int(fields["intent_code"]), tuple(float(fields[f"intent_p{i}"]) for i in (1, 2, 3)))
    return text, intent


def damaged(name: str, why: str, kind: str = NIFTI) -> DataError:
    """Return the error for a damaged file, which should be `kind`."""
    return DataError(f"{name} is damaged or not {kind}: {why}", hint="Copy or regenerate the file")


def _fields(start: bytes, name: str) -> tuple[Any, int]:
    """Find version and byte order from the size of the header; return its fields, and the first byte of values."""
    for order, sign in (("little", "<"), ("big", ">")):
        size = int.from_bytes(start[:4], order)  # type: ignore[arg-type]
        if size not in _FORMATS or len(start) < size:
            continue
        kind = _FORMATS[size]
        where, known = kind.magic
        if start[where:].startswith(kind.pair):
            raise DataError(f"{name} is the header of a pair of files", "a single NIfTI file, .nii or .nii.gz")
        if not start[where:].startswith(known):
            raise damaged(name, f"its magic number is {start[where : where + len(known[0])]!r}")
        return kind.header(start[:size], endianness=sign, check=False), kind.first_value
    if len(start) < min(_FORMATS):
        raise damaged(name, f"it ends after {len(start)} bytes")
    raise damaged(name, f"it begins with {start[:8]!r}")


def _three_axes(sizes: tuple[int, ...], name: str) -> tuple[int, int, int]:
    """Drop axes of length 1 after the third; raise if the result is not a volume."""
    shape = sizes[:3] + tuple(size for size in sizes[3:] if size != 1)
    if len(shape) != 3:
        raise DataError(
            f"{name} has {len(sizes)} dimensions {sizes}",
            "a single 3-D volume",
            "Extract the volume of the statistic, for example with fslroi, 3dTcat or nilearn.image.index_img",
        )
    if min(shape) < 1:
        raise DataError(f"{name} has the shape {sizes}", "at least one voxel along each axis")
    return shape[0], shape[1], shape[2]


def _check_type(dtype: npt.DTypeLike, label: str, name: str) -> None:
    """Raise if values are not real numbers."""
    if np.dtype(dtype).kind not in "biuf":
        raise DataError(f"{name} contains values of type {label}", "real numbers")


def _affine(fields: Any, name: str) -> FloatArray:
    """Return the affine: the sform if there is one, else the qform, else from the voxel sizes alone."""
    for field in ("sform_code", "qform_code"):
        if not 0 <= int(fields[field]) <= 5:
            raise DataError(f"{name} has the {field} {int(fields[field])}", "0 to 5")
    if fields["sform_code"] == 0:  # only then do programs use the voxel sizes
        handedness, *sizes = (float(size) for size in fields["pixdim"][:4])
        if not all(size > 0 for size in sizes):
            raise DataError(f"{name} has voxels of the size {sizes}", "sizes above 0")
        if fields["qform_code"] != 0 and handedness not in (-1, 0, 1):
            raise DataError(f"{name} has a qform of the handedness {handedness:g} (pixdim[0])", "1 or -1")
        fields["pixdim"][0] = handedness or 1  # by the standard, 0 is 1
    with np.errstate(all="ignore"):  # invalid numbers are refused below
        try:
            affine = np.asarray(fields.get_best_affine(), dtype=float)
        except (HeaderDataError, ValueError) as error:
            turn = ", ".join(f"{float(fields[f'quatern_{axis}']):g}" for axis in "bcd")
            raise DataError(f"{name} has a qform that is not a rotation: ({turn})", "a length of at most 1") from error
    check_place(affine, name)
    return affine


def check_place(affine: FloatArray | None, name: str) -> None:
    """Raise if an affine is singular, or its voxel sizes or origin are implausible."""
    if affine is None:
        raise DataError(f"{name} has no affine", "an invertible one")
    with np.errstate(all="ignore"):
        sizes = np.linalg.norm(affine[:3, :3], axis=0)
        spanned = abs(np.linalg.det(affine[:3, :3] / sizes))
    if not np.isfinite(affine).all() or not spanned > _FLAT:
        raise DataError(f"{name} has an affine that is not invertible: {affine[:3].tolist()}", "an invertible one")
    least, most = _VOXEL_SIZES
    if not (sizes.min() >= least and sizes.max() <= most and np.abs(affine[:3, 3]).max() <= _FURTHEST):
        where = ", ".join(f"{x:.4g}" for x in affine[:3, 3])
        raise DataError(
            f"{name} has voxels of {_by(sizes)} mm from ({where})",
            f"sizes of {least:g} to {most:g} mm, near the origin",
            "Fix its affine",
        )


def _check_units(units: int, grid: Grid, name: str) -> None:
    """Raise if the unit of length is not mm, which every program assumes; unknown codes are accepted."""
    unit = _LENGTHS.get(units & 7)
    if unit:
        raise DataError(
            f"{name} has voxel sizes of {_by(grid.zooms)} {unit} (xyzt_units)",
            "mm",
            "If they are in mm, correct the header: image.header.set_xyzt_units('mm')",
        )


def _by(sizes: Any) -> str:
    """Return the size of a voxel as text."""
    return " x ".join(f"{size:.3g}" for size in sizes)
