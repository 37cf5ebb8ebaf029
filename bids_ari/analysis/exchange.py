"""What is exchanged in nested exchangeability blocks, in words for reports and sidecars."""

from collections import Counter
from collections.abc import Iterator

from bids_ari.design.design import Design
from bids_ari.errors import counted, listing
from bids_ari.stats.block_tree import Block
from bids_ari.stats.resampling import Exchangeability

_EXACT = 10**6  # larger numbers are written with two digits


def exchange_in_words(design: Design, exchangeability: Exchangeability) -> str:
    """Return what is exchanged, and what is flipped together; empty for a single level of blocks or none."""
    if not isinstance(design.blocks, Block):
        return ""
    texts = [] if exchangeability.permutation_blocks is None else [design.exchange]
    if exchangeability.flip_blocks is not None:
        n = int(exchangeability.flip_blocks.max()) + 1
        texts.append(f"signs are flipped for {counted(n, 'block')} of subjects, each as a whole")
    return "; ".join(texts)


def notes_on_blocks(design: Design, exchangeability: Exchangeability) -> Iterator[str]:
    """Yield notes on the structures of nested blocks, and on the numbers of permutations and sign flips."""
    if not isinstance(design.blocks, Block):
        return
    tree, possible = exchangeability.tree, []
    if tree is not None:
        possible.append(f"{_number(tree.count())} permutations")
        within = tree.exchanged_kinds()
        if kinds := sum(within, Counter()):
            sizes = sorted((structure.count("s"), n) for structure, n in kinds.items())
            texts = listing((f"{n} of {counted(size, 'subject')}" for size, n in sizes), 10)
            alone = sum(n == 1 for counts in within for n in counts.values())
            yield (
                f"Blocks are exchanged only with blocks of the same structure, of which there "
                f"{'is one' if len(kinds) == 1 else f'are {len(kinds)}'}: {texts}"
                + (f". Alone with its structure, and not exchanged: {counted(alone, 'block')}" if alone else "")
            )
    if exchangeability.flip_blocks is not None:
        possible.append(f"{_number(exchangeability.n_flips)} sign flips")
    yield f"The exchangeability blocks allow {' times '.join(possible)}"


def why_nothing_changes(design: Design, exchangeability: Exchangeability) -> str:
    """Return why blocks allow no permutation or sign flip at all; empty where they do."""
    blocks = exchangeability.all_blocks
    if not design.blocks or exchangeability.n_flips > 2 or (blocks is not None and blocks.count() > 1):
        return ""
    if blocks is None:
        return "all subjects are in one block, whose sign is flipped as a whole"
    return "no two subjects of a block, and no two blocks of the same structure, are exchanged"


def _number(n: int) -> str:
    """Return a number in full, or a large one in two digits."""
    if n <= _EXACT:
        return f"{n:,}"
    digits = str(n)
    return f"{digits[0]}.{digits[1]}e{len(digits) - 1}"
