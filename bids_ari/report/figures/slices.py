"""Pictures of one value or one label per point."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bids_ari.report.figures.canvas import Canvas, drawn
from bids_ari.report.figures.cluster_numbers import POINTS, TEXT_POINTS, number_places
from bids_ari.report.figures.legend import LEFT, Mark, draw_locators, draw_marks
from bids_ari.report.figures.png import Pixels
from bids_ari.report.figures.scales import Z_UNCORRECTED, tdp_scale, value_scale, without_colours, z_scale
from bids_ari.report.figures.scene import Scene
from bids_ari.stats.choices import Alternative
from bids_ari.stats.distributions import FloatArray

NOTHING = "nothing above the threshold"
ZERO = "0 everywhere"

CLUSTER_COLOURS = ("#AA4499", "#44AA99", "#88CCEE", "#117733", "#332288", "#882255", "#EE99AA")
"""Colours of Tol's schemes, which colour-blind readers can distinguish; they repeat after seven clusters.

None is one of the scale of TDP, from red to yellow: a cluster would seem to have the TDP of that colour.
"""

_CORNER = (11, 58)  # pixels from the left and the top edge to the cells
_WIDTH = 1152  # of a picture
_LEAST, _LEAST_WITH_KEY = 330, 390  # height of a picture with a bar, and with the numbers of clusters
_BELOW = 4  # pixels below the last row of cells
_NUMBERED = 20  # clusters with a number in the picture
_OPACITIES = 16  # levels of opacity in reports


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


def draw_z(z: FloatArray, alternative: Alternative, scene: Scene) -> Canvas:
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
) -> Canvas:
    """Draw a value at every point, (n_points,), on a scale that is symmetric around 0 if `is_signed`.

    With `z`, opacity is the square of |z| divided by the z of p = .001, at most 1. The points in
    `outlined` have an outline.
    """
    scale = value_scale(values, label, is_signed=is_signed)
    if z is None:
        painted = scene.paint(scale.colour(values), np.ones(values.size, dtype=bool))
    else:
        opacity: FloatArray = np.square(np.minimum(np.abs(z) / Z_UNCORRECTED, 1)).astype(np.float32)
        if scene.per_unit == 1:
            opacity = np.rint(opacity * _OPACITIES) / _OPACITIES
        painted = scene.fade(scale.colour(values), opacity)
    if outlined is not None:
        painted[outline(scene, outlined)] = 0
        scale = replace(scale, marks=(Mark("p < .001", "#FFFFFF"), Mark("z near 0")))
    return _compose(painted, scene, title, scale.draw)


def draw_tdp(tdp: FloatArray, shown: npt.NDArray[np.bool_], scene: Scene, title: str, *, least: float = 0.0) -> Canvas:
    """Draw true discovery proportions above 0, (n_points,), on a scale from 0 to 1 where `shown`.

    Those below `least` are not coloured, if any of the others is.
    """
    scale, coloured = tdp_scale(), shown & (tdp > 0)
    bar = scale
    if least and (coloured & (tdp >= least)).any():
        bar, coloured = without_colours(scale, least), coloured & (tdp >= least)
    nothing = ZERO if shown.any() else NOTHING
    painted = scene.paint(scale.colour(tdp), coloured)
    return _compose(painted, scene, title, bar.draw if coloured.any() else None, nothing)


def draw_clusters(labels: npt.NDArray[np.integer], scene: Scene, title: str) -> Canvas:
    """Draw clusters, labels 1, 2, ... and 0 for none (n_points,), in their colours, the larger ones with numbers."""
    n = int(labels.max(initial=0))
    palette = np.array([list(bytes.fromhex(colour[1:])) for colour in CLUSTER_COLOURS], dtype=np.uint8)
    painted = scene.paint(palette[(labels - 1) % len(palette)], labels > 0)

    def draw_key(canvas: Canvas, top: float) -> None:
        _draw_key(canvas, n, top)
        for label, row, column in number_places(labels, scene, min(n, _NUMBERED)):
            place = column / scene.per_unit + _CORNER[0], row / scene.per_unit + _CORNER[1]
            canvas.write(str(label), *place, POINTS, is_bold=True, is_outlined=True)

    return _compose(painted, scene, title, draw_key if n else None, least=_LEAST_WITH_KEY)


def outline(scene: Scene, shown: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return the pixels within a unit of the border of the points shown, (height, width)."""
    inside = (scene.points >= 0) & shown[scene.points]
    side = 2 * round(scene.per_unit) + 1
    return np.asarray(inside & ~ndimage.minimum_filter(inside, side, mode="constant"))


def _compose(
    painted: Pixels,
    scene: Scene,
    title: str,
    draw_legend: Callable[[Canvas, float], None] | None,
    nothing: str = NOTHING,
    least: int = _LEAST,
) -> Canvas:
    """Draw title, cells and legend; without a legend the title says that nothing is shown."""

    def fill(canvas: Canvas) -> None:
        canvas.paste(painted, *_CORNER, scene.per_unit)
        for text, column, row, anchor in scene.texts:
            canvas.write(text, column + _CORNER[0], row + _CORNER[1], TEXT_POINTS, anchor=anchor, is_outlined=True)
        below = draw_locators(canvas, scene.locators, scene.per_unit)
        if draw_legend:
            draw_legend(canvas, below)

    height = max(_CORNER[1] + round(len(painted) / scene.per_unit) + _BELOW, least)
    return drawn((_WIDTH, height), title if draw_legend else f"{title}: {nothing}", scene.subtitle, fill)


def _draw_key(canvas: Canvas, n: int, top: float) -> None:
    """Draw the colour of each cluster number."""
    n_colours, left = len(CLUSTER_COLOURS), canvas.size[0] - LEFT
    lines = [Mark(str(label), colour_of(label)) for label in range(1, min(n, n_colours) + 1)]
    if n > n_colours:
        last = f"{n_colours + 1}" + (f"–{n}" if n > n_colours + 1 else "")
        lines.append(Mark(f"{last}: again", "#FFFFFF", "#FFFFFF"))
    canvas.write("Cluster", left, top + 20, 11, anchor="lm")
    draw_marks(canvas, tuple(lines), top + 40)
