"""Colour scales."""

import numpy as np
import pytest

from bids_ari.report.figures.palettes import TDP_PALETTE, palette
from bids_ari.report.figures.scales import tdp_colour, tdp_scale, value_scale, without_colours, z_scale


def test_zero_is_white_and_the_ends_are_as_far() -> None:
    """RdBu_r: blue below, red above; 0.1 % of 1000 values is beyond, and has the last colour."""
    values = np.concatenate([np.linspace(-2, 2, 9999), [-90.0]])
    scale = value_scale(values, "t")
    assert scale.ends == (-2.0, 2.0)
    assert scale.extend == "min"
    below, zero, above, far, end = scale.colour(np.array([-1.0, 0.0, 1.0, -90.0, -2.0])).astype(int)
    assert zero.min() > 240
    assert below[2] > below[0] + 50
    assert above[0] > above[2] + 50
    assert (far == end).all()


def test_unsigned_scales_begin_at_0() -> None:
    scale = value_scale(np.array([0.0, 1.0, 4.0]), "F", is_signed=False)
    assert scale.ends == (0.0, 4.0)
    assert scale.colour(np.array([0.0])).min() > 240


@pytest.mark.parametrize("values", [np.zeros(3), np.array([np.inf, -np.inf]), np.array([])])
def test_there_is_always_a_scale(values: np.ndarray) -> None:
    assert value_scale(values, "t").ends == (-1.0, 1.0)


def test_z_below_the_threshold_is_grey() -> None:
    red, green, blue = z_scale(np.array([4.0, 7.5]), "greater").colour(np.array([2.0]))[0]
    assert red == green == blue


def test_tdp_runs_from_0_to_1_and_pages_have_its_colours() -> None:
    """Red to yellow: see `test_palettes` for how even it is. Each of 64 colours is that of the middle of its part."""
    found = tdp_scale().colour(np.array([0.0, 1.0]))
    assert found.tolist() == palette(TDP_PALETTE)[[2, 254]].tolist()
    assert [tdp_colour(0.001), tdp_colour(1.0)] == [f"#{bytes(each).hex().upper()}" for each in found]


def test_what_a_picture_does_not_colour_is_grey_in_its_bar() -> None:
    bar = without_colours(tdp_scale(), 0.1)
    below, above = bar.colour(np.array([0.0, 0.099])), bar.colour(np.array([0.101, 0.7]))
    assert (below == below[:, :1]).all()
    assert above.tolist() == tdp_scale().colour(np.array([0.101, 0.7])).tolist()
