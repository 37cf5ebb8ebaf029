"""Palettes."""

import numpy as np
import pytest
from builders_colours import READERS, lab_of
from matplotlib import colormaps

from bids_ari.report.figures.palettes import TDP_PALETTE, palette, sampled


def test_the_lightness_of_these_tests_is_that_of_the_primaries() -> None:
    """L* of red, green and blue of sRGB are 53.2, 87.7 and 32.3 in many tables; white has 100."""
    found = lab_of(np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]))
    assert np.allclose(found[:, 0], [53.2, 87.7, 32.3, 100], atol=0.05)
    assert np.allclose(found[-1], [100, 0, 0], atol=0.01)


@pytest.mark.parametrize("name", ["RdBu_r"])
def test_palettes_are_those_of_matplotlib(name: str) -> None:
    """Bytes are rounded by some versions of matplotlib, and without the fraction in others: one level off."""
    places = np.linspace(0, 1, 1001)
    expected = colormaps[name](places, bytes=True)[:, :3].astype(int)
    assert np.abs(sampled(name, places) - expected).max() <= 1
    assert palette(name).shape == (256, 3)


def test_tdp_has_even_steps() -> None:
    """A fifth of the scale is (92 - 44) / 5 of L*, and each as long in CIELAB; rounded channels are up to 0.3 off."""
    lab = lab_of(palette(TDP_PALETTE))
    assert np.allclose(np.diff(lab[::51, 0]), 9.6, atol=0.4)
    lengths = np.linalg.norm(np.diff(lab[::51], axis=0), axis=1)
    assert np.allclose(lengths, lengths.mean(), rtol=0.04)
    assert np.allclose(lab[:, 0], np.linspace(44, 92, 256), atol=0.3)


@pytest.mark.parametrize("reader", READERS)
def test_tdp_grows_lighter_for_all_readers(reader: str) -> None:
    lightness = lab_of(palette(TDP_PALETTE)[::5], reader)[:, 0]
    assert (np.diff(lightness) > 0).all()


@pytest.mark.parametrize(("reader", "least"), [("trichromacy", 75), ("protanopia", 35), ("deuteranopia", 50)])
def test_no_tdp_resembles_anatomy_or_paper(reader: str, least: float) -> None:
    """The distance of each colour in CIELAB from each grey, black and white included; 2.3 is just noticeable."""
    colours = lab_of(palette(TDP_PALETTE), reader)
    greys = lab_of(np.repeat(np.arange(256)[:, None], 3, axis=1), reader)
    assert np.linalg.norm(colours[:, None] - greys, axis=-1).min() >= least


@pytest.mark.parametrize("reader", READERS)
def test_the_lowest_tdp_is_distinct(reader: str) -> None:
    """From white, the black and the dark page, #15181c, and the greys of an underlay, from 84 to 255."""
    lowest = lab_of(palette(TDP_PALETTE)[:1], reader)
    others = np.concatenate([[[0, 0, 0], [21, 24, 28]], np.repeat(np.arange(84, 256)[:, None], 3, axis=1)])
    assert np.linalg.norm(lowest - lab_of(others, reader), axis=1).min() >= 35
