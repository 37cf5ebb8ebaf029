"""Transformations of a BIDS Stats Model, applied to a table of subjects.

They are those of pybids, with one departure: where a value is missing, so is what is made of it, until ReplaceNA of
Scale says otherwise. pybids puts 0 (or the other factors of a product) there, and a subject whose age nobody knows
would take part as one of age 0.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

import numpy as np

from bids_ari.bids.participants import Participants, number
from bids_ari.design.coding import Levels, center
from bids_ari.design.instructions import JOINING, Instruction
from bids_ari.design.stats_model import is_pattern
from bids_ari.errors import listing
from bids_ari.stats.distributions import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Variable:
    """A value of each subject.

    Attributes
    ----------
    cells : tuple of str
        As text; empty where it is missing.
    numbers : array or None
        As numbers, NaN where it is missing; None where some are text.
    sources : tuple of str
        The columns of the table without a value of which there is none of it.
    """

    cells: tuple[str, ...]
    numbers: FloatArray | None
    sources: tuple[str, ...]

    @classmethod
    def of_cells(cls, cells: Sequence[str], sources: tuple[str, ...]) -> "Variable":
        """Read cells: as numbers where all are."""
        values = [number(cell) if cell else np.nan for cell in cells]
        numbers = None if None in values else np.array(values, dtype=np.float64)
        return cls(tuple(cells), numbers, sources)

    @classmethod
    def of_numbers(cls, numbers: FloatArray, sources: tuple[str, ...]) -> "Variable":
        """Take numbers that were computed."""
        return cls(tuple("" if np.isnan(value) else f"{value:.15g}" for value in numbers), numbers, sources)


@dataclass(frozen=True, slots=True, eq=False)
class Variables:
    """The columns of a table of subjects, and what was made of them.

    Attributes
    ----------
    subjects : tuple of str
        The rows.
    columns : mapping of str to Variable
        By name.
    levels : mapping of str to Levels
        The columns that Factor was applied to.
    required : tuple of str
        The columns of the table of which DropNA asks a value.
    """

    subjects: tuple[str, ...]
    columns: Mapping[str, Variable]
    levels: Mapping[str, Levels] = field(default_factory=dict)
    required: tuple[str, ...] = ()

    @classmethod
    def of_table(cls, participants: Participants, subjects: Sequence[str]) -> "Variables":
        """Take the rows of some subjects."""
        rows = [participants.rows.get(subject, {}) for subject in subjects]
        cells = {column: [row.get(column, "") for row in rows] for column in participants.columns}
        return cls(tuple(subjects), {name: Variable.of_cells(column, (name,)) for name, column in cells.items()})

    def match(self, name: str) -> list[str]:
        """Give the columns that a name or a pattern stands for; none where there is none."""
        if name in self.columns or not is_pattern(name):
            return [name] if name in self.columns else []
        return [column for column in self.columns if fnmatchcase(column, name)]

    def transform(self, instruction: Instruction) -> "Variables":
        """Apply one transformation.

        Raises
        ------
        UsageError
            When there are no such columns, or they cannot be transformed so; names the place in the model.
        """
        names = []
        for name in instruction.inputs:
            if not (found := self.match(name)):
                raise instruction.error(f"names {name!r}, which is no column", f"one of {listing(self.columns, 20)}")
            names += found
        for option, values in instruction.options.items():
            if len(values) not in (1, len(names)):
                raise instruction.error(f"has {len(values)} values of {option}", f"1, or {len(names)}")
        if instruction.name in (*_OF_TABLES, "Rename") and len(set(names)) < len(names):
            raise instruction.error(f"names a column twice: {listing(names, 20)}", "each once")
        if instruction.name in _OF_TABLES:
            return _OF_TABLES[instruction.name](self, names, instruction)
        if instruction.name in JOINING:
            joined = _joined(instruction, [self.numbers(name, instruction) for name in names])
            sources = tuple(dict.fromkeys(source for name in names for source in self.columns[name].sources))
            return self._with(_outputs(instruction, names[:1]), [Variable.of_numbers(joined, sources)])
        made, outputs = [_one(self, name, instruction, i) for i, name in enumerate(names)], _outputs(instruction, names)
        if instruction.name != "Rename":
            return self._with(outputs, made)
        if both := [name for name in outputs if name in names]:
            raise instruction.error(f"has {both[0]} in Input and in Output", "names of columns that are not renamed")
        return self._without(names)._with(outputs, made)

    def numbers(self, name: str, instruction: Instruction) -> FloatArray:
        """Give the values of a column as numbers."""
        variable = self.columns[name]
        if variable.numbers is None:
            raise instruction.error(
                f"takes numbers, and {name} holds text: {listing(self.texts(name))}", "numbers", "Apply Factor first"
            )
        return variable.numbers

    def texts(self, name: str) -> list[str]:
        """Name the cells of a column that are no numbers."""
        cells = zip(self.subjects, self.columns[name].cells, strict=True)
        return [f"{cell!r} (sub-{subject})" for subject, cell in cells if cell and number(cell) is None]

    def _with(self, names: Sequence[str], variables: Sequence[Variable]) -> "Variables":
        """Add or replace columns."""
        return replace(self, columns={**self.columns, **dict(zip(names, variables, strict=True))})

    def _without(self, names: Sequence[str]) -> "Variables":
        return replace(self, columns={name: each for name, each in self.columns.items() if name not in names})


def _outputs(instruction: Instruction, names: Sequence[str]) -> list[str]:
    """Name what is made: as asked, else as the inputs."""
    called = instruction.outputs or tuple(names)
    if len(called) != len(names):
        raise instruction.error(f"has {len(called)} names in Output", f"{len(names)}, one for each input")
    return [f"{instruction.prefix}{name}{instruction.suffix}" for name in called]


def _one(table: Variables, name: str, instruction: Instruction, i: int) -> Variable:
    """Make one column of another."""
    variable = table.columns[name]
    if instruction.name in ("Copy", "Rename"):
        return variable
    if instruction.name == "Replace":
        return _replace(variable, name, instruction, i)
    numbers = table.numbers(name, instruction)
    sources = () if instruction.option("ReplaceNA", i, None) else variable.sources
    return Variable.of_numbers(_OF_NUMBERS[instruction.name](numbers, name, instruction, i), sources)


def _replace(variable: Variable, name: str, instruction: Instruction, i: int) -> Variable:
    """Put other values for some; numbers that all are become numbers."""
    if variable.numbers is not None:
        raise instruction.error(
            f"takes text, and {name} holds numbers", "text: the keys of a JSON object are none", "Use Factor"
        )
    others: Mapping[str, str] = instruction.option("Replace", i, {})
    return Variable.of_cells([others.get(cell, cell) if cell else cell for cell in variable.cells], variable.sources)


def _demean(values: FloatArray, name: str, instruction: Instruction, i: int) -> FloatArray:
    return _where_known(values, center)


def _scale(values: FloatArray, name: str, instruction: Instruction, i: int) -> FloatArray:
    """Take off the mean and divide by the standard deviation (of n - 1), each where asked for."""
    demean, rescale = instruction.option("Demean", i, True), instruction.option("Rescale", i, True)
    fill = instruction.option("ReplaceNA", i, None)
    constant = len(np.unique(values[~np.isnan(values)])) == 1
    if constant and not (fill == "after" and demean):
        raise instruction.error(f"cannot scale {name}, which is the same for all subjects", "values that differ")

    def scaled(known: FloatArray) -> FloatArray:
        moved = center(known) if demean else known
        return 0 * known if constant else moved / known.std(ddof=1) if rescale else moved

    made = _where_known(np.nan_to_num(values) if fill == "before" else values, scaled)
    return np.nan_to_num(made) if fill == "after" else made


def _where_known(values: FloatArray, function: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """Apply a function to those values that are there."""
    made, known = values.copy(), ~np.isnan(values)
    if known.any():
        made[known] = function(values[known])
    return made


def _threshold(values: FloatArray, name: str, instruction: Instruction, i: int) -> FloatArray:
    """Put 0 for what does not reach the threshold, or what exceeds it."""
    at = instruction.option("Threshold", i, 0.0)
    if not instruction.option("Signed", i, True):
        at, values = abs(at), np.abs(values)
    kept = values >= at if instruction.option("Above", i, True) else values <= at
    passed = np.ones_like(values) if instruction.option("Binarize", i, False) else values
    return np.where(np.isnan(values), np.nan, np.where(kept, passed, 0.0))


def _not(values: FloatArray, name: str, instruction: Instruction, i: int) -> FloatArray:
    return np.where(np.isnan(values), np.nan, values == 0)


_OF_NUMBERS: Mapping[str, Callable[[FloatArray, str, Instruction, int], FloatArray]] = {
    "Demean": _demean,
    "Not": _not,
    "Scale": _scale,
    "Threshold": _threshold,
}


def _joined(instruction: Instruction, columns: Sequence[FloatArray]) -> FloatArray:
    """Make one column of several."""
    values = np.array(columns)
    if instruction.name == "Product":
        product: FloatArray = np.prod(values, axis=0)
        return product
    if instruction.name == "Sum":
        weights = np.array(instruction.options.get("Weights", (1.0,) * len(values)))
        if len(weights) != len(values):
            raise instruction.error(f"has {len(weights)} Weights", f"{len(values)}, one for each input")
        return weights @ values
    joined = (values != 0).all(axis=0) if instruction.name == "And" else (values != 0).any(axis=0)
    return np.where(np.isnan(values).any(axis=0), np.nan, joined)


def _select(table: Variables, names: Sequence[str], instruction: Instruction) -> Variables:
    return replace(table, columns={name: table.columns[name] for name in names})


def _delete(table: Variables, names: Sequence[str], instruction: Instruction) -> Variables:
    return table._without(names)


def _drop(table: Variables, names: Sequence[str], instruction: Instruction) -> Variables:
    sources = (source for name in names for source in table.columns[name].sources)
    return replace(table, required=(*table.required, *sources))


def _factor(table: Variables, names: Sequence[str], instruction: Instruction) -> Variables:
    """Put columns of levels for columns of groups."""
    for i, name in enumerate(names):
        variable = table.columns[name]
        levels = _levels(table, name, instruction, i)
        stem = f"{name}{instruction.option('Sep', i, '.')}"
        made = {}
        for level, who in levels.subjects.items():
            if level == levels.left_out:
                continue
            column = np.isin(table.subjects, who).astype(np.float64)
            if levels.coding == _MEAN_ZERO:
                column[np.isin(table.subjects, levels.subjects[levels.left_out])] = -1 / (len(levels.subjects) - 1)
            column[[not cell for cell in variable.cells]] = np.nan
            made[f"{stem}{level}"] = Variable.of_numbers(column, variable.sources)
        table = table._without([name])._with(list(made), list(made.values()))
        table = replace(table, levels={**table.levels, name: levels})
    return table


_MEAN_ZERO = "mean_zero"


def _levels(table: Variables, name: str, instruction: Instruction, i: int) -> Levels:
    """Sort subjects into levels, in the order of their numbers or letters, and choose the one without a column."""
    variable = table.columns[name]
    who: dict[str, tuple[str, ...]] = {}
    keys = variable.cells if variable.numbers is None else variable.numbers.tolist()
    names = {key: cell for key, cell in zip(keys, variable.cells, strict=True) if cell}
    for key in sorted(names):
        members = (s for s, other in zip(table.subjects, keys, strict=True) if other == key)
        who[names[key]] = tuple(members)
    coding, reference = instruction.option("Constraint", i, "none"), instruction.option("RefLevel", i, None)
    if reference is None and coding != "none" and len(who) > 1:
        reference = next(iter(who))
    if reference is not None and reference not in who:
        raise instruction.error(f"names the level {reference!r}", f"one of {name}: {listing(who, 20)}")
    return Levels(name, who, coding if len(who) > 1 else "none", reference or "")


def words_of(levels: Levels) -> str:
    """Tell the coding of a factor."""
    extra = "; the reference is -1/(levels - 1) in each column" if levels.coding == _MEAN_ZERO else ""
    return levels.words(full=not levels.left_out) + extra


_OF_TABLES: Mapping[str, Callable[[Variables, Sequence[str], Instruction], Variables]] = {
    "Delete": _delete,
    "DropNA": _drop,
    "Factor": _factor,
    "Select": _select,
}
