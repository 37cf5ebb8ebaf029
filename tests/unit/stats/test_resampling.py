from itertools import product

import numpy as np
import numpy.typing as npt
import pytest

from bids_ari.stats.resampling import BATCH, Basis, Draws, Exchange, Shuffle, Shuffled, make_draws

Floats = npt.NDArray[np.float64]

PINNED_ORDER = [[2, 4, 0, 1, 3, 5], [0, 1, 2, 5, 4, 3]]
PINNED_SIGN = [[1.0, -1.0, 1.0, -1.0, -1.0, -1.0], [1.0, -1.0, 1.0, -1.0, -1.0, 1.0]]

BLOCKS = ["b", "a", "b", "a", "c", "b", "a"]


def one_sample(n: int, directed: bool = True) -> Basis:
    return Basis(np.full((1, n), n**-0.5), np.zeros((0, n)), directed)


def groups(sizes: list[int], directed: bool) -> Basis:
    """The difference of two groups, or F of several; the mean is no part of it since no draw can change it."""
    indicator = np.eye(len(sizes))[np.repeat(range(len(sizes)), sizes)]
    q = np.linalg.qr(np.column_stack([np.ones(len(indicator)), indicator[:, 1:]]))[0]
    return Basis(q.T[1:], np.zeros((0, len(indicator))), directed)


def everything(draws: Draws) -> Shuffled:
    each = [draws.batch(first) for first in draws.batches]
    return Shuffled(np.concatenate([b.order for b in each]), np.concatenate([b.sign for b in each]))


@pytest.mark.parametrize("shuffle", ["flip", "permute", "both"])
@pytest.mark.parametrize("blocks", [None, BLOCKS])
def test_a_draw_depends_on_seed_and_number_alone(shuffle: Shuffle, blocks: list[str] | None) -> None:
    exchange = Exchange.of(7, shuffle, blocks)
    few, many = everything(Draws(40, 5, exchange)), everything(Draws(200, 5, exchange))
    np.testing.assert_array_equal(few.order, many.order[:40])
    np.testing.assert_array_equal(few.sign, many.sign[:40])
    other = everything(Draws(40, 6, exchange))
    assert (other.order[1:] != few.order[1:]).any() or (other.sign[1:] != few.sign[1:]).any()


@pytest.mark.parametrize("shuffle", ["flip", "permute", "both"])
def test_draw_0_is_the_identity_but_of_draws_to_learn_from(shuffle: Shuffle) -> None:
    draws = Draws(70, 3, Exchange.of(30, shuffle))
    assert draws.batch(0).order[0].tolist() == list(range(30))
    assert draws.batch(0).sign[0].tolist() == [1.0] * 30
    learning = everything(draws.independent(70))
    calibrating = {row.tobytes() for row in np.hstack(everything(draws))}
    assert not calibrating & {row.tobytes() for row in np.hstack(learning)}


def test_draws_are_the_same_with_every_version_of_numpy() -> None:
    """Written down when first made; raw bits of Philox do not change."""
    draws = Draws(3, 20240229, Exchange.of(6, "both"))
    assert draws.batch(0).order[1:].tolist() == PINNED_ORDER
    assert draws.batch(0).sign[1:].tolist() == PINNED_SIGN


def test_batches_are_blocks_of_32() -> None:
    draws = Draws(70, 1, Exchange.of(4, "flip"))
    assert list(draws.batches) == [0, 32, 64]
    assert [len(draws.batch(first).sign) for first in draws.batches] == [BATCH, BATCH, 6]


def test_signs_and_orders_are_uniform() -> None:
    """10,000 draws: a mean sign has standard error .01, a share of 1/5 one of .004; 5 of them are allowed."""
    drawn = everything(Draws(10_000, 11, Exchange.of(5, "both")))
    assert abs(drawn.sign.mean(axis=0)).max() < 0.05
    share = np.array([[(drawn.order[:, i] == j).mean() for j in range(5)] for i in range(5)])
    assert abs(share - 0.2).max() < 0.02
    assert (np.sort(drawn.order, axis=1) == np.arange(5)).all()
    assert len(np.unique(drawn.order, axis=0)) == 120


def test_subjects_stay_in_their_block_and_blocks_are_flipped_as_a_whole() -> None:
    drawn = everything(Draws(500, 2, Exchange.of(7, "both", BLOCKS)))
    labels = np.array(BLOCKS)
    assert (labels[drawn.order] == labels).all()
    for block in "abc":
        inside = drawn.sign[:, labels == block]
        assert (inside == inside[:, :1]).all()
    assert len(np.unique(drawn.order, axis=0)) == 36  # 3! * 3! * 1!
    assert len(np.unique(drawn.sign, axis=0)) == 8


def test_five_subjects_have_32_flips_and_16_where_signs_do_not_matter() -> None:
    drawn = make_draws(one_sample(5), Exchange.of(5, "flip"), 1000, 1)
    assert {tuple(sign) for sign in everything(drawn).sign} == set(product((1.0, -1.0), repeat=5))
    halved = everything(make_draws(one_sample(5, directed=False), Exchange.of(5, "flip"), 1000, 1)).sign
    assert len(halved) == 16
    assert {tuple(sign) for sign in np.vstack([halved, -halved])} == set(product((1.0, -1.0), repeat=5))


@pytest.mark.parametrize(
    ("sizes", "directed", "n_different"),
    [
        ([3, 4], True, 35),  # 7 choose 3
        ([3, 4], False, 35),  # groups of different sizes cannot change roles
        ([4, 4], True, 70),
        ([4, 4], False, 35),
        ([2, 2, 2], False, 15),  # 6! / (2! 2! 2!) / 3!
        ([2, 2, 3], False, 105),  # 7! / (2! 2! 3!) / 2!
    ],
)
def test_groups_have_as_many_draws_as_there_are_ways_to_divide_them(
    sizes: list[int], directed: bool, n_different: int
) -> None:
    basis = groups(sizes, directed)
    draws = make_draws(basis, Exchange.of(sum(sizes), "permute"), 1000, 1)
    drawn = everything(draws)
    assert draws.n_draws == len(drawn.order) == n_different
    assert drawn.order[0].tolist() == list(range(sum(sizes)))
    squares = (drawn.of(basis.tested) @ np.random.default_rng(1).normal(size=sum(sizes))) ** 2
    values = np.sort(squares.sum(axis=1)) if not directed else np.zeros(0)
    assert (np.diff(values) > 1e-9).all()


def test_all_flips_and_orders_of_blocks_together() -> None:
    """Difference of two groups in pairs of one each: 2^3 orders, 2^3 signs; order and sign of a pair do the same."""
    basis = Basis(np.array([[1.0, -1, 1, -1, 1, -1]]) / 6**0.5, np.zeros((0, 6)), directed=True)
    exchange = Exchange.of(6, "both", ["x", "x", "y", "y", "z", "z"])
    drawn = everything(make_draws(basis, exchange, 1000, 1))
    assert len(drawn.sign) == 8


def test_nuisance_makes_draws_differ() -> None:
    """With a covariate flips of all subjects are still a pair, others are not."""
    rng = np.random.default_rng(0)
    q = np.linalg.qr(rng.normal(size=(5, 2)))[0].T
    drawn = make_draws(Basis(q[:1], q[1:], directed=True), Exchange.of(5, "flip"), 1000, 1)
    assert drawn.n_draws == 32


def test_as_many_as_asked_for_where_there_are_more() -> None:
    draws = make_draws(one_sample(5), Exchange.of(5, "flip"), 31, 1)
    assert (draws.n_draws, draws.every) == (31, None)
    assert make_draws(one_sample(5), Exchange.of(5, "flip"), 32, 1).every is not None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_draws": 0}, "n_draws must be at least 1; found 0"),
        ({"seed": -1}, r"seed must lie in 0..2\*\*64 - 1; found -1"),
        ({"seed": 2**64}, "seed must lie in"),
        ({"exchange": Exchange.of(5, "permute")}, "shuffle must change the statistic"),
    ],
)
def test_refused(change: dict[str, object], message: str) -> None:
    arguments = {"basis": one_sample(5), "exchange": Exchange.of(5, "flip"), "n_draws": 100, "seed": 1} | change
    with pytest.raises(ValueError, match=message):
        make_draws(**arguments)  # type: ignore[arg-type]


def test_refused_exchange() -> None:
    with pytest.raises(ValueError, match="shuffle must be one of flip, permute, both; found 'turn'"):
        Exchange.of(5, "turn")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="blocks must have one label per subject: 5; found 2"):
        Exchange.of(5, "flip", ["a", "b"])


def test_repr() -> None:
    assert repr(Draws(40, 5, Exchange.of(7, "flip"))) == "Draws(40, seed=5, n_subjects=7)"
