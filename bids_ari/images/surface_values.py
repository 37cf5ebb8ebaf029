"""Values of other files at the positions of an analysis: masks, regions and atlases of surfaces and grayordinates.

Files are matched by structure and vertex, or by voxel; positions that a file does not have are NaN.
"""

import hashlib
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.cifti2.cifti2_axes import BrainModelAxis

from bids_ari.bids.hemispheres import OF_A_HEMISPHERE, SIDES, Hemisphere, hemisphere_of_name
from bids_ari.bids.spaces import StandardSpace
from bids_ari.errors import DataError, GridMismatchError, listing
from bids_ari.images.cifti import is_cifti, read_cifti
from bids_ari.images.contents import ContentKind, Label, damaged_file
from bids_ari.images.gifti import STRUCTURES, SurfaceFile, read_gifti
from bids_ari.images.opening import check_content, opened
from bids_ari.images.surface_templates import NESTED
from bids_ari.stats.distributions import FloatArray

_ANNOT, _ANNOTATION = ".annot", "an annotation of FreeSurfer"
_START = 64  # bytes that say what a file is
_BACKGROUND = re.compile(r"\?\?\?|unknown|background|medial[ _-]?wall", re.IGNORECASE)  # no parcels, by name
_EXTRACT = "Extract it, for example with wb_command -label-merge, -metric-merge or -cifti-merge"
_AFFINE_TOLERANCE = 1e-3  # mm, by which voxels of the same place may differ


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The values of one file, and where they are."""

    path: Path
    values: FloatArray  # (n_positions of the analysis,); NaN where the file has none
    labels: Mapping[int, Label] = field(default_factory=dict)  # names of numbers, of a file of labels
    side: Hemisphere | None = None  # of a file of one hemisphere
    step: float = 0.0  # distance between neighbouring values of integers; 0 for other types


def is_background(name: str) -> bool:
    """Return whether the name of a label means that there is no parcel.

    >>> is_background("???"), is_background("Medial_wall"), is_background("bankssts")
    (True, True, False)
    """
    return _BACKGROUND.search(name) is not None


def is_surface_file(path: Path) -> bool:
    """Return whether the name of a file is that of values at vertices, or of grayordinates.

    >>> [is_surface_file(Path(name)) for name in ("a.label.gii", "a.dlabel.nii", "lh.aparc.annot", "a.nii.gz")]
    [True, True, True, False]
    """
    return path.name.lower().endswith(OF_A_HEMISPHERE) or is_cifti(path)


def read_parts(
    files: Sequence[Path], axis: BrainModelAxis, label: str, content: ContentKind = "any"
) -> tuple[Part, ...]:
    """Read the values of files at the positions of an analysis.

    Parameters
    ----------
    files : sequence of path
        One CIFTI file, or a GIFTI file, or an annotation of FreeSurfer, of each hemisphere. Files of a hemisphere
        that the analysis does not have are not used.
    axis : BrainModelAxis
        The positions of the analysis.
    label : str
        What messages call the files, such as "The mask".
    content : {'map', 'labels', 'any'}
        What a file must contain.

    Raises
    ------
    DataError
        When a file is a volume, or has other vertices or voxels than the analysis.
    """
    parts = []
    for path in files:
        check_kind(path, label, "on surfaces" if axis.surface_mask.all() else "grayordinates")
        read = _cifti_part if is_cifti(path) else _vertex_part
        with _of_options():
            part = read(path, axis, label, content)
        parts += [part] if part is not None else []
    if not parts:
        raise DataError(
            f"{label} {listing(files)} has none of the structures of the maps", f"{listing(_structures(axis), 30)}"
        )
    return tuple(parts)


@contextmanager
def _of_options() -> Iterator[None]:
    """Change the advice of errors about files with several maps: ``--map-name`` chooses among those of subjects."""
    try:
        yield
    except DataError as error:
        if "--map-name" not in error.hint:
            raise
        raise DataError(error.found, error.expected, _EXTRACT) from error


def check_kind(path: Path, label: str, maps: str = "on surfaces") -> None:
    """Raise if a file is a volume; `maps` is what the maps are."""
    if not is_surface_file(path):
        raise DataError(
            f"{label} {path} is a volume, the maps are {maps}",
            "a GIFTI file (.label.gii, .func.gii, .shape.gii) or a CIFTI file (.dlabel.nii, .dscalar.nii)",
            "Project it onto the mesh of the maps, for example with wb_command -volume-to-surface-mapping",
        )


def _vertex_part(path: Path, axis: BrainModelAxis, label: str, content: ContentKind) -> Part | None:
    """Return the values of one hemisphere; None if the analysis does not have it."""
    file = _read_annotation(path) if path.name.lower().endswith(_ANNOT) else read_gifti(path, content=content)
    structure, values = file.structure, file.values
    if structure not in axis.nvertices:
        return None
    if not _is_finer(path, len(values), axis.nvertices[structure]):
        _check_vertices(label, path, structure, len(values), axis.nvertices[structure])
    found = np.full(len(axis), np.nan)
    here = _at_vertices(axis, structure)
    found[here] = values[axis.vertex[here]]
    side: Hemisphere = "L" if structure == STRUCTURES["L"] else "R"
    return Part(path, found, file.labels, side, file.step)


def _is_finer(path: Path, found: int, expected: int) -> bool:
    """Return whether a file is of a finer mesh of fsaverage, whose first vertices are those of a coarser one."""
    space = StandardSpace.in_name(path.name)
    return space is not None and space.name == "fsaverage" and {found, expected} <= NESTED.keys() and found > expected


def _cifti_part(path: Path, axis: BrainModelAxis, label: str, content: ContentKind) -> Part:
    """Return the values of a CIFTI file."""
    file = read_cifti(path, content=content)
    other, found = file.axis, np.full(len(axis), np.nan)
    for structure, n_vertices in axis.nvertices.items():
        if structure not in other.nvertices:
            continue
        _check_vertices(label, path, structure, other.nvertices[structure], n_vertices)
        whole = np.full(n_vertices, np.nan)
        there, here = _at_vertices(other, structure), _at_vertices(axis, structure)
        whole[other.vertex[there]] = file.values[there]
        found[here] = whole[axis.vertex[here]]
    voxels, others = ~axis.surface_mask, ~other.surface_mask
    if voxels.any() and others.any():
        found[voxels] = _at_voxels(path, axis, other, file.values[others], label)
    if not (np.isin(other.name, list(set(axis.name)))).any():
        raise DataError(f"{label} {path} has {listing(_structures(other), 30)}", f"{listing(_structures(axis), 30)}")
    return Part(path, found, file.labels, None, file.step)


def _at_voxels(
    path: Path, axis: BrainModelAxis, other: BrainModelAxis, values: FloatArray, label: str
) -> npt.NDArray[Any]:
    """Return the values of a CIFTI file at the voxels of the analysis."""
    shapes = tuple(map(int, axis.volume_shape)), tuple(map(int, other.volume_shape))
    if shapes[0] != shapes[1] or not np.allclose(axis.affine, other.affine, atol=_AFFINE_TOLERANCE):
        raise GridMismatchError(
            f"{label} {path} has its voxels on another grid: {' x '.join(map(str, shapes[1]))}",
            f"that of the maps: {' x '.join(map(str, shapes[0]))}, with the same affine",
            "Resample it first, for example with wb_command -cifti-resample",
        )
    volume = np.full(shapes[0], np.nan)
    volume[tuple(other.voxel[~other.surface_mask].T)] = values
    return np.asarray(volume[tuple(axis.voxel[~axis.surface_mask].T)])


def _at_vertices(axis: BrainModelAxis, structure: str) -> npt.NDArray[np.bool_]:
    """Return which positions are vertices of a structure."""
    return np.asarray(axis.surface_mask & (axis.name == structure))


def _check_vertices(label: str, path: Path, structure: str, found: int, expected: int) -> None:
    """Raise if a file has another number of vertices than the maps."""
    if found != expected:
        side = next((SIDES[each] for each, name in STRUCTURES.items() if name == structure), structure)
        raise DataError(
            f"{label} {path} has {found} vertices in the {side} hemisphere, the maps have {expected}",
            "the mesh of the maps",
            "Resample it to the mesh of the maps, for example with wb_command -label-resample or -metric-resample",
        )


def _structures(axis: BrainModelAxis) -> list[str]:
    """Return the names of the structures of an axis, without CIFTI's prefix."""
    return [str(name).removeprefix("CIFTI_STRUCTURE_") for name in dict.fromkeys(axis.name)]


def _read_annotation(path: Path) -> SurfaceFile:
    """Read an annotation of FreeSurfer: numbers of parcels, 0 at vertices without an entry, and their names.

    Entries of its table count from 0; where the first is a parcel, and not unknown, from 1.
    """
    if (side := hemisphere_of_name(path.name)) is None:
        raise DataError(f"{path} does not tell its hemisphere", "lh or rh in its name", "Rename it")
    with opened(path, _ANNOTATION) as file:
        check_content(file.peek(_START), path, _ANNOTATION)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    read: Any = nib.freesurfer.io.read_annot
    try:
        with warnings.catch_warnings(action="ignore"):  # of values that are no entries of the table
            numbers, _, names = read(path)
    except Exception as error:  # nibabel does not check the file, and raises some errors as Exception itself
        raise damaged_file(path, _ANNOTATION, str(error) or type(error).__name__) from error
    if not numbers.size:
        raise damaged_file(path, _ANNOTATION, "it has no vertices")
    texts = [bytes(name).decode(errors="replace") for name in names]
    first = 0 if texts and is_background(texts[0]) else 1
    values = np.where(numbers < 0, 0.0, numbers + first)
    labels = {i: Label(text) for i, text in enumerate(texts, start=first)}
    return SurfaceFile(values, len(values), STRUCTURES[side], sha256, labels=labels)
