"""A JSON document that people write, read strictly: each value knows its place, so that an error can name it."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as shorten
from typing import Any

from bids_ari.bids.entities import printable
from bids_ari.bids.sidecars import read_json
from bids_ari.errors import UsageError, listing

_COMMENTS = ("$", "_", "//", "comment", "description")
"""How the keys begin that tell people something, and programs nothing."""


@dataclass(frozen=True, slots=True)
class Item:
    """A value of a document, and its place there.

    Attributes
    ----------
    path : Path
        The file.
    place : str
        Where the value stands, such as ``Nodes[2].Model.X[1]``; empty for the whole document.
    value : object
        What stands there.
    """

    path: Path
    place: str
    value: Any

    def error(self, expected: str, hint: str = "", found: str = "") -> UsageError:
        """Make the error that says what is wrong with this value."""
        what = found or f"is {shorten(self.value)}"
        return UsageError(f"{self.path}{': ' if self.place else ''}{self.place} {what}", expected, hint)

    def unsupported(self, hint: str) -> UsageError:
        """Make the error that says that this is not honoured, and therefore not read past."""
        return UsageError(f"{self.path}: {self.place} is not supported", hint=hint)

    def text(self) -> str:
        """Give the value, which must be a text that says something."""
        if not isinstance(self.value, str) or not self.value.strip():
            raise self.error("a text")
        return self.value

    def flag(self) -> bool:
        """Give the value, which must be true or false."""
        if not isinstance(self.value, bool):
            raise self.error("true or false")
        return self.value

    def number(self) -> float:
        """Give the value, which must be a number."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self.error("a number")
        return float(self.value)

    def choice(self, among: Collection[str], hint: str = "") -> str:
        """Give the value, which must be one of some words, in the case in which they are given here."""
        words = {word.lower(): word for word in among}
        if not isinstance(self.value, str) or self.value.lower() not in words:
            raise self.error(" or ".join(among), hint)
        return words[self.value.lower()]

    def items(self, lone: bool = False) -> list["Item"]:
        """Give the values of a list; of a value alone, where that is allowed, a list of one."""
        if lone and not isinstance(self.value, list | dict) and self.value is not None:
            return [self]
        if not isinstance(self.value, list):
            raise self.error("a list")
        return [Item(self.path, f"{self.place}[{i}]", value) for i, value in enumerate(self.value)]

    def members(self) -> Mapping[str, "Item"]:
        """Give the members of an object by their keys, as they are written."""
        if not isinstance(self.value, dict):
            raise self.error("an object, {...}")
        return {
            key: Item(self.path, f"{self.place}.{key}" if self.place else key, value)
            for key, value in self.value.items()
        }

    def fields(self, known: Iterable[str], others: Mapping[str, str] | None = None) -> Mapping[str, "Item"]:
        """Give the members of an object by keys that are known.

        Parameters
        ----------
        known : iterable of str
            The keys. Case and underscores do not matter: ConditionList and condition_list are one key.
        others : mapping of str to str, optional
            A hint for the error about some other keys. Nothing that has a meaning is read past; comments have none,
            nor has what is empty.
        """
        names = {_plain(name): name for name in known}
        found: dict[str, Item] = {}
        for key, item in self.members().items():
            name = names.get(_plain(key))
            if name is None:
                if item.value not in (None, "", [], {}) and not key.lower().startswith(_COMMENTS):
                    hint = (others or {}).get(_plain(key))
                    raise item.unsupported(hint or f"Understood here: {listing(names.values(), 20)}")
            elif name in found:
                raise item.error(f"one of {found[name].place} and {item.place}", found="says again what it means")
            elif item.value is not None:
                found[name] = item
        return found


def _plain(key: str) -> str:
    return key.lower().replace("_", "")


def read_document(path: Path) -> Item:
    """Read a JSON object that people write.

    Raises
    ------
    ReadError
        When the file cannot be read.
    UsageError
        When it holds no JSON object, or a key twice: the first would be lost without a word.
    """
    document = read_json(path, UsageError)
    twice = next(_twice(path.read_text(encoding="utf-8-sig")), None)
    if twice is not None:
        raise UsageError(f"{path} holds the key {printable(shorten(twice))} twice in one object", "each key once")
    return Item(path, "", document)


def _twice(text: str) -> Iterator[str]:
    """Give the keys that stand more than once in an object of a JSON text."""
    found: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found.extend(key for key, n in Counter(key for key, _ in pairs).items() if n > 1)
        return dict(pairs)

    json.loads(text, object_pairs_hook=note)
    yield from found
