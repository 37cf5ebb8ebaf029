"""PNG files: colours and sizes."""

import io

import matplotlib.image
import numpy as np
import pytest
from PIL import Image

from bids_ari.report.figures import png
from bids_ari.report.figures.draw import Picture


def pixels(picture: bytes) -> np.ndarray:
    return np.rint(255 * matplotlib.image.imread(io.BytesIO(picture), format="png")[..., :3])


def test_common_colours_are_kept() -> None:
    image = np.full((50, 50, 3), (230, 159, 0), dtype=np.uint8)
    image[:25] = (86, 180, 233)
    assert (pixels(png.encode(image)) == image).all()


def test_many_colours_stay_near() -> None:
    """4,096 colours, far more than a palette has: each channel is within half a step of what it was."""
    levels = np.arange(0, 256, 17, dtype=np.uint8)
    image = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(64, 64, 3)
    assert np.abs(pixels(png.encode(image)) - image).max() <= png.GREY_STEP / 2


def test_a_scale_is_almost_exact() -> None:
    """The 64 colours of the scale of TDP and the 20 greys of an underlay: at most 3 of 256 levels off."""
    from bids_ari.report.figures.scales import tdp_scale

    scale = tdp_scale().colour(np.linspace(0, 1, 2000))
    greys = np.repeat(np.arange(84, 256, png.GREY_STEP, dtype=np.uint8)[:, None], 3, axis=1)
    image = np.concatenate([scale, np.resize(greys, (2000, 3))]).reshape(40, 100, 3)
    assert np.abs(pixels(png.encode(image)) - image).max() <= 3


def test_size_is_that_of_the_file() -> None:
    assert Picture("", "", "", png.encode(np.zeros((30, 70, 3), dtype=np.uint8))).size == (70, 30)


def test_rare_colours_that_differ_are_kept() -> None:
    """300 near greens on most pixels, and one red pixel: it is not painted green."""
    image = np.zeros((50, 60, 3), dtype=np.uint8)
    image[..., 1] = np.arange(3000).reshape(50, 60) % 150
    image[..., 2] = np.arange(3000).reshape(50, 60) // 150 % 2
    image[7, 8] = 255, 0, 0
    seen = pixels(png.encode(image))
    assert seen[7, 8].tolist() == [255, 0, 0]
    assert np.abs(seen - image).max() <= 4


def test_a_palette_is_a_byte_for_each_pixel() -> None:
    """The header has 8 bits and type 3 (palette); the resolution is 120 per inch = 4724 per metre."""
    image = np.zeros((30, 70, 3), dtype=np.uint8)
    image[..., 0] = np.arange(2100).reshape(30, 70) % 200
    file = png.encode(image)
    assert (file[24], file[25]) == (8, 3)
    with Image.open(io.BytesIO(file)) as opened:
        opened.verify()
        assert opened.info["dpi"] == pytest.approx((120, 120), abs=0.02)
