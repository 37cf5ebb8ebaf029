"""Where the numbers of clusters stand in a scene: on their clusters, and on no other text."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bids_ari.report.figures.scene import Scene
from bids_ari.report.figures.steps import Box, font_of, lines_of

POINTS = 10.0
"""Size of the font of numbers."""

TEXT_POINTS = 9.0
"""Size of the font of the texts of scenes."""

_HEIGHT = 18.0  # units of a number with its outline
_OUTLINE = 3.0  # beside it
_CELLS = 3  # that are tried, those with most of a cluster


class Place(NamedTuple):
    """The middle of a number, in pixels of a scene."""

    label: int
    row: int
    column: int


def number_places(labels: npt.NDArray[np.integer], scene: Scene, n: int) -> list[Place]:
    """Return places for the numbers of clusters 1 to `n`: in the middle of the cell with most of the cluster, if free.

    `labels`, (n_points,), are 1, 2, ..., and 0 for none. A number that would stand on another text in all cells is left
    out, as that of a cluster which is not seen.
    """
    seen = np.where(scene.points >= 0, labels[scene.points], 0)
    parts = [seen[each.top : each.top + each.height, each.left : each.left + each.width] for each in scene.boxes]
    counts = np.array([np.bincount(part.ravel(), minlength=n + 1)[: n + 1] for part in parts])
    taken, places = text_boxes(scene), []
    for label in range(1, n + 1):
        half = font_of(POINTS, is_bold=True).getlength(str(label)) / 2 + _OUTLINE
        for i in np.argsort(-counts[:, label], kind="stable")[:_CELLS].tolist():
            rows, columns = np.nonzero(parts[i] == label)
            cell = scene.boxes[i]
            apart = np.hypot(rows - rows.mean(), columns - columns.mean()) if rows.size else np.empty(0)
            rows, columns = rows + cell.top, columns + cell.left
            free = _are_free(rows / scene.per_unit, columns / scene.per_unit, half, taken)
            if free.any():
                best = int(np.where(free, apart, np.inf).argmin())
                place = Place(label, int(rows[best]), int(columns[best]))
                y, x = place.row / scene.per_unit, place.column / scene.per_unit
                places.append(place)
                taken.append(Box(x - half, y - _HEIGHT / 2, x + half, y + _HEIGHT / 2))
                break
    return places


def text_boxes(scene: Scene) -> list[Box]:
    """Return the boxes of the texts of a scene in units."""
    return [
        line.written.box
        for each in scene.texts
        for line in lines_of(
            each.text, each.column, each.row, TEXT_POINTS, each.anchor, "", is_bold=False, is_outlined=True
        )
    ]


def _are_free(
    rows: npt.NDArray[np.floating], columns: npt.NDArray[np.floating], half: float, taken: list[Box]
) -> npt.NDArray[np.bool_]:
    """Return whether a number of half a width would overlap none of some boxes at each place."""
    free = np.ones(rows.shape, dtype=bool)
    for box in taken:
        free &= (
            (columns + half <= box.left)
            | (columns - half >= box.right)
            | ((rows + _HEIGHT / 2 <= box.top) | (rows - _HEIGHT / 2 >= box.bottom))
        )
    return free
