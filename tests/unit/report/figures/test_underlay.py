"""Underlays: the template of nilearn, or an image."""

from pathlib import Path

import numpy as np
import pytest
from builders import saved
from builders_scenes import make_scene

from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.report.figures.underlay import Template, load_template


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
    def test_it_is_below_the_pictures(self, ball: Path, label: str | None) -> None:
        scene = make_scene(self.SPACE, label, image=ball)
        assert (scene.underlay, scene.is_on_template) == ("ball.nii.gz", label == "MNI152NLin6Asym")


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


def test_the_edge_of_a_brain_is_as_bright_as_the_brain() -> None:
    """A half space of 200 beside nothing: half of the way from its last voxel to the next, half is brain, and 200."""
    values = np.zeros((4, 3, 3), dtype=np.uint8)
    values[2:] = 200
    template = Template(values, Grid((4, 3, 3), np.eye(4)), np.zeros((2, 3)))
    x, y, z = np.array([0.0, 1, 1.25, 1.5, 2, 3]), np.array([[1.0]]), np.array([[[1.0]]])
    brain, inside = (found.ravel() for found in template.brain_across(x, y, z))
    np.testing.assert_allclose(inside, [0, 0, 0.25, 0.5, 1, 1])
    np.testing.assert_allclose(255 * brain[2:], 200)
    np.testing.assert_allclose(255 * template.values_across(x, y, z).ravel(), [0, 0, 50, 100, 200, 200])
