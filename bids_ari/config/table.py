"""The table of options: the facts about one option, and functions that check and list options.

An option is written once, as a field of a dataclass, made by `option`; a field made by `part` holds another such
dataclass. The command line, the configuration file, the checks of values, the sidecars, the page of flags and the
descriptors of platforms are all built from `entries`.
"""

import inspect
import operator
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from bids_ari.errors import UsageError, printable

Kind = type[bool] | type[int] | type[float] | type[str] | type[Path]
Class = TypeVar("Class", bound=type)


_NOUNS = {bool: "True or False", int: "a whole number", float: "a number", str: "a text", Path: "a path"}


class SidecarEntry(NamedTuple):
    """The place of an option in the sidecars of results.

    Attributes
    ----------
    key : str
        Key of the value.
    part : str
        Part of a sidecar that holds it: ``data``, ``model``, ``inference`` or ``permutation``.
    units : tuple of str, optional
        Key and value of an entry with the units of the value; None where it has none.
    none : object
        Value that is written for None.
    """

    key: str
    part: str
    units: tuple[str, str] | None = None
    none: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """The facts about an option, apart from its name and its default.

    Attributes
    ----------
    help : str
        Meaning, as a phrase in lower case, without the default.
    group : str
        Title of its group on the help page.
    kind : type
        Type of one value: bool, int, float, str or Path.
    is_list : bool
        Whether the option takes several values, as a tuple.
    may_be_empty : bool
        Whether a list on the command line may have no value at all.
    convert : callable, optional
        Takes a value before all else, or the words of the command line as text, and returns it as `kind` has it; raises
        TypeError or ValueError.
    at_least, above, at_most, below : float, optional
        Limits of each number.
    choices : collection or mapping
        The values that are accepted; empty for any. A mapping also has the help of each, or objects with such a `help`.
    choices_of_map : callable, optional
        Returns the choices of ``bids-ari-map``, where they are not `choices`.
    rule : callable, optional
        Takes the converted value, returns whether it is accepted.
    expected : str
        The rule in words, for the error message; by default, made of the choices or the limits.
    error : type
        Class of that error.
    metavar : str
        Placeholder of a value on the help page, with its unit.
    words : tuple of str
        Words that are accepted in place of a file.
    short : str
        Flag of one letter, with its dash.
    default_text : str
        Description of the default, where the default itself does not tell it.
    is_positional : bool
        Whether the command line has a positional argument for the option instead of a flag.
    has_flag : bool
        Whether the command line has the option at all.
    on_map : bool
        Whether ``bids-ari-map`` has the option, too.
    group_only : str
        Reason why the option cannot be used at the participant level; empty where it can.
    method : str
        The only method of inference that uses the option; empty for all.
    labels : bool
        Whether a single value may be a file that lists labels.
    to_file : callable, optional
        Takes a value, returns it as the configuration file has it.
    sidecar : SidecarEntry, optional
        Place in the sidecars of results; None where it has none.
    """

    help: str
    group: str
    kind: Kind = str
    is_list: bool = False
    may_be_empty: bool = False
    convert: Callable[[Any], Any] | None = None
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    choices: Collection[Any] = ()
    choices_of_map: Callable[[], Collection[Any]] | None = None
    rule: Callable[[Any], object] | None = None
    expected: str = ""
    error: type[UsageError] = UsageError
    metavar: str = ""
    words: tuple[str, ...] = ()
    short: str = ""
    default_text: str = ""
    is_positional: bool = False
    has_flag: bool = True
    on_map: bool = False
    group_only: str = ""
    method: str = ""
    labels: bool = False
    to_file: Callable[[Any], Any] | None = None
    sidecar: SidecarEntry | None = None

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
    """One row of the table.

    Attributes
    ----------
    name : str
        Name of the field.
    default : object
        Default of the field; `dataclasses.MISSING` where a value is required.
    option : Option
        All else.
    path : tuple of str
        Names of the parts that lead from the table to the dataclass with this field.
    """

    name: str
    default: Any
    option: Option
    path: tuple[str, ...] = ()

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


def option(default: Any = MISSING, /, help: str = "", group: str = "", **facts: Any) -> Any:
    """Return a field for an option; its kind is that of the default, where it has one, else text.

    Parameters
    ----------
    default : object
        Default; without it, a value is required.
    help, group, **facts
        See `Option`.
    """
    is_list = isinstance(default, tuple)
    examples = [value for value in (default if is_list else [default]) if value is not None and value is not MISSING]
    facts = {"kind": type(examples[0]) if examples else str, "is_list": is_list} | facts
    return field(default=default, metadata={"option": Option(help=help, group=group, **facts)})


def part(table: type) -> Any:
    """Return a field that holds another class of options, by default one with all defaults."""
    return field(default_factory=table, metadata={"part": table})


def entries(table: type) -> tuple[Entry, ...]:
    """Return all options of a class, with those of its parts, in the order of the fields."""
    found: list[Entry] = []
    for each in fields(table):
        if "option" in each.metadata:
            found.append(Entry(each.name, each.default, each.metadata["option"]))
        elif "part" in each.metadata:
            inner = entries(each.metadata["part"])
            found += [entry._replace(path=(each.name, *entry.path)) for entry in inner]
    return tuple(found)


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
            lines += [f"{each.name} : {_type_of(entry)}", f"    {entry.help[0].upper()}{entry.help[1:]}."]
        elif "part" in each.metadata:
            lines += [f"{each.name} : {each.metadata['part'].__name__}"]
    table.__doc__ = "\n".join(lines)
    return table


def _type_of(entry: Entry) -> str:
    """Return the type of an option as numpydoc has it."""
    option = entry.option
    name = f"{{{', '.join(map(repr, option.choices))}}}" if option.choices else option.kind.__name__
    return f"tuple of {name}" if option.is_list else f"{name} or None" if entry.default is None else name
