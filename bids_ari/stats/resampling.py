"""Draws: the sign flips and permutations of subjects under which a null hypothesis leaves the data as likely.

A *draw* gives each subject's residuals a sign, an order, or both. It is a function of (seed, number of the draw) and
of nothing else, by a counter-based generator of which only the raw bits are used: draw 17 is the same whether there
are 100 draws or 10,000, whoever makes it. Draw 0 is the *identity*: the data as observed.

With *blocks*, subjects change places only within their block, and the signs of a block are flipped together. Both
are right where the subjects of a block depend on each other alike, as families or sites do: flipping them one by
one would not be. A one-sample test of independent subjects needs no blocks (Winkler et al. 2014).

References
----------
Winkler, Ridgway, Webster, Smith & Nichols (2014), NeuroImage 92:381. Hemerik & Goeman (2018), TEST 27:811, for draws
made at random, the identity among them. Salmon, Moraes, Dror & Shaw (2011), SC11:16, for the generator.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import factorial, prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bids_ari.stats.choices import SHUFFLES as SHUFFLES
from bids_ari.stats.choices import Shuffle as Shuffle
from bids_ari.stats.distributions import FloatArray

BATCH = 32
"""Draws in a batch, the piece of work that is done and kept as a whole."""

_REPEATED = 8
"""All draws are looked through for equal ones when there are at most this many times those asked for."""

_DECIMALS = 9
"""Weights of subjects that agree to so many decimals are the same."""

_SAME = 1e-13
"""Sums of order 1 or less that differ by rounding only are closer than this."""

Labels = npt.NDArray[np.intp]


class Shuffled(NamedTuple):
    """Some draws: whose place the residuals of each subject take, and with which sign."""

    order: npt.NDArray[np.intp]
    """(n_draws, n_subjects), positions of subjects."""
    sign: FloatArray
    """(n_draws, n_subjects), 1 or -1."""

    def of(self, rows: FloatArray) -> FloatArray:
        """Give the weights of the subjects under each draw, (n_draws, n_rows, n_subjects), from (n_rows, n_subjects).

        Weights are moved in place of data: w'(P e) = (P'w)'e.
        """
        return np.ascontiguousarray(rows[:, self.order].transpose(1, 0, 2) * self.sign[:, None, :])


class Exchange(NamedTuple):
    """What a draw may do with the subjects."""

    exchanged: Labels | None
    """(n_subjects,): those of the same label change places; None where all keep theirs."""
    flipped: Labels | None
    """(n_subjects,): those of the same label get the same sign; None where all keep theirs."""

    @classmethod
    def of(cls, n_subjects: int, shuffle: Shuffle, blocks: Sequence[object] | None = None) -> "Exchange":
        """Say what is done with each subject.

        Parameters
        ----------
        n_subjects : int
            How many there are.
        shuffle : {'flip', 'permute', 'both'}
            Whether subjects change their sign, their place or both.
        blocks : sequence, optional
            A label per subject: only subjects of the same block change places, and a block changes its sign as a whole.

        Raises
        ------
        ValueError
            When `shuffle` is unknown or `blocks` do not fit.
        """
        if shuffle not in SHUFFLES:
            raise ValueError(f"shuffle must be one of {', '.join(SHUFFLES)}; found {shuffle!r}")
        if blocks is not None and len(blocks) != n_subjects:
            raise ValueError(f"blocks must have one label per subject: {n_subjects}; found {len(blocks)}")
        exchanged, flipped = np.zeros(n_subjects, dtype=np.intp), np.arange(n_subjects)
        if blocks is not None:
            exchanged = flipped = _numbered(blocks)
        return cls(None if shuffle == "flip" else exchanged, None if shuffle == "permute" else flipped)

    def without(self, spent: Sequence[int]) -> "Exchange":
        """Let some subjects keep their places, and their signs be of no account."""
        exchanged, flipped = self
        if not spent:
            return self
        if exchanged is not None:
            exchanged = exchanged.copy()
            exchanged[list(spent)] = exchanged.size + np.arange(len(spent))
        if flipped is not None:
            flipped = flipped.copy()
            flipped[list(spent)] = np.delete(flipped, spent)[0]
        return Exchange(*(None if labels is None else _numbered(labels.tolist()) for labels in (exchanged, flipped)))

    @property
    def n_subjects(self) -> int:
        """Number of subjects."""
        labels = self.flipped if self.exchanged is None else self.exchanged
        return 0 if labels is None else labels.size

    @property
    def n_flips(self) -> int:
        """How many different signs there are."""
        return 1 if self.flipped is None else 2 ** (int(self.flipped.max()) + 1)


class Basis(NamedTuple):
    """What a test looks at: orthonormal weights of the subjects."""

    tested: FloatArray
    """(n_rows, n_subjects): the directions that are tested, one for t."""
    nuisance: FloatArray
    """(n_others, n_subjects): those that the reduced model fits, but for what no draw can change."""
    directed: bool
    """Whether a statistic and its negative differ: in a one-sided t test."""
    spent: tuple[int, ...] = ()
    """Subjects without a residual, as `bids_ari.stats.reduction` says: they neither change places nor count."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Draws:
    """All draws of an analysis.

    Attributes
    ----------
    n_draws : int
        How many there are.
    seed : int
        In 0..2**64 - 1.
    exchange : Exchange
        What they do.
    stream : int
        0 for draws that calibrate, with the identity first; others are independent, without it.
    every : Shuffled or None
        All draws there are, where they are no more than were asked for.
    """

    n_draws: int
    seed: int
    exchange: Exchange
    stream: int = 0
    every: Shuffled | None = None

    @property
    def batches(self) -> range:
        """The first draw of each batch of `BATCH` draws; the last batch may be smaller."""
        return range(0, self.n_draws, BATCH)

    def batch(self, first: int) -> Shuffled:
        """Give draws `first`, `first` + 1, ... of a batch."""
        stop = min(first + BATCH, self.n_draws)
        if self.every is not None:
            return Shuffled(self.every.order[first:stop], self.every.sign[first:stop])
        n, (exchanged, flipped) = self.exchange.n_subjects, self.exchange
        order, sign = np.tile(np.arange(n), (stop - first, 1)), np.ones((stop - first, n))
        words = self._words(first, stop)
        if flipped is not None:
            sign[words[:, flipped] >= 2**63] = -1.0
        if exchanged is not None:
            labels = np.broadcast_to(exchanged, order.shape)
            order[:, np.argsort(exchanged, kind="stable")] = np.lexsort((words[:, n:], labels))
        if first == 0 and self.stream == 0:
            order[0], sign[0] = np.arange(n), 1.0
        return Shuffled(order, sign)

    def independent(self, n_draws: int, stream: int = 1) -> "Draws":
        """Give other draws of the same kind, without the identity: to learn from, before these calibrate."""
        return Draws(n_draws, self.seed, self.exchange, stream)

    def _words(self, first: int, stop: int) -> npt.NDArray[np.uint64]:
        """Give each draw 2n random words: of one its first bit is a sign, by another subjects are sorted.

        The generator makes four words for each value of its counter, and a draw has values of its own.
        """
        n_words = 2 * self.exchange.n_subjects
        n_values = -(-n_words // 4)
        key = np.array([self.seed, self.stream], dtype=np.uint64)
        counter = np.array([first * n_values, 0, 0, 0], dtype=np.uint64)
        words = np.random.Philox(key=key, counter=counter).random_raw((stop - first) * 4 * n_values)
        return np.asarray(words.reshape(stop - first, -1)[:, :n_words])

    def __repr__(self) -> str:
        kind = f"seed={self.seed}" if self.every is None else "all there are"
        return f"Draws({self.n_draws}, {kind}, n_subjects={self.exchange.n_subjects})"


def make_draws(basis: Basis, exchange: Exchange, n_draws: int, seed: int) -> Draws:
    """Plan the draws of an analysis: at random, or all that differ where they are no more than `n_draws`.

    Parameters
    ----------
    basis : Basis
        What the test looks at, which tells which draws give the same statistic.
    exchange : Exchange
        What a draw may do.
    n_draws : int
        How many are wanted, the identity included.
    seed : int
        In 0..2**64 - 1.

    Raises
    ------
    ValueError
        When an argument cannot be used, or all draws give the same statistic.

    Examples
    --------
    >>> one_sided = Basis(np.full((1, 5), 5**-0.5), np.zeros((0, 5)), directed=True)
    >>> make_draws(one_sided, Exchange.of(5, "flip"), 1000, seed=1)                               # 2^5
    Draws(32, all there are, n_subjects=5)
    >>> make_draws(one_sided._replace(directed=False), Exchange.of(5, "flip"), 1000, seed=1)      # in pairs
    Draws(16, all there are, n_subjects=5)
    """
    if n_draws < 1:
        raise ValueError(f"n_draws must be at least 1; found {n_draws}")
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed must lie in 0..2**64 - 1; found {seed}")
    exchange = exchange.without(basis.spent)
    every = _every(basis, exchange, _REPEATED * n_draws)
    if every is not None and len(every.order) == 1:
        raise ValueError("shuffle must change the statistic: of these subjects in these blocks all draws are alike")
    if every is None or len(every.order) > n_draws:
        return Draws(n_draws, seed, exchange)
    return Draws(len(every.order), seed, exchange, every=every)


def _numbered(blocks: Sequence[object]) -> Labels:
    """Number the blocks in the order in which they are met."""
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(block, len(numbers)) for block in blocks], dtype=np.intp)


def _every(basis: Basis, exchange: Exchange, most: int) -> Shuffled | None:
    """Give all draws whose statistics differ, the identity first; None where more than `most` have to be looked at."""
    n, (exchanged, flipped) = exchange.n_subjects, exchange
    orders, signs = np.arange(n)[None], np.ones((1, n))
    if exchange.n_flips > most:
        return None
    if exchanged is not None:
        columns = np.round(np.vstack([exchanged, basis.tested, basis.nuisance]), _DECIMALS) + 0.0
        kinds = np.unique(columns, axis=1, return_inverse=True)[1].ravel()
        if _n_arrangements(kinds, exchanged) * exchange.n_flips > most:
            return None
        orders = np.array(list(_arrangements(kinds, exchanged)))
    if flipped is not None:
        signs = np.array(list(product((1.0, -1.0), repeat=int(flipped.max()) + 1)))[:, flipped]
    both = Shuffled(np.repeat(orders, len(signs), axis=0), np.tile(signs, (len(orders), 1)))
    different = _different(both, basis)
    return Shuffled(both.order[different], both.sign[different])


def _different(draws: Shuffled, basis: Basis) -> npt.NDArray[np.intp]:
    """Give the first of each set of draws that have the same statistic whatever the data, in order.

    It is a function of the tested components, squared where it has no direction, and of the squares of those of the
    nuisance. Two draws that agree in a sum of these at data of no structure agree everywhere.
    """
    data = np.random.default_rng(0).normal(size=(basis.tested.shape[1], 2)) / basis.tested.shape[1]
    tested, nuisance = draws.of(basis.tested) @ data[:, 0], draws.of(basis.nuisance) @ data[:, 1]
    told = (tested if basis.directed else tested**2).sum(axis=1) + (nuisance**2).sum(axis=1)
    order = np.argsort(told, kind="stable")
    kind = np.empty(told.size, dtype=np.intp)
    kind[order] = np.cumsum(np.diff(told[order], prepend=told[order[0]]) > _SAME)
    return np.sort(np.unique(kind, return_index=True)[1])


def _n_arrangements(kinds: Labels, block: Labels) -> int:
    """Count the different orders of subjects within blocks, those of a kind being alike; a kind is in one block."""
    return prod(factorial(int(n)) for n in np.bincount(block)) // prod(factorial(int(n)) for n in np.bincount(kinds))


def _arrangements(kinds: Labels, block: Labels) -> Iterator[Labels]:
    """Give each of these orders once, as it is first."""
    places = [np.flatnonzero(block == label) for label in np.unique(block)]
    for orders in product(*(list(_orders(kinds[members].tolist())) for members in places)):
        order = np.arange(kinds.size)
        for members, inside in zip(places, orders, strict=True):
            order[members] = members[list(inside)]
        yield order


def _orders(kinds: list[int]) -> Iterator[tuple[int, ...]]:
    """Give an order of positions for each different sequence of kinds, beginning with 0, 1, 2, ..."""
    if not kinds:
        yield ()
        return
    for place in [kinds.index(kind) for kind in dict.fromkeys(kinds)]:
        others = [i for i in range(len(kinds)) if i != place]
        for rest in _orders([kinds[i] for i in others]):
            yield (place, *(others[i] for i in rest))
