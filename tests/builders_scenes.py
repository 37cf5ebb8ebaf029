"""Scenes of volumes."""

from pathlib import Path

import numpy as np

from bids_ari.config.slices import requests
from bids_ari.images.volume import VolumeSpace
from bids_ari.report.figures.scene import Scene
from bids_ari.report.figures.scenes import scene_of


def make_scene(
    space: VolumeSpace, label: str | None = None, image: Path | None = None, slices: tuple[str, ...] = ("axial",)
) -> Scene:
    """Return a scene without peaks."""
    return scene_of(space, label, np.empty(0, dtype=np.int32), "faces", image, requests(slices))
