"""The choice of slices and of the underlay."""

from dataclasses import replace

import numpy as np
import pytest

from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.report.figures.scene import make_scene

GRID = Grid((9, 9, 9), np.array([[4.0, 0, 0, -16], [0, 4, 0, -16], [0, 0, 4, -16], [0, 0, 0, 1]]))
CUBE = VolumeSpace(GRID, np.ones((9, 9, 9), dtype=bool))


def test_every_pixel_shows_the_voxel_it_lies_in() -> None:
    """By hand: the middle pixel of the slices of a cube from -18 to 18 mm is the voxel around the origin."""
    scene = make_scene(CUBE, None, [0.0])
    row, column = divmod(scene.cuts.index(0.0), 4)
    middle = scene.points[row * 314 + 157, column * 253 + 126]
    assert tuple(CUBE.indices[middle]) == (4, 4, 4)
    assert scene.paint(np.full((CUBE.n_points, 3), 7, np.uint8), np.zeros(CUBE.n_points, bool)).min() > 7


def test_slices_spread_and_visit_the_peaks() -> None:
    """z runs from -16 to 16; peaks near one another compete, and the first wins."""
    even = make_scene(CUBE, None).cuts
    assert len(even) == 8
    assert np.ptp(np.diff(even)) <= 1
    assert set(make_scene(CUBE, None, [-3.0, -2.0, 12.0]).cuts) >= {-3, 12}
    assert -2 not in make_scene(CUBE, None, [-3.0, -2.0]).cuts


def test_slices_stay_inside_the_template() -> None:
    """A field of view from -300 to 300 mm is cut where the template is; one that misses it has no template."""
    high = GRID.affine.copy()
    high[2] = [0, 0, 75, -300]
    scene = make_scene(VolumeSpace(replace(GRID, affine=high), CUBE.inside), "MNI152NLin6Asym", [-300.0, 0.0])
    assert "MNI152" in scene.underlay
    assert -90 < min(scene.cuts) < max(scene.cuts) < 110
    away = GRID.affine.copy()
    away[2, 3] = 500
    scene = make_scene(VolumeSpace(replace(GRID, affine=away), CUBE.inside), "MNI152NLin6Asym")
    assert "MNI152" not in scene.underlay
    assert min(scene.cuts) >= 500


@pytest.mark.parametrize(
    ("space", "on_template"),
    [
        ("MNI152NLin2009cAsym", True),
        ("Talairach", True),
        ("IXI549Space", True),
        ("MNIInfant", False),
        ("MNIPediatricAsym+3", False),
        ("T1w", False),
        (None, False),
    ],
)
def test_the_template_lies_under_its_own_space(space: str | None, on_template: bool) -> None:
    assert ("MNI152" in make_scene(CUBE, space).underlay) == on_template
