"""Boxes, lines and baselines of the steps of drawing."""

import numpy as np
import pytest

from bids_ari.report.figures.png import DPI
from bids_ari.report.figures.steps import BLACK, Line, Paste, font_file, font_of, lines_of


def lines(text: str, anchor: str = "mm", points: float = 10, *, is_outlined: bool = False) -> list[Line]:
    return [*lines_of(text, 100, 50, points, anchor, BLACK, is_bold=False, is_outlined=is_outlined)]


def test_pixels_have_their_box() -> None:
    """60 x 40 pixels, two of a unit."""
    assert Paste(np.zeros((40, 60, 3), np.uint8), 10, 20, 2.0).box == (10, 20, 40, 40)


def test_a_text_of_one_line_is_one_step() -> None:
    (line,) = lines("units")
    assert (line.text, line.column, line.row) == ("units", 100, 50)


@pytest.mark.parametrize(("anchor", "place"), [("la", 0), ("lm", 1), ("ld", 2)])
def test_lines_are_evenly_apart_around_their_anchor(anchor: str, place: int) -> None:
    """The first of three at the row, the second, or the last."""
    found = lines("a\nb\nc", anchor)
    rows = [line.row for line in found]
    assert rows[place] == 50
    assert rows[1] - rows[0] == rows[2] - rows[1] > 10 * DPI / 72  # more than the size of the font


@pytest.mark.parametrize("anchor", ["la", "ma", "ra"])
def test_lines_are_centred(anchor: str) -> None:
    found = lines("a longer line\nshort", anchor)
    middles = [(line.written.box.left + line.written.box.right) / 2 for line in found]
    assert middles[0] == pytest.approx(middles[1], abs=1.5)
    ends = [line.written.box for line in found]
    widest = {"la": min(box.left for box in ends), "ra": max(box.right for box in ends), "ma": middles[0]}[anchor]
    assert widest == pytest.approx(100, abs=1.5)


@pytest.mark.parametrize("anchor", ["la", "lm", "ld"])
@pytest.mark.parametrize("points", [8, 20])
def test_letters_stand_on_the_baseline(anchor: str, points: float) -> None:
    """As an H does in any font."""
    (line,) = lines("H", anchor, points)
    assert line.written.box.bottom == pytest.approx(line.baseline, abs=1)


@pytest.mark.parametrize(("anchor", "inside"), [("la", (0, 1)), ("ld", (-1, 0)), ("lm", (-0.5, 0.5))])
def test_a_text_is_below_above_or_around_its_row(anchor: str, inside: tuple[float, float]) -> None:
    (line,) = lines("Hg", anchor)
    box, height = line.written.box, 1.3 * 10 * DPI / 72  # of a line
    assert 50 + inside[0] * height <= box.top < box.bottom <= 50 + inside[1] * height


def test_an_outline_makes_the_box_larger() -> None:
    (plain,), (outlined,) = lines("H"), lines("H", is_outlined=True)
    assert [b - a for a, b in zip(plain.written.box, outlined.written.box, strict=True)] == [-2, -2, 2, 2]


def test_control_characters_are_shown_as_text() -> None:
    assert [line.text.isprintable() for line in lines("a\x1b[31m\nb\x07")] == [True, True]


def test_fonts_have_the_size_in_points() -> None:
    """A point is 1/72 inch, and a unit 1/120."""
    assert font_of(10, is_bold=False).size == pytest.approx(10 * 120 / 72)
    assert font_of(10, is_bold=False, scale=3).size == pytest.approx(50)
    assert font_of(10, is_bold=True).getlength("mm") > font_of(10, is_bold=False).getlength("mm")


def test_each_font_has_a_file() -> None:
    names = [font_file(is_bold=bold, is_oblique=oblique).name for bold in (False, True) for oblique in (False, True)]
    assert names == ["DejaVuSans.ttf", "DejaVuSans-Oblique.ttf", "DejaVuSans-Bold.ttf", "DejaVuSans-BoldOblique.ttf"]
    assert all(font_file(is_bold=bold, is_oblique=not bold).is_file() for bold in (False, True))
