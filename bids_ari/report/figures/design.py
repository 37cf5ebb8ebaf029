"""The picture of a design matrix. The plotting library is imported here, when something is drawn."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bids_ari.bids.entities import printable
from bids_ari.design.design import Design
from bids_ari.report.figures.png import draw_png
from bids_ari.stats.diagnostics import design_diagnostics
from bids_ari.stats.distributions import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_MOST_NAMES = 40
"""So many columns or subjects are named in the picture."""

_LONGEST = 24  # letters of a name
_HEAD = 66  # pixels for the title
_LINE = "#8a929a"


def draw_design(design: Design, about: str) -> bytes:
    """Draw a design matrix, each column on its own range, and the correlations of the columns that vary.

    Parameters
    ----------
    design : Design
        The group model.
    about : str
        Of which results it is.

    Returns
    -------
    bytes
        A PNG.
    """
    look = design_diagnostics(design.matrix)
    varying = np.flatnonzero(~np.isnan(look.vif))
    n_pictures = 2 if varying.size > 1 else 1
    size = (576 * n_pictures, round(float(np.clip(19 * len(design.matrix), 300, 720))) + 240)

    def fill(figure: "Figure") -> None:
        figure.set_layout_engine("constrained", rect=(0, 0, 1, 1 - _HEAD / size[1]))
        axes = figure.subplots(1, n_pictures, squeeze=False)[0]
        _draw_matrix(axes[0], design)
        if n_pictures > 1:
            names = [design.columns[i] for i in varying]
            shown = _draw_correlations(axes[1], look.correlations[np.ix_(varying, varying)], names)
            figure.colorbar(shown, ax=axes[1], label="r", shrink=0.7)

    return draw_png(size, "Design matrix", about, fill)


def _draw_matrix(axes: "Axes", design: Design) -> None:
    """Draw a row for each subject, and lines between columns."""
    axes.imshow(_scaled(design.matrix), cmap="gray", aspect="auto", vmin=0, vmax=1, interpolation="nearest")
    for i in range(1, len(design.columns)):
        axes.axvline(i - 0.5, color=_LINE, linewidth=1)
    axes.set_ylabel("subjects")
    _name(axes.xaxis, design.columns)
    _name(axes.yaxis, [f"sub-{subject}" for subject in design.subjects])


def _draw_correlations(axes: "Axes", correlations: FloatArray, names: list[str]) -> "AxesImage":
    """Draw a correlation matrix."""
    shown = axes.imshow(correlations, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
    axes.set_title("Correlation of columns", loc="left", size=11)
    _name(axes.xaxis, names)
    _name(axes.yaxis, names)
    return shown


def _scaled(matrix: FloatArray) -> FloatArray:
    """Bring each column to 0..1; a constant one is 1."""
    low, high = matrix.min(axis=0), matrix.max(axis=0)
    wide = high > low
    return np.where(wide, (matrix - low) / np.where(wide, high - low, 1.0), 1.0)


def _name(axis: "Axis", names: Sequence[str]) -> None:
    """Write names beside an axis, where there are not too many."""
    if len(names) > _MOST_NAMES:
        axis.set_ticks([])
        return
    short = [name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…" for name in map(printable, names)]
    is_below = axis is axis.axes.xaxis
    turned: dict[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if is_below else {}
    axis.set_ticks(range(len(names)), short, fontsize=8 if is_below else 7, parse_math=False, **turned)
