import numpy as np
import pytest

from bids_ari.stats.bounds import Bound, true_discoveries


@pytest.fixture
def bound() -> Bound:
    """Nine points. For a set, 1 - u + #{c <= u} at u = 1, 2, ...; TDN is the largest."""
    return Bound(np.array([1, 1, 2, 2, 2, 3, 9, 10, 10], dtype=np.int32), alpha=0.05, method="simes", h=5)


@pytest.mark.parametrize(
    ("points", "tdn"),
    [
        ([0], 1),  # u = 1: 1
        ([2], 0),  # u = 1: 0; u = 2 would give 1 - 2 + 1 = 0
        ([2, 3], 1),  # u = 1: 0, u = 2: 1 - 2 + 2
        ([2, 3, 4], 2),  # u = 2: 1 - 2 + 3
        ([0, 1, 2, 3, 4], 4),  # u = 1: 2, u = 2: 1 - 2 + 5
        ([2, 3, 4, 5], 2),  # u = 2: 2, u = 3: 1 - 3 + 4
        ([5, 6, 7, 8], 0),  # u = 3: 1 - 3 + 1, u = 4: 1 - 4 + 1
        ([0, 6, 7, 8], 1),  # u = 1: 1; categories above 4, the size, add nothing
        (range(9), 4),  # u = 1: 2, u = 2: 4, u = 3: 4, u = 9: 1 - 9 + 7
        ([], 0),
    ],
)
def test_tdn_by_hand(bound: Bound, points: list[int], tdn: int) -> None:
    positions = np.array(points, dtype=int)
    assert bound.tdn(positions) == true_discoveries(bound.category[positions]) == tdn


def test_whole(bound: Bound) -> None:
    assert bound.whole == bound.tdn(np.arange(9)) == 4
    assert bound.n_points == 9


def test_positions_or_booleans(bound: Bound) -> None:
    chosen = np.array([False, False, True, True, True, True, False, False, False])
    assert bound.tdn(chosen) == bound.tdn(np.array([5, 3, 4, 2])) == 2
    assert bound.tdp(chosen) == bound.tdp(np.array([5, 3, 4, 2], dtype=np.uint16)) == 0.5


def test_tdp_of_the_empty_set_is_zero(bound: Bound) -> None:
    assert bound.tdp(np.zeros(9, dtype=bool)) == 0.0
    assert bound.tdp(np.array([], dtype=int)) == 0.0
    assert bound.tdn(np.array([])) == 0  # numpy makes the empty list a float array


@pytest.mark.parametrize(
    ("points", "rule"),
    [
        (np.ones(8, dtype=bool), r"one boolean per point, \(9,\); found \(8,\)"),
        (np.ones((3, 3), dtype=bool), "one boolean per point"),
        (np.array([0.0, 1.0]), "1-D array of positions; found float64"),
        (np.array([[0, 1]]), r"1-D array of positions; found int64 of shape \(1, 2\)"),
        (np.array([3, 1, 3]), "distinct"),
        (np.array([2, -1]), "none below 0"),
    ],
)
def test_refused_points(bound: Bound, points: np.ndarray, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        bound.tdn(points)
    with pytest.raises(ValueError, match=rule):
        bound.tdp(points)


def test_position_outside(bound: Bound) -> None:
    with pytest.raises(IndexError):
        bound.tdn(np.array([9]))


def test_categories_are_read_only(bound: Bound) -> None:
    with pytest.raises(ValueError, match="read-only"):
        bound.category[0] = 7


def test_repr(bound: Bound) -> None:
    assert repr(bound) == "Bound(n_points=9, alpha=0.05, method='simes', h=5)"
