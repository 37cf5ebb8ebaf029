"""Texts and shapes of pictures."""

import io

import matplotlib.image
import numpy as np
import pytest

from bids_ari.report.figures import steps
from bids_ari.report.figures.canvas import Canvas, drawn


def ink(made: Canvas) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns that are not white."""
    dark = (made.pixels < 128).any(axis=-1)
    return np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))


@pytest.mark.parametrize("anchor", ["lm", "mm", "rm"])
def test_texts_are_at_their_anchor(anchor: str) -> None:
    """Of two capitals, beside which fonts leave a pixel or two."""
    made = Canvas((100, 60))
    made.write("HH", 50, 30, anchor=anchor)
    rows, columns = ink(made)
    width = int(np.ptp(columns)) + 1
    assert {"lm": columns[0], "mm": columns.mean(), "rm": columns[-1]}[anchor] == pytest.approx(50, abs=3)
    assert 15 < width < 30
    assert rows.mean() == pytest.approx(30, abs=1.5)
    assert np.ptp(rows) + 1 == pytest.approx(0.729 * 10 * 120 / 72, abs=1)  # the height of capitals of DejaVu Sans


@pytest.mark.parametrize("anchor", ["la", "mm", "rm", "md"])
@pytest.mark.parametrize("points", [6, 13])
def test_boxes_are_those_of_the_ink(anchor: str, points: float) -> None:
    """Up to the smooth edges of letters, which `ink` has in part: a pixel or two."""
    made = Canvas((120, 60))
    made.write("Hgj", 60, 30, points, anchor=anchor)
    (written,) = made.texts()
    rows, columns = ink(made)
    seen = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    assert written.text == "Hgj"
    np.testing.assert_allclose(written.box, seen, atol=2)


def test_lines_of_a_text_are_below_one_another_and_centred() -> None:
    """Boxes are of letters: the tails of "p" reach below a line, and widths are rounded to pixels."""
    made = Canvas((120, 90))
    made.write("units of\nthe maps", 60, 45, anchor="mm")
    first, second = (each.box for each in made.texts())
    assert first.bottom < second.top
    assert (first.top + second.bottom) / 2 == pytest.approx(45, abs=3)
    for box in (first, second):
        assert (box.left + box.right) / 2 == pytest.approx(60, abs=1.5)


def test_an_outline_is_white() -> None:
    made = Canvas((40, 40))
    made.rectangle(0, 0, 40, 40, "#0000ff")
    made.write("1", 20, 20, is_outlined=True)
    seen = made.pixels.reshape(-1, 3).tolist()
    assert [255, 255, 255] in seen
    assert [0, 0, 0] in seen


def test_a_rectangle_has_its_size() -> None:
    made = Canvas((40, 40))
    made.rectangle(3, 5, 10, 20)
    rows, columns = ink(made)
    assert (rows.tolist(), columns.tolist()) == (list(range(5, 25)), list(range(3, 13)))


@pytest.mark.parametrize("diameter", [4.2, 8.3])
def test_a_dot_is_round_and_centred(diameter: float) -> None:
    """Its opacity adds up to the area of a circle."""
    made = Canvas((40, 40))
    made.dot(20, 10, diameter, "#000000")
    cover = 1 - made.pixels[..., 0] / 255
    assert cover.sum() == pytest.approx(np.pi / 4 * diameter**2, rel=0.1)
    rows, columns = np.indices(cover.shape)
    assert (rows * cover).sum() == pytest.approx(10 * cover.sum())
    assert (columns * cover).sum() == pytest.approx(20 * cover.sum())


def test_letters_without_glyph_and_dollars_are_no_error() -> None:
    file = drawn((600, 200), "$x_{ 漢字\n", "a" * 999, lambda canvas: None).png()
    seen = matplotlib.image.imread(io.BytesIO(file), format="png")
    assert seen.shape[:2] == (200, 600)
    assert (seen[:, -1] == 1).all()


def test_fonts_are_found_where_matplotlib_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if they are not in its package."""
    own = Canvas((60, 30))
    own.write("Aa", 30, 15, 9.5)
    monkeypatch.setattr(steps, "installed_file", lambda package, path: None)
    steps.font_of.cache_clear()
    other = Canvas((60, 30))
    other.write("Aa", 30, 15, 9.5)
    steps.font_of.cache_clear()
    assert (own.pixels == other.pixels).all()
