"""Settings as a TOML file, whose keys are the long flags of the command line.

``bids-dir``, ``output-dir`` and ``level`` are the positional arguments. Relative paths are relative to the folder in
which the command is called, as on the command line.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from reprlib import repr as shorten
from typing import Any

import tomli_w

from bids_ari.config.settings import Settings
from bids_ari.config.table import Entry, entries
from bids_ari.errors import InputNotFoundError, ReadError, UsageError

_FLAG = re.compile("[a-z]+(-[a-z]+)*")


def to_toml(settings: Settings) -> str:
    """Return settings as a TOML file that repeats the run; options without a value are omitted."""
    values = ((entry, entry.of(settings)) for entry in entries(type(settings)))
    return tomli_w.dumps({entry.flag: _plain(entry, value) for entry, value in values if _has_value(entry, value)})


def read_config(path: Path, table: type = Settings) -> tuple[dict[str, str], list[str]]:
    """Read a configuration file as words of the command line.

    Parameters
    ----------
    path : Path
        The TOML file.
    table : type
        The class of settings.

    Returns
    -------
    positional : dict of str to str
        Positional arguments by name, with underscores.
    words : list of str
        All flags and their values.

    Raises
    ------
    InputNotFoundError, ReadError
        When the file does not exist or cannot be read.
    UsageError
        When it is not TOML, or holds a value that no flag accepts.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise InputNotFoundError(f"The configuration file {path} does not exist") from error
    except OSError as error:
        raise ReadError(f"The configuration file {path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The configuration file {path} is not valid TOML: {error}") from error
    content = {key.replace("_", "-"): value for key, value in content.items()}
    if wrong := [key for key in content if not _FLAG.fullmatch(key)]:
        raise UsageError(f"{path} holds the key {shorten(wrong[0])}", "long flags without their dashes")
    names = [entry for entry in entries(table) if entry.option.is_positional]
    positional = {entry.name: str(content.pop(entry.flag)) for entry in names if entry.flag in content}
    return positional, [word for key, value in content.items() for word in _words(path, key, value)]


def _has_value(entry: Entry, value: Any) -> bool:
    """Return whether a value has to be written; an empty list may be a choice."""
    return value is not None and value is not False and (value != () or entry.option.may_be_empty)


def _plain(entry: Entry, value: Any) -> Any:
    """Return a value as TOML has it, with absolute paths, so that the file works from any folder."""
    value = entry.absolute(entry.option.to_file(value) if entry.option.to_file else value)
    if isinstance(value, tuple):
        return [str(each) if isinstance(each, Path) else each for each in value]
    return str(value) if isinstance(value, Path) else value


def _words(path: Path, key: str, value: Any) -> Iterator[str]:
    """Yield one entry of the file as words of the command line."""
    if isinstance(value, bool):
        yield f"--{key}" if value else f"--no-{key}"
    elif key == "verbose" and isinstance(value, int):
        yield from ["--verbose"] * min(value, 2)
    elif isinstance(value, list) and all(map(_is_plain, value)):
        if wrong := [each for each in value if isinstance(each, str) and each.startswith("-")]:
            raise UsageError(f"{key} in {path} holds {wrong[0]!r}", "a value that does not begin with a dash")
        yield from (f"--{key}", *map(str, value))
    elif _is_plain(value):
        yield f"--{key}={value}"
    else:
        found = "a number with too many digits" if isinstance(value, int) else shorten(value)
        raise UsageError(f"{key} in {path} is {found}", "a text, a number, true, false, or a list of texts or numbers")


def _is_plain(value: Any) -> bool:
    """Return whether a value is a text or a number that Python can write; it reads some that it cannot write."""
    if isinstance(value, bool):
        return False
    return isinstance(value, str | float) or (isinstance(value, int) and abs(value) < 10**18)
