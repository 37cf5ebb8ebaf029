"""PNG files: colours and sizes."""

import io

import matplotlib.image
import numpy as np

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


def test_letters_without_glyph_and_dollars_are_no_error(rendered: None) -> None:
    assert pixels(png.draw_png((600, 200), "$x_{ 漢字", "a" * 999, lambda figure: None)).shape == (200, 600, 3)
