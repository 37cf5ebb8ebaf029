"""A small picture of a result for the index: clusters in the colours of their TDP, in few pixels and colours."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.spaces import StandardSpace
from bids_ari.images.cortex import Cortex, hemispheres_of, voxels_of
from bids_ari.images.grayordinate_space import GrayordinateSpace
from bids_ari.images.views import axes_of, extent, render
from bids_ari.images.volume import VolumeSpace, volume_of
from bids_ari.report.figures import glass_brain
from bids_ari.report.figures.glass_brain import View, strongest_along, upright
from bids_ari.report.figures.outlines import LEVEL, outlines
from bids_ari.report.figures.png import Pixels
from bids_ari.report.figures.scales import tdp_scale
from bids_ari.report.figures.underlay import is_like_template
from bids_ari.runtime.kept import kept
from bids_ari.stats.distributions import FloatArray

Kind = Literal["glass", "mask", "cortex"]
"""Clusters in a glass brain, in front of all points tested in grey, or on the cortex."""

SIZE = (192, 104)
"""Width and height in pixels."""

_PER_MM, _MARGIN = 0.5, 4  # pixels per mm of the template; between views and edges
_FINE = 2  # pixels of the outlines for each pixel
_NO_CLAIM = 1e-12  # in place of the TDP of a cluster whose TDP is 0
_CLUSTER, _TESTED = (176, 183, 189), (224, 227, 229)  # greys of a cluster with TDP 0, and of the points tested
_GYRUS, _SULCUS, _GREYS = 240, 95, 16  # brightness of a gyrus, how much darker a sulcus is, and the number of greys

_LEFT, _TOP = (view for view in glass_brain.VIEWS if view.title in ("left side", "top"))


class Layers(NamedTuple):
    """A small picture in layers, transparent where there is nothing."""

    kind: Kind
    clusters: bytes  # PNG
    ground: bytes = b""  # PNG to show below, the same for all results of the same points; a glass brain has none


def draw_thumbnail(result: ContrastResult) -> Layers:
    """Draw the clusters above the thresholds in the colours of their highest TDP, and grey where that is 0.

    The outlines of a glass brain are those of all results; see `draw_small_outlines`.
    """
    values = result.tdp()
    for threshold in result.clusters:
        values[(values == 0) & (result.labels(threshold) > 0)] = _NO_CLAIM
    space, label = result.space, StandardSpace.of(result.contrast.entities)
    if isinstance(space, GrayordinateSpace):
        if hemispheres := hemispheres_of(space.frame, label, result.options.underlay):
            return _on_cortex(space.unmask(values, 0), hemispheres)
        if (voxels := voxels_of(space)) is None:
            raise TypeError("points are neither vertices nor voxels")
        space, values = voxels.space, space.unmask(values, 0)[voxels.positions]
    volume = volume_of(space)
    if is_like_template(label):
        return Layers("glass", _encoded(_projections(values, volume, _arranged(_LEFT, _TOP, _PER_MM), _PER_MM)))
    views, per_mm = _views_around(volume)
    tested = _projections(np.ones(volume.n_points), volume, views, per_mm) > 0
    ground = np.where(tested[..., None], np.array(_TESTED, dtype=np.uint8), 0)
    return Layers("mask", _encoded(_projections(values, volume, views, per_mm)), _saved_colours(ground, tested))


def draw_small_outlines() -> bytes:
    """Draw the outlines to show above each thumbnail of a glass brain, black and transparent, in finer pixels."""
    return kept("glass-brain-small", "nilearn", Path(__file__), _reduced_outlines)


def _reduced_outlines() -> bytes:
    """Return the outlines of two views of the large glass brain in fewer pixels, as a PNG."""
    opacity = Image.new("L", (_FINE * SIZE[0], _FINE * SIZE[1]))
    brightness, cover = np.moveaxis(np.asarray(outlines(glass_brain.SIZE, glass_brain.VIEWS, 1.0), dtype=float), -1, 0)
    whole = Image.fromarray(np.rint(cover * (1 - brightness / 255)).astype(np.uint8))
    for view, large in zip(_arranged(_LEFT, _TOP, _PER_MM), (_LEFT, _TOP), strict=True):
        height, width = large.shape()
        part = whole.crop((large.column, large.row, large.column + width, large.row + height))
        height, width = _shape(view, _PER_MM)
        part = part.resize((_FINE * width, _FINE * height), Image.Resampling.LANCZOS)
        opacity.paste(part, (_FINE * view.column, _FINE * view.row))
    levels, opacities = np.rint(np.asarray(opacity) / LEVEL).astype(np.uint8), bytes(range(0, 256, LEVEL))
    return _saved(levels, np.zeros((len(opacities), 3), dtype=np.uint8), opacities)


def _arranged(left: View, top: View, per_mm: float) -> tuple[View, View]:
    """Return the views from the left and from above beside each other, with a number of pixels for each mm."""
    start = SIZE[0] - sum(_shape(view, per_mm)[1] for view in (left, top)) - 2 * _MARGIN
    columns = _MARGIN, SIZE[0] - _MARGIN - _shape(top, per_mm)[1]
    shift = max(start - _MARGIN, 0) // 2  # towards each other, to a margin
    places = columns[0] + shift, columns[1] - shift
    one, two = (
        view._replace(side=0, column=column, row=(SIZE[1] - _shape(view, per_mm)[0]) // 2)
        for view, column in zip((left, top), places, strict=True)
    )
    return one, two


def _shape(view: View, per_mm: float) -> tuple[int, int]:
    """Return the height and width of a view in pixels."""
    return view.shape(per_mm / glass_brain.PER_MM)


def _views_around(space: VolumeSpace) -> tuple[tuple[View, View], float]:
    """Return the views of the points tested, and the pixels for each mm with which they fit."""
    places = space.coordinates(np.arange(space.n_points))
    half = max(space.grid.zooms) / 2
    x, y, z = zip((places.min(axis=0) - half).tolist(), (places.max(axis=0) + half).tolist(), strict=True)
    width, height = SIZE[0] - 3 * _MARGIN - 1, SIZE[1] - 2 * _MARGIN - 1
    per_mm = min(width / (x[1] - x[0] + y[1] - y[0]), height / (z[1] - z[0]), height / (y[1] - y[0]))
    return _arranged(View("", 0, (y[1], y[0]), z, 0, 0), View("", 2, x, y, 0, 0), per_mm), per_mm


def _projections(values: FloatArray, space: VolumeSpace, views: Sequence[View], per_mm: float) -> FloatArray:
    """Return the largest of the values of a volume, (n_points,), behind each pixel, (height, width)."""
    image, picture = upright(space.image(values.astype(np.float32))), np.zeros(SIZE[::-1])
    for view in views:
        found = strongest_along(image, view, per_mm / glass_brain.PER_MM)
        picture[view.row : view.row + found.shape[0], view.column : view.column + found.shape[1]] = found
    return picture


def _on_cortex(values: FloatArray, hemispheres: Sequence[Cortex]) -> Layers:
    """Draw values at the positions of the frame on the lateral side of each hemisphere."""
    height, width = SIZE[1] - 2 * _MARGIN, (SIZE[0] - 3 * _MARGIN) // 2
    axes = [axes_of("lateral", each.sides) for each in hemispheres]
    spans = [np.ptp(extent(each.mesh, seen), axis=0) for each, seen in zip(hemispheres, axes, strict=True)]
    pitch = max(max(across / width, down / height, 0.01) for across, down in spans)
    picture, grey, cover = np.zeros((3, *SIZE[::-1]))
    for i, (each, seen) in enumerate(zip(hemispheres, axes, strict=True)):
        view = render(each.mesh, seen, pitch, (height, width), each.sulci)
        left = _MARGIN + i * (width + _MARGIN)
        part = slice(_MARGIN, _MARGIN + height), slice(left, left + width)
        place = np.where(view.vertices >= 0, each.positions[view.vertices], -1)
        picture[part] = np.where(place >= 0, values[place], 0)
        grey[part] = (_GYRUS - _SULCUS * view.values) * (0.6 + 0.4 * view.light)
        cover[part] = view.vertices >= 0
    stepped = (np.rint(grey * (_GREYS / 256)) * (255 // _GREYS)).astype(np.uint8)
    ground = np.repeat(stepped[..., None], 3, axis=-1)
    return Layers("cortex", _encoded(picture), _saved_colours(ground, cover > 0))


def _encoded(picture: FloatArray) -> bytes:
    """Return a PNG of clusters, (height, width): the colours of their TDP, grey for those without a claim."""
    grey = np.array(_CLUSTER, dtype=np.uint8)
    colours = np.where((picture < 2 * _NO_CLAIM)[..., None], grey, tdp_scale().colour(picture))
    return _saved_colours(colours, picture > 0)


def _saved_colours(pixels: Pixels, cover: npt.NDArray[np.bool_]) -> bytes:
    """Return a PNG of the pixels that are covered, (height, width, 3)."""
    colours, places = np.unique(pixels[cover], axis=0, return_inverse=True)
    numbers = np.zeros(cover.shape, dtype=np.uint8)
    numbers[cover] = places.ravel() + 1
    return _saved(numbers, np.concatenate([np.zeros((1, 3), dtype=np.uint8), colours]), b"\0")


def _saved(numbers: Pixels, palette: Pixels, opacity: bytes) -> bytes:
    """Return a PNG of places in a palette, whose first colours have an opacity."""
    image, file = Image.fromarray(numbers, "P"), io.BytesIO()
    image.putpalette(palette.tobytes())
    image.save(file, format="png", optimize=True, transparency=opacity)
    return file.getvalue()
