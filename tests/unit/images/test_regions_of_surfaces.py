"""Atlases, regions and masks for maps of vertices and grayordinates."""

from pathlib import Path

import numpy as np
import pytest
from builders import AFFINE, SHAPE, saved
from builders_labels import LEFT, RIGHT, cortex, save_cifti, save_gifti, voxels

from bids_ari.errors import DataError, EmptyMaskError, UsageError
from bids_ari.images.grayordinates import Grayordinates, frame_of, surfaces
from bids_ari.images.masks import load_mask
from bids_ari.images.regions import RegionSet, check_atlas, load_atlas, load_rois
from bids_ari.images.space import Frame, Space
from bids_ari.images.volume import Grid

N = 2562
VERTICES = surfaces(((LEFT, N), (RIGHT, N)))
INSIDE = np.arange(2 * N) % 2 == 0  # every other vertex is tested
SPACE = VERTICES.space(INSIDE)
NAMES = {0: "???", 1: "V1", 2: "M1"}
HALVES = np.where(np.arange(N) < 10, 1, 2)  # the first ten vertices are V1


def sizes(regions: RegionSet) -> dict[str, int]:
    return {region.name: region.points.size for region in regions.regions}


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """An atlas of both hemispheres; V1 on the right has twenty vertices."""
    save_gifti(tmp_path / "lh.halves.label.gii", HALVES, NAMES)
    save_gifti(tmp_path / "rh.halves.label.gii", np.where(np.arange(N) < 20, 1, 2), NAMES)
    return tmp_path / "lh.halves.label.gii"


def test_an_atlas_of_both_hemispheres(pair: Path) -> None:
    found = load_atlas(str(pair), None, "A", SPACE)
    assert (found.name, found.title) == ("halves", "Atlas halves")
    assert sizes(found) == {"left V1": 5, "left M1": N // 2 - 5, "right V1": 10, "right M1": N // 2 - 10}
    right = found.regions[2].points
    assert right.dtype == np.int32
    np.testing.assert_array_equal(right, N // 2 + np.arange(10))
    check_atlas(str(pair), None, "A", VERTICES)


def test_names_of_a_table(pair: Path, tmp_path: Path) -> None:
    (tmp_path / "halves.tsv").write_text("index\tname\n1\tvisual\n2\tmotor\n3\tnowhere\n")
    assert [*sizes(load_atlas(str(pair), None, None, SPACE))] == [
        "left visual",
        "left motor",
        "right visual",
        "right motor",
    ]
    (tmp_path / "other.tsv").write_text("index\tname\n7\tX\n")
    with pytest.raises(DataError, match="No number of the atlas"):
        load_atlas(str(pair), tmp_path / "other.tsv", None, SPACE)


def test_an_atlas_of_templateflow(home: Path) -> None:
    for side in "LR":
        save_gifti(home / f"tpl-A_hemi-{side}_den-3k_atlas-X_dseg.label.gii", HALVES, NAMES)
    found = load_atlas("X", None, "A", SPACE)
    assert (found.name, len(found.regions)) == ("X", 4)
    with pytest.raises(DataError, match=r"is in A; expected the space of the maps, B"):
        load_atlas(str(home / "tpl-A_hemi-L_den-3k_atlas-X_dseg.label.gii"), None, "B", SPACE)
    with pytest.raises(UsageError, match="have no space"):
        load_atlas("X", None, None, surfaces(((LEFT, 42),)).space(np.ones(42, dtype=bool)))


def test_regions_of_both_hemispheres(tmp_path: Path) -> None:
    """The file of the left hemisphere also stands for that of the right one."""
    for side, n in (("L", 4), ("R", 6)):
        save_gifti(tmp_path / f"seed_hemi-{side}_mask.func.gii", np.arange(N) < n)
    save_gifti(tmp_path / "lh.V1.label.gii", np.arange(N) < 2, NAMES)
    found = load_rois([tmp_path / "seed_hemi-R_mask.func.gii", tmp_path / "lh.V1.label.gii"], SPACE)
    assert sizes(found) == {"seed_mask": 5, "lh.V1": 1}
    assert sizes(load_rois([tmp_path / f"seed_hemi-{side}_mask.func.gii" for side in "LR"], SPACE)) == {"seed_mask": 5}


def test_a_mask_of_templateflow_has_all_voxels(home: Path) -> None:
    for side in "LR":
        save_gifti(home / f"tpl-A_hemi-{side}_den-3k_desc-nomedialwall_dparc.label.gii", np.arange(N) > 1, NAMES)
    frame = frame_of(cortex(N, left=[0, 1, 2], right=[1, 5]) + voxels([[1, 1, 1]]))
    mask = load_mask("template", frame, "A")
    assert mask.inside.tolist() == [False, False, True, False, True, True]
    assert isinstance(mask.frame, Grayordinates)


def test_a_mask_of_grayordinates(tmp_path: Path) -> None:
    axis = cortex(6) + voxels([[1, 1, 1], [2, 2, 2]])
    path = save_cifti(tmp_path / "mask.dscalar.nii", [0, 1] * 7, axis)
    assert load_mask(path, frame_of(axis)).n_points == 7
    empty = save_cifti(tmp_path / "empty.dscalar.nii", [0] * 14, axis)
    with pytest.raises(EmptyMaskError, match=r"empty\.dscalar\.nii is empty; expected at least one grayordinate"):
        load_mask(empty, frame_of(axis))


@pytest.mark.parametrize(
    ("name", "frame", "words"),
    [
        ("lh.halves.label.gii", Grid(SHAPE, AFFINE), "is on surfaces, the maps are volumes"),
        ("ones.nii.gz", VERTICES, "is a volume, the maps are on surfaces"),
    ],
)
def test_volumes_for_surfaces_and_the_reverse(name: str, frame: Frame, words: str, pair: Path) -> None:
    saved(pair.parent / "ones.nii.gz", np.ones(SHAPE))
    path, space = pair.parent / name, all_of(frame)
    with pytest.raises(DataError, match=f"The mask .*{words}"):
        load_mask(path, frame)
    with pytest.raises(DataError, match=f"The region .*{words}"):
        load_rois([path], space)
    with pytest.raises(DataError, match=f"The atlas .*{words}"):
        load_atlas(str(path), None, None, space)


def all_of(frame: Frame) -> Space:
    return frame.space(np.ones(frame.shape, dtype=bool))
