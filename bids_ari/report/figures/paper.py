"""Pictures as figures of a paper: at most 180 mm wide, in PNG of 300 dpi, PDF or SVG.

All figures have one scale, so that texts of all have the same sizes: the width of a page is that of most pictures of a
report, 1152 units.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from bids_ari.analysis.result import ContrastResult
from bids_ari.config.choices import FIGURE_FORMATS
from bids_ari.errors import UsageError, listing
from bids_ari.report.figures.canvas import Canvas
from bids_ari.report.figures.draw import Drawing, drawings
from bids_ari.report.figures.png import save
from bids_ari.report.figures.raster import pixels_of
from bids_ari.report.figures.vector import vector_file
from bids_ari.runtime.progress import track

WIDTH = 180.0
"""Width in mm of a figure over the whole width of a page."""

DPI = 300
"""Pixels of an inch, of a PNG and of the brains in other formats."""

_UNITS = 1152  # of this width
_MM = 25.4  # of an inch

_RESOLUTION = b"pHYs" + round(1000 * DPI / _MM).to_bytes(4, "big")
_HEAD = 1024
"""The beginning of the chunk of a PNG file with its resolution, and the bytes of the file in which it is looked for."""

PER_UNIT = round(WIDTH / _MM * DPI) / _UNITS
"""Pixels of a unit."""


def paper_figures(result: ContrastResult, formats: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Draw the pictures of a result for papers; yield the name of each file and its content."""
    if formats:
        found = [each for _, each in drawings(result, PER_UNIT)]
        yield from track(_files(found, formats), "drawing figures for papers", "file", len(found) * len(formats))


def _files(found: Iterable[Drawing], formats: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file."""
    for each in found:
        canvas = each.draw()
        yield from ((f"{each.name}.{ending}", paper_file(canvas, ending)) for ending in formats)


def figure(result: ContrastResult, shown: str = "tdp", file_format: str | None = None) -> bytes:
    """Draw one picture of a result, and return it as a file.

    Parameters
    ----------
    result : ContrastResult
        The result.
    shown : str
        What the picture shows, a key of `drawings`.
    file_format : {'png', 'pdf', 'svg'}, optional
        The format of a figure for a paper, see `paper_file`; by default a small PNG, for pages and notebooks.

    Raises
    ------
    UsageError
        When the result has no such picture, or there is no such format.
    """
    if file_format not in (None, *FIGURE_FORMATS):
        raise UsageError(f"file_format is {file_format!r}", f"None, {', '.join(FIGURE_FORMATS)}")
    found = dict(drawings(result, 1.0 if file_format is None else PER_UNIT))
    if shown not in found:
        raise UsageError(f"The result has no picture {shown!r}", f"one of: {listing(sorted(found), 30)}")
    canvas = found[shown].draw()
    return canvas.png() if file_format is None else paper_file(canvas, file_format)


def formats_of(files: Iterable[Path]) -> tuple[str, ...]:
    """Return the formats in which some of these files are figures for papers; small pictures of reports are none."""
    found = {path.suffix[1:] for path in files if path.suffix[1:] in FIGURE_FORMATS and _is_for_paper(path)}
    return tuple(each for each in FIGURE_FORMATS if each in found)


def _is_for_paper(path: Path) -> bool:
    """Return whether a picture is a figure for papers: of PNG files those of `DPI`, by their resolution per metre."""
    if path.suffix != ".png":
        return True
    try:
        with path.open("rb") as file:
            return _RESOLUTION in file.read(_HEAD)
    except OSError:
        return False


def paper_file(canvas: Canvas, file_format: str) -> bytes:
    """Return a picture as a figure of a paper in one of the formats ``png``, ``pdf`` and ``svg``."""
    width = width_of(canvas)
    if file_format == "png":
        scale = round(width / _MM * DPI) / canvas.size[0]
        return save(pixels_of(canvas.size, canvas.steps, scale), DPI)
    return vector_file(canvas.size, canvas.steps, width, file_format, canvas.title, canvas.subtitle)


def width_of(canvas: Canvas) -> float:
    """Return the width of a figure in mm."""
    return min(WIDTH * canvas.size[0] / _UNITS, WIDTH)
