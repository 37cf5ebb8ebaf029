"""Colour scales and their bars. matplotlib is imported when needed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from bids_ari.report.figures.png import Pixels
from bids_ari.stats.choices import Alternative
from bids_ari.stats.distributions import FloatArray

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

Extend = Literal["neither", "both", "min", "max"]

Z_UNCORRECTED = 3.0902323061678132
"""z with a one-sided tail probability of .001."""

_LEVELS = 64  # colours of a scale: more cannot be distinguished, and few make small files
_COVERED = 99.9  # percentile at the end of a scale: a few extreme voxels at the edge of a brain would compress it
_HIDDEN = (0.85, 0.85, 0.85, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """A colour for each value."""

    label: str
    colours: "Colormap"
    ends: tuple[float, float]  # values with the first and the last colour; values beyond have the same colours
    part: tuple[float, float]  # of the bar that is shown
    ticks: tuple[float, ...]
    extend: Extend = "neither"  # the ends beyond which there are values, where the bar is pointed

    def colour(self, values: FloatArray) -> Pixels:
        """Return the colour of each value, (n_points, 3)."""
        low, high = self.ends
        places = (np.clip(np.asarray(values, dtype=float), low, high) - low) / (high - low)
        return np.asarray(self.colours(places, bytes=True)[:, :3], dtype=np.uint8)

    def draw(self, figure: "Figure") -> None:
        """Draw the bar at the right of a figure."""
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        axes = figure.add_axes((0.925, 0.25, 0.016, 0.4))
        shown = ScalarMappable(Normalize(*self.ends), self.colours)
        figure.colorbar(shown, cax=axes, ticks=self.ticks, format="%.3g", extend=self.extend)
        axes.set_ylim(*self.part)
        axes.set_title(self.label, size=11, pad=14)
        axes.tick_params(labelsize=9, length=2)


def tdp_scale() -> Scale:
    """Return the scale of all true discovery proportions, from 0 to 1."""
    from matplotlib import colormaps

    return Scale("TDP", colormaps["viridis"].resampled(_LEVELS), (0, 1), (0, 1), (0, 0.25, 0.5, 0.75, 1))


def z_scale(z: FloatArray, alternative: Alternative) -> Scale:
    """Return the scale of z where p < .001 uncorrected, for values (n_shown,); infinite ones have the last colour.

    The bar shows the side of the alternative, both for ``two-sided``.
    """
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    top = float(np.ceil(np.abs(z[np.isfinite(z)]).max(initial=Z_UNCORRECTED + 1)))
    places = np.linspace(-top, top, 8 * _LEVELS)
    colours = colormaps["RdBu_r"].resampled(2 * _LEVELS)((places + top) / (2 * top))
    colours[np.abs(places) < Z_UNCORRECTED] = _HIDDEN
    low = Z_UNCORRECTED if alternative == "greater" else -top
    high = -Z_UNCORRECTED if alternative == "less" else top
    ticks = tuple(tick for tick in (-top, -Z_UNCORRECTED, Z_UNCORRECTED, top) if low <= tick <= high)
    return Scale("z", ListedColormap(colours), (-top, top), (low, high), ticks)


def value_scale(values: FloatArray, label: str, *, is_signed: bool = True) -> Scale:
    """Return a scale symmetric around 0, or its upper half if not `is_signed`, to the 99.9th percentile of |values|."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    sizes = np.abs(values[np.isfinite(values)])
    top = _round_up(float(np.percentile(sizes, _COVERED))) if sizes.size else 1.0
    extends: tuple[Extend, ...] = ("neither", "min", "max", "both")
    extend = extends[bool((values < -top).any()) + 2 * bool((values > top).any())]
    ends = (-top if is_signed else 0.0, top)
    colours = colormaps["RdBu_r"](np.linspace(0.0 if is_signed else 0.5, 1.0, _LEVELS + 1))  # an odd number: 0 is white
    ticks = (-top, 0.0, top) if is_signed else (0.0, top / 2, top)
    return Scale(label, ListedColormap(colours), ends, ends, ticks, extend)


def _round_up(value: float) -> float:
    """Round up to two significant digits; 1 for 0.

    >>> _round_up(0.0371), _round_up(12.0), _round_up(0)
    (0.038, 12.0, 1.0)
    """
    if value <= 0:
        return 1.0
    decade = 10.0 ** (np.floor(np.log10(value)) - 1)
    return float(f"{np.ceil(value / decade - 1e-9) * decade:.2g}")
