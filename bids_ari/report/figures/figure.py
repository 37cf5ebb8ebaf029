"""What matplotlib draws of a picture. It is imported when needed, as this takes long."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from bids_ari.report.figures.png import DPI
from bids_ari.report.figures.steps import Box, Plot, Written

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIZES = (
    *("font.size", "axes.linewidth", "axes.labelpad", "axes.titlepad", "lines.linewidth", "lines.markersize"),
    *(f"{axis}tick.major.{what}" for axis in "xy" for what in ("size", "width", "pad")),
    *(f"{axis}tick.minor.{what}" for axis in "xy" for what in ("size", "width", "pad")),
    *("grid.linewidth", "patch.linewidth", "lines.markeredgewidth"),
    *("figure.constrained_layout.h_pad", "figure.constrained_layout.w_pad"),
)
"""Settings in points or inches."""


@contextmanager
def styled(factor: float = 1.0) -> Iterator[None]:
    """Use the default style within a block, with all sizes in points multiplied by a factor.

    There is no warning of letters that the font lacks, which names may contain.
    """
    from matplotlib import rcParamsDefault, style

    defaults: Any = rcParamsDefault
    sizes = {name: factor * defaults[name] for name in _SIZES}
    with style.context(["default", sizes]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        yield


def rendered(plot: Plot, size: tuple[int, int], scale: float) -> Image.Image:
    """Return a plot as an image with opacity, of a size in pixels, of which a unit has `scale`."""
    file = io.BytesIO()
    with styled():
        figure = _figure(size, DPI * scale)
        plot.fill(figure, 1.0)
        figure.savefig(file, format="rgba")
    return Image.frombytes("RGBA", size, file.getvalue())


def texts_of(plot: Plot, size: tuple[int, int]) -> list[Written]:
    """Return the texts of a plot with their boxes; that of a turned text is the box around its corners."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    make: Any = FigureCanvasAgg  # which has no types
    found: list[Written] = []

    def note(_: Any, x: float, y: float, text: str, prop: Any, angle: float, ismath: bool = False, **__: Any) -> None:
        width, height, below = renderer.get_text_width_height_descent(text, prop, ismath)
        corners = np.array([0, width, width, 0]) + 1j * np.array([-below, -below, height - below, height - below])
        turned = corners * np.exp(1j * np.radians(angle))
        columns, rows = x + turned.real, y - turned.imag
        box = Box(*map(float, (columns.min(), rows.min(), columns.max(), rows.max())))
        found.append(Written(text, box, angle))

    with styled():
        figure = _figure(size, DPI)
        plot.fill(figure, 1.0)
        renderer = make(figure).get_renderer()
        renderer.draw_text = note
        figure.draw(renderer)
    return found


def _figure(size: tuple[int, int], dpi: float) -> "Figure":
    """Return an empty figure of a size in pixels, which does not belong to pyplot: there is nothing to close."""
    from matplotlib.figure import Figure

    figure = Figure(dpi=dpi, facecolor="none")
    figure.set_size_inches(size[0] / dpi, size[1] / dpi)
    return figure
