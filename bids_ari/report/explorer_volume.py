"""Voxels in an explorer page: the grid, the underlay and the header of saved images."""

import base64
from dataclasses import dataclass

import nibabel as nib
import numpy as np

from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.report.explorer_arrays import Blob
from bids_ari.report.figures.underlay import Underlay
from bids_ari.report.render import Context

GREY_LEVELS = 20
"""Levels of grey of an underlay; 0 is nothing."""

FINE_UNDERLAY = 2_000_000
"""Grids with more voxels have half as many underlay values along each axis."""

_HEADER_BYTES = 352  # of a NIfTI-1 file without extensions


@dataclass(frozen=True, slots=True)
class Part:
    """What a page has about where the points are."""

    facts: Context  # for the script
    blobs: list[Blob]
    page: Context  # variables of the template


def volume_part(space: VolumeSpace, underlay: Underlay, start: int) -> Part:
    """Return the points of a volume; the crosshair is at the point `start` first."""
    grid = space.grid
    header = grid.image(np.zeros(grid.shape, dtype=np.uint8)).to_bytes()[:_HEADER_BYTES]
    facts = slice_facts(grid, underlay) | {
        "sizes": ["volume_mm3"],
        "header": base64.b64encode(header).decode(),  # the script sets the data type
        "voxel": [int(index) for index in space.indices[start]],
        "vertex": None,
        "labelFiles": [{"kind": "nifti", "suffix": "dseg.nii.gz", "title": "Label map (.nii.gz)"}],
    }
    blobs = [Blob.of("mask", np.packbits(space.inside)), underlay_blob(underlay)]
    return Part(facts, blobs, {"underlay": underlay.description, "meshes": [], "shapes": []})


def slice_facts(grid: Grid, underlay: Underlay) -> Context:
    """Return what slices need besides arrays."""
    ends = [first + underlay.stride * n for first, n in zip(underlay.start, underlay.values.shape, strict=True)]
    return {
        "voxelVolume": grid.voxel_volume,
        "grid": _grid_facts(grid),
        "underlay": {
            "start": list(underlay.start),
            "stop": [min(end, n) for end, n in zip(ends, grid.shape, strict=True)],
            "stride": underlay.stride,
            "shape": list(underlay.values.shape),
        },
    }


def underlay_blob(underlay: Underlay) -> Blob:
    """Encode the underlay of slices."""
    return Blob.of("underlay", np.ceil(GREY_LEVELS * underlay.values).astype(np.uint8))


def _grid_facts(grid: Grid) -> Context:
    """Return shape and affine of the grid, and the file axis nearest to x, y and z with its sign."""
    axes: list[list[int]] = [[], [], []]
    for i, (axis, sign) in enumerate(nib.io_orientation(grid.affine)):
        axes[int(axis)] = [i, int(sign)]
    return {
        "shape": list(grid.shape),
        "affine": grid.affine.tolist(),
        "inverse": np.linalg.inv(grid.affine).tolist(),
        "zooms": list(grid.zooms),
        "axes": axes,
    }
