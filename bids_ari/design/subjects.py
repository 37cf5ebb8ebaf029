"""The subjects included in a group model: those with the values that it needs, and their exchangeability blocks."""

from collections.abc import Mapping, Sequence

from bids_ari.bids.columns import number, shortest, value_of
from bids_ari.bids.contrasts import Excluded
from bids_ari.bids.participants import Participants
from bids_ari.design import Missing
from bids_ari.design.checks import list_excluded
from bids_ari.design.model_inputs import NodeInputs
from bids_ari.errors import DesignError, InputNotFoundError, UsageError, counted, listing


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
    reasons = {s: f"no value of {listing(columns)} in {where}" if columns else "" for s, columns in lacking.items()}
    included, excluded = _split({s: reasons.get(s, f"not in {participants.path.name}") for s in subjects})
    if excluded and missing == "error":
        raise DesignError(
            f"Values are missing for {list_excluded(excluded)}",
            f"a value in column {listing(variables)} for each subject with a map",
            "Fill in the table, or exclude these subjects with --exclude or --missing drop",
        )
    notes = participants.notes + participants.notes_on(variables, subjects)
    if unused := [f"sub-{subject}" for subject in participants.rows if subject not in subjects]:
        notes += (f"{counted(len(unused), 'subject')} of {participants.path.name} without a map: {listing(unused)}.",)
    return included, excluded, notes


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
    return _split({subject: _filtered(inputs, subject, table) for subject in subjects})


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


def _split(reasons: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[Excluded, ...]]:
    """Separate subjects without a reason to exclude them from the others."""
    included = tuple(subject for subject, reason in reasons.items() if not reason)
    return included, tuple(Excluded(f"sub-{subject}", reason) for subject, reason in reasons.items() if reason)


def _filtered(inputs: NodeInputs, subject: str, table: Participants) -> str:
    """Return why the filter excludes a subject; empty if it does not."""
    row = table.rows.get(subject, {})
    for column, values in inputs.subjects.items():
        cell = row.get(column, "n/a")
        if cell not in values and number(cell) not in [number(each) for each in values if number(each) is not None]:
            return f"{column} is {cell}; the model selects {listing(values)}"
    return ""
