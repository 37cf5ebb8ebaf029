"""Texts that fit into a width, in as large a font as possible: smaller ones first, then several lines."""

from bisect import bisect_right
from typing import NamedTuple

from bids_ari.report.figures.steps import font_of

_BREAKS = " _-/,"  # characters after which a line may end
_SMALLER = 0.5  # points


class Fitted(NamedTuple):
    """A text in lines."""

    lines: tuple[str, ...]
    points: float  # size of the font


def fitted(text: str, width: float, points: float, least: float, *, is_bold: bool = False) -> Fitted:
    """Return a text that is no wider than `width`: in one line if its font need not be smaller than `least`.

    >>> fitted("faces", 500, 13, 9)
    Fitted(lines=('faces',), points=13)
    >>> fitted("one_word " * 20, 500, 13, 9).points
    9
    """
    size = points
    while size >= least:
        if font_of(size, is_bold=is_bold).getlength(text) <= width:
            return Fitted((text,), size)
        size -= _SMALLER
    return Fitted(tuple(_lines(text, width, least, is_bold=is_bold)), least)


def _lines(text: str, width: float, points: float, *, is_bold: bool) -> list[str]:
    """Return lines, which end after spaces and the marks between the parts of names, or in a word that is too long."""
    font, lines = font_of(points, is_bold=is_bold), []
    while text:
        end = max(bisect_right(range(len(text) + 1), width, key=lambda n: font.getlength(text[:n])) - 1, 1)
        if end < len(text):
            end = max((i + 1 for i in range(end) if text[i] in _BREAKS and i + 1 > end / 2), default=end)
        lines.append(text[:end].rstrip(" "))
        text = text[end:].lstrip(" ")
    return lines
