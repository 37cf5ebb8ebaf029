"""Columns of tables of subjects: which cells are missing values, and whether a column holds numbers or labels.

A cell is missing if it is empty, ``n/a`` or another word that programs write for a missing value, unless the sidecar of
the table declares that word as one of the ``Levels`` of a column of labels. A column is one of labels if its cells are
declared levels and it has no ``Units``, or if none of its cells begins like a number.
"""

import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bids_ari.bids.entities import printable
from bids_ari.bids.sidecars import Repeated, read_json
from bids_ari.errors import SidecarError

_NEVER = ("", "n/a")  # missing values of BIDS, which cannot be levels
_WORDS = frozenset((*_NEVER, "na", "nan", "-nan", "null", ".", "#n/a", "#na", "#null!", "<na>"))
_NONE = "None"  # as Python writes it; in lower case it may be a level, such as of medication
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LIKE_NUMBER = re.compile(r"[^\w\s]{0,2}\s?\d")


def number(cell: str) -> float | None:
    """Read a cell as a finite number with a decimal point; return None for other text.

    >>> number("24.5"), number("-1e3"), number("12y"), number("1,5"), number("inf"), number("1_000")
    (24.5, -1000.0, None, None, None, None)
    """
    value = float(cell) if _NUMBER.fullmatch(cell) else math.inf
    return value if math.isfinite(value) else None


def value_of(cell: str) -> str | float:
    """Return a cell as a number if it is one, else as it is: 1, 01 and 1.0 are the same value."""
    value = number(cell)
    return cell if value is None else value


def shortest(cells: Iterable[str]) -> dict[str | float, str]:
    """Return the shortest of the cells with each value.

    >>> shortest(["1.0", "1", "a"])
    {1.0: '1', 'a': 'a'}
    """
    texts: dict[str | float, str] = {}
    for cell in sorted(set(cells), key=lambda cell: (len(cell), cell)):
        texts.setdefault(value_of(cell), cell)
    return texts


def is_like_number(cell: str) -> bool:
    """Return whether a cell begins with a digit, after up to two signs.

    >>> [is_like_number(cell) for cell in ("24,5", "24.5y", "18-38", "<5", "-3", "a1", "patient")]
    [True, True, True, True, True, False, False]
    """
    return bool(_LIKE_NUMBER.match(cell))


def is_missing(cell: str) -> bool:
    """Return whether a cell is empty or a word for a missing value.

    >>> [is_missing(cell) for cell in ("n/a", "NA", "#N/A", ".", "", "NaN", "None", "none", "0")]
    [True, True, True, True, True, True, True, False, False]
    """
    return cell.lower() in _WORDS or cell == _NONE


@dataclass(frozen=True, slots=True)
class Declared:
    """What the sidecar of a table declares of a column."""

    levels: tuple[str, ...] = ()
    has_units: bool = False
    sidecar: str = ""  # its name
    is_ambiguous: bool = False  # declared several times, differently: not used

    def has(self, cell: str) -> bool:
        """Return whether a cell is one of the levels; numbers as such, 1.0 for 1."""
        value = number(cell)
        return cell in self.levels or (value is not None and value in map(number, self.levels))

    def outside(self, cells: Collection[str]) -> list[str]:
        """Return the cells that are no levels."""
        return [cell for cell in cells if not self.has(cell)]

    def are_levels(self, cells: Collection[str]) -> bool:
        """Return whether cells, without missing values, are those of a factor: levels, at least half of them."""
        return bool(self.levels and cells) and not self.has_units and 2 * len(self.outside(cells)) <= len(cells)


UNDECLARED = Declared()


def read_declared(sidecar: Path) -> dict[str, Declared]:
    """Read what a sidecar declares of each column that has ``Levels``, or that is there several times."""
    about = read_json(sidecar, SidecarError)
    declared = {}
    for name, facts in about.items():
        levels = facts.get("Levels") if isinstance(facts, dict) else facts
        if isinstance(levels, Repeated):
            declared[printable(name)] = Declared(sidecar=sidecar.name, is_ambiguous=True)
        elif isinstance(facts, dict) and levels:
            declared[printable(name)] = Declared(_levels(levels), _has_units(facts), sidecar.name)
    return declared


def missing_words(cells: Mapping[str, str], declared: Declared) -> dict[str, str]:
    """Return those cells of a column, by subject, that are missing values."""
    words = {subject: cell for subject, cell in cells.items() if is_missing(cell)}
    values = [cell for subject, cell in cells.items() if subject not in words]
    if not declared.are_levels(values):
        return words
    return {subject: cell for subject, cell in words.items() if cell.lower() in _NEVER or cell not in declared.levels}


def _levels(levels: Any) -> tuple[str, ...]:
    """Return the levels in a sidecar: the keys of an object, or a list."""
    return tuple(map(printable, map(str, levels))) if isinstance(levels, dict | list) else ()


def _has_units(facts: Mapping[str, Any]) -> bool:
    units = facts.get("Units")
    return isinstance(units, str) and not is_missing(units.strip())
