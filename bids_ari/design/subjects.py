"""The subjects included in a group model: those with the values that it needs, and their exchangeability blocks."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from bids_ari.bids.columns import number, shortest, value_of
from bids_ari.bids.exclusions import Excluded, Reason, ReasonText
from bids_ari.bids.participants import Participants
from bids_ari.design import Missing
from bids_ari.design.checks import list_excluded
from bids_ari.design.factors import Levels
from bids_ari.design.model_inputs import NodeInputs
from bids_ari.errors import DesignError, InputNotFoundError, UsageError, listing
from bids_ari.stats.distributions import FloatArray


def select_subjects(
    subjects: Sequence[str], participants: Participants | None, variables: Sequence[str], missing: Missing
) -> tuple[tuple[str, ...], tuple[Excluded, ...], tuple[str, ...]]:
    """Return the subjects with a value of each variable, those without, with reasons, and notes for the report."""
    if not variables:
        return tuple(subjects), (), ()
    if participants is None:
        raise no_table(f"for column {listing(variables)}")
    where = participants.path.name + " or sessions.tsv" * bool(participants.session_places)
    lacking = {s: participants.missing(s, variables) for s in subjects if s in participants.rows}
    reasons = {s: Reason.NO_VALUE.text(columns=listing(names), table=where) for s, names in lacking.items() if names}
    reasons |= {s: no_row(s, participants) for s in subjects if s not in participants.rows}
    included, excluded = _split(subjects, reasons)
    if excluded and missing == "error":
        raise DesignError(
            f"Values are missing for {list_excluded(excluded)}",
            f"a value in column {listing(variables)} for each subject with a map",
            "Fill in the table, or exclude these subjects with --exclude or --missing drop",
        )
    notes = participants.notes + participants.notes_on(variables, subjects)
    return included, excluded, notes


def no_row(subject: str, table: Participants) -> ReasonText:
    """Return the reason to exclude a subject that is not in a table."""
    if others := table.unclear.get(subject):
        return Reason.UNCLEAR_ROW.text(table=table.path.name, others=" or ".join(f"sub-{each}" for each in others))
    return Reason.NO_ROW.text(table=table.path.name)


def no_table(needed: str) -> InputNotFoundError:
    """Return the error about a missing table of subjects: what it is needed by, or for."""
    found = f"There is no participants.tsv, needed {needed}"
    return InputNotFoundError(found, "a table of subjects", "Add it, or use --participants")


def filter_subjects(
    inputs: NodeInputs, subjects: Sequence[str], table: Participants
) -> tuple[tuple[str, ...], tuple[Excluded, ...]]:
    """Return the subjects that pass the filter of a node of a BIDS Stats Model, and the others with reasons."""
    if unknown := [column for column in inputs.subjects if column not in table.columns]:
        raise UsageError(
            f"{inputs.path}: a Filter of {inputs.node!r} names {unknown[0]}, which is neither an entity nor a column",
            f"one of the columns of {table.path.name}: {listing(table.columns, 20)}",
        )
    reasons = {subject: reason for subject in subjects if (reason := _filtered(inputs, subject, table))}
    return _split(subjects, reasons)


def groups_of(
    subjects: Sequence[str], factors: Iterable[Levels], matrix: FloatArray, columns: Sequence[str]
) -> tuple[str, ...]:
    """Return the group of each subject: its levels of all factors, and its values in columns of two values.

    Columns in which the subjects of a group have the same value are not named again.
    """
    names = [""] * len(subjects)
    for factor in factors:
        level = {subject: name for name, members in factor.subjects.items() for subject in members}
        names = [
            f"{name}, {level[subject]}" if name else level[subject]
            for name, subject in zip(names, subjects, strict=True)
        ]
    for column, values in zip(columns, matrix.T, strict=True):
        same = len(set(zip(names, values.tolist(), strict=True))) == len(set(names))
        if not same and np.unique(values).size == 2:
            own = [f"{column} {value:.3g}" for value in values]
            names = [f"{name}, {value}" if name else value for name, value in zip(names, own, strict=True)]
    return tuple(names) if len(set(names)) > 1 else ()


def exchangeability_blocks(column: str, subjects: Sequence[str], participants: Participants | None) -> tuple[str, ...]:
    """Return the exchangeability block of each subject: its value in a column of participants.tsv."""
    if participants is not None and column not in participants.columns:
        expected = f"one of {listing(participants.columns)}"
        raise DesignError(f"{participants.path.name} has no column {column}, named by --blocks", expected)
    select_subjects(subjects, participants, [column], "error")
    rows = {} if participants is None else participants.rows
    cells = [rows[subject][column] for subject in subjects]
    texts = shortest(cells)
    return tuple(texts[value_of(cell)] for cell in cells)


def _split(subjects: Sequence[str], reasons: Mapping[str, ReasonText]) -> tuple[tuple[str, ...], tuple[Excluded, ...]]:
    """Separate subjects without a reason to exclude them from the others."""
    included = tuple(subject for subject in subjects if subject not in reasons)
    return included, tuple(Excluded.of_subject(s, reasons[s]) for s in subjects if s in reasons)


def _filtered(inputs: NodeInputs, subject: str, table: Participants) -> ReasonText | None:
    """Return why the filter excludes a subject, or None."""
    row = table.rows.get(subject, {})
    for column, values in inputs.subjects.items():
        cell = row.get(column, "n/a")
        if cell not in values and number(cell) not in [number(each) for each in values if number(each) is not None]:
            return Reason.BY_MODEL.text(column=column, cell=cell, values=listing(values))
    return None
