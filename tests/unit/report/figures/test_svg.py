"""What is added to an SVG of matplotlib: its size, its fonts, and how images are enlarged."""

import base64
import io
import re

import pytest
from fontTools.ttLib import TTFont

from bids_ari.report.figures.svg import finished


def svg(*inner: str) -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="691.2pt" height="240pt" viewBox="0 0 691.2 240">'
        f'<style type="text/css">*{{stroke-linejoin: round}}</style>{"".join(inner)}</svg>'
    )


def text(content: str, style: str = "font: 10px 'DejaVu Sans'") -> str:
    return f'<text style="{style}">{content}</text>'


def made(*inner: str, width: float = 180, size: tuple[int, int] = (1152, 400)) -> str:
    return finished(svg(*inner), width, size).decode()


def fonts(found: str) -> dict[tuple[str, str], set[int]]:
    """The letters of each font, by weight and style."""
    rules = re.findall(r"@font-face\{.*?font-weight: (\w+); font-style: (\w+);.*?base64,([\w+/=]+)\)", found)
    return {
        (weight, style): set(TTFont(io.BytesIO(base64.b64decode(content))).getBestCmap())
        for weight, style, content in rules
    }


def test_the_size_is_in_mm() -> None:
    """A picture of 1152 x 400 units, 180 mm wide, is 62.5 mm high; only the outermost element changes."""
    found = made('<rect width="5" height="6"/>')
    assert 'width="180mm" height="62.5mm" viewBox="0 0 691.2 240"' in found
    assert '<rect width="5" height="6"/>' in found
    assert "pt" not in found.partition("<style")[0]


def test_a_font_has_the_usual_letters_and_those_of_the_texts() -> None:
    (letters,) = fonts(made(text("Größe ₖ"), text("<tspan>λ</tspan>"))).values()
    assert letters >= {*map(ord, "Größe ₖ"), *range(0x20, 0x7F), ord("≥")}
    assert ord("Ж") not in letters
    assert len(letters) < 200  # of some 5,000


@pytest.mark.parametrize(
    ("style", "face"),
    [
        ("font: 10px", ("normal", "normal")),
        ("font: 700 10px", ("bold", "normal")),
        ("font: bold 10px", ("bold", "normal")),
        ("font: italic 10px", ("normal", "oblique")),
        ("font: oblique 700 10px", ("bold", "oblique")),
    ],
)
def test_each_font_is_embedded_once(style: str, face: tuple[str, str]) -> None:
    """Letters of one are not those of another."""
    found = fonts(made(text("λ", f"{style} 'DejaVu Sans'"), text("λ", f"{style} 'DejaVu Sans'")))
    assert found.keys() == {face}
    both = fonts(made(text("λ", f"{style} 'DejaVu Sans'"), text("Ж")))
    assert ord("λ") in both[face]
    assert (ord("λ") in both["normal", "normal"]) == (face == ("normal", "normal"))


def test_other_programs_find_a_font_as_wide() -> None:
    found = made(text("a"))
    assert "<text style=\"font: 10px 'DejaVu Sans', Verdana, sans-serif\">" in found
    assert "font-family: 'DejaVu Sans';" in found  # of the rule, which has no other


def test_rules_come_before_other_styles() -> None:
    assert re.search(r'<style type="text/css">(@font-face\{[^}]*\}\n)+\*\{stroke-linejoin', made(text("a")))


def test_fine_pixels_are_smoothed_and_coarse_ones_are_not() -> None:
    """A pixel at 300 dpi has 0.24 points."""
    fine, coarse = (
        f'<image href="x" transform="matrix({scale} 0 0 -{scale} 9 9)" style="image-rendering:crisp-edges" x="1"/>'
        for scale in (0.24, 0.6)
    )
    found = made(fine, coarse)
    assert fine not in found
    assert '<image href="x" transform="matrix(0.24 0 0 -0.24 9 9)" x="1"/>' in found
    assert coarse in found


def test_the_same_bytes_again() -> None:
    assert made(text("λ"), text("b", "font: 700 9px")) == made(text("λ"), text("b", "font: 700 9px"))
