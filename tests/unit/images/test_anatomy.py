"""Images that are shown under the statistics."""

from pathlib import Path

import numpy as np
import pytest
from builders import AFFINE, SHAPE, saved

from bids_ari.errors import DataError, GridMismatchError, InputNotFoundError
from bids_ari.images.anatomy import read_underlay
from bids_ari.images.space import Grid, VolumeSpace

SPACE = VolumeSpace(Grid(SHAPE, AFFINE), np.ones(SHAPE, dtype=bool))


def test_an_image_on_another_grid(tmp_path: Path) -> None:
    path = saved(tmp_path / "t1.nii", np.ones((20, 22, 24)), AFFINE @ np.diag([0.5, 0.5, 0.5, 1]))
    assert read_underlay(path, SPACE).grid.shape == (20, 22, 24)


def test_images_that_cannot_be_shown(tmp_path: Path) -> None:
    """Moved along x by 6 of 10 voxels, 4 of 10 are in its field of view."""
    moved = AFFINE.copy()
    moved[0, 3] -= 18
    with pytest.raises(GridMismatchError, match="40% of the voxels"):
        read_underlay(saved(tmp_path / "moved.nii", np.ones(SHAPE), moved), SPACE)
    with pytest.raises(DataError, match="no value above 0"):
        read_underlay(saved(tmp_path / "empty.nii", np.zeros(SHAPE)), SPACE)
    with pytest.raises(InputNotFoundError):
        read_underlay(tmp_path / "gone.nii", SPACE)
