"""How a result shows itself in a notebook: as a table, as pictures, and as its report and explorer.

Pictures and pages are made by `bids_ari.notebook`, which is imported when asked for: it is above the analysis.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bids_ari.analysis.region_bounds import OfResult
from bids_ari.html_table import html_table, rounded_down

if TYPE_CHECKING:
    from bids_ari.notebook import Page, Plot

_MOST = 10  # clusters in a table


class Views(OfResult):
    """Methods of a result for notebooks."""

    def plot(self, shown: str = "tdp") -> "Plot":
        """Draw one of the pictures of the report; a notebook shows it.

        Parameters
        ----------
        shown : str
            ``tdp`` for the highest TDP over the thresholds, ``highest`` for that of all clusters that contain a point,
            ``z``, ``effect everywhere``, ``tdp above 3``, ``largest 0.7``, ``surface``, ``atlas``, ``design``,
            ``quality``, ``calibration``, ...

        Returns
        -------
        Plot
            A picture; its `save` writes a PNG of 300 dpi, a PDF or an SVG.

        Raises
        ------
        UsageError
            When the result has no such picture; lists those that it has.
        """
        from bids_ari import notebook

        return notebook.plot(self._result, shown)

    def plot_glass(self) -> "Plot":
        """Draw a glass brain of z, of volumes in a standard space; see `plot`."""
        return self.plot("glass")

    def report(self, path: str | Path) -> Path:
        """Write the report as one HTML file that needs no other; return its path."""
        from bids_ari import notebook

        return notebook.report(self._result, path)

    def explore(self) -> "Page":
        """Return the explorer, which a notebook shows; its `save` writes it as one HTML file that needs no other."""
        from bids_ari import notebook

        return notebook.explore(self._result)

    def _repr_html_(self) -> str:
        """Return the result as a table for notebooks: what was tested, and the largest clusters."""
        result = self._result
        threshold, n_points, whole = result.options.threshold[0], result.space.n_points, result.bound.whole
        clusters = result.formed(threshold)
        peaks = result.space.coordinates(np.array([each.peak for each in clusters[:_MOST]], dtype=np.intp))
        alpha = f"alpha = {result.options.alpha:g}"
        facts = [
            ("test", ", ".join(filter(None, (result.test, result.alternative_label, result.method, alpha)))),
            ("subjects", f"{len(result.contrast.members):,}" if result.design is not None else ""),
            (f"{result.space.units} tested", f"{n_points:,}"),
            ("truly active, at least", f"{whole:,} ({rounded_down(100 * whole / n_points, 1)} %)"),
            ("notes", f"{len(result.notes)}, in result.notes" if result.notes else ""),
        ]
        rows = [
            (
                each.label,
                each.size,
                each.tdn,
                each.tdp,
                float(result.glm.z[each.peak]),
                ", ".join(f"{value:.0f}" for value in peak),
            )
            for each, peak in zip(clusters, peaks, strict=False)
        ]
        columns = ("cluster", result.space.units, "TDN", "TDP", "peak z", "x, y, z (mm)")
        rest = len(clusters) - len(rows)
        text = f"Clusters with z beyond {threshold:g}" + (f"; {rest} smaller ones are not shown" if rest else "")
        return html_table(result.contrast.name, facts, columns, rows, f"{text}. All: result.table()" if rows else "")
