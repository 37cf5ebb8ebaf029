"""The parser of a command, built from the table of options."""

import argparse
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

from bids_ari._version import __version__
from bids_ari.config.settings import GROUPS, POSITIONAL
from bids_ari.config.table import Option, entries
from bids_ari.errors import EXIT_CODES, UsageError, listing

_UNKNOWN = "unrecognized arguments: "  # how argparse begins this message
_LIKENESS = 0.7  # of flags that are suggested, from 0 to 1 (difflib)


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError instead of exiting, with the flags that every command has."""

    def __init__(self, prog: str, description: str, usage: str | None = None, *, has_log: bool = True) -> None:
        codes = ", ".join(f"{code} ({text})" for code, text in sorted(EXIT_CODES.items()))
        super().__init__(prog, usage, description, f"Exit codes: {codes}.", allow_abbrev=False)
        self.add_argument("--version", action="version", version=f"bids_ari {__version__}")
        amounts = self.add_mutually_exclusive_group()
        text = "log more; -vv: also the log of libraries"
        amounts.add_argument("-v", "--verbose", action="count", default=0, help=text)
        text = "write errors only: no progress, notes and warnings"
        text += ", which are in the log of OUTPUT_DIR and in the reports" if has_log else ""
        amounts.add_argument("-q", "--quiet", action="store_true", help=text)

    def error(self, message: str) -> NoReturn:
        """Raise UsageError, with flags that are spelled similarly to unknown ones and a reference to the help page."""
        raise UsageError(message, hint=f"{self._suggestion(message)}See {self.prog} --help")

    def _suggestion(self, message: str) -> str:
        """Return a question that names the flags nearest to the unknown ones of a message of argparse, if there are."""
        if not message.startswith(_UNKNOWN):
            return ""
        shown = [action for action in self._actions if action.help != argparse.SUPPRESS]
        known = sorted(name for action in shown for name in action.option_strings if "_" not in name)
        words = [word.partition("=")[0] for word in message.removeprefix(_UNKNOWN).split() if word.startswith("--")]
        near = dict.fromkeys(name for word in words for name in nearest(word.replace("_", "-"), known))
        return f"Did you mean {listing(near)}? " if near else ""

    def _print_message(self, message: str, file: Any = None) -> None:
        """Write help and version to stdout; raise the errors of stdout, which argparse ignores."""
        try:
            sys.stdout.write(message)
        except OSError as error:
            error.filename = "stdout"
            raise


def add_options(top: argparse.ArgumentParser, *tables: type, is_map: bool = False) -> None:
    """Add the options of classes of options, in their groups; for a single map, only those with a meaning for it.

    What the parser returns holds only the options that are on the command line.
    """
    found = [each for table in tables for each in entries(table)]
    if is_map:
        found = [each for each in found if each.on_map and each.is_for_one_map]
    for title in dict.fromkeys([*GROUPS, *(each.group for each in found)]):
        inside = [each for each in found if each.group == title]
        group = top.add_argument_group(title, GROUPS.get(title)) if inside and title != POSITIONAL else top
        for each in inside:
            _add(group, each, is_map)


def nearest(word: str, known: Sequence[str]) -> list[str]:
    """Return the known flags that an unknown one may mean: those that it begins, else the most similar one.

    >>> nearest("--task", ["--mask", "--task-id"]), nearest("--maks", ["--mask", "--task-id"])
    (['--task-id'], ['--mask'])
    """
    return [name for name in known if name.startswith(word)] or get_close_matches(word, known, 1, _LIKENESS)


def flag_names(name: str) -> list[str]:
    """Return both spellings of a long flag.

    >>> flag_names("task_id")
    ['--task-id', '--task_id']
    """
    return list(dict.fromkeys(f"--{spelling}" for spelling in (name.replace("_", "-"), name)))


def _add(group: Any, option: Option, is_map: bool) -> None:
    """Add an option to a group."""
    choices = option.choices_of_map() if is_map and option.choices_of_map else option.choices
    facts: dict[str, Any] = {"type": type_of_word(option)}
    if option.is_positional:
        metavar = f"{{{','.join(choices)}}}" if choices else option.name.upper()
        facts |= {} if is_map else {"nargs": "?"}  # the configuration file of bids-ari may have it instead
        group.add_argument(option.name, metavar=metavar, help=f"{option.help} (required)", **facts)
        return
    names = [*([option.short] if option.short else []), *flag_names(option.name)]
    facts |= {"dest": option.name, "default": argparse.SUPPRESS, "help": option.full_help(choices).replace("%", "%%")}
    if option.kind is bool:
        del facts["type"]
        group.add_argument(*names, action="store_true", **facts)
        facts["help"] = argparse.SUPPRESS
        group.add_argument(*flag_names(f"no_{option.name}"), action="store_false", **facts)
        return
    placeholder = option.metavar or ("FILE" if option.kind is Path or option.words else option.name.upper())
    facts |= {"nargs": "*" if option.may_be_empty else "+"} if option.is_list else {}
    facts |= {"choices": choices} if choices else {"metavar": "|".join((placeholder, *option.words))}
    group.add_argument(*names, **facts)


def type_of_word(option: Option) -> Callable[[str], Any]:
    """Return what reads a word of the command line as a value of an option."""
    if option.kind is Path:
        return some_path
    return str if option.convert else option.kind


def some_path(text: str) -> Path:
    """Return a path of the command line; refuse an empty one, such as of a variable that is not set."""
    if not text:
        raise argparse.ArgumentTypeError("an empty path")
    if "\0" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is not a path")
    try:
        Path(text).absolute()
    except OSError as error:  # the current folder was removed
        raise argparse.ArgumentTypeError(f"the path {text} cannot be resolved: {error}") from error
    return Path(text)
