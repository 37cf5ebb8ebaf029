"""Resampling of subjects: the permutations and sign flips that leave the data as likely under the null hypothesis.

A permutation gives the residuals of each subject another position, a sign, or both; "permutations" stands for all of
them. It is a function of (seed, number of the permutation) only, by a counter-based generator of which the raw bits
are used: permutation 17 is the same among 100 and among 10,000. Permutation 0 is the *identity*, the observed data.

With *exchangeability blocks*, subjects are permuted only within their block, and the signs of a block are flipped
together. Both are valid where the subjects of a block depend on each other in the same way, as in families or sites;
flipping them one by one would not be. A one-sample test of independent subjects needs no blocks. Blocks may be nested,
and be exchanged as wholes: see `bids_ari.stats.block_tree`.

References
----------
Winkler, Ridgway, Webster, Smith & Nichols (2014), NeuroImage 92:381, for blocks. Hemerik & Goeman (2018), TEST
27:811, for random permutations that include the identity. Salmon, Moraes, Dror & Shaw (2011), SC11:16, for the
generator.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bids_ari.stats.block_tree import Block, Labels, block_tree, numbered
from bids_ari.stats.choices import SCHEMES, Scheme
from bids_ari.stats.distributions import FloatArray

BATCH = 32
"""Permutations in a batch."""

_REPEATED = 8
"""All permutations are searched for equal ones where there are at most this many times the requested number."""

_DECIMALS = 9  # weights of subjects that agree to this number of decimals are equal
_SAME = 1e-13  # sums of order 1 or less that differ by rounding only are closer than this


class Permutations(NamedTuple):
    """Some permutations: the subject whose residuals take each position, and their sign."""

    order: npt.NDArray[np.intp]  # (n_permutations, n_subjects), positions of subjects
    sign: FloatArray  # (n_permutations, n_subjects), 1 or -1

    @classmethod
    def identity(cls, n_subjects: int) -> "Permutations":
        """Return the one permutation that changes nothing."""
        return cls(np.arange(n_subjects)[None], np.ones((1, n_subjects)))

    def applied_to(self, weights: FloatArray) -> FloatArray:
        """Return weights of subjects (n_rows, n_subjects) under each permutation, (n_permutations, n_rows, n_subjects).

        Weights are permuted instead of data: w'(P e) = (P'w)'e.
        """
        return np.ascontiguousarray(weights[:, self.order].transpose(1, 0, 2) * self.sign[:, None, :])


class Exchangeability(NamedTuple):
    """Exchangeability blocks: which subjects may be permuted, and which signs may be flipped."""

    permutation_blocks: Labels | None
    """(n_subjects,): those of a label take the same positions, in any order without `tree`; None: none changes."""
    flip_blocks: Labels | None
    """(n_subjects,): those of a label get the same sign; None: signs do not change."""
    tree: Block | None = None
    """The nested blocks in which subjects are permuted."""

    @classmethod
    def of(cls, n_subjects: int, scheme: Scheme, blocks: Sequence[Hashable] | Block | None = None) -> "Exchangeability":
        """Define the exchangeability of subjects.

        Parameters
        ----------
        n_subjects : int
            Number of subjects.
        scheme : {'flip', 'permute', 'both'}
            Whether signs are flipped, subjects are permuted, or both.
        blocks : sequence or Block, optional
            A label per subject: subjects are permuted within blocks, and the signs of a block are flipped together.
            Or nested blocks.

        Raises
        ------
        ValueError
            When `scheme` is unknown or `blocks` has another length.
        """
        if scheme not in SCHEMES:
            raise ValueError(f"scheme must be one of {', '.join(SCHEMES)}; found {scheme!r}")
        n_labels = n_subjects if blocks is None else len(blocks.subjects if isinstance(blocks, Block) else blocks)
        if n_labels != n_subjects:
            raise ValueError(f"blocks must have one label per subject: {n_subjects}; found {n_labels}")
        is_permuted, is_flipped, tree = scheme != "flip", scheme != "permute", None
        permutation_blocks, flip_blocks = np.zeros(n_subjects, dtype=np.intp), np.arange(n_subjects)
        if isinstance(blocks, Block):
            permutation_blocks, flip_blocks = numbered(blocks.orbits()), numbered(blocks.flipped_together())
            tree = blocks if is_permuted else None
        elif blocks is not None:
            permutation_blocks = flip_blocks = numbered(blocks)
        return cls(permutation_blocks if is_permuted else None, flip_blocks if is_flipped else None, tree)

    def without(self, dropped: Sequence[int]) -> "Exchangeability":
        """Fix the positions of dropped subjects, and count their signs with those of another block.

        A nested block that lost subjects is only exchanged with those that lost the same ones.
        """
        permutation_blocks, flip_blocks, tree = self
        if not dropped:
            return self
        if tree is not None:
            tree = tree.without(dropped)
            permutation_blocks = np.array(tree.orbits())
        elif permutation_blocks is not None:
            permutation_blocks = permutation_blocks.copy()
            permutation_blocks[list(dropped)] = permutation_blocks.size + np.arange(len(dropped))
        if flip_blocks is not None:
            flip_blocks = flip_blocks.copy()
            flip_blocks[list(dropped)] = np.delete(flip_blocks, dropped)[0]
        both = [None if labels is None else numbered(labels.tolist()) for labels in (permutation_blocks, flip_blocks)]
        return Exchangeability(both[0], both[1], tree)

    @property
    def n_subjects(self) -> int:
        """Number of subjects."""
        labels = self.flip_blocks if self.permutation_blocks is None else self.permutation_blocks
        return 0 if labels is None else labels.size

    @property
    def all_blocks(self) -> Block | None:
        """The blocks in which subjects are permuted, as a tree."""
        if self.tree is not None or self.permutation_blocks is None:
            return self.tree
        return block_tree([[label] for label in self.permutation_blocks.tolist()], [(False, True)] * self.n_subjects)

    @property
    def n_flips(self) -> int:
        """Number of different sign flips."""
        return 1 if self.flip_blocks is None else 2 ** (int(self.flip_blocks.max()) + 1)


class Subspaces(NamedTuple):
    """Subspaces of a test, as orthonormal rows of weights of the subjects."""

    tested: FloatArray  # (n_rows, n_subjects): the tested directions, one for t
    nuisance: FloatArray  # (n_others, n_subjects): those of the reduced model, but for those no permutation changes
    one_sided: bool  # whether a statistic and its negative differ, as in a one-sided t test
    dropped: tuple[int, ...] = ()  # subjects without an uncorrelated residual: neither permuted nor flipped


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Resampling:
    """All permutations of a test."""

    n_permutations: int
    seed: int  # in 0..2**64 - 1
    exchangeability: Exchangeability
    stream: int = 0  # 0 for the permutations of a calibration, the identity first; 1 for independent ones, without it
    complete: Permutations | None = None  # all distinct permutations, where there are no more than requested
    chosen: Labels | None = None  # (n_chosen,): the subjects of this test, of all whose signs are flipped; None: all

    @property
    def batches(self) -> range:
        """The number of the first permutation of each batch of `BATCH`; the last batch may be smaller."""
        return range(0, self.n_permutations, BATCH)

    def batch(self, first: int) -> Permutations:
        """Return permutations `first`, `first` + 1, ... of a batch."""
        order, sign = every = self._batch(first)
        if self.chosen is None:
            return every
        return Permutations(np.tile(np.arange(self.chosen.size), (len(order), 1)), sign[:, self.chosen])

    def _batch(self, first: int) -> Permutations:
        """Return the permutations of a batch, of all subjects."""
        stop = min(first + BATCH, self.n_permutations)
        if self.complete is not None:
            return Permutations(self.complete.order[first:stop], self.complete.sign[first:stop])
        n, (permutation_blocks, flip_blocks, tree) = self.exchangeability.n_subjects, self.exchangeability
        order, sign = np.tile(np.arange(n), (stop - first, 1)), np.ones((stop - first, n))
        exchanges = [] if tree is None else tree.exchanges()
        words = self._words(first, stop, 1 + max((each.depth for each in exchanges), default=0))
        if flip_blocks is not None:
            sign[words[:, flip_blocks] >= 2**63] = -1.0
        for members, depth in exchanges:  # the contents of blocks before the blocks
            drawn = np.argsort(words[:, n * (1 + depth) + members[:, :, 0]], axis=-1, kind="stable")
            order[:, members] = np.take_along_axis(order[:, members], drawn[..., None], axis=2)
        if permutation_blocks is not None and tree is None:
            labels = np.broadcast_to(permutation_blocks, order.shape)
            order[:, np.argsort(permutation_blocks, kind="stable")] = np.lexsort((words[:, n:], labels))
        if first == 0 and self.stream == 0:
            order[0], sign[0] = np.arange(n), 1.0
        return Permutations(order, sign)

    def independent(self, n_permutations: int) -> "Resampling":
        """Return independent permutations of the same kind, without the identity: for learning a template."""
        return Resampling(n_permutations, self.seed, self.exchangeability, stream=1, chosen=self.chosen)

    def _words(self, first: int, stop: int, n_depths: int) -> npt.NDArray[np.uint64]:
        """Return n (1 + `n_depths`) random words per permutation.

        The first bit of each of the first n is a sign; by the next n subjects are sorted, or the outermost blocks, each
        by the word of its first subject, by further n words the blocks inside these. The generator makes four words for
        each value of its counter, and each permutation has values of its own.
        """
        n_words = (1 + n_depths) * self.exchangeability.n_subjects
        n_values = -(-n_words // 4)
        key = np.array([self.seed, self.stream], dtype=np.uint64)
        counter = np.array([first * n_values, 0, 0, 0], dtype=np.uint64)
        words = np.random.Philox(key=key, counter=counter).random_raw((stop - first) * 4 * n_values)
        return np.asarray(words.reshape(stop - first, -1)[:, :n_words])

    def __repr__(self) -> str:
        kind = f"seed={self.seed}" if self.complete is None else "complete"
        return f"Resampling({self.n_permutations}, {kind}, n_subjects={self.exchangeability.n_subjects})"


def make_resampling(
    subspaces: Subspaces, exchangeability: Exchangeability, n_permutations: int, seed: int
) -> Resampling:
    """Plan the permutations of a test: random, or all distinct ones where there are at most `n_permutations`.

    Parameters
    ----------
    subspaces, exchangeability
        Of the test and its subjects; the subspaces determine the permutations with the same statistic.
    n_permutations : int
        Requested number, the identity included.
    seed : int
        In 0..2**64 - 1.

    Raises
    ------
    ValueError
        When an argument is out of range, or all permutations have the same statistic.

    Examples
    --------
    >>> one_sided = Subspaces(np.full((1, 5), 5**-0.5), np.zeros((0, 5)), one_sided=True)
    >>> make_resampling(one_sided, Exchangeability.of(5, "flip"), 1000, seed=1)                           # 2^5
    Resampling(32, complete, n_subjects=5)
    >>> make_resampling(one_sided._replace(one_sided=False), Exchangeability.of(5, "flip"), 1000, seed=1)  # in pairs
    Resampling(16, complete, n_subjects=5)
    """
    if n_permutations < 1:
        raise ValueError(f"n_permutations must be at least 1; found {n_permutations}")
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed must lie in 0..2**64 - 1; found {seed}")
    exchangeability = exchangeability.without(subspaces.dropped)
    every = _all_distinct(subspaces, exchangeability, _REPEATED * n_permutations)
    if every is not None and len(every.order) == 1:
        raise ValueError("permutations must change the statistic; found none that does, with these subjects and blocks")
    if every is None or len(every.order) > n_permutations:
        return Resampling(n_permutations, seed, exchangeability)
    return Resampling(len(every.order), seed, exchangeability, complete=every)


def shared_flips(n_subjects: int, n_permutations: int, seed: int, chosen: Labels) -> Resampling:
    """Plan sign flips of all subjects of several tests, for a test of the `chosen` ones, without covariates.

    `chosen` (n_chosen,) are their positions among all. Flip b gives a subject the same sign in every test. All flips
    are computed where there are at most `n_permutations`.
    """
    exchangeability = Exchangeability.of(n_subjects, "flip")
    return replace(shared_resampling(np.ones((n_subjects, 1)), exchangeability, n_permutations, seed), chosen=chosen)


def shared_resampling(
    matrix: FloatArray, exchangeability: Exchangeability, n_permutations: int, seed: int, dropped: Sequence[int] = ()
) -> Resampling:
    """Plan permutations that serve all tests of a design: random, or all where there are at most `n_permutations`.

    They differ for subjects with different rows in `matrix` (n_subjects, n_columns), whatever is tested; some may have
    the same statistic in a test.
    """
    exchangeability = exchangeability.without(dropped)
    every = _all_permutations(matrix.T, exchangeability, n_permutations)
    n = n_permutations if every is None else len(every.order)
    return Resampling(n, seed, exchangeability, complete=every)


def _all_distinct(subspaces: Subspaces, exchangeability: Exchangeability, most: int) -> Permutations | None:
    """Return all permutations with distinct statistics, the identity first; None where over `most` must be compared."""
    rows = np.vstack([subspaces.tested, subspaces.nuisance])
    if (both := _all_permutations(rows, exchangeability, most)) is None:
        return None
    distinct = _first_of_equal(both, subspaces)
    return Permutations(both.order[distinct], both.sign[distinct])


def _all_permutations(rows: FloatArray, exchangeability: Exchangeability, most: int) -> Permutations | None:
    """Return all permutations, the identity first, of subjects that differ in `rows` (n_rows, n_subjects).

    None where there are more than `most`.
    """
    n, blocks, flip_blocks = exchangeability.n_subjects, exchangeability.all_blocks, exchangeability.flip_blocks
    orders, signs = np.arange(n)[None], np.ones((1, n))
    if exchangeability.n_flips > most:
        return None
    if blocks is not None:
        columns = np.round(rows, _DECIMALS) + 0.0
        kinds = np.unique(columns, axis=1, return_inverse=True)[1].ravel().tolist()
        if blocks.count(kinds) * exchangeability.n_flips > most:
            return None
        orders = np.array(blocks.arrangements(kinds))[:, np.argsort(blocks.subjects)]
    if flip_blocks is not None:
        signs = np.array(list(product((1.0, -1.0), repeat=int(flip_blocks.max()) + 1)))[:, flip_blocks]
    return Permutations(np.repeat(orders, len(signs), axis=0), np.tile(signs, (len(orders), 1)))


def _first_of_equal(permutations: Permutations, subspaces: Subspaces) -> npt.NDArray[np.intp]:
    """Return the first of each set of permutations with the same statistic for any data, ascending.

    The statistic is a function of the tested components, squared where it is not one-sided, and of the squares of the
    nuisance components. Two permutations with the same sum of these for random data have the same for all data.
    """
    data = np.random.default_rng(0).normal(size=(subspaces.tested.shape[1], 2)) / subspaces.tested.shape[1]
    tested = permutations.applied_to(subspaces.tested) @ data[:, 0]
    nuisance = permutations.applied_to(subspaces.nuisance) @ data[:, 1]
    value = (tested if subspaces.one_sided else tested**2).sum(axis=1) + (nuisance**2).sum(axis=1)
    order = np.argsort(value, kind="stable")
    kind = np.empty(value.size, dtype=np.intp)
    kind[order] = np.cumsum(np.diff(value[order], prepend=value[order[0]]) > _SAME)
    return np.sort(np.unique(kind, return_index=True)[1])
