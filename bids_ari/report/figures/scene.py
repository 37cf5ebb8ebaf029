"""The slices of all pictures of a result, pixel by pixel.

A *scene* has the point at every pixel of the slices and the grey of the underlay, so that painting a map is one
look-up. Slices are axial in neurological orientation (the subject's left on the left). Only the underlay is
interpolated.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bids_ari.images.templates import SpaceName
from bids_ari.images.volume import VolumeSpace
from bids_ari.report.figures.png import GREY_STEP, Pixels
from bids_ari.report.figures.underlay import (
    BRAIN,
    MASK_NAME,
    Template,
    is_like_template,
    template_of,
)
from bids_ari.stats.distributions import FloatArray

ROWS, COLUMNS = 2, 4
CELL = (314, 253)
"""Height and width of a slice in pixels."""

_GAP = 0.07  # between slices, as a fraction of their width
_EDGE = 5  # percent of the points below the lowest slice, and above the highest
_DARK = 0.33  # grey of the darkest part of the template, so that nothing beside the statistics is black
_PALE = 0.85  # grey of the mask where there is no template


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What all pictures of a result share."""

    cuts: tuple[float, ...]  # z of the axial slices in mm, ascending: from left to right, then in the next row
    points: npt.NDArray[np.int32]  # (height, width): the tested point at each pixel, -1 for none
    grey: Pixels  # (height, width): the underlay, 255 where there is none
    underlay: str  # its description
    subtitle: str = ""  # the result that the pictures belong to
    is_on_template: bool = False  # whether the underlay is in a space similar to MNI152

    def paint(self, colours: Pixels, shown: npt.NDArray[np.bool_]) -> Pixels:
        """Return pixels (height, width, 3) with the points `shown`, (n_points,), in their `colours`, (n_points, 3)."""
        return self.fade(colours, shown.astype(float))

    def fade(self, colours: Pixels, opacity: FloatArray) -> Pixels:
        """Return pixels as `paint` does, blended with the underlay by an opacity from 0 to 1, (n_points,)."""
        canvas = np.repeat(self.grey[..., None], 3, axis=-1)
        seen = (self.points >= 0) & (opacity[self.points] > 0)
        points = self.points[seen]
        weight = opacity[points, None]
        canvas[seen] = np.rint(weight * colours[points] + (1 - weight) * canvas[seen]).astype(np.uint8)
        return canvas


def make_scene(
    space: VolumeSpace,
    space_label: SpaceName,
    peaks: npt.ArrayLike = (),
    subtitle: str = "",
    image: Path | None = None,
) -> Scene:
    """Choose the slices and the underlay, by default that of the space.

    Slices are spread evenly over the points; then the slice nearest to each of the `peaks`, z in mm with the most
    important first, moves there.
    """
    places = space.coordinates()
    heights = np.asarray(peaks, dtype=float)
    low, high = np.percentile(places[:, 2], [_EDGE, 100 - _EDGE])
    ends, template = np.array([places.min(axis=0), places.max(axis=0)]), template_of(space, space_label, image)
    if template is not None:
        bottom, top = template.box[:, 2]
        if not (low < top and high > bottom):
            template = None
        else:
            low, high = max(low, bottom), min(high, top)
            heights = heights[(heights >= bottom) & (heights <= top)]
            ends = np.array([np.minimum(ends, template.box)[0], np.maximum(ends, template.box)[1]])
    pixels = _coordinates_of_pixels(cuts := _choose_cuts(low, high, heights), ends)
    points = space.points_at(pixels)
    if template is None:
        grey = np.where(points >= 0, _PALE, 1.0)
    else:
        value = _interpolate(template, pixels)
        grey = np.where(value > BRAIN, _DARK + (1 - _DARK) * value, 1.0)
    stepped = np.minimum(np.rint(255 / GREY_STEP * grey) * GREY_STEP, 255).astype(np.uint8)
    is_on_template = template is not None and is_like_template(space_label)
    return Scene(cuts, points, stepped, MASK_NAME if template is None else template.name, subtitle, is_on_template)


def _choose_cuts(low: float, high: float, peaks: FloatArray) -> tuple[float, ...]:
    """Return z in mm of slices evenly between two ends, moved to the nearest peaks."""
    even = np.linspace(low, high, ROWS * COLUMNS)
    chosen = even.copy()
    for peak in peaks[::-1]:  # the most important peak last, so that it wins
        chosen[np.abs(even - peak).argmin()] = peak
    decimals = 0 if high - low > 2 * chosen.size else 1
    return tuple(sorted({round(float(cut), decimals) for cut in chosen}))


def _coordinates_of_pixels(cuts: tuple[float, ...], ends: FloatArray) -> FloatArray:
    """Return x, y, z in mm of each pixel, (height, width, 3): left and front of the head are left and up.

    `ends`, (2, 3), are the corners of what must fit into each slice. Pixels outside of slices are infinite.
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
    """Return the value of the template at each pixel by linear interpolation."""
    found = ndimage.map_coordinates(
        template.values, template.grid.indices_at(pixels), order=1, mode="grid-constant", cval=0.0, prefilter=False
    )
    return np.asarray(found, dtype=float)
