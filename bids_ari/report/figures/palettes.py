"""Palettes, 256 colours each: of TDP, computed in CIELAB; of matplotlib, kept since importing it takes long."""

from functools import cache, partial
from pathlib import Path

import numpy as np

from bids_ari.report.figures.png import Pixels
from bids_ari.runtime.kept import kept
from bids_ari.stats.distributions import FloatArray

TDP_PALETTE = "tdp"
"""The palette of true discovery proportions, from red over orange to yellow."""

_N = 256
_LIGHTNESS = (44.0, 92.0)  # CIE L* of the first and the last colour
_HUE = (40.0, 100.0)  # angle in degrees: red and yellow, on one side of what colour-blind readers see as grey
_CHROMA = 77.0  # of all colours, the largest that sRGB has for all of them: no colour resembles a grey
_TO_SRGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])  # IEC 61966-2-1
_WHITE = np.array([0.9505, 1.0, 1.089])  # XYZ of D65, the white of sRGB


@cache
def palette(name: str) -> Pixels:
    """Return the colours (256, 3) of the palette of TDP, or of one of matplotlib, such as ``RdBu_r``."""
    if name == TDP_PALETTE:
        return _even()
    content = kept(f"palette-{name}", "matplotlib", Path(__file__), partial(_of_matplotlib, name))
    return np.frombuffer(content, dtype=np.uint8).reshape(-1, 3)


def _of_matplotlib(name: str) -> bytes:
    from matplotlib import colormaps

    colours = colormaps[name](np.arange(_N))[:, :3]
    return (255 * colours).astype(np.uint8).tobytes()  # of which bytes, versions of matplotlib differ


def _even() -> Pixels:
    """Return colours with even steps of lightness and hue, and the same chroma.

    All steps are therefore equally long in CIELAB. Palettes that pass from blue to yellow, such as viridis, contain
    what readers with deuteranopia or protanopia see as grey: not distinct from anatomy.
    """
    hue = np.radians(np.linspace(*_HUE, _N))
    return _srgb(np.stack([np.linspace(*_LIGHTNESS, _N), _CHROMA * np.cos(hue), _CHROMA * np.sin(hue)], axis=1))


def _srgb(lab: FloatArray) -> Pixels:
    """Return colours in CIELAB, L* a* b* (n, 3), as sRGB; formulas of CIE 15:2004, section 8.2.1, and IEC 61966-2-1."""
    y = (lab[:, 0] + 16) / 116
    roots = np.stack([y + lab[:, 1] / 500, y, y - lab[:, 2] / 200], axis=1)
    xyz = _WHITE * np.where(roots > 6 / 29, roots**3, 3 * (6 / 29) ** 2 * (roots - 4 / 29))
    linear = np.clip(xyz @ _TO_SRGB.T, 0, 1)
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * coded), dtype=np.uint8)


def sampled(name: str, places: np.ndarray) -> Pixels:
    """Return the colours (n, 3) at places from 0 to 1 of a palette.

    >>> sampled("RdBu_r", np.array([0.0, 1.0])).tolist()
    [[5, 48, 97], [103, 0, 31]]
    """
    colours = palette(name)
    return np.asarray(colours[np.minimum((places * len(colours)).astype(int), len(colours) - 1)])
