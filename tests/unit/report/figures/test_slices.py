"""Axial slices: colours, opacity, outlines, orientation, and no side effects."""

import io
from colorsys import rgb_to_hsv
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest
from builders_scenes import make_scene
from reported import analysed
from scipy import stats

from bids_ari.analysis.result import ContrastResult
from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.report.figures import slices
from bids_ari.report.figures.canvas import Canvas
from bids_ari.report.figures.scales import Z_UNCORRECTED, tdp_scale
from bids_ari.stats.choices import ALTERNATIVES, Alternative

GRID = Grid((9, 9, 9), np.array([[4.0, 0, 0, -16], [0, 4, 0, -16], [0, 0, 4, -16], [0, 0, 0, 1]]))
CUBE = VolumeSpace(GRID, np.ones((9, 9, 9), dtype=bool))


@pytest.fixture
def result() -> ContrastResult:
    """Greater, with signal."""
    return analysed(3.0)[0]


def pixels(drawn: Canvas) -> np.ndarray:
    png = drawn.png()
    assert png.startswith(b"\x89PNG")
    return matplotlib.image.imread(io.BytesIO(png), format="png")[..., :3]


def colourful(drawn: Canvas) -> np.ndarray:
    """Which pixels are no grey, (rows, columns), of the slices without the colour bar."""
    found = pixels(drawn)
    found = found[:, : int(0.88 * found.shape[1])]
    return np.ptp(found, axis=-1) > 0.2


def test_z_of_a_thousandth() -> None:
    assert pytest.approx(stats.norm.isf(0.001), rel=1e-12) == Z_UNCORRECTED


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize("space", ["MNI152NLin6Asym", None])
def test_z_map_is_drawn(alternative: Alternative, space: str | None, result: ContrastResult) -> None:
    drawn = slices.draw_z(result.glm.z, alternative, make_scene(result.space, space))
    assert pixels(drawn).shape[1:] == (1152, 3)


def test_only_the_side_of_the_test_is_shown() -> None:
    """A z of 4 in one half and of -4 in the other: red (Rd) for positive, blue (Bu) for negative."""
    z = np.where(np.arange(CUBE.n_points) < CUBE.n_points // 2, 4.0, -4.0)
    scene = make_scene(CUBE, None)
    for alternative, red, blue in (("greater", True, False), ("less", False, True), ("two-sided", True, True)):
        drawn = slices.draw_z(z, alternative, scene)  # type: ignore[arg-type]
        found = pixels(drawn)[:, :1000][colourful(drawn)[:, :1000]]
        assert (bool((found[:, 0] > found[:, 2]).any()), bool((found[:, 0] < found[:, 2]).any())) == (red, blue)


@pytest.mark.parametrize("space", ["MNI152NLin6Asym", None])
def test_nothing_above_the_threshold_still_draws(space: str | None) -> None:
    scene, zero = make_scene(CUBE, space), np.zeros(CUBE.n_points)
    for drawn in (slices.draw_z(zero, "greater", scene), slices.draw_tdp(zero, zero > 0, scene, "TDP")):
        assert pixels(drawn).std() > 0  # the underlay and the words
        assert not colourful(drawn).any()


def test_a_tdp_of_0_has_no_colour() -> None:
    """Neither where all are 0, nor beside others; the legend has colours."""
    x, scene = CUBE.coordinates(np.arange(CUBE.n_points))[:, 0], make_scene(CUBE, None)
    inside = np.ones(CUBE.n_points, dtype=bool)
    assert not colourful(slices.draw_tdp(np.zeros(CUBE.n_points), inside, scene, "TDP")).any()
    left = np.array(x < x.mean())
    one_side = colourful(slices.draw_tdp(left * 1e-9, inside, scene, "TDP"))[:, :1000]
    assert (one_side == colourful(slices.draw_tdp(left * 1e-9, left, scene, "TDP"))[:, :1000]).all()
    assert one_side.any()


@pytest.mark.parametrize("flip", [1, -1])
def test_left_is_left(flip: int) -> None:
    """Voxels with x < 0 stand on the left of their slice, however the file stores its first axis."""
    affine = GRID.affine.copy()
    affine[0] *= flip
    mask = VolumeSpace(replace(GRID, affine=affine), CUBE.inside)
    x = mask.grid.millimetres(mask.indices)[:, 0]
    shown = colourful(slices.draw_tdp((x < 0) * 1.0, x < 0, make_scene(mask, None), "TDP"))
    first_slice = shown[:, : int(0.88 * 1152 / 4)].any(axis=0)  # of four in a row
    assert first_slice[: first_slice.size // 2].any()
    assert not first_slice[first_slice.size // 2 + 10 :].any()


@pytest.mark.parametrize("rest", [5.0, 0.0, np.inf])
def test_infinite_z_has_the_colour_of_the_largest(rest: float) -> None:
    """The same picture as when the infinite were as large as the top of the scale."""
    scene, z = make_scene(CUBE, None), np.full(CUBE.n_points, rest)
    z[::2] = np.inf
    top = np.where(np.isinf(z), 5.0, z)  # 5 = ceil(5), and ceil(3.09 + 1) where nothing else is shown
    assert slices.draw_z(z, "greater", scene).png() == slices.draw_z(top, "greater", scene).png()
    pixels(slices.draw_z(-z, "two-sided", scene))


@pytest.mark.parametrize("n", [0, 1, 7, 8, 30])
def test_clusters_have_the_colours_of_their_labels(n: int) -> None:
    """Every voxel in a cluster of its own plane: the colours seen in the slices are those of the labels."""
    x = CUBE.indices[:, 0] * 9 + CUBE.indices[:, 1]
    labels = np.where(x < n, x + 1, 0)
    found = pixels(slices.draw_clusters(labels, make_scene(CUBE, None), "Clusters"))[:, : int(0.88 * 1152)]
    seen = {
        "#" + "".join(f"{round(255 * c):02X}" for c in colour) for colour in np.unique(found.reshape(-1, 3), axis=0)
    }
    assert seen & set(slices.CLUSTER_COLOURS) == {slices.colour_of(label) for label in range(1, n + 1)}


def test_no_cluster_has_a_colour_of_the_scale_of_tdp() -> None:
    def hues(colours: np.ndarray) -> np.ndarray:
        """Return angles from -180 to 180 degrees, 0 for red and 60 for yellow."""
        return np.array([(360 * rgb_to_hsv(*colour / 255)[0] + 180) % 360 - 180 for colour in colours])

    clusters = hues(np.array([list(bytes.fromhex(colour[1:])) for colour in slices.CLUSTER_COLOURS]))
    scale = hues(tdp_scale().colours)
    assert ((clusters < scale.min() - 15) | (clusters > scale.max() + 15)).all()


def test_the_eighth_colour_is_the_first_again() -> None:
    assert slices.colour_of(8) == slices.colour_of(1) == "#AA4499"
    assert len({slices.colour_of(label) for label in range(1, 8)}) == 7


def test_a_single_slice_is_one_cut() -> None:
    inside = np.zeros(GRID.shape, dtype=bool)
    inside[:, :, 4] = True
    flat = VolumeSpace(GRID, inside)
    scene = make_scene(flat, None)
    assert scene.cuts == (("z", 0.0),)
    pixels(slices.draw_z(np.full(flat.n_points, 4.0), "greater", scene))


def test_small_brains_get_finer_cuts() -> None:
    tiny = VolumeSpace(replace(GRID, affine=np.diag([0.5, 0.5, 0.5, 1])), CUBE.inside)
    scene = make_scene(tiny, None)
    assert len(scene.cuts) == 8
    pixels(slices.draw_z(np.full(tiny.n_points, 4.0), "greater", scene))


def test_oblique_grids_are_drawn() -> None:
    turned = GRID.affine.copy()
    turned[:2, :2] = 4 * np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    oblique = VolumeSpace(replace(GRID, affine=turned), CUBE.inside)
    drawn = slices.draw_z(np.full(oblique.n_points, 4.0), "greater", make_scene(oblique, None))
    assert colourful(drawn).any()


def test_the_same_picture_has_the_same_bytes(result: ContrastResult) -> None:
    """Also with a scene made again."""
    drawn = [
        slices.draw_tdp(result.tdp(2), result.labels(2) > 0, make_scene(result.space, "MNI152NLin6Asym"), "TDP")
        for _ in range(2)
    ]
    assert drawn[0].png() == drawn[1].png()


ONES = np.ones(CUBE.n_points)
THOUSANDTH = 3.0902323  # z of p = .001


def test_the_nearer_to_0_the_fainter() -> None:
    """Opacity is the square of z / 3.09: of the way from the grey beneath to the colour, 0, a quarter, all."""
    scene = make_scene(CUBE, None)
    colours = np.zeros((CUBE.n_points, 3), dtype=np.uint8)
    (beneath,) = np.unique(scene.paint(colours, ONES == 0)[scene.points >= 0])
    for opacity in (0.0, 0.25, 1.0):
        (found,) = np.unique(scene.fade(colours, opacity * ONES)[scene.points >= 0])
        assert found == round((1 - opacity) * beneath)


def test_z_sets_the_opacity() -> None:
    """The same red effect: not seen at z = 0, full from p = .001 on, with the sign of z of no account."""
    scene, red = make_scene(CUBE, None), 2 * ONES
    amounts = []
    for z in (0.0, THOUSANDTH / 2, -THOUSANDTH / 2, THOUSANDTH + 0.01, 9.0):
        seen = pixels(slices.draw_values(red, scene, "Effect", "effect", z=z * ONES))[150:600, 100:900]
        amounts.append(float((seen[..., 0] - seen[..., 2]).max()))
    assert amounts[0] == 0
    assert amounts[1] == amounts[2]
    assert 0 < amounts[1] < 0.5 * amounts[3]
    assert amounts[3] == amounts[4]


def test_the_outline_is_the_border_of_what_is_shown() -> None:
    """The middle third of a cube: a square in each slice, dark at its border and not within."""
    middle = (np.abs(CUBE.indices - 4) <= 1)[:, :2].all(axis=1)
    scene = make_scene(CUBE, None)
    border = slices.outline(scene, middle)
    inside = (scene.points >= 0) & middle[scene.points]
    assert (border <= inside).all()
    box = scene.boxes[0]
    cell = np.s_[box.top : box.top + box.height, box.left : box.left + box.width]
    height, width = np.ptp(np.nonzero(inside[cell]), axis=1) + 1
    assert border[cell].sum() == 2 * (height + width) - 4
    shown = pixels(slices.draw_values(ONES, scene, "t", "t", outlined=middle))[58:, 11:1023][: len(border)]
    assert (shown[border] == 0).all()


def test_what_has_no_colour_is_in_the_legend() -> None:
    """Of each kind of picture; also the ends that are pointed, and outlines."""
    scene, x = make_scene(CUBE), CUBE.coordinates(np.arange(CUBE.n_points))[:, 0]
    tdp = np.linspace(0, 1, CUBE.n_points)
    extreme = np.r_[np.linspace(-1, 1, CUBE.n_points - 1), 70.0]
    legends = {
        "0, or none": slices.draw_tdp(tdp, x < 0, scene, "TDP"),
        "below 0.1": slices.draw_tdp(tdp, x < 0, scene, "TDP", least=0.1),
        "p ≥ .001": slices.draw_z(6 * tdp, "greater", scene),
        "p < .001": slices.draw_values(x, scene, "t", "t", z=x, outlined=x > 0),
        "not tested": slices.draw_values(x, scene, "t", "t"),
        "to 70": slices.draw_values(extreme, scene, "t", "t"),
        "7": slices.draw_clusters(1 + np.arange(CUBE.n_points) // 90, scene, "Clusters"),
        "8–9: again": slices.draw_clusters(1 + np.arange(CUBE.n_points) // 90, scene, "Clusters"),
    }
    for words, canvas in legends.items():
        assert words in [each.text for each in canvas.texts() if each.box.left > 1000], words


def test_low_tdp_is_coloured_where_no_other_is() -> None:
    scene, tdp = make_scene(CUBE), np.full(CUBE.n_points, 0.05)
    assert colourful(slices.draw_tdp(tdp, tdp > 0, scene, "TDP", least=0.1))[:, :1000].any()
    tdp[0] = 0.9
    few = colourful(slices.draw_tdp(tdp, tdp > 0, scene, "TDP", least=0.1))[:, :1000]
    assert few.mean() < 0.05
