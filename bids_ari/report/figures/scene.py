"""The pixels of all pictures of a result.

A *scene* has the point at every pixel and the grey of the underlay, so that painting a map is one look-up. It consists
of *cells*, in rows of up to four: slices (see `slice_cells`), or views of meshes (see `surface_scene`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bids_ari.report.figures.png import GREY_STEP, Pixels
from bids_ari.stats.distributions import FloatArray

ROWS, COLUMNS = 2, 4
CELL = (314, 253)
"""Height and width of a cell in units, pixels of a report; rows of some slices are lower."""


class Text(NamedTuple):
    """A short text at a place, in units."""

    text: str
    column: float
    row: float
    anchor: str = "mm"  # what of it is at the place, as of `Canvas.write`


class Cell(NamedTuple):
    """Where a slice or a view is, in pixels."""

    top: int
    left: int
    height: int
    width: int


class Cells(NamedTuple):
    """A row of cells; arrays of (height, width), of any number of pixels for a unit."""

    points: npt.NDArray[np.int32]  # the tested point at each pixel, -1 for none
    grey: FloatArray  # the underlay, from 0 to 1; 1 where there is none
    texts: tuple[Text, ...]
    boxes: tuple[Cell, ...] = ()
    light: npt.NDArray[np.float32] | None = None  # (2, height, width), of surfaces; see `Scene.light`


class Locator(NamedTuple):
    """A small picture of where slices lie, of any number of pixels for a unit."""

    grey: Pixels  # the brain, or the tested voxels, seen across the slices, (height, width); 255 for nothing
    columns: tuple[float, ...] = ()  # of slices that are seen as vertical lines, in units
    rows: tuple[float, ...] = ()  # of those that are seen as horizontal lines


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
    boxes: tuple[Cell, ...]
    kind: str  # what is shown, such as "Axial slices"
    sides: str  # a sentence on left and right
    underlay: str  # its description
    cuts: tuple[tuple[str, float], ...] = ()  # axis and mm of each slice
    locators: tuple[Locator, ...] = ()
    subtitle: str = ""  # the result that the pictures belong to
    is_on_template: bool = False  # whether the underlay is in a space similar to MNI152
    per_unit: float = 1.0  # pixels of a unit

    @classmethod
    def of(
        cls, rows: Sequence[Cells], kind: str, sides: str, underlay: str, per_unit: float = 1.0, **more: Any
    ) -> "Scene":
        """Return the scene of cells below one another; with a pixel for each unit, greys are few."""
        points, grey = np.concatenate([cells.points for cells in rows]), np.concatenate([cells.grey for cells in rows])
        placed = list(zip(rows, accumulate((len(cells.points) for cells in rows), initial=0), strict=False))
        texts = tuple(each._replace(row=each.row + top / per_unit) for cells, top in placed for each in cells.texts)
        boxes = tuple(each._replace(top=each.top + top) for cells, top in placed for each in cells.boxes)
        step = GREY_STEP if per_unit == 1 else 1
        stepped = np.minimum(np.rint(255 / step * grey) * step, 255).astype(np.uint8)
        pixels = np.flatnonzero(points >= 0)
        seen, light = points.ravel()[pixels], _light(rows, pixels)
        return cls(points, stepped, pixels, seen, light, texts, boxes, kind, sides, underlay, per_unit=per_unit, **more)

    @property
    def note(self) -> str:
        """What a reader must know of each picture."""
        places = " The lines in the small brain at the right show where the slices lie." if self.locators else ""
        return f"{self.sides}{places} Underlay: {self.underlay}."

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


def cell_pixels(per_unit: float) -> tuple[int, int]:
    """Return height and width of a cell in pixels."""
    return round(CELL[0] * per_unit), round(CELL[1] * per_unit)
