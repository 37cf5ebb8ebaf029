"""What lies under the statistics: a template brain where the space is near enough to it, else the mask."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bids_ari.images.space import Grid, VolumeSpace
from bids_ari.stats.distributions import FloatArray

BRAIN = 0.01
"""What is more than this fraction of the largest value is brain."""

TEMPLATE_WORDS = "the MNI152 template that comes with nilearn"
MASK_WORDS = "the voxels tested, in grey"

MASK_VALUE = 0.75
"""How bright the mask is, from 0 to 1, where there is no template."""

_TEMPLATE_SPACES = ("MNI", "ICBM", "Talairach")  # spaces near enough to the bundled template to draw on it
_INFANT = "MNIInfant"


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A brain, from 0 to 1: its values, where they are, and the corners (2, 3) of it in mm."""

    values: npt.NDArray[np.float32]
    grid: Grid
    box: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Underlay:
    """What lies under the voxels of a grid.

    Attributes
    ----------
    values : array of float32 (x, y, z)
        From 0, nothing, to 1; of every `stride`-th voxel along each axis, from `start` on.
    start : tuple of three int
        The first voxel that has a value.
    stride : int
        How many voxels share a value along each axis.
    words : str
        What that is.
    """

    values: npt.NDArray[np.float32]
    start: tuple[int, ...]
    stride: int
    words: str


def is_like_template(space: str | None) -> bool:
    """Say whether a space is near enough to the bundled template to draw on it."""
    return space is not None and space.startswith(_TEMPLATE_SPACES) and not space.startswith(_INFANT)


@cache
def load_template() -> Template:
    """Give the MNI152 template that comes with nilearn."""
    from nilearn.datasets import load_mni152_template

    image = load_mni152_template(resolution=1)
    values = np.asarray(image.dataobj, dtype=np.float32)
    grid = Grid.of(image)
    brain = values > BRAIN * values.max()
    inner = [np.flatnonzero(brain.any(axis=others))[[0, -1]] for others in ((1, 2), (0, 2), (0, 1))]
    corners = grid.millimetres(np.array(inner).T)
    return Template(values / values.max(), grid, np.sort(corners, axis=0))


def make_underlay(mask: VolumeSpace, space: str | None, stride: int = 1) -> Underlay:
    """Give what lies under the voxels of a mask, no further around it than there is something to see.

    Parameters
    ----------
    mask : VolumeSpace
        The voxels tested.
    space : str or None
        The space that the file names state.
    stride : int
        How many voxels share a value along each axis.
    """
    seen = _box(mask.inside)
    if is_like_template(space):
        values = _on_grid(load_template(), mask.grid, stride)
        if values[_strided(mask.inside, stride)].any():
            brain = _box(values > 0) * stride
            low, high = np.minimum(seen[0], brain[0]), np.maximum(seen[1], brain[1])
            return _cropped(values, low, np.minimum(high, mask.inside.shape), stride, TEMPLATE_WORDS)
    values = np.where(_strided(mask.inside, stride), np.float32(MASK_VALUE), np.float32(0))
    return _cropped(values, seen[0], seen[1], stride, MASK_WORDS)


def _strided(inside: npt.NDArray[np.bool_], stride: int) -> npt.NDArray[np.bool_]:
    return inside[::stride, ::stride, ::stride]


def _box(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Give the first voxel and the one after the last of what is inside, (2, 3)."""
    slices = ndimage.find_objects(inside.astype(np.int8))[0]
    return np.array([[axis.start for axis in slices], [axis.stop for axis in slices]])


def _on_grid(template: Template, grid: Grid, stride: int) -> npt.NDArray[np.float32]:
    """Interpolate a template at every `stride`-th voxel of a grid; 0 outside of the brain."""
    affine = grid.affine @ np.diag([stride, stride, stride, 1])
    shape = tuple(-(-n // stride) for n in grid.shape)
    matrix = np.linalg.inv(template.grid.affine) @ affine
    values: npt.NDArray[np.float32] = ndimage.affine_transform(
        template.values, matrix[:3, :3], matrix[:3, 3], output_shape=shape, order=1, prefilter=False
    )
    return np.where(values > BRAIN, values, np.float32(0))


def _cropped(
    values: npt.NDArray[np.float32], low: npt.NDArray[np.intp], high: npt.NDArray[np.intp], stride: int, words: str
) -> Underlay:
    """Keep the values of the voxels from `low` up to `high`."""
    first, last = low // stride, -(-high // stride)
    part = values[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]
    return Underlay(part, tuple(int(i) for i in first * stride), stride, words)
