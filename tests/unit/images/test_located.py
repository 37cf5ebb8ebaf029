"""Frames with their meshes."""

import logging
from pathlib import Path

import numpy as np
import pytest
from builders import AFFINE, SHAPE
from builders_labels import LEFT, RIGHT, voxels
from builders_meshes import icosphere, saved_mesh

from bids_ari.errors import UsageError
from bids_ari.images.grayordinates import Grayordinates, frame_of, surfaces
from bids_ari.images.located import locate
from bids_ari.images.space import Frame
from bids_ari.images.volume import Grid


def test_vertices_have_coordinates_and_areas_of_the_mesh(tmp_path: Path) -> None:
    """The areas of a sphere sum to 4 pi r2, those of its triangles to a little less."""
    for side, x in (("L", -60.0), ("R", 60.0)):
        saved_mesh(icosphere(2, centre=(x, 0, 0)), tmp_path / f"a_hemi-{side}_pial.surf.gii")
    frame, notes = locate(surfaces(((LEFT, 162), (RIGHT, 162))), [str(tmp_path / "a_hemi-L_pial.surf.gii")], "A")
    assert isinstance(frame, Grayordinates)
    assert frame.coordinates[:162, 0].max() < 0 < frame.coordinates[162:, 0].min()
    assert frame.areas.sum() == pytest.approx(2 * 4 * np.pi * 50**2, rel=0.05)
    assert notes == ()


@pytest.mark.usefixtures("home")
def test_a_mesh_that_follows_from_the_space_is_logged_and_a_guess_is_noted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    frame = surfaces(((LEFT, 10242), (RIGHT, 10242)))
    assert locate(frame, [], "fsaverage5").notes == ()
    assert "pial_left.gii.gz and pial_right.gii.gz of fsaverage5 in nilearn" in caplog.text
    (note,) = locate(frame, [], None).notes
    assert "10242 vertices in each hemisphere, as fsaverage has: its mesh is used" in note


@pytest.mark.parametrize("frame", [Grid(SHAPE, AFFINE), frame_of(voxels([[1, 1, 1], [1, 1, 2]]))])
def test_voxels_have_no_mesh(frame: Frame) -> None:
    assert locate(frame, [], None).frame is frame
    with pytest.raises(UsageError, match=r"no vertices, and need no mesh\. Remove --surface"):
        locate(frame, ["lh.pial.surf.gii"], None)
