"""Underlays of the explorer: the template in its spaces, else the mask."""

import numpy as np
import pytest

from bids_ari.images.space import Grid, VolumeSpace
from bids_ari.report.figures.underlay import load_template, make_underlay


@pytest.mark.parametrize("stride", [1, 2])
def test_the_underlay_shows_the_template_where_the_space_has_it(stride: int) -> None:
    affine = np.diag([-4.0, 4, 4, 1])
    affine[:3, 3] = [96, -132, -78]
    inside = np.zeros((49, 59, 49), dtype=bool)
    inside[20:30, 20:30, 20:30] = True
    mask = VolumeSpace(Grid((49, 59, 49), affine), inside)
    plain = make_underlay(mask, "native", stride)
    assert plain.start == (20, 20, 20)
    assert set(np.unique(plain.values)) == {np.float32(0.75)}
    brain = make_underlay(mask, "MNI152NLin6Asym", stride)
    seen = np.argwhere(brain.values > 0)
    at = seen[len(seen) // 2]
    voxel = np.asarray(brain.start) + stride * at
    template = load_template()
    place = np.linalg.inv(template.grid.affine) @ np.append(mask.grid.millimetres(voxel), 1)
    assert np.allclose(place, np.rint(place))  # 4 mm apart on a grid of 1 mm: nothing to interpolate
    assert brain.values[tuple(at)] == pytest.approx(template.values[tuple(np.rint(place[:3]).astype(int))], abs=1e-6)


def test_the_underlay_is_the_mask_where_the_template_is_elsewhere() -> None:
    affine = np.eye(4)
    affine[:3, 3] = 500
    mask = VolumeSpace(Grid((4, 4, 4), affine), np.ones((4, 4, 4), dtype=bool))
    assert "tested voxels" in make_underlay(mask, "MNI152NLin6Asym").description
