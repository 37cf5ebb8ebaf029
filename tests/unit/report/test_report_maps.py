"""The pictures of whole maps: colours, opacity, outlines, sides, and files that stay small."""

import io
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest
from reported import analysed

from bids_ari.analysis.result import ContrastResult
from bids_ari.images.space import Grid, VolumeSpace
from bids_ari.report.figures import png
from bids_ari.report.figures import slices as figures
from bids_ari.report.figures.draw import Picture, draw
from bids_ari.report.figures.glass_brain import draw_glass
from bids_ari.report.figures.scales import tdp_scale, value_scale, z_scale
from bids_ari.report.figures.scene import make_scene
from bids_ari.stats.glm import GlmResult

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


def on(result: ContrastResult, **entities: str) -> ContrastResult:
    """The result with other entities."""
    changed = {**dict(result.contrast.entities), **entities}
    return replace(result, contrast=replace(result.contrast, entities=type(result.contrast.entities).of(changed)))


class TestScales:
    def test_zero_is_white_and_the_ends_are_as_far(self) -> None:
        """RdBu_r: blue below, red above; 0.1 % of 1000 values is beyond, and has the last colour."""
        values = np.concatenate([np.linspace(-2, 2, 9999), [-90.0]])
        scale = value_scale(values, "t")
        assert scale.ends == (-2.0, 2.0)
        assert scale.beyond == "min"
        below, zero, above, far, end = scale.colour(np.array([-1.0, 0.0, 1.0, -90.0, -2.0])).astype(int)
        assert zero.min() > 240
        assert below[2] > below[0] + 50
        assert above[0] > above[2] + 50
        assert (far == end).all()

    def test_what_has_no_sign_begins_at_0(self) -> None:
        scale = value_scale(np.array([0.0, 1.0, 4.0]), "F", is_signed=False)
        assert scale.ends == (0.0, 4.0)
        assert scale.colour(np.array([0.0])).min() > 240

    @pytest.mark.parametrize("values", [np.zeros(3), np.array([np.inf, -np.inf]), np.array([])])
    def test_there_is_always_a_scale(self, values: np.ndarray) -> None:
        assert value_scale(values, "t").ends == (-1.0, 1.0)

    def test_z_below_the_threshold_is_grey(self) -> None:
        red, green, blue = z_scale(np.array([4.0, 7.5]), "greater").colour(np.array([2.0]))[0]
        assert red == green == blue

    def test_tdp_runs_from_0_to_1_in_viridis(self) -> None:
        """Its ends are published as (0.267004, 0.004874, 0.329415) and (0.993248, 0.906157, 0.143936)."""
        found = tdp_scale().colour(np.array([0.0, 1.0]))
        assert found.tolist() == [[68, 1, 84], [253, 231, 36]]  # 255 times that, without the fraction


class TestValues:
    def test_the_nearer_to_0_the_fainter(self) -> None:
        """Opacity is the square of z / 3.09: of the way from the grey beneath to the colour, 0, a quarter, all."""
        scene = make_scene(CUBE, None)
        colours = np.zeros((CUBE.n_points, 3), dtype=np.uint8)
        (beneath,) = np.unique(scene.paint(colours, ONES == 0)[scene.voxel >= 0])
        for opacity in (0.0, 0.25, 1.0):
            (found,) = np.unique(scene.fade(colours, opacity * ONES)[scene.voxel >= 0])
            assert found == round((1 - opacity) * beneath)

    def test_z_sets_the_opacity(self) -> None:
        """The same red effect: not seen at z = 0, full from p = .001 on, with the sign of z of no account."""
        scene, red = make_scene(CUBE, None), 2 * ONES
        amounts = []
        for z in (0.0, THOUSANDTH / 2, -THOUSANDTH / 2, THOUSANDTH + 0.01, 9.0):
            seen = pixels(figures.draw_values(red, scene, "Effect", "effect", z=z * ONES))[150:600, 100:900]
            amounts.append(float((seen[..., 0] - seen[..., 2]).max()))
        assert amounts[0] == 0
        assert amounts[1] == amounts[2]
        assert 0 < amounts[1] < 0.5 * amounts[3]
        assert amounts[3] == amounts[4]

    def test_the_outline_is_the_border_of_what_is_shown(self) -> None:
        """The middle third of a cube: a square in each slice, dark at its border and not within."""
        middle = (np.abs(CUBE.indices - 4) <= 1)[:, :2].all(axis=1)
        scene = make_scene(CUBE, None, [0.0])
        border = figures._outline(scene, middle)
        inside = (scene.voxel >= 0) & middle[scene.voxel]
        assert (border <= inside).all()
        row, column = divmod(scene.cuts.index(0.0), 4)
        cell = np.s_[row * 314 : (row + 1) * 314, column * 253 : (column + 1) * 253]
        height, width = np.ptp(np.nonzero(inside[cell]), axis=1) + 1
        assert border[cell].sum() == 2 * (height + width) - 4
        shown = pixels(figures.draw_values(ONES, scene, "t", "t", outlined=middle))[58:686, 11:1023]
        assert (shown[border] == 0).all()

    def test_the_words_of_a_style_change_nothing(self) -> None:
        import matplotlib as mpl

        scene = make_scene(CUBE, None)
        plain = figures.draw_values(ONES, scene, "t", "t")
        with mpl.rc_context({"font.size": 30, "figure.facecolor": "black"}):
            assert figures.draw_values(ONES, scene, "t", "t") == plain


LEFT_SIDE, RIGHT_SIDE, TOP = np.s_[:, 10:298], np.s_[:, 530:812], np.s_[:, 830:1040]
"""Where the views of the glass brain are in its picture."""


class TestGlass:
    @pytest.mark.parametrize("flip", [1, -1])
    def test_left_is_left(self, flip: int) -> None:
        """Voxels with x < -4 mm: in the view of the left side, on the left from the top, and nowhere on the right."""
        affine = GRID.affine.copy()
        affine[0] *= flip
        mask = VolumeSpace(replace(GRID, affine=affine), CUBE.inside)
        z = np.where(mask.grid.millimetres(mask.indices)[:, 0] < -4, 5.0, 0.0)
        red = reddish(pixels(draw_glass(z, mask, "", is_signed=True)))
        assert red[LEFT_SIDE].any()
        assert not red[RIGHT_SIDE].any()
        columns = np.flatnonzero(red[TOP].any(axis=0)) + 830
        assert columns.size
        assert columns.max() < 928  # the middle of the view from the top

    def test_both_signs_but_of_f(self) -> None:
        z = np.where(CUBE.indices[:, 1] < 4, -5.0, 5.0)
        for is_signed in (True, False):
            seen = pixels(draw_glass(z, CUBE, "", is_signed=is_signed))[:, :1040]
            assert reddish(seen).any()
            assert bluish(seen).any() == is_signed

    @pytest.mark.parametrize("z", [0.0, 3.05, np.inf])
    def test_nothing_or_infinity_is_drawn(self, z: float) -> None:
        red = reddish(pixels(draw_glass(z * ONES, CUBE, "", is_signed=True))[:, :1040])
        assert red.any() == (z > THOUSANDTH)


class TestFiles:
    def test_common_colours_are_kept(self) -> None:
        """A palette of two colours and a rare third, which becomes the nearer."""
        image = np.full((50, 50, 3), (230, 159, 0), dtype=np.uint8)
        image[:25] = (86, 180, 233)
        found = np.rint(255 * pixels(png.encode(image))).astype(np.uint8)
        assert (found == image).all()

    def test_many_colours_stay_near(self) -> None:
        """More than a palette holds: each channel is within half of a step of what it was."""
        image = np.random.default_rng(3).integers(0, 256, (80, 80, 3)).astype(np.uint8)
        found = np.rint(255 * pixels(png.encode(image)))
        assert np.abs(found - image).max() <= png.GREY_STEP / 2

    def test_size_is_that_of_the_file(self) -> None:
        assert Picture("", "", "", png.encode(np.zeros((30, 70, 3), dtype=np.uint8))).size == (70, 30)

    def test_letters_without_glyph_and_dollars_are_no_error(self) -> None:
        assert pixels(png.draw_png((600, 200), "$x_{ 漢字", "a" * 999, lambda figure: None)).shape == (200, 600, 3)


class TestWhichMaps:
    def names(self, result: ContrastResult) -> list[str]:
        return [what for what in dict(draw(result)) if what in ("glass", "z", "faded") or "everywhere" in what]

    def test_what_there_is(self) -> None:
        """A group: all; z alone: z alone; no template: no glass brain."""
        result = analysed(3.0)[0]
        assert self.names(on(result, space="T1w")) == ["z", "faded", *(f"{w} everywhere" for w in ("effect", "t", "z"))]
        z_alone = replace(on(result, space="T1w"), glm=GlmResult.of_z(result.glm.z), quality=None)
        assert self.names(z_alone) == ["z", "faded", "z everywhere"]
