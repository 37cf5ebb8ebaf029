"""Coding: the columns that a formula makes from a table of subjects, such as dummy variables and centred covariates.

Factors are computed here from their syntax trees. formulaic gets the results under the names f0, f1, ... and expands
the terms, coding groups without redundant columns.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from bids_ari.bids.columns import number, shortest, value_of
from bids_ari.bids.participants import Participants
from bids_ari.design.formula import CODINGS, FUNCTIONS, HIGHEST, INTERCEPT, Factor, Formula, wrong_formula
from bids_ari.errors import DesignError, UsageError, counted, listing
from bids_ari.stats.distributions import FloatArray

CENTRED = 1e-10  # a mean is 0 up to this part of the largest value
_ENCODED = re.compile(r"(f\d+)(?:\[(T\.|S\.|)(\d+)\])?")


class CodedFactor(NamedTuple):
    """A factor in a column: its level, or the degree of a polynomial, and the mark of the coding (T, S or none)."""

    factor: Factor
    mark: str = ""
    level: str = ""

    def name(self, stem: str) -> str:
        """Return the name of the column, as in R and patsy, for some name of the factor.

        >>> CodedFactor(None, "T.", "patient").name("group"), CodedFactor(None).name("age")
        ('group[T.patient]', 'age')
        """
        return f"{stem}[{self.mark}{self.level}]" if self.level else stem


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


class SumCoded(NamedTuple):
    """A design matrix of the same span with sum coding of all factors, and an intercept if the span contains it.

    Covariates in interactions are centred, except where this would change the span, as in ``1 + age:group``.
    """

    matrix: FloatArray
    terms: Mapping[str, tuple[int, ...]]  # as of `ModelMatrix`
    uncentred: tuple[str, ...] = ()  # the covariates in interactions that are not centred, as in the formula


@dataclass(frozen=True, slots=True, eq=False)
class ModelMatrix:
    """The design matrix (n_subjects, n_columns) that a formula makes from a table."""

    matrix: FloatArray
    columns: tuple[tuple[CodedFactor, ...], ...]  # the factors whose product each column is; none for the intercept
    terms: Mapping[str, tuple[int, ...]]  # the columns of each term except the intercept, by index
    levels: Mapping[str, Levels]  # the factors that are groups, by their text in the formula
    sum_coded: SumCoded | None = (
        None  # for main effects, see `hypotheses`; None where terms are tested by their columns
    )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(":".join(part.name(part.factor.text) for part in parts) or INTERCEPT for parts in self.columns)

    @property
    def factors(self) -> dict[str, str]:
        """A description of the coding of each column of the table that is groups."""
        parts = [part for parts in self.columns for part in parts]
        full = {part.factor.text for part in parts if part.level and not part.mark}
        return {each.variable: each.describe(text in full) for text, each in self.levels.items()}


def model_matrix(formula: Formula, participants: Participants | None, subjects: Sequence[str]) -> ModelMatrix:
    """Compute the design matrix of a formula, for subjects with a value of each variable."""
    context, levels = dict[str, Any](), dict[str, Levels]()
    if participants is not None and formula.factors:
        context, levels = _compute_factors(formula, participants, subjects)
    terms, names, matrix = _expand_terms(formula, context, len(subjects))
    columns = tuple(tuple(_coded_factors(formula, name, levels)) for name in names)
    has_intercept = () in columns
    sum_coded = None
    interacting = {part.factor.text for parts in columns if len(parts) > 1 for part in parts}
    if interacting or (levels and not has_intercept):
        coded = {name: _categorical(replace(each, coding="sum"), subjects) for name, each in levels.items()}
        spans = has_intercept or spans_intercept(matrix)
        same = replace(formula, algebra=f"{formula.algebra} + 1") if spans else formula
        covariates = [name for name, each in formula.factors.items() if each.text in interacting and name not in levels]
        sum_coded = _sum_coded(same, {**context, **coded}, covariates, matrix)
    levels_by_text = {formula.factors[name].text: each for name, each in levels.items()}
    return ModelMatrix(matrix, columns, _by_text(formula, terms), levels_by_text, sum_coded)


def _sum_coded(formula: Formula, context: Mapping[str, Any], covariates: Sequence[str], matrix: FloatArray) -> SumCoded:
    """Return the sum-coded matrix; of the covariates in interactions, those are centred that leave the span."""
    terms, _, made = _expand_terms(formula, context, len(matrix))
    uncentred: list[str] = []
    for name in covariates:
        if isinstance(values := context[name], np.ndarray) and (centred := _centred(values)) is not None:
            changed = {**context, name: centred}
            new_terms, _, new = _expand_terms(formula, changed, len(matrix))
            if new.shape == made.shape and coordinates(new, matrix) is not None:
                context, terms, made = changed, new_terms, new
            else:
                uncentred.append(formula.factors[name].text)
    return SumCoded(made, _by_text(formula, terms), tuple(uncentred))


def _centred(values: FloatArray) -> FloatArray | None:
    """Return a covariate minus its mean; None if this changes nothing, or overflows."""
    with np.errstate(all="ignore"):
        mean = values.mean()
        centred = values - mean
    is_changed = abs(mean) > CENTRED * np.abs(values).max()
    return np.asarray(centred) if is_changed and np.isfinite(centred).all() else None


def coordinates(basis: FloatArray, matrix: FloatArray) -> FloatArray | None:
    """Return C with matrix = basis @ C, in units of the largest values of the columns; None if there is none.

    Values of such units that are rounding errors are 0.
    """
    units, of_basis = units_of(matrix), units_of(basis)
    found = np.linalg.lstsq(basis / of_basis, matrix / units, rcond=None)[0]
    if not np.allclose(basis / of_basis @ found, matrix / units, rtol=0, atol=1e-8):
        return None
    found[np.abs(found) <= CENTRED] = 0
    return np.asarray(found * units / of_basis[:, None])


def units_of(matrix: FloatArray) -> FloatArray:
    """Return the largest absolute value of each column, 1 if it is 0."""
    largest = np.abs(matrix).max(axis=0)
    return np.asarray(np.where(largest > 0, largest, 1.0))


def _by_text(formula: Formula, terms: Mapping[tuple[str, ...], tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Return the columns of each term except the intercept, by its text in the formula."""
    texts = {term: ":".join(formula.factors[name].text for name in term if name in formula.factors) for term in terms}
    return {text: terms[term] for term, text in texts.items() if text}


def spans_intercept(matrix: FloatArray) -> bool:
    """Return whether the column of ones is a linear combination of the columns of a matrix."""
    ones = np.ones(len(matrix))
    return np.allclose(matrix @ np.linalg.lstsq(matrix, ones, rcond=None)[0], ones, rtol=0, atol=1e-8)


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


def _compute_factors(
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
    return context | {name: _categorical(each, subjects) for name, each in levels.items()}, levels


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


def _categorical(levels: Levels, subjects: Sequence[str]) -> Any:
    """Return groups as formulaic takes them, with levels as numbers."""
    import pandas as pd
    from formulaic.transforms.contrasts import C, SumContrasts, TreatmentContrasts

    names = list(levels.subjects)
    code = {subject: i for i, name in enumerate(names) for subject in levels.subjects[name]}
    codes = pd.Categorical.from_codes([code[subject] for subject in subjects], categories=pd.RangeIndex(len(names)))
    contrasts = SumContrasts() if levels.coding == "sum" else TreatmentContrasts(names.index(levels.reference))
    return C(pd.Series(codes), contrasts)


def _expand_terms(
    formula: Formula, context: Mapping[str, Any], n_subjects: int
) -> tuple[dict[tuple[str, ...], tuple[int, ...]], list[str], FloatArray]:
    """Compute the columns of all terms by formulaic: the columns of each term, their names and their values."""
    if formula.algebra == "1":
        return {}, ["Intercept"], np.ones((n_subjects, 1))
    import pandas as pd
    from formulaic import Formula as Algebra  # imported here: takes half a second
    from formulaic.errors import FormulaicError

    try:
        made = Algebra(formula.algebra).get_model_matrix(pd.DataFrame(index=range(n_subjects)), context=context)
    except (FormulaicError, RecursionError) as error:
        why = re.sub(r"f\d+", lambda name: formula.factors[name[0]].text, str(error).partition("\n")[0].rstrip("."))
        raise wrong_formula(formula.text, why) from error
    terms = {tuple(f.expr for f in term.factors): tuple(at) for term, at in made.model_spec.term_indices.items()}
    return terms, list(made.columns), made.to_numpy(dtype=float)


def _coded_factors(formula: Formula, name: str, levels: Mapping[str, Levels]) -> Iterator[CodedFactor]:
    """Yield the factors in a column from the name that formulaic made for it."""
    for found in filter(None, map(_ENCODED.fullmatch, name.split(":"))):
        alias, mark, at = found.groups(default="")
        level = list(levels[alias].subjects)[int(at)] if alias in levels else at
        yield CodedFactor(formula.factors[alias], mark, level)


def _natural_order(text: str) -> tuple[Any, ...]:
    """Return a sort key: numbers by value, before text; text by the numbers in it (run2 before run10)."""
    value = number(text)
    pieces = re.split(r"([0-9]+)", text.casefold())
    return value is None, value or 0.0, [(int(p), "") if i % 2 else (0, p) for i, p in enumerate(pieces)], text
