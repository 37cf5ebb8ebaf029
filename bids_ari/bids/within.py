"""Questions within subjects: over the maps of each subject at several levels of a column, such as sessions 1, 2 and 3.

The maps of a subject differ in one column, as those of `bids_ari.bids.paired`, and are alike otherwise. By default the
question is whether levels differ at all: the differences of each later level from the first. Contrasts of the user are
one row of weights of the levels, or several.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from bids_ari.bids.comparison import Comparison, existing_value, find_column
from bids_ari.bids.contrasts import Discovery
from bids_ari.bids.differences import compare
from bids_ari.bids.division import Division
from bids_ari.bids.entities import bare_label, printable
from bids_ari.bids.paired import check_distinct, warn_of_direction
from bids_ari.bids.questions import Question, differences, read_questions
from bids_ari.errors import NoMatchError, UsageError, counted, listing


def ask_within(
    discovery: Discovery,
    column: str,
    contrasts: Sequence[str] = (),
    folders: Iterable[Path] = (),
    division: Division | None = None,
) -> Discovery:
    """Make a contrast for each question within subjects; exclude subjects without a map of each level that it needs.

    Parameters
    ----------
    discovery : Discovery
        The contrasts of the maps of each level.
    column : str
        ``COLUMN=LEVEL,LEVEL,...``, or ``COLUMN`` for all levels in natural order.
    contrasts : sequence of str
        ``NAME=WEIGHT,WEIGHT,...``, one weight for each level in order; rows are separated by semicolons. By default,
        the question whether levels differ. Of two levels, this is the second minus the first, as `paired.pair` makes.
    folders : iterable of Path
        Where tables of sessions are searched.
    division : Division, optional
        The entities by which contrasts are divided; they remain so.

    Raises
    ------
    UsageError, NoMatchError
        When there is no such column or level, or weights cannot be used.
    """
    members = [member for contrast in discovery for member in contrast.members]
    name, has_levels, values = column.partition("=")
    found = find_column(name, members, folders)
    found.check_not_combined(discovery)
    existing = found.existing(members)
    levels = _read_levels(found, values, existing) if has_levels else _all_levels(found, existing)
    check_distinct(found, levels, "within")
    questions: list[Question | None] = [None]
    asked = replace(found, levels=levels)
    if contrasts:
        read = read_questions(contrasts, [f"{found.column} {printable(level)}" for level in levels])
        questions = [Question(each, found.column, asked.sides, rows) for each, rows in read]
    elif len(levels) > 2:
        questions = [Question("", found.column, asked.sides, differences(len(levels)))]
    else:
        asked = replace(found, levels=levels[::-1])  # the second minus the first
        if not has_levels:
            warn_of_direction(found, levels[1], levels[0], "within")
    return compare(discovery, asked, questions, division or Division())


def _all_levels(found: Comparison, existing: Sequence[str]) -> tuple[str, ...]:
    """Return all values of a column; there must be two."""
    if len(existing) < 2:
        raise NoMatchError(
            f"The maps have {counted(len(existing), 'value')} of {found.column}: {listing(map(printable, existing))}",
            "two or more, for questions within subjects",
            "Select maps of all of them",
        )
    return tuple(existing)


def _read_levels(found: Comparison, values: str, existing: Collection[str]) -> tuple[str, ...]:
    """Read LEVEL,LEVEL,...: existing values, each once."""
    asked = [bare_label(value.strip(), found.key) for value in values.split(",")]
    levels = [existing_value(value, existing) for value in asked]
    if unknown := [value for value, level in zip(asked, levels, strict=True) if not level]:
        raise NoMatchError(
            f"No map has {listing(printable(f'{found.column} {value}') for value in unknown)}",
            f"levels among: {listing(map(printable, existing), 20) or 'nothing'}",
            f"Write --within {printable(found.column)}=LEVEL,LEVEL,...",
        )
    if len(set(levels)) < len(levels):
        raise UsageError(f"--within {found.column}={values} has a level twice", "each level once")
    if len(levels) < 2:
        raise UsageError(
            f"--within {found.column}={values} has one level",
            "two or more to compare, separated by commas",
            f"To analyse maps of one {printable(found.column)}, use a filter",
        )
    return tuple(levels)


def check_weights(discovery: Discovery) -> None:
    """Raise a UsageError if a question has several rows: then a group model cannot be weighted by variance maps."""
    if several := [contrast.name for contrast in discovery if contrast.within and contrast.within.n_rows > 1]:
        raise UsageError(
            f"Questions within subjects with several differences cannot be weighted by variance maps: "
            f"{listing(several)}",
            "ordinary least squares, or one difference",
            "The differences share maps, so that their errors are correlated in a way that variance maps do not tell: "
            "use --estimator ols, or a contrast with one row of weights",
        )
