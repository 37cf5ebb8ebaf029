"""Palettes."""

import numpy as np
import pytest
from matplotlib import colormaps

from bids_ari.report.figures.palettes import palette, sampled


@pytest.mark.parametrize("name", ["viridis", "RdBu_r"])
def test_palettes_are_those_of_matplotlib(name: str) -> None:
    """Bytes are rounded by some versions of matplotlib, and without the fraction in others: one level off."""
    places = np.linspace(0, 1, 1001)
    expected = colormaps[name](places, bytes=True)[:, :3].astype(int)
    assert np.abs(sampled(name, places) - expected).max() <= 1
    assert palette(name).shape == (256, 3)
