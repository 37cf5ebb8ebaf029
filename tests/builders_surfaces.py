"""Small GIFTI and CIFTI files, as programs write them and as they should not."""

import base64
import zlib
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.cifti2.cifti2_axes import BrainModelAxis, ScalarAxis

LEFT_NAME = "sub-01_hemi-L_stat-z_statmap.func.gii"
_TYPES = {"f4": "FLOAT32", "f8": "FLOAT64", "i4": "INT32", "u1": "UINT8", "i2": "INT16"}


def data_array(
    values: npt.ArrayLike,
    *,
    encoding: str = "GZipBase64Binary",
    dtype: str = "f4",
    order: str = "<",
    intent: str = "NIFTI_INTENT_NONE",
    **metadata: str,
) -> str:
    """The element of a data array, whose shape is that of its values."""
    array = np.asarray(values).astype(order + dtype)
    content = array.tobytes()
    if encoding == "ASCII":
        text = "\n".join(map(str, array.ravel().tolist()))
    else:
        text = base64.b64encode(content if encoding == "Base64Binary" else zlib.compress(content)).decode()
    sizes = " ".join(f'Dim{axis}="{size}"' for axis, size in enumerate(array.shape))
    endian = "LittleEndian" if order == "<" else "BigEndian"
    return (
        f'<DataArray Intent="{intent}" DataType="NIFTI_TYPE_{_TYPES[dtype]}" ArrayIndexingOrder="RowMajorOrder" '
        f'Dimensionality="{array.ndim}" {sizes} Encoding="{encoding}" Endian="{endian}" ExternalFileName="" '
        f'ExternalFileOffset="">{_metadata(metadata)}<Data>{text}</Data></DataArray>'
    )


def gifti(*arrays: str, declared: str = "", labels: str = "", **metadata: str) -> str:
    """A GIFTI file of data arrays."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE GIFTI SYSTEM "http://www.nitrc.org/gifti.dtd"{declared}>\n'
        f'<GIFTI Version="1.0" NumberOfDataArrays="{len(arrays)}">{_metadata(metadata)}'
        f"<LabelTable>{labels}</LabelTable>{''.join(arrays)}</GIFTI>\n"
    )


def _metadata(entries: dict[str, str]) -> str:
    pairs = (f"<MD><Name>{name}</Name><Value><![CDATA[{value}]]></Value></MD>" for name, value in entries.items())
    return f"<MetaData>{''.join(pairs)}</MetaData>"


def write_gifti(folder: Path, *arrays: str, name: str = LEFT_NAME, **facts: str) -> Path:
    """A GIFTI file with a name; `facts` are those of `gifti`."""
    path = folder / name
    path.write_text(gifti(*arrays, **facts), encoding="utf-8")
    return path


def small_axis() -> BrainModelAxis:
    """10 of 12 vertices on the left, 9 of 12 on the right, and 8 voxels of the left thalamus."""
    voxels = np.zeros((4, 4, 4), dtype=bool)
    voxels[1:3, 1:3, 1:3] = True
    left = BrainModelAxis.from_surface(np.arange(2, 12), 12, "CortexLeft")
    right = BrainModelAxis.from_surface([11, 3, 4, 5, 6, 0, 7, 8, 9], 12, "CortexRight")
    return left + right + BrainModelAxis.from_mask(voxels, "ThalamusLeft", np.diag([2.0, 2, 2, 1]))


def write_cifti(path: Path, data: npt.ArrayLike, *axes: Any, dtype: npt.DTypeLike = np.float32) -> Path:
    """A CIFTI file of a matrix by nibabel; by default of the maps a, b, ... of the small axis."""
    matrix = np.atleast_2d(np.asarray(data, dtype=dtype))
    axes = axes or (ScalarAxis(list("abcdefgh"[: len(matrix)])), small_axis())
    made = nib.Cifti2Image(matrix, axes)
    made.nifti_header.set_data_dtype(dtype)
    nib.save(made, path)
    return path


def xml_of(content: bytes) -> bytes:
    """The XML of a CIFTI file that nibabel wrote."""
    return content[552 : int(nib.Nifti2Header(content[:540])["vox_offset"])].rstrip(b"\0")


def with_xml(content: bytes, xml: bytes) -> bytes:
    """A CIFTI file with other XML between the same header and values."""
    header = nib.Nifti2Header(content[:540])
    values = content[int(header["vox_offset"]) :]
    xml = xml.ljust(-(-(len(xml) + 552) // 16) * 16 - 552, b"\0")
    header["vox_offset"] = 552 + len(xml)
    extension = np.array([len(xml) + 8, 32], "<i4").tobytes()
    return bytes(header.binaryblock) + content[540:544] + extension + xml + values
