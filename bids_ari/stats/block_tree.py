"""Nested exchangeability blocks: a tree of blocks of subjects, and the permutations that it allows.

A block contains blocks, down to single subjects. What a block contains directly is either *exchanged*, as wholes, or
*fixed*: it stays where it is, and only what is inside it may be exchanged. Blocks are exchanged only with blocks of
the same structure: as many subjects, in blocks nested in the same way, with the same exchanged and fixed ones. The
subjects of two such blocks correspond to each other in their given order, and keep this order when the blocks are
exchanged, unless they are exchanged themselves. These permutations are the automorphisms of the tree that keep the
order of what is fixed: a group.

Signs are flipped for whole blocks whose errors are independent of the others: the outermost exchanged ones, or, where
no blocks but only subjects are exchanged, the innermost ones, since their subjects may depend on each other.

References
----------
Winkler, Webster, Vidaurre, Nichols & Smith (2015), NeuroImage 123:253.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import factorial, prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.intp]

_SUBJECT, _DROPPED = "s", "d"


class Exchange(NamedTuple):
    """Sets of blocks that are exchanged with each other, all sets of one shape."""

    members: Labels  # (n_sets, n_blocks, n_subjects): the subjects of each block, corresponding ones in one place
    depth: int  # 0 for the outermost blocks


@dataclass(frozen=True, slots=True)
class Block:
    """A block of subjects, or a single subject."""

    subjects: tuple[int, ...]  # in the order in which those of blocks of the same structure correspond
    structure: str  # the same for blocks that may be exchanged with each other
    is_exchanged: bool = False  # whether the blocks inside are exchanged
    inside: tuple["Block", ...] = ()  # the blocks directly inside, in the order of `subjects`; none in a subject

    @property
    def sets(self) -> list[tuple["Block", ...]]:
        """The blocks inside, in sets of those that are exchanged with each other."""
        if not self.is_exchanged:
            return [(block,) for block in self.inside]
        alike: dict[str, list[Block]] = {}
        for block in self.inside:
            alike.setdefault(block.structure, []).append(block)
        return [tuple(blocks) for blocks in alike.values()]

    @property
    def is_innermost(self) -> bool:
        """Whether it contains single subjects."""
        return any(not block.inside for block in self.inside)

    def without(self, dropped: Iterable[int]) -> "Block":
        """Return the block where dropped subjects are exchanged with dropped subjects only."""
        gone = set(dropped)
        if not gone.intersection(self.subjects):
            return self
        if not self.inside:
            return Block(self.subjects, _DROPPED)
        inside = [block.without(gone) for block in self.inside]
        return _block(sorted(inside, key=_structure) if self.is_exchanged else inside, self.is_exchanged)

    def exchanges(self) -> list[Exchange]:
        """Return what is exchanged, the innermost blocks first."""
        shapes: dict[tuple[int, int, int], list[list[tuple[int, ...]]]] = defaultdict(list)
        for depth, blocks in self._sets_with_depth(0):
            shapes[-depth, len(blocks), len(blocks[0].subjects)].append([block.subjects for block in blocks])
        return [Exchange(np.array(sets, dtype=np.intp), -depth) for (depth, *_), sets in sorted(shapes.items())]

    def orbits(self) -> list[int]:
        """Return a label for each subject, the same for those that take the same positions in some permutation."""
        label = list(range(len(self.subjects)))
        for members, _ in self.exchanges():
            for column in members.transpose(0, 2, 1).reshape(-1, members.shape[1]).tolist():
                merged = {label[subject] for subject in column}
                label = [min(merged) if each in merged else each for each in label]
        return label

    def flipped_together(self) -> list[int]:
        """Return a label for each subject, the same for those with the same sign."""
        label = list(range(len(self.subjects)))
        for number, block in enumerate(self._units(is_whole=True)):
            for subject in block.subjects:
                label[subject] = number
        return label

    def count(self, kinds: Sequence[Hashable] | None = None) -> int:
        """Return the number of permutations, or of distinct sequences of the kinds of subjects."""
        return prod(_count(blocks, range(len(self.subjects)) if kinds is None else kinds) for blocks in self.sets)

    def arrangements(self, kinds: Sequence[Hashable]) -> list[tuple[int, ...]]:
        """Return one permutation for each distinct sequence of kinds of subjects, the identity first.

        Each is the subjects that take the positions of `subjects`.
        """
        if not self.inside:
            return [self.subjects]
        place = {subject: i for i, subject in enumerate(self.subjects)}
        sets = sorted(self.sets, key=lambda blocks: min(min(block.subjects) for block in blocks))
        positions = [place[subject] for blocks in sets for block in blocks for subject in block.subjects]
        back = np.argsort(positions).tolist()
        each = [list(_arrangements(blocks, kinds)) for blocks in sets]
        found = []
        for parts in product(*each):
            taken = [subject for part in parts for subject in part]
            found.append(tuple(taken[i] for i in back))
        return found

    def exchanged_kinds(self) -> list[Counter[str]]:
        """Return, for each block whose blocks are exchanged, how many there are inside of each structure."""
        own = [Counter(block.structure for block in self.inside)] if self._exchanges_blocks else []
        return [*own, *(counts for block in self.inside for counts in block.exchanged_kinds())]

    @property
    def _exchanges_blocks(self) -> bool:
        return self.is_exchanged and not self.is_innermost

    def _units(self, *, is_whole: bool = False) -> Iterator["Block"]:
        """Yield the blocks of one sign each; `is_whole` for all subjects together."""
        if self._exchanges_blocks or (self.is_innermost and is_whole):
            yield from self.inside
        elif self.is_innermost:
            yield self
        else:
            for block in self.inside:
                yield from block._units()

    def _sets_with_depth(self, depth: int) -> Iterator[tuple[int, tuple["Block", ...]]]:
        """Yield the depth and the blocks of each set with several blocks."""
        yield from ((depth, blocks) for blocks in self.sets if len(blocks) > 1)
        for block in self.inside:
            yield from block._sets_with_depth(depth + 1)

    def canonical(self, kinds: Sequence[Hashable]) -> Hashable:
        """Return a value that two blocks share if they have the same kinds of subjects up to their permutations."""
        if not self.inside:
            return kinds[self.subjects[0]]
        return tuple(
            tuple(sorted(Counter(b.canonical(kinds) for b in blocks).items(), key=repr)) for blocks in self.sets
        )


def block_tree(
    paths: Sequence[Sequence[Hashable]], exchanged: Sequence[Sequence[bool]], order: Sequence[int] | None = None
) -> Block:
    """Build the block of all subjects.

    Parameters
    ----------
    paths : sequence (n_subjects, n_levels)
        The blocks of each subject, the outermost first. Blocks of the same label in different blocks are different.
    exchanged : sequence (n_subjects, n_levels + 1)
        Whether the outermost blocks are exchanged, whether those inside the first block of the path are, and so on;
        the last value is whether the subjects of the innermost block are. Subjects of a block have the same values.
    order : sequence (n_subjects,), optional
        Numbers that sort the subjects of a block; by default, they are in the order of the arguments.

    Examples
    --------
    Three pairs, exchanged as wholes, and the subjects of each pair with each other: 3! * 2^3 permutations.

    >>> block_tree([["a"], ["a"], ["b"], ["b"], ["c"], ["c"]], [[True, True]] * 6).count()
    48
    """
    rank = range(len(paths)) if order is None else order
    subjects = sorted(range(len(paths)), key=lambda subject: rank[subject])
    return _built(subjects, paths, exchanged, 0)


def numbered(labels: Sequence[Hashable]) -> Labels:
    """Number labels in the order of their first subject."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(label, len(numbers)) for label in labels], dtype=np.intp)


def _built(
    subjects: Sequence[int], paths: Sequence[Sequence[Hashable]], exchanged: Sequence[Sequence[bool]], depth: int
) -> Block:
    """Build the block of some subjects in their order, and the blocks inside from `depth` of their paths on."""
    if depth == len(paths[subjects[0]]):
        inside = [Block((subject,), _SUBJECT) for subject in subjects]
    else:
        members: dict[Hashable, list[int]] = {}
        for subject in subjects:
            members.setdefault(paths[subject][depth], []).append(subject)
        inside = [_built(some, paths, exchanged, depth + 1) for some in members.values()]
    return _block(sorted(inside, key=_structure), bool(exchanged[subjects[0]][depth]))


def _block(inside: Sequence[Block], is_exchanged: bool) -> Block:
    """Make a block of blocks; one alone is not exchanged."""
    is_exchanged = is_exchanged and len(inside) > 1
    structure = f"{'+' if is_exchanged else '-'}({','.join(map(_structure, inside))})"
    return Block(
        tuple(subject for block in inside for subject in block.subjects), structure, is_exchanged, tuple(inside)
    )


def _structure(block: Block) -> str:
    return block.structure


def _count(blocks: Sequence[Block], kinds: Sequence[Hashable]) -> int:
    """Return the number of distinct sequences of kinds in a set of blocks that are exchanged."""
    alike = Counter(block.canonical(kinds) for block in blocks)
    orders = factorial(len(blocks)) // prod(map(factorial, alike.values()))
    return orders * prod(block.count(kinds) for block in blocks)


def _arrangements(blocks: Sequence[Block], kinds: Sequence[Hashable]) -> Iterator[tuple[int, ...]]:
    """Yield the subjects that take the positions of a set of blocks that are exchanged."""
    contents = [block.arrangements(kinds) for block in blocks]
    for order in _orders(numbered([block.canonical(kinds) for block in blocks]).tolist()):
        for parts in product(*(contents[i] for i in order)):
            yield tuple(subject for part in parts for subject in part)


def _orders(kinds: list[int]) -> Iterator[tuple[int, ...]]:
    """Yield an order of positions for each distinct sequence of kinds, 0, 1, 2, ... first."""
    if not kinds:
        yield ()
        return
    for place in [kinds.index(kind) for kind in dict.fromkeys(kinds)]:
        others = [i for i in range(len(kinds)) if i != place]
        for rest in _orders([kinds[i] for i in others]):
            yield (place, *(others[i] for i in rest))
