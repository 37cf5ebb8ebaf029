"""The parser of a command, built from the table of options."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from bids_ari._version import __version__
from bids_ari.config.settings import GROUPS, POSITIONAL
from bids_ari.config.table import Entry, entries
from bids_ari.errors import EXIT_CODES, UsageError


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError instead of exiting."""

    def __init__(self, prog: str, description: str, **more: Any) -> None:
        codes = ", ".join(f"{code} ({text})" for code, text in sorted(EXIT_CODES.items()))
        super().__init__(prog, description=description, epilog=f"Exit codes: {codes}.", allow_abbrev=False, **more)

    def error(self, message: str) -> NoReturn:
        """Raise UsageError, with a reference to the help page."""
        raise UsageError(message, hint=f"See {self.prog} --help")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Write help and version to stdout; raise the errors of stdout, which argparse ignores."""
        try:
            sys.stdout.write(message)
        except OSError as error:
            error.filename = "stdout"
            raise


def add_general(top: argparse.ArgumentParser) -> None:
    """Add the flags that every command has."""
    top.add_argument("--version", action="version", version=f"bids_ari {__version__}")
    text = "log more; -vv: also the log of libraries"
    top.add_argument("-v", "--verbose", action="count", default=0, help=text)


def add_options(top: argparse.ArgumentParser, *tables: type, is_map: bool = False) -> None:
    """Add the options of classes of options, in their groups.

    Parameters
    ----------
    top : ArgumentParser
        The parser. What it parses holds only the options that are on the command line.
    *tables : type
        Classes of options.
    is_map : bool
        Whether the command analyses a single map: options without a meaning for it are omitted.
    """
    found = [entry for table in tables for entry in entries(table)]
    if is_map:
        found = [entry for entry in found if entry.option.on_map and entry.option.is_for_one_map]
    for title in dict.fromkeys([*GROUPS, *(entry.option.group for entry in found)]):
        inside = [entry for entry in found if entry.option.group == title]
        group = top.add_argument_group(title, GROUPS.get(title)) if inside and title != POSITIONAL else top
        for entry in inside:
            _add(group, entry, is_map)


def flag_names(name: str) -> list[str]:
    """Return both spellings of a long flag.

    >>> flag_names("task_id")
    ['--task-id', '--task_id']
    """
    return list(dict.fromkeys(f"--{spelling}" for spelling in (name.replace("_", "-"), name)))


def _add(group: Any, entry: Entry, is_map: bool) -> None:
    """Add an option to a group."""
    option = entry.option
    choices = option.choices_of_map() if is_map and option.choices_of_map else option.choices
    text = entry.help_with(choices).replace("%", "%%")
    absent: dict[str, Any] = {"default": argparse.SUPPRESS}
    if option.kind is bool:
        group.add_argument(*flag_names(entry.name), dest=entry.name, action="store_true", help=text, **absent)
        taken_back = flag_names(f"no_{entry.name}")
        group.add_argument(*taken_back, dest=entry.name, action="store_false", **absent | {"help": argparse.SUPPRESS})
        return
    facts: dict[str, Any] = {"type": type_of_word(entry)}
    if option.is_positional:
        metavar = f"{{{','.join(choices)}}}" if choices else entry.name.upper()
        facts |= {} if is_map else {"nargs": "?"}  # the configuration file of bids-ari may have it instead
        group.add_argument(entry.name, metavar=metavar, help=f"{option.help} (required)", **facts)
        return
    facts |= {"nargs": "*" if option.may_be_empty else "+"} if option.is_list else {}
    facts |= {"choices": choices} if choices else {"metavar": _metavar(entry)}
    names = [*([option.short] if option.short else []), *flag_names(entry.name)]
    group.add_argument(*names, dest=entry.name, help=text, **absent, **facts)


def _metavar(entry: Entry) -> str:
    """Return the placeholder of a value, and the words that are accepted instead."""
    option = entry.option
    placeholder = option.metavar or ("FILE" if option.kind is Path or option.words else entry.name.upper())
    return "|".join((placeholder, *option.words))


def type_of_word(entry: Entry) -> Callable[[str], Any]:
    """Return what reads a word of the command line as a value of an option."""
    if entry.option.kind is Path:
        return some_path
    return str if entry.option.convert else entry.option.kind


def some_path(text: str) -> Path:
    """Return a path of the command line; refuse an empty one, such as of a variable that is not set."""
    if not text:
        raise argparse.ArgumentTypeError("an empty path")
    if "\0" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is not a path")
    return Path(text)
