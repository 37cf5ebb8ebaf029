"""Numbers of clusters in pictures."""

import numpy as np
from builders_scenes import make_scene

from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.report.figures import slices
from bids_ari.report.figures.cluster_numbers import number_places, text_boxes

GRID = Grid((9, 9, 9), np.array([[4.0, 0, 0, -16], [0, 4, 0, -16], [0, 0, 4, -16], [0, 0, 0, 1]]))
CUBE = VolumeSpace(GRID, np.ones((9, 9, 9), dtype=bool))


def test_numbers_stand_in_their_clusters() -> None:
    """Each number is at a pixel of its own cluster; a cluster in no slice has none."""
    scene = make_scene(CUBE)
    labels = np.where(CUBE.indices[:, 0] < 3, 1, np.where(CUBE.indices[:, 0] > 6, 2, 0))
    places = number_places(labels, scene, 3)
    assert [label for label, _, _ in places] == [1, 2]
    assert all(labels[scene.points[row, column]] == label for label, row, column in places)


def test_numbers_of_clusters_at_one_place_move_apart() -> None:
    """Two clusters whose voxels alternate, as on a chessboard, have the same middle."""
    labels = 1 + CUBE.indices.sum(axis=1) % 2
    (_, row, column), (_, other_row, other_column) = number_places(labels, make_scene(CUBE, slices=("z:0",)), 2)
    assert abs(row - other_row) >= 18 or abs(column - other_column) >= 16


def test_numbers_avoid_the_texts_of_a_scene() -> None:
    """A cluster beneath the letter L, in the upper left corner of a slice."""
    scene = make_scene(CUBE, slices=("z:0",))
    letter = text_boxes(scene)[0]
    middle = scene.points[round((letter.top + letter.bottom) / 2), round((letter.left + letter.right) / 2)]
    label = (np.abs(CUBE.indices - CUBE.indices[middle]).max(axis=1) <= 1).astype(int)
    assert number_places(label, scene, 1)
    canvas = slices.draw_clusters(label, scene, "Clusters")
    (number,) = (each.box for each in canvas.texts() if each.text == "1" and each.box.right < 264)
    left, top, right, bottom = letter.left + 11, letter.top + 58, letter.right + 11, letter.bottom + 58
    assert number.right <= left or number.left >= right or number.bottom <= top or number.top >= bottom
