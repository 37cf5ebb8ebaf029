"""Factors of a formula: their values for each subject, or the levels of those that are groups.

They are computed from their syntax trees. formulaic, which expands the terms, gets the results as f0, f1, ...
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from bids_ari.bids.columns import number, shortest, value_of
from bids_ari.bids.participants import Participants
from bids_ari.design.formula import CODINGS, FUNCTIONS, HIGHEST, Factor, Formula
from bids_ari.errors import DesignError, UsageError, counted, listing
from bids_ari.stats.distributions import FloatArray


@dataclass(frozen=True, slots=True)
class Levels:
    """The levels of a factor, and their coding."""

    variable: str  # the column of the table
    subjects: Mapping[str, tuple[str, ...]]  # the subjects of each level; levels in order
    coding: str  # treatment or sum, as in R; none, drop_one or mean_zero, as in BIDS Stats Models
    reference: str  # the level without a column: the reference, or the last of sum coding; empty if all have columns

    def describe(self, full: bool) -> str:
        """Return a description of the coding; `full` if each level has a column."""
        sizes = [f"{level} (n = {len(members)})" for level, members in self.subjects.items()]
        start = counted(len(sizes), "level")
        if full:
            return f"{start}, a column each: {', '.join(sizes)}"
        at = list(self.subjects).index(self.reference)
        others = ", ".join(sizes[:at] + sizes[at + 1 :])
        if self.coding == "sum":
            return f"{start}, against the mean of all levels; {others}; {sizes[at]} is -1 in each column"
        suffix = "; the reference is -1/(levels - 1) in each column" if self.coding == "mean_zero" else ""
        return f"{start}; reference {sizes[at]}; {others}{suffix}"


def _scale(values: FloatArray) -> FloatArray:
    """Subtract the mean and divide by the standard deviation (n - 1), as R does; 0 if all values are equal."""
    return np.zeros_like(values) if np.ptp(values) == 0 else (values - values.mean()) / values.std(ddof=1)


_FUNCTIONS: dict[str, Callable[[FloatArray], FloatArray]] = {
    **{"center": lambda values: values - values.mean(), "scale": _scale, "I": lambda values: values},
    **{"abs": np.abs, "sqrt": np.sqrt, "exp": np.exp, "log": np.log, "log2": np.log2, "log10": np.log10},
}

_OPERATORS: dict[type[ast.AST], Callable[..., FloatArray]] = {
    **{ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv},
    **{ast.Pow: operator.pow, ast.UAdd: operator.pos, ast.USub: operator.neg},
}


class _Table(NamedTuple):
    """The rows of a table over which factors are computed."""

    participants: Participants
    subjects: Sequence[str]

    def levels(self, column: str, coding: str = "treatment", reference: str | float | None = None) -> Levels:
        """Return the levels of a column."""
        cells = {subject: self.participants.rows[subject][column] for subject in self.subjects}
        texts = shortest(cells.values())  # 1 and 1.0 are one level
        values = {subject: texts[value_of(cell)] for subject, cell in cells.items()}
        names = sorted(set(values.values()), key=_natural_order)
        if len(names) < 2:
            found = f"Column {column} is {listing(names)} for all {counted(len(self.subjects), 'subject')}"
            raise DesignError(found, "at least two levels to compare")
        members = {name: tuple(subject for subject, value in values.items() if value == name) for name in names}
        if coding == "sum" or reference is None:
            return Levels(column, members, coding, names[-1 if coding == "sum" else 0])
        matching = [level for level in names if level == str(reference) or number(level) == reference]
        if not matching:
            found = f"No subject has {reference!r} in column {column}, the reference in the formula"
            raise DesignError(found, f"one of {listing(names, 20)}")
        return Levels(column, members, coding, matching[0])

    def number(self, factor: Factor, node: ast.expr) -> FloatArray:
        """Compute an arithmetic expression for each subject."""
        match node:
            case ast.Constant(value=int() | float() as value):
                return np.full(len(self.subjects), float(value))
            case ast.Name(id=name):
                return np.array(self.participants.numbers(factor.variables[name], self.subjects))
            case ast.UnaryOp(op=sign, operand=operand) if type(sign) in _OPERATORS:
                return _OPERATORS[type(sign)](self.number(factor, operand))
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
                values = _OPERATORS[type(sign)](self.number(factor, left), self.number(factor, right))
            case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in FUNCTIONS:
                values = _FUNCTIONS[name](self.number(factor, argument))
            case _:
                raise UsageError(
                    f"{ast.unparse(node)} in a formula is not supported",
                    f"numbers, columns, + - * / **, {', '.join(f'{name}(column)' for name in FUNCTIONS)}",
                )
        if bad := [s for s, value in zip(self.subjects, values, strict=True) if not math.isfinite(value)]:
            raise DesignError(f"{ast.unparse(node)} is not a finite number for {listing(f'sub-{s}' for s in bad)}")
        return values

    def polynomials(self, factor: Factor, arguments: Sequence[ast.expr]) -> dict[int, FloatArray]:
        """Compute orthonormal polynomials of degree 1 to the one in the formula."""
        from formulaic.transforms import poly

        match arguments:
            case [argument, ast.Constant(value=int() as degree)] if 1 <= degree <= HIGHEST:
                values = self.number(factor, argument)
            case _:
                raise UsageError(f"{factor.text} is not supported", f"poly(column, degree), the degree 1 to {HIGHEST}")
        if (distinct := np.unique(values).size) <= degree:
            raise DesignError(f"{factor.text} has {counted(distinct, 'distinct value')}", f"more than {degree}")
        return dict(enumerate(np.asarray(poly(values, degree)).T, 1))


def compute_factors(
    formula: Formula, participants: Participants, subjects: Sequence[str]
) -> tuple[dict[str, Any], dict[str, Levels]]:
    """Compute each factor as formulaic takes it; also return the levels of those that are groups."""
    from formulaic.materializers.types import FactorValues

    table = _Table(participants, subjects)
    context: dict[str, Any] = {}
    levels: dict[str, Levels] = {}
    with np.errstate(all="ignore"):  # values that are not finite raise an error below
        for name, factor in formula.factors.items():
            if not factor.variables:
                raise UsageError(f"{factor.text} in the formula {formula.text!r} names no column of the table")
            match factor.tree:
                case ast.Call(func=ast.Name(id="C")):
                    levels[name] = table.levels(*_read_coding(factor))
                case ast.Name(id=variable) if not participants.is_numeric(factor.variables[variable]):
                    levels[name] = table.levels(factor.variables[variable])
                case ast.Call(func=ast.Name(id="poly"), args=arguments, keywords=[]):
                    columns = table.polynomials(factor, arguments)
                    context[name] = FactorValues(columns, kind="numerical", format="{name}[{field}]")
                case tree:
                    context[name] = table.number(factor, tree)
    return context | {name: categorical(each, subjects) for name, each in levels.items()}, levels


def _read_coding(factor: Factor) -> tuple[str, str, str | float | None]:
    """Read the arguments of C: the column, the coding and the reference."""
    match factor.tree:
        case ast.Call(args=[ast.Name(id=name)], keywords=[]) if name in factor.variables:
            return factor.variables[name], "treatment", None
        case ast.Call(args=[ast.Name(id=name), coding], keywords=[]) if name in factor.variables:
            arguments: list[ast.expr] = []
            if isinstance(coding, ast.Call):
                known = all(each.arg in ("reference", "base") for each in coding.keywords)
                arguments = [*coding.args, *(each.value for each in coding.keywords)] if known else [coding]
                coding = coding.func
            match CODINGS.get(ast.unparse(coding)), arguments:
                case str() as kind, []:
                    return factor.variables[name], kind, None
                case "treatment", [ast.Constant(value=str() | int() | float() as reference)]:
                    return factor.variables[name], "treatment", reference
    expected = "C(column), C(column, Treatment('level')) or C(column, Sum)"
    raise UsageError(f"{factor.text} in a formula is not supported", expected)


def categorical(levels: Levels, subjects: Sequence[str]) -> Any:
    """Return groups as formulaic takes them, with levels as numbers."""
    import pandas as pd
    from formulaic.transforms.contrasts import C, SumContrasts, TreatmentContrasts

    names = list(levels.subjects)
    code = {subject: i for i, name in enumerate(names) for subject in levels.subjects[name]}
    codes = pd.Categorical.from_codes([code[subject] for subject in subjects], categories=pd.RangeIndex(len(names)))
    contrasts = SumContrasts() if levels.coding == "sum" else TreatmentContrasts(names.index(levels.reference))
    return C(pd.Series(codes), contrasts)


def _natural_order(text: str) -> tuple[Any, ...]:
    """Return a sort key: numbers by value, before text; text by the numbers in it (run2 before run10)."""
    value = number(text)
    pieces = re.split(r"([0-9]+)", text.casefold())
    return value is None, value or 0.0, [(int(p), "") if i % 2 else (0, p) for i, p in enumerate(pieces)], text
