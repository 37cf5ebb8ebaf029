"""The picture of a calibration: critical and observed p, and lambda of the draws."""

from typing import TYPE_CHECKING

import numpy as np

from bids_ari.analysis.calibrated import Calibrated
from bids_ari.analysis.tables import calibration_tables
from bids_ari.report.figures.png import draw_png
from bids_ari.stats.distributions import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZE = (1152, 590)
_USUAL, _CHOSEN, _OBSERVED, _LEVEL = "#56606b", "#D55E00", "#0072B2", "#8a929a"
_FEW = 64  # draws are dots
_LETTERS = 9
_HEAD = 38  # points between a panel and its title, for the legend
_LOWEST = 1e-300  # what is smaller, 0 among it, is drawn here


def draw_calibration(calibrated: Calibrated, p: FloatArray, about: str) -> bytes:
    """Draw the observed p by rank against the critical vector, and lambda of all draws in order.

    Parameters
    ----------
    calibrated : Calibrated
        The calibration.
    p : array (n_points,)
        As observed.
    about : str
        Which result it is.

    Returns
    -------
    bytes
        A PNG.
    """

    def fill(figure: "Figure") -> None:
        _draw_vector(figure.add_axes((0.07, 0.12, 0.4, 0.62)), calibrated, p)
        _draw_lambdas(figure.add_axes((0.57, 0.12, 0.4, 0.62)), calibrated)

    return draw_png(_SIZE, "Calibration by draws", about, fill)


def _draw_vector(axes: "Axes", calibrated: Calibrated, p: FloatArray) -> None:
    """Draw critical and observed p by rank; p have to be below the critical ones for anything to be found."""
    table = calibration_tables(calibrated, p)[0].rows
    rank, critical, observed = (table[name].to_numpy() for name in ("rank", "critical_p", "observed_p"))
    observed = np.maximum(observed, _LOWEST)
    above = critical > 0  # a log scale has no 0
    mark = "o" if rank.size == 1 else ""
    axes.loglog(rank[above], critical[above], color=_CHOSEN, marker=mark, label="critical, $t_k$")
    axes.loglog(rank, observed, color=_OBSERVED, marker=mark, label="observed")
    axes.fill_between(rank, observed, critical, where=observed < critical, color=_OBSERVED, alpha=0.15, linewidth=0)
    axes.set_title("p by rank: observed, and critical vector", size=10, loc="left", pad=_HEAD)
    axes.set_xlabel("rank k, from the smallest p on", size=_LETTERS)
    axes.set_ylabel("p", size=_LETTERS)
    _tidy(axes)


def _draw_lambdas(axes: "Axes", calibrated: Calibrated) -> None:
    """Draw lambda of the draws in order, and mark the chosen one and that of the data as observed."""
    finite = np.isfinite(calibrated.lambdas)
    lambdas = np.maximum(np.sort(calibrated.lambdas[finite]), _LOWEST)
    share = np.arange(1, lambdas.size + 1) / calibrated.n_draws
    is_few = lambdas.size <= _FEW
    axes.loglog(share, lambdas, "o" if is_few else "-", color=_USUAL, markersize=4, label="draws, in order")
    axes.axvline(calibrated.alpha, color=_LEVEL, linestyle=":", label=f"alpha = {calibrated.alpha:.3g}")
    if np.isfinite(calibrated.lambda_):
        chosen = max(calibrated.lambda_, _LOWEST)
        label = f"chosen lambda = {calibrated.lambda_:.3g}"
        axes.axhline(chosen, color=_CHOSEN, linestyle="--", label=label)
    if finite[0]:
        place = np.searchsorted(lambdas, max(calibrated.lambdas[0], _LOWEST))
        axes.plot(share[place], lambdas[place], "D", color=_OBSERVED, markersize=7, label="as observed")
    axes.set_title("lambda from which on each draw is in error", size=10, loc="left", pad=_HEAD)
    axes.set_xlabel("share of draws with that lambda or a smaller one", size=_LETTERS)
    axes.set_ylabel("lambda", size=_LETTERS)
    _tidy(axes)


def _tidy(axes: "Axes") -> None:
    """Give a panel its legend, above it, where it hides nothing, and a plain look."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.02, 1), ncols=2, fontsize=_LETTERS, frameon=False, borderaxespad=0.2
    )
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e4e6e8", linewidth=0.6)
    axes.set_axisbelow(True)
