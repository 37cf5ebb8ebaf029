"""Hypotheses of tests: the mean over subjects, and main effects beside interactions.

A *main effect* is averaged over the levels of the other factors with equal weights, as is an interaction over the
factors that it lacks; it is at the means of the covariates of these interactions. This is the hypothesis of type III
sums of squares: that the columns of the term are 0 in the same model with sum coding of all factors and centred
covariates (Searle, Speed & Milliken 1980, The American Statistician 34:216). The effect of a single column is a *simple
effect* instead, that at the reference level of the other factors, and where the covariates are 0.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np

from bids_ari.design.coding import CENTRED, CodedFactor, ModelMatrix, SumCoded, coordinates, units_of
from bids_ari.design.formula import INTERCEPT
from bids_ari.errors import listing
from bids_ari.stats.distributions import FloatArray

_ROUNDING = 1e-10  # weights closer to a whole number are that number


class MainEffect(NamedTuple):
    """The main effect of a test that is a simple effect."""

    label: str  # the name of its test
    others: tuple[CodedFactor, ...]  # the factors that the simple effect is at one level or value of


def mean_weights(matrix: FloatArray) -> FloatArray:
    """Return the weights of the mean over subjects, (n_columns,): the column means, hence the average subject."""
    size = np.abs(matrix).max(axis=0)
    relative = (matrix / size).mean(axis=0)
    with np.errstate(over="ignore"):
        means = matrix.mean(axis=0)
    means = np.where(np.isfinite(means), means, relative * size)  # since a sum may overflow
    return np.where(np.abs(relative) <= CENTRED, 0.0, means)


def is_intercept(weights: FloatArray, columns: tuple[str, ...]) -> bool:
    """Return whether a test is a t test of the intercept alone."""
    others = [i for i, name in enumerate(columns) if name != INTERCEPT]
    return weights.ndim == 1 and INTERCEPT in columns and not weights[others].any()


def is_mean_at_intercept(matrix: FloatArray, columns: tuple[str, ...]) -> bool:
    """Return whether the intercept is the mean over subjects: all other columns have the mean 0."""
    return is_intercept(mean_weights(matrix), columns)


def is_mean(weights: FloatArray, matrix: FloatArray, sum_coded: SumCoded | None = None) -> bool:
    """Return whether a test is a t test of the mean over subjects, or of the mean of groups with equal weights."""
    if weights.ndim == 2:
        return False
    means = mean_weights(matrix)
    is_group = np.isin(matrix, (-1, 0, 1)).all(axis=0)
    of_groups = means.copy()
    of_groups[is_group] = np.unique(matrix[:, is_group], axis=0).mean(axis=0)
    candidates = [means, of_groups]
    if (
        sum_coded
        and (sum_coded.matrix[:, 0] == 1).all()
        and (to_sums := coordinates(sum_coded.matrix, matrix)) is not None
    ):
        candidates.append(to_sums[0])
    return any(_is_multiple(weights, each, units_of(matrix)) for each in candidates)


def _is_multiple(weights: FloatArray, other: FloatArray, units: FloatArray) -> bool:
    """Return whether weights of columns with some units are others times a number."""
    one, two = weights / units, other / units
    at = np.abs(two).argmax()
    return bool(two[at]) and np.allclose(one, two * (one[at] / two[at]), rtol=0, atol=1e-6 * np.abs(one).max())


def way_to_mean(name: str, columns: Collection[str]) -> str:
    """Return how the mean over subjects is tested under some name; a column ``mean`` takes precedence over it."""
    return f"{name}=mean" + (" with center(mean) in place of mean in --formula" if "mean" in columns else "")


def term_rows(model: ModelMatrix, term: str) -> FloatArray:
    """Return the hypothesis of a term, (n_rows, n_columns): its main effect or interaction.

    Where this is that all columns of the term are 0, these are rows of the identity matrix.
    """
    own, columns = list(model.terms[term]), np.eye(len(model.columns))[list(model.terms[term])]
    if model.sum_coded is None or not own:
        return columns
    # with X = S M, the coefficients b of X are those of the sum-coded S: M b
    to_sums = coordinates(model.sum_coded.matrix, model.matrix)
    if to_sums is None:
        return columns
    rows = _rounded(to_sums[list(model.sum_coded.terms[term])])
    if len(rows) == len(own) and not np.delete(rows, own, axis=1).any():
        return columns
    own_part = rows[:, own[-len(rows) :]]
    if len(rows) > len(own) or np.linalg.matrix_rank(own_part) < len(rows):
        return columns
    solved = np.linalg.solve(own_part, rows)
    parts = np.abs(solved) / units_of(model.matrix)  # coefficients have the inverse units of their columns
    return _rounded(np.where(parts <= _ROUNDING * parts.max(axis=1, keepdims=True), 0.0, solved))


def other_factors(model: ModelMatrix, term: str) -> tuple[CodedFactor, ...]:
    """Return the factors over which the hypothesis of a term averages; none if it is that its columns are 0."""
    own = model.terms[term]
    of_term = {part.factor.text for i in own for part in model.columns[i]}
    others = [i for i in np.flatnonzero(term_rows(model, term).any(axis=0)) if i not in own]
    return tuple(part for i in others for part in model.columns[i] if part.factor.text not in of_term)


def missing_terms(model: ModelMatrix, term: str) -> tuple[str, ...]:
    """Return the terms of fewer factors that a term contains and the formula lacks: ``sex`` for ``group:sex`` alone."""
    factors = max(([part.factor.text for part in model.columns[i]] for i in model.terms[term]), key=len)
    widths = range(1, len(factors))
    contained = [each for width in widths for each in combinations(factors, width)]
    present = [sorted(each.split(":")) for each in model.terms]
    return tuple(":".join(each) for each in contained if sorted(each) not in present)


def is_of_groups(model: ModelMatrix, term: str) -> bool:
    """Return whether all factors of a term are groups."""
    return all(part.factor.text in model.levels for i in model.terms[term] for part in model.columns[i])


def where_others_are_zero(model: ModelMatrix) -> dict[str, bool]:
    """Return where the intercept is the effect, if it is not the mean over subjects: ``group a``, ``age 0``.

    With each is whether there may be such subjects; there are none of age 0 where all are older.
    """
    away = np.flatnonzero(mean_weights(model.matrix))
    parts = (part for i in away for part in model.columns[i] if not _is_centred(model, part))
    return {_origin(model, part): _is_inside(model, part) for part in parts}


def notes_on_tests(
    model: ModelMatrix, tests: Collection[str], main_effects: Mapping[str, MainEffect], terms: Mapping[str, str]
) -> Iterator[str]:
    """Yield notes on default tests that are easily mistaken: the intercept, and simple effects.

    Parameters
    ----------
    model : ModelMatrix
        The design matrix.
    tests : collection of str
        The names of the default tests.
    main_effects : mapping of str to MainEffect
        The main effect of each test that is a simple effect, by name.
    terms : mapping of str to str
        The term of each F test, by name.
    """
    for name, term in terms.items():
        if name in tests and (missing := missing_terms(model, term)):
            yield f"{name} is not only the interaction: it contains {listing(missing)}, which the formula lacks"
    inside = [place for place, is_inside in where_others_are_zero(model).items() if is_inside]
    if INTERCEPT in tests and inside:  # else `cautions` has a note
        yield intercept_note(INTERCEPT, inside, f"tested by --test {way_to_mean('mean', model.names)}")
    yield from _uncentred_notes(model)
    if main_effects:
        verb = "is a simple effect" if len(main_effects) == 1 else "are simple effects"
        averaged = dict.fromkeys(each.label for each in main_effects.values() if each.label in tests)
        names = f". Main effects, {_way_of_averaging(model, main_effects.values())}: {listing(averaged, 20)}"
        effects = [
            f"{name} (at {listing(dict.fromkeys(_origin(model, part) for part in each.others), 20)})"
            for name, each in main_effects.items()
        ]
        yield f"{listing(effects, 20)} {verb} beside an interaction{names if averaged else ''}"


def _uncentred_notes(model: ModelMatrix) -> Iterator[str]:
    """Yield a note on each term that is tested where a covariate is 0, since centring it would be another model."""
    uncentred = model.sum_coded.uncentred if model.sum_coded else ()
    factors = [{part.factor.text for part in column} for column in model.columns]
    for term, columns in model.terms.items():
        own = set[str]().union(*(factors[i] for i in columns))
        beside = set[str]().union(*(each for each in factors if own < each)) - own
        if at := [text for text in uncentred if text in beside]:
            centred = listing((f"center({text})" for text in at), 20)
            yield f"The effect of {term} is that where {listing(at, 20)} is 0; write {centred} for that at the mean"


def intercept_note(name: str, where: Iterable[str], way: str) -> str:
    """Return the note on a test of the intercept that is not the mean over subjects, which is found in some way."""
    return f"{name} is the effect at {listing(where, 20)}, not the mean over subjects, which is {way}"


def _origin(model: ModelMatrix, part: CodedFactor) -> str:
    """Return where the columns of a factor are 0."""
    levels = model.levels.get(part.factor.text)
    if levels is None:
        return f"{part.factor.text} 0"
    if levels.coding == "sum":
        return f"the average of the levels of {levels.variable}"
    return f"{levels.variable} {levels.reference}"


def _is_centred(model: ModelMatrix, part: CodedFactor) -> bool:
    """Return whether a factor is a column with the mean 0, or groups with a column for each level."""
    weights = mean_weights(model.matrix)
    alone = [i for i, parts in enumerate(model.columns) if [each.factor.text for each in parts] == [part.factor.text]]
    return bool(alone) and not weights[alone].any()


def _is_inside(model: ModelMatrix, part: CodedFactor) -> bool:
    """Return whether 0 is among the values of the column of a factor, or between them."""
    alone = [i for i, parts in enumerate(model.columns) if [each.factor.text for each in parts] == [part.factor.text]]
    values = model.matrix[:, alone]
    return not alone or bool(((values.min(axis=0) <= 0) & (values.max(axis=0) >= 0)).all())


def _way_of_averaging(model: ModelMatrix, effects: Iterable[MainEffect]) -> str:
    """Describe over what main effects are averaged."""
    others = [part.factor.text for effect in effects for part in effect.others]
    covariates = dict.fromkeys(text for text in others if text not in model.levels)
    levels = "averaged over the levels of the other factors" if set(others) - set(covariates) else ""
    uncentred = [text for text in covariates if model.sum_coded and text in model.sum_coded.uncentred]
    centred = [text for text in covariates if text not in uncentred]
    means = f"at the mean of {listing(centred, 20)} over subjects" if centred else ""
    zeros = f"where {listing(uncentred, 20)} is 0" if uncentred else ""
    return " and ".join(filter(None, (levels, means, zeros)))


def _rounded(weights: np.ndarray) -> FloatArray:
    """Return weights without rounding errors of whole numbers."""
    whole = np.rint(weights)
    is_whole = (np.abs(weights - whole) <= _ROUNDING) & (whole != 0)  # the mean of a covariate may be tiny
    return np.asarray(np.where(is_whole, whole, weights) + 0.0, dtype=np.float64)
