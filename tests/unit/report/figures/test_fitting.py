"""Texts that fit into a width."""

import pytest

from bids_ari.report.figures.fitting import fitted
from bids_ari.report.figures.steps import font_of


@pytest.mark.parametrize("text", ["a short name", "words " * 40, "task-rest_acq-long_" * 20, "x" * 300, ""])
@pytest.mark.parametrize("width", [60, 300, 1100])
def test_no_line_is_wider_and_nothing_is_lost(text: str, width: float) -> None:
    found = fitted(text, width, 13, 9, is_bold=True)
    font = font_of(found.points, is_bold=True)
    assert all(font.getlength(line) <= width for line in found.lines)
    assert "".join(found.lines).replace(" ", "") == text.replace(" ", "")
    assert 9 <= found.points <= 13


def test_fonts_are_smaller_before_lines_are_broken() -> None:
    """Halves of a point: the largest size at which the text is narrow enough."""
    text = "a name of some length"
    widths = {n / 2: font_of(n / 2, is_bold=False).getlength(text) for n in range(18, 27)}
    for width in widths.values():
        largest = max(points for points, needed in widths.items() if needed <= width)
        assert fitted(text, width, 13, 9) == ((text,), largest)


def test_names_break_after_their_parts() -> None:
    found = fitted("task-rest_space-MNI152NLin6Asym_contrast-faces", 200, 9, 9)
    assert len(found.lines) > 1
    assert all(line[-1] in "_-" for line in found.lines[:-1])
