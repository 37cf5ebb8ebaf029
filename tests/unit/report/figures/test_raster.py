"""Steps to pixels of any size."""

import numpy as np
import pytest

from bids_ari.report.figures.canvas import Canvas
from bids_ari.report.figures.raster import pixels_of
from bids_ari.report.figures.steps import BLACK, Dot, Line, Paste, Rectangle, Step, Stroke


def dark(steps: list[Step], scale: float, size: tuple[int, int] = (60, 40)) -> np.ndarray:
    """Darkness from 0 to 1, (height, width)."""
    return 1 - pixels_of(size, steps, scale)[..., 0] / 255


@pytest.mark.parametrize("scale", [1.0, 1.8455, 3.0])
def test_all_steps_grow_with_the_picture(scale: float) -> None:
    """The middle of the ink, and its area, which for letters is not exact."""
    steps: list[tuple[Step, float]] = [
        (Rectangle(10, 10, 20, 10, BLACK), 0.04),
        (Dot(19.5, 14.5, 8, BLACK), 0.05),
        (Stroke(((10, 15), (30, 15)), 2, BLACK), 0.1),
        (Line("HH", 20, 15, 10, "mm", BLACK, True, False), 0.35),
        (Paste(np.zeros((20, 40, 3), dtype=np.uint8), 10, 10, 2.0), 0.04),
    ]
    for step, tolerance in steps:
        once, ink = dark([step], 1.0), dark([step], scale)
        assert ink.shape == (round(40 * scale), round(60 * scale))
        assert ink.sum() == pytest.approx(scale**2 * once.sum(), rel=tolerance)
        rows, columns = ((np.indices(ink.shape) + 0.5) * ink).sum(axis=(1, 2)) / ink.sum() / scale
        assert (rows, columns) == (pytest.approx(15, abs=1.5), pytest.approx(20, abs=1.5))


def test_pixels_of_the_same_size_are_kept() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (8, 6, 3), dtype=np.uint8)
    found = pixels_of((10, 10), [Paste(pixels, 1, 1, 2.0)], 2.0)
    assert (found[2:10, 2:8] == pixels).all()


def test_finer_pixels_become_their_mean() -> None:
    fine = np.zeros((4, 4, 3), dtype=np.uint8)
    fine[:, 2:] = 200
    fine[0, 0] = 80
    found = pixels_of((2, 2), [Paste(fine, 0, 0, 2.0)])
    assert found[..., 0].tolist() == [[20, 200], [0, 200]]


def test_coarser_pixels_keep_their_edges() -> None:
    """Two pixels of 1.5 each: one of three columns has both, in equal parts."""
    coarse = np.zeros((1, 2, 3), dtype=np.uint8)
    coarse[:, 1] = 200
    found = pixels_of((2, 2), [Paste(coarse, 0, 0, 1.0)], 1.5)
    assert found[0, :, 0].tolist() == [0, 100, 200]


def test_lines_are_smooth_and_have_their_width() -> None:
    """A slanted line of 40 by 30 units, so 50 long, of 3 units."""
    canvas = Canvas((60, 50))
    canvas.stroke([(10, 10), (50, 40)], 3)
    cover = 1 - canvas.pixels[..., 0] / 255
    assert cover.sum() == pytest.approx(150, rel=0.08)
    assert ((cover > 0) & (cover < 1)).any()
