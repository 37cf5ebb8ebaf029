"""Glass brain: maximum-intensity projections of a thresholded map below the outlines of nilearn."""

from typing import NamedTuple

import nibabel as nib
import numpy as np
import numpy.typing as npt

from bids_ari.images.volume import VolumeSpace
from bids_ari.report.figures.canvas import Canvas, drawn
from bids_ari.report.figures.outlines import outlines
from bids_ari.report.figures.png import Pixels
from bids_ari.report.figures.scales import Z_UNCORRECTED, Scale, z_scale
from bids_ari.report.figures.slices import NOTHING
from bids_ari.stats.distributions import FloatArray

SIZE = (1152, 400)
"""Width and height of the picture in pixels."""

PER_MM = 1.4
"""Pixels per mm."""


class View(NamedTuple):
    """A projection along x, y or z."""

    title: str
    axis: int
    across: tuple[float, float]  # coordinates in mm of the left and the right end
    up: tuple[float, float]  # of the lower and the upper end
    column: int  # of the upper left corner in the picture
    row: int
    side: int = 0  # of the voxels that are projected: negative or positive x, 0 for all

    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return round(PER_MM * (self.up[1] - self.up[0])), round(PER_MM * abs(self.across[1] - self.across[0]))


_OBLIQUE = 1e-3  # angle of axes in radians from which a grid is resampled
_X, _Y, _Z = (-82.0, 82.0), (-118.0, 84.0), (-78.0, 90.0)
VIEWS = (
    View("left side", 0, (_Y[1], _Y[0]), _Z, 12, 118, -1),
    View("back", 1, _X, _Z, 295, 118),
    View("right side", 0, _Y, _Z, 525, 118, 1),
    View("top", 2, _X, _Y, 808, 96),
)


def draw_glass_brain(z: FloatArray, space: VolumeSpace, subtitle: str, *, is_signed: bool) -> Canvas:
    """Draw z, (n_points,), where p < .001 uncorrected, projected onto four views of the brain, in MNI152 or similar.

    If `is_signed`, negative z is shown as well, whatever the alternative of the test.
    """
    shown = np.abs(z) > Z_UNCORRECTED if is_signed else z > Z_UNCORRECTED
    scale = z_scale(z[shown], "two-sided" if is_signed else "greater")
    top = scale.ends[1]
    image = space.image(np.where(shown, np.clip(z, -top, top), 0).astype(np.float32))
    pixels = _outlined(_painted(_upright(image), scale))

    def fill(canvas: Canvas) -> None:
        canvas.paste(pixels, 0, 0)
        for view in VIEWS:
            width = view.shape()[1]
            canvas.write(view.title, view.column + width / 2, view.row - 8, 9)
            for letter, place in zip("" if view.side else "LR", (0.1, 0.9), strict=False):
                canvas.write(letter, view.column + place * width, view.row + 20, 12)
        if shown.any():
            scale.draw(canvas)

    side = ", each side" if is_signed else ""
    title = f"Glass brain: z, p < .001 uncorrected{side}"
    return drawn(SIZE, title if shown.any() else f"{title}: {NOTHING}", subtitle, fill)


def _painted(image: nib.Nifti1Image, scale: Scale) -> Pixels:
    """Return the projections of an image, of what is not 0, in their colours, (height, width, 3)."""
    pixels = np.full((SIZE[1], SIZE[0], 3), 255, dtype=np.uint8)
    for view in VIEWS:
        values = _projected(image, view)
        height, width = values.shape
        part = pixels[view.row : view.row + height, view.column : view.column + width]
        part[values != 0] = scale.colour(values[values != 0])
    return pixels


def _upright(image: nib.Nifti1Image) -> nib.Nifti1Image:
    """Return an image whose axes are x, y and z; one on an oblique grid is resampled, voxels to the nearest."""
    image = nib.as_closest_canonical(image)
    if nib.affines.obliquity(image.affine).max() > _OBLIQUE:
        from nibabel.processing import resample_to_output

        image = resample_to_output(image, order=0, mode="grid-constant")
    return image


def _projected(image: nib.Nifti1Image, view: View) -> FloatArray:
    """Return the value with the largest magnitude along the axis of a view at each pixel; 0 for nothing."""
    values, starts, steps = np.asarray(image.dataobj), image.affine[:3, 3], np.diag(image.affine)[:3]
    if view.side:
        x = starts[0] + steps[0] * np.arange(values.shape[0])
        values = values[view.side * x >= 0]
    high, low = (found(values, axis=view.axis, initial=0) for found in (np.max, np.min))
    strongest = np.pad(np.where(high >= -low, high, low), ((0, 1), (0, 1)))  # the last for pixels outside
    height, width = view.shape()
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


def _outlined(pixels: Pixels) -> Pixels:
    """Return pixels with the outlines above them."""
    brightness, opacity = np.split(outlines(SIZE, VIEWS), 2, axis=-1)
    return np.rint(opacity / 255 * (brightness - pixels) + pixels).astype(np.uint8)
