"""Axes of panels: ticks and places."""

import numpy as np
import pytest

from bids_ari.report.figures.axes import Axes, ticks


@pytest.mark.parametrize(
    ("low", "high", "first", "last"),
    [
        (0.0, 1.0, "0.0", "1.0"),
        (-0.5, 0.71, "−0.4", "0.6"),
        (0.32, 2.04, "0.50", "2.00"),
        (0.968, 1.0033, "0.970", "1.000"),
        (-1.0, 32.0, "0", "30"),
        (-2.1e-7, 3.2e-7, "−2e−07", "3e−07"),
        (-1.4e7, 2.3e7, "−1e+07", "2e+07"),
        (1e6, 1e6 + 2e-3, "1000000", "1000000.002"),
    ],
)
def test_ticks_are_round_numbers_within(low: float, high: float, first: str, last: str) -> None:
    places, texts = ticks(low, high)
    assert (texts[0], texts[-1]) == (first, last)
    assert 3 <= len(texts) == len(set(texts)) <= 9
    assert low - 1e-9 <= places[0]
    assert places[-1] <= high + 1e-9
    np.testing.assert_allclose([float(text.replace("−", "-")) for text in texts], places, atol=1e-3 * (high - low))


def test_places_are_between_the_ends() -> None:
    axes = Axes((10, 20, 100, 50), (0, 4), (-1, 1))
    assert axes.pixel(0, -1) == (10, 70)
    assert axes.pixel(4, 1) == (110, 20)
    assert axes.pixel(1, 0) == (35, 45)
