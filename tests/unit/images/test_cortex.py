"""The cortex and the other voxels as they are shown."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from builders_cortex import grayordinates, surfaces

from bids_ari.bids.spaces import StandardSpace
from bids_ari.errors import DataError
from bids_ari.images.cortex import (
    display_of,
    hemispheres_of,
    image_of_voxels,
    read_sulci,
    space_of_voxels,
    towards_sulci,
    voxels_of,
)
from bids_ari.images.gifti import LEFT, RIGHT
from bids_ari.images.mesh import Mesh

ROOF = Mesh(
    np.array([[x, y, 2.0 - abs(x)] for x in (-2, -1, 0, 1, 2) for y in (0, 1, 2)]),
    np.array(
        [[3 * i + j, 3 * i + j + 1, 3 * i + j + 3] for i in range(4) for j in range(2)]
        + [[3 * i + j + 1, 3 * i + j + 4, 3 * i + j + 3] for i in range(4) for j in range(2)],
        dtype=np.int32,
    ),
)
"""A ridge along y at x = 0."""


def test_positions_of_vertices() -> None:
    """Of grayordinates the last vertex of each hemisphere is not in the frame."""
    left, right = hemispheres_of(grayordinates(), None)
    assert (left.sides, right.sides) == ("L", "R")
    assert left.positions.tolist() == [*range(7), -1]
    assert right.positions.tolist() == [*range(7, 14), -1]
    points = np.full(14 + 96, -1, dtype=np.int32)
    points[[2, 9]] = [0, 1]  # the third vertex of each is tested
    assert left.points(points).tolist() == [-1, -1, 0, *[-1] * 5]
    assert right.points(points).tolist() == [-1, -1, 1, *[-1] * 5]


def test_one_hemisphere() -> None:
    (only,) = hemispheres_of(surfaces("R"), None)
    assert only.sides == "R"
    assert only.positions.tolist() == list(range(8))


def test_meshes_of_the_analysis_are_shown_where_no_inflated_ones_are_known() -> None:
    frame = surfaces()
    left, right = hemispheres_of(frame, "fsaverage")
    assert left.mesh is frame.meshes[LEFT]
    assert right.mesh is frame.meshes[RIGHT]
    np.testing.assert_array_equal(left.sulci, left.mesh.sulci)


def test_inflated_meshes_have_the_sulci_of_the_folded_ones() -> None:
    """fsaverage5 comes with nilearn: inflated meshes and sulcal depth of 10,242 vertices."""
    from nilearn.datasets import load_fsaverage

    pial = {
        name: Mesh(part.coordinates.astype(float), part.faces.astype(np.int32))
        for name, part in zip((LEFT, RIGHT), load_fsaverage()["pial"].parts.values(), strict=True)
    }
    from bids_ari.images.grayordinates import surfaces as all_vertices

    frame = all_vertices(((LEFT, 10242), (RIGHT, 10242))).located(pial)
    left, right = hemispheres_of(frame, "fsaverage5")
    assert np.ptp(left.mesh.coordinates[:, 1]) > 200  # inflated
    for each, mesh in ((left, pial[LEFT]), (right, pial[RIGHT])):
        assert 0 <= each.sulci.min() < each.sulci.max() <= 1
        assert np.corrcoef(each.sulci, mesh.sulci)[0, 1] > 0.3


def test_voxels_have_their_positions() -> None:
    """The positions of the voxels follow those of 14 vertices; a VolumeSpace has its voxels in C order."""
    frame = grayordinates()
    inside = np.ones(frame.shape, dtype=bool)
    inside[[0, 20]] = False  # a vertex and a voxel
    found = voxels_of(frame.space(inside))
    assert found is not None
    assert found.positions.tolist() == [i for i in range(14, 110) if i != 20]
    np.testing.assert_array_equal(found.space.coordinates(), frame.coordinates[found.positions])
    assert voxels_of(surfaces().space(np.ones(16, dtype=bool))) is None


def written_depth(folder: Path, side: str, values: list[float]) -> Path:
    path = folder / f"hemi-{side}_sulc.shape.gii"
    nib.save(nib.GiftiImage(darrays=[nib.gifti.GiftiDataArray(np.array(values, dtype=np.float32))]), path)
    return path


def test_sulci_of_a_file_stand_for_both_hemispheres(tmp_path: Path) -> None:
    """Values from 0 to 7: percentiles 5 and 95 are 0.35 and 6.65. Boxes have no folds, and so no sign."""
    left = written_depth(tmp_path, "L", [*range(8)])
    written_depth(tmp_path, "R", [*range(7, -1, -1)])
    frame = surfaces()
    expected = np.clip((np.arange(8) - 0.35) / 6.3, 0, 1)
    found = {each.sides: each.sulci for each in hemispheres_of(frame, None, left)}
    np.testing.assert_allclose(found["L"], expected, atol=1e-6)
    np.testing.assert_allclose(found["R"], expected[::-1], atol=1e-6)


def test_vertices_without_depth_have_that_of_the_mesh(tmp_path: Path) -> None:
    """Grayordinates lack the last vertex of a hemisphere."""
    path = written_depth(tmp_path, "L", [*range(8)])
    frame = grayordinates()
    sulci = read_sulci(path, frame)
    assert sulci.keys() == {LEFT}
    assert sulci[LEFT][7] == frame.meshes[LEFT].sulci[7]


def test_a_file_that_is_gone_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frame = surfaces()
    found = display_of(frame, None, tmp_path / "hemi-L_sulc.shape.gii")
    np.testing.assert_array_equal(found.sulci[LEFT], frame.meshes[LEFT].sulci)
    assert "Pictures are drawn without it" in caplog.text
    written_depth(tmp_path, "L", [1.0, 2.0])
    with pytest.raises(DataError, match="2 vertices"):
        read_sulci(tmp_path / "hemi-L_sulc.shape.gii", frame)


def test_an_image_of_voxels_is_no_map_of_sulci() -> None:
    assert image_of_voxels(Path("T1w.nii.gz")) == Path("T1w.nii.gz")
    assert image_of_voxels(Path("hemi-L_sulc.shape.gii")) is None
    assert image_of_voxels(None) is None


def test_sulcal_depth_has_the_sign_of_the_folding() -> None:
    """The ridge is a gyrus: its depth is lowest. Files of the HCP have the opposite sign."""
    depth = np.abs(ROOF.coordinates[:, 0]) / 2
    for values in (depth, 1 - depth):
        np.testing.assert_allclose(towards_sulci(values, ROOF), depth)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("fsLR", "MNI152NLin6Asym"), ("fsaverage5", "MNI305"), (StandardSpace("fsLR", den="91k"), "MNI152NLin6Asym")],
)
def test_the_space_of_voxels_is_that_of_the_vertices(name: str, expected: str) -> None:
    """By Glasser et al. (2013), and by the coordinate systems of BIDS, where fsaverage stands for both."""
    assert space_of_voxels(grayordinates(), name) == expected


def test_the_space_of_voxels_is_found_by_the_number_of_vertices() -> None:
    from bids_ari.images.grayordinates import surfaces as all_vertices

    mesh = Mesh(np.zeros((10242, 3)), np.zeros((1, 3), dtype=np.int32))
    frame = all_vertices(((LEFT, 10242), (RIGHT, 10242))).located({LEFT: mesh, RIGHT: mesh})
    assert space_of_voxels(frame, None) == "MNI305"
    assert space_of_voxels(frame, "T1w") is None
    assert space_of_voxels(grayordinates(), None) is None
    assert space_of_voxels(grayordinates(), "MNIInfant+2") == StandardSpace("MNIInfant", cohort="2")
