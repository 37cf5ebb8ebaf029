"""Notes on designs that can be fitted, but whose tests may not be those that were meant."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bids_ari.design.coding import spans_intercept, weights_of_ones
from bids_ari.design.hypotheses import mean_weights
from bids_ari.errors import listing
from bids_ari.stats.distributions import FloatArray

_CODES = (-1, 0, 1)  # the values of columns that code groups
_SLACK = 1e-6  # rounding errors, relative to the range of a column and to the weights of a test


def caution_notes(matrix: FloatArray, columns: Sequence[str], tests: Mapping[str, FloatArray]) -> Iterator[str]:
    """Yield notes on a design (n_subjects, n_columns) and its tests, for the report."""
    n, p = matrix.shape
    if n - p == 1:
        yield f"Only {n} subjects: 1 residual degree of freedom, with which hardly any effect can be found."
    yield from _origin_note(matrix, columns)
    for name, weights in tests.items():
        if outside := extrapolated(matrix, np.atleast_2d(weights)):
            what = (
                f"{columns[i]} is {value:g} (its values: {matrix[:, i].min():g} to {matrix[:, i].max():g})"
                for i, value in outside.items()
            )
            yield (
                f"Test {name} is the effect where {listing(what)}. For the effect at the mean, centre the column: "
                f"center({columns[next(iter(outside))]}) in a formula, Demean in a Stats Model."
            )


def _origin_note(matrix: FloatArray, columns: Sequence[str]) -> Iterator[str]:
    """Yield a note on a regression through the origin: one without an intercept, also by columns of all groups."""
    if spans_intercept(matrix):
        return
    away = [name for name, mean in zip(columns, mean_weights(matrix), strict=True) if mean]
    effect = (
        f"the tests of {listing(away)} contain the mean over subjects" if away else "the mean stays in the residuals"
    )
    yield (
        f"The model has no intercept: the regression goes through the origin, so that {effect}. For slopes "
        "beside a mean, add 1 to the formula, or to X of a Stats Model."
    )


def extrapolated(matrix: FloatArray, weights: FloatArray) -> dict[int, float]:
    """Return the covariates outside whose values a test estimates the effect, by column, with the value there.

    A row of weights that sums to 1 in the coordinates of the constant column estimates the effect of a subject with
    these values: the intercept that of a subject whose covariates are all 0.
    """
    if (level := weights_of_ones(matrix)) is None:
        return {}
    low, high = matrix.min(axis=0), matrix.max(axis=0)
    slack = _SLACK * (high - low)
    is_covariate = ~np.isin(matrix, _CODES).all(axis=0)
    totals = weights @ level
    rows = [row / total for row, total in zip(weights, totals, strict=True) if abs(total) > _SLACK * np.abs(row).max()]
    return {
        int(i): float(row[i])
        for row in rows
        for i in np.flatnonzero(is_covariate & ((row < low - slack) | (row > high + slack)))
    }
