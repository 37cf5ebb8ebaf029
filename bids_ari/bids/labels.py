"""Labels that differ only in leading zeros, ``1`` and ``01``: matched where that is unambiguous."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from bids_ari.errors import listing, printable

_ZEROS = re.compile("(?<![0-9])0+(?=[0-9])")


@dataclass(frozen=True, slots=True)
class Matches:
    """Labels that do not exist as they are, with those that differ from them only in leading zeros."""

    pairs: Mapping[str, str]  # the one label that exists, where no other has the same claim to it
    unclear: Mapping[str, tuple[str, ...]]  # existing labels, where there are several or others claim them, too

    def note(self, entity: str, where: str) -> str:
        """Describe the pairs: labels of an entity in one place and in the dataset; empty without any."""
        if not self.pairs:
            return ""
        texts = (f"{entity}-{printable(one)} is {entity}-{printable(other)}" for one, other in self.pairs.items())
        return f"Labels {where} that differ only in leading zeros were matched: {listing(texts)}"


def unpadded(label: str) -> str:
    """Return a label without the leading zeros of its numbers.

    >>> unpadded("007"), unpadded("s01x0"), unpadded("00")
    ('7', 's1x0', '0')
    """
    return _ZEROS.sub("", label)


def padded(label: str, most: int = 6) -> tuple[str, ...]:
    """Return a label itself and, if it is a number, the same number with other leading zeros, up to `most` digits.

    >>> padded("01", 4), padded("pilot")
    (('01', '1', '001', '0001'), ('pilot',))
    """
    if not (label.isascii() and label.isdecimal()):
        return (label,)
    bare = unpadded(label)
    return tuple(dict.fromkeys([label, *(bare.zfill(n) for n in range(1, most + 1))]))


def match_labels(requested: Iterable[str], existing: Collection[str]) -> Matches:
    """Match labels that do not exist with existing ones that differ only in leading zeros.

    >>> match_labels(["1", "2"], ["01", "02", "3"]).pairs
    {'1': '01', '2': '02'}
    >>> match_labels(["1"], ["01", "001"]).unclear, match_labels(["1", "01"], ["001", "01"]).unclear
    ({'1': ('01', '001')}, {'1': ('001', '01')})
    """
    asked = dict.fromkeys(requested)
    lacking = [label for label in asked if label not in existing]
    if not lacking:
        return Matches({}, {})
    alike = alike_labels(existing)
    claims = alike_labels(asked)
    found = {label: alike[unpadded(label)] for label in lacking if unpadded(label) in alike}
    pairs = {label: each[0] for label, each in found.items() if len(each) == len(claims[unpadded(label)]) == 1}
    return Matches(pairs, {label: tuple(each) for label, each in found.items() if label not in pairs})


def alike_labels(labels: Iterable[str]) -> dict[str, list[str]]:
    """Group labels by what they are without leading zeros."""
    groups: dict[str, list[str]] = defaultdict(list)
    for label in dict.fromkeys(labels):
        groups[unpadded(label)].append(label)
    return dict(groups)


def same_label(one: str, other: str) -> bool:
    """Return whether two labels are equal, or differ only in leading zeros.

    >>> same_label("1", "01"), same_label("1", "10"), same_label("pre", "pre")
    (True, False, True)
    """
    return unpadded(one) == unpadded(other)


def spellings(labels: Iterable[str]) -> list[list[str]]:
    """Return the labels that differ only in leading zeros, for each for which there are several.

    >>> spellings(["1", "2", "01", "pre", "10"])
    [['01', '1']]
    """
    return sorted(sorted(found) for found in alike_labels(labels).values() if len(found) > 1)
