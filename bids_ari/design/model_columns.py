"""The columns that a BIDS Stats Model makes from a table of subjects."""

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np

from bids_ari.bids.participants import Participants
from bids_ari.design.model_contrasts import ONES, Term
from bids_ari.design.stats_model import StatsModel
from bids_ari.design.variables import Variables
from bids_ari.errors import UsageError, listing
from bids_ari.stats.distributions import FloatArray


def required_columns(model: StatsModel, subjects: Sequence[str], table: Participants) -> tuple[str, ...]:
    """Return the columns of the table in which each subject needs a value."""
    present = [subject for subject in subjects if subject in table.rows]
    if len(present) < 2:
        return table.columns  # too few to apply transformations; the error names these subjects
    variables = transformed(model, present, table)
    used = [variables.columns[name] for name in columns_of(model, variables) if isinstance(name, str)]
    return tuple(dict.fromkeys((*variables.required, *(source for variable in used for source in variable.sources))))


def transformed(model: StatsModel, subjects: Sequence[str], table: Participants) -> Variables:
    """Apply the transformations to the rows of some subjects."""
    variables = Variables.of_table(table, subjects)
    with np.errstate(all="ignore"):  # values that are not finite are an error if they reach the design
        for transformation in model.transformations:
            variables = transformation.apply(variables)
    return variables


def columns_of(model: StatsModel, variables: Variables) -> list[Term]:
    """Return the columns of the design matrix, with patterns expanded."""
    names: list[Term] = []
    for term in model.x:
        found: list[Term] = [ONES] if isinstance(term, int) else [*variables.match(term)]
        if not found:
            near = get_close_matches(str(term), variables.columns, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else ""
            if term == str(ONES):
                hint = "The column of ones is the number 1, without quotes"
            elif term in variables.levels:
                hint = f"Factor made columns of its levels; {term}.* is all of them"
            unknown = f"{term!r}, which is not a column of the included subjects"
            raise _error_in_x(model, unknown, f"one of {listing(variables.columns, 20)}", hint)
        if repeated := [name for name in found if name in names]:
            raise _error_in_x(model, f"{repeated[0]!r} twice", "each column once")
        names += found
    model.check_conditions(names)
    return names


def values_of(model: StatsModel, variables: Variables, name: Term) -> FloatArray:
    """Return a column of the design matrix."""
    if isinstance(name, int):
        return np.ones(len(variables.subjects))
    values = variables.columns[name].numbers
    if values is None:
        found = f"{name!r}, which holds text: {listing(variables.texts(name))}"
        hint = f'Make columns of its groups first: {{"Name": "Factor", "Input": ["{name}"]}}'
        raise _error_in_x(model, found, "numbers", hint)
    return values


def _error_in_x(model: StatsModel, found: str, expected: str, hint: str = "") -> UsageError:
    return UsageError(f"{model.path}: X of {model.inputs.node!r} names {found}", expected, hint)
