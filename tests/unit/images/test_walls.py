"""The medial wall of a group: where most maps have no values."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from builders import subject_map
from builders_labels import save_gifti
from builders_meshes import icosphere, saved_mesh

from bids_ari.images.stack import Stack, load_stack

N = 42  # vertices of a hemisphere
SIDES = (("L", -60), ("R", 60))

Values = npt.NDArray[np.float64]


@pytest.fixture
def wall() -> npt.NDArray[np.bool_]:
    """Which vertices of a hemisphere are the wall: an end of the sphere."""
    return icosphere(1).coordinates[:, 2] > 20


def stack(folder: Path, maps: list[Values], coverage: float = 1.0) -> Stack:
    """Read maps of the left hemisphere, that of sub-00 first."""
    mesh = saved_mesh(icosphere(1, centre=(-60, 0, 0)), folder / "hemi-L.surf.gii")
    paths = [save_gifti(folder / f"sub-{i:02d}_hemi-L.func.gii", values) for i, values in enumerate(maps)]
    members = [subject_map(f"{i:02d}", path) for i, path in enumerate(paths)]
    return load_stack(members, surface=(f"L={mesh}",), coverage=coverage)


@pytest.mark.parametrize(("absent", "coverage"), [(0.0, 1.0), (np.nan, 1.0), (0.0, 0.4)])
def test_one_map_without_a_wall(
    tmp_path: Path, rng: np.random.Generator, wall: npt.NDArray[np.bool_], absent: float, coverage: float
) -> None:
    """The zeros of the others stay missing, and the subject is named."""
    maps = [np.where(wall & (i != 2), absent, rng.normal(size=N)) for i in range(5)]
    found = stack(tmp_path, maps, coverage)
    assert (found.space.inside == ~wall).all()
    np.testing.assert_array_equal(found.coverage, np.where(wall, 0.2, 1.0))
    (note,) = (note for note in found.notes if "medial wall" in note)
    n_wall = int(wall.sum())
    assert f"most of the {n_wall} vertices" in note
    assert f"sub-02 ({n_wall})" in note


def test_a_wall_of_few_maps_is_tested_where_coverage_allows(
    tmp_path: Path, rng: np.random.Generator, wall: npt.NDArray[np.bool_]
) -> None:
    """Three of five have no values there: two are enough for a coverage of 0.4, and NaN is missing, 0 a value."""
    for absent, n in ((np.nan, 0.4), (0.0, 1.0)):
        found = stack(tmp_path, [np.where(wall & (i < 3), absent, rng.normal(size=N)) for i in range(5)], 0.4)
        assert found.space.inside.all()
        np.testing.assert_array_equal(found.coverage, np.where(wall, n, 1.0))
        assert not [note for note in found.notes if "medial wall" in note]


@pytest.mark.parametrize("absent", [0.0, np.nan])
def test_a_hemisphere_that_one_map_lacks_is_missing(tmp_path: Path, rng: np.random.Generator, absent: float) -> None:
    """Also without a wall, as in files of 91k grayordinates; the subject is named."""
    meshes = [saved_mesh(icosphere(1, centre=(x, 0, 0)), tmp_path / f"hemi-{side}.surf.gii") for side, x in SIDES]
    members = []
    for i in range(4):
        files = []
        for side, _ in SIDES:
            values = np.full(N, absent) if (i, side) == (2, "R") else rng.normal(size=N)
            files.append(save_gifti(tmp_path / f"sub-{i:02d}_hemi-{side}.func.gii", values))
        member = subject_map(f"{i:02d}", *files)
        first, second = member.maps
        members.append(replace(member, maps=(first.with_(pair=second),)))
    surface = tuple(f"{side}={mesh}" for (side, _), mesh in zip(SIDES, meshes, strict=True))
    found = load_stack(members, surface=surface)
    assert found.space.inside.tolist() == [True] * N + [False] * N
    np.testing.assert_array_equal(found.coverage, [1.0] * N + [0.75] * N)
    (note,) = (note for note in found.notes if "without any data in structures" in note)
    assert "sub-02 (right cortex)" in note


def test_single_zeros_of_most_maps_are_values(tmp_path: Path, rng: np.random.Generator) -> None:
    """Other than an area, and than a zero of all maps."""
    maps = [rng.normal(size=N) for _ in range(4)]
    for values in maps:
        values[3] = 0
    for values in maps[:3]:
        values[7] = 0
    found = stack(tmp_path, maps)
    assert np.flatnonzero(~found.space.inside).tolist() == [3]


def test_a_zero_of_a_few_maps_is_a_value(tmp_path: Path, rng: np.random.Generator) -> None:
    maps = [rng.normal(size=N) for _ in range(4)]
    for values in maps[:2]:
        values[7] = 0
    found = stack(tmp_path, maps)
    assert found.space.inside.all()
    assert not [note for note in found.notes if "medial wall" in note]
