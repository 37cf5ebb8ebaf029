"""Glass brain: maximum-intensity projections of a thresholded map below the outlines of nilearn."""

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import nibabel as nib
import numpy as np
import numpy.typing as npt

from bids_ari.images.volume import VolumeSpace
from bids_ari.report.figures.canvas import Canvas, drawn
from bids_ari.report.figures.outlines import draw_outlines, outlines
from bids_ari.report.figures.png import Pixels
from bids_ari.report.figures.scales import Z_UNCORRECTED, Scale, z_scale
from bids_ari.report.figures.slices import NOTHING
from bids_ari.stats.distributions import FloatArray

SIZE = (1152, 400)
"""Width and height of the picture in units."""

PER_MM = 1.4
"""Units per mm."""


class View(NamedTuple):
    """A projection along x, y or z."""

    title: str
    axis: int
    across: tuple[float, float]  # coordinates in mm of the left and the right end
    up: tuple[float, float]  # of the lower and the upper end
    column: int  # of the upper left corner in the picture
    row: int
    side: int = 0  # of the voxels that are projected: negative or positive x, 0 for all

    def shape(self, per_unit: float = 1.0) -> tuple[int, int]:
        """Height and width in pixels."""
        per_mm = PER_MM * per_unit
        return round(per_mm * (self.up[1] - self.up[0])), round(per_mm * abs(self.across[1] - self.across[0]))


_OBLIQUE = 1e-3  # angle of axes in radians up to which they are x, y and z
_X, _Y, _Z = (-82.0, 82.0), (-118.0, 84.0), (-78.0, 90.0)
VIEWS = (
    View("left side", 0, (_Y[1], _Y[0]), _Z, 12, 118, -1),
    View("back", 1, _X, _Z, 295, 118),
    View("right side", 0, _Y, _Z, 525, 118, 1),
    View("top", 2, _X, _Y, 808, 96),
)


def draw_glass_brain(
    z: FloatArray, space: VolumeSpace, subtitle: str, *, is_signed: bool, per_unit: float = 1.0
) -> Canvas:
    """Draw z, (n_points,), where p < .001 uncorrected, projected onto four views of the brain, in MNI152 or similar.

    If `is_signed`, negative z is shown as well, whatever the alternative of the test. A unit has `per_unit` pixels.
    """
    shown = np.abs(z) > Z_UNCORRECTED if is_signed else z > Z_UNCORRECTED
    scale = replace(z_scale(z[shown], "two-sided" if is_signed else "greater"), marks=())
    top = scale.ends[1]
    image = space.image(np.where(shown, np.clip(z, -top, top), 0).astype(np.float32))
    image = upright(image)

    def fill(canvas: Canvas) -> None:
        for view in VIEWS:
            canvas.paste(_painted(image, view, scale, per_unit), view.column, view.row, per_unit)
        canvas.plot(partial(draw_outlines, size=SIZE, views=VIEWS), partial(outlines, SIZE, VIEWS))
        for view in VIEWS:
            width = view.shape()[1]
            canvas.write(view.title, view.column + width / 2, view.row - 8, 9)
            for letter, place in zip("" if view.side else "LR", (0.08, 0.92), strict=False):
                canvas.write(letter, view.column + place * width, view.row - 8, 10)  # above all that is projected
        if shown.any():
            scale.draw(canvas)

    side = ", each side" if is_signed else ""
    title = f"Glass brain: z, p < .001 uncorrected{side}"
    return drawn(SIZE, title if shown.any() else f"{title}: {NOTHING}", subtitle, fill)


def _painted(image: nib.Nifti1Image, view: View, scale: Scale, per_unit: float) -> Pixels:
    """Return the projection of an image, of what is not 0, in its colours, (height, width, 3)."""
    values = strongest_along(image, view, per_unit)
    pixels = np.full((*values.shape, 3), 255, dtype=np.uint8)
    pixels[values != 0] = scale.colour(values[values != 0])
    return pixels


def is_oblique(affine: FloatArray) -> bool:
    """Return whether the axes of a grid are not x, y and z, in any order."""
    return bool(nib.affines.obliquity(affine).max() > _OBLIQUE)


def upright(image: nib.Nifti1Image) -> nib.Nifti1Image:
    """Return an image whose axes are x, y and z; one on an oblique grid is resampled, voxels to the nearest."""
    image = nib.as_closest_canonical(image)
    if is_oblique(image.affine):
        from nibabel.processing import resample_to_output

        image = resample_to_output(image, order=0, mode="grid-constant")
    return image


def strongest_along(image: nib.Nifti1Image, view: View, per_unit: float) -> FloatArray:
    """Return the value with the largest magnitude along the axis of a view at each pixel; 0 for nothing."""
    values, starts, steps = np.asarray(image.dataobj), image.affine[:3, 3], np.diag(image.affine)[:3]
    if view.side:
        x = starts[0] + steps[0] * np.arange(values.shape[0])
        values = values[view.side * x >= 0]
    high, low = (found(values, axis=view.axis, initial=0) for found in (np.max, np.min))
    strongest = np.pad(np.where(high >= -low, high, low), ((0, 1), (0, 1)))  # the last for pixels outside
    height, width = view.shape(per_unit)
    across, up = (axis for axis in range(3) if axis != view.axis)
    columns = _nearest(
        np.linspace(*view.across, 2 * width + 1)[1::2], starts[across], steps[across], values.shape[across]
    )
    rows = _nearest(np.linspace(*view.up[::-1], 2 * height + 1)[1::2], starts[up], steps[up], values.shape[up])
    return np.asarray(strongest[np.ix_(columns, rows)].T)


def _nearest(places: FloatArray, start: float, step: float, n: int) -> npt.NDArray[np.intp]:
    """Return the nearest of `n` voxels to places along an axis in mm; -1 outside."""
    found = np.floor((places - start) / step + 0.5).astype(np.intp)
    return np.where((found >= 0) & (found < n), found, -1)
