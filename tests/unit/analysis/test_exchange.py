"""What is exchanged in nested exchangeability blocks, in words."""

from dataclasses import replace

import pytest

from bids_ari.analysis.exchange import exchange_in_words, notes_on_blocks, why_nothing_changes
from bids_ari.design.design import Design, make_design
from bids_ari.stats.block_tree import block_tree
from bids_ari.stats.choices import Scheme
from bids_ari.stats.resampling import Exchangeability


def design_of(families: str, exchanged: str = "++") -> Design:
    """The mean of subjects, with one letter for the family of each."""
    design = make_design([f"{i:02d}" for i in range(len(families))])
    tree = block_tree(list(families), [[sign == "+" for sign in exchanged]] * len(families))
    return replace(design, blocks=tree, exchange="families are exchanged")


def of(design: Design, scheme: Scheme) -> Exchangeability:
    return Exchangeability.of(len(design.subjects), scheme, design.blocks or None)


@pytest.mark.parametrize(
    ("scheme", "words"),
    [
        ("permute", "families are exchanged"),
        ("flip", "signs are flipped for 2 blocks of subjects, each as a whole"),
        ("both", "families are exchanged; signs are flipped for 2 blocks of subjects, each as a whole"),
    ],
)
def test_words(scheme: Scheme, words: str) -> None:
    design = design_of("aabb")
    assert exchange_in_words(design, of(design, scheme)) == words


def test_one_level_of_labels_needs_no_words() -> None:
    design = replace(design_of("aabb"), blocks=tuple("aabb"))
    assert exchange_in_words(design, of(design, "both")) == ""
    assert not [*notes_on_blocks(design, of(design, "both"))]


def test_notes_count_structures_permutations_and_flips() -> None:
    """Families of 1, 1, 2, 2 and 3: 2! * 2! * 2^2 * 3! permutations, 2^5 flips; that of 3 is alone."""
    design = design_of("abccddeee")
    structures, possible = notes_on_blocks(design, of(design, "both"))
    assert "of which there are 3: 2 of 1 subject, 2 of 2 subjects, 1 of 3 subjects" in structures
    assert structures.endswith("not exchanged: 1 block")
    assert possible == "The exchangeability blocks allow 96 permutations times 32 sign flips"


def test_notes_on_flips_only_and_on_blocks_that_stay() -> None:
    design = design_of("aabb", "-+")
    assert [*notes_on_blocks(design, of(design, "flip"))] == ["The exchangeability blocks allow 4 sign flips"]
    assert [*notes_on_blocks(design, of(design, "permute"))] == ["The exchangeability blocks allow 4 permutations"]


def test_large_numbers_have_two_digits() -> None:
    """20! = 2432902008176640000."""
    design = design_of("".join(2 * letter for letter in "abcdefghijklmnopqrst"), "+-")
    assert [*notes_on_blocks(design, of(design, "permute"))][
        1
    ] == "The exchangeability blocks allow 2.4e18 permutations"


@pytest.mark.parametrize(
    ("families", "exchanged", "scheme", "reason"),
    [
        ("abcd", "-+", "permute", "no two subjects of a block"),
        ("abb", "+-", "permute", "no two subjects of a block"),
        ("aabb", "--", "permute", "no two subjects of a block"),
        ("aabb", "+-", "permute", ""),
        ("aaaa", "-+", "flip", "all subjects are in one block"),
        ("aabb", "-+", "flip", ""),
    ],
)
def test_reason_why_nothing_changes(families: str, exchanged: str, scheme: Scheme, reason: str) -> None:
    design = design_of(families, exchanged)
    found = why_nothing_changes(design, of(design, scheme))
    assert found.startswith(reason)
    assert bool(found) == bool(reason)


def test_no_reason_without_blocks() -> None:
    design = replace(design_of("aabb"), blocks=())
    assert why_nothing_changes(design, of(design, "permute")) == ""
