"""Pictures drawn with matplotlib, which is imported when needed."""

import io
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from bids_ari.report.figures.canvas import Canvas, draw_png
from bids_ari.report.figures.png import DPI, Pixels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_figure(size: tuple[int, int], title: str, subtitle: str, fill: Callable[["Figure"], None]) -> bytes:
    """Draw a picture as `draw_png` does, but with a figure of matplotlib."""

    def paste(canvas: Canvas) -> None:
        from matplotlib import style
        from matplotlib.figure import Figure

        with style.context("default"):
            figure = Figure(figsize=(size[0] / DPI, size[1] / DPI), dpi=DPI)  # not of pyplot: nothing to close
            fill(figure)
            canvas.paste(rendered(figure), 0, 0)

    return draw_png(size, title, subtitle, paste)


def rendered(figure: "Figure") -> Pixels:
    """Return the pixels of a figure that does not belong to pyplot."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # names may contain letters that the font lacks
        figure.savefig(file, format="rgba")
    width, height = np.rint(figure.get_size_inches() * figure.dpi).astype(int)
    return np.frombuffer(file.getvalue(), dtype=np.uint8).reshape(height, width, 4)[..., :3]
