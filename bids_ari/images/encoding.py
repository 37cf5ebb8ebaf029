"""GIFTI and CIFTI files that are written: maps and labels of vertices and grayordinates.

They are what Connectome Workbench expects: float32 values, the hemisphere in the metadata of a GIFTI file, an intent of
the NIfTI header of a CIFTI file, and a label for 0. The same input gives the same bytes.
"""

import colorsys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.cifti2.cifti2_axes import BrainModelAxis, LabelAxis, ScalarAxis
from nibabel.gifti.gifti import GiftiDataArray, GiftiImage, GiftiLabel, GiftiLabelTable, GiftiMetaData

from bids_ari.errors import printable
from bids_ari.images.gifti import LEFT, RIGHT

UNLABELLED = "???"
"""Label of 0 in files of labels, as Connectome Workbench has it."""

_STRUCTURES = {LEFT: "CortexLeft", RIGHT: "CortexRight"}
_GOLDEN = 0.618034  # hues that are this part of the circle apart are never near each other
_ALIGNMENT = 16  # the values of a file begin at a multiple of it, in bytes
_KEPT = 4  # axes whose XML is kept
_SCALARS, _LABELS = (3006, "ConnDenseScalar"), (3007, "ConnDenseLabel")

_encoded: list[tuple[BrainModelAxis, str]] = []
_lock = threading.Lock()

Table = Mapping[int, str]
"""Name of each label."""


@dataclass(frozen=True, slots=True)
class CiftiContent:
    """The bytes of a CIFTI file.

    nibabel takes 0.4 s to encode an image with 91k positions, most of it for their XML, which is the same in all
    files of a result.
    """

    content: bytes

    def to_bytes(self) -> bytes:
        """Return the bytes, as images of nibabel do."""
        return self.content

    @property
    def image(self) -> nib.Cifti2Image:
        """The image of nibabel."""
        return nib.Cifti2Image.from_bytes(self.content)


_INTENTS = {"z": "NIFTI_INTENT_ZSCORE", "t": "NIFTI_INTENT_TTEST", "F": "NIFTI_INTENT_FTEST"}


def intent_of(stat: str) -> str:
    """Return the NIfTI intent of the values of a statistic, by its label in file names.

    >>> intent_of("z"), intent_of("tdp")
    ('NIFTI_INTENT_ZSCORE', 'NIFTI_INTENT_SHAPE')
    """
    return _INTENTS.get(stat, "NIFTI_INTENT_SHAPE")


def scalar_gifti(values: npt.ArrayLike, structure: str, name: str, intent: str = "NIFTI_INTENT_SHAPE") -> GiftiImage:
    """Return a GIFTI image of one map.

    Parameters
    ----------
    values : array_like
        Values, (n_vertices,), which may be NaN.
    structure : str
        `LEFT` or `RIGHT`.
    name : str
        Name of the map.
    intent : str
        Name of a NIfTI intent, such as ``NIFTI_INTENT_ZSCORE``.
    """
    array = _array(np.asarray(values, dtype=np.float32), intent, "NIFTI_TYPE_FLOAT32", name)
    return GiftiImage(meta=_metadata(structure), darrays=[array])


def label_gifti(labels: npt.ArrayLike, table: Table, structure: str, name: str) -> GiftiImage:
    """Return a GIFTI image of labels, (n_vertices,), with the name of each number and a colour; see `scalar_gifti`."""
    array = _array(np.asarray(labels, dtype=np.int32), "NIFTI_INTENT_LABEL", "NIFTI_TYPE_INT32", name)
    entries = GiftiLabelTable()
    for key, (text, rgba) in _coloured(table).items():
        entry: Any = GiftiLabel(key, *rgba)
        entry.label = text
        entries.labels.append(entry)
    return GiftiImage(meta=_metadata(structure), labeltable=entries, darrays=[array])


def scalar_cifti(values: npt.ArrayLike, axis: BrainModelAxis, names: Sequence[str]) -> CiftiContent:
    """Return a CIFTI file of maps, ``.dscalar.nii``.

    Parameters
    ----------
    values : array_like
        Values, (n_positions,) of one map or (n_maps, n_positions), which may be NaN.
    axis : BrainModelAxis
        The positions.
    names : sequence of str
        Name of each map.
    """
    maps = ScalarAxis([printable(name) for name in names])
    return _cifti(np.asarray(values, dtype=np.float32), axis, maps, _SCALARS)


def label_cifti(labels: npt.ArrayLike, table: Table, axis: BrainModelAxis, names: Sequence[str]) -> CiftiContent:
    """Return a CIFTI file of labels, ``.dlabel.nii``, with the name of each number and a colour; see `scalar_cifti`."""
    maps = LabelAxis([printable(name) for name in names], _coloured(table))
    return _cifti(np.asarray(labels, dtype=np.int32), axis, maps, _LABELS)


def _coloured(table: Table) -> dict[int, tuple[str, tuple[float, float, float, float]]]:
    """Return the name and the colour of each label; 0 is transparent."""
    found = {0: (printable(table.get(0, UNLABELLED)), (1.0, 1.0, 1.0, 0.0))}
    for key in sorted(set(table) - {0}):
        red, green, blue = colorsys.hsv_to_rgb(key * _GOLDEN % 1, 0.55 + 0.2 * (key % 3), 0.95 - 0.15 * (key % 2))
        found[key] = printable(table[key]), (round(red, 4), round(green, 4), round(blue, 4), 1.0)
    return found


def _array(values: npt.NDArray[Any], intent: str, kind: str, name: str) -> GiftiDataArray:
    """Return a data array with its name."""
    metadata = GiftiMetaData({"Name": printable(name)})
    return GiftiDataArray(values, intent=intent, datatype=kind, coordsys=None, meta=metadata)


def _metadata(structure: str) -> GiftiMetaData:
    return GiftiMetaData({"AnatomicalStructurePrimary": _STRUCTURES[structure]})


def _cifti(values: npt.NDArray[Any], axis: BrainModelAxis, maps: Any, intent: tuple[int, str]) -> CiftiContent:
    """Return a CIFTI file of a matrix, or of one map, its first axis the maps."""
    matrix = np.atleast_2d(values)
    if matrix.shape != (len(maps), len(axis)):
        raise ValueError(f"{len(maps)} maps of {len(axis)} positions have values of the shape {matrix.shape}")
    axes = maps.to_mapping(0).to_xml(enc="unicode") + _xml_of(axis)
    xml = f'<?xml version="1.0" encoding="UTF-8"?>\n<CIFTI Version="2"><Matrix>{axes}</Matrix></CIFTI>'.encode()
    header = nib.Nifti2Header(endianness="<")
    start = header.sizeof_hdr + 4
    size = 8 + len(xml)
    size += -(start + size) % _ALIGNMENT
    header.set_data_dtype(matrix.dtype)
    header["dim"] = [6, 1, 1, 1, 1, *matrix.shape, 1]
    header["vox_offset"], header["scl_slope"], header["scl_inter"] = start + size, 1, 0
    header["intent_code"], header["intent_name"] = intent
    extension = np.array([size, 32], dtype="<i4").tobytes() + xml.ljust(size - 8, b"\0")
    data = np.ascontiguousarray(matrix.T.astype(matrix.dtype.newbyteorder("<"))).tobytes()
    return CiftiContent(bytes(header.binaryblock) + b"\1\0\0\0" + extension + data)


def _xml_of(axis: BrainModelAxis) -> str:
    """Return the XML of positions; that of the last few axes is kept."""
    with _lock:
        for known, xml in _encoded:
            if known is axis:
                return xml
        xml = str(axis.to_mapping(1).to_xml(enc="unicode"))
        _encoded.append((axis, xml))
        del _encoded[:-_KEPT]
        return xml
