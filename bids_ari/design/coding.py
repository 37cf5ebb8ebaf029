"""The columns of a design matrix: the factors of a formula, computed over a table of subjects.

Factors are computed here from their syntax trees. formulaic gets the results under the names f0, f1, ... and does what
it is good at: the algebra of terms, and the coding of groups without redundant columns.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bids_ari.bids.participants import Participants, number
from bids_ari.design.formula import CODINGS, FUNCTIONS, HIGHEST, INTERCEPT, Factor, Formula, wrong_formula
from bids_ari.errors import DesignError, UsageError, counted, listing
from bids_ari.stats.distributions import FloatArray

_ENCODED = re.compile(r"(f\d+)(?:\[(T\.|S\.|)(\d+)\])?")


class Part(NamedTuple):
    """What one factor brings into a column: the factor, and the level or the degree, with the mark of its coding."""

    factor: Factor
    mark: str = ""
    level: str = ""

    def name(self, stem: str) -> str:
        """Write it with some stem.

        >>> Part(None, "T.", "patient").name("group"), Part(None).name("age")
        ('group[T.patient]', 'age')
        """
        return f"{stem}[{self.mark}{self.level}]" if self.level else stem


@dataclass(frozen=True, slots=True)
class Levels:
    """A factor that is groups.

    Attributes
    ----------
    variable : str
        The column of the table.
    subjects : mapping of str to tuple of str
        The subjects of each level, the levels in order.
    coding : {"treatment", "sum"}
        How it is written as columns.
    left_out : str
        The level without a column of its own where the others tell it: the reference, or the last.
    """

    variable: str
    subjects: Mapping[str, tuple[str, ...]]
    coding: str
    left_out: str

    def words(self, full: bool) -> str:
        """Tell the coding; `full` where each level has a column."""
        sizes = [f"{level} (n = {len(who)})" for level, who in self.subjects.items()]
        start = counted(len(sizes), "level")
        if full:
            return f"{start}, a column each: {', '.join(sizes)}"
        at = list(self.subjects).index(self.left_out)
        rest = ", ".join(sizes[:at] + sizes[at + 1 :])
        if self.coding == "sum":
            return f"{start}, against the mean of all levels; {rest}; {sizes[at]} is -1 in each column"
        return f"{start}; reference {sizes[at]}; {rest}"


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """The columns that a formula makes of a table.

    Attributes
    ----------
    matrix : array (n_subjects, n_columns)
        The design matrix.
    columns : tuple of tuple of Part
        What each column is the product of; nothing for the intercept.
    terms : mapping of str to tuple of int
        The columns of each term but the intercept, by position.
    levels : mapping of str to Levels
        The groups, by the text of their factor.
    """

    matrix: FloatArray
    columns: tuple[tuple[Part, ...], ...]
    terms: Mapping[str, tuple[int, ...]]
    levels: Mapping[str, Levels]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(":".join(part.name(part.factor.text) for part in parts) or INTERCEPT for parts in self.columns)

    @property
    def factors(self) -> dict[str, str]:
        """The coding of each column of the table that is groups, in words."""
        parts = [part for parts in self.columns for part in parts]
        full = {part.factor.text for part in parts if part.level and not part.mark}
        return {each.variable: each.words(text in full) for text, each in self.levels.items()}


def model_of(formula: Formula, participants: Participants | None, subjects: Sequence[str]) -> Model:
    """Make the columns of a formula for subjects that have a value of each of its variables.

    Raises
    ------
    UsageError, DesignError
        When a factor cannot be computed; says which and why.
    """
    if participants is None or not formula.factors:
        given, levels = dict[str, Any](), dict[str, Levels]()
    else:
        given, levels = _computed(formula, participants, subjects)
    terms, names, matrix = _materialise(formula, given, len(subjects))
    columns = tuple(_parts(formula, name, levels) for name in names)
    texts = (":".join(formula.factors[name].text for name in term if name in formula.factors) for term in terms)
    return Model(
        matrix,
        columns,
        {text: at for text, at in zip(texts, terms.values(), strict=True) if text},
        {formula.factors[name].text: each for name, each in levels.items()},
    )


def center(values: FloatArray) -> FloatArray:
    """Subtract the mean.

    >>> center(np.array([1.0, 2.0, 6.0]))
    array([-2., -1.,  3.])
    """
    centred: FloatArray = values - values.mean()
    return centred


def scale(values: FloatArray) -> FloatArray:
    """Subtract the mean, divide by the standard deviation (n - 1), as R does; zeros where all are equal.

    >>> scale(np.array([1.0, 2.0, 3.0]))
    array([-1.,  0.,  1.])
    """
    if np.ptp(values) == 0:
        return np.zeros_like(values)
    scaled: FloatArray = center(values) / values.std(ddof=1)
    return scaled


_FUNCTIONS: dict[str, Callable[[FloatArray], FloatArray]] = {
    **{"center": center, "scale": scale, "abs": np.abs, "sqrt": np.sqrt, "exp": np.exp},
    **{"log": np.log, "log2": np.log2, "log10": np.log10, "I": lambda values: values},
}

_OPERATORS: dict[type[ast.AST], Callable[..., FloatArray]] = {
    **{ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv},
    **{ast.Pow: operator.pow, ast.UAdd: operator.pos, ast.USub: operator.neg},
}


class _Values(NamedTuple):
    """The table that a formula is computed over."""

    participants: Participants
    subjects: Sequence[str]

    def groups(self, column: str, coding: str = "treatment", reference: str | float | None = None) -> Levels:
        """Sort subjects into the levels of a column."""
        who: dict[str, tuple[str, ...]] = {}
        for subject in self.subjects:
            level = self.participants.rows[subject][column]
            who[level] = (*who.get(level, ()), subject)
        who = dict(sorted(who.items(), key=lambda item: _natural(item[0])))
        if len(who) < 2:
            raise DesignError(
                f"Column {column} is {listing(who)} for {_all(len(self.subjects))}", "at least two levels to compare"
            )
        if coding == "sum":
            return Levels(column, who, coding, list(who)[-1])
        if reference is None:
            return Levels(column, who, coding, next(iter(who)))
        found = [level for level in who if level == str(reference) or number(level) == reference]
        if not found:
            raise DesignError(
                f"No subject has {reference!r} in column {column}, which the formula makes the reference",
                f"one of {listing(who, 20)}",
            )
        return Levels(column, who, coding, found[0])

    def number(self, factor: Factor, node: ast.expr) -> FloatArray:
        """Compute arithmetic, for all subjects."""
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
                    f"{ast.unparse(node)} in a formula is not understood",
                    f"numbers, columns, + - * / **, {', '.join(f'{name}(column)' for name in FUNCTIONS)}",
                )
        if bad := [s for s, value in zip(self.subjects, values, strict=True) if not math.isfinite(value)]:
            raise DesignError(f"{ast.unparse(node)} is no finite number for {listing(f'sub-{s}' for s in bad)}")
        return values

    def polynomials(self, factor: Factor, arguments: Sequence[ast.expr]) -> dict[int, FloatArray]:
        """Compute orthonormal polynomials of one to some degree."""
        from formulaic.transforms import poly

        match arguments:
            case [argument, ast.Constant(value=int() as degree)] if 1 <= degree <= HIGHEST:
                values = self.number(factor, argument)
            case _:
                raise UsageError(f"{factor.text} is not understood", f"poly(column, degree), the degree 1 to {HIGHEST}")
        if (different := np.unique(values).size) <= degree:
            raise DesignError(f"{factor.text} is of {counted(different, 'different value')}", f"more than {degree}")
        return dict(enumerate(np.asarray(poly(values, degree)).T, 1))


def _computed(
    formula: Formula, participants: Participants, subjects: Sequence[str]
) -> tuple[dict[str, Any], dict[str, Levels]]:
    """Compute each factor, as formulaic takes it; and give the levels of those that are groups."""
    from formulaic.materializers.types import FactorValues

    table = _Values(participants, subjects)
    given: dict[str, Any] = {}
    levels: dict[str, Levels] = {}
    with np.errstate(all="ignore"):  # what is not finite is refused by name
        for name, factor in formula.factors.items():
            if not factor.variables:
                raise UsageError(f"{factor.text} in the formula {formula.text!r} names no column")
            match factor.tree:
                case ast.Call(func=ast.Name(id="C")):
                    levels[name] = table.groups(*_coding(factor))
                case ast.Name(id=variable) if not participants.is_numeric(factor.variables[variable]):
                    levels[name] = table.groups(factor.variables[variable])
                case ast.Call(func=ast.Name(id="poly"), args=arguments, keywords=[]):
                    columns = table.polynomials(factor, arguments)
                    given[name] = FactorValues(columns, kind="numerical", format="{name}[{field}]")
                case tree:
                    given[name] = table.number(factor, tree)
    return given | {name: _coded(each, subjects) for name, each in levels.items()}, levels


def _coding(factor: Factor) -> tuple[str, str, str | float | None]:
    """Read the arguments of C: the column, the coding and the reference."""
    match factor.tree:
        case ast.Call(args=[ast.Name(id=name), *rest], keywords=[]) if name in factor.variables and len(rest) < 2:
            column = factor.variables[name]
        case _:
            rest, column = [ast.Constant(None)], ""
    match rest:
        case []:
            return column, "treatment", None
        case [ast.Name() | ast.Attribute() as coding] if ast.unparse(coding) in CODINGS:
            return column, CODINGS[ast.unparse(coding)], None
        case [ast.Call(func=coding, args=[], keywords=[])] if ast.unparse(coding) in CODINGS:
            return column, CODINGS[ast.unparse(coding)], None
        case [
            ast.Call(func=coding, args=[ast.Constant(value=str() | int() | float() as reference)], keywords=[])
            | ast.Call(
                func=coding,
                args=[],
                keywords=[ast.keyword("reference" | "base", ast.Constant(value=str() | int() | float() as reference))],
            )
        ] if CODINGS.get(ast.unparse(coding)) == "treatment":
            return column, "treatment", reference
    raise UsageError(
        f"{factor.text} in a formula is not understood",
        "C(column), C(column, Treatment('level')) or C(column, Sum)",
    )


def _coded(levels: Levels, subjects: Sequence[str]) -> Any:
    """Hand groups to formulaic, levels by number."""
    from formulaic.transforms.contrasts import C, SumContrasts, TreatmentContrasts

    names = list(levels.subjects)
    code = {subject: i for i, name in enumerate(names) for subject in levels.subjects[name]}
    codes = pd.Categorical.from_codes([code[subject] for subject in subjects], categories=pd.RangeIndex(len(names)))
    contrasts = SumContrasts() if levels.coding == "sum" else TreatmentContrasts(names.index(levels.left_out))
    return C(pd.Series(codes), contrasts)


def _materialise(
    formula: Formula, given: Mapping[str, Any], n_subjects: int
) -> tuple[dict[tuple[str, ...], tuple[int, ...]], list[str], FloatArray]:
    """Let formulaic make the columns: those of each term, their names and their values."""
    if formula.algebra == "1":
        return {}, ["Intercept"], np.ones((n_subjects, 1))
    from formulaic import Formula as Algebra  # half a second that other runs are spared
    from formulaic.errors import FormulaicError

    try:
        made = Algebra(formula.algebra).get_model_matrix(pd.DataFrame(index=range(n_subjects)), context=given)
    except (FormulaicError, RecursionError) as error:
        why = re.sub(r"f\d+", lambda name: formula.factors[name[0]].text, str(error).partition("\n")[0].rstrip("."))
        raise wrong_formula(formula.text, why) from error
    terms = {tuple(f.expr for f in term.factors): tuple(at) for term, at in made.model_spec.term_indices.items()}
    return terms, list(made.columns), made.to_numpy(dtype=float)


def _parts(formula: Formula, name: str, levels: Mapping[str, Levels]) -> tuple[Part, ...]:
    """Read the name that formulaic gave to a column."""
    parts = []
    for piece in name.split(":"):
        if found := _ENCODED.fullmatch(piece):
            alias, mark, at = found.groups(default="")
            level = list(levels[alias].subjects)[int(at)] if alias in levels else at
            parts.append(Part(formula.factors[alias], mark, level))
    return tuple(parts)


def _natural(text: str) -> tuple[Any, ...]:
    """Order numbers by value, before texts; and texts by the numbers in them."""
    value = number(text)
    pieces = re.split(r"([0-9]+)", text.casefold())
    return value is None, value or 0.0, [(int(p), "") if i % 2 else (0, p) for i, p in enumerate(pieces)], text


def _all(n: int) -> str:
    return f"all {counted(n, 'subject')}"
