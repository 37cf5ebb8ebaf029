"""Glass brain: maximum-intensity projections of a thresholded map, as a PNG. Libraries are imported when needed."""

from typing import TYPE_CHECKING

import numpy as np

from bids_ari.images.volume import VolumeSpace
from bids_ari.report.figures.png import draw_png
from bids_ari.report.figures.scales import Z_UNCORRECTED, z_scale
from bids_ari.report.figures.slices import NOTHING
from bids_ari.stats.distributions import FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE = (1152, 400)
"""Width and height of the picture in pixels."""

_VIEWS = ("left side", "back", "right side", "top")


def draw_glass_brain(z: FloatArray, space: VolumeSpace, subtitle: str, *, is_signed: bool) -> bytes:
    """Draw z, (n_points,), where p < .001 uncorrected, projected onto four views of the brain, in MNI152 or similar.

    If `is_signed`, negative z is shown as well, whatever the alternative of the test.
    """
    shown = np.abs(z) > Z_UNCORRECTED if is_signed else z > Z_UNCORRECTED
    scale = z_scale(z[shown], "two-sided" if is_signed else "greater")
    top = scale.ends[1]
    values = np.where(shown, np.clip(z, -top, top), 0).astype(np.float32)
    image = space.image(values) if shown.any() else None

    def fill(figure: "Figure") -> None:
        from nilearn.plotting import plot_glass_brain

        views = plot_glass_brain(
            image,
            figure=figure,
            axes=(0.01, 0.02, 0.89, 0.78),
            display_mode="lyrz",
            threshold=Z_UNCORRECTED,
            plot_abs=False,
            colorbar=False,
            cmap=scale.colours,
            vmin=-top,
            vmax=top,
        )
        for view, title in zip(views.axes.values(), _VIEWS, strict=True):
            view.ax.set_title(title, size=9)
        if image:
            scale.draw(figure)

    side = ", each side" if is_signed else ""
    title = f"Glass brain: z, p < .001 uncorrected{side}"
    return draw_png(SIZE, title if image else f"{title}: {NOTHING}", subtitle, fill)
