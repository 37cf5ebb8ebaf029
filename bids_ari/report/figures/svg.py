"""What matplotlib leaves out of an SVG: its size in mm, and the fonts of its texts."""

import base64
import io
import re
from collections import defaultdict
from functools import cache
from typing import NamedTuple
from xml.etree import ElementTree

from bids_ari.report.figures.steps import font_file

_FAMILY = "'DejaVu Sans'"
_LIKE_IT = f"{_FAMILY}, Verdana, sans-serif"  # where embedded fonts are not read: Verdana is as wide
_USUAL = frozenset(map(chr, range(0x20, 0x7F))) | frozenset("–−…±≤≥²³°µ")
_LEFT_OUT = ["FFTM", "GDEF", "GPOS", "GSUB", "gasp", "kern"]  # tables of ligatures and the like
_FINE = 0.3  # points of a pixel below which images are smoothed when a page is small: at 300 dpi it is 0.24
_IMAGE = re.compile(r'(<image [^>]*transform="matrix\(([\d.]+)[^>]*?) style="image-rendering:[^"]*"')
_SPACE = "{http://www.w3.org/2000/svg}"


class _Face(NamedTuple):
    """A font of a family."""

    is_bold: bool
    is_oblique: bool


def finished(svg: str, width: float, size: tuple[int, int]) -> bytes:
    """Return an SVG of a picture, of a size in units and a width in mm, with these and with its fonts.

    Of each font, only the usual letters and those of its texts are embedded.
    """
    sizes = f'width="{width:.7g}mm" height="{width * size[1] / size[0]:.7g}mm"'
    faces = "".join(_rule(face, letters) for face, letters in sorted(_letters(svg).items()))
    svg = re.sub(r'width="[^"]*" height="[^"]*"', sizes, svg, count=1)
    svg = _IMAGE.sub(lambda found: found[1] if float(found[2]) < _FINE else found[0], svg)
    svg = re.sub(f'{_FAMILY}(?=[;"])', _LIKE_IT, svg)
    return re.sub(r'(<style type="text/css">)', lambda found: found[1] + faces, svg, count=1).encode()


def _letters(svg: str) -> dict[_Face, frozenset[str]]:
    """Return the letters of each font in an SVG, with the usual ones."""
    found: dict[_Face, frozenset[str]] = defaultdict(lambda: _USUAL)
    for tag in ("text", "tspan"):
        for element in ElementTree.fromstring(svg).iter(f"{_SPACE}{tag}"):
            style = element.get("style", "")
            face = _Face(bool(re.search("bold|700", style)), bool(re.search("oblique|italic", style)))
            found[face] |= frozenset((element.text or "").strip())
    return found


@cache
def _rule(face: _Face, letters: frozenset[str]) -> str:
    """Return the rule of a font for style sheets."""
    weight, style = "bold" if face.is_bold else "normal", "oblique" if face.is_oblique else "normal"
    content = base64.b64encode(_subset(face, letters)).decode()
    return (
        f"@font-face{{font-family: {_FAMILY}; font-weight: {weight}; font-style: {style}; "
        f"src: url(data:font/woff;base64,{content}) format('woff')}}\n"
    )


def _subset(face: _Face, letters: frozenset[str]) -> bytes:
    """Return a font with some letters, as a WOFF file."""
    from fontTools import subset

    options = subset.Options(
        flavor="woff", hinting=False, layout_features=[], notdef_outline=True, name_IDs=[], drop_tables=_LEFT_OUT
    )
    file, chosen = io.BytesIO(), subset.Subsetter(options)
    with subset.load_font(str(font_file(**face._asdict())), options, dontLoadGlyphNames=True) as font:
        chosen.populate(unicodes=sorted(map(ord, letters)))
        chosen.subset(font)
        subset.save_font(font, file, options)
    return file.getvalue()
