"""Columns of a table of subjects while the transformations of a BIDS Stats Model are applied."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Literal

import numpy as np

from bids_ari.bids.columns import number
from bids_ari.bids.participants import Participants
from bids_ari.design.factors import Levels
from bids_ari.stats.distributions import FloatArray

_PATTERN = re.compile(r"[*?\[\]]")


@dataclass(frozen=True, slots=True, eq=False)
class Variable:
    """A column: a value of each subject."""

    cells: tuple[str, ...]  # values as text, empty where missing
    numbers: FloatArray | None  # values as numbers, NaN where missing; None where some are text
    sources: tuple[str, ...]  # columns of the table: where one has no value of a subject, this column has none either

    @classmethod
    def of_cells(cls, cells: Sequence[str], sources: tuple[str, ...]) -> "Variable":
        """Make a column of text, or of numbers if all cells are numbers."""
        values = [number(cell) if cell else np.nan for cell in cells]
        numbers = None if None in values else np.array(values, dtype=np.float64)
        return cls(tuple(cells), numbers, sources)

    @classmethod
    def of_numbers(cls, numbers: FloatArray, sources: tuple[str, ...]) -> "Variable":
        """Make a column of numbers."""
        return cls(tuple("" if np.isnan(value) else f"{value:.15g}" for value in numbers), numbers, sources)


@dataclass(frozen=True, slots=True, eq=False)
class Variables:
    """The columns of a table of subjects, and those made from them by transformations."""

    subjects: tuple[str, ...]
    columns: Mapping[str, Variable]
    levels: Mapping[str, Levels] = field(default_factory=dict)  # of the columns that Factor was applied to
    required: tuple[str, ...] = ()  # the columns of the table in which DropNA requires a value

    @classmethod
    def of_table(cls, participants: Participants, subjects: Sequence[str]) -> "Variables":
        """Take the rows of some subjects."""
        rows = [participants.rows.get(subject, {}) for subject in subjects]
        cells = {column: [row.get(column, "") for row in rows] for column in participants.columns}
        return cls(tuple(subjects), {name: Variable.of_cells(column, (name,)) for name, column in cells.items()})

    def match(self, name: str) -> list[str]:
        """Return the columns that a name or a pattern matches."""
        if name in self.columns or not is_pattern(name):
            return [name] if name in self.columns else []
        return [column for column in self.columns if fnmatchcase(column, name)]

    def texts(self, name: str) -> list[str]:
        """Return the cells of a column that are not numbers, with their subjects."""
        cells = zip(self.subjects, self.columns[name].cells, strict=True)
        return [f"{cell!r} (sub-{subject})" for subject, cell in cells if cell and number(cell) is None]

    def subjects_by_level(self, name: str) -> dict[str, tuple[str, ...]]:
        """Return the subjects of each value of a column, sorted as numbers or as text."""
        column = self.columns[name]
        keys = column.cells if column.numbers is None else column.numbers.tolist()
        cells = {key: cell for key, cell in zip(keys, column.cells, strict=True) if cell}
        rows = list(zip(self.subjects, keys, strict=True))
        return {cells[key]: tuple(subject for subject, other in rows if other == key) for key in sorted(cells)}

    def with_columns(self, columns: Mapping[str, Variable]) -> "Variables":
        """Add or replace columns."""
        return replace(self, columns={**self.columns, **columns})

    def without(self, names: Sequence[str]) -> "Variables":
        """Remove columns."""
        return replace(self, columns={name: each for name, each in self.columns.items() if name not in names})


def is_pattern(name: str) -> bool:
    """Return whether a name is a pattern that may match several columns, such as ``group.*``."""
    return bool(_PATTERN.search(name))


def demean(values: FloatArray) -> FloatArray:
    """Subtract the mean of the values that are not missing."""
    known = values[~np.isnan(values)]
    return values - known.mean() if known.size else values


def rescale(
    values: FloatArray, demean: bool = True, rescale: bool = True, replacena: Literal["before", "after"] | None = None
) -> FloatArray:
    """Subtract the mean and divide by the standard deviation (n - 1); replace missing values by 0 before or after."""
    known = values[~np.isnan(values)]
    constant = len(np.unique(known)) == 1
    if constant and not (replacena == "after" and demean):
        raise ValueError("it is the same for all subjects")
    if replacena == "before":
        known = values = np.nan_to_num(values)
    if constant:
        values = 0 * values
    elif known.size:
        values = values - known.mean() if demean else values
        values = values / known.std(ddof=1) if rescale else values
    return np.nan_to_num(values) if replacena == "after" else values


def threshold(
    values: FloatArray, threshold: float = 0.0, binarize: bool = False, above: bool = True, signed: bool = True
) -> FloatArray:
    """Set values below a threshold to 0, or those above it with ``above=False``; `binarize` sets the others to 1."""
    if not signed:
        threshold, values = abs(threshold), np.abs(values)
    kept = values >= threshold if above else values <= threshold
    return np.where(np.isnan(values), np.nan, np.where(kept, 1.0 if binarize else values, 0.0))


def weighted_sum(values: FloatArray, weights: Sequence[float] | None = None) -> FloatArray:
    """Add columns (n_columns, n_subjects), each times its weight (default: 1)."""
    weights = (1.0,) * len(values) if weights is None else weights
    if len(weights) != len(values):
        raise ValueError(f"there are {len(weights)} Weights for {len(values)} columns")
    return np.array(weights) @ values
