"""Entries of sidecars about the space of a result."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from builders import AFFINE, SHAPE

from bids_ari.bids.entities import Entities
from bids_ari.images.volume import Grid
from bids_ari.outputs.sidecar_space import spatial_entries


def result(spatial: dict[str, str], target_grid: Path | None = None, **labels: str) -> Any:
    """What is asked of a result: the space of its maps, and what their sidecars have about it."""
    first = SimpleNamespace(uri="bids:in:sub-01/map.nii.gz")
    contrast = SimpleNamespace(entities=Entities.of(labels), members=[SimpleNamespace(first=first)])
    space = Grid(SHAPE, AFFINE).space(np.ones(SHAPE, dtype=bool))
    options = SimpleNamespace(target_grid=target_grid)
    return SimpleNamespace(contrast=contrast, spatial=spatial, space=space, options=options)


@pytest.mark.parametrize(("grid", "expected"), [(None, "two"), (Path("grid.nii.gz"), "3 x 3 x 3.5 mm")])
def test_the_resolution_is_that_of_the_maps_unless_they_were_resampled(grid: Path | None, expected: str) -> None:
    found = spatial_entries(result({"Resolution": "two"}, grid, space="MNI152NLin2009cAsym", res="2"))
    assert found == {"Resolution": expected}


def test_no_space_or_one_that_bids_does_not_define_has_a_reference() -> None:
    """That of the maps, else the first of them: "REQUIRED" in the section on spatial references of BIDS 1.11."""
    assert spatial_entries(result({})) == {"SpatialReference": "bids:in:sub-01/map.nii.gz"}
    assert spatial_entries(result({}, space="mine")) == {"SpatialReference": "bids:in:sub-01/map.nii.gz"}
    own = {"SpatialReference": "https://example.org/T1w.nii.gz"}
    assert spatial_entries(result(own, space="mine")) == own
    assert spatial_entries(result({}, space="MNI152NLin2009cAsym")) == {}
