"""The choice of slices and of the underlay."""

from dataclasses import replace

import numpy as np
import pytest
from builders_scenes import make_scene

from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.report.figures.slice_cells import slices_of

GRID = Grid((9, 9, 9), np.array([[4.0, 0, 0, -16], [0, 4, 0, -16], [0, 0, 4, -16], [0, 0, 0, 1]]))
CUBE = VolumeSpace(GRID, np.ones((9, 9, 9), dtype=bool))


def test_every_pixel_shows_the_voxel_it_lies_in() -> None:
    """By hand: the middle pixel of the slices of a cube from -18 to 18 mm is the voxel around the origin."""
    for plane, axis in (("axial", "z"), ("coronal", "y"), ("sagittal", "x")):
        scene = make_scene(CUBE, slices=(f"{axis}:0",))
        (box,) = scene.boxes
        middle = scene.points[box.top + box.height // 2, box.left + box.width // 2]
        assert tuple(CUBE.indices[middle]) == (4, 4, 4)
        assert scene.kind == f"{plane.capitalize()} slices"
        assert scene.paint(np.full((CUBE.n_points, 3), 7, np.uint8), np.zeros(CUBE.n_points, bool)).min() > 7


def test_a_slice_as_high_as_its_cell_ends_above_the_text_below_it() -> None:
    """Digits of 9 points are 10 pixels high, half of them above the middle of the text."""
    grid = replace(GRID, shape=(9, 13, 9))
    scene = make_scene(VolumeSpace(grid, np.ones(grid.shape, dtype=bool)), slices=("z:0",))
    (row,) = [text.row for text in scene.texts if text.text == "z = 0 mm"]
    assert np.nonzero(scene.points >= 0)[0].max() < row - 5


@pytest.mark.parametrize(
    ("value", "right", "up"),
    [("z:4", (1, 0, 0), (0, 1, 0)), ("y:4", (1, 0, 0), (0, 0, 1)), ("x:4", (0, 1, 0), (0, 0, 1))],
)
def test_planes_are_upright(value: str, right: tuple[int, ...], up: tuple[int, ...]) -> None:
    """To the right of a slice are x, or y in sagittal ones; up are y in axial ones, and z. The cut is voxel 5."""
    scene = make_scene(CUBE, slices=(value,))
    rows, columns = np.nonzero(scene.points >= 0)
    voxels = CUBE.indices[scene.points[rows, columns]]
    assert (np.diff((voxels @ right)[np.argsort(columns, kind="stable")]) >= 0).all()
    assert (np.diff((voxels @ up)[np.argsort(-rows, kind="stable")]) >= 0).all()
    assert set(voxels @ (1 - np.array(right) - up)) == {5}


def test_a_mosaic_has_a_row_of_each_plane_on_one_scale() -> None:
    """The cube is as large in all: 36 mm, as many pixels wide and high everywhere."""
    scene = make_scene(CUBE, slices=("mosaic",))
    assert [axis for axis, _ in scene.cuts] == ["z"] * 4 + ["y"] * 4 + ["x"] * 4
    sides = set()
    for box in scene.boxes:
        part = scene.points[box.top : box.top + box.height, box.left : box.left + box.width] >= 0
        sides |= {np.count_nonzero(part.any(axis=0)), np.count_nonzero(part.any(axis=1))}
    assert max(sides) - min(sides) <= 1
    assert len(scene.locators) == 2


def test_locators_show_each_slice() -> None:
    scene = make_scene(CUBE, slices=("z:-12,0,8", "x:4"))
    sagittal, coronal = scene.locators
    assert (len(sagittal.rows), len(sagittal.columns)) == (3, 0)
    assert list(sagittal.rows) == sorted(sagittal.rows, reverse=True)  # lower in the head, lower in the picture
    assert len(coronal.columns) == 1
    assert (sagittal.grey[round(sagittal.rows[1])] < 255).any()


def cuts(*peaks: float) -> list[float]:
    """Return z of eight slices through peaks."""
    found = slices_of(CUBE, None, [[0, 0, peak] for peak in peaks]).cuts
    assert {axis for axis, _ in found} == {"z"}
    return [cut for _, cut in found]


def test_slices_spread_and_visit_the_peaks() -> None:
    """z runs from -16 to 16, so that half of an even gap is 2 mm; of peaks nearer than that, the first wins."""
    assert len(cuts()) == 8
    assert np.ptp(np.diff(cuts())) <= 1
    assert set(cuts(-3, -2, 12)) >= {-3, 12}
    assert -2 not in cuts(-3, -2)
    assert len(cuts(-3)) == 8


def test_slices_go_through_as_many_peaks_as_there_is_room_for() -> None:
    peaks = (8, -12, 0, 4, -8, 12, -4, 16)
    assert cuts(*peaks, 3, -15) == sorted(peaks)


def test_thin_volumes_have_a_slice_for_each_voxel() -> None:
    """Three layers of voxels; more slices would show the same voxels again."""
    inside = np.zeros(GRID.shape, dtype=bool)
    inside[:, :, 3:6] = True
    for peaks in ([], [[0, 0, 4]], [[0, 0, 0], [0, 0, -4], [0, 0, 0.3]]):
        found = slices_of(VolumeSpace(GRID, inside), None, peaks)
        assert [cut for _, cut in found.cuts] == [-4, 0, 4]


def test_slices_stay_inside_the_template() -> None:
    """A field of view from -300 to 300 mm is cut where the template is; one that misses it has no template."""
    high = GRID.affine.copy()
    high[2] = [0, 0, 75, -300]
    found = slices_of(
        VolumeSpace(replace(GRID, affine=high), CUBE.inside), "MNI152NLin6Asym", [[0, 0, -300.0], [0, 0, 0]]
    )
    assert "MNI152" in found.underlay
    heights = [cut for _, cut in found.cuts]
    assert -90 < min(heights) < max(heights) < 110
    away = GRID.affine.copy()
    away[2, 3] = 500
    found = slices_of(VolumeSpace(replace(GRID, affine=away), CUBE.inside), "MNI152NLin6Asym")
    assert "MNI152" not in found.underlay
    assert min(cut for _, cut in found.cuts) >= 500


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
