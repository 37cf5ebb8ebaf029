"""Voxels on the cortex."""

import numpy as np
import pytest
from builders_scenes import make_scene

from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.report.figures.projection import PROJECTED, projected
from bids_ari.report.figures.scenes import surface_of

GRID = Grid((19, 22, 18), np.array([[10.0, 0, 0, -90], [0, 10, 0, -120], [0, 0, 10, -80], [0, 0, 0, 1]]))
SPACE = VolumeSpace(GRID, np.ones(GRID.shape, dtype=bool))


def test_each_hemisphere_shows_its_own_voxels() -> None:
    """In fsaverage, the left hemisphere has x < 0; the views are left lateral, left medial, right medial, lateral."""
    (row,) = projected(SPACE, 1, 1.0)
    x, y, _ = SPACE.coordinates().T
    for i, (box, sign) in enumerate(zip(row.boxes, (-1, -1, 1, 1), strict=True)):
        shown = row.points[:, box.left : box.left + box.width]
        rows, columns = np.nonzero(shown >= 0)
        seen = shown[rows, columns]
        assert (sign * x[seen] >= -10).all()
        front_is_left = i in (0, 2)
        assert (np.corrcoef(columns, y[seen])[0, 1] < 0) == front_is_left


def test_lateral_views_show_outer_voxels() -> None:
    """The median of |x| is larger in lateral views, where the outer cortex is seen, than in medial ones."""
    (row,) = projected(SPACE, 1, 1.0)
    x = np.abs(SPACE.coordinates()[:, 0])
    parts = [row.points[:, box.left : box.left + box.width] for box in row.boxes]
    lateral, medial, *_ = (np.median(x[part[part >= 0]]) for part in parts)
    assert lateral > 2 * medial


def test_voxels_that_are_not_tested_have_no_pixels() -> None:
    inside = np.zeros(GRID.shape, dtype=bool)
    inside[:9] = True  # x < -5
    (row,) = projected(VolumeSpace(GRID, inside), 1, 1.0)
    middle = row.points.shape[1] // 2
    assert (row.points[:, :middle] >= 0).any()
    assert (row.points[:, middle:] < 0).all()


@pytest.mark.parametrize(
    ("label", "is_shown"), [("MNI152NLin6Asym", True), ("MNI152NLin2009cAsym", True), ("T1w", False), (None, False)]
)
def test_only_standard_spaces_are_projected(
    label: str | None, is_shown: bool, caplog: pytest.LogCaptureFixture
) -> None:
    assert (surface_of(SPACE, label, "faces") is not None) == is_shown
    scene = make_scene(SPACE, label, slices=("surface",))
    assert (PROJECTED in scene.note) == is_shown
    assert (PROJECTED in [each.text for each in scene.texts]) == is_shown
    assert ("MNI152" in caplog.text) != is_shown
    assert (scene.kind == "Axial slices") != is_shown
