"""Permutations of nested blocks against all n! permutations, filtered by their definition."""

from collections.abc import Iterator, Sequence
from itertools import permutations
from math import factorial
from typing import NamedTuple

import numpy as np
import pytest

from bids_ari.stats.block_tree import Block, block_tree
from bids_ari.stats.choices import Scheme
from bids_ari.stats.resampling import Exchangeability, Permutations, Resampling, Subspaces, make_resampling


class Tree(NamedTuple):
    """A tree as a user describes it."""

    paths: list[str]  # one letter per level
    exchanged: list[str]  # + or - for each level, and for the subjects of the innermost block
    n_permutations: int

    def block(self) -> Block:
        return block_tree(self.paths, [[sign == "+" for sign in signs] for signs in self.exchanged])

    @property
    def n(self) -> int:
        return len(self.paths)


def same(paths: str, exchanged: str, n_permutations: int) -> Tree:
    """A tree with the same signs everywhere."""
    return Tree(paths.split(), [exchanged] * len(paths.split()), n_permutations)


TREES = {
    "pairs as wholes and inside": same("a a b b c c", "++", factorial(3) * 2**3),
    "pairs as wholes": same("a a b b c c", "+-", factorial(3)),
    "inside pairs": same("a a b b c c", "-+", 2**3),
    "nothing": same("a a b b c c", "--", 1),
    "free": same("a a a a", "++", factorial(4)),
    "pairs in another order": same("a b c a b c", "+-", factorial(3)),
    "sizes 1, 1, 2, 2": same("a b c c d d", "+-", 2 * 2),
    "sizes 1, 1, 2, 2, also inside": same("a b c c d d", "++", 2 * 2 * 2**2),
    "a triple and a pair": same("a a a b b", "++", factorial(3) * 2),
    "pairs within sites": same("xa xa xb xb yc yc yd", "-+-", 2),
    "pairs within sites, also inside": same("xa xa xb xb yc yc yd", "-++", 2 * 2**3),
    "sites and pairs": same("xa xb xb ya yb yb", "++-", 2),
    "sites of the same structure in another order": same("xa xb xb yb yb ya", "++-", 2),
    "sites as wholes, pairs fixed": same("xa xa xb xb ya ya yb yb", "+-+", 2 * 2**4)._replace(n_permutations=32),
    "twins beside a sibling": same("at at as bt bt bs", "+-+", 2 * 2**2),
    "pairs of two signs": Tree(
        ["a", "a", "b", "b", "c", "c", "d", "d"], ["++"] * 4 + ["+-"] * 4, 2 * 2 * 2**2
    ),  # exchanged only with those that are exchanged inside in the same way
}
SMALL = [name for name, tree in TREES.items() if tree.n <= 7]


def by_definition(tree: Tree, dropped: Sequence[int] = ()) -> Iterator[tuple[int, ...]]:
    """Yield all permutations that map blocks onto blocks of the same nesting, and keep the order of what is fixed.

    Of the n! permutations, those that keep the set of dropped subjects.
    """
    n, depths = tree.n, range(len(tree.paths[0]) + 1)
    blocks = {
        d: {p[:d]: frozenset(i for i in range(n) if tree.paths[i][:d] == p[:d]) for p in tree.paths} for d in depths
    }
    for image in permutations(range(n)):
        if {image[i] for i in dropped} == set(dropped) and is_allowed(tree, blocks, image):
            yield image


def is_allowed(tree: Tree, blocks: dict[int, dict[str, frozenset[int]]], image: tuple[int, ...]) -> bool:
    """Whether a permutation, the position that each subject takes, is one of the tree."""
    for depth, of_depth in blocks.items():
        onto = {path: frozenset(image[i] for i in members) for path, members in of_depth.items()}
        if not set(onto.values()) <= set(of_depth.values()):
            return False
        for path, members in of_depth.items():
            inside = children(blocks, depth, path, tree.n)
            moved = [frozenset(image[i] for i in child) for child in inside]
            is_exchanged = [
                tree.exchanged[min(each)][depth] == "+" and len(inside) > 1 for each in (members, onto[path])
            ]
            if is_exchanged[0] != is_exchanged[1]:
                return False
            if not is_exchanged[0] and not keeps_order(tree, blocks, depth + 1, inside, moved):
                return False
            if not is_exchanged[0] and onto[path] == members and moved != inside:
                return False
    return True


def children(blocks: dict[int, dict[str, frozenset[int]]], depth: int, path: str, n: int) -> list[frozenset[int]]:
    """Return the blocks inside a block, or its subjects, by their first subject."""
    members = blocks[depth][path]
    if depth + 1 in blocks:
        found = [inner for inner in blocks[depth + 1].values() if inner <= members]
    else:
        found = [frozenset([i]) for i in members]
    return sorted(found, key=min)


def keeps_order(
    tree: Tree,
    blocks: dict[int, dict[str, frozenset[int]]],
    depth: int,
    inside: list[frozenset[int]],
    moved: list[frozenset[int]],
) -> bool:
    """Whether blocks that can take each other's positions are in the same order before and after."""
    shapes = [nested(tree, blocks, depth, each) for each in inside]
    for shape in set(shapes):
        ends = [min(after) for own, after in zip(shapes, moved, strict=True) if own == shape]
        if ends != sorted(ends):
            return False
    return True


def nested(tree: Tree, blocks: dict[int, dict[str, frozenset[int]]], depth: int, members: frozenset[int]) -> object:
    """Return how a block is nested, with its signs."""
    if depth not in blocks:
        return "subject"
    path = next(path for path, own in blocks[depth].items() if own == members)
    inside = children(blocks, depth, path, tree.n)
    sign = tree.exchanged[min(members)][depth] if len(inside) > 1 else "-"
    return sign, tuple(sorted(str(nested(tree, blocks, depth + 1, each)) for each in inside))


def orders(block: Block) -> set[tuple[int, ...]]:
    """All permutations of a tree, by complete enumeration: the subjects at each position."""
    listed = np.array(block.arrangements(range(len(block.subjects))))[:, np.argsort(block.subjects)]
    found = {tuple(row) for row in listed.tolist()}
    assert len(found) == len(listed)
    assert listed[0].tolist() == sorted(block.subjects)
    return found


@pytest.mark.parametrize("name", TREES)
def test_number_by_formula(name: str) -> None:
    tree = TREES[name]
    assert tree.block().count() == len(orders(tree.block())) == tree.n_permutations


@pytest.mark.parametrize("name", SMALL)
def test_all_permutations_are_those_of_the_definition(name: str) -> None:
    tree = TREES[name]
    assert orders(tree.block()) == set(by_definition(tree))


@pytest.mark.parametrize("name", TREES)
def test_permutations_form_a_group(name: str) -> None:
    group = orders(TREES[name].block())
    for first in group:
        assert {tuple(first[i] for i in second) for second in group} == group


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("dropped", [(0,), (1,), (1, 2), (0, 3), (1, 3)])
def test_dropped_subjects_are_exchanged_with_each_other_only(name: str, dropped: tuple[int, ...]) -> None:
    """Those of the group that map the dropped subjects onto dropped ones: what remains valid of the others."""
    tree = TREES[name]
    assert orders(tree.block().without(dropped)) == set(by_definition(tree, dropped))


@pytest.mark.parametrize("name", TREES)
def test_random_permutations_are_uniform_on_the_group(name: str) -> None:
    """Each of g permutations has share 1 / g of 6,400: chi2 with g - 1 degrees of freedom, below 6 SD."""
    block = TREES[name].block()
    resampling = Resampling(6400, 3, Exchangeability.of(len(block.subjects), "permute", block)).independent(6400)
    drawn = np.vstack([resampling.batch(first).order for first in resampling.batches])
    found, counts = np.unique(drawn, axis=0, return_counts=True)
    group = orders(block)
    assert {tuple(row) for row in found.tolist()} == group
    expected = len(drawn) / len(group)
    assert ((counts - expected) ** 2 / expected).sum() <= len(group) - 1 + 6 * np.sqrt(2 * len(group))


@pytest.mark.parametrize("name", TREES)
def test_orbits_are_the_positions_that_a_subject_takes(name: str) -> None:
    block = TREES[name].block()
    label = block.orbits()
    group = orders(block)
    for i in range(len(label)):
        assert {order[i] for order in group} == {j for j, other in enumerate(label) if other == label[i]}


@pytest.mark.parametrize(
    ("name", "units"),
    [
        ("pairs as wholes", "001122"),
        ("pairs as wholes and inside", "001122"),
        ("inside pairs", "001122"),  # subjects of a pair may depend on each other
        ("free", "0000"),  # one block of all
        ("sizes 1, 1, 2, 2", "012233"),
        ("pairs within sites", "0011223"),
        ("sites and pairs", "000111"),
        ("twins beside a sibling", "000111"),
    ],
)
@pytest.mark.parametrize("scheme", ["flip", "both"])
def test_signs_are_flipped_for_the_outermost_exchanged_blocks(name: str, units: str, scheme: Scheme) -> None:
    tree = TREES[name]
    exchangeability = Exchangeability.of(tree.n, scheme, tree.block())
    labels = exchangeability.flip_blocks
    assert labels is not None
    assert labels.tolist() == [int(unit) for unit in units]
    assert exchangeability.n_flips == 2 ** len(set(units))


def test_without_levels_each_subject_has_its_sign() -> None:
    free = block_tree([()] * 4, [(True,)] * 4)
    assert (free.count(), free.flipped_together()) == (24, [0, 1, 2, 3])


@pytest.mark.parametrize("name", TREES)
def test_signs_and_orders_together_form_a_group(name: str) -> None:
    """An order maps subjects of one sign onto subjects of one sign."""
    block = TREES[name].block()
    units = np.array(block.flipped_together())
    for order in orders(block):
        pairs = set(zip(units.tolist(), units[list(order)].tolist(), strict=True))
        assert len(pairs) == len(set(units.tolist()))


def test_a_permutation_depends_on_seed_and_number_only() -> None:
    tree = TREES["pairs within sites, also inside"]
    exchangeability = Exchangeability.of(tree.n, "both", tree.block())
    few, many = Resampling(40, 5, exchangeability), Resampling(200, 5, exchangeability)
    np.testing.assert_array_equal(few.batch(32).order, many.batch(32).order[:8])
    np.testing.assert_array_equal(few.batch(32).sign, many.batch(32).sign[:8])
    assert few.batch(0).order[0].tolist() == list(range(tree.n))
    assert (few.batch(0).sign[0] == 1).all()


def test_order_sorts_the_subjects_of_a_block() -> None:
    """Pairs (0, 1) and (3, 2): 0 takes the place of 3."""
    block = block_tree([["a"], ["a"], ["b"], ["b"]], [[True, False]] * 4, order=[0, 1, 3, 2])
    assert orders(block) == {(0, 1, 2, 3), (3, 2, 1, 0)}


def difference(group: Sequence[int]) -> Subspaces:
    centred = np.array(group, dtype=float) - np.mean(group)
    return Subspaces((centred / np.linalg.norm(centred))[None], np.zeros((0, len(group))), one_sided=True)


@pytest.mark.parametrize(
    ("exchanged", "group", "n_different"),
    [
        ("+-", "00110011", 6),  # 4 pairs, 2 of each group: 4 choose 2
        ("++", "00110011", 6),  # subjects of a pair have the same group
        ("++", "01010101", 16),  # each pair either way, and all pairs are alike
        ("+-", "01100101", 4),  # which of the 4 pairs is the other way round
        ("-+", "01100101", 16),
        ("++", "00110101", 4 * 3 * 2**2),  # places of the two equal pairs, then each other pair either way
    ],
)
def test_all_distinct_permutations_of_a_group_difference(exchanged: str, group: str, n_different: int) -> None:
    block = block_tree(list("aabbccdd"), [[sign == "+" for sign in exchanged]] * 8)
    subspaces = difference([int(each) for each in group])
    resampling = make_resampling(subspaces, Exchangeability.of(8, "permute", block), 1000, 1)
    assert resampling.complete is not None
    weights = {tuple(row) for row in np.round(resampling.complete.applied_to(subspaces.tested)[:, 0], 9).tolist()}
    every = Permutations(np.array(sorted(orders(block))), np.ones((len(orders(block)), 8)))
    assert weights == {tuple(row) for row in np.round(every.applied_to(subspaces.tested)[:, 0], 9).tolist()}
    assert resampling.n_permutations == len(weights) == n_different
    assert resampling.complete.order[0].tolist() == list(range(8))


def test_refused_length() -> None:
    with pytest.raises(ValueError, match="one label per subject: 5; found 4"):
        Exchangeability.of(5, "permute", TREES["free"].block())
