"""The outlines of the glass brain, drawn by nilearn; run as a script, this writes them to the assets of reports."""

import io

import numpy as np
from matplotlib import style
from matplotlib.figure import Figure
from nilearn.plotting.glass_brain import plot_brain_schematics
from PIL import Image

from bids_ari.report.figures.glass_brain import OUTLINES, SIZE, VIEWS
from bids_ari.report.figures.png import DPI

DIRECTIONS = ("l", "y", "r", "z")
"""The names that nilearn has for the views, in order."""

LEVEL = 17
"""Step between levels of brightness and of opacity: 16 make a file half as large."""


def outlines() -> np.ndarray:
    """Return brightness and opacity (height, width, 2) of the outlines in a picture."""
    width, height = SIZE
    with style.context("default"):
        figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
        for view, direction in zip(VIEWS, DIRECTIONS, strict=True):
            shape = view.shape()[::-1]
            bottom = height - view.row - shape[1]
            axes = figure.add_axes((view.column / width, bottom / height, shape[0] / width, shape[1] / height))
            plot_brain_schematics(axes, direction, alpha=0.7)
            axes.set(xlim=view.across, ylim=view.up)
            axes.axis("off")
        file = io.BytesIO()
        figure.savefig(file, format="png", transparent=True)
    found = np.rint(np.asarray(Image.open(file))[..., [0, 3]] / LEVEL).astype(np.uint8) * LEVEL
    found[found[..., 1] == 0] = 0
    return found


if __name__ == "__main__":
    Image.fromarray(outlines(), "LA").save(OUTLINES, optimize=True)
