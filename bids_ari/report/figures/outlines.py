"""The outlines of the glass brain, as nilearn draws them: once, and kept, since this takes a second."""

import io
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from bids_ari.report.figures.png import DPI
from bids_ari.runtime.kept import kept

if TYPE_CHECKING:
    from bids_ari.report.figures.glass_brain import View

_DIRECTIONS = ("l", "y", "r", "z")  # the names that nilearn has for the views, in order
_LEVEL = 17  # step between levels of brightness and of opacity: 16 make a file half as large


@cache
def outlines(size: tuple[int, int], views: tuple["View", ...]) -> npt.NDArray[np.float32]:
    """Return brightness and opacity of the outlines in a picture, (height, width, 2), both from 0 to 255."""
    file = kept("glass-brain", "nilearn", Path(__file__).parent, partial(_draw, size, views))
    return np.asarray(Image.open(io.BytesIO(file)), dtype=np.float32)


def _draw(size: tuple[int, int], views: tuple["View", ...]) -> bytes:
    """Have nilearn draw the outlines; return them as a PNG."""
    from matplotlib import style
    from matplotlib.figure import Figure
    from nilearn.plotting.glass_brain import plot_brain_schematics

    width, height = size
    with style.context("default"):
        figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
        for view, direction in zip(views, _DIRECTIONS, strict=True):
            n_rows, n_columns = view.shape()
            bottom = height - view.row - n_rows
            axes = figure.add_axes((view.column / width, bottom / height, n_columns / width, n_rows / height))
            plot_brain_schematics(axes, direction, alpha=0.7)
            axes.set(xlim=view.across, ylim=view.up)
            axes.axis("off")
        drawn, file = io.BytesIO(), io.BytesIO()
        figure.savefig(drawn, format="png", transparent=True)
    found = np.rint(np.asarray(Image.open(drawn))[..., [0, 3]] / _LEVEL).astype(np.uint8) * _LEVEL
    found[found[..., 1] == 0] = 0
    Image.fromarray(found, "LA").save(file, format="png")
    return file.getvalue()
