"""Views of the cortex in pictures: which are shown where, their titles, light, and points."""

import numpy as np
import pytest
from builders_cortex import box

from bids_ari.images.cortex import Cortex
from bids_ari.report.figures.scene import CELL, COLUMNS, Scene
from bids_ari.report.figures.slices import number_places, outline
from bids_ari.report.figures.surface_scene import cells_of, choose_views

HEIGHT, WIDTH = CELL


def shown(side: str, first: int) -> Cortex:
    """A box whose vertices have the positions from `first` on."""
    return Cortex(side, box(side), np.full(8, 0.5), np.arange(first, first + 8, dtype=np.int32))


LEFT, RIGHT = shown("L", 0), shown("R", 8)
PLACES = np.concatenate([LEFT.mesh.coordinates, RIGHT.mesh.coordinates])


@pytest.fixture(scope="module")
def scene() -> Scene:
    rows = cells_of(choose_views([LEFT, RIGHT], 2), np.arange(16, dtype=np.int32))
    return Scene.of(rows, "Views", "Sides.", "sulci")


def in_cell(scene: Scene, i: int) -> np.ndarray:
    top, left, height, width = scene.boxes[i]
    return scene.points[top : top + height, left : left + width]


def sides(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of the points seen in the left and in the right quarter of what a cell shows."""
    first, last = np.flatnonzero((points >= 0).any(axis=0))[[0, -1]]
    quarter = (last - first) // 4
    halves = points[:, : first + quarter], points[:, last - quarter :]
    left, right = (PLACES[np.unique(half[half >= 0])] for half in halves)
    return left, right


def test_each_cell_shows_its_view(scene: Scene) -> None:
    """Outer faces have |x| = 41, inner ones 1. Front is y = 60."""
    for i, (hemisphere, x, front_is_left) in enumerate([(0, -41, True), (0, -1, False), (1, 1, True), (1, 41, False)]):
        seen = in_cell(scene, i)
        places = PLACES[np.unique(seen[seen >= 0])]
        assert (places[:, 0] == x).all()
        assert set(np.unique(seen[seen >= 0]) // 8) == {hemisphere}
        left, right = sides(seen)
        assert ((left[:, 1] == 60).all(), (right[:, 1] == 60).all()) == (front_is_left, not front_is_left)


def test_both_hemispheres_from_above_below_front_and_back(scene: Scene) -> None:
    for i, (axis, value, left_is_left) in enumerate([(2, 40, 1), (2, -40, 0), (1, 60, 0), (1, -60, 1)], start=4):
        seen = in_cell(scene, i)
        assert (PLACES[np.unique(seen[seen >= 0])][:, axis] == value).all()
        left, right = sides(seen)
        assert ((left[:, 0] < 0).all(), (right[:, 0] < 0).all()) == (bool(left_is_left), not left_is_left)


def test_titles_and_letters_say_what_is_seen(scene: Scene) -> None:
    titles = [each for each in scene.texts if len(each.text) > 1]
    assert [each.text for each in titles[:4]] == ["Left, lateral", "Left, medial", "Right, medial", "Right, lateral"]
    assert [each.text for each in titles[4:]] == ["Dorsal", "Ventral", "Anterior", "Posterior"]
    assert "".join(each.text for each in scene.texts if len(each.text) == 1) == "LRRLRLLR"
    for i, title in enumerate(titles):
        box = scene.boxes[i]
        assert box.left < title.column < box.left + box.width
        top = np.flatnonzero((in_cell(scene, i) >= 0).any(axis=1))[0] + box.top
        assert box.top < title.row < top - 8


def test_one_scale(scene: Scene) -> None:
    """120 mm from front to back in lateral views and from above; the two of 40 mm and 2 mm between are 82 mm wide."""
    lateral, dorsal = (np.ptp(np.nonzero(in_cell(scene, i) >= 0), axis=1) + 1 for i in (0, 4))
    assert abs(int(lateral[1]) - int(dorsal[0])) <= 1
    assert dorsal[1] == pytest.approx(dorsal[0] * 86 / 120, abs=2)  # moved apart by 6 instead of 2 mm
    assert lateral[1] > 0.9 * WIDTH


@pytest.mark.parametrize("hemisphere", [LEFT, RIGHT])
def test_a_single_hemisphere_has_all_views(hemisphere: Cortex) -> None:
    rows = cells_of(choose_views([hemisphere], 2), np.arange(16, dtype=np.int32))
    alone = Scene.of(rows, "Views", "Sides.", "sulci")
    name = {"L": "Left", "R": "Right"}[hemisphere.sides]
    assert [each.text for each in alone.texts] == [
        f"{name}, {view}" for view in ("lateral", "medial", "dorsal", "ventral", "anterior", "posterior")
    ]
    assert alone.points.shape[1] == COLUMNS * WIDTH
    lateral, medial = in_cell(alone, 0), in_cell(alone, 1)
    assert lateral.shape[1] == 2 * WIDTH
    assert (np.abs(PLACES[np.unique(lateral[lateral >= 0]), 0]) == 41).all()
    assert (np.abs(PLACES[np.unique(medial[medial >= 0]), 0]) == 1).all()
    assert np.ptp(np.nonzero(lateral >= 0)[0]) > 0.75 * HEIGHT


def test_what_is_not_tested_is_grey() -> None:
    """Without points on the left; around the brain white, in it grey, and coloured points keep some of their light."""
    points = np.where(np.arange(16) < 8, -1, np.arange(16) - 8).astype(np.int32)
    right_only = Scene.of(cells_of(choose_views([LEFT, RIGHT], 2), points), "Views", "", "")
    painted = right_only.paint(np.tile(np.array([[250, 0, 0]], np.uint8), (8, 1)), np.ones(8, dtype=bool))
    is_grey = np.ptp(painted, axis=-1) == 0
    np.testing.assert_array_equal(~is_grey, right_only.points >= 0)
    first = right_only.boxes[0]
    assert is_grey[: first.height, : 2 * WIDTH].all()
    assert painted[0, 0].tolist() == [255, 255, 255]
    assert 0 < painted[first.height // 2, WIDTH // 2, 0] < 255
    assert painted[~is_grey][:, 0].min() > 0.65 * 250


def test_outlines_and_numbers_are_of_the_points_shown(scene: Scene) -> None:
    front = PLACES[:, 1] > 0
    border = outline(scene, front)
    assert (border <= (front[scene.points] & (scene.points >= 0))).all()
    assert border.any()
    for label, row, column in number_places(np.where(front, 1, 2), scene, 2):
        assert (PLACES[scene.points[row, column], 1] > 0) == (label == 1)
