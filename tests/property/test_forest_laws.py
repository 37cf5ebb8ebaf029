"""Laws of the forest, against scipy.ndimage at every threshold."""

from collections.abc import Iterator

import numpy as np
from builders_stats import CONNECTIVITIES, Voxels, adjacency, as_sets, components, edges
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import Volume, volumes

from bids_ari.stats.bounds import Bound
from bids_ari.stats.forest import Adjacency, ClusterForest, CsrAdjacency, grow_forest

# No deadline and no limit on data generation: the first call compiles, and the machine may be loaded.
laws = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ANY = st.sampled_from(CONNECTIVITIES)
GAMMAS = st.one_of(st.sampled_from((0.07, 1 / 3, 0.5, 2 / 3, 0.7, 1.0)), st.floats(1e-3, 1))


def bound_of(volume: Volume) -> Bound:
    """Return a bound with the categories of the example; the forest uses nothing else."""
    return Bound(volume.category, alpha=0.05, method="drawn", h=0)


def forest_of(volume: Volume, connectivity: int) -> ClusterForest:
    return grow_forest(volume.statistic, adjacency(volume.inside, connectivity), bound_of(volume))


def as_graph(volume: Volume, connectivity: int) -> CsrAdjacency:
    """Return the same neighbours as a list of edges."""
    return CsrAdjacency.of_edges(edges(volume.inside, connectivity), volume.statistic.size)


def every_cluster(volume: Volume, connectivity: int) -> dict[Voxels, int]:
    """Return the TDN of all components of ``statistic > z``, for all z: just below each distinct value."""
    bound = bound_of(volume)
    found: set[Voxels] = set()
    for value in np.unique(volume.statistic):
        found |= components(volume.statistic >= value, volume.inside, connectivity)
    return {points: bound.tdn(np.array(sorted(points))) for points in found}


def slices(forest: ClusterForest) -> Iterator[tuple[int, int]]:
    """Yield first and last + 1 place of each subtree."""
    return zip(range(forest.n_points), (np.arange(forest.n_points) + forest.size).tolist(), strict=True)


@laws
@given(connectivity=ANY, volume=volumes())
def test_valid_nodes_are_the_clusters(connectivity: int, volume: Volume) -> None:
    """The valid subtrees are the supra-threshold clusters at all thresholds, each once, with its TDN."""
    forest = forest_of(volume, connectivity)
    nodes = forest.clusters(np.flatnonzero(forest.valid))
    assert as_sets(nodes) == every_cluster(volume, connectivity)
    assert len(as_sets(nodes)) == len(nodes)


@laws
@given(connectivity=ANY, volume=volumes())
def test_tdn_of_every_node(connectivity: int, volume: Volume) -> None:
    """The TDN of every subtree, valid or not, is the TDN of its points."""
    forest, bound = forest_of(volume, connectivity), bound_of(volume)
    expected = [bound.tdn(forest.preorder[first:end]) for first, end in slices(forest)]
    np.testing.assert_array_equal(forest.tdn, expected)


@laws
@given(connectivity=ANY, volume=volumes(), data=st.data())
def test_at_threshold(connectivity: int, volume: Volume, data: st.DataObject) -> None:
    """at_threshold(z) are the connected components of statistic > z: strictly greater."""
    threshold = data.draw(st.one_of(st.sampled_from(volume.statistic.tolist()), st.floats(-10, 10)))
    expected = components(volume.statistic > threshold, volume.inside, connectivity)
    assert set(as_sets(forest_of(volume, connectivity).at_threshold(threshold))) == expected


@laws
@given(connectivity=ANY, volume=volumes(), data=st.data())
def test_with_tdp(connectivity: int, volume: Volume, data: st.DataObject) -> None:
    """with_tdp(tdp): of all clusters with TDP >= tdp, those that are contained in no other; often equal to one."""
    clusters = every_cluster(volume, connectivity)
    exact = sorted({tdn / len(v) for v, tdn in clusters.items() if tdn})
    tdp = data.draw(st.one_of(st.sampled_from(exact), GAMMAS) if exact else GAMMAS)
    enough = {v: tdn for v, tdn in clusters.items() if tdn / len(v) >= tdp}
    maximal = {v: tdn for v, tdn in enough.items() if not any(v < other for other in enough)}
    assert as_sets(forest_of(volume, connectivity).with_tdp(tdp)) == maximal


@laws
@given(connectivity=ANY, volume=volumes())
def test_highest_tdp(connectivity: int, volume: Volume) -> None:
    """Highest TDP over thresholds = voxelwise maximum over all clusters that contain the point."""
    expected = np.zeros(volume.statistic.size)
    for points, tdn in every_cluster(volume, connectivity).items():
        positions = sorted(points)
        expected[positions] = np.maximum(expected[positions], tdn / len(points))
    np.testing.assert_array_equal(forest_of(volume, connectivity).highest_tdp(), expected)


@laws
@given(connectivity=ANY, volume=volumes(), tdp=GAMMAS)
def test_labels(connectivity: int, volume: Volume, tdp: float) -> None:
    """Labels of clusters: by size, then peak, then lowest point index; of equal peaks, the first point."""
    clusters = forest_of(volume, connectivity).with_tdp(tdp)
    assert [cluster.label for cluster in clusters] == list(range(1, len(clusters) + 1))
    keys = [(-c.size, -volume.statistic[c.points].max(), c.points.min()) for c in clusters]
    assert keys == sorted(keys)
    for cluster in clusters:
        assert cluster.peak == cluster.points[np.argmax(volume.statistic[cluster.points])]  # argmax: the first
        assert (np.diff(cluster.points) > 0).all()


@laws
@given(connectivity=ANY, volume=volumes(), axes=st.sets(st.integers(0, 2), min_size=1), tdp=GAMMAS)
def test_axis_flips(connectivity: int, volume: Volume, axes: set[int], tdp: float) -> None:
    """The direction of the axes does not matter: the same clusters, and the same highest TDP."""
    position = np.full(volume.inside.shape, -1)
    position[volume.inside] = np.arange(volume.statistic.size)
    inside, position = np.flip(volume.inside, sorted(axes)), np.flip(position, sorted(axes))
    order = position[inside]  # of each point of the flipped volume: where it was
    flipped = forest_of(Volume(inside, volume.statistic[order], volume.category[order]), connectivity)
    forest = forest_of(volume, connectivity)
    back = {frozenset(order[list(v)].tolist()): tdn for v, tdn in as_sets(flipped.with_tdp(tdp)).items()}
    assert back == as_sets(forest.with_tdp(tdp))
    np.testing.assert_array_equal(flipped.highest_tdp(), forest.highest_tdp()[order])


@laws
@given(connectivity=ANY, volume=volumes())
def test_preorder(connectivity: int, volume: Volume) -> None:
    """Parents come before children, the largest child first; every subtree is one slice, and increases upwards."""
    forest = forest_of(volume, connectivity)
    np.testing.assert_array_equal(np.sort(forest.preorder), np.arange(forest.n_points))
    np.testing.assert_array_equal(forest.height, volume.statistic[forest.preorder])
    assert forest.size[forest.parent < 0].sum() == forest.n_points
    below: list[set[int]] = [{place} for place in range(forest.n_points)]
    for place in range(forest.n_points - 1, -1, -1):  # backwards: children before their parents
        parent = int(forest.parent[place])
        assert parent < place
        if parent >= 0:
            below[parent] |= below[place]
            assert forest.height[parent] <= forest.height[place]
            assert forest.size[parent + 1] >= forest.size[place]
    assert below == [set(range(first, end)) for first, end in slices(forest)]


@laws
@given(connectivity=ANY, volume=volumes(), data=st.data())
def test_split_separates_sides(connectivity: int, volume: Volume, data: st.DataObject) -> None:
    """Neighbours must be on the same side: the clusters are those of each side alone."""
    n_points = volume.statistic.size
    side = np.array(data.draw(st.lists(st.booleans(), min_size=n_points, max_size=n_points)))
    grid, graph = adjacency(volume.inside, connectivity), as_graph(volume, connectivity)
    for neighbours in (grid.split(side), graph.split(side)):
        forest = grow_forest(volume.statistic, neighbours, bound_of(volume))
        for threshold in np.unique(volume.statistic):
            above = volume.statistic > threshold
            expected = components(above & side, volume.inside, connectivity)
            expected |= components(above & ~side, volume.inside, connectivity)
            assert set(as_sets(forest.at_threshold(threshold))) == expected


@laws
@given(connectivity=ANY, volume=volumes())
def test_grid_and_graph_grow_the_same_forest(connectivity: int, volume: Volume) -> None:
    """Whether neighbours are steps on a grid or edges of a graph does not matter."""
    neighbours: tuple[Adjacency, ...] = (adjacency(volume.inside, connectivity), as_graph(volume, connectivity))
    grid, graph = (grow_forest(volume.statistic, kind, bound_of(volume)) for kind in neighbours)
    np.testing.assert_array_equal(grid.size[np.argsort(grid.preorder)], graph.size[np.argsort(graph.preorder)])
    for forest in (grid, graph):
        nodes = forest.clusters(np.flatnonzero(forest.valid))
        assert as_sets(nodes) == every_cluster(volume, connectivity)


@laws
@given(connectivity=ANY, volume=volumes(), data=st.data())
def test_chain(connectivity: int, volume: Volume, data: st.DataObject) -> None:
    """The chain of a point: all supra-threshold clusters that contain it, from the smallest to the largest."""
    point = data.draw(st.integers(0, volume.statistic.size - 1))
    forest = forest_of(volume, connectivity)
    chain = forest.chain(point)
    expected = {points: tdn for points, tdn in every_cluster(volume, connectivity).items() if point in points}
    assert as_sets(forest.clusters(chain)) == expected
    assert (np.diff(forest.size[chain]) > 0).all()
