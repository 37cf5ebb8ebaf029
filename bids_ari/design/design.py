"""Designs: which group-level question is asked of the subjects' maps."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from bids_ari.bids.contrasts import Excluded
from bids_ari.bids.participants import Participants
from bids_ari.design.coding import Model, model_of
from bids_ari.design.contrasts import default_tests, parse_tests
from bids_ari.design.formula import INTERCEPT, parse_formula
from bids_ari.errors import DesignError, InputNotFoundError, counted, listing
from bids_ari.stats.distributions import FloatArray
from bids_ari.stats.glm import condition_number, of_length_one

Missing = Literal["drop", "error"]

COLLINEAR = 1e-10
"""A column is told by others when what they leave of it is below this part of its length."""

ILL_CONDITIONED, DOUBTFUL = 1e8, 1e4
"""Scaled condition numbers above which a design is refused, and above which the reader is warned."""

SMALL_GROUP, UNEQUAL_SIZES = 10, 2
GOOD_GROUP, GOOD_SIZES = 20, 1.5
"""Groups smaller than this, or more different in size, leave unequal variances too light a tail."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Design:
    """Subjects by columns, and the linear combinations of columns to test.

    Attributes
    ----------
    subjects : tuple of str
        The subject of each row.
    matrix : array (n_subjects, n_columns)
        The design matrix.
    columns : tuple of str
        Names of its columns.
    tests : mapping of str to array (n_columns,) or (rows, n_columns)
        Name and weights of each test: a t test, or the rows of an F test.
    formula : str
        The formula that made it; empty where another description did.
    factors : mapping of str to str
        The columns of the table that are groups, and how they are coded, in words.
    left_out : tuple of Excluded
        Subjects with maps that take no part, and why.
    notes : tuple of str
        What the reader of a result should know.
    blocks : tuple of str
        The exchangeability block of each subject; empty where all are in one.
    """

    subjects: tuple[str, ...]
    matrix: FloatArray
    columns: tuple[str, ...]
    tests: Mapping[str, FloatArray]
    formula: str = ""
    factors: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[Excluded, ...] = ()
    notes: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()

    @property
    def is_mean(self) -> bool:
        """Say whether the mean over subjects is all that the model has."""
        return self.matrix.shape[1] == 1 and bool((self.matrix == 1).all())

    def statistic(self, test: str) -> Literal["t", "F"]:
        """Say which statistic a test has: F where its weights have rows, be it one."""
        return "F" if self.tests[test].ndim == 2 else "t"

    def __repr__(self) -> str:
        return f"Design(n_subjects={len(self.matrix)}, columns={self.columns}, tests={tuple(self.tests)})"


def make_design(
    subjects: Sequence[str],
    participants: Participants | None = None,
    formula: str = "1",
    tests: Sequence[tuple[str, str]] = (),
    *,
    missing: Missing = "drop",
    f_tests: bool = True,
) -> Design:
    """Make a design from a formula over the table of subjects.

    Parameters
    ----------
    subjects : sequence of str
        Those that have maps.
    participants : Participants, optional
        The table; a formula that names no column needs none.
    formula : str
        The columns, such as ``1 + center(age) + C(group)``.
    tests : sequence of (str, str)
        Name and expression of each test. By default the mean, or each column and an F test for each factor with
        several.
    missing : {"drop", "error"}
        Whether subjects without a value are left out, or refused.
    f_tests : bool
        Whether there are F tests by default.

    Raises
    ------
    UsageError
        When the formula or a test is not understood.
    InputNotFoundError
        When the formula needs a table and there is none.
    DesignError
        When the model cannot be fitted to these subjects; says why.

    Examples
    --------
    >>> make_design(["01", "02", "03"])
    Design(n_subjects=3, columns=('intercept',), tests=('mean',))
    """
    parsed = parse_formula(formula, None if participants is None else participants.columns)
    kept, left_out, notes = subjects_with_values(subjects, participants, parsed.variables, missing)
    check_number(kept, left_out)
    model = model_of(parsed, participants, kept)
    notes += check_design(model.matrix, model.names, kept, left_out) + _lonely(model)
    weights = parse_tests(tests, model) if tests else default_tests(model)
    chosen = {name: each for name, each in weights.items() if tests or f_tests or each.ndim == 1}
    return Design(kept, model.matrix, model.names, chosen, parsed.text, model.factors, left_out, notes)


def subjects_with_values(
    subjects: Sequence[str], participants: Participants | None, variables: Sequence[str], missing: Missing = "drop"
) -> tuple[tuple[str, ...], tuple[Excluded, ...], tuple[str, ...]]:
    """Give the subjects that have a value of each variable, those that have not, and what there is to note.

    Raises
    ------
    InputNotFoundError
        When there are variables but no table.
    DesignError
        With ``missing="error"``, when a subject lacks a value; names them.
    """
    if not variables:
        return tuple(subjects), (), ()
    if participants is None:
        raise InputNotFoundError(
            f"There is no participants.tsv, which should have column {listing(variables)}",
            "a table of the subjects",
            "Give it with --participants",
        )
    reasons = {subject: _lack(subject, participants, variables) for subject in subjects}
    kept = tuple(subject for subject, reason in reasons.items() if not reason)
    left_out = tuple(Excluded(f"sub-{subject}", reason) for subject, reason in reasons.items() if reason)
    if left_out and missing == "error":
        raise DesignError(
            f"Values are missing for {counted(len(left_out), 'subject')}: {_told(left_out)}",
            f"a value in column {listing(variables)} for each subject with a map",
            "Fill in the table, or leave these subjects out with --exclude or --missing drop",
        )
    notes = participants.notes
    if mapless := [f"sub-{subject}" for subject in participants.rows if subject not in reasons]:
        notes += (f"{counted(len(mapless), 'subject')} of {participants.path.name} without a map: {listing(mapless)}.",)
    return kept, left_out, notes


def check_number(subjects: Sequence[str], left_out: Sequence[Excluded] = ()) -> None:
    """Refuse fewer than two subjects with a DesignError."""
    if len(subjects) < 2:
        who = f" (sub-{subjects[0]})" if subjects else ""
        what = f"There is {len(subjects)} subject{who}" if len(subjects) == 1 else "There are 0 subjects"
        hint = (
            "Fill in the table of participants, with labels as the maps have them" if left_out else "Check the filters"
        )
        raise DesignError(f"{what}{_also(left_out)}", "at least 2 for a group analysis", hint)


def check_design(
    matrix: FloatArray, columns: Sequence[str], subjects: Sequence[str], left_out: Sequence[Excluded] = ()
) -> tuple[str, ...]:
    """Refuse what cannot be fitted; give notes on what can, but should be looked at.

    Parameters
    ----------
    matrix : array (n_subjects, n_columns)
        The design matrix.
    columns, subjects : sequence of str
        The names of its columns, the intercept as ``intercept``, and of its rows.
    left_out : sequence of Excluded
        Who was left out: what is wrong may be due to that.

    Raises
    ------
    DesignError
        With fewer than two subjects or less than one residual degree of freedom; when a column is constant, not
        finite or told by others; when the scaled condition number is above 1e8.
    """
    check_number(subjects, left_out)
    n, p = matrix.shape
    if p == 0:
        raise DesignError("The design has no columns", "at least one, such as 1")
    if n - p < 1:
        raise DesignError(
            f"{counted(n, 'subject')} and {counted(p, 'column')} ({listing(columns)}) leave no residual degree of "
            f"freedom{_also(left_out)}",
            f"at least {p + 1} subjects, or fewer columns",
        )
    _check_columns(matrix, columns, subjects, left_out)
    if told := _collinear(matrix, columns):
        raise DesignError(
            f"Columns of the design depend on each other: {listing(told)}{_also(left_out)}",
            "columns none of which follows from the others",
            "Leave one of them out of the model",
        )
    return _check_condition(matrix, columns)


def check_unequal(design: Design) -> tuple[str, ...]:
    """Refuse a design that is more than groups, where each group has a variance of its own; give notes on sizes.

    Raises
    ------
    DesignError
        When there are columns beside the groups, a group of one subject, or a test with several rows.
    """
    _, group, sizes = np.unique(design.matrix, axis=0, return_inverse=True, return_counts=True)
    if len(sizes) != design.matrix.shape[1]:
        raise DesignError(
            f"With unequal variances the model is groups alone; {listing(_besides_groups(design))} "
            f"makes {counted(len(sizes), 'kind')} of subjects with {counted(design.matrix.shape[1], 'column')}",
            "as many columns as groups",
            "Leave covariates out and cross factors as a*b; or take equal variances",
        )
    if len(sizes) == 1:
        raise DesignError(
            "With unequal variances groups are compared, and the model has one group",
            "two or more",
            "Name the column "
            "of groups in --formula, as 0 + C(group), or take equal variances: for one group they are the same test",
        )
    if alone := [f"sub-{s}" for s, i in zip(design.subjects, group.ravel(), strict=True) if sizes[i] == 1]:
        raise DesignError(f"{listing(alone)} is alone in its group", "at least 2 subjects, for the variance of a group")
    if several := [name for name, weights in design.tests.items() if weights.ndim == 2 and len(weights) > 1]:
        raise DesignError(
            f"With unequal variances there are t tests alone; {listing(several)} is an F test of several rows",
            "tests of one row",
        )
    return tuple(_sizes_of_groups(sorted(sizes.tolist()), " and ".join(design.factors)))


def _sizes_of_groups(sizes: Sequence[int], column: str) -> Iterator[str]:
    """Say where the far tail of Welch's t, on which the bounds rest, is too light, as simulated in ``validation/``."""
    few, many = sizes[0], sizes[-1]
    told = f"Groups{f' by {column}' if column else ''} of {listing(sizes, 20)} subjects"
    if few < SMALL_GROUP or many > UNEQUAL_SIZES * few:
        yield (
            f"{told}: with unequal variances, groups below {SMALL_GROUP} or sizes that differ more than "
            f"{UNEQUAL_SIZES}:1 make the far tail, which the bounds rest on, too light, so that bounds may be too "
            "optimistic (simulated in validation/)"
        )
    elif few < GOOD_GROUP or many >= GOOD_SIZES * few:
        yield (
            f"{told}: with unequal variances, the bounds may be too optimistic where the smaller group varies "
            "more (simulated in validation/: errors of .10 to .32 at nominal .05 for 10 against 10 to 20 subjects)"
        )


def _lack(subject: str, participants: Participants, variables: Sequence[str]) -> str:
    """Say why a subject cannot take part; nothing where it can."""
    if subject not in participants.rows:
        return f"not in {participants.path.name}"
    lacking = participants.missing(subject, variables)
    where = participants.path.name + " or sessions.tsv" * bool(participants.session_places)
    return f"no value of {listing(lacking)} in {where}" if lacking else ""


def _lonely(model: Model) -> tuple[str, ...]:
    """Note levels of one subject."""
    lonely = (
        (levels.variable, level, who[0])
        for levels in model.levels.values()
        for level, who in levels.subjects.items()
        if len(who) == 1
    )
    return tuple(
        f"Only sub-{subject} has {level} in column {column}: that level rests on one map."
        for column, level, subject in dict.fromkeys(lonely)
    )


def _check_columns(
    matrix: FloatArray, columns: Sequence[str], subjects: Sequence[str], left_out: Sequence[Excluded]
) -> None:
    """Refuse columns of the same value for all, or of none."""
    for name, values in zip(columns, matrix.T, strict=True):
        if not np.isfinite(values).all():
            bad = (f"sub-{s}" for s, value in zip(subjects, values, strict=True) if not np.isfinite(value))
            raise DesignError(f"Column {name} of the design is no finite number for {listing(bad)}")
        if np.ptp(values) == 0 and (name != INTERCEPT or values[0] == 0):
            raise DesignError(
                f"Column {name} of the design is {values[0]:g} for all {len(values)} subjects{_also(left_out)}",
                "values that differ",
                f"Leave {name} out of the model",
            )


def _collinear(matrix: FloatArray, columns: Sequence[str]) -> list[str]:
    """Name each column that is a sum of multiples of columns before it, and these."""
    scaled = of_length_one(matrix)
    kept: list[int] = []
    told = []
    for i in range(scaled.shape[1]):
        weights = np.linalg.lstsq(scaled[:, kept], scaled[:, i], rcond=None)[0]
        if np.linalg.norm(scaled[:, i] - scaled[:, kept] @ weights) > COLLINEAR:
            kept.append(i)
            continue
        others = [columns[j] for j, weight in zip(kept, weights, strict=True) if abs(weight) > np.sqrt(COLLINEAR)]
        told.append(f"{columns[i]} follows from {' and '.join(others)}")
    return told


def _check_condition(matrix: FloatArray, columns: Sequence[str]) -> tuple[str, ...]:
    """Refuse columns that nearly depend on each other, or note them: those of the weakest direction, by their share."""
    if (condition := condition_number(matrix)) <= DOUBTFUL:
        return ()
    directions = np.linalg.svd(of_length_one(matrix), full_matrices=False)[2]
    share = np.abs(directions[-1]) / np.abs(directions[-1]).max()
    weak = [name for name, part in zip(columns, share, strict=True) if part > 0.1]
    found = (
        f"Columns {listing(weak)} of the design nearly depend on each other: scaled condition number {condition:.2g}"
    )
    if condition > ILL_CONDITIONED:
        raise DesignError(found, f"at most {ILL_CONDITIONED:.0e}", "Centre numbers, center(age), or leave a column out")
    return (f"{found}; estimates of their effects are unsure.",)


def _besides_groups(design: Design) -> list[str]:
    """Name the columns without which the design would be groups alone, those of most different values first."""
    names = [name for name in design.columns if name != INTERCEPT]
    different = {name: np.unique(design.matrix[:, design.columns.index(name)]).size for name in names}
    names.sort(key=lambda name: -different[name])
    for n in range(1, len(names)):
        kept = [i for i, name in enumerate(design.columns) if name not in names[:n]]
        if len(np.unique(design.matrix[:, kept], axis=0)) == len(kept):
            return names[:n]
    return names


def _also(left_out: Sequence[Excluded]) -> str:
    """Remind of those who were left out."""
    return f"; {counted(len(left_out), 'subject')} left out: {_told(left_out)}" if left_out else ""


def _told(left_out: Iterable[Excluded]) -> str:
    return listing(f"{each.name} ({each.reason})" for each in left_out)
