"""Files of images: checked before they are used, read to the last byte, and hashed on the way.

A file that is not regular is not opened, a header is checked before memory is allocated for the values that it
describes, and compressed content is read to its end, so that its checksum is compared.
"""

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from io import BufferedIOBase, BufferedReader, BytesIO
from pathlib import Path
from typing import Any

import deflate
import nibabel as nib
import numpy as np
from isal import igzip
from nibabel.brikhead import AFNIImage, AFNIImageError
from nibabel.spatialimages import SpatialImage

from bids_ari.bids.kinds import AFNI
from bids_ari.errors import DataError
from bids_ari.images.afni import attributes_in, attributes_of
from bids_ari.images.afni_bricks import DATASET, Brick, parts_of, read_brick, refuse_values, unreadable_types
from bids_ari.images.headers import HEADER_BYTES, NIFTI, Header, damaged, parse_header
from bids_ari.images.image import Image
from bids_ari.images.in_memory import surface_image
from bids_ari.images.opening import check_content, decoding, opened
from bids_ari.images.surface_files import is_of_surfaces, read_surfaces, sources_of
from bids_ari.runtime.memory import available_memory, format_memory
from bids_ari.stats.distributions import FloatArray

BYTES_PER_VOXEL = 40
"""Largest memory that reading a map takes: as stored, as float64, smoothed, and the mask of missing voxels."""

_EXTENSIONS = 2**24  # most bytes of extensions that are read
_CHUNK = 2**16  # bytes read at a time; those of a header are among the first
_START = 2**10  # bytes that tell what a file is
_PADDING = 2**20  # a file may be longer than its header describes by this many bytes
_MOST_COMPRESSED = 1040  # largest ratio of compression by gzip: 1032 bytes become one
_HALF = re.compile(r"(.+)\.(img|hdr)(\.gz|\.bz2)?", re.IGNORECASE)  # the name of one of a pair of files
_LEAST_HEADER = 348  # bytes of the header of an .img file


def read_header(source: Path | Sequence[Path], mem: int | None = None, *, map_name: str | None = None) -> Header:
    """Read and check the header of an image; its values must fit into the file, and into `mem` bytes of memory.

    Parameters and errors are those of `read_image`.
    """
    paths = (source,) if isinstance(source, Path) else tuple(source)
    if is_of_surfaces(paths[0]):
        return read_surfaces(paths, mem, check_only=True, map_name=map_name).header
    (path,) = paths
    with opened(path) as file:
        if _is_nifti(path):
            header = _read_start(file, path)
        else:
            with decoding(str(path), _kind(path)):
                header = Header.of(_volume(_by_nibabel(path), str(path), map_name).image, str(path))
    check_memory(header, mem)
    return header


def read_image(
    source: str | Path | Sequence[Path] | nib.Nifti1Image, mem: int | None = None, *, map_name: str | None = None
) -> Image:
    """Read an image to its end, checksum included.

    Parameters
    ----------
    source : path, sequence of paths or image
        A NIfTI, GIFTI or CIFTI file, or one of another format that nibabel reads; the GIFTI files of two hemispheres;
        or an image of nibabel or nilearn. A single text or path of a GIFTI file stands for both
        hemispheres, if the other one has the same name.
    mem : int, optional
        Bytes that it may take; by default, all available memory.
    map_name : str, optional
        The name of the map in a GIFTI or CIFTI file with several, or the label of the sub-brick of an AFNI dataset.

    Raises
    ------
    InputNotFoundError, DataError, ReadError
        When there is no file, it is not one map, or damaged or too large, or the operating system cannot read it.
    """
    if not isinstance(source, str | Path | Sequence):
        return surface_image(source, map_name) or _loaded(source, name_of(source), mem, map_name)
    paths = sources_of(Path(source)) if isinstance(source, str | Path) else tuple(source)
    if is_of_surfaces(paths[0]):
        return read_surfaces(paths, mem, map_name=map_name)
    (path,) = paths
    with opened(path) as file:
        if not _is_nifti(path):
            image = _loaded(path, str(path), mem, map_name)  # its size is checked before the file is hashed
            hashes = {path: hashlib.file_digest(file, "sha256").hexdigest()}
            return replace(image, hashes=hashes | {each: _digest(each) for each in parts_of(path)[1:]})
        header = _read_start(file, path)
        check_memory(header, mem)
        stored = file.read(os.fstat(file.fileno()).st_size)  # room for the most bytes would take longer than reading
        content = _inflate(header, stored) if _is_compressed(path) else stored
        sha256 = hashlib.sha256(stored).hexdigest()
        del stored
        if len(content) < header.n_bytes:
            raise _too_short(header, len(content))
        extensions = bytes(memoryview(content)[header.end : min(header.offset, header.end + _EXTENSIONS)])
        return Image(_values_in(header, content), header, {path: sha256}, attributes_in(extensions))


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with opened(path, DATASET) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def name_of(source: Any) -> str:
    """Return the name of a file or an image in a message."""
    if isinstance(source, tuple):
        return str(source[0])
    if isinstance(source, SpatialImage):
        return str(source.get_filename() or "the image")
    return str(source) if isinstance(source, str | Path) else "the image"


def check_memory(header: Header, mem: int | None = None) -> None:
    """Raise a DataError if an image does not fit into memory."""
    needed = header.n_values * BYTES_PER_VOXEL
    available = available_memory() if mem is None else mem
    if needed > available:
        raise DataError(
            f"The header of {header.name} describes {header.size}, which take {format_memory(needed)} of memory",
            f"at most the available memory, {format_memory(available)}",
            "If the size is wrong, copy or regenerate the file; else increase --mem, or use a larger computer",
        )


def _is_nifti(path: Path) -> bool:
    return path.name.lower().endswith((".nii", ".nii.gz"))


def _is_compressed(path: Path) -> bool:
    return path.name.lower().endswith(".gz")


def _inflated(file: BytesIO) -> BufferedIOBase:
    return igzip.GzipFile(fileobj=file)  # type: ignore[no-untyped-call]


def _read_start(file: BufferedReader, path: Path) -> Header:
    """Read the header of a NIfTI file from its first bytes, and check the length of the file."""
    compressed = _is_compressed(path)
    start = file.read(_CHUNK)
    file.seek(0)
    _check_start(start, path, compressed)
    if compressed:
        start = _inflated(BytesIO(start)).read(HEADER_BYTES)
    header = parse_header(start[:HEADER_BYTES], str(path))
    size = os.fstat(file.fileno()).st_size
    if compressed and header.n_bytes > _MOST_COMPRESSED * size:
        raise damaged(header.name, f"{size} compressed bytes cannot contain the {header.size} of its header")
    if not compressed and header.n_bytes > size:
        raise _too_short(header, size)
    if size > _most_bytes(header, compressed):
        raise _too_long(header)
    return header


def _most_bytes(header: Header, compressed: bool) -> int:
    """Return the largest plausible size of a file with this header; gzip adds 0.04 % at most."""
    return header.n_bytes + _PADDING + (header.n_bytes // 1000 if compressed else 0)


def _check_start(start: bytes, path: Path, compressed: bool) -> None:
    """Raise if a file is empty, a pointer, a web page, or an image with a wrong extension."""
    check_content(start, path)
    is_gzip = start.startswith(b"\x1f\x8b")
    if is_gzip and not compressed:
        raise DataError(f"{path} is compressed", "a name that ends in .nii.gz", "Rename it")
    if compressed and not is_gzip:
        plain = start[:4] in (b"\x5c\x01\0\0", b"\0\0\x01\x5c", b"\x1c\x02\0\0", b"\0\0\x02\x1c")
        if plain:
            raise DataError(f"{path} is not compressed", "a name that ends in .nii", "Rename it")
        raise damaged(str(path), f"it is not compressed and begins with {start[:8]!r}")


def _inflate(header: Header, stored: bytes) -> bytearray:
    """Decompress a file, and check that it ends after the values that its header describes.

    Most files have one member, exactly as long as expected: libdeflate inflates it at once, in half the time of isal.
    What is unusual or damaged is inflated in pieces, which tells what is wrong.
    """
    if _is_one_member(stored, header.n_bytes):
        try:
            content = deflate.gzip_decompress(stored, header.n_bytes)
        except deflate.DeflateError:
            content = bytearray()
        if len(content) == header.n_bytes:
            return content
    content = bytearray()
    stream = _inflated(BytesIO(stored))
    while piece := stream.read(_CHUNK):
        content += piece
        if len(content) > header.n_bytes + _PADDING:
            raise _too_long(header)
    return content


def _is_one_member(stored: bytes, n_bytes: int) -> bool:
    """Return whether a gzip file whose first member has this many bytes, decompressed, has nothing after it.

    A member ends with its length: if the number is only at the end of the file, no member of this length ends before.
    """
    if n_bytes >= 2**32:
        return False
    n_found = sum(
        np.count_nonzero(np.frombuffer(stored, "<u4", (len(stored) - start) // 4, start) == n_bytes)
        for start in range(min(4, len(stored)))
    )
    return n_found == 1 and stored.endswith(n_bytes.to_bytes(4, "little"))


def _values_in(header: Header, content: bytes | bytearray) -> FloatArray:
    """Return the values in the decompressed content of a file, scaled.

    They keep the order of the file: reordering takes as long as inflating. Values that are float32 stay so.
    """
    stored = np.ndarray(header.frame.shape, header.dtype, content, header.offset, order="F")
    is_scaled = (header.slope, header.inter) != (1.0, 0.0)
    if (header.dtype.kind, header.dtype.itemsize) == ("f", 4) and not is_scaled:
        return np.require(stored.astype(np.float32, order="F", copy=False), requirements=["ALIGNED", "WRITEABLE"])
    with np.errstate(all="ignore"):  # damaged values that are not numbers, or too large, are missing
        values: FloatArray = stored.astype(np.float64, order="F")
        if is_scaled:
            values *= header.slope
            values += header.inter
    return values


def _too_short(header: Header, size: int) -> DataError:
    return damaged(header.name, f"it has {size} of the {header.n_bytes} bytes for the {header.size} of its header")


def _too_long(header: Header) -> DataError:
    return damaged(header.name, f"it continues after the {header.size} of its header")


def _loaded(source: Any, name: str, mem: int | None, map_name: str | None) -> Image:
    """Read an image of nibabel, or a file of another format than NIfTI."""
    with decoding(name, _kind(source)):
        image, afni = _volume(_by_nibabel(source) if isinstance(source, Path) else source, name, map_name)
        header = Header.of(image, name)
        check_memory(header, mem)
        values = np.asarray(image.get_fdata(caching="unchanged"), order="C").reshape(header.frame.shape)
    return Image(values, header, afni=afni)


def _kind(source: Any) -> str:
    """Return what a file should be."""
    return DATASET if isinstance(source, Path) and source.suffix == AFNI else NIFTI


def _volume(image: Any, name: str, map_name: str | None) -> Brick:
    """Return an image of nibabel with AFNI's attributes; of a dataset of AFNI, the sub-brick with a label."""
    if isinstance(image, AFNIImage):
        return read_brick(image, map_name, name)
    return Brick(image, attributes_of(image.header) if isinstance(image, SpatialImage) else {})


def _check_pair(path: Path, stem: str, half: str, compression: str) -> None:
    """Raise a DataError if the other half of a pair of files is not there; both are compressed, or none."""
    other, what = {"img": ("hdr", "header"), "hdr": ("img", "image")}[half.lower()]
    name = f"{stem}.{other.upper() if half.isupper() else other}{compression or ''}"
    if not path.with_name(name).exists():
        hint = "Copy both files"
        if compression and path.with_name(f"{stem}.{other}").exists():
            hint = f"Compress {stem}.{other}, too, or decompress {path.name}"
        raise DataError(f"{path} has no {what}", f"{name} beside it", hint)


def _by_nibabel(path: Path) -> Any:
    """Load a file of another format than NIfTI in a single file; raise if one of its files is not there.

    nibabel assumes that the x axis of an ANALYZE image without a .mat file is flipped: which side is left is not known.
    """
    if half := _HALF.fullmatch(path.name):
        _check_pair(path, *half.groups())
    refuse_values(path)
    header = path.with_suffix(".hdr")
    if path.suffix == ".img" and (size := header.stat().st_size) < _LEAST_HEADER:
        raise damaged(str(header), f"it ends after {size} bytes", "the header of an .img file")
    if path.suffix == AFNI:
        for each in parts_of(path):
            with opened(each, DATASET) as file:
                check_content(file.read(_START), each, DATASET)
    try:
        image: Any = nib.load(path)
    except AFNIImageError as error:
        raise unreadable_types(path) from error
    is_analyze = isinstance(image, nib.AnalyzeImage) and not isinstance(image, nib.Nifti1Pair)
    if is_analyze and not path.with_suffix(".mat").exists():
        raise DataError(
            f"{path} is an ANALYZE image, whose header does not tell which side is left",
            f"a NIfTI image, or {path.stem}.mat beside it",
            "Convert it to NIfTI by the program that wrote it, and look whether left is left",
        )
    return image
