"""The design matrix and the correlations of its columns."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bids_ari.design.design import Design
from bids_ari.report.figures.canvas import Canvas, drawn, shortened
from bids_ari.report.figures.png import DPI
from bids_ari.report.figures.steps import font_of
from bids_ari.stats.diagnostics import design_diagnostics
from bids_ari.stats.distributions import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_MOST_NAMES = 40  # with more columns or subjects, none is labelled
_LONGEST = 32  # characters of a label
_HEAD = 66  # pixels for the title
_MATRIX, _CORRELATIONS = 430, 220  # pixels that both panels have at least for the names of columns
_FILLED = 0.9  # part of them that names may fill
_LINE = "#8a929a"


def draw_design(design: Design, subtitle: str) -> Canvas:
    """Draw a design matrix, each column scaled to its own range, and the correlations of the columns that vary."""
    diagnostics = design_diagnostics(design.matrix)
    varying = np.flatnonzero(~np.isnan(diagnostics.vif))
    n_panels = 2 if varying.size > 1 else 1
    size = (576 * n_panels, round(float(np.clip(19 * len(design.matrix), 300, 720))) + 240)

    def fill(figure: "Figure", scale: float) -> None:
        figure.set_layout_engine("constrained", rect=(0, 0, 1, 1 - _HEAD / size[1]))
        axes = figure.subplots(1, n_panels, squeeze=False)[0]
        _draw_matrix(axes[0], design, scale)
        if n_panels > 1:
            names = [design.columns[i] for i in varying]
            shown = _draw_correlations(axes[1], diagnostics.correlations[np.ix_(varying, varying)], names, scale)
            figure.colorbar(shown, ax=axes[1], label="r", shrink=0.7)

    return drawn(size, "Design matrix", subtitle, lambda canvas: canvas.plot(fill))


def _draw_matrix(axes: "Axes", design: Design, scale: float) -> None:
    """Draw one row per subject, and lines between columns."""
    axes.imshow(_scaled(design.matrix), cmap="gray", aspect="auto", vmin=0, vmax=1, interpolation="none")
    for i in range(1, len(design.columns)):
        axes.axvline(i - 0.5, color=_LINE, linewidth=scale)
    axes.set_title("Lowest value of a column black, highest white", loc="left", size=9 * scale)
    axes.set_ylabel("subjects")
    _label(axes.xaxis, design.columns, scale, _MATRIX)
    _label(axes.yaxis, [f"sub-{subject}" for subject in design.subjects], scale)


def _draw_correlations(axes: "Axes", correlations: FloatArray, names: list[str], scale: float) -> "AxesImage":
    """Draw a correlation matrix."""
    shown = axes.imshow(correlations, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="none")
    axes.set_title("Correlation of columns", loc="left", size=9 * scale)
    _label(axes.xaxis, names, scale, _CORRELATIONS)
    _label(axes.yaxis, names, scale)
    return shown


def _scaled(matrix: FloatArray) -> FloatArray:
    """Scale each column to 0..1; a constant one is 1."""
    low, high = matrix.min(axis=0), matrix.max(axis=0)
    wide = high > low
    return np.where(wide, (matrix - low) / np.where(wide, high - low, 1.0), 1.0)


def _label(axis: "Axis", names: Sequence[str], scale: float, width: int = 0) -> None:
    """Write labels along an axis if there are not too many; those below, of a width in pixels, upright if need be."""
    if len(names) > _MOST_NAMES:
        axis.set_ticks([])
        return
    short = [shortened(name, _LONGEST) for name in names]
    is_below = axis is axis.axes.xaxis
    room = width / len(names)
    points = min(8.0, _FILLED * room * 72 / DPI) if is_below else 7.0
    widest = max(font_of(points, is_bold=False).getlength(name) for name in short)
    rotation = 90 if is_below and widest > _FILLED * room else 0
    axis.set_ticks(range(len(names)), short, fontsize=points * scale, parse_math=False, rotation=rotation)
