"""The outlines of the glass brain in an explorer page, as paths in mm."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bids_ari.images.templates import SpaceName
from bids_ari.images.volume import Grid
from bids_ari.report.explorer.arrays import Blob
from bids_ari.report.figures.glass_brain import is_oblique
from bids_ari.report.figures.underlay import is_like_template
from bids_ari.runtime.kept import kept

_VIEWS = {"side": "r", "back": "y", "top": "z"}  # the names that nilearn has for them
_CODES = {1: "M", 2: "L", 4: "C"}  # of matplotlib's paths


def glass_blob(grid: Grid, label: SpaceName) -> Blob | None:
    """Return the outlines of MNI152 as nilearn draws them; None for other brains, and for oblique grids."""
    if not is_like_template(label) or is_oblique(grid.affine):
        return None
    return _blob()


@cache
def _blob() -> Blob:
    """Return the outlines, drawn once for all runs, since this takes a second."""
    content = kept("glass-brain-paths", "nilearn", Path(__file__), _draw)
    return Blob.of("glass", np.frombuffer(content, dtype=np.uint8))


def _draw() -> bytes:
    """Draw the outlines with nilearn; return lists of colour, width in points, and path of each view, as JSON."""
    from matplotlib.colors import to_hex
    from matplotlib.figure import Figure
    from nilearn.plotting.glass_brain import plot_brain_schematics

    axes = Figure().add_subplot()
    found: dict[str, list[list[Any]]] = {}
    for view, name in _VIEWS.items():
        before = len(axes.patches)
        plot_brain_schematics(axes, name)
        lines: dict[tuple[str, float], list[str]] = {}
        for patch in axes.patches[before:]:
            style = to_hex(patch.get_edgecolor()), round(patch.get_linewidth(), 2)
            lines.setdefault(style, []).append(_path_of(patch, axes))
        found[view] = [[colour, width, "".join(paths)] for (colour, width), paths in lines.items()]
    return json.dumps(found, separators=(",", ":")).encode()


def _path_of(patch: Any, axes: Any) -> str:
    """Return a path in tenths of mm, in the language of SVG."""
    places = (patch.get_data_transform() - axes.transData).transform(patch.get_path().vertices)
    words, last = [], None
    for code, (x, y) in zip(patch.get_path().codes, np.rint(10 * places).astype(int), strict=True):
        words.append(f"{_CODES[int(code)] if code != last else ' '}{x} {y}")
        last = code
    return "".join(words)
