"""The underlay of slices in an explorer page, with the resolution of its image and not of the statistics.

Slices go along the axes of the grid of the statistics. An image whose axes are parallel to them stays as it is: the
page is told where its cells are. One that is turned against them is interpolated.
"""

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bids_ari.images.templates import SpaceName
from bids_ari.images.volume import VolumeSpace
from bids_ari.report.explorer.arrays import Blob, compressed
from bids_ari.report.explorer.glass import glass_blob
from bids_ari.report.figures.underlay import BRAIN, MASK_NAME, MASK_VALUE, WHITE, Template, load_template, template_of
from bids_ari.report.render import Context
from bids_ari.runtime.kept import kept
from bids_ari.stats.distributions import FloatArray

LEVELS = 63
"""Levels of grey of an underlay; 0 is nothing."""

MOST_CELLS = 6_500_000
"""Cells of larger images are averaged: the page would become too large."""

_FINEST = 1.0  # mm; of images with twice this resolution or more, cells are averaged
_MARGIN = 15.0  # mm around the voxels tested that is shown of an image of the user, which may have a neck
_PARALLEL = 0.1  # cells by which an image may be turned against the grid, from one end to the other

Cells = npt.NDArray[np.uint8]
Box = npt.NDArray[np.intp]
"""The first cell along each axis and the one after the last, (2, 3)."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PageUnderlay:
    """Brightness of cells beneath the statistics."""

    blob: Blob
    facts: Context  # see `_placed`
    field: list[list[float]]  # the ends of what is shown along each axis of the grid, in voxels
    description: str
    glass: Blob | None = None  # see `glass_blob`

    @property
    def blobs(self) -> list[Blob]:
        """The arrays of the page."""
        return [self.blob] if self.glass is None else [self.blob, self.glass]


@lru_cache(maxsize=1)
def page_underlay(space: VolumeSpace, label: SpaceName, image: Path | None) -> PageUnderlay:
    """Return the image, or the template of a similar space, if it shows anything near the voxels tested, else these."""
    return replace(_underlay(space, label, image), glass=glass_blob(space.grid, label))


def _underlay(space: VolumeSpace, label: SpaceName, image: Path | None) -> PageUnderlay:
    """Return the underlay without the outlines of a glass brain."""
    template = template_of(space, label, image)
    if template is load_template() and (matrix := _matrix(template, space)) is not None and _meets(template, space):
        box = _box_of(template)
        return _placed(space, box[1] - box[0], _shifted(matrix, box[0]), _template_text(), template.name)
    cells = None if template is None else _cells(template, space)
    if template is None or cells is None:
        box = _box(space.inside)
        values = np.where(space.inside[_slices(box)], np.uint8(WHITE * MASK_VALUE), np.uint8(0))
        return _placed(space, values.shape, _shifted(np.eye(4), box[0]), _text(values), MASK_NAME)
    values, matrix = cells
    return _placed(space, values.shape, matrix, _text(values), template.name)


def _placed(space: VolumeSpace, shape: Sequence[int], matrix: FloatArray, text: str, name: str) -> PageUnderlay:
    """Return an underlay whose cells have the voxels `matrix`, (4, 4), the axes of both parallel to each other."""
    axes = np.abs(matrix[:3, :3]).argmax(axis=1)
    steps, starts = matrix[np.arange(3), axes], matrix[:3, 3]
    ends = np.sort([starts - steps / 2, starts + (np.asarray(shape)[axes] - 0.5) * steps], axis=0)
    tested = _box(space.inside) - 0.5
    facts: Context = {
        "shape": [int(n) for n in shape],
        "axes": axes.tolist(),  # of the cells, parallel to those of the grid
        "start": starts.tolist(),  # of the first cell, in voxels
        "step": steps.tolist(),  # to the next one
        "levels": LEVELS,
    }
    field = np.transpose([np.minimum(ends[0], tested[0]), np.maximum(ends[1], tested[1])]).tolist()
    return PageUnderlay(Blob("underlay", "uint8", False, text), facts, field, name)


def _matrix(template: Template, space: VolumeSpace) -> FloatArray | None:
    """Return the matrix, (4, 4), from indices of a template to those of a grid; None if their axes are not parallel."""
    matrix = np.asarray(np.linalg.inv(space.grid.affine) @ template.grid.affine)
    apart = np.abs(matrix[:3, :3]) * template.values.shape
    axes = apart.argmax(axis=1)
    apart[np.arange(3), axes] = 0
    return matrix if len(set(axes.tolist())) == 3 and apart.max() < _PARALLEL else None


def _meets(template: Template, space: VolumeSpace) -> bool:
    """Return whether the box of the brain of a template has a part of the grid."""
    corners = np.array(np.meshgrid(*((0, n - 1) for n in space.grid.shape))).reshape(3, -1).T
    places = space.grid.millimetres(corners)
    return bool(((places.max(axis=0) > template.box[0]) & (places.min(axis=0) < template.box[1])).all())


def _cells(template: Template, space: VolumeSpace) -> tuple[Cells, FloatArray] | None:
    """Return the brightness of cells around the voxels tested, and their matrix to voxels; None for nothing."""
    matrix = _matrix(template, space)
    margins = _MARGIN / np.array(space.grid.zooms)
    tested = np.asarray(np.array([-margins, margins]) + _box(space.inside), dtype=float)
    if matrix is None:
        values, matrix = _turned(template, space, tested)
    else:
        inverse = np.linalg.inv(matrix)
        ends = np.sort(tested @ inverse[:3, :3].T + inverse[:3, 3], axis=0)
        near = np.clip([np.floor(ends[0]), np.ceil(ends[1])], 0, template.values.shape).astype(np.intp)
        values, matrix = template.values[_slices(near)], _shifted(matrix, near[0])
    seen = values > BRAIN * WHITE
    if not seen.any():
        return None
    box = _box(seen)
    return _averaged(np.where(seen, values, 0)[_slices(box)], _shifted(matrix, box[0]), space)


def _turned(template: Template, space: VolumeSpace, tested: FloatArray) -> tuple[Cells, FloatArray]:
    """Interpolate a template at cells of 1 mm along the axes of a grid, between two of its places, (2, 3) in voxels."""
    steps = np.maximum(_FINEST, min(template.grid.zooms)) / np.array(space.grid.zooms)
    matrix = np.diag([*steps, 1.0])
    matrix[:3, 3] = tested[0]
    places = np.linalg.inv(template.grid.affine) @ space.grid.affine @ matrix
    shape = tuple(int(n) for n in np.ceil((tested[1] - tested[0]) / steps))
    values = ndimage.affine_transform(
        template.values, places[:3, :3], places[:3, 3], shape, np.uint8, order=1, prefilter=False
    )
    return values, matrix


def _averaged(values: Cells, matrix: FloatArray, space: VolumeSpace) -> tuple[Cells, FloatArray]:
    """Return means of blocks of cells, where these are too small or too many."""
    size = np.abs(matrix[:3, :3]).T @ np.array(space.grid.zooms)  # mm
    block = np.maximum(np.floor(_FINEST / size + 1e-3), 1).astype(int)
    while np.prod(np.asarray(values.shape) / block) > MOST_CELLS:
        block[(size * block).argmin()] += 1
    if (block == 1).all():
        return values, matrix
    shape = [n // b * b for n, b in zip(values.shape, block, strict=True)]
    blocks = values[tuple(map(slice, shape))].reshape(
        [n for s, b in zip(shape, block, strict=True) for n in (s // b, b)]
    )
    matrix = matrix @ np.diag([*block, 1.0])
    matrix[:3, 3] -= matrix[:3, :3] @ ((block - 1) / (2 * block))
    return np.rint(blocks.mean(axis=(1, 3, 5), dtype=np.float32)).astype(np.uint8), matrix


@cache
def _template_text() -> str:
    """Return the text of the template that nilearn includes, made once for all runs."""
    return base64.b64encode(kept(f"underlay-{LEVELS}-levels", "nilearn", Path(__file__), _template_bytes)).decode()


def _template_bytes() -> bytes:
    template = load_template()
    return _encoded(template.values[_slices(_box_of(template))], zlib.Z_FILTERED)


def _text(values: Cells) -> str:
    return base64.b64encode(_encoded(values, zlib.Z_RLE)).decode()  # a tenth of the time, and smaller if there is noise


def _encoded(values: Cells, strategy: int) -> bytes:
    """Return levels from 0 to `LEVELS` as differences along the last and then the second axis, compressed."""
    levels = np.ceil(np.arange(WHITE + 1) * (LEVELS / WHITE)).astype(np.uint8)
    levels[: int(BRAIN * WHITE) + 1] = 0
    found = levels[values]
    for axis in (2, 1):
        found = np.diff(found, axis=axis, prepend=np.uint8(0))
    return compressed(found.tobytes(), strategy)


def _box_of(template: Template) -> Box:
    """Return the box of the brain of a template with axes along x, y and z."""
    inverse = np.linalg.inv(template.grid.affine)
    ends = np.sort(template.box @ inverse[:3, :3].T + inverse[:3, 3], axis=0)
    return np.asarray(np.rint(ends).astype(np.intp) + np.array([[0], [1]]))


def _box(inside: npt.NDArray[np.bool_]) -> Box:
    slices = ndimage.find_objects(inside.astype(np.int8))[0]
    return np.array([[axis.start for axis in slices], [axis.stop for axis in slices]])


def _slices(box: Box) -> tuple[slice, ...]:
    return tuple(slice(first, last) for first, last in box.T)


def _shifted(matrix: FloatArray, start: npt.NDArray[np.intp]) -> FloatArray:
    """Return the matrix of cells that begin at a cell."""
    moved = matrix.copy()
    moved[:3, 3] += matrix[:3, :3] @ start
    return moved
