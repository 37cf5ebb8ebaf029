"""Masks: where a map has data, which voxels a mask file contains, and which voxels a group analysis tests."""

import math
from pathlib import Path
from typing import Literal, TypeAlias

import nibabel as nib
import numpy as np
import numpy.typing as npt

from bids_ari.bids.hemispheres import hemisphere_files
from bids_ari.bids.spaces import StandardSpace
from bids_ari.errors import DataError, EmptyMaskError, GridMismatchError, counted, listing
from bids_ari.images.binary import voxels_inside
from bids_ari.images.files import name_of, read_image
from bids_ari.images.grayordinates import Grayordinates
from bids_ari.images.meshes import template_place
from bids_ari.images.resampling import resample_nearest
from bids_ari.images.space import BoolArray, Frame, Space
from bids_ari.images.surface_regions import surface_mask
from bids_ari.images.surface_templates import template_cortex
from bids_ari.images.surface_values import is_surface_file
from bids_ari.images.templates import TEMPLATE, SpaceName, template_mask
from bids_ari.images.volume import Grid

Mask: TypeAlias = str | Path | nib.Nifti1Image | Space
"""A mask: its file or image, or ``template`` for the brain mask of TemplateFlow."""

THRESHOLDS = {"mask": "mask-threshold", "region": "roi-threshold"}
"""The option that sets the threshold of a mask, and of regions."""

UNMASKED = 0.6
"""Maps, and masks, that fill more of the volume than this are probably not those of a brain."""


def load_mask(
    mask: Mask,
    frame: Frame,
    template: SpaceName = None,
    *,
    threshold: float | None = None,
    kind: Literal["mask", "region"] = "mask",
) -> Space:
    """Read a mask.

    Parameters
    ----------
    mask : path, image, Space or 'template'
        Values of 0 outside and 1, or one other whole number, inside, up to rounding; NaN is outside. A GIFTI file of
        one hemisphere also stands for that of the other one beside it.
    frame : Frame
        Where the maps have values. The mask of TemplateFlow is resampled to its grid, others must be on it; vertices
        and voxels of grayordinates that a mask does not have are outside. With 'template', all voxels of
        grayordinates are inside.
    template : StandardSpace or str, optional
        The space of the maps, for 'template'.
    threshold : float, optional
        The least value inside, of a mask of probabilities, which is refused otherwise.
    kind : {'mask', 'region'}
        What messages call it.

    Raises
    ------
    DataError
        When the image holds other values than those of a mask.
    GridMismatchError, EmptyMaskError
        When the mask is on another grid, or empty.
    """
    if isinstance(mask, Space):
        if not mask.frame.matches(frame):
            raise _on_another_frame(f"The {kind}", mask.frame, frame)
        return mask
    is_template = isinstance(mask, str | Path) and str(mask) == TEMPLATE
    if isinstance(frame, Grayordinates) and isinstance(mask, str | Path):
        files = mask_files(mask, template, frame)
        label = f"The {kind} {listing(files)}"
        inside = surface_mask(files, frame.axis, threshold, label=f"The {kind}", flag=THRESHOLDS[kind])
        if is_template:
            inside = inside | ~frame.is_vertex  # it is one of the cortex
        return frame.space(_not_empty(inside, label, frame, threshold))
    if isinstance(mask, str | Path) and is_surface_file(Path(mask)):
        raise DataError(
            f"The {kind} {mask} is on surfaces, the maps are volumes",
            "an image of volumes (.nii.gz)",
            "Use one in their space",
        )
    source = template_mask(template, frame) if is_template else mask
    image, label = read_image(source), f"The {kind} {name_of(source)}"
    if not (is_template or image.frame.matches(frame)):
        raise _on_another_frame(label, image.frame, frame, _other_space(source, template))
    inside = voxels_inside(image.values, image.header.step, threshold, label=label, flag=THRESHOLDS[kind])
    if is_template and isinstance(frame, Grid):
        inside = resample_nearest(inside.astype(np.uint8), image.grid, frame).astype(bool)
    return frame.space(_not_empty(inside, label, frame, threshold))


def mask_files(mask: str | Path, template: SpaceName, frame: Frame) -> tuple[Path, ...]:
    """Return the files of a mask for maps on a frame, also of TemplateFlow; errors are those of `load_mask`."""
    if str(mask) != TEMPLATE:
        return hemisphere_files(Path(mask))
    if not isinstance(frame, Grayordinates):
        return (template_mask(template, frame),)
    return template_cortex(*template_place(frame.axis.nvertices, template))


def _not_empty(inside: BoolArray, label: str, frame: Frame, threshold: float | None) -> BoolArray:
    """Return what is inside a mask; raise an EmptyMaskError if it is nothing."""
    if not inside.any():
        least = "that is not 0" if threshold is None else f"of {threshold:g} or more"
        raise EmptyMaskError(f"{label} is empty", f"at least one {frame.unit} {least}")
    return inside


def _other_space(mask: object, where: SpaceName) -> str:
    """Return the space of a mask by its name, if it is another one than that of the maps; else an empty text."""
    found = StandardSpace.in_name(Path(mask).name) if isinstance(mask, str | Path) else None
    return str(found) if found and isinstance(where, StandardSpace) and found.differs_from(where) else ""


def _on_another_frame(label: str, found: Frame, frame: Frame, space: str = "") -> GridMismatchError:
    hint = "Resample it first, e.g. nilearn.image.resample_to_img(mask, a_map, interpolation='nearest')"
    if space:
        hint = f"It is of {space} by its name: use a mask in the space of the maps, as resampling does not align brains"
    if not isinstance(frame, Grid):
        hint = f"Use a file with the {frame.kind} of the maps"
    expected = f"the {frame.kind} of the maps: {frame}"
    return GridMismatchError(f"{label} is on another {frame.kind}: {found}", expected, hint)


def n_required(coverage: float, n_subjects: int) -> int:
    """Return how many subjects must have data at a voxel, of a fraction of subjects in (0, 1]."""
    return max(1, math.ceil(coverage * n_subjects - 1e-9))


def group_mask(
    counts: npt.NDArray[np.int32],
    n_subjects: int,
    coverage: float,
    frame: Frame,
    mask: Space | None = None,
    *,
    suspicion: str = "",
) -> Space:
    """Return the points to test: inside the mask, and with data, by `counts` of the frame, of enough subjects.

    A `suspicion` that the maps are thresholded is the advice of the error where no voxel remains.
    """
    inside = counts >= n_required(coverage, n_subjects)
    if mask is not None:
        inside &= mask.inside
    if not inside.any():
        most = int(counts.max() if mask is None else counts[mask.inside].max())
        if mask is not None and most == 0:
            raise EmptyMaskError(
                f"No map has data inside the mask of {counted(mask.n_points, frame.unit)}",
                "a mask of the part of the brain that the maps show",
                "Check that the mask is of the same space as the maps, and not of what is outside the brain",
            )
        raise EmptyMaskError(
            f"No {frame.unit} has data of {coverage:.0%} of the {n_subjects} subjects (at most {most} have data)"
            + (" inside the mask" if mask is not None else ""),
            hint=suspicion
            or "Lower --coverage, exclude the subjects with the smallest coverage with --exclude, or check the mask",
        )
    return frame.space(inside)


def note_unmasked(tested: Space, mask_fraction: float | None = None) -> str | None:
    """Return a note if tested voxels are probably not inside a brain mask; None otherwise.

    Without a mask, `tested` fill too much of the volume; of a mask, its fraction of the volume is too large.
    """
    if not tested.frame.has_background:
        return None
    weakens = "testing voxels outside the brain weakens every bound"
    if mask_fraction is None and tested.fraction > UNMASKED:
        return (
            f"The tested voxels fill {tested.fraction:.0%} of the volume: the maps are probably not brain-masked, and "
            f"{weakens}. Give a brain mask with --mask: bids-ari-mask makes one"
        )
    if mask_fraction is not None and mask_fraction > UNMASKED:
        return (
            f"The mask fills {mask_fraction:.0%} of the volume, the tested voxels {tested.fraction:.0%}: it is "
            f"probably not a brain mask, and {weakens}. Check --mask"
        )
    return None
