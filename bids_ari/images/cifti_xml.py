"""The XML of CIFTI files: which maps and which positions the two axes of a matrix have.

All subjects of a dataset have the same XML, and parsing it takes a hundred times as long as reading the values: what
was parsed is kept by its SHA-256.
"""

import hashlib
import math
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from nibabel.cifti2.cifti2_axes import BrainModelAxis
from nibabel.cifti2.parse_cifti2 import Cifti2Parser

from bids_ari.errors import BidsAriError, DataError
from bids_ari.images.contents import Label, damaged_file
from bids_ari.images.headers import check_place

CIFTI = "a CIFTI-2 file"

_KEPT = 8  # XML of as many kinds of files
_LARGEST = 2**26  # bytes of XML that are parsed: a hundred times those of 91k positions
_POSITIONS = "CIFTI_INDEX_TYPE_BRAIN_MODELS"
_SCALARS, _LABELS, _SERIES = (f"CIFTI_INDEX_TYPE_{kind}" for kind in ("SCALARS", "LABELS", "SERIES"))
_PARCELS = "CIFTI_INDEX_TYPE_PARCELS"
_MILLIMETRES = -3  # exponent of metres


class Axes(NamedTuple):
    """The axes of a matrix."""

    positions: BrainModelAxis
    extent: int  # number of vertices of all meshes, or of voxels of the volume
    of_maps: int  # 0 or 1: the axis of the maps
    n_maps: int
    map_names: tuple[str, ...]  # empty for a series
    labels: tuple[Mapping[int, Label], ...]  # of each map of a file of labels


_parsed: dict[str, Axes] = {}
_lock = threading.Lock()


def parse_axes(xml: bytes, path: Path) -> Axes:
    """Return the axes that the XML of a file describes; of the same XML, the same object.

    Raises
    ------
    DataError
        When it is damaged, or describes no maps of vertices and voxels.
    """
    key = hashlib.sha256(xml).hexdigest()
    with _lock:  # threads that read files of one kind parse it once
        if key not in _parsed:
            axes = _parse(xml, path)
            while len(_parsed) >= _KEPT:
                del _parsed[next(iter(_parsed))]
            _parsed[key] = axes
        return _parsed[key]


def _parse(xml: bytes, path: Path) -> Axes:
    if len(xml) > _LARGEST or b"<CIFTI" not in xml[:2000] or b"<!ENTITY" in xml or b"<!DOCTYPE" in xml:
        raise damaged_file(path, CIFTI, "its extension is not the XML of CIFTI")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of numpy, for lists of numbers that are empty
            parser = Cifti2Parser()
            parser.parse(string=xml)
            return _axes(parser.header, path)
    except (BidsAriError, MemoryError):
        raise
    except Exception as error:  # nibabel checks little: damaged XML raises errors of many classes
        why = f"it has no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
        raise damaged_file(path, CIFTI, why) from error


def _axes(header: Any, path: Path) -> Axes:
    """Return the axes of a parsed header, after checks of what nibabel trusts."""
    dims = sorted(header.mapped_indices)
    if dims != [0, 1]:
        raise ValueError(f"it describes the axes {dims}")
    maps = [header.matrix.get_index_map(dim) for dim in dims]
    kinds = [each.indices_map_to_data_type for each in maps]
    of_maps = _axis_of_maps(kinds, path)
    _check_positions(maps[1 - of_maps])
    positions = header.get_axis(1 - of_maps)
    _check_unique(positions)
    _check_affine(positions, path)
    for array in (positions.name, positions.vertex, positions.voxel):
        array.setflags(write=False)  # files share them
    extent = max(sum(positions.nvertices.values()), math.prod(positions.volume_shape or ()))
    return Axes(positions, extent, of_maps, *_maps(maps[of_maps], kinds[of_maps]))


def _axis_of_maps(kinds: list[str], path: Path) -> int:
    """Return which of two axes is that of the maps, by their types; raise a DataError if they are of another matrix."""
    if kinds.count(_POSITIONS) == 2:
        raise DataError(f"{path} is a matrix of connectivity (dconn)", "one map of vertices and voxels")
    if _PARCELS in kinds:
        raise DataError(
            f"{path} has values of parcels, not of vertices and voxels",
            "a map of vertices and voxels, such as .dscalar.nii",
            "Use the map before averaging over parcels; parcels are tested with --atlas",
        )
    if _POSITIONS not in kinds:
        raise DataError(f"{path} has no axis of vertices and voxels, but {' and '.join(kinds)}", "one")
    of_maps = 1 - kinds.index(_POSITIONS)
    if kinds[of_maps] not in (_SCALARS, _LABELS, _SERIES):
        raise DataError(f"{path} has an axis of {kinds[of_maps]}", "scalars, labels or a series")
    return of_maps


def _maps(index_map: Any, kind: str) -> tuple[int, tuple[str, ...], tuple[Mapping[int, Label], ...]]:
    """Return the number of maps, their names and their label tables."""
    if kind == _SERIES:
        return int(index_map.number_of_series_points), (), ()
    named = list(index_map.named_maps)
    names = tuple(each.map_name or "" for each in named)
    if kind == _SCALARS:
        return len(named), names, ()
    return len(named), names, tuple(_table(each.label_table) for each in named)


def _table(table: Any) -> dict[int, Label]:
    """Return the label table of a map."""
    return {int(key): Label(entry.label or "", entry.rgba) for key, entry in table.items()}


def _check_positions(index_map: Any) -> None:
    """Raise a ValueError unless models of structures, one after another, have the indices that they count."""
    end = 0
    for model in sorted(index_map.brain_models, key=lambda model: model.index_offset):
        is_surface = model.model_type == "CIFTI_MODEL_TYPE_SURFACE"
        indices = model.vertex_indices if is_surface else model.voxel_indices_ijk
        n_indices = 0 if indices is None else len(indices)
        if model.index_offset != end or n_indices != model.index_count:
            raise ValueError(
                f"{model.brain_structure} has {n_indices} indices from {model.index_offset}, "
                f"expected {model.index_count} from {end}"
            )
        end += n_indices
        limits = [model.surface_number_of_vertices] if is_surface else index_map.volume.volume_dimensions
        array = np.asarray(list(indices), dtype=np.int64).reshape(n_indices, len(limits))
        if n_indices and (array.min() < 0 or (array.max(axis=0) >= np.asarray(limits, dtype=np.int64)).any()):
            raise ValueError(f"{model.brain_structure} has indices outside of {tuple(limits)}")
    if end == 0:
        raise ValueError("it has no positions")
    matrix = index_map.volume and index_map.volume.transformation_matrix_voxel_indices_ijk_to_xyz
    if matrix is not None and matrix.meter_exponent != _MILLIMETRES:
        raise ValueError(f"its voxels are in units of 10^{matrix.meter_exponent} m; expected mm")


def _check_affine(axis: BrainModelAxis, path: Path) -> None:
    """Raise if the affine of the voxels is none."""
    if axis.affine is None:
        return
    if axis.affine[3].tolist() != [0, 0, 0, 1]:
        raise ValueError(f"the last row of the affine of its voxels is {axis.affine[3].tolist()}")
    check_place(axis.affine, str(path))


def _check_unique(axis: BrainModelAxis) -> None:
    """Raise a ValueError if a vertex or a voxel occurs twice."""
    surface = axis.surface_mask
    voxels = axis.voxel[~surface]
    numbers = np.ravel_multi_index(tuple(voxels.T), axis.volume_shape) if voxels.size else voxels
    if np.unique(numbers).size < len(voxels):
        raise ValueError("it has a voxel more than once")
    for structure in axis.nvertices:
        vertices = axis.vertex[axis.name == structure]
        if np.unique(vertices).size < vertices.size:
            raise ValueError(f"{structure} has a vertex more than once")
