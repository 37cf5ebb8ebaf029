"""Voxels in an explorer page: the grid, the underlay and the header of saved images."""

import base64
from dataclasses import dataclass

import nibabel as nib
import numpy as np

from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.report.explorer.arrays import Blob
from bids_ari.report.explorer.underlay import PageUnderlay
from bids_ari.report.render import Context

_HEADER_BYTES = 352  # of a NIfTI-1 file without extensions


@dataclass(frozen=True, slots=True)
class Part:
    """What a page has about where the points are."""

    facts: Context  # for the script
    blobs: list[Blob]
    page: Context  # variables of the template


def volume_part(space: VolumeSpace, underlay: PageUnderlay, start: int) -> Part:
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
    blobs = [Blob.of("mask", np.packbits(space.inside)), *underlay.blobs]
    return Part(facts, blobs, {"underlay": underlay.description, "meshes": [], "shapes": []})


def slice_facts(grid: Grid, underlay: PageUnderlay) -> Context:
    """Return what slices need besides arrays."""
    return {
        "voxelVolume": grid.voxel_volume,
        "grid": _grid_facts(grid),
        "field": underlay.field,
        "underlay": underlay.facts,
        "hasGlass": underlay.glass is not None,
    }


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
