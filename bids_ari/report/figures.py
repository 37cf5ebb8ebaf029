"""Pictures: arrays to PNG. The plotting libraries are imported here, when something is drawn.

All pictures of a result share one *scene*: which axial slices are cut, and what lies under the statistics. Slices are
drawn in neurological orientation (the subject's left on the left). Voxels are shown as they are: no picture is
interpolated beyond the nearest voxel, so that nothing leaks out of the mask.
"""

import io
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bids_ari.images import Grid, Mask
from bids_ari.stats.tails import Alternative, FloatArray

if TYPE_CHECKING:
    import nibabel as nib
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

Z_UNCORRECTED = 3.0902323061678132
"""The z value with a one-sided tail probability of .001."""

NOTHING = "nothing above the threshold"

_ROWS, _COLUMNS = 2, 4
_SIZE = (9.6, 5.6)  # inches
_DPI = 120
_SLICES = (0.01, 0.005, 0.89, 0.94)  # left, bottom, right, top of the slices within the picture
_LEAST = 1e-3  # what nilearn would hide as zero, a TDP of 0 inside a cluster, is drawn as this
_DARK = -0.5  # what would be black in the template, whose darkest is 0: no black beside the statistics
_PALE = 4.0  # what would be black in the mask, which is 1: a light grey
_MARGIN = 3  # voxels around the mask
_GAP = 0.07  # between slices, as a fraction of their width
_EDGE = 5  # percent of the mask below the lowest slice, and above the highest
_TEMPLATE_SPACES = ("MNI", "ICBM", "Talairach")  # spaces near enough to the bundled template to draw on it
_INFANT = "MNIInfant"


@dataclass(frozen=True, slots=True, eq=False)
class Underlay:
    """What lies under the statistics.

    Attributes
    ----------
    image : image
        Zero where nothing is drawn.
    colours : str
        A colour map.
    first, last : float
        The values of its first and its last colour.
    words : str
        What it is.
    """

    image: "nib.Nifti1Image"
    colours: str
    first: float
    last: float
    words: str


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What all pictures of a result share.

    Attributes
    ----------
    mask : Mask
        The voxels tested.
    cuts : tuple of float
        Where the axial slices are, z in mm, ascending.
    underlay : Underlay
        The bundled MNI152 template, or the shape of the mask.
    """

    mask: Mask
    cuts: tuple[float, ...]
    underlay: Underlay


def make_scene(mask: Mask, space: str | None, peaks: npt.ArrayLike = ()) -> Scene:
    """Choose the slices and the underlay.

    Slices are spread evenly over the mask; then the slice nearest to each peak moves there.

    Parameters
    ----------
    mask : Mask
        The voxels tested.
    space : str or None
        The space that the file names state.
    peaks : array (n_peaks,)
        z in mm of what should be seen, the most important first.
    """
    heights = mask.grid.millimetres(mask.indices)[:, 2]
    wanted = np.asarray(peaks, dtype=float)
    low, high = np.percentile(heights, [_EDGE, 100 - _EDGE])
    underlay = _shape_of(mask)
    if space is not None and space.startswith(_TEMPLATE_SPACES) and not space.startswith(_INFANT):
        bottom, top = _vertical_range(_template().image)
        if low < top and high > bottom:  # nilearn wraps around where an image ends: stay inside
            underlay, low, high = _template(), max(low, bottom), min(high, top)
            wanted = wanted[(wanted >= bottom) & (wanted <= top)]
    even = np.linspace(low, high, _ROWS * _COLUMNS)
    cuts = even.copy()
    for peak in wanted[::-1]:  # the most important has the last word
        cuts[np.abs(even - peak).argmin()] = peak
    decimals = 0 if high - low > 2 * cuts.size else 1
    return Scene(mask, tuple(sorted({round(float(cut), decimals) for cut in cuts})), underlay)


def draw_z(z: FloatArray, alternative: Alternative, scene: Scene) -> bytes:
    """Draw the z map where p < .001 uncorrected, in the direction of the test.

    Parameters
    ----------
    z : array (n_voxels,)
        z of each voxel tested.
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
    values = np.clip(np.where(shown, z, 0.0), -top, top)
    low = Z_UNCORRECTED if alternative == "greater" else -top
    high = -Z_UNCORRECTED if alternative == "less" else top
    side = ", each side" if alternative == "two-sided" else ""
    ticks = tuple(tick for tick in (-top, -Z_UNCORRECTED, Z_UNCORRECTED, top) if low <= tick <= high)
    bar = _Bar("z", _without_middle(top), (-top, top), (low, high), ticks)
    return _draw(values, scene, bar, f"z, p < .001 uncorrected{side}")


def draw_tdp(tdp: FloatArray, in_cluster: npt.NDArray[np.bool_], scene: Scene, title: str) -> bytes:
    """Draw true discovery proportions, on a scale from 0 to 1.

    Parameters
    ----------
    tdp : array (n_voxels,)
        TDP of the cluster that holds each voxel.
    in_cluster : array of bool (n_voxels,)
        Where there is a cluster at all: those with a TDP of 0 are shown too.
    scene : Scene
        Where and on what.
    title : str
        What clusters these are.

    Returns
    -------
    bytes
        A PNG.
    """
    values = np.where(in_cluster, np.maximum(tdp, _LEAST), 0.0)
    return _draw(values, scene, _Bar("TDP", "viridis", (0.0, 1.0), (0.0, 1.0), (0.0, 0.25, 0.5, 0.75, 1.0)), title)


@dataclass(frozen=True, slots=True)
class _Bar:
    """The colours of a picture: of which range, and what part of it the colour bar shows."""

    label: str
    colours: "str | Colormap"
    range: tuple[float, float]
    part: tuple[float, float]
    ticks: tuple[float, ...]


def _draw(values: FloatArray, scene: Scene, bar: _Bar, title: str) -> bytes:
    """Draw one value per voxel, (n_voxels,), where it is not 0."""
    from matplotlib import style
    from matplotlib.figure import Figure

    buffer = io.BytesIO()
    with style.context("default"):  # whatever the style of the notebook is
        figure = Figure(figsize=_SIZE, dpi=_DPI)  # none of pyplot's: nothing to close
        _draw_slices(figure, values, scene, bar)
        figure.text(0.012, 0.975, title, size=13, weight="bold", va="top")
        if values.any():
            _draw_bar(figure, bar)
        else:
            figure.text(_SLICES[2], 0.975, NOTHING, size=13, style="italic", ha="right", va="top")
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _draw_slices(figure: "Figure", values: FloatArray, scene: Scene, bar: _Bar) -> None:
    """Draw the axial slices in rows: the underlay, and the values where they are not 0."""
    from nilearn.plotting import plot_anat

    image = _image(values, scene.mask)
    under = scene.underlay
    left, bottom, right, top = _SLICES
    height = (top - bottom) / _ROWS
    for row in range(_ROWS):
        cuts = scene.cuts[row * _COLUMNS : (row + 1) * _COLUMNS]
        if not cuts:
            break
        display = plot_anat(
            anat_img=False,
            figure=figure,
            axes=(left, top - (row + 1) * height, (right - left) * len(cuts) / _COLUMNS, height),
            display_mode="z",
            cut_coords=list(cuts),
            black_bg=False,
            annotate=False,
            colorbar=False,
        )
        display.add_overlay(under.image, cmap=under.colours, vmin=under.first, vmax=under.last)
        if values.any():
            low, high = bar.range
            display.add_overlay(image, cmap=bar.colours, vmin=low, vmax=high, resampling_interpolation="nearest")
        for axes in display.axes.values():
            x0, x1, y0, y1 = axes.get_object_bounds()
            gap = _GAP * (x1 - x0)
            axes.add_object_bounds((x0 - gap, x1 + gap, y0 - gap, y1 + gap))
        display.annotate(size=10, decimals=0 if all(cut.is_integer() for cut in cuts) else 1)


def _image(values: FloatArray, mask: Mask) -> "nib.Nifti1Image":
    """Put one value per voxel, (n_voxels,), into an image that is just larger than the mask on every side."""
    import nibabel as nib

    inner = tuple(slice(int(here.min()), int(here.max()) + 1) for here in np.nonzero(mask.inside))
    volume = np.pad(mask.volume(values.astype(np.float32))[inner], _MARGIN)
    affine = mask.grid.affine.copy()
    affine[:3, 3] = mask.grid.millimetres(np.array([[here.start - _MARGIN for here in inner]]))[0]
    return nib.Nifti1Image(volume, affine)


def _shape_of(mask: Mask) -> Underlay:
    """Let the mask stand for the brain."""
    return Underlay(_image(np.ones(mask.n_voxels), mask), "Greys", 0.0, _PALE, "the voxels tested, in grey")


@cache
def _template() -> Underlay:
    """Give the brain of the MNI152 template that comes with nilearn, from 0 to 1."""
    from nilearn.datasets import load_mni152_template

    image = load_mni152_template(resolution=2)
    values = np.asarray(image.dataobj, dtype=float)
    brain = Mask(Grid.of(image), values > 0.01 * values.max())
    scaled = _image(values[brain.inside] / values.max(), brain)
    return Underlay(scaled, "gray", _DARK, 1.0, "the MNI152 template that comes with nilearn")


def _vertical_range(image: "nib.Nifti1Image") -> tuple[float, float]:
    """Give the z in mm of the lowest and the highest slice within the margins, of an image with upright axes."""
    ends = image.affine[2, 3] + image.affine[2, 2] * np.array([_MARGIN, image.shape[2] - 1 - _MARGIN])
    return float(ends.min()), float(ends.max())


def _draw_bar(figure: "Figure", bar: _Bar) -> None:
    """Draw the colour bar."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    axes = figure.add_axes((0.93, 0.25, 0.016, 0.4))
    figure.colorbar(ScalarMappable(Normalize(*bar.range), bar.colours), cax=axes, ticks=bar.ticks, format="%.3g")
    axes.set_ylim(*bar.part)
    axes.set_title(bar.label, size=11, pad=8)
    axes.tick_params(labelsize=9, length=2)


def _without_middle(top: float) -> "Colormap":
    """Give the diverging colours from -top to top, with grey for what the threshold hides."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    places = np.linspace(-top, top, 512)
    colours = colormaps["RdBu_r"](np.linspace(0, 1, places.size))
    colours[np.abs(places) < Z_UNCORRECTED] = (0.85, 0.85, 0.85, 1)
    return ListedColormap(colours)
