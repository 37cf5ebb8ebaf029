"""Small pictures of maps on surfaces: which position each pixel shows. Those of volumes: test_quality.py."""

import numpy as np
import pytest
from builders_cortex import grayordinates, surfaces

from bids_ari.images.grayordinates import Grayordinates
from bids_ari.images.mosaic import Mosaic, mosaic_of
from bids_ari.images.quality import ABSENT, glimpse

FRAMES = {"surfaces": surfaces(), "left": surfaces("L"), "grayordinates": grayordinates()}


def everything(frame: Grayordinates) -> Mosaic:
    return mosaic_of(frame.space(np.ones(frame.shape, dtype=bool)), None)


def of_part(mosaic: Mosaic, i: int) -> np.ndarray:
    start = sum(part.width for part in mosaic.parts[:i])
    return mosaic.positions[:, start : start + mosaic.parts[i].width]


@pytest.mark.parametrize("name", FRAMES)
def test_parts_are_beside_each_other(name: str) -> None:
    mosaic = everything(FRAMES[name])
    assert mosaic.positions.shape[1] == sum(part.width for part in mosaic.parts)
    letters = [part.left + part.right for part in mosaic.parts]
    assert letters == {"surfaces": ["L", "R"], "left": ["L"], "grayordinates": ["L", "R", "LR"]}[name]
    assert ("axial slice" in mosaic.kind) == (name == "grayordinates")


def test_hemispheres_are_seen_from_their_sides() -> None:
    """Outer corners: x = -41 on the left, 41 on the right. The front is on the left of the first, y = 60."""
    frame = FRAMES["surfaces"]
    mosaic = everything(frame)
    for i, x, front_is_left in ((0, -41, True), (1, 41, False)):
        positions = of_part(mosaic, i)
        seen = positions >= 0
        assert seen.mean() > 0.8
        assert (frame.coordinates[positions[seen], 0] == x).all()
        row = positions[seen.any(axis=1)][len(positions) // 3]
        ends = frame.coordinates[row[row >= 0][[0, -1]], 1]
        assert ends.tolist() == ([60, -60] if front_is_left else [-60, 60])


def test_the_slice_is_axial_with_left_and_front_on_the_left_and_top() -> None:
    frame = FRAMES["grayordinates"]
    positions = of_part(everything(frame), 2)
    rows, columns = np.nonzero(positions >= 0)
    x, y, z = frame.coordinates[positions[rows, columns]].T
    assert np.unique(z).size == 1
    assert set(x) == {-3, -1, 1, 3}
    assert (np.diff(x[np.argsort(columns, kind="stable")]) >= 0).all()
    assert (np.diff(y[np.argsort(rows, kind="stable")]) <= 0).all()


def test_a_glimpse_shows_the_values_of_positions() -> None:
    frame = FRAMES["grayordinates"]
    mosaic = everything(frame)
    values = np.arange(float(frame.shape[0]))
    values[0] = np.nan
    seen = glimpse(mosaic, values, np.isfinite(values))
    shown = mosaic.positions > 0
    np.testing.assert_allclose(seen.thumbnail[shown] * seen.step, mosaic.positions[shown], atol=seen.step / 2)
    assert (seen.thumbnail[~shown] == ABSENT).all()
    assert (seen.mask(frame.shape) == np.isfinite(values)).all()
