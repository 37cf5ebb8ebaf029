"""PDF and SVG: sizes, texts, fonts, images, and the same bytes again."""

import base64
import io
import os
import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pypdf
import pytest
from fontTools.ttLib import TTFont
from matplotlib.figure import Figure
from PIL import Image

from bids_ari.errors import printable
from bids_ari.report.figures.canvas import Canvas, drawn
from bids_ari.report.figures.vector import vector_file

SVG, XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
HOSTILE = "$x_{ <b>&\"' 漢"
WORDS = ["Title", "sub-title", "12", "α ≥ −3 & <b>", "units of", "the maps", "plotted tₖ", HOSTILE]
PIXELS = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def plot(figure: Figure, factor: float) -> None:
    figure.text(0.7, 0.2, "plotted tₖ", size=10 * factor)


def made() -> Canvas:
    """A picture with each kind of step."""

    def fill(canvas: Canvas) -> None:
        canvas.paste(PIXELS, 20, 100, 0.5)
        canvas.paste(PIXELS[:20], 200, 100)
        canvas.rectangle(300, 100, 20, 50, "#ff0000")
        canvas.dot(400, 120, 8.3, "#0072B2")
        canvas.stroke([(300, 200), (320, 220)], 2)
        canvas.write("12", 80, 140, is_bold=True, is_outlined=True)
        canvas.write("α ≥ −3 & <b>", 400, 200, 8)
        canvas.write("units of\nthe maps", 600, 200, 8)
        canvas.write(HOSTILE, 600, 300, 8)
        canvas.plot(plot)

    return drawn((1152, 400), "Title", "sub-title", fill)


def written(file_format: str, width: float = 180.0) -> bytes:
    canvas = made()
    return vector_file(canvas.size, canvas.steps, width, file_format, canvas.title, canvas.subtitle)


@pytest.fixture(scope="module")
def pdf() -> pypdf.PageObject:
    reader = pypdf.PdfReader(io.BytesIO(written("pdf")))
    (page,) = reader.pages
    assert (reader.metadata or {})["/Title"] == "Title"
    assert "/CreationDate" not in (reader.metadata or {})
    return page


@pytest.fixture(scope="module")
def svg() -> ElementTree.Element:
    return ElementTree.fromstring(written("svg"))


def test_a_pdf_has_its_size(pdf: pypdf.PageObject) -> None:
    """180 mm are 510.236 points of 1/72 inch; 400 of 1152 of that are 62.5 mm."""
    assert [float(side) for side in pdf.mediabox[2:]] == pytest.approx([180 / 25.4 * 72, 62.5 / 25.4 * 72], abs=0.01)


def test_an_svg_has_its_size(svg: ElementTree.Element) -> None:
    assert (svg.get("width"), svg.get("height")) == ("180mm", "62.5mm")
    box = [float(number) for number in svg.get("viewBox", "").split()]
    assert box == pytest.approx([0, 0, 180 / 25.4 * 72, 62.5 / 25.4 * 72], abs=0.01)


def test_texts_of_a_pdf_are_text(pdf: pypdf.PageObject) -> None:
    """Each once, and no other; what reads them joins those on one line."""
    found = pdf.extract_text()
    assert all(word in found for word in WORDS)
    assert sorted("".join(found.split())) == sorted("".join("".join(WORDS).split()))


def test_texts_of_an_svg_are_text(svg: ElementTree.Element) -> None:
    assert sorted(text.text or "" for text in svg.iter(f"{SVG}text")) == sorted(WORDS)


def test_fonts_of_a_pdf_are_embedded_truetype(pdf: pypdf.PageObject) -> None:
    fonts = pdf["/Resources"]["/Font"].values()  # type: ignore[index]
    inner = [font.get_object()["/DescendantFonts"][0].get_object() for font in fonts]
    assert len(inner) >= 2  # regular and bold
    assert all(font["/Subtype"] == "/CIDFontType2" for font in inner)
    assert all("/FontFile2" in font["/FontDescriptor"] for font in inner)


def test_fonts_of_an_svg_have_all_letters_of_its_texts(svg: ElementTree.Element) -> None:
    """Those that DejaVu Sans has; the last of the words begins with a Chinese letter that it lacks."""
    (style, *_) = svg.iter(f"{SVG}style")
    fonts = {}
    for weight, content in re.findall(r"font-weight: (\w+).*?base64,([\w+/=]+)\)", style.text or ""):
        fonts[weight] = TTFont(io.BytesIO(base64.b64decode(content))).getBestCmap()
    for text in svg.iter(f"{SVG}text"):
        weight = "bold" if "700" in text.get("style", "") or "bold" in text.get("style", "") else "normal"
        assert "'DejaVu Sans', Verdana" in text.get("style", "")
        assert set(text.text or "") - {"漢"} <= set(map(chr, fonts[weight]))


def test_pixels_are_kept(pdf: pypdf.PageObject, svg: ElementTree.Element) -> None:
    found = [np.asarray(image.image.convert("RGB")) for image in pdf.images if image.image]
    for element in svg.iter(f"{SVG}image"):
        content = base64.b64decode(element.get(f"{XLINK}href", "").partition(",")[2])
        shown = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
        found.append(shown if "scale(1 -1)" not in element.get("transform", "") else shown[::-1])
    assert len(found) == 4
    for pixels in found:
        expected = PIXELS[: len(pixels)]
        assert (pixels == expected).all() or (pixels[::-1] == expected).all()


def test_another_process_writes_the_same_bytes() -> None:
    """With other hashes of strings."""
    code = "import sys, test_vector as t; sys.stdout.buffer.write(t.written('pdf') + t.written('svg'))"
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        check=True,
        cwd=__file__.rpartition("/")[0],
        env={"PYTHONHASHSEED": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
    ).stdout
    assert found == written("pdf") + written("svg")


def test_a_narrow_figure_is_the_same_at_another_scale() -> None:
    """Half as wide: letters of half the size, at half the coordinates."""
    wide, narrow = (ElementTree.fromstring(written("svg", width)) for width in (180, 90))
    for first, second in zip(wide.iter(f"{SVG}text"), narrow.iter(f"{SVG}text"), strict=True):
        large, small = (float(re.findall(r"([\d.]+)px", text.get("style", ""))[0]) for text in (first, second))
        assert small == pytest.approx(large / 2, rel=1e-3)
        assert float(second.get("x", "0")) == pytest.approx(float(first.get("x", "0")) / 2, abs=0.01)


@pytest.mark.parametrize("text", ["\x07\x00", "\ud800", "\ufffe", "]]>--<!--", "😀 שלום", "$\\frac{"])
def test_any_name_makes_a_file_that_opens(text: str) -> None:
    """Control characters, halves of letters, marks of XML, letters from right to left, and half a formula."""
    canvas = drawn((400, 200), text, text, lambda canvas: canvas.write(text, 200, 100, is_outlined=True))
    svg = vector_file(canvas.size, canvas.steps, 60, "svg", canvas.title, canvas.subtitle)
    texts = [each.text or "" for each in ElementTree.fromstring(svg).iter(f"{SVG}text")]
    assert texts == [printable(text)] * 3
    pdf = vector_file(canvas.size, canvas.steps, 60, "pdf", canvas.title, canvas.subtitle)
    assert len(pypdf.PdfReader(io.BytesIO(pdf)).pages) == 1


@pytest.mark.parametrize(("per_unit", "is_smooth"), [(1.0, False), (2126 / 1152, True), (4.0, True)])
def test_pixels_of_300_dpi_may_be_smoothed_and_large_ones_not(per_unit: float, is_smooth: bool) -> None:
    """Viewers that show a page smaller than it is would leave out lines of brains."""
    canvas = drawn((1152, 200), "", "", lambda canvas: canvas.paste(PIXELS, 10, 10, per_unit))
    svg = vector_file(canvas.size, canvas.steps, 180, "svg", "", "")
    (image,) = ElementTree.fromstring(svg).iter(f"{SVG}image")
    assert ("pixelated" not in image.get("style", "")) == is_smooth
