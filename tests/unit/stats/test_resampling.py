from itertools import product

import numpy as np
import numpy.typing as npt
import pytest

from bids_ari.stats.choices import Scheme
from bids_ari.stats.resampling import BATCH, Exchangeability, Permutations, Resampling, Subspaces, make_resampling

Floats = npt.NDArray[np.float64]

PINNED_ORDER = [[2, 4, 0, 1, 3, 5], [0, 1, 2, 5, 4, 3]]
PINNED_SIGN = [[1.0, -1.0, 1.0, -1.0, -1.0, -1.0], [1.0, -1.0, 1.0, -1.0, -1.0, 1.0]]

BLOCKS = ["b", "a", "b", "a", "c", "b", "a"]


def one_sample(n: int, one_sided: bool = True) -> Subspaces:
    return Subspaces(np.full((1, n), n**-0.5), np.zeros((0, n)), one_sided)


def groups(sizes: list[int], one_sided: bool) -> Subspaces:
    """The difference of two groups, or F of several; no permutation changes the mean, which is not included."""
    indicator = np.eye(len(sizes))[np.repeat(range(len(sizes)), sizes)]
    q = np.linalg.qr(np.column_stack([np.ones(len(indicator)), indicator[:, 1:]]))[0]
    return Subspaces(q.T[1:], np.zeros((0, len(indicator))), one_sided)


def everything(resampling: Resampling) -> Permutations:
    each = [resampling.batch(first) for first in resampling.batches]
    return Permutations(np.concatenate([b.order for b in each]), np.concatenate([b.sign for b in each]))


@pytest.mark.parametrize("scheme", ["flip", "permute", "both"])
@pytest.mark.parametrize("blocks", [None, BLOCKS])
def test_a_permutation_depends_on_seed_and_number_only(scheme: Scheme, blocks: list[str] | None) -> None:
    exchangeability = Exchangeability.of(7, scheme, blocks)
    few, many = everything(Resampling(40, 5, exchangeability)), everything(Resampling(200, 5, exchangeability))
    np.testing.assert_array_equal(few.order, many.order[:40])
    np.testing.assert_array_equal(few.sign, many.sign[:40])
    other = everything(Resampling(40, 6, exchangeability))
    assert (other.order[1:] != few.order[1:]).any() or (other.sign[1:] != few.sign[1:]).any()


@pytest.mark.parametrize("scheme", ["flip", "permute", "both"])
def test_permutation_0_is_the_identity_except_for_learning(scheme: Scheme) -> None:
    resampling = Resampling(70, 3, Exchangeability.of(30, scheme))
    assert resampling.batch(0).order[0].tolist() == list(range(30))
    assert resampling.batch(0).sign[0].tolist() == [1.0] * 30
    learning = everything(resampling.independent(70))
    calibrating = {row.tobytes() for row in np.hstack(everything(resampling))}
    assert not calibrating & {row.tobytes() for row in np.hstack(learning)}


def test_permutations_are_the_same_with_every_version_of_numpy() -> None:
    """Recorded once; raw bits of Philox do not change."""
    resampling = Resampling(3, 20240229, Exchangeability.of(6, "both"))
    assert resampling.batch(0).order[1:].tolist() == PINNED_ORDER
    assert resampling.batch(0).sign[1:].tolist() == PINNED_SIGN


def test_batches_are_blocks_of_32() -> None:
    resampling = Resampling(70, 1, Exchangeability.of(4, "flip"))
    assert list(resampling.batches) == [0, 32, 64]
    assert [len(resampling.batch(first).sign) for first in resampling.batches] == [BATCH, BATCH, 6]


def test_signs_and_orders_are_uniform() -> None:
    """10,000 permutations: a mean sign has standard error .01, a share of 1/5 one of .004; 5 of them are allowed."""
    drawn = everything(Resampling(10_000, 11, Exchangeability.of(5, "both")))
    assert abs(drawn.sign.mean(axis=0)).max() < 0.05
    share = np.array([[(drawn.order[:, i] == j).mean() for j in range(5)] for i in range(5)])
    assert abs(share - 0.2).max() < 0.02
    assert (np.sort(drawn.order, axis=1) == np.arange(5)).all()
    assert len(np.unique(drawn.order, axis=0)) == 120


def test_subjects_stay_in_their_block_and_blocks_are_flipped_as_a_whole() -> None:
    drawn = everything(Resampling(500, 2, Exchangeability.of(7, "both", BLOCKS)))
    labels = np.array(BLOCKS)
    assert (labels[drawn.order] == labels).all()
    for block in "abc":
        inside = drawn.sign[:, labels == block]
        assert (inside == inside[:, :1]).all()
    assert len(np.unique(drawn.order, axis=0)) == 36  # 3! * 3! * 1!
    assert len(np.unique(drawn.sign, axis=0)) == 8


def test_five_subjects_have_32_flips_and_16_two_sided() -> None:
    drawn = make_resampling(one_sample(5), Exchangeability.of(5, "flip"), 1000, 1)
    assert {tuple(sign) for sign in everything(drawn).sign} == set(product((1.0, -1.0), repeat=5))
    halved = everything(make_resampling(one_sample(5, one_sided=False), Exchangeability.of(5, "flip"), 1000, 1)).sign
    assert len(halved) == 16
    assert {tuple(sign) for sign in np.vstack([halved, -halved])} == set(product((1.0, -1.0), repeat=5))


@pytest.mark.parametrize(
    ("sizes", "one_sided", "n_different"),
    [
        ([3, 4], True, 35),  # 7 choose 3
        ([3, 4], False, 35),  # groups of different sizes cannot exchange roles
        ([4, 4], True, 70),
        ([4, 4], False, 35),
        ([2, 2, 2], False, 15),  # 6! / (2! 2! 2!) / 3!
        ([2, 2, 3], False, 105),  # 7! / (2! 2! 3!) / 2!
    ],
)
def test_groups_have_as_many_permutations_as_ways_to_divide_them(
    sizes: list[int], one_sided: bool, n_different: int
) -> None:
    subspaces = groups(sizes, one_sided)
    resampling = make_resampling(subspaces, Exchangeability.of(sum(sizes), "permute"), 1000, 1)
    drawn = everything(resampling)
    assert resampling.n_permutations == len(drawn.order) == n_different
    assert drawn.order[0].tolist() == list(range(sum(sizes)))
    squares = (drawn.applied_to(subspaces.tested) @ np.random.default_rng(1).normal(size=sum(sizes))) ** 2
    values = np.sort(squares.sum(axis=1)) if not one_sided else np.zeros(0)
    assert (np.diff(values) > 1e-9).all()


def test_all_flips_and_orders_within_blocks() -> None:
    """Difference of two groups in pairs of one each: 2^3 orders, 2^3 signs, which have the same effect on a pair."""
    subspaces = Subspaces(np.array([[1.0, -1, 1, -1, 1, -1]]) / 6**0.5, np.zeros((0, 6)), one_sided=True)
    exchangeability = Exchangeability.of(6, "both", ["x", "x", "y", "y", "z", "z"])
    drawn = everything(make_resampling(subspaces, exchangeability, 1000, 1))
    assert len(drawn.sign) == 8


def test_nuisance_makes_permutations_differ() -> None:
    """With a covariate no two sign flips have the same one-sided statistic."""
    rng = np.random.default_rng(0)
    q = np.linalg.qr(rng.normal(size=(5, 2)))[0].T
    drawn = make_resampling(Subspaces(q[:1], q[1:], one_sided=True), Exchangeability.of(5, "flip"), 1000, 1)
    assert drawn.n_permutations == 32


def test_as_many_as_requested_where_there_are_more() -> None:
    resampling = make_resampling(one_sample(5), Exchangeability.of(5, "flip"), 31, 1)
    assert (resampling.n_permutations, resampling.complete) == (31, None)
    assert make_resampling(one_sample(5), Exchangeability.of(5, "flip"), 32, 1).complete is not None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_permutations": 0}, "n_permutations must be at least 1; found 0"),
        ({"seed": -1}, r"seed must lie in 0..2\*\*64 - 1; found -1"),
        ({"seed": 2**64}, "seed must lie in"),
        ({"exchangeability": Exchangeability.of(5, "permute")}, "permutations must change the statistic"),
    ],
)
def test_refused(change: dict[str, object], message: str) -> None:
    arguments = {
        "subspaces": one_sample(5),
        "exchangeability": Exchangeability.of(5, "flip"),
        "n_permutations": 100,
        "seed": 1,
    } | change
    with pytest.raises(ValueError, match=message):
        make_resampling(**arguments)  # type: ignore[arg-type]


def test_refused_exchangeability() -> None:
    with pytest.raises(ValueError, match="scheme must be one of flip, permute, both; found 'turn'"):
        Exchangeability.of(5, "turn")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="blocks must have one label per subject: 5; found 2"):
        Exchangeability.of(5, "flip", ["a", "b"])


def test_repr() -> None:
    assert repr(Resampling(40, 5, Exchangeability.of(7, "flip"))) == "Resampling(40, seed=5, n_subjects=7)"
