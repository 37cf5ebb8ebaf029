"""Anatomical images that are shown under the statistics, on any grid."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np

from bids_ari.errors import BidsAriError, DataError, GridMismatchError, NoMatchError, UsageError
from bids_ari.images.cortex import read_sulci, voxels_of
from bids_ari.images.files import read_image
from bids_ari.images.grayordinate_space import GrayordinateSpace
from bids_ari.images.grayordinates import Surfaces
from bids_ari.images.image import Image
from bids_ari.images.space import Frame, Space
from bids_ari.images.surface_values import check_kind, is_surface_file
from bids_ari.images.templates import TEMPLATE, SpaceName, standard, template_image
from bids_ari.images.volume import Grid, volume_of

_LEAST_OF_GRID = 0.05  # part of the whole field of view of the maps: a brain is larger
_LEAST_SEEN = 0.5  # part of the points tested that must lie in the field of view of the image


def find_underlay(image: Path | None, template: SpaceName, frame: Frame) -> Path | None:
    """Return the file of the image to show under the statistics; None to choose one by the name of the space.

    Parameters
    ----------
    image : path or 'template', optional
        A file, or TemplateFlow's template of the space. By default, that of a space with cohorts, if it is on this
        machine.
    template : StandardSpace or str, optional
        The space of the maps.
    frame : Frame
        Where the maps have values. The underlay of meshes is a map of sulcal depth, that of other voxels an image.

    Raises
    ------
    BidsAriError
        When the template was requested, and there is none or it cannot be fetched.
    """
    if not isinstance(frame, Grid):
        return None if image is None else _of_grayordinates(image, frame)
    if image is not None and str(image) != TEMPLATE:
        return image
    if image is not None:
        if (found := template_image(template, frame)) is None:
            raise NoMatchError(
                f"TemplateFlow has no T1w or T2w template of {standard(template)}", hint="Use a local file"
            )
        return found
    if template is not None and standard(template).cohort:
        with suppress(BidsAriError):  # pictures never need TemplateFlow
            return template_image(template, frame, fetch=False)
    return None


def _of_grayordinates(image: Path, frame: Frame) -> Path:
    """Return the file if its kind is one that can be shown; raise the error if not."""
    if str(image) == TEMPLATE:
        raise UsageError(
            "The maps are on surfaces, which have no template image",
            hint="Remove --underlay, or give a map of sulcal depth, such as hemi-L_sulc.shape.gii",
        )
    if isinstance(frame, Surfaces):
        check_kind(image, "The underlay")
    return image


def check_underlay(path: Path, frame: Frame) -> None:
    """Raise the error of `check_shown` if an image does not fit maps, whichever points are tested."""
    check_shown(path, frame.space(np.ones(frame.shape, dtype=bool)), _LEAST_OF_GRID)


def check_shown(path: Path, space: Space, least: float = _LEAST_SEEN) -> None:
    """Raise the error of `read_underlay`, or of `read_sulci` for a map of surfaces, if a file cannot be shown."""
    if isinstance(space, GrayordinateSpace):
        if is_surface_file(path):
            read_sulci(path, space.frame)
        elif (voxels := voxels_of(space)) is not None:
            read_underlay(path, voxels.space, least)
        return
    read_underlay(path, space, least)


def read_underlay(path: Path, space: Space, least: float = _LEAST_SEEN) -> Image:
    """Read an image to show under the statistics, of which it must show at least a part.

    Raises
    ------
    GridMismatchError
        When less than half of the points tested, or than `least` of them, lie in its field of view.
    DataError
        When the image cannot be used, or has no value above 0.
    """
    image = read_image(path)
    if not (image.values > 0).any():
        raise DataError(f"The underlay {path} has no value above 0", "an anatomical image, such as a T1w template")
    indices = image.grid.indices_at(space.coordinates())
    last = np.array(image.grid.shape).reshape(3, 1) - 1
    seen = float(((indices > -0.5) & (indices < last + 0.5)).all(axis=0).mean())
    if seen < least:
        raise GridMismatchError(
            f"{seen:.0%} of the voxels tested lie in the field of view of the underlay {path}: {image.grid}",
            f"an image in the space of the maps: {space.frame}",
            "Choose another image with --underlay",
        )
    return image


def check_cuts(cuts: Iterable[tuple[str, float]], space: Space) -> None:
    """Raise DataError if slices, each an axis and mm along it, show no voxel of a space; one of vertices has none."""
    if isinstance(space, GrayordinateSpace):
        found = voxels_of(space)
        voxels = None if found is None else found.space
    else:
        voxels = volume_of(space)
    cuts = list(cuts)
    if voxels is None or not cuts:
        return
    places = voxels.coordinates()
    halves = np.abs(voxels.grid.affine[:3, :3]).sum(axis=1) / 2
    low, high = places.min(axis=0) - halves, places.max(axis=0) + halves
    for axis, cut in cuts:
        i = "xyz".index(axis)
        if not low[i] <= cut <= high[i]:
            raise DataError(
                f"The slice {axis} = {cut:g} mm of --slices lies outside of the voxels tested",
                f"{low[i]:.4g} to {high[i]:.4g} mm along {axis}",
            )
