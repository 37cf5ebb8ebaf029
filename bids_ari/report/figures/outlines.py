"""The outlines of the glass brain, as nilearn draws them: once, and kept, since this takes a second."""

import io
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from bids_ari.report.figures.figure import rendered
from bids_ari.report.figures.steps import Plot
from bids_ari.runtime.kept import kept

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bids_ari.report.figures.glass_brain import View

_DIRECTIONS = ("l", "y", "r", "z")  # the names that nilearn has for the views, in order
LEVEL = 17
"""Step between levels of brightness and of opacity, of 255: 16 levels make a file half as large."""


@cache
def outlines(size: tuple[int, int], views: tuple["View", ...], per_unit: float) -> Image.Image:
    """Return the outlines in a picture of a size in units, as an image with brightness and opacity."""
    make = partial(_draw, size, views, per_unit)
    return Image.open(io.BytesIO(kept(f"glass-brain-{per_unit:.4f}", "nilearn", Path(__file__), make)))


def draw_outlines(figure: "Figure", factor: float, size: tuple[int, int], views: tuple["View", ...]) -> None:
    """Draw the outlines with nilearn in a figure of a size in units, with their widths multiplied by a factor."""
    from nilearn.plotting.glass_brain import plot_brain_schematics

    width, height = size
    for view, direction in zip(views, _DIRECTIONS, strict=True):
        n_rows, n_columns = view.shape()
        bottom = height - view.row - n_rows
        axes = figure.add_axes((view.column / width, bottom / height, n_columns / width, n_rows / height))
        plot_brain_schematics(axes, direction, alpha=0.7)
        for line in axes.patches:
            line.set_linewidth(factor * line.get_linewidth())
        axes.set(xlim=view.across, ylim=view.up)
        axes.axis("off")


def _draw(size: tuple[int, int], views: tuple["View", ...], per_unit: float) -> bytes:
    """Return the outlines as a PNG."""
    plot, file = Plot(partial(draw_outlines, size=size, views=views)), io.BytesIO()
    pixels = rendered(plot, (round(size[0] * per_unit), round(size[1] * per_unit)), per_unit)
    found = np.rint(np.asarray(pixels)[..., [0, 3]] / LEVEL).astype(np.uint8) * LEVEL
    found[found[..., 1] == 0] = 0
    Image.fromarray(found, "LA").save(file, format="png")
    return file.getvalue()
