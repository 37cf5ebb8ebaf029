"""Instructions of a BIDS Stats Model: how columns of a table are transformed, as plain values.

Understood is what ``pybids-transforms-v1`` defines and what makes sense for a table with one row of each subject.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bids_ari.design.json_document import Item
from bids_ari.errors import UsageError, listing

TRANSFORMER = "pybids-transforms-v1"


@dataclass(frozen=True, slots=True)
class Instruction:
    """One transformation.

    Attributes
    ----------
    name : str
        Which one, such as ``Factor``.
    inputs : tuple of str
        The columns, or patterns such as ``group.*``.
    outputs : tuple of str
        Names of the columns that are made; empty to replace the inputs.
    prefix, suffix : str
        What is put before and after the names of the columns that are made.
    options : mapping of str to object
        The other options: each a tuple, of one value or one for each input.
    item : Item
        Where it stands in the file.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    prefix: str
    suffix: str
    options: Mapping[str, tuple[Any, ...]]
    item: Item

    def option(self, name: str, i: int, default: Any) -> Any:
        """Give an option as it is for the input of index `i`."""
        values = self.options.get(name, (default,))
        return values[0] if len(values) == 1 else values[i]

    def error(self, found: str, expected: str = "", hint: str = "") -> UsageError:
        """Make an error about this instruction."""
        return UsageError(f"{self.item.path}: {self.item.place} ({self.name}) {found}", expected, hint)


def _scaling(item: Item) -> str:
    return item.choice(("before", "after"))


def _coding(item: Item) -> str:
    return item.choice(("none", "drop_one", "mean_zero"))


def _level(item: Item) -> str:
    return str(item.value) if isinstance(item.value, int) and not isinstance(item.value, bool) else item.text()


def _replacements(item: Item) -> Mapping[str, str]:
    """Read what stands for what; numbers as they are written."""
    members = item.members()
    for member in members.values():
        if isinstance(member.value, bool) or not isinstance(member.value, str | int | float) or member.value == "":
            raise member.error("a text or a number")
    return {key: str(member.value) for key, member in members.items()}


_Reader = Callable[[Item], Any]

KNOWN: Mapping[str, Mapping[str, _Reader]] = {
    "And": {},
    "Copy": {},
    "Delete": {},
    "Demean": {},
    "DropNA": {},
    "Factor": {"Constraint": _coding, "RefLevel": _level, "Sep": Item.text},
    "Not": {},
    "Or": {},
    "Product": {},
    "Rename": {},
    "Replace": {"Replace": _replacements, "Attribute": lambda item: item.choice(("value",))},
    "Scale": {"Demean": Item.flag, "Rescale": Item.flag, "ReplaceNA": _scaling},
    "Select": {},
    "Sum": {"Weights": Item.number},
    "Threshold": {"Threshold": Item.number, "Binarize": Item.flag, "Above": Item.flag, "Signed": Item.flag},
}
"""The transformations, and how each option is read."""

JOINING = ("And", "Or", "Product", "Sum")
"""Those that make one column of several."""

_NAMING = ("Copy", "Rename", *JOINING)
"""Those that must say how the columns that they make are called."""

_KEEPING = ("Delete", "DropNA", "Factor", "Select")
"""Those that make no column, or columns with names of their own."""

_REASONS = {
    "Convolve": "There is no hemodynamic response at the level of the dataset",
    "Lag": "A table of subjects has no time",
    "Resample": "A table of subjects has no time",
    "ToDense": "A table of subjects has no time",
    "Filter": 'To choose subjects, write "Filter": {"column": ["value"]} in the edge to this node',
    "Split": "Use Factor and Product",
}


def read_instructions(item: Item | None) -> tuple[Instruction, ...]:
    """Read the transformations of a node; older models have a bare list of them."""
    if item is None:
        return ()
    if not isinstance(item.value, list):
        fields = item.fields(("Transformer", "Instructions"))
        if "Transformer" not in fields:
            raise item.error(f'"Transformer": "{TRANSFORMER}"', found="has no Transformer")
        fields["Transformer"].choice((TRANSFORMER,), "No other set of instructions is supported")
        if "Instructions" not in fields:
            raise item.error("a list of Instructions", found="has no Instructions")
        item = fields["Instructions"]
    return tuple(map(_read, item.items()))


def _read(item: Item) -> Instruction:
    """Read one transformation."""
    members = {key.lower(): member for key, member in item.members().items()}
    if "name" not in members:
        raise item.error("the name of a transformation", found="has no Name")
    name = _known(members["name"])
    readers = KNOWN[name]
    fields = item.fields(("Name", "Input", "Output", "OutputPrefix", "OutputSuffix", *readers))
    if "Input" not in fields:
        raise item.error("the names of columns", found="has no Input")
    read = Instruction(
        name,
        _names(fields["Input"]),
        _names(fields["Output"]) if "Output" in fields else (),
        fields["OutputPrefix"].text() if "OutputPrefix" in fields else "",
        fields["OutputSuffix"].text() if "OutputSuffix" in fields else "",
        {key: _values(fields[key], reader) for key, reader in readers.items() if key in fields},
        item,
    )
    _check(read)
    return read


def _values(item: Item, reader: _Reader) -> tuple[Any, ...]:
    """Read an option: one value, or a list of one for each input."""
    values = tuple(map(reader, item.items() if isinstance(item.value, list) else [item]))
    if not values:
        raise item.error("a value")
    return values


def _known(item: Item) -> str:
    """Give the name of a transformation that is known."""
    name = item.text()
    found = next((known for known in KNOWN if known.lower() == name.lower()), None)
    if found is None:
        hint = _REASONS.get(name.title().replace("Todense", "ToDense"), f"Supported are {listing(KNOWN, 20)}")
        raise UsageError(f"{item.path}: {item.place}: the transformation {name!r} is not supported", hint=hint)
    return found


def _names(item: Item) -> tuple[str, ...]:
    names = tuple(each.text() for each in item.items(lone=True))
    if not names:
        raise item.error("names of columns")
    return names


def _check(read: Instruction) -> None:
    """Refuse names of outputs that the transformation needs and lacks, or cannot take."""
    named = bool(read.outputs or read.prefix or read.suffix)
    if read.name in _KEEPING and named:
        raise read.error("has an Output", "none: it makes no columns that could be named so")
    if (read.name in _NAMING and not named) or (read.name in JOINING and len(read.outputs) != 1):
        raise read.error(f"has {len(read.outputs) or 'no'} names in Output", "a name for what it makes")
    if read.name == "Replace" and "Replace" not in read.options:
        raise read.error("has no Replace", 'what to replace by what, {"M": "male"}')
    if len(set(read.outputs)) < len(read.outputs):
        raise read.error("has two outputs of one name", "a name for each")
