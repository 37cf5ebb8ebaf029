"""Kinds of files that hold maps, by the extension in their names: volumes, surfaces and grayordinates."""

from collections.abc import Mapping
from typing import Literal

Kind = Literal["NIfTI", "GIFTI", "CIFTI"]

AFNI = ".HEAD"
"""The extension of headers of AFNI's own format, which stand for both files of a dataset."""

KINDS: Mapping[str, Kind] = {
    ".nii": "NIfTI",
    ".nii.gz": "NIfTI",
    ".img": "NIfTI",
    ".func.gii": "GIFTI",
    ".shape.gii": "GIFTI",
    ".gii": "GIFTI",
    ".func.gii.gz": "GIFTI",
    ".shape.gii.gz": "GIFTI",
    ".gii.gz": "GIFTI",
    ".dscalar.nii": "CIFTI",
    ".dtseries.nii": "CIFTI",
    AFNI: "NIfTI",
}
"""The extensions of maps that can be read, each with its kind; a GIFTI file has the values of one hemisphere.

Of a pair of files, as SPM 8 and older versions write them, `.img` has the values, and stands for both. Of a dataset in
AFNI's own format `.HEAD` does, which has the labels of its volumes.
"""

CONTENTS = {
    ".hdr": "the header of an .img file",
    ".BRIK": "the values of a .HEAD file",
    ".BRIK.gz": "the values of a .HEAD file",
    ".surf.gii": "a mesh",
    ".coord.gii": "coordinates of a mesh",
    ".topo.gii": "triangles of a mesh",
    ".label.gii": "labels",
    ".dlabel.nii": "labels",
    ".plabel.nii": "labels of parcels",
    ".pscalar.nii": "values of parcels",
    ".ptseries.nii": "values of parcels",
    ".dconn.nii": "connectivity",
    ".pconn.nii": "connectivity",
    ".dpconn.nii": "connectivity",
    ".pdconn.nii": "connectivity",
    ".time.gii": "a time series",
}
"""Other extensions, with what these files hold instead of a map."""


def kind_of(extension: str) -> Kind | None:
    """Return the kind of the files with an extension; None where they cannot be read.

    >>> kind_of(".func.gii"), kind_of(".surf.gii")
    ('GIFTI', None)
    """
    return KINDS.get(extension)


def extension_of(name: str) -> str:
    """Return the extension of a name that may have other dots: the longest known one, else what follows the last dot.

    >>> extension_of("S1.tfMRI_WM.dscalar.nii"), extension_of("lh.con_0001.gii"), extension_of("spmT_0001.img")
    ('.dscalar.nii', '.gii', '.img')
    """
    known = [each for each in (*KINDS, *CONTENTS) if name.endswith(each)]
    return max(known, key=len) if known else "".join(name.rpartition(".")[1:]) if "." in name else ""
