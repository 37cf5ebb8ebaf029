"""Questions within subjects: rows of weights over the levels of a column, such as sessions 1, 2 and 3."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from bids_ari.bids.entities import camel, safe_label
from bids_ari.errors import UsageError, counted, listing

Rows = tuple[tuple[float, ...], ...]

_LABEL = re.compile("[a-zA-Z0-9+]+")
_WEIGHT = re.compile(r"[+-]?(\d{1,15}(\.\d{0,15})?|\.\d{1,15})(/\d{1,15})?", re.ASCII)
_ROUNDING = 1e-9  # of a sum of weights


@dataclass(frozen=True, slots=True)
class Question:
    """A question over the maps of each subject at the levels of a column.

    One row of weights is one difference, or another weighted sum, of which the group model is that of single maps;
    several rows are differences of which any may be other than zero.
    """

    name: str  #: that of the user; empty for the question whether levels differ at all
    column: str  #: the entity or the column of sessions.tsv
    levels: tuple[str, ...]  #: as they are shown, such as ses-1; those with a weight
    rows: Rows  #: (n_rows, n_levels)

    @property
    def n_rows(self) -> int:
        """The number of differences."""
        return len(self.rows)

    @property
    def sums(self) -> tuple[str, ...]:
        """Each row in words: ``ses-2 minus ses-1``, else its weights."""
        return tuple(map(self._sum, self.rows))

    @property
    def labels(self) -> tuple[str, ...]:
        """A label for each row, for file names: ``ses2MinusSes1``, ``ses2`` of a level alone, else its number."""
        labels = [self._label(row) or f"row{i}" for i, row in enumerate(self.rows, start=1)]
        are_distinct = len({label.casefold() for label in labels}) == len(labels)
        return tuple(labels if are_distinct else (f"row{i}" for i in range(1, len(labels) + 1)))

    @property
    def noun(self) -> str:
        """What the rows are: differences, or weighted sums."""
        are_comparisons = all(abs(sum(row)) <= _ROUNDING * max(map(abs, row)) for row in self.rows)
        return "differences" if are_comparisons else "weighted sums"

    @property
    def text(self) -> str:
        """The question in words."""
        if self.n_rows == 1:
            return self.sums[0]
        if not self.name:
            return f"any difference between {' and '.join([', '.join(self.levels[:-1]), self.levels[-1]])}"
        return f"any of {'; '.join(self.sums)}"

    def weights_by_level(self) -> list[dict[str, float]]:
        """Return the weights of each row by level, without zeros."""
        return [{level: weight for level, weight in zip(self.levels, row, strict=True) if weight} for row in self.rows]

    def _label(self, row: Sequence[float]) -> str:
        """Return the label of a difference or of a level alone; empty for another sum."""
        if (pair := _high_and_low(row)) is not None:
            return f"{camel(self.levels[pair[0]], first=False)}Minus{camel(self.levels[pair[1]])}"
        return camel(self.levels[row.index(1)], first=False) if _is_level(row) else ""

    def _sum(self, row: Sequence[float]) -> str:
        """Return a row in words."""
        if _is_level(row):
            return self.levels[row.index(1)]
        if (pair := _high_and_low(row)) is not None:
            return f"{self.levels[pair[0]]} minus {self.levels[pair[1]]}"
        weighted = [(weight, level) for weight, level in zip(row, self.levels, strict=True) if weight]
        terms = [f"{'-+'[weight > 0]} {factor_of(weight)}{level}" for weight, level in weighted]
        text = " ".join(terms)
        return text.removeprefix("+ ") if weighted[0][0] > 0 else text.replace("- ", "-", 1)


def factor_of(weight: float) -> str:
    """Return the size of a weight as a factor before a name; empty for 1.

    >>> factor_of(-0.5), factor_of(1 / 3), factor_of(-1)
    ('0.5 x ', '1/3 x ', '')
    """
    size = abs(weight)
    fraction = Fraction(size).limit_denominator(1000)
    is_fraction = float(f"{size:.6g}") != size and abs(float(fraction) - size) < 1e-12
    return "" if size == 1 else f"{fraction if is_fraction else f'{size:.6g}'} x "


def differences(n_levels: int) -> Rows:
    """Return the weights of each later level minus the first.

    >>> differences(3)
    ((-1.0, 1.0, 0.0), (-1.0, 0.0, 1.0))
    """
    return tuple(tuple(-1.0 if j == 0 else float(i == j) for j in range(n_levels)) for i in range(1, n_levels))


def read_questions(texts: Iterable[str], levels: Sequence[str]) -> Iterator[tuple[str, Rows]]:
    """Read questions, ``NAME=WEIGHT,WEIGHT,...``, several rows separated by semicolons; yield each name with its rows.

    Parameters
    ----------
    texts : iterable of str
        The questions.
    levels : sequence of str
        The levels that weights belong to, for messages.

    Raises
    ------
    UsageError
        When a name or a row of weights cannot be used: other than one weight for each level, neither a comparison (sum
        0) nor an average (weights of 0 or more whose sum is 1), or rows that depend on each other.
    """
    taken: dict[str, str] = {}
    for text in texts:
        name, _, weights = (part.strip() for part in text.partition("="))
        if not _LABEL.fullmatch(name):
            raise UsageError(
                f"A contrast within subjects is named {name!r}",
                "letters and digits",
                f"Write {safe_label(name)}={weights}",
            )
        if name.casefold() in taken:
            raise UsageError(
                f"Contrasts within subjects are named {taken[name.casefold()]} and {name}",
                "names that differ by letters",
            )
        taken[name.casefold()] = name
        rows = tuple(_read_row(name, row, levels) for row in weights.rstrip("; ").split(";"))
        if not _are_independent(rows):
            raise UsageError(
                f"The rows of weights of {name} depend on each other: {weights}", "linearly independent rows"
            )
        yield name, rows


def _are_independent(rows: Rows) -> bool:
    import numpy as np  # takes as long to load as finding the maps of 1,000 subjects

    return bool(np.linalg.matrix_rank(np.array(rows)) == len(rows))


def _read_row(name: str, text: str, levels: Sequence[str]) -> tuple[float, ...]:
    """Read one row of weights, and check it."""
    words = [word.strip() for word in text.split(",")]
    of = f"one for each of {listing(levels, 20)}, in this order"
    if unusable := [word for word in words if not _WEIGHT.fullmatch(word) or re.search("/0+$", word)]:
        raise UsageError(f"The weights of {name} have {unusable[0]!r}", f"numbers, or fractions such as -1/3, {of}")
    parts = (word.partition("/") for word in words)
    row = tuple(float(Fraction(number) / int(divisor or 1)) for number, _, divisor in parts)
    if len(row) != len(levels):
        raise UsageError(f"{name} has {counted(len(row), 'weight')}: {text.strip()}", f"{len(levels)}, {of}")
    if not any(row):
        raise UsageError(f"All weights of {name} are 0", f"weights other than 0, {of}")
    is_average = min(row) >= 0 and abs(sum(row) - 1) <= _ROUNDING
    if abs(sum(row)) > _ROUNDING * max(map(abs, row)) and not is_average:
        raise UsageError(
            f"The weights of {name} have the sum {sum(row):g}: {text.strip()}",
            "the sum 0 for a comparison of levels, or weights of 0 or more with the sum 1 for an average",
            "With another sum, the result would depend on the mean of all levels and on the scale of the weights",
        )
    return row


def _is_level(row: Sequence[float]) -> bool:
    """Return whether a row is one level alone."""
    return [weight for weight in row if weight] == [1]


def _high_and_low(row: Sequence[float]) -> tuple[int, int] | None:
    """Return the positions of the two levels of a difference; None if the row is another sum.

    >>> _high_and_low((-1, 0, 1)), _high_and_low((1, 1, -2))
    ((2, 0), None)
    """
    if sorted(weight for weight in row if weight) != [-1, 1]:
        return None
    return row.index(1), row.index(-1)
