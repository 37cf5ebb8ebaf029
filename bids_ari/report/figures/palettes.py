"""Palettes: 256 colours each, equal to those of the same names in matplotlib, without the time to import it."""

import json
from functools import cache

import numpy as np

from bids_ari.report.figures.png import Pixels
from bids_ari.report.render import ASSETS


@cache
def palette(name: str) -> Pixels:
    """Return the colours (256, 3) of a palette: ``viridis``, or ``RdBu_r`` of ColorBrewer 2.0 (Cynthia Brewer)."""
    digits = json.loads((ASSETS / "palettes.json").read_text(encoding="utf-8"))[name]
    return np.frombuffer(bytes.fromhex(digits), dtype=np.uint8).reshape(-1, 3)


def sampled(name: str, places: np.ndarray) -> Pixels:
    """Return the colours (n, 3) at places from 0 to 1 of a palette.

    >>> sampled("viridis", np.array([0.0, 1.0])).tolist()
    [[68, 1, 84], [253, 231, 36]]
    """
    colours = palette(name)
    return np.asarray(colours[np.minimum((places * len(colours)).astype(int), len(colours) - 1)])
