"""Laws of clusters on meshes and grayordinates, from their definitions, at every threshold."""

from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from builders_axes import RandomMap, neighbours, parts_of, random_frame, random_map
from builders_labels import save_cifti
from builders_meshes import saved_mesh
from builders_stats import Voxels, as_sets
from scipy import stats

import bids_ari as ari
from bids_ari.images.grayordinates import frame_of
from bids_ari.stats.bounds import Bound
from bids_ari.stats.forest import ClusterForest, grow_forest

for_seeds = pytest.mark.parametrize("seed", range(40))


def forest_of(case: RandomMap) -> ClusterForest:
    bound = Bound(case.category, alpha=0.05, method="drawn", h=0)
    return grow_forest(case.statistic, case.space.adjacency(case.connectivity), bound)


def tdn(category: npt.NDArray[np.int32]) -> int:
    """max(0, max over u of 1 - u + the number of categories up to u)."""
    return max(0, *(1 - u + int((category <= u).sum()) for u in range(1, category.size + 1)))


def every_cluster(case: RandomMap) -> dict[Voxels, int]:
    """The TDN of all clusters at all thresholds, as sets of points."""
    touch = neighbours(case.frame, case.connectivity)[np.ix_(case.space.inside, case.space.inside)]
    found = {each for value in np.unique(case.statistic) for each in parts_of(touch, case.statistic >= value)}
    return {points: tdn(case.category[sorted(points)]) for points in found}


@for_seeds
def test_clusters_at_every_threshold(seed: int) -> None:
    case = random_map(seed)
    forest, clusters = forest_of(case), every_cluster(case)
    assert as_sets(forest.clusters(np.flatnonzero(forest.valid))) == clusters
    for target in (0.1, 1 / 3, 0.5, 0.8, 1.0):
        enough = {points: tdn for points, tdn in clusters.items() if tdn / len(points) >= target}
        largest = {points: tdn for points, tdn in enough.items() if not any(points < other for other in enough)}
        assert as_sets(forest.with_tdp(target)) == largest


@for_seeds
def test_the_order_of_grayordinates_does_not_matter(seed: int) -> None:
    """Even where those of one structure do not follow each other."""
    case = random_map(seed)
    order = np.random.default_rng(seed).permutation(len(case.frame.axis))
    frame = frame_of(case.frame.axis[order]).located(case.frame.meshes)
    at = case.space.unmask(np.arange(case.space.n_points), -1)[order]  # the point that was at each position
    moved = at[at >= 0]
    other = RandomMap(frame, frame.space(at >= 0), case.connectivity, case.statistic[moved], case.category[moved])
    one, same = forest_of(case), forest_of(other)
    back = {frozenset(moved[sorted(points)].tolist()): tdn for points, tdn in as_sets(same.with_tdp(0.5)).items()}
    assert back == as_sets(one.with_tdp(0.5))
    np.testing.assert_array_equal(same.highest_tdp(), one.highest_tdp()[moved])
    np.testing.assert_array_equal(other.space.coordinates(), case.space.coordinates()[moved])
    assert other.space.sizes() == pytest.approx(case.space.sizes())
    peaks = case.space.local_maxima(case.statistic)
    np.testing.assert_array_equal(other.space.local_maxima(other.statistic), peaks[moved])


@pytest.mark.parametrize("seed", range(12))
def test_files_of_any_axis(seed: int, tmp_path: Path) -> None:
    """TDP of clusters in a CIFTI file, with meshes of their own files, from the definitions."""
    rng = np.random.default_rng(seed)
    frame = random_frame(rng)
    surface = [
        f"{name.split('_')[-1][0]}={saved_mesh(mesh, tmp_path / f'{name}.surf.gii', name)}"
        for name, mesh in frame.meshes.items()
        if len(mesh.triangles)
    ]
    if len(surface) < len(frame.meshes):
        pytest.skip("a mesh without triangles is refused")
    z = (rng.integers(-8, 12, frame.shape) / 2 + 0.25).astype(np.float32)  # not 0, which is no value
    z[:2] = (0.25, -0.25)[: z.size]  # or it may look thresholded
    save_cifti(tmp_path / "map.dscalar.nii", z, frame.axis)
    found = ari.cluster_tdp(tmp_path / "map.dscalar.nii", stat="z", threshold=2.0, connectivity=6, surface=surface)
    bound, expected = ari.hommel_bound(stats.norm.sf(z.astype(float))), np.zeros(z.size)
    for points in map(sorted, parts_of(neighbours(frame, 6), z > 2)):
        expected[points] = tdn(bound.category[points]) / len(points)
    assert found.header.get_axis(1) == frame.axis
    np.testing.assert_allclose(found.get_fdata()[0], expected, rtol=1e-6)


@for_seeds
def test_the_least_active_area(seed: int) -> None:
    """The least of all choices of TDN points, voxels included, which have no area."""
    case, rng = random_map(seed), np.random.default_rng(seed)
    points = rng.permutation(case.space.n_points)[:7]
    areas = case.frame.areas[case.space.positions[points]]
    for n in range(len(points) + 1):
        found = case.space.active_sizes(points, n)
        if case.frame.is_vertex.any():
            least = min(sum(chosen) for chosen in combinations(areas, n))
            assert found["active_area_mm2"] == pytest.approx(least)
        else:
            assert not found


@for_seeds
def test_zeros_that_are_connected_to_the_wall_are_missing(seed: int) -> None:
    """Grow the wall by one neighbour at a time."""
    rng = np.random.default_rng(seed)
    frame = random_frame(rng)
    values = rng.integers(0, 2, frame.shape).astype(float)
    values[rng.random(frame.shape) < 0.1] = np.nan
    wall = rng.random(frame.shape) < 0.1
    touch, absent = neighbours(frame, 6), (values == 0) | np.isnan(values)
    reached = wall & absent
    for _ in range(values.size):
        reached = reached | (touch[reached].any(axis=0) & absent)
    np.testing.assert_array_equal(frame.walled(wall).missing(values), reached | np.isnan(values))
