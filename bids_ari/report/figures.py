"""Pictures: one value or one label per voxel to PNG. The plotting library is imported here, when something is drawn."""

import io
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bids_ari.bids.entities import printable
from bids_ari.report.scene import CELL, COLUMNS, Pixels, Scene
from bids_ari.stats.tails import Alternative, FloatArray

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

Z_UNCORRECTED = 3.0902323061678132
"""The z value with a one-sided tail probability of .001."""

NOTHING = "nothing above the threshold"

CLUSTER_COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
"""Of Okabe and Ito, for those who are colour-blind too; the eighth cluster begins again."""

SIZE = (1152, 672)
"""Width and height of a picture in pixels."""

_DPI = 120
_CORNER = (11, 40)  # pixels from the left and the top edge to the slices
_NUMBERED = 20  # so many clusters have their number in the picture


def colour_of(label: int) -> str:
    """Give the colour of a cluster."""
    return CLUSTER_COLOURS[(label - 1) % len(CLUSTER_COLOURS)]


def draw_z(z: FloatArray, alternative: Alternative, scene: Scene) -> bytes:
    """Draw the z map where p < .001 uncorrected, in the direction of the test.

    Parameters
    ----------
    z : array (n_voxels,)
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
    shown = {
        "greater": z > Z_UNCORRECTED,
        "less": z < -Z_UNCORRECTED,
        "two-sided": np.abs(z) > Z_UNCORRECTED,
    }[alternative]
    top = float(np.ceil(np.abs(z[shown & np.isfinite(z)]).max(initial=Z_UNCORRECTED + 1)))
    low = Z_UNCORRECTED if alternative == "greater" else -top
    high = -Z_UNCORRECTED if alternative == "less" else top
    side = ", each side" if alternative == "two-sided" else ""
    ticks = tuple(tick for tick in (-top, -Z_UNCORRECTED, Z_UNCORRECTED, top) if low <= tick <= high)
    colours = _without_middle(top)
    painted = scene.paint(_rgb(colours, (np.clip(z, -top, top) + top) / (2 * top)), shown)

    def draw_bar(figure: "Figure") -> None:
        _draw_bar(figure, "z", colours, (-top, top), (low, high), ticks)

    return _compose(painted, scene, f"z, p < .001 uncorrected{side}", draw_bar if shown.any() else _say_nothing)


def draw_tdp(tdp: FloatArray, shown: npt.NDArray[np.bool_], scene: Scene, title: str) -> bytes:
    """Draw true discovery proportions, on a scale from 0 to 1.

    Parameters
    ----------
    tdp : array (n_voxels,)
        A TDP for each voxel.
    shown : array of bool (n_voxels,)
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
    from matplotlib import colormaps

    colours = colormaps["viridis"]

    def draw_bar(figure: "Figure") -> None:
        _draw_bar(figure, "TDP", colours, (0.0, 1.0), (0.0, 1.0), (0.0, 0.25, 0.5, 0.75, 1.0))

    painted = scene.paint(_rgb(colours, tdp), shown)
    return _compose(painted, scene, title, draw_bar if shown.any() else _say_nothing)


def draw_clusters(labels: npt.NDArray[np.integer], scene: Scene, title: str) -> bytes:
    """Draw clusters, each in one of the colours; the larger ones bear their number.

    Parameters
    ----------
    labels : array of int (n_voxels,)
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

    return _compose(painted, scene, title, draw_key if n else _say_nothing)


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


def _compose(painted: Pixels, scene: Scene, title: str, explain: Callable[["Figure"], None]) -> bytes:
    """Put title, slices and what explains the colours together."""
    from matplotlib import style
    from matplotlib.figure import Figure

    buffer = io.BytesIO()
    with style.context("default"):  # whatever the style of the notebook is
        figure = Figure(figsize=(SIZE[0] / _DPI, SIZE[1] / _DPI), dpi=_DPI)  # none of pyplot's: nothing to close
        figure.figimage(painted, _CORNER[0], SIZE[1] - _CORNER[1] - painted.shape[0], origin="upper")
        _write_sides(figure, scene.cuts)
        figure.text(0.012, 0.975, printable(title), size=13, weight="bold", va="top", parse_math=False)
        explain(figure)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph", UserWarning)  # a name may have letters that the font lacks
            figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


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


def _say_nothing(figure: "Figure") -> None:
    figure.text(0.89, 0.975, NOTHING, size=13, style="italic", ha="right", va="top")


def _draw_bar(
    figure: "Figure",
    label: str,
    colours: "Colormap",
    ends: tuple[float, float],
    part: tuple[float, float],
    ticks: tuple[float, ...],
) -> None:
    """Draw the part that is used of a colour bar."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    axes = figure.add_axes((0.93, 0.25, 0.016, 0.4))
    figure.colorbar(ScalarMappable(Normalize(*ends), colours), cax=axes, ticks=ticks, format="%.3g")
    axes.set_ylim(*part)
    axes.set_title(label, size=11, pad=8)
    axes.tick_params(labelsize=9, length=2)


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


def _rgb(colours: "Colormap", places: FloatArray) -> Pixels:
    """Give the colours, (n_voxels, 3), at places from 0 to 1."""
    return np.asarray(colours(np.asarray(places, dtype=float), bytes=True)[:, :3], dtype=np.uint8)


def _without_middle(top: float) -> "Colormap":
    """Give the diverging colours from -top to top, with grey for what the threshold hides."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    places = np.linspace(-top, top, 512)
    colours = colormaps["RdBu_r"](np.linspace(0, 1, places.size))
    colours[np.abs(places) < Z_UNCORRECTED] = (0.85, 0.85, 0.85, 1)
    return ListedColormap(colours)
