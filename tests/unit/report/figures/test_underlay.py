"""Underlays of the explorer: the template in its spaces, else the mask."""

from pathlib import Path

import numpy as np
import pytest
from builders import saved
from builders_scenes import make_scene

from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.report.figures.underlay import Template, load_template, make_underlay


@pytest.mark.parametrize("stride", [1, 2])
def test_the_underlay_shows_the_template_where_the_space_has_it(stride: int) -> None:
    affine = np.diag([-4.0, 4, 4, 1])
    affine[:3, 3] = [96, -132, -78]
    inside = np.zeros((49, 59, 49), dtype=bool)
    inside[20:30, 20:30, 20:30] = True
    mask = VolumeSpace(Grid((49, 59, 49), affine), inside)
    plain = make_underlay(mask, "native", stride)
    assert plain.start == (20, 20, 20)
    assert set(np.unique(plain.values)) == {np.float32(0.75)}
    brain = make_underlay(mask, "MNI152NLin6Asym", stride)
    seen = np.argwhere(brain.values > 0)
    at = seen[len(seen) // 2]
    voxel = np.asarray(brain.start) + stride * at
    template = load_template()
    place = np.linalg.inv(template.grid.affine) @ np.append(mask.grid.millimetres(voxel), 1)
    assert np.allclose(place, np.rint(place))  # 4 mm apart on a grid of 1 mm: nothing to interpolate
    assert brain.values[tuple(at)] == pytest.approx(
        template.values[tuple(np.rint(place[:3]).astype(int))] / 255, abs=1e-6
    )


def test_the_underlay_is_the_mask_where_the_template_is_elsewhere() -> None:
    affine = np.eye(4)
    affine[:3, 3] = 500
    mask = VolumeSpace(Grid((4, 4, 4), affine), np.ones((4, 4, 4), dtype=bool))
    assert "tested voxels" in make_underlay(mask, "MNI152NLin6Asym").description


def test_the_template_is_that_of_nilearn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where nilearn has it elsewhere, and its function returns it as fractions."""
    found = load_template()
    monkeypatch.setattr("bids_ari.images.nilearn_data.installed_file", lambda package, path: None)
    other = load_template.__wrapped__()
    assert found.values.max() == 255
    np.testing.assert_array_equal(other.values, found.values)
    np.testing.assert_array_equal(other.box, found.box)


class TestImage:
    """A ball of 40, whose middle is at 0, 0, 0 mm, on a grid of 1 mm; the statistics are on one of 2 mm."""

    GRID = Grid((40, 40, 40), np.array([[1.0, 0, 0, -20], [0, 1, 0, -20], [0, 0, 1, -20], [0, 0, 0, 1]]))
    SPACE = VolumeSpace(
        Grid((10, 10, 10), np.array([[2.0, 0, 0, -10], [0, 2, 0, -10], [0, 0, 2, -10], [0, 0, 0, 1]])),
        np.ones((10, 10, 10), dtype=bool),
    )

    @pytest.fixture
    def ball(self, tmp_path: Path) -> Path:
        squares = sum((axis - 20.0) ** 2 for axis in np.indices(self.GRID.shape))
        return saved(tmp_path / "ball.nii.gz", np.where(squares < 8**2, 40.0, np.nan), self.GRID.affine)

    @pytest.mark.parametrize("label", [None, "T1w", "MNI152NLin6Asym"])
    def test_it_is_shown_on_the_grid_of_the_statistics(self, ball: Path, label: str | None) -> None:
        underlay = make_underlay(self.SPACE, label, 1, ball)
        assert underlay.description == "ball.nii.gz"
        voxel = tuple(np.subtract((5, 5, 5), underlay.start))  # at 0, 0, 0 mm
        assert underlay.values[voxel] == 1
        assert underlay.values[tuple(np.subtract((0, 0, 0), underlay.start))] == 0
        scene = make_scene(self.SPACE, label, image=ball)
        assert (scene.underlay, scene.is_on_template) == ("ball.nii.gz", label == "MNI152NLin6Asym")

    def test_one_that_is_gone_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        assert "tested voxels" in make_underlay(self.SPACE, None, 1, Path("gone.nii.gz")).description
        assert "gone.nii.gz" in caplog.text


@pytest.mark.parametrize("turn", [0.0, 0.2])
def test_templates_are_interpolated_linearly(turn: float) -> None:
    """A plane a x + b y + c z is exact wherever there are values, on an oblique grid, too; outside is 0."""
    affine = np.array([[-2.0, 0, 0, 20], [0, 3, 0, -15], [0, 0, 4, -20], [0, 0, 0, 1]])
    affine[:2, :2] = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ affine[:2, :2]
    grid = Grid((21, 11, 11), affine)
    places = grid.millimetres(np.argwhere(np.ones(grid.shape, dtype=bool)))
    plane = np.rint(places @ [1, 2, 1] + 100).astype(np.uint8).reshape(grid.shape)
    template = Template(plane, grid, np.zeros((2, 3)))
    x, y, z = np.linspace(-7, 7, 5), np.linspace(-8, 8, 4)[:, None], np.linspace(-15, 15, 3)[:, None, None]
    found = template.values_across(x, y, z)
    assert found.shape == (3, 4, 5)
    np.testing.assert_allclose(255 * found, x + 2 * y + z + 100, atol=0.6)  # values are integers
    assert (template.values_across(x + 100, y, z) == 0).all()
    assert (template.values_across(x, y, z - 100) == 0).all()


def test_underlays_of_oblique_grids_are_those_of_the_same_places() -> None:
    """Turned by next to nothing, they are interpolated in another way, with the same result."""
    affine = np.array([[4.0, 0, 0, -60], [0, 4, 0, -60], [0, 0, 4, -40], [0, 0, 0, 1]])
    shape = (30, 30, 25)
    plain = make_underlay(VolumeSpace(Grid(shape, affine), np.ones(shape, dtype=bool)), "MNI152NLin6Asym")
    nudged = affine.copy()
    nudged[0, 1] = 1e-9
    oblique = make_underlay(VolumeSpace(Grid(shape, nudged), np.ones(shape, dtype=bool)), "MNI152NLin6Asym")
    assert plain.values.shape == oblique.values.shape == shape
    np.testing.assert_allclose(plain.values, oblique.values, atol=1e-5)
