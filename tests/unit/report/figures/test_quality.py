"""Pictures of subject maps: sheets of slices, and names that are drawn as text."""

import io
from dataclasses import replace

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image
from reported import analysed

from bids_ari.analysis.result import ContrastResult
from bids_ari.images.mosaic import Mosaic, Part
from bids_ari.images.quality import ABSENT, Quality
from bids_ari.outputs.archive import pack, unpack
from bids_ari.report.figures.canvas import Canvas
from bids_ari.report.figures.draw import draw
from bids_ari.report.figures.quality import PER_SHEET, sheets
from bids_ari.report.page import report_page

MOSAIC = Mosaic(
    np.full((30, 40), -1, dtype=np.int32), (Part(20, "P", "A"), Part(10, "L", "R"), Part(10, "L", "R")), "slices", ""
)
"""Slices 20, 10 and 10 pixels wide, the tallest 30 high; small ones are drawn three times as large."""


@pytest.fixture(scope="module")
def result() -> ContrastResult:
    return analysed(3.0)[0]


def quality(n: int, **fields: object) -> Quality:
    nothing = np.zeros(n, dtype=np.int32)
    thumbnails = np.full((n, 30, 40), 127, dtype=np.int8)
    return replace(Quality(100, nothing, nothing, np.ones(n), thumbnails, np.ones(n)), **fields)


def pixels(drawn: Canvas) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(drawn.png())).convert("RGB"))


def test_a_sheet_has_at_most_fifty_subjects() -> None:
    names = [f"sub-{i:03d}" for i in range(101)]
    assert PER_SHEET == 50
    assert len(list(sheets(quality(101), MOSAIC, names, np.zeros(101, dtype=bool), ""))) == 3


def test_one_scale_for_all_and_grey_where_there_are_no_data() -> None:
    """Maps of 2, 1/2, -1 and 1 everywhere, one without data: the median of the sizes is 1, the end of the bar.

    So 2 and 1 have the last colour of RdBu_r, -1 the first, and 1/2 that at three quarters.
    """
    thumbnails = np.full((5, 30, 40), 127, dtype=np.int8)
    thumbnails[2], thumbnails[3] = -127, ABSENT
    maps = quality(5, thumbnails=thumbnails, step=np.array([2, 0.5, 1, 0, 1]) / 127)
    (draw_sheet,) = sheets(maps, MOSAIC, list("abcde"), np.zeros(5, dtype=bool), "")
    seen = pixels(draw_sheet())[76 + 45]  # in the middle of a row of maps, each 90 high and 120 wide, 20 apart
    centres = [seen[10 + i * 140 + 60].tolist() for i in range(5)]
    last, first, quarter = (list(colormaps["RdBu_r"](place, bytes=True)[:3]) for place in (1.0, 0.0, 0.75))
    np.testing.assert_allclose(centres, [last, quarter, first, [224, 224, 224], last], atol=3)  # palette of 256 colours


def test_letters_are_at_the_ends_of_each_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A map begins at pixel 10 of 800: slices at 10-70, 70-100, 100-130; letters four pixels within. Back is left."""
    write, found = Canvas.write, []

    def spy(canvas: Canvas, text: str, column: float, row: float, *look: object, **more: object) -> None:
        found.append((column, text))
        write(canvas, text, column, row, *look, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Canvas, "write", spy)
    next(sheets(quality(1), MOSAIC, ["a"], np.zeros(1, dtype=bool), ""))()
    letters = [each for each in found if each[1] in tuple("LRAPSI")]
    assert letters == [(14, "P"), (66, "A"), (74, "L"), (96, "R"), (104, "L"), (126, "R")]


@pytest.mark.parametrize(("n_subjects", "times"), [(1, 3), (8, 2), (12, 2), (16, 1), (50, 1)])
def test_maps_of_few_subjects_are_enlarged(n_subjects: int, times: int) -> None:
    """Maps 40 high and 108 wide without data are grey: where the first one ends.

    Twice as large, 8 of them are two rows of 4, 236 pixels wide, 76 + 2 * 118 + 10 = 322 high, and 12 are three rows,
    440 high, within 480; three times as large, 8 are 4 rows of 2, 76 + 4 * 158 + 10 = 718 high. 16 maps that are twice
    as large are 558 high.
    """
    mosaic = Mosaic(np.full((40, 108), -1, dtype=np.int32), tuple(Part(36, "L", "R") for _ in range(3)), "slices", "")
    thumbnails = np.full((n_subjects, 40, 108), ABSENT, dtype=np.int8)
    names = [str(i) for i in range(n_subjects)]
    (draw_sheet,) = sheets(quality(n_subjects, thumbnails=thumbnails), mosaic, names, np.zeros(n_subjects, bool), "")
    seen = pixels(draw_sheet())
    first_row, first_column = seen[76 + 1, 10:900], seen[76:, 10 + 1]
    is_white = [(each == 255).all(axis=-1) for each in (first_row, first_column)]
    assert [int(np.argmax(each)) for each in is_white] == [times * 108, times * 40]


def test_nothing_is_drawn_off_a_sheet() -> None:
    names = [f"sub-{'long' * 15}{i}" for i in range(50)]
    (draw_sheet,) = sheets(quality(50), MOSAIC, names, np.ones(50, dtype=bool), "faces")
    seen = pixels(draw_sheet())
    for edge in (seen[0], seen[-1], seen[:, 0], seen[:, -1]):
        assert (edge == 255).all()


def test_hostile_names_are_drawn_and_written_as_text(result: ContrastResult) -> None:
    name = "$\\frac{<script>alert(1)</script>\n"
    next(sheets(quality(1), MOSAIC, [name], np.ones(1, dtype=bool), name))()
    design = result.design
    assert design is not None
    hostile = replace(result, design=replace(design, subjects=("<b>x</b>", *design.subjects[1:])))
    text = report_page(hostile, dict(draw(hostile)))
    assert "<b>x" not in text
    assert "sub-&lt;b&gt;x" in text


def test_a_saved_result_has_the_same_pictures(result: ContrastResult) -> None:
    first, again = dict(draw(result)), dict(draw(unpack(pack(result), "x")))
    assert {"quality", "sheet 1"} <= first.keys()
    assert all(first[what].png == again[what].png for what in ("quality", "sheet 1"))
