"""Designs from BIDS Stats Models: what a model asks for, and a table of subjects."""

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np

from bids_ari.bids.contrasts import Excluded
from bids_ari.bids.participants import Participants, number
from bids_ari.design.design import Design, Missing, check_design, check_number, subjects_with_values
from bids_ari.design.formula import INTERCEPT as ONES
from bids_ari.design.stats_model import INTERCEPT, Contrast, StatsModel, Term, label_of
from bids_ari.design.transformations import Variables, words_of
from bids_ari.errors import InputNotFoundError, UsageError, listing
from bids_ari.stats.distributions import FloatArray

LONGEST_LABEL = 60
"""Letters of the longest name of a test, so that names of files do not grow too long."""


def design_of(
    model: StatsModel,
    subjects: Sequence[str],
    participants: Participants | None = None,
    *,
    missing: Missing = "drop",
) -> Design:
    """Make the design that a model asks for.

    Transformations see the subjects that take part, and no others: a column is centred over those whose values of all
    columns are known.

    Parameters
    ----------
    model : StatsModel
        What is asked for.
    subjects : sequence of str
        The subjects that have maps.
    participants : Participants, optional
        The table of subjects; a model of the mean needs none.
    missing : {'drop', 'error'}
        What to do about subjects that lack a value of a column.

    Raises
    ------
    DesignError
        When the design cannot be fitted; names columns and subjects.
    UsageError
        When the model names what is not there; names the place in the model.
    """
    uses_table = model.x != (INTERCEPT,) or bool(model.instructions or model.subjects)
    if participants is None and uses_table:
        raise InputNotFoundError(
            f"There is no participants.tsv, from which {model.path} takes columns",
            "a table of the subjects",
            "Give it with --participants",
        )
    table = participants or Participants(model.path, (), {}, {})
    candidates, others = _chosen(model, subjects, table)
    check_number(candidates, others)
    required = _required(model, candidates, table) if uses_table else ()
    kept, lacking, notes = subjects_with_values(candidates, table, required, missing)
    absent = [s for s in kept if s not in table.rows and model.x != (INTERCEPT,)]  # ReplaceNA is for those of the table
    kept = tuple(subject for subject in kept if subject not in absent)
    left_out = (*others, *lacking, *(Excluded(f"sub-{subject}", f"not in {table.path.name}") for subject in absent))
    check_number(kept, left_out)
    variables = _transformed(model, kept, table)
    names = _columns(model, variables)
    matrix = np.column_stack([_values(model, variables, name) for name in names])
    columns = [ONES if name == INTERCEPT else str(name) for name in names]
    notes += check_design(matrix, columns, kept, left_out) + _lonely(variables)
    factors = {name: words_of(levels) for name, levels in variables.levels.items()}
    return Design(kept, matrix, tuple(columns), _tests(model, names), "", factors, left_out, notes)


def _chosen(
    model: StatsModel, subjects: Sequence[str], table: Participants
) -> tuple[tuple[str, ...], tuple[Excluded, ...]]:
    """Part the subjects that the model takes from the others."""
    if unknown := [column for column in model.subjects if column not in table.columns]:
        raise UsageError(
            f"{model.path}: a Filter of {model.node!r} asks for {unknown[0]}, which is neither an entity nor a column",
            f"one of the columns of {table.path.name}: {listing(table.columns, 20)}",
        )
    reasons = {subject: _refusal(model, subject, table) for subject in subjects}
    kept = tuple(subject for subject, reason in reasons.items() if not reason)
    return kept, tuple(Excluded(f"sub-{subject}", reason) for subject, reason in reasons.items() if reason)


def _refusal(model: StatsModel, subject: str, table: Participants) -> str:
    """Say why the model does not take a subject; nothing where it does."""
    row = table.rows.get(subject, {})
    for column, wanted in model.subjects.items():
        cell = row.get(column, "n/a")
        if cell not in wanted and number(cell) not in [number(each) for each in wanted if number(each) is not None]:
            return f"{column} is {cell}; the model takes {listing(wanted)}"
    return ""


def _required(model: StatsModel, subjects: Sequence[str], table: Participants) -> tuple[str, ...]:
    """Give the columns of the table of which each subject needs a value."""
    there = [subject for subject in subjects if subject in table.rows]
    if len(there) < 2:
        return table.columns  # too few to transform; who is left out for what is told of these
    variables = _transformed(model, there, table)
    of_x = [variables.columns[name] for name in _columns(model, variables) if isinstance(name, str)]
    return tuple(dict.fromkeys((*variables.required, *(source for variable in of_x for source in variable.sources))))


def _transformed(model: StatsModel, subjects: Sequence[str], table: Participants) -> Variables:
    """Apply the transformations to the rows of some subjects."""
    variables = Variables.of_table(table, subjects)
    with np.errstate(all="ignore"):  # what is not finite is refused where it reaches the design
        for instruction in model.instructions:
            variables = variables.transform(instruction)
    return variables


def _columns(model: StatsModel, variables: Variables) -> list[Term]:
    """Give the names of the columns of the design matrix: patterns stand for what they match."""
    names: list[Term] = []
    for term in model.x:
        found: list[Term] = [INTERCEPT] if isinstance(term, int) else [*variables.match(term)]
        if not found:
            raise _unknown(model, str(term), variables)
        if twice := [name for name in found if name in names]:
            raise UsageError(f"{model.path}: X of {model.node!r} names {twice[0]!r} more than once", "each column once")
        names += found
    model.check_conditions(names)
    return names


def _unknown(model: StatsModel, name: str, variables: Variables) -> UsageError:
    """Make the error about a name that is no column; says what is near it, and what became of it."""
    near = get_close_matches(name, variables.columns, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else ""
    if name == str(INTERCEPT):
        hint = "The column of ones is the number 1, without quotes"
    elif name in variables.levels:
        hint = f"Factor made columns of its levels; {name}.* is all of them"
    return UsageError(
        f"{model.path}: X of {model.node!r} names {name!r}, which is no column for the subjects that take part",
        f"one of {listing(variables.columns, 20)}",
        hint,
    )


def _values(model: StatsModel, variables: Variables, name: Term) -> FloatArray:
    """Give a column of the design matrix."""
    if isinstance(name, int):
        return np.ones(len(variables.subjects))
    variable = variables.columns[name]
    if variable.numbers is None:
        texts = variables.texts(name)
        raise UsageError(
            f"{model.path}: X of {model.node!r} names {name!r}, which holds text: {listing(texts)}",
            "numbers",
            f'Make columns of its groups first: {{"Name": "Factor", "Input": ["{name}"]}}',
        )
    return variable.numbers


def _lonely(variables: Variables) -> tuple[str, ...]:
    """Note levels of one subject."""
    return tuple(
        f"Only sub-{who[0]} has {level} in column {name}: that level rests on one map."
        for name, levels in variables.levels.items()
        for level, who in levels.subjects.items()
        if len(who) == 1
    )


def _tests(model: StatsModel, columns: Sequence[Term]) -> dict[str, FloatArray]:
    """Give the weights of each test, by a name for files."""
    tests: dict[str, FloatArray] = {}
    taken: dict[str, str] = {}
    for contrast in (*_dummies(model, columns), *model.contrasts):
        label = _label(model, contrast, columns)
        said = repr(contrast.name)
        if label.casefold() in taken:
            raise UsageError(
                f"{model.path}: the contrasts {taken[label.casefold()]} and {said} would both be named {label}",
                "names that differ in letters or digits",
                "Rename one of them",
            )
        taken[label.casefold()] = said
        weights = np.zeros((len(contrast.weights), len(columns)))
        weights[:, [columns.index(name) for name in contrast.conditions]] = contrast.weights
        tests[label] = weights[0] if contrast.test == "t" else weights
    return tests


def _dummies(model: StatsModel, columns: Sequence[Term]) -> list[Contrast]:
    """Make the contrasts of single columns; a contrast of the same name takes the place of one."""
    if model.dummies is None:
        return []
    names = columns if model.dummies.conditions is None else model.dummies.conditions
    named = [contrast.name for contrast in model.contrasts]
    of_one = [Contrast(name, (name,), ((1.0,),), model.dummies.test, model.dummies.place) for name in names]
    return [each for each in of_one if each.name not in named]


def _label(model: StatsModel, contrast: Contrast, columns: Sequence[Term]) -> str:
    """Name a test by letters and digits."""
    if contrast.name == INTERCEPT:
        return "mean" if len(columns) == 1 else ONES
    label = label_of(str(contrast.name))
    if not label or len(label) > LONGEST_LABEL:
        expected = f"letters or digits in its name, at most {LONGEST_LABEL}"
        raise UsageError(f"{model.path}: the contrast {contrast.name!r} cannot stand in names of files", expected)
    of_column = contrast.conditions == (contrast.name,)  # written as the test of the same column of a formula is
    return label[0].lower() + label[1:] if of_column else label
