"""Pictures of one value or one label per point, as PNG files. matplotlib is imported when needed."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bids_ari.report.figures.png import Pixels, draw_png
from bids_ari.report.figures.scales import Z_UNCORRECTED, tdp_scale, value_scale, z_scale
from bids_ari.report.figures.scene import CELL, COLUMNS, Scene
from bids_ari.stats.choices import Alternative
from bids_ari.stats.distributions import FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOTHING = "nothing above the threshold"

CLUSTER_COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
"""Colours of Okabe and Ito, which colour-blind readers can distinguish; they repeat after seven clusters."""

SIZE = (1152, 690)
"""Width and height of a picture in pixels."""

_CORNER = (11, 58)  # pixels from the left and the top edge to the cells
_NUMBERED = 20  # clusters with a number in the picture
_OPACITIES = 16  # levels of opacity


def colour_of(label: int) -> str:
    """Return the colour of a cluster."""
    return CLUSTER_COLOURS[(label - 1) % len(CLUSTER_COLOURS)]


def is_uncorrected(z: FloatArray, alternative: Alternative) -> npt.NDArray[np.bool_]:
    """Return where p < .001 uncorrected in the direction of a test, on each side for ``two-sided``, (n_points,)."""
    return {
        "greater": z > Z_UNCORRECTED,
        "less": z < -Z_UNCORRECTED,
        "two-sided": np.abs(z) > Z_UNCORRECTED,
    }[alternative]


def draw_z(z: FloatArray, alternative: Alternative, scene: Scene) -> bytes:
    """Draw z, (n_points,), where p < .001 uncorrected on the side of the alternative, or on each for ``two-sided``."""
    shown = is_uncorrected(z, alternative)
    scale = z_scale(z[shown], alternative)
    painted = scene.paint(scale.colour(z), shown)
    side = ", each side" if alternative == "two-sided" else ""
    return _compose(painted, scene, f"z, p < .001 uncorrected{side}", scale.draw if shown.any() else None)


def draw_values(
    values: FloatArray,
    scene: Scene,
    title: str,
    label: str,
    *,
    is_signed: bool = True,
    z: FloatArray | None = None,
    outlined: npt.NDArray[np.bool_] | None = None,
) -> bytes:
    """Draw a value at every point, (n_points,), on a scale that is symmetric around 0 if `is_signed`.

    With `z`, opacity is the square of |z| divided by the z of p = .001, at most 1. The points in
    `outlined` have an outline.
    """
    scale = value_scale(values, label, is_signed=is_signed)
    opacity = np.ones(values.size) if z is None else np.square(np.minimum(np.abs(z) / Z_UNCORRECTED, 1))
    painted = scene.fade(scale.colour(values), np.rint(opacity * _OPACITIES) / _OPACITIES)
    if outlined is not None:
        painted[outline(scene, outlined)] = 0
    return _compose(painted, scene, title, scale.draw)


def draw_tdp(tdp: FloatArray, shown: npt.NDArray[np.bool_], scene: Scene, title: str) -> bytes:
    """Draw true discovery proportions, (n_points,), on a scale from 0 to 1 where `shown`, also a TDP of 0."""
    scale = tdp_scale()
    return _compose(scene.paint(scale.colour(tdp), shown), scene, title, scale.draw if shown.any() else None)


def draw_clusters(labels: npt.NDArray[np.integer], scene: Scene, title: str) -> bytes:
    """Draw clusters, labels 1, 2, ... and 0 for none (n_points,), in their colours, the larger ones with numbers."""
    from matplotlib.colors import to_rgb

    n = int(labels.max(initial=0))
    palette = np.rint(255 * np.array([to_rgb(colour) for colour in CLUSTER_COLOURS])).astype(np.uint8)
    painted = scene.paint(palette[(labels - 1) % len(palette)], labels > 0)

    def draw_key(figure: "Figure") -> None:
        _draw_key(figure, n)
        for label, row, column in number_places(labels, scene, min(n, _NUMBERED)):
            _write(figure, column + _CORNER[0], row + _CORNER[1], str(label), size=10, weight="bold", outlined=True)

    return _compose(painted, scene, title, draw_key if n else None)


def number_places(labels: npt.NDArray[np.integer], scene: Scene, n: int) -> list[tuple[int, int, int]]:
    """Return (label, row, column) of the numbers of clusters 1 to n, each in the cell with most of its cluster."""
    seen = np.where(scene.points >= 0, labels[scene.points], 0)
    places = []
    for label in range(1, n + 1):
        rows, columns = np.nonzero(seen == label)
        if not rows.size:
            continue
        cell = rows // CELL[0] * COLUMNS + columns // CELL[1]
        most = cell == np.bincount(cell).argmax()
        rows, columns = rows[most], columns[most]
        nearest = np.hypot(rows - rows.mean(), columns - columns.mean()).argmin()
        places.append((label, int(rows[nearest]), int(columns[nearest])))
    return places


def outline(scene: Scene, shown: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return the pixels at the border of the points shown, (height, width)."""
    inside = (scene.points >= 0) & shown[scene.points]
    return np.asarray(inside & ~ndimage.binary_erosion(inside, np.ones((3, 3), dtype=bool)))


def _compose(painted: Pixels, scene: Scene, title: str, draw_legend: Callable[["Figure"], None] | None) -> bytes:
    """Draw title, cells and legend; without a legend the title says that nothing is shown."""

    def fill(figure: "Figure") -> None:
        figure.figimage(painted, _CORNER[0], SIZE[1] - _CORNER[1] - painted.shape[0], origin="upper")
        for text, column, row in scene.texts:
            _write(figure, column + _CORNER[0], row + _CORNER[1], text)
        if draw_legend:
            draw_legend(figure)

    return draw_png(SIZE, title if draw_legend else f"{title}: {NOTHING}", scene.subtitle, fill)


def _write(
    figure: "Figure",
    column: float,
    row: float,
    text: str,
    size: float = 10,
    weight: str = "normal",
    *,
    outlined: bool = False,
) -> None:
    """Write a text centred at a pixel; an outline makes it legible on any colour."""
    from matplotlib.patheffects import withStroke

    effects = [withStroke(linewidth=2.2, foreground="white")] if outlined else None
    x, y = column / SIZE[0], 1 - row / SIZE[1]
    figure.text(x, y, text, size=size, weight=weight, ha="center", va="center", path_effects=effects)


def _draw_key(figure: "Figure", n: int) -> None:
    """Draw the colour of each cluster number."""
    from matplotlib.patches import Rectangle

    n_colours = len(CLUSTER_COLOURS)
    figure.text(0.945, 0.7, "Cluster", size=11, ha="center", va="center")
    for label in range(1, min(n, n_colours) + 1):
        y = 0.7 - 0.05 * label
        figure.add_artist(Rectangle((0.925, y - 0.015), 0.018, 0.03, facecolor=colour_of(label), edgecolor="none"))
        figure.text(0.955, y, str(label), size=10, ha="left", va="center")
    if n > n_colours:
        last = f"{n_colours + 1}" + (f"–{n}" if n > n_colours + 1 else "")
        figure.text(0.945, 0.28, f"{last}:\nrepeated", size=9, ha="center", va="center")
