"""The pixels of all pictures of a result.

A *scene* has the point at every pixel and the grey of the underlay, so that painting a map is one look-up. It consists
of *cells*, two rows of four: axial slices in neurological orientation (the subject's left on the left), of which only
the underlay is interpolated, or views of meshes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

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
"""Height and width of a cell in units, pixels of a report."""

SLICES = "Axial slices"
NEUROLOGICAL = "Neurological orientation: the left side of the brain is on the left."

_GAP = 0.07  # between slices, as a fraction of their width
_EDGE = 5  # percent of the points below the lowest slice, and above the highest
_DARK = 0.33  # grey of the darkest part of the template, so that nothing beside the statistics is black
_PALE = 0.85  # grey of the mask where there is no template


class Text(NamedTuple):
    """A short text centred at a place, in units."""

    text: str
    column: float
    row: float


class Cells(NamedTuple):
    """Some rows of cells; arrays of (height, width), of any number of pixels for a unit."""

    points: npt.NDArray[np.int32]  # the tested point at each pixel, -1 for none
    grey: FloatArray  # the underlay, from 0 to 1; 1 where there is none
    texts: tuple[Text, ...]
    light: npt.NDArray[np.float32] | None = None  # (2, height, width), of surfaces; see `Scene.light`


class Slices(NamedTuple):
    """Axial slices of a volume."""

    cells: Cells
    cuts: tuple[float, ...]  # z in mm, ascending: from left to right, then in the next row
    template: Template | None  # under them; None for the mask in grey

    @property
    def underlay(self) -> str:
        """Description of the underlay."""
        return MASK_NAME if self.template is None else self.template.name


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What all pictures of a result share."""

    points: npt.NDArray[np.int32]  # as in `Cells`, (height, width)
    grey: Pixels  # the underlay, 255 where there is none, (height, width)
    pixels: npt.NDArray[np.intp]  # where there are points: places in `points` as one row, (n_pixels,)
    seen: npt.NDArray[np.int32]  # these points, (n_pixels,)
    light: (
        npt.NDArray[np.float32] | None
    )  # what their colours are multiplied by, and what of white is added, (2, n_pixels, 1)
    texts: tuple[Text, ...]
    kind: str  # what is shown, such as "Axial slices"
    sides: str  # a sentence on left and right
    underlay: str  # its description
    cuts: tuple[float, ...] = ()  # z of the axial slices in mm
    subtitle: str = ""  # the result that the pictures belong to
    is_on_template: bool = False  # whether the underlay is in a space similar to MNI152
    per_unit: float = 1.0  # pixels of a unit

    @classmethod
    def of(
        cls, rows: Sequence[Cells], kind: str, sides: str, underlay: str, per_unit: float = 1.0, **more: Any
    ) -> "Scene":
        """Return the scene of cells below one another; with a pixel for each unit, greys are few."""
        points, grey = np.concatenate([cells.points for cells in rows]), np.concatenate([cells.grey for cells in rows])
        tops = accumulate((len(cells.points) // cell_pixels(per_unit)[0] * CELL[0] for cells in rows), initial=0)
        texts = [
            each._replace(row=each.row + top) for cells, top in zip(rows, tops, strict=False) for each in cells.texts
        ]
        step = GREY_STEP if per_unit == 1 else 1
        stepped = np.minimum(np.rint(255 / step * grey) * step, 255).astype(np.uint8)
        pixels = np.flatnonzero(points >= 0)
        seen, light = points.ravel()[pixels], _light(rows, pixels)
        return cls(points, stepped, pixels, seen, light, tuple(texts), kind, sides, underlay, per_unit=per_unit, **more)

    @property
    def note(self) -> str:
        """What a reader must know of each picture."""
        return f"{self.sides} Underlay: {self.underlay}."

    def paint(self, colours: Pixels, shown: npt.NDArray[np.bool_]) -> Pixels:
        """Return pixels (height, width, 3) with the points `shown`, (n_points,), in their `colours`, (n_points, 3)."""
        canvas, chosen = self._canvas(), np.flatnonzero(shown[self.seen])
        canvas.reshape(-1, 3)[self.pixels[chosen]] = self._lit(colours, chosen)
        return canvas

    def fade(self, colours: Pixels, opacity: FloatArray) -> Pixels:
        """Return pixels as `paint` does, blended with the underlay by an opacity from 0 to 1, (n_points,)."""
        canvas, weight = self._canvas(), opacity[self.seen]
        chosen = np.flatnonzero(weight)
        weight, flat, pixels = weight[chosen, None], canvas.reshape(-1, 3), self.pixels[chosen]
        flat[pixels] = np.rint(weight * self._lit(colours, chosen) + (1 - weight) * flat[pixels])
        return canvas

    def _canvas(self) -> Pixels:
        """Return the underlay, (height, width, 3)."""
        return np.repeat(self.grey[..., None], 3, axis=-1)

    def _lit(self, colours: Pixels, chosen: npt.NDArray[np.intp]) -> Pixels:
        """Return the colours in their light at some of the pixels with points, (n_chosen, 3)."""
        found: Pixels = colours[self.seen[chosen]]
        if self.light is None:
            return found
        gain, lift = self.light[:, chosen]
        return np.asarray(np.rint(gain * found + 255 * lift), dtype=np.uint8)


def _light(rows: Sequence[Cells], pixels: npt.NDArray[np.intp]) -> npt.NDArray[np.float32] | None:
    """Return the light of some pixels, (2, n_pixels, 1); None where none is of a surface."""
    if all(cells.light is None for cells in rows):
        return None
    plain = np.array([[[1]], [[0]]], dtype=np.float32)
    lights = [
        np.broadcast_to(plain if cells.light is None else cells.light, (2, *cells.points.shape)) for cells in rows
    ]
    return np.concatenate(lights, axis=1).reshape(2, -1, 1)[:, pixels]


def make_scene(
    space: VolumeSpace,
    space_label: SpaceName,
    peaks: npt.ArrayLike = (),
    subtitle: str = "",
    image: Path | None = None,
    per_unit: float = 1.0,
) -> Scene:
    """Choose the slices and the underlay of a volume, by default that of the space; arguments as in `slices_of`."""
    slices = slices_of(space, space_label, peaks, image, per_unit=per_unit)
    return Scene.of(
        [slices.cells],
        SLICES,
        NEUROLOGICAL,
        slices.underlay,
        per_unit,
        cuts=slices.cuts,
        subtitle=subtitle,
        is_on_template=slices.template is not None and is_like_template(space_label),
    )


def slices_of(
    space: VolumeSpace,
    space_label: SpaceName,
    peaks: npt.ArrayLike = (),
    image: Path | None = None,
    n_rows: int = ROWS,
    per_unit: float = 1.0,
) -> Slices:
    """Choose axial slices and their underlay, of some pixels for each unit.

    Slices are spread evenly over the points; then the slice nearest to each of the `peaks`, z in mm with the most
    important first, moves there.
    """
    heights = np.asarray(peaks, dtype=float)
    places = [row[:3] @ space.indices.T + row[3] for row in space.grid.affine[:3]]
    low, high = np.percentile(places[2], [_EDGE, 100 - _EDGE])
    ends = np.array([[axis.min() for axis in places], [axis.max() for axis in places]])
    template = template_of(space, space_label, image)
    if template is not None:
        bottom, top = template.box[:, 2]
        if not (low < top and high > bottom):
            template = None
        else:
            low, high = max(low, bottom), min(high, top)
            heights = heights[(heights >= bottom) & (heights <= top)]
            ends = np.array([np.minimum(ends, template.box)[0], np.maximum(ends, template.box)[1]])
    cuts = _choose_cuts(low, high, heights, n_rows * COLUMNS)
    axes = _coordinates_of_pixels(cuts, ends, cell_pixels(per_unit))
    points = _arranged(space.points_across(*axes), n_rows, -1)
    if template is None:
        grey = np.where(points >= 0, np.float32(_PALE), np.float32(1))
    else:
        value = _arranged(template.values_across(*axes), n_rows, 0)
        grey = np.where(value > BRAIN, _DARK + (1 - _DARK) * value, np.float32(1))
    return Slices(Cells(points, grey, tuple(_texts(cuts))), cuts, template)


def cell_pixels(per_unit: float) -> tuple[int, int]:
    """Return height and width of a cell in pixels."""
    return round(CELL[0] * per_unit), round(CELL[1] * per_unit)


def cell(i: int) -> tuple[int, int]:
    """Return the row and the column of the upper left corner of a cell, in units."""
    return i // COLUMNS * CELL[0], i % COLUMNS * CELL[1]


def _texts(cuts: tuple[float, ...]) -> Iterator[Text]:
    """Yield L, R and z in mm of each slice."""
    decimals = 0 if all(cut.is_integer() for cut in cuts) else 1
    for i, cut in enumerate(cuts):
        top, left = cell(i)
        yield from side_texts(i, "L", "R")
        yield Text(f"z={cut + 0.0:.{decimals}f}", left + 24, top + CELL[0] - 12)


def side_texts(i: int, left: str, right: str) -> Iterator[Text]:
    """Yield the texts at the upper corners of a cell."""
    row, column = cell(i)
    yield Text(left, column + 14, row + 16)
    yield Text(right, column + CELL[1] - 14, row + 16)


def _choose_cuts(low: float, high: float, peaks: FloatArray, n: int) -> tuple[float, ...]:
    """Return z in mm of `n` slices evenly between two ends, moved to the nearest peaks."""
    even = np.linspace(low, high, n)
    chosen = even.copy()
    for peak in peaks[::-1]:  # the most important peak last, so that it wins
        chosen[np.abs(even - peak).argmin()] = peak
    decimals = 0 if high - low > 2 * chosen.size else 1
    return tuple(sorted({round(float(cut), decimals) for cut in chosen}))


def _coordinates_of_pixels(
    cuts: tuple[float, ...], ends: FloatArray, shape: tuple[int, int]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return x, y, z in mm of the pixels of each slice, which broadcast to (n_cuts, height, width).

    Left and front of the head are left and up. `ends`, (2, 3), are the corners of what must fit into each slice.
    """
    height, width = shape
    spans = ends[1, :2] - ends[0, :2]
    pitch = max(spans[0] / (width * (1 - _GAP)), spans[1] / (height * (1 - _GAP)), 0.01)  # mm per pixel
    middle = ends[:, :2].mean(axis=0)
    x = middle[0] + pitch * (np.arange(width) - (width - 1) / 2)
    y = middle[1] - pitch * (np.arange(height) - (height - 1) / 2)
    return x, y[:, None], np.array(cuts)[:, None, None]


def _arranged(cells: npt.NDArray[Any], n_rows: int, fill: int) -> npt.NDArray[Any]:
    """Return cells, (n_cells, height, width), in rows and columns; those that are missing at the end are filled."""
    n, height, width = cells.shape
    full = np.full((n_rows * COLUMNS, height, width), fill, dtype=cells.dtype)
    full[:n] = cells
    return full.reshape(n_rows, COLUMNS, height, width).swapaxes(1, 2).reshape(n_rows * height, COLUMNS * width)
