"""The scene of each kind of points."""

import numpy as np
import pytest
from builders_cortex import grayordinates, surfaces
from nibabel.cifti2.cifti2_axes import BrainModelAxis

from bids_ari.images.grayordinates import Grayordinates, frame_of
from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.report.figures.scene import CELL, Scene
from bids_ari.report.figures.scenes import scene_of

HEIGHT, WIDTH = CELL
NONE = np.empty(0, dtype=np.int32)


def scene(frame: Grayordinates, label: str | None = None, peaks: np.ndarray = NONE) -> Scene:
    inside = np.ones(frame.shape, dtype=bool)
    inside[1] = False
    return scene_of(frame.space(inside), label, peaks, "faces", None)


def test_volumes_have_slices_through_their_peaks() -> None:
    grid = Grid((9, 9, 9), np.array([[4.0, 0, 0, -16], [0, 4, 0, -16], [0, 0, 4, -16], [0, 0, 0, 1]]))
    cube = VolumeSpace(grid, np.ones(grid.shape, dtype=bool))
    peaks = np.array([3, 700])
    found = scene_of(cube, None, peaks, "faces", None)
    assert {("z", z) for z in cube.coordinates(peaks)[:, 2]} <= set(found.cuts)
    assert (found.kind, found.subtitle) == ("Axial slices", "faces")


@pytest.mark.parametrize("sides", ["LR", "L", "R"])
def test_surfaces_have_views_only(sides: str) -> None:
    found = scene(surfaces(sides))
    assert found.points.shape[1] == 4 * WIDTH
    assert len({box.top for box in found.boxes}) == 2
    assert found.kind == "Views from six sides"
    assert found.cuts == ()
    assert found.points.max() == 8 * len(sides) - 2  # of the vertices, one is not tested
    assert 0 in found.points
    assert f"on {sides[0]}.surf.gii" in found.note  # without a folder
    assert "axial" not in found.note.lower()
    assert not found.is_on_template


def test_grayordinates_have_views_above_slices() -> None:
    frame = grayordinates()
    found = scene(frame)
    height = found.boxes[0].height
    views, slices = found.points[:height], found.points[height:]
    assert found.kind == "Lateral and medial views and axial slices"
    n_vertices = 14 - 1  # one is not tested
    assert 0 <= views.max() < n_vertices
    assert set(np.unique(slices)) - {-1} <= set(range(n_vertices, n_vertices + 96))
    assert [each.text for each in found.texts[:4]] == [
        "Left, lateral",
        "Left, medial",
        "Right, medial",
        "Right, lateral",
    ]
    assert [each.text for each in found.texts if each.text.startswith("z = ")]
    assert all(each.row > height for each in found.texts if each.text in ("L", "R"))


def test_slices_show_the_voxels_at_their_places() -> None:
    """Left of the middle of a slice is x < 0, above it y > 0."""
    frame = grayordinates()
    found = scene(frame)
    positions = np.delete(np.arange(frame.shape[0]), 1)
    box = found.boxes[4]
    first = found.points[box.top :, :WIDTH]
    rows, columns = np.nonzero(first >= 0)
    x, y, z = frame.coordinates[positions[first[rows, columns]]].T
    assert ((x < 0) == (columns < WIDTH / 2)).mean() > 0.99
    assert ((y > 0) == (rows < box.height / 2)).mean() > 0.99
    assert np.unique(z).size == 1


def test_slices_go_through_peaks_that_are_voxels() -> None:
    """Peaks at vertices do not move slices."""
    frame = grayordinates()
    plain = scene(frame).cuts
    assert scene(frame, peaks=np.array([0, 5])).cuts == plain
    voxel = 13 + 95  # the last voxel, at z = 3
    assert ("z", 3.0) in scene(frame, peaks=np.array([0, voxel])).cuts


def test_voxels_of_fslr_and_fsaverage_are_in_mni_space() -> None:
    assert "MNI152" in scene(grayordinates(), "fsLR").note
    assert "MNI152" in scene(grayordinates(), "fsaverage").note
    assert "MNI152" not in scene(grayordinates(), "onavg").note


def test_voxels_alone_fill_all_cells_with_slices() -> None:
    axis = BrainModelAxis.from_mask(np.ones((4, 6, 9), dtype=bool), "CIFTI_STRUCTURE_PUTAMEN_LEFT", np.eye(4))
    found = scene(frame_of(axis))
    assert found.kind == "Axial slices"
    assert len(found.cuts) == 8
    assert found.points.shape[1] == 4 * WIDTH
    assert len({box.top for box in found.boxes}) == 2


def test_vertices_alone_of_grayordinates_have_views_only() -> None:
    frame = grayordinates()
    found = scene_of(frame.space(frame.is_vertex), None, NONE, "", None)
    assert found.kind == "Views from six sides"


def test_other_points_have_no_pictures() -> None:
    class Points:
        units = "edges"

    with pytest.raises(TypeError, match="edges"):
        scene_of(Points(), None, NONE, "", None)  # type: ignore[arg-type]
