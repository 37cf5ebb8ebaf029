"""Where pictures are cut: axial slices side by side, pixel by pixel.

A *scene* holds what all pictures of a result share: for every pixel of the slices the voxel seen there and the grey of
what lies under the statistics. Painting a map is then one look-up. Slices are in neurological orientation (the
subject's left on the left). Voxels are shown as they are: only the underlay is interpolated.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bids_ari.images.space import VolumeSpace
from bids_ari.report.figures.png import GREY_STEP, Pixels
from bids_ari.report.figures.underlay import (
    BRAIN,
    MASK_WORDS,
    TEMPLATE_WORDS,
    Template,
    is_like_template,
    load_template,
)
from bids_ari.stats.distributions import FloatArray

ROWS, COLUMNS = 2, 4
CELL = (314, 253)
"""Height and width of a slice in pixels."""

_GAP = 0.07  # between slices, as a fraction of their width
_EDGE = 5  # percent of the mask below the lowest slice, and above the highest
_DARK = 0.33  # the grey of what is darkest in the template, which is 0: no black beside the statistics
_PALE = 0.85  # the grey of the mask where there is no template


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What all pictures of a result share.

    Attributes
    ----------
    cuts : tuple of float
        Where the axial slices are, z in mm, ascending: from left to right, then in the next row.
    voxel : array of int32 (height, width)
        Position of the tested voxel at each pixel, -1 for none.
    grey : array of uint8 (height, width)
        What lies under the statistics; 255 where nothing does.
    underlay : str
        What that is.
    about : str
        Of which result the pictures are.
    """

    cuts: tuple[float, ...]
    voxel: npt.NDArray[np.int32]
    grey: Pixels
    underlay: str
    about: str = ""

    @property
    def is_on_template(self) -> bool:
        """Say whether a brain lies under the statistics, in its own space."""
        return self.underlay == TEMPLATE_WORDS

    def paint(self, colours: Pixels, shown: npt.NDArray[np.bool_]) -> Pixels:
        """Colour the voxels shown, (n_points,), by `colours`, (n_points, 3); give the pixels, (height, width, 3)."""
        return self.fade(colours, shown.astype(float))

    def fade(self, colours: Pixels, opacity: FloatArray) -> Pixels:
        """Colour as `paint` does; what lies under the statistics is seen through voxels of less `opacity` than 1."""
        canvas = np.repeat(self.grey[..., None], 3, axis=-1)
        seen = (self.voxel >= 0) & (opacity[self.voxel] > 0)
        voxel = self.voxel[seen]
        weight = opacity[voxel, None]
        canvas[seen] = np.rint(weight * colours[voxel] + (1 - weight) * canvas[seen]).astype(np.uint8)
        return canvas


def make_scene(mask: VolumeSpace, space: str | None, peaks: npt.ArrayLike = (), about: str = "") -> Scene:
    """Choose the slices and the underlay.

    Slices are spread evenly over the mask; then the slice nearest to each peak moves there.

    Parameters
    ----------
    mask : VolumeSpace
        The voxels tested.
    space : str or None
        The space that the file names state.
    peaks : array (n_peaks,)
        z in mm of what should be seen, the most important first.
    about : str
        Of which result the pictures are.
    """
    places = mask.coordinates()
    wanted = np.asarray(peaks, dtype=float)
    low, high = np.percentile(places[:, 2], [_EDGE, 100 - _EDGE])
    ends, template = np.array([places.min(axis=0), places.max(axis=0)]), None
    if is_like_template(space):
        bottom, top = load_template().box[:, 2]
        if low < top and high > bottom:
            template = load_template()
            low, high = max(low, bottom), min(high, top)
            wanted = wanted[(wanted >= bottom) & (wanted <= top)]
            ends = np.array([np.minimum(ends, template.box)[0], np.maximum(ends, template.box)[1]])
    even = np.linspace(low, high, ROWS * COLUMNS)
    chosen = even.copy()
    for peak in wanted[::-1]:  # the most important has the last word
        chosen[np.abs(even - peak).argmin()] = peak
    decimals = 0 if high - low > 2 * chosen.size else 1
    cuts = tuple(sorted({round(float(cut), decimals) for cut in chosen}))
    pixels = _places_of_pixels(cuts, ends)
    voxel = mask.points_at(pixels)
    if template is None:
        grey = np.where(voxel >= 0, _PALE, 1.0)
    else:
        value = _interpolate(template, pixels)
        grey = np.where(value > BRAIN, _DARK + (1 - _DARK) * value, 1.0)
    words = MASK_WORDS if template is None else TEMPLATE_WORDS
    stepped = np.minimum(np.rint(255 / GREY_STEP * grey) * GREY_STEP, 255)
    return Scene(cuts, voxel, stepped.astype(np.uint8), words, about)


def _places_of_pixels(cuts: tuple[float, ...], ends: FloatArray) -> FloatArray:
    """Give x, y, z in mm of each pixel, (height, width, 3): left and front of the head are left and up.

    `ends`, (2, 3), are the corners of what must fit into each slice. Where there is no slice, all is infinite.
    """
    height, width = CELL
    spans = ends[1, :2] - ends[0, :2]
    pitch = max(spans[0] / (width * (1 - _GAP)), spans[1] / (height * (1 - _GAP)), 0.01)  # mm per pixel
    middle = ends[:, :2].mean(axis=0)
    x = middle[0] + pitch * (np.arange(width) - (width - 1) / 2)
    y = middle[1] - pitch * (np.arange(height) - (height - 1) / 2)
    pixels = np.full((ROWS, height, COLUMNS, width, 3), np.inf)
    for i, cut in enumerate(cuts):
        row, column = divmod(i, COLUMNS)
        cell = pixels[row, :, column]
        cell[..., 0], cell[..., 1], cell[..., 2] = x, y[:, None], cut
    return pixels.reshape(ROWS * height, COLUMNS * width, 3)


def _interpolate(template: Template, pixels: FloatArray) -> FloatArray:
    """Give the value of the template at each pixel, between its voxels linearly."""
    found = ndimage.map_coordinates(
        template.values, template.grid.indices_at(pixels), order=1, mode="grid-constant", cval=0.0, prefilter=False
    )
    return np.asarray(found, dtype=float)
