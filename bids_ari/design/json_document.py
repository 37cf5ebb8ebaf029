"""A strict reader of JSON documents, such as BIDS Stats Models: each value knows its position for error messages."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as shorten
from typing import Any

from bids_ari.bids.entities import printable
from bids_ari.bids.sidecars import Repeated, read_json
from bids_ari.errors import UsageError, listing

_COMMENTS = ("$", "_", "//", "comment", "description")  # prefixes of keys that hold comments


@dataclass(frozen=True, slots=True)
class Item:
    """A value of a JSON document with its position."""

    path: Path
    place: str  # such as Nodes[2].Model.X[1]; empty for the whole document
    value: Any

    def error(self, expected: str, hint: str = "", found: str = "") -> UsageError:
        """Return the error for a wrong value: file, position, value, and what was expected."""
        problem = found or f"is {shorten(self.value)}"
        return UsageError(f"{self.path}{': ' if self.place else ''}{self.place} {problem}", expected, hint)

    def unsupported(self, hint: str) -> UsageError:
        """Return the error for a value whose meaning is not supported."""
        return UsageError(f"{self.path}: {self.place} is not supported", hint=hint)

    def text(self) -> str:
        """Return the value, which must be a non-empty string."""
        if not isinstance(self.value, str) or not self.value.strip():
            raise self.error("a text")
        return self.value

    def flag(self) -> bool:
        """Return the value, which must be true or false."""
        if not isinstance(self.value, bool):
            raise self.error("true or false")
        return self.value

    def number(self) -> float:
        """Return the value, which must be a finite number."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float) or not math.isfinite(self.value):
            raise self.error("a number")
        return float(self.value)

    def cell(self) -> str:
        """Return the value, which must be a non-empty string or a number, as text."""
        is_text = isinstance(self.value, str) and self.value != ""
        if not is_text and (isinstance(self.value, bool | str) or not isinstance(self.value, int | float)):
            raise self.error("a text or a number")
        if isinstance(self.value, float) and not math.isfinite(self.value):
            raise self.error("a text or a finite number")
        return str(self.value)

    def choice(self, among: Collection[str], hint: str = "") -> str:
        """Return the one of some words that the value equals, ignoring case."""
        words = {word.lower(): word for word in among}
        if not isinstance(self.value, str) or self.value.lower() not in words:
            raise self.error(" or ".join(among), hint)
        return words[self.value.lower()]

    def items(self, lone: bool = False, filled: str = "") -> list["Item"]:
        """Return the values of a list, not empty if `filled` is what it must hold; with `lone`, also a single value."""
        if lone and not isinstance(self.value, list | dict) and self.value is not None:
            return [self]
        if not isinstance(self.value, list):
            raise self.error("a list")
        if filled and not self.value:
            raise self.error(filled)
        return [Item(self.path, f"{self.place}[{i}]", value) for i, value in enumerate(self.value)]

    def members(self) -> Mapping[str, "Item"]:
        """Return the members of an object by their keys as written."""
        if not isinstance(self.value, dict):
            raise self.error("an object, {...}")
        return {
            key: Item(self.path, f"{self.place}.{key}" if self.place else key, value)
            for key, value in self.value.items()
        }

    def fields(
        self,
        known: Iterable[str],
        hints: Mapping[str, str] | None = None,
        needed: str = "",
        others: list["Item"] | None = None,
        **former: str,
    ) -> Mapping[str, "Item"]:
        """Return the members of an object by known keys, of which case and underscores do not matter.

        An unsupported key is an error, with a hint for some, unless its value is empty or it is a comment, or there is
        a list of `others`, to which it is appended. A missing key is an error if `needed` is what they are. `former`:
        known keys by former names, in lower case.
        """
        names = {name.lower(): name for name in known} | former
        found: dict[str, Item] = {}
        for key, item in self.members().items():
            plain = key.lower().replace("_", "")
            if (name := names.get(plain)) is None:
                if item.value in (None, "", [], {}) or key.lower().startswith(_COMMENTS):
                    continue
                if others is None:
                    default = f"Supported keys: {listing(names.values(), 20)}"
                    raise item.unsupported((hints or {}).get(plain, default))
                others.append(item)
            elif name in found:
                raise item.error("one of them", found=f"is the same key as {found[name].place}")
            elif item.value is not None:
                found[name] = item
        if needed and (lacking := [name for name in names.values() if name not in found]):
            raise self.error(needed, found=f"has no {lacking[0]}")
        return found


def read_document(path: Path) -> tuple[Item, tuple[str, ...]]:
    """Read a JSON object from a file; return it with notes on keys that are given several times.

    If their values differ, none can be read: where one is used, the error names its position.
    """
    document = Item(path, "", read_json(path, UsageError))
    notes = (f"{place} of {path.name} is given several times and not used" for place in _repeated(document))
    return document, tuple(notes)


def _repeated(item: Item) -> Iterator[str]:
    """Yield the positions of keys that are given several times, with different values."""
    if isinstance(item.value, Repeated):
        yield printable(item.place)
    inner = item.members().values() if isinstance(item.value, dict) else []
    for each in item.items() if isinstance(item.value, list) else inner:
        yield from _repeated(each)
