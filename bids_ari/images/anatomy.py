"""Anatomical images that are shown under the statistics, on any grid."""

from pathlib import Path

import numpy as np

from bids_ari.errors import DataError, GridMismatchError
from bids_ari.images.files import Image, read_image
from bids_ari.images.space import VolumeSpace

_LEAST_SEEN = 0.5  # part of the points tested that must lie in the field of view of the image


def read_underlay(path: Path, space: VolumeSpace) -> Image:
    """Read an image to show under the statistics.

    Raises
    ------
    GridMismatchError
        When less than half of the points tested lie in its field of view.
    DataError
        When the image cannot be used, or has no value above 0.
    """
    image = read_image(path)
    if not (image.values > 0).any():
        raise DataError(f"The underlay {path} has no value above 0", "an anatomical image, such as a T1w template")
    indices = image.grid.indices_at(space.coordinates())
    last = np.array(image.grid.shape).reshape(3, 1) - 1
    seen = float(((indices > -0.5) & (indices < last + 0.5)).all(axis=0).mean())
    if seen < _LEAST_SEEN:
        raise GridMismatchError(
            f"{seen:.0%} of the voxels tested lie in the field of view of the underlay {path}: {image.grid}",
            f"an image in the space of the maps: {space.grid}",
            "Choose another image with --underlay",
        )
    return image
