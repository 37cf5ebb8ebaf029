"""Coding: the columns that a formula makes from a table of subjects, such as dummy variables and centred covariates.

formulaic expands the terms of the factors, coding groups without redundant columns.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from bids_ari.bids.participants import Participants
from bids_ari.design.factors import Levels, categorical, compute_factors
from bids_ari.design.formula import INTERCEPT, Factor, Formula, wrong_formula
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
        context, levels = compute_factors(formula, participants, subjects)
    terms, names, matrix = _expand_terms(formula, context, len(subjects))
    columns = tuple(tuple(_coded_factors(formula, name, levels)) for name in names)
    has_intercept = () in columns
    sum_coded = None
    interacting = {part.factor.text for parts in columns if len(parts) > 1 for part in parts}
    if interacting or (levels and not has_intercept):
        coded = {name: categorical(replace(each, coding="sum"), subjects) for name, each in levels.items()}
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
    return weights_of_ones(matrix) is not None


def weights_of_ones(matrix: FloatArray) -> FloatArray | None:
    """Return the weights of columns whose sum is the column of ones; None if there are none.

    They do not depend on the units of the columns: exp(age) is as large as 1e40.
    """
    ones, units = np.ones(len(matrix)), np.abs(matrix).max(axis=0, initial=0)
    units[units == 0] = 1
    scaled = matrix / units
    weights = np.linalg.lstsq(scaled, ones, rcond=None)[0]
    weights[np.abs(weights) < 1e-10] = 0  # rounding errors, which small units would make large
    return weights / units if np.allclose(scaled @ weights, ones, rtol=0, atol=1e-8) else None


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
