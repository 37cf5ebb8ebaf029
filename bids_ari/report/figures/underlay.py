"""Underlays of statistics: an image of the user, or the MNI152 template in spaces similar to it, else the mask."""

import logging
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bids_ari.errors import BidsAriError, printable
from bids_ari.images.anatomy import find_underlay, read_underlay
from bids_ari.images.nilearn_data import nilearn_template
from bids_ari.images.templates import SpaceName, standard
from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.stats.distributions import FloatArray

log = logging.getLogger(__name__)

Shades = npt.NDArray[np.float32]

BRAIN = 0.01
"""Template values above this fraction of the largest belong to the brain."""

WHITE = 255
"""The value of a template that is shown white."""

TEMPLATE_NAME = "MNI152 template of nilearn"
MASK_NAME = "the tested voxels in grey"

MASK_VALUE = 0.75
"""Brightness of the mask, from 0 to 1, where there is no template."""

_TEMPLATE_SPACES = ("MNI", "ICBM", "Talairach", "IXI549Space")  # prefixes of spaces similar to MNI152; the last of SPM
_BRIGHT = 99.5  # percentile of the positive values of an image that is shown white
_INFANT = "MNIInfant"


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A brain template."""

    values: npt.NDArray[np.uint8]  # (x, y, z), from 0 to `WHITE`
    grid: Grid
    box: FloatArray  # the corners (2, 3) of the brain in mm
    name: str = TEMPLATE_NAME

    def values_across(self, x: FloatArray, y: FloatArray, z: FloatArray) -> Shades:
        """Interpolate linearly at x, y and z in mm, and return values from 0 to 1, (depth, height, width).

        Coordinates are of the shapes (width,), (height, 1) and (depth, 1, 1), in any order. Where the axes of the grid
        are x, y and z, this takes one step along each.
        """
        return self._across(self.values, x, y, z) / np.float32(WHITE)

    def brain_across(self, x: FloatArray, y: FloatArray, z: FloatArray) -> tuple[Shades, Shades]:
        """Return values of the brain alone, and how much of each place is brain; arguments as in `values_across`.

        At its edge, values are those of the voxels in the brain, so that there is no dark rim.
        """
        inside = self._across((self.values > BRAIN * WHITE).view(np.uint8), x, y, z)
        return np.minimum(self.values_across(x, y, z) / np.maximum(inside, np.float32(BRAIN)), 1), inside

    def _across(self, values: npt.NDArray[np.uint8], x: FloatArray, y: FloatArray, z: FloatArray) -> Shades:
        """Interpolate values on the grid linearly."""
        indices = self.grid.indices_across(x, y, z)
        if all(each.shape == axis.shape for each, axis in zip(indices, (x, y, z), strict=True)):
            order = sorted(range(3), key=lambda axis: -indices[axis].ndim)
            return np.asarray(_between(values, *(each.ravel() for each in indices)).transpose(order))
        places = np.broadcast_arrays(*indices)
        return np.asarray(ndimage.map_coordinates(values, places, np.float32, 1, "grid-constant", prefilter=False))


def _between(values: npt.NDArray[Any], *places: FloatArray) -> npt.NDArray[np.float32]:
    """Interpolate linearly at all combinations of places along the axes, from 0 on; 0 outside."""
    found = values.T  # arrays of images are contiguous along their first axis
    for axis, at in enumerate(places[::-1]):
        low, parts = np.floor(at), []
        for near, weight in ((low, low + 1 - at), (low + 1, at - low)):
            inside = (near >= 0) & (near < found.shape[axis])
            share = np.expand_dims(np.where(inside, weight, 0).astype(np.float32), [i for i in range(3) if i != axis])
            parts.append(share * found.take(near.astype(np.intp), axis=axis, mode="clip"))
        found = parts[0] + parts[1]
    return found.T


def is_like_template(space: SpaceName) -> bool:
    """Return whether maps in a space can be shown on the MNI152 template, of adults: not those of an age group."""
    if space is None or (where := standard(space)).cohort:
        return False
    return where.name.startswith(_TEMPLATE_SPACES) and not where.name.startswith(_INFANT)


@cache
def load_template() -> Template:
    """Return the MNI152 template that nilearn includes."""
    values, grid = nilearn_template()
    return _template(values, float(values.max()), grid, TEMPLATE_NAME)


def template_of(space: VolumeSpace, space_label: SpaceName, image: Path | None = None) -> Template | None:
    """Return what is shown under the statistics: the image, if it can be read, else the template of a similar space."""
    try:
        if (found := find_underlay(image, space_label, space.grid)) is not None:
            return _load_image(found, space)
    except BidsAriError as error:  # when reports are written again, it may not be there any more
        log.warning("%s. Pictures are drawn without it", error)
    return load_template() if is_like_template(space_label) else None


@lru_cache(maxsize=1)
def _load_image(path: Path, space: VolumeSpace) -> Template:
    """Return an image as a template; the pictures and the explorer of a result share it."""
    found = read_underlay(path, space)
    values = np.where(np.isfinite(found.values), found.values, 0).clip(min=0).astype(np.float32)
    bright = float(np.percentile(values[values > 0], _BRIGHT))
    return _template(values, bright, found.grid, printable(path.name))


def _template(values: npt.NDArray[Any], bright: float, grid: Grid, name: str) -> Template:
    """Return values, of which `bright` and more become white, as a template."""
    brain = values > BRAIN * bright
    inner = [np.flatnonzero(brain.any(axis=others))[[0, -1]] for others in ((1, 2), (0, 2), (0, 1))]
    corners = grid.millimetres(np.array(inner).T)
    if bright != WHITE or values.dtype != np.uint8:
        values = np.rint(np.minimum(values, bright) * np.float32(WHITE / bright)).astype(np.uint8)
    return Template(values, grid, np.sort(corners, axis=0), name)
