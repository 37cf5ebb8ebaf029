"""The outlines of the glass brain in the explorer: those of nilearn, in mm."""

import base64
import json
import re
import zlib

import numpy as np
import pytest

from bids_ari.images.volume import Grid
from bids_ari.report.explorer.glass import glass_blob
from bids_ari.report.figures.underlay import load_template

GRID = Grid((91, 109, 91), np.array([[-2.0, 0, 0, 90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]]))


def test_the_outlines_are_around_the_template() -> None:
    """Lines are at most 6 mm outside of its brain, in tenths of mm."""
    low, high = load_template().box
    blob = glass_blob(GRID, "MNI152NLin6Asym")
    assert blob is not None
    assert len(blob.text) < 20_000
    views = json.loads(zlib.decompress(base64.b64decode(blob.text), wbits=31))
    assert set(views) == {"side", "back", "top"}
    for view, axes in {"side": [1, 2], "back": [0, 2]}.items():
        numbers = np.array([float(word) for _, _, path in views[view] for word in re.findall(r"-?\d+", path)]).reshape(
            -1, 2
        )
        assert numbers.min(axis=0) / 10 == pytest.approx(low[axes], abs=6)
        assert numbers.max(axis=0) / 10 == pytest.approx(high[axes], abs=6)
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for lines in views.values() for colour, _, _ in lines)


@pytest.mark.parametrize("label", [None, "native", "MNIInfant"])
def test_other_brains_have_none(label: str | None) -> None:
    assert glass_blob(GRID, label) is None


def test_nor_have_oblique_grids() -> None:
    affine = GRID.affine.copy()
    affine[0, 1] = 0.3
    assert glass_blob(Grid(GRID.shape, affine), "MNI152NLin6Asym") is None
