"""The picture of a design matrix. The plotting library is imported here, when something is drawn."""

import io

import numpy as np

from bids_ari.bids.entities import printable
from bids_ari.designs.design import Design
from bids_ari.stats.diagnostics import design_diagnostics
from bids_ari.stats.tails import FloatArray

_DPI = 120
_MOST_NAMES = 40
"""So many columns or subjects are named in the picture."""

_LONGEST = 24  # letters of a name


def draw_design(design: Design) -> bytes:
    """Draw a design matrix, each column on its own range, and the correlations of the columns that vary.

    Parameters
    ----------
    design : Design
        The group model.

    Returns
    -------
    bytes
        A PNG.
    """
    from matplotlib.figure import Figure

    look = design_diagnostics(design.matrix)
    varying = np.flatnonzero(~np.isnan(look.vif))
    n_subjects = len(design.matrix)
    height = float(np.clip(0.16 * n_subjects, 3.0, 6.0)) + 1.4
    figure = Figure(figsize=(9.6 if varying.size > 1 else 5.6, height), dpi=_DPI, layout="constrained")
    axes = figure.subplots(1, 2 if varying.size > 1 else 1, squeeze=False)[0]
    axes[0].imshow(_scaled(design.matrix), cmap="gray", aspect="auto", vmin=0, vmax=1, interpolation="nearest")
    axes[0].set_title("Design matrix", loc="left")
    axes[0].set_ylabel("subjects")
    _name(axes[0].xaxis, design.columns)
    _name(axes[0].yaxis, [f"sub-{subject}" for subject in design.subjects])
    if varying.size > 1:
        names = [design.columns[i] for i in varying]
        shown = axes[1].imshow(
            look.correlations[np.ix_(varying, varying)], cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest"
        )
        axes[1].set_title("Correlation of columns", loc="left")
        _name(axes[1].xaxis, names)
        _name(axes[1].yaxis, names)
        figure.colorbar(shown, ax=axes[1], label="r", shrink=0.7)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def _scaled(matrix: FloatArray) -> FloatArray:
    """Bring each column to 0..1; a constant one is 1."""
    low, high = matrix.min(axis=0), matrix.max(axis=0)
    wide = high > low
    return np.where(wide, (matrix - low) / np.where(wide, high - low, 1.0), 1.0)


def _name(axis: object, names: "list[str] | tuple[str, ...]") -> None:
    """Write names beside an axis, where there are not too many."""
    if len(names) > _MOST_NAMES:
        return
    short = [name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…" for name in map(printable, names)]
    turned = 60 if getattr(axis, "axis_name", "") == "x" else 0
    axis.set_ticks(  # type: ignore[attr-defined]
        range(len(names)),
        [name.replace("$", r"\$") for name in short],
        rotation=turned,
        fontsize=7,
        **({"ha": "right", "rotation_mode": "anchor"} if turned else {}),
    )
