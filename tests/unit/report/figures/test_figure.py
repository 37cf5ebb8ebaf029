"""Pictures drawn with matplotlib."""

import io
from collections.abc import Callable

import matplotlib as mpl
import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from bids_ari.report.figures.canvas import drawn


def draw(fill: Callable[[Figure, float], None], size: tuple[int, int] = (600, 200), title: str = "Title") -> bytes:
    return drawn(size, title, "", lambda canvas: canvas.plot(fill)).png()


def fill(figure: Figure, factor: float) -> None:
    figure.text(0.5, 0.5, "漢字 words")


def test_letters_without_glyph_are_no_error() -> None:
    seen = matplotlib.image.imread(io.BytesIO(draw(fill)), format="png")
    assert seen.shape[:2] == (200, 600)
    dark = (seen[..., :3].max(axis=-1) < 0.5).any(axis=1)
    assert dark[:40].any()  # the title
    assert dark[80:110].any()  # the words


def test_figures_leave_nothing_behind() -> None:
    """No open figure, no changed style, and the styles of others change nothing."""
    before, plain = dict(mpl.rcParams), draw(fill)
    with mpl.rc_context({"font.size": 30, "figure.facecolor": "black"}):
        assert draw(fill) == plain
    assert plt.get_fignums() == []
    assert dict(mpl.rcParams) == before


def test_pixels_are_those_of_the_figure() -> None:
    """A red left half stays where it is."""

    def halves(figure: Figure, factor: float) -> None:
        figure.figimage(np.tile([[[1.0, 0, 0], [0, 0, 1.0]]], (1, 1, 1)).repeat(100, 0).repeat(100, 1), 0, 0)

    seen = matplotlib.image.imread(io.BytesIO(draw(halves, (200, 100), "")), format="png")[..., :3]
    assert (seen[:, :100] == [1, 0, 0]).all()
    assert (seen[:, 100:] == [0, 0, 1]).all()


def test_boxes_of_texts_are_those_of_the_ink() -> None:
    """Of a text to the right, of one upwards, and of one in two lines."""

    def write(figure: Figure, factor: float) -> None:
        figure.text(0.2, 0.5, "Hgj", size=20)
        figure.text(0.5, 0.5, "Hgj", size=20, rotation=90)
        figure.text(0.8, 0.5, "HHH\nHHH", size=20)

    made = drawn((600, 200), "", "", lambda canvas: canvas.plot(write))
    dark = (made.pixels < 128).any(axis=-1)
    written = [each for each in made.texts() if each.text]
    assert [(each.text, each.angle) for each in written] == [("Hgj", 0), ("Hgj", 90), ("HHH", 0), ("HHH", 0)]
    for _, (left, top, right, bottom), _ in written:
        rows, columns = np.nonzero(dark[round(top) - 4 : round(bottom) + 4, round(left) - 4 : round(right) + 4])
        height, width = bottom - top, right - left
        assert columns.min() - 4 >= -1
        assert columns.max() - 4 <= width + 1
        assert rows.max() - 4 <= height + 1
        assert rows.min() - 4 >= -1
