"""What stands at the right of pictures: lines where slices lie, and marks with their meanings, by the pixels."""

import numpy as np

from bids_ari.report.figures.canvas import Canvas
from bids_ari.report.figures.legend import LEFT, LINE, Mark, draw_locators, draw_marks
from bids_ari.report.figures.scene import Locator
from bids_ari.report.figures.steps import Line

BLUE = (0x00, 0x72, 0xB2)  # of the lines
TOP, GAP, SIDE = 64, 8, 16


def is_colour(canvas: Canvas, colour: tuple[int, int, int]) -> np.ndarray:
    return np.asarray((canvas.pixels == colour).all(axis=-1))


def test_lines_lie_where_slices_do() -> None:
    """A locator of 30 x 20 units, at half a unit for a pixel: a vertical line at 5 and a horizontal one at 12."""
    canvas = Canvas((400, 200))
    below = draw_locators(canvas, (Locator(np.full((40, 60), 96, np.uint8), (5.0,), (12.0,)),), 2.0)
    assert below == TOP + 20 + GAP
    grey, blue = is_colour(canvas, (96, 96, 96)), is_colour(canvas, BLUE)
    rows, columns = np.nonzero(grey | blue)
    assert (rows.min(), rows.max()) == (TOP, TOP + 19)
    left, right = columns.min(), columns.max()
    assert right - left == 29
    assert (left + right) / 2 == 400 - LEFT / 2 - 4 - 0.5  # in the middle of its column, 4 to the left
    assert np.unique(np.nonzero(blue[TOP])[0]).tolist() == [left + 5]
    assert np.unique(np.nonzero(blue[:, left])[0]).tolist() == [TOP + 12]
    assert blue.sum() == 20 + 30 - 1  # they cross


def test_locators_are_below_one_another() -> None:
    canvas = Canvas((400, 300))
    low, high = (Locator(np.full((n, 40), grey, np.uint8)) for n, grey in ((10, 96), (30, 160)))
    assert draw_locators(canvas, (low, high), 1.0) == TOP + 10 + GAP + 30 + GAP
    assert np.unique(np.nonzero(is_colour(canvas, (96,) * 3))[0]).tolist() == [*range(TOP, TOP + 10)]
    assert np.unique(np.nonzero(is_colour(canvas, (160,) * 3))[0]).tolist() == [*range(TOP + 18, TOP + 48)]


def test_without_locators_marks_begin_at_the_top() -> None:
    assert draw_locators(Canvas((400, 200)), (), 1.0) == TOP


def test_marks_have_their_colours_and_texts() -> None:
    canvas = Canvas((400, 200))
    draw_marks(canvas, (Mark("tested"), Mark("found", "#00ff00", "#ff0000")), 100)
    left = 400 - LEFT
    for colour, top, inner in ((None, 100, (0xD8,) * 3), ((255, 0, 0), 100 + LINE, (0, 255, 0))):
        filled = is_colour(canvas, inner)[top : top + SIDE, left : left + SIDE]
        assert filled[1:-1, 1:-1].all()
        assert not filled[[0, -1]].any()
        assert not filled[:, [0, -1]].any()
        if colour is not None:
            assert is_colour(canvas, colour).sum() == SIDE**2 - (SIDE - 2) ** 2
    texts = [step for step in canvas.steps if isinstance(step, Line)]
    assert [step.text for step in texts] == ["tested", "found"]
    for step, top in zip(texts, (100, 100 + LINE), strict=True):
        box = step.written.box
        assert box.left > left + SIDE
        assert top < (box.top + box.bottom) / 2 < top + SIDE
