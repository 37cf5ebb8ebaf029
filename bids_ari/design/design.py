"""Design matrices of group models and their tests, from a formula or a BIDS Stats Model."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from bids_ari.bids.exclusions import Excluded
from bids_ari.bids.participants import Participants
from bids_ari.design import Missing, Variance
from bids_ari.design.blocks import find_blocks
from bids_ari.design.cautions import caution_notes
from bids_ari.design.checks import check_design, check_number, check_unequal, check_weights, excluding
from bids_ari.design.coding import model_matrix
from bids_ari.design.contrasts import default_tests, notes_on_default_tests, parse_tests
from bids_ari.design.factors import Levels
from bids_ari.design.formula import INTERCEPT, parse_formula
from bids_ari.design.hypotheses import intercept_note, is_intercept, is_mean, is_mean_at_intercept, mean_weights
from bids_ari.design.model_columns import columns_of, required_columns, transformed, values_of
from bids_ari.design.model_contrasts import ONES
from bids_ari.design.model_tests import weights_of_tests, with_columns_of_formula
from bids_ari.design.stats_model import StatsModel
from bids_ari.design.subjects import (
    filter_subjects,
    groups_of,
    no_row,
    no_table,
    select_subjects,
)
from bids_ari.errors import listing
from bids_ari.stats.block_tree import Block
from bids_ari.stats.distributions import FloatArray


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Design:
    """A design matrix and its tests.

    Attributes
    ----------
    subjects : tuple of str
        The subject of each row.
    matrix : array (n_subjects, n_columns)
        The design matrix.
    columns : tuple of str
        The names of its columns.
    tests : mapping of str to array (n_columns,) or (n_rows, n_columns)
        The weights of each test: of a t test, or the rows of an F test.
    formula : str
        The formula; empty for a BIDS Stats Model.
    factors : mapping of str to str
        A description of the coding of each column of participants.tsv that is groups.
    excluded : tuple of Excluded
        Subjects with maps that are excluded, with reasons.
    notes : tuple of str
        Notes for the report.
    blocks : tuple of str, or Block
        The exchangeability block of each subject, or nested blocks; empty if all are in one block.
    exchange : str
        What is exchanged in nested blocks, in words.
    groups : tuple of str
        The group of each subject, by the factors and the columns of two values; empty if there is one group.
    n_differences : int
        The number of maps of each subject that are tested together, in a question within subjects; else 1.
    """

    subjects: tuple[str, ...]
    matrix: FloatArray
    columns: tuple[str, ...]
    tests: Mapping[str, FloatArray]
    formula: str = ""
    factors: Mapping[str, str] = field(default_factory=dict)
    excluded: tuple[Excluded, ...] = ()
    notes: tuple[str, ...] = ()
    blocks: tuple[str, ...] | Block = ()
    exchange: str = ""
    groups: tuple[str, ...] = ()
    n_differences: int = 1

    @property
    def is_mean(self) -> bool:
        """Whether the only column is the intercept."""
        return self.matrix.shape[1] == 1 and bool((self.matrix == 1).all())

    def statistic(self, test: str) -> Literal["t", "F"]:
        """Return the statistic of a test: F if its weights have rows, even if only one, or of several differences."""
        return "F" if self.tests[test].ndim == 2 or self.n_differences > 1 else "t"

    def __repr__(self) -> str:
        return f"Design(n_subjects={len(self.matrix)}, columns={self.columns}, tests={tuple(self.tests)})"


def make_design(
    subjects: Sequence[str],
    participants: Participants | None = None,
    formula: str = "1",
    tests: Sequence[str] = (),
    *,
    model: StatsModel | None = None,
    missing: Missing = "drop",
    variance: Variance = "equal",
    blocks: str | None = None,
    far_tail: bool = True,
) -> Design:
    """Make the design of a group model.

    Parameters
    ----------
    subjects : sequence of str
        The subjects with maps.
    participants : Participants, optional
        The table, if it is needed.
    formula : str
        The columns, such as ``1 + center(age) + C(group)``.
    tests : sequence of str
        Tests as ``NAME=EXPRESSION``. By default the mean, or a t test of each column, an F test of each factor with
        several columns, and main effects beside interactions.
    model : StatsModel, optional
        A model in place of formula and tests.
    missing : {"drop", "error"}
        Whether subjects with missing values are excluded, or an error.
    variance : {"equal", "unequal"}
        With ``unequal``, the design is checked for Welch's test, and there are no F tests by default.
    blocks : str, optional
        The column of exchangeability blocks, or nested ones; see `bids_ari.design.blocks`.
    far_tail : bool
        Whether bounds depend on very small p, so that groups for which those of Welch's test are too small have a note.

    Raises
    ------
    UsageError
        When formula or tests cannot be parsed, or the model names missing columns.
    InputNotFoundError
        When a table is required and there is none.
    DesignError
        When the model cannot be fitted to these subjects; names columns and subjects.

    Examples
    --------
    >>> make_design(["01", "02", "03"])
    Design(n_subjects=3, columns=('intercept',), tests=('mean',))
    """
    if model is None:
        design = _design_of_formula(subjects, participants, formula, tests, missing, variance)
    elif model.formula:
        design = _design_of_model_formula(model, subjects, participants, missing)
    else:
        design = _design_of_model(model, subjects, participants, missing)
    check_weights(design.tests)
    if model is not None:
        design = replace(design, notes=design.notes + tuple(_notes_on_means(design)))
    cautions = tuple(caution_notes(design.matrix, design.columns, design.tests))
    design = replace(design, notes=design.notes + cautions)
    if variance == "unequal":
        matrix, columns = design.matrix, design.columns
        notes = check_unequal(matrix, columns, design.subjects, design.tests, design.factors, far_tail=far_tail)
        design = replace(design, notes=design.notes + notes)
    if blocks is not None:
        found = find_blocks(blocks, design.subjects, participants)
        design = replace(design, blocks=found.blocks, exchange=found.exchange)
    return design


def _design_of_formula(
    subjects: Sequence[str],
    participants: Participants | None,
    formula: str,
    tests: Sequence[str] | None,
    missing: Missing,
    variance: Variance = "equal",
) -> Design:
    """Make a design from a formula, with some tests; without any, the default ones, and with None, no tests."""
    parsed = parse_formula(formula, None if participants is None else participants.columns)
    included, excluded, notes = select_subjects(subjects, participants, parsed.variables, missing)
    with excluding(excluded):
        check_number(included, excluded)
        made = model_matrix(parsed, participants, included)
        notes += check_design(made.matrix, made.names, included, excluded)
    notes += _level_notes(made.levels.values())
    weights = {} if tests is None else parse_tests(tests, made) if tests else default_tests(made)
    if tests is not None and not tests:
        weights = {name: each for name, each in weights.items() if each.ndim == 1 or variance == "equal"}
        notes += notes_on_default_tests(made, weights)
    groups = groups_of(included, made.levels.values(), made.matrix, made.names)
    return Design(included, made.matrix, made.names, weights, parsed.text, made.factors, excluded, notes, groups=groups)


def _design_of_model_formula(
    model: StatsModel, subjects: Sequence[str], participants: Participants | None, missing: Missing
) -> Design:
    """Make a design from the formula of a BIDS Stats Model, with the tests of the model."""
    table = participants or Participants(model.path, (), {}, {})
    candidates, filtered = filter_subjects(model.inputs, subjects, table)
    with excluding(filtered):
        check_number(candidates, filtered)
        design = _design_of_formula(candidates, participants, model.formula, None, missing)
    renamed = with_columns_of_formula(model, design.columns)
    renamed.check_conditions(design.columns)
    tests = weights_of_tests(renamed, design.columns)
    return replace(design, tests=tests, excluded=(*filtered, *design.excluded))


def _design_of_model(
    model: StatsModel, subjects: Sequence[str], participants: Participants | None, missing: Missing
) -> Design:
    """Make a design from a BIDS Stats Model.

    Transformations are applied to the included subjects only: a column is centred over subjects with values of all
    columns.
    """
    uses_table = model.x != (ONES,) or bool(model.transformations or model.inputs.subjects)
    if participants is None and uses_table:
        raise no_table(f"by {model.path}")
    table = participants or Participants(model.path, (), {}, {})
    candidates, filtered = filter_subjects(model.inputs, subjects, table)
    with excluding(filtered):
        check_number(candidates, filtered)
        required = required_columns(model, candidates, table) if uses_table else ()
        included, lacking, notes = select_subjects(candidates, table, required, missing)
    # ReplaceNA applies to subjects in the table only
    absent = [subject for subject in included if subject not in table.rows and model.x != (ONES,)]
    included = tuple(subject for subject in included if subject not in absent)
    excluded = (*filtered, *lacking, *(Excluded.of_subject(subject, no_row(subject, table)) for subject in absent))
    with excluding(excluded):
        check_number(included, excluded)
        variables = transformed(model, included, table)
        names = columns_of(model, variables)
        matrix = np.column_stack([values_of(model, variables, name) for name in names])
        columns = tuple(INTERCEPT if name == ONES else str(name) for name in names)
        notes += check_design(matrix, columns, included, excluded)
    notes += _level_notes(variables.levels.values())
    factors = {name: levels.describe(full=not levels.reference) for name, levels in variables.levels.items()}
    tests = weights_of_tests(model, names)
    notes += tuple(_notes_on_intercept(matrix, columns, tests, variables.levels))
    used = {source for name in names if isinstance(name, str) for source in variables.columns[name].sources}
    levels = [each for each in variables.levels.values() if each.variable in used]
    groups = groups_of(included, levels, matrix, columns)
    return Design(included, matrix, columns, tests, "", factors, excluded, notes, groups=groups)


def _notes_on_intercept(
    matrix: FloatArray, columns: tuple[str, ...], tests: Mapping[str, FloatArray], factors: Mapping[str, Levels]
) -> Iterator[str]:
    """Yield a note on an intercept that is not the mean over subjects and may be taken for it by its name."""
    is_inside = (matrix.min(axis=0) <= 0) & (matrix.max(axis=0) >= 0)  # otherwise `cautions` has a note
    away = [columns[i] for i in np.flatnonzero(is_inside & (mean_weights(matrix) != 0))]
    if not away or is_mean_at_intercept(matrix, columns):
        return
    references = {name: f"{each.variable} {each.reference}" for name, each in factors.items() if each.reference}
    where = dict.fromkeys(references.get(name.partition(".")[0], f"{name} 0") for name in away)
    for name, weights in tests.items():
        if name.casefold() in ("mean", INTERCEPT) and is_intercept(weights, columns):
            yield intercept_note(name, where, "the intercept if the other columns are centred")


def _notes_on_means(design: Design) -> Iterator[str]:
    """Yield a note on a contrast of a Stats Model that is called mean and is something else."""
    for name, weights in design.tests.items():
        is_noted = not design.formula and is_intercept(weights, design.columns)  # by `_notes_on_intercept`
        if name.casefold() == "mean" and not is_noted and not is_mean(weights, design.matrix):
            yield f"{name} is not the mean over subjects: it is a contrast of this name with other weights"


def _level_notes(factors: Iterable[Levels]) -> tuple[str, ...]:
    """Note levels with one or two subjects, and those that differ only in case."""
    notes = []
    for each in factors:
        for level, members in each.subjects.items():
            if len(members) <= 2:
                some = listing(f"sub-{member}" for member in members)
                maps = "one map" if len(members) == 1 else "two maps"
                notes.append(
                    f"Only {some} {'has' if len(members) == 1 else 'have'} {level} in column {each.variable}: the "
                    f"effect of this level depends on {maps}."
                )
        folded = [level.casefold() for level in each.subjects]
        if alike := [level for level in each.subjects if folded.count(level.casefold()) > 1]:
            notes.append(f"Levels of column {each.variable} differ only in case: {listing(alike)}.")
    return tuple(dict.fromkeys(notes))
