"""The small picture of a result."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from reported import analysed, analysed_surfaces

from bids_ari.analysis.result import ContrastResult
from bids_ari.bids.entities import Entities
from bids_ari.report.figures.scales import tdp_scale
from bids_ari.report.figures.thumbnail import SIZE, draw_small_outlines, draw_thumbnail

LARGEST = 1500
"""Bytes of which 500 fit into the index."""


def pixels(png: bytes) -> np.ndarray:
    """The picture, (height, width, 4)."""
    image = Image.open(io.BytesIO(png))
    assert image.size == SIZE
    return np.asarray(image.convert("RGBA"))


def colours(png: bytes) -> set[tuple[int, ...]]:
    """Colours of what is not transparent."""
    shown = pixels(png)
    return {tuple(map(int, each)) for each in shown[shown[..., 3] > 0][:, :3]}


def in_space(result: ContrastResult, space: str) -> ContrastResult:
    entities = Entities.of({"contrast": "faces", "space": space})
    return replace(result, contrast=replace(result.contrast, entities=entities))


def test_clusters_have_the_colours_of_their_tdp() -> None:
    """On a transparent ground; one with TDP 0 is grey, and what is outside of clusters is not shown."""
    result = in_space(analysed(3.0)[0], "MNI152NLin6Asym")
    found = draw_thumbnail(result)
    assert found.kind == "glass"
    tdp = {cluster.tdp for clusters in result.clusters.values() for cluster in clusters}
    expected = {tuple(map(int, colour)) for colour in tdp_scale().colour(np.array(sorted(tdp - {0.0})))}
    coloured = {each for each in colours(found.clusters) if len(set(each)) == 3}
    greys = colours(found.clusters) - expected
    assert coloured & expected
    assert greys <= {(176, 183, 189)}
    assert bool(greys) <= (0.0 in tdp)
    assert 0 < (pixels(found.clusters)[..., 3] > 0).mean() < 0.5
    assert len(found.clusters) < LARGEST


def test_without_clusters_a_glass_brain_is_empty() -> None:
    result = analysed(3.0)[0]
    none = replace(
        in_space(result, "MNI152NLin6Asym"), clusters={50.0: ()}, options=replace(result.options, threshold=(50.0,))
    )
    assert not (pixels(draw_thumbnail(none).clusters)[..., 3] > 0).any()


def test_other_spaces_show_what_was_tested() -> None:
    """The points tested in grey, clusters in front of it; there are no outlines of a brain."""
    found = draw_thumbnail(in_space(analysed(3.0)[0], "T1w"))
    assert found.kind == "mask"
    assert colours(found.ground) == {(224, 227, 229)}
    assert len(colours(found.clusters)) > 0
    outside = (pixels(found.clusters)[..., 3] > 0) & (pixels(found.ground)[..., 3] == 0)
    assert not outside.any()


@pytest.mark.parametrize("cifti", [False, True])
def test_cortex_is_grey_below_clusters(cifti: bool) -> None:
    found = draw_thumbnail(analysed_surfaces(cifti=cifti))
    assert found.kind == "cortex"
    assert all(len(set(each)) == 1 for each in colours(found.ground))
    assert any(len(set(each)) == 3 for each in colours(found.clusters))
    assert len(found.clusters) < LARGEST


def test_outlines_are_black_and_transparent() -> None:
    image = Image.open(io.BytesIO(draw_small_outlines())).convert("RGBA")
    shown = np.asarray(image)
    assert image.size == (2 * SIZE[0], 2 * SIZE[1])
    assert not shown[..., :3].any()
    assert 0.02 < (shown[..., 3] > 0).mean() < 0.4
