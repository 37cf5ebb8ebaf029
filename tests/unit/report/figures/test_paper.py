"""Figures for papers: sizes, formats, the words of the report's pictures, and which files there are."""

import io
from xml.etree import ElementTree

import numpy as np
import pypdf
import pytest
from PIL import Image
from reported import analysed, analysed_surfaces, by_methods

from bids_ari.analysis.result import ContrastResult
from bids_ari.errors import UsageError
from bids_ari.report.figures import paper
from bids_ari.report.figures.canvas import Canvas
from bids_ari.report.figures.draw import Drawing, drawings
from bids_ari.report.figures.steps import Paste

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def result() -> ContrastResult:
    return by_methods()[1]


@pytest.fixture(scope="module")
def canvases(result: ContrastResult) -> dict[str, Canvas]:
    found: dict[str, Drawing] = dict(drawings(result, paper.PER_UNIT))
    kinds = ("glass", "tdp", "quality", "sheet 1", "calibration", "largest 0.5")
    return {kind: found[kind].draw() for kind in kinds}


@pytest.mark.parametrize(("n_units", "mm"), [(1152, 180), (576, 90), (800, 125), (2304, 180)])
def test_figures_have_one_scale_unless_they_are_wider_than_a_page(n_units: int, mm: float) -> None:
    assert paper.width_of(Canvas((n_units, 500))) == mm


def test_a_png_has_300_pixels_an_inch(canvases: dict[str, Canvas]) -> None:
    """180 mm are 2126 pixels."""
    with Image.open(io.BytesIO(paper.paper_file(canvases["tdp"], "png"))) as opened:
        assert opened.width == 2126
        assert opened.height == round(2126 / 1152 * canvases["tdp"].size[1])
        assert opened.info["dpi"] == pytest.approx((300, 300), abs=0.01)


def test_brains_are_as_fine_as_the_png(canvases: dict[str, Canvas]) -> None:
    """Anatomy is interpolated anew, not enlarged: it has most of the 256 greys, of which reports have every eighth."""
    (brain, *_) = [step for step in canvases["tdp"].steps if isinstance(step, Paste)]
    assert brain.per_unit == pytest.approx(2126 / 1152)
    assert np.unique(brain.pixels[..., 0]).size > 64


def test_all_formats_have_the_words_of_the_report(canvases: dict[str, Canvas], result: ContrastResult) -> None:
    """Pictures of reports as steps, PDF and SVG as other programs read them."""
    reported = dict(drawings(result))
    for kind, canvas in canvases.items():
        words = sorted(each.text for each in reported[kind].draw().texts() if each.text)
        assert sorted(each.text for each in canvas.texts() if each.text) == words
        svg = ElementTree.fromstring(paper.paper_file(canvas, "svg"))
        assert sorted(text.text or "" for text in svg.iter(f"{SVG}text")) == words
    for kind in ("tdp", "calibration"):
        (page,) = pypdf.PdfReader(io.BytesIO(paper.paper_file(canvases[kind], "pdf"))).pages
        letters = "".join(each.text for each in canvases[kind].texts())
        found = page.extract_text()
        assert all(found.count(letter) >= letters.count(letter) for letter in set(letters) - {" "})
        assert float(page.mediabox.width) == pytest.approx(180 / 25.4 * 72, abs=0.01)


def test_outlines_of_the_glass_brain_are_lines(canvases: dict[str, Canvas]) -> None:
    """More than 20 paths with curves, and one image for each of the four views and the bar."""
    svg = ElementTree.fromstring(paper.paper_file(canvases["glass"], "svg"))
    assert len([path for path in svg.iter(f"{SVG}path") if "C" in path.get("d", "")]) > 20
    assert len(list(svg.iter(f"{SVG}image"))) == 5


def test_surfaces_are_drawn_finer() -> None:
    canvas = dict(drawings(analysed_surfaces(cifti=True), paper.PER_UNIT))["tdp"].draw()
    with Image.open(io.BytesIO(paper.paper_file(canvas, "png"))) as opened:
        assert opened.width == 2126


def test_files_are_those_asked_for(result: ContrastResult, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = [
        ("tdp", Drawing("figures/x_tdp", "", "", lambda: Canvas((100, 50)))),
        ("z", Drawing("figures/x_z", "", "", lambda: Canvas((100, 50)))),
    ]
    monkeypatch.setattr(paper, "drawings", lambda *_: shown)
    assert [name for name, _ in paper.paper_figures(result, ("pdf", "svg"))] == [
        f"figures/x_{what}.{ending}" for what in ("tdp", "z") for ending in ("pdf", "svg")
    ]
    assert list(paper.paper_figures(result, ())) == []


def test_one_picture_of_a_result() -> None:
    result = analysed(3.0)[0]
    assert paper.figure(result).startswith(b"\x89PNG")
    assert paper.figure(result, "quality", "pdf").startswith(b"%PDF")
    with pytest.raises(UsageError, match=r"no picture 'TDP'.*faded.*tdp"):
        paper.figure(result, "TDP")
    with pytest.raises(UsageError, match=r"'tiff'.*png, pdf, svg"):
        paper.figure(result, file_format="tiff")
