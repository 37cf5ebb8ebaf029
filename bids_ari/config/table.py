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

Kind = type[bool] | type[int] | type[float] | type[str] | type[Path]
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
    """The facts about an option, apart from its name and its default."""

    help: str  # meaning, as a phrase in lower case, without the default
    group: str = ""  # title of its group on the help page; by default, that of the option before
    kind: Kind = str  # type of one value
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
    error: type[UsageError] = UsageError  # class of the error of a value that is not accepted
    metavar: str = ""  # placeholder of a value on the help page, with its unit
    words: tuple[str, ...] = ()  # words that are accepted in place of a file
    short: str = ""  # flag of one letter, with its dash
    default_text: str = ""  # the default in words, where its value does not tell it
    is_positional: bool = False  # whether the command line has it without a flag
    on_map: bool = True  # whether bids-ari-map has it, if it has a meaning for a single map
    group_only: str = ""  # reason why it has no meaning for a single map; empty where it has one
    method: str = ""  # the only method of inference that uses it
    to_file: Callable[[Any], Any] | None = None  # from a value to that of the configuration file
    sidecar: SidecarEntry | None = None

    @property
    def is_for_one_map(self) -> bool:
        """Whether the option has a meaning for a single map."""
        return not self.group_only and not self.method

    def one(self, value: Any) -> Any:
        """Return a single value in its one form; raise TypeError or ValueError where it has none."""
        if isinstance(value, bool) != (self.kind is bool) or (self.kind is str and not isinstance(value, str | Path)):
            raise TypeError
        if self.kind is int:
            return operator.index(value)
        return str(value).strip() if self.kind is str else self.kind(value)

    def all_of(self, values: Any) -> tuple[Any, ...]:
        """Return a list of values as a tuple, also where there is only one; numbers sorted, words and numbers once."""
        is_one = isinstance(values, str | Path) or not isinstance(values, Iterable) or getattr(values, "ndim", 1) == 0
        converted = tuple(map(self.one, [values] if is_one else values))
        if self.kind is float:
            return tuple(sorted({value + 0.0 for value in converted}))  # + 0.0: no -0.0
        return tuple(dict.fromkeys(converted)) if self.choices else converted

    def accepts(self, value: Any) -> bool:
        """Return whether one converted value, not a list, keeps the limits and is one of the choices."""
        return (
            (value in self.choices or not self.choices)
            and (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
            and value != ""
        )

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


class Entry(NamedTuple):
    """One row of the table."""

    name: str  # of the field
    default: Any  # of the field; `dataclasses.MISSING` where a value is required
    option: Option
    path: tuple[str, ...] = ()  # names of the parts that lead from the table to the dataclass with this field

    @property
    def flag(self) -> str:
        """The long flag, without its dashes."""
        return self.name.replace("_", "-")

    @property
    def default_text(self) -> str:
        """The default in words, for the help page; empty where there is nothing to add."""
        if self.option.default_text or self.option.kind is bool or self.default in (None, (), MISSING):
            return self.option.default_text
        values = self.default if self.option.is_list else [self.default]
        return " ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)

    @property
    def help(self) -> str:
        """The meaning, the help of each choice, and the default in parentheses."""
        return self.help_with(self.option.choices)

    def help_with(self, choices: Collection[Any]) -> str:
        """Return the help where only some of the choices are offered."""
        about = choices.items() if isinstance(choices, Mapping) else ()
        texts = [f"{choice}: {getattr(text, 'help', text)}" for choice, text in about]
        text = ": ".join(filter(None, (self.option.help, "; ".join(texts))))
        return f"{text} (default: {self.default_text})" if self.default_text else text

    def of(self, table: Any) -> Any:
        """Return the value of the option in an instance of the table."""
        for name in (*self.path, self.name):
            table = getattr(table, name)
        return table

    def absolute(self, value: Any) -> Any:
        """Return a value with its paths made absolute, but for words that are accepted in place of a file."""
        if isinstance(value, tuple):
            return tuple(map(self.absolute, value))
        return value.absolute() if isinstance(value, Path) and str(value) not in self.option.words else value

    def checked(self, value: Any) -> Any:
        """Return a value in its one form.

        Raises
        ------
        UsageError
            When the option does not accept the value.
        """
        option = self.option
        if value is None and self.default is None:
            return None
        try:
            form = (option.all_of if option.is_list else option.one)(option.convert(value) if option.convert else value)
            values = form if option.is_list else [form]
            is_lacking = option.is_list and not form and not option.may_be_empty and self.default != ()
            good = all(map(option.accepts, values)) and not is_lacking and (option.rule is None or option.rule(form))
        except (TypeError, ValueError, OverflowError):
            good = False
        if not good:
            raise option.error(f"{self.flag} is {value!r}", option.description)
        return form


def option(default: Any = MISSING, /, help: str = "", **facts: Any) -> Any:
    """Return a field for an option.

    Parameters
    ----------
    default : object
        Default, whose type is the kind of the option, unless `facts` have one; without it, a value is required.
    help, **facts
        See `Option`.
    """
    is_list = isinstance(default, tuple)
    examples = [value for value in (default if is_list else [default]) if value is not None and value is not MISSING]
    facts = {"kind": type(examples[0]) if examples else str, "is_list": is_list} | facts
    return field(default=default, metadata={"option": Option(help=help, **facts)})


def part(table: type) -> Any:
    """Return a field that holds another class of options, by default one with all defaults."""
    return field(default_factory=table, metadata={"part": table})


def entries(table: type) -> tuple[Entry, ...]:
    """Return all options of a class, with those of its parts, in the order of the fields."""
    if table not in _KNOWN:
        _KNOWN[table] = tuple(_find_entries(table))
    return _KNOWN[table]


def _find_entries(table: type) -> list[Entry]:
    found: list[Entry] = []
    for each in fields(table):
        if "part" in each.metadata:
            inner = entries(each.metadata["part"])
            found += [entry._replace(path=(each.name, *entry.path)) for entry in inner]
        elif "option" in each.metadata:
            facts = each.metadata["option"]
            group = facts.group or (found[-1].option.group if found else "")
            found.append(Entry(each.name, each.default, replace(facts, group=group)))
    return found


_KNOWN: dict[type, tuple[Entry, ...]] = {}
"""Options of each class."""


def check_options(instance: Any) -> None:
    """Bring the options of an instance, without those of its parts, into their one form.

    Raises
    ------
    UsageError
        When an option does not accept its value.
    """
    for entry in entries(type(instance)):
        if not entry.path:
            object.__setattr__(instance, entry.name, entry.checked(getattr(instance, entry.name)))


def make_paths_absolute(instance: Any) -> None:
    """Make the paths in the options of an instance, without those of its parts, absolute."""
    for entry in entries(type(instance)):
        if not entry.path:
            object.__setattr__(instance, entry.name, entry.absolute(getattr(instance, entry.name)))


def build(table: Callable[..., Any], values: dict[str, Any]) -> Any:
    """Return an instance of a class of options from values by name; what is absent takes its default."""
    arguments = {}
    for each in fields(table):  # type: ignore[arg-type]
        if "part" in each.metadata:
            arguments[each.name] = build(each.metadata["part"], values)
        elif each.name in values:
            arguments[each.name] = values[each.name]
    return table(**arguments)


def changed(instance: Any) -> list[Entry]:
    """Return the options of an instance whose values are not their defaults."""
    return [entry for entry in entries(type(instance)) if entry.of(instance) != entry.default]


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
    for entry in entries(type(instance)):
        place = entry.option.sidecar
        if place is not None and place.part == name:
            found[place.key] = _as_json(entry.of(instance), place.none)
            found |= dict([place.units] if place.units else [])
    return found


def _as_json(value: Any, none: Any) -> Any:
    if isinstance(value, Path):
        return printable(value.name)
    return none if value is None else list(value) if isinstance(value, tuple) else value


def documented(table: Class) -> Class:
    """Add the options of a class to its docstring, as numpydoc has them."""
    lines = [inspect.cleandoc(str(table.__doc__)), "", "Attributes", "----------"]
    for each in fields(table):
        if "option" in each.metadata:
            (entry,) = [entry for entry in entries(table) if entry.name == each.name and not entry.path]
            text = entry.help.replace("*", r"\*")  # no emphasis in reStructuredText
            lines += [f"{each.name} : {_type_of(entry)}", f"    {text[0].upper()}{text[1:]}."]
        elif "part" in each.metadata:
            lines += [f"{each.name} : {each.metadata['part'].__name__}"]
    table.__doc__ = "\n".join(lines)
    return table


def _type_of(entry: Entry) -> str:
    """Return the type of an option as numpydoc has it."""
    option = entry.option
    name = f"{{{', '.join(map(repr, option.choices))}}}" if option.choices else option.kind.__name__
    return f"tuple of {name}" if option.is_list else f"{name} or None" if entry.default is None else name
