"""The picture of the numbers of subjects: a name for each dot, and marks for possible outliers."""

import io

import numpy as np
import pytest
from builders import Floats
from builders_scenes import check_texts
from PIL import Image, ImageColor

from bids_ari.analysis.outliers import Criterion
from bids_ari.report.figures.canvas import Canvas
from bids_ari.report.figures.subject_dots import MOST_NAMED, OUTLIER, draw_subjects

NAMES = ("correlation", "mean", "standard deviation", "overlap", "residual", "influence")


def found(values: Floats, *far: int) -> list[Criterion]:
    """The same numbers by all criteria; some subjects are far by that of the mean."""
    is_far = np.isin(np.arange(values.size), far)
    usual = (float(np.quantile(values, 0.0)), float("inf"))  # NaN where a value is
    return [Criterion(name, values, is_far & (name == "mean"), usual) for name in NAMES]


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    """What is written, and in which row."""
    write, written = Canvas.write, []

    def spy(canvas: Canvas, text: str, column: float, row: float, *look: object, **more: object) -> None:
        written.append((text, row))
        write(canvas, text, column, row, *look, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Canvas, "write", spy)
    return written


def named(texts: list[tuple[str, float]]) -> dict[str, float]:
    return {text.removesuffix(" *"): row for text, row in texts if text.startswith("sub-")}


@pytest.mark.parametrize("n", [2, 30, MOST_NAMED])
def test_every_subject_has_its_name(texts: list[tuple[str, float]], n: int) -> None:
    """Names are 22 pixels apart, more than their height of 15."""
    names = [f"sub-{i:02d}" for i in range(n)]
    draw_subjects(found(np.arange(float(n)), 1), names, "faces")
    rows = named(texts)
    assert list(rows) == names
    assert np.diff(list(rows.values())).min(initial=22) >= 22
    assert ("sub-01 *", rows["sub-01"]) in texts


def test_of_many_subjects_possible_outliers_are_named(texts: list[tuple[str, float]]) -> None:
    """Also neighbours, below each other."""
    n = 500
    draw_subjects(found(np.arange(float(n)), 3, 4, 5, 400), [f"sub-{i:03d}" for i in range(n)], "faces")
    rows = named(texts)
    assert list(rows) == ["sub-003", "sub-004", "sub-005", "sub-400"]
    assert np.diff(list(rows.values())).min() >= 15


def pixels(canvas: Canvas) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(canvas.png())).convert("RGB")).astype(int)


def test_possible_outliers_are_coloured() -> None:
    colour, legend = np.array(ImageColor.getrgb(OUTLIER)), 152 + 9 * 22  # below the rows
    shown = pixels(draw_subjects(found(np.arange(9.0), 8), ["s"] * 9, ""))[:legend]
    assert (np.abs(shown[:, 300:] - colour).max(axis=2) < 40).sum() > 50
    usual = pixels(draw_subjects(found(np.arange(9.0)), ["s"] * 9, ""))[:legend]
    assert not (np.abs(usual - colour).max(axis=2) < 40).any()


def test_values_that_do_not_exist_are_written(texts: list[tuple[str, float]]) -> None:
    draw_subjects(found(np.array([1.0, np.nan, np.inf, 2.0])), list("abcd"), "")
    assert [text for text, _ in texts].count("none") == len(NAMES)
    assert [text for text, _ in texts].count("∞") == len(NAMES)
    draw_subjects(found(np.full(3, np.nan)), list("abc"), "")  # none at all


def test_equal_values_are_drawn() -> None:
    assert draw_subjects(found(np.zeros(4)), list("abcd"), "").png()


@pytest.mark.parametrize("name", ["sub-{:02d}", "sub-NDARINV{:08d}", "sub-" + "long" * 12 + "{:02d}"])
@pytest.mark.parametrize("values", [np.linspace(0.2531, 0.2662, 30), np.linspace(-12345.6, 98765.4, 30)])
def test_texts_do_not_overlap(name: str, values: Floats) -> None:
    """Names, numbers of ticks and titles, also where these are long."""
    canvas = draw_subjects(found(values, 3, 4), [name.format(i) for i in range(30)], "faces")
    check_texts(canvas)
