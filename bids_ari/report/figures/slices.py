"""Pictures: one value or one label per voxel to PNG. The plotting library is imported here, when something is drawn."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bids_ari.report.figures.png import Pixels, draw_png
from bids_ari.report.figures.scales import Z_UNCORRECTED, tdp_scale, value_scale, z_scale
from bids_ari.report.figures.scene import CELL, COLUMNS, Scene
from bids_ari.stats.distributions import Alternative, FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOTHING = "nothing above the threshold"

CLUSTER_COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
"""Of Okabe and Ito, for those who are colour-blind too; the eighth cluster begins again."""

SIZE = (1152, 690)
"""Width and height of a picture of slices in pixels."""

_CORNER = (11, 58)  # pixels from the left and the top edge to the slices
_NUMBERED = 20  # so many clusters have their number in the picture
_OPACITIES = 16  # steps from nothing to all


def colour_of(label: int) -> str:
    """Give the colour of a cluster."""
    return CLUSTER_COLOURS[(label - 1) % len(CLUSTER_COLOURS)]


def is_uncorrected(z: FloatArray, alternative: Alternative) -> npt.NDArray[np.bool_]:
    """Say where p < .001 uncorrected in the direction of a test; on each side for ``two-sided``."""
    return {
        "greater": z > Z_UNCORRECTED,
        "less": z < -Z_UNCORRECTED,
        "two-sided": np.abs(z) > Z_UNCORRECTED,
    }[alternative]


def draw_z(z: FloatArray, alternative: Alternative, scene: Scene) -> bytes:
    """Draw the z map where p < .001 uncorrected, in the direction of the test.

    Parameters
    ----------
    z : array (n_points,)
        z of each voxel tested; what is infinite has the colour of the largest that is not.
    alternative : {'greater', 'less', 'two-sided'}
        Which side is shown; both for ``two-sided``, each at p < .001.
    scene : Scene
        Where and on what.

    Returns
    -------
    bytes
        A PNG.
    """
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
    """Draw a value at every voxel tested, on a scale that is symmetric around 0.

    Parameters
    ----------
    values : array (n_points,)
        What the colours tell.
    scene : Scene
        Where and on what.
    title, label : str
        What values these are, and what stands above the colour bar.
    is_signed : bool
        Whether there may be values below 0, as there are none of F.
    z : array (n_points,), optional
        Voxels are fainter the nearer this is to 0: their opacity is the square of its part of the z of p = .001.
    outlined : array of bool (n_points,), optional
        What has a line around it.

    Returns
    -------
    bytes
        A PNG.
    """
    scale = value_scale(values, label, is_signed=is_signed)
    opacity = np.ones(values.size) if z is None else np.square(np.minimum(np.abs(z) / Z_UNCORRECTED, 1))
    painted = scene.fade(scale.colour(values), np.rint(opacity * _OPACITIES) / _OPACITIES)
    if outlined is not None:
        painted[_outline(scene, outlined)] = 0
    return _compose(painted, scene, title, scale.draw)


def draw_tdp(tdp: FloatArray, shown: npt.NDArray[np.bool_], scene: Scene, title: str) -> bytes:
    """Draw true discovery proportions, on a scale from 0 to 1.

    Parameters
    ----------
    tdp : array (n_points,)
        A TDP for each voxel.
    shown : array of bool (n_points,)
        Where it is shown, be it 0.
    scene : Scene
        Where and on what.
    title : str
        Of what sets of voxels it is.

    Returns
    -------
    bytes
        A PNG.
    """
    scale = tdp_scale()
    return _compose(scene.paint(scale.colour(tdp), shown), scene, title, scale.draw if shown.any() else None)


def draw_clusters(labels: npt.NDArray[np.integer], scene: Scene, title: str) -> bytes:
    """Draw clusters, each in one of the colours; the larger ones bear their number.

    Parameters
    ----------
    labels : array of int (n_points,)
        The cluster that holds each voxel: 1, 2, ...; 0 for none.
    scene : Scene
        Where and on what.
    title : str
        What clusters these are.

    Returns
    -------
    bytes
        A PNG.
    """
    from matplotlib.colors import to_rgb

    n = int(labels.max(initial=0))
    palette = np.rint(255 * np.array([to_rgb(colour) for colour in CLUSTER_COLOURS])).astype(np.uint8)
    painted = scene.paint(palette[(labels - 1) % len(palette)], labels > 0)

    def draw_key(figure: "Figure") -> None:
        _draw_key(figure, n)
        for label, row, column in _numbers(labels, scene, min(n, _NUMBERED)):
            _write(figure, column + _CORNER[0], row + _CORNER[1], str(label), size=10, weight="bold", outlined=True)

    return _compose(painted, scene, title, draw_key if n else None)


def _numbers(labels: npt.NDArray[np.integer], scene: Scene, n: int) -> list[tuple[int, int, int]]:
    """Say where to write the number of each cluster: (label, row, column), amid the slice with most of it."""
    seen = np.where(scene.voxel >= 0, labels[scene.voxel], 0)
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


def _outline(scene: Scene, shown: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Say which pixels are the border of what is shown, (height, width)."""
    inside = (scene.voxel >= 0) & shown[scene.voxel]
    return np.asarray(inside & ~ndimage.binary_erosion(inside, np.ones((3, 3), dtype=bool)))


def _compose(painted: Pixels, scene: Scene, title: str, explain: Callable[["Figure"], None] | None) -> bytes:
    """Put title, slices and what explains the colours together; nothing explains them where nothing is shown."""

    def fill(figure: "Figure") -> None:
        figure.figimage(painted, _CORNER[0], SIZE[1] - _CORNER[1] - painted.shape[0], origin="upper")
        _write_sides(figure, scene.cuts)
        if explain:
            explain(figure)

    return draw_png(SIZE, title if explain else f"{title}: {NOTHING}", scene.about, fill)


def _write_sides(figure: "Figure", cuts: tuple[float, ...]) -> None:
    """Write left, right and z in mm beside each slice."""
    decimals = 0 if all(cut.is_integer() for cut in cuts) else 1
    height, width = CELL
    for i, cut in enumerate(cuts):
        row, column = divmod(i, COLUMNS)
        left, top = _CORNER[0] + column * width, _CORNER[1] + row * height
        _write(figure, left + 14, top + 16, "L")
        _write(figure, left + width - 14, top + 16, "R")
        _write(figure, left + 24, top + height - 12, f"z={cut + 0.0:.{decimals}f}")


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
    """Write a text around a pixel; outlined it is read on any colour."""
    from matplotlib.patheffects import withStroke

    effects = [withStroke(linewidth=2.2, foreground="white")] if outlined else None
    x, y = column / SIZE[0], 1 - row / SIZE[1]
    figure.text(x, y, text, size=size, weight=weight, ha="center", va="center", path_effects=effects)


def _draw_key(figure: "Figure", n: int) -> None:
    """Draw the colour of each number."""
    from matplotlib.patches import Rectangle

    figure.text(0.945, 0.7, "Cluster", size=11, ha="center", va="center")
    for label in range(1, min(n, len(CLUSTER_COLOURS)) + 1):
        y = 0.7 - 0.05 * label
        figure.add_artist(Rectangle((0.925, y - 0.015), 0.018, 0.03, facecolor=colour_of(label), edgecolor="none"))
        figure.text(0.955, y, str(label), size=10, ha="left", va="center")
    if n > len(CLUSTER_COLOURS):
        last = f"{len(CLUSTER_COLOURS) + 1}" + (f"–{n}" if n > len(CLUSTER_COLOURS) + 1 else "")
        figure.text(0.945, 0.28, f"{last}:\nagain", size=9, ha="center", va="center")
