"""Labels that differ only in leading zeros."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bids_ari.bids.labels import match_labels, padded, same_label, spellings, unpadded

LABELS = st.lists(st.text("01s", min_size=1, max_size=4), max_size=6)


@given(LABELS, LABELS)
def test_a_match_is_mutual_and_of_one_label(requested: list[str], existing: list[str]) -> None:
    found = match_labels(requested, existing)
    assert len(set(found.pairs.values())) == len(found.pairs)
    assert not set(found.pairs) & set(found.unclear)
    for label in {*found.pairs, *found.unclear}:
        assert label not in existing
    for label, other in found.pairs.items():
        assert [each for each in set(existing) if unpadded(each) == unpadded(label)] == [other]
        assert [each for each in set(requested) if unpadded(each) == unpadded(label)] == [label]
    assert all(set(others) <= set(existing) for others in found.unclear.values())


@pytest.mark.parametrize(
    ("requested", "existing", "pairs", "unclear"),
    [
        (["01", "02"], ["01", "02"], {}, {}),
        (["1"], ["01"], {"1": "01"}, {}),
        (["s1"], ["s01"], {"s1": "s01"}, {}),
        (["10"], ["1", "100"], {}, {}),
        (["1"], ["01", "001"], {}, {"1": ("01", "001")}),
        (["1", "01"], ["001"], {}, {"1": ("001",), "01": ("001",)}),
        (["1", "01"], ["01"], {}, {"1": ("01",)}),  # 01 is that of another
        (["0"], ["00"], {"0": "00"}, {}),
    ],
)
def test_examples(
    requested: list[str], existing: list[str], pairs: dict[str, str], unclear: dict[str, tuple[str, ...]]
) -> None:
    found = match_labels(requested, existing)
    assert (found.pairs, found.unclear) == (pairs, unclear)


def test_other_spellings_of_a_number() -> None:
    assert padded("012", 4) == ("012", "12", "0012")
    assert padded("s1") == ("s1",)


def test_pairs_are_noted() -> None:
    note = match_labels(["1", "2"], ["01", "02"]).note("sub", "of filters")
    assert note == "Labels of filters that differ only in leading zeros were matched: sub-1 is sub-01, sub-2 is sub-02"
    assert match_labels(["1"], ["1"]).note("sub", "of filters") == ""


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1", "01", True),
        ("0", "00", True),
        ("1", "10", False),
        ("a", "a", True),
        ("1", "1a", False),
    ],
)
def test_labels_are_the_same_up_to_leading_zeros(one: str, other: str, same: bool) -> None:
    assert same_label(one, other) is same
    assert same_label(other, one) is same


def test_spellings_of_a_number_are_listed_together() -> None:
    assert spellings(["2", "02", "pre", "1", "10", "0", "00", "2"]) == [["0", "00"], ["02", "2"]]
