"""Underlays of the explorer: cells of the template, or of an image, where their voxels are; else the mask."""

import base64
import zlib
from pathlib import Path

import numpy as np
import pytest
from builders import saved

from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.report.explorer.underlay import LEVELS, MOST_CELLS, PageUnderlay, page_underlay
from bids_ari.report.figures.underlay import load_template

MNI = "MNI152NLin6Asym"


def space_of(affine: np.ndarray, shape: tuple[int, int, int], box: slice = slice(None)) -> VolumeSpace:
    inside = np.zeros(shape, dtype=bool)
    inside[box, box, box] = True
    return VolumeSpace(Grid(shape, affine), inside)


def cells_of(underlay: PageUnderlay) -> np.ndarray:
    """The levels of the cells, as the page computes them from differences along two axes."""
    packed = zlib.decompress(base64.b64decode(underlay.blob.text), wbits=31)
    found = np.frombuffer(packed, dtype=np.uint8).reshape(underlay.facts["shape"])
    return np.cumsum(np.cumsum(found, axis=1, dtype=np.uint8), axis=2, dtype=np.uint8)


def level_at(underlay: PageUnderlay, voxel: np.ndarray) -> int:
    """The level of the cell that is at a voxel; 0 outside."""
    cells, facts = cells_of(underlay), underlay.facts
    at = np.rint((voxel - np.array(facts["start"])) / np.array(facts["step"])).astype(int)
    index = [0, 0, 0]
    for axis, place in zip(facts["axes"], at, strict=True):
        index[axis] = int(place)
    inside = all(0 <= each < n for each, n in zip(index, cells.shape, strict=True))
    return int(cells[tuple(index)]) if inside else 0


def rotated(affine: np.ndarray, turn: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[1:3, 1:3] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    return matrix @ affine


LAS = np.array([[-4.0, 0, 0, 96], [0, 4, 0, -132], [0, 0, 4, -78], [0, 0, 0, 1]])
PERMUTED = np.array([[0, -4.0, 0, 96], [0, 0, 4, -132], [4, 0, 0, -78], [0, 0, 0, 1]])


@pytest.mark.parametrize("affine", [LAS, PERMUTED], ids=["LAS", "permuted"])
def test_the_template_has_its_own_resolution_wherever_the_voxels_are(affine: np.ndarray) -> None:
    template = load_template()
    underlay = page_underlay(space_of(affine, (50, 50, 50), slice(15, 25)), MNI, None)
    assert np.allclose(np.abs(underlay.facts["step"]), 1 / 4)  # cells of 1 mm, voxels of 4 mm
    assert np.prod(underlay.facts["shape"]) < template.values.size / 2  # cropped to the brain
    rng = np.random.default_rng(1)
    brain = np.argwhere(template.values > 20)
    for cell in brain[rng.integers(0, len(brain), 40)]:
        voxel = np.linalg.inv(affine) @ np.append(template.grid.millimetres(cell), 1)
        assert level_at(underlay, voxel[:3]) == np.ceil(int(template.values[tuple(cell)]) * LEVELS / 255)
    for low, high in underlay.field:
        assert low <= 14.5
        assert high >= 24.5


def test_on_an_oblique_grid_it_is_interpolated_at_the_same_places() -> None:
    template, affine = load_template(), rotated(LAS, 0.3)
    underlay = page_underlay(space_of(affine, (50, 60, 50), slice(10, 40)), MNI, None)
    rng, apart = np.random.default_rng(2), []
    for voxel in rng.uniform(18, 30, (60, 3)):
        place = np.rint(np.linalg.inv(template.grid.affine) @ affine @ np.append(voxel, 1))[:3].astype(int)
        apart.append(abs(level_at(underlay, voxel) - int(template.values[tuple(place)]) * LEVELS / 255))
    assert np.median(apart) < 2


@pytest.mark.parametrize("label", ["native", None, "MNIInfant"])
def test_without_a_template_it_is_the_mask(label: str | None) -> None:
    underlay = page_underlay(space_of(LAS, (50, 60, 50), slice(20, 30)), label, None)
    assert "tested voxels" in underlay.description
    assert underlay.facts["shape"] == [10, 10, 10]
    assert underlay.field == [[19.5, 29.5]] * 3
    assert len(np.unique(cells_of(underlay))) == 1
    assert underlay.glass is None


def test_it_is_the_mask_where_the_template_is_elsewhere() -> None:
    affine = np.eye(4)
    affine[:3, 3] = 500
    assert "tested voxels" in page_underlay(space_of(affine, (4, 4, 4)), MNI, None).description


def ball(path: Path, size: float, n: int, middle: tuple[float, float, float] = (0, 0, 0)) -> Path:
    """A ball of radius 8 mm around 0, 0, 0 mm, with nothing as NaN, on a grid of `n` voxels along each axis."""
    affine = np.diag([-size, size, size, 1])
    affine[:3, 3] = np.array([size, -size, -size]) * (n - 1) / 2
    places = Grid((n, n, n), affine).millimetres(np.argwhere(np.ones((n, n, n), dtype=bool)))
    inside = np.linalg.norm(places - middle, axis=1) < 8
    return saved(path, np.where(inside, 40.0, np.nan).reshape(n, n, n), affine)


SMALL = space_of(np.array([[2.0, 0, 0, -10], [0, 2, 0, -10], [0, 0, 2, -10], [0, 0, 0, 1]]), (10, 10, 10))


@pytest.mark.parametrize(("size", "n", "step"), [(1, 41, 0.5), (0.5, 81, 0.5), (1.5, 27, 0.75)])
def test_an_image_has_its_own_resolution_up_to_1_mm(tmp_path: Path, size: float, n: int, step: float) -> None:
    underlay = page_underlay(SMALL, MNI, ball(tmp_path / "ball.nii.gz", size, n))
    assert underlay.description == "ball.nii.gz"
    assert np.allclose(np.abs(underlay.facts["step"]), step)
    assert level_at(underlay, np.array([5, 5, 5])) == LEVELS  # 0, 0, 0 mm
    assert level_at(underlay, np.array([5, 8, 5])) == LEVELS  # 6 mm
    assert level_at(underlay, np.array([5, 9.6, 5])) == 0  # 9.2 mm


def test_of_a_large_image_cells_are_averaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bids_ari.report.explorer.underlay.MOST_CELLS", 2000)
    underlay = page_underlay(SMALL, None, ball(tmp_path / "large.nii.gz", 1, 41))
    assert np.prod(underlay.facts["shape"]) <= 2000 < MOST_CELLS
    assert level_at(underlay, np.array([5, 5, 5])) == LEVELS


def test_an_image_that_is_gone_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert "tested voxels" in page_underlay(SMALL, None, Path("gone.nii.gz")).description
    assert "gone.nii.gz" in caplog.text
