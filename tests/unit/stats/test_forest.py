from collections.abc import Callable

import numpy as np
import pytest
from builders_stats import Voxels, adjacency, as_sets

from bids_ari.stats import forest_kernels as kernels
from bids_ari.stats.bounds import Bound
from bids_ari.stats.forest import Cluster, ClusterForest, CsrAdjacency, grow_forest

ROW = np.ones((1, 1, 7), dtype=bool)


def grow(statistic: list[float], category: list[int], inside: np.ndarray = ROW, connectivity: int = 6) -> ClusterForest:
    bound = Bound(np.array(category, dtype=np.int32), alpha=0.05, method="simes", h=0)
    return grow_forest(np.array(statistic, dtype=float), adjacency(inside, connectivity), bound)


@pytest.fixture
def forest() -> ClusterForest:
    """Seven points in a row, with the statistics 4 5 1 3 2 6 6. Its clusters, by hand:

    ===========  =============  ==========  ===  =====
    above        cluster        categories  TDN  TDP
    ===========  =============  ==========  ===  =====
    0            0 to 6         all         4    4 / 7
    1            0, 1           1 1         2    1
    1            3, 4, 5, 6     2 9 1 2     2    1 / 2
    2            3              2           0    0
    2            5, 6           1 2         1    1 / 2
    4            1              1           1    1
    ===========  =============  ==========  ===  =====
    """
    return grow([4, 5, 1, 3, 2, 6, 6], [1, 1, 9, 2, 9, 1, 2])


def voxels(*positions: int) -> Voxels:
    return frozenset(positions)


def test_every_cluster(forest: ClusterForest) -> None:
    assert as_sets(forest.clusters(np.flatnonzero(forest.valid))) == {
        voxels(*range(7)): 4,
        voxels(0, 1): 2,
        voxels(3, 4, 5, 6): 2,
        voxels(3): 0,
        voxels(5, 6): 1,
        voxels(1): 1,
    }


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (-np.inf, [range(7)]),
        (1, [[3, 4, 5, 6], [0, 1]]),
        (2.5, [[5, 6], [0, 1], [3]]),
        (3, [[5, 6], [0, 1]]),  # strictly above 3; of equal sizes, the higher peak comes first
        (6, []),
        (np.inf, []),
    ],
)
def test_at_threshold(forest: ClusterForest, threshold: float, expected: list[list[int]]) -> None:
    assert [cluster.points.tolist() for cluster in forest.at_threshold(threshold)] == [list(row) for row in expected]


@pytest.mark.parametrize(
    ("tdp", "expected"),
    [
        (1e-9, [range(7)]),
        (4 / 7, [range(7)]),  # at least
        (np.nextafter(4 / 7, 1), [[0, 1]]),  # the clusters of TDP 1 / 2 are below it
        (1.0, [[0, 1]]),  # point 1 alone, contained in it, also has TDP 1
    ],
)
def test_with_tdp(forest: ClusterForest, tdp: float, expected: list[list[int]]) -> None:
    assert [cluster.points.tolist() for cluster in forest.with_tdp(tdp)] == [list(row) for row in expected]


def test_highest_tdp(forest: ClusterForest) -> None:
    np.testing.assert_array_equal(forest.highest_tdp(), [1, 1, 4 / 7, 4 / 7, 4 / 7, 4 / 7, 4 / 7])


def test_peak_of_a_cluster(forest: ClusterForest) -> None:
    first, second = forest.at_threshold(3.5)
    assert (first.label, first.size, first.tdn, first.tdp, first.peak) == (1, 2, 1, 0.5, 5)  # of 6 6, the first
    assert (second.label, second.size, second.tdn, second.tdp, second.peak) == (2, 2, 2, 1.0, 1)


def test_labels_of_equal_clusters_follow_position() -> None:
    clusters = grow([3, 0, 3, 0, 4, 0, 3], [1] * 7).at_threshold(1)
    assert [cluster.peak for cluster in clusters] == [4, 0, 2, 6]
    assert [cluster.label for cluster in clusters] == [1, 2, 3, 4]


def test_equal_statistics_make_one_cluster() -> None:
    forest = grow([2] * 7, [1, 1, 1, 9, 9, 9, 9])
    assert forest.valid.sum() == 1
    assert forest.with_tdp(0.5) == ()  # 3 / 7, though some of the points alone have TDP 1
    np.testing.assert_array_equal(forest.highest_tdp(), [3 / 7] * 7)


def test_ties_are_broken_by_position() -> None:
    """Of equals the first joins first, so of all the ones between twos the last is the root, then the last but one.

    600 points, since numpy sorts short arrays by insertion, which is stable whether asked or not.
    """
    forest = grow([2, 1] * 300, [1] * 600, np.ones((1, 1, 600), dtype=bool))
    np.testing.assert_array_equal(forest.preorder[forest.preorder % 2 == 1], np.arange(600)[::-2])


@pytest.mark.parametrize("percent", [7, 14, 28, 55])
def test_the_target_tdp_is_compared_with_a_quotient(percent: int) -> None:
    """percent / 100 >= tdp, of 100 points; percent >= tdp * 100 fails by rounding, .07 * 100 > 7."""
    assert percent / 100 * 100 > percent
    forest = grow([1] * 100, [1] * percent + [101] * (100 - percent), np.ones((1, 1, 100), dtype=bool))
    (cluster,) = forest.with_tdp(percent / 100)
    assert (cluster.size, cluster.tdn) == (100, percent)


def test_categories_as_large_as_the_cluster_are_counted() -> None:
    """Three points of category 3: u = 3 gives 1 - 3 + 3 = 1. The middle one joins the other two."""
    forest = grow([2, 1, 2], [3, 3, 3], np.ones((1, 1, 3), dtype=bool))
    assert [cluster.tdn for cluster in forest.at_threshold(0)] == [1]
    assert [cluster.tdn for cluster in forest.at_threshold(1)] == [0, 0]


def test_chain(forest: ClusterForest) -> None:
    """Point 6 lies in 5-6, 3-6 and 0-6, of TDP 1/2, 1/2 and 4/7; alone it is no cluster."""
    chain = forest.chain(6)
    np.testing.assert_array_equal(forest.size[chain], [2, 4, 7])
    np.testing.assert_array_equal(forest.tdn[chain], [1, 2, 4])


@pytest.mark.parametrize("point", [-1, 7])
def test_refused_chain(forest: ClusterForest, point: int) -> None:
    with pytest.raises(IndexError, match=f"point must lie in 0..6; found {point}"):
        forest.chain(point)


def test_forest_of_a_graph() -> None:
    """A mesh of five vertices, the last without edges: 0 - 1 - 2 - 0 and 2 - 3."""
    mesh = CsrAdjacency.of_edges(np.array([[0, 1], [2, 1], [0, 2], [3, 2]]), n_points=5)
    np.testing.assert_array_equal(mesh.starts, [0, 2, 4, 7, 8, 8])
    np.testing.assert_array_equal(mesh.neighbours, [1, 2, 0, 2, 0, 1, 3, 2])
    bound = Bound(np.ones(5, dtype=np.int32), alpha=0.05, method="simes", h=0)
    statistic = np.array([3.0, 2, 1, 3, 3])
    assert set(as_sets(grow_forest(statistic, mesh, bound).at_threshold(1.5))) == {voxels(0, 1), voxels(3), voxels(4)}
    assert set(as_sets(grow_forest(statistic, mesh, bound).at_threshold(0))) == {voxels(0, 1, 2, 3), voxels(4)}
    apart = mesh.split(np.array([True, False, True, True, False]))
    np.testing.assert_array_equal(apart.starts, [0, 1, 1, 3, 4, 4])
    np.testing.assert_array_equal(apart.neighbours, [2, 0, 3, 2])


def test_infinite_statistics_are_the_highest() -> None:
    forest = grow([0, np.inf, np.inf, 5, 0, 0, np.inf], [1] * 7)
    expected = [[1, 2], [6]]
    assert [cluster.points.tolist() for cluster in forest.at_threshold(1e300)] == expected


@pytest.mark.parametrize(("connectivity", "n_clusters"), [(6, 4), (18, 2), (26, 1)])
def test_connectivity(connectivity: int, n_clusters: int) -> None:
    """(0,0,0) and (0,1,1) share an edge, and so do (2,2,2) and (2,3,3); (0,1,1) and (1,2,2) a corner."""
    inside = np.zeros((3, 4, 4), dtype=bool)
    for cell in ((0, 0, 0), (0, 1, 1), (1, 2, 2), (1, 3, 3)):
        inside[cell] = True
    assert len(grow([1, 1, 1, 1], [1] * 4, inside, connectivity).at_threshold(0)) == n_clusters


def test_opposite_faces_of_the_volume_are_not_neighbours() -> None:
    inside = np.ones((2, 3, 3), dtype=bool)
    statistic = np.zeros(inside.shape)
    statistic[0, :, 2] = statistic[1, :, 0] = 1  # next to each other in C order
    clusters = grow(statistic.ravel().tolist(), [1] * 18, inside, 26).at_threshold(0.5)
    assert [cluster.points.tolist() for cluster in clusters] == [[2, 5, 8], [9, 12, 15]]


def test_split_separates_signs() -> None:
    z = np.array([3.0, 4, -5, -2, 1, -1, 2])
    bound = Bound(np.ones(7, dtype=np.int32), alpha=0.05, method="simes", h=0)
    joined = grow_forest(np.abs(z), adjacency(ROW, 6), bound)
    apart = grow_forest(np.abs(z), adjacency(ROW, 6).split(z > 0), bound)
    assert set(as_sets(joined.at_threshold(1.5))) == {voxels(0, 1, 2, 3), voxels(6)}
    assert set(as_sets(apart.at_threshold(1.5))) == {voxels(0, 1), voxels(2, 3), voxels(6)}


@pytest.mark.parametrize("tdp", [0.0, -0.1, 1.0001, np.nan])
def test_refused_target_tdp(forest: ClusterForest, tdp: float) -> None:
    with pytest.raises(ValueError, match=r"tdp must lie in \(0, 1\]; found"):
        forest.with_tdp(tdp)


def test_refused_nan() -> None:
    with pytest.raises(ValueError, match="NaN"):
        grow([1, 2, np.nan, 4, 5, 6, 7], [1] * 7)


@pytest.mark.parametrize(("statistic", "category"), [([1.0] * 6, [1] * 7), ([1.0] * 7, [1] * 6), ([1.0] * 8, [1] * 8)])
def test_refused_numbers_of_points(statistic: list[float], category: list[int]) -> None:
    with pytest.raises(
        ValueError, match=r"must have the same number of points; found \([678],\), \(7,\) and \([678],\)"
    ):
        grow(statistic, category)


def test_arguments_are_not_changed() -> None:
    statistic, neighbours = np.array([4.0, 5, 1, 3, 2, 6, 6]), adjacency(ROW, 6)
    cell = neighbours.cell.copy()
    grow_forest(statistic, neighbours.split(statistic > 3), Bound(np.ones(7, dtype=np.int32), 0.05, "simes", 0))
    np.testing.assert_array_equal(statistic, [4, 5, 1, 3, 2, 6, 6])
    np.testing.assert_array_equal(neighbours.cell, cell)
    assert statistic.flags.writeable


@pytest.mark.parametrize("field", ["preorder", "size", "tdn", "parent", "height", "valid"])
def test_forest_is_read_only(forest: ClusterForest, field: str) -> None:
    with pytest.raises(ValueError, match="read-only"):
        getattr(forest, field)[0] = 0


def test_repr(forest: ClusterForest) -> None:
    assert repr(forest) == "ClusterForest(n_points=7, n_trees=1)"
    cluster = Cluster(label=2, points=np.array([4, 7, 9], dtype=np.int32), tdn=2, peak=7)
    assert repr(cluster) == "Cluster(label=2, size=3, tdn=2, tdp=0.666)"  # 2 / 3, a lower bound: rounded down


def test_compiles_without_a_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def njit(cache: bool = False, **settings: object) -> Callable[[Callable[[], int]], Callable[[], int]]:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")  # the message of numba
        return lambda function: function

    def loop() -> int:
        return 5

    monkeypatch.setattr(kernels, "njit", njit)
    monkeypatch.setattr(kernels, "uncached", [])
    assert kernels.compiled(loop)() == 5
    assert kernels.uncached == ["loop"]


@pytest.mark.parametrize(
    ("starts", "neighbours"), [([0, 1, 1], [5]), ([0, 1, 1], [-1]), ([1, 1], []), ([0, 2, 1, 1], [1]), ([0, 1], [0, 0])]
)
def test_refused_graph_with_positions_outside(starts: list[int], neighbours: list[int]) -> None:
    """Compiled code would read memory outside of the arrays."""
    with pytest.raises(ValueError, match=r"starts|neighbours"):
        CsrAdjacency(np.array(starts), np.array(neighbours, dtype=np.int32))


@pytest.mark.parametrize("edges", [[[0, 3]], [[-1, 0]], [[0, 10**8]]])
def test_refused_edges_to_positions_outside(edges: list[list[int]]) -> None:
    with pytest.raises(ValueError, match=r"positions 0\.\.2"):
        CsrAdjacency.of_edges(np.array(edges), n_points=3)
