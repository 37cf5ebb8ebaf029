"""The glass brain: sides, signs, and values that are not finite."""

import io
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest

from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.report.figures.canvas import Canvas
from bids_ari.report.figures.glass_brain import SIZE, VIEWS, View, draw_glass_brain
from bids_ari.report.figures.outlines import outlines

GRID = Grid((9, 9, 9), np.array([[4.0, 0, 0, -16], [0, 4, 0, -16], [0, 0, 4, -16], [0, 0, 0, 1]]))
CUBE = VolumeSpace(GRID, np.ones((9, 9, 9), dtype=bool))
ONES = np.ones(CUBE.n_points)
THOUSANDTH = 3.0902323  # z of p = .001


def pixels(drawn: Canvas) -> np.ndarray:
    return matplotlib.image.imread(io.BytesIO(drawn.png()), format="png")[..., :3]


def reddish(seen: np.ndarray) -> np.ndarray:
    return seen[..., 0] - seen[..., 2] > 0.2


def bluish(seen: np.ndarray) -> np.ndarray:
    return seen[..., 2] - seen[..., 0] > 0.2


def columns(view: View) -> tuple[slice, slice]:
    """Where a view is in the picture."""
    return np.s_[:, view.column : view.column + view.shape()[1]]


LEFT_SIDE, BACK, RIGHT_SIDE, TOP = map(columns, VIEWS)


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
    seen = np.flatnonzero(red[TOP].any(axis=0))
    assert seen.size
    assert seen.max() < VIEWS[3].shape()[1] / 2


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


def test_voxels_are_where_the_outlines_have_them() -> None:
    """One voxel of 4 mm around (8, -12, 4): 1.4 pixels for a mm, centred at its place in each view but the left."""
    z = np.where((CUBE.indices == [6, 1, 5]).all(axis=1), 5.0, 0.0)
    red = reddish(pixels(draw_glass_brain(z, CUBE, "", is_signed=True)))
    assert not red[LEFT_SIDE].any()
    for view, across, up in ((VIEWS[1], 8, 4), (VIEWS[2], -12, 4), (VIEWS[3], 8, -12)):
        rows, places = np.nonzero(red[columns(view)])
        assert places.mean() + 0.5 == pytest.approx(1.4 * (across - view.across[0]), abs=1.5)
        assert rows.mean() + 0.5 - view.row == pytest.approx(1.4 * (view.up[1] - up), abs=1.5)
        assert 4 <= np.ptp(rows) <= 6


def test_the_largest_magnitude_is_seen() -> None:
    """-5 in front of 4 along y, and the reverse."""
    z = np.where(CUBE.indices[:, 1] < 4, np.where(CUBE.indices[:, 0] < 4, -5.0, 4.0), 0)
    z[CUBE.indices[:, 1] == 6] = np.where(CUBE.indices[CUBE.indices[:, 1] == 6, 0] < 4, 4.0, -5.0)
    seen = pixels(draw_glass_brain(z, CUBE, "", is_signed=True))[BACK]
    assert bluish(seen).any()
    assert not reddish(seen).any()


def test_oblique_grids_are_drawn() -> None:
    """Turned around z by 0.3: a square of 36 mm, as large as before, seen from the top."""
    turned = GRID.affine.copy()
    turned[:2, :2] = 4 * np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    turned[:2, 3] = -turned[:2, :2] @ [4, 4]
    oblique = VolumeSpace(replace(GRID, affine=turned), CUBE.inside)
    plain, seen = (
        reddish(pixels(draw_glass_brain(5 * ONES, space, "", is_signed=True))[TOP]) for space in (CUBE, oblique)
    )
    assert seen.sum() == pytest.approx(plain.sum(), rel=0.1)
    assert np.flatnonzero(seen.any(axis=0)).mean() == pytest.approx(np.flatnonzero(plain.any(axis=0)).mean(), abs=2)


def test_outlines_are_within_the_views() -> None:
    """And in each of them: lines at most, so less than a third of the pixels."""
    opacity = np.asarray(outlines(SIZE, VIEWS, 1.0))[..., 1]
    outside = np.ones_like(opacity, dtype=bool)
    for view in VIEWS:
        height, width = view.shape()
        box = slice(view.row, view.row + height), slice(view.column, view.column + width)
        assert 0.02 < (opacity[box] > 0).mean() < 1 / 3
        outside[box] = False
    assert not opacity[outside].any()
