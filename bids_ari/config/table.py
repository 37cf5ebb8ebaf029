"""The table of options: the facts about one option, and functions that check and list options.

An option is written once, as a field of a dataclass, made by `option`; a field made by `part` holds another such
dataclass. The command line, the configuration file, the checks of values, the sidecars, the page of flags and the
descriptors of platforms are all built from `entries`.
"""

import inspect
import operator
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from bids_ari.errors import UsageError, printable

Class = TypeVar("Class", bound=type)

_NOUNS = {bool: "True or False", int: "a whole number", float: "a number", str: "a text", Path: "a path"}


class SidecarEntry(NamedTuple):
    """The place of an option in the sidecars of results."""

    key: str
    part: str  # of a sidecar: data, model, inference or permutation
    units: tuple[str, str] | None = None  # key and value of an entry with the units
    none: Any = None  # value that is written for None


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """The facts about an option: those that `option` takes, and its place in the table, which `entries` adds."""

    help: str  # meaning, as a phrase in lower case, without the default
    group: str = ""  # title of its group on the help page; by default, that of the option before
    kind: type[bool] | type[int] | type[float] | type[str] | type[Path] = str  # type of one value
    is_list: bool = False  # whether it takes several values, as a tuple
    may_be_empty: bool = False  # whether a list on the command line may have no value
    convert: Callable[[Any], Any] | None = None  # from any accepted value, such as a text, to one of `kind`
    at_least: float | None = None  # limits of a number, or of each number of a list
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    choices: Collection[Any] = ()  # a mapping has the help of each choice, or an object with a `help`; empty: any value
    choices_of_map: Callable[[], Collection[Any]] | None = None  # those of bids-ari-map, where they differ
    rule: Callable[[Any], object] | None = None  # whether a value of the right kind is accepted
    expected: str = ""  # the rule in words; by default, the choices or the limits
    meant: Callable[[Any], str] | None = None  # from one value, that which was probably meant; empty where it is fine
    error: type[UsageError] = UsageError  # class of the error of a value that is not accepted
    metavar: str = ""  # placeholder of a value on the help page, with its unit
    words: tuple[str, ...] = ()  # words that are accepted in place of a file
    short: str = ""  # flag of one letter, with its dash
    default_text: str = ""  # the default in words, where its value does not tell it
    is_positional: bool = False  # whether the command line has it without a flag
    on_map: bool = True  # whether bids-ari-map has it, if it has a meaning for a single map
    group_only: str = ""  # reason why it has no meaning for a single map; empty where it has one
    method: str = ""  # the only method of inference that uses it
    is_free: bool = False  # whether it may be chosen after looking at the data, since it does not change the bounds
    to_file: Callable[[Any], Any] | None = None  # from a value to that of the configuration file
    sidecar: SidecarEntry | None = None
    default_0_1_0: Any = None  # that of version 0.1.0, which its files hold, where it was another
    default: Any = MISSING  # of the field; `dataclasses.MISSING` where a value is required
    name: str = ""  # of the field
    path: tuple[str, ...] = ()  # names of the parts that lead from the table to the dataclass with this field

    @property
    def flag(self) -> str:
        """The long flag, without its dashes."""
        return self.name.replace("_", "-")

    @property
    def is_for_one_map(self) -> bool:
        """Whether the option has a meaning for a single map."""
        return not self.group_only and not self.method

    @property
    def description(self) -> str:
        """The values that are accepted, in words."""
        if self.expected or self.choices:
            return self.expected or ", ".join(map(str, self.choices))
        limits = (
            *((self.above, " above {:g}"), (self.at_least, ", {:g} or more")),
            *((self.below, ", below {:g}"), (self.at_most, ", at most {:g}")),
        )
        return _NOUNS[self.kind] + "".join(text.format(limit) for limit, text in limits if limit is not None)

    def full_help(self, choices: Collection[Any] | None = None) -> str:
        """Return the meaning, the help of each choice, or of these, and the default in parentheses."""
        choices = self.choices if choices is None else choices
        about = choices.items() if isinstance(choices, Mapping) else ()
        texts = "; ".join(f"{choice}: {getattr(text, 'help', text)}" for choice, text in about)
        default = self.default_text
        if not default and self.kind is not bool and self.default not in (None, (), MISSING):
            values = self.default if self.is_list else [self.default]
            default = " ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)
        return ": ".join(filter(None, (self.help, texts))) + (f" (default: {default})" if default else "")

    def of(self, table: Any) -> Any:
        """Return the value of the option in an instance of the table."""
        for name in (*self.path, self.name):
            table = getattr(table, name)
        return table

    def absolute(self, value: Any) -> Any:
        """Return a value with its paths made absolute, but for words that are accepted in place of a file."""
        if isinstance(value, tuple):
            return tuple(map(self.absolute, value))
        return value.absolute() if isinstance(value, Path) and str(value) not in self.words else value

    def checked(self, value: Any) -> Any:
        """Return a value in its one form; raise UsageError when the option does not accept it."""
        if value is None and self.default is None:
            return None
        try:
            form = (self._all_of if self.is_list else self._one)(self.convert(value) if self.convert else value)
            is_lacking = form == () and not self.may_be_empty and self.default != ()
            good = all(map(self._accepts, form if self.is_list else [form])) and not is_lacking
            good = good and (self.rule is None or bool(self.rule(form)))
        except (TypeError, ValueError, OverflowError):
            good = False
        if not good:
            raise self.error(f"{self.flag} is {value!r}", self.description, self._guess(value))
        return form

    def _guess(self, value: Any) -> str:
        """Return the question whether other values were meant; empty where there is no guess."""
        try:
            values = self._all_of(value) if self.is_list else [self._one(value)]
            meant = [self.meant(each) for each in values] if self.meant else []
        except (TypeError, ValueError, OverflowError):
            return ""
        return f"Did you mean {' and '.join(filter(None, meant))}?" if any(meant) else ""

    def _all_of(self, values: Any) -> tuple[Any, ...]:
        """Return a list of values as a tuple, also where there is only one; numbers sorted, words and numbers once."""
        is_one = isinstance(values, str | Path) or not isinstance(values, Iterable) or getattr(values, "ndim", 1) == 0
        converted = tuple(map(self._one, [values] if is_one else values))
        if self.kind is float:
            return tuple(sorted({value + 0.0 for value in converted}))  # + 0.0: no -0.0
        return tuple(dict.fromkeys(converted)) if self.choices else converted

    def _one(self, value: Any) -> Any:
        """Return a single value in its one form; raise TypeError or ValueError where it has none."""
        if isinstance(value, bool) != (self.kind is bool) or (self.kind is str and not isinstance(value, str | Path)):
            raise TypeError
        if self.kind is int:
            return operator.index(value)
        return str(value).strip() if self.kind is str else self.kind(value)

    def _accepts(self, value: Any) -> bool:
        """Return whether one converted value, not a list, keeps the limits and is one of the choices."""
        return (
            (value in self.choices or not self.choices)
            and (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
            and value != ""
        )


def option(default: Any = MISSING, /, help: str = "", **facts: Any) -> Any:
    """Return a field for an option, whose kind is the type of its default unless the facts, see `Option`, have one."""
    is_list = isinstance(default, tuple)
    examples = [value for value in (default if is_list else [default]) if value is not None and value is not MISSING]
    facts = {"kind": type(examples[0]) if examples else str, "is_list": is_list} | facts
    return field(default=default, metadata={"option": Option(help=help, default=default, **facts)})


def part(table: type) -> Any:
    """Return a field that holds another class of options, by default one with all defaults."""
    return field(default_factory=table, metadata={"part": table})


_entries: dict[type, tuple[Option, ...]] = {}


def entries(table: type) -> tuple[Option, ...]:
    """Return all options of a class, with those of its parts, in the order of the fields."""
    if table not in _entries:
        _entries[table] = _found_in(table)
    return _entries[table]


def _found_in(table: type) -> tuple[Option, ...]:
    """Collect the options of a class."""
    found: list[Option] = []
    for each in fields(table):
        if "part" in each.metadata:
            found += [replace(inner, path=(each.name, *inner.path)) for inner in entries(each.metadata["part"])]
        elif "option" in each.metadata:
            facts = each.metadata["option"]
            group = facts.group or (found[-1].group if found else "")
            found.append(replace(facts, name=each.name, group=group))
    return tuple(found)


def convert_options(instance: Any, convert: Callable[[Option, Any], Any] = Option.checked) -> None:
    """Convert the options of an instance, without those of its parts, by default into their one form."""
    for each in entries(type(instance)):
        if not each.path:
            object.__setattr__(instance, each.name, convert(each, each.of(instance)))


def build(table: Callable[..., Any], values: dict[str, Any]) -> Any:
    """Return an instance of a class of options from values by name; what is absent takes its default."""
    arguments = {}
    for each in fields(table):  # type: ignore[arg-type]
        if "part" in each.metadata:
            arguments[each.name] = build(each.metadata["part"], values)
        elif each.name in values:
            arguments[each.name] = values[each.name]
    return table(**arguments)


def changed(instance: Any) -> list[Option]:
    """Return the options of an instance whose values are not their defaults."""
    return [each for each in entries(type(instance)) if each.of(instance) != each.default]


def sidecar_entries(instance: Any, name: str) -> dict[str, Any]:
    """Return the entries that options have in one part of a sidecar.

    Parameters
    ----------
    instance : Options
        The options of a result.
    name : str
        ``data``, ``model``, ``inference`` or ``permutation``.
    """
    found: dict[str, Any] = {}
    for each in entries(type(instance)):
        place, value = each.sidecar, each.of(instance)
        if place is not None and place.part == name:
            value = printable(value.name) if isinstance(value, Path) else list(value) if each.is_list else value
            found[place.key] = place.none if value is None else value
            found |= [place.units] if place.units else []
    return found


def documented(table: Class) -> Class:
    """Add the options of a class, and the errors of wrong values, to its docstring, as numpydoc has them."""
    lines = [inspect.cleandoc(str(table.__doc__)), "", "Attributes", "----------"]
    for each in entries(table):
        if not each.path:
            kind = f"{{{', '.join(map(repr, each.choices))}}}" if each.choices else each.kind.__name__
            kind = f"tuple of {kind}" if each.is_list else f"{kind} or None" if each.default is None else kind
            text = each.full_help().replace("*", r"\*")  # no emphasis in reStructuredText
            lines += [f"{each.name} : {kind}", f"    {text[0].upper()}{text[1:]}."]
    parts = [each for each in fields(table) if "part" in each.metadata]
    lines += [f"{each.name} : {each.metadata['part'].__name__}" for each in parts]
    lines += ["", "Raises", "------", "UsageError"]
    lines += ["    When a value is not accepted, or options contradict each other."]
    table.__doc__ = "\n".join(lines)
    return table
