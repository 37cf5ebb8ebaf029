"""Checks of a design before it is fitted: number of subjects, constant and collinear columns, groups for Welch's test.

The scaled condition number is that of Belsley, Kuh & Welsch 1980, Regression Diagnostics.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np

from bids_ari.bids.exclusions import Excluded
from bids_ari.design.formula import INTERCEPT
from bids_ari.errors import BidsAriError, DesignError, counted, listing
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.glm import condition_number, of_length_one

COLLINEAR = 1e-10  # length of the residual of a column from a regression on others, relative to that of the column
ILL_CONDITIONED, DOUBTFUL = 1e8, 1e4  # scaled condition numbers above which there is an error, or a note
LEAST, MOST = 1e-50, 1e50  # size of columns and weights: fourth powers are far from the limits of float64
SMALL_GROUP, UNEQUAL_SIZES = (
    10,
    2,
)  # smaller groups, or a larger ratio: the tail of Welch's t is too light (validation/)
_SIMULATED = "in simulations"
GOOD_GROUP, GOOD_SIZES = 20, 1.5  # groups at least as large, with a smaller ratio of sizes: no note


def check_number(subjects: Sequence[str], excluded: Sequence[Excluded] = ()) -> None:
    """Raise a DesignError if there are fewer than two subjects."""
    if len(subjects) < 2:
        found = f"There is 1 subject (sub-{subjects[0]})" if subjects else "There are 0 subjects"
        hint = (
            "Fill in participants.tsv, with the labels of the maps"
            if excluded
            else "Check the filters; --list names excluded subjects"
        )
        raise DesignError(f"{found}{_and_excluded(excluded)}", "at least 2 for a group analysis", hint)


def check_design(
    matrix: FloatArray, columns: Sequence[str], subjects: Sequence[str], excluded: Sequence[Excluded] = ()
) -> tuple[str, ...]:
    """Check that a design matrix (n_subjects, n_columns) can be fitted; return notes for the report.

    `columns` and `subjects` are the names of its columns and rows; `excluded` are named in errors.
    """
    n, p = matrix.shape
    if p == 0:
        raise DesignError("The design has no columns", "at least one, such as 1")
    if n - p < 1:
        raise DesignError(
            f"{counted(n, 'subject')} and {counted(p, 'column')} ({listing(columns)}) leave no residual degree of "
            f"freedom{_and_excluded(excluded)}",
            f"at least {p + 1} subjects, or fewer columns",
        )
    _check_columns(matrix, columns, subjects, excluded)
    if collinear := _collinear(matrix, columns):
        raise DesignError(
            f"Columns of the design are collinear: {listing(collinear)}{_and_excluded(excluded)}",
            "linearly independent columns",
            "Remove one of them from the model",
        )
    for name, values in zip(columns, matrix.T, strict=True):
        _check_size(f"Column {name} of the design has values", values)
    return _check_condition(matrix, columns)


def check_weights(tests: Mapping[str, FloatArray]) -> None:
    """Raise a DesignError for weights of a test whose squares would be 0 or infinite, and its t infinite or 0."""
    for name, weights in tests.items():
        for row in np.atleast_2d(weights):
            _check_size(f"Test {name} has weights", row)


def check_unequal(
    matrix: FloatArray,
    columns: Sequence[str],
    subjects: Sequence[str],
    tests: Mapping[str, FloatArray],
    factors: Iterable[str] = (),
    *,
    far_tail: bool = True,
) -> tuple[str, ...]:
    """Check that Welch's test, with a variance for each group, can be fitted; return notes on the sizes of groups.

    `factors` are the columns of participants.tsv that define the groups. Notes are about the far tail of p-values, and
    there are none if no method depends on it.
    """
    _, group, sizes = np.unique(matrix, axis=0, return_inverse=True, return_counts=True)
    if len(sizes) != matrix.shape[1]:
        raise DesignError(
            f"Unequal variances need a model of groups only; {listing(_covariates(matrix, columns))} makes "
            f"{counted(len(sizes), 'distinct row')} with {counted(matrix.shape[1], 'column')}",
            "as many columns as groups",
            "Remove covariates and cross factors (a*b), or use --variance equal",
        )
    if len(sizes) == 1:
        raise DesignError(
            "Unequal variances need groups to compare, and the model has one group",
            "two or more",
            "Add the column of groups to --formula, as 0 + C(group); for one group, use --variance equal",
        )
    if single := [f"sub-{s}" for s, i in zip(subjects, group.ravel(), strict=True) if sizes[i] == 1]:
        found = f"{listing(single)} is the only subject of its group"
        raise DesignError(found, "at least 2 subjects, to estimate the variance of a group")
    if several := [name for name, weights in tests.items() if weights.ndim == 2 and len(weights) > 1]:
        raise DesignError(f"Unequal variances allow t tests only; {listing(several)} is an F test", "tests of one row")
    return _notes_on_sizes(sorted(sizes.tolist()), " and ".join(factors)) if far_tail else ()


@contextmanager
def excluding(excluded: Sequence[Excluded]) -> Iterator[None]:
    """Add what is excluded to an error in a block, so that log and report list it although there is no result."""
    try:
        yield
    except BidsAriError as error:
        error.excluded = (*excluded, *error.excluded)
        raise


def list_excluded(excluded: Sequence[Excluded]) -> str:
    """Return the number of excluded subjects, and their names and reasons, for an error message."""
    return f"{counted(len(excluded), 'subject')}: {listing(f'{each.name} ({each.reason})' for each in excluded)}"


def _and_excluded(excluded: Sequence[Excluded]) -> str:
    """Return the end of an error message that may be due to excluded subjects."""
    return f"; excluded {list_excluded(excluded)}" if excluded else ""


def _notes_on_sizes(sizes: Sequence[int], column: str) -> tuple[str, ...]:
    """Note group sizes for which the tail of Welch's t is too light, according to the simulations in validation/."""
    smallest, largest = sizes[0], sizes[-1]
    if smallest < SMALL_GROUP or largest > UNEQUAL_SIZES * smallest:
        reason = (
            f"groups below {SMALL_GROUP} or sizes that differ more than {UNEQUAL_SIZES}:1 make the far tail of "
            f"Welch's t too light, so that bounds of closed testing may be too optimistic ({_SIMULATED})"
        )
    elif smallest < GOOD_GROUP or largest >= GOOD_SIZES * smallest:
        reason = (
            "bounds of closed testing may be too optimistic if the smaller group has the larger variance "
            f"({_SIMULATED}: errors of .09 to .32 at nominal .05 for 10 against 10 to 20 subjects)"
        )
    else:
        return ()
    by = f" by {column}" if column else ""
    flips = "Sign flips, --method permutation, do not depend on that tail"
    return (f"Groups{by} of {listing(sizes, 20)} subjects: with unequal variances, {reason}. {flips}",)


def _check_columns(
    matrix: FloatArray, columns: Sequence[str], subjects: Sequence[str], excluded: Sequence[Excluded]
) -> None:
    """Check that all columns are finite, and none but the intercept is constant."""
    for name, values in zip(columns, matrix.T, strict=True):
        if not np.isfinite(values).all():
            bad = (f"sub-{s}" for s, value in zip(subjects, values, strict=True) if not np.isfinite(value))
            raise DesignError(f"Column {name} of the design is not a finite number for {listing(bad)}")
        if np.ptp(values) == 0 and (name != INTERCEPT or values[0] == 0):
            raise DesignError(
                f"Column {name} of the design is {values[0]:g} for all {len(values)} subjects{_and_excluded(excluded)}",
                "values that differ",
                f"Remove {name} from the model",
            )


def _check_size(found: str, values: FloatArray) -> None:
    """Raise a DesignError if the largest of some values, not all 0, is so large or small that squares overflow."""
    largest = np.abs(values).max()
    if largest and not LEAST <= largest <= MOST:
        expected = f"{LEAST:g} to {MOST:g}, whose squares can be computed"
        raise DesignError(f"{found} as large as {largest:.3g}", expected, "Use other units")


def _collinear(matrix: FloatArray, columns: Sequence[str]) -> list[str]:
    """Return each column that is a linear combination of columns before it, with these columns."""
    scaled = of_length_one(matrix)
    independent: list[int] = []
    collinear = []
    for i in range(scaled.shape[1]):
        weights = np.linalg.lstsq(scaled[:, independent], scaled[:, i], rcond=None)[0]
        if np.linalg.norm(scaled[:, i] - scaled[:, independent] @ weights) > COLLINEAR:
            independent.append(i)
            continue
        pairs = zip(independent, weights, strict=True)
        others = [columns[j] for j, weight in pairs if abs(weight) > np.sqrt(COLLINEAR)]
        collinear.append(f"{columns[i]} with {' and '.join(others)}")
    return collinear


def _check_condition(matrix: FloatArray, columns: Sequence[str]) -> tuple[str, ...]:
    """Check the scaled condition number; error and note name the columns of the smallest singular value."""
    if (condition := condition_number(matrix)) <= DOUBTFUL:
        return ()
    directions = np.linalg.svd(of_length_one(matrix), full_matrices=False)[2]
    share = np.abs(directions[-1]) / np.abs(directions[-1]).max()
    weak = [name for name, part in zip(columns, share, strict=True) if part > 0.1]
    found = f"Columns {listing(weak)} of the design are nearly collinear: scaled condition number {condition:.2g}"
    if condition > ILL_CONDITIONED:
        hint = "Centre covariates, center(age), or remove a column"
        raise DesignError(found, f"at most {ILL_CONDITIONED:.0e}", hint)
    return (f"{found}; estimates of their effects are imprecise.",)


def _covariates(matrix: FloatArray, columns: Sequence[str]) -> list[str]:
    """Return the columns without which the design would be groups only, those with most distinct values first."""
    names = [name for name in columns if name != INTERCEPT]
    names.sort(key=lambda name: -np.unique(matrix[:, columns.index(name)]).size)
    for n in range(1, len(names)):
        kept = [i for i, name in enumerate(columns) if name not in names[:n]]
        if len(np.unique(matrix[:, kept], axis=0)) == len(kept):
            return names[:n]
    return names
