"""The pixels of colour bars in files, whose palettes have 256 colours, against the definitions of their scales."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from builders_colours import lab_of
from builders_scenes import HEAD, scene_of_head
from PIL import Image
from reported import analysed

from bids_ari.report.figures import slices
from bids_ari.report.figures.canvas import Canvas
from bids_ari.report.figures.draw import drawings
from bids_ari.report.figures.glass_brain import draw_glass_brain
from bids_ari.report.figures.palettes import TDP_PALETTE, palette
from bids_ari.report.figures.steps import Paste

VALUES = np.linspace(-6, 6, HEAD.n_points)
VIEWS = [("axial",), ("surface",), ("mosaic",)]
Z = 3.0902323  # with p = .001
TOLERANCE = 3.0  # in CIELAB; 64 steps of a scale are up to 2.5 apart, and 2.3 is just noticeable


def bar(canvas: Canvas) -> np.ndarray:
    """Return the pixels along the middle of the bar in the PNG, from the top, without its frame, (length, 3)."""
    seen = np.asarray(Image.open(io.BytesIO(canvas.png())).convert("RGB"))
    (found,) = (step for step in canvas.steps if isinstance(step, Paste) and step.box.right - step.box.left == 18)
    column, row, length = round(found.box.left), round(found.box.top), round(found.box.bottom - found.box.top)
    assert column == canvas.size[0] - 108
    return seen[row + 2 : row + length - 2, column + 9]


def places(n: int) -> np.ndarray:
    """Return where pixels of a bar are, from 1 at the top to 0, without the two pixels of the frame at each end."""
    return (np.arange(n, 0, -1) + 1.5) / (n + 4)


def check(pixels: np.ndarray, expected: np.ndarray) -> None:
    """Check that colours are those expected, and come in the same order."""
    apart = np.linalg.norm(lab_of(pixels) - lab_of(expected), axis=1)
    assert apart.max() <= TOLERANCE, (apart.argmax(), pixels[apart.argmax()], expected[apart.argmax()])


def along(name: str, fractions: np.ndarray) -> np.ndarray:
    return palette(name)[np.clip((fractions * 256).astype(int), 0, 255)]


@pytest.mark.parametrize("views", VIEWS, ids="+".join)
def test_bars_of_tdp(views: tuple[str, ...]) -> None:
    scene, tdp = scene_of_head(views), (VALUES + 6) / 12
    pixels = bar(slices.draw_tdp(tdp, tdp >= 0, scene, "TDP"))
    check(pixels, along(TDP_PALETTE, places(len(pixels))))
    assert (np.diff(lab_of(pixels)[:, 0]) <= 0).all()


@pytest.mark.parametrize(
    ("views", "draw", "alternative"),
    [
        *((views, draw, "two-sided") for views in VIEWS for draw in ("z", "faded", "values")),
        (("axial",), "z", "greater"),
        (("axial",), "z", "less"),
        (("axial",), "glass", "two-sided"),
    ],
    ids=str,
)
def test_bars_of_two_signs(views: tuple[str, ...], draw: str, alternative: str) -> None:
    """Of z, what is not significant is grey, as in no picture; of values, 0 is nearly white."""
    scene = scene_of_head(views)
    make: dict[str, Callable[[], Canvas]] = {
        "z": lambda: slices.draw_z(VALUES, alternative, scene),  # type: ignore[arg-type]
        "faded": lambda: slices.draw_values(VALUES, scene, "Effect", "effect", z=VALUES, outlined=VALUES > Z),
        "values": lambda: slices.draw_values(VALUES, scene, "Effect", "effect"),
        "glass": lambda: draw_glass_brain(VALUES, HEAD, "faces", is_signed=True),
    }
    pixels = bar(make[draw]())
    low, high = {"greater": (Z, 6.0), "less": (-6.0, -Z)}.get(alternative if draw == "z" else "", (-6.0, 6.0))
    values = low + (high - low) * places(len(pixels))
    expected = along("RdBu_r", (values + 6) / 12)
    if draw in ("z", "glass"):
        near = np.abs(np.abs(values) - Z) < 0.1  # on a boundary
        expected[np.abs(values) < Z] = 216
        pixels, expected = pixels[~near], expected[~near]
    check(pixels, expected)


def test_bars_of_statistics_without_a_sign() -> None:
    scene = scene_of_head(("axial",))
    pixels = bar(slices.draw_values(np.abs(VALUES), scene, "F", "F", is_signed=False))
    check(pixels, along("RdBu_r", 0.5 + places(len(pixels)) / 2))
    assert (np.diff(lab_of(pixels)[:, 0]) >= 0).all()


def test_bars_of_sheets() -> None:
    """The tips, a twentieth each, have the colours of the ends."""
    sheet = dict(drawings(analysed(3.0)[0]))["sheet 1"].draw()
    pixels = bar(sheet)
    tip = round(0.05 * (len(pixels) + 4)) - 2
    inner = pixels[tip:-tip]
    check(inner, along("RdBu_r", (np.arange(len(inner), 0, -1) - 0.5) / len(inner)))
    check(pixels[4:tip], np.repeat(palette("RdBu_r")[-1:], tip - 4, axis=0))
    check(pixels[-tip:-4], np.repeat(palette("RdBu_r")[:1], tip - 4, axis=0))
