from itertools import product

import numpy as np
import pytest
from builders_stats import adjacency

from bids_ari.stats.forest import CsrAdjacency, GridAdjacency

CONNECTIVITIES = (6, 18, 26)
AXES = {6: 1, 18: 2, 26: 3}


def edges(inside: np.ndarray, connectivity: int) -> np.ndarray:
    """Return the pairs of neighbours from coordinates: at most one step along each axis, along 1, 2 or 3 axes."""
    places = np.argwhere(inside)
    position = {tuple(place): i for i, place in enumerate(places.tolist())}
    steps = [step for step in product((-1, 0, 1), repeat=3) if 0 < np.count_nonzero(step) <= AXES[connectivity]]
    pairs = [
        (i, position[other])
        for place, i in position.items()
        for step in steps
        if (other := tuple(np.add(place, step).tolist())) in position
    ]
    return np.array([pair for pair in pairs if pair[0] < pair[1]], dtype=np.int32).reshape(-1, 2)


@pytest.mark.parametrize("connectivity", CONNECTIVITIES)
@pytest.mark.parametrize("shape", [(7, 6, 8), (1, 9, 9), (1, 1, 2100), (5, 1, 3)])
@pytest.mark.parametrize("density", [0.4, 0.8, 1.0])
def test_parents_on_a_grid_are_those_on_its_graph(
    shape: tuple[int, ...], density: float, connectivity: int, rng: np.random.Generator
) -> None:
    """Rows may be longer than those that are handled at once."""
    inside = rng.random(shape) < density
    inside.flat[0] = True
    grid = adjacency(inside, connectivity)
    graph = CsrAdjacency.of_edges(edges(inside, connectivity), grid.n_points)
    for _ in range(5):
        order, side = rng.permutation(grid.n_points).astype(np.int32), rng.random(grid.n_points) < 0.5
        np.testing.assert_array_equal(grid.parents(order), graph.parents(order))
        np.testing.assert_array_equal(grid.split(side).parents(order), graph.split(side).parents(order))


def test_long_paths() -> None:
    """Along a path through all rows of a plane each point joins after the next one, so each is the parent of the next.

    Every second row is full, and the ends of full rows are connected in turn at the left and the right.
    """
    inside = np.ones((1, 801, 600), dtype=bool)
    inside[0, 1::2] = False
    inside[0, 1::4, -1] = inside[0, 3::4, 0] = True
    along = np.zeros(inside.shape, dtype=np.int64)
    along[0, ::2] = np.arange(401)[:, None] * 601 + np.arange(600)
    along[0, 2::4] = along[0, 2::4, ::-1]
    along[0, 1::2][inside[0, 1::2]] = np.arange(400) * 601 + 600
    order = np.argsort(-along[inside]).astype(np.int32)
    for each in (order, order[::-1].copy()):
        parents = adjacency(inside, 6).parents(each)
        np.testing.assert_array_equal(parents[:-1], np.arange(1, order.size))


def test_refused_number_of_neighbours() -> None:
    with pytest.raises(ValueError, match="at most 27; found 28"):
        GridAdjacency(np.zeros(1, dtype=np.int32), np.arange(28, dtype=np.int32), 60)
