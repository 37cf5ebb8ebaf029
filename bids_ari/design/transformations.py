"""Transformations of a BIDS Stats Model: reading them, and applying them to columns of a table of subjects.

Supported are those of ``pybids-transforms-v1`` that make sense for a table with one row per subject. They give the
values of pybids, with one exception: a missing value stays missing in all columns made from it, until Scale with
ReplaceNA replaces it. (pybids takes 0, or the other factors of a product; a subject of unknown age would be aged 0.)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from bids_ari.design import variables
from bids_ari.design.factors import Levels
from bids_ari.design.json_document import Item
from bids_ari.design.variables import Variable, Variables
from bids_ari.errors import UsageError, listing
from bids_ari.stats.distributions import FloatArray

TRANSFORMER = "pybids-transforms-v1"
_Function = Callable[..., FloatArray]
_Reader = Callable[[Item], Any]
_Apply = Callable[[Variables, Sequence[str], "Transformation"], Variables]

# hints for transformations that are not supported
_REASONS = dict.fromkeys(("lag", "resample", "todense"), "A table of subjects has no time axis") | {
    "convolve": "There is no hemodynamic response at the dataset level",
    "filter": 'To select subjects, write "Filter": {"column": ["value"]} in the edge to this node',
    "split": "Use Factor and Product",
}


@dataclass(frozen=True, slots=True)
class Transformation:
    """One transformation."""

    name: str
    inputs: tuple[str, ...]  # columns, or patterns such as group.*
    outputs: tuple[str, ...]  # names of the columns made; empty to replace the inputs
    prefix: str  # before the names of the columns made
    suffix: str
    options: Mapping[str, tuple[Any, ...]]  # each with one value, or one for each input
    item: Item

    def option(self, name: str, i: int, default: Any) -> Any:
        """Return the value of an option for the input of index `i`."""
        values = self.options.get(name, (default,))
        return values[0] if len(values) == 1 else values[i]

    def error(self, found: str, expected: str = "", hint: str = "") -> UsageError:
        """Return an error about this transformation, with its position."""
        return UsageError(f"{self.item.path}: {self.item.place} ({self.name}) {found}", expected, hint)

    def compute(self, names: str, function: _Function, values: FloatArray, **options: Any) -> FloatArray:
        """Apply a function to the values of these columns; its ValueError is an error about this transformation."""
        try:
            return function(values, **options)
        except ValueError as error:
            raise self.error(f"cannot be applied to {names}: {error}") from error

    def apply(self, table: Variables) -> Variables:
        """Apply the transformation; an error names its position in the model."""
        names: list[str] = []
        for name in self.inputs:
            if not (found := table.match(name)):
                raise self.error(f"names {name!r}, which is not a column", f"one of {listing(table.columns, 20)}")
            names += found
        for option, values in self.options.items():
            if len(values) not in (1, len(names)):
                raise self.error(f"has {len(values)} values of {option}", f"1, or {len(names)}")
        kind = KINDS[self.name]
        if (kind.outputs == "none" or self.name == "Rename") and len(set(names)) < len(names):
            raise self.error(f"names a column twice: {listing(names, 20)}", "each once")
        return kind.apply(table, names, self)

    def names_of_outputs(self, names: Sequence[str]) -> list[str]:
        """Return the names of the columns made from one column or from each of several."""
        outputs = self.outputs or tuple(names)
        if len(outputs) != len(names):
            raise self.error(f"has {len(outputs)} names in Output", f"{len(names)}, one for each input")
        return [f"{self.prefix}{name}{self.suffix}" for name in outputs]


def read_transformations(item: Item | None) -> tuple[Transformation, ...]:
    """Read the transformations of a node; in the former form, a list without Transformer."""
    if item is None:
        return ()
    if not isinstance(item.value, list):
        needed = f'"Transformer": "{TRANSFORMER}", and a list of Instructions'
        fields = item.fields(("Transformer", "Instructions"), needed=needed)
        fields["Transformer"].choice((TRANSFORMER,), "No other transformer is supported")
        item = fields["Instructions"]
    return tuple(map(_read, item.items()))


def _read(item: Item) -> Transformation:
    """Read one transformation."""
    members = {key.lower(): member for key, member in item.members().items()}
    if "name" not in members:
        raise item.error("the name of a transformation", found="has no Name")
    written = members["name"].text()
    name = next((known for known in KINDS if known.lower() == written.lower()), None)
    if name is None:
        hint = _REASONS.get(written.lower(), f"Supported: {listing(KINDS, 20)}")
        found = f"{item.path}: {members['name'].place}: the transformation {written!r} is not supported"
        raise UsageError(found, hint=hint)
    readers = KINDS[name].options
    fields = item.fields(("Name", "Input", "Output", "OutputPrefix", "OutputSuffix", *readers))
    if "Input" not in fields:
        raise item.error("the names of columns", found="has no Input")
    made = Transformation(
        name,
        _read_columns(fields["Input"]),
        _read_columns(fields["Output"]) if "Output" in fields else (),
        fields["OutputPrefix"].text() if "OutputPrefix" in fields else "",
        fields["OutputSuffix"].text() if "OutputSuffix" in fields else "",
        {
            key: tuple(map(reader, option.items(filled="a value") if isinstance(option.value, list) else [option]))
            for key, reader in readers.items()
            if (option := fields.get(key))
        },
        item,
    )
    _check_outputs(made)
    return made


def _read_columns(item: Item) -> tuple[str, ...]:
    return tuple(each.text() for each in item.items(lone=True, filled="names of columns"))


def _check_outputs(made: Transformation) -> None:
    """Check that outputs are named where required, and only where possible."""
    outputs = KINDS[made.name].outputs
    named = bool(made.outputs or made.prefix or made.suffix)
    if outputs == "none" and named:
        raise made.error("has an Output", "none: the names of its columns cannot be chosen")
    if (outputs in ("required", "one") and not named) or (outputs == "one" and len(made.outputs) != 1):
        raise made.error(f"has {len(made.outputs) or 'no'} names in Output", "a name for each column that it makes")
    if made.name == "Replace" and "Replace" not in made.options:
        raise made.error("has no Replace", 'values and their replacements, {"M": "male"}')
    if len(set(made.outputs)) < len(made.outputs):
        raise made.error("has two outputs with the same name", "unique names")


def _one_of(*words: str) -> _Reader:
    return lambda item: item.choice(words)


def _numbers(table: Variables, name: str, transformation: Transformation) -> FloatArray:
    """Return the values of a column as numbers, which all must be."""
    numbers = table.columns[name].numbers
    if numbers is None:
        found = f"needs numbers, but {name} holds text: {listing(table.texts(name))}"
        raise transformation.error(found, "numbers", "Apply Factor first")
    return numbers


def _each(make: Callable[[Variables, str, Transformation, int], Variable]) -> _Apply:
    """Make a column from each of several, given its name and index among the inputs."""

    def apply(table: Variables, names: Sequence[str], transformation: Transformation) -> Variables:
        made = [make(table, name, transformation, i) for i, name in enumerate(names)]
        return table.with_columns(dict(zip(transformation.names_of_outputs(names), made, strict=True)))

    return apply


def _to_each(function: _Function) -> _Apply:
    """Apply a function of one column to each column; its keyword arguments are the options in lower case."""

    def make(table: Variables, name: str, transformation: Transformation, i: int) -> Variable:
        options = {option.lower(): transformation.option(option, i, None) for option in transformation.options}
        values = transformation.compute(name, function, _numbers(table, name, transformation), **options)
        return Variable.of_numbers(values, () if options.get("replacena") else table.columns[name].sources)

    return _each(make)


def _to_all(function: _Function) -> _Apply:
    """Apply a function of several columns (n_columns, n_subjects) that makes one, missing where one of them is."""

    def apply(table: Variables, names: Sequence[str], transformation: Transformation) -> Variables:
        values = np.array([_numbers(table, name, transformation) for name in names])
        (output,) = transformation.names_of_outputs(names[:1])
        options = {option.lower(): each for option, each in transformation.options.items()}
        made = transformation.compute(listing(names), function, values, **options)
        sources = tuple(dict.fromkeys(source for name in names for source in table.columns[name].sources))
        made = np.where(np.isnan(values).any(axis=0), np.nan, made)
        return table.with_columns({output: Variable.of_numbers(made, sources)})

    return apply


_copy = _each(lambda table, name, transformation, i: table.columns[name])


def _rename(table: Variables, names: Sequence[str], transformation: Transformation) -> Variables:
    if both := [name for name in transformation.names_of_outputs(names) if name in names]:
        raise transformation.error(f"has {both[0]} in Input and in Output", "different names in Output")
    return _copy(table, names, transformation).without(names)


def _replace(table: Variables, name: str, transformation: Transformation, i: int) -> Variable:
    """Replace values of a text column, which becomes numbers if all its values then are."""
    column = table.columns[name]
    if column.numbers is not None:
        found = f"needs text, but {name} holds numbers"
        raise transformation.error(found, "text: the keys of a JSON object are not numbers", "Use Factor")
    values: Mapping[str, str] = transformation.option("Replace", i, {})
    return Variable.of_cells([values.get(cell, cell) if cell else cell for cell in column.cells], column.sources)


def _factor(table: Variables, names: Sequence[str], transformation: Transformation) -> Variables:
    """Replace columns of groups by a column for each level."""
    for i, name in enumerate(names):
        variable, members = table.columns[name], table.subjects_by_level(name)
        coding, reference = transformation.option("Constraint", i, "none"), transformation.option("RefLevel", i, None)
        if reference is None and coding != "none" and len(members) > 1:
            reference = next(iter(members))
        if reference is not None and reference not in members:
            raise transformation.error(f"names the level {reference!r}", f"one of {name}: {listing(members, 20)}")
        levels = Levels(name, members, coding if len(members) > 1 else "none", reference or "")
        stem = f"{name}{transformation.option('Sep', i, '.')}"
        made = {}
        for level in filter(lambda each: each != reference, members):
            column = np.isin(table.subjects, members[level]).astype(np.float64)
            if levels.coding == "mean_zero":
                column[np.isin(table.subjects, members[reference])] = -1 / (len(members) - 1)
            column[[not cell for cell in variable.cells]] = np.nan
            made[f"{stem}{level}"] = Variable.of_numbers(column, variable.sources)
        table = replace(table.without([name]).with_columns(made), levels={**table.levels, name: levels})
    return table


@dataclass(frozen=True, slots=True)
class _Kind:
    """A supported transformation: its function, its options with their readers, and which names of outputs it takes."""

    apply: _Apply
    options: Mapping[str, _Reader] = field(default_factory=dict)
    outputs: Literal["none", "optional", "required", "one"] = "optional"


KINDS: Mapping[str, _Kind] = {
    "And": _Kind(_to_all(lambda values: (values != 0).all(axis=0)), outputs="one"),
    "Copy": _Kind(_copy, outputs="required"),
    "Delete": _Kind(lambda table, names, _: table.without(names), outputs="none"),
    "Demean": _Kind(_to_each(variables.demean)),
    "DropNA": _Kind(
        lambda table, names, _: replace(
            table, required=(*table.required, *(source for name in names for source in table.columns[name].sources))
        ),
        outputs="none",
    ),
    "Factor": _Kind(
        _factor,
        {"Constraint": _one_of("none", "drop_one", "mean_zero"), "RefLevel": Item.cell, "Sep": Item.text},
        "none",
    ),
    "Not": _Kind(_to_each(lambda values: np.where(np.isnan(values), np.nan, values == 0))),
    "Or": _Kind(_to_all(lambda values: (values != 0).any(axis=0)), outputs="one"),
    "Product": _Kind(_to_all(lambda values: np.prod(values, axis=0)), outputs="one"),
    "Rename": _Kind(_rename, outputs="required"),
    "Replace": _Kind(
        _each(_replace),
        {
            "Replace": lambda item: {key: member.cell() for key, member in item.members().items()},
            "Attribute": _one_of("value"),
        },
    ),
    "Scale": _Kind(
        _to_each(variables.rescale),
        {"Demean": Item.flag, "Rescale": Item.flag, "ReplaceNA": _one_of("before", "after")},
    ),
    "Select": _Kind(
        lambda table, names, _: replace(table, columns={name: table.columns[name] for name in names}), outputs="none"
    ),
    "Sum": _Kind(_to_all(variables.weighted_sum), {"Weights": Item.number}, outputs="one"),
    "Threshold": _Kind(
        _to_each(variables.threshold),
        {"Threshold": Item.number, "Binarize": Item.flag, "Above": Item.flag, "Signed": Item.flag},
    ),
}
"""The supported transformations."""
