"""Damaged images, and sound images that look damaged: one table for all tests.

Each case writes one file in place of a good map. The maps of the others are `write_good`; a sound case holds the same
values at the same place.
"""

import gzip
import os
import stat
import struct
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, NamedTuple

import nibabel as nib
import numpy as np
import pytest
from builders import AFFINE, SHAPE, Floats

from bids_ari.errors import BidsAriError, DataError, InputNotFoundError, ReadError

Make = Callable[[Path], object]


class HostileImage(NamedTuple):
    """A file in place of a map.

    `error` None: it is sound. `extension`: the only one under which this is so; else both. `when`: what tells at the
    earliest: its header, its voxels, or that a group needs data of each subject.
    """

    name: str
    make: Make
    error: type[BidsAriError] | None
    says: str = ""
    extension: str = ""
    when: Literal["header", "voxels", "group"] = "header"

    @property
    def expected_exit(self) -> int:
        return self.error.exit_code if self.error else 0

    @property
    def extensions(self) -> tuple[str, ...]:
        return (self.extension,) if self.extension else (".nii", ".nii.gz")


def values(seed: int = 0) -> Floats:
    """Whole numbers from 1 to 99, which every type of numbers holds, and zero at the faces of the volume."""
    data = np.zeros(SHAPE)
    inner = data[1:-1, 1:-1, 1:-1]
    inner[:] = np.random.default_rng(seed).integers(1, 100, inner.shape)
    return data


def write_good(path: Path, seed: int = 0) -> Path:
    """Write a map as the others of the group have it."""
    _write(path, _content(values(seed)))
    return path


def _image(data: Any, kind: type[Any] = nib.Nifti1Image, order: str = "<") -> Any:
    """An image whose place is in its sform alone."""
    header = kind.header_class(endianness=order)
    header.set_data_dtype(data.dtype)
    made = kind(data, AFFINE, header)
    made.set_sform(AFFINE, code=4)
    made.set_qform(None, code=0)
    return made


def _content(data: Any, dtype: Any = np.float32, **more: Any) -> bytes:
    return bytes(_image(data.astype(dtype), **more).to_bytes())


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(gzip.compress(content, 1, mtime=0) if path.suffix == ".gz" else content)


def _fields(kind: type[Any] = nib.Nifti1Image, dtype: Any = np.float32, tail: bytes = b"", **fields: Any) -> Make:
    """A good map, but for some fields of its header, and with more bytes at its end."""

    def make(path: Path) -> None:
        content = _content(values(), dtype, kind=kind)
        size = kind.header_class.sizeof_hdr
        header = kind.header_class(content[:size], check=False)
        for field, value in fields.items():
            header[field] = value
        _write(path, bytes(header.binaryblock) + content[size:] + tail)

    return make


def _extended(size: int) -> Make:
    """A good map behind an extension that says that it has some size; it has 32 bytes."""

    def make(path: Path) -> None:
        header = nib.Nifti1Header(_GOOD[:348], check=False)
        header["vox_offset"] = 384
        extension = b"\1\0\0\0" + struct.pack("<ii", size, 4) + bytes(24)
        _write(path, bytes(header.binaryblock) + extension + _GOOD[352:])

    return make


def _saved(data: Any, dtype: Any = np.float32, **more: Any) -> Make:
    return lambda path: _write(path, _content(data, dtype, **more))


def _shaped(*shape: int) -> Make:
    return lambda path: _write(path, _content(np.resize(values()[1:-1, 1:-1, 1:-1], shape)))


def _only(content: bytes) -> Make:
    """These bytes, as they are."""
    return lambda path: path.write_bytes(content)


def _packed(content: bytes) -> Make:
    """These bytes, compressed where the name says so."""
    return lambda path: _write(path, content)


def _cut(keep: float) -> Make:
    """The beginning of the file of a good map: a fraction of it, or all but some bytes."""

    def make(path: Path) -> None:
        whole = write_good(path).read_bytes()
        path.write_bytes(whole[: int(len(whole) * keep) if 0 < keep < 1 else int(keep)])

    return make


def _flipped(at: float) -> Make:
    """One bit of the compressed file is another: at a fraction of it, or so many bytes from its end."""

    def make(path: Path) -> None:
        whole = bytearray(write_good(path).read_bytes())
        whole[int(len(whole) * at) if 0 < at < 1 else int(at)] ^= 4
        path.write_bytes(bytes(whole))

    return make


def _members(*contents: bytes, tail: bytes = b"") -> Make:
    return lambda path: path.write_bytes(b"".join(gzip.compress(content) for content in contents) + tail)


def _linked(target: str) -> Make:
    return lambda path: path.symlink_to(path if target == "itself" else target)


def _sparse(shape: tuple[int, int, int]) -> Make:
    """A NIfTI-2 file that is as long as its header claims, and holds nothing."""

    def make(path: Path) -> None:
        _claims(shape)(path)
        try:
            os.truncate(path, 544 + 8 * int(np.prod(shape)))
        except OSError:
            pytest.skip("no sparse files of this size here")

    return make


def _claims(shape: tuple[int, int, int]) -> Make:
    """A NIfTI-2 header alone that claims float64 of some shape."""
    header = _image(values(), nib.Nifti2Image).header
    header["dim"] = [3, *shape, 1, 1, 1, 1]
    header["vox_offset"] = 544
    return lambda path: _write(path, bytes(header.binaryblock) + bytes(4))


def _node(kind: int) -> Make:
    def make(path: Path) -> None:
        try:
            os.mknod(path, kind | 0o600)
        except OSError:
            pytest.skip("such a file cannot be made here")

    return make


def _unreadable(path: Path) -> None:
    write_good(path).chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user can read everything")


def _zip() -> bytes:
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("map.nii", _content(values()))
    return content.getvalue()


def _analyze() -> bytes:
    """Header and values of ANALYZE 7.5 in one file: no magic number, no place."""
    header = nib.AnalyzeHeader()
    header.set_data_shape(SHAPE)
    header.set_data_dtype(np.float32)
    return bytes(header.binaryblock) + bytes(4) + values().astype(np.float32).tobytes(order="F")


def _quaternion(**fields: Any) -> Make:
    """A map whose place is in its qform alone: a rotation by 90 degrees, were it not for some fields."""
    sound = {"quatern_b": 0.0, "quatern_c": 0.0, "quatern_d": 0.7071068, "pixdim": _PIXDIM}
    return _fields(sform_code=0, qform_code=1, **{**sound, **fields})


_NII, _GZ = ".nii", ".nii.gz"
_NIFTI2 = nib.Nifti2Image
_GOOD = _content(values())
_PIXDIM = [-1, 3, 3, 3.5, 1, 1, 1, 1]
_ANNEX = "/annex/objects/MD5E-s1048576--0123456789abcdef0123456789abcdef.nii.gz\n"
_LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 1048576\n"


def _pixdim(at: int, value: float) -> list[float]:
    return [value if i == at else size for i, size in enumerate(_PIXDIM)]


HOSTILE_IMAGES: tuple[HostileImage, ...] = (
    # What compression can suffer.
    HostileImage("a bit flipped in compressed values", _flipped(0.6), DataError, "is damaged", _GZ, "voxels"),
    HostileImage("a bit flipped in the checksum", _flipped(-6), DataError, "checksum", _GZ, "voxels"),
    HostileImage("a bit flipped in the length", _flipped(-2), DataError, "Incorrect length", _GZ, "voxels"),
    HostileImage("compressed, cut in the middle", _cut(0.5), DataError, "incomplete", _GZ, "voxels"),
    HostileImage("compressed, cut before its checksum", _cut(-8), DataError, "incomplete", _GZ, "voxels"),
    HostileImage("compressed, the last byte cut", _cut(-1), DataError, "incomplete", _GZ, "voxels"),
    HostileImage("compressed, cut in the header", _cut(60), DataError, "is damaged", _GZ),
    HostileImage("garbage behind", _members(_GOOD, tail=b"garbage"), DataError, "incomplete", _GZ, "voxels"),
    HostileImage("zeros behind", _members(_GOOD, tail=bytes(512)), None, extension=_GZ),
    HostileImage("an empty member", _members(b""), DataError, "ends after 0 bytes", _GZ),
    HostileImage("an empty member first", _members(b"", _GOOD), None, extension=_GZ),
    HostileImage("two members", _members(_GOOD[:400], _GOOD[400:]), None, extension=_GZ),
    HostileImage("members cut within the header", _members(_GOOD[:99], _GOOD[99:]), None, extension=_GZ),
    HostileImage("compressed twice", _members(gzip.compress(_GOOD)), DataError, "begins with", _GZ),
    HostileImage(
        "a bomb of zeros", _packed(_GOOD + bytes(2**24)), DataError, "continues after the 10 x 11 x 12", _GZ, "voxels"
    ),
    HostileImage(
        "not compressed", _only(_GOOD), DataError, "is not compressed; expected a name that ends in .nii", _GZ
    ),
    HostileImage("compressed under a plain name", _members(_GOOD), DataError, "is compressed; expected a name", _NII),
    # Too short and too long.
    HostileImage("empty", _only(b""), DataError, "is empty"),
    HostileImage("one byte", _packed(b"\0"), DataError, "ends after 1 bytes"),
    HostileImage("one byte short of a header", _packed(_GOOD[:347]), DataError, "ends after 347 bytes"),
    HostileImage(
        "a header without values",
        _packed(_GOOD[:352]),
        DataError,
        "of the 5632 bytes for the 10 x 11 x 12 voxels",
        when="voxels",
    ),
    HostileImage(
        "one byte short", _packed(_GOOD[:-1]), DataError, "of the 5632 bytes for the 10 x 11 x 12 voxels", when="voxels"
    ),
    HostileImage("some bytes too long", _packed(_GOOD + bytes(100)), None),
    HostileImage("far too long", _packed(_GOOD + bytes(2**21)), DataError, "continues after", _NII),
    # Which format it is.
    HostileImage("other byte order", _saved(values(), order=">"), None),
    HostileImage("NIfTI-2", _saved(values(), kind=_NIFTI2), None),
    HostileImage("NIfTI-2, other byte order", _saved(values(), kind=_NIFTI2, order=">"), None),
    HostileImage("wrong magic number", _fields(magic=b"abc"), DataError, "magic number is b'abc"),
    HostileImage("header of a pair", _fields(magic=b"ni1"), DataError, "is the header of a pair"),
    HostileImage("header of a NIfTI-2 pair", _fields(_NIFTI2, magic=b"ni2"), DataError, "is the header of a pair"),
    HostileImage("line ends translated", _fields(_NIFTI2, eol_check=[10, 26, 10, 0]), DataError, "magic number"),
    HostileImage("wrong size of the header", _fields(sizeof_hdr=0), DataError, "begins with"),
    HostileImage("ANALYZE", _packed(_analyze()), DataError, "magic number"),
    HostileImage(
        "FreeSurfer", _packed(struct.pack(">7ih", 1, *SHAPE, 1, 3, 0, 1) + bytes(9999)), DataError, "begins with"
    ),
    HostileImage("MINC", _packed(b"CDF\x01" + bytes(9999)), DataError, "begins with b'CDF"),
    HostileImage("HDF5", _packed(b"\x89HDF\r\n\x1a\n" + bytes(9999)), DataError, "begins with b'\\x89HDF"),
    HostileImage("a picture", _packed(b"\x89PNG\r\n\x1a\n" + bytes(9999)), DataError, "begins with b'\\x89PNG"),
    HostileImage("GIFTI", _packed(b'<?xml version="1.0"?><GIFTI>' + bytes(999)), DataError, "begins with b'<?xml"),
    HostileImage("CIFTI", _shaped(1, 1, 1, 1, 9, 20), DataError, "has 6 dimensions"),
    HostileImage("a zip archive", _only(_zip()), DataError, "begins with b'PK"),
    HostileImage("a page to log in", _only(b"\n<!DOCTYPE html><html>Log in" + bytes(999)), DataError, "is a web page"),
    HostileImage("text", _only(b"no image at all\n" * 99), DataError, "begins with b'no image'"),
    HostileImage("a pointer of git-annex", _only(_ANNEX.encode()), DataError, "Fetch it: datalad get"),
    HostileImage("a link of git-annex as text", _only(b"../.git/annex/objects/x"), DataError, "Fetch it: datalad get"),
    HostileImage("a pointer of git-lfs", _only(_LFS.encode()), DataError, "Fetch it: git lfs pull"),
    # How large it is.
    HostileImage(
        "negative size", _fields(dim=[3, -10, 11, 12, 1, 1, 1, 1]), DataError, "shape in its header is (-10, 11, 12)"
    ),
    HostileImage("no dimension", _fields(dim=[0, 10, 11, 12, 1, 1, 1, 1]), DataError, "has 0 dimensions"),
    HostileImage("eight dimensions", _fields(dim=[8, 10, 11, 12, 1, 1, 1, 1]), DataError, "has 8 dimensions"),
    HostileImage("255 dimensions", _fields(dim=[255, 10, 11, 12, 1, 1, 1, 1]), DataError, "has 255 dimensions"),
    HostileImage("-1 dimensions", _fields(dim=[-1, 10, 11, 12, 1, 1, 1, 1]), DataError, "has -1 dimensions"),
    HostileImage("one dimension", _shaped(1320), DataError, "has 1 dimensions (1320,)"),
    HostileImage("two dimensions", _shaped(110, 12), DataError, "has 2 dimensions (110, 12)"),
    HostileImage("four dimensions", _shaped(10, 11, 12, 2), DataError, "has 4 dimensions (10, 11, 12, 2)"),
    HostileImage("five dimensions", _shaped(10, 11, 12, 1, 3), DataError, "has 5 dimensions"),
    HostileImage("four dimensions, the last of one", _saved(values()[..., None]), None),
    HostileImage("seven dimensions, four of one", _saved(values()[..., None, None, None, None]), None),
    HostileImage("sizes behind the last dimension", _fields(dim=[3, 10, 11, 12, 0, -5, 7, 9]), None),
    HostileImage("an axis without voxels", _shaped(10, 0, 12), DataError, "has the shape (10, 0, 12)"),
    HostileImage(
        "more voxels than bytes",
        _fields(dim=[3, 30, 30, 30, 1, 1, 1, 1]),
        DataError,
        "bytes for the 30 x 30 x 30 voxels",
        extension=_NII,
    ),
    HostileImage(
        "the most of NIfTI-1",
        _fields(dim=[3, 32767, 32767, 32767, 1, 1, 1, 1]),
        DataError,
        "the 32767 x 32767 x 32767 voxels of its header",
    ),
    HostileImage("1 TB", _claims((4096, 4096, 8192)), DataError, "the 4096 x 4096 x 8192 voxels of its header"),
    HostileImage(
        "1 TB of nothing", _sparse((4096, 4096, 8192)), DataError, "describes 4096 x 4096 x 8192 voxels, which", _NII
    ),
    HostileImage(
        "a product beyond 64 bits",
        _claims((2**32, 2**32, 2)),
        DataError,
        "the 4294967296 x 4294967296 x 2 voxels of its header",
    ),
    HostileImage("the most of NIfTI-2", _claims((2**63 - 1, 2**63 - 1, 2**63 - 1)), DataError, "is damaged"),
    # How values are stored.
    HostileImage("type 999", _fields(datatype=999), DataError, "data type 999 does not exist"),
    HostileImage("type -1", _fields(datatype=-1), DataError, "data type -1 does not exist"),
    HostileImage("type unknown", _fields(datatype=0), DataError, "real numbers"),
    HostileImage("single bits", _fields(datatype=1), DataError, "real numbers"),
    HostileImage("complex numbers", _saved(values(), np.complex64), DataError, "complex64; expected real numbers"),
    HostileImage("colours", _fields(datatype=128), DataError, "type RGB; expected real numbers"),
    HostileImage("colours with alpha", _fields(datatype=2304), DataError, "expected real numbers"),
    HostileImage("float128", _fields(datatype=1536), DataError),
    HostileImage("complex256", _fields(datatype=2048), DataError, "expected real numbers"),
    *(
        HostileImage(f"stored as {np.dtype(dtype)}", _saved(values(), dtype), None)
        for dtype in (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, np.float64)
    ),
    HostileImage("bits per voxel that disagree", _fields(bitpix=7), None),
    HostileImage("values begin at 0", _fields(vox_offset=0), None),
    HostileImage("values begin within the header", _fields(vox_offset=100), None),
    HostileImage("values begin before the file", _fields(vox_offset=-1e9), None),
    HostileImage("values begin at half a byte", _fields(vox_offset=352.5), DataError, "vox_offset is 352.5"),
    HostileImage("values begin after the end", _fields(vox_offset=1e9), DataError, "is damaged"),
    HostileImage("values begin far away", _fields(vox_offset=1e30), DataError, "is damaged"),
    HostileImage("values begin at NaN", _fields(vox_offset=np.nan), DataError, "vox_offset is nan"),
    HostileImage("values begin at infinity", _fields(vox_offset=np.inf), DataError, "vox_offset is inf"),
    HostileImage("NIfTI-2 values begin before the file", _fields(_NIFTI2, vox_offset=-(2**63)), None),
    HostileImage("NIfTI-2 values begin far away", _fields(_NIFTI2, vox_offset=2**63 - 1), DataError, "is damaged"),
    HostileImage("slope 0", _fields(dtype=np.int16, scl_slope=0, scl_inter=5), None),
    HostileImage("slope NaN", _fields(dtype=np.int16, scl_slope=np.nan, scl_inter=5), None),
    HostileImage("slope infinite", _fields(dtype=np.int16, scl_slope=np.inf, scl_inter=np.nan), None),
    HostileImage("offset NaN", _fields(dtype=np.int16, scl_slope=1, scl_inter=np.nan), DataError, "offset nan"),
    HostileImage("offset infinite", _fields(scl_slope=1, scl_inter=-np.inf), DataError, "offset -inf"),
    # Where it is.
    HostileImage("place NaN", _fields(srow_x=[np.nan, 0, 0, 0]), DataError, "not invertible"),
    HostileImage("place infinite", _fields(srow_y=[0, 3, 0, np.inf]), DataError, "not invertible"),
    HostileImage("flat", _fields(srow_x=[0, 0, 0, 1]), DataError, "not invertible"),
    HostileImage(
        "flat, but for rounding", _fields(srow_x=[3, 3, 0, 0], srow_y=[3, 3.000001, 0, 0]), DataError, "not invertible"
    ),
    HostileImage(
        "everything zero", _fields(srow_x=[0] * 4, srow_y=[0] * 4, srow_z=[0] * 4), DataError, "not invertible"
    ),
    HostileImage("voxels of a kilometre", _fields(srow_x=[1e6, 0, 0, 0]), DataError, "voxels of 1e+06 x 3 x 3.5 mm"),
    HostileImage("voxels of a nanometre", _fields(srow_x=[-1e-6, 0, 0, 0]), DataError, "voxels of 1e-06 x 3 x 3.5 mm"),
    HostileImage("on the moon", _fields(srow_z=[0, 0, 3.5, 3.8e11]), DataError, "from (15, -16, 3.8e+11)"),
    HostileImage("sform code 255", _fields(sform_code=255), DataError, "has the sform_code 255"),
    HostileImage("sform code -1", _fields(sform_code=-1), DataError, "has the sform_code -1"),
    HostileImage("qform code 99", _fields(qform_code=99), DataError, "has the qform_code 99"),
    HostileImage("qform NaN", _quaternion(quatern_b=np.nan), DataError, "not invertible"),
    HostileImage(
        "qform longer than 1", _quaternion(quatern_b=3), DataError, "qform that is not a rotation: (3, 0, 0.707107)"
    ),
    HostileImage("qform at infinity", _quaternion(qoffset_x=np.inf), DataError, "not invertible"),
    HostileImage("qform of size 0", _quaternion(pixdim=_pixdim(2, 0)), DataError, "sizes above 0"),
    HostileImage("qform of negative size", _quaternion(pixdim=_pixdim(1, -3)), DataError, "sizes above 0"),
    HostileImage("qform of size NaN", _quaternion(pixdim=_pixdim(3, np.nan)), DataError, "sizes above 0"),
    HostileImage("qform of infinite size", _quaternion(pixdim=_pixdim(3, np.inf)), DataError, "not invertible"),
    HostileImage("qform of handedness 7", _quaternion(pixdim=_pixdim(0, 7)), DataError, "handedness 7"),
    HostileImage("no place, size 0", _fields(sform_code=0, pixdim=_pixdim(1, 0)), DataError, "sizes above 0"),
    HostileImage("sizes that the sform overrules", _fields(pixdim=[np.nan, 0, -3, np.inf, 1, 1, 1, 1]), None),
    HostileImage("a qform that the sform overrules", _fields(qform_code=1, quatern_b=np.nan, qoffset_x=np.inf), None),
    HostileImage("lengths in metres", _fields(xyzt_units=1), DataError, "3 x 3 x 3.5 metres (xyzt_units); expected mm"),
    HostileImage("lengths in micrometres", _fields(xyzt_units=3 | 8), DataError, "micrometres"),
    HostileImage("lengths unknown", _fields(xyzt_units=0), None),
    HostileImage("units that do not exist", _fields(xyzt_units=255), None),
    *(HostileImage(f"an extension of {size} bytes", _extended(size), None) for size in (-1, 0, 7, 2**31 - 1)),
    # What it holds.
    HostileImage("only NaN", _saved(np.full(SHAPE, np.nan)), DataError, "has no data", when="group"),
    HostileImage("only zero", _saved(np.zeros(SHAPE)), DataError, "has no data", when="group"),
    HostileImage("only infinity", _saved(np.full(SHAPE, -np.inf)), DataError, "has no data", when="group"),
    # What it is to the system.
    HostileImage("absent", lambda path: None, InputNotFoundError, "There is no file"),
    HostileImage("a folder", Path.mkdir, ReadError, "it is a folder"),
    HostileImage("a link to content that was not fetched", _linked(".git/annex/objects/x"), DataError, "datalad get"),
    HostileImage("a link to nothing", _linked("gone"), DataError, "Fix the link: its target is gone"),
    HostileImage("a link to itself", _linked("itself"), ReadError, "cannot be read"),
    HostileImage("a pipe", _node(stat.S_IFIFO), ReadError, "it is a pipe"),
    HostileImage("a socket", _node(stat.S_IFSOCK), ReadError, "it is a socket"),
    HostileImage("an endless device", _linked("/dev/zero"), ReadError, "it is a device"),
    HostileImage("a folder behind a link", _linked("."), ReadError, "it is a folder"),
    HostileImage("not ours to read", _unreadable, ReadError, "Permission denied"),
)
"""Every case. Names are unique."""
