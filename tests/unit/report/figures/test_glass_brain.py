"""The glass brain: sides, signs, and values that are not finite."""

import io
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest

from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.report.figures.glass_brain import draw_glass_brain

pytestmark = pytest.mark.usefixtures("rendered")

GRID = Grid((9, 9, 9), np.array([[4.0, 0, 0, -16], [0, 4, 0, -16], [0, 0, 4, -16], [0, 0, 0, 1]]))
CUBE = VolumeSpace(GRID, np.ones((9, 9, 9), dtype=bool))
ONES = np.ones(CUBE.n_points)
THOUSANDTH = 3.0902323  # z of p = .001


def pixels(picture: bytes) -> np.ndarray:
    return matplotlib.image.imread(io.BytesIO(picture), format="png")[..., :3]


def reddish(seen: np.ndarray) -> np.ndarray:
    return seen[..., 0] - seen[..., 2] > 0.2


def bluish(seen: np.ndarray) -> np.ndarray:
    return seen[..., 2] - seen[..., 0] > 0.2


LEFT_SIDE, RIGHT_SIDE, TOP = np.s_[:, 10:298], np.s_[:, 530:812], np.s_[:, 830:1040]
"""Where the views of the glass brain are in its picture."""


@pytest.mark.parametrize("flip", [1, -1])
def test_left_is_left(flip: int) -> None:
    """Voxels with x < -4 mm: in the view of the left side, on the left from the top, and nowhere on the right."""
    affine = GRID.affine.copy()
    affine[0] *= flip
    mask = VolumeSpace(replace(GRID, affine=affine), CUBE.inside)
    z = np.where(mask.grid.millimetres(mask.indices)[:, 0] < -4, 5.0, 0.0)
    red = reddish(pixels(draw_glass_brain(z, mask, "", is_signed=True)))
    assert red[LEFT_SIDE].any()
    assert not red[RIGHT_SIDE].any()
    columns = np.flatnonzero(red[TOP].any(axis=0)) + 830
    assert columns.size
    assert columns.max() < 928  # the middle of the view from the top


def test_both_signs_but_of_f() -> None:
    z = np.where(CUBE.indices[:, 1] < 4, -5.0, 5.0)
    for is_signed in (True, False):
        seen = pixels(draw_glass_brain(z, CUBE, "", is_signed=is_signed))[:, :1040]
        assert reddish(seen).any()
        assert bluish(seen).any() == is_signed


@pytest.mark.parametrize("z", [0.0, 3.05, np.inf])
def test_nothing_or_infinity_is_drawn(z: float) -> None:
    red = reddish(pixels(draw_glass_brain(z * ONES, CUBE, "", is_signed=True))[:, :1040])
    assert red.any() == (z > THOUSANDTH)
