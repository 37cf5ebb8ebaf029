"""Palettes: 256 colours each, those of matplotlib, kept since importing it takes long."""

from functools import cache, partial
from pathlib import Path

import numpy as np

from bids_ari.report.figures.png import Pixels
from bids_ari.runtime.kept import kept


@cache
def palette(name: str) -> Pixels:
    """Return the colours (256, 3) of a palette of matplotlib, such as ``viridis``."""
    content = kept(f"palette-{name}", "matplotlib", Path(__file__).parent, partial(_of_matplotlib, name))
    return np.frombuffer(content, dtype=np.uint8).reshape(-1, 3)


def _of_matplotlib(name: str) -> bytes:
    from matplotlib import colormaps

    colours = colormaps[name](np.arange(256))[:, :3]
    return (255 * colours).astype(np.uint8).tobytes()  # of which bytes, versions of matplotlib differ


def sampled(name: str, places: np.ndarray) -> Pixels:
    """Return the colours (n, 3) at places from 0 to 1 of a palette.

    >>> sampled("viridis", np.array([0.0, 1.0])).tolist()
    [[68, 1, 84], [253, 231, 36]]
    """
    colours = palette(name)
    return np.asarray(colours[np.minimum((places * len(colours)).astype(int), len(colours) - 1)])
