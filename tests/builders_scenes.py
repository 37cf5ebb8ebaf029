"""Scenes of volumes, and checks of the texts of pictures."""

from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np

from bids_ari.config.slices import requests
from bids_ari.images.volume import Grid, VolumeSpace
from bids_ari.report.figures.canvas import Canvas
from bids_ari.report.figures.scene import Scene
from bids_ari.report.figures.scenes import scene_of
from bids_ari.report.figures.steps import Box

_GRID = Grid((15, 18, 15), np.array([[12.0, 0, 0, -84], [0, 12, 0, -114], [0, 0, 12, -66], [0, 0, 0, 1]]))
HEAD = VolumeSpace(_GRID, np.ones(_GRID.shape, dtype=bool))
"""Voxels of 12 mm in and around the MNI152 template."""


def make_scene(
    space: VolumeSpace, label: str | None = None, image: Path | None = None, slices: tuple[str, ...] = ("axial",)
) -> Scene:
    """Return a scene without peaks."""
    return scene_of(space, label, np.empty(0, dtype=np.int32), "faces", image, requests(slices))


@cache
def scene_of_head(views: tuple[str, ...]) -> Scene:
    """Return views of `HEAD`, as of ``--slices``, in MNI152."""
    return make_scene(HEAD, "MNI152NLin6Asym", slices=views)


def check_texts(canvas: Canvas) -> None:
    """Check that the boxes of texts lie in the picture, and apart from one another."""
    texts = list(canvas.texts())
    assert texts
    cut = [each.text for each in texts if not _is_inside(each.box, canvas.size)]
    over = [(one.text, other.text) for one, other in combinations(texts, 2) if _overlap(one.box, other.box)]
    assert not cut, cut
    assert not over, over


def _is_inside(box: Box, size: tuple[int, int]) -> bool:
    return box.left >= 0 and box.top >= 0 and box.right <= size[0] and box.bottom <= size[1]


def _overlap(one: Box, other: Box) -> bool:
    return one.left < other.right and other.left < one.right and one.top < other.bottom and other.top < one.bottom
