"""The XML of GIFTI files: data arrays as text, metadata and labels, without entities and without other files."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from xml.parsers import expat

import nibabel as nib
import numpy as np
from nibabel.gifti.util import gifti_encoding_codes, gifti_endian_codes

from bids_ari.images.contents import Label, damaged_file

GIFTI = "a GIFTI file"
_ENCODINGS = ("ASCII", "Base64Binary", "GZipBase64Binary", "ExternalFileBinary")
_ORDERS = {"LittleEndian": "<", "BigEndian": ">"}
_DEEPEST = 20  # levels of elements: the format has 6


class _NotGiftiError(Exception):
    """Content that the format does not allow."""


@dataclass(slots=True)
class DataArray:
    """A data array, its values as they are stored."""

    intent: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    encoding: str
    order: Literal["C", "F"] = "C"  # of the values of several axes
    metadata: dict[str, str] = field(default_factory=dict)
    text: str = ""

    @property
    def name(self) -> str:
        """The name of the map, empty if it has none."""
        return self.metadata.get("Name", "")

    @classmethod
    def of(cls, attributes: dict[str, str]) -> "DataArray":
        """Return the data array that attributes of its element describe."""
        known: Any = nib.nifti1.data_type_codes
        kind, encoding = (
            attributes.get("DataType", ""),
            _canonical(attributes.get("Encoding", ""), gifti_encoding_codes),
        )
        if kind not in known.code or known.dtype[kind].kind not in "biuf":
            raise _NotGiftiError(f"its values are of type {kind!r}")
        if encoding not in _ENCODINGS:
            raise _NotGiftiError(f"its encoding is {encoding!r}")
        order = _canonical(attributes.get("Endian", "LittleEndian"), gifti_endian_codes)
        if order not in _ORDERS:
            raise _NotGiftiError(f"its byte order is {order!r}")
        n_axes = _whole(attributes, "Dimensionality", most=6)
        shape = tuple(_whole(attributes, f"Dim{axis}", most=2**31 - 1) for axis in range(n_axes))
        dtype = known.dtype[kind].newbyteorder(_ORDERS[order])
        by_column = attributes.get("ArrayIndexingOrder") == "ColumnMajorOrder"
        intent = attributes.get("Intent", "NIFTI_INTENT_NONE")
        return cls(intent, dtype, shape, encoding, "F" if by_column else "C")


@dataclass(slots=True)
class Document:
    """What a GIFTI file contains."""

    arrays: list[DataArray] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    labels: dict[int, Label] = field(default_factory=dict)


def parse_gifti(content: bytes, path: Path, *, with_values: bool = True) -> Document:
    """Parse a GIFTI file; raise a DataError if it is damaged. Values are not kept unless requested."""
    try:
        return _Parser(with_values).parse(content)
    except (_NotGiftiError, expat.ExpatError, ValueError, LookupError) as error:
        raise damaged_file(path, GIFTI, str(error)) from error


def _canonical(word: str, codes: Any) -> str:
    """Return the word of the standard for one that programs write, such as GIFTI_ENCODING_B64GZ."""
    return str(codes.specs[word]) if word in codes.code else word


def _whole(attributes: dict[str, str], key: str, most: int) -> int:
    """Return an attribute that is a whole number."""
    text = attributes.get(key, "")
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most):
        raise _NotGiftiError(f"its {key} is {text!r}")
    return int(text)


class _Parser:
    """The handlers of expat, and the elements that are open."""

    def __init__(self, with_values: bool) -> None:
        self.document = Document()
        self.with_values = with_values
        self.open: list[str] = []
        self.text: list[str] = []
        self.name = ""
        self.label: tuple[int, tuple[float, float, float, float]] = (0, (0.0, 0.0, 0.0, 0.0))

    def parse(self, content: bytes) -> Document:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.buffer_size = 2**20
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.characters
        parser.StartDoctypeDeclHandler = self.doctype
        parser.Parse(content, True)
        return self.document

    def doctype(self, name: str, system: str | None, public: str | None, has_subset: bool) -> None:
        if has_subset:  # it could declare entities
            raise _NotGiftiError("its document type has declarations")

    def start(self, element: str, attributes: dict[str, str]) -> None:
        if not self.open and element != "GIFTI":
            raise _NotGiftiError(f"its XML is of type {element!r}")
        if len(self.open) == _DEEPEST:
            raise _NotGiftiError("its XML is nested too deeply")
        self.open.append(element)
        self.text = []
        if element == "DataArray":
            self.document.arrays.append(DataArray.of(attributes))
        elif element == "Label":
            colour = tuple(float(attributes.get(key, "1")) for key in ("Red", "Green", "Blue", "Alpha"))
            self.label = int(attributes.get("Key", attributes.get("Index", "0"))), colour  # type: ignore[assignment]

    def characters(self, text: str) -> None:
        if self.with_values or self.open[-1] != "Data":
            self.text.append(text)

    def end(self, element: str) -> None:
        self.open.pop()
        text, self.text = "".join(self.text), []
        if element == "Name":
            self.name = text.strip()
        elif element == "Value" and self.open[-1:] == ["MD"]:
            self.metadata()[self.name] = text.strip()
        elif element == "Label":
            key, colour = self.label
            self.document.labels[key] = Label(text.strip(), colour)
        elif element == "Data" and self.open[-1:] == ["DataArray"]:
            if self.document.arrays[-1].text:
                raise _NotGiftiError("a data array has its values twice")
            self.document.arrays[-1].text = text

    def metadata(self) -> dict[str, str]:
        """Return the metadata that are read: those of the data array that is open, else of the file."""
        return self.document.arrays[-1].metadata if "DataArray" in self.open else self.document.metadata
