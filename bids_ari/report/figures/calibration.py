"""A calibration by permutation: critical and observed p, and lambda of the permutations."""

import re
from typing import TYPE_CHECKING

import numpy as np

from bids_ari.analysis.calibrated import Calibrated
from bids_ari.analysis.tables import calibration_tables
from bids_ari.report.figures.canvas import Canvas, drawn
from bids_ari.stats.distributions import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZE = (1152, 590)
_USUAL, _SELECTED, _OBSERVED, _LEVEL = "#56606b", "#D55E00", "#0072B2", "#8a929a"
_FEW = 64  # up to so many permutations are dots, not a line
_FONT_SIZE = 9
_HEAD = 38  # points between a panel and its title, for the legend
_RAISED = str.maketrans("-−0123456789", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_LOWEST = 1e-300  # smaller values, including 0, are drawn here


def draw_calibration(calibrated: Calibrated, p: FloatArray, subtitle: str) -> Canvas:
    """Draw observed p, (n_points,), by rank beside the critical vector, and lambda of all permutations in order."""

    def fill(figure: "Figure", scale: float) -> None:
        _draw_vector(figure.add_axes((0.07, 0.12, 0.4, 0.62)), calibrated, p, scale)
        _draw_lambdas(figure.add_axes((0.57, 0.12, 0.4, 0.62)), calibrated, scale)

    return drawn(_SIZE, "Calibration by permutation", subtitle, lambda canvas: canvas.plot(fill))


def _draw_vector(axes: "Axes", calibrated: Calibrated, p: FloatArray, scale: float) -> None:
    """Draw critical and observed p by rank; discoveries need observed p below the critical ones."""
    table = calibration_tables(calibrated, p)[0].rows
    rank, critical, observed = (table[name].to_numpy() for name in ("rank", "critical_p", "observed_p"))
    observed = np.maximum(observed, _LOWEST)
    positive = critical > 0  # a log scale has no 0
    marker = "o" if rank.size == 1 else ""
    axes.loglog(rank[positive], critical[positive], color=_SELECTED, marker=marker, label="critical, tₖ")
    axes.loglog(rank, observed, color=_OBSERVED, marker=marker, label="observed")
    axes.fill_between(rank, observed, critical, where=observed < critical, color=_OBSERVED, alpha=0.15, linewidth=0)
    _finish(axes, "p by rank: observed, and critical vector", "rank k, in ascending order of p", "p", scale)


def _draw_lambdas(axes: "Axes", calibrated: Calibrated, scale: float) -> None:
    """Draw lambda of the permutations in ascending order, and mark the selected one and that of the observed data."""
    finite = np.isfinite(calibrated.lambdas)
    lambdas = np.maximum(np.sort(calibrated.lambdas[finite]), _LOWEST)
    share = np.arange(1, lambdas.size + 1) / calibrated.n_permutations
    style = "o" if lambdas.size <= _FEW else "-"
    axes.loglog(share, lambdas, style, color=_USUAL, markersize=4 * scale, label="permutations")
    axes.axvline(calibrated.alpha, color=_LEVEL, linestyle=":", label=f"alpha = {calibrated.alpha:.3g}")
    if np.isfinite(calibrated.lambda_):
        label = f"selected lambda = {calibrated.lambda_:.3g}"
        axes.axhline(max(calibrated.lambda_, _LOWEST), color=_SELECTED, linestyle="--", label=label)
    if finite[0]:
        place = np.searchsorted(lambdas, max(calibrated.lambdas[0], _LOWEST))
        axes.plot(share[place], lambdas[place], "D", color=_OBSERVED, markersize=7 * scale, label="observed data")
    _finish(
        axes, "Smallest lambda with an error, by permutation", "cumulative proportion of permutations", "lambda", scale
    )


def _finish(axes: "Axes", title: str, x: str, y: str, scale: float) -> None:
    """Add title, labels of the axes, and a legend above the panel, where it hides nothing."""
    axes.set_title(title, size=10 * scale, loc="left", pad=_HEAD * scale)
    axes.set_xlabel(x, size=_FONT_SIZE * scale)
    axes.set_ylabel(y, size=_FONT_SIZE * scale)
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.02, 1),
        ncols=2,
        fontsize=_FONT_SIZE * scale,
        frameon=False,
        borderaxespad=0.2,
    )
    axes.tick_params(labelsize=8 * scale)
    _write_powers(axes)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e4e6e8", linewidth=0.6 * scale)
    axes.set_axisbelow(True)


def _write_powers(axes: "Axes") -> None:
    """Write the numbers of logarithmic axes as plain text, which can be selected as a whole, not as formulas."""
    from matplotlib.ticker import LogFormatterSciNotation

    class Plain(LogFormatterSciNotation):
        def __call__(self, x: float, pos: int | None = None) -> str:
            return plain_power(super().__call__(x, pos))

    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(Plain())
        axis.set_minor_formatter(Plain(labelOnlyBase=False))


def plain_power(formula: str) -> str:
    """Return a power of ten of matplotlib without its marks.

    >>> plain_power(r"$\\mathdefault{10^{-3}}$"), plain_power(r"$\\mathdefault{2\\times10^{4}}$"), plain_power("")
    ('10⁻³', '2×10⁴', '')
    """
    text = re.sub(r"\$\\mathdefault\{(.*)\}\$", r"\1", formula).replace(r"\times", "×")
    return re.sub(r"\^\{(.*?)\}", lambda found: found[1].translate(_RAISED), text)
